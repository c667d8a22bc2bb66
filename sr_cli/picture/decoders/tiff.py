"""TIFF: pages of strips or tiles, of 1 to 16 bits per sample."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_cli.picture import refusals
from sr_cli.picture.decoders import exif, photoshop, pillow, tiff_segments
from sr_cli.picture.decoders.directory import (
    LONG,
    Directory,
    Form,
    directory_at,
    first_directory,
)
from sr_cli.picture.decoders.pages import first_note, index_of
from sr_cli.picture.decoders.samples import full_range, unpremultiplied
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored, sensible_dpi
from sr_cli.picture.decoders.tiff_layout import (
    JPEG,
    LAB,
    PALETTE,
    SEPARATED,
    WHITE_IS_0,
    YCBCR,
    Layout,
    Tag,
    layout_of,
)
from sr_cli.picture.header import Depth, Samples

_MAX_PAGES = 65_535
_MAX_ENTRIES = 2**20  # of all directories, which may overlap: 1 s of work
_REDUCED = 1  # of NewSubfileType: a smaller copy of another page
_XMP, _IPTC = Tag.XMLPacket, Tag.IPTCNAA


@dataclass(frozen=True, slots=True)
class _Colours:
    """What the numbers of a page become."""

    channels: int
    alpha: bool
    depth: Depth
    icc: bytes | None
    """Describes the result."""

    profile: bytes | None
    """Describes the file's colours."""

    palette: NDArray[np.uint8] | None
    notes: tuple[str, ...]


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels.

    Raises:
        UnfitError: it is too large, of an unusual kind, or lacks the page.
        EOFError, ValueError: the file is damaged.
    """
    form, at = first_directory(stream)
    pages = _pages(stream, form, at)
    directory = pages[index_of(page, len(pages))]
    if directory.integer(Tag.NewSubfileType) & _REDUCED and _is_raw(directory):
        reason = "it is a camera's raw file, whose picture is not developed yet"
        raise refusals.UnfitError(reason, "Export it from a raw converter first")
    if directory.truncated:
        msg = "truncated directory"
        raise EOFError(msg)
    layout = layout_of(directory)
    tiff_segments.readable(layout)
    colours = _colours(directory, layout)
    found = _facts(directory, first_note(page, len(pages), "pages"), colours)
    header = found.header(
        layout.height,
        layout.width,
        colours.channels,
        alpha=colours.alpha,
        depth=colours.depth,
    )

    def bands() -> Decoding:
        for block in _blocks(directory, layout):
            yield _seen(block, layout, colours)

    return Stored(header, bands, found.orientation, bands)


def _pages(stream: IO[bytes], form: Form, at: int) -> list[Directory]:
    """Read every directory but those of smaller copies, unless there is nothing else.

    A chain that is broken ends there.
    """
    found: list[Directory] = []
    seen: set[int] = set()
    left = _MAX_ENTRIES
    while at and at not in seen and len(seen) < _MAX_PAGES and left > 0:
        seen.add(at)
        try:
            directory = directory_at(stream, form, at)
        except ValueError:
            if not found:
                raise
            break
        found.append(directory)
        left -= directory.count
        at = directory.next
    whole = [one for one in found if not one.integer(Tag.NewSubfileType) & _REDUCED]
    return whole or found


def _is_raw(directory: Directory) -> bool:
    return bool({Tag.SubIFDs, Tag.DNGVersion} & set(directory.entries))


def _colours(directory: Directory, layout: Layout) -> _Colours:
    channels = 1 if layout.colours == 1 else 3
    profile = directory.data(Tag.InterColorProfile) or None
    depth = layout.depth
    palette = None
    notes: tuple[str, ...] = ()
    if layout.dropped:
        notes = (f"Channels without a known meaning were left out: {layout.dropped}",)
    if layout.photometric == PALETTE:
        channels, depth, palette = 3, 8, _palette(directory, layout.bits)
    elif layout.photometric == SEPARATED and layout.alpha is None:
        channels = 4
    found = _Colours(
        channels, layout.alpha is not None, depth, profile, profile, palette, notes
    )
    if layout.photometric == LAB:
        note = "LAB colours were converted to sRGB"
        return replace(found, icc=None, notes=(*notes, note))
    if layout.photometric == SEPARATED and layout.alpha is not None:
        note = "CMYK with transparency was converted to sRGB of 8 bits"
        return replace(found, depth=8, icc=None, notes=(*notes, note))
    return found


def _palette(directory: Directory, bits: int) -> NDArray[np.uint8]:
    """Return the colours (entries, 3)."""
    table = np.array(directory.integers(Tag.ColorMap))
    if len(table) != 3 * 2**bits:
        msg = "missing or damaged palette"
        raise ValueError(msg)
    # They have 16 bits, but many old writers forgot that.
    if table.max() > 255:
        table >>= 8
    return table.reshape(3, -1).T.astype(np.uint8)


def _facts(directory: Directory, notes: tuple[str, ...], colours: _Colours) -> Facts:
    found = exif.of_tiff(directory)
    resources = photoshop.iptc_of(directory.data(Tag.ImageResources))
    return Facts(
        orientation=found.orientation or 1,
        icc=colours.icc,
        exif=found.block,
        xmp=directory.data(_XMP) or None,
        iptc=_iptc(directory) or resources,
        dpi=sensible_dpi(found.dpi),
        notes=notes + colours.notes + found.notes,
    )


def _iptc(directory: Directory) -> bytes | None:
    data = directory.data(_IPTC)
    entry = directory.entries.get(_IPTC)
    if entry is not None and entry.kind == LONG and directory.form.order == ">":
        # Written as numbers by mistake, and so turned around with them.
        turned = np.frombuffer(data, ">u4").astype("<u4").tobytes()
        data = data if data.startswith(b"\x1c") else turned
    return photoshop.iptc_of(data)


def _blocks(directory: Directory, layout: Layout) -> Iterator[Samples]:
    """Yield the numbers (n, W, per pixel) of the file from the top."""
    tables = directory.data(Tag.JPEGTables)
    options = directory.integer(Tag.T4Options)
    codec = tiff_segments.Codec(layout, directory.form.order, tables, options)
    each = layout.across * layout.down

    def data(index: int) -> bytes:
        directory.stream.seek(layout.offsets[index])
        found = directory.stream.read(layout.sizes[index])
        if len(found) < layout.sizes[index]:
            msg = "truncated strip or tile"
            raise EOFError(msg)
        return found

    for down in range(layout.down):
        left = layout.height - down * layout.rows
        rows = layout.rows if layout.tiled else min(layout.rows, left)
        if layout.planes == layout.across == 1:
            strip = tiff_segments.numbers_of_strip(data(down), codec, rows)
            for block in strip:
                yield block[: max(left, 0), : layout.width]
                left -= len(block)
            continue
        planes = []
        for first in range(down * layout.across, each * layout.planes, each):
            row = [
                tiff_segments.numbers(data(first + across), codec, rows)
                for across in range(layout.across)
            ]
            planes.append(np.concatenate(row, axis=1))
        yield np.concatenate(planes, axis=2)[:left, : layout.width]


def _seen(block: Samples, layout: Layout, colours: _Colours) -> Samples:
    """Turn the numbers of the file into colours, and alpha if there is any."""
    seen = block[:, :, : layout.colours]
    if colours.palette is None:
        seen = full_range(seen, layout.bits)
    else:
        seen = colours.palette[seen[:, :, 0]]
    if layout.photometric == WHITE_IS_0:
        seen = np.iinfo(seen.dtype).max - seen
    if layout.alpha is None:
        return _converted(seen, layout, colours)
    alpha = full_range(block[:, :, layout.alpha], layout.bits)
    if layout.premultiplied and colours.palette is None:
        seen = unpremultiplied(seen, alpha)
    seen = _converted(seen, layout, colours)
    return np.concatenate([seen, _in_depth(alpha, colours.depth)[:, :, None]], axis=2)


def _converted(seen: Samples, layout: Layout, colours: _Colours) -> Samples:
    if layout.photometric == YCBCR and layout.compression != JPEG:
        return np.asarray(_image(seen, "YCbCr").convert("RGB"))
    if layout.photometric == LAB:
        return np.asarray(pillow.lab_to_srgb(_image(seen, "LAB")))
    if layout.photometric == SEPARATED and colours.channels == 3:
        im = _image(_in_depth(seen, 8), "CMYK")
        return np.asarray(pillow.cmyk_to_srgb(im, colours.profile))
    return seen


def _image(seen: Samples, mode: str) -> Image.Image:
    height, width, _ = seen.shape
    return Image.frombytes(mode, (width, height), np.ascontiguousarray(seen).tobytes())


def _in_depth(samples: Samples, depth: Depth) -> Samples:
    if samples.dtype.itemsize * 8 == depth:
        return samples
    if depth == 16:
        return samples.astype(np.uint16) * np.uint16(257)
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
