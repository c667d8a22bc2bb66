import json
import math

import pytest

from sr_cli.errors import ConfigError
from sr_cli.train.config import TrainConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "vgg"}, "--network can't be 'vgg'"),
        ({"gan": "wild"}, "--gan can't be 'wild'"),
        ({"content": "vgg33-post"}, "vgg33-post"),
        ({"content": "l2"}, "l2"),
        ({"network": "srgan"}, "without an adversarial loss"),
        ({"accumulate": 0}, "accumulate must be"),
        ({"pixel_weight": -1.0}, "--pixel-weight can't be below 0"),
        ({"adversarial_weight": math.nan}, "--adversarial-weight can't be below 0"),
        ({"tail_rate": 0.0}, "--tail-rate must be above 0"),
        ({"beta2": 1.0}, "beta2"),
        ({"blocks": 0}, "blocks must be at least 1"),
        ({"channels": 0}, "channels must be"),
        ({"batch": 0}, "batch must be"),
        ({"steps": 0}, "steps must be"),
        ({"crop": 8}, "Crops of 8 pixels"),
        ({"crop": 98}, "Crops of 98 pixels"),
        ({"drawings": -1}, "can't be below 0"),
        ({"drawings": 1, "crop": 484}, "larger than a drawn page"),
        ({"warmup": -1}, "can't be below 0"),
        ({"decay": -1}, "can't be below 0"),
        ({"seed": -1}, "can't be below 0"),
        ({"learning_rate": 0.0}, "learning-rate"),
        ({"learning_rate": math.nan}, "learning-rate"),
        ({"learning_rate": math.inf}, "learning-rate"),
        ({"weight_decay": -0.1}, "weight decay"),
        ({"weight_decay": 1e4}, "weight decay"),
        ({"ema": 1.0}, "--ema"),
        ({"clip": -1.0}, "clip"),
        ({"clip": math.nan}, "clip"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message) as refusal:
        TrainConfig(**changes)
    assert refusal.value.hint


def test_json_round_trip(tiny):
    config = tiny(decay=3, normalization="batch")
    assert TrainConfig.from_json(config.to_json()) == config


def test_settings_of_other_versions_are_bridged():
    text = json.dumps({"blocks": 3, "something_retired": 1})
    assert TrainConfig.from_json(text) == TrainConfig(blocks=3)


def test_the_architecture_follows(tiny):
    architecture = tiny(normalization="batch").architecture
    assert (architecture.blocks, architecture.channels) == (1, 8)
    assert architecture.normalization == "batch"
