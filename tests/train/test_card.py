import pytest

from sr_cli.bench.quality import ImageScore, Scores
from sr_cli.bench.report import ModelScore, Result
from sr_cli.train.card import render_card, train_command
from sr_cli.train.export import TrainingFacts


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


def test_what_equals_the_paper_is_not_marked(tiny, results):
    config = tiny(normalization="batch", loss="mse", optimizer="adam")
    card = render_card("tiny", TrainingFacts(config, 4, 0.0), "00", results)
    assert "| normalisation | batch | batch |" in card
    assert "| loss | mse | mse |" in card
    assert "(unknown)" in card
    assert "4 of 6 planned" in card


def test_the_command_makes_the_same_run(tiny):
    facts = TrainingFacts(tiny(learning_rate=5e-4), 4, 0.0, "div2k", 800)
    assert train_command(facts) == (
        "srup train srresnet --data div2k --blocks 1 --channels 8 --steps 6 --batch 2 "
        "--crop 32 --learning-rate 0.0005 --warmup 2 --precision bfloat16 --stop-at 4"
    )


def test_notes_stand_on_the_card(tiny, results):
    facts = TrainingFacts(tiny(), 6, 1.25)
    card = render_card("tiny", facts, "00", results, "Began with smaller crops.")
    assert "\n## Notes\n\nBegan with smaller crops.\n" in card
    assert "## Notes" not in render_card("tiny", facts, "00", results)
