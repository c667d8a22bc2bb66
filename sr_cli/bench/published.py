"""What others have published for 4x, each with its source and protocol."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sr_cli.bench.protocol import REDUCTION_FACTS, Channel, Protocol

SsimKind = Literal["wang", "daala", "other"]

_SETS = ("set5", "set14", "bsd100")


@dataclass(frozen=True, slots=True)
class Figures:
    """As printed; None where the source has none."""

    psnr: float | None
    ssim: float | None = None
    mos: float | None = None
    """Mean opinion score, 1 to 5."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who published, and how it was measured."""

    short: str
    """For tables."""
    title: str
    ssim: SsimKind = "wang"
    channel: Channel = "y"
    border: int | None = 4
    """None if the source doesn't tell."""
    reduction: str = "matlab"
    """How the low-resolution pictures were made: one of ours, or in plain words."""
    gray_as_gray: bool | None = True
    """Matters for Set14 alone; None if the source doesn't tell."""
    besides: tuple[str, ...] = ()
    """What else was done otherwise than we do."""


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One method's figures, by set."""

    method: str
    source: Source
    figures: Mapping[str, Figures] = field(default_factory=dict)


_PAPER = "Ledig et al., Photo-realistic single image super-resolution (2017), table {}"
_TABLE_1 = Source("table 1", _PAPER.format(1), "daala")
_TABLE_2 = Source("table 2", _PAPER.format(2), "daala")
_LORNATANG = Source(
    "Lornatang", "github.com/Lornatang/SRGAN-PyTorch", gray_as_gray=None
)
_TREVOR = Source(
    "trevor-m",
    "github.com/trevor-m/tensorflow-SRGAN",
    reduction="a Gaussian blur and bilinear sampling",
    gray_as_gray=False,
)
_SGRVINOD = Source(
    "sgrvinod",
    "github.com/sgrvinod/a-PyTorch-Tutorial-to-Super-Resolution",
    "other",  # scikit-image as it is called by default: a uniform 7×7 window
    reduction="pillow",
    gray_as_gray=False,
    besides=("results not rounded to 8 bits",),
)
_BASICSR = Source(
    "BasicSR", "github.com/XPixelGroup/BasicSR", channel="rgb", gray_as_gray=None
)
_AUTHORS = Source(
    "4PP-EUSR",
    "the pictures that the paper's authors made, as measured by Choi et al., "
    "github.com/idearibosome/tf-perceptual-eusr",
    border=None,
)
"""The only figures of the paper's own pictures in Wang's SSIM."""


def _row(method: str, source: Source, *figures: tuple[float, ...]) -> PublishedRow:
    found = {name: Figures(*f) for name, f in zip(_SETS, figures, strict=False)}
    return PublishedRow(method, source, found)


def _on_bsd100(method: str, *figures: float) -> PublishedRow:
    return PublishedRow(method, _AUTHORS, {"bsd100": Figures(*figures)})


PUBLISHED: tuple[PublishedRow, ...] = (
    _row(
        *("nearest", _TABLE_2),
        *((26.26, 0.7552, 1.28), (24.64, 0.7100, 1.20), (25.02, 0.6606, 1.11)),
    ),
    _row(
        *("bicubic", _TABLE_2),
        *((28.43, 0.8211, 1.97), (25.99, 0.7486, 1.80), (25.94, 0.6935, 1.47)),
    ),
    _row(
        *("SRCNN", _TABLE_2),
        *((30.07, 0.8627, 2.57), (27.18, 0.7861, 2.26), (26.68, 0.7291, 1.87)),
    ),
    _row(
        *("SelfExSR", _TABLE_2),
        *((30.33, 0.872, 2.65), (27.45, 0.7972, 2.34), (26.83, 0.7387, 1.89)),
    ),
    _row(
        *("DRCN", _TABLE_2),
        *((31.52, 0.8938, 3.26), (28.02, 0.8074, 2.84), (27.21, 0.7493, 2.12)),
    ),
    _row(
        *("ESPCN", _TABLE_2),
        *((30.76, 0.8784, 2.89), (27.66, 0.8004, 2.52), (27.02, 0.7442, 2.01)),
    ),
    _row(
        *("SRResNet", _TABLE_2),
        *((32.05, 0.9019, 3.37), (28.49, 0.8184, 2.98), (27.58, 0.7620, 2.29)),
    ),
    _row(
        *("SRGAN", _TABLE_2),
        *((29.40, 0.8472, 3.58), (26.02, 0.7397, 3.72), (25.16, 0.6688, 3.56)),
    ),
    _row(
        *("original", _TABLE_2),
        *((math.inf, 1.0, 4.32), (math.inf, 1.0, 4.32), (math.inf, 1.0, 4.46)),
    ),
    _row(
        *("SRResNet-VGG22", _TABLE_1),
        *((30.51, 0.8803, 3.46), (27.19, 0.7807, 3.15)),
    ),
    _row("SRGAN-MSE", _TABLE_1, (30.64, 0.8701, 3.77), (26.92, 0.7611, 3.43)),
    _row("SRGAN-VGG22", _TABLE_1, (29.84, 0.8468, 3.78), (26.44, 0.7518, 3.57)),
    _on_bsd100("bicubic", 25.957, 0.669),
    _on_bsd100("SRResNet-MSE", 27.601, 0.737),
    _on_bsd100("SRResNet-VGG22", 26.322, 0.694),
    _on_bsd100("SRGAN-MSE", 25.981, 0.643),
    _on_bsd100("SRGAN-VGG22", 25.697, 0.660),
    _on_bsd100("SRGAN-VGG54", 25.176, 0.641),
    _row(
        *("SRResNet", _LORNATANG),
        *((32.16, 0.8938), (28.57, 0.7815), (27.56, 0.7367)),
    ),
    _row(
        *("SRGAN", _LORNATANG),
        *((30.67, 0.8627), (27.12, 0.7321), (26.22, 0.6867)),
    ),
    _row(
        *("SRResNet", _TREVOR),
        *((32.11, 0.8933), (28.61, 0.7809), (27.57, 0.7346)),
    ),
    _row(
        *("SRGAN-VGG54", _TREVOR),
        *((28.21, 0.8200), (25.74, 0.6909), (24.80, 0.6314)),
    ),
    _row(
        *("SRResNet", _SGRVINOD),
        *((31.927, 0.902), (28.588, 0.799), (27.587, 0.756)),
    ),
    _row(
        *("SRGAN", _SGRVINOD),
        *((29.719, 0.859), (26.509, 0.729), (25.531, 0.678)),
    ),
    _row("MSRResNet", _BASICSR, (30.247, 0.8651), (26.782, 0.7451)),
    _row("MSRGAN", _BASICSR, (28.016, 0.8087), (24.747, 0.6623)),
)


def published_for(dataset: str, scale: int) -> tuple[PublishedRow, ...]:
    """Return the rows that have figures for a known set at `scale`."""
    if scale != 4:
        return ()
    return tuple(row for row in PUBLISHED if dataset in row.figures)


def figures_by_column(row: PublishedRow, dataset: str) -> dict[str, float]:
    """Return the row's figures on a set, under the keys of our own columns.

    An SSIM stands only where ours is of the same kind, or under "ssim_other".
    The gray rule isn't part of the keys: see `differences`.
    """
    figures, source = row.figures[dataset], row.source
    ssim = source.channel if source.ssim == "wang" else source.ssim
    found = {
        f"psnr_{source.channel}": figures.psnr,
        f"ssim_{ssim}": figures.ssim,
        "mos": figures.mos,
    }
    return {key: value for key, value in found.items() if value is not None}


def differences(
    row: PublishedRow, dataset: str, protocol: Protocol, scale: int
) -> tuple[str, ...]:
    """Say in what the row's protocol differs from ours, or may differ."""
    source, found = row.source, []
    if source.channel not in protocol.channels:
        found.append(f"measured on {source.channel.upper()}")
    if source.border is None:
        found.append("untold how much border was left out")
    elif source.border != protocol.border_at(scale):
        found.append(f"{source.border} pixels of border left out")
    if source.reduction != protocol.reduction:
        facts = {str(name): fact for name, fact in REDUCTION_FACTS.items()}
        kernel = facts.get(source.reduction, source.reduction).partition(":")[0]
        found.append(f"low-resolution pictures by {kernel}")
    found += source.besides
    # Only Set14 has a gray picture among the known sets.
    if dataset == "set14" and "y" in protocol.channels and source.channel == "y":
        if source.gray_as_gray is None:
            found.append("untold how gray was compared")
        elif source.gray_as_gray != protocol.gray_as_gray:
            found.append(f"gray as {'gray' if source.gray_as_gray else 'RGB'}")
    if source.ssim == "other":
        found.append("its SSIM is of another kind, and left out")
    return tuple(found)
