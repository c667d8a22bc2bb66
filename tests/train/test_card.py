from dataclasses import replace

import click
import pytest
from click.core import ParameterSource

from sr_cli.bench.quality import ImageScore, Scores
from sr_cli.bench.report import ModelScore, Result
from sr_cli.cli.train import command as train
from sr_cli.train.card import render_card, train_command
from sr_cli.train.config import SYSTEMS
from sr_cli.train.export import TrainingFacts
from sr_cli.train.presets import PRESET_NAMES, preset


def row(rival: str, psnr: float, gray: bool) -> ModelScore:
    scores = Scores(psnr, psnr / 40.0, psnr + 0.09, psnr / 39.0)
    images = tuple(
        ImageScore(rival, name, 8, 8, gray and name == "b", scores, 0.1)
        for name in "ab"
    )
    engine = None if rival == "bicubic" else "openvino"
    precision = engine and "float32"
    return ModelScore(
        rival, scores, 0.2, None, engine, engine and "cpu", precision, images
    )


@pytest.fixture
def results():
    return [
        Result(name, 4, (row("bicubic", base, gray), row("tiny", base + 2.0, gray)))
        for name, base, gray in (("set5", 28.43, False), ("set14", 26.0, True))
    ]


def test_a_card_tells_what_it_is_worth(tiny, results):
    facts = TrainingFacts(tiny(), 6, 1.25, "photos", 1817)
    lines = render_card("tiny", facts, "ab" * 32, results).splitlines()
    assert lines[0] == "# tiny"
    assert f"- sha256: `{'ab' * 32}`" in lines
    assert "- licence: MIT" in lines
    assert "| set5 | 2 | **30.43** | **0.7608** | 28.43 | 0.7107 |" in lines
    assert "| set14 | 2 | **28.00** | **0.7000** | 26.00 | 0.6500 |" in lines
    assert any(
        line.startswith("| set14, gray as RGB | 2 | **28.09** |") for line in lines
    )
    assert not any(line.startswith("| set5, gray") for line in lines)
    assert "| photos | **1,817 photos (photos)** | 350,000 of ImageNet |" in lines
    assert "| updates | **6** | 1,000,000 |" in lines
    (bench,) = (line for line in lines if line.startswith("srup bench"))
    assert (
        bench == "srup bench set5 set14 -m tiny --engine openvino --precision float32"
    )
    assert any("1.25 hours" in line for line in lines)


def test_what_equals_the_paper_is_not_marked(results):
    config = preset("srresnet", "paper")
    card = render_card("tiny", TrainingFacts(config, 4, 0.0), "00", results)
    assert "| normalisation | batch | batch |" in card
    assert "| content loss | mse | mse |" in card
    assert "| learning rate | 0.0001 | 0.0001 |" in card
    assert "(unknown)" in card
    assert "4 of 1,000,000 planned" in card
    rows = [line for line in card.splitlines() if line.count(" | ") == 2]
    marked = {line.split(" | ")[0] for line in rows if "**" in line}
    # What the paper doesn't say, or a run decides for itself.
    assert marked == {"| photos", "| updates", "| precision of convolutions"}


def test_the_card_of_a_gan_tells_its_losses(results):
    config = preset("srgan", "paper", "vgg22")
    facts = TrainingFacts(
        config,
        200_000,
        9.0,
        "div2k",
        800,
        "runs (sha256 1a)",
        ("VGG19 of x (sha256 2)",),
    )
    card = render_card("tiny", facts, "00", results)
    assert "against a discriminator" in card
    assert "| content loss | **vgg22 (mse), features × 0.07843** | vgg54 (mse)" in card
    assert "| adversarial loss | 0.001 × standard | 0.001 × standard |" in card
    assert "| learning rate | 0.0001, a tenth in the last half |" in card
    assert "| began with | **runs (sha256 1a)** | SRResNet-MSE |" in card
    assert "| feature network | **VGG19 of x (sha256 2)** | VGG19 |" in card
    assert "--init runs" in card
    assert "--preset paper" in card
    assert "--content vgg22" in card
    ours = render_card("tiny", TrainingFacts(preset("srgan"), 5, 1.0), "00", results)
    assert " × l1 of pixels" in ours
    assert "relativistic" in ours


@pytest.mark.parametrize("network", SYSTEMS)
@pytest.mark.parametrize("name", PRESET_NAMES)
def test_the_command_makes_the_same_run(network, name):
    """Read back by the command line itself."""
    config = replace(preset(network, name), seed=3, learning_rate=5e-4)
    facts = TrainingFacts(config, config.steps, 0.0, "div2k", 800)
    words = train_command(facts).split()
    assert words[:5] == ["srup", "train", network, "--data", "div2k"]
    command = train.get_command(click.Context(train), network)
    parsed = command.make_context(network, words[3:])
    given = {
        key: value
        for key, value in parsed.params.items()
        if parsed.get_parameter_source(key) is not ParameterSource.DEFAULT
    }
    base = preset(network, given.pop("preset", "srup"), given.get("content"))
    assert given.pop("data") == "div2k"
    assert replace(base, **given) == config


def test_an_unfinished_run_stops_where_it_did(tiny):
    facts = TrainingFacts(tiny(), 4, 0.0, "div2k", 800)
    assert train_command(facts).endswith("--precision bfloat16 --stop-at 4")


def test_notes_stand_on_the_card(tiny, results):
    facts = TrainingFacts(tiny(), 6, 1.25)
    card = render_card("tiny", facts, "00", results, "Began with smaller crops.")
    assert "\n## Notes\n\nBegan with smaller crops.\n" in card
    assert "## Notes" not in render_card("tiny", facts, "00", results)
