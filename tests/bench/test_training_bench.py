"""The measurement of training: what is compared, how it is watched and taken apart."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sr_cli.bench import quiet, training
from sr_cli.bench.quiet import (
    OthersWatch,
    Quietness,
    Reading,
    ReferenceWatch,
    busy_seconds,
    open_watch,
)
from sr_cli.bench.training import (
    LOADER,
    OURS,
    OURS_ADAM,
    PLAIN,
    Workload,
    measure,
    spread,
    synthetic_pairs,
    to_json,
)
from sr_cli.catalog import Architecture
from sr_cli.errors import ConfigError, OutOfMemoryError
from sr_cli.networks.build import build
from sr_cli.train.machine import describe_machine
from sr_cli.train.plain import PlainSRResNet, plain_updates

TINY = Workload(
    batch=2,
    crop=32,
    repeats=2,
    updates=1,
    blocks=1,
    channels=8,
    photos=2,
    photo_side=64,
)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(training, "_SETTLE", 0.0)
    monkeypatch.setattr(training, "_LOADER_BATCHES", 2)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def both_networks():
    torch.manual_seed(1)
    architecture = Architecture(blocks=2, channels=8, normalization="none")
    ours = build(architecture)
    with torch.no_grad():
        for parameter in ours.parameters():  # biases begin at zero, slopes alike
            parameter.add_(torch.rand_like(parameter) * 0.1)
    plain = PlainSRResNet(blocks=2, channels=8)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (12, 9)])
def test_the_plain_network_is_ours(size):
    ours, plain = both_networks()
    low, high = torch.rand(2, 3, *size), torch.rand(2, 3, 4 * size[0], 4 * size[1])
    for network in (ours, plain):
        torch.nn.functional.mse_loss(network(low), high).backward()
    torch.testing.assert_close(plain(low), ours(low), atol=1e-5, rtol=1e-5)
    slopes = {name: p.grad for name, p in ours.named_parameters()}
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(
            parameter.grad, slopes[name], atol=1e-5, rtol=1e-4, msg=name
        )


def random_batch():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    return pixels[:, ::4, ::4].copy(), pixels


@pytest.mark.parametrize("half", [False, True])
def test_the_plain_loop_learns(half):
    _, plain = both_networks()
    updates = plain_updates(plain, random_batch(), "cpu", half=half, learning_rate=1e-2)
    losses = [next(updates).item() for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_the_plain_loop_says_when_memory_runs_out():
    class Full(torch.nn.Linear):
        def forward(self, _):
            raise torch.cuda.OutOfMemoryError

    with pytest.raises(OutOfMemoryError, match="batch of 2 crops"):
        next(plain_updates(Full(1, 1), random_batch(), "cpu", half=False))


def test_made_up_photos_have_texture_and_their_own_low_resolution():
    first, second = synthetic_pairs(2, 64)
    assert first.high.shape == (64, 64, 3)
    assert first.low.shape == (16, 16, 3)
    assert not np.array_equal(first.high, second.high)
    mean = first.high[4:8, 8:12].mean(axis=(0, 1))
    assert np.abs(mean - first.low[1, 2]).max() <= 0.5
    assert first.high.std() > 20


def test_a_spread_is_the_median_between_its_ends():
    found = spread([3.0, 1.0, 2.0])
    assert (found.median, found.lowest, found.highest) == (2.0, 1.0, 3.0)


def test_everything_is_measured_in_turns(monkeypatch):
    taken = []
    turn = training._Contest.turn

    def told(self, name, number):
        taken.append((name, number))
        seconds = turn(self, name, number)
        assert seconds > 0
        return {PLAIN: 0.9, OURS: 0.3, OURS_ADAM: 0.2, LOADER: 0.01}[name]

    monkeypatch.setattr(training._Contest, "turn", told)
    progress, before = [], threading.active_count()
    found = measure(replace(TINY, updates=2), lambda *at: progress.append(at))
    order = [PLAIN, OURS, OURS_ADAM, LOADER]
    assert taken[-8:] == [(name, 2) for name in order * 2]
    assert progress[0] == (0, 8)
    assert progress[-1] == (8, 8)
    assert found.ratio_to_plain[OURS].median == pytest.approx(3.0)
    assert found.ratio_to_plain[OURS_ADAM].median == pytest.approx(4.5)
    assert found.loader_ratio.median == pytest.approx(30.0)
    assert found.rows[0].crops_per_second.median == pytest.approx(2 / 0.9)
    assert threading.active_count() <= before


def test_the_real_loop_is_what_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(training.tempfile, "tempdir", str(tmp_path))
    with training._open_contest(TINY) as contest:
        contest.turn(OURS, 3)
        (report, *_) = [next(contest.updates[OURS])]
        assert report.step == 4
        assert report.gradient_norm > 0
    assert not list(tmp_path.rglob("*"))  # no checkpoint, and no folder for one


def test_the_report_is_json_with_what_was_asked_for():
    found = json.loads(to_json(measure(TINY)))
    assert [row["id"] for row in found["rows"]] == [PLAIN, OURS, OURS_ADAM, LOADER]
    assert found["ratio_to_plain"].keys() == {OURS, OURS_ADAM}
    assert found["loader_ratio"]["lowest"] <= found["loader_ratio"]["highest"]
    assert found["machine"]["torch"] == torch.__version__
    assert found["machine"]["threads"] == torch.get_num_threads()
    assert isinstance(found["quiet"], bool)
    assert found["workload"]["precision"] in ("bfloat16", "float32")


def test_a_workload_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="halved"):
        measure(replace(TINY, crop=18))


def test_the_machine_has_a_name():
    machine = describe_machine("cpu")
    assert machine.cpu
    assert machine.device == "cpu"
    assert machine.cores >= 1


# --- quiet


STAT = """\
cpu  100 20 30 4000 500 6 7 8 90 0
cpu0 60 10 20 2000 250 3 4 5 50 0
cpu1 40 10 10 2000 250 3 3 3 40 0
intr 12345 0 0
"""


@pytest.mark.parametrize(
    ("cores", "ticks"), [(None, 171), ({0}, 102), ({1}, 69), ({0, 1}, 171)]
)
def test_busy_is_all_but_idle_waiting_and_guests(cores, ticks):
    assert busy_seconds(STAT, cores, 100) == pytest.approx(ticks / 100)


def test_what_others_used_is_what_we_did_not():
    readings = iter(
        [
            Reading(0.0, 10.0, 1.0),
            Reading(1.0, 12.0, 3.0),  # all ours
            Reading(1.05, 12.1, 3.0),  # too short to tell
            Reading(3.0, 14.0, 4.0),  # one core of others for one of two seconds
            Reading(4.0, 14.99, 5.0),  # clocks that differ by a tick
        ]
    )
    watch = OthersWatch(2, lambda: next(readings))
    for _ in range(4):
        watch.look()
    found = watch.found()
    assert found.disturbances == pytest.approx((0.0, 0.25, 0.0))
    assert found.worst == pytest.approx(0.25)
    assert not found.quiet


def test_a_reference_computation_is_compared_with_its_fastest():
    times = iter([9.0, 1.05, 1.0, 1.3])
    watch = ReferenceWatch(lambda: next(times))
    watch.look()
    watch.look()
    assert watch.found().quiet
    watch.look()
    assert watch.found().disturbances == pytest.approx((0.05, 0.0, 0.3))
    assert not watch.found().quiet


def test_nothing_seen_is_quiet():
    assert Quietness("cpu time of others", ()).quiet


def test_a_system_without_such_clocks_gets_the_reference(monkeypatch, tmp_path):
    monkeypatch.setattr(quiet, "_TIMES", tmp_path / "none")
    watch = open_watch(2)
    watch.look()
    assert watch.found() == Quietness("reference computation", (0.0,))


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="has no /proc/stat")
def test_real_clocks_go_forward():
    before = quiet.read_clocks()
    until = time.process_time() + 0.03
    while time.process_time() < until:
        pass
    after = quiet.read_clocks()
    assert after.wall > before.wall
    assert after.own > before.own
    assert after.busy >= before.busy
