"""A Hub on loopback, and the real client set up for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import hub_server
from hub_server import Hub
from sr_cli.fetch import Patience, Telling


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    with (
        hub_server.serving() as hub,
        hub_server.settings(**hub_server.environment(hub, tmp_path / "home")),
    ):
        yield hub


@pytest.fixture
def waits() -> list[float]:
    """The seconds that were waited for the Hub."""
    return []


@pytest.fixture
def patience(waits) -> Patience:
    """Three tries that only write down how long they would wait."""
    return Patience(tries=3, sleep=waits.append)


@pytest.fixture
def sayings() -> list[str]:
    return []


@pytest.fixture
def telling(sayings) -> Telling:
    return Telling(on_say=sayings.append)


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "home" / "hub"
