"""Plans never lose a file, and a bad one doesn't end the run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_cli.batch import plan, run
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError, PictureError
from sr_cli.jobs import Job, Output, check, run_job
from sr_cli.upscale import Upscaler


@pytest.fixture
def upscaler(tiny_network) -> Upscaler:
    return Upscaler(tiny_network, EngineChoice("onnxruntime", "cpu"))


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def make(path: Path, side: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), 99, np.uint8)).save(path)
    return path


def test_the_tree_is_mirrored(tmp_path):
    root = tmp_path / "in"
    make(root / "a.png")
    make(root / "deep" / "er" / "b.jpg")
    (root / "notes.txt").write_text("not a picture")
    jobs = plan([root], tmp_path / "out", ".png")
    assert {job.target.relative_to(tmp_path / "out").as_posix() for job in jobs} == {
        "a.png",
        "deep/er/b.png",
    }


def test_sources_that_would_meet_keep_their_suffixes(tmp_path):
    root = tmp_path / "in"
    for name in ("a.png", "a.jpg", "b.png"):
        make(root / name)
    names = [job.target.name for job in plan([root], tmp_path / "out", ".webp")]
    assert sorted(names) == ["a.jpg.webp", "a.png.webp", "b.webp"]


def test_without_an_output_results_go_beside_the_folder(tmp_path):
    make(tmp_path / "scans" / "a.png")
    (job,) = plan([tmp_path / "scans"], None, ".png")
    assert job.target == tmp_path / "scans_4x" / "a.png"


def test_several_folders_get_a_folder_each(tmp_path):
    make(tmp_path / "x" / "a.png")
    make(tmp_path / "y" / "a.png")
    jobs = plan([tmp_path / "x", tmp_path / "y"], tmp_path / "out", ".png")
    assert [job.target for job in jobs] == [
        tmp_path / "out" / "x" / "a.png",
        tmp_path / "out" / "y" / "a.png",
    ]


def test_two_folders_of_one_name_are_refused(tmp_path):
    make(tmp_path / "x" / "s" / "a.png")
    make(tmp_path / "y" / "s" / "a.png")
    with pytest.raises(DataError, match="2 pictures would be written"):
        plan([tmp_path / "x" / "s", tmp_path / "y" / "s"], tmp_path / "out", ".png")


def test_results_inside_the_input_folder_are_not_inputs(tmp_path):
    make(tmp_path / "a.png")
    make(tmp_path / "out" / "a.png")
    (job,) = plan([tmp_path], tmp_path / "out", ".png")
    assert job.source == tmp_path / "a.png"


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_to_do_is_an_error(tmp_path, exists):
    folder = tmp_path / "in"
    if exists:
        folder.mkdir()
    with pytest.raises(DataError, match="holds no pictures" if exists else "no folder"):
        plan([folder], tmp_path / "out", ".png")


def test_a_bad_file_is_reported_and_the_rest_done(tmp_path, upscaler):
    root, out = tmp_path / "in", tmp_path / "out"
    make(root / "a.png")
    (root / "b.jpg").write_text("no picture")
    make(root / "c.png")
    outcomes = list(run(plan([root], out, ".png"), upscaler, Output()))
    assert [o.status for o in outcomes] == ["done", "failed", "done"]
    assert "b.jpg" in outcomes[1].notes[0]
    assert sorted(p.name for p in out.rglob("*")) == ["a.png", "c.png"]
    assert size_of(out / "a.png") == (36, 36)


def test_existing_results_are_skipped_or_replaced(tmp_path, upscaler):
    source, target = make(tmp_path / "a.png"), tmp_path / "b.png"
    target.write_text("mine")
    (outcome,) = run([Job(source, target)], upscaler, Output())
    assert outcome.status == "skipped"
    assert target.read_text() == "mine"
    (outcome,) = run([Job(source, target)], upscaler, Output(overwrite=True))
    assert outcome.status == "done"
    assert size_of(target) == (36, 36)


def test_a_format_that_cannot_hold_the_size_is_refused_before_work(tmp_path, upscaler):
    path = tmp_path / "long.png"
    Image.fromarray(np.zeros((1, 5000, 3), np.uint8)).save(path)
    with pytest.raises(PictureError, match="WEBP"):
        run_job(Job(path, tmp_path / "x.webp"), upscaler, Output())


def test_what_a_format_cannot_keep_is_noted(tmp_path, upscaler):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(path)
    outcome = run_job(Job(path, tmp_path / "x.jpg"), upscaler, Output())
    assert any("transparency" in note for note in outcome.notes)


def test_check_refuses_before_any_work(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        check([Job(tmp_path / "no.png", tmp_path / "o.png")], Output())
    source = make(tmp_path / "a.png")
    with pytest.raises(PictureError, match="already exists"):
        check([Job(source, source)], Output())


def test_check_refuses_two_results_in_one_file(tmp_path):
    one, two = make(tmp_path / "a.png"), make(tmp_path / "a.jpg")
    jobs = [Job(path, tmp_path / "o" / "a_4x.png") for path in (one, two)]
    with pytest.raises(DataError, match="2 pictures would be written to"):
        check(jobs, Output(), tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_check_makes_the_folder_that_is_meant(tmp_path):
    source = make(tmp_path / "a.png")
    folder = tmp_path / "new" / "er"
    check([Job(source, folder / "a.png")], Output(), folder)
    assert folder.is_dir()
    with pytest.raises(PictureError, match="Cannot make the folder"):
        check([Job(source, source / "b.png")], Output(), source / "x")
