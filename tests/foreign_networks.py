"""The networks of others, written out plainly: names, activations and ranges.

Each is a torch module whose `state_dict()` has the names that its authors use, and
whose `picture(low)` maps [0, 1] to [0, 1] as their programs do around it.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

C = 8  # channels, and 2 blocks: quick


def conv(inputs: int, outputs: int, side: int = 3, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=bias)


def stages_of(scale: int) -> tuple[int, ...]:
    return (3,) if scale == 3 else (2,) * (scale.bit_length() - 1)


def bilinear(x: Tensor, scale: int) -> Tensor:
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


class Original(nn.Module):
    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def picture(self, low: Tensor) -> Tensor:
        return self(low)


class PlainBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(C, C), conv(C, C)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class BasicSR(Original):
    blocks_name, hr_name = "body", "conv_hr"

    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.conv_first = conv(3, C)
        self.add_module(self.blocks_name, nn.Sequential(PlainBlock(), PlainBlock()))
        for number, factor in enumerate(stages_of(scale), 1):
            self.add_module(f"upconv{number}", conv(C, C * factor**2))
        self.add_module(self.hr_name, conv(C, C))
        self.conv_last = conv(C, 3)

    def forward(self, low: Tensor) -> Tensor:
        x = self.get_submodule(self.blocks_name)(
            F.leaky_relu(self.conv_first(low), 0.1)
        )
        for number, factor in enumerate(stages_of(self.scale), 1):
            x = F.pixel_shuffle(self.get_submodule(f"upconv{number}")(x), factor)
            x = F.leaky_relu(x, 0.1)
        x = F.leaky_relu(self.get_submodule(self.hr_name)(x), 0.1)
        return self.conv_last(x) + bilinear(low, self.scale)


class KairOne(BasicSR):
    blocks_name, hr_name = "recon_trunk", "HRconv"


class Mmagic(Original):
    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.conv_first = conv(3, C)
        self.trunk_net = nn.Sequential(PlainBlock(), PlainBlock())
        for number, factor in enumerate(stages_of(scale), 1):
            pack = nn.ModuleDict({"upsample_conv": conv(C, C * factor**2)})
            self.add_module(f"upsample{number}", pack)
        self.conv_hr, self.conv_last = conv(C, C), conv(C, 3)

    def forward(self, low: Tensor) -> Tensor:
        x = self.trunk_net(F.leaky_relu(self.conv_first(low), 0.1))
        for number, factor in enumerate(stages_of(self.scale), 1):
            pack = self.get_submodule(f"upsample{number}")
            x = F.pixel_shuffle(pack["upsample_conv"](x), factor)
        x = self.conv_last(F.leaky_relu(self.conv_hr(x), 0.1))
        return x + bilinear(low, self.scale)


class Sum(nn.Module):
    """x + inner(x), with the inner module under a name."""

    def __init__(self, name: str, *modules: nn.Module) -> None:
        super().__init__()
        self.inner = name
        self.add_module(name, nn.Sequential(*modules))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.get_submodule(self.inner)(x)


class KairZero(Original):
    nearest = False

    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        blocks = [Sum("res", conv(C, C), nn.ReLU(), conv(C, C)) for _ in range(2)]
        modules = [conv(3, C), Sum("sub", *blocks, conv(C, C))]
        for factor in stages_of(scale):
            if self.nearest:
                modules += [nn.Upsample(scale_factor=factor), conv(C, C), nn.ReLU()]
            else:
                shuffle = nn.PixelShuffle(factor)
                modules += [conv(C, C * factor**2), shuffle, nn.ReLU()]
        modules += [conv(C, C), nn.ReLU(), conv(C, 3, bias=False)]
        self.model = nn.Sequential(*modules)

    def forward(self, low: Tensor) -> Tensor:
        return self.model(low)


class KairZeroNearest(KairZero):
    nearest = True


def normed(side: int = 3) -> list[nn.Module]:
    return [conv(C, C, side, bias=False), nn.BatchNorm2d(C)]


class Lornatang(Original):
    first, second, last = "conv1", "conv2", "conv3"

    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.add_module(self.first, nn.Sequential(conv(3, C, 9), nn.PReLU()))
        blocks = [Sum("rcb", *normed(), nn.PReLU(), *normed()) for _ in range(2)]
        self.trunk = nn.Sequential(*blocks)
        self.add_module(self.second, nn.Sequential(*normed()))
        self.upsampling = nn.Sequential(
            *(
                nn.Sequential()
                for _ in stages_of(scale)  # one module deep, as theirs
            )
        )
        for stage, factor in zip(self.upsampling, stages_of(scale), strict=True):
            inner = conv(C, C * factor**2), nn.PixelShuffle(factor), nn.PReLU()
            stage.add_module("upsample_block", nn.Sequential(*inner))
        self.add_module(self.last, conv(C, 3, 9))

    def forward(self, low: Tensor) -> Tensor:
        x = self.get_submodule(self.first)(low)
        x = x + self.get_submodule(self.second)(self.trunk(x))
        return self.get_submodule(self.last)(self.upsampling(x)).clamp(0, 1)


class LornatangBlocks(Lornatang):
    first, second, last = "conv_block1", "conv_block2", "conv_block3"


class NamedBlock(nn.Module):
    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(C, C, bias=bias), nn.BatchNorm2d(C)
        self.prelu = nn.PReLU()
        self.conv2, self.bn2 = conv(C, C, bias=bias), nn.BatchNorm2d(C)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class NamedStage(nn.Module):
    def __init__(self, factor: int) -> None:
        super().__init__()
        self.conv, self.prelu = conv(C, C * factor**2), nn.PReLU()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(F.pixel_shuffle(self.conv(x), self.factor))


class Lornatang2021(Original):
    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.conv1 = nn.Sequential(conv(3, C, 9), nn.PReLU())
        self.trunk = nn.Sequential(NamedBlock(False), NamedBlock(False))
        self.conv2 = nn.Sequential(*normed())
        self.subpixel_conv = nn.Sequential(*map(NamedStage, stages_of(scale)))
        self.conv3 = nn.Sequential(conv(C, 3, 9), nn.Tanh())

    def forward(self, low: Tensor) -> Tensor:
        x = self.conv1(low)
        return self.conv3(self.subpixel_conv(x + self.conv2(self.trunk(x))))


class Tutorial(nn.Module):
    """A `conv_block` of sgrvinod's."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_block(x)


class TutorialBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_block1 = Tutorial(conv(C, C), nn.BatchNorm2d(C), nn.PReLU())
        self.conv_block2 = Tutorial(conv(C, C), nn.BatchNorm2d(C))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block2(self.conv_block1(x))


class Sgrvinod(Original):
    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.conv_block1 = Tutorial(conv(3, C, 9), nn.PReLU())
        self.residual_blocks = nn.Sequential(TutorialBlock(), TutorialBlock())
        self.conv_block2 = Tutorial(conv(C, C), nn.BatchNorm2d(C))
        self.subpixel_convolutional_blocks = nn.Sequential(
            *map(NamedStage, stages_of(scale))
        )
        self.conv_block3 = Tutorial(conv(C, 3, 9), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv_block1(x)
        x = first + self.conv_block2(self.residual_blocks(first))
        return self.conv_block3(self.subpixel_convolutional_blocks(x))

    def picture(self, low: Tensor) -> Tensor:
        mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        return (self((low - mean) / deviation) + 1) / 2


class Leftthomas(Original):
    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.block1 = nn.Sequential(conv(3, C, 9), nn.PReLU())
        for number in range(2, 7):
            self.add_module(f"block{number}", NamedBlock(True))
        self.block7 = nn.Sequential(conv(C, C), nn.BatchNorm2d(C))
        stages = map(NamedStage, stages_of(scale))
        self.block8 = nn.Sequential(*stages, conv(C, 3, 9))

    def forward(self, low: Tensor) -> Tensor:
        x = first = self.block1(low)
        for number in range(2, 8):
            x = self.get_submodule(f"block{number}")(x)
        return (torch.tanh(self.block8(first + x)) + 1) / 2


class LeakyBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = normed()
        self.conv2, self.bn2 = normed()

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.bn1(self.conv1(x)), 0.2)
        return x + self.bn2(self.conv2(y))


class Twtygqyy(Original):
    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        self.conv_input = conv(3, C, 9, bias=False)
        self.residual = nn.Sequential(LeakyBlock(), LeakyBlock())
        self.conv_mid, self.bn_mid = normed()
        stages: list[nn.Module] = []
        for factor in stages_of(scale):
            widen = conv(C, C * factor**2, bias=False)
            stages += [widen, nn.PixelShuffle(factor), nn.LeakyReLU(0.2)]
        self.add_module(f"upscale{scale}x", nn.Sequential(*stages))
        self.conv_output = conv(C, 3, 9, bias=False)

    def forward(self, low: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv_input(low), 0.2)
        x = x + self.bn_mid(self.conv_mid(self.residual(x)))
        return self.conv_output(self.get_submodule(f"upscale{self.scale}x")(x))


ORIGINALS: dict[str, tuple[Callable[[int], Original], tuple[int, ...]]] = {
    "BasicSR": (BasicSR, (2, 3, 4)),
    "KAIR 1": (KairOne, (2, 3, 4)),
    "mmagic": (Mmagic, (2, 3, 4)),
    "KAIR 0": (KairZero, (2, 3, 4, 8)),
    "KAIR 0, nearest": (KairZeroNearest, (4, 8)),
    "Lornatang": (Lornatang, (2, 4, 8)),
    "Lornatang, blocks": (LornatangBlocks, (4,)),
    "Lornatang, 2021": (Lornatang2021, (4,)),
    "sgrvinod": (Sgrvinod, (2, 4, 8)),
    "leftthomas": (Leftthomas, (2, 4, 8)),
    "twtygqyy": (Twtygqyy, (4,)),
}
"""Whose networks, and the scales that they come in."""

CASES = [(name, scale) for name, (_, scales) in ORIGINALS.items() for scale in scales]


def original(name: str, scale: int = 4, seed: int = 0) -> Original:
    """A network with random weights, as if trained: statistics, slopes and biases."""
    torch.manual_seed(seed)
    network = ORIGINALS[name][0](scale).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.1)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.05, 0.4)
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, 0.0, 0.2)
            if module.out_channels == 3:
                module.bias.data += 0.4  # hardly anything is clipped
    return network
