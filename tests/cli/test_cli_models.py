"""`srup models` as a user meets it, with the real client and a Hub on loopback."""

import dataclasses
import hashlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors import safe_open

import hub_server
from conftest import TINY
from hub_server import Hub
from sr_cli import catalog, weights
from sr_cli.catalog import MODELS, ModelSpec
from sr_cli.cli import main
from sr_cli.weights import bundled_folder, load_model

REPO = "somebody/sharp"
CARD = """# tiny

- sha256: `{sha256}`
- licence: CC0-1.0
- speed: 0.1 s per output megapixel (onnxruntime, float32)

| set14 | 14 | **27.25** | **0.7001** | 26.00 | 0.7031 |
"""

# The client's own, of the library below it.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def srup(capfd) -> Callable[..., tuple[int, str, str]]:
    """Run the command line; return its exit code and what it wrote."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(["models", *map(str, arguments)])
        out, err = capfd.readouterr()
        return stopped.value.code, out, " ".join(err.split())

    return run


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    with (
        hub_server.serving() as hub,
        hub_server.settings(**hub_server.environment(hub, tmp_path / "home")),
    ):
        yield hub


@pytest.fixture
def tiny(hub, tiny_weights) -> str:
    """A model with a card on the Hub; the commit's id."""
    card = CARD.format(sha256=sha256(tiny_weights)).encode()
    return hub.put(
        REPO, {"tiny.safetensors": tiny_weights.read_bytes(), "README.md": card}
    )


@pytest.fixture
def row(tiny, tiny_weights, monkeypatch) -> ModelSpec:
    """The same in the catalog, beside the bundled models."""
    spec = ModelSpec(
        id="tiny",
        architecture=TINY["batch"],
        sha256=sha256(tiny_weights),
        summary="Small",
        licence="CC0-1.0",
        repo=REPO,
        revision=tiny,
    )
    monkeypatch.setattr(catalog, "MODELS", (*MODELS, spec))
    return spec


def test_the_bundled_are_listed_as_measured(srup, hub):
    code, out, _ = srup("list")
    assert code == 0
    for spec in MODELS:
        card = (bundled_folder() / f"{spec.id}.md").read_text()
        (psnr,) = re.findall(r"^\| set14 \| 14 \| \*\*(.*?)\*\*", card, re.MULTILINE)
        (line,) = (row for row in out.splitlines() if row.startswith(f"{spec.id} "))
        assert {"bundled", "4x", "MIT", psnr} < set(line.split())
    assert "speed" not in out  # which nobody has measured


def test_the_list_follows_a_row_from_hub_to_cache(srup, row):
    _, out, _ = srup("list", "--json")
    before = {facts["id"]: facts for facts in json.loads(out)}["tiny"]
    assert (before["place"], before["path"], before["bytes"]) == ("hub", None, None)
    assert "on the Hub" in srup("list")[1]
    assert srup("download", "tiny")[0] == 0
    _, out, _ = srup("list", "--json")
    after = {facts["id"]: facts for facts in json.loads(out)}["tiny"]
    assert after["place"] == "cached"
    assert after["bytes"] == Path(after["path"]).stat().st_size
    assert after["figures"] == {"set14": {"psnr": 27.25, "ssim": 0.7001}}
    assert after["speed"].startswith("0.1 s")
    assert "27.25" in srup("list")[1]


def test_other_models_in_the_cache_are_listed_and_foreign_files_are_not(
    srup, tiny, hub
):
    hub.put("somebody/words", {"llm.safetensors": b"no model of ours"})
    assert srup("download", f"hf:{REPO}")[0] == 0
    assert srup("download", "hf:somebody/words")[0] == 1  # but it is in the cache now
    _, out, _ = srup("list", "--json")
    (found,) = (facts for facts in json.loads(out) if facts["place"] == "cached")
    assert found["id"] == f"hf:{REPO}"
    assert (found["scale"], found["family"]) == (4, "srresnet")
    assert found["licence"] == "CC0-1.0"
    assert load_model(found["id"], offline=True).sha256 == found["sha256"]


def test_info(srup, hub):
    code, out, _ = srup("info", "srgan", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["sha256"] == sha256(Path(facts["path"]))
    with safe_open(facts["path"], "numpy") as file:
        steps = json.loads(file.metadata()["srup.training"])["steps"]
    assert facts["training"]["steps"] == steps
    assert facts["architecture"]["blocks"] == 16
    _, out, _ = srup("info", "srgan")
    card = (bundled_folder() / "srgan.md").read_text(encoding="utf-8")
    (psnr,) = re.findall(r"^\| set14 \| 14 \| \*\*(.*?)\*\*", card, re.MULTILINE)
    assert f"set14: PSNR {psnr} dB" in out
    assert f"steps: {steps}" in out


def test_info_of_files_and_of_what_is_elsewhere(srup, row, tiny_weights, tmp_path):
    facts = json.loads(srup("info", tiny_weights, "--json")[1])
    assert (facts["place"], facts["scale"]) == ("local", 4)
    facts = json.loads(srup("info", "tiny", "--json")[1])
    assert (facts["place"], facts["sha256"]) == ("hub", row.sha256)
    code, _, err = srup("info", f"hf:{REPO}")
    assert code == 1
    assert "not in the Hub's cache" in err
    run = tmp_path / "run"
    run.mkdir()
    (run / "weights.safetensors").write_bytes(tiny_weights.read_bytes())
    assert json.loads(srup("info", run, "--json")[1])["place"] == "local"


def test_info_of_a_network_of_others(srup, hub, tmp_path):
    import torch

    from foreign_networks import original

    torch.save(original("BasicSR", 4).state_dict(), path := tmp_path / "x.pth")
    facts = json.loads(srup("info", path, "--json")[1])
    assert (facts["scale"], facts["family"]) == (4, None)
    assert "architecture" not in srup("info", path)[1]


def test_path(srup, row, tmp_path):
    assert json.loads(srup("path", "--json")[1]) == {
        "bundled": str(bundled_folder()),
        "cache": str(tmp_path / "home" / "hub"),
    }
    assert str(bundled_folder()) in srup("path")[1]
    assert srup("path", "srgan")[1].strip() == str(
        bundled_folder() / "srgan.safetensors"
    )
    assert srup("path", "tiny")[0] == 1
    srup("download", "tiny")
    assert json.loads(srup("path", "tiny", "--json")[1])["path"].endswith(
        ".safetensors"
    )


def test_download(srup, row, hub):
    code, out, err = srup("download", "--all", "--json")
    assert code == 0
    found = {facts["id"]: facts for facts in json.loads(out)}
    assert set(found) == {spec.id for spec in catalog.MODELS}
    assert not found["tiny"]["bundled"]
    assert found["tiny"]["sha256"] == sha256(Path(found["tiny"]["path"]))
    assert "Getting hf:somebody/sharp" in err
    hub.requests.clear()
    code, out, err = srup("download", "tiny", "srgan")
    assert (code, out) == (0, "")
    assert "srgan comes with srup" in err
    assert "tiny is there" in err
    assert not hub.asked("^GET /[0-9a-f]{64}$")
    assert srup("download", "tiny", "--quiet")[1:] == ("", "")


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        ((), 2, "Name models, or say --all"),
        (("srgan", "--all"), 2, "Name models, or say --all"),
        (("vdsr",), 1, "no model called 'vdsr'"),
        (("hf:somebody/else",), 1, "no repository somebody/else"),
        (("runs/mine",), 1, "no model called 'runs/mine'"),
    ],
)
def test_downloads_that_can_not_be(srup, hub, words, code, problem):
    found, _, err = srup("download", *words)
    assert found == code
    assert problem in err


def test_verify(srup, row):
    assert srup("verify")[0] == 0
    srup("download", "tiny")
    code, out, _ = srup("verify", "--json")
    assert code == 0
    assert [(facts["id"], facts["ok"]) for facts in json.loads(out)] == [
        *((spec.id, True) for spec in MODELS),
        ("tiny", True),
    ]
    assert srup("verify", "--quiet")[1] == ""
    Path(json.loads(out)[-1]["path"]).resolve().write_bytes(b"rotten")
    code, _, err = srup("verify")
    assert code == 1
    assert f"should have {row.sha256}" in err
    assert f"has the sha256 {hashlib.sha256(b'rotten').hexdigest()}" in err
    assert "Run `srup models remove tiny`" in err
    assert srup("remove", "tiny", "--yes")[0] == 0
    assert srup("download", "tiny")[0] == 0
    assert srup("verify")[0] == 0


def test_verify_sees_what_is_missing_and_what_the_catalog_does_not_know(
    srup, tiny, monkeypatch, tmp_path
):
    spec = dataclasses.replace(MODELS[2], id="lost")
    monkeypatch.setattr(catalog, "MODELS", (spec,))
    monkeypatch.setattr(weights, "bundled_folder", lambda: tmp_path)
    code, _, err = srup("verify")
    assert code == 1
    assert "lost is missing" in err
    monkeypatch.setattr(catalog, "MODELS", ())
    srup("download", f"hf:{REPO}")
    assert srup("verify")[0] == 0
    path = Path(srup("path", f"hf:{REPO}")[1].strip())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.resolve().write_bytes(content)
    code, out, _ = srup("verify", "--json")
    assert (code, json.loads(out)[0]["ok"]) == (1, False)


def test_remove(srup, row):
    srup("download", "tiny")
    size = Path(srup("path", "tiny")[1].strip()).stat().st_size
    code, _, err = srup("remove", "tiny")
    assert code == 2  # nobody is at this terminal
    assert "add --yes" in err
    code, out, _ = srup("remove", "tiny", "--yes", "--json")
    assert code == 0
    assert json.loads(out) == [{"id": "tiny", "bytes": size}]
    assert srup("remove", "tiny", "--yes")[0] == 1
    assert "comes with srup, and stays" in srup("remove", "srgan", "--yes")[2]
    assert load_model("srgan").id == "srgan"
    srup("download", f"hf:{REPO}")
    code, _, err = srup("remove", f"hf:{REPO}", "--yes")
    assert (code, "freed" in err) == (0, True)


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", True), (b"y\n", False)])
def test_remove_asks(tmp_path, answer, left):
    cached = tmp_path / "hub" / "models--somebody--sharp" / "blobs" / "x"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"1")
    ours, theirs = pty.openpty()
    words = ("-m", "sr_cli", "models", "remove", "hf:somebody/sharp")
    process = subprocess.Popen(
        [sys.executable, *words],
        env=os.environ | {"HF_HOME": str(tmp_path)},
        stdin=theirs,
        stderr=subprocess.PIPE,
    )
    os.write(ours, answer)
    _, err = process.communicate(timeout=60)
    assert b"Remove hf:somebody/sharp from the Hub's cache? [y/N]" in err
    assert process.returncode == (130 if left else 0)
    assert cached.exists() == left


@pytest.fixture
def may_write(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_good")


def test_push_and_use(srup, hub, may_write, monkeypatch, tmp_path):
    code, out, err = srup("push", "espcn", "me/fast")
    assert code == 0
    assert "me/fast, which is private" in err
    name, digest = out.split()
    spec = next(spec for spec in MODELS if spec.id == "espcn")
    assert digest == spec.sha256
    repo = hub.repos["me/fast"]
    assert repo.private
    (files,) = repo.commits.values()
    assert set(files) == {"espcn.safetensors", "espcn.onnx", "README.md"}
    assert load_model(name).sha256 == digest
    assert load_model("hf:me/fast").sha256 == digest
    # The card is found with the weights.
    srup("download", "hf:me/fast")
    assert json.loads(srup("info", "hf:me/fast", "--json")[1])["figures"]["set14"]
    onnx.checker.check_model(onnx.load_from_string(files["espcn.onnx"]))
    session = onnxruntime.InferenceSession(files["espcn.onnx"])
    (high,) = session.run(None, {"low": np.zeros((1, 3, 5, 7), np.float32)})
    assert high.shape == (1, 3, 20, 28)


def test_push_says_who_will_see_it(srup, hub, may_write):
    code, _, err = srup("push", "espcn", "me/fast", "--public")
    assert (code, "add --yes" in err, hub.repos) == (2, True, {})
    code, out, _ = srup("push", "espcn", "me/fast", "--public", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["private"] is False
    assert json.loads(out)["commit"] in hub.repos["me/fast"].commits
    code, _, err = srup("push", "espcn", "me/fast")
    assert (code, "Say --public" in err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("espcn",), 2, "Name a repository"),
        (("espcn", "me/fast@main"), 2, "repository alone"),
        (("espcn", "me//fast"), 1, "names no repository"),
        (("vdsr", "me/fast"), 1, "no model called 'vdsr'"),
    ],
)
def test_pushes_that_can_not_be(srup, hub, may_write, words, code, problem):
    found, _, err = srup("push", *words)
    assert found == code
    assert problem in err
    assert not hub.repos


def test_push_wants_a_card(srup, hub, may_write, tiny_weights, tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(tiny_weights.read_bytes())
    code, _, err = srup("push", path, "me/mine")
    assert (code, "has no card, mine.md" in err, hub.repos) == (1, True, {})
    path.with_suffix(".md").write_text(CARD.format(sha256=sha256(path)))
    assert srup("push", path, "me/mine", "-q")[0] == 0
    (files,) = hub.repos["me/mine"].commits.values()
    readme = files["README.md"].decode()
    assert readme.startswith("---\n")
    assert "license: cc0-1.0" in readme
    assert "value: 27.25" in readme
    assert "-m hf:me/mine" in readme


def test_push_measures_a_run(srup, hub, may_write, tmp_path):
    from PIL import Image

    random = np.random.default_rng(0)
    for name in ("photos", "sets/Set5", "sets/Set14", "sets/BSD100"):
        (tmp_path / name).mkdir(parents=True)
        pixels = random.integers(0, 256, (48, 56, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name / "1.png")
    words = ("train", "--data", tmp_path / "photos", "--output", tmp_path / "mine")
    sizes = ("--blocks", 1, "--channels", 8, "--crop", 32, "--batch", 2, "--warmup", 1)
    run = (*words, *sizes, "--steps", 1, "--threads", 1, "--quiet")
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in run])
    assert stopped.value.code == 0
    data = ("--data", tmp_path / "sets", "--notes", "Only a test.")
    code, out, _ = srup("push", tmp_path / "mine", "me/mine", *data)
    assert code == 0
    (files,) = hub.repos["me/mine"].commits.values()
    assert set(files) == {"mine.safetensors", "mine.onnx", "README.md"}
    assert hashlib.sha256(files["mine.safetensors"]).hexdigest() == out.split()[1]
    assert "Only a test." in files["README.md"].decode()
    assert "| set14 | 1 | **" in files["README.md"].decode()


def test_mirror_and_token_are_the_clients_in_a_process_of_its_own(
    hub, tiny, tiny_weights, tmp_path
):
    hub.repos[REPO].private = True
    hub.fail("^GET /[0-9a-f]{64}$", hub_server.cut_after(500))
    environment = hub_server.environment(hub, tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-m", "sr_cli", "models", "download", f"hf:{REPO}"],
        env=os.environ | environment | {"HF_TOKEN": "hf_good"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "trying again in 1 s" in done.stderr
    assert sha256(load_model(f"hf:{REPO}", offline=True).path) == sha256(tiny_weights)
