import builtins
import io

import numpy as np
import pytest
from PIL import Image

from sr_cli.errors import ConfigError, DataError
from sr_cli.train.log import Summary
from sr_cli.train.reports import ValidationReport
from sr_cli.train.tensorboard import TensorBoardWriter


def summary(step: int, loss: float) -> Summary:
    losses = {"loss": loss, "content": loss / 2}
    return Summary(step, losses, loss, 0.25, 0.5, 1e-4, 0.125, 0)


def events(folder):
    """What TensorBoard itself reads from `folder`."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def scalars(found, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in found.Scalars(name)]


def test_tensorboard_reads_scalars_and_strips(tmp_path):
    strip = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    with TensorBoardWriter(tmp_path / "board") as board:
        board.add(None)
        board.add(summary(50, 0.5))
        board.add(summary(100, 0.25))
        board.add(ValidationReport(100, 28.5, True, strip))
        board.add(ValidationReport(200, 29.5, True))
        board.add(Summary(250, {}, None, None, None, 1e-5, 0.125, 50))
    found = events(tmp_path / "board")
    assert scalars(found, "loss/loss") == [(50, 0.5), (100, 0.25)]
    assert scalars(found, "loss/content") == [(50, 0.25), (100, 0.125)]
    assert scalars(found, "updates/gradient norm") == [(50, 0.25), (100, 0.25)]
    rates = scalars(found, "updates/learning rate")
    assert [rate for _, rate in rates] == pytest.approx([1e-4, 1e-4, 1e-5])
    assert scalars(found, "validation/PSNR (Y)") == [(100, 28.5), (200, 29.5)]
    (shown,) = found.Images("validation/bicubic, now, truth")
    pixels = np.asarray(Image.open(io.BytesIO(shown.encoded_image_string)))
    assert np.array_equal(pixels, strip)


def test_what_is_lived_again_is_hidden(tmp_path):
    with TensorBoardWriter(tmp_path) as board:
        for step in (1, 2, 3):
            board.add(summary(step, 1.0))
    with TensorBoardWriter(tmp_path, step=1) as board:
        board.add(summary(2, 2.0))
    assert scalars(events(tmp_path), "loss/loss") == [(1, 1.0), (2, 2.0)]


def test_without_tensorboard(tmp_path, monkeypatch):
    really = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return really(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'srup\[watch\]'"):
        TensorBoardWriter(tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "board").write_text("a file")
    with pytest.raises(DataError, match="Cannot write to"):
        TensorBoardWriter(tmp_path / "board")


def test_a_disk_that_refuses_later(tmp_path, monkeypatch):
    board = TensorBoardWriter(tmp_path / "board")
    full = OSError(28, "No space left on device")

    def refuse(*_words, **_more):
        raise full

    monkeypatch.setattr(board._writer, "add_scalar", refuse)
    with pytest.raises(DataError, match="No space left"):
        board.add(summary(1, 1.0))
    board.close()
