"""What a file will say beside its pixels."""

from dataclasses import dataclass, replace

from sr_cli.picture import tag, xmp
from sr_cli.picture.encoders import exif
from sr_cli.picture.formats import Format, format_named
from sr_cli.picture.header import Header
from sr_cli.picture.picture import Picture
from sr_cli.picture.provenance import Provenance

_NOUNS = {
    "icc": "the colour profile",
    "exif": "the EXIF data",
    "xmp": "the XMP data",
    "iptc": "the IPTC data",
    "text": "the texts",
}
_COLOUR_SPACE = slice(16, 20)  # in an ICC profile's header
_CONSEQUENCES = {"icc": "colours may look different", "text": "they were left out"}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Facts up to date and ready for one format; None or empty is left out."""

    icc: bytes | None = None

    exif: bytes | None = None
    """Without a thumbnail."""

    thumbnail: bool = False
    """Whether EXIF is to have one."""

    xmp: bytes | None = None
    more_xmp: bytes = b""
    """What of it goes elsewhere, in JPEG."""

    iptc: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None


def prepared(header: Header, row: Format) -> Metadata:
    """Bring the facts of a picture up to date, as far as the format holds them."""
    thumbnail = header.exif is not None and exif.has_thumbnail(header.exif)
    block = _exif(header, row)
    room = len(block or b"") + exif.THUMBNAIL_BYTES
    packet, more = _xmp(header, row)
    return Metadata(
        icc=header.icc if _holds_icc(header, row) else None,
        exif=block,
        thumbnail=thumbnail and (row.max_exif_bytes or room) >= room,
        xmp=packet,
        more_xmp=more,
        iptc=header.iptc if _holds_iptc(header, row) else None,
        text=_texts(header) if row.text else (),
        dpi=header.dpi if row.dpi else None,
    )


def losses(picture: Picture | Header, format: str) -> tuple[str, ...]:
    """Say what the format cannot hold of this picture: sentences without a full stop.

    Raises:
        PictureError: the format is unknown.
    """
    header = picture.header if isinstance(picture, Picture) else picture
    row = format_named(format)
    return (*_lost_pixels(header, row), *_lost_facts(header, row))


def stripped(header: Header) -> Header:
    """Leave out what tells of people, places and programs: EXIF, XMP, IPTC, texts.

    The colour profile and the dots per inch stay: pixels mean nothing without them.
    """
    return replace(header, exif=None, xmp=None, iptc=None, text=())


def found_provenance(header: Header) -> Provenance | None:
    """Tell what made a picture that srup has written, if it still says so."""
    found = xmp.provenance(header.xmp)
    if found is not None:
        return found
    texts = (text for keyword, text in header.text if keyword == tag.KEYWORD)
    return next(filter(None, map(tag.from_text, texts)), None)


def _holds_icc(header: Header, row: Format) -> bool:
    # Gray that is written as RGB would have a profile that isn't for RGB.
    for_gray = header.icc is not None and header.icc[_COLOUR_SPACE] == b"GRAY"
    if for_gray and not row.holds_gray(alpha=header.alpha and row.alpha):
        return False
    return row.icc and _fits(header.icc, row.max_icc_bytes)


def _holds_iptc(header: Header, row: Format) -> bool:
    return row.iptc and _fits(header.iptc, row.max_iptc_bytes)


def _exif(header: Header, row: Format) -> bytes | None:
    if not row.exif:
        return None
    software = None
    if header.provenance is not None:
        software = f"srup {header.provenance.version}"
    block = exif.updated(header.exif, header.height, header.width, software)
    return block if _fits(block, row.max_exif_bytes) else None


def _xmp(header: Header, row: Format) -> tuple[bytes | None, bytes]:
    if not row.xmp:
        return None, b""
    packet = xmp.updated(header.xmp, header.height, header.width, header.provenance)
    if packet is None or row.max_xmp_bytes is None:
        return packet, b""
    try:
        return xmp.parts(packet, row.max_xmp_bytes)
    except ValueError:
        return None, b""


def _texts(header: Header) -> tuple[tuple[str, str], ...]:
    if header.provenance is None:
        return header.text
    return (*_others(header.text), (tag.KEYWORD, tag.text(header.provenance)))


def _others(text: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Leave out what srup wrote about itself."""
    return tuple(pair for pair in text if pair[0] != tag.KEYWORD)


def _fits(data: bytes | None, most: int | None) -> bool:
    return data is None or most is None or len(data) <= most


def _lost_pixels(header: Header, row: Format) -> list[str]:
    found = []
    if header.alpha and not row.alpha:
        found.append(
            f"{row.name} cannot hold transparency: what shows through becomes white"
        )
    elif header.alpha and not row.soft_alpha:
        found.append(
            f"{row.name} cannot hold partial transparency: "
            "pixels become opaque or transparent"
        )
    if row.colours is not None and header.channels > 1:
        found.append(f"{row.name} holds {row.colours} colours: others become similar")
    if header.channels == 4 and not row.cmyk:
        found.append(f"{row.name} cannot hold CMYK: it became RGB")
    bits = row.bits or row.depth
    if header.depth > bits:
        found.append(
            f"{row.name} holds {bits} bits per channel: {header.depth} were reduced"
        )
    return found


def _lost_facts(header: Header, row: Format) -> list[str]:
    kept = prepared(replace(header, provenance=None), row)
    found = []
    for name, noun in _NOUNS.items():
        value = _others(header.text) if name == "text" else getattr(header, name)
        if not value or getattr(kept, name):
            continue
        most = getattr(row, f"max_{name}_bytes", None)
        if most is not None and len(value) > most:
            reason = f"{row.name} cannot hold so much in {noun}"
        elif name == "icc" or not getattr(row, name):
            reason = f"{row.name} cannot hold {noun}"
        else:
            reason = f"{noun[0].upper()}{noun[1:]} is damaged"
        found.append(f"{reason}: {_CONSEQUENCES.get(name, 'it was left out')}")
    return found
