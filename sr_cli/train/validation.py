"""How good a run's averaged weights are, by the code that users run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sr_cli.bench.quality import load_pairs, mean_psnr
from sr_cli.catalog import Architecture
from sr_cli.datasets import pictures_in
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError, PictureError
from sr_cli.networks.fuse import fuse
from sr_cli.train.strip import Pixels, assemble, choose_samples
from sr_cli.upscale import Upscaler


@dataclass(frozen=True, slots=True, eq=False)
class Validated:
    """What a validation found."""

    psnr_y: float
    """Mean over the pictures, in dB."""
    strip: NDArray[np.uint8] | None = None
    """Samples, (H, W, 3): see `sr_cli.train.strip`."""


Validate = Callable[[dict[str, Tensor]], Validated]
"""Measures an averaged state."""


def open_validation(
    folder: Path,
    architecture: Architecture,
    choice: EngineChoice,
    on_picture: Callable[[int, int], None] = lambda *_: None,
) -> Validate:
    """Read the pictures in `folder`; return what measures a state's PSNR on them.

    Raises:
        DataError: there are none, or one can't be read.
    """
    try:
        pairs = load_pairs(
            pictures_in(folder), architecture.scale, on_picture=on_picture
        )
    except PictureError as error:
        raise DataError(error.message, error.hint) from error
    samples = choose_samples(pairs)
    places = {sample.number: sample for sample in samples}

    def validate(average: dict[str, Tensor]) -> Validated:
        state = {
            name: value.float().cpu().contiguous().numpy()
            for name, value in average.items()
        }
        now: list[Pixels] = []

        def keep(number: int, result: Pixels) -> None:
            if number in places:
                now.append(places[number].cut(result))

        upscaler = Upscaler(fuse(state, architecture), choice)
        psnr = mean_psnr(pairs, upscaler, on_result=keep)
        return Validated(psnr, assemble(samples, now))

    return validate
