"""The order in which raters see items."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.mos.presentation import presentation
from sr_cli.mos.study import Study


@st.composite
def small_studies(draw):
    count = draw(st.integers(1, 40))
    items = tuple(f"{number:016x}" for number in range(count))
    return Study("0" * 16, items, repeats=draw(st.integers(0, count)))


@settings(deadline=None)
@given(small_studies(), st.integers())
def test_everything_once_and_some_twice(study, seed):
    order = presentation(study, random.Random(seed))
    counts = Counter(order)
    assert set(counts) == set(study.items)
    assert Counter(counts.values())[2] == study.repeats
    assert max(counts.values()) <= 2


@settings(deadline=None)
@given(st.integers())
def test_second_showings_are_well_apart(seed):
    study = Study("0" * 16, tuple(f"{n:016x}" for n in range(40)), repeats=8)
    order = presentation(study, random.Random(seed))
    for item, count in Counter(order).items():
        first, *second = (place for place, shown in enumerate(order) if shown == item)
        assert len(second) == count - 1
        assert all(place - first > 5 for place in second)


def test_every_item_may_come_at_any_place():
    study = Study("0" * 16, tuple(f"{n:016x}" for n in range(4)))
    source = random.Random(0)
    seen = Counter(presentation(study, source) for _ in range(2400))
    assert len(seen) == 24
    assert min(seen.values()) > 60  # 100 expected
