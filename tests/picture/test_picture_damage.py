"""Every file that cannot be read gets one clear sentence."""

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_cli.errors import PictureError
from sr_cli.picture import MAX_PIXELS, Picture, encode, read, read_bytes
from sr_cli.picture.limits import patient_pillow

PHOTO = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PHOTO).save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


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

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM"])
    def test_random_damage_is_survived_in_silence(
        self, kind: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        whole = encoded(kind)
        generator = np.random.default_rng(4)
        for _ in range(40):
            data = np.frombuffer(whole, np.uint8).copy()
            places = generator.integers(0, min(300, len(data)), 4)
            data[places] = generator.integers(0, 256, 4)
            with contextlib.suppress(PictureError):
                read_bytes(data.tobytes(), "photo.jpg")
        assert capfd.readouterr() == ("", "")

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
        def fail(*_: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(Image, "open", fail)
        assert "input/output error. Check the disk" in refusal(encoded("PNG"))

    def test_too_little_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr(Image, "open", fail)
        assert "not enough memory" in refusal(encoded("PNG"))


class TestUnfit:
    @pytest.mark.parametrize("side", [30_000, 60_000])
    def test_bombs_are_refused_from_their_header(self, side: int) -> None:
        assert "more than 500 million pixels" in refusal(png_bomb(side, side))

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
