"""Asking the Hub again while there is hope."""

from collections.abc import Callable
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError

from sr_cli.fetch import Patience, Telling
from sr_cli.hub.refusals import CutError, HTTPError, is_transient, reason

T = TypeVar("T")

_GAIN = 1 << 20  # bytes after which a connection that breaks again has earned new tries
_LONGEST_WAIT = 60.0


def _wait(
    error: Exception, failures: int, patience: Patience, telling: Telling
) -> None:
    seconds = patience.first_wait * 2.0 ** (failures - 1)
    if isinstance(error, HfHubHTTPError):
        wished = error.response.headers.get("Retry-After", "")
        seconds = max(seconds, float(wished) if wished.isdecimal() else 0.0)
    seconds = min(seconds, _LONGEST_WAIT)
    telling.on_say(f"The Hub failed ({reason(error)}); trying again in {seconds:g} s.")
    patience.sleep(seconds)


def patiently(
    ask: Callable[[], T],
    patience: Patience,
    telling: Telling,
    done: Callable[[], int] | None = None,
) -> T:
    """Return what `ask` returns, trying again as long as there is hope.

    A Hub that was never heard is not waited for: the machine may have no network.

    Args:
        ask: makes requests.
        patience: with the Hub.
        telling: told of every wait.
        done: how many bytes have come so far, for a transfer from a Hub that was
            heard before.

    Raises:
        HTTPError, CutError: what `ask` raised last.
    """
    failures, most = 0, done() if done else 0
    while True:
        try:
            return ask()
        except (HTTPError, CutError) as error:
            if done and done() >= most + _GAIN:
                failures, most = 0, done()
            failures += 1
            heard = done is not None and not isinstance(error, HfHubHTTPError)
            if failures >= patience.tries or not (heard or is_transient(error)):
                raise
            _wait(error, failures, patience, telling)
