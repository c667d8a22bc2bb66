"""How good a run's averaged weights are, by the code that users run."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from sr_cli.bench.datasets import pictures_in
from sr_cli.bench.quality import load_pairs, mean_psnr
from sr_cli.catalog import Architecture
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError, PictureError
from sr_cli.networks.fuse import fuse
from sr_cli.train.loop import Validate
from sr_cli.upscale import Upscaler


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

    def validate(average: dict[str, Tensor]) -> float:
        state = {
            name: value.float().cpu().contiguous().numpy()
            for name, value in average.items()
        }
        return mean_psnr(pairs, Upscaler(fuse(state, architecture), choice))

    return validate
