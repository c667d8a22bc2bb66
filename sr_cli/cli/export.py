"""`srup export`: a model as a file for other programs."""

import json
from pathlib import Path

import click

from sr_cli.cli import completers
from sr_cli.cli.options import debug_option
from sr_cli.cli.sentences import say


@click.command()
@click.argument("model", shell_complete=completers.models)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write: .onnx, .xml (OpenVINO), .pth or .safetensors.",
)
@click.option("--float16", is_flag=True, help="Half the size; .onnx and .xml only.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("--offline", is_flag=True, help="Don't look for models on the network.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
@debug_option
def command(
    model: str,
    output: Path,
    float16: bool,
    overwrite: bool,
    offline: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write MODEL as a file that other programs run.

    MODEL is what `srup upscale -m` takes.  Before anything is written, the file's
    results are compared with torch's.

    .onnx is one graph; .xml is OpenVINO's, with its weights in a .bin beside it.
    Both map RGB in [0, 1], float32 (n, 3, h, w), of any size, to the larger picture,
    not clipped.  --float16 keeps the weights in 16 bits; an .onnx also computes its
    convolutions so.

    .pth holds the weights under `params`, for torch and BasicSR.  Those of others
    keep their names, with which their programs load them.  Those of srup need its
    network, which is no architecture of BasicSR or spandrel: examples/srresnet.py
    has it in plain torch.

    \b
    Examples:
      srup export srgan -o srgan.onnx
      srup export srresnet -o srresnet.xml --float16
    """
    from sr_cli.export import export
    from sr_cli.weights import load_model

    loaded = load_model(model, offline=offline)
    exported = export(
        loaded,
        output,
        element="float16" if float16 else "float32",
        overwrite=overwrite,
    )
    if as_json:
        facts = {
            "model": loaded.id,
            "files": [str(path) for path in exported.files],
            "sha256": exported.sha256,
            "deviation": exported.deviation,
        }
        click.echo(json.dumps(facts))
    elif not quiet:
        names = " and ".join(str(path) for path in exported.files)
        say(
            f"Wrote {names}.  Results differ from torch's by at most "
            f"{255 * exported.deviation:.2g} of 255 levels."
        )
