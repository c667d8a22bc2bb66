"""What each kind of file becomes."""

import io
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin, features
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from sr_cli.picture import Picture, read, read_bytes

RNG = np.random.default_rng(1)
GRAY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
SIXTEEN = RNG.integers(0, 2**16, (5, 7), dtype=np.uint16)


def encoded(im: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    im.save(stream, kind, **options)
    return stream.getvalue()


def decoded(im: Image.Image, kind: str = "PNG", **options: object) -> Picture:
    return read_bytes(encoded(im, kind, **options), "test")


def png(
    size: tuple[int, int], bits: int, kind: int, rows: bytes, transparent: bytes = b""
) -> bytes:
    """Assemble a PNG of a depth that Pillow reads but does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0))]
    if transparent:
        parts.append(chunk(b"tRNS", transparent))
    parts += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


class TestModes:
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
    def test_gray_stays_gray(self, kind: str) -> None:
        picture = decoded(Image.fromarray(GRAY), kind)
        assert picture.pixels.shape == (5, 7, 1)
        assert np.array_equal(picture.pixels[:, :, 0], GRAY)
        assert picture.alpha is None
        assert picture.notes == ()

    def test_gray_jpeg_stays_gray(self) -> None:
        assert decoded(Image.fromarray(GRAY), "JPEG").pixels.shape == (5, 7, 1)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
    def test_one_bit_becomes_black_and_white(self, kind: str) -> None:
        picture = decoded(Image.fromarray(GRAY > 99), kind)
        assert np.array_equal(picture.pixels[:, :, 0], np.where(GRAY > 99, 255, 0))

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_gray_with_alpha(self, kind: str) -> None:
        im = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(ALPHA)])
        picture = decoded(im, kind)
        assert np.array_equal(picture.pixels[:, :, 0], GRAY)
        assert np.array_equal(picture.alpha, ALPHA)

    def test_premultiplied_gray_tiff(self) -> None:
        # ExtraSamples 1: associated alpha, which Pillow calls La.
        ifd = ImageFileDirectory_v2()
        ifd[338] = 1
        im = Image.merge(
            "LA", [Image.new("L", (1, 1), 60), Image.new("L", (1, 1), 128)]
        )
        picture = decoded(im, "TIFF", tiffinfo=ifd)
        assert picture.pixels.shape == (1, 1, 1)
        assert picture.alpha is not None

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "BMP", "TGA"])
    def test_rgb(self, kind: str) -> None:
        picture = decoded(Image.fromarray(RGB), kind)
        assert np.array_equal(picture.pixels, RGB)
        assert (picture.height, picture.width) == (5, 7)
        assert picture.alpha is None

    def test_palette_becomes_rgb(self) -> None:
        im = Image.fromarray(RGB).quantize(8)
        assert np.array_equal(decoded(im).pixels, np.asarray(im.convert("RGB")))

    def test_palette_with_one_transparent_entry(self) -> None:
        im = Image.fromarray(RGB).quantize(8)
        picture = decoded(im, transparency=3)
        assert np.array_equal(picture.alpha, np.where(np.asarray(im) == 3, 0, 255))
        assert picture.pixels.shape == (5, 7, 3)

    def test_palette_with_alpha_per_entry(self) -> None:
        im = Image.fromarray(RGB).quantize(4)
        picture = decoded(im, transparency=bytes([0, 85, 170, 255]))
        assert np.array_equal(picture.alpha, np.asarray(im) * 85)

    def test_transparent_colour_of_rgb(self) -> None:
        picture = decoded(Image.fromarray(RGB), transparency=tuple(RGB[2, 3].tolist()))
        expected = np.where((RGB[2, 3] == RGB).all(axis=2), 0, 255)
        assert np.array_equal(picture.alpha, expected)

    def test_transparent_gray(self) -> None:
        picture = decoded(Image.fromarray(GRAY), transparency=int(GRAY[1, 1]))
        assert picture.pixels.shape == (5, 7, 1)
        assert np.array_equal(picture.alpha, np.where(GRAY[1, 1] == GRAY, 0, 255))

    def test_transparent_gray_of_four_bits(self) -> None:
        data = png((2, 1), 4, 0, b"\0\xf3", transparent=b"\0\x0f")
        picture = read_bytes(data, "test")
        assert picture.pixels.tolist() == [[[255], [51]]]
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[0, 255]]

    def test_one_bit_with_transparency(self) -> None:
        picture = decoded(Image.fromarray(GRAY > 99), transparency=0)
        assert picture.pixels.shape == (5, 7, 1)
        assert np.array_equal(picture.alpha, np.where(GRAY > 99, 255, 0))

    def test_rgba(self) -> None:
        picture = decoded(Image.fromarray(np.dstack([RGB, ALPHA])))
        assert np.array_equal(picture.pixels, RGB)
        assert np.array_equal(picture.alpha, ALPHA)


class TestDepth:
    NOTE = "16 bits per channel were reduced to 8"

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_gray_is_rounded(self, kind: str) -> None:
        picture = decoded(Image.fromarray(SIXTEEN), kind)
        expected = np.rint(SIXTEEN * (255 / 65535))
        assert np.array_equal(picture.pixels[:, :, 0], expected)
        assert picture.notes == (self.NOTE,)

    def test_portable_graymap(self) -> None:
        data = b"P5 7 5 65535\n" + SIXTEEN.astype(">u2").tobytes()
        picture = read_bytes(data, "test")
        expected = np.rint(SIXTEEN * (255 / 65535))
        assert np.array_equal(picture.pixels[:, :, 0], expected)
        assert picture.notes == (self.NOTE,)

    def test_big_endian_tiff(self) -> None:
        ifd = ImageFileDirectory_v2(b"MM\0*\0\0\0\x08")
        values = {256: 7, 257: 5, 258: 16, 259: 1, 262: 1, 277: 1, 278: 5, 279: 70}
        for tag, value in (values | {273: 0}).items():
            ifd[tag] = value
        stream = io.BytesIO()
        ifd.save(stream)
        stream.write(SIXTEEN.astype(">u2").tobytes())
        picture = read_bytes(stream.getvalue(), "test")
        expected = np.rint(SIXTEEN * (255 / 65535))
        assert np.array_equal(picture.pixels[:, :, 0], expected)

    def test_transparent_gray(self) -> None:
        picture = decoded(Image.fromarray(SIXTEEN), transparency=int(SIXTEEN[1, 1]))
        assert np.array_equal(picture.alpha, np.where(SIXTEEN[1, 1] == SIXTEEN, 0, 255))

    def test_rgb_png(self) -> None:
        data = png((1, 1), 16, 2, b"\0" + struct.pack(">3H", 0xFFFF, 0x8012, 0))
        picture = read_bytes(data, "test")
        assert picture.pixels.tolist() == [[[255, 128, 0]]]
        assert picture.notes == (self.NOTE,)

    def test_rgb_png_with_a_transparent_colour(self) -> None:
        colour = struct.pack(">3H", 0xFFFF, 0x8012, 0)
        rows = b"\0" + colour + struct.pack(">3H", 1, 2, 3)
        picture = read_bytes(png((2, 1), 16, 2, rows, colour), "test")
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[0, 255]]

    def test_gray_png_with_alpha_stays_gray(self) -> None:
        data = png((1, 1), 16, 4, b"\0" + struct.pack(">2H", 0x4000, 0x8000))
        picture = read_bytes(data, "test")
        assert picture.pixels.tolist() == [[[64]]]
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[128]]
        assert picture.notes == (self.NOTE,)

    def test_rgb_tiff(self) -> None:
        tifffile = pytest.importorskip("tifffile")
        stream = io.BytesIO()
        deep = RGB.astype(np.uint16) * 257
        tifffile.imwrite(stream, deep, photometric="rgb")
        picture = read_bytes(stream.getvalue(), "test")
        assert np.array_equal(picture.pixels, RGB)
        assert picture.notes == (self.NOTE,)


def cmyk_profile() -> bytes:
    """Build a profile in which full cyan is red, so that its use is unmistakable."""
    corners = np.full((2, 2, 2, 2, 3), 128, np.uint8)
    corners[..., 0] = 0
    corners[0, 0, 0, 0] = (255, 128, 128)  # no ink: white
    corners[1, 0, 0, 0] = (136, 208, 195)  # cyan: L 53, a 80, b 67
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    lut += struct.pack(
        ">9i", *(0x10000 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    )
    lut += ramp * 4 + corners.tobytes() + ramp * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    body, table = b"", b""
    for name, data in ((b"A2B0", lut), (b"wtpt", white)):
        offset = 128 + 4 + 2 * 12 + len(body)
        table += name + struct.pack(">2I", offset, len(data))
        body += data + b"\0" * (-len(data) % 4)
    rest = struct.pack(">I", 2) + table + body
    header = struct.pack(
        ">I4sI4s4s4s", 128 + len(rest), b"lcms", 0x02100000, b"prtr", b"CMYK", b"Lab "
    )
    header += b"\0" * 12 + b"acsp" + b"\0" * 28
    header += struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + rest


class TestColour:
    CYAN = Image.new("CMYK", (4, 4), (255, 0, 0, 0))

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
    def test_cmyk_without_a_profile(self, kind: str) -> None:
        picture = decoded(self.CYAN, kind)
        assert np.abs(picture.pixels[0, 0].astype(int) - (0, 255, 255)).max() <= 2
        assert picture.notes == ("CMYK without a profile became RGB by formula",)

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
    def test_cmyk_with_its_profile(self, kind: str) -> None:
        picture = decoded(self.CYAN, kind, icc_profile=cmyk_profile())
        red, green, blue = picture.pixels[0, 0].tolist()
        assert red > 240
        assert max(green, blue) < 40
        assert picture.icc is None
        assert picture.notes == ("CMYK colours were converted to sRGB",)

    def test_cmyk_with_a_damaged_profile(self) -> None:
        picture = decoded(self.CYAN, "TIFF", icc_profile=b"nonsense" * 40)
        assert picture.pixels[0, 0].tolist() == [0, 255, 255]
        assert picture.icc is None
        assert "damaged" in picture.notes[0]

    def test_lab(self) -> None:
        lab = ImageCms.profileToProfile(
            Image.new("RGB", (4, 4), (200, 40, 90)),
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
        assert lab is not None
        picture = decoded(lab, "TIFF")
        assert np.abs(picture.pixels[0, 0].astype(int) - (200, 40, 90)).max() <= 3
        assert picture.notes == ("LAB colours were converted to sRGB",)

    def test_ycbcr_tiff(self) -> None:
        im = Image.new("RGB", (4, 4), (200, 40, 90)).convert("YCbCr")
        picture = decoded(im, "TIFF", compression="tiff_lzw")
        assert np.abs(picture.pixels[0, 0].astype(int) - (200, 40, 90)).max() <= 2


class TestFrames:
    def frames(self) -> list[Image.Image]:
        return [Image.new("RGB", (6, 4), colour) for colour in ("red", "lime", "blue")]

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
    def test_only_the_first_is_read_and_that_is_said(self, kind: str) -> None:
        first, *rest = self.frames()
        options = {"lossless": True} if kind == "WEBP" else {}
        picture = decoded(first, kind, save_all=True, append_images=rest, **options)
        assert picture.pixels[0, 0].tolist() == [255, 0, 0]
        assert picture.notes == ("Only the first of 3 frames was read",)

    def test_a_preview_inside_a_jpeg_goes_without_saying(self) -> None:
        first, *rest = self.frames()
        assert decoded(first, "MPO", save_all=True, append_images=rest).notes == ()

    def test_one_frame_has_no_note(self) -> None:
        assert decoded(self.frames()[0], "GIF").notes == ()


class TestFacts:
    def test_resolution(self) -> None:
        assert decoded(Image.fromarray(RGB), dpi=(300, 150)).dpi == (300, 150)
        assert decoded(Image.fromarray(RGB)).dpi is None

    def test_impossible_resolution_is_dropped(self) -> None:
        assert decoded(Image.fromarray(RGB), "TIFF", dpi=(1e9, 1)).dpi is None

    def test_profile(self) -> None:
        assert (
            decoded(Image.fromarray(RGB), icc_profile=b"any bytes").icc == b"any bytes"
        )

    def test_content_not_suffix_decides(self, tmp_path: Path) -> None:
        path = tmp_path / "really-a-png.jpg"
        path.write_bytes(encoded(Image.fromarray(RGB)))
        assert np.array_equal(read(path).pixels, RGB)

    @pytest.mark.skipif(not features.check("webp"), reason="Pillow without WebP")
    def test_webp(self) -> None:
        picture = decoded(Image.fromarray(RGB), "WEBP", lossless=True)
        assert np.array_equal(picture.pixels, RGB)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_pipe_can_be_read(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        data = encoded(Image.fromarray(RGB))
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        assert np.array_equal(read(pipe).pixels, RGB)
        writer.join()

    def test_late_png_chunks_are_found(self) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_text("after", "pixels")
        assert decoded(Image.fromarray(RGB), pnginfo=info).notes == ()


class TestPicture:
    @pytest.mark.parametrize(
        "pixels",
        [
            np.zeros((2, 2, 3), np.float32),
            np.zeros((2, 2), np.uint8),
            np.zeros((2, 2, 4), np.uint8),
        ],
    )
    def test_refuses_other_pixels(self, pixels: np.ndarray) -> None:
        with pytest.raises(ValueError, match="pixels must be uint8"):
            Picture(pixels)

    @pytest.mark.parametrize("shape", [(2, 3), (2, 2, 1)])
    def test_refuses_alpha_of_another_shape(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="alpha must be uint8"):
            Picture(np.zeros((2, 2, 3), np.uint8), np.zeros(shape, np.uint8))
