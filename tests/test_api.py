"""srup from Python: arrays, images and files, in any thread."""

import logging
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import sr_cli
from sr_cli import SrupError, Upscaler
from sr_cli.engines import EngineChoice
from sr_cli.errors import (
    ConfigError,
    DeviceError,
    ModelError,
    PictureError,
    WeightsError,
)
from sr_cli.picture import Picture, read
from sr_cli.upscale import Upscaler as Pipeline
from sr_cli.weights import load_model

ROOT = Path(__file__).parent.parent
RANDOM = np.random.default_rng(7)


@pytest.fixture(scope="module")
def upscaler(tiny_weights):
    # The others get ready anew for every size.
    return Upscaler(tiny_weights, device="cpu", engine="onnxruntime")


@pytest.fixture(scope="module")
def pipeline(tiny_weights):
    choice = EngineChoice("onnxruntime", "cpu")
    return Pipeline(load_model(str(tiny_weights)).network, choice)


def photo(height: int = 24, width: int = 31, channels: int = 3) -> np.ndarray:
    shade = np.linspace(20, 200, width)[None, :, None] * np.ones((height, 1, channels))
    noise = RANDOM.integers(0, 50, (height, width, channels))
    return (shade + noise).astype(np.uint8)


# -- the package


def loaded_by(code: str) -> set[str]:
    tell = "import sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_package_is_light_until_it_is_used():
    heavy = {"numpy", "PIL", "torch", "openvino", "onnxruntime"}
    assert not heavy & loaded_by("import sr_cli; dir(sr_cli); sr_cli.SrupError")
    assert "numpy" in loaded_by("from sr_cli import Upscaler")


def test_the_package_exports_what_it_says():
    assert set(sr_cli.__all__) <= set(dir(sr_cli))
    for name in sr_cli.__all__:
        assert getattr(sr_cli, name) is not None
    assert sr_cli.Upscaler.__module__ == "sr_cli.api"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sr_cli.nothing


def test_every_error_is_of_one_tree():
    errors = [getattr(sr_cli, name) for name in sr_cli.__all__ if "Error" in name]
    assert len(errors) == 8
    assert all(issubclass(error, SrupError) for error in errors)


# -- arrays


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1), (9, 8, 2), (9, 8, 3), (9, 8, 4)])
def test_an_array_comes_back_as_its_kind(upscaler, kind, shape):
    white = 1.0 if kind.startswith("f") else np.iinfo(np.dtype(kind)).max
    array = (RANDOM.random(shape) * white).astype(kind)
    before = array.copy()
    result = upscaler.upscale(array)
    wanted = np.float32 if kind.startswith("f") else np.dtype(kind).newbyteorder("=")
    assert result.dtype == wanted
    assert result.shape == (36, 32, *shape[2:])
    assert result.max() <= white
    assert result.flags.writeable
    np.testing.assert_array_equal(array, before)


@settings(deadline=None, max_examples=8)
@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(0, 9)
)
def test_bytes_are_what_the_pipeline_makes(
    upscaler, pipeline, height, width, channels, seed
):
    random = np.random.default_rng(seed)
    array = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    expected = pipeline.upscale(Picture(array)).pixels
    np.testing.assert_array_equal(upscaler.upscale(array), expected)


def test_alpha_is_the_last_channel(upscaler, pipeline):
    rgba = photo(channels=4)
    rgba[:8, :, 3], rgba[8:16, :, 3] = 0, 255
    result = upscaler.upscale(rgba)
    made = pipeline.upscale(Picture(rgba[:, :, :3], rgba[:, :, 3]))
    np.testing.assert_array_equal(result[:, :, :3], made.pixels)
    np.testing.assert_array_equal(result[:, :, 3], made.alpha)
    np.testing.assert_array_equal(upscaler.upscale(rgba[:, :, 2:])[:, :, 1], made.alpha)


def test_depth_is_kept(tiny_weights):
    """More bits in, the same picture out, finer."""
    exact = Upscaler(tiny_weights, device="cpu", precision="float32")
    low = photo()
    bytes_, deep = exact.upscale(low), exact.upscale(low.astype(np.uint16) * 257)
    floats = exact.upscale(low / 255)
    assert np.abs(bytes_ - deep / 257).max() < 0.51
    assert np.abs(floats - deep / 65_535).max() < 2e-5
    assert len(np.unique(floats)) > 256


def test_arrays_may_lie_any_way(upscaler):
    whole = photo(40, 50)
    view = whole[::-2, 1:40:3]
    view.setflags(write=False)
    expected = upscaler.upscale(view.copy())
    np.testing.assert_array_equal(upscaler.upscale(view), expected)
    fortran = np.asfortranarray(view)
    np.testing.assert_array_equal(upscaler.upscale(fortran), expected)


def test_floats_may_miss_black_and_white_by_rounding(upscaler):
    array = np.array([[0.0, 1.0]] * 2)
    beyond = array + np.array([[-1e-4, 1e-4]] * 2)
    np.testing.assert_array_equal(upscaler.upscale(beyond), upscaler.upscale(array))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 8, 9), np.uint8), r"shape \(3, 8, 9\)"),
        (np.zeros((8, 9, 0), np.uint8), "shape"),
        (np.zeros((0, 9, 3), np.uint8), "shape"),
        (np.zeros(9, np.uint8), "shape"),
        (np.zeros((1, 8, 9, 3), np.uint8), "shape"),
        (np.zeros((8, 9)), None),
        (np.full((8, 9), 200.0), "Floats from 200 to 200.*Let black be 0"),
        (np.full((8, 9), np.nan), "Floats from nan"),
        (np.full((8, 9), -np.inf), "Floats from -inf"),
        (np.zeros((8, 9), np.int64), "array of int64.*uint8, uint16, or floats"),
        (np.zeros((8, 9), bool), "array of bool"),
        (np.zeros((8, 9), np.complex64), "array of complex64"),
        ("photo.jpg", "str is no picture.*upscale_file"),
        (None, "NoneType is no picture"),
        ([[1, 2]], "list is no picture"),
    ],
)
def test_what_is_no_picture_is_refused(upscaler, array, message):
    if message is None:
        assert upscaler.upscale(array).shape == (32, 36)
        return
    with pytest.raises(PictureError, match=message):
        upscaler.upscale(array)


# -- sizes


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ({"scale": 2}, (48, 62)),
        ({"scale": 1.5}, (36, 47)),
        ({"scale": 6}, (144, 186)),
        ({"width": 62}, (48, 62)),
        ({"height": 12}, (12, 16)),
        ({"width": 50, "height": 70}, (70, 50)),
        ({"fit": (100, 48)}, (48, 62)),
        ({"ensemble": True}, (96, 124)),
        ({"faithful": True}, (96, 124)),
    ],
)
def test_any_size_can_be_had(upscaler, size, shape):
    assert upscaler.upscale(photo(), **size).shape == (*shape, 3)
    image = upscaler.upscale(Image.fromarray(photo()), **size)
    assert image.size == shape[::-1]


@pytest.mark.parametrize(
    "size",
    [
        {"scale": 2, "width": 50},
        {"scale": 0},
        {"scale": -1.5},
        {"scale": 65},
        {"scale": float("nan")},
        {"scale": "much"},
        {"width": 0},
        {"height": -3},
        {"fit": (0, 10)},
        {"width": 100_000},
    ],
)
def test_sizes_that_make_no_sense_are_refused(upscaler, size):
    with pytest.raises(ConfigError) as refusal:
        upscaler.upscale(photo(), **size)
    assert refusal.value.hint


def test_a_faithful_result_agrees_with_the_input(upscaler):
    low = photo(32, 32)
    plain = upscaler.upscale(low / 255)
    true = upscaler.upscale(low / 255, faithful=True)

    def miss(high: np.ndarray) -> float:
        small = high.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
        return float(np.abs(small - low / 255)[4:-4, 4:-4].mean())

    assert miss(true) < miss(plain) / 2


# -- images


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [
        *(("1", "L"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("RGB", "RGB")),
        *(("RGBA", "RGBA"), ("RGBX", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB")),
        *(("CMYK", "CMYK"), ("RGBa", "RGBA"), ("La", "LA"), ("PA", "RGBA")),
    ],
)
def test_an_image_of_any_mode_comes_back_as_an_image(upscaler, mode, becomes):
    whole = Image.fromarray(photo()).convert("RGBA")
    through = {"RGBa": "RGBA", "La": "LA", "PA": "P"}.get(mode, "RGB")
    image = whole.convert("RGB").convert(through).convert(mode)
    shown = image.convert(becomes)
    result = upscaler.upscale(image)
    assert (result.mode, result.size) == (becomes, (124, 96))
    expected = upscaler.upscale(np.asarray(shown))
    # Gray is enlarged as one channel, and four channels of an array are not CMYK.
    if mode not in ("1", "L", "CMYK"):
        assert np.abs(np.asarray(result).astype(int) - expected).max() <= 1


def test_transparent_colours_and_palettes_become_alpha(upscaler):
    image = Image.fromarray(photo()).convert("P")
    image.info["transparency"] = image.getpixel((0, 0))
    result = upscaler.upscale(image)
    assert result.mode == "RGBA"
    assert "transparency" not in result.info
    assert image.info["transparency"] is not None
    assert result.getpixel((0, 0))[3] == 0


def test_deep_gray_stays_deep(upscaler):
    deep = photo(channels=1)[:, :, 0].astype(np.uint16) * 251
    result = upscaler.upscale(Image.fromarray(deep))
    assert result.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(result), upscaler.upscale(deep))
    transparent = Image.fromarray(deep)
    transparent.info["transparency"] = int(deep[0, 0])
    assert upscaler.upscale(transparent).mode == "LA"


def test_floats_in_an_image_stay_floats(upscaler):
    values = photo(channels=1)[:, :, 0].astype(np.float32) / 255
    result = upscaler.upscale(Image.fromarray(values))
    assert result.mode == "F"
    np.testing.assert_array_equal(np.asarray(result), upscaler.upscale(values))


def test_what_an_image_carries_is_kept(upscaler, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[271], exif[274] = "A Maker", 6
    path = tmp_path / "photo.jpg"
    Image.fromarray(photo()).save(path, icc_profile=profile, exif=exif, dpi=(300, 300))
    with Image.open(path) as image:
        result = upscaler.upscale(image)
        assert result.info == image.info
    assert result.size == (124, 96)  # as it lies
    assert result.getexif()[271] == "A Maker"
    result.info["more"] = 1
    assert "more" not in image.info


@pytest.mark.parametrize("mode", ["I", "LAB"])
def test_modes_without_a_meaning_are_refused(upscaler, mode):
    with pytest.raises(PictureError, match=f"mode {mode} can't be upscaled"):
        upscaler.upscale(Image.new(mode, (8, 9)))


def test_a_damaged_image_is_refused(upscaler, tmp_path):
    path = tmp_path / "cut.jpg"
    Image.fromarray(photo(200, 200)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(PictureError, match="decoded"):
        upscaler.upscale(image)


# -- files


def test_a_file_becomes_a_larger_file(upscaler, small_photo, tmp_path):
    target = tmp_path / "large.png"
    outcome = upscaler.upscale_file(str(small_photo), target)
    assert (outcome.status, outcome.width, outcome.height) == ("done", 160, 120)
    found = read(target)
    expected = upscaler.upscale(read(small_photo).pixels)
    np.testing.assert_array_equal(found.pixels, expected)


def test_a_file_can_be_asked_for_in_any_size_and_format(
    upscaler, small_photo, tmp_path
):
    target = tmp_path / "large.bin"
    outcome = upscaler.upscale_file(
        small_photo, target, format="webp", quality=50, width=100, faithful=True
    )
    assert (outcome.width, outcome.height) == (100, 75)
    with Image.open(target) as image:
        assert (image.format, image.size) == ("WEBP", (100, 75))


def test_a_result_says_what_made_it_unless_told_not_to(tiny_weights, tmp_path):
    source = tmp_path / "small.png"
    Image.fromarray(photo()).save(source)
    mixed = Upscaler(tiny_weights)
    signed, plain = tmp_path / "signed.png", tmp_path / "plain.png"
    mixed.upscale_file(source, signed, scale=2)
    mixed.upscale_file(source, plain, tag=False)
    assert mixed.model.sha256.encode() in signed.read_bytes()
    assert b"--scale 2" in signed.read_bytes()
    assert mixed.model.sha256.encode() not in plain.read_bytes()


def test_a_file_is_replaced_only_on_demand(upscaler, small_photo, tmp_path):
    target = tmp_path / "large.png"
    target.write_bytes(b"precious")
    with pytest.raises(PictureError, match="exists"):
        upscaler.upscale_file(small_photo, target)
    assert target.read_bytes() == b"precious"
    upscaler.upscale_file(small_photo, target, overwrite=True)
    assert read(target).width == 160


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"format": "doc"}, PictureError),
        ({"quality": 0}, ConfigError),
        ({"quality": 101}, ConfigError),
        ({"page": 0}, ConfigError),
        ({"page": 2}, PictureError),
        ({"scale": 2, "fit": (3, 3)}, ConfigError),
    ],
)
def test_wishes_that_cannot_be_met_leave_nothing(
    upscaler, small_photo, tmp_path, wishes, error
):
    before = set(tmp_path.iterdir())
    with pytest.raises(error):
        upscaler.upscale_file(small_photo, tmp_path / "large.jpg", **wishes)
    assert set(tmp_path.iterdir()) == before


def test_a_missing_file_is_named(upscaler, tmp_path):
    with pytest.raises(PictureError, match=r"nothing\.png"):
        upscaler.upscale_file(tmp_path / "nothing.png", tmp_path / "out.png")


# -- the upscaler


def test_it_says_what_it_is(tiny_weights):
    upscaler = Upscaler(tiny_weights, device="cpu", precision="float32")
    assert upscaler.scale == 4
    assert (upscaler.model.id, upscaler.model.path) == ("tiny", tiny_weights)
    engine = upscaler.engine
    assert (engine.device, engine.precision) == ("cpu", "float32")
    assert repr(upscaler) == f"<Upscaler 'tiny', 4x: {engine.name} on cpu in float32>"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"model": "nothing"}, ModelError),
        ({"model": "nothing.safetensors"}, WeightsError),
        ({"device": "gpu"}, ConfigError),
        ({"engine": "ncnn"}, ConfigError),
        ({"precision": "int8"}, ConfigError),
        ({"tile": 8}, ConfigError),
        ({"overlap": -1}, ConfigError),
        ({"strength": 1.5}, ConfigError),
        ({"strength": float("nan")}, ConfigError),
        ({"engine": "onnxruntime", "precision": "float16"}, DeviceError),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, error):
    with pytest.raises(error) as refusal:
        Upscaler(**{"model": "espcn", "device": "cpu", **settings})
    assert refusal.value.hint


def test_strength_lies_between_two_models():
    low = photo(12, 12)
    faithful, half, crisp = (
        Upscaler("srgan", strength=strength, engine="onnxruntime").upscale(low / 255)
        for strength in (0.0, 0.5, 1.0)
    )
    plain = Upscaler("srresnet", engine="onnxruntime").upscale(low / 255)
    np.testing.assert_allclose(faithful, plain, atol=1e-4)
    assert np.abs(faithful - crisp).max() > 0.01
    assert np.abs(half - crisp).mean() < np.abs(faithful - crisp).mean()


def test_tiles_are_what_was_asked_for(tiny_weights):
    shown: list[tuple[int, int]] = []
    tiled = Upscaler(tiny_weights, tile=32, overlap=8)
    tiled.upscale(photo(60, 60), on_progress=lambda *counts: shown.append(counts))
    assert shown[-1] == (len(shown), len(shown))
    assert len(shown) >= 4


def test_several_threads_share_one(upscaler):
    arrays = [photo(24, 31, (1, 3, 4)[n % 3]) for n in range(12)]
    expected = [upscaler.upscale(array) for array in arrays]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(upscaler.upscale, arrays))
    for together, alone in zip(found, expected, strict=True):
        np.testing.assert_array_equal(together, alone)


def test_what_is_done_otherwise_is_said(tiny_weights, caplog):
    image = Image.fromarray(photo())
    image.info["icc_profile"] = b"damaged"
    said: list[str] = []
    Upscaler(tiny_weights, say=said.append).upscale(image)
    assert "profile is damaged" in said[0]
    with caplog.at_level(logging.WARNING):
        Upscaler(tiny_weights).upscale(image)
    assert caplog.record_tuples == [("sr_cli", logging.WARNING, said[0])]


# -- the README


def examples() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(
        r"^## From Python$(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE
    )
    assert section
    return re.findall(r"```python\n(.*?)```", section[1], re.DOTALL)


@pytest.mark.parametrize("number", range(5))
def test_the_readmes_examples_run(number, tmp_path, monkeypatch):
    code = examples()[number]
    assert code.count("from sr_cli import ") == code.count("sr_cli") == 1
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"README.md, example {number + 1}", "exec"), {})
    made = [path for path in tmp_path.rglob("*.*") if path.is_file()]
    assert made


def test_the_readme_has_no_other_examples():
    assert len(examples()) == 5
