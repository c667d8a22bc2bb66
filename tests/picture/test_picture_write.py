"""What is written, where, and that it is whole or absent."""

import errno
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms

from made_pictures import NAMES
from sr_cli.errors import PictureError
from sr_cli.picture import (
    Picture,
    check_size,
    check_target,
    encode,
    open_sink,
    read,
    read_bytes,
    write,
)
from sr_cli.picture.encoders import tiff

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (12, 9, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (12, 9, 1), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (12, 9), dtype=np.uint8)


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    height, width = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    channels = draw(st.sampled_from([1, 3]))
    pixels = draw(arrays(np.uint8, (height, width, channels)))
    alpha = draw(st.none() | arrays(np.uint8, (height, width)))
    return Picture(pixels, alpha)


class TestRoundTrip:
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(pictures(), st.sampled_from(["PNG", "TIFF", "BMP", "WEBP"]))
    def test_lossless_formats_change_nothing(self, picture: Picture, name: str) -> None:
        again = read_bytes(encode(picture, name, quality=100), "test")
        if name == "BMP":
            picture = Picture(_on_white(picture))
        if name == "WEBP":
            shape = (*picture.pixels.shape[:2], 3)
            picture = Picture(np.broadcast_to(picture.pixels, shape), picture.alpha)
            # libwebp says itself whether any pixel needs the alpha channel.
            if again.alpha is None:
                assert picture.alpha is None or picture.alpha.min() == 255
                picture = Picture(picture.pixels)
        assert np.array_equal(again.pixels, picture.pixels)
        assert np.array_equal(again.alpha, picture.alpha)
        assert again.notes == ()

    @pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "BMP"])
    def test_gray_stays_gray(self, name: str) -> None:
        again = read_bytes(encode(Picture(GRAY), name), "test")
        assert again.pixels.shape == GRAY.shape

    def test_gray_webp_has_equal_channels(self) -> None:
        pixels = read_bytes(encode(Picture(GRAY), "webp"), "test").pixels
        assert np.ptp(pixels.astype(int), axis=2).max() <= 2

    def test_sizes_beyond_one_strip(self) -> None:
        pixels = RNG.integers(0, 256, (700, 301, 3), dtype=np.uint8)
        alpha = RNG.integers(0, 256, (700, 301), dtype=np.uint8)
        again = read_bytes(encode(Picture(pixels, alpha), "tiff"), "test")
        assert np.array_equal(again.pixels, pixels)
        assert np.array_equal(again.alpha, alpha)

    @pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_profile_is_kept_to_the_byte(self, name: str) -> None:
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert read_bytes(encode(Picture(RGB, icc=icc), name), "test").icc == icc

    @pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP", "TIFF"])
    def test_resolution_is_kept(self, name: str) -> None:
        data = encode(Picture(RGB, dpi=(300, 150)), name)
        assert read_bytes(data, "test").dpi == (300, 150)


def _on_white(picture: Picture) -> np.ndarray:
    if picture.alpha is None:
        return picture.pixels
    share = picture.alpha[:, :, None] / 255
    return np.rint(picture.pixels * share + 255 * (1 - share)).astype(np.uint8)


class TestEncoders:
    def test_jpeg_keeps_all_its_colour(self) -> None:
        with Image.open(io.BytesIO(encode(Picture(RGB), "jpg"))) as im:
            assert [layer[1:3] for layer in im.layer] == [(1, 1)] * 3

    @pytest.mark.parametrize("name", ["JPEG", "WEBP"])
    def test_quality_is_obeyed(self, name: str) -> None:
        sizes = [len(encode(Picture(RGB), name, quality)) for quality in (10, 60, 99)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2]

    @pytest.mark.parametrize("quality", [0, 101, -1])
    @pytest.mark.parametrize("name", ["JPEG", "PNG"])
    def test_impossible_quality(self, name: str, quality: int) -> None:
        with pytest.raises(PictureError, match="Choose one from 1 to 100"):
            encode(Picture(RGB), name, quality)

    def test_transparency_in_jpeg_becomes_white(self) -> None:
        picture = Picture(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8))
        assert read_bytes(encode(picture, "JPEG"), "test").pixels.min() == 255

    def test_tiff_is_read_the_same_elsewhere(self) -> None:
        tifffile = pytest.importorskip("tifffile")
        stream = io.BytesIO(encode(Picture(RGB, ALPHA), "TIFF"))
        assert np.array_equal(tifffile.imread(stream), np.dstack([RGB, ALPHA]))

    def test_a_tiff_over_4_gb_is_a_bigtiff(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
        exif[0x8769] = exif.get_ifd(0x8769)
        pixels = RNG.integers(0, 256, (700, 301, 3), dtype=np.uint8)
        monkeypatch.setattr(tiff, "_CLASSIC_MAX_BYTES", 1000)
        data = encode(Picture(pixels, exif=exif.tobytes(), dpi=(72, 72)), "TIFF")
        assert data[:4] == b"II+\0"
        again = read_bytes(data, "test")
        assert np.array_equal(again.pixels, pixels)
        assert again.exif is not None
        assert b"2024:05:06" in again.exif

    def test_faults_become_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            msg = "encoder error -2"
            raise OSError(msg)

        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(PictureError, match="Cannot encode BMP: encoder error -2"):
            encode(Picture(RGB), "bmp")


class TestTargets:
    @pytest.mark.parametrize(
        ("name", "row"),
        [
            ("a.jpg", "JPEG"),
            ("a.JPEG", "JPEG"),
            ("a.tif", "TIFF"),
            ("a.b.webp", "WEBP"),
        ],
    )
    def test_suffix_decides(self, tmp_path: Path, name: str, row: str) -> None:
        assert check_target(tmp_path / name).name == row

    def test_named_format_wins(self, tmp_path: Path) -> None:
        assert check_target(tmp_path / "a.jpg", "png").name == "PNG"
        write(Picture(RGB), tmp_path / "bare", format=".Png")
        assert np.array_equal(read(tmp_path / "bare").pixels, RGB)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("a.psd", r"\.psd means no format"), ("a", "it has no suffix")],
    )
    def test_unknown_suffix(self, tmp_path: Path, name: str, reason: str) -> None:
        pattern = rf"{reason}.*\.jpg, \.png, \.webp, \.tif, .* or \.ico"
        with pytest.raises(PictureError, match=pattern):
            check_target(tmp_path / name)

    def test_unknown_format(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError, match="'psd'"):
            check_target(tmp_path / "a.png", "psd")

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError, match=r"there is no folder .*gone\."):
            check_target(tmp_path / "gone" / "a.png")

    def test_a_file_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(PictureError, match="there is no folder"):
            check_target(tmp_path / "file" / "a.png")

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").mkdir()
        with pytest.raises(PictureError, match="it is a folder"):
            check_target(tmp_path / "a.png", overwrite=True)

    def test_name_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(PictureError, match="name too long"):
            check_target(tmp_path / ("a" * 300 + ".png"))

    @pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices here")
    def test_devices_are_not_replaced(self) -> None:
        with pytest.raises(PictureError, match="device or a pipe"):
            check_target(Path("/dev/null"), "png", overwrite=True)

    def test_folder_that_takes_no_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Not by chmod, which does not stop root.
        monkeypatch.setattr(os, "access", lambda *_: False)
        with pytest.raises(PictureError, match="takes no new files"):
            check_target(tmp_path / "a.png")

    @pytest.mark.parametrize(
        ("name", "side"), [("jpg", 65_500), ("webp", 16_383)], ids=["jpg", "webp"]
    )
    def test_longest_side(self, tmp_path: Path, name: str, side: int) -> None:
        check_size(1, side, name)
        encode(Picture(np.zeros((1, side, 3), np.uint8)), name)
        with pytest.raises(PictureError, match=r"Write PNG or TIFF instead"):
            check_size(side + 1, 1, name)
        too_long = Picture(np.zeros((1, side + 1, 3), np.uint8))
        with pytest.raises(PictureError, match=f"at most {side}"):
            encode(too_long, name)
        with pytest.raises(PictureError, match=f"at most {side}"):
            write(too_long, tmp_path / f"a.{name}")
        check_size(side + 1, side + 1, "png")


class TestWholeOrAbsent:
    @pytest.fixture
    def target(self, tmp_path: Path) -> Path:
        return tmp_path / "out.png"

    def test_writes(self, target: Path) -> None:
        write(Picture(RGB), target)
        assert np.array_equal(read(target).pixels, RGB)
        assert list(target.parent.iterdir()) == [target]

    @pytest.mark.parametrize("name", NAMES)
    def test_same_bytes_as_encode(self, tmp_path: Path, name: str) -> None:
        write(Picture(RGB, ALPHA), tmp_path / "a", format=name)
        assert (tmp_path / "a").read_bytes() == encode(Picture(RGB, ALPHA), name)

    def test_existing_files_are_kept(self, target: Path) -> None:
        target.write_text("precious")
        with pytest.raises(PictureError, match="it already exists"):
            write(Picture(RGB), target)
        assert target.read_text() == "precious"

    def test_unless_overwriting(self, target: Path) -> None:
        target.write_text("old")
        write(Picture(RGB), target, overwrite=True)
        assert np.array_equal(read(target).pixels, RGB)

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "below").mkdir()
        link = tmp_path / "link.png"
        link.symlink_to("below/real.png")
        (tmp_path / "below" / "real.png").touch()
        write(Picture(RGB), link, overwrite=True)
        assert link.is_symlink()
        assert np.array_equal(read(tmp_path / "below" / "real.png").pixels, RGB)

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize(
        "fault", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full"), MemoryError()]
    )
    def test_a_fault_between_rows_leaves_nothing(
        self, target: Path, fault: BaseException, overwrite: bool
    ) -> None:
        if overwrite:
            target.write_text("precious")

        def write_half() -> None:
            with open_sink(target, Picture(RGB).header, overwrite=overwrite) as sink:
                sink.write(RGB[:4])
                assert list(target.parent.glob(".srup-*.part"))
                raise fault

        with pytest.raises(type(fault)) as caught:
            write_half()
        assert caught.value is fault
        if overwrite:
            assert target.read_text() == "precious"
        assert list(target.parent.iterdir()) == ([target] if overwrite else [])

    @pytest.mark.parametrize(
        ("fault", "sentence"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
            (OSError(errno.EROFS, "Read-only file system"), "read-only file system"),
            (OSError("encoder error -2"), r"the encoder stopped \(encoder error -2\)"),
            (ValueError("odd"), r"the encoder stopped \(odd\)"),
            (MemoryError(), "not enough memory"),
        ],
    )
    def test_faults_become_one_sentence(
        self,
        target: Path,
        monkeypatch: pytest.MonkeyPatch,
        fault: Exception,
        sentence: str,
    ) -> None:
        def fail(_: int) -> None:
            raise fault

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(PictureError, match=f"Cannot write .*{sentence}"):
            write(Picture(RGB), target)
        assert list(target.parent.iterdir()) == []

    @pytest.mark.parametrize("links", [True, False])
    def test_a_file_that_appears_meanwhile_is_kept(
        self, target: Path, monkeypatch: pytest.MonkeyPatch, links: bool
    ) -> None:
        if not links:
            monkeypatch.setattr(Path, "hardlink_to", _no_links)

        def write_slowly() -> None:
            with open_sink(target, Picture(RGB).header) as sink:
                sink.write(RGB)
                target.write_text("precious")

        with pytest.raises(PictureError, match="it already exists"):
            write_slowly()
        assert target.read_text() == "precious"
        assert list(target.parent.iterdir()) == [target]

    def test_without_hard_links(
        self, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
        write(Picture(RGB), target)
        assert np.array_equal(read(target).pixels, RGB)
        assert list(target.parent.iterdir()) == [target]

    def test_without_hard_links_nor_rename(
        self, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
        monkeypatch.setattr(Path, "replace", _no_links)
        with pytest.raises(PictureError, match="operation not permitted"):
            write(Picture(RGB), target)
        assert list(target.parent.iterdir()) == []

    @pytest.mark.skipif(sys.platform == "win32", reason="no umask here")
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_umask_decides_the_mode(self, target: Path, overwrite: bool) -> None:
        before = os.umask(0o027)
        try:
            write(Picture(RGB), target, overwrite=overwrite)
        finally:
            os.umask(before)
        assert target.stat().st_mode & 0o777 == 0o640


def _no_links(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")
