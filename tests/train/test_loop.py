import math
from pathlib import Path

import numpy as np
import pytest
import torch

from sr_cli import picture
from sr_cli.degrade import downscale
from sr_cli.errors import ConfigError, OutOfMemoryError
from sr_cli.train import checkpoint, divergence
from sr_cli.train.config import TrainConfig
from sr_cli.train.data import Crops
from sr_cli.train.feature_weights import load_features
from sr_cli.train.loop import (
    PATIENCE,
    Means,
    Rhythm,
    learning_rate_at,
    start,
    train,
)
from sr_cli.train.losses import DISTANCES, psnr_loss
from sr_cli.train.photos import Pair, load_photos, picture_files
from sr_cli.train.reports import StepReport, ValidationReport
from sr_cli.train.validation import Validated

ADVERSARIAL = {
    "network": "srgan",
    "adversarial_weight": 1e-2,
    "discriminator_channels": 2,
}


def run(state, crops, path, **rhythm):
    means = crops if isinstance(crops, Means) else Means(crops)
    return list(train(state, means, path, Rhythm(**rhythm)))


def everything(state) -> dict[str, torch.Tensor]:
    parts = {
        "network": state.network.state_dict(),
        "average": state.average,
    }
    optimizers = list(state.optimizers)
    if state.adversary is not None:
        parts["adversary"] = state.adversary.network.state_dict()
        optimizers += state.adversary.optimizers
    found = {f"{p}.{k}": v for p, part in parts.items() for k, v in part.items()}
    for number, optimizer in enumerate(optimizers):
        found |= checkpoint._slots(optimizer, f"optimizer.{number}")
    return found


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_the_learning_rate_warms_up_and_falls_along_a_cosine(tiny):
    config = tiny(steps=12, warmup=4, learning_rate=1.0)
    rates = [learning_rate_at(step, config) for step in range(12)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[8] == pytest.approx(0.5)
    assert rates[11] == pytest.approx(0.5 * (1 + math.cos(math.pi * 7 / 8)))


def test_a_short_decay_holds_the_rate_until_it_begins(tiny):
    config = tiny(steps=20, warmup=2, decay=4, learning_rate=1.0)
    rates = [learning_rate_at(step, config) for step in range(20)]
    assert rates[1:17] == [1.0] * 16
    assert rates[18] == pytest.approx(0.5)
    assert learning_rate_at(19, tiny(steps=20, warmup=0, decay=0)) == 1e-3


def test_a_run_shorter_than_its_warmup(tiny):
    assert learning_rate_at(5, tiny(steps=6, warmup=600)) == pytest.approx(1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_three_and_three_updates_are_six(
    tiny, crops, tmp_path, normalization, optimizer, precision
):
    config = tiny(normalization=normalization, optimizer=optimizer, precision=precision)
    whole, first, second = (start(config) for _ in range(3))
    reports = run(whole, crops, tmp_path / "whole")
    path = tmp_path / "halves"
    run(first, crops, path, stop=lambda: first.step == 3)
    torch.manual_seed(99)  # nothing may hang on global randomness
    checkpoint.restore(second, path)
    assert second.step == 3
    rest = run(second, crops, path)
    assert_same(everything(whole), everything(second))
    assert [(r.step, r.loss, r.gradient_norm) for r in rest] == [
        (r.step, r.loss, r.gradient_norm) for r in reports[3:]
    ]


@pytest.mark.parametrize(
    ("content", "precision"),
    [
        *(("mse", "float32"), ("vgg22", "bfloat16")),
        *(("squeeze", "float32"), ("squeeze", "bfloat16")),
    ],
)
def test_two_and_two_adversarial_updates_are_four(
    tiny, crops, tmp_path, content, precision
):
    """Both optimisers, both networks, the average, and what they have seen."""
    changes = ADVERSARIAL | {"content": content, "precision": precision}
    config = tiny(**changes, gan="relativistic", accumulate=2, steps=4)
    features = None
    if config.features:
        features = load_features(config.features, "random", seed=0).features
    means = Means(crops, features)
    whole, first, second = (start(config) for _ in range(3))
    reports = run(whole, means, tmp_path / "whole")
    path = tmp_path / "halves"
    run(first, means, path, stop=lambda: first.step == 2)
    torch.manual_seed(99)
    checkpoint.restore(second, path)
    rest = run(second, means, path)
    assert any(name.startswith("adversary.") for name in everything(whole))
    assert_same(everything(whole), everything(second))
    assert [r.losses for r in rest] == [r.losses for r in reports[2:]]


def test_accumulated_batches_are_one_large_batch(tiny, photos, tmp_path):
    """Up to rounding: the same crops, and the mean of their gradients."""
    pairs = load_photos(picture_files(photos)).pairs
    found = []
    for batch, parts in ((4, 1), (2, 2), (1, 4)):
        config = tiny(batch=batch, accumulate=parts, precision="float32", steps=3)
        state = start(config)
        reports = run(state, Crops(pairs, 32, batch, 0), tmp_path / "checkpoint")
        found.append((reports, state))
    for reports, state in found[1:]:
        for one, other in zip(found[0][0], reports, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-4)
            assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-3)
        for one, other in zip(
            found[0][1].network.parameters(), state.network.parameters(), strict=True
        ):
            assert torch.allclose(one, other, atol=2e-3)


@pytest.mark.parametrize("content", ["l1", "psnr"])
def test_a_run_that_diverges_ends_with_a_sentence(
    tiny, photos, tmp_path, monkeypatch, content
):
    pairs = load_photos(picture_files(photos)).pairs
    config = tiny(
        steps=2000, channels=2, crop=16, batch=1, precision="float32", content=content
    )
    for name in ("WINDOW", "PATIENCE"):  # they are 100
        monkeypatch.setattr(divergence, name, 20)
    seen = []

    def exploding(output, target):
        seen.append(None)
        if content == "psnr":  # where an error 10,000 times as large adds 40 dB
            return psnr_loss(output, target) + (0.0 if len(seen) < 50 else 40.0)
        scale = 1.0 if len(seen) < 50 else 1e4
        return (output - target).abs().mean() * scale

    monkeypatch.setitem(DISTANCES, content, exploding)
    path = tmp_path / "run.safetensors"
    with pytest.raises(ConfigError, match="has diverged") as error:
        run(start(config), Crops(pairs, 16, 1, 0), path, save_every=20)
    assert "run.safetensors" in error.value.hint
    assert "--resume" in error.value.hint
    assert checkpoint.read_average(path).step <= len(seen)


def test_the_rate_can_drop_to_a_tenth(tiny):
    config = tiny(steps=10, warmup=0, decay=4, schedule="drop", learning_rate=1.0)
    rates = [learning_rate_at(step, config) for step in range(10)]
    assert rates == [1.0] * 6 + [0.1] * 4
    half = tiny(steps=10, warmup=0, decay=None, schedule="drop", learning_rate=1.0)
    assert [learning_rate_at(step, half) for step in (4, 5)] == [1.0, 0.1]


def test_threads_do_not_race(tiny, crops, tmp_path):
    torch.set_num_threads(2)
    states = [start(tiny()) for _ in range(2)]
    for state in states:
        run(state, crops, tmp_path / "checkpoint")
    assert_same(*(everything(state) for state in states))


def test_every_weight_moves(tiny, crops, tmp_path):
    state = start(tiny(normalization="batch"))
    before = {k: v.clone() for k, v in state.network.state_dict().items()}
    run(state, crops, tmp_path / "checkpoint")
    for name, value in state.network.state_dict().items():
        assert not torch.equal(value, before[name]), name


def test_the_average_follows_by_its_decay(tiny, crops, tmp_path):
    state = start(tiny(normalization="batch", ema=0.75))
    state.step = 40  # old enough for the full decay
    state.config = tiny(normalization="batch", ema=0.75, steps=41)
    before = {k: v.clone() for k, v in state.average.items()}
    run(state, crops, tmp_path / "checkpoint")
    for name, value in state.network.state_dict().items():
        if value.is_floating_point():
            expected = 0.75 * before[name] + 0.25 * value
            assert torch.allclose(state.average[name], expected, atol=1e-6), name
        else:
            assert torch.equal(state.average[name], value)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_one_patch_is_learnt_by_heart(tiny, tmp_path, optimizer):
    y, x = np.mgrid[:32, :32]
    high = np.stack([x * 7, y * 7, 128 + 90 * np.sin(x / 3)], axis=2).astype(np.uint8)
    crops = Crops([Pair(high, high[::4, ::4].copy())], 32, 2, seed=0)
    config = tiny(channels=16, optimizer=optimizer, steps=60, learning_rate=1e-2)
    reports = run(start(config), crops, tmp_path / "checkpoint")
    assert reports[-1].loss < 0.35 * reports[0].loss
    assert all(report.learning_rate <= 1e-2 for report in reports)


def test_one_crop_is_overfitted_to_40_db(tmp_path):
    """All eight ways that it can lie, by one small network, in 110 updates."""
    photo = Path(__file__).parent.parent.parent / "examples" / "cat.jpg"
    high = picture.read(photo).pixels[60:76, 100:116].copy()
    crops = Crops([Pair(high, downscale(high, 4))], 16, 8, seed=0)
    config = TrainConfig(
        blocks=1,
        channels=64,
        crop=16,
        batch=8,
        steps=110,
        warmup=10,
        content="mse",
        learning_rate=6e-3,
        weight_decay=0.0,
        ema=0.9,
        precision="float32",
    )
    reports = run(start(config), crops, tmp_path / "checkpoint")
    assert reports[0].loss > 0.01
    assert max(report.loss for report in reports[-5:]) < 1e-4  # 40 dB


def test_validations_and_their_best(tiny, crops, tmp_path):
    found = iter([20.0, 22.0, 21.0])
    state = start(tiny())
    reports = run(
        *(state, crops, tmp_path / "checkpoint"),
        validate=lambda _: Validated(next(found)),
        validate_every=2,
    )
    validations = [r for r in reports if isinstance(r, ValidationReport)]
    assert validations == [
        ValidationReport(2, 20.0, True),
        ValidationReport(4, 22.0, True),
        ValidationReport(6, 21.0, False),
    ]
    assert state.best_psnr == 22.0
    fresh = start(tiny())
    checkpoint.restore(fresh, tmp_path / "checkpoint")
    assert fresh.best_psnr == 22.0


def test_validation_only_at_the_end(tiny, crops, tmp_path):
    reports = run(
        *(start(tiny()), crops, tmp_path / "checkpoint"),
        validate=lambda _: Validated(1.0),
        validate_every=0,
    )
    assert [r.step for r in reports if isinstance(r, ValidationReport)] == [6]


def test_saving(tiny, crops, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(checkpoint, "save", lambda state, _: saved.append(state.step))
    run(start(tiny()), crops, tmp_path, save_every=2)
    run(start(tiny()), crops, tmp_path, save_every=4)
    assert saved == [2, 4, 6, 4, 6]


@pytest.fixture
def poisoned(monkeypatch):
    """Make the loss of some updates NaN."""

    def poison(wanted):
        seen = []

        def nan_at(output, target):
            seen.append(None)
            good = (output - target).abs().mean()
            return good * float("nan") if len(seen) in wanted else good

        monkeypatch.setitem(DISTANCES, "l1", nan_at)

    return poison


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_an_update_without_numbers_is_skipped(
    tiny, crops, tmp_path, poisoned, optimizer
):
    state = start(tiny(normalization="batch", optimizer=optimizer))
    poisoned({1, 4})
    before = {k: v.clone() for k, v in state.network.state_dict().items()}
    reports = train(state, Means(crops), tmp_path / "checkpoint")
    assert next(reports).skipped
    assert_same(before, state.network.state_dict())
    assert [r.skipped for r in reports] == [False, False, True, False, False]
    assert state.step == 6
    assert all(v.isfinite().all() for v in everything(state).values())


def test_a_lost_run_ends_with_a_sentence(tiny, crops, tmp_path, poisoned):
    path = tmp_path / "checkpoint"
    state = start(tiny(steps=50))
    poisoned(range(4, 99))
    with pytest.raises(ConfigError, match=r"10 updates in a row.* number 13") as error:
        run(state, crops, path, save_every=3)
    assert "--learning-rate" in error.value.hint
    assert str(path) in error.value.hint
    fresh = start(tiny(steps=50))
    checkpoint.restore(fresh, path)
    assert fresh.step == 12
    assert PATIENCE == 10


def test_a_batch_that_does_not_fit(tiny, crops, tmp_path, monkeypatch):
    def too_large(_output, _target):
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setitem(DISTANCES, "l1", too_large)
    with pytest.raises(OutOfMemoryError, match="A batch of 2 crops"):
        run(start(tiny()), crops, tmp_path / "checkpoint")


def test_infinite_gradients_are_skipped_too():
    assert StepReport(1, {"loss": 0.5}, math.inf, 1e-3, 0.1).skipped
    assert not StepReport(1, {"loss": 0.5}, 7.0, 1e-3, 0.1).skipped


@pytest.mark.parametrize(
    ("amx", "products", "chosen"),
    [
        (True, True, "bfloat16"),
        (True, False, "bfloat16"),
        (False, True, "bfloat16"),
        (False, False, "float32"),
    ],
)
def test_auto_takes_bfloat16_only_where_it_is_native(
    tiny, monkeypatch, amx, products, chosen
):
    for name, there in (("amx_tile", amx), ("avx512_bf16", products)):
        monkeypatch.setattr(
            f"torch.cpu._is_{name}_supported", lambda there=there: there, raising=False
        )
    assert start(tiny(precision="auto")).config.precision == chosen
