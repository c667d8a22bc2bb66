"""How others name and shape their SRResNets: one row of facts each, and nothing that
runs.

All rows share one plan: a first convolution (`head`), residual blocks, a convolution
whose result is added to the head's (`merge`), convolutions before a shuffle (`up`),
sometimes one more at full size (`hr`), and a last one (`tail`).  They differ in names,
in activations that leave no weights, and in what happens to the pixels before and
after.  What is learnt is read from the weights: numbers of blocks and channels, sizes
of kernels, scale, slopes, and whether there is BatchNorm.

Sources, all as of 2024: XPixelGroup/BasicSR `archs/srresnet_arch.py`; open-mmlab/mmagic
`editors/srgan/sr_resnet.py`; cszn/KAIR `models/network_msrresnet.py`;
Lornatang/SRGAN-PyTorch `model.py` and, of 2021, `srgan_pytorch/models/generator.py`;
sgrvinod/a-PyTorch-Tutorial-to-Super-Resolution `models.py` and `super_resolve.py`;
leftthomas/SRGAN `model.py`; twtygqyy/pytorch-SRResNet `srresnet.py`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Output = Literal["plain", "tanh", "tanh from -1 to 1"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to write SRResNet down."""

    name: str
    modules: tuple[tuple[str, str], ...]
    """Patterns of their modules' names, and the names here that replace them."""
    merge: bool = True
    """Whether the head's features are added again behind the blocks."""
    hr: bool = False
    """Whether a convolution stands between the last shuffle and the last one."""
    head_slope: float | None = None
    """Slope of a LeakyReLU behind the head, where weights have none; None for none."""
    block_slope: float = 0.0
    up_slope: float | None = None
    hr_slope: float = 0.0
    nearest: bool = False
    """Whether pixels are repeated and then convolved, instead of shuffled."""
    bilinear: bool = False
    """Whether the bilinearly enlarged input is added to the output."""
    imagenet: bool = False
    """Whether the input is normalised with ImageNet's mean and deviation."""
    output: Output = "plain"

    def translated(self, module: str) -> str | None:
        """Return the name here of their `module`, or None if they have no such."""
        for pattern, name in self.modules:
            match = re.fullmatch(pattern, module)
            if match:
                return match.expand(name)
        return None


def _block(path: str, *parts: str) -> tuple[tuple[str, str], ...]:
    """Patterns of a block's convolutions, norms and activation, in the usual order."""
    names = ("conv1", "norm1", "act", "conv2", "norm2")
    return tuple(
        (path + part, rf"blocks.\1.{name}")
        for part, name in zip(parts, names, strict=True)
    )


_BASICSR = Layout(
    "MSRResNet of BasicSR and KAIR",
    (
        (r"conv_first", "head"),
        (r"(?:body|recon_trunk)\.(\d+)\.(conv[12])", r"blocks.\1.\2"),
        (r"upconv(\d+)", r"up.\1.conv"),
        (r"conv_hr|HRconv", "hr"),
        (r"conv_last", "tail"),
    ),
    merge=False,
    hr=True,
    head_slope=0.1,
    up_slope=0.1,
    hr_slope=0.1,
    bilinear=True,
)

_MMAGIC = Layout(
    "MSRResNet of mmagic",
    (
        (r"conv_first", "head"),
        (r"trunk_net\.(\d+)\.(conv[12])", r"blocks.\1.\2"),
        (r"upsample(\d+)\.upsample_conv", r"up.\1.conv"),
        (r"conv_hr", "hr"),
        (r"conv_last", "tail"),
    ),
    merge=False,
    hr=True,
    head_slope=0.1,
    hr_slope=0.1,
    bilinear=True,
)

_LORNATANG = Layout(
    "SRResNet of Lornatang's SRGAN-PyTorch",
    (
        (r"conv(?:_block)?1\.0", "head"),
        (r"conv(?:_block)?1\.1", "head_act"),
        *_block(r"trunk\.(\d+)\.rcb\.", "0", "1", "2", "3", "4"),
        (r"conv(?:_block)?2\.0", "merge"),
        (r"conv(?:_block)?2\.1", "merge_norm"),
        (r"upsampling\.(\d+)\.upsample_block\.0", r"up.\1.conv"),
        (r"upsampling\.(\d+)\.upsample_block\.2", r"up.\1.act"),
        (r"conv(?:_block)?3", "tail"),
    ),
)

# Its own benchmark of May 2021 compares tanh's output with pictures in [0, 1].
_LORNATANG_2021 = Layout(
    "SRGAN of Lornatang's SRGAN-PyTorch of 2021",
    (
        (r"conv1\.0", "head"),
        (r"conv1\.1", "head_act"),
        *_block(r"trunk\.(\d+)\.", "conv1", "bn1", "prelu", "conv2", "bn2"),
        (r"conv2\.0", "merge"),
        (r"conv2\.1", "merge_norm"),
        (r"subpixel_conv\.(\d+)\.conv", r"up.\1.conv"),
        (r"subpixel_conv\.(\d+)\.prelu", r"up.\1.act"),
        (r"conv3\.0", "tail"),
    ),
    output="tanh",
)

_SGRVINOD = Layout(
    "SRResNet of sgrvinod's tutorial",
    (
        (r"conv_block1\.conv_block\.0", "head"),
        (r"conv_block1\.conv_block\.1", "head_act"),
        *_block(
            r"residual_blocks\.(\d+)\.conv_block",
            *(r"1\.conv_block\.0", r"1\.conv_block\.1", r"1\.conv_block\.2"),
            *(r"2\.conv_block\.0", r"2\.conv_block\.1"),
        ),
        (r"conv_block2\.conv_block\.0", "merge"),
        (r"conv_block2\.conv_block\.1", "merge_norm"),
        (r"subpixel_convolutional_blocks\.(\d+)\.conv", r"up.\1.conv"),
        (r"subpixel_convolutional_blocks\.(\d+)\.prelu", r"up.\1.act"),
        (r"conv_block3\.conv_block\.0", "tail"),
    ),
    imagenet=True,
    output="tanh from -1 to 1",
)

_LEFTTHOMAS = Layout(
    "SRGAN of leftthomas",
    (
        (r"block1\.0", "head"),
        (r"block1\.1", "head_act"),
        *_block(r"block([2-6])\.", "conv1", "bn1", "prelu", "conv2", "bn2"),
        (r"block7\.0", "merge"),
        (r"block7\.1", "merge_norm"),
        (r"block8\.(\d+)\.conv", r"up.\1.conv"),
        (r"block8\.(\d+)\.prelu", r"up.\1.act"),
        (r"block8\.\d+", "tail"),
    ),
    output="tanh from -1 to 1",
)

_TWTYGQYY = Layout(
    "SRResNet of twtygqyy",
    (
        (r"conv_input", "head"),
        (r"residual\.(\d+)\.(conv[12])", r"blocks.\1.\2"),
        (r"residual\.(\d+)\.bn([12])", r"blocks.\1.norm\2"),
        (r"conv_mid", "merge"),
        (r"bn_mid", "merge_norm"),
        (r"upscale[248]x\.(\d+)", r"up.\1.conv"),
        (r"conv_output", "tail"),
    ),
    head_slope=0.2,
    block_slope=0.2,
    up_slope=0.2,
)


def _msrresnet0(stages: int, *, nearest: bool) -> Layout:
    """Return KAIR's MSRResNet0, a list of modules that are known by their numbers."""
    first = 3 if nearest else 2  # what repeats pixels has a number, and no weights
    ups = "|".join(str(first + 3 * stage) for stage in range(stages))
    hr = 2 + 3 * stages
    return Layout(
        "MSRResNet0 of KAIR",
        (
            (r"model\.0", "head"),
            (r"model\.1\.sub\.(\d+)\.res\.0", r"blocks.\1.conv1"),
            (r"model\.1\.sub\.(\d+)\.res\.2", r"blocks.\1.conv2"),
            (r"model\.1\.sub\.\d+", "merge"),
            (rf"model\.({ups})", r"up.\1.conv"),
            (rf"model\.{hr}", "hr"),
            (rf"model\.{hr + 2}", "tail"),
        ),
        hr=True,
        up_slope=0.0,
        nearest=nearest,
    )


LAYOUTS: tuple[Layout, ...] = (
    _BASICSR,
    _MMAGIC,
    *(_msrresnet0(stages, nearest=False) for stages in (1, 2, 3)),
    # One stage may be for 2x or 3x, and nothing in the weights tells.
    *(_msrresnet0(stages, nearest=True) for stages in (2, 3)),
    _LORNATANG,
    _LORNATANG_2021,
    _SGRVINOD,
    _LEFTTHOMAS,
    _TWTYGQYY,
)

_LONGEST_NAME = 256
_NORM = ("weight", "bias", "running_mean", "running_var")
UNUSED = "num_batches_tracked"
"""What BatchNorm only counts with."""


def translate(layout: Layout, names: Iterable[str]) -> dict[str, str] | None:
    """Return their names of tensors by the names here, or None if some don't fit."""
    found: dict[str, str] = {}
    for name in names:
        module, _, part = name.rpartition(".")
        if part == UNUSED:
            continue
        ours = layout.translated(module) if len(module) <= _LONGEST_NAME else None
        if ours is None or part not in _NORM or f"{ours}.{part}" in found:
            return None
        found[f"{ours}.{part}"] = name
    return found if _is_whole(layout, found) else None


def _is_whole(layout: Layout, found: Iterable[str]) -> bool:
    """Say whether there is all that the plan needs, and no more."""
    weights = {name.removesuffix(".weight") for name in found if ".weight" in name}
    blocks = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    ups = {name for name in weights if re.fullmatch(r"up\.\d+\.conv", name)}
    needed = {"head", "tail", *ups}
    needed |= {f"blocks.{i}.{conv}" for i in blocks for conv in ("conv1", "conv2")}
    needed |= {"merge"} if layout.merge else set()
    needed |= {"hr"} if layout.hr else set()
    return bool(blocks) and bool(ups) and needed <= weights
