"""What the input determines is no invention; all else is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sr_cli import picture
from sr_cli.degrade import resize
from sr_cli.engines import EngineChoice
from sr_cli.enlarge.consistency import unseen
from sr_cli.errors import PictureError
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler
from sr_cli.viewer.heat import MOST, coloured, heat_map
from sr_cli.viewer.invention import Invention, invented, invention
from sr_cli.weights import load_model


def noise(height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 10, (height, width)).astype(np.float32)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([2, 3, 4]))
def test_the_reduction_does_not_see_what_is_left(height, width, scale):
    difference = noise(height * scale, width * scale)
    left = unseen(difference, height, width)
    seen_before = resize(difference, height, width)
    seen_after = resize(left, height, width)
    assert np.abs(seen_after).max() <= 1e-3 * max(1.0, np.abs(seen_before).max())


def test_the_rest_is_the_least_that_the_reduction_sees():
    height = width = 30
    difference = noise(4 * height, 4 * width)
    down = resize(np.eye(4 * height), height, 4 * height)
    both = np.linalg.pinv(down) @ down
    wanted = difference - both @ difference @ both.T
    inside = (slice(24, -24),) * 2
    left = unseen(difference, height, width)
    np.testing.assert_allclose(left[inside], wanted[inside], atol=2e-2)


def test_equal_results_invent_nothing():
    pixels = np.full((16, 24, 3), 77, np.uint8)
    found = invention(pixels, pixels, 4)
    assert found.mean == 0
    assert found.share == 0
    assert not found.map.any()


def test_a_change_that_the_input_decides_is_little_invented():
    low = np.zeros((20, 20))
    low[5:15, 5:15] = 60
    smooth = resize(low, 80, 80)
    gray = np.full((80, 80, 1), 100, np.uint8)
    changed = (gray + np.clip(smooth, 0, 99)[:, :, None]).astype(np.uint8)
    assert invention(gray, changed, 4).share < 0.05


def test_texture_is_invented_where_it_is():
    gray = np.full((80, 80, 3), 100, np.uint8)
    checked = gray.copy()
    rows, columns = np.indices((40, 40))
    checked[:40, :40] += (20 * ((rows + columns) % 2)).astype(np.uint8)[:, :, None]
    found = invention(gray, checked, 4)
    assert found.share > 0.4
    assert 8 < found.map[10:30, 10:30].mean() < 12
    assert found.map[60:, 60:].max() < 0.5


def test_other_sizes_are_refused():
    with pytest.raises(PictureError, match="own scale"):
        invention(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 12, 3), np.uint8), 4)
    with pytest.raises(PictureError, match="own scale"):
        invention(*np.zeros((2, 9, 8, 3), np.uint8), 4)


@pytest.mark.parametrize("channels", [1, 3])
def test_networks_are_compared(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (10, 12, channels), np.uint8)
    given = Picture(pixels, alpha=np.full((10, 12), 9, np.uint8))
    network = load_model("espcn", offline=True).network
    one, other = (
        Upscaler(network, EngineChoice(engine, "cpu", "float32"))
        for engine in ("openvino", "onnxruntime")
    )
    found = invented(given, one, other)
    assert found.map.shape == (40, 48)
    assert found.mean < 0.1  # engines differ in the last digits


def test_colours_rise_and_end():
    colours = coloured(np.array([[0.0, 12.0, MOST, 9999.0]]), MOST)[0].astype(int)
    light = colours.sum(axis=1)
    assert light[0] < light[1] < light[2] == light[3]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (40, 48), (64, 900)])
def test_the_map_is_above_its_legend(tmp_path, height, width):
    found = Invention(np.full((height, width), 6.0, np.float32), 6.0, 1.0)
    path = tmp_path / "map.png"
    picture.write(heat_map(found), path)
    drawn = np.asarray(Image.open(path))
    wanted = coloured(np.array([[6.0]]), MOST)[0, 0]
    assert (drawn[:height, :width] == wanted).all()
    legend = drawn[height:]
    assert (legend == 255).all(axis=2).any()
    # The legend has all colours from the first to the last.
    assert len(np.unique(legend.reshape(-1, 3), axis=0)) > 80


def test_the_number_is_written():
    def legend(mean):
        return heat_map(Invention(np.zeros((20, 200), np.float32), mean, 1.0)).pixels

    assert (legend(3.25) != legend(3.26)).any()
    assert (legend(3.25) == legend(3.25)).all()


@pytest.mark.parametrize("width", [1, 124, 250, 499, 500])
def test_the_largest_number_has_room(width):
    found = Invention(np.zeros((4, width), np.float32), 255.0, 1.0)
    drawn = heat_map(found).pixels
    # Below the map: a margin, the number, a margin.
    first = next(row for row in drawn[4:] if (row == 255).any())
    assert (first == 255).all(axis=1).sum() > 20
    assert not drawn[:, -1].all(axis=1).any()
