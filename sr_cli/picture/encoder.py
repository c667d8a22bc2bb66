"""What encoders have in common: rows come in, bytes go out."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from sr_cli.errors import PictureError
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.image import fitted

_FAULTS = (OSError, ValueError, OverflowError, struct.error, MemoryError, RuntimeError)

Refuse = Callable[[Exception], PictureError]


class Encoder(Protocol):
    """Writes one picture into a stream."""

    rows_at_once: int

    def write(self, block: Samples) -> None:
        """Encode `rows_at_once` rows, (n, W, samples); only the last may be fewer."""

    def finish(self) -> None:
        """Write what comes after the last row."""


@contextmanager
def faults_refused(refuse: Refuse) -> Iterator[None]:
    """Turn what an encoder raises on a full disk or odd metadata into a refusal."""
    try:
        yield
    except _FAULTS as error:
        raise refuse(error) from error


class RowSink:
    """Takes rows in any number at a time, and hands them on as the encoder wants them.

    So an encoder's bytes don't depend on how the rows arrived.

    Args:
        encoder: where the rows go.
        header: of the rows that come.
        fitted_header: of the rows that the encoder takes.
        refuse: makes an error of what the encoder raises.
    """

    def __init__(
        self, encoder: Encoder, header: Header, fitted_header: Header, refuse: Refuse
    ) -> None:
        self._encoder = encoder
        self._header, self._fitted_header = header, fitted_header
        self._refuse = refuse
        self._missing = header.height
        rows = min(encoder.rows_at_once, header.height)
        self._block = np.empty((rows, header.width, header.samples), header.dtype)
        self._held = 0

    def write(self, rows: Samples) -> None:
        """Take the next rows, (n, W, samples) of the header's type.

        Raises:
            PictureError: they can't be written.
            ValueError: their shape or type is wrong, or they are too many.
        """
        block = self._block
        if rows.dtype != block.dtype or rows.shape[1:] != block.shape[1:]:
            msg = f"rows must be {block.dtype} (n, {block.shape[1:]}): {rows.shape}"
            raise ValueError(msg)
        if len(rows) > self._missing:
            msg = f"{len(rows)} rows, but only {self._missing} are missing"
            raise ValueError(msg)
        self._missing -= len(rows)
        while len(rows):
            rows = rows[self._take(rows) :]

    def finish(self) -> None:
        """Write the rest, after the last row.

        Raises:
            PictureError: it can't be written.
            ValueError: rows are missing.
        """
        if self._missing:
            msg = f"{self._missing} rows are missing"
            raise ValueError(msg)
        if self._held:
            self._encode(self._block[: self._held])
        with faults_refused(self._refuse):
            self._encoder.finish()

    def _take(self, rows: Samples) -> int:
        at_once = len(self._block)
        if not self._held and len(rows) >= at_once:
            self._encode(rows[:at_once])
            return at_once
        taken = min(at_once - self._held, len(rows))
        self._block[self._held : self._held + taken] = rows[:taken]
        self._held += taken
        if self._held == at_once:
            self._encode(self._block)
            self._held = 0
        return taken

    def _encode(self, block: Samples) -> None:
        with faults_refused(self._refuse):
            self._encoder.write(fitted(block, self._header, self._fitted_header))
