"""What holds of a result, found out without srup."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO
from PIL import Image

from matrix_files import (
    DPI,
    HEIGHT,
    HOLDS,
    IPTC,
    TEXT,
    WIDTH,
    Cell,
    exif,
    profile,
    samples,
)
from sr_cli.degrade import resize

Expect = Callable[..., None]

LEAST_PSNR = 30.0
_TAGS = (271, 272)
_DETAILS = (36867, 37500)
_ORIENTATION, _EXIF_IFD, _GPS_IFD, _WIDTH, _HEIGHT = 274, 34665, 34853, 40962, 40963


@dataclass(frozen=True)
class Found:
    """A file, as others read it."""

    bands: str
    depth: int
    pixels: np.ndarray
    """(H, W, bands) in [0, 1], as stored."""
    info: dict
    exif: Image.Exif
    tags: dict


def look(path: Path) -> Found:
    """Read a file by Pillow, or by OpenImageIO where Pillow reduces 16 bits."""
    with Image.open(path) as im:
        im.load()
        tags = dict(getattr(im, "tag_v2", {}))
        deep = _deep(path)
        if deep is not None:
            bands = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[deep.shape[2]]
            return Found(bands, 16, deep / 65535, im.info, im.getexif(), tags)
        shown = im
        if im.mode == "P":
            shown = im.convert("RGBA" if "transparency" in im.info else "RGB")
        elif im.mode == "1":
            shown = im.convert("L")
        array = np.asarray(shown).reshape(im.height, im.width, -1)
        return Found(shown.mode, 8, array / 255, im.info, im.getexif(), tags)


def _deep(path: Path) -> np.ndarray | None:
    """Read (H, W, bands) of 16 bits; None if it has fewer."""
    if path.suffix not in (".png", ".tif", ".jp2", ".ppm", ".pgm"):
        return None
    config = OpenImageIO.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    file = OpenImageIO.ImageInput.open(str(path), config)
    if file is None:
        OpenImageIO.geterror()
        return None
    spec = file.spec()
    if str(spec.format) != "uint16":
        return None
    array = np.asarray(file.read_image("uint16"))
    return array.reshape(spec.height, spec.width, -1)


def upright(array: np.ndarray, orientation: int | None) -> np.ndarray:
    """Turn stored pixels as EXIF says, by definition (CIPA DC-008, 4.6.4)."""
    turns = {
        None: lambda a: a,
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }
    return turns[orientation](array)


def failures(cell: Cell, source: Path, result: Path) -> dict[str, str]:
    """Return what doesn't hold, by the name of what should."""
    holds, found, wrong = HOLDS[cell.format], look(result), {}

    def expect(what: str, good: bool, said: object = "") -> None:
        if not good:
            wrong[what] = str(said)

    turned = (cell.orientation or 1) >= 5
    size = (4 * WIDTH, 4 * HEIGHT) if turned else (4 * HEIGHT, 4 * WIDTH)
    expect("size", found.pixels.shape[:2] == size, found.pixels.shape)
    expect("mode", found.bands == _expected_bands(cell), found.bands)
    expect("depth", found.depth == cell.depth, found.depth)
    if holds.icc:
        expect("profile", found.info.get("icc_profile") == profile(cell.icc))
    if cell.orientation:
        _check_exif(expect, found, cell)
    if cell.metadata:
        _check_metadata(expect, found, cell, result)
    if not wrong.keys() & {"size", "mode"}:
        psnr = _psnr(cell, found)
        expect("pixels", psnr >= LEAST_PSNR, f"{psnr:.1f} dB")
        if "A" in found.bands:
            _check_alpha(expect, cell, found)
    return wrong


def _expected_bands(cell: Cell) -> str:
    bands = {"1": "L", "P": "RGB", "PA": "RGBA"}.get(cell.bands, cell.bands)
    if cell.format == "gif":
        return {"L": "RGB"}.get(bands, bands)  # a palette, whatever is in it
    return bands


def _check_exif(expect: Expect, found: Found, cell: Cell) -> None:
    wanted, held = exif(cell.orientation), found.exif
    expect("EXIF", all(held.get(tag) == wanted[tag] for tag in _TAGS), dict(held))
    expect("orientation", held.get(_ORIENTATION, 1) == 1, held.get(_ORIENTATION))
    if cell.format == "tif":
        return  # what wrote these files can't write TIFF's EXIF directories
    details, own = held.get_ifd(_EXIF_IFD), wanted.get_ifd(_EXIF_IFD)
    expect("EXIF details", all(details.get(tag) == own[tag] for tag in _DETAILS))
    place = held.get_ifd(_GPS_IFD)
    same = place.get(1) == "N" and [float(v) for v in place.get(2, ())] == [
        52,
        31,
        12.25,
    ]
    expect("GPS", same, place)
    size = (details.get(_HEIGHT), details.get(_WIDTH))
    expect("EXIF size", size == found.pixels.shape[:2], size)


def _check_metadata(expect: Expect, found: Found, cell: Cell, result: Path) -> None:
    holds = HOLDS[cell.format]
    deep_tiff = cell.format == "tif" and cell.depth == 16
    if holds.xmp and not deep_tiff:
        packet = found.info.get("xmp") or found.tags.get(700) or b""
        packet = packet if isinstance(packet, bytes) else packet.encode()
        for part in ("Ada L\u00f3pez".encode(), b"secret", b"42", b"creator"):
            expect("XMP", part in packet, packet[:80])
        expect(
            "XMP orientation",
            b'Orientation="1"' in packet or b"Orientation>1<" in packet,
            packet,
        )
        for side in found.pixels.shape[1::-1][:1]:
            expect("XMP size", str(side).encode() in packet, packet)
    if holds.iptc and not deep_tiff:
        expect("IPTC", IPTC in result.read_bytes())
    if holds.dpi and not deep_tiff:
        dpi = [round(float(v), 0) for v in found.info.get("dpi", ())]
        expect("dpi", dpi == [DPI, DPI], dpi)
    if holds.text:
        text = {k: found.info.get(k) for k in TEXT}
        expect("texts", text == TEXT, text)


def _before(cell: Cell) -> np.ndarray:
    """The picture that was stored, upright, in the result's bands."""
    array = samples(cell.bands, cell.depth) / (2**cell.depth - 1)
    return upright(array, cell.orientation)


def _psnr(cell: Cell, found: Found) -> float:
    """Of the result made smaller, against the input; hidden colours don't count."""
    before = _before(cell)
    after = found.pixels
    if cell.format == "gif" and cell.bands == "L":
        before = before.repeat(3, axis=2)
    height, width = before.shape[:2]
    small = np.clip(resize(after, height, width), 0, 1)
    error = small - before
    if "A" in cell.bands:
        error = error[:, :, :-1][before[:, :, -1] == 1]
    return float(-10 * np.log10(np.mean(error**2)))


def _check_alpha(expect: Expect, cell: Cell, found: Found) -> None:
    before = _before(cell)[:, :, -1]
    after = found.pixels[:, :, -1]
    around = np.pad(before, 1, mode="edge")
    shape = before.shape
    near = [
        around[i : i + shape[0], j : j + shape[1]] for i in range(3) for j in range(3)
    ]
    clear = np.all([x == 0 for x in near], axis=0).repeat(4, 0).repeat(4, 1)
    solid = np.all([x == 1 for x in near], axis=0).repeat(4, 0).repeat(4, 1)
    slack = 0 if HOLDS[cell.format].lossless else 0.02
    expect("clear stays clear", bool((after[clear] <= slack).all()))
    expect("solid stays solid", bool((after[solid] >= 1 - slack).all()))
    small = resize(after, *shape)
    if cell.bands != "PA":
        error = np.abs(small - before).max()
        expect("alpha", error < 0.08, f"{error:.3f}")
