"""The trained weights by name, for torch and for safetensors.

spandrel 0.4 knows no SRResNet, and BasicSR's has neither 9×9 convolutions nor learnt
slopes: so srup's keep the names of `sr_cli.networks.srresnet`, under `params`, where
BasicSR looks for weights; `examples/srresnet.py` is the module for them.  Weights that
came from others keep the names with which their programs load them.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.numpy import load_file, save

from sr_cli.catalog import Architecture
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import ModelError
from sr_cli.export.contents import Batch, Contents
from sr_cli.foreign import HEADER_ARCHITECTURE, read_foreign
from sr_cli.networks.build import build
from sr_cli.networks.fuse import Floats
from sr_cli.weights import Model, read_weights

Run = Callable[[Batch], Batch]

_SAFE = ".safetensors"


def _named(model: Model) -> tuple[Mapping[str, Floats], Architecture | None]:
    """Return a model's tensors by the names in its file, and what srup says of them.

    Raises:
        ModelError: the file is a graph.
    """
    if model.trained_as is not None and model.path.suffix.lower() == _SAFE:
        return load_file(model.path), model.trained_as
    foreign = read_foreign(model.path)
    if not foreign.state:
        raise ModelError(
            f"The graph {model.path} holds no weights by the names of a network",
            "Export it to .onnx or .xml, or take the weights that it was made from",
        )
    return foreign.state, foreign.architecture


def _trained(content: bytes, architecture: Architecture) -> Run:
    """Load `content` as a user of torch does, into the network as it is trained."""
    network = build(architecture).eval()
    loaded = torch.load(io.BytesIO(content), weights_only=True)
    network.load_state_dict(loaded["params"])
    black, white = architecture.output_range

    @torch.inference_mode()
    def run(batch: Batch) -> Batch:
        result: Batch = network(torch.from_numpy(batch)).numpy()
        return (result - np.float32(black)) / np.float32(white - black)

    return run


def _read_back(content: bytes, suffix: str) -> Run:
    """Load `content` as srup does."""
    with TemporaryDirectory(prefix="srup-") as folder:
        path = Path(folder) / f"model{suffix}"
        path.write_bytes(content)
        network = read_weights(path, "model").network
    return open_engine(network, EngineChoice("torch", "cpu", "float32"))


def torch_file(model: Model, facts: Mapping[str, str]) -> Contents:
    """Make a .pth of `model` that `torch.load` opens."""
    state, architecture = _named(model)
    tensors = {name: torch.from_numpy(np.array(v)) for name, v in state.items()}
    content: dict[str, object] = {"params": tensors, **facts}
    if architecture is not None:
        content[HEADER_ARCHITECTURE] = architecture.to_json()
    stream = io.BytesIO()
    torch.save(content, stream)
    saved = stream.getvalue()
    if architecture is None:
        return Contents({".pth": saved}, _read_back(saved, ".pth"))
    return Contents({".pth": saved}, _trained(saved, architecture))


def safetensors_file(model: Model) -> Contents:
    """Copy the .safetensors of `model` as it is, or make one of another file."""
    if model.path.suffix.lower() == _SAFE:
        content = model.path.read_bytes()
    else:
        state, own = _named(model)
        # One entry, for the library writes several in a random order.
        header = {HEADER_ARCHITECTURE: own.to_json()} if own else {"format": "pt"}
        content = save(dict(state), header)
    return Contents({_SAFE: content}, _read_back(content, _SAFE))
