"""Feature weights from files, caches and a server, with the faults that they have."""

import http.server
import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from torch import Tensor

from sr_cli.errors import ConfigError, ModelError, WeightsError
from sr_cli.networks.features import caffe, random_backbone
from sr_cli.networks.taps import parse_features
from sr_cli.train import feature_weights
from sr_cli.train.feature_weights import (
    DEFAULT_FILES,
    KNOWN_FILES,
    DefaultFile,
    KnownFile,
    load_features,
)
from sr_cli.weights import file_sha256

State = dict[str, Tensor]


def vgg_state() -> State:
    """The first five convolutions of VGG19 and a classifier, as torchvision's."""
    layers = random_backbone("VGG19", parse_features("vgg31"), 0).layers
    state = {"classifier.6.bias": torch.zeros(10)}
    for key, (weight, bias) in zip((0, 2, 5, 7, 10), layers.values(), strict=True):
        state |= {f"features.{key}.weight": weight, f"features.{key}.bias": bias}
    return state


def squeeze_state() -> State:
    """SqueezeNet 1.1 up to fire2."""
    layers = random_backbone("SqueezeNet 1.1", parse_features("squeeze2"), 0).layers
    keys = ("0", "3.squeeze", "3.expand1x1", "3.expand3x3")
    return {
        f"{key}.{part}": tensor
        for key, pair in zip(keys, layers.values(), strict=True)
        for part, tensor in zip(("weight", "bias"), pair, strict=True)
    }


@pytest.fixture
def vgg(tmp_path) -> Path:
    path = tmp_path / "vgg.pth"
    torch.save(vgg_state(), path)
    return path


@pytest.fixture
def squeeze(tmp_path) -> Path:
    path = tmp_path / "squeeze.safetensors"
    save_file(squeeze_state(), path)
    return path


def images() -> Tensor:
    return torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def test_a_file_is_read_and_told_of(vgg):
    loaded = load_features("vgg22", vgg, seed=0)
    expected = load_features("vgg22", "random", seed=0)
    (ours,), (theirs,) = (each.features(images()) for each in (loaded, expected))
    assert torch.equal(ours, theirs)
    (source,) = loaded.sources
    assert asdict(source) == {
        "network": "VGG19",
        "origin": str(vgg),
        "sha256": file_sha256(vgg),
        "note": "unknown file, taken to see pictures as torchvision's networks do",
    }


@pytest.mark.parametrize("legacy", [False, True])
def test_formats_are_one(tmp_path, vgg, legacy):
    old, safe = tmp_path / "old.pth", tmp_path / "vgg.safetensors"
    torch.save(vgg_state(), old, _use_new_zipfile_serialization=not legacy)
    save_file(vgg_state(), safe)
    for path in (old, safe):
        (found,) = load_features("vgg22", path, seed=0).features(images())
        (expected,) = load_features("vgg22", vgg, seed=0).features(images())
        assert torch.equal(found, expected)


@pytest.mark.parametrize("how", ["list", "commas"])
def test_several_files(vgg, squeeze, how):
    files = [squeeze, vgg]
    file = files if how == "list" else ",".join(map(str, files))
    loaded = load_features("vgg22+squeeze2", file, seed=0)
    assert [s.origin for s in loaded.sources] == [str(vgg), str(squeeze)]
    assert [s.network for s in loaded.sources] == ["VGG19", "SqueezeNet 1.1"]
    assert len(loaded.features(images())) == 2


def test_a_comma_in_a_name(vgg):
    renamed = vgg.rename(vgg.with_name("a,b.pth"))
    assert load_features("vgg22", str(renamed), seed=0).sources[0].sha256


def test_files_that_are_not_needed_are_not_told_of(vgg, squeeze):
    (source,) = load_features("vgg11", [vgg, squeeze], seed=0).sources
    assert source.network == "VGG19"


def test_random_fills_what_files_lack(vgg):
    loaded = load_features("squeeze+vgg22", [vgg, "random"], seed=3)
    drawn, read = loaded.sources
    assert (drawn.origin, drawn.sha256) == ("random", None)
    assert drawn.note == "drawn with seed 3, not trained"
    assert read.origin == str(vgg)
    again = load_features("squeeze", "random", seed=3).features(images())
    other = load_features("squeeze", "random", seed=4).features(images())
    for one, two, three in zip(
        loaded.features(images())[:7], again, other, strict=True
    ):
        assert torch.equal(one, two)
        assert not torch.equal(one, three)


def test_two_files_of_a_network_are_too_many(vgg, tmp_path):
    with pytest.raises(ConfigError, match=r"Both .*vgg.pth and .*vgg.pth hold VGG19"):
        load_features("vgg22", [vgg, vgg], seed=0)


def test_missing_layers_name_the_way_out(vgg):
    with pytest.raises(WeightsError, match="conv1_1…conv3_1 of VGG19; vgg54 needs"):
        load_features("vgg54", vgg, seed=0)
    with pytest.raises(WeightsError, match="squeeze needs fire9 of SqueezeNet"):
        load_features("squeeze", vgg, seed=0)


class Malicious:
    """Unpickled by a trusting reader, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("how", ["torch", "legacy", "pickle"])
def test_code_in_a_file_is_refused_and_not_run(tmp_path, how):
    mark, path = tmp_path / "mark", tmp_path / "evil.pth"
    state = {"features.0.weight": Malicious(mark)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(WeightsError, match=r"evil\.pth are refused.*could run code"):
        load_features("vgg22", path, seed=0)
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 7, 1000, -1000])
def test_cut_files_are_refused(tmp_path, vgg, suffix, keep):
    path = tmp_path / f"cut{suffix}"
    if suffix == ".safetensors":
        save_file(vgg_state(), path)
    else:
        path.write_bytes(vgg.read_bytes())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"feature weights .*cut") as refusal:
        load_features("vgg22", path, seed=0)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(3), "holds a Tensor, not tensors by name"),
        ([1, 2], "holds a list"),
        ({"epoch": 3}, "can't be used: .*no first convolution"),
        ({"features.0.weight": 3.0}, "no first convolution"),
        ({"features.0.weight": torch.zeros(64, 3, 7, 7)}, "64×3×7×7, not 64×3×3×3"),
    ],
)
def test_other_contents_are_refused(tmp_path, content, message):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=message) as refusal:
        load_features("vgg22", path, seed=0)
    assert str(path) in refusal.value.message


@pytest.mark.parametrize("name", ["none.pth", ".", ""])
def test_no_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match="There is no file") as refusal:
        load_features("vgg22", name, seed=0)
    assert "--features-file" in refusal.value.hint


def test_known_files_bring_their_preprocessing(monkeypatch, squeeze):
    plain = load_features("squeeze2", squeeze, seed=0).features(images())[0]
    digest = file_sha256(squeeze)
    row = KnownFile("a test's network", "CC0", caffe(104, 117, 123))
    for key in (digest, digest[:8]):
        monkeypatch.setattr(feature_weights, "KNOWN_FILES", {key: row})
        loaded = load_features("squeeze2", squeeze, seed=0)
        assert loaded.sources[0].note == "a test's network (CC0)"
        assert not torch.allclose(loaded.features(images())[0], plain)


def test_tables_agree():
    for default in DEFAULT_FILES.values():
        assert default.sha256 in KNOWN_FILES
        assert default.origin.startswith(("hf:", "https://"))
    for sha256 in KNOWN_FILES:
        assert set(sha256) <= set("0123456789abcdef")
        assert len(sha256) in {8, 64}


def test_the_hub(monkeypatch, squeeze):
    asked = []

    def from_hub(name: str, *, offline: bool) -> Path:
        asked.append((name, offline))
        return squeeze

    monkeypatch.setattr(feature_weights, "from_hub", from_hub)
    loaded = load_features("squeeze2", "hf:a/b@c:d.pth", seed=0, offline=True)
    assert asked == [("hf:a/b@c:d.pth", True)]
    assert loaded.sources[0].origin == "hf:a/b@c:d.pth"
    assert loaded.sources[0].sha256 == file_sha256(squeeze)
    # A default is insisted on.
    with pytest.raises(WeightsError, match=r"VGG19 in .* are damaged.*not 11aea017"):
        load_features("vgg22", None, seed=0)


def test_the_hub_without_a_network(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for file in (None, "hf:somebody/vgg"):
        with pytest.raises(WeightsError, match="not in the Hub's cache") as refusal:
            load_features("vgg22", file, seed=0, offline=True)
        assert "--features-file" in refusal.value.hint
    with pytest.raises(ModelError, match="names no repository"):
        load_features("vgg22", "hf:a/b/c", seed=0, offline=True)


@pytest.fixture
def served(squeeze, tmp_path, monkeypatch) -> Iterator[Callable[..., Path]]:
    """SqueezeNet's default on a local server; says where it will be kept."""
    content = squeeze.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/net.safetensors" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def serve(name: str = "net.safetensors", sha256: str = "") -> Path:
        origin = f"http://127.0.0.1:{server.server_port}/{name}"
        row = DefaultFile(origin, sha256 or file_sha256(squeeze))
        monkeypatch.setitem(DEFAULT_FILES, "SqueezeNet 1.1", row)
        return tmp_path / "torch" / "hub" / "checkpoints" / name

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_default_is_fetched_once(served, squeeze):
    path = served()
    with pytest.raises(WeightsError, match="no file") as refusal:
        load_features("squeeze2", None, seed=0, offline=True)
    assert "--features-file" in refusal.value.hint
    (source,) = load_features("squeeze2", None, seed=0).sources
    assert source.origin.endswith("/net.safetensors")
    assert source.sha256 == file_sha256(path) == file_sha256(squeeze)
    for offline in (True, False):
        assert load_features("squeeze2", None, seed=0, offline=offline)


def test_what_is_not_the_default_is_refused(served):
    path = served(sha256="0" * 64)
    with pytest.raises(WeightsError, match="sha256") as refusal:
        load_features("squeeze2", None, seed=0)
    assert "--features-file" in refusal.value.hint
    assert not path.exists()


def test_a_default_that_is_gone(served):
    served("elsewhere.pth")
    with pytest.raises(WeightsError, match="elsewhere") as refusal:
        load_features("squeeze2", None, seed=0)
    assert "--features-file" in refusal.value.hint


def test_damage_in_the_cache_shows(served):
    path = served()
    load_features("squeeze2", None, seed=0)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match="are damaged: their sha256 is"):
        load_features("squeeze2", None, seed=0, offline=True)


# With real weights.


def photo(path: Path, side: int = 128) -> Image.Image:
    image = Image.open(path).convert("RGB")
    x, y = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((x, y, x + side, y + side))


def tensor(image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return pixels[None].float() / 255


@pytest.mark.parametrize(
    ("names", "file"),
    [
        ("vgg22", "vgg19_normalised_conv3_1.pth"),
        ("vgg22-pre", "vgg19_normalised_conv3_1.pth"),
        ("squeeze", "squeezenet1_1_features_fp16.pth"),
        ("squeeze9", "squeezenet1_1_features_fp16.pth"),
    ],
)
def test_real_features_rank_blurs(data_root, names, file):
    loaded = load_features(names, data_root / "features" / file, seed=0)
    assert "unknown" not in loaded.sources[0].note
    for path in sorted((data_root / "val").iterdir())[:2]:
        sharp = photo(path)
        truth = loaded.features(tensor(sharp))
        distances = []
        for radius in (0.0, 0.5, 1.0, 2.0, 4.0):
            blurred = loaded.features(
                tensor(sharp.filter(ImageFilter.GaussianBlur(radius)))
            )
            pairs = zip(truth, blurred, strict=True)
            # LPIPS without its learnt weights.
            distances.append(sum(float((a - b).square().mean()) for a, b in pairs))
        assert distances[0] == 0.0
        assert distances == sorted(distances)
        assert len(set(distances)) == 5


def test_channels_of_the_normalised_network_are_1_on_average(data_root):
    """Which fails at once where colours are swapped or scaled wrongly."""
    path = data_root / "features" / "vgg19_normalised_conv3_1.pth"
    features = load_features("vgg12+vgg22+vgg31", path, seed=0).features
    photos = sorted((data_root / "val").iterdir())[:16]
    with torch.no_grad():
        found = [features(tensor(photo(path))) for path in photos]
    for each in zip(*found, strict=True):
        channels = torch.cat(each).mean((0, 2, 3))
        assert 0.8 < float(channels.mean()) < 1.2
        assert 0.5 < float(channels.median()) < 1.5
