"""Rows for those who ask for them in any number at a time."""

from collections.abc import Iterator, Sequence

import numpy as np

from sr_cli.upscale import Array, Rows


def rows_from(bands: Iterator[Array]) -> Rows:
    """Give the rows of bands (n, W, C), held until they are asked for."""
    held: Array | None = None

    def read(count: int) -> Array:
        nonlocal held
        parts = [next(bands) if held is None else held]
        while sum(map(len, parts)) < count:
            parts.append(next(bands))
        whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
        held = whole[count:]
        return whole[:count]

    return read


def shared(rows: Rows, channels: Sequence[slice]) -> list[Rows]:
    """Give some channels of the same rows to each of several readers.

    What one has read is held until all the others have.
    """
    held = [rows(0)[:, :, part] for part in channels]

    def reader(own: int) -> Rows:
        def read(count: int) -> Array:
            if (missing := count - len(held[own])) > 0:
                more = rows(missing)
                for number, part in enumerate(channels):
                    held[number] = np.concatenate([held[number], more[:, :, part]])
            taken, held[own] = held[own][:count], held[own][count:]
            return taken

        return read

    return [reader(number) for number in range(len(channels))]
