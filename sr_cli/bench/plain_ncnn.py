"""The plain graph of SRResNet in ncnn's own format, which needs no converter.

The format is a list of layers in text, and their numbers, float32 and little-endian,
one after the other (ncnn's wiki: "param and model file structure").
"""

from collections.abc import Sequence

import numpy as np

from sr_cli.bench.plain_graph import EPSILON, Norm, PlainLayer, PReLU
from sr_cli.errors import ModelError
from sr_cli.networks.fuse import Add, Conv, Floats, Keep, Shuffle

_MAGIC = "7767517"
_FLOAT32 = np.zeros(1, np.float32)  # the tag in front of a convolution's weights


class _Draft:
    """A net in the making."""

    def __init__(self) -> None:
        self.lines = ["Input low 0 1 low"]
        self.numbers: list[Floats] = []
        self.blobs = 1

    def emit(
        self,
        kind: str,
        inputs: Sequence[str],
        *numbers: Floats,
        outputs: int = 1,
        **parameters: float,
    ) -> list[str]:
        """Append a layer; `parameters` are called _0, _1, …  Name its outputs."""
        name = f"{kind}_{len(self.lines)}"
        names = [f"{name}.{number}" for number in range(outputs)]
        values = [f"{key[1:]}={value}" for key, value in parameters.items()]
        words = [kind, name, str(len(inputs)), str(outputs), *inputs, *names, *values]
        self.lines.append(" ".join(words))
        self.numbers += numbers
        self.blobs += outputs
        return names


def _conv(draft: _Draft, x: str, layer: Conv) -> str:
    out, _, side, _ = layer.weight.shape
    size = layer.weight.size
    shape = {"_0": out, "_1": side, "_4": side // 2, "_5": 1, "_6": size}
    (x,) = draft.emit("Convolution", [x], _FLOAT32, layer.weight, layer.bias, **shape)
    return x


def build_plain_ncnn(layers: Sequence[PlainLayer]) -> tuple[str, bytes]:
    """Return the text of the .param file and the content of the .bin file.

    Input `low` is float32 (3, h, w); output `high` is (3, scale·h, scale·w).

    Raises:
        ModelError: these are not the layers of SRResNet.
    """
    draft, x = _Draft(), "low"
    kept: dict[str, str] = {}
    for layer in layers:
        match layer:
            case Conv():
                x = _conv(draft, x, layer)
            case Norm():
                parts = (layer.gain, layer.mean, layer.variance, layer.offset)
                channels = len(layer.gain)
                (x,) = draft.emit("BatchNorm", [x], *parts, _0=channels, _1=EPSILON)
            case PReLU(slope):
                (x,) = draft.emit("PReLU", [x], slope, _0=len(slope))
            case Shuffle(factor):
                (x,) = draft.emit("PixelShuffle", [x], _0=factor)
            case Keep(name):
                # Every blob has one reader.
                x, kept[name] = draft.emit("Split", [x], outputs=2)
            case Add(name):
                (x,) = draft.emit("BinaryOp", [x, kept[name]], _0=0)
            case _:
                raise ModelError(
                    "Only SRResNet is drawn for ncnn", "Measure the other rows"
                )
    *lines, last = draft.lines
    lines.append(last.replace(x, "high"))
    text = "\n".join([_MAGIC, f"{len(lines)} {draft.blobs}", *lines]) + "\n"
    return text, b"".join(part.astype("<f4").tobytes() for part in draft.numbers)
