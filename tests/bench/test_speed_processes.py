"""Processes that are measured: what they answer, how they fail, what they take."""

import math
import os
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from sr_cli.bench import processes
from sr_cli.bench.processes import FailedError, Process, Processes, cpu_seconds

on_linux = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="has no /proc")

MIB = 1 << 20


def computing(function, *arguments):
    """What opens `function(*arguments)`; the process can import it by itself."""
    return partial(partial, function, *arguments)


def evaluating(expression: str):
    return computing(eval, expression)


def failure_of(open_it) -> str:
    with closing(Process(open_it)) as process, pytest.raises(FailedError) as failed:
        process.compute()
    return str(failed.value)


def test_it_computes_again_and_again():
    with closing(Process(computing(math.sqrt, 4.0))) as process:
        first, second = process.compute(), process.compute()
    assert (first.value, second.value) == (2.0, 2.0)
    assert first.seconds > 0.0


def test_its_time_is_that_of_the_computation():
    with closing(Process(computing(time.sleep, 0.1))) as process:
        assert 0.1 <= process.compute().seconds < 5.0


def test_it_starts_from_nothing():
    # This process has numpy and more; that would count as the other's memory.
    loaded = evaluating("'numpy' in __import__('sys').modules")
    with closing(Process(loaded)) as process:
        answer = process.compute()
    assert answer.value is False


@on_linux
def test_its_memory_is_what_it_has_had_at_most():
    with closing(Process(computing(bytes.__len__, b""))) as process:
        idle = process.compute()
    with closing(Process(evaluating(f"len(b'x' * {200 * MIB})"))) as process:
        answer = process.compute()
    assert answer.value == 200 * MIB
    assert idle.most < 60 * MIB  # though this process has had far more
    assert 195 * MIB < answer.most - idle.most < 215 * MIB
    assert answer.held - idle.held < 10 * MIB  # given back


def test_what_it_prints_is_no_answer():
    noisy = evaluating("(print('noise'), __import__('os').write(1, b'more'))")
    with closing(Process(noisy)) as process:
        assert process.compute().value == (None, 4)
        assert process.compute().value == (None, 4)


@pytest.mark.parametrize(
    ("open_it", "reason"),
    [
        (partial(int, "x"), "ValueError: invalid literal"),
        (computing(int, "x"), "ValueError: invalid literal"),
        (evaluating("'a' * (1 << 62)"), "It doesn't fit into memory"),
        (evaluating("lambda: 0"), "lambda"),  # which can't be told
        (computing(os._exit, 3), "It ended with status 3"),
    ],
)
def test_its_failures_have_reasons(open_it, reason):
    assert reason in failure_of(open_it)


@pytest.mark.skipif(os.name == "nt", reason="has no such signals")
@pytest.mark.parametrize(
    ("signal", "reason"), [(9, "for want of memory"), (11, "It crashed (SIGSEGV)")]
)
def test_so_have_its_deaths(signal, reason):
    dying = evaluating(f"__import__('os').kill(__import__('os').getpid(), {signal})")
    assert reason in failure_of(dying)


@on_linux
def test_closed_it_is_gone():
    process = Process(computing(time.sleep, 60.0))
    assert Path(f"/proc/{process.pid}").exists()
    process.close()
    assert not Path(f"/proc/{process.pid}").exists()
    assert cpu_seconds(process.pid) == 0.0


@on_linux
def test_its_cpu_time_is_known_while_it_lives():
    busy = evaluating(
        "[0 for _ in iter(lambda: __import__('time').process_time() < 0.3, False)]"
    )
    with closing(Process(busy)) as process:
        process.compute()
        assert 0.25 < cpu_seconds(process.pid) < 5.0


@on_linux
def test_the_first_to_go_where_memory_is_short():
    own = evaluating("open('/proc/self/oom_score_adj').read()")
    with closing(Process(own)) as process:
        assert process.compute().value.strip() == "1000"


# --- several


@pytest.fixture
def memory(monkeypatch):
    """How many bytes are free, as the test has it."""
    free = {"bytes": 1 << 50}
    monkeypatch.setattr(processes, "available_memory", lambda: free["bytes"])
    return free


def holding(size: int):
    """A process that keeps `size` bytes after it has computed."""
    return evaluating(f"len(globals().setdefault('kept', b'x' * {size}))")


@pytest.fixture
def two():
    openers = {"large": holding(50 * MIB), "small": holding(1)}
    with closing(Processes(openers, first_guess=10 * MIB)) as both:
        yield both


def test_with_memory_to_spare_all_stay(two, memory):
    for name in ("large", "small"):
        two.warm_up(name)
    before = two.pids()
    for name in ("large", "small"):
        two.get_ready(name)
        two.compute(name)
    assert two.pids() == before
    assert len(before) == 2


def test_where_the_system_does_not_tell_all_stay(two, memory):
    memory["bytes"] = None
    for name in ("large", "small"):
        two.warm_up(name)
    assert len(two.pids()) == 2


@on_linux
def test_where_memory_is_short_others_make_room_and_come_back(two, memory):
    two.warm_up("large")
    (large,) = two.pids()
    memory["bytes"] = 0
    two.warm_up("small")
    (small,) = two.pids()
    assert small != large
    two.get_ready("small")  # has what it needs
    assert two.pids() == [small]
    two.get_ready("large")
    assert small not in two.pids()
    assert two.compute("large").value == 50 * MIB


def test_one_that_fails_is_ended(memory):
    with closing(Processes({"bad": computing(int, "x")}, 0)) as one:
        with pytest.raises(FailedError):
            one.warm_up("bad")
        assert one.pids() == []


def test_the_real_memory_is_known():
    free = processes.available_memory()
    assert free is None or 1 * MIB < free < 1 << 50


def test_elsewhere_memory_is_unknown_or_accounted(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "_OWN", tmp_path)
    monkeypatch.setattr(processes, "_MEMORY", tmp_path / "none")
    assert processes.available_memory() is None
    most, held = processes._memory()
    assert most is None or most > MIB
    assert held == 0
