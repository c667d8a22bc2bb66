"""The command line: `srup COMMAND`.

Commands are imported when they are asked for, and each imports what it needs in
its body, so that `srup --help` answers at once: torch alone takes over a second.
"""

import signal
import sys
import threading
from collections.abc import Iterable
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING

import click

from sr_cli import __version__
from sr_cli.errors import SrupError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "upscale": "Make pictures 4x larger.",
    "batch": "Upscale whole folders.",
    "train": "Train a network on a folder of photos.",
    "bench": "Measure models on a set of pictures.",
    "compare": "Show pictures side by side, on a page.",
    "mos": "Ask people how good pictures look: a blind study.",
    "publish": "Export a run's weights with a model card.",
    "models": "List, download, verify, remove and publish models.",
    "export": "Write a model as ONNX, OpenVINO IR or weights for torch.",
    "doctor": "Look at the machine, and try whether srup works.",
    "completion": "Make a shell complete srup's words.",
}


class _LazyGroup(click.Group):
    """Lists commands by their names and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        command = import_module(f"sr_cli.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> "list[CompletionItem]":
        """Offer commands without importing them, for the shell waits."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)
@click.version_option(__version__, prog_name="srup")
def cli() -> None:
    """Make images 4x larger with SRResNet and SRGAN."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if threading.current_thread() is threading.main_thread():
        # As Ctrl-C, so that what is half-written is removed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = cli.main(arguments, prog_name="srup", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        with StringIO() as stream:
            error.show(stream)
            _tell(stream.getvalue().rstrip("\n").split("\n"))
        sys.exit(error.exit_code)
    except SrupError as error:
        if "--debug" in arguments:
            raise
        _tell([f"Error: {error}"])
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does: nothing to report.
        sys.stderr.close()
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _tell(lines: Iterable[str]) -> None:
    """Write lines, but for what a terminal obeys: they quote names, and files."""
    from sr_cli.cli.sentences import say

    for line in lines:
        say(line)
