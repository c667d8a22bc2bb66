"""What cards say, as the trainer writes them and as others might."""

import hashlib
from pathlib import Path

import pytest

from sr_cli.catalog import MODELS
from sr_cli.errors import ModelError
from sr_cli.models.card import Figures, find_card, read_card
from sr_cli.weights import bundled_folder

TEXT = """# sharp

- file: `sharp.safetensors`
- sha256: `{sha256}`
- licence: MIT
- made with: srup 0.1.0, 2 hours of training
- speed: 1.9 s per output megapixel (openvino, float32)

| set | pictures | PSNR | SSIM | bicubic PSNR | bicubic SSIM |
|---|---|---|---|---|---|
| set5 | 5 | **31.47** | **0.8846** | 28.43 | 0.8113 |
| set14 | 14 | 28.10 | 0.7698 | 26.00 | 0.7031 |
| set14, gray as RGB | 14 | **28.20** | **0.7713** | 26.09 | 0.7050 |

## Notes

- licence: not this one
"""


def test_facts_are_found():
    card = read_card(TEXT.format(sha256="ab"))
    assert (card.sha256, card.licence) == ("ab", "MIT")
    assert card.speed == "1.9 s per output megapixel (openvino, float32)"
    assert card.figures == {
        "set5": Figures(31.47, 0.8846),
        "set14": Figures(28.10, 0.7698),
    }


def test_what_is_not_said_stays_open():
    card = read_card("# nothing")
    assert (card.sha256, card.licence, card.speed, card.figures) == (*[None] * 3, {})


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.id)
def test_the_bundled_cards_are_read(spec):
    card = find_card(bundled_folder() / spec.file_name, spec.sha256)
    assert card.licence == spec.licence
    assert set(card.figures) == {"set5", "set14", "bsd100"}
    assert f"**{card.figures['set14'].psnr:.2f}**" in card.text


@pytest.mark.parametrize("name", ["sharp.md", "README.md"])
def test_only_a_card_about_these_weights_counts(tmp_path: Path, name):
    weights = tmp_path / "sharp.safetensors"
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert find_card(weights, sha256) is None
    (tmp_path / name).write_text(TEXT.format(sha256=sha256))
    assert find_card(weights, sha256).licence == "MIT"
    assert find_card(weights, "0" * 64) is None


def test_a_card_that_is_no_text(tmp_path):
    (tmp_path / "sharp.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="Cannot read the card"):
        find_card(tmp_path / "sharp.safetensors", "")
