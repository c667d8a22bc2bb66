"""`srup compare`: pictures beside each other on one page."""

from pathlib import Path

import click

from sr_cli.cli import completers
from sr_cli.cli.options import debug_option


@click.command()
@click.argument(
    "inputs",
    nargs=-1,
    required=True,
    metavar="A B…",
    type=click.Path(path_type=Path),
    shell_complete=completers.files,
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("compare.html"),
    show_default=True,
    help="The page.",
    shell_complete=completers.files,
)
@click.option("--title", default="Comparison", show_default=True, help="Its heading.")
@click.option("--overwrite", is_flag=True, help="Replace an existing page.")
@debug_option
def command(
    inputs: tuple[Path, ...], output: Path, title: str, *, overwrite: bool
) -> None:
    """Show pictures side by side, on a page that needs nothing but a browser.

    Zoom and pan move all of them; a slider goes from one to another; error maps show
    where they differ.  Smaller ones are shown as large as the largest.  Of folders,
    pictures with the same name are compared.

    \b
    Examples:
      srup compare photo.png photo_4x.png
      srup compare originals/ srresnet/ srgan/ -o page.html
    """
    from sr_cli.cli.sentences import say
    from sr_cli.viewer.compare import exhibits
    from sr_cli.viewer.page import build
    from sr_cli.viewer.saving import check_page, save_page, told

    check_page(output, overwrite=overwrite)
    page = build(title, exhibits(inputs))
    save_page(page, output, overwrite=overwrite)
    say(told(page, output))
