"""Milliseconds ─▶ the units that a format counts in."""


class Clock:
    """Rounds durations to whole ticks, so that their sum stays right.

    What rounding adds to one frame or takes from it goes into the next that has to be
    rounded too: a duration that is a whole number of ticks stays as it is.

    Args:
        milliseconds: of a tick.
        most: ticks that a frame can show.
    """

    def __init__(self, milliseconds: int, most: int) -> None:
        self._tick, self._most = milliseconds, most
        self._owed = 0.0

    def ticks(self, milliseconds: float) -> int:
        """Return the next frame's duration in ticks."""
        exact = milliseconds / self._tick
        if exact.is_integer():
            return min(int(exact), self._most)
        ticks = min(max(round(exact + self._owed), 0), self._most)
        self._owed += exact - ticks
        return ticks
