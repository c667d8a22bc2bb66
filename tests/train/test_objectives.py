"""Every loss reaches the generator, and the adversary learns and teaches."""

import math
from contextlib import ExitStack

import pytest
import torch
import torch.nn.functional as F

from sr_cli.train.feature_weights import load_features
from sr_cli.train.gradients import open_gradients
from sr_cli.train.loop import start
from sr_cli.train.losses import GAN_LOSSES, total_variation
from sr_cli.train.objectives import open_objective

PLAIN = {"precision": "float32", "batch": 4}
SRGAN = PLAIN | {
    "network": "srgan",
    "adversarial_weight": 1e-3,
    "discriminator_channels": 2,
    "optimizer": "adam",
}


def batch(size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(size, 3, 8, 8), torch.rand(size, 3, 32, 32)


def features_of(config):
    if config.features is None:
        return None
    return load_features(config.features, "random", seed=0).features


@pytest.fixture
def opened():
    """Open the objective of a state, or what makes gradients by it."""
    with ExitStack() as stack:

        def objective(state):
            config = state.config
            opening = open_objective(config, features_of(config), state.adversary)
            return stack.enter_context(opening)

        def gradients(state):
            opening = open_gradients(state.network, state.config, objective(state))
            return stack.enter_context(opening)

        objective.gradients = gradients
        yield objective


CONTENTS = [
    "mse",
    "l1",
    "charbonnier",
    "psnr",
    "vgg22",
    "vgg54",
    "vgg54-pre",
    "squeeze",
]
NOTHING = {"content_weight": 0.0}


OF_CONTENT = [
    *({"content": content, "content_weight": 1.0} for content in CONTENTS),
    {"pixel_weight": 1.0},
    {"variation_weight": 1.0},
    {"consistency_weight": 1.0},
    {"lattice_weight": 1.0},
]


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        *((PLAIN, changes) for changes in OF_CONTENT),
        *((SRGAN | {"adversarial_weight": 1e-30}, changes) for changes in OF_CONTENT),
        (SRGAN, {"adversarial_weight": 1.0}),
    ],
)
def test_every_loss_reaches_the_generator(tiny, opened, base, changes):
    """Each alone: a famous reimplementation detaches its content loss."""
    state = start(tiny(**base | NOTHING | changes))
    opened.gradients(state)(*batch(1), 0, 0.0)
    norm = sum(p.grad.square().sum() for p in state.network.parameters())
    assert norm > 1e-12


def plain_losses(state, low, high):
    """The same by torch's own means, in one piece, with the adversary as it is."""
    config = state.config
    output = state.network(low)
    black, white = config.architecture.output_range
    target = high * (white - black) + black
    features = features_of(config)
    if features is None:
        content = F.mse_loss(output, target)
    else:
        pairs = zip(
            features((output - black) / (white - black)), features(high), strict=True
        )
        scale = config.feature_scale
        content = torch.stack(
            [F.mse_loss(a * scale, b * scale) for a, b in pairs]
        ).mean()
    losses = {
        "content": content,
        "pixel": F.l1_loss(output, target),
        "variation": total_variation(output),
    }
    total = (
        config.content_weight * content
        + config.pixel_weight * losses["pixel"]
        + config.variation_weight * losses["variation"]
    )
    if state.adversary is not None:
        judge = state.adversary.network
        fake = (output - black) / (white - black) * 2.0 - 1.0
        _, fooled = GAN_LOSSES[config.gan](
            judge(high * 2.0 - 1.0).detach(), judge(fake)
        )
        losses["adversarial"] = fooled
        total = total + config.adversarial_weight * fooled
    return losses | {"loss": total}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("gan", [None, "standard", "relativistic"])
@pytest.mark.parametrize("content", ["mse", "vgg22+squeeze"])
def test_gradients_are_those_of_the_whole_sum(tiny, opened, threads, gan, content):
    torch.set_num_threads(threads)
    weights = {"content_weight": 3.0, "pixel_weight": 0.5, "variation_weight": 1e-4}
    settings = PLAIN if gan is None else SRGAN | {"gan": gan, "adversarial_weight": 0.3}
    changes = weights | {"content": content, "target_range": "signed"}
    state = start(tiny(**settings | changes))
    low, high = batch()
    # A rate of 0 leaves the adversary where it is, for the reference.
    losses = opened.gradients(state)(low, high, 0, 0.0)
    found = [p.grad.clone() for p in state.network.parameters()]
    expected = plain_losses(state, low, high)
    for name, loss in expected.items():
        assert losses[name].item() == pytest.approx(loss.item(), rel=1e-4), name
    slopes = torch.autograd.grad(expected["loss"], list(state.network.parameters()))
    for one, other in zip(found, slopes, strict=True):
        assert (one - other).abs().max() <= 1e-3 * other.abs().max().clamp(min=1e-7)


@pytest.mark.parametrize("content", ["vgg22", "squeeze", "mse"])
@pytest.mark.parametrize("distance", ["mse", "l1", "relative"])
def test_descent_on_a_content_loss_lowers_it(tiny, opened, content, distance):
    """Not only some gradient: one that leads to the truth's features."""
    config = tiny(content=content, feature_distance=distance, **PLAIN)
    loss_of = opened(start(config)).content
    _, high = batch(1)
    output = F.avg_pool2d(high, 5, 1, 2).requires_grad_()
    optimizer = torch.optim.Adam([output], lr=0.03)
    first = loss_of(output, high)["loss"].item()
    for _ in range(20):
        optimizer.zero_grad()
        loss = loss_of(output, high)["loss"]
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.75 * first


def test_pixels_are_compared_in_the_trained_range(tiny, opened):
    """On [-1, 1] a difference is twice as large, and its square four times."""
    _, high = batch()
    output = high * 0.9
    unit, signed = (
        opened(start(tiny(content="mse", target_range=r))).content
        for r in ("unit", "signed")
    )
    there = signed(output * 2.0 - 1.0, high)["content"]
    assert there.item() == pytest.approx(
        4.0 * unit(output, high)["content"].item(), rel=1e-5
    )


@pytest.mark.parametrize("gan", ["standard", "relativistic"])
@pytest.mark.parametrize("target_range", ["unit", "signed"])
def test_the_discriminator_learns(tiny, opened, gan, target_range):
    settings = {"gan": gan, "target_range": target_range, "discriminator": "patch"}
    state = start(tiny(**SRGAN | settings | {"discriminator_channels": 4}))
    adversary = opened(state).adversary
    told = []
    for _ in range(18):
        _, high = batch()
        output = F.avg_pool2d(high, 3, 1, 1)
        output = output if target_range == "unit" else output * 2.0 - 1.0
        losses, _ = adversary(output, high, 0, 4e-3)
        told.append(losses["discriminator"].item())
    assert told[-1] < 0.5 * told[0]


def test_judge_and_judged_do_not_move_each_other(tiny, opened):
    state = start(tiny(**SRGAN))
    low, high = batch()
    generator = [p.clone() for p in state.network.parameters()]
    judge = [p.clone() for p in state.adversary.network.parameters()]
    opened.gradients(state)(low, high, 0, 1e-4)
    assert all(map(torch.equal, generator, state.network.parameters()))
    moved = list(map(torch.equal, judge, state.adversary.network.parameters()))
    assert not all(moved)
    assert all(p.grad is None for p in state.adversary.network.parameters())


def test_what_is_not_finite_teaches_nothing(tiny, opened):
    state = start(tiny(**SRGAN))
    judge = {k: v.clone() for k, v in state.adversary.network.state_dict().items()}
    low, high = batch()
    losses = opened.gradients(state)(torch.full_like(low, math.nan), high, 0, 1e-4)
    assert not losses["loss"].isfinite()
    after = state.adversary.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in judge.items())


def test_half_precision_is_near(tiny, opened):
    found = []
    for precision in ("float32", "bfloat16"):
        config = tiny(**SRGAN | {"content": "vgg22", "precision": precision})
        low, high = batch()
        losses = opened.gradients(start(config))(low, high, 0, 1e-4)
        found.append([losses[name].item() for name in ("content", "adversarial")])
    assert found[0] == pytest.approx(found[1], rel=0.05)


def test_jitter_moves_the_place_where_features_are_compared(tiny, opened):
    """What lies outside of it is not compared; which place depends on the step."""
    config = tiny(content="vgg11", jitter=8, **PLAIN)
    loss_of = opened(start(config)).content
    _, high = batch(1)
    seen = []
    for step in range(12):
        output = (high * 0.5).requires_grad_()
        (slope,) = torch.autograd.grad(loss_of(output, high, step)["loss"], output)
        (rows,) = slope.abs().amax(dim=(0, 1, 3)).nonzero(as_tuple=True)
        assert rows[-1] - rows[0] < 24
        seen.append(int(rows[0]))
    assert len(set(seen)) > 3
    again = loss_of(high * 0.5, high, 3)["loss"]
    assert again == loss_of(high * 0.5, high, 3)["loss"]


def test_jitter_moves_the_place_that_is_judged(tiny, opened):
    """The same of both pictures, and nothing outside of it is blamed."""
    config = tiny(
        **SRGAN | {"gan": "relativistic", "discriminator": "patch", "jitter": 8}
    )
    adversary = opened(start(config)).adversary
    _, high = batch(1)
    firsts = set()
    for step in range(12):
        losses, slope = adversary(high.clone(), high, step, 0.0)
        # Equal pictures, equally cut, can't be told apart.
        assert losses["discriminator"].item() == pytest.approx(math.log(2.0), abs=0.02)
        (rows,) = slope.abs().amax(dim=(0, 1, 3)).nonzero(as_tuple=True)
        assert rows[-1] - rows[0] == 23
        firsts.add(int(rows[0]))
    assert len(firsts) > 3
