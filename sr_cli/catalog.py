"""What models exist: one frozen row of facts each, and nothing that runs."""

import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from sr_cli.errors import ModelError, WeightsError

Family = Literal["srresnet", "srcnn", "espcn"]
Normalization = Literal["batch", "none"]

_SCALES = (2, 3, 4)  # those of the papers
_MANY = 1 << 16  # more than any network has of anything

HUB_REPOSITORY: str | None = None
"""Where `srup models push` publishes unless told otherwise: `owner/name`, once there is
one."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The facts that decide a network's shape and the meaning of its output."""

    family: Family = "srresnet"
    blocks: int = 16
    """Residual blocks: 16 in the paper, 5 in the article that made it popular; 0 for
    SRCNN and ESPCN, which have none."""
    channels: int = 64
    """Of the first convolution; SRCNN's and ESPCN's second one has half as many."""
    normalization: Normalization = "batch"
    """`batch` as in the paper (section 2.1), or `none` as in EDSR and later work, and
    always for SRCNN and ESPCN."""
    scale: int = 4
    output_range: tuple[float, float] = (0.0, 1.0)
    """What black and white are in the trained network's output; the paper trains
    on [-1, 1] (section 3.2).  The fused graph always answers in [0, 1]."""

    def __post_init__(self) -> None:
        """Give the facts that do not apply one value each.

        So two descriptions of one network are equal.
        """
        if self.family in ("srcnn", "espcn"):
            object.__setattr__(self, "blocks", 0)
            object.__setattr__(self, "normalization", "none")

    def to_json(self) -> str:
        """Write the facts as they stand in a weights file's header."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Architecture":
        """Read the facts from a weights file's header.

        Raises:
            WeightsError: the text is not a description that this version knows.
        """
        try:
            facts = json.loads(text)
            black, white = facts["output_range"]
            facts["output_range"] = float(black), float(white)
            found = cls(**facts)
            sizes = found.blocks, found.channels, found.scale
            if not all(isinstance(size, int) and 0 <= size < _MANY for size in sizes):
                raise ValueError("blocks, channels or scale are no sizes")
            if not -_MANY < found.output_range[0] < found.output_range[1] < _MANY:
                raise ValueError("black and white are no range")
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise WeightsError(
                f"The weights' header describes no known architecture ({error})",
                "Use a file that `srup train` wrote, or upgrade srup",
            ) from error
        if (
            found.family not in get_args(Family)
            or found.normalization not in get_args(Normalization)
            or found.scale not in _SCALES
        ):
            raise WeightsError(
                f"The weights are for a {found.scale}x {found.family!r} network with "
                f"{found.normalization!r} normalisation, which this version lacks",
                "Upgrade srup",
            )
        return found


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One published model."""

    id: str
    architecture: Architecture
    sha256: str
    """Of `<id>.safetensors`; a file that differs is refused."""
    summary: str
    licence: str = "MIT"
    repo: str = ""
    """`owner/name` on the Hub, for weights that don't come with srup."""
    revision: str = ""
    """The id of the commit there, which never changes."""

    @property
    def file_name(self) -> str:
        """The weights' file name, in `weights/` and on the Hub."""
        return f"{self.id}.safetensors"


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        id="srresnet",
        architecture=Architecture(normalization="none"),
        sha256="7c8ea3d15c2bce8a5f7da76482460e5e5f2a499ab51fa311f8e6724578e3a00f",
        summary="Faithful: the paper's generator without BatchNorm",
    ),
    ModelSpec(
        id="srgan",
        architecture=Architecture(normalization="none"),
        sha256="8ac57ca28bc0c3f30e2460e478ca3c23df6e82f1635f0145402faad24a3e253a",
        summary="Crisp: the same network, trained to look real",
    ),
    ModelSpec(
        id="espcn",
        architecture=Architecture(family="espcn"),
        sha256="e596baa084a09e6b16fb1aec706f50231dd8ac35f05347f7c2ff2697b2646a1d",
        summary="Fast: three small convolutions on luma",
    ),
    ModelSpec(
        id="srcnn",
        architecture=Architecture(family="srcnn"),
        sha256="dc93fdb7fb94c970dcfda4d1f6e26c5a5896308ffab6539cb7e0d8bd12abac05",
        summary="History: the first network for this, on the bicubic enlargement",
    ),
)


def find_model(model_id: str) -> ModelSpec:
    """Return the row of `model_id`.

    Raises:
        ModelError: no such row.
    """
    for spec in MODELS:
        if spec.id == model_id:
            return spec
    known = ", ".join(spec.id for spec in MODELS)
    raise ModelError(
        f"There is no model called {model_id!r}",
        f"Known models: {known}; or give a file of weights, a run's folder, or "
        "hf:owner/name",
    )
