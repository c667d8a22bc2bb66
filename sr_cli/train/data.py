"""Random crops of training photos: which, and the cutting of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_cli.degradations import DEGRADATIONS, degrade
from sr_cli.errors import DataError
from sr_cli.train.photos import SCALE, Pair, Pixels
from sr_cli.train.sampling import Integers, Sampling, open_places

_MARGIN = 16  # low-resolution pixels that a crop is degraded with beyond its own
_NEAR = 4  # of which at least so many are before it, and as many behind


@dataclass(frozen=True, slots=True)
class Plan:
    """N crops: arrays (N,) that say all there is to cut."""

    photo: Integers
    """Its place among the photos that are large enough."""
    y: Integers
    """First row, in low-resolution pixels."""
    x: Integers
    """First column, in low-resolution pixels."""
    turns: Integers
    """Quarter turns to the left, 0 to 3."""
    flip: Integers
    """1 to mirror left and right after that, otherwise 0."""

    def __len__(self) -> int:
        return len(self.photo)

    def part(self, start: int, stop: int) -> "Plan":
        """Return crops `start` to `stop`."""
        part = slice(start, stop)
        return Plan(
            self.photo[part],
            self.y[part],
            self.x[part],
            self.turns[part],
            self.flip[part],
        )


def oriented(crop: NDArray[np.generic], turns: int, flip: int) -> NDArray[np.generic]:
    """Turn (H, H, …) to the left, then mirror it: a view."""
    turned = np.rot90(crop, turns)
    return turned[:, ::-1] if flip else turned


class Crops:
    """Random crops, and with each the low-resolution pixels that lie in it.

    What is cut depends on nothing but the seed, the step and the crop's number among
    those of all processes, so a resumed run sees what an uninterrupted one would.

    Args:
        pairs: the photos; those smaller than a crop are left out.
        crop: side of a crop in high-resolution pixels, a multiple of 4.
        batch: crops per batch of each process.
        seed: of everything random.
        sampling: "uniform" takes any photo and any place of it, as in the paper (C.
            Ledig et al., "Photo-realistic single image super-resolution using a
            generative adversarial network", 2017); "texture" takes places with much
            gradient more often.
        degradation: a name in `DEGRADATIONS`; all but "bicubic" make the low
            resolution anew for every crop.

    Raises:
        DataError: no photo is as large as a crop.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (each is a setting of a run)
        self,
        pairs: Sequence[Pair],
        crop: int,
        batch: int,
        seed: int,
        sampling: Sampling = "texture",
        degradation: str = "bicubic",
    ) -> None:
        self.size = crop // SCALE
        """Side of a crop in low-resolution pixels."""
        self.pairs = [p for p in pairs if min(p.low.shape[:2]) >= self.size]
        """Photos that are large enough."""
        if not self.pairs:
            raise DataError(
                f"No photo is as large as the {crop}×{crop} pixels of a crop",
                "Use larger photos, or a smaller --crop",
            )
        self.degradation = degradation
        self._recipe = DEGRADATIONS[degradation]
        self._batch, self._seed = batch, seed
        self._places = open_places(sampling, self.pairs, self.size)

    @property
    def photos(self) -> int:
        """How many photos are large enough to be used."""
        return len(self.pairs)

    def plan(self, step: int, rank: int = 0, world: int = 1) -> Plan:
        """Draw what process `rank` of `world` cuts for update `step`."""
        # A row of numbers per crop, so that none depends on how many there are.
        random = np.random.default_rng([self._seed, step])
        drawn = random.random((self._batch * world, 4)).T
        photo, y, x = self._places.choose(drawn[:3])
        turns, flip = np.divmod((drawn[3] * 8).astype(np.int64), 2)
        whole = Plan(photo, y, x, turns, flip)
        return whole.part(rank * self._batch, (rank + 1) * self._batch)

    def batch(self, step: int, rank: int = 0, world: int = 1) -> tuple[Pixels, Pixels]:
        """Return `low` (N, c/4, c/4, 3) and `high` (N, c, c, 3) of update `step`.

        Of `world` processes `rank` gets its N crops of the N × `world` that one
        process with a batch of that many would get.
        """
        plan = self.plan(step, rank, world)
        size = self.size
        lows = np.empty((len(plan), size, size, 3), np.uint8)
        highs = np.empty((len(plan), size * SCALE, size * SCALE, 3), np.uint8)
        where = zip(plan.photo, plan.y, plan.x, strict=True)
        for number, (photo, y, x) in enumerate(where):
            pair = self.pairs[photo]
            area = np.s_[y * SCALE : (y + size) * SCALE, x * SCALE : (x + size) * SCALE]
            if self.degradation == "bicubic":
                low = pair.low[y : y + size, x : x + size]
            else:
                # A crop's own stream depends on no other crop; [seed, step, 0] would
                # be the plan's.
                key = [self._seed, step, 1 + rank * self._batch + number]
                low = self._degraded(pair, y, x, np.random.default_rng(key))
            turns, flip = plan.turns[number], plan.flip[number]
            lows[number] = oriented(low, turns, flip)
            highs[number] = oriented(pair.high[area], turns, flip)
        return lows, highs

    def _degraded(
        self, pair: Pair, y: int, x: int, random: np.random.Generator
    ) -> Pixels:
        """Degrade a crop with what surrounds it, and cut that off again.

        How much is before it varies, or JPEG's blocks would start with every crop.
        """
        before = random.integers(_NEAR, _MARGIN - _NEAR, size=2)
        top, left = max(y - before[0], 0), max(x - before[1], 0)
        bottom = y - before[0] + self.size + _MARGIN
        right = x - before[1] + self.size + _MARGIN
        high = pair.high[top * SCALE : bottom * SCALE, left * SCALE : right * SCALE]
        low = degrade(high, self._recipe, random, SCALE)
        return low[y - top : y - top + self.size, x - left : x - left + self.size]
