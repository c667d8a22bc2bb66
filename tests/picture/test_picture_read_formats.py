"""The formats that need a library of their own, and those that need none."""

import builtins
import io
import struct
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from picture_files import chunk, full_range, png, saved
from sr_cli.errors import PictureError
from sr_cli.picture import Picture, read, read_bytes

RNG = np.random.default_rng(10)
Y, X = np.mgrid[:24, :32]
SMOOTH = np.stack([X * 8, Y * 10, X + Y], axis=2).astype(np.uint8)
DEEP = RNG.integers(0, 2**16, (24, 32, 3), dtype=np.uint16)
ALPHA = RNG.integers(0, 2**16, (24, 32), dtype=np.uint16)


def decoded(data: bytes) -> Picture:
    return read_bytes(data, "test")


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def upright(orientation: int) -> np.ndarray:
    """What a JPEG of the smooth picture becomes, which other tests prove."""
    exif = turned(orientation)
    data = saved(SMOOTH, "JPEG", quality=98, subsampling=0, exif=exif)
    return decoded(data).pixels.astype(int)


class TestJpeg2000:
    @pytest.mark.parametrize("kind", ["jp2", "j2k"])
    @pytest.mark.parametrize("bits", [8, 10, 12, 16])
    @pytest.mark.parametrize("samples", [1, 3])
    def test_pixels_are_exact(self, kind: str, bits: int, samples: int) -> None:
        numbers = DEEP[:, :, :samples] >> (16 - bits)
        numbers = numbers.astype(np.uint8) if bits == 8 else numbers
        data = imagecodecs.jpeg2k_encode(
            numbers.squeeze(), level=0, codecformat=kind, bitspersample=bits
        )
        assert np.array_equal(decoded(data).pixels, full_range(numbers, bits))

    def test_alpha_of_16_bits(self) -> None:
        data = imagecodecs.jpeg2k_encode(np.dstack([DEEP, ALPHA]), level=0)
        picture = decoded(data)
        assert np.array_equal(picture.pixels, DEEP)
        assert np.array_equal(picture.alpha, ALPHA)

    def test_facts_in_boxes(self) -> None:
        data = imagecodecs.jpeg2k_encode(SMOOTH, level=0)
        xmp = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + b"<x:xmpmeta/>"
        exif = b"JpgTiffExif->JP2" + turned(6).tobytes()[6:]
        for body in (xmp, exif):
            data += struct.pack(">L4s", 8 + len(body), b"uuid") + body
        picture = decoded(data)
        assert picture.xmp == b"<x:xmpmeta/>"
        assert picture.exif is not None
        assert (picture.height, picture.width) == (32, 24)

    def test_profile(self) -> None:
        data = imagecodecs.jpeg2k_encode(SMOOTH, level=0)
        at = data.index(b"colr") - 4
        size = int.from_bytes(data[at : at + 4], "big")
        said = b"\2\0\0profile"
        other = struct.pack(">L4s", 8 + len(said), b"colr") + said
        head = data.index(b"jp2h") - 4
        length = int.from_bytes(data[head : head + 4], "big") + len(other) - size
        data = (
            data[:head]
            + struct.pack(">L", length)
            + data[head + 4 : at]
            + other
            + data[at + size :]
        )
        assert decoded(data).icc == b"profile"


class TestJpegXl:
    @pytest.mark.parametrize("bits", [8, 10, 12, 16])
    @pytest.mark.parametrize("samples", [1, 3])
    def test_pixels_are_exact(self, bits: int, samples: int) -> None:
        numbers = DEEP[:, :, :samples] >> (16 - bits)
        numbers = numbers.astype(np.uint8) if bits == 8 else numbers
        data = imagecodecs.jpegxl_encode(
            numbers.squeeze(), lossless=True, bitspersample=bits
        )
        picture = decoded(data)
        assert np.array_equal(picture.pixels, full_range(numbers, bits))

    def test_alpha(self) -> None:
        stored = np.dstack([DEEP, ALPHA])
        picture = decoded(imagecodecs.jpegxl_encode(stored, lossless=True))
        assert np.array_equal(picture.pixels, DEEP)
        assert np.array_equal(picture.alpha, ALPHA)

    def test_srgb_needs_no_profile_and_linear_light_does(self) -> None:
        plain = decoded(imagecodecs.jpegxl_encode(SMOOTH, lossless=True))
        assert plain.icc is None
        linear = decoded(imagecodecs.jpegxl_encode(DEEP, lossless=True))
        assert linear.icc is not None
        assert linear.icc[36:40] == b"acsp"

    def test_facts_in_boxes(self) -> None:
        data = imagecodecs.jpegxl_encode(SMOOTH, lossless=True, usecontainer=True)
        packed = b"xml " + imagecodecs.brotli_encode(b"<x:xmpmeta/>")
        for kind, body in (
            (b"Exif", bytes(4) + turned(6).tobytes()[6:]),
            (b"brob", packed),
        ):
            data += struct.pack(">L4s", 8 + len(body), kind) + body
        picture = decoded(data)
        assert picture.xmp == b"<x:xmpmeta/>"
        assert picture.exif is not None
        assert b"Maker" in picture.exif
        # The codestream says how it lies, and the decoder has done that.
        assert np.array_equal(picture.pixels, SMOOTH)

    def test_floats_are_refused(self) -> None:
        data = imagecodecs.jpegxl_encode(DEEP.astype(np.float32), lossless=True)
        with pytest.raises(PictureError, match="floating-point"):
            decoded(data)

    def test_animations_are_refused(self) -> None:
        data = imagecodecs.jpegxl_encode(np.stack([SMOOTH, SMOOTH]))
        with pytest.raises(PictureError, match="it is an animated JPEG XL"):
            decoded(data)

    @settings(max_examples=25, deadline=None)
    @given(st.integers(1, 300), st.integers(1, 300))
    def test_header_tells_any_size(self, height: int, width: int) -> None:
        from sr_cli.picture.decoders import jpegxl_header

        array = np.zeros((height, width), np.uint8)
        found = jpegxl_header.read(imagecodecs.jpegxl_encode(array))
        assert (found.height, found.width) == (height, width)

    def test_nothing_is_printed(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jxl"
        whole = imagecodecs.jpegxl_encode(SMOOTH)
        path.write_bytes(whole[: len(whole) // 2])
        code = (
            "import sys, pathlib\n"
            "from sr_cli.errors import PictureError\n"
            "from sr_cli.picture import read\n"
            "try:\n"
            "    read(pathlib.Path(sys.argv[1]))\n"
            "except PictureError:\n"
            "    sys.exit(7)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")


class TestAvif:
    @pytest.mark.parametrize("bits", [10, 12])
    @pytest.mark.parametrize("samples", [1, 3, 4])
    def test_deep_pixels_are_exact(self, bits: int, samples: int) -> None:
        numbers = np.dstack([DEEP, ALPHA])[:, :, :samples] >> (16 - bits)
        data = imagecodecs.avif_encode(
            numbers.squeeze(), level=100, bitspersample=bits, numthreads=1
        )
        picture = decoded(data)
        expected = full_range(numbers, bits)
        assert np.array_equal(picture.pixels, expected[:, :, :3])
        if samples == 4:
            assert np.array_equal(picture.alpha, expected[:, :, 3])

    @pytest.mark.parametrize("orientation", [2, 3, 6, 7, 8])
    def test_is_turned_once(self, orientation: int) -> None:
        options = {"quality": 98, "subsampling": "4:4:4"}
        data = saved(SMOOTH, "AVIF", exif=turned(orientation), **options)
        assert b"irot" in data or b"imir" in data
        picture = decoded(data)
        assert np.abs(picture.pixels - upright(orientation)).max() <= 16
        assert picture.exif is not None
        assert b"Maker" in picture.exif

    def test_xmp_does_not_turn_it(self) -> None:
        data = saved(SMOOTH, "AVIF", xmp=b'<x tiff:Orientation="6"/>')
        assert decoded(data).pixels.shape == SMOOTH.shape

    def test_facts(self) -> None:
        facts = {"icc_profile": b"profile", "xmp": b"<x:xmpmeta/>"}
        picture = decoded(saved(SMOOTH, "AVIF", **facts))
        assert picture.icc == b"profile"
        assert picture.xmp == b"<x:xmpmeta/>"


class TestHeic:
    @pytest.fixture(autouse=True)
    def library(self) -> None:
        pytest.importorskip("pillow_heif")

    def heic(self, mode: str, array: np.ndarray, **options: object) -> bytes:
        import pillow_heif

        size = array.shape[1], array.shape[0]
        file = pillow_heif.from_bytes(mode, size, array.tobytes())
        stream = io.BytesIO()
        lossless = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
        file.save(stream, **{**lossless, **options})
        return stream.getvalue()

    def test_pixels(self) -> None:
        picture = decoded(self.heic("RGB", SMOOTH))
        assert np.array_equal(picture.pixels, SMOOTH)

    def test_alpha(self) -> None:
        stored = np.dstack([SMOOTH, SMOOTH[:, :, 0]])
        picture = decoded(self.heic("RGBA", stored))
        assert np.array_equal(picture.alpha, SMOOTH[:, :, 0])

    def test_ten_bits_fill_sixteen(self) -> None:
        numbers = DEEP >> 6
        picture = decoded(self.heic("RGB;16", numbers << 6))
        assert picture.header.depth == 16
        # The encoder may keep 12; the numbers it was given have 10.
        assert np.abs(picture.pixels.astype(int) - full_range(numbers, 10)).max() <= 64

    @pytest.mark.parametrize("orientation", [2, 3, 6, 7, 8])
    def test_is_turned_once(self, orientation: int) -> None:
        import pillow_heif

        file = pillow_heif.from_pillow(Image.fromarray(SMOOTH))
        file.info["exif"] = turned(orientation).tobytes()
        stream = io.BytesIO()
        file.save(stream, quality=-1, chroma=444)
        picture = decoded(stream.getvalue())
        assert np.abs(picture.pixels - upright(orientation)).max() <= 16
        assert picture.exif is not None
        assert b"Maker" in picture.exif

    def test_facts(self) -> None:
        data = self.heic("RGB", SMOOTH, xmp=b"<x:xmpmeta/>", exif=turned(1).tobytes())
        picture = decoded(data)
        assert picture.xmp == b"<x:xmpmeta/>"
        assert picture.exif is not None

    def test_pictures_have_pages(self) -> None:
        import pillow_heif

        file = pillow_heif.from_pillow(Image.new("RGB", (16, 16), "red"))
        file.add_from_pillow(Image.new("RGB", (16, 16), "blue"))
        stream = io.BytesIO()
        file.save(stream, quality=-1, chroma=444)
        data = stream.getvalue()
        assert decoded(data).notes == ("Only the first of 2 pictures was read",)
        second = read_bytes(data, "test", page=2)
        assert second.pixels[0, 0, 2] > 200
        assert second.notes == ()

    def test_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = self.heic("RGB", SMOOTH)
        real = builtins.__import__

        def fail(name: str, *rest: object) -> object:
            if name == "pillow_heif":
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", fail)
        with pytest.raises(PictureError, match=r"pip install 'srup\[heic\]'"):
            decoded(data)


class TestNetpbm:
    @pytest.mark.parametrize("peak", [1, 7, 255, 1023, 4095, 65_535])
    @pytest.mark.parametrize(("kind", "samples"), [(5, 1), (6, 3), (2, 1), (3, 3)])
    def test_any_peak(self, peak: int, kind: int, samples: int) -> None:
        numbers = RNG.integers(0, peak + 1, (5, 7, samples))
        head = b"P%d # a comment\n7\t5\n#another\n%d\n" % (kind, peak)
        if kind < 4:
            data = b" ".join(b"%d" % number for number in numbers.ravel())
        else:
            data = numbers.astype(">u2" if peak > 255 else np.uint8).tobytes()
        picture = decoded(head + data)
        white = 65_535 if peak > 255 else 255
        assert picture.header.depth == (16 if peak > 255 else 8)
        assert np.array_equal(picture.pixels, np.rint(numbers * (white / peak)))

    @pytest.mark.parametrize("kind", [1, 4])
    def test_bitmaps_in_which_1_is_black(self, kind: int) -> None:
        marks = RNG.integers(0, 2, (5, 11))
        if kind == 1:
            data = b"\n".join(b"".join(b"%d" % bit for bit in row) for row in marks)
        else:
            data = np.packbits(marks.astype(np.uint8), axis=1).tobytes()
        picture = decoded(b"P%d 11 5\n" % kind + data)
        assert np.array_equal(picture.pixels[:, :, 0], 255 * (1 - marks))

    @pytest.mark.parametrize("samples", [1, 2, 3, 4])
    @pytest.mark.parametrize("peak", [255, 65_535])
    def test_pam(self, samples: int, peak: int) -> None:
        numbers = RNG.integers(0, peak + 1, (5, 7, samples))
        head = f"P7\n#x\nWIDTH 7\nHEIGHT 5\nDEPTH {samples}\nMAXVAL {peak}\n"
        data = numbers.astype(">u2" if peak > 255 else np.uint8).tobytes()
        picture = decoded(head.encode() + b"TUPLTYPE ANY\nENDHDR\n" + data)
        channels = 1 if samples < 3 else 3
        assert np.array_equal(picture.pixels, numbers[:, :, :channels])
        if samples in (2, 4):
            assert np.array_equal(picture.alpha, numbers[:, :, -1])

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"Pf 2 2 -1.0\n" + bytes(16), "floating-point"),
            (b"P5 2 2 255\nabc", "truncated"),
            (b"P5 2 2", "truncated"),
            (b"P2 2 2 255\n1 2 3", "truncated"),
            (b"P2 2 2 9\n1 2 3 10", "damaged"),
            (b"P2 2 2 9\n1 2 3 -1", "damaged"),
            (b"P2 2 2 9\n1 2 3 x", "damaged"),
            (b"P5 2 2 0\nabcd", "damaged"),
            (b"P5 2 2 70000\nabcdefgh", "damaged"),
            (b"P5 0 2 255\nab", "damaged"),
            (b"P7\nWIDTH 2\n", "truncated"),
            (b"P7\nWIDTH 2\nENDHDR\nabcd", "damaged"),
            (b"P6 99999 99999 255\n", "500 million"),
        ],
    )
    def test_damage(self, data: bytes, reason: str) -> None:
        with pytest.raises(PictureError, match=reason):
            decoded(data)


class TestIcons:
    def icon(self) -> bytes:
        """Two bitmaps and a PNG; the largest is in the middle."""
        bitmap = saved(Image.new("RGBA", (16, 16), (255, 0, 0, 255)), "ICO",
                       sizes=[(16, 16)], bitmap_format="bmp")[22:]  # fmt: skip
        picture = png(DEEP[:20, :20] >> 8, 8)
        pictures = [(16, bitmap), (20, picture), (16, bitmap)]
        entries, at = b"", 6 + 16 * len(pictures)
        for side, data in pictures:
            entries += struct.pack("<BBBBHHLL", side, side, 0, 0, 1, 32, len(data), at)
            at += len(data)
        head = struct.pack("<HHH", 0, 1, len(pictures))
        return head + entries + b"".join(data for _, data in pictures)

    def test_the_largest(self) -> None:
        picture = decoded(self.icon())
        assert np.array_equal(picture.pixels, DEEP[:20, :20] >> 8)
        assert picture.notes == ()

    def test_any_page(self) -> None:
        first = read_bytes(self.icon(), "test", page=1)
        assert first.pixels.shape == (16, 16, 3)
        assert first.pixels[3, 3].tolist() == [255, 0, 0]
        assert read_bytes(self.icon(), "test", page=2).width == 20

    def test_a_page_too_many(self) -> None:
        with pytest.raises(PictureError, match="no page 4, only 3 pages"):
            read_bytes(self.icon(), "test", page=4)

    def test_a_bomb_inside(self) -> None:
        head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IEND", b"")
        entry = struct.pack("<BBBBHHLL", 1, 1, 0, 0, 1, 32, len(bomb), 22)
        with pytest.raises(PictureError, match="500 million"):
            decoded(struct.pack("<HHH", 0, 1, 1) + entry + bomb)


class TestTarga:
    def test_by_its_suffix(self, tmp_path: Path) -> None:
        path = tmp_path / "a.TGA"
        path.write_bytes(saved(SMOOTH, "TGA", compression="tga_rle"))
        assert np.array_equal(read(path).pixels, SMOOTH)

    def test_where_nothing_else_fits(self) -> None:
        assert np.array_equal(decoded(saved(SMOOTH, "TGA")).pixels, SMOOTH)

    def test_other_content_goes_before_the_suffix(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tga"
        path.write_bytes(saved(SMOOTH, "BMP"))
        assert np.array_equal(read(path).pixels, SMOOTH)


@pytest.mark.parametrize("kind", ["QOI", "PCX", "SGI", "PSD"])
def test_others_that_pillow_knows(kind: str) -> None:
    if kind == "PSD":
        data = psd()
    elif kind == "QOI":
        data = imagecodecs.qoi_encode(SMOOTH)
    else:
        data = saved(SMOOTH, kind)
    assert np.array_equal(decoded(data).pixels, SMOOTH)


def psd() -> bytes:
    """Write a Photoshop file with one layer's worth of pixels and IPTC."""
    height, width, _ = SMOOTH.shape
    iptc = b"\x1c\2\x78\0\5hello"
    resource = b"8BIM\4\4\0\0" + struct.pack(">L", len(iptc)) + iptc
    return (
        b"8BPS\0\1"
        + bytes(6)
        + struct.pack(">HLLHH", 3, height, width, 8, 3)
        + bytes(4)
        + struct.pack(">L", len(resource))
        + resource
        + bytes(4)
        + bytes(2)
        + np.moveaxis(SMOOTH, 2, 0).tobytes()
    )


def test_photoshop_files_tell_iptc() -> None:
    assert decoded(psd()).iptc == b"\x1c\2\x78\0\5hello"


def test_sgi_of_16_bits_is_said() -> None:
    deep = np.arange(600, dtype=np.uint16).reshape(20, 30) * 109
    head = struct.pack(">HBBHHHH", 474, 0, 2, 2, 30, 20, 1)
    found = decoded(head.ljust(512, b"\0") + deep[::-1].astype(">u2").tobytes())
    assert np.array_equal(found.pixels[:, :, 0], deep >> 8)
    assert found.notes == ("The picture's 16 bits per channel were read as 8",)
    assert decoded(saved(SMOOTH, "SGI")).notes == ()
