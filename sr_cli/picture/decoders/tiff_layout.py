"""How a TIFF's directory says that pixels are stored (TIFF 6.0)."""

from dataclasses import dataclass, replace
from math import ceil, prod

from PIL import ExifTags

from sr_cli.picture import refusals
from sr_cli.picture.decoders.directory import Directory
from sr_cli.picture.header import Depth
from sr_cli.picture.limits import MAX_PIXELS, check_pixels

Tag = ExifTags.Base

WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, MASK, SEPARATED, YCBCR, LAB = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    8,
)
NONE, JPEG = 1, 7
LZW, DEFLATE, OLD_DEFLATE, LZMA, ZSTD = 5, 8, 32_946, 34_925, 50_000

# Photometric interpretation ─▶ samples per pixel that are colours
_COLOURS = {
    WHITE_IS_0: 1,
    BLACK_IS_0: 1,
    RGB: 3,
    PALETTE: 1,
    MASK: 1,
    SEPARATED: 4,
    YCBCR: 3,
    LAB: 3,
}

_UNSIGNED, _SIGNED, _FLOAT, _UNDEFINED = 1, 2, 3, 4
_ASSOCIATED, _UNASSOCIATED = 1, 2
_SEPARATE_PLANES = 2
_CMYK_INKS = 1
_REVERSED_BITS = 2
_SHORT = 2**20  # bytes
_HEADER = 2**10  # bytes; a JPEG's, with its tables
_NO_PREDICTOR, _DIFFERENCES, _FLOAT_DIFFERENCES = 1, 2, 3
_PREDICTED = (LZW, DEFLATE, OLD_DEFLATE, LZMA, ZSTD)
"""Compressions that may have a predictor; with others, libtiff ignores the tag too."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where pixels are in the file and what their numbers mean."""

    height: int
    width: int
    bits: int
    per_pixel: int
    """Samples of a pixel, extra ones and all."""

    photometric: int
    colours: int
    """How many of a pixel's samples are its colour; they come first."""

    alpha: int | None
    """Which sample is alpha."""

    premultiplied: bool
    planes: int
    """1, or one for each sample of a pixel."""

    rows: int
    """Of a strip or a tile; the last strip may have fewer."""

    columns: int
    tiled: bool
    compression: int
    differences: bool
    """Whether a sample is stored as its difference to the one on its left."""

    reversed_bits: bool
    offsets: list[int]
    sizes: list[int]
    subsampling: tuple[int, int]
    """How many pixels across and down share the colour in YCbCr."""

    @property
    def dropped(self) -> int:
        """How many samples of a pixel mean nothing that srup knows."""
        return self.per_pixel - self.colours - (self.alpha is not None)

    @property
    def depth(self) -> Depth:
        """Bits per sample once decoded."""
        return 16 if self.bits > 8 else 8

    @property
    def across(self) -> int:
        """How many strips or tiles are beside one another."""
        return ceil(self.width / self.columns)

    @property
    def down(self) -> int:
        """How many strips or tiles are one below the other."""
        return ceil(self.height / self.rows)


def layout_of(directory: Directory) -> Layout:
    """Look up and check how pixels are stored.

    Raises:
        UnfitError: they are of a kind that srup doesn't read, or too many.
        ValueError: the directory contradicts itself.
    """
    height = directory.integer(Tag.ImageLength)
    width = directory.integer(Tag.ImageWidth)
    check_pixels(height, width)
    per_pixel = directory.integer(Tag.SamplesPerPixel, 1)
    bits = _bits(directory, per_pixel)
    photometric = directory.integer(Tag.PhotometricInterpretation, -1)
    if photometric == -1:
        photometric = RGB if per_pixel >= 3 else BLACK_IS_0
    colours = _colours(directory, photometric, per_pixel)
    alpha, premultiplied = _alpha(directory, photometric, colours, per_pixel)
    separate = directory.integer(Tag.PlanarConfiguration, 1) == _SEPARATE_PLANES
    across, down = [*directory.integers(Tag.YCbCrSubSampling), 2, 2][:2]
    tiled = Tag.TileWidth in directory.entries
    rows, columns = _tile(directory) if tiled else (height, width)
    if not tiled:
        rows = min(height, directory.integer(Tag.RowsPerStrip, height) or height)
    found = Layout(
        height=height,
        width=width,
        bits=bits,
        per_pixel=per_pixel,
        photometric=photometric,
        colours=colours,
        alpha=alpha,
        premultiplied=premultiplied,
        planes=per_pixel if separate else 1,
        rows=rows,
        columns=columns,
        tiled=tiled,
        compression=directory.integer(Tag.Compression, NONE),
        differences=_has_differences(directory, bits),
        reversed_bits=directory.integer(Tag.FillOrder, 1) == _REVERSED_BITS,
        offsets=directory.integers(Tag.TileOffsets if tiled else Tag.StripOffsets),
        sizes=directory.integers(Tag.TileByteCounts if tiled else Tag.StripByteCounts),
        subsampling=(across, down),
    )
    _check(found)
    found = _in_short_strips(found)
    _check_sizes(found, directory.stream.seek(0, 2))
    return found


def _bits(directory: Directory, per_pixel: int) -> int:
    kinds = set(directory.integers(Tag.SampleFormat, (_UNSIGNED,)))
    bits = directory.integers(Tag.BitsPerSample, (1,))
    if _FLOAT in kinds:
        raise refusals.no_range("floating-point numbers")
    if not kinds <= {_UNSIGNED, _UNDEFINED} or max(bits, default=1) > 16:
        raise refusals.no_range("signed or 32-bit integers")
    if not 1 <= per_pixel <= 64 or not bits or min(bits) < 1:
        msg = "impossible samples"
        raise ValueError(msg)
    if len(set(bits)) > 1:
        raise refusals.unusual("a TIFF whose channels differ in their bits")
    return bits[0]


def _colours(directory: Directory, photometric: int, per_pixel: int) -> int:
    if photometric not in _COLOURS:
        raise refusals.unusual(f"a TIFF of an unusual kind (colours {photometric})")
    inks = directory.integer(Tag.InkSet, _CMYK_INKS)
    colours = _COLOURS[photometric]
    if photometric == SEPARATED and (inks != _CMYK_INKS or per_pixel < colours):
        raise refusals.unusual("a TIFF of inks other than CMYK")
    if per_pixel < colours:
        msg = "too few samples"
        raise ValueError(msg)
    return colours


def _alpha(
    directory: Directory, photometric: int, colours: int, per_pixel: int
) -> tuple[int | None, bool]:
    """Return which sample is alpha, and whether colours are multiplied by it."""
    extra = directory.integers(Tag.ExtraSamples)
    count = per_pixel - colours
    # Many writers say nothing of the one that is left.
    if not extra and count == 1 and photometric != SEPARATED:
        extra = [_UNASSOCIATED]
    for index, meaning in enumerate(extra[:count]):
        if meaning in (_ASSOCIATED, _UNASSOCIATED):
            return colours + index, meaning == _ASSOCIATED
    return None, False


def _tile(directory: Directory) -> tuple[int, int]:
    return directory.integer(Tag.TileLength), directory.integer(Tag.TileWidth)


def _has_differences(directory: Directory, bits: int) -> bool:
    predictor = directory.integer(Tag.Predictor, _NO_PREDICTOR)
    predicted = directory.integer(Tag.Compression, NONE) in _PREDICTED
    if predictor == _NO_PREDICTOR or not predicted:
        return False
    if predictor != _DIFFERENCES or bits not in (8, 16):
        raise refusals.unusual("a TIFF of an unusual kind (predictor)")
    return True


def _check(layout: Layout) -> None:
    if layout.photometric in (YCBCR, LAB) and layout.bits != 8:
        raise refusals.unusual("a TIFF of an unusual kind (bits per sample)")
    if layout.photometric == YCBCR and (layout.planes > 1 or layout.per_pixel > 3):
        raise refusals.unusual("a TIFF of an unusual kind (planes)")
    if prod(layout.subsampling) not in (1, 2, 4, 8, 16):
        msg = "impossible subsampling"
        raise ValueError(msg)
    if layout.rows < 1 or layout.columns < 1:
        msg = "empty tiles"
        raise ValueError(msg)
    # Tiles may reach beyond the picture, but not far.
    padded = layout.rows * layout.columns * layout.across * layout.down
    if padded > 2 * MAX_PIXELS or layout.rows * layout.columns > MAX_PIXELS:
        msg = "impossible tiles"
        raise ValueError(msg)
    pieces = layout.across * layout.down * layout.planes
    if len(layout.offsets) < pieces or len(layout.sizes) < pieces:
        msg = "truncated: strips or tiles are missing"
        raise ValueError(msg)


def _check_sizes(layout: Layout, end: int) -> None:
    """Refuse what would read the same bytes again and again, for hours.

    Blank tiles may share theirs, but none needs more than a header, and twice what
    comes out of it.
    """
    padded = layout.rows * layout.columns * layout.across * layout.down
    unpacked = padded * layout.per_pixel * layout.bits // 8
    most = end + 2 * unpacked + _HEADER * len(layout.sizes)
    if min(layout.sizes) < 0 or sum(layout.sizes) > most:
        msg = "strips or tiles lie on one another"
        raise ValueError(msg)


def _in_short_strips(layout: Layout) -> Layout:
    """Cut a strip that is not compressed and as tall as the picture into short ones."""
    row_bytes = -(-layout.width * layout.per_pixel * layout.bits // 8)
    rows = max(1, _SHORT // row_bytes)
    one = not layout.tiled and layout.planes == layout.down == 1
    if layout.compression != NONE or layout.photometric == YCBCR or not one:
        return layout
    tops = range(0, layout.height, rows)
    offsets = [layout.offsets[0] + top * row_bytes for top in tops]
    sizes = [min(rows, layout.height - top) * row_bytes for top in tops]
    return replace(layout, rows=rows, offsets=offsets, sizes=sizes)
