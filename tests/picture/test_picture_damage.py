"""Every file that cannot be read gets one clear sentence."""

import contextlib
import io
import os
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from picture_files import chunk, plain_tiff, png, saved, tiff
from sr_cli.errors import PictureError
from sr_cli.picture import MAX_PIXELS, Picture, encode, read, read_bytes
from sr_cli.picture.limits import patient_pillow

PHOTO = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
DEEP = np.random.default_rng(2).integers(0, 2**16, (40, 60, 3), dtype=np.uint16)


def encoded(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PHOTO).save(stream, kind, **options)
    return stream.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def refusal(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        read_bytes(data, "photo.jpg")
    text = str(caught.value)
    assert text.startswith("Cannot read photo.jpg: ")
    assert text.endswith(".")
    assert not caught.value.message.endswith(".")
    assert not caught.value.hint.endswith(".")
    return text


class TestFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError, match=r"gone\.png: there is no such file\. "):
            read(tmp_path / "gone.png")

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(PictureError, match="not a directory"):
            read(tmp_path / "file" / "a.png")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError, match="it is a folder"):
            read(tmp_path)

    def test_name_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError, match="name too long"):
            read(tmp_path / ("a" * 300))

    def test_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.png"
        path.touch()
        with pytest.raises(PictureError, match=r"empty\.png: the file is empty\. "):
            read(path)

    def test_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(PictureError, match="permission was denied"):
            read(tmp_path / "a.png")

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything"
    )
    def test_real_permission(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        path.touch(mode=0o000)
        with pytest.raises(PictureError, match="permission was denied"):
            read(path)

    def test_text_named_jpg(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.jpg"
        path.write_text("not a picture at all")
        with pytest.raises(PictureError, match="not a picture in a known format"):
            read(path)

    def test_the_message_of_the_house(self) -> None:
        assert refusal(encoded("JPEG")[:-100]) == (
            "Cannot read photo.jpg: the file is truncated. "
            "Export it again or restore it from a backup."
        )


class TestTruncation:
    KINDS = (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("BMP", {}),
    )

    @pytest.mark.parametrize(("kind", "options"), KINDS)
    @pytest.mark.parametrize("cut", ["start", "quarter", "half", "100", "13", "3", "1"])
    def test_never_accepted(
        self, kind: str, options: dict[str, object], cut: str
    ) -> None:
        data = encoded(kind, **options)
        lengths = {"start": 20, "quarter": len(data) // 4, "half": len(data) // 2}
        kept = lengths[cut] if cut in lengths else len(data) - int(cut)
        text = refusal(data[:kept])
        assert "truncated" in text or "damaged" in text

    def test_a_tiff_with_its_directory_first(self) -> None:
        data = encode(Picture(PHOTO.repeat(40, axis=0)), "tiff")
        for kept in (len(data) // 4, len(data) // 2, len(data) - 100, len(data) - 1):
            refusal(data[:kept])

    def test_every_length_of_a_png_is_refused(self) -> None:
        data = encoded("PNG")
        for length in (*range(1, 60), *range(len(data) - 60, len(data))):
            refusal(data[:length])

    def test_bytes_after_the_end_do_no_harm(self) -> None:
        picture = read_bytes(encoded("PNG") + b"trailing", "photo.png")
        assert np.array_equal(picture.pixels, PHOTO)

    def test_damage_in_the_middle(self) -> None:
        data = bytearray(encoded("PNG"))
        data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
        assert "damaged" in refusal(bytes(data))

    def test_disk_errors_are_not_blamed_on_the_file(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(Image, "open", fail)
        assert "input/output error. Check the disk" in refusal(encoded("JPEG"))

    def test_too_little_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise MemoryError

        monkeypatch.setattr(Image, "open", fail)
        assert "not enough memory" in refusal(encoded("JPEG"))


SEEDS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded("JPEG"),
    "JPEG of CMYK": lambda: saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"),
    "PNG": lambda: encoded("PNG"),
    "PNG of 16 bits": lambda: png(DEEP, 16),
    "PNG palette": lambda: saved(Image.fromarray(PHOTO).quantize(9), "PNG"),
    "WebP": lambda: encoded("WEBP"),
    "BMP": lambda: encoded("BMP"),
    "GIF": lambda: encoded("GIF"),
    "PPM": lambda: encoded("PPM"),
    "ICO": lambda: encoded("ICO", sizes=[(32, 32)]),
    "TGA": lambda: encoded("TGA", compression="tga_rle"),
    "JPEG 2000": lambda: encoded("JPEG2000"),
    "JPEG 2000 of 16 bits": lambda: imagecodecs.jpeg2k_encode(DEEP, level=0),
    "JPEG XL": lambda: imagecodecs.jpegxl_encode(PHOTO, usecontainer=True),
    "AVIF": lambda: encoded("AVIF", speed=10),
    "AVIF of 10 bits": lambda: imagecodecs.avif_encode(
        DEEP >> 6, level=90, speed=10, bitspersample=10, numthreads=1
    ),
    "TIFF": lambda: encoded("TIFF"),
    "TIFF by LZW": lambda: tiff(PHOTO, compression="lzw", predictor=True),
    "TIFF in tiles": lambda: tiff(DEEP, tile=(16, 16), compression="zlib"),
    "TIFF of JPEGs": lambda: encoded("TIFF", compression="jpeg"),
    "TIFF fax": lambda: saved(PHOTO[:, :, 0] > 99, "TIFF", compression="group4"),
}


def mutated(data: bytes, generator: np.random.Generator) -> bytes:
    """Flip bits, set bytes to what is often too much, or cut the end off."""
    changed = bytearray(data)
    if generator.random() < 0.2:
        return bytes(changed[: generator.integers(1, len(changed))])
    for _ in range(generator.integers(1, 9)):
        span = len(changed) if generator.random() < 0.5 else min(200, len(changed))
        at = int(generator.integers(0, span))
        if generator.random() < 0.5:
            changed[at] ^= 1 << int(generator.integers(0, 8))
        else:
            most = generator.choice([0, 1, 127, 128, 255])
            changed[at : at + 4] = bytes([most] * len(changed[at : at + 4]))
    return bytes(changed)


@pytest.mark.parametrize("kind", SEEDS)
def test_random_damage_is_survived_in_silence(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = SEEDS[kind]()
    read_bytes(whole, "photo")
    generator = np.random.default_rng(4)
    for _ in range(40):
        with contextlib.suppress(PictureError):
            read_bytes(mutated(whole, generator), "photo")
    assert capfd.readouterr() == ("", "")


def webp_bomb() -> bytes:
    size = (16_383).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<L", 10) + b"\2\0\0\0" + size + size
    return b"RIFF" + struct.pack("<L", len(body)) + body


def jpeg2000_bomb(side: int) -> bytes:
    data = bytearray(imagecodecs.jpeg2k_encode(PHOTO, level=0, codecformat="j2k"))
    struct.pack_into(">LL", data, 8, side, side)
    return bytes(data)


def jpegxl_bomb(side: int) -> bytes:
    """A header for which no pixels follow; bits go from the lowest up."""
    number, bits = 0, 0
    for value, length in ((0, 1), (3, 2), (side - 1, 30), (1, 3), (1, 1)):
        number |= value << bits
        bits += length
    return b"\xff\x0a" + number.to_bytes(8, "little") + bytes(200)


def avif_bomb(side: int) -> bytes:
    data = encoded("AVIF", speed=10)
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">LL", side, side) + data[at + 8 :]


class TestUnfit:
    @pytest.mark.parametrize("side", [30_000, 60_000])
    @pytest.mark.parametrize("make", [jpeg2000_bomb, jpegxl_bomb, avif_bomb])
    def test_bombs_are_refused_before_they_are_decoded(
        self, make: Callable[[int], bytes], side: int
    ) -> None:
        assert "more than 500 million pixels" in refusal(make(side))

    @pytest.mark.parametrize("make", [jpeg2000_bomb, jpegxl_bomb, avif_bomb])
    def test_tiny_files_of_many_pixels_are_refused(
        self, make: Callable[[int], bytes]
    ) -> None:
        assert "20000 x 20000 pixels are too many for a file of" in refusal(
            make(20_000)
        )

    def test_animations_take_memory_before_they_are_decoded(self) -> None:
        assert "too many for a file of" in refusal(webp_bomb())

    def test_tiffs_as_well(self) -> None:
        tags = {256: (4, [30_000]), 257: (4, [30_000]), 262: (3, [1])}
        assert "500 million" in refusal(plain_tiff(tags, b"abc"))

    @pytest.mark.parametrize("side", [30_000, 60_000])
    def test_bombs_are_refused_from_their_header(self, side: int) -> None:
        assert "more than 500 million pixels" in refusal(png_bomb(side, side))

    def test_12_bit_jpegs(self) -> None:
        data = imagecodecs.jpeg_encode(DEEP >> 4, bitspersample=12)
        assert "a JPEG of 12 bits per channel" in refusal(data)

    def test_floats(self) -> None:
        stream = io.BytesIO()
        Image.new("F", (3, 3), 0.5).save(stream, "TIFF")
        assert "floating-point" in refusal(stream.getvalue())

    def test_32_bit_integers(self) -> None:
        stream = io.BytesIO()
        Image.new("I", (3, 3), 70_000).save(stream, "TIFF")
        assert "32-bit integers" in refusal(stream.getvalue())

    def test_drawings_start_no_interpreter(self) -> None:
        stream = io.BytesIO()
        Image.fromarray(PHOTO).save(stream, "EPS")
        assert "EPS is a drawing" in refusal(stream.getvalue())


class TestLimits:
    @pytest.fixture(autouse=True)
    def low_limit(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        yield
        assert Image.MAX_IMAGE_PIXELS == 100

    def test_pillows_limit_does_not_count(self) -> None:
        # Above both of Pillow's limits: it would warn, which is an error here.
        assert read_bytes(encoded("PNG"), "big.png").width == 60

    def test_restored_after_an_error(self) -> None:
        refusal(b"not a picture")

    def test_threads_share_it(self) -> None:
        data = encoded("JPEG")
        with ThreadPoolExecutor(8) as pool:
            widths = list(pool.map(lambda _: read_bytes(data, "a").width, range(64)))
        assert widths == [60] * 64

    def test_stays_raised_until_the_last_reader_leaves(self) -> None:
        with patient_pillow():
            with patient_pillow():
                pass
            assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS
