"""Wilcoxon's signed-rank test of paired ratings, two-sided.

F. Wilcoxon, "Individual comparisons by ranking methods", 1945.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 50
"""Pairs that differ; beyond, the normal approximation is as good."""


@dataclass(frozen=True, slots=True)
class SignedRank:
    """What the test says of two versions, or of two showings."""

    pairs: int
    """Those that differ: equal ones say nothing, as Wilcoxon has it."""
    statistic: float
    """The smaller sum of ranks."""
    p: float
    """Of sums at least as unequal, if no version were better."""


def signed_rank(differences: Iterable[float]) -> SignedRank:
    """Test whether paired `differences` lie around 0.

    Ties share their mean rank.  Up to `EXACT_UP_TO` pairs all 2^n signs are counted,
    with the ties as they are; beyond, the normal approximation is corrected for ties
    and for continuity.
    """
    found = np.array([d for d in differences if d != 0], float)
    if not len(found):
        return SignedRank(0, 0.0, 1.0)
    doubled = _doubled_ranks(np.abs(found))
    total = int(doubled.sum())
    positive = int(doubled[found > 0].sum())
    smaller = min(positive, total - positive)
    p = (_exact if len(found) <= EXACT_UP_TO else _approximate)(doubled, smaller)
    return SignedRank(len(found), smaller / 2.0, p)


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p values, in their order, for there being as many.

    As strict as Bonferroni in what it promises, and never less able to tell two
    apart.  S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    corrected = [0.0] * len(ps)
    worst = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = worst
    return corrected


def _doubled_ranks(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Twice the ranks from 1, so that a tie's mean rank is a whole number."""
    _, which, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.int64] = (2 * last - counts + 1)[which]
    return ranks


def _exact(doubled: NDArray[np.int64], smaller: int) -> float:
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled:
        # Each rank is either negative or positive.
        ways[rank:] = ways[rank:] + ways[: len(ways) - rank]
    below = float(ways[: smaller + 1].sum())
    return min(1.0, 2.0 * below / 2.0 ** len(doubled))


def _approximate(doubled: NDArray[np.int64], smaller: int) -> float:
    ranks = doubled / 2.0
    mean = ranks.sum() / 2.0
    # Ties are in the ranks themselves: the variance needs no term of its own.
    deviation = math.sqrt(float((ranks**2).sum()) / 4.0)
    z = (mean - smaller / 2.0 - 0.5) / deviation
    # Not by 1 + erf, as Python 3.11 takes a normal tail: it is 0 from 8.3 on.
    return min(1.0, math.erfc(z / math.sqrt(2.0)))
