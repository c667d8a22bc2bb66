"""The pictures of an archive, and nothing else of it, in one flat folder.

Of a member's path only the last name is ever used, only plain files are read, and
what is written is bounded before the first byte: no `extractall`, whose safety
depends on the version of Python.
"""

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from sr_cli.errors import DataError
from sr_cli.fetch.disk_space import check_space, readable

_BLOCK = 1 << 20
_LONGEST_HEADER = 1 << 20  # bytes; long names and pax's facts mostly have 100
_GROWTH = 10  # PNG and JPEG hardly shrink in an archive, and BMP not so much

OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive, by what the archive says of it."""

    name: str
    size: int
    plain: bool
    """Neither a link nor a device."""
    open: Callable[[], IO[bytes]]


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        if not info.is_dir():
            # Archives that are not made on Unix leave the kind of file out.
            kind = stat.S_IFMT(info.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG)
            read = partial(archive.open, info)
            yield _Member(info.filename, info.file_size, plain, read)


class _Bounded(tarfile.TarInfo):
    """A member whose long name, which tarfile reads at once, isn't a bomb."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Bounded":
        found = super().frombuf(buf, encoding, errors)
        if found.type in _HEADERS and found.size > _LONGEST_HEADER:
            msg = "a header is too long"
            raise ValueError(msg)
        return found


_HEADERS = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)


def _open_in_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(info)
    assert stream is not None  # of all plain files
    return stream


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if not info.isdir():
            read = partial(_open_in_tar, archive, info)
            yield _Member(info.name, info.size, info.isreg(), read)


@contextmanager
def _members(path: Path) -> Iterator[Iterator[_Member]]:
    with path.open("rb") as stream:
        is_zip = stream.read(2) == b"PK"
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            yield _zip_members(archive)
    else:
        with tarfile.open(path, tarinfo=_Bounded) as tar:
            yield _tar_members(tar)


def _refuse(archive: Path, what: str) -> DataError:
    return DataError(
        f"The archive {archive} {what}: it is not unpacked",
        "Remove it; it is not the one that it should be",
    )


def _last_name(archive: Path, name: str) -> PurePosixPath:
    """Return the path of a member, if it is one that stays inside a folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    # A colon is a drive or a hidden stream on Windows.
    odd = ":" in name or any(ord(letter) < 32 for letter in name)
    if path.is_absolute() or ".." in path.parts or odd:
        raise _refuse(archive, f"holds {name!r}, which leads out of its folder")
    return path


def _choose(
    archive: Path, members: Iterable[_Member], inside: str, suffixes: Collection[str]
) -> list[tuple[str, _Member]]:
    """Return the pictures with the names that they get."""
    limit = _GROWTH * archive.stat().st_size
    total = 0
    chosen: dict[str, tuple[str, _Member]] = {}
    for member in members:
        path = _last_name(archive, member.name)
        total += member.size
        if total > limit:
            raise _refuse(
                archive, f"says that it unpacks to more than {readable(limit)}"
            )
        if (
            path.suffix.lower() not in suffixes
            or path.name.startswith(".")  # such as macOS's ._photo.png
            or not f"/{path.parent}".endswith(f"/{inside}" if inside else "")
        ):
            continue
        if not member.plain:
            raise _refuse(archive, f"holds {member.name!r}, a link or device")
        if path.name.casefold() in chosen:
            raise _refuse(archive, f"holds two pictures called {path.name}")
        chosen[path.name.casefold()] = (path.name, member)
    return list(chosen.values())


def _write(
    archive: Path,
    chosen: list[tuple[str, _Member]],
    folder: Path,
    on_bytes: OnBytes,
) -> None:
    total = sum(member.size for _, member in chosen)
    done = 0
    for name, member in chosen:
        expected = done + member.size
        with member.open() as source, (folder / name).open("xb") as target:
            while block := source.read(_BLOCK):
                done += len(block)
                if done > expected:
                    break
                target.write(block)
                on_bytes(done, total)
        if done != expected:
            raise _refuse(archive, f"is wrong about the size of {member.name!r}")


def _unpack(
    archive: Path,
    folder: Path,
    suffixes: Collection[str],
    inside: str,
    on_bytes: OnBytes,
) -> int:
    growing = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(growing, ignore_errors=True)  # left by a kill
    try:
        with _members(archive) as members:
            chosen = _choose(archive, members, inside, suffixes)
            if not chosen:
                raise _refuse(archive, "holds none of the pictures")
            total = sum(member.size for _, member in chosen)
            check_space(folder.parent, total)
            growing.mkdir()
            _write(archive, chosen, growing, on_bytes)
        if folder.is_dir():
            folder.rmdir()  # Windows renames to no folder that is there, empty or not
        growing.rename(folder)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return len(chosen)


def unpack(
    archive: Path,
    folder: Path,
    *,
    suffixes: Collection[str],
    inside: str = "",
    on_bytes: OnBytes = lambda *_: None,
) -> int:
    """Unpack the pictures of a .zip or .tar file, compressed or not.

    They come to lie directly in `folder`, which appears when all are there, or not
    at all.  Two processes must not unpack to the same folder at once.

    Args:
        archive: trusted in nothing.
        folder: doesn't exist yet, or is empty; its parent exists.
        suffixes: of pictures, such as ".png".
        inside: take only those from folders whose path ends so.
        on_bytes: told how many bytes are unpacked, of how many.

    Returns:
        How many pictures there are.

    Raises:
        DataError: the archive is damaged or hostile, holds no such picture, or the
            disk has no room for them.
    """
    damaged = (
        EOFError,
        RuntimeError,  # encrypted; or NotImplementedError, compressed in other ways
        ValueError,
        lzma.LZMAError,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
    )
    try:
        return _unpack(archive, folder, suffixes, inside, on_bytes)
    except damaged as error:
        # tarfile says in further lines what each of its readers found.
        reason = str(error).partition(":\n")[0]
        raise _refuse(archive, f"is damaged ({reason})") from error
    except OSError as error:
        if error.errno is None:  # gzip reports damage so
            raise _refuse(archive, f"is damaged ({error})") from error
        raise DataError(
            f"Cannot unpack {archive} to {folder} ({error.strerror or error})",
            "See that the folder can be written, and that the disk is not full",
        ) from error
