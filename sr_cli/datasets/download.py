"""A part of a known set, downloaded to the user's cache."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sr_cli.datasets.folders import SUFFIXES, cache_folder
from sr_cli.datasets.table import Archive, KnownSet, Part, SinglePictures
from sr_cli.errors import DataError
from sr_cli.fetch import Patience, RemoteFile, Telling, fetch
from sr_cli.fetch.disk_space import check_space, readable
from sr_cli.fetch.one_at_a_time import one_at_a_time
from sr_cli.fetch.unpack import unpack
from sr_cli.whole_file import whole_file

_PNG_BEGINS, _PNG_ENDS = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_PATIENCE = Patience()

Stage = Literal["Downloading", "Unpacking"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom `obtain` tells how it goes."""

    on_bytes: Callable[[Stage, int, int | None], None] = lambda *_: None
    """Told how many bytes are done, and of how many if that is known."""
    on_say: Callable[[str], None] = lambda _: None
    """Told what the user may want to know, in sentences."""


def _read_hashes(record: Path) -> dict[str, str]:
    """Read a file as `sha256sum` writes it: name to hash."""
    if not record.is_file():
        return {}
    lines = record.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("  ", 1) for line in lines if "  " in line)
    return {name: digest for digest, name in pairs}


def _write_hashes(record: Path, hashes: Mapping[str, str]) -> None:
    lines = [f"{digest}  {name}\n" for name, digest in hashes.items()]
    with whole_file(record, overwrite=True) as stream:
        stream.write("".join(lines).encode())


@dataclass(frozen=True, slots=True)
class _Errand:
    """What it takes to get one part."""

    part: Part
    folder: Path
    hashes: Mapping[str, str]
    """By file name, as they were when the part was first downloaded here."""
    progress: Progress
    patience: Patience

    def on_download(self, before: int = 0) -> Telling:
        """Tell the progress of one file, `before` bytes of others being there."""
        all_bytes = self.part.source.size

        def on_bytes(done: int, total: int | None) -> None:
            self.progress.on_bytes("Downloading", before + done, all_bytes or total)

        return Telling(on_bytes, self.progress.on_say)


def _get_archive(source: Archive, errand: _Errand) -> dict[str, str]:
    file = source.file
    if file.sha256 is None:
        file = replace(file, sha256=errand.hashes.get(file.name))
    folder, progress = errand.folder, errand.progress
    archive = folder.with_name(file.name)
    # As pictures are compressed, they need as much again when they are unpacked.
    spare = source.size or 0
    telling = errand.on_download()
    digest = fetch(
        file, archive, spare=spare, telling=telling, patience=errand.patience
    )
    found = unpack(
        archive,
        folder,
        suffixes=SUFFIXES,
        inside=source.inside,
        on_bytes=lambda done, total: progress.on_bytes("Unpacking", done, total),
    )
    if found != errand.part.pictures:
        progress.on_say(
            f"{file.name} should hold {errand.part.pictures} pictures, and holds "
            f"{found}."
        )
    archive.unlink()
    return {file.name: digest}


def _check_png(path: Path) -> None:
    content = path.read_bytes()
    if not (content.startswith(_PNG_BEGINS) and content.endswith(_PNG_ENDS)):
        path.unlink()
        raise DataError(
            f"What was sent as {path.name} is no PNG file, or not all of one",
            "Try again later, or from another network",
        )


def _get_pictures(source: SinglePictures, errand: _Errand) -> dict[str, str]:
    growing = errand.folder.with_name(f".{errand.folder.name}.downloading")
    growing.mkdir(exist_ok=True)  # with what an earlier try has got
    check_space(growing, source.size)
    hashes, done = {}, 0
    for number in range(1, errand.part.pictures + 1):
        name = source.name.format(number)
        file = RemoteFile(source.folder + name, None, errand.hashes.get(name))
        telling, path = errand.on_download(done), growing / name
        hashes[name] = fetch(file, path, telling=telling, patience=errand.patience)
        _check_png(path)
        done += path.stat().st_size
    for left in growing.glob(".*.lock"):  # where they can't be removed while in use
        left.unlink()
    growing.rename(errand.folder)
    return hashes


def _get(errand: _Errand, record: Path) -> None:
    source, progress = errand.part.source, errand.progress
    try:
        if isinstance(source, Archive):
            hashes = _get_archive(source, errand)
        else:
            hashes = _get_pictures(source, errand)
    except DataError as error:
        remedy = (
            f"{error.hint}; or get {errand.part.what} by hand from {source.address} "
            f"and put the pictures in {errand.folder}"
        )
        if errand.hashes:
            remedy += f". {record} has the hashes of the first download here"
        raise DataError(error.message, remedy) from error
    pinned = isinstance(source, Archive) and source.file.sha256 is not None
    if not pinned and not errand.hashes:
        _write_hashes(record, hashes)
        progress.on_say(
            "Nobody has published hashes of these files; those of what came are in "
            f"{record}, and will be insisted on."
        )


def obtain(
    row: KnownSet,
    part: Part,
    progress: Progress = Progress(),
    patience: Patience = _PATIENCE,
) -> Path:
    """Download a part of a known set to the user's cache, and return its folder.

    Interrupted, it goes on where it was the next time.  The folder appears complete
    or not at all.

    Args:
        row: the set.
        part: of it, for training or for measuring.
        progress: whom to tell how it goes.
        patience: with the network.

    Raises:
        DataError: it can't be had, is not what it should be, or the disk is full.
    """
    folder = cache_folder() / part.folder
    record = folder.with_name(f"{part.folder}.sha256")

    def wait() -> None:
        progress.on_say(f"Another process is getting {row.title}; waiting for it.")

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(folder, wait):
            if folder.is_dir():
                return folder  # by the process that was waited for
            size = part.source.size
            progress.on_say(
                f"Getting {row.title}: {part.what}"
                + (f", about {readable(size)}" if size else "")
                + f", to {folder}. Licence: {row.licence}."
                + (f" Caution: {row.caution}" if row.caution else "")
            )
            errand = _Errand(part, folder, _read_hashes(record), progress, patience)
            _get(errand, record)
    except OSError as error:
        raise DataError(
            f"Cannot write to {folder.parent} ({error.strerror or error})",
            "Set XDG_CACHE_HOME to a folder that you can write to",
        ) from error
    return folder
