"""`srup train`: photos in, weights out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sr_cli.cli.options import debug_option
from sr_cli.cli.train_options import config_options

if TYPE_CHECKING:
    from sr_cli.train.devices import DeviceName


def _explicit(context: click.Context) -> dict[str, Any]:
    """The parameters that were given, not defaulted."""
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


@click.command()
@click.argument("network", default="srresnet")
@click.option("--data", help="Folder of photos, or a known set: div2k.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The run's folder: checkpoint, log, weights.  [default: runs/NETWORK]",
)
@config_options
@click.option("--validate", metavar="FOLDER", help="Pictures to measure progress on.")
@click.option(
    "--validate-every",
    type=click.IntRange(min=0),
    default=2000,
    show_default=True,
    help="Updates between validations; 0 for only one, at the end.",
)
@click.option(
    "--save-every",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Updates between checkpoints.",
)
@click.option(
    "--log-every",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Updates between lines of the log.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --output, with its settings; flags change them.",
)
@click.option("--overwrite", is_flag=True, help="Replace the run in --output.")
@click.option(
    "--stop-at",
    type=click.IntRange(min=1),
    help="Save and leave after this update; the schedule stays that of --steps.",
)
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    help="Start from the weights of this .safetensors file.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU when there is one.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]"
)
@click.option("-q", "--quiet", is_flag=True, help="Show only errors.")
@debug_option
@click.pass_context
def command(
    context: click.Context,
    /,
    network: str,
    output: Path | None,
    resume: bool,
    overwrite: bool,
    stop_at: int | None,
    init: Path | None,
    device: "DeviceName",
    threads: int | None,
    quiet: bool,
    **_settings: object,
) -> int:
    """Train NETWORK (srresnet) on a folder of photos.

    Ctrl-C or SIGTERM finish the update, save and leave; --resume goes on as if
    nothing had happened.  The averaged weights are in OUTPUT/weights.safetensors.

    \b
    Examples:
      srup train --data photos/ --output runs/mine --steps 20000
      srup train --resume --output runs/mine
      srup train --resume --output runs/mine --steps 40000
      srup upscale photo.jpg -m runs/mine/weights.safetensors
    """
    if resume and (overwrite or init):
        raise click.UsageError("--resume goes with neither --overwrite nor --init.")
    from sr_cli.cli.interrupts import Interrupts
    from sr_cli.train.run import RunFolder, settle

    with Interrupts() as interrupts:
        folder = RunFolder(output or Path("runs") / network)
        settings = settle(
            folder, _explicit(context), resume=resume, overwrite=overwrite
        )

        from sr_cli.cli.train_sitting import Sitting, sit

        sitting = Sitting(
            resume=resume,
            overwrite=overwrite,
            stop_at=stop_at,
            init=init,
            device=device,
            threads=threads,
            quiet=quiet,
        )
        return sit(folder, settings, sitting, interrupts)
