"""Options of `srup bench`: how results are compared, and where they go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from sr_cli.cli.options import packed

if TYPE_CHECKING:
    from sr_cli.bench.gallery import Gallery
    from sr_cli.bench.protocol import Channel, Protocol, Reduction
    from sr_cli.bench.report import Result

_STANDARD = "-"
# As in sr_cli.bench.protocol; the test compares.
METRICS = ("psnr", "ssim", "daala", "lpips", "dists", "niqe")
KERNELS = ("matlab", "pillow", "opencv", "area", "lanczos")


@dataclass(frozen=True, slots=True)
class Comparing:
    """How results are compared with their originals, as asked for."""

    metrics: tuple[str, ...]
    channel: Literal["y", "rgb", "both"]
    border: int | None
    gray: Literal["gray", "rgb"]
    kernel: "Reduction"
    published: bool

    @property
    def protocol(self) -> "Protocol":
        """The part that the library is told."""
        from sr_cli.bench.protocol import Protocol

        # In one order, so that results are found again however they are asked for.
        channels: tuple[Channel, ...] = ("y", "rgb")
        if self.channel != "both":
            channels = (self.channel,)
        wanted = {*self.metrics, "daala"} if self.published else set(self.metrics)
        return Protocol(
            tuple(name for name in METRICS if name in wanted),
            channels,
            self.border,
            self.gray == "gray",
            self.kernel,
        )


comparing_options = packed(
    "comparing",
    Comparing,
    click.option(
        "--metric",
        "metrics",
        type=click.Choice(METRICS),
        multiple=True,
        default=("psnr", "ssim"),
        show_default=True,
        help="What to show; may be repeated.  ssim is Wang's, daala the SRGAN "
        "paper's; lpips, dists and niqe need `pip install 'srup[metrics]'`.",
    ),
    click.option(
        "--channel",
        type=click.Choice(["y", "rgb", "both"]),
        default="y",
        show_default=True,
        help="What PSNR and SSIM compare: luma, or red, green and blue.",
    ),
    click.option(
        "--border",
        type=click.IntRange(min=0),
        help="Pixels left out at every side.  [default: the scale]",
    ),
    click.option(
        "--gray",
        type=click.Choice(["gray", "rgb"]),
        default="gray",
        show_default=True,
        help="Compare a gray picture as it is, as MATLAB code does, or made RGB.",
    ),
    click.option(
        "--kernel",
        type=click.Choice(KERNELS),
        default="matlab",
        show_default=True,
        help="Whose kernel makes the small pictures: MATLAB's, Pillow's or OpenCV's "
        "bicubic, area for plain means, or MATLAB's lanczos3.",
    ),
    click.option(
        "--published",
        is_flag=True,
        help="Show what others have published beside ours, marked ≠ where the "
        "protocol differs; adds daala.",
    ),
)
"""--metric, --channel, --border, --gray, --kernel and --published."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """Where reports go, as asked for."""

    json_file: str | None
    markdown_file: str | None
    csv_file: str | None
    html_file: Path | None

    @property
    def alone(self) -> bool:
        """Whether a report has standard output for itself."""
        return _STANDARD in (self.json_file, self.markdown_file, self.csv_file)

    def check(self) -> None:
        """Find out before any work whether the reports could be written.

        Raises:
            SrupError: one could not.
            UsageError: several want standard output, or the same file, or the page
                wants the former.
        """
        from sr_cli.bench.report import check_report

        named = (self.json_file, self.markdown_file, self.csv_file)
        files = [name for name in (*named, self.html_file) if name is not None]
        if len({str(name) for name in files}) < len(files):
            raise click.UsageError("Two reports can't go to the same place.")
        if str(self.html_file) == _STANDARD:
            raise click.UsageError("--html needs a file.")
        for name in files:
            if name != _STANDARD:
                check_report(Path(name))

    def write(
        self,
        results: "Sequence[Result]",
        galleries: "Sequence[Gallery]",
        *,
        published: bool,
    ) -> None:
        """Write what was asked for.

        Raises:
            SrupError: a folder takes no such file, or the disk is full.
        """
        from sr_cli.bench.report import to_json, write_report
        from sr_cli.bench.tables import to_csv, to_markdown

        texts: dict[str | None, Callable[[], str]] = {
            self.json_file: lambda: to_json(results, published=published),
            self.markdown_file: lambda: to_markdown(results, published=published),
            self.csv_file: lambda: to_csv(results),
        }
        for name, text in texts.items():
            if name == _STANDARD:
                click.echo(text(), nl=False)
            elif name is not None:
                write_report(Path(name), text())
        if self.html_file is not None:
            from sr_cli.bench.gallery import to_html

            page = to_html(results, galleries, published=published)
            write_report(self.html_file, page)


reporting_options = packed(
    "reporting",
    Reporting,
    *(
        click.option(
            f"--{name}",
            f"{name}_file",
            metavar="FILE",
            help=f"Write {what} to FILE; - writes to standard output, alone.",
        )
        for name, what in (
            ("json", "every figure as JSON"),
            ("markdown", "the tables as Markdown"),
            ("csv", "a line for each picture and model as CSV"),
        )
    ),
    click.option(
        "--html",
        "html_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Write a page with the tables and the pictures, to be looked at in a "
        "browser, to FILE.",
    ),
)
"""--json, --markdown, --csv and --html."""
