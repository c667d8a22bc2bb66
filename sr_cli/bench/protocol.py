"""What is measured and how, where the literature knows several ways."""

from dataclasses import dataclass
from typing import Literal, get_args

Channel = Literal["y", "rgb"]
PerceptualName = Literal["lpips", "dists", "niqe"]
PERCEPTUAL: tuple[PerceptualName, ...] = get_args(PerceptualName)

METRICS = ("psnr", "ssim", "daala", *PERCEPTUAL)
"""PSNR, Wang's SSIM, the SRGAN paper's SSIM, and what other libraries compute."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How results are compared with their originals."""

    metrics: tuple[str, ...] = ("psnr", "ssim")
    """Of `METRICS`."""
    channels: tuple[Channel, ...] = ("y",)
    """For PSNR and Wang's SSIM; daala's is on luma, the others on RGB."""
    border: int | None = None
    """Pixels of the result left out at every side; None means the scale."""
    gray_as_gray: bool = True
    """Whether a gray picture is compared as it is, or made RGB first."""

    def border_at(self, scale: int) -> int:
        """Return the pixels left out at every side."""
        return scale if self.border is None else self.border


STANDARD = Protocol()


@dataclass(frozen=True, slots=True)
class Column:
    """How a figure is shown."""

    key: str
    """In JSON and CSV."""
    title: str
    digits: int


def columns(protocol: Protocol) -> tuple[Column, ...]:
    """Return what is shown of one row, in order."""
    rule = "" if protocol.gray_as_gray else "_gray_as_rgb"
    made = []
    for channel in protocol.channels:
        on = "" if channel == "y" else " RGB"
        suffix = f"{channel}{rule if channel == 'y' else ''}"
        if "psnr" in protocol.metrics:
            made.append(Column(f"psnr_{suffix}", f"PSNR{on} dB", 2))
        if "ssim" in protocol.metrics:
            made.append(Column(f"ssim_{suffix}", f"SSIM{on}", 4))
    if "daala" in protocol.metrics:
        made.append(Column("ssim_daala", "SSIM (daala)", 4))
    made += [
        Column(name, name.upper(), 2 if name == "niqe" else 4)
        for name in PERCEPTUAL
        if name in protocol.metrics
    ]
    return tuple(made)
