"""What each kind of file becomes."""

import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin, features
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from picture_files import chunk, plain_tiff, png, saved, tiff
from sr_cli.picture import Picture, read, read_bytes

RNG = np.random.default_rng(1)
GRAY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
SIXTEEN = RNG.integers(0, 2**16, (5, 7), dtype=np.uint16)


def decoded(im: Image.Image, kind: str = "PNG", **options: object) -> Picture:
    return read_bytes(saved(im, kind, **options), "test")


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
        colour = chunk(b"tRNS", b"\0\x0f")
        data = png(np.array([[[15], [3]]]), 4, before=colour)
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
    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_gray(self, kind: str) -> None:
        picture = decoded(Image.fromarray(SIXTEEN), kind)
        assert picture.header.depth == 16
        assert np.array_equal(picture.pixels[:, :, 0], SIXTEEN)
        assert picture.notes == ()

    def test_transparent_gray(self) -> None:
        picture = decoded(Image.fromarray(SIXTEEN), transparency=int(SIXTEEN[1, 1]))
        hidden = SIXTEEN[1, 1] == SIXTEEN
        assert np.array_equal(picture.alpha, np.where(hidden, 0, 65_535))

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_tiff_of_either_byte_order(self, order: str) -> None:
        picture = read_bytes(tiff(SIXTEEN, byteorder=order), "test")
        assert np.array_equal(picture.pixels[:, :, 0], SIXTEEN)


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
    INKS = RNG.integers(0, 256, (16, 24, 4), dtype=np.uint8)
    PROFILE = cmyk_profile()

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
    def test_cmyk_tiff(self, compression: str) -> None:
        im = Image.frombytes("CMYK", (24, 16), self.INKS.tobytes())
        options = {"icc_profile": self.PROFILE, "compression": compression}
        picture = decoded(im, "TIFF", **options)
        assert np.array_equal(picture.pixels, self.INKS)
        assert picture.icc == self.PROFILE
        assert picture.notes == ()

    @pytest.mark.parametrize("depth", [np.uint8, np.uint16])
    def test_cmyk_tiff_of_either_depth(self, depth: type) -> None:
        inks = self.INKS.astype(depth) * (1 if depth is np.uint8 else 257)
        picture = read_bytes(tiff(inks, photometric="separated"), "test")
        assert np.array_equal(picture.pixels, inks)

    def flat(self) -> Image.Image:
        return Image.new("CMYK", (16, 16), (255, 128, 0, 32))

    def test_adobes_cmyk_jpeg(self) -> None:
        data = saved(self.flat(), "JPEG", quality=100, icc_profile=self.PROFILE)
        assert b"Adobe" in data  # where 255 is no ink
        picture = read_bytes(data, "test")
        assert np.abs(picture.pixels - np.int64([255, 128, 0, 32])).max() <= 2
        assert picture.icc == self.PROFILE

    def test_cmyk_jpeg_of_others(self) -> None:
        data = saved(self.flat(), "JPEG", quality=100)
        at = data.index(b"\xff\xee\0\x0eAdobe")
        picture = read_bytes(data[:at] + data[at + 16 :], "test")
        assert np.abs(picture.pixels - np.int64([0, 127, 255, 223])).max() <= 2

    def test_cmyk_jpeg_in_a_tiff(self) -> None:
        tags = {256: 16, 257: 16, 258: 8, 259: 7, 262: 5, 277: 4, 278: 16}
        data = saved(self.flat(), "JPEG", quality=100)
        at = data.index(b"\xff\xee\0\x0eAdobe")
        numbers = {tag: (3, [value]) for tag, value in tags.items()}
        stored = plain_tiff(numbers, data[:at] + data[at + 16 :])
        picture = read_bytes(stored, "test")
        assert np.abs(picture.pixels - np.int64([0, 127, 255, 223])).max() <= 2

    def test_cmyk_with_alpha_becomes_rgb(self) -> None:
        inks = np.zeros((2, 2, 5), np.uint8)
        inks[:, :, 0] = 255
        inks[:, :, 4] = [[0, 85], [170, 255]]
        data = tiff(
            inks,
            photometric="separated",
            extrasamples=["unassalpha"],
            planarconfig="contig",
        )
        picture = read_bytes(data, "test")
        assert picture.pixels[0, 0].tolist() == [0, 255, 255]
        assert np.array_equal(picture.alpha, inks[:, :, 4])
        assert picture.notes == (
            "CMYK with transparency was converted to sRGB of 8 bits",
        )

    def test_cmyk_with_alpha_goes_by_its_profile(self) -> None:
        inks = np.zeros((2, 2, 5), np.uint8)
        inks[:, :, 0] = 255
        data = tiff(
            inks,
            photometric="separated",
            extrasamples=["unassalpha"],
            planarconfig="contig",
            iccprofile=self.PROFILE,
        )
        picture = read_bytes(data, "test")
        red, green, blue = picture.pixels[0, 0].tolist()
        assert red > 240
        assert max(green, blue) < 40
        assert picture.icc is None

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
        pages = "pages" if kind == "TIFF" else "frames"
        assert picture.notes == (f"Only the first of 3 {pages} was read",)

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
        path.write_bytes(saved(RGB, "PNG"))
        assert np.array_equal(read(path).pixels, RGB)

    @pytest.mark.skipif(not features.check("webp"), reason="Pillow without WebP")
    def test_webp(self) -> None:
        picture = decoded(Image.fromarray(RGB), "WEBP", lossless=True)
        assert np.array_equal(picture.pixels, RGB)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_pipe_can_be_read(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        data = saved(RGB, "PNG")
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
            np.zeros((2, 2, 5), np.uint8),
        ],
    )
    def test_refuses_other_pixels(self, pixels: np.ndarray) -> None:
        with pytest.raises(ValueError, match="pixels must be uint8"):
            Picture(pixels)

    @pytest.mark.parametrize("shape", [(2, 3), (2, 2, 1)])
    def test_refuses_alpha_of_another_shape(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="alpha must be uint8"):
            Picture(np.zeros((2, 2, 3), np.uint8), np.zeros(shape, np.uint8))
