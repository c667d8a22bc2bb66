import numpy as np
import pytest

from sr_cli.picture import Picture, encode, read_bytes, recompress


@pytest.fixture
def photo() -> np.ndarray:
    y, x = np.mgrid[:48, :64] / 64.0
    waves = np.sin(np.stack([(4 + k) * x + (7 - k) * y for k in range(3)], axis=2))
    noise = np.random.default_rng(0).normal(0, 6, waves.shape)
    return (128 + 90 * waves + noise).clip(0, 255).astype(np.uint8)


def error(photo: np.ndarray, quality: int) -> float:
    return float(np.abs(recompress(photo, quality).astype(float) - photo).mean())


def test_more_is_lost_at_lower_quality(photo):
    errors = [error(photo, quality) for quality in (95, 75, 50, 30, 10)]
    assert errors == sorted(errors)
    assert errors[0] < 5 < errors[-1]


def test_brightness_is_lost_as_in_any_jpeg_and_colour_more(photo):
    gray = np.repeat(photo[:, :, :1], 3, axis=2)
    whole = read_bytes(encode(Picture(gray), "jpeg", 60), "gray").pixels
    np.testing.assert_array_equal(recompress(gray, 60), whole)
    colour = read_bytes(encode(Picture(photo), "jpeg", 60), "colour").pixels
    assert error(photo, 60) > np.abs(colour.astype(float) - photo).mean()


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16)])
def test_any_size_stays(size):
    flat = np.full((*size, 3), (200, 30, 90), np.uint8)
    result = recompress(flat, 90)
    assert result.shape == flat.shape
    assert result.dtype == np.uint8
    assert np.abs(result.astype(int) - flat).max() <= 3
