"""What is measured and how, where the literature knows several ways."""

from dataclasses import dataclass
from typing import Literal, get_args

Channel = Literal["y", "rgb"]
Reduction = Literal["matlab", "pillow", "opencv", "area", "lanczos"]
PerceptualName = Literal["lpips", "dists", "niqe"]
PERCEPTUAL: tuple[PerceptualName, ...] = get_args(PerceptualName)

ONE_SIDED: tuple[PerceptualName, ...] = ("niqe",)
"""Those that judge a result without its original, so that the original has one, too."""

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
    reduction: Reduction = "matlab"
    """How the low-resolution pictures are made: see `REDUCTION_FACTS`."""

    def border_at(self, scale: int) -> int:
        """Return the pixels left out at every side."""
        return scale if self.border is None else self.border


STANDARD = Protocol()

REDUCTION_FACTS: dict[Reduction, str] = {
    "matlab": "MATLAB's bicubic: a=-0.5, antialiased, symmetric edges, 8 bits",
    "pillow": "Pillow's bicubic: a=-0.5, antialiased, edges cut, 8 bits",
    "opencv": "OpenCV's bicubic: a=-0.75, not antialiased, edges repeated, 8 bits",
    "area": "means of squares, as OpenCV's INTER_AREA, 8 bits",
    "lanczos": "MATLAB's lanczos3: antialiased, symmetric edges, 8 bits",
}


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
