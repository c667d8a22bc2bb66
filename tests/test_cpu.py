"""What is known of the processor and the memory."""

import os
import sys

import pytest

from sr_cli import cpu

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells")

XEON = """processor\t: 0
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile amx_bf16

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
OLD_CORE = "model name : Core 2\nflags : fpu sse2 avx512_bf16_not\n"
ARM = "processor : 0\nFeatures : fp asimd sve bf16\n"


@pytest.mark.parametrize(
    ("facts", "name", "features"),
    [
        (XEON, "Intel(R) Xeon(R) Processor", ("AVX2", "AVX512", "AVX512-BF16", "AMX")),
        (OLD_CORE, "Core 2", ()),
        (ARM, None, ("NEON", "SVE", "BF16")),
    ],
)
def test_linux_names_the_processor(tmp_path, monkeypatch, facts, name, features):
    file = tmp_path / "cpuinfo"
    file.write_text(facts, encoding="utf-8")
    monkeypatch.setattr(cpu, "_FACTS", file)
    assert cpu.features() == features
    assert cpu.name() == name or name is None
    assert cpu.name()


def test_other_systems_ask_numpy(monkeypatch, tmp_path):
    known = set(cpu.features())
    monkeypatch.setattr(cpu, "_FACTS", tmp_path / "nothing")
    assert cpu.name()
    asked = set(cpu.features())
    assert asked <= set(cpu.FEATURES)
    if known:  # what both know of, they agree on
        assert asked == known & {"AVX2", "AVX512", "NEON", "SVE"}


def test_hyperthreads_are_one_core(tmp_path, monkeypatch):
    for thread, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{thread}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    (tmp_path / "cpufreq").mkdir()
    monkeypatch.setattr(cpu, "_CORES", tmp_path)
    assert cpu.physical_cores() == 2
    monkeypatch.setattr(cpu, "_CORES", tmp_path / "nothing")
    assert cpu.physical_cores() is None


@LINUX
def test_cores_are_those_of_this_process():
    allowed = os.sched_getaffinity(0)
    assert cpu.usable_cores() == len(allowed) <= cpu.logical_cores()
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cpu.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@LINUX
def test_memory_is_what_the_container_allows(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(cpu, "_CONTAINER", limit)
    whole = cpu.memory()
    assert whole is not None
    limit.write_text("max\n")
    assert cpu.memory() == whole
    limit.write_text(f"{whole // 2}\n")
    assert cpu.memory() == whole // 2
