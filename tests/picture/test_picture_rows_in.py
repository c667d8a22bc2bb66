"""Rows pulled from a file: what `read` gives, whichever library decodes."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from picture_files import PALETTE, chunk, png, saved, tiff
from sr_cli.errors import PictureError
from sr_cli.picture import (
    Header,
    Picture,
    PictureSource,
    Source,
    encode,
    open_sink,
    open_source,
    read,
)
from sr_cli.picture.source import BandSource

RNG = np.random.default_rng(6)
Y, X = np.mgrid[:150, :90] / 20
WAVES = np.stack([np.sin(X * k + Y) for k in (1, 2, 3)], axis=2)
PHOTO = (WAVES * 110 + 128 + RNG.normal(0, 5, WAVES.shape)).clip(0, 255)
RGB = PHOTO.astype(np.uint8)
GRAY = RGB[:, :, 0]
ALPHA = RNG.integers(0, 256, GRAY.shape, dtype=np.uint8)
DEEP = RGB.astype(np.uint16) * 250 + RNG.integers(0, 250, RGB.shape, dtype=np.uint16)


@pytest.fixture(autouse=True, scope="module")
def even_small_files() -> Iterator[None]:
    """Stream what would be read whole for being small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sr_cli.picture.source._MIN_PIXELS", 0)
        yield


def exif(orientation: int = 1) -> bytes:
    facts = Image.Exif()
    facts[ExifTags.Base.Make] = "Maker"
    facts[ExifTags.Base.Orientation] = orientation
    return facts.tobytes()


def drained(source: Source, heights: list[int]) -> np.ndarray:
    """Read everything in bands of these heights, over and over, and one time more."""
    bands = []
    turn, left = 0, source.header.height
    while left:
        height = heights[turn % len(heights)]
        band = source.read(height)
        assert len(band) == min(height, left)
        bands.append(band)
        left -= len(band)
        turn += 1
    assert source.read(1).shape == (0, *bands[0].shape[1:])
    return np.concatenate(bands)


def assert_as_read(path: Path, kind: type, heights: list[int]) -> None:
    picture = read(path)
    with open_source(path) as source:
        assert type(source) is kind
        assert source.header == picture.header
        assert np.array_equal(drained(source, heights), rows_of(picture))


def rows_of(picture: Picture) -> np.ndarray:
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])


ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FACTS = {"exif": exif(), "icc_profile": ICC, "dpi": (300, 150)}

STREAMED: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(RGB, "JPEG", **FACTS),
    "jpeg 4:4:4": lambda: saved(RGB, "JPEG", subsampling=0),
    "jpeg 4:2:2": lambda: saved(RGB, "JPEG", subsampling=1),
    "jpeg 4:1:1": lambda: saved(RGB, "JPEG", subsampling="4:1:1"),
    "jpeg rgb": lambda: saved(RGB, "JPEG", keep_rgb=True),
    "jpeg progressive": lambda: saved(RGB, "JPEG", progressive=True),
    "jpeg gray": lambda: saved(GRAY, "JPEG"),
    "jpeg restarts": lambda: encode(Picture(RGB), "jpg"),
    "jpeg with a preview": lambda: saved(
        RGB, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]
    ),
    "png": lambda: saved(RGB, "PNG", **FACTS),
    "png gray": lambda: saved(GRAY, "PNG"),
    "png alpha": lambda: saved(np.dstack([RGB, ALPHA]), "PNG"),
    "png gray alpha": lambda: saved(np.dstack([GRAY, ALPHA]), "PNG"),
    "png with text behind": lambda: png(RGB, 8, after=chunk(b"tEXt", b"date\0now")),
    "png 16-bit": lambda: png(DEEP, 16, filters=(4, 1, 3)),
    "png 16-bit alpha": lambda: png(np.dstack([DEEP, DEEP[:, :, 0]]), 16),
    "png 16-bit gray": lambda: png(DEEP[:, :, :1], 16, filters=(2,)),
    "png 1-bit": lambda: saved(GRAY > 99, "PNG"),
    "png palette": lambda: png(
        GRAY[:, :, None] % 16,
        4,
        colour=PALETTE,
        before=chunk(b"PLTE", bytes(range(48))) + chunk(b"tRNS", b"\0\x80"),
    ),
    "png transparent colour": lambda: saved(RGB, "PNG", transparency=(1, 2, 3)),
    "png transparent gray": lambda: saved(GRAY, "PNG", transparency=7),
    "png animated": lambda: saved(
        RGB, "PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)]
    ),
    "ppm": lambda: saved(RGB, "PPM"),
    "tiff": lambda: saved(RGB, "TIFF", **FACTS),
    "tiff lzw": lambda: saved(RGB, "TIFF", compression="tiff_lzw"),
    "tiff own": lambda: encode(Picture(RGB, ALPHA, exif=exif(), icc=ICC), "tiff"),
    "tiff jpeg": lambda: saved(RGB, "TIFF", compression="jpeg"),
    "tiff one strip": lambda: tiff(
        RGB, rowsperstrip=150, compression="zlib", predictor=True
    ),
    "tiff tiles": lambda: tiff(RGB, tile=(32, 48)),
    "tiff gray tiles": lambda: tiff(GRAY, tile=(64, 16), compression="zlib"),
    "tiff white is 0": lambda: tiff(GRAY, photometric="miniswhite"),
    "tiff big-endian": lambda: tiff(RGB, byteorder=">"),
    "tiff big": lambda: tiff(RGB, bigtiff=True),
    "tiff pages": lambda: tiff(np.stack([RGB, RGB])),
    "tiff 16-bit": lambda: tiff(DEEP, compression="zlib", rowsperstrip=20),
    "tiff planes": lambda: tiff(
        np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate"
    ),
    "tiff premultiplied": lambda: tiff(
        np.dstack([RGB, ALPHA]), extrasamples=["assocalpha"]
    ),
    "tiff a fourth channel": lambda: tiff(
        np.dstack([RGB, ALPHA]), extrasamples=["unspecified"]
    ),
    "tiff cmyk": lambda: tiff(np.dstack([RGB, GRAY]), photometric="separated"),
}


class TestStreamed:
    @pytest.mark.parametrize("kind", STREAMED)
    def test_as_read(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "a b?c=%04d #ü画"
        path.write_bytes(STREAMED[kind]())
        for heights in ([1], [64], [7, 0, 40], [1000]):
            assert_as_read(path, BandSource, heights)

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".exr"])
    def test_content_not_suffix_decides(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(saved(RGB, "PNG"))
        assert_as_read(path, BandSource, [50])

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.integers(0, 200), min_size=1, max_size=5).filter(any),
        st.sampled_from(["png alpha", "tiff tiles", "tiff own", "jpeg"]),
    )
    def test_in_any_bands(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        heights: list[int],
        kind: str,
    ) -> None:
        path = tmp_path_factory.mktemp("in") / "a"
        path.write_bytes(STREAMED[kind]())
        assert_as_read(path, BandSource, heights)


def interlaced() -> bytes:
    return png(RGB, 8, interlaced=True)


WHOLE: dict[str, Callable[[], bytes]] = {
    "turned jpeg": lambda: saved(RGB, "JPEG", exif=exif(6)),
    "turned png": lambda: saved(RGB, "PNG", exif=exif(3)),
    "turned tiff": lambda: saved(RGB, "TIFF", exif=exif(8)),
    "late exif": lambda: png(RGB, 8, after=chunk(b"eXIf", exif(6)[6:])),
    "interlaced": interlaced,
    "cmyk jpeg": lambda: saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
    "gif": lambda: saved(GRAY, "GIF"),
    "webp": lambda: saved(RGB, "WEBP", lossless=True),
    "bmp": lambda: saved(RGB, "BMP"),
    "jpeg 2000": lambda: saved(RGB, "JPEG2000"),
    "numbers in words": lambda: b"P2 2 2 9\n1 2 3 4",
}


class TestWhole:
    @pytest.mark.parametrize("kind", WHOLE)
    def test_as_read(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "a"
        path.write_bytes(WHOLE[kind]())
        for heights in ([1], [40, 7]):
            assert_as_read(path, PictureSource, heights)

    def test_small_files_load_no_other_library(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        path.write_bytes(saved(RGB, "JPEG"))
        code = (
            "import sys, pathlib\n"
            "from sr_cli.picture import open_source\n"
            "with open_source(pathlib.Path(sys.argv[1])) as source:\n"
            "    source.read(1)\n"
            "assert 'OpenImageIO' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_pipe(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        data = saved(RGB, "PNG")
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        with open_source(pipe) as source:
            assert np.array_equal(drained(source, [60]), RGB)
        writer.join()

    def test_of_a_picture_in_memory(self) -> None:
        source = PictureSource(Picture(RGB, ALPHA, dpi=(1, 2)))
        assert source.header == Header(150, 90, 3, alpha=True, dpi=(1, 2))
        assert np.array_equal(drained(source, [8, 9]), np.dstack([RGB, ALPHA]))


def refused(path: Path) -> str | None:
    try:
        with open_source(path) as source:
            drained(source, [64])
    except PictureError as error:
        return str(error)
    return None


class TestDamage:
    @pytest.mark.parametrize("kind", STREAMED)
    def test_truncated_files_are_refused_as_by_read(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
    ) -> None:
        data = STREAMED[kind]()
        path = tmp_path / "a"
        for kept in (20, len(data) // 4, len(data) // 2, *(-100, -13, -3, -1)):
            path.write_bytes(data[:kept])
            try:
                read(path)
                expected = None  # such as of a preview, which nobody looks at
            except PictureError as error:
                expected = str(error)
            assert refused(path) == expected
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        "kind",
        ["jpeg", "jpeg progressive", "png alpha", "png 16-bit", "tiff own", "tiff lzw"],
    )
    def test_what_read_accepts_is_accepted_and_nothing_else(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
    ) -> None:
        whole = STREAMED[kind]()
        generator = np.random.default_rng(7)
        path = tmp_path / "a"
        accepted = 0
        for _ in range(40):
            data = np.frombuffer(whole, np.uint8).copy()
            places = generator.integers(0, len(data), 3)
            data[places] = generator.integers(0, 256, 3)
            path.write_bytes(data.tobytes())
            try:
                picture = read(path)
            except PictureError as error:
                reason = str(error)
            else:
                with open_source(path) as source:
                    assert source.header == picture.header
                    assert np.array_equal(drained(source, [64]), rows_of(picture))
                reason = None
                accepted += 1
            assert refused(path) == reason
        assert accepted < 40
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda _: None, "there is no such file"),
            (lambda path: path.mkdir(), "it is a folder"),
            (lambda path: path.touch(), "the file is empty"),
            (lambda path: path.write_text("words"), "not a picture in a known format"),
        ],
    )
    def test_what_is_no_picture(
        self, tmp_path: Path, make: Callable[[Path], object], reason: str
    ) -> None:
        make(tmp_path / "a")
        assert reason in (refused(tmp_path / "a") or "")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
    def test_a_file_damaged_while_it_is_read(self, tmp_path: Path, kind: str) -> None:
        noise = RNG.integers(0, 256, (900, 500, 3), dtype=np.uint8)
        path = tmp_path / "a"
        path.write_bytes(saved(noise, kind))

        def copy() -> None:
            with (
                open_source(path) as source,
                open_sink(tmp_path / "out.png", source.header) as sink,
            ):
                sink.write(source.read(300))
                with path.open("r+b") as stream:
                    stream.truncate(path.stat().st_size * 2 // 3)
                while len(rows := source.read(300)):
                    sink.write(rows)

        with pytest.raises(PictureError, match=f"Cannot read {path}: the file is"):
            copy()
        assert list(tmp_path.iterdir()) == [path]


# Not ru_maxrss: that begins with what the parent process had.
LARGE = """
import re, sys
from pathlib import Path
from sr_cli.picture import open_source

def peak_mb():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1000

before = peak_mb()
with open_source(Path(sys.argv[1])) as source:
    while len(source.read(100)):
        pass
print(peak_mb() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells")
@pytest.mark.parametrize(("suffix", "most"), [("jpg", 70), ("png", 25), ("tif", 25)])
def test_memory_stays_flat(tmp_path: Path, suffix: str, most: int) -> None:
    path = tmp_path / f"large.{suffix}"
    band = np.tile(RGB, (1, 50, 1))  # 4500 wide
    with open_sink(path, Header(2400, 4500, 3)) as sink:
        for _ in range(16):
            sink.write(band)
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    # Read whole: 100, 42 and 36.  Of a JPEG's, 40 are the library.
    assert int(done.stdout) < most
