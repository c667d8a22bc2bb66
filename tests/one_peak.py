"""The machine's peak on a picture of one size: two seconds less of looking for it."""

from collections.abc import Callable

from sr_cli.bench import peak
from sr_cli.bench.peak import Peak
from sr_cli.bench.peers import PeerPrecision

_open_peak = peak.open_peak


def open_one_peak(
    precision: PeerPrecision, cores: int, seconds: float
) -> Callable[[], Peak]:
    """Stand in for `open_peak`, in whichever process."""
    peak._SIDES = (64,)
    return _open_peak(precision, cores, seconds)
