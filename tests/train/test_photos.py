import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_cli.degrade import downscale
from sr_cli.errors import DataError
from sr_cli.train import photos as module
from sr_cli.train.photos import Pair, load_photos, picture_files


def test_gray_photos_and_odd_sides(tmp_path):
    Image.new("L", (51, 42), 90).save(tmp_path / "gray.png")
    (pair,) = load_photos(picture_files(tmp_path)).pairs
    assert pair.high.shape == (40, 48, 3)
    assert np.all(pair.low == 90)


def test_photos_are_converted_to_srgb(tmp_path):
    inks = Image.merge("CMYK", [Image.new("L", (48, 40), n) for n in (255, 0, 128, 0)])
    inks.save(tmp_path / "cmyk.tif")
    (pair,) = load_photos(picture_files(tmp_path)).pairs
    assert pair.high.shape == (40, 48, 3)
    assert pair.high[0, 0].tolist() == [0, 255, 127]


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


def test_damaged_and_small_pictures_are_named_and_skipped(photos, tmp_path):
    whole = (photos / "0.png").read_bytes()
    (tmp_path / "0.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "1.png").write_text("not a picture")
    (tmp_path / "2.png").touch()
    Image.new("RGB", (96, 31)).save(tmp_path / "3.png")
    Image.new("RGB", (32, 33)).save(tmp_path / "4.png")
    told = []
    loaded = load_photos(
        [*picture_files(tmp_path), tmp_path / "none.png", *picture_files(photos)],
        min_side=32,
        on_photo=lambda done, total: told.append((done, total)),
    )
    assert [pair.high.shape[:2] for pair in loaded.pairs] == [(32, 32), *[(80, 96)] * 3]
    assert [(skipped.path.name, skipped.reason) for skipped in loaded.skipped] == [
        ("0.png", "the file is truncated"),
        ("1.png", "it is not a picture in a known format"),
        ("2.png", "the file is empty"),
        ("3.png", "96×28 pixels are less than the 32×32 needed"),
        ("none.png", "there is no such file"),
    ]
    assert told == [(number, 9) for number in range(1, 10)]


def test_nothing_left_is_an_error_that_says_why(tmp_path):
    for size in ((2, 2), (40, 20)):
        Image.new("RGB", size).save(tmp_path / f"{size[0]}.png")
    with pytest.raises(DataError, match=r"None of 2 .*2\.png: 0×0 pixels are less"):
        load_photos(picture_files(tmp_path), min_side=32)
    with pytest.raises(DataError, match="no photos to train on"):
        load_photos([])


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    """Pictures of many sizes, with one that is damaged among them."""
    random = np.random.default_rng(0)
    (tmp_path / "many").mkdir()
    for number in range(12):
        height, width = random.integers(20, 90, 2)
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"many/{number:02}.png")
    (tmp_path / "many/05.png").write_text("damaged")
    return picture_files(tmp_path / "many")


def same(one: list[Pair], other: list[Pair]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a.high, b.high) and np.array_equal(a.low, b.low)
        for a, b in zip(one, other, strict=True)
    )


def backing(array: np.ndarray) -> object:
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    return array


@pytest.mark.parametrize("cache_bytes", [0, 1, 30_000, 10**9])
def test_what_exceeds_the_cache_waits_in_an_unlisted_file(many, tmp_path, cache_bytes):
    folder = tmp_path / "disk"
    folder.mkdir()
    loaded = load_photos(many, cache_bytes=cache_bytes, spill_folder=folder)
    assert same(loaded.pairs, load_photos(many).pairs)
    assert len(loaded.skipped) == 1
    spilled = [isinstance(backing(pair.high), np.memmap) for pair in loaded.pairs]
    in_memory = zip(loaded.pairs, spilled, strict=True)
    held = sum(pair.nbytes for pair, away in in_memory if not away)
    assert held <= cache_bytes
    assert any(spilled) == (cache_bytes < 10**9)
    assert all(np.array_equal(p.low, downscale(p.high, 4)) for p in loaded.pairs)
    assert not list(folder.iterdir())


def test_few_decoded_photos_wait_to_be_taken(many, monkeypatch):
    """Else a slow disk would let all of them pile up in memory."""
    lock, alive = threading.Lock(), [0, 0]
    real = module._load

    def counting(path, min_side):
        result = real(path, min_side)
        with lock:
            alive[0] += 1
            alive[1] = max(alive)
        return result

    def slow(done, total):
        with lock:
            alive[0] -= 1
        time.sleep(0.005)

    monkeypatch.setattr(module, "_load", counting)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    load_photos(many * 5, on_photo=slow)
    assert 2 <= alive[1] <= 5


def test_an_interrupted_load_decodes_no_further(many, monkeypatch):
    decoded = []
    real = module._load

    def counting(path, min_side):
        decoded.append(path)
        return real(path, min_side)

    def interrupt(done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_load", counting)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    with pytest.raises(KeyboardInterrupt):
        load_photos(many * 5, on_photo=interrupt)
    assert len(decoded) <= 8
