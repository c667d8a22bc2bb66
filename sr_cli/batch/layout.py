"""Where every result goes: decided, and found to be safe, before any work."""

import os
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from sr_cli.batch.folder import HIDDEN
from sr_cli.batch.inputs import Input
from sr_cli.batch.journal import Record
from sr_cli.batch.naming import Naming
from sr_cli.errors import DataError

Records = Mapping[Path, Mapping[str, Record]]
"""What is recorded of each output folder, by the result's path below it."""

Keys = Mapping[Path, Callable[[str], str]]
"""For each output folder, what spells alike the names that are one there."""

_ELSEWHERE = "Choose another --output, or tell names apart with --name or --suffix"


@dataclass(frozen=True)
class Place:
    """Where the result of an input goes."""

    input: Input
    result: PurePath
    """Below the output folder."""

    @cached_property
    def target(self) -> Path:
        """The file."""
        return self.input.root / self.result


def lay_out(
    inputs: Sequence[Input],
    naming: Naming,
    records: Records,
    folds: Callable[[Path], bool] | None = None,
) -> list[Place]:
    """Give every result its place in its output folder.

    Sources that would meet in one file keep their suffixes in its name.  Results that
    are recorded are no sources.

    Args:
        inputs: what to upscale.
        naming: how results are called.
        records: of the output folders.
        folds: whether an output folder takes names that differ only in case for one;
            None asks the system.

    Raises:
        DataError: two results would meet all the same, one would take the place of
            an input, or one would lie outside its output folder.
        ConfigError: a name can't be made.
    """
    inputs = list(_without_results(inputs, records))
    folds = folds or folds_case
    roots = {one.root for one in inputs}
    keys: Keys = {root: _key if folds(root) else _as_it_is for root in roots}

    def key(place: Place) -> tuple[Path, str]:
        root = place.input.root
        return root, keys[root](place.result.as_posix())

    def named(one: Input, *, with_suffix: bool = False) -> Place:
        return Place(one, one.place / naming.name(one.source, with_suffix=with_suffix))

    plain = [named(one) for one in inputs]
    counts = Counter(map(key, plain))
    places = [
        place if counts[key(place)] == 1 else named(place.input, with_suffix=True)
        for place in plain
    ]
    _refuse_meetings(places, key)
    _refuse_inputs(places, keys)
    _refuse_outside(places)
    return places


def _without_results(inputs: Sequence[Input], records: Records) -> Iterator[Input]:
    real = _resolver()
    results = {
        real(root / "_").parent / result
        for root, found in records.items()
        for result in found
    }
    return (one for one in inputs if real(one.source) not in results)


def _refuse_meetings(
    places: Iterable[Place], key: Callable[[Place], tuple[Path, str]]
) -> None:
    meeting: defaultdict[tuple[Path, str], list[Place]] = defaultdict(list)
    for place in places:
        meeting[key(place)].append(place)
    for group in meeting.values():
        if len(group) > 1:
            first, second, *_ = (place.input.source for place in group)
            raise DataError(
                f"{len(group)} pictures would be written to {group[0].target}, "
                f"{first} and {second} among them",
                "Tell names apart with --name or --suffix; in lists, paths below the "
                "current folder keep their folders",
            )


def _refuse_inputs(places: Sequence[Place], keys: Keys) -> None:
    real = _resolver()
    sources = {str(real(p.input.source)): p.input.source for p in places}
    folded = {_key(name): source for name, source in sources.items()}
    for place in places:
        folds = keys[place.input.root] is _key
        target = str(real(place.target))
        source = folded.get(_key(target)) if folds else sources.get(target)
        if source is not None:
            raise DataError(
                f"The result of {place.input.source} would take the place of {source}, "
                "which is to be upscaled, too",
                _ELSEWHERE,
            )


def _refuse_outside(places: Sequence[Place]) -> None:
    real = _resolver()
    for place in places:
        root = place.input.root
        inside = real(place.target).is_relative_to(real(root / "_").parent)
        if not inside or {"..", HIDDEN} & set(place.result.parts):
            raise DataError(
                f"The result of {place.input.source} would lie outside {root}, "
                f"at {real(place.target)}",
                "Remove the link in the output folder, or choose another --output",
            )


def _resolver() -> Callable[[Path], Path]:
    """Return what resolves the folder of a path, and each folder once."""
    known: dict[Path, Path] = {}

    def real(path: Path) -> Path:
        folder = path.parent
        if folder not in known:
            # Unlike `Path.resolve`, it survives links that go in circles.
            known[folder] = Path(os.path.realpath(folder))
        return known[folder] / path.name

    return real


def _as_it_is(name: str) -> str:
    return name


def _key(name: str) -> str:
    """Spell alike what such file systems take for one name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def folds_case(folder: Path) -> bool:
    """Find out whether names that differ only in case are one in `folder`.

    If it isn't there yet, the nearest folder above it is asked.
    """
    whole = folder.absolute()
    for path in (whole / HIDDEN, whole, *whole.parents):
        other = path.parent / path.name.swapcase()
        if other != path and path.exists():
            return other.exists() and other.samefile(path)
    return sys.platform in ("win32", "darwin")
