import shutil
from pathlib import Path

import pytest

import studies
from browser import chromium, find_chromium
from sr_cli.mos.study import Study


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    """What `made` copies: making one anew takes 0.2 s."""
    return studies.made_study(tmp_path_factory.mktemp("template"))


@pytest.fixture
def made(tmp_path: Path, template: tuple[Path, Study]) -> tuple[Path, Study]:
    """A study of 16 items, of which each rater sees 4 twice, in its folder."""
    folder, study = template
    shutil.copytree(folder.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / folder.name, study


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    find_chromium()
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture
def person(program):
    """Somebody whose browser remembers nothing of earlier tests."""
    return program.context()


@pytest.fixture
def study(tmp_path):
    """20 ratings after two examples, served or as a file."""
    others = studies.some_pictures(tmp_path / "others", 1, seed=9)
    options = {"calibration": sorted(others.iterdir()), "static": True}
    return studies.made_study(tmp_path, **options)
