import pytest

from sr_cli.errors import ConfigError
from sr_cli.train.config import SYSTEMS, TrainConfig
from sr_cli.train.loop import learning_rate_at
from sr_cli.train.presets import PRESET_NAMES, preset


@pytest.mark.parametrize("name", PRESET_NAMES)
@pytest.mark.parametrize("network", SYSTEMS)
def test_every_system_has_both(network, name):
    config = preset(network, name)
    assert (config.network, config.preset) == (network, name)
    assert config.adversarial == (network == "srgan") == (config.adversarial_weight > 0)


def test_our_srresnet_is_the_default():
    assert preset("srresnet") == TrainConfig()


@pytest.mark.parametrize("network", ["srresnet", "srgan"])
def test_the_papers_values(network):
    """Section 3.2 of arXiv 1609.04802v5."""
    config = preset(network, "paper")
    assert (config.blocks, config.channels, config.normalization) == (16, 64, "batch")
    assert (config.batch, config.crop) == (16, 96)
    assert config.target_range == "signed"
    assert config.architecture.output_range == (-1.0, 1.0)
    assert config.feature_scale == pytest.approx(1 / 12.75)
    assert (config.optimizer, config.learning_rate) == ("adam", 1e-4)
    assert (config.clip, config.ema, config.warmup, config.tail_rate) == (0, 0, 0, 1)


def test_the_papers_srresnet():
    config = preset("srresnet", "paper")
    assert (config.content, config.variation_weight) == ("mse", 0.0)
    assert config.steps == 10**6
    assert {learning_rate_at(s, config) for s in (0, 10, 999_999)} == {1e-4}
    assert preset("srresnet", "paper", "vgg22").variation_weight == 2e-8


@pytest.mark.parametrize("content", ["mse", "vgg22", "vgg54"])
def test_the_papers_srgan(content):
    config = preset("srgan", "paper", content)
    assert config.content == content
    assert (config.adversarial_weight, config.gan) == (1e-3, "standard")
    assert (config.discriminator, config.discriminator_channels) == ("dense", 64)
    assert (config.pixel_weight, config.variation_weight) == (0.0, 0.0)
    assert config.steps == 200_000
    rates = [learning_rate_at(step, config) for step in (0, 99_999, 100_000, 199_999)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])
    assert preset("srgan", "paper").content == "vgg54"


def test_names_that_are_none():
    with pytest.raises(ConfigError, match="no preset 'best' of 'srgan'"):
        preset("srgan", "best")
    with pytest.raises(ConfigError):
        preset("unet")
    with pytest.raises(ConfigError, match="vgg99"):
        preset("srgan", "paper", "vgg99")
