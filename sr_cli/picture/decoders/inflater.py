"""Deflated data, decompressed as far as it is wanted."""

import zlib
from collections.abc import Iterator

_PIECE = 2**18


class Inflater:
    """Decompresses as much as is asked for, from pieces as they come."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._zlib = zlib.decompressobj()
        self._waiting = b""

    def read(self, size: int) -> bytes:
        """Return so many bytes.

        Raises:
            EOFError: there are fewer.
            zlib.error: the data is damaged.
        """
        found = []
        while size:
            piece = self._waiting or next(self._pieces, b"")
            data = self._zlib.decompress(piece, size)
            self._waiting = self._zlib.unconsumed_tail
            if not data and (not piece or self._zlib.eof):
                msg = "truncated compressed data"
                raise EOFError(msg)
            found.append(data)
            size -= len(data)
        return b"".join(found)

    def finish(self) -> None:
        """Check the checksum at the end.

        Raises:
            EOFError: the end is missing.
            zlib.error: the data is damaged.
        """
        while not self._zlib.eof:
            piece = self._waiting or next(self._pieces, b"")
            data = self._zlib.decompress(piece, _PIECE)
            self._waiting = self._zlib.unconsumed_tail
            if not data and not piece:
                msg = "truncated compressed data"
                raise EOFError(msg)
