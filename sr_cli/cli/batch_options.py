"""Options of `srup batch` alone: which pictures, and how to go about them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sr_cli.cli.making import Making
from sr_cli.cli.options import packed

if TYPE_CHECKING:
    from sr_cli.batch import Naming, Request
    from sr_cli.weights import Model

_STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Choosing:
    """Which pictures, and where their results go, as asked for."""

    inputs: tuple[str, ...]
    lists: tuple[str, ...]
    output: Path | None
    recursive: bool
    template: str
    ending: str

    @property
    def reads_standard_input(self) -> bool:
        """Whether a list is to come from there."""
        return _STANDARD_INPUT in (*self.inputs, *self.lists)

    def request(self, making: Making, *, watch: bool) -> "Request":
        """The part that the library is told of the inputs."""
        from sr_cli.batch import Request

        return Request(
            self.inputs,
            self.lists,
            self.output,
            recursive=self.recursive,
            beside=making.name_suffix,
            may_be_empty=watch,
        )

    def naming(
        self, making: Making, format_name: str | None, model: "Model"
    ) -> "Naming":
        """The part that the library is told of the results' names.

        Raises:
            ConfigError: they can't be used.
        """
        from sr_cli.batch import Naming

        facts = {"model": model.id}
        if making.scale is not None:
            facts["scale"] = f"{float(making.scale):g}"
        elif not (making.fit or making.width or making.height):
            facts["scale"] = str(model.network.scale)
        return Naming(self.template, self.ending, format_name or "png", facts)


choosing_options = packed(
    "choosing",
    Choosing,
    click.argument("inputs", nargs=-1, metavar="INPUT…"),
    click.option(
        "--list",
        "lists",
        multiple=True,
        metavar="FILE",
        help="A file with a path a line, or separated by NUL; - is standard input.",
    ),
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for the results.  [default: FOLDER_4x beside each folder]",
    ),
    click.option(
        "--recursive/--no-recursive",
        default=True,
        show_default=True,
        help="Look into subfolders; the results' tree is the same.",
    ),
    click.option(
        "--name",
        "template",
        default="{stem}",
        show_default=True,
        help="Names of the results, without their suffix, from {stem}, {name}, "
        "{suffix}, {parent}, {model} and {scale}.",
    ),
    click.option(
        "--suffix",
        "ending",
        default="",
        metavar="TEXT",
        help="Added to each name, such as _4x.",
    ),
)


@dataclass(frozen=True, slots=True)
class Proceeding:
    """How the batch is gone about, as asked for."""

    dry_run: bool
    resume: bool
    fail_fast: bool
    watch: bool
    settle: float


proceeding_options = packed(
    "proceeding",
    Proceeding,
    click.option("--dry-run", is_flag=True, help="Only print what would be done."),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on where an earlier run stopped; that is done anyway.",
    ),
    click.option("--fail-fast", is_flag=True, help="Stop at the first failure."),
    click.option(
        "--watch",
        is_flag=True,
        help="Go on with what arrives in the folders, until Ctrl-C.",
    ),
    click.option(
        "--settle",
        type=click.FloatRange(min=0.1),
        default=2.0,
        show_default=True,
        metavar="SECONDS",
        help="With --watch: how long a file must keep still before it is taken.",
    ),
)
