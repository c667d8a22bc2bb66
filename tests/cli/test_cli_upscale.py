"""`srup upscale` as a user meets it, exit codes included."""

import io
import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_cli.cli import main
from sr_cli.picture import read


def srup(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture
def upscale(tiny_weights):
    # By the engine that is ready soonest.
    of = ("-m", tiny_weights, "--device", "cpu", "--engine", "onnxruntime")
    return lambda *a: srup("upscale", *of, *a)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_default_output_is_beside_the_input(upscale, small_photo, capfd):
    assert upscale(small_photo) == 0
    assert size_of(small_photo.with_name("photo_4x.png")) == (160, 120)
    assert "photo_4x.png (160×120" in capfd.readouterr().err


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "bmp"])
def test_formats(upscale, small_photo, tmp_path, suffix):
    target = tmp_path / f"out.{suffix}"
    assert upscale(small_photo, "-o", target) == 0
    assert size_of(target) == (160, 120)


def test_several_inputs_go_into_a_folder(upscale, small_photo, tmp_path):
    second = tmp_path / "second.png"
    second.write_bytes(small_photo.read_bytes())
    folder = tmp_path / "out"
    assert upscale(small_photo, second, "-o", folder, "--format", "webp") == 0
    assert files(folder) == ["photo_4x.webp", "second_4x.webp"]


def test_a_final_slash_means_a_folder(upscale, small_photo, tmp_path):
    assert upscale(small_photo, "-o", f"{tmp_path}/new/") == 0
    assert files(tmp_path / "new") == ["photo_4x.png"]


def test_of_several_inputs_the_good_ones_are_done(
    upscale, small_photo, tmp_path, capfd
):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    folder = tmp_path / "out"
    folder.mkdir()
    assert upscale(bad, small_photo, "-o", folder) == 1
    assert files(folder) == ["photo_4x.png"]
    assert "bad.png" in capfd.readouterr().err


def test_an_existing_file_is_kept_unless_told(upscale, small_photo, tmp_path, capfd):
    target = tmp_path / "out.png"
    target.write_text("mine")
    assert upscale(small_photo, "-o", target) == 1
    assert target.read_text() == "mine"
    assert "already exists" in capfd.readouterr().err
    assert upscale(small_photo, "-o", target, "--overwrite") == 0
    assert size_of(target) == (160, 120)


def test_json_is_the_only_thing_on_standard_output(upscale, small_photo, capfd):
    assert upscale(small_photo, "--json") == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["status"], report["width"], report["height"]) == ("done", 160, 120)


def test_quiet_says_nothing(upscale, small_photo, capfd):
    assert upscale(small_photo, "--quiet") == 0
    assert capfd.readouterr() == ("", "")


def test_a_pipe(tiny_weights, small_photo):
    done = subprocess.run(
        [sys.executable, "-m", "sr_cli", "upscale", "-", "-o", "-", "-m", tiny_weights],
        input=small_photo.read_bytes(),
        capture_output=True,
        check=True,
    )
    result = Image.open(io.BytesIO(done.stdout))
    assert (result.format, result.size) == ("PNG", (160, 120))


@pytest.mark.parametrize(
    "options",
    [
        ("--engine", "auto", "--exact", "--tile", 16),
        ("--engine", "auto", "--tile", 24, "--overlap", 8),
        ("--engine", "auto"),
        ("--engine", "torch"),
        ("--precision", "float32"),
    ],
)
def test_options_change_how_not_what(upscale, small_photo, tmp_path, options):
    assert upscale(small_photo, "-o", tmp_path / "a.png") == 0
    assert upscale(small_photo, "-o", tmp_path / "b.png", *options) == 0
    one, two = (read(tmp_path / f"{n}.png").pixels.astype(int) for n in "ab")
    assert np.abs(one - two).mean() < 2.0


def damaged(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.jpg"
    photo = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo, "PNG" if kind == "cut-png" else "JPEG")
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("I am not a picture.\n")
    elif kind == "empty":
        path.touch()
    elif kind in ("cut-jpeg", "cut-png"):
        path.write_bytes(photo.getvalue()[: len(photo.getvalue()) // 2])
    elif kind == "bomb":
        header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
        chunk = b"IHDR" + header
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", len(header))
            + chunk
            + struct.pack(">I", zlib.crc32(chunk))
        )
    return path


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "text", "empty", "cut-jpeg", "cut-png", "bomb"]
)
def test_bad_input_gets_one_sentence_and_nothing_is_written(
    upscale, tmp_path, capfd, kind
):
    path = damaged(tmp_path, kind)
    before = files(tmp_path)
    assert upscale(path, "-o", tmp_path / "out.png") == 1
    said = capfd.readouterr().err
    assert said.startswith("Error: ")
    assert path.name in said
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert files(tmp_path) == before


def test_one_pixel_works(upscale, tmp_path):
    path = tmp_path / "dot.png"
    Image.fromarray(np.array([[[1, 2, 3]]], np.uint8)).save(path)
    assert upscale(path) == 0
    assert size_of(tmp_path / "dot_4x.png") == (4, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "nowhere/out.png"), "no folder nowhere"),
        (("-o", "out.xyz"), "xyz"),
        (("-o", "/dev/null/out.png"), "Cannot write"),
        (("-m", "vdsr"), "no model called 'vdsr'"),
        (("-m", "nowhere.safetensors"), "no weights file"),
        (("--engine", "onnxruntime", "--precision", "float16"), "float32"),
        (("--tile", "16", "--overlap", "12"), "overlap"),
    ],
)
def test_bad_requests(upscale, small_photo, tmp_path, capfd, arguments, message):
    output = () if "-o" in arguments else ("-o", tmp_path / "out.png")
    assert upscale(small_photo, *output, *arguments) == 1
    said = capfd.readouterr().err
    assert said.startswith("Error: ")
    assert message in said
    assert not (tmp_path / "out.png").exists()


def test_corrupted_weights(small_photo, tiny_weights, tmp_path, capfd):
    broken = tmp_path / "w.safetensors"
    broken.write_bytes(tiny_weights.read_bytes()[:500])
    target = tmp_path / "out.png"
    assert srup("upscale", small_photo, "-m", broken, "-o", target) == 1
    assert "Cannot read the weights" in capfd.readouterr().err
    assert not target.exists()


def test_cuda_without_one_is_an_error(upscale, small_photo, tmp_path, capfd):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a usable CUDA device")
    target = tmp_path / "out.png"
    auto = ("--engine", "auto", "--device", "cuda")
    assert upscale(small_photo, *auto, "-o", target) == 1
    assert "no usable CUDA device" in capfd.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-", "-", "-o", "x"),
        ("a.png", "b.png", "-o", "-"),
        ("a.png", "-o", "-", "--json"),
        ("a.png", "--device", "tpu"),
        ("a.png", "--quality", "0"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments):
    assert srup("upscale", *arguments) == 2


def test_debug_shows_where(upscale, tmp_path):
    with pytest.raises(Exception, match="no such file"):
        main(["upscale", str(tmp_path / "no.png"), "--debug"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_behind(tiny_weights, tmp_path, number):
    # A pipe that nobody fills: srup is surely still reading when the signal comes.
    source = tmp_path / "pipe.png"
    os.mkfifo(source)
    folder = tmp_path / "out"
    folder.mkdir()
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sr_cli",
            "upscale",
            source,
            "-m",
            tiny_weights,
            "--device",
            "cpu",
            "-o",
            folder / "out.png",
        ],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has it ignored.
        # Safe here: it calls no library that another thread may have locked.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    writer = source.open("wb")  # returns once srup has opened the other end
    running.send_signal(number)
    assert running.wait(timeout=30) == 130
    writer.close()
    assert running.stderr is not None
    assert running.stderr.read() == "\nInterrupted.\n"
    running.stderr.close()
    assert files(folder) == []
