"""From what people name to the pictures that they mean."""

import codecs
import fnmatch
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from sr_cli.batch.folder import read_folder
from sr_cli.errors import ConfigError, DataError, PictureError
from sr_cli.picture import FORMATS
from sr_cli.picture.refusals import unopened

_READ_ONLY = (".apng", ".avifs", ".hif", ".jpf", ".pbm", ".icb", ".vda", ".vst")
SUFFIXES = frozenset((*_READ_ONLY, *(name for row in FORMATS for name in row.suffixes)))
"""What pictures in folders are recognised by; files named one by one may be called
anything."""

STANDARD_INPUT = "-"
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Request:
    """Which pictures to take and where results go, as asked for."""

    names: tuple[str, ...]
    """Folders, files, patterns, `@LIST`, and `-` for a list on standard input."""
    lists: tuple[str, ...] = ()
    """Files that hold more names, a line each or separated by NUL."""
    output: Path | None = None
    """None puts the results of a folder beside it."""
    recursive: bool = True
    beside: str = "_4x"
    """What is added to a folder's name where results go beside it."""
    may_be_empty: bool = False
    """Whether a folder without pictures is no mistake."""


@dataclass(frozen=True, slots=True)
class Input:
    """A picture to upscale, and where its result belongs."""

    source: Path
    root: Path
    """The output folder."""
    place: PurePath
    """The folder of its result, below `root`."""
    problem: PictureError | None = None
    """Why it can't be read, where that is known already."""


def find(request: Request) -> list[Input]:
    """Find every picture that a request means, each once.

    What a folder holds keeps its place below the folder, what a pattern finds below
    the part without wildcards, and a list's relative paths stay as they are.  Other
    files go straight into the output folder.  Hidden files and folders, and output
    folders, are left out; links to folders are followed, but never in circles.

    Raises:
        DataError: a name means nothing, or a folder holds no pictures.
        ConfigError: there is no telling where the results should go.
    """
    found: dict[Path, Input] = {}
    real: dict[Path, Path] = {}
    for one in _all(request):
        folder = one.source.parent
        if folder not in real:
            real[folder] = folder.resolve()
        found.setdefault(real[folder] / one.source.name, one)
    return list(found.values())


def _all(request: Request) -> Iterator[Input]:
    folders = [name for name in request.names if _true(Path(name).is_dir)]
    for name in request.names:
        path = Path(name)
        if name in folders:
            yield from _in_folder(path, request, several=len(folders) > 1)
        elif _true(path.exists):
            yield Input(path, _output(request), PurePath())
        elif name == STANDARD_INPUT:
            yield from _in_list(sys.stdin.buffer.read(), request)
        elif name.startswith("@"):
            yield from _in_list(_list_bytes(name[1:]), request)
        elif _MAGIC & set(name):
            yield from _matching(name, request)
        else:
            raise DataError(
                f"There is no folder or file {name}",
                "Name folders, pictures, patterns such as 'scans/*.jpg', or @lists",
            )
    for name in request.lists:
        data = sys.stdin.buffer.read() if name == STANDARD_INPUT else _list_bytes(name)
        yield from _in_list(data, request)


def _output(request: Request) -> Path:
    if request.output is None:
        raise ConfigError(
            "Only the results of whole folders have a place without --output",
            "Name a folder with --output",
        )
    return request.output


def _in_folder(folder: Path, request: Request, *, several: bool) -> Iterator[Input]:
    name = folder.resolve().name
    if request.output is not None:
        root, place = request.output, PurePath(name if several else "")
    elif name:
        root = folder.resolve().with_name(name + request.beside)
        place = PurePath()
    else:
        root, place = _output(request), PurePath()
    depth = None if request.recursive else 0
    empty = True
    for source, problem in _walk(folder, depth, root):
        empty = False
        below = source.relative_to(folder).parent
        yield Input(source, root, place / below, problem)
    if empty and not request.may_be_empty:
        raise DataError(
            f"The folder {folder} holds no pictures",
            f"srup looks for {', '.join(sorted(SUFFIXES))}",
        )


def _matching(pattern: str, request: Request) -> Iterator[Input]:
    parts = Path(pattern).parts
    fixed = next(i for i, part in enumerate(parts) if _MAGIC & set(part))
    base, wild = Path(*parts[:fixed]), parts[fixed:]
    depth = None if "**" in wild else len(wild) - 1
    root = _output(request)
    empty = True
    for source, problem in _walk(base, depth, root):
        below = source.relative_to(base)
        if problem is None and not _matches(below.parts, wild):
            continue
        empty = False
        yield Input(source, root, below.parent, problem)
    if empty and not request.may_be_empty:
        raise DataError(f"No picture matches {pattern}", "Check the pattern")


def _matches(parts: Sequence[str], wild: Sequence[str]) -> bool:
    if not wild:
        return not parts
    if wild[0] == "**":
        ends = range(len(parts) + 1)
        return any(_matches(parts[end:], wild[1:]) for end in ends)
    return (
        bool(parts)
        and fnmatch.fnmatch(parts[0], wild[0])
        and _matches(parts[1:], wild[1:])
    )


def _list_bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise DataError(
            f"Cannot read the list {name} ({error.strerror or error})",
            "Name a file that holds a path a line",
        ) from error


def read_list(data: bytes) -> list[str]:
    """Read the paths of a list: separated by NUL if there is one, else by lines."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        # What PowerShell 5 writes with `>`.
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            data = os.fsencode(data.decode(encoding, "surrogateescape"))
            break
    if b"\0" in data:
        names = data.split(b"\0")
    else:
        names = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return [os.fsdecode(name) for name in names if name]


def _in_list(data: bytes, request: Request) -> Iterator[Input]:
    root = _output(request)
    for name in read_list(data):
        path = Path(name)
        wanders = bool(path.drive or path.root or ".." in path.parts)
        if _true(path.is_dir):
            place = PurePath(path.resolve().name) if wanders else path
            for source, problem in _walk(path, None if request.recursive else 0, root):
                below = source.relative_to(path).parent
                yield Input(source, root, place / below, problem)
        else:
            yield Input(path, root, PurePath() if wanders else path.parent)


def _walk(
    top: Path, depth: int | None, root: Path
) -> Iterator[tuple[Path, PictureError | None]]:
    """Yield the pictures in `top`, and `depth` folders below; None means all.

    Links to folders come last, so that a folder that can be reached without one is
    found where it is.  A link to a folder above itself is a circle.  What other
    batches have made in folders below is left out.
    """
    seen, made = {root.resolve()} - {top.resolve()}, set[Path]()
    waiting, links = deque([(top, depth)]), deque[tuple[Path, int | None]]()
    while waiting or links:
        folder, left = (waiting or links).popleft()
        itself = folder.resolve()
        if itself in seen:
            continue
        seen.add(itself)
        if folder != top:
            made.update(itself / result for result in _recorded(folder))
        try:
            children = sorted(folder.iterdir())
        except OSError as error:
            yield folder, unopened(folder, error)
            continue
        pictures, folders = _sorted_out(children)
        yield from ((p, None) for p in pictures if itself / p.name not in made)
        if left == 0:
            continue
        below = None if left is None else left - 1
        straight = [path for path in folders if not path.is_symlink()]
        waiting.extendleft((path, below) for path in reversed(straight))
        links.extend(
            (path, below)
            for path in folders
            if path.is_symlink() and not itself.is_relative_to(path.resolve())
        )


def _recorded(folder: Path) -> Iterable[str]:
    try:
        return read_folder(folder)
    except DataError:
        return ()


def _sorted_out(children: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the pictures and the folders among paths; hidden ones are neither."""
    seen = [path for path in children if not path.name.startswith(".")]
    folders = {path for path in seen if _true(path.is_dir)}
    pictures = [path for path in seen if path not in folders and _may_be_picture(path)]
    return pictures, sorted(folders)


def _may_be_picture(path: Path) -> bool:
    # What can't be looked at, or is a link to nothing, is a picture that is missed.
    known = path.suffix.lower() in SUFFIXES
    return known and (_true(path.is_file) or not _true(path.exists))


def _true(check: Callable[[], bool]) -> bool:
    """Ask the system, which objects to long names and closed folders."""
    try:
        return check()
    except OSError:
        return False
