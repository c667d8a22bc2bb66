"""Losses as runs have them: falling, noisy, with outliers, and lost for good."""

import math

import numpy as np
import pytest

from sr_cli.train.divergence import PATIENCE, WINDOW, Divergence

SEEDS = range(200)


def falling(seed: int, updates: int = 3000) -> np.ndarray:
    """A loss that falls 50-fold: early steeply, then by a power of the updates."""
    random = np.random.default_rng(seed)
    level = 0.01 + 0.5 * np.exp(-np.arange(updates) / 80.0)
    level += 0.1 / np.sqrt(1.0 + np.arange(updates) / 20.0)
    # One picture a batch: the loss of one may be ten times that of another.
    return level * np.exp(random.normal(0.0, 0.8, updates))


def diverges_at(losses, warmup: int = 0) -> int | None:
    watch = Divergence(warmup)
    found = (number for number, loss in enumerate(losses) if watch.add(float(loss)))
    return next(found, None)


def test_noise_is_no_divergence():
    assert [diverges_at(falling(seed)) for seed in SEEDS] == [None] * len(SEEDS)


def test_noise_without_a_trend_is_no_divergence():
    for seed in SEEDS:
        noise = np.random.default_rng(seed).normal(0.0, 1.0, 2000)
        assert diverges_at(np.exp(noise)) is None


def test_outliers_and_spikes_are_no_divergence():
    for seed in range(50):
        losses = falling(seed)
        where = np.random.default_rng(seed).choice(len(losses), 10, replace=False)
        losses[where] *= 1e6
        losses[2000:2040] *= 50.0  # recovered from
        assert diverges_at(losses) is None


def test_a_plateau_and_a_mild_rise_are_no_divergence():
    losses = falling(0, 4000)
    losses[2000:] *= 2.0  # as an adversarial loss does to the content
    assert diverges_at(losses) is None


@pytest.mark.parametrize("factor", [6.0, 30.0, 1e3, 1e9])
def test_a_lost_run_is_told_soon(factor):
    for seed in range(50):
        losses = falling(seed)
        losses[2000:] *= factor
        at = diverges_at(losses)
        assert at is not None
        assert 2000 + PATIENCE <= at < 2000 + PATIENCE + 5 * WINDOW


def test_a_slow_climb_is_told():
    climb = 0.01 * np.exp(np.arange(5000) / 1000.0)
    at = diverges_at(climb)
    assert at is not None
    assert 1300 < at < 2000


@pytest.mark.parametrize("warmup", [0, 500])
def test_the_first_updates_are_not_judged(warmup):
    at = diverges_at(np.geomspace(1e-3, 1e6, 2000), warmup)
    assert at is not None
    assert at >= warmup + WINDOW + PATIENCE


def test_losses_that_are_not_finite_or_zero_do_no_harm():
    losses = [0.0, math.nan, math.inf] * 300
    assert diverges_at(losses) is None
    assert diverges_at([0.0] * 300 + [1.0] * 300) is not None
