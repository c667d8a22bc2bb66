"""Quantiles, signed ranks and screening against scipy, brute force and by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.mos.distributions import t_quantile
from sr_cli.mos.screening import rejected
from sr_cli.mos.wilcoxon import EXACT_UP_TO, holm, signed_rank

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")

SCORED = (-4, -3, -2, -1, 1, 2, 3, 4)  # scores that differ, differ so


@pytest.mark.parametrize("freedom", [1, 2, 3, 7, 25, 100, 5000])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.9, 0.975, 0.9999])
def test_quantiles_of_t(freedom, probability):
    expected = stats.t.ppf(probability, freedom)
    assert t_quantile(probability, freedom) == pytest.approx(
        expected, rel=1e-9, abs=1e-9
    )


@settings(deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30, unique_by=abs))
def test_without_ties_p_is_scipys_exact_one(differences):
    differences = [d for d in differences if d] or [1]
    ours = signed_rank(differences)
    theirs = stats.wilcoxon(differences, method="exact")
    assert ours.statistic == theirs.statistic
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_with_ties_p_counts_all_signs(differences):
    found = np.array([d for d in differences if d], float)
    ours = signed_rank(differences)
    if not len(found):
        assert (ours.pairs, ours.p) == (0, 1.0)
        return
    ranks = stats.rankdata(np.abs(found))
    sums = np.array([np.dot(s, ranks) for s in product((0, 1), repeat=len(found))])
    smaller = min(ranks[found > 0].sum(), ranks[found < 0].sum())
    assert ours.statistic == smaller
    assert ours.p == pytest.approx(min(1.0, 2 * (sums <= smaller).mean()))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(SCORED), min_size=EXACT_UP_TO + 1, max_size=150))
def test_for_many_p_is_scipys_approximation(differences):
    ours = signed_rank(differences)
    theirs = stats.wilcoxon(differences, correction=True, method="asymptotic")
    assert ours.statistic == theirs.statistic
    assert ours.p == pytest.approx(min(1.0, theirs.pvalue), rel=1e-9)


def test_p_of_many_who_all_but_agree_is_tiny_and_not_zero():
    differences = [1] * 300 + [-1] * 20
    theirs = stats.wilcoxon(differences, correction=True, method="asymptotic")
    assert 0 < theirs.pvalue < 1e-50
    assert signed_rank(differences).p == pytest.approx(theirs.pvalue, rel=1e-9, abs=0)


def test_exact_and_approximate_meet_where_one_takes_over():
    random = np.random.default_rng(3)
    values = random.integers(-3, 5, 200)
    values = values[values != 0][:EXACT_UP_TO]
    exact = signed_rank(values).p
    near = stats.wilcoxon(values, correction=True, method="asymptotic").pvalue
    assert exact == pytest.approx(near, abs=0.003)


def test_holm_by_hand():
    # 4 x 0.01; 3 x 0.015 = 0.045; 2 x 0.02 = 0.04, but no less than 0.045; 0.5.
    assert holm([0.015, 0.5, 0.01, 0.02]) == pytest.approx([0.045, 0.5, 0.04, 0.045])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_p_and_bonferroni_and_keeps_their_order(ps):
    found = holm(ps)
    for p, corrected in zip(ps, found, strict=True):
        assert p <= corrected <= min(1.0, len(ps) * p)
    assert sorted(found) == [
        found[n] for n in sorted(range(len(ps)), key=ps.__getitem__)
    ]


def opinions(raters: int, items: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    truth = random.uniform(1.5, 4.5, items)
    return np.clip(np.rint(truth + random.normal(0, 0.6, (raters, items))), 1, 5)


def test_screening_finds_who_clicks_at_random_alone():
    scores = opinions(16, 200)
    scores[5] = np.random.default_rng(1).integers(1, 6, 200)
    assert np.flatnonzero(rejected(scores)).tolist() == [5]


def test_a_strict_rater_stays():
    scores = opinions(16, 200)
    scores[5] = np.clip(scores[5] - 2, 1, 5)
    assert not rejected(scores).any()


def test_screening_by_hand():
    # 19 agree and one is off by 2 above and below in turn, on 20 of 100 items: far
    # from normal, so that the limit is sqrt(20) deviations, all but reached by one
    # of 20: (19/20 * 2) / sqrt(4 * 19/400 * 20/19) = 4.25 < 4.47; of 30 it is 5.29.
    for raters, expected in ((20, []), (30, [0])):
        scores = np.full((raters, 100), 3.0)
        scores[0, :20:2], scores[0, 1:20:2] = 5.0, 1.0
        assert np.flatnonzero(rejected(scores)).tolist() == expected


def test_who_agree_in_everything_stay():
    assert not rejected(np.full((3, 7), 4.0)).any()
