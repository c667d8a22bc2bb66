"""`srup train` and `srup publish` as a user meets them, signals included."""

import csv
import os
import signal
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from sr_cli.cli import main
from sr_cli.cli.train_options import HELP
from sr_cli.train import checkpoint
from sr_cli.train.config import SYSTEMS, TrainConfig
from sr_cli.weights import load_model
from torch_forks import SRUP, Job

TINY = ("--blocks", 1, "--channels", 8, "--crop", 32, "--batch", 2, "--warmup", 2)


def srup(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for number in range(2):
        pixels = random.integers(0, 256, (48, 56, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def train(photos, tmp_path):
    """Run a tiny training on the CPU in the folder `run`, or in another one."""

    def run(*arguments, output="run"):
        place = ("--output", tmp_path / output, "--threads", 1, "--device", "cpu")
        settings = () if "--resume" in arguments else (*TINY, "--data", photos)
        return srup("train", *place, *settings, *arguments)

    return run


def log_of(folder: Path) -> list[dict[str, float]]:
    """The rows of the diary, without their empty cells."""
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: float(v) for k, v in row.items() if v} for row in rows]


def assert_same_tensors(one: Path, other: Path) -> None:
    ours, theirs = load_file(one), load_file(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_three_and_three_updates_are_six(train, tmp_path, norm):
    shared = ("--steps", 6, "--normalization", norm, "--log-every", 2)
    assert train(*shared, output="whole") == 0
    assert train(*shared, "--stop-at", 3) == 0
    assert [line["step"] for line in log_of(tmp_path / "run")] == [2, 3]
    assert train("--resume") == 0
    for name in ("checkpoint", "weights"):
        files = (tmp_path / run / f"{name}.safetensors" for run in ("whole", "run"))
        assert_same_tensors(*files)
    steps = [line["step"] for line in log_of(tmp_path / "run")]
    assert steps == [2, 3, 4, 6]


def test_a_run_leaves_weights_a_log_and_its_settings(train, tmp_path, photos, capfd):
    code = train(
        *("--steps", 4, "--log-every", 2, "--validate", photos),
        *("--validate-every", 2, "--content", "mse"),
    )
    assert code == 0
    run = tmp_path / "run"
    assert sorted(p.name for p in run.iterdir()) == [
        "checkpoint.safetensors",
        "config.toml",
        "metrics.csv",
        "samples",
        "weights.safetensors",
    ]
    assert load_model(str(run)).architecture.channels == 8
    settings = (run / "config.toml").read_text()
    assert '\ncontent = "mse"\n' in settings
    assert "\nphotos = 2\n" in settings
    strips = sorted((run / "samples").iterdir())
    assert [strip.name for strip in strips] == ["0000002.png", "0000004.png"]
    with Image.open(strips[0]) as strip:
        assert strip.mode == "RGB"
    first, second, *_ = log_of(run)
    assert first["loss"] > 0.0
    assert 0.0 < second["psnr_y"] < 60.0
    told = capfd.readouterr()
    assert told.out == ""
    assert "with 2 photos, from update 0 to 4" in told.err
    assert "\n2/4  loss 0." in told.err
    assert "\n4/4  validation " in told.err
    assert "averaged weights are in" in told.err


def test_flags_override_the_saved_settings(train, tmp_path):
    assert train("--steps", 2, "--quiet") == 0
    assert train("--resume", "--steps", 4, "--decay", 1, "--crop", 16, "--quiet") == 0
    path = tmp_path / "run" / "checkpoint.safetensors"
    config = checkpoint.read_config(path)
    assert (config.steps, config.decay, config.crop) == (4, 1, 16)
    assert (config.channels, config.warmup) == (8, 2)
    assert checkpoint.read_average(path).step == 4


def test_quiet_is_quiet(train, capfd):
    assert train("--steps", 2, "--quiet") == 0
    assert capfd.readouterr() == ("", "")


def test_an_existing_run_is_kept_or_replaced(train, tmp_path, capfd):
    assert train("--steps", 2) == 0
    assert train("--steps", 3) == 1
    assert "holds a run already. Go on with it: --resume" in capfd.readouterr().err
    assert train("--steps", 3, "--overwrite", "--seed", 1) == 0
    saved = checkpoint.read_average(tmp_path / "run" / "checkpoint.safetensors")
    assert (saved.step, saved.config.seed) == (3, 1)
    assert train("--resume", "--overwrite") == 2
    assert train("--resume", "--blocks", 2) == 1
    assert "started with blocks 1, not 2" in capfd.readouterr().err


def test_weights_to_start_from(train, tmp_path):
    assert train("--steps", 2) == 0
    weights = tmp_path / "run" / "weights.safetensors"
    start = ("--init", weights, "--steps", 1, "--learning-rate", 1e-12)
    assert train(*start, output="second") == 0
    first = load_file(weights)
    for name, value in load_file(tmp_path / "second/weights.safetensors").items():
        assert torch.allclose(value, first[name], atol=1e-6)
    assert train(*start, "--channels", 16, output="third") == 1
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--data", "none"), 1, "none is no folder"),
        (("--crop", 400), 1, "56×48 pixels are less than the 400×400 needed"),
        (("--crop", 30), 1, "Crops of 30 pixels"),
        (("--content", "vgg"), 1, "no features called 'vgg'"),
        (("--gan", "standard"), 2, "No such option"),  # srresnet has no adversary
        (("--config", "none.toml"), 1, "Cannot read the settings none.toml"),
        (("--content", "vgg54", "--features-file", "none.pth"), 1, "none.pth"),
        (("--validate", "none"), 1, "none"),
        (("--resume",), 1, "holds no run to resume"),
        (("--init", "none.safetensors"), 1, "There is no weights file"),
    ],
)
def test_refusals_write_nothing(
    train, tmp_path, monkeypatch, capfd, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    assert train(*arguments) == code
    assert message in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_photos_that_cannot_be_used(train, tmp_path, capfd):
    folder = tmp_path / "folder"
    folder.mkdir()
    assert train("--data", folder) == 1
    assert "holds no pictures" in capfd.readouterr().err
    (folder / "bad.jpg").write_text("text")
    assert train("--data", folder) == 1
    assert "bad.jpg" in capfd.readouterr().err
    Image.new("RGB", (20, 20)).save(folder / "small.png")
    Image.new("RGB", (64, 64)).save(folder / "large.png")
    assert train("--data", folder, "--steps", 1) == 0
    told = capfd.readouterr().err
    assert f"Left out {folder / 'bad.jpg'}: " in told
    assert f"Left out {folder / 'small.png'}: 20×20 pixels are less than" in told
    assert "Training on cpu with 1 photos" in told


def test_data_must_be_named(tmp_path, capfd):
    assert srup("train", "--output", tmp_path / "run") == 1
    assert "Name them with --data" in capfd.readouterr().err


def test_every_setting_is_a_flag_with_help(capfd):
    told = ""
    for system in SYSTEMS:
        assert srup("train", system, "--help") == 0
        told += capfd.readouterr().out
    for field in fields(TrainConfig):
        if field.name != "network":
            assert f"--{field.name.replace('_', '-')} " in told
    assert set(HELP) == {f.name for f in fields(TrainConfig)} - {"network", "preset"}


SYSTEMS_OF_THE_PAPER = {
    "SRResNet-MSE": ("srresnet", "--content", "mse"),
    "SRResNet-VGG22": ("srresnet", "--content", "vgg22"),
    "SRGAN-MSE": ("srgan", "--content", "mse"),
    "SRGAN-VGG22": ("srgan", "--content", "vgg22"),
    "SRGAN-VGG54": ("srgan", "--content", "vgg54"),
    "SRCNN": ("srcnn",),
    "ESPCN": ("espcn",),
}


@pytest.mark.parametrize("preset", ["srup", "paper"])
@pytest.mark.parametrize("name", SYSTEMS_OF_THE_PAPER)
def test_every_system_trains_and_upscales(name, preset, photos, tmp_path, capfd):
    system, *words = SYSTEMS_OF_THE_PAPER[name]
    small = ["--crop", 32, "--batch", 2, "--steps", 2, "--channels", 4]
    small += ["--threads", 1, "--device", "cpu", "--features-file", "random"]
    if system in ("srresnet", "srgan"):
        small += ["--blocks", 1]
    if system == "srgan":
        small += ["--discriminator-channels", 2, "--init", "none"]
    run, target = tmp_path / "run", tmp_path / "large.png"
    words += ["--preset", preset, "--data", photos, "--output", run]
    assert srup("train", system, *words, *small) == 0
    told = capfd.readouterr().err
    assert ("drawn with seed" in told) == (
        "vgg" in name.lower() or (system == "srgan" and "vgg" in words)
    )
    photo = photos / "0.png"
    assert srup("upscale", photo, "-m", run, "-o", target, "--device", "cpu") == 0
    with Image.open(target) as picture:
        assert picture.size == (224, 192)
    losses = set(log_of(run)[-1])
    assert (
        ("adversarial" in losses) == ("discriminator" in losses) == (system == "srgan")
    )
    assert ("variation" in losses) == (name == "SRResNet-VGG22" and preset == "paper")


def test_settings_from_a_file_come_after_flags(train, photos, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('steps = 3\ncontent = "charbonnier"\nlog-every = 1\n')
    assert train("--config", path, "--steps", 2) == 0
    assert [row["step"] for row in log_of(tmp_path / "run")] == [1, 2]
    assert 'content = "charbonnier"' in (tmp_path / "run/config.toml").read_text()
    again = tmp_path / "run" / "config.toml"
    place = ("--output", tmp_path / "again", "--device", "cpu", "--threads", 1)
    assert srup("train", "--config", again, *place) == 0
    for name in ("weights", "checkpoint"):
        files = (tmp_path / run / f"{name}.safetensors" for run in ("run", "again"))
        assert_same_tensors(*files)


def test_a_gan_resumes_bit_for_bit(photos, tmp_path):
    small = ["--crop", 32, "--batch", 2, "--channels", 4, "--blocks", 1, "--warmup", 1]
    small += ["--discriminator-channels", 2, "--init", "none", "--steps", 4]
    small += ["--data", photos, "--features-file", "random", "--content", "vgg22"]
    fixed = ["--threads", 1, "--device", "cpu", "--quiet"]
    whole, run = ("--output", tmp_path / "whole"), ("--output", tmp_path / "run")
    assert srup("train", "srgan", *whole, *small, *fixed) == 0
    assert srup("train", "srgan", *run, *small, *fixed, "--stop-at", 2) == 0
    assert srup("train", *run, *fixed, "--resume") == 0  # it knows what it trains
    for name in ("checkpoint", "weights"):
        files = (tmp_path / n / f"{name}.safetensors" for n in ("whole", "run"))
        assert_same_tensors(*files)


def test_settings_say_which_system_they_are_of(photos, tmp_path):
    wishes = tmp_path / "wishes.toml"
    wishes.write_text('network = "espcn"\nsteps = 1\ncrop = 32\nbatch = 1\n')
    place = (f"--output={tmp_path / 'run'}", "--data", photos, "--device", "cpu")
    assert srup("train", f"--config={wishes}", *place, "--quiet") == 0
    assert (
        checkpoint.read_config(tmp_path / "run" / "checkpoint.safetensors").network
        == "espcn"
    )


def test_tensorboard_on_wish(train, tmp_path):
    pytest.importorskip("tensorboard")
    assert train("--steps", 2, "--tensorboard", "--log-every", 1) == 0
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert b"updates/learning rate" in events.read_bytes()


def test_memory_for_photos_can_be_bounded(train, tmp_path):
    """Photos that wait on the disk give the same crops."""
    assert train("--steps", 2, output="memory") == 0
    assert train("--steps", 2, "--cache-gib", 0, output="disk") == 0
    files = (tmp_path / run / "weights.safetensors" for run in ("memory", "disk"))
    assert_same_tensors(*files)


def test_no_system_means_srresnet(capfd):
    assert srup("train", "--help") == 0
    told = capfd.readouterr().out
    for system in (*SYSTEMS, "plot"):
        assert f"\n  {system} " in told
    assert srup("train", "unet") == 2
    assert "No such command 'unet'" in capfd.readouterr().err


DIES = """
import os, signal
from sr_cli.cli import main

saves = []

def die_half_way(file):
    size = os.fstat(file).st_size
    saves.append(size > 50_000)  # not the small files
    if sum(saves) == 2:
        os.ftruncate(file, size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = die_half_way
main()
"""


def wait_for_lines(log: Path, count: int) -> None:
    until = time.monotonic() + 60.0
    while not (log.exists() and log.read_text().count("\n") >= count):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="signals are a matter of POSIX")
def test_signals_save_and_a_kill_loses_little(train, photos, tmp_path, forks):
    """Three runs at once: Ctrl-C, SIGTERM, and a kill half-way through a save."""
    asked = {"interrupted": signal.SIGINT, "terminated": signal.SIGTERM}
    settings = ("--data", photos, "--steps", 10**6, "--save-every", 4, *TINY)
    words = ("--threads", 1, "--device", "cpu", "--log-every", 1, *settings)
    jobs = {
        name: Job(
            ["train", "--output", name, *map(str, words)],
            folder=str(tmp_path),
            errors=f"{name}.err",
            code=DIES if name == "killed" else SRUP,
        )
        for name in (*asked, "killed")
    }
    with forks.running(list(jobs.values())) as running:
        for child, (name, number) in zip(running.children, asked.items(), strict=False):
            wait_for_lines(tmp_path / name / "metrics.csv", 4)
            os.kill(child, number)
        assert running.wait() == [130, 130, -signal.SIGKILL]
    for name in asked:
        saved = checkpoint.read_average(tmp_path / name / "checkpoint.safetensors")
        told = (tmp_path / f"{name}.err").read_text()
        assert f"Interrupted after update {saved.step}:" in told
        assert "Traceback" not in told
        assert log_of(tmp_path / name)[-1]["step"] == saved.step
        assert load_model(str(tmp_path / name / "weights.safetensors"))
    folder = tmp_path / "killed"
    assert len(list(folder.glob(".srup-*.part"))) == 1
    assert checkpoint.read_average(folder / "checkpoint.safetensors").step == 4
    assert train("--resume", "--stop-at", 6, output="killed") == 0
    assert not list(folder.glob(".*"))
    assert [line["step"] for line in log_of(folder)] == list(range(1, 7))


def test_publish(train, tmp_path, photos, capfd):
    assert train("--steps", 2) == 0
    sets = tmp_path / "sets"
    for name in ("Set5", "Set14", "BSD100"):
        (sets / name).mkdir(parents=True)
        for photo in photos.iterdir():
            (sets / name / photo.name).write_bytes(photo.read_bytes())
    words = ("--id", "mine", "--output", tmp_path / "weights", "--data")
    capfd.readouterr()
    assert srup("publish", tmp_path / "run", *words, tmp_path / "none") == 1
    assert not (tmp_path / "weights").exists()
    assert srup("publish", tmp_path / "run", *words, sets) == 0
    digest = capfd.readouterr().out.strip()
    model = load_model(str(tmp_path / "weights" / "mine.safetensors"))
    assert model.sha256 == digest
    card = (tmp_path / "weights" / "mine.md").read_text()
    assert digest in card
    assert "| bsd100 | 2 | **" in card
    assert sorted(p.name for p in (tmp_path / "weights").iterdir()) == [
        "mine.md",
        "mine.safetensors",
    ]
    assert srup("publish", tmp_path / "run", *words, sets) == 1
    assert "exists already" in capfd.readouterr().err
    assert srup("publish", tmp_path / "run", *words, sets, "--overwrite") == 0
    assert capfd.readouterr().out.strip() == digest
    assert srup("publish", tmp_path / "nowhere", *words, sets, "--id", "b") == 1
