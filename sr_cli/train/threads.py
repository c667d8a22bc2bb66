"""Threads that compute side by side, each on its own share of the cores."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch

Run: TypeAlias = Callable[..., Iterable[Any]]
"""As the built-in `map`."""


@contextmanager
def open_threads(number: int) -> Iterator[Run]:
    """Yield a `map` that computes `number` items at once, in order; 1 for no threads.

    torch's own threads share one operation and wait for one another after it, at
    spinning barriers in the convolutions' gradients: a second program on the same two
    cores makes an update take 4 s instead of 0.5 s.  Threads with work of their own
    don't.
    """
    if number == 1:
        yield map
        return
    share = max(1, torch.get_num_threads() // number)
    with ThreadPoolExecutor(
        number, initializer=torch.set_num_threads, initargs=(share,)
    ) as pool:
        yield pool.map
