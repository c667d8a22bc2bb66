import signal
from collections.abc import Callable

import pytest

from sr_cli.cli.interrupts import Interrupts


def interrupt(number: signal.Signals) -> None:
    """Call the handler as the interpreter would.

    Not by a real signal: pytest's faulthandler has given this thread a small signal
    stack, which a frame with AMX's tiles overflows.  `test_cli_train.py` sends real
    ones to a process of their own.
    """
    handler = signal.getsignal(number)
    assert isinstance(handler, Callable)
    handler(number, None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_waits_only_for_the_patient(number):
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            interrupt(number)
        interrupts.patient = True
        interrupt(number)
        assert interrupts.wished
        with pytest.raises(KeyboardInterrupt):
            interrupt(number)
    assert signal.getsignal(number) is before
