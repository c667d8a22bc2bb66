"""Turns come to everyone and end with the last row."""

import threading

import numpy as np
import pytest

from sr_cli.batch.turns import Stopped, Turn
from sr_cli.picture import Picture, PictureSource
from sr_cli.upscale import rows_of

LOW = np.random.default_rng(0).random((8, 6, 3), np.float32)


@pytest.fixture
def free() -> threading.Semaphore:
    return threading.Semaphore()


@pytest.fixture
def turn(upscaler, free) -> Turn:
    return Turn(upscaler, free, threading.Event())


def is_free(free: threading.Semaphore) -> bool:
    found = free.acquire(blocking=False)
    if found:
        free.release()
    return found


def test_a_turn_ends_when_the_last_row_is_computed(turn, free, upscaler):
    pixels = (LOW * 255).astype(np.uint8)
    bands = turn.stream(PictureSource(Picture(pixels)))
    assert is_free(free)
    first = next(bands)
    assert len(first) == 32  # all there is, though nobody asked for the end
    assert is_free(free)
    assert list(bands) == []
    assert np.array_equal(first, upscaler.upscale(Picture(pixels)).pixels)


def test_passes_that_feed_each_other_take_one_turn(turn, free):
    first = turn.floats(rows_of(LOW), LOW.shape[:2])

    def rows(count: int) -> np.ndarray:
        assert not is_free(free)
        return next(first) if count else LOW[:0]

    second = turn.floats(rows, (32, 24))
    assert sum(map(len, second)) == 128
    assert is_free(free)


@pytest.mark.parametrize("closed", [True, False])
def test_a_turn_that_is_left_is_over(turn, free, closed):
    def rows(_: int) -> np.ndarray:
        raise ValueError("damaged")

    bands = turn.floats(rows, (8, 6))
    with pytest.raises(ValueError, match="damaged"):
        next(bands)
    assert is_free(free)
    waiting = turn._in_turn(iter([np.zeros((1, 1, 1))] * 2), 8)
    next(waiting)
    assert not is_free(free)
    if closed:
        waiting.close()
    turn.end()
    assert is_free(free)
    waiting.close()
    turn.end()
    assert free.acquire(blocking=False)
    assert not free.acquire(blocking=False)  # it was given back once


def test_nobody_waits_for_a_turn_in_vain(upscaler, free):
    halt = threading.Event()
    turn = Turn(upscaler, free, halt)
    free.acquire()
    halt.set()
    with pytest.raises(Stopped):
        next(turn.floats(rows_of(LOW), LOW.shape[:2]))


def test_a_turn_stops_between_windows(upscaler, free):
    halt = threading.Event()
    turn = Turn(upscaler, free, halt)
    told = []

    def on_progress(done: int, total: int) -> None:
        told.append((done, total))
        halt.set()

    pixels = np.zeros((700, 700, 3), np.uint8)
    with pytest.raises(Stopped):
        for _ in turn.stream(PictureSource(Picture(pixels)), on_progress):
            pass
    ((done, total),) = told
    assert done < total
    assert is_free(free)
