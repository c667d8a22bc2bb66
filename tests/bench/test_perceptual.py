"""Metrics of another library: what happens without it, and what it is handed."""

import math
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from sr_cli.bench import perceptual
from sr_cli.bench.perceptual import NotComputedError, open_metric
from sr_cli.bench.protocol import PERCEPTUAL, Protocol
from sr_cli.bench.quality import Conduct, load_pair, mean_scores, measure, perceive
from sr_cli.bench.rivals import baselines, original

HIGH = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


@pytest.mark.skipif(find_spec("pyiqa") is not None, reason="pyiqa is installed")
def test_without_the_library_the_remedy_is_told():
    with pytest.raises(NotComputedError, match=r"srup\[metrics\]"):
        open_metric("lpips")


def test_offline_nothing_is_loaded(library):
    with pytest.raises(NotComputedError, match="--offline"):
        open_metric("lpips", offline=True)
    assert library.asked == []


@pytest.fixture
def library(monkeypatch):
    """Stands for pyiqa, whose weights no test may download."""
    made = ModuleType("pyiqa")
    made.asked, made.given = [], []
    made.answer = lambda *_: 0.25

    def create_metric(name, device):
        made.asked.append((name, device))
        if name == "dists":
            raise OSError("no route to host\nand more")

        def metric(*tensors):
            made.given.append(tensors)
            return made.answer(*tensors)

        return metric

    made.create_metric = create_metric
    perceptual._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "pyiqa", made)
    monkeypatch.setattr(perceptual, "version", lambda _: "0")
    yield made
    perceptual._loaded.cache_clear()


def test_what_the_library_lacks_is_told_with_the_remedy(library):
    def create_metric(*_, **__):
        raise ModuleNotFoundError("No module named 'cv2'")

    library.create_metric = create_metric
    with pytest.raises(NotComputedError, match=r"'cv2'\): run `pip .*metrics"):
        open_metric("lpips")


def test_result_and_original_come_in_that_order_as_numbers_to_1(library):
    result = 255 - HIGH
    found, missing = perceive(HIGH, result, 4, ["lpips"])
    assert (found, missing) == ({"lpips": 0.25}, {})
    given, truth = (tensor.numpy() for tensor in library.given[0])
    expected = result[4:-4, 4:-4].transpose(2, 0, 1)[None] / np.float32(255)
    np.testing.assert_array_equal(given, expected.astype(np.float32))
    np.testing.assert_allclose(given + truth, 1.0, atol=1e-6)


def test_niqe_sees_the_result_alone_and_gray_in_three_channels(library):
    perceive(HIGH[:, :, :1], HIGH[:, :, :1], 0, ["niqe"])
    ((given,),) = library.given
    assert given.shape == (1, 3, 30, 40)


def test_a_metric_is_loaded_once_and_so_is_its_failure(library):
    for _ in range(2):
        found, missing = perceive(HIGH, HIGH, 0, PERCEPTUAL)
        assert list(found) == ["lpips", "niqe"]
        assert missing == {
            "dists": "pyiqa couldn't load it (no route to host): its weights come "
            "from the network, once"
        }
    assert [name for name, _ in library.asked] == ["lpips", "dists", "niqe"]


@pytest.mark.parametrize("answer", [float("nan"), float("inf")])
def test_what_is_no_number_is_named(answer, library):
    library.answer = lambda *_: answer
    found, missing = perceive(HIGH, HIGH, 0, ["niqe"])
    assert found == {}
    assert "no number" in missing["niqe"]


def test_a_figure_that_one_picture_lacks_has_no_mean(library, photos):
    def answer(tensor):
        if tensor.shape[2] < 30:
            raise AssertionError("too small")
        return 4.0

    library.answer = answer
    files = sorted(photos.iterdir())
    protocol = Protocol(("psnr", "niqe"))
    images = list(measure(files, baselines()[:1], 4, protocol, Conduct()))
    scored = SimpleNamespace(**{i.file[0]: i for i in images})
    assert scored.a.scores.more == {"niqe": 4.0}
    assert scored.c.scores.more == {}
    assert "too small" in scored.c.not_computed["niqe"]
    assert mean_scores(images).more == {}
    assert mean_scores([scored.a]).more == {"niqe": 4.0}


def test_the_original_has_a_row_of_its_own(library, photos):
    library.answer = lambda tensor: float(tensor.mean())
    files = sorted(photos.iterdir())
    protocol = Protocol(("psnr", "niqe"))
    images = list(measure(files, [original()], 4, protocol))
    for image, path in zip(images, files, strict=True):
        inner = load_pair(path).high[4:-4, 4:-4]
        assert image.scores.more["niqe"] == pytest.approx(inner.mean() / 255, rel=1e-5)
        assert image.scores.psnr_y == math.inf
