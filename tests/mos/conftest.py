from pathlib import Path

import pytest

import studies
from sr_cli.mos.study import Study


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Study]:
    """A study of 16 items, of which each rater sees 4 twice, in its folder."""
    return studies.made_study(tmp_path)
