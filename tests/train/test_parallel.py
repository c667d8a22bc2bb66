"""Several processes against one, with the variables that `torchrun` sets."""

import os
import socket

import pytest
import torch
from safetensors.torch import load_file

from sr_cli.train.parallel import ALONE, open_team
from torch_forks import Job

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or not hasattr(os, "fork"),
    reason="this torch has no gloo, or this system no fork",
)

GAN = """
import sys
from pathlib import Path
import torch
from torch import distributed
from sr_cli.train.config import TrainConfig
from sr_cli.train.data import Crops
from sr_cli.train.loop import Means, start, train
from sr_cli.train.parallel import open_team
from sr_cli.train.photos import load_photos, picture_files

config = TrainConfig(
    network="srgan", adversarial_weight=0.1, discriminator_channels=2, blocks=1,
    channels=8, crop=32, batch=2, steps=5, warmup=0, precision="float32",
)
photos, checkpoint = map(Path, sys.argv[1:])
crops = Crops(load_photos(picture_files(photos)).pairs, 32, 2, 0)
torch.set_num_threads(1)
with open_team("cpu") as team:
    state = start(config)
    losses = [r.losses for r in train(state, Means(crops, team=team), checkpoint)]
    both = (*state.network.parameters(), *state.adversary.network.parameters())
    own = torch.cat([p.detach().flatten() for p in both])
    found = [torch.empty_like(own) for _ in range(team.world)]
    distributed.all_gather(found, own)
    assert team.world == 2 and torch.equal(*found)
    assert all(set(step) > {"adversarial", "discriminator"} for step in losses)
    assert checkpoint.exists() or not team.leads
"""


def team(size: int) -> list[dict[str, str]]:
    """The variables of each of `size` processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = ({"RANK": rank, "LOCAL_RANK": rank} | shared for rank in range(size))
    return [{k: str(v) for k, v in rank.items()} for rank in ranks]


@pytest.fixture
def done(forks, tmp_path):
    """Let processes do something at once, and well."""

    def run(jobs):
        told = [tmp_path / f"{number}.err" for number in range(len(jobs))]
        begun = [
            Job(arguments, str(tmp_path), str(path), variables=variables, **code)
            for (variables, arguments, code), path in zip(jobs, told, strict=True)
        ]
        with forks.running(begun) as running:
            codes = running.wait()
        assert not any(codes), [path.read_text() for path in told]

    return run


def test_two_processes_are_one_with_a_doubled_batch(photos, tmp_path, done):
    """Weights, average, and what both optimisers remember."""
    settings = (
        *("--data", photos, "--validate", photos, "--steps", 4, "--save-every", 2),
        *("--blocks", 1, "--channels", 8, "--crop", 32, "--warmup", 2),
        *("--precision", "float32", "--threads", 1, "--device", "cpu"),
        *("--log-every", 1),
    )

    def arguments(name, batch):
        place = ("--output", tmp_path / name, "--batch", batch)
        return [str(a) for a in ("train", "srresnet", *place, *settings)]

    jobs = [(variables, arguments("two", 2), {}) for variables in team(2)]
    done([*jobs, ({}, arguments("one", 4), {})])
    for name in ("weights.safetensors", "checkpoint.safetensors"):
        ours, theirs = (load_file(tmp_path / run / name) for run in ("two", "one"))
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert torch.allclose(value.float(), theirs[key].float(), atol=2e-5), key
    rows = [(tmp_path / run / "metrics.csv").read_text() for run in ("one", "two")]
    assert rows[0].count("\n") == rows[1].count("\n")  # one process writes, not both


def test_the_processes_of_a_gan_stay_together(photos, tmp_path, done):
    arguments = [str(photos), str(tmp_path / "checkpoint")]
    done([(variables, arguments, {"code": GAN}) for variables in team(2)])


def test_alone_nothing_is_shared(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with open_team("cpu") as alone:
        assert alone == ALONE
        assert alone.leads
        assert alone.mean([1.0, 2.0], torch.device("cpu")) == [1.0, 2.0]
        assert alone.any(True, torch.device("cpu"))
        weight = torch.nn.Parameter(torch.ones(2))
        weight.grad = torch.full((2,), 3.0)
        alone.share_gradients([weight])
        assert torch.equal(weight.grad, torch.full((2,), 3.0))
