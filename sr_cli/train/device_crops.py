"""The same crops, cut where the network is trained.

A GPU that trains for hours must not wait for the host to cut crops and send them.
All photos are sent once, as bytes; then a batch costs a few indices.
"""

import numpy as np
import torch
from torch import Tensor

from sr_cli.train.data import Crops, Plan, oriented
from sr_cli.train.photos import SCALE, Pixels

_SHARE = 0.5
"""Of the free memory, that photos may take; the network needs the rest."""


def fits(crops: Crops, device: torch.device | str) -> bool:
    """Say whether `DeviceCrops` can hold these photos in half of the free memory.

    It is for CUDA devices, where that is known and worth it, and only cuts: crops that
    are degraded one by one are made on the host.
    """
    if torch.device(device).type != "cuda" or crops.degradation != "bicubic":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return sum(pair.nbytes for pair in crops.pairs) <= free * _SHARE


class _Album:
    """Pictures (H, W, 3) behind one another in one tensor of pixels (P, 3)."""

    def __init__(
        self, pictures: list[Pixels], size: int, device: torch.device | str
    ) -> None:
        areas = np.array([picture.shape[0] * picture.shape[1] for picture in pictures])
        starts = areas.cumsum() - areas
        self._pixels = torch.empty((areas.sum(), 3), dtype=torch.uint8, device=device)
        for picture, start in zip(pictures, starts.tolist(), strict=True):
            # A copy: what was read from a file may be read-only, which torch isn't.
            pixels = torch.from_numpy(np.array(picture).reshape(-1, 3))
            self._pixels[start : start + len(pixels)].copy_(pixels)
        widths = [picture.shape[1] for picture in pictures]
        self._starts = torch.from_numpy(starts).to(device)
        self._widths = torch.tensor(widths, device=device)
        # For each way to turn and flip, where each pixel of a crop comes from.
        numbers = np.arange(size**2).reshape(size, size)
        ways = [oriented(numbers, turns, flip) for turns in range(4) for flip in (0, 1)]
        rows, columns = np.divmod(np.stack(ways), size)
        self._rows = torch.from_numpy(rows).to(device)
        self._columns = torch.from_numpy(columns).to(device)

    def cut(self, photo: Tensor, y: Tensor, x: Tensor, way: Tensor) -> Tensor:
        """Return (N, size, size, 3) at rows `y` and columns `x` of this album."""
        width = self._widths[photo, None, None]
        row = self._rows[way] + y[:, None, None]
        column = self._columns[way] + x[:, None, None]
        return self._pixels[self._starts[photo, None, None] + row * width + column]


class DeviceCrops:
    """Cuts on `device` what `crops` would cut on the host, byte for byte.

    Only for crops whose degradation is "bicubic"; see `fits`.
    """

    def __init__(self, crops: Crops, device: torch.device | str) -> None:
        self._crops, self._device = crops, device
        self._low = _Album([pair.low for pair in crops.pairs], crops.size, device)
        high = [pair.high for pair in crops.pairs]
        self._high = _Album(high, crops.size * SCALE, device)

    @property
    def photos(self) -> int:
        """How many photos are large enough to be used."""
        return self._crops.photos

    def batch(self, step: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """Return what `Crops.batch` returns, on the device."""
        photo, y, x, way = self._send(self._crops.plan(step, rank, world))
        low = self._low.cut(photo, y, x, way)
        return low, self._high.cut(photo, y * SCALE, x * SCALE, way)

    def _send(self, plan: Plan) -> tuple[Tensor, ...]:
        ways = plan.turns * 2 + plan.flip
        table = torch.from_numpy(np.stack([plan.photo, plan.y, plan.x, ways]))
        return table.to(self._device).unbind()
