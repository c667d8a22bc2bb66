"""What goes wrong with one picture, or with all, is told, and nothing is half done."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batches import hidden, make, respects_modes, tree
from sr_cli.batch import Advanced, Naming, Started
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError, DeviceError, ModelError
from sr_cli.jobs import Outcome, Output
from sr_cli.networks.fuse import Conv
from sr_cli.upscale import Upscaler

CPU = EngineChoice("onnxruntime", "cpu")


class Meddler(Upscaler):
    """Does something to the world before it upscales."""

    def __init__(self, network, meddle: Callable[[], object]) -> None:
        super().__init__(network, CPU)
        self._meddle = meddle

    def stream(self, source, on_progress=lambda *_: None):
        self._meddle()
        yield from super().stream(source, on_progress)


def once(meddle: Callable[[], object]) -> Callable[[], object]:
    waiting = [meddle]
    return lambda: waiting.pop()() if waiting else None


def statuses(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: outcome.status for name, outcome in outcomes.items()}


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_a_bad_file_is_reported_and_the_rest_done(tmp_path, batch):
    root, out = tmp_path / "in", tmp_path / "out"
    make(root / "a.png", size=(12, 9))
    (root / "b.jpg").write_text("no picture")
    make(root / "x" / "c.png")
    found = batch.outcomes(root, output=out)
    assert statuses(found) == {"a.png": "done", "b.jpg": "failed", "c.png": "done"}
    assert "b.jpg" in found["b.jpg"].notes[0]
    assert "staged" not in found["b.jpg"].notes[0]
    assert (found["a.png"].width, found["a.png"].height) == (48, 36)
    assert found["a.png"].job.target == out / "a.png"
    assert size_of(out / "a.png") == (48, 36)
    assert sorted(tree(out)) == ["a.png", "x/c.png"]
    assert hidden(out) == ["journal.jsonl"]


def test_every_format_at_once(tmp_path, batch):
    root, out = tmp_path / "in", tmp_path / "out"
    for name in ("a.jpg", "b.webp", "c.TIF", "d.bmp", "e.png"):
        make(root / name)
    (root / "a.jpg").rename(root / "a.JPEG")
    make(root / "f.gif")
    batch.naming = Naming(format="same")
    assert set(statuses(batch.outcomes(root, output=out)).values()) == {"done"}
    for path in out.glob("[a-e].*"):
        with Image.open(path) as image, Image.open(root / path.name) as original:
            assert image.format == original.format


def test_pictures_are_told_from_start_to_end(tmp_path, batch):
    make(tmp_path / "in" / "a.png")
    started, advanced, outcome = batch.events(tmp_path / "in", output=tmp_path / "out")
    assert started == Started(outcome.job)
    assert advanced == Advanced(outcome.job, 1, 1)


def test_the_same_input_is_upscaled_once(tmp_path, batch):
    root, out = tmp_path / "in", tmp_path / "out"
    make(root / "a.png")
    batch.events(root, output=out)
    (root / "a.png").rename(root / "b.png")
    (found,) = batch.outcomes(root, output=out).values()
    assert found.notes == ("copied from a.png, whose input held the same",)
    assert (found.width, found.height) == (36, 28)
    assert tree(out)["a.png"] == tree(out)["b.png"]
    assert batch.steps(root, output=out)[0].verdict == "keep"
    # What was altered meanwhile is not taken for the same.
    make(out / "a.png", 7)
    (root / "b.png").rename(root / "c.png")
    os.truncate(out / "b.png", 9)
    (found,) = batch.outcomes(root, output=out).values()
    assert found.notes == ()
    assert size_of(out / "c.png") == (36, 28)


def test_overwriting_computes_anew(tmp_path, batch):
    root, out = tmp_path / "in", tmp_path / "out"
    make(root / "a.png")
    batch.events(root, output=out)
    batch.output = Output(overwrite=True)
    assert any(isinstance(e, Advanced) for e in batch.events(root, output=out))


def test_several_upscalers_share_the_work(tmp_path, batch, tiny_network):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(6):
        make(root / f"{number}.png", number)
    batch.events(root, output=tmp_path / "alone")
    took = []
    both = threading.Barrier(2)

    def meet(name: str) -> None:
        took.append(name)
        if took.count(name) == 1:
            both.wait(timeout=30)  # each has had a picture before any has a second

    batch.upscalers = [
        Meddler(tiny_network, lambda name=name: meet(name)) for name in "ab"
    ]
    assert set(statuses(batch.outcomes(root, output=out)).values()) == {"done"}
    assert set(took) == {"a", "b"}
    assert tree(out) == tree(tmp_path / "alone")


def test_others_are_read_and_written_while_one_is_upscaled(
    tmp_path, batch, tiny_network
):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(3):
        make(root / f"{number}.png", number)
    inside, seen = [0], []
    lock = threading.Lock()

    class Watched(Upscaler):
        def stream(self, source, on_progress=lambda *_: None):
            with lock:
                inside[0] += 1
                seen.append(inside[0])
            bands = list(super().stream(source, on_progress))
            time.sleep(0.2)  # long enough for others to come in, if they could
            with lock:
                inside[0] -= 1
            yield from bands

    batch.upscalers = [Watched(tiny_network, CPU)]
    events = batch.events(root, output=out)
    assert seen == [1, 1, 1]
    kinds = [type(event) for event in events if not isinstance(event, Advanced)]
    assert kinds[:2] == [Started, Started]  # the second before the first is done


def test_small_pictures_are_upscaled_side_by_side(tmp_path, batch, tiny_network):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(9):
        make(root / f"{number}.png", number)
    batch.events(root, output=tmp_path / "one-by-one")
    barrier = threading.Barrier(3)
    first = iter(range(3))

    def meet() -> None:
        if next(first, None) is not None:
            barrier.wait(timeout=30)

    upscaler = Meddler(tiny_network, meet)
    upscaler.engine.calls_at_once = 3
    batch.upscalers = [upscaler]
    assert set(statuses(batch.outcomes(root, output=out)).values()) == {"done"}
    assert tree(out) == tree(tmp_path / "one-by-one")


def test_a_file_that_changes_while_it_is_read_fails_and_is_done_later(
    tmp_path, batch, tiny_network
):
    root, out = tmp_path / "in", tmp_path / "out"
    source = make(root / "a.png")

    def grow() -> None:
        with source.open("ab") as stream:
            stream.write(b"more")

    batch.upscalers = [Meddler(tiny_network, grow)]
    (found,) = batch.outcomes(root, output=out).values()
    assert found.status == "failed"
    assert "it changed while it was read" in found.notes[0]
    assert tree(out) == {}
    assert hidden(out) == ["journal.jsonl"]
    batch.upscalers = [Upscaler(tiny_network, CPU)]
    assert statuses(batch.outcomes(root, output=out)) == {"a.png": "done"}


def test_what_another_program_writes_meanwhile_is_kept(tmp_path, batch, tiny_network):
    root, out = tmp_path / "in", tmp_path / "out"
    make(root / "a.png")
    batch.upscalers = [
        Meddler(tiny_network, lambda: (out / "a.png").write_text("mine"))
    ]
    (found,) = batch.outcomes(root, output=out).values()
    assert found.status == "failed"
    assert "exists" in found.notes[0]
    assert tree(out) == {"a.png": b"mine"}
    # Nor does the next run take it for its own.
    (found,) = batch.outcomes(root, output=out).values()
    assert found.status == "skipped"
    assert tree(out) == {"a.png": b"mine"}


@pytest.mark.parametrize("replaced", [False, True])
def test_a_removed_output_folder_ends_the_batch(
    tmp_path, batch, tiny_network, replaced
):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(9):
        make(root / f"{number}.png", number)

    def remove() -> None:
        out.rename(tmp_path / "moved")
        if replaced:
            out.mkdir()

    batch.upscalers = [Meddler(tiny_network, once(remove))]
    events = []
    with pytest.raises(DataError, match="was removed or replaced"):
        batch.events(root, output=out, into=events)
    assert 1 <= sum(isinstance(event, Outcome) for event in events) <= 2
    assert not out.exists() or not list(out.iterdir())
    batch.upscalers = [Upscaler(tiny_network, CPU)]
    assert set(statuses(batch.outcomes(root, output=out)).values()) == {"done"}
    assert len(tree(out)) == 9


def nan_network(network):
    last = max(i for i, one in enumerate(network.layers) if isinstance(one, Conv))
    layers = list(network.layers)
    layers[last] = replace(layers[last], bias=layers[last].bias * np.nan)
    return replace(network, layers=tuple(layers))


def test_a_model_that_fails_ends_the_batch(tmp_path, batch, tiny_network):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(9):
        make(root / f"{number}.png", number)
    batch.upscalers = [Upscaler(nan_network(tiny_network), CPU)]
    with pytest.raises(ModelError, match="not a number"):
        batch.events(root, output=out)
    assert tree(out) == {}


def test_one_that_an_engine_trips_over_is_one(tmp_path, batch, tiny_network):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(4):
        make(root / f"{number}.png", number)

    def trip() -> None:
        raise RuntimeError("odd")

    batch.upscalers = [Meddler(tiny_network, once(trip))]
    found = batch.outcomes(root, output=out)
    assert sorted(statuses(found).values()) == ["done", "done", "done", "failed"]
    (failed,) = (one for one in found.values() if one.status == "failed")
    assert "RuntimeError: odd" in failed.notes[0]
    batch.upscalers = [Meddler(tiny_network, trip)]
    with pytest.raises(DeviceError, match="no longer runs"):
        batch.events(root, output=tmp_path / "new")


def test_stopping_finishes_nothing_more(tmp_path, batch):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(8):
        make(root / f"{number}.png", number)
    batch.events(root, output=tmp_path / "whole")
    events = []
    batch.stop = lambda: any(isinstance(event, Outcome) for event in events)
    batch.events(root, output=out, into=events)
    done = [event for event in events if isinstance(event, Outcome)]
    assert 1 <= len(done) < 8
    assert len(tree(out)) == len(done)
    assert hidden(out) == ["journal.jsonl"]
    batch.stop = lambda: False
    batch.events(root, output=out)
    assert tree(out) == tree(tmp_path / "whole")


def test_leaving_early_waits_for_what_is_under_way(tmp_path, batch):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(8):
        make(root / f"{number}.png", number)

    class Leaving(list):
        def append(self, event) -> None:
            if isinstance(event, Outcome):
                raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        batch.events(root, output=out, into=Leaving())
    assert not [t for t in threading.enumerate() if t.name == "srup-batch"]
    assert hidden(out) == ["journal.jsonl"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if mount is None or subprocess.call(command):
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_ends_the_batch_and_a_rerun_completes_it(
    tmp_path, batch, small_disk
):
    root, out = tmp_path / "in", small_disk / "out"
    for number in range(12):
        make(root / f"{number:02}.png", number, (100, 80))
    batch.events(root, output=tmp_path / "whole")
    (small_disk / "ballast").write_bytes(bytes(2**20))
    events = []
    with pytest.raises(DataError, match="is full"):
        batch.events(root, output=out, into=events)
    outcomes = [event for event in events if isinstance(event, Outcome)]
    failed = [one for one in outcomes if one.status == "failed"]
    assert 1 <= len(failed) <= 2  # and not one after the other
    assert len(tree(out)) == len(outcomes) - len(failed) > 0
    assert hidden(out) == ["journal.jsonl"]
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    found = batch.outcomes(root, output=out)
    assert sum(one.status == "skipped" for one in found.values()) == len(tree(out)) - (
        12 - len(outcomes) + len(failed)
    )
    assert tree(out) == tree(tmp_path / "whole")


def test_what_may_not_be_read_or_written(tmp_path, batch):
    if not respects_modes(tmp_path):
        pytest.skip("root may open everything, so no file can be closed to it")
    root, out = tmp_path / "in", tmp_path / "out"
    make(root / "a.png").chmod(0)
    make(root / "b.png").chmod(0o400)
    found = batch.outcomes(root, output=out)
    assert statuses(found) == {"a.png": "failed", "b.png": "done"}
    assert "permission was denied" in found["a.png"].notes[0]
    out.chmod(0o500)
    (root / "a.png").chmod(0o400)
    try:
        found = batch.outcomes(root, output=out)
    finally:
        out.chmod(0o700)
    assert statuses(found) == {"a.png": "failed", "b.png": "skipped"}
    assert f"Cannot write {out / 'a.png'}" in found["a.png"].notes[0]


def test_long_and_odd_names(tmp_path, batch):
    root, out = tmp_path / "in", tmp_path / "out"
    names = ["x" * 251 + ".png", "é" * 125 + "1.png", " a  b .png", "-o.png", "😀.png"]
    if os.name == "posix":
        names += ["a\nb.png", "a\\b.png", os.fsdecode(b"caf\xe9.png")]
    for number, name in enumerate(names):
        make(root / "x.png", number).rename(root / name)
    assert set(statuses(batch.outcomes(root, output=out)).values()) == {"done"}
    assert sorted(tree(out)) == sorted(names)
    batch.naming = Naming(ending="_4x")
    assert len(batch.steps(root, output=out)) == len(names)
    assert {one.verdict for one in batch.steps(root, output=out)} == {"upscale"}
    assert set(statuses(batch.outcomes(root, output=out)).values()) == {"done"}
