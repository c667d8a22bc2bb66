"""A PPM and PGM writer: a line of text, and the samples as they are."""

from typing import IO

from sr_cli.picture.header import Header, Samples

_BLOCK_BYTES = 2**20


class NetpbmEncoder:
    """Writes P5 for gray and P6 for RGB, 8 or 16 bits per sample."""

    def __init__(self, stream: IO[bytes], header: Header) -> None:
        """Write everything that comes before the pixels."""
        self.rows_at_once = max(1, _BLOCK_BYTES // header.row_bytes)
        self._stream = stream
        self._dtype = header.dtype.newbyteorder(">")
        kind = "P5" if header.channels == 1 else "P6"
        size = f"{header.width} {header.height}"
        stream.write(f"{kind}\n{size}\n{header.white}\n".encode())

    def write(self, block: Samples) -> None:
        """Write the next rows, as `Encoder.write`."""
        self._stream.write(block.astype(self._dtype, order="C", copy=False).tobytes())

    def finish(self) -> None:
        """Do nothing: all is written."""
