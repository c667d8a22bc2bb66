"""What the documents say is so."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sr_cli import __version__
from sr_cli.catalog import MODELS
from sr_cli.cli import COMMANDS, cli
from sr_cli.train.config import SYSTEMS

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_and_helpful(command):
    assert f"srup {command} " in text("README.md")
    shown = CliRunner().invoke(cli, [command, "--help"])
    assert shown.exit_code == 0
    assert shown.output.count("\n") > 10


def commands(group: click.Group, prefix: str = "srup"):
    """Walk all commands and subcommands."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


def test_every_option_has_help():
    for name, command in commands(cli):
        assert command.help, name
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "model_id":
                assert parameter.help, f"{name} --{parameter.name}"


def test_every_system_of_the_paper_is_one_command_in_the_readme():
    for system in SYSTEMS:
        assert f"srup train {system}" in text("README.md")
    for content in ("mse", "vgg22", "vgg54"):
        assert f"--content {content}" in text("README.md")


def test_the_newest_changelog_heading_is_the_version():
    newest = re.search(r"^## \[([\d.]+)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest.group(1) == __version__


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.id)
def test_the_readme_gives_the_cards_figures(spec):
    card = text(f"weights/{spec.id}.md")
    assert spec.sha256 in card
    figures = [
        re.search(rf"^\| {name} \| \d+ \| \*\*([\d.]+)\*\*", card, re.MULTILINE)
        for name in ("set5", "set14", "bsd100")
    ]
    row = next(r for r in text("README.md").splitlines() if f"| `{spec.id}` |" in r)
    assert [f" {figure.group(1)} " in row for figure in figures if figure] == [True] * 3
