"""Ctrl-C and SIGTERM as a wish that long work can grant in its own time."""

import signal
from types import FrameType, TracebackType


class Interrupts:
    """Inside the `with` block: an interruption at once, or when `patient`, a wish.

    A second one is never patient.
    """

    def __init__(self) -> None:
        self.patient = False
        self.wished = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.wished or not self.patient:
            raise KeyboardInterrupt
        self.wished = True

    def __enter__(self) -> "Interrupts":
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._before = {n: signal.signal(n, self._handle) for n in numbers}
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
