"""Rows arrive whole and in order, however they are asked for."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sr_cli.enlarge.readers import rows_from, shared
from sr_cli.upscale import rows_of

IMAGE = np.arange(30 * 2 * 4).reshape(30, 2, 4)
counts = st.lists(st.integers(0, 9), max_size=8)


def cut(lengths):
    tops = np.cumsum([0, *lengths, 30]).clip(0, 30)
    return [IMAGE[a:b] for a, b in itertools.pairwise(tops)]


@given(counts, counts)
def test_bands_become_rows(heights, asked):
    read = rows_from(iter(cut(heights)))
    parts = [read(len(part)) for part in cut(asked)]
    np.testing.assert_array_equal(np.concatenate(parts), IMAGE)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=20))
def test_readers_share_what_is_read_once(turns):
    one, other = shared(rows_of(IMAGE), (slice(0, 3), slice(3, 4)))
    got = {True: [IMAGE[:0, :, :3]], False: [IMAGE[:0, :, 3:]]}
    for who, count in [*turns, (True, 30), (False, 30)]:
        left = 30 - sum(map(len, got[who]))
        got[who].append((one if who else other)(min(count, left)))
    np.testing.assert_array_equal(np.concatenate(got[True]), IMAGE[:, :, :3])
    np.testing.assert_array_equal(np.concatenate(got[False]), IMAGE[:, :, 3:])
