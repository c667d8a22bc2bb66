"""Every kind of picture in every format, as other programs read it."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_pictures import every_kind, noise, on_white, rows_of, waves
from sr_cli.errors import PictureError
from sr_cli.picture import (
    FORMATS,
    Header,
    Picture,
    check_size,
    check_target,
    encode,
    format_named,
    open_sink,
)

LOSSLESS = {"PNG", "TIFF", "JPEG2000", "BMP", "PPM", "TGA", "ICO"}
KINDS = every_kind()
BY_OPENIMAGEIO = {"PNG", "TIFF", "PPM", "JXL"}


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as im:
        mode = im.mode
        if mode == "P":
            mode = "RGBA" if im.has_transparency_data else "RGB"
        array = np.asarray(im.convert(mode))
    return array.reshape(*array.shape[:2], -1)


def by_openimageio(data: bytes, suffix: str, folder: Path) -> np.ndarray:
    from OpenImageIO import ImageInput, ImageSpec

    path = folder / f"read{suffix}"
    path.write_bytes(data)
    config = ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    config.attribute("oiio:RawColor", 1)
    file = ImageInput.open(str(path), config)
    assert file is not None
    array = np.asarray(file.read_image(str(file.spec().format)))
    file.close()
    return array


def by_openjpeg(data: bytes) -> np.ndarray:
    import imagecodecs

    array = np.asarray(imagecodecs.jpeg2k_decode(data))
    return array.reshape(*array.shape[:2], -1)


def by_libheif(data: bytes) -> np.ndarray:
    import pillow_heif

    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    array = np.asarray(file)
    return array.reshape(*array.shape[:2], -1)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[[bytes, str], np.ndarray]:
    """Decode by a library that had no part in srup's writing of the format."""

    def decode(data: bytes, name: str) -> np.ndarray:
        if name in BY_OPENIMAGEIO:
            return by_openimageio(data, format_named(name).suffixes[0], tmp_path)
        special = {"JPEG2000": by_openjpeg, "HEIC": by_libheif}
        return special.get(name, by_pillow)(data)

    return decode


@pytest.mark.parametrize(("name", "channels", "alpha", "depth"), KINDS)
def test_pixels_are_read_the_same_elsewhere(
    elsewhere: Callable[[bytes, str], np.ndarray],
    name: str,
    channels: int,
    alpha: bool,
    depth: int,
) -> None:
    row = format_named(name)
    make = noise if name in LOSSLESS else waves
    picture = make(channels, alpha, depth, (44, 52))
    found = elsewhere(encode(picture, name), name)
    expected = rows_of(picture) if row.alpha else on_white(picture)
    assert found.dtype == expected.dtype
    if name in LOSSLESS and found.shape == expected.shape:
        assert np.array_equal(found, expected)
        return
    if channels == 1 and found.shape[2] >= 3:
        gray = expected[:, :, :1].repeat(3, axis=2)
        expected = np.concatenate([gray, expected[:, :, 1:]], axis=2)
    if name == "GIF":
        if found.shape[2] == 4:
            shown = found[:, :, 3] > 0
            if alpha:
                assert np.array_equal(shown, picture.alpha >= 128)
            found, expected = found[shown, :3], expected[shown, :3]
        expected = expected[..., :3]
    assert found.shape == expected.shape
    error = (found.astype(float) - expected) / np.iinfo(found.dtype).max * 255
    assert np.sqrt(np.mean(error**2)) < (0.01 if name in LOSSLESS else 8)
    assert np.abs(error.mean(axis=tuple(range(error.ndim - 1)))).max() < 1


@pytest.mark.parametrize("name", ["JXL", "WEBP"])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_quality_of_100_loses_nothing(
    elsewhere: Callable[[bytes, str], np.ndarray], name: str, alpha: bool
) -> None:
    for depth in {8, format_named(name).depth}:
        picture = noise(3, alpha, depth, (40, 31))
        found = elsewhere(encode(picture, name, 100), name)
        assert np.array_equal(found, rows_of(picture))


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "AVIF", "HEIC", "JXL"])
def test_quality_is_obeyed(name: str) -> None:
    if name == "HEIC":
        pytest.importorskip("pillow_heif")
    picture = waves(3, False, 8)
    picture = Picture(picture.pixels // 2 + noise(3, False, 8, (44, 52)).pixels // 4)
    sizes = [len(encode(picture, name, quality)) for quality in (10, 60, 95)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("name", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_16_bits_are_not_8_in_disguise(
    elsewhere: Callable[[bytes, str], np.ndarray], name: str
) -> None:
    ramp = np.arange(2**16, dtype=np.uint16).reshape(256, 256, 1)
    found = elsewhere(encode(Picture(ramp), name), name)
    assert np.array_equal(found, ramp)


def test_heic_keeps_10_of_16_bits() -> None:
    pytest.importorskip("pillow_heif")
    ramp = np.linspace(0, 65_535, 64 * 64).astype(np.uint16).reshape(64, 64, 1)
    found = by_libheif(encode(Picture(ramp), "heic", 95)).astype(int)
    assert len(np.unique(found)) > 256
    assert np.abs(found - ramp).max() < 256


class TestCmyk:
    PAPER, CYAN, BLACK = (0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255)

    @pytest.fixture(params=["JPEG", "TIFF"])
    def im(self, request: pytest.FixtureRequest) -> Image.Image:
        inks = np.array([self.PAPER, self.CYAN, self.BLACK], np.uint8)
        pixels = inks.repeat(16, axis=0)[None].repeat(16, axis=0)
        return Image.open(io.BytesIO(encode(Picture(pixels), request.param)))

    def test_inks_are_inks(self, im: Image.Image) -> None:
        assert im.mode == "CMYK"
        seen = [im.getpixel((8 + 16 * place, 8)) for place in range(3)]
        expected = np.array([self.PAPER, self.CYAN, self.BLACK])
        assert np.abs(np.array(seen) - expected).max() <= 2

    def test_it_looks_right(self, im: Image.Image) -> None:
        rgb = im.convert("RGB")
        paper, cyan, black = (rgb.getpixel((8 + 16 * i, 8)) for i in range(3))
        assert min(paper) > 250
        assert cyan[0] < 10
        assert min(cyan[1:]) > 245
        assert max(black) < 10

    def test_jpeg_says_that_adobes_way_is_meant(self) -> None:
        data = encode(noise(4, False, 8, (9, 9)), "jpg")
        assert b"\xff\xee\x00\x0eAdobe" in data

    def test_tiff_says_what_its_samples_are(self) -> None:
        data = encode(noise(4, False, 16, (9, 9)), "tif")
        with Image.open(io.BytesIO(data)) as im:
            tags = im.tag_v2
        assert tags[262] == 5  # PhotometricInterpretation: separated
        assert tags[332] == 1  # InkSet: CMYK
        assert tags[258] == (16, 16, 16, 16)


class TestGif:
    def test_256_colours_are_kept(self) -> None:
        colours = np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        picture = Picture(colours)
        assert np.array_equal(by_pillow(encode(picture, "gif")), colours)

    def test_transparency_is_all_or_nothing(self) -> None:
        alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
        picture = Picture(np.full((16, 16, 3), 90, np.uint8), alpha)
        found = by_pillow(encode(picture, "gif"))
        assert np.array_equal(found[:, :, 3] == 255, alpha >= 128)
        assert set(np.unique(found[:, :, 3])) == {0, 255}


class TestSizes:
    @pytest.mark.parametrize(
        ("name", "side"),
        [("ico", 256), ("gif", 65_535), ("tga", 65_535), ("avif", 32_768)],
    )
    def test_longest_side(self, tmp_path: Path, name: str, side: int) -> None:
        longest = Picture(np.zeros((1, side, 3), np.uint8))
        with Image.open(io.BytesIO(encode(longest, name))) as im:
            assert im.size == (side, 1)
        with (
            pytest.raises(PictureError, match=f"a side holds at most {side}.*PNG"),
            open_sink(tmp_path / f"a.{name}", Header(side + 1, 1, 3)),
        ):
            pytest.fail("nothing may begin")
        assert list(tmp_path.iterdir()) == []

    def test_avif_has_a_most_of_pixels(self) -> None:
        check_size(16_384, 16_384, "avif")
        with pytest.raises(PictureError, match="at most 268 million pixels"):
            check_size(16_385, 16_384, "avif")

    def test_icons_keep_their_shape(self) -> None:
        with Image.open(io.BytesIO(encode(noise(3, True, 8, (30, 50)), "ico"))) as im:
            assert im.info["sizes"] == {(50, 30)}


class TestWhatMainHasToDo:
    @pytest.mark.parametrize(
        ("header", "name"),
        [
            (Header(4, 4, 3, depth=16), "jpg"),
            (Header(4, 4, 4), "png"),
            (Header(4, 4, 4), "webp"),
        ],
    )
    def test_too_much_is_refused(
        self, tmp_path: Path, header: Header, name: str
    ) -> None:
        with (
            pytest.raises(PictureError, match="takes no"),
            open_sink(tmp_path / f"a.{name}", header),
        ):
            pytest.fail("nothing may begin")
        assert list(tmp_path.iterdir()) == []


class TestExtras:
    def test_what_is_not_installed_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        sentence = (
            "Cannot write HEIC: pillow-heif is not installed. "
            "Install it with: pip install 'srup[heic]'."
        )
        with pytest.raises(PictureError) as caught:
            check_target(tmp_path / "a.heic")
        assert str(caught.value) == sentence
        with pytest.raises(PictureError) as caught:
            encode(Picture(np.zeros((4, 4, 3), np.uint8)), "heif")
        assert str(caught.value) == sentence

    def test_suffixes_mean_one_format_each(self) -> None:
        suffixes = [suffix for row in FORMATS for suffix in row.suffixes]
        assert len(suffixes) == len(set(suffixes))
        assert all(suffix == suffix.lower() for suffix in suffixes)


@pytest.mark.skipif(sys.platform == "win32", reason="names are counted otherwise")
@pytest.mark.parametrize("letter", ["a", "é", "日"])
def test_names_of_255_bytes(tmp_path: Path, letter: str) -> None:
    room = 255 - len(".png")
    name = letter * (room // len(letter.encode()))
    path = tmp_path / f"{name.ljust(room - len(name.encode()) + len(name), '_')}.png"
    assert len(path.name.encode()) == 255
    with open_sink(path, Header(2, 2, 3)) as sink:
        sink.write(np.zeros((2, 2, 3), np.uint8))
    assert list(tmp_path.iterdir()) == [path]
