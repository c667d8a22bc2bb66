"""`srup train`: photos in, weights out."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sr_cli.cli import completers
from sr_cli.cli.options import debug_option, device_option
from sr_cli.cli.train_options import config_options
from sr_cli.cli.train_plot import command as plot
from sr_cli.errors import SrupError
from sr_cli.train.config import SYSTEMS, System
from sr_cli.train.presets import PRESET_NAMES

if TYPE_CHECKING:
    from sr_cli.train.devices import DeviceName

_DEFAULT = "srresnet"

_HELP = {
    "srresnet": """Train SRResNet on a folder of photos: pictures close to the truth.

    The paper's SRResNet-MSE is --preset paper, SRResNet-VGG22 is --preset paper
    --content vgg22.  Our own recipe, the default, drops BatchNorm, takes larger
    crops, and moves the inner convolutions by Muon.

    \b
    Examples:
      srup train srresnet --data photos/ --output runs/mine --steps 20000
      srup train srresnet --output runs/mine --resume
      srup train srresnet --preset paper --content vgg22 --data div2k
      srup upscale photo.jpg -m runs/mine
    """,
    "srgan": """Train SRGAN on a folder of photos: pictures that look real.

    It goes on from a trained SRResNet, the bundled one unless --init names another.
    The paper's systems are --preset paper with --content mse, vgg22 or vgg54, and
    need a SRResNet trained with --preset paper as --init.

    \b
    Examples:
      srup train srgan --data photos/ --output runs/crisp
      srup train srgan --preset paper --data div2k --init runs/srresnet
      srup train srgan --preset paper --content vgg22 --data div2k --init runs/srresnet
      srup upscale photo.jpg -m runs/crisp
    """,
    "srcnn": """Train SRCNN (Dong et al., 2014) on a folder of photos.

    Three convolutions on the bicubic enlargement's luma: where it all began.

    \b
    Example:
      srup train srcnn --data photos/ --output runs/srcnn
    """,
    "espcn": """Train ESPCN (Shi et al., 2016) on a folder of photos.

    Three convolutions on the small picture's luma: the fastest.

    \b
    Example:
      srup train espcn --data photos/ --output runs/espcn
    """,
}


def _explicit(context: click.Context) -> dict[str, Any]:
    """The parameters that were given, not defaulted."""
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a run reads and how often it does what."""
    options = [
        click.option(
            "--data",
            help="Folder of photos, or a known set such as div2k or bsds300.",
            shell_complete=completers.training_sets,
        ),
        click.option(
            "--output",
            type=click.Path(path_type=Path),
            help="The run's folder: checkpoint, metrics, samples, weights.  "
            "[default: runs/SYSTEM]",
        ),
        click.option(
            "--preset",
            type=click.Choice(PRESET_NAMES),
            help="What settings start from: our recipe, whose values are shown here, "
            "or the paper's.  [default: srup]",
        ),
        click.option(
            "--config",
            "settings_file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="TOML file of settings, named as the flags, which come before it; a "
            "run's config.toml is one.",
        ),
        click.option(
            "--init",
            metavar="MODEL",
            help="Begin with these weights: an id, a run's folder, a file; or none.",
            shell_complete=completers.models,
        ),
        click.option(
            "--features-file",
            metavar="FILE",
            help="Weights of the feature network: a .pth or .safetensors file, "
            "hf:owner/name, or random.  [default: fetched]",
            shell_complete=completers.files,
        ),
        click.option(
            "--validate",
            metavar="FOLDER",
            help="Pictures to measure progress on.",
            shell_complete=completers.folders,
        ),
        click.option(
            "--validate-every",
            type=click.IntRange(min=0),
            help="Updates between validations; 0 for only one, at the end.  "
            "[default: 2000]",
        ),
        click.option(
            "--save-every",
            type=click.IntRange(min=1),
            help="Updates between checkpoints.  [default: 500]",
        ),
        click.option(
            "--log-every",
            type=click.IntRange(min=1),
            help="Updates between rows of metrics.csv.  [default: 50]",
        ),
        click.option(
            "--cache-gib",
            type=click.FloatRange(min=0),
            help="Memory for decoded photos; the others wait on the disk.  "
            "[default: all in memory]",
        ),
        click.option(
            "--tensorboard/--no-tensorboard",
            default=None,
            help="Write scalars and samples for TensorBoard as well.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _sitting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what holds for one sitting alone."""
    options = [
        click.option(
            "--resume",
            is_flag=True,
            help="Go on with the run in --output, with its settings; flags change "
            "them.",
        ),
        click.option("--overwrite", is_flag=True, help="Replace the run in --output."),
        click.option(
            "--stop-at",
            type=click.IntRange(min=1),
            help="Save and leave after this update; the schedule stays that of "
            "--steps.",
        ),
        device_option,
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            help="CPU threads.  [default: all cores]",
        ),
        click.option(
            "--compile",
            "compiled",
            is_flag=True,
            help="Let torch compile the generator first (CUDA).",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Show only errors."),
        debug_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _system(network: System) -> click.Command:
    """Make the command that trains `network`."""

    @click.command(network, help=_HELP[network])
    @_run_options
    @config_options(network)
    @_sitting_options
    @click.pass_context
    def train(
        context: click.Context,
        /,
        output: Path | None,
        settings_file: Path | None,
        resume: bool,
        overwrite: bool,
        stop_at: int | None,
        device: "DeviceName",
        threads: int | None,
        compiled: bool,
        quiet: bool,
        **_settings: object,
    ) -> int:
        if resume and (overwrite or _settings["init"]):
            raise click.UsageError("--resume goes with neither --overwrite nor --init.")
        from sr_cli.cli.interrupts import Interrupts
        from sr_cli.train.run import RunFolder, read_wishes, settle

        with Interrupts() as interrupts:
            folder = RunFolder(output or Path("runs") / network)
            wanted = {} if settings_file is None else read_wishes(settings_file)
            wanted |= _explicit(context) | {"network": network}
            settings = settle(folder, wanted, resume=resume, overwrite=overwrite)

            from sr_cli.cli.train_sitting import Sitting, sit

            sitting = Sitting(
                resume=resume,
                overwrite=overwrite,
                stop_at=stop_at,
                device=device,
                threads=threads,
                compiled=compiled,
                quiet=quiet,
            )
            return sit(folder, settings, sitting, interrupts)

    return train


def _value(arguments: Sequence[str], option: str) -> Path | None:
    for word, following in zip(arguments, (*arguments[1:], ""), strict=True):
        if word == option:
            return Path(following)
        if word.startswith(f"{option}="):
            return Path(word.removeprefix(f"{option}="))
    return None


def _meant(arguments: Sequence[str]) -> str:
    """Return the system of the run or the settings that are named, else srresnet."""
    run, settings = _value(arguments, "--output"), _value(arguments, "--config")
    resumed = run if "--resume" in arguments else None
    if resumed is None and settings is None:
        return _DEFAULT
    from sr_cli.train.checkpoint import read_config
    from sr_cli.train.run import RunFolder, read_wishes

    found = None
    # What is wrong with a file is told by those who need it.
    with suppress(SrupError):
        if resumed is not None:
            found = read_config(RunFolder(resumed).checkpoint).network
        elif settings is not None:
            found = read_wishes(settings).get("network")
    return found if found in SYSTEMS else _DEFAULT


class _Systems(click.Group):
    """Takes the system that is meant where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        unnamed = bool(args) and args[0].startswith("-")
        if unnamed and args[0] not in ("-h", "--help"):
            args = [_meant(args), *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Systems, no_args_is_help=True)
def command() -> None:
    """Train a network on a folder of photos, or look at how that went.

    `srup train --data photos/` trains srresnet, and --resume or --config whatever
    the run or the settings are of.  Ctrl-C or SIGTERM finish the update,
    save and leave; --resume goes on as if nothing had happened.  The averaged weights
    are in OUTPUT/weights.safetensors, and `-m OUTPUT` takes them.

    \b
    The systems of Ledig et al. (2017), with the paper's settings:
      SRResNet-MSE    srup train srresnet --preset paper --data div2k
      SRResNet-VGG22  srup train srresnet --preset paper --content vgg22 --data div2k
      SRGAN-MSE       srup train srgan --preset paper --content mse   ┐
      SRGAN-VGG22     srup train srgan --preset paper --content vgg22 │ --data div2k
      SRGAN-VGG54     srup train srgan --preset paper --content vgg54 ┘ --init RUN
    Without --preset paper they train by our own recipe.  Several GPUs:
      torchrun --nproc-per-node 4 -m sr_cli train srgan --data div2k
    """


for _name in SYSTEMS:
    command.add_command(_system(_name))
command.add_command(plot, "plot")
