"""XMP packets (XMP specification, part 1): what a result changes in them.

Everything that isn't about the picture's size or srup's own comes back as it was, with
its prefixes: some programs look for those instead of the namespaces.
"""

import re
from dataclasses import dataclass
from hashlib import md5
from operator import itemgetter
from xml.etree import ElementTree
from xml.parsers import expat

from sr_cli.picture import tag
from sr_cli.picture.provenance import Provenance

Element = ElementTree.Element
_Scope = dict[str, str]
"""Prefixes and the namespaces that they stand for."""
_Name = tuple[str, str]
"""A namespace, and what it calls something."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_SRUP = "urn:srup:provenance/1.0/"

_STALE = frozenset({(_XMP, "Thumbnails"), (_NOTE, "HasExtendedXMP")})
_ABOUT = frozenset({(_RDF, "about"), ("", "about")})
_EMPTY = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
)

_WRAPPER = re.compile(r"<\?xpacket\s.*?\?>", re.DOTALL)
_START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_STOP = '<?xpacket end="w"?>'
# As much as the specification recommends, for programs that change it in place
_PADDING = 20 * (" " * 99 + "\n")

_UTF_16 = {b"\xff\xfe": "", b"\xfe\xff": "", b"<\0": "-le", b"\0<": "-be"}

_NOTE_BYTES = 200
"""More than it takes to say that there is a second part."""

_MAX_BYTES = 2**26
_MAX_NODES = 2**17
_MAX_DEPTH = 100


class _UnusableError(Exception):
    """It is damaged, or made to do harm."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An element, and the prefixes that are known in it."""

    element: Element
    scope: _Scope

    @property
    def attributes(self) -> dict[str, _Name]:
        """The full names of the attributes, by those in the file."""
        names = [name for name in self.element.attrib if not _declares(name)]
        return {name: _full(name, self.scope) for name in names}

    @property
    def children(self) -> list[tuple["_Place", _Name]]:
        """The elements in it, and their full names."""
        found = []
        for child in self.element:
            if isinstance(child.tag, str):  # no comment
                place = _Place(child, {**self.scope, **_declared(child)})
                found.append((place, _full(child.tag, place.scope)))
        return found


def updated(
    packet: bytes | None, height: int, width: int, provenance: Provenance | None
) -> bytes | None:
    """Bring a packet up to date: upright, of this size, made by this.

    A packet without anything to change stays as it is, to the byte.

    Args:
        packet: as found; None if there is none.
        height: of the picture.
        width: of the picture.
        provenance: what made it; None leaves what an earlier one says.

    Returns:
        None if there is nothing to say, or no sense in `packet`.
    """
    if packet is None and provenance is None:
        return None
    try:
        root = _parsed(_EMPTY if packet is None else packet)
        rdf = _rdf(root)
    except _UnusableError:
        return updated(None, height, width, provenance)
    facts = {
        (_TIFF, "Orientation"): "1",
        (_TIFF, "ImageWidth"): str(width),
        (_TIFF, "ImageLength"): str(height),
        (_EXIF, "PixelXDimension"): str(width),
        (_EXIF, "PixelYDimension"): str(height),
    }
    changed = False
    for description in _descriptions(rdf):
        changed |= _set(description, facts)
        dropped = _drop(description, own=provenance is not None)
        changed |= dropped
        if dropped and _is_bare(description):
            rdf.element.remove(description.element)
    if provenance is not None:
        _add(rdf, "srup", _SRUP, tag.fields(provenance))
    elif not changed:
        return packet
    return "".join((_START, _serialised(root), "\n", _PADDING, _STOP)).encode()


def provenance(packet: bytes | None) -> Provenance | None:
    """Read what `updated` wrote, or None."""
    if packet is None:
        return None
    fields = {}
    try:
        for description in _descriptions(_rdf(_parsed(packet))):
            for name, (space, local) in description.attributes.items():
                if space == _SRUP:
                    fields[local] = description.element.attrib[name]
            for child, (space, local) in description.children:
                if space == _SRUP:
                    fields[local] = child.element.text or ""
    except _UnusableError:
        return None
    return tag.provenance(fields)


def parts(packet: bytes, most: int) -> tuple[bytes, bytes]:
    """Split a packet for JPEG, whose segments are short (XMP specification, part 3).

    Args:
        packet: as from `updated`.
        most: bytes that the first part may have.

    Returns:
        A packet, and the RDF of the largest properties, which had no place in it.

    Raises:
        ValueError: even without them the packet is too long, or it is damaged.
    """
    if len(packet) <= most:
        return packet, b""
    try:
        root = _parsed(packet)
        rdf = _rdf(root)
    except _UnusableError as error:
        msg = "damaged XMP"
        raise ValueError(msg) from error
    short = _unpadded(root)
    if len(short) <= most:
        return short, b""
    rest = _split_off(rdf, len(short) + _NOTE_BYTES - most)
    _add(rdf, "xmpNote", _NOTE, {"HasExtendedXMP": digest(rest)})
    short = _unpadded(root)
    if len(short) > most:
        msg = "too much XMP"
        raise ValueError(msg)
    return short, rest


def digest(rest: bytes) -> str:
    """Name the second part, as the first one does."""
    return md5(rest, usedforsecurity=False).hexdigest().upper()


def _parsed(packet: bytes) -> Element:
    """Build the tree of a packet, names and declarations as they are written.

    Raises:
        _UnusableError: it is no XML, has a DOCTYPE, or is larger than any honest one.
    """
    if len(packet) > _MAX_BYTES:
        raise _UnusableError
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    depth = nodes = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, nodes
        depth += 1
        nodes += 1 + len(attributes)
        if depth > _MAX_DEPTH or nodes > _MAX_NODES:
            raise _UnusableError
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: object) -> None:
        raise _UnusableError

    # Not ElementTree's parser: it forgets prefixes, and takes a DOCTYPE.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.CommentHandler = builder.comment
    parser.ProcessingInstructionHandler = builder.pi
    parser.StartDoctypeDeclHandler = refuse
    try:
        text = _WRAPPER.sub("", _decoded(packet)).strip("\ufeff\0 \t\r\n")
        parser.Parse(text.encode(), True)
        return builder.close()
    except (expat.ExpatError, UnicodeError) as error:
        raise _UnusableError from error


def _decoded(packet: bytes) -> str:
    """Find out the encoding, which is UTF-8 except in some old TIFF files."""
    order = _UTF_16.get(packet[:2])
    return packet.decode("utf-8" if order is None else f"utf-16{order}")


def _serialised(root: Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def _unpadded(root: Element) -> bytes:
    return "".join((_START, _serialised(root), "\n", _STOP)).encode()


def _declares(name: str) -> bool:
    return name == "xmlns" or name.startswith("xmlns:")


def _declared(element: Element) -> _Scope:
    """Return the prefixes that an element declares."""
    items = element.attrib.items()
    return {name[6:]: space for name, space in items if _declares(name)}


def _full(name: str, scope: _Scope) -> _Name:
    prefix, _, local = name.rpartition(":")
    return scope.get(prefix, ""), local


def _rdf(root: Element) -> _Place:
    """Find what all the rest is in.

    Raises:
        _UnusableError: there is none.
    """
    top = _Place(root, _declared(root))
    candidates = [(top, _full(root.tag, top.scope)), *top.children]
    for place, name in candidates:
        if name == (_RDF, "RDF"):
            return place
    raise _UnusableError


def _descriptions(rdf: _Place) -> list[_Place]:
    """Return the elements whose attributes and children are properties."""
    return [place for place, name in rdf.children if name == (_RDF, "Description")]


def _set(description: _Place, facts: dict[_Name, str]) -> bool:
    """Correct the properties that are there; tell whether any was wrong."""
    attributes, wrong = description.element.attrib, False
    for name, full in description.attributes.items():
        if full in facts and attributes[name] != facts[full]:
            attributes[name], wrong = facts[full], True
    for child, full in description.children:
        if full in facts and child.element.text != facts[full]:
            child.element.text, wrong = facts[full], True
    return wrong


def _drop(description: _Place, *, own: bool) -> bool:
    """Leave out what is stale, and perhaps srup's own; tell whether there was any."""

    def unwanted(name: _Name) -> bool:
        return name in _STALE or (own and name[0] == _SRUP)

    attributes = [n for n, full in description.attributes.items() if unwanted(full)]
    children = [child for child, full in description.children if unwanted(full)]
    for name in attributes:
        del description.element.attrib[name]
    for child in children:
        description.element.remove(child.element)
    return bool(attributes or children)


def _is_bare(description: _Place) -> bool:
    """Tell whether nothing is described."""
    names = set(description.attributes.values())
    return not len(description.element) and names <= _ABOUT


def _add(rdf: _Place, prefix: str, space: str, properties: dict[str, str]) -> None:
    """Describe more of what is described already."""
    lead = rdf.element.tag.removesuffix("RDF")
    about = [
        description.element.attrib[name]
        for description in _descriptions(rdf)
        for name, full in description.attributes.items()
        if full in _ABOUT
    ]
    element = ElementTree.SubElement(rdf.element, f"{lead}Description")
    element.set(f"{lead}about", about[0] if about else "")
    element.set(f"xmlns:{prefix}", space)
    for name, value in properties.items():
        element.set(f"{prefix}:{name}", value)


def _split_off(rdf: _Place, excess: int) -> bytes:
    """Take the largest properties out, of `excess` bytes or more; return their RDF."""
    pieces: list[tuple[int, _Place, str | Element]] = []
    for description in _descriptions(rdf):
        for name, full in description.attributes.items():
            if full not in _ABOUT:
                size = len(description.element.attrib[name].encode())
                pieces.append((size, description, name))
        for child, _ in description.children:
            size = len(_serialised(child.element).encode())
            pieces.append((size, description, child.element))
    more = _declaring(rdf)
    twins: dict[Element, Element] = {}
    for size, description, piece in sorted(pieces, key=itemgetter(0), reverse=True):
        if excess <= 0:
            break
        excess -= size
        element = description.element
        if element not in twins:
            twins[element] = _declaring(description)
            more.append(twins[element])
        if isinstance(piece, str):
            twins[element].set(piece, element.attrib.pop(piece))
        else:
            element.remove(piece)
            twins[element].append(piece)
    return _serialised(more).encode()


def _declaring(place: _Place) -> Element:
    """Make an element of the same name, with the prefixes that are known there."""
    prefixes = place.scope.items()
    declared = {f"xmlns:{prefix}".strip(":"): space for prefix, space in prefixes}
    about = {
        name: place.element.attrib[name]
        for name, full in place.attributes.items()
        if full in _ABOUT
    }
    return Element(place.element.tag, declared | about)
