"""The texts in a PNG file, and what else is hidden in them."""

import zlib
from dataclasses import dataclass
from typing import IO

from sr_cli.picture.decoders.exif import PREFIX
from sr_cli.picture.decoders.photoshop import iptc_of
from sr_cli.picture.png_chunks import Chunk

_XMP = "XML:com.adobe.xmp"
# ImageMagick's way, older than chunks for them: hexadecimal numbers
_RAW = "Raw profile type "

_MAX_INFLATED = 2**26
"""Bytes of one text; larger ones are a mistake or an attack."""

_MAX_TOTAL = 2**27


@dataclass(frozen=True, slots=True)
class Texts:
    """What the texts say; the fields as in `Header`."""

    pairs: tuple[tuple[str, str], ...] = ()
    xmp: bytes | None = None
    exif: bytes | None = None
    iptc: bytes | None = None
    notes: tuple[str, ...] = ()


def read(stream: IO[bytes], found: list[Chunk]) -> Texts:
    """Read every text; what can't be read is left out, and that is noted."""
    pairs: list[tuple[str, str]] = []
    xmp: bytes | None = None
    raw: dict[str, bytes] = {}
    notes: tuple[str, ...] = ()
    left = _MAX_TOTAL
    for chunk in found:
        if chunk.kind not in _READERS or not chunk.sound:
            continue
        try:
            keyword, value, charset = _READERS[chunk.kind](chunk.data(stream))
            left -= len(value)
            if left < 0:
                raise ValueError(_TOO_LONG)
            if keyword == _XMP:
                xmp = xmp or value
            elif keyword.startswith(_RAW):
                raw.setdefault(keyword.removeprefix(_RAW), _from_hex(value))
            else:
                pairs.append((keyword, value.decode(charset)))
        except (ValueError, zlib.error):
            notes = ("Texts that are damaged or too long were left out",)
    iptc = raw.get("iptc") or raw.get("8bim")
    exif = raw.get("exif") or raw.get("APP1", b"")
    return Texts(
        pairs=tuple(pairs),
        xmp=xmp or raw.get("xmp"),
        exif=exif if exif.startswith(PREFIX) else None,
        iptc=iptc_of(iptc) if iptc else None,
        notes=notes,
    )


_TOO_LONG = "too much text"


def inflated(data: bytes) -> bytes:
    """Decompress what should be small.

    Raises:
        ValueError: it is not.
        zlib.error: the data is damaged.
    """
    unpack = zlib.decompressobj()
    result = unpack.decompress(data, _MAX_INFLATED)
    if not unpack.eof:
        msg = "truncated" if len(result) < _MAX_INFLATED else _TOO_LONG
        raise ValueError(msg)
    return result


_Text = tuple[str, bytes, str]
"""Keyword, value and the value's character set."""


def _plain(data: bytes) -> _Text:
    keyword, _, value = data.partition(b"\0")
    return keyword.decode("latin-1"), value, "latin-1"


def _compressed(data: bytes) -> _Text:
    keyword, _, rest = data.partition(b"\0")
    return keyword.decode("latin-1"), inflated(rest[1:]), "latin-1"


def _international(data: bytes) -> _Text:
    keyword, _, rest = data.partition(b"\0")
    packed, value = rest[:1], rest[2:].split(b"\0", 2)
    if len(value) < 3:
        msg = "damaged text"
        raise ValueError(msg)
    text = inflated(value[2]) if packed == b"\1" else value[2]
    return keyword.decode("latin-1"), text, "utf-8"


_READERS = {b"tEXt": _plain, b"zTXt": _compressed, b"iTXt": _international}


def _from_hex(value: bytes) -> bytes:
    """Decode: a line with the name, one with the length, and the digits."""
    _, _, length, digits = value.split(b"\n", 3)
    data = bytes.fromhex(digits.decode("ascii"))
    if len(data) != int(length):
        msg = "damaged raw profile"
        raise ValueError(msg)
    return data
