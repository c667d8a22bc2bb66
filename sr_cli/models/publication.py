"""What of a model goes to the Hub: its weights, the same as ONNX, and its card."""

from dataclasses import dataclass

from sr_cli.errors import ModelError
from sr_cli.hub.push import Figure, front_matter
from sr_cli.models.card import Card, find_card
from sr_cli.networks.fuse import Network
from sr_cli.networks.graph import build_onnx
from sr_cli.weights import Model, load_model

_USE = """
## Use

```
srup upscale photo.jpg -m hf:{repo}
```

`{id}.onnx` is the same network: `low`, RGB in [0, 1], float32 of shape (n, 3, h, w), to
`high`, {scale} times as high and wide.
"""


@dataclass(frozen=True, slots=True)
class Publication:
    """A model that is worth publishing: one with a card."""

    model: Model
    weights: bytes
    """The content of its file."""
    card: Card

    def files(self, repo: str) -> dict[str, bytes]:
        """Return what goes to `repo`, by file name."""
        model, card = self.model, self.card
        assert isinstance(model.network, Network)
        figures = [
            Figure(dataset, metric, value)
            for dataset, found in card.figures.items()
            for metric, value in (("psnr", found.psnr), ("ssim", found.ssim))
        ]
        scale = model.network.scale
        head = front_matter(model.id, scale, card.licence, figures)
        use = _USE.format(repo=repo, id=model.id, scale=scale)
        return {
            f"{model.id}.safetensors": self.weights,
            f"{model.id}.onnx": build_onnx(model.network),
            "README.md": (head + card.text + use).encode(),
        }


def prepare(name: str) -> Publication:
    """Load a bundled model, or a file of weights with its card beside it.

    Raises:
        ModelError: there is none, or it has no card.
    """
    model = load_model(name, offline=True)
    card = find_card(model.path, model.sha256)
    if model.trained_as is None or card is None:
        beside = model.path.with_suffix(".md").name
        raise ModelError(
            f"{name} has no card, {beside}, that says what it is and is worth",
            "Give a training run's folder, which is measured first, or run "
            "`srup publish RUN`",
        )
    return Publication(model, model.path.read_bytes(), card)
