"""Resizing by rows gives what resizing at once gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.degrade import resize
from sr_cli.enlarge.resampling import resampled
from sr_cli.upscale import rows_of

side = st.integers(1, 70)


@settings(deadline=None, max_examples=60)
@given(side, side, side, side, st.lists(st.integers(1, 40), max_size=5))
def test_rows_in_any_number_at_a_time(height, width, tall, wide, counts):
    image = np.random.default_rng(height).random((height, width, 3), np.float32)
    read = resampled(rows_of(image), (height, width), (tall, wide))
    parts, left = [], tall
    for count in [*counts, tall]:
        parts.append(read(min(count, left)))
        left -= len(parts[-1])
    np.testing.assert_allclose(
        np.concatenate(parts), resize(image, tall, wide), atol=2e-6
    )


@pytest.mark.parametrize("tall", [40, 150, 3000])
def test_no_more_rows_are_read_than_needed(tall):
    asked = 0

    def read(rows):
        nonlocal asked
        asked += rows
        assert asked <= 600
        return np.zeros((rows, 4, 1), np.float32)

    rows = resampled(read, (600, 4), (tall, 4))
    rows(16)
    assert asked <= 600 * 16 / tall + 4 * max(600 / tall, 1) + 2
    for _ in range(1, tall // 16):
        rows(16)
    rows(tall % 16)
    assert asked == 600


def test_the_same_size_costs_nothing():
    read = rows_of(np.zeros((3, 4, 1), np.float32))
    assert resampled(read, (3, 4), (3, 4)) is read
