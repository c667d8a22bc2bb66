"""Small files of every kind that srup promises to keep whole, written by others.

Pillow and OpenImageIO write them, so that no reader of srup's is tested by a writer
of srup's.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import OpenImageIO
from PIL import Image, ImageCms, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from icc_profiles import cmyk_profile, display_p3

EXAMPLE = Path(__file__).parents[2] / "examples" / "cat.jpg"
WIDTH, HEIGHT = 44, 36
DPI = 240

XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"'
    b' tiff:ImageWidth="44" xmlns:mine="http://example.com/mine/" mine:secret="42">'
    b"<dc:creator><rdf:Seq><rdf:li>Ada L\xc3\xb3pez</rdf:li></rdf:Seq></dc:creator>"
    b'</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
IPTC = (
    b"\x1c\x01\x5a\x00\x03\x1b%G"
    b"\x1c\x02\x50\x00\x0cAda L\xc3\xb3pez"
    b"\x1c\x02\x69\x00\x08Headline"
)
TEXT = {"Title": "A cat", "Author": "Ada López", "Comment": "γάτα"}

_MAKE, _MODEL, _ORIENTATION, _EXIF_IFD, _GPS_IFD = 271, 272, 274, 34665, 34853
_DATE, _WIDTH, _HEIGHT, _MAKER_NOTE = 36867, 40962, 40963, 37500


@dataclass(frozen=True)
class Cell:
    """One file of the matrix."""

    format: str
    """Its suffix."""
    mode: str
    """As Pillow names modes, 16-bit ones with `;16`."""
    icc: str | None = None
    """`srgb`, `p3` or `cmyk`."""
    orientation: int | None = None
    """In EXIF, which then has other tags, too."""
    metadata: bool = False
    """XMP, IPTC, texts and dots per inch, where the format holds them."""

    @property
    def name(self) -> str:
        """Stands for the cell in reports."""
        parts = [self.format, self.mode.replace(";", "-"), self.icc or "untagged"]
        parts += [f"orientation{self.orientation}"] if self.orientation else []
        parts += ["metadata"] if self.metadata else []
        return "-".join(parts)

    @property
    def depth(self) -> int:
        """Bits per sample."""
        return 16 if self.mode.endswith(";16") else 8

    @property
    def bands(self) -> str:
        """The mode without its depth."""
        return self.mode.removesuffix(";16")


@dataclass(frozen=True)
class Holds:
    """What a format can hold, from its specification and not from srup."""

    modes: tuple[str, ...]
    icc: bool = False
    exif: bool = False
    xmp: bool = False
    iptc: bool = False
    text: bool = False
    dpi: bool = False
    lossless: bool = True
    gray: bool = True
    """Whether gray is stored as such."""


HOLDS = {
    "png": Holds(
        (
            *("1", "L", "LA", "P", "PA", "RGB", "RGBA"),
            *("L;16", "LA;16", "RGB;16", "RGBA;16"),
        ),
        icc=True,
        exif=True,
        xmp=True,
        text=True,
        dpi=True,
    ),
    "jpg": Holds(
        ("L", "RGB", "CMYK"),
        icc=True,
        exif=True,
        xmp=True,
        iptc=True,
        dpi=True,
        lossless=False,
    ),
    "tif": Holds(
        ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "L;16", "RGB;16", "RGBA;16"),
        icc=True,
        exif=True,
        xmp=True,
        iptc=True,
        dpi=True,
    ),
    "webp": Holds(("RGB", "RGBA"), gray=False, icc=True, exif=True, xmp=True),
    "avif": Holds(
        ("RGB", "RGBA"), gray=False, icc=True, exif=True, xmp=True, lossless=False
    ),
    "jp2": Holds(("L", "RGB", "RGBA", "L;16", "RGB;16")),
    "bmp": Holds(("1", "L", "P", "RGB"), dpi=True),
    "gif": Holds(("L", "P", "PA"), lossless=False, gray=False),
    "ppm": Holds(("RGB", "RGB;16"), gray=False),
    "pgm": Holds(("L", "L;16")),
    "tga": Holds(("L", "RGB", "RGBA")),
    "ico": Holds(("RGBA",), gray=False),
}


def cells() -> Iterator[Cell]:
    """Yield every cell."""
    for suffix, holds in HOLDS.items():
        for mode in holds.modes:
            yield Cell(suffix, mode)
            if holds.xmp or holds.text or holds.dpi:
                yield Cell(suffix, mode, metadata=True)
            profiles = ()
            if holds.icc and "CMYK" in mode:
                profiles = ("cmyk",)
            elif holds.icc and mode.startswith(("RGB", "P")):
                profiles = ("srgb", "p3")
            for icc in profiles:
                yield Cell(suffix, mode, icc, metadata=True)
            if holds.exif:
                for orientation in range(1, 9):
                    icc = profiles[0] if profiles else None
                    yield Cell(suffix, mode, icc, orientation, metadata=holds.xmp)


@cache  # decoding the example anew for every cell took longer than srup did
def samples(mode: str, depth: int = 8) -> np.ndarray:
    """The picture in a mode: (H, W, bands), in full range, not to be written to."""
    with Image.open(EXAMPLE) as im:
        crop = im.crop((80, 30, 80 + 4 * WIDTH, 30 + 4 * HEIGHT))
        small = crop.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    rgb = np.asarray(small, np.float64) / 255
    gray = rgb @ [0.299, 0.587, 0.114]
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    alpha = np.clip(1.4 - np.hypot(y - 18, x - 22) / 16, 0, 1)
    bands = {
        # Little edge, for no reduction of anything gives so hard a one: a sharp step
        # becomes 92 % and 8 %.
        "1": [x < 22],
        "L": [gray],
        "LA": [gray, alpha],
        "P": [*np.moveaxis(rgb, 2, 0)],
        "PA": [*np.moveaxis(rgb, 2, 0), alpha > 0.5],
        "RGB": [*np.moveaxis(rgb, 2, 0)],
        "RGBA": [*np.moveaxis(rgb, 2, 0), alpha],
        "CMYK": [*np.moveaxis(0.8 - 0.8 * rgb, 2, 0), 0.1 * gray],
    }[mode]
    white = 2**depth - 1
    array = np.round(np.stack(bands, 2) * white).astype(f"uint{depth}")
    array.setflags(write=False)
    return array


@cache
def profile(name: str | None) -> bytes | None:
    """The bytes of a profile, made once: some hold the time."""
    if name == "srgb":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return {"p3": display_p3, "cmyk": cmyk_profile, None: lambda: None}[name]()


def exif(orientation: int) -> Image.Exif:
    """What a camera writes."""
    found = Image.Exif()
    found[_MAKE], found[_MODEL], found[_ORIENTATION] = "Maker", "Model 1", orientation
    details = found.get_ifd(_EXIF_IFD)
    details[_DATE] = "2024:05:06 07:08:09"
    details[_WIDTH], details[_HEIGHT] = WIDTH, HEIGHT
    details[_MAKER_NOTE] = bytes(range(64))
    place = found.get_ifd(_GPS_IFD)
    place[1], place[2] = "N", (52.0, 31.0, 12.25)
    return found


def write(cell: Cell, folder: Path) -> Path:
    """Write the file of a cell; others than Pillow write what Pillow can't."""
    path = folder / f"{cell.name}.{cell.format}"
    array = samples(cell.bands, cell.depth)
    facts = _facts(cell)
    if cell.depth == 16 and cell.format in ("png", "tif", "jp2"):
        _write_deep(path, cell, array)
        return path
    if cell.format in ("ppm", "pgm"):
        _write_pnm(path, array)
        return path
    im = _image(cell, array)
    if cell.format == "jpg":
        im.save(path, quality=95, subsampling=0, **facts)
        if cell.metadata:
            _insert_iptc(path)
    elif cell.format == "tif":
        _write_tiff(path, im, cell, facts)
    elif cell.format == "webp":
        im.save(path, lossless=True, exact=True, **facts)
    elif cell.format == "avif":
        im.save(path, quality=95, subsampling="4:4:4", **facts)
    elif cell.format == "ico":
        im.save(path, sizes=[im.size])
    else:
        im.save(path, **facts)
    return path


def _facts(cell: Cell) -> dict[str, object]:
    holds, facts = HOLDS[cell.format], {}
    if cell.icc:
        facts["icc_profile"] = profile(cell.icc)
    if cell.orientation:
        facts["exif"] = exif(cell.orientation)
    if cell.metadata and holds.dpi:
        facts["dpi"] = (DPI, DPI)
    if cell.metadata and holds.xmp and cell.format in ("jpg", "webp", "avif"):
        facts["xmp"] = XMP % (cell.orientation or 1)
    if cell.metadata and cell.format == "png":
        facts["pnginfo"] = _png_texts(cell)
    return facts


def _png_texts(cell: Cell) -> PngInfo:
    info = PngInfo()
    packet = (XMP % (cell.orientation or 1)).decode()
    info.add_itxt("XML:com.adobe.xmp", packet)
    for key, value in TEXT.items():
        if value.isascii():
            info.add_text(key, value)
        else:
            info.add_itxt(key, value)
    return info


def _image(cell: Cell, array: np.ndarray) -> Image.Image:
    if cell.mode == "1":
        return Image.fromarray(array[:, :, 0]).point(lambda v: 255 * (v > 127), "1")
    if cell.mode == "P":
        return Image.fromarray(array, "RGB").quantize(250)
    if cell.mode == "PA":
        im = Image.fromarray(array[:, :, :3]).quantize(250)
        im.putpalette(im.getpalette() + [0] * (768 - len(im.getpalette())))
        hidden = Image.fromarray(np.uint8(255 * (array[:, :, 3] < 128)))
        im.paste(255, mask=hidden)
        im.info["transparency"] = 255
        return im
    if cell.bands == "L":
        return Image.fromarray(array[:, :, 0])
    return Image.fromarray(array, cell.bands)


def _write_deep(path: Path, cell: Cell, array: np.ndarray) -> None:
    """16 bits, by OpenImageIO; a PNG's facts are inserted as chunks."""
    height, width, bands = array.shape
    spec = OpenImageIO.ImageSpec(width, height, bands, "uint16")
    if cell.bands.endswith("A"):
        spec.alpha_channel = bands - 1
    spec.attribute("oiio:UnassociatedAlpha", 1)
    if cell.icc:
        data = np.frombuffer(profile(cell.icc), np.uint8)
        spec.attribute("ICCProfile", OpenImageIO.TypeDesc(f"uint8[{len(data)}]"), data)
    if path.suffix == ".tif":
        if cell.metadata:
            spec.attribute("XResolution", float(DPI))
            spec.attribute("YResolution", float(DPI))
            spec.attribute("ResolutionUnit", "in")
        if cell.orientation:
            spec.attribute("Orientation", cell.orientation)
            spec.attribute("Make", "Maker")
            spec.attribute("Model", "Model 1")
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(array), out.geterror()
    out.close()
    if path.suffix == ".png":
        _insert_png_facts(path, cell)


def _insert_png_facts(path: Path, cell: Cell) -> None:
    carrier = io.BytesIO()
    facts = _facts(cell)
    facts.pop("icc_profile", None)
    Image.new("L", (1, 1)).save(carrier, "PNG", **facts)
    chunks = b"".join(
        raw
        for kind, raw in _chunks(carrier.getvalue())
        if kind in (b"eXIf", b"pHYs", b"tEXt", b"iTXt", b"zTXt")
    )
    own = [
        (kind, raw)
        for kind, raw in _chunks(path.read_bytes())
        if kind not in (b"tEXt", b"iTXt", b"pHYs", b"oFFs", b"eXIf")
    ]
    first = b"".join(raw for kind, raw in own[:1])
    rest = b"".join(raw for kind, raw in own[1:])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + first + chunks + rest)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        raw = data[at : at + 12 + length]
        assert struct.unpack(">I", raw[-4:])[0] == zlib.crc32(raw[4:-4])
        yield raw[4:8], raw
        at += 12 + length


def _write_pnm(path: Path, array: np.ndarray) -> None:
    height, width, bands = array.shape
    white = np.iinfo(array.dtype).max
    head = f"P{6 if bands == 3 else 5}\n{width} {height}\n{white}\n".encode()
    path.write_bytes(head + array.astype(array.dtype.newbyteorder(">")).tobytes())


def _write_tiff(path: Path, im: Image.Image, cell: Cell, facts: dict) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if cell.metadata:
        tags[700] = XMP % (cell.orientation or 1)
        tags[33723] = IPTC
        tags.tagtype[33723] = 7
    if cell.orientation:
        for tag, value in exif(cell.orientation).items():
            if tag not in (_EXIF_IFD, _GPS_IFD):
                tags[tag] = value
        del facts["exif"]
    im.save(path, tiffinfo=tags, **facts)


def _insert_iptc(path: Path) -> None:
    padded = IPTC + b"\0" * (len(IPTC) % 2)
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + padded
    body = b"Photoshop 3.0\0" + block
    data = path.read_bytes()
    segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    path.write_bytes(data[:2] + segment + data[2:])
