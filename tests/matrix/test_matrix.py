"""Every kind of file comes out larger and otherwise the same."""

from pathlib import Path

import pytest

from matrix_checks import failures
from matrix_files import HOLDS, Cell, cells, write
from matrix_table import table
from sr_cli.engines import EngineChoice
from sr_cli.jobs import Job, Output, run_job
from sr_cli.picture import format_named
from sr_cli.upscale import Upscaler
from sr_cli.weights import load_model

CELLS = list(cells())


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(load_model("espcn").network, EngineChoice("onnxruntime", "cpu"))


def test_there_are_enough_cells():
    assert len(CELLS) >= 300
    assert len({cell.name for cell in CELLS}) == len(CELLS)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_cell(cell: Cell, upscaler, tmp_path):
    source = write(cell, tmp_path)
    result = tmp_path / f"result.{cell.format}"
    run_job(Job(source, result), upscaler, Output())
    assert failures(cell, source, result) == {}


def test_the_readme_shows_what_holds():
    readme = Path(__file__).parents[2] / "README.md"
    assert table() in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", HOLDS)
def test_srup_claims_what_holds(suffix):
    holds, row = HOLDS[suffix], format_named(suffix)
    for fact in ("icc", "exif", "xmp", "iptc", "text", "dpi"):
        assert getattr(row, fact) or not getattr(holds, fact), fact
    assert row.depth == 16 or not any(mode.endswith("16") for mode in holds.modes)
    assert row.cmyk == ("CMYK" in holds.modes)
