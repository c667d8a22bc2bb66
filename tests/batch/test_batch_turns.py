"""Turns come to everyone, are never too many, and end with the last row."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sr_cli.batch.turns import Shares, StoppedError, Turn
from sr_cli.engines import EngineChoice
from sr_cli.picture import Picture, PictureSource
from sr_cli.tiles import Tiling
from sr_cli.upscale import Upscaler, rows_of

LOW = np.random.default_rng(0).random((8, 6, 3), np.float32)


@pytest.fixture
def halt() -> threading.Event:
    return threading.Event()


@pytest.fixture
def shares(upscaler, halt) -> Shares:
    upscaler.engine.calls_at_once = 3
    return Shares(upscaler, halt, side_by_side=True)


@pytest.fixture
def tiled(tiny_network, halt) -> Shares:
    """Where even small pictures have several windows."""
    choice, tiling = EngineChoice("onnxruntime", "cpu"), Tiling(32, overlap=8)
    upscaler = Upscaler(tiny_network, choice, tiling)
    upscaler.engine.calls_at_once = 3
    return Shares(upscaler, halt, side_by_side=True)


def are_free(shares: Shares, wanted: int) -> bool:
    """Whether so many could be had at once."""
    return shares._free >= wanted


def picture(height: int, width: int, *, alpha: bool = False) -> Picture:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    return Picture(noise[:, :, :3], noise[:, :, 3] if alpha else None)


def test_a_turn_ends_when_the_last_row_is_computed(shares, upscaler):
    low = picture(8, 6)
    bands = Turn(shares).stream(PictureSource(low))
    assert are_free(shares, 3)
    first = next(bands)
    assert len(first) == 32  # all there is, though nobody asked for the end
    assert are_free(shares, 3)
    assert list(bands) == []
    assert np.array_equal(first, upscaler.upscale(low).pixels)


@pytest.mark.parametrize(
    ("low", "taken"),
    [
        (picture(8, 6), 1),
        (picture(10, 10), 1),
        (picture(10, 11), 2),
        (picture(10, 10, alpha=True), 2),
        (picture(99, 99), 3),
    ],
)
def test_pictures_take_as_many_shares_as_they_keep_busy(shares, low, taken):
    shares.upscaler.engine.window_pixels = 100
    seen = []

    def on_progress(_done: int, _total: int) -> None:
        seen.append(3 - shares._free)

    list(Turn(shares).stream(PictureSource(low), on_progress))
    assert set(seen) == {taken}
    assert are_free(shares, 3)


def test_alone_a_picture_has_the_whole_engine(upscaler, halt):
    upscaler.engine.calls_at_once = 3
    shares = Shares(upscaler, halt, side_by_side=False)
    assert shares.count == 1
    assert shares.upscaler is upscaler


@pytest.mark.parametrize("size", [(64, 48), (300, 280)])
def test_shares_change_no_number(tiny_network, halt, size):
    upscaler = Upscaler(tiny_network)
    upscaler.engine.calls_at_once = 2
    shares = Shares(upscaler, halt, side_by_side=True)
    low = picture(*size)
    shared = np.concatenate(list(Turn(shares).stream(PictureSource(low))))
    assert np.array_equal(shared, upscaler.upscale(low).pixels)


def test_passes_that_feed_each_other_take_one_turn(shares):
    turn = Turn(shares)
    first = turn.floats(rows_of(LOW), LOW.shape[:2])

    def rows(count: int) -> np.ndarray:
        assert not are_free(shares, 1)
        return next(first) if count else LOW[:0]

    second = turn.floats(rows, (32, 24))
    assert sum(map(len, second)) == 128
    assert are_free(shares, 3)


@pytest.mark.parametrize("closed", [True, False])
def test_a_turn_that_is_left_is_over(tiled, closed):
    def rows(_: int) -> np.ndarray:
        raise ValueError("damaged")

    turn = Turn(tiled)
    bands = turn.floats(rows, (8, 6))
    with pytest.raises(ValueError, match="damaged"):
        next(bands)
    assert are_free(tiled, 3)
    waiting = turn.stream(PictureSource(picture(90, 30)))
    next(waiting)
    assert not are_free(tiled, 3)
    if closed:
        waiting.close()
    turn.end()
    waiting.close()
    turn.end()
    assert tiled._free == 3  # given back once


def test_nobody_has_more_than_there_is(shares):
    held, most = 0, 0
    lock, chance = threading.Lock(), random.Random(0)

    def use(wanted: int) -> None:
        nonlocal held, most
        shares.take(wanted)
        with lock:
            held += wanted
            most = max(most, held)
        with lock:
            held -= wanted
        shares.give_back(wanted)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, (chance.randint(1, 3) for _ in range(300))))
    assert held == 0
    assert most <= 3
    assert are_free(shares, 3)


def test_who_wants_much_is_not_passed_over(shares):
    shares.take(1)
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(shares.take, 3)
        while not shares._line:
            pass
        small = pool.submit(shares.take, 1)
        while len(shares._line) < 2:
            pass
        assert not small.done()  # two are free, but it came later
        shares.give_back(1)
        large.result(timeout=30)
        shares.give_back(3)
        small.result(timeout=30)


def test_nobody_waits_for_a_turn_in_vain(shares, halt):
    shares.take(1)
    halt.set()
    with pytest.raises(StoppedError):
        next(Turn(shares).floats(rows_of(LOW), LOW.shape[:2]))
    assert not shares._line


def test_a_turn_stops_between_windows(tiled, halt):
    told = []

    def on_progress(done: int, total: int) -> None:
        told.append((done, total))
        halt.set()

    with pytest.raises(StoppedError):
        for _ in Turn(tiled).stream(PictureSource(picture(90, 90)), on_progress):
            pass
    ((done, total),) = told
    assert done < total
    assert are_free(tiled, 3)
