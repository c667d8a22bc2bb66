import numpy as np
import pytest
from PIL import Image

from sr_cli.degrade import downscale
from sr_cli.errors import DataError
from sr_cli.train.data import Crops, Pair, load_photos, picture_files


def pair_of(high: np.ndarray) -> Pair:
    return Pair(high, downscale(high, 4))


def test_low_is_the_downscaled_high(crops):
    """Away from a crop's edge, where the kernel sees what was cut off."""
    for step in range(20):
        low, high = crops.batch(step)
        assert (low.shape, high.shape) == ((2, 8, 8, 3), (2, 32, 32, 3))
        for small, large in zip(low, high, strict=True):
            again = downscale(np.ascontiguousarray(large), 4)
            difference = again.astype(int) - small
            assert np.abs(difference[2:-2, 2:-2]).max() == 0


def test_a_batch_depends_only_on_seed_and_step(photos, crops):
    again = Crops(load_photos(picture_files(photos)), 32, 2, seed=0)
    other = Crops(load_photos(picture_files(photos)), 32, 2, seed=1)
    for step in (5, 0, 5):
        for ours, theirs in zip(crops.batch(step), again.batch(step), strict=True):
            assert np.array_equal(ours, theirs)
    assert not np.array_equal(crops.batch(0)[1], other.batch(0)[1])
    assert not np.array_equal(crops.batch(0)[1], crops.batch(1)[1])


def test_every_turn_and_flip_occurs():
    high = np.zeros((32, 32, 3), np.uint8)
    high[:4, :8] = 255  # an L that all eight symmetries move
    high[:8, :4] = 128
    crops = Crops([pair_of(high)], 32, 8, seed=0)
    seen = {crop.tobytes() for step in range(20) for crop in crops.batch(step)[1]}
    turned = [np.rot90(high, k) for k in range(4)]
    assert seen == {t.tobytes() for k in turned for t in (k, k[:, ::-1])}


def test_textured_places_are_favoured_and_flat_ones_kept():
    random = np.random.default_rng(0)
    high = np.full((128, 512, 3), 100, np.uint8)
    high[:, :128] = random.integers(0, 256, (128, 128, 3))
    crops = Crops([pair_of(high)], 32, 50, seed=0)
    spread = np.concatenate([crops.batch(s)[1].std(axis=(1, 2, 3)) for s in range(10)])
    busy = np.mean(spread > 10.0)
    assert 0.5 < busy < 0.97  # a third of the places


def test_photos_smaller_than_a_crop_are_left_out(photos, tmp_path):
    for size in ((2, 2), (40, 20)):
        Image.new("RGB", size).save(tmp_path / f"{size[0]}.png")
    small = load_photos(picture_files(tmp_path))
    assert [p.low.size for p in small] == [0, 150]
    crops = Crops([*small, *load_photos(picture_files(photos))], 32, 2, seed=0)
    assert crops.photos == 3
    with pytest.raises(DataError, match="No photo is as large as the 32×32"):
        Crops(small, 32, 2, seed=0)


def test_gray_photos_and_odd_sides(tmp_path):
    Image.new("L", (51, 42), 90).save(tmp_path / "gray.png")
    (pair,) = load_photos(picture_files(tmp_path))
    assert pair.high.shape == (40, 48, 3)
    assert np.all(pair.low == 90)


def test_files_are_found_in_subfolders_in_order(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.JPG", "a.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    assert picture_files(tmp_path) == [tmp_path / "a.png", tmp_path / "b/2.JPG"]


def test_folders_without_photos(tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        picture_files(tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        picture_files(tmp_path / "none")


def test_an_unreadable_photo_is_named(photos, tmp_path):
    (tmp_path / "bad.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        load_photos([*picture_files(photos), tmp_path / "bad.png"])


def test_decoding_is_reported(photos):
    told = []
    load_photos(picture_files(photos), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
