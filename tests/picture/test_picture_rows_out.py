"""Rows pushed into a file: the same file however they arrive, or none."""

import io
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from made_pictures import NAMES, on_white, pictures, rows_of
from sr_cli.errors import PictureError
from sr_cli.picture import (
    Header,
    Picture,
    check_size,
    encode,
    format_named,
    open_sink,
    read,
)
from sr_cli.picture.encoders import netpbm, png, tiff

RNG = np.random.default_rng(5)
RGB = RNG.integers(0, 256, (150, 40, 3), dtype=np.uint8)


@pytest.fixture(autouse=True, scope="module")
def many_blocks() -> Iterator[None]:
    """Let even small pictures consist of many blocks and strips."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "_BLOCK_BYTES", 500)
        patch.setattr(tiff, "_STRIP_BYTES", 300)
        patch.setattr(netpbm, "_BLOCK_BYTES", 500)
        yield


def in_bands(rows: np.ndarray, heights: list[int]) -> Iterator[np.ndarray]:
    """Cut rows into bands of these heights, over and over."""
    top = turn = 0
    while top < len(rows):
        height = heights[turn % len(heights)]
        yield rows[top : top + height]
        top, turn = top + height, turn + 1


class TestBands:
    @settings(max_examples=12, deadline=None)
    @given(st.data(), st.lists(st.integers(0, 70), min_size=1, max_size=4).filter(any))
    @pytest.mark.parametrize("name", NAMES)
    def test_their_heights_leave_no_trace(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        name: str,
        data: st.DataObject,
        heights: list[int],
    ) -> None:
        picture = data.draw(pictures(format_named(name)))
        path = tmp_path_factory.mktemp("bands") / "out"
        with open_sink(path, picture.header, format=name) as sink:
            for band in in_bands(rows_of(picture), heights):
                sink.write(band)
        assert path.read_bytes() == encode(picture, name)
        assert list(path.parent.iterdir()) == [path]

    @settings(max_examples=40, deadline=None)
    @given(pictures(format_named("jpg")), st.sampled_from([None, 20, 100]))
    def test_a_jpeg_has_the_pixels_of_one_encoded_at_once(
        self, picture: Picture, quality: int | None
    ) -> None:
        seen = on_white(picture)
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[seen.shape[2]]
        im = Image.frombytes(mode, seen.shape[1::-1], seen.tobytes())
        stream = io.BytesIO()
        im.save(stream, "JPEG", quality=quality or 95, subsampling=0)
        once = np.asarray(Image.open(stream))
        found = Image.open(io.BytesIO(encode(picture, "jpg", quality)))
        assert found.mode == mode
        assert np.array_equal(np.asarray(found), once)

    @settings(max_examples=40, deadline=None)
    @given(st.data(), st.sampled_from(["png", "tif", "ppm"]))
    def test_lossless_formats_are_read_the_same_elsewhere(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str
    ) -> None:
        from OpenImageIO import ImageInput, ImageSpec

        picture = data.draw(pictures(format_named(name)))
        path = tmp_path_factory.mktemp("elsewhere") / f"a.{name}"
        path.write_bytes(encode(picture, name))
        config = ImageSpec()
        config.attribute("oiio:UnassociatedAlpha", 1)
        config.attribute("oiio:RawColor", 1)
        file = ImageInput.open(str(path), config)
        assert file is not None
        expected = on_white(picture) if name == "ppm" else rows_of(picture)
        assert str(file.spec().format) == str(expected.dtype)
        assert np.array_equal(file.read_image(str(expected.dtype)), expected)
        file.close()

    @pytest.mark.parametrize("alpha", [False, True])
    def test_a_bigtiff_of_many_strips(
        self, monkeypatch: pytest.MonkeyPatch, alpha: bool
    ) -> None:
        tifffile = pytest.importorskip("tifffile")
        monkeypatch.setattr(tiff, "_CLASSIC_MAX_BYTES", 1000)
        picture = Picture(RGB, RGB[:, :, 0] if alpha else None)
        data = encode(picture, "tiff")
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            assert file.is_bigtiff
            assert len(file.pages[0].dataoffsets) > 50
            assert np.array_equal(file.asarray(), rows_of(picture))

    def test_a_png_is_no_larger_than_pillows(self) -> None:
        y, x = np.mgrid[:300, :400] / 50
        waves = np.stack([np.sin(x * k + y) for k in (1, 2, 3)], axis=2)
        noise = RNG.normal(0, 0.02, waves.shape)
        photo = ((waves + noise).clip(-1, 1) * 127 + 128).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(photo).save(stream, "PNG", compress_level=1)
        assert len(encode(Picture(photo), "png")) < 1.1 * len(stream.getvalue())


class TestMistakes:
    @pytest.mark.parametrize(
        ("rows", "sentence"),
        [
            (RGB[:-1], "1 rows are missing"),
            (np.concatenate([RGB, RGB[:2]]), "152 rows, but only 150 are missing"),
            (RGB[:, :-1], "rows must be uint8"),
            (RGB[:, :, :1], "rows must be uint8"),
            (RGB.astype(np.uint16), "rows must be uint8"),
            (RGB.astype(np.float32), "rows must be uint8"),
        ],
    )
    @pytest.mark.parametrize("name", NAMES)
    def test_wrong_rows_leave_no_file(
        self, tmp_path: Path, rows: np.ndarray, sentence: str, name: str
    ) -> None:
        with (
            pytest.raises(ValueError, match=sentence),
            open_sink(tmp_path / "out", Header(150, 40, 3), format=name) as sink,
        ):
            sink.write(rows)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("quality", [0, 101])
    def test_impossible_quality(self, tmp_path: Path, quality: int) -> None:
        with (
            pytest.raises(PictureError, match="from 1 to 100"),
            open_sink(tmp_path / "a.jpg", Header(8, 8, 3), quality=quality),
        ):
            pytest.fail("nothing may begin")
        assert list(tmp_path.iterdir()) == []


class TestSizes:
    def test_bmp_counts_its_bytes_in_32_bits(self, tmp_path: Path) -> None:
        check_size(30_000, 30_000, "bmp", 3)
        check_size(60_000, 60_000, "bmp", 1)
        with pytest.raises(PictureError, match="at most 1431 million pixels"):
            check_size(40_000, 40_000, "bmp", 3)
        with (
            pytest.raises(PictureError, match="Write PNG or TIFF instead"),
            open_sink(tmp_path / "a.bmp", Header(40_000, 40_000, 3)),
        ):
            pytest.fail("nothing may begin")

    @pytest.mark.parametrize(
        ("suffix", "needed"),
        [
            ("bmp", "150 MB"),
            ("png", "75 MB"),
            ("tif", "75 MB"),
            ("jpg", "18.8 MB"),
            ("webp", "18.8 MB"),
            ("gif", "37.5 MB"),
        ],
    )
    def test_too_little_room_is_told_before_any_work(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        suffix: str,
        needed: str,
    ) -> None:
        Usage = namedtuple("Usage", "total used free")
        disk = Usage(2**40, 2**40 - 10**7, 10**7)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
        path = tmp_path / f"a.{suffix}"
        with (
            pytest.raises(PictureError) as caught,
            open_sink(path, Header(10_000, 5000, 3)),
        ):
            pytest.fail("nothing may begin")
        assert str(caught.value) == (
            f"Cannot write {path}: it takes about {needed}, but 10 MB are free. "
            "Make room, or choose another folder."
        )
        assert list(tmp_path.iterdir()) == []
        with open_sink(path, Header(2, 2, 3)) as sink:
            sink.write(RGB[:2, :2])
        assert path.exists()

    def test_a_disk_that_cannot_tell_is_tried(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: Path) -> None:
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(shutil, "disk_usage", fail)
        with open_sink(tmp_path / "a.png", Picture(RGB).header) as sink:
            sink.write(RGB)
        assert np.array_equal(read(tmp_path / "a.png").pixels, RGB)


def run(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from sr_cli.errors import PictureError
from sr_cli.picture import Header, open_sink

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
noise = np.random.default_rng(0).integers(0, 256, (100, 700, 3), np.uint8)
try:
    with open_sink(Path(sys.argv[1]), Header(700, 700, 3), overwrite=True) as sink:
        for _ in range(7):
            sink.write(noise)
except PictureError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit here")
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp", "jxl"])
def test_a_disk_that_takes_no_more(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out.{suffix}"
    target.write_text("precious")
    said = run(FULL_DISK, target)
    assert said.startswith(f"Cannot write {target}: ")
    assert said.count("\n") == 1
    if suffix != "jxl":  # whose library says it in its own words
        assert "file too large. Choose another folder or name." in said
    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


# Not ru_maxrss: that begins with what the parent process had.
PEAK = """
import re
from pathlib import Path
def peak_mb():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1000
"""

LARGE = (
    PEAK
    + """
import sys
import numpy as np
from sr_cli.picture import Header, open_sink

ramp = np.add.outer(np.arange(100), np.arange(20_000) // 80)
band = np.repeat((ramp % 256).astype(np.uint8)[:, :, None], int(sys.argv[2]), axis=2)
before = peak_mb()
with open_sink(Path(sys.argv[1]), Header(6_000, 20_000, band.shape[2])) as sink:
    for _ in range(60):
        sink.write(band)
print(peak_mb() - before)
"""
)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells")
@pytest.mark.parametrize(
    ("suffix", "channels"), [("png", 1), ("png", 3), ("tif", 1), ("jpg", 1)]
)
def test_memory_stays_flat(tmp_path: Path, suffix: str, channels: int) -> None:
    path = tmp_path / f"large.{suffix}"
    # 120 or 360 MB of pixels go through.
    assert int(run(LARGE, path, channels)) < 60
    with path.open("rb") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        assert Image.open(stream).size == (20_000, 6_000)
