import pytest

from conftest import TINY
from sr_cli.bench.quality import load_pairs, mean_psnr
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError
from sr_cli.networks.fuse import fuse
from sr_cli.train.loop import start
from sr_cli.train.validation import open_validation
from sr_cli.upscale import Upscaler

CHOICE = EngineChoice(engine="torch", device="cpu", precision="float32")


def test_it_is_what_users_run(photos, tiny):
    state = start(tiny(normalization="batch"))
    architecture = state.config.architecture
    found = open_validation(photos, architecture, CHOICE)(state.average)
    network = fuse({k: v.numpy() for k, v in state.average.items()}, architecture)
    expected = mean_psnr(
        load_pairs(sorted(photos.iterdir())), Upscaler(network, CHOICE)
    )
    assert found == pytest.approx(expected)


def test_pictures_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        open_validation(tmp_path, TINY["none"], CHOICE)
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        open_validation(tmp_path, TINY["none"], CHOICE)
