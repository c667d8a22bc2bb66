"""What comes before the pixels in a JPEG file (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO
from xml.parsers import expat

from sr_cli.picture.decoders import photoshop
from sr_cli.picture.decoders.exif import PREFIX

APP0, APP1, APP2, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_SCAN, _END = 0xDA, 0xD9
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})

_ICC = b"ICC_PROFILE\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_RESOURCES = b"Photoshop 3.0\0"
_JFIF = b"JFIF\0"
_ADOBE = b"Adobe"

_MAX_JUNK = 2**20  # bytes, one by one: 0.1 s

_UNITS = {1: 1.0, 2: 2.54}  # per inch, per centimetre

_HAS_MORE = re.compile(
    rb"""\s?xmpNote:HasExtendedXMP=(["'])(?P<id>[0-9A-Fa-f]{32})\1"""
    rb"|<xmpNote:HasExtendedXMP>(?P<text>[0-9A-Fa-f]{32})</xmpNote:HasExtendedXMP>"
)
_RDF, _RDF_END = b"<rdf:RDF", b"</rdf:RDF>"


@dataclass(frozen=True, slots=True)
class Segments:
    """The facts in them; the fields as in `Header`."""

    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    iptc: bytes | None
    dpi: tuple[float, float] | None
    adobe: bool
    """Whether Adobe's marker is there, by which CMYK is stored as its contrary."""

    bits: int
    """Per sample; 0 if there is no frame."""

    notes: tuple[str, ...]


def read(stream: IO[bytes]) -> Segments:
    """Read what the segments before the first scan say."""
    parts: dict[int, list[bytes]] = {}
    bits = 0
    for marker, data in _segments(stream):
        if marker in (APP0, APP1, APP2, APP13, APP14):
            parts.setdefault(marker, []).append(data)
        elif 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES and data:
            bits = bits or data[0]
    icc, notes = _profile(_after(parts.get(APP2, []), _ICC))
    xmp, xmp_notes = _xmp(parts.get(APP1, []))
    exif = [part for part in parts.get(APP1, []) if part.startswith(PREFIX)]
    resources = b"".join(_after(parts.get(APP13, []), _RESOURCES))
    return Segments(
        icc=icc,
        exif=exif[0] if exif else None,
        xmp=xmp,
        iptc=photoshop.iptc_of(resources),
        dpi=_dpi(_after(parts.get(APP0, []), _JFIF)),
        adobe=bool(_after(parts.get(APP14, []), _ADOBE)),
        bits=bits,
        notes=notes + xmp_notes,
    )


def _segments(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    stream.seek(2)
    while True:
        # Any number of FF may come before a marker.
        while (byte := stream.read(1)) == b"\xff":
            pass
        if not byte or byte[0] in (_SCAN, _END):
            return
        if byte[0] not in _ALONE:
            length = stream.read(2)
            if len(length) < 2:
                return
            yield byte[0], stream.read(max(0, struct.unpack(">H", length)[0] - 2))
        if not _found_marker(stream):
            return


def _found_marker(stream: IO[bytes]) -> bool:
    """Go to the next FF; decoders skip what lies between."""
    for _ in range(_MAX_JUNK):
        byte = stream.read(1)
        if byte in (b"\xff", b""):
            return bool(byte)
    return False


def _after(parts: list[bytes], prefix: bytes) -> list[bytes]:
    return [part[len(prefix) :] for part in parts if part.startswith(prefix)]


def _profile(parts: list[bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    if not parts:
        return None, ()
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2}
    count = parts[0][1] if len(parts[0]) > 1 else 0
    if not count or sorted(numbered) != list(range(1, count + 1)):
        return None, ("The colour profile is damaged and was left out",)
    return b"".join(numbered[number] for number in sorted(numbered)), ()


def _dpi(parts: list[bytes]) -> tuple[float, float] | None:
    if not parts or len(parts[0]) < 7:
        return None
    unit, across, down = struct.unpack_from(">BHH", parts[0], 2)
    if unit not in _UNITS:
        return None
    return across * _UNITS[unit], down * _UNITS[unit]


def _xmp(parts: list[bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the packet with what was put elsewhere for its length."""
    packets = _after(parts, _XMP)
    if not packets:
        return None, ()
    packet = packets[0]
    said = _HAS_MORE.search(packet)
    if said is None:
        return packet, ()
    whole = _joined(packet, _more(parts, said["id"] or said["text"]))
    if whole is None:
        return packet, ("Part of the XMP data is damaged and was left out",)
    return whole, ()


def _more(parts: list[bytes], identity: bytes) -> bytes:
    """Put together the pieces of the rest (XMP specification part 3, 1.1.3.1)."""
    pieces = {}
    total = 0
    for part in _after(parts, _MORE_XMP):
        if part[:32].upper() == identity.upper() and len(part) > 40:
            total, at = struct.unpack_from(">LL", part, 32)
            pieces[at] = part[40:]
    rest = b"".join(pieces[at] for at in sorted(pieces))
    return rest if len(rest) == total else b""


def _rdf(packet: bytes) -> slice | None:
    """Return where the descriptions are.

    Not by an expression: 90 kB of beginnings without an end took 7 s, for each of them
    looked through all that follow.
    """
    start = packet.find(b">", packet.find(_RDF)) + 1
    end = packet.rfind(_RDF_END)
    return slice(start, end) if _RDF in packet and 0 < start <= end else None


def _joined(packet: bytes, rest: bytes) -> bytes | None:
    main, more = _rdf(packet), _rdf(rest)
    if main is None or more is None:
        return None
    joined = packet[: main.stop] + rest[more] + packet[main.stop :]
    joined = _HAS_MORE.sub(b"", joined)
    try:
        expat.ParserCreate(namespace_separator=" ").Parse(joined, True)
    except expat.ExpatError:
        return None
    return joined
