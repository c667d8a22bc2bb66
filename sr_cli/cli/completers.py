"""What the shell offers for options whose values click doesn't know.

The shell waits, so nothing heavy is imported: numpy alone would take longer than all
the rest.  Names that live beside heavy imports stand here again, and the tests compare.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

FORMATS = (
    *("jpg", "png", "webp", "tif", "avif", "heic", "jxl", "jp2", "gif", "bmp", "ppm"),
    *("tga", "ico"),
)
MEASURED_SETS = ("set5", "set14", "bsd100", "urban100", "div2k")
TRAINING_SETS = ("div2k", "flickr2k", "bsds300", *MEASURED_SETS[:4])
RUN_WEIGHTS = "weights.safetensors"
WEIGHTS = frozenset({".safetensors", ".onnx", ".pth", ".pt", ".ckpt"})

_PLAIN = re.compile(r"[\w./~+=@%-]*")  # names that no shell wants quoted

Items = list[CompletionItem]


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Leave it to the shell, which knows all files."""
    return [CompletionItem(incomplete, type="file")]


def folders(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Leave it to the shell, which knows all folders."""
    return [CompletionItem(incomplete, type="dir")]


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer ids, weights files and folders of runs; where none fits, any file."""
    from sr_cli.catalog import MODELS

    found = [
        CompletionItem(spec.id, help=spec.summary)
        for spec in MODELS
        if spec.id.startswith(incomplete)
    ]
    found += [CompletionItem(path) for path in _weights(incomplete)]
    return found or files(ctx, param, incomplete)


def formats(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Offer the formats that srup writes."""
    return _beginning(FORMATS, incomplete)


def training_sets(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer sets to train on; where none fits, any folder."""
    found = _beginning(TRAINING_SETS, incomplete)
    return found or folders(ctx, param, incomplete)


def measured_sets(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer sets to measure on, and first the commands that could stand there."""
    names: tuple[str, ...] = MEASURED_SETS
    group = ctx.parent.command if ctx.parent else None
    if isinstance(group, click.Group) and not ctx.params.get(param.name or ""):
        names += tuple(group.commands)
    return _beginning(names, incomplete) or folders(ctx, param, incomplete)


def _beginning(names: tuple[str, ...], incomplete: str) -> Items:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _weights(incomplete: str) -> Iterator[str]:
    """List weights files and folders of runs whose paths begin so."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        for path in sorted(Path(f"{folder}{slash}").expanduser().iterdir()):
            name = path.name
            fits = name.startswith(start) and (start or not name.startswith("."))
            if fits and _PLAIN.fullmatch(name) and _is_model(path):
                yield f"{folder}{slash}{name}"
    except (OSError, RuntimeError):  # no such folder, or no such user's home
        return


def _is_model(path: Path) -> bool:
    return path.suffix in WEIGHTS or (path / RUN_WEIGHTS).is_file()
