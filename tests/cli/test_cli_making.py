"""Sizes, looks and what results carry, as a user asks for them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_cli.cli import main


def srup(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture
def upscale(tiny_weights):
    # By the engine that is ready soonest.
    of = ("-m", tiny_weights, "--device", "cpu", "--engine", "onnxruntime")
    return lambda *a: srup("upscale", *of, *a)


def info(path: Path) -> dict[str, object]:
    with Image.open(path) as im:
        im.load()
        return {"size": im.size, **im.info}


@pytest.mark.parametrize(
    ("options", "name", "size"),
    [
        (["--scale", "2"], "photo_2x.png", (80, 60)),
        (["--scale", "3/2"], "photo_1.5x.png", (60, 45)),
        (["--scale", "8x"], "photo_8x.png", (320, 240)),
        (["--fit", "100x100"], "photo_100x100.png", (100, 75)),
        (["--width", "100", "--height", "41"], "photo_100x41.png", (100, 41)),
        (["--width", "99"], "photo_w99.png", (99, 74)),
        (["--height", "99"], "photo_h99.png", (132, 99)),
    ],
)
def test_any_size(upscale, small_photo, options, name, size):
    assert upscale(small_photo, *options) == 0
    assert info(small_photo.with_name(name))["size"] == size


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--scale", "2", "--width", "9"], 1, "exclude one another"),
        (["--scale", "65"], 1, "out of range"),
        (["--scale", "big"], 2, "no factor"),
        (["--fit", "9"], 2, "no size"),
        (["--width", "9999"], 1, "64 times"),
        (["--page", "2"], 1, "no page 2"),
    ],
)
def test_what_cannot_be_is_refused(upscale, small_photo, capfd, options, code, said):
    before = sorted(small_photo.parent.iterdir())
    assert upscale(small_photo, *options) == code
    error = " ".join(capfd.readouterr().err.split())
    assert said in error
    assert "Traceback" not in error
    assert sorted(small_photo.parent.iterdir()) == before


def test_a_result_is_signed_and_known_again(upscale, small_photo, tmp_path, capfd):
    first, second = tmp_path / "first.png", tmp_path / "second.jpg"
    assert upscale(small_photo, "-o", first, "--scale", "2") == 0
    signed = json.loads(str(info(first)["srup"]))
    assert (signed["Model"], signed["Settings"]) == ("tiny", "--scale 2")
    assert b"tiny" in bytes(info(first)["xmp"])
    capfd.readouterr()
    assert upscale(first, "-o", second) == 0
    said = " ".join(capfd.readouterr().err.split())
    assert "made this picture with tiny before" in said
    assert "texts" not in said  # its own are no loss


def test_no_tag_leaves_none(upscale, small_photo, tmp_path):
    assert upscale(small_photo, "-o", tmp_path / "x.png", "--no-tag") == 0
    assert info(tmp_path / "x.png").keys() == {"size"}


def test_strip_leaves_pixels_and_colours_alone(upscale, tmp_path):
    source, result = tmp_path / "a.jpg", tmp_path / "b.jpg"
    exif = Image.Exif()
    exif[271] = "Maker"
    image = Image.new("RGB", (20, 16), (9, 99, 199))
    image.save(source, exif=exif, dpi=(300, 300), comment=b"secret")
    assert upscale(source, "-o", result, "--strip", "--no-tag") == 0
    assert "exif" not in info(result)
    assert info(result)["dpi"] == (300, 300)
    assert b"Maker" not in result.read_bytes()


def test_pages(upscale, tmp_path):
    pages = [Image.new("L", (10 + i, 12), 40 * i) for i in range(3)]
    source = tmp_path / "pages.tif"
    pages[0].save(source, save_all=True, append_images=pages[1:])
    assert upscale(source, "--page", "3", "-o", tmp_path / "third.png") == 0
    with Image.open(tmp_path / "third.png") as im:
        assert im.size == (48, 48)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animations_stay_animated(upscale, tmp_path, suffix):
    frames = [Image.new("RGB", (12, 10), (60 * i, 0, 99)) for i in range(4)]
    source, result = tmp_path / "a.gif", tmp_path / f"b.{suffix}"
    frames[0].save(
        source, save_all=True, append_images=frames[1:], duration=[40, 80, 120, 400]
    )
    assert upscale(source, "-o", result) == 0
    with Image.open(result) as im:
        assert (im.n_frames, im.size) == (4, (48, 40))
        durations = []
        for number in range(4):
            im.seek(number)
            im.load()
            durations.append(im.info["duration"])
    assert durations == [40, 80, 120, 400]


def test_one_frame_of_an_animation(upscale, tmp_path, capfd):
    frames = [Image.new("L", (12, 10), 60 * i) for i in range(4)]
    source = tmp_path / "a.gif"
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=40)
    assert upscale(source, "-o", tmp_path / "b.jpg") == 0
    assert "first of 4" in capfd.readouterr().err
    assert upscale(source, "--page", "2", "-o", tmp_path / "c.png") == 0
    with Image.open(tmp_path / "c.png") as im:
        assert getattr(im, "n_frames", 1) == 1


def test_the_dial_mixes_srresnet_and_another(upscale, small_photo, tmp_path):
    for strength in (0, 0.5, 1):
        target = tmp_path / f"{strength}.png"
        assert upscale(small_photo, "--strength", strength, "-o", target) == 0
    ends = [np.asarray(Image.open(tmp_path / f"{x}.png"), float) for x in (0, 1)]
    middle = np.asarray(Image.open(tmp_path / "0.5.png"), float)
    inside = (ends[1] > 0) & (ends[1] < 255) & (ends[0] > 0) & (ends[0] < 255)
    expected = (ends[0] + ends[1]) / 2
    assert np.abs(middle - expected)[inside].max() <= 2


def test_a_page_and_a_map_of_what_was_made(upscale, small_photo, tmp_path):
    page, heat = tmp_path / "page.html", tmp_path / "map.png"
    target = tmp_path / "x.png"
    assert upscale(small_photo, "-o", target, "--compare", page, "--map", heat) == 0
    assert "photo" in page.read_text(encoding="utf-8")
    with Image.open(heat) as im:
        assert im.width >= 160
    # Neither is replaced unasked, and that is said before any work.
    target.unlink()
    assert upscale(small_photo, "-o", target, "--compare", page) == 1
    assert not target.exists()
