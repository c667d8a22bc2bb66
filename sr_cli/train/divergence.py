"""When a run is lost: its loss is finite, but far above what it had reached."""

import math

WINDOW = 100
"""Updates over which the level of the loss is taken."""
FACTOR = 4.0
"""How many times its lowest level a loss may reach."""
PATIENCE = 100
"""Updates in a row for which the level must stay above that."""

_SMALLEST = 1e-12  # of a loss, so that it has a logarithm


class Divergence:
    """Watches a loss that falls, such as the content loss, never an adversarial one.

    The level is an exponential mean of the loss's logarithm, that is a geometric
    mean: one batch of a million times the usual loss moves it by 15 %, where it
    would be ten thousandfold for the mean of the losses themselves.

    Args:
        warmup: updates from now on, during which the level is not yet judged.
    """

    def __init__(self, warmup: int = 0) -> None:
        self._seen = self._above = 0
        self._first = warmup + WINDOW
        self._level = 0.0
        self._lowest = math.inf

    def add(self, loss: float) -> bool:
        """Take note of an update's loss; return whether the run has diverged.

        A loss in dB has to be made an error first.

        Losses that are not finite are left out: they move nothing, and are counted
        elsewhere.
        """
        if not math.isfinite(loss):
            return False
        self._seen += 1
        share = 1.0 / min(self._seen, WINDOW)  # a plain mean at first
        self._level += share * (math.log(max(loss, _SMALLEST)) - self._level)
        if self._seen < self._first:
            return False
        self._lowest = min(self._lowest, self._level)
        above = self._level > self._lowest + math.log(FACTOR)
        self._above = self._above + 1 if above else 0
        return self._above >= PATIENCE
