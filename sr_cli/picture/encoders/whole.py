"""A writer for formats whose encoder wants every row at once."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, TypeAlias

from sr_cli.picture.encoders import exif
from sr_cli.picture.encoders.thumbnail import Thumbnail
from sr_cli.picture.formats import Option
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.metadata import Metadata

Options: TypeAlias = Mapping[str, Option]
Encode = Callable[[Samples, Header, Metadata, Options], bytes]
"""Makes a file of (H, W, samples)."""


class WholeEncoder:
    """Writes what `encode` makes of the picture.

    The sides of WebP, AVIF and HEIC are short, and their encoders compare distant rows.
    The others could be written row by row, but nobody stores large pictures in them.

    Args:
        stream: takes the bytes.
        header: of the rows.
        metadata: what else the file says.
        options: how to encode.
        encode: makes the file.
    """

    def __init__(
        self,
        stream: IO[bytes],
        header: Header,
        metadata: Metadata,
        options: Options,
        encode: Encode,
    ) -> None:
        self.rows_at_once = header.height
        self._stream, self._header = stream, header
        self._metadata, self._options = metadata, options
        self._encode = encode

    def write(self, block: Samples) -> None:
        """Encode the picture, as `Encoder.write`."""
        metadata = self._metadata
        if metadata.exif is not None and metadata.thumbnail:
            thumbnail = Thumbnail(self._header)
            thumbnail.add(block)
            jpeg = thumbnail.jpeg()
            whole = exif.with_thumbnail(metadata.exif, jpeg, len(jpeg))
            metadata = replace(metadata, exif=whole)
        data = self._encode(block, self._header, metadata, self._options)
        self._stream.write(data)

    def finish(self) -> None:
        """Do nothing: all is written."""
