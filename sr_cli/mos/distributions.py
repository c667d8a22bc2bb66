"""Student's t, for which Python's own library has nothing."""

import math
from functools import cache

_TINY = 1e-300


@cache
def t_quantile(probability: float, freedom: int) -> float:
    """Return t with P(T <= t) = `probability`, at least 0.5, to 1e-12 of it.

    Args:
        probability: in [0.5, 1).
        freedom: degrees of freedom, at least 1.
    """
    low, high = 0.0, 1.0
    while _t_below(high, freedom) < probability:
        high *= 2.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2.0
        if _t_below(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _t_below(t: float, freedom: int) -> float:
    """P(T <= t) for t >= 0."""
    x = freedom / (freedom + t * t)
    return 1.0 - 0.5 * _incomplete_beta(x, freedom / 2.0, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function (Abramowitz and Stegun 26.5.8)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):  # where the fraction converges slowly
        return 1.0 - _incomplete_beta(1.0 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logarithm + a * math.log(x) + b * math.log1p(-x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + …)), from the front by Lentz's method."""
    value, above, below = 1.0, 1.0, 0.0
    for step in range(1, 1000):
        m, odd = divmod(step, 2)
        if odd:
            d = -(a + m) * (a + b + m) / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) / ((a + 2 * m - 1) * (a + 2 * m))
        d *= x
        below = 1.0 / (1.0 + d * below or _TINY)
        above = 1.0 + d / above or _TINY
        value *= above * below
        if abs(above * below - 1.0) < 1e-15:
            break
    return value
