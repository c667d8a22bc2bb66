from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F

from sr_cli.train import checkpoint
from sr_cli.train.gradients import open_gradients
from sr_cli.train.loop import Means, learning_rate_at, start, train
from sr_cli.train.objectives import open_objective


def batch(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(size, 3, 8, 8), torch.rand(size, 3, 32, 32)


@contextmanager
def opened(state):
    with (
        open_objective(state.config, None, None) as objective,
        open_gradients(state.network, state.config, objective) as gradients,
    ):
        yield gradients


def reference(state, low, high, loss):
    state.network.zero_grad()
    value = loss(state.network(low), high)
    value.backward()
    gradients = [p.grad.clone() for p in state.network.parameters()]
    state.network.zero_grad()
    return value.item(), gradients


LOSSES = {
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "charbonnier": lambda a, b: torch.sqrt((a - b) ** 2 + 1e-6).mean(),
    "psnr": lambda a, b: (
        10 * torch.log10(1 + 1e5 * (a - b).square().mean((1, 2, 3))).mean()
    ),
}


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_shards_add_up_to_the_whole_batch(tiny, threads, loss):
    torch.set_num_threads(threads)
    state = start(tiny(precision="float32", content=loss, batch=4))
    low, high = batch(4)
    value, expected = reference(state, low, high, LOSSES[loss])
    with opened(state) as gradients:
        found = gradients(low, high, 0, 0.0)["loss"].item()
    assert found == pytest.approx(value, rel=1e-5)
    for parameter, gradient in zip(state.network.parameters(), expected, strict=True):
        scale = gradient.abs().max().clamp(min=1e-8)
        assert (parameter.grad - gradient).abs().max() <= 1e-4 * scale


def test_a_normalised_batch_stays_whole(tiny):
    torch.set_num_threads(2)
    state = start(tiny(precision="float32", normalization="batch", batch=4))
    low, high = batch(4)
    with opened(state) as gradients:
        gradients(low, high, 0, 0.0)
    assert state.network.merge_norm.num_batches_tracked == 1


def test_half_precision_is_near(tiny):
    states = [start(tiny(precision=p)) for p in ("float32", "bfloat16")]
    losses = []
    for state in states:
        with opened(state) as gradients:
            losses.append(gradients(*batch(2), 0, 0.0)["loss"].item())
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_adam_moves_every_weight_by_its_own_gradient(
    tiny, crops, tmp_path, normalization
):
    """Whatever lies where in memory: fused Adam on a CPU doesn't look."""
    settings = {"optimizer": "adam", "precision": "float32", "clip": 0.0, "steps": 3}
    config = tiny(**settings, normalization=normalization, channels=16)
    state, plain = start(config), start(config)
    list(train(state, Means(crops), tmp_path / "checkpoint"))
    network = plain.network.to(memory_format=torch.contiguous_format)
    tail = network.tail.weight
    rest = [p for p in network.parameters() if p is not tail]
    groups = [{"params": rest}, {"params": [tail]}]
    adam = torch.optim.Adam(groups, betas=(0.9, 0.99), foreach=False, fused=False)
    for step in range(3):
        low, high = (
            torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0
            for pixels in crops.batch(step)
        )
        adam.zero_grad()
        F.l1_loss(network(low), high).backward()
        rate = learning_rate_at(step, config)
        for group, scale in zip(adam.param_groups, (1.0, 0.25), strict=True):
            group["lr"] = rate * scale
        adam.step()
    first = dict(start(config).network.named_parameters())
    moved = dict(state.network.named_parameters())
    for name, expected in network.named_parameters():
        one, other = (p - first[name] for p in (moved[name], expected))
        cosine = F.cosine_similarity(one.flatten(), other.flatten(), dim=0)
        assert cosine > 0.99, name


def test_what_comes_back_from_a_checkpoint_lies_as_before(tiny, crops, tmp_path):
    path, state = tmp_path / "checkpoint", start(tiny(steps=2))
    list(train(state, Means(crops), path))
    fresh = start(tiny(steps=3))
    checkpoint.restore(fresh, path)
    list(train(fresh, Means(crops), path))
    adam = fresh.optimizers[0]
    for parameter, slots in adam.state.items():
        assert slots["exp_avg"].stride() == parameter.stride()
