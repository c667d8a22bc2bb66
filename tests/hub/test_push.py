"""Publishing with the real client: what the Hub gets, and when it refuses."""

import pytest
import yaml

import hub_server
from sr_cli.errors import ModelError
from sr_cli.hub.download import obtain
from sr_cli.hub.names import HubName
from sr_cli.hub.push import Figure, front_matter, push_files

REPO = "somebody/sharp"
CARD = b"---\nlicense: mit\n---\n# sharp\n"
FILES = {"net.safetensors": b"1" * 5000, "net.onnx": b"2" * 6000, "README.md": CARD}


# The client's own, of the library below it.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_good")


def test_files_arrive_in_one_private_commit(hub):
    pushed = push_files(REPO, FILES, "Publish sharp")
    repo = hub.repos[REPO]
    assert repo.private
    assert repo.commits == {pushed.commit: FILES}
    assert pushed.private
    assert pushed.url == f"{hub.url}/{REPO}"
    path = obtain(HubName(REPO, pushed.commit, "net.safetensors"))
    assert path.read_bytes() == FILES["net.safetensors"]


def test_another_push_keeps_what_it_does_not_replace(hub):
    push_files(REPO, FILES, "one")
    pushed = push_files(REPO, {"net.safetensors": b"new"}, "two")
    assert hub.repos[REPO].commits[pushed.commit] == FILES | {"net.safetensors": b"new"}


def test_public_is_said(hub):
    assert not push_files(REPO, FILES, "one", public=True).private
    assert not hub.repos[REPO].private
    with pytest.raises(ModelError, match=r"everybody can see it. Say --public"):
        push_files(REPO, {"net.safetensors": b"secret"}, "two")
    assert len(hub.repos[REPO].commits) == 1


@pytest.mark.parametrize("token", [None, "hf_bad"])
def test_without_a_token_nothing_is_written(hub, monkeypatch, token):
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ModelError, match="HF_TOKEN"):
        push_files(REPO, FILES, "one")
    assert not hub.repos


@pytest.mark.parametrize("where", ["/preupload/", "/objects/batch", "^PUT", "/commit/"])
def test_a_hub_that_refuses_midway(hub, where):
    hub.fail(where, *[hub_server.status(403)] * 2)
    with pytest.raises(ModelError, match="403 Forbidden"):
        push_files(REPO, FILES, "one")
    assert not hub.repos[REPO].commits


def test_answers_that_are_not_the_hubs(hub):
    hub.fail("/preupload/", hub_server.sends(b"Welcome to the hotel"))
    with pytest.raises(ModelError, match=r"Asking .* failed .*HF_ENDPOINT"):
        push_files(REPO, FILES, "one")


def test_what_the_hub_reads_of_a_card():
    figures = [Figure("set14", "psnr", 28.1), Figure("set14", "ssim", 0.7698)]
    text = front_matter("sharp", 4, "MIT", figures)
    assert text.startswith("---\n")
    facts = yaml.safe_load(text.strip("-\n"))
    assert facts["license"] == "mit"
    assert facts["pipeline_tag"] == "image-to-image"
    (index,) = facts["model-index"]
    (result,) = index["results"]
    assert index["name"] == "sharp"
    assert result["dataset"]["type"] == "set14"
    found = {m["type"]: m["value"] for m in result["metrics"]}
    assert found == {"psnr": 28.1, "ssim": 0.7698}


def test_a_card_without_figures_or_licence():
    facts = yaml.safe_load(front_matter("sharp", 4, None, []).strip("-\n"))
    assert "model-index" not in facts
    assert "license" not in facts
