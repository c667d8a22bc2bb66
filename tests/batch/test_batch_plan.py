"""A rerun does what is missing or changed, and nothing else."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from batches import Batch, make, tree
from sr_cli.batch import Naming, Step, settings
from sr_cli.batch.content import Content
from sr_cli.jobs import Output


@pytest.fixture
def root(tmp_path, batch) -> Path:
    """The input folder of a batch that has been run, beside its output folder."""
    folder = tmp_path / "in"
    make(folder / "a.png", 1)
    make(folder / "x" / "b.jpg", 2)
    found = batch.outcomes(folder, output=tmp_path / "out")
    assert [one.status for one in found.values()] == ["done", "done"]
    return folder


def verdicts(batch: Batch, root: Path) -> dict[str, tuple[str, str]]:
    steps = batch.steps(root, output=root.parent / "out")
    return {step.place.result.as_posix(): (step.verdict, step.reason) for step in steps}


def step_of(batch: Batch, root: Path, result: str) -> Step:
    steps = batch.steps(root, output=root.parent / "out")
    (found,) = (step for step in steps if step.place.result.as_posix() == result)
    return found


KEPT = ("keep", "it is up to date")


def test_nothing_is_done_twice(batch, root):
    assert verdicts(batch, root) == {"a.png": KEPT, "x/b.png": KEPT}
    before = tree(root.parent / "out")
    found = batch.outcomes(root, output=root.parent / "out")
    assert {one.status for one in found.values()} == {"skipped"}
    assert tree(root.parent / "out") == before


def test_what_is_new_is_done(batch, root):
    make(root / "c.png", 3)
    assert verdicts(batch, root) == {
        **{"a.png": KEPT, "x/b.png": KEPT},
        "c.png": ("upscale", "it is new"),
    }


def test_an_input_that_changed_is_done_again(batch, root):
    before = tree(root.parent / "out")
    make(root / "a.png", 9)
    assert verdicts(batch, root)["a.png"] == ("upscale", "its input has changed")
    batch.events(root, output=root.parent / "out")
    after = tree(root.parent / "out")
    assert after["a.png"] != before["a.png"]
    assert after["x/b.png"] == before["x/b.png"]


def test_an_input_of_the_same_size_and_a_new_time_is_read(batch, root):
    data = bytearray((root / "a.png").read_bytes())
    (root / "a.png").write_bytes(data)
    os.utime(root / "a.png", ns=(1, 1))
    step = step_of(batch, root, "a.png")
    assert step.verdict == "keep"
    assert step.confirmed is not None
    assert step.confirmed.read.mtime_ns == 1
    batch.events(root, output=root.parent / "out")
    assert step_of(batch, root, "a.png").confirmed is None
    data[-1] ^= 1
    (root / "a.png").write_bytes(data)
    assert verdicts(batch, root)["a.png"] == ("upscale", "its input has changed")


def test_another_input_with_the_same_time_is_read(batch, root):
    # Of the same size, from the same moment, and to the same result.
    times = (root / "a.png").stat()
    data = bytearray((root / "a.png").read_bytes())
    data[-1] ^= 1
    (root / "a.png").rename(root / "a.apng")
    assert verdicts(batch, root)["a.png"] == KEPT
    (root / "a.apng").write_bytes(data)
    os.utime(root / "a.apng", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert verdicts(batch, root)["a.png"] == ("upscale", "its input has changed")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "its result is missing"),
        (lambda path: os.truncate(path, 20), "its result has been altered"),
        (lambda path: path.write_bytes(b""), "its result has been altered"),
        (lambda path: make(path, 5), "its result has been altered"),
    ],
)
def test_a_result_that_is_not_what_it_was_is_made_again(batch, root, damage, reason):
    out = root.parent / "out"
    before = tree(out)
    damage(out / "a.png")
    assert verdicts(batch, root) == {"a.png": ("upscale", reason), "x/b.png": KEPT}
    batch.events(root, output=out)
    assert tree(out) == before


def test_a_result_that_was_only_touched_is_kept(batch, root):
    os.utime(root.parent / "out" / "a.png", ns=(1, 1))
    assert verdicts(batch, root)["a.png"] == KEPT


def test_other_settings_make_everything_again(batch, root):
    out = root.parent / "out"
    changed = ("upscale", "the model or the settings have changed")
    other = replace(batch, weights="1" * 64)
    assert set(verdicts(other, root).values()) == {changed}
    assert set(verdicts(batch, root).values()) == {KEPT}
    batch.naming = Naming(format="jpg")
    new = ("upscale", "it is new")
    assert verdicts(batch, root) == {"a.jpg": new, "x/b.jpg": new}
    batch.events(root, output=out)
    batch.output = Output(quality=50)
    assert set(verdicts(batch, root).values()) == {changed}
    assert sorted(tree(out)) == ["a.jpg", "a.png", "x/b.jpg", "x/b.png"]


def test_settings_name_what_changes_the_bytes_and_nothing_else():
    plain = settings("w", Output(), {})("png")
    assert plain == settings("w", Output(overwrite=True), {"tile": None})("png")
    assert plain == settings("w", Output(format="jpg"), {"exact": False})("png")
    others = [
        settings("v", Output(), {})("png"),
        settings("w", Output(), {})("jpg"),
        settings("w", Output(quality=9), {})("png"),
        settings("w", Output(), {"tile": 64})("png"),
        settings("w", Output(), {"overlap": 0})("png"),
    ]
    assert len({plain, *others}) == 6


def test_what_another_program_wrote_is_left_alone(batch, root):
    make(root / "c.png", 3)
    out = root.parent / "out"
    (out / "c.png").write_text("mine")
    verdict, reason = verdicts(batch, root)["c.png"]
    assert verdict == "leave"
    assert "c.png exists" in reason
    found = batch.outcomes(root, output=out)
    assert found["c.png"].status == "skipped"
    assert (out / "c.png").read_text() == "mine"
    batch.output = Output(overwrite=True)
    found = batch.outcomes(root, output=out)
    assert {one.status for one in found.values()} == {"done"}
    assert (out / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_link_is_replaced_and_not_what_it_points_to(batch, root):
    out = root.parent / "out"
    before = (root / "a.png").read_bytes()
    (out / "a.png").unlink()
    (out / "a.png").symlink_to(root / "a.png")
    batch.output = Output(overwrite=True)
    batch.events(root, output=out)
    assert (root / "a.png").read_bytes() == before
    assert not (out / "a.png").is_symlink()
    assert (out / "a.png").read_bytes() != before


def test_what_cannot_be_done_is_known_before(batch, tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    make(root / "a.png")
    (root / "gone.png").symlink_to("nowhere")
    (out / "a.png").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    steps = batch.steps(root, tmp_path / "pipe", output=out)
    assert {step.verdict for step in steps} == {"fail"}
    said = " ".join(step.reason for step in steps)
    for words in ("it is a folder", "no such file", "no regular file"):
        assert words in said
    found = batch.outcomes(root, tmp_path / "pipe", output=out)
    assert {one.status for one in found.values()} == {"failed"}


def test_content_is_read_only_where_it_may_have_changed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    content = Content.of(path)
    assert content.still(path) is content
    path.write_bytes(b"two")
    os.utime(path, ns=(content.mtime_ns, content.mtime_ns))
    assert content.still(path) is content  # the price of not reading
    os.utime(path, ns=(1, 1))
    assert content.still(path) is None
    path.write_bytes(b"three")
    assert content.still(path) is None
    path.write_bytes(b"one")
    assert content.still(path) == replace(content, mtime_ns=path.stat().st_mtime_ns)
