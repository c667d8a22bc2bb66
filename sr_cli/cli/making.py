"""Options that say what a result should be: its size, its looks, what it carries."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from sr_cli.cli.options import packed

if TYPE_CHECKING:
    from sr_cli.jobs import Output
    from sr_cli.weights import Model


# Only newer versions of Click let the type of a value be named, as mypy wants it.
class _Scale(click.ParamType):  # type: ignore[type-arg]
    """A factor: 2, 2.5, 3/2 or 4x."""

    name = "factor"

    def convert(self, value: Any, param: Any, ctx: Any) -> Fraction:
        """Read a fraction."""
        try:
            return Fraction(str(value).strip().rstrip("x×"))
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is no factor: write 2, 2.5 or 3/2.", param, ctx)


class _Box(click.ParamType):  # type: ignore[type-arg]
    """Width and height: 3840x2160."""

    name = "WxH"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Read two whole numbers."""
        found = re.fullmatch(r"([1-9]\d*)[x×]([1-9]\d*)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no size: write 3840x2160.", param, ctx)
        return int(found[1]), int(found[2])


@dataclass(frozen=True, slots=True)
class Making:
    """What the result should be, as asked for."""

    scale: Fraction | None
    width: int | None
    height: int | None
    fit: tuple[int, int] | None
    strength: float | None
    ensemble: bool
    faithful: bool
    to_srgb: bool
    page: int | None
    strip: bool
    no_tag: bool

    @property
    def name_suffix(self) -> str:
        """What the result's size adds to a name that srup makes."""
        if self.scale is not None:
            return f"_{float(self.scale):g}x"
        wide, tall = self.fit or (self.width, self.height)
        if wide and tall:
            return f"_{wide}x{tall}"
        return f"_w{wide}" if wide else f"_h{tall}" if tall else "_4x"

    def load(self, name: str, *, offline: bool, quiet: bool) -> "Model":
        """Load the model called `name`, or what lies between it and srresnet.

        Raises:
            ModelError: there is none, or its weights can't be had.
        """
        from sr_cli.cli.loading import shown
        from sr_cli.weights import load_between, load_model

        with shown(quiet=quiet) as telling:
            if self.strength is None:
                return load_model(name, offline=offline, telling=telling)
            return load_between(name, self.strength, offline=offline, telling=telling)

    def output(self, output: "Output", model: "Model | None" = None) -> "Output":
        """Complete `output` by what was asked for, and signed once there is a model.

        Raises:
            ConfigError: wishes for a size contradict each other.
        """
        from sr_cli import __version__
        from sr_cli.enlarge import Recipe
        from sr_cli.enlarge.settings import settings
        from sr_cli.enlarge.sizing import Sizing
        from sr_cli.picture import Provenance

        sizing = Sizing(self.scale, self.width, self.height, self.fit)
        recipe = Recipe(sizing, self.ensemble, self.faithful, self.to_srgb)
        signature = None
        if model is not None and not self.no_tag:
            signature = Provenance(
                model.id, model.sha256, __version__, self.strength, settings(recipe)
            )
        return replace(
            output,
            recipe=recipe,
            page=self.page,
            strip=self.strip,
            provenance=signature,
        )


_positive = click.IntRange(min=1)

making_options = packed(
    "making",
    Making,
    click.option(
        "--scale",
        type=_Scale(),
        help="Times as long, each side: 2, 2.5, 3/2 and so on, up to 64.  [default: "
        "the model's, 4]",
    ),
    click.option(
        "--fit", type=_Box(), help="As large as fits into a box, such as 3840x2160."
    ),
    click.option(
        "--width",
        type=_positive,
        help="Exactly so many pixels wide; with --height too, the shape may change.",
    ),
    click.option("--height", type=_positive, help="Exactly so many pixels high."),
    click.option(
        "--strength",
        type=click.FloatRange(0, 1),
        help="From 0, faithful like srresnet, to 1, crisp like srgan or another model "
        "given by -m.",
    ),
    click.option(
        "--ensemble",
        is_flag=True,
        help="Average eight results, turned and mirrored: a little truer, eight times "
        "as slow.",
    ),
    click.option(
        "--faithful",
        is_flag=True,
        help="Make the result agree with the input when it is made smaller again.",
    ),
    click.option(
        "--to-srgb",
        is_flag=True,
        help="Convert to sRGB, instead of keeping the picture's colour profile.",
    ),
    click.option(
        "--page",
        type=_positive,
        help="Which picture of a file with several, from 1.  [default: the first; all "
        "frames of an animation]",
    ),
    click.option(
        "--strip", is_flag=True, help="Leave out EXIF, GPS, XMP, IPTC and texts."
    ),
    click.option(
        "--no-tag",
        is_flag=True,
        help="Don't note in the file which model made it.",
    ),
)
"""--scale, --fit, --width, --height, --strength, --ensemble, --faithful, --to-srgb,
--page, --strip and --no-tag."""
