"""Scores of raters whose opinions are known."""

import itertools
import json
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.errors import DataError
from sr_cli.mos.score import mean_interval, score
from sr_cli.mos.screening import rejected
from sr_cli.mos.store import Record
from sr_cli.mos.study import Key, Origin, Study
from sr_cli.mos.wilcoxon import holm

VERSIONS = ("nearest", "bicubic", "mine", "original")
OPINIONS = dict(zip(VERSIONS, (1.2, 1.9, 3.4, 4.4), strict=True))
BIAS, NOISE = 0.4, 0.7


def study_of(pictures: int, *sets: str) -> tuple[Study, Key]:
    facts = itertools.product(sets, range(pictures), VERSIONS)
    origins = {
        f"{number:016x}": Origin(name, f"{picture}.png", version)
        for number, (name, picture, version) in enumerate(facts)
    }
    study = Study("0" * 16, tuple(origins), repeats=2)
    return study, Key(study.id, origins, VERSIONS, sets, {"mine": "ab" * 32})


def effect(picture: str) -> float:
    return 0.5 * math.sin(int(picture.split(".", maxsplit=1)[0]))


def true_mean(version: str, pictures: int) -> float:
    """Of rounded and clipped opinions, over all people."""
    spread = math.hypot(BIAS, NOISE)
    return np.mean(
        [
            1
            + sum(
                NormalDist(0, spread).cdf(centre - edge)
                for edge in (1.5, 2.5, 3.5, 4.5)
            )
            for centre in (
                OPINIONS[version] + effect(f"{p}.png") for p in range(pictures)
            )
        ]
    )


def simulated(study: Study, key: Key, raters: int, seed: int) -> list[Record]:
    random = np.random.default_rng(seed)
    records = []
    for number in range(raters):
        items = (*study.items, *study.items[: study.repeats])
        centres = [
            OPINIONS[key.origins[item].version] + effect(key.origins[item].picture)
            for item in items
        ]
        said = (
            np.array(centres)
            + random.normal(0, BIAS)
            + random.normal(0, NOISE, len(items))
        )
        scores = tuple(int(s) for s in np.clip(np.floor(said + 0.5), 1, 5))
        records.append(Record(f"{number:016x}", items, scores))
    return records


def test_intervals_hold_the_true_means_as_often_as_they_say():
    study, key = study_of(5, "a")
    truths = {version: true_mean(version, 5) for version in VERSIONS}
    held = dict.fromkeys(VERSIONS, 0)
    for seed in range(500):
        result = score(study, key, simulated(study, key, 12, seed))
        for row in result.sets[0].versions:
            low, high = row.interval
            held[row.version] += low <= truths[row.version] <= high
    for version, times in held.items():
        assert 0.92 <= times / 500 <= 0.98, version


def test_every_set_has_its_own_means_counts_and_tests():
    study, key = study_of(6, "b", "a")
    records = simulated(study, key, 9, 1)
    result = score(study, key, records, screen=False)
    assert [found.set for found in result.sets] == ["b", "a"]
    column = list(study.items)
    for found in result.sets:
        assert len(found.comparisons) == 6
        for row in found.versions:
            mine = [
                record.scores[column.index(item)]
                for record in records
                for item, origin in key.origins.items()
                if (origin.set, origin.version) == (found.set, row.version)
            ]
            assert row.mean == pytest.approx(np.mean(mine))
            assert row.counts == tuple(mine.count(s) for s in range(1, 6))
        best = found.comparisons[-1]
        assert (best.first, best.second) == ("mine", "original")
        assert best.difference > 0
        assert best.significant
        ps = [row.p for row in found.comparisons]
        assert [row.p_corrected for row in found.comparisons] == holm(ps)


def test_p_is_that_of_the_pairs():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    study, key = study_of(20, "a")
    records = simulated(study, key, 12, 2)
    table = np.array([record.scores[: len(study.items)] for record in records])
    differences = (table[:, 1::4] - table[:, 0::4]).ravel()
    expected = stats.wilcoxon(
        differences[differences != 0], correction=True, method="asymptotic"
    )
    found = score(study, key, records, screen=False).sets[0].comparisons[0]
    assert (found.first, found.second) == ("nearest", "bicubic")
    assert found.statistic == expected.statistic
    assert found.p == pytest.approx(expected.pvalue)


def test_same_opinions_seldom_differ_significantly():
    study, key = study_of(5, "a")
    random = np.random.default_rng(0)
    false = 0
    for _ in range(100):
        records = [
            Record(
                f"{n:016x}",
                (*study.items, *study.items[:2]),
                tuple(random.integers(2, 5, len(study.items) + 2).tolist()),
            )
            for n in range(8)
        ]
        found = score(study, key, records, screen=False).sets[0].comparisons
        false += any(row.significant for row in found)
    assert false <= 12  # 5 expected


def test_repeated_items_tell_consistency_and_do_not_count():
    study, key = study_of(2, "a")
    items = (*study.items, *study.items[:2])
    records = [Record("0" * 16, items, (1, 2, 3, 5) * 2 + (1, 4))]
    result = score(study, key, records)
    assert [row.mean for row in result.sets[0].versions] == [1, 2, 3, 5]
    alike = result.consistency
    assert (alike.pairs, alike.equal, alike.difference) == (2, 0.5, 1.0)
    assert result.sets[0].versions[0].interval is None


def test_unfinished_and_random_raters_are_left_out_and_told():
    study, key = study_of(40, "a")
    records = simulated(study, key, 15, 4)
    last = records[3]
    records[3] = Record(last.rater, last.items, (*last.scores[:-1], None))
    noise = np.random.default_rng(2).integers(1, 6, len(last.items)).tolist()
    records[7] = Record(records[7].rater, last.items, tuple(noise))
    result = score(study, key, records)
    assert (result.raters, result.unfinished) == (13, 1)
    assert result.rejected == (records[7].rater,)
    kept = score(study, key, records, screen=False)
    assert (kept.raters, kept.rejected, kept.screened) == (14, (), False)
    assert json.loads(result.to_json())["weights"] == {"mine": "ab" * 32}


def test_where_screening_would_leave_nobody_all_stay():
    # Each of 20 is the one far above in one item of 20, and far below in another.
    study, key = study_of(5, "a")
    said = np.array([1, 5, *[2] * 3, *[4] * 3, *[3] * 12])
    table = np.array([np.roll(said, rater) for rater in range(20)])
    assert rejected(table.astype(float)).all()
    records = [
        Record(f"{rater:016x}", study.items, tuple(row.tolist()))
        for rater, row in enumerate(table)
    ]
    result = score(study, key, records)
    assert (result.raters, result.rejected, result.screened) == (20, (), True)


def test_without_a_finished_rater_there_is_nothing():
    study, key = study_of(2, "a")
    with pytest.raises(DataError, match=r"no rater has finished \(0 began\)"):
        score(study, key, [])
    begun = Record("0" * 16, study.items, (3, *[None] * 7))
    with pytest.raises(DataError, match=r"no rater has finished \(1 began\)"):
        score(study, key, [begun])


# True means of 1.11, 1.25, 2.03, 3, 4.35 and 4.76: Student's t of the means themselves
# fails on 6 of the 18, by 88.2 % at worst.
@pytest.mark.parametrize("centre", [0.5, 0.9, 2.0, 3.0, 4.45, 5.13])
@pytest.mark.parametrize("raters", [5, 10, 26])
def test_intervals_hold_for_few_raters_and_near_the_ends(raters, centre):
    random = np.random.default_rng(raters)
    spread = math.hypot(BIAS, NOISE)
    edges = np.array([1.5, 2.5, 3.5, 4.5])
    truth = 1 + sum(NormalDist(0, spread).cdf(centre - edge) for edge in edges)
    biases = random.normal(centre, BIAS, (500, raters, 1))
    said = biases + random.normal(0, NOISE, (500, raters, 20))
    means = np.clip(np.floor(said + 0.5), 1, 5).mean(axis=2)
    found = [low_high for low_high in map(mean_interval, means) if low_high]
    assert len(found) > 480  # the others' raters all agree
    held = [low <= truth <= high for low, high in found]
    assert 0.92 <= np.mean(held) <= 0.98


def test_an_interval_by_hand():
    # Three means: t(0.975, 2) = 4.30265, deviation 1, error 1 / sqrt(3), in the middle
    # of the scale, where the logit is 0 and grows by 1 per point of it: 0 -+ 2.484138.
    reach = 4 / (1 + math.exp(-2.484138)) - 2
    low, high = mean_interval(np.array([2.0, 3.0, 4.0]))
    assert (low, high) == pytest.approx((3 - reach, 3 + reach), abs=1e-5)


@settings(deadline=None)
@given(st.lists(st.floats(1, 5), min_size=2, max_size=9))
def test_intervals_stay_on_the_scale_and_hold_the_mean(means):
    found = mean_interval(np.array(means))
    if found is not None:
        assert 1 <= found[0] <= np.mean(means) + 1e-9
        assert np.mean(means) - 1e-9 <= found[1] <= 5


@pytest.mark.parametrize(
    "means",
    [
        *([2.0], [1.0, 1.0, 1.0], [5.0, 5.0], [3.5, 3.5]),
        # Equal but for the rounding of means, at the ends of the scale above all.
        *([1.0, 1.0 + 2**-52], [5.0, 5.0 - 2**-50], [3.4, 3.4 + 2**-51]),
    ],
)
def test_raters_who_do_not_differ_give_no_interval(means):
    assert mean_interval(np.array(means)) is None
