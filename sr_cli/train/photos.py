"""Training photos: found, decoded once, and held in memory or in a file."""

import os
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import picture
from sr_cli.degrade import crop_to_multiple, downscale
from sr_cli.errors import DataError, PictureError
from sr_cli.train.spill import Place, Spill

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset(suffix for row in picture.FORMATS for suffix in row.suffixes)
SCALE = 4
_MAX_THREADS = 16


@dataclass(frozen=True, slots=True)
class Pair:
    """One photo: `high` (4h, 4w, 3) and `low` (h, w, 3)."""

    high: Pixels
    low: Pixels

    @property
    def nbytes(self) -> int:
        """Bytes of both."""
        return self.high.nbytes + self.low.nbytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that gave no photo."""

    path: Path
    reason: str
    """Half a sentence: "the file is truncated"."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a list of files, in its order."""

    pairs: list[Pair]
    skipped: tuple[Skipped, ...]


def picture_files(folder: Path) -> list[Path]:
    """List the pictures in `folder` and its subfolders, sorted.

    Raises:
        DataError: there is no such folder, or it holds no picture.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}", "Name a folder of photos")
    files = sorted(
        path
        for path in folder.rglob("*")
        # Not hidden ones, such as macOS's ._photo.png.
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not files:
        raise DataError(
            f"The folder {folder} holds no pictures",
            f"Put photos there ({', '.join(sorted(SUFFIXES))})",
        )
    return files


def _load(path: Path, min_side: int) -> Pair | Skipped:
    try:
        pixels = crop_to_multiple(picture.in_srgb(picture.read(path)).pixels, SCALE)
    except PictureError as error:
        reason = error.message.removeprefix(f"Cannot read {path}: ")
        return Skipped(path, reason)
    height, width, channels = pixels.shape
    least = max(min_side, SCALE)
    if min(height, width) < least:
        size = f"{width}×{height} pixels"
        return Skipped(path, f"{size} are less than the {least}×{least} needed")
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return Pair(pixels, downscale(pixels, SCALE))


def _load_ahead(
    files: Sequence[Path], min_side: int
) -> Generator[Pair | Skipped, None, None]:
    """Load on several threads, in order, never more than a few ahead."""
    threads = min(os.cpu_count() or 1, _MAX_THREADS)
    coming: deque[Future[Pair | Skipped]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            # Unlike pool.map, which would decode everything that isn't taken yet.
            for path in files:
                coming.append(pool.submit(_load, path, min_side))
                if len(coming) > 2 * threads:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def load_photos(
    files: Sequence[Path],
    min_side: int = 0,
    cache_bytes: int | None = None,
    on_photo: Callable[[int, int], None] = lambda *_: None,
    spill_folder: Path | None = None,
) -> Loaded:
    """Decode and downscale every photo; `on_photo(done, total)` is told of each.

    Args:
        files: what to read; those that are no pictures are skipped.
        min_side: photos with a shorter side, in pixels, are skipped.
        cache_bytes: how much the photos may take of the memory; the others wait in
            an unnamed file.  None for all that they need.
        on_photo: is told of every file, skipped or not.
        spill_folder: where that file is; None for the system's folder of temporary
            files, which on some systems is itself in memory.

    Raises:
        DataError: no file gives a photo, or the disk has no room for them.
    """
    kept: list[Pair | tuple[Place, Place]] = []
    skipped = []
    spill = None
    memory = np.empty(0, np.uint8)
    free = cache_bytes
    with ExitStack() as stack:
        results = stack.enter_context(closing(_load_ahead(files, min_side)))
        for done, result in enumerate(results, 1):
            if isinstance(result, Skipped):
                skipped.append(result)
            elif free is None:
                kept.append(result)
            elif result.nbytes <= free:
                free -= result.nbytes
                kept.append(result)
            else:
                if spill is None:
                    folder = spill_folder or Path(tempfile.gettempdir())
                    spill = stack.enter_context(Spill(folder))
                kept.append((spill.add(result.high), spill.add(result.low)))
            on_photo(done, len(files))
        if spill is not None:
            memory = spill.memory()
    if not kept:
        raise _nothing_left(skipped)
    pairs = [
        held
        if isinstance(held, Pair)
        else Pair(held[0].cut(memory), held[1].cut(memory))
        for held in kept
    ]
    return Loaded(pairs, tuple(skipped))


def _nothing_left(skipped: Sequence[Skipped]) -> DataError:
    if not skipped:
        return DataError("There are no photos to train on", "Name at least one")
    first = skipped[0]
    return DataError(
        f"None of {len(skipped)} pictures can be used; {first.path}: {first.reason}",
        "Use larger or undamaged photos",
    )
