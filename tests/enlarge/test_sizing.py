"""Sizes come out exactly as asked for."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_cli.enlarge.sizing import Sizing, passes
from sr_cli.errors import ConfigError

sides = st.integers(1, 5000)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({}, (400, 600)),
        ({"scale": Fraction(2)}, (200, 300)),
        ({"scale": Fraction("2.5")}, (250, 375)),
        ({"scale": Fraction(1, 3)}, (33, 50)),
        ({"fit": (3840, 2160)}, (2160, 3240)),
        ({"fit": (300, 2160)}, (200, 300)),
        ({"width": 1001}, (667, 1001)),
        ({"height": 1001}, (1001, 1502)),
        ({"width": 70, "height": 90}, (90, 70)),
    ],
)
def test_wishes(wish, expected):
    assert Sizing(**wish).of(100, 150, 4) == expected


@given(sides, sides, st.integers(1, 20_000))
def test_a_side_that_is_named_is_met(height, width, side):
    if side <= 64 * width and height * side <= 64 * height * width:
        assert Sizing(width=side).of(height, width, 4)[1] == side
    if side <= 64 * height:
        assert Sizing(height=side).of(height, width, 4)[0] == side


@given(sides, sides, sides, sides)
def test_the_box_is_touched_and_never_left(height, width, across, down):
    try:
        tall, wide = Sizing(fit=(across, down)).of(height, width, 4)
    except ConfigError:
        assert across > 64 * width or down > 64 * height
        return
    assert tall <= down
    assert wide <= across
    assert tall == down or wide == across


@pytest.mark.parametrize(
    "wishes",
    [
        {"scale": Fraction(2), "width": 9},
        {"fit": (9, 9), "height": 9},
        {"scale": Fraction(2), "fit": (9, 9)},
    ],
)
def test_wishes_that_exclude_one_another(wishes):
    with pytest.raises(ConfigError, match="exclude one another"):
        Sizing(**wishes)


def test_absurd_sizes_are_refused():
    with pytest.raises(ConfigError, match="out of range"):
        Sizing(scale=Fraction(0))
    with pytest.raises(ConfigError, match="out of range"):
        Sizing(scale=Fraction(65))
    with pytest.raises(ConfigError, match="64 times"):
        Sizing(width=65).of(1, 1, 4)


def test_the_network_runs_as_often_as_needed():
    def count(*high):
        return passes((10, 20), high, 4)

    assert count(10, 20) == count(3, 9) == 0
    assert count(11, 20) == count(40, 80) == 1
    assert count(40, 81) == count(160, 320) == 2
    assert count(640, 1) == 3
