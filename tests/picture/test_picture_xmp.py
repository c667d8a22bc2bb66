"""What a packet says after srup, and that nothing else of it changes."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.picture import xmp
from sr_cli.picture.provenance import Provenance

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
MADE = Provenance("srgan", "ab" * 32, "1.2.3", 0.5, "--ensemble --faithful")

BEGIN = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'


def packet(description: str, *, about: str = "", more: str = "") -> bytes:
    return (
        BEGIN
        + f"""
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Someone's XMP 1.0">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about="{about}"
    xmlns:tiff="{TIFF}" xmlns:exif="{EXIF}" {description}
  </rdf:Description>{more}
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()
    )


def values(data: bytes, space: str, name: str) -> list[str]:
    """Find a property by ElementTree alone, as attribute or as element."""
    root = ElementTree.fromstring(data)
    full = f"{{{space}}}{name}"
    found = [e.attrib[full] for e in root.iter() if full in e.attrib]
    return found + [e.text or "" for e in root.iter(full)]


PHOTO = packet(
    'tiff:Orientation="6" tiff:ImageWidth="40" exif:PixelXDimension="40" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmp:MetadataDate="2024-05-06T07:08:09Z" xmlns:odd="urn:odd" odd:a="&lt;&#xA;">'
    "<tiff:ImageLength>30</tiff:ImageLength><!-- kept -->"
    "<exif:PixelYDimension>30</exif:PixelYDimension>"
    '<odd:b rdf:parseType="Resource"><tiff:Orientation>6</tiff:Orientation></odd:b>'
    "<odd:c><![CDATA[<&>]]></odd:c>"
)


class TestSize:
    def test_size_and_orientation_are_the_results(self) -> None:
        found = xmp.updated(PHOTO, 120, 160, None)
        assert found is not None
        assert values(found, TIFF, "ImageWidth") == ["160"]
        assert values(found, TIFF, "ImageLength") == ["120"]
        assert values(found, EXIF, "PixelXDimension") == ["160"]
        assert values(found, EXIF, "PixelYDimension") == ["120"]
        # The other one belongs to another picture.
        assert values(found, TIFF, "Orientation") == ["1", "6"]

    def test_the_rest_stays(self) -> None:
        found = xmp.updated(PHOTO, 120, 160, MADE)
        assert found is not None
        assert values(found, "urn:odd", "a") == ["<\n"]
        assert values(found, "urn:odd", "c") == ["<&>"]
        assert values(found, "http://ns.adobe.com/xap/1.0/", "MetadataDate") == [
            "2024-05-06T07:08:09Z"
        ]
        assert b"<!-- kept -->" in found
        for prefix in (b"tiff:", b"exif:", b"odd:", b"xmp:", b"x:xmptk=", b"rdf:RDF"):
            assert prefix in found
        assert b"ns0" not in found

    def test_nothing_is_added_that_was_not_said(self) -> None:
        found = xmp.updated(packet('tiff:Make="Maker">'), 120, 160, MADE)
        assert found is not None
        assert values(found, TIFF, "ImageWidth") == []
        assert values(found, TIFF, "Orientation") == []

    def test_what_is_right_stays_to_the_byte(self) -> None:
        right = packet('tiff:Orientation="1" tiff:ImageWidth="160">')
        assert xmp.updated(right, 120, 160, None) == right

    def test_a_thumbnail_goes(self) -> None:
        stale = packet(
            'xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
            "<xmp:Thumbnails><rdf:Alt><rdf:li>/9j/4AAQ</rdf:li></rdf:Alt>"
            "</xmp:Thumbnails>"
        )
        found = xmp.updated(stale, 120, 160, None)
        assert found is not None
        assert b"/9j/" not in found

    def test_prefixes_may_be_anything(self) -> None:
        odd = (
            f'<q:RDF xmlns:q="{RDF}"><q:Description q:about="" xmlns:z="{TIFF}"'
            ' z:Orientation="8"/></q:RDF>'
        ).encode()
        found = xmp.updated(odd, 120, 160, MADE)
        assert found is not None
        assert values(found, TIFF, "Orientation") == ["1"]
        assert xmp.provenance(found) == MADE

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_old_encodings_become_utf_8(self, encoding: str) -> None:
        text = packet('tiff:Orientation="6" tiff:Artist="日本">').decode()
        found = xmp.updated(text.encode(encoding), 120, 160, None)
        assert found is not None
        assert values(found, TIFF, "Artist") == ["日本"]

    def test_the_wrapper_is_as_specified(self) -> None:
        for before in (PHOTO, None):
            found = xmp.updated(before, 120, 160, MADE)
            assert found is not None
            assert found.startswith(BEGIN)
            assert found.endswith(b'<?xpacket end="w"?>')
            assert found.count(b"<?xpacket") == 2
            padding = found.rsplit(b"</x:xmpmeta>", 1)[1].rsplit(b"<?", 1)[0]
            assert padding.isspace()
            assert 2000 <= len(padding) <= 4000


class TestProvenance:
    @pytest.mark.parametrize(
        "made",
        [
            MADE,
            Provenance("srresnet", "cd" * 32, "0.1"),
            Provenance("hf:o/n", "", "9", 0.0, '--title "<&>\n日本"'),
        ],
    )
    @pytest.mark.parametrize("before", [None, PHOTO])
    def test_comes_back(self, before: bytes | None, made: Provenance) -> None:
        assert xmp.provenance(xmp.updated(before, 1, 1, made)) == made

    def test_nothing_without_a_packet(self) -> None:
        assert xmp.updated(None, 1, 1, None) is None
        assert xmp.provenance(None) is None
        assert xmp.provenance(PHOTO) is None

    def test_the_last_one_counts(self) -> None:
        once = xmp.updated(PHOTO, 120, 160, MADE)
        other = Provenance("srresnet", "cd" * 32, "2.0")
        twice = xmp.updated(once, 480, 640, other)
        assert twice is not None
        assert xmp.provenance(twice) == other
        assert twice.count(b"urn:srup") == 1
        assert b"srgan" not in twice
        # No other program's description has gone with it.
        assert values(twice, "urn:odd", "c") == ["<&>"]

    def test_untagged_results_keep_what_was_said(self) -> None:
        once = xmp.updated(PHOTO, 120, 160, MADE)
        assert xmp.provenance(xmp.updated(once, 480, 640, None)) == MADE

    def test_found_where_other_programs_put_it(self) -> None:
        merged = packet(
            'xmlns:s="urn:srup:provenance/1.0/" s:Strength="odd">'
            "<s:Model>srgan</s:Model><s:Version>1</s:Version>"
        )
        assert xmp.provenance(merged) == Provenance("srgan", "", "1")
        again = xmp.updated(merged, 1, 1, MADE)
        assert again is not None
        assert xmp.provenance(again) == MADE
        assert values(again, "urn:srup:provenance/1.0/", "Model") == ["srgan"]

    def test_describes_what_the_rest_describes(self) -> None:
        found = xmp.updated(packet(">", about="uuid:1"), 1, 1, MADE)
        assert found is not None
        assert values(found, RDF, "about") == ["uuid:1", "uuid:1"]


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
HOSTILE = {
    "empty": b"",
    "no XML": b"\xff\xd8\xff\xe0",
    "no RDF": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
    "cut off": PHOTO[: len(PHOTO) // 2],
    "junk behind": PHOTO + b"<more/>",
    "a billion laughs": (
        f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><x>&l9;</x>'.encode()
    ),
    "a file": b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
    "hidden in UTF-16": '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'.encode("utf-16"),
    "deep": b"<a>" * 10_000 + b"</a>" * 10_000,
    "broad": b"<a>" + b"<b/>" * 140_000 + b"</a>",
    "many attributes": b"<a " + b" ".join(b'a%d="1"' % i for i in range(140_000)),
    "huge": b"<a>" + b"x" * 2**26 + b"</a>",
    "an entity": PHOTO.replace(b"kept", b"k")
    .replace(b"[<&>]", b"[]")
    .replace(b"<odd:c>", b"<odd:c>&unknown;"),
    "broken UTF-8": PHOTO.replace(b"kept", b"\xff\xff"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_harm_is_dropped(name: str) -> None:
    assert xmp.updated(HOSTILE[name], 120, 160, None) is None
    assert xmp.provenance(HOSTILE[name]) is None
    found = xmp.updated(HOSTILE[name], 120, 160, MADE)
    assert found == xmp.updated(None, 120, 160, MADE)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_is_dropped_or_comes_out_well_formed(data: st.DataObject) -> None:
    damaged = bytearray(PHOTO)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(PHOTO) - 1))] = data.draw(
            st.integers(0, 255)
        )
    found = xmp.updated(bytes(damaged), 120, 160, MADE)
    assert found is not None
    assert xmp.provenance(found) == MADE


class TestParts:
    MOST = 3000

    def large(self) -> bytes:
        inner = "".join(f"<odd:e{i}>{'x' * (i * 100)}</odd:e{i}>" for i in range(20))
        plain = "".join(f' odd:a{i}="{"y" * (i * 100)}"' for i in range(10))
        second = f'<rdf:Description rdf:about="" xmlns:n="urn:n"><n:p>{"z" * 900}</n:p>'
        return packet(
            f'xmlns:odd="urn:odd" tiff:Make="Maker"{plain}>{inner}',
            more=second + "</rdf:Description>",
        )

    def test_short_packets_stay_whole(self) -> None:
        assert xmp.parts(PHOTO, 65_000) == (PHOTO, b"")

    def test_padding_goes_first(self) -> None:
        padded = xmp.updated(PHOTO, 120, 160, MADE)
        assert padded is not None
        short, rest = xmp.parts(padded, len(padded) - 1500)
        assert rest == b""
        assert len(short) < len(padded) - 1500
        assert xmp.provenance(short) == MADE

    def test_every_property_is_in_one_part(self) -> None:
        large = self.large()
        short, rest = xmp.parts(large, self.MOST)
        assert len(short) <= self.MOST
        (note,) = values(short, "http://ns.adobe.com/xmp/note/", "HasExtendedXMP")
        assert note == xmp.digest(rest)
        assert re.fullmatch("[0-9A-F]{32}", note)
        assert properties(short) | properties(rest) == properties(large)
        assert not properties(short) & properties(rest)
        assert (f"{{{TIFF}}}Make", "Maker") in properties(short)

    def test_what_is_too_long_all_the_same_is_refused(self) -> None:
        with pytest.raises(ValueError, match="too much XMP"):
            xmp.parts(self.large(), 300)
        with pytest.raises(ValueError, match="damaged XMP"):
            xmp.parts(b"<" * 5000, self.MOST)


def properties(data: bytes) -> set[tuple[str, str]]:
    found = set()
    for description in ElementTree.fromstring(data).iter(f"{{{RDF}}}Description"):
        found |= set(description.attrib.items())
        found |= {(child.tag, child.text or "") for child in description}
    about = {pair for pair in found if pair[0] == f"{{{RDF}}}about"}
    note = {pair for pair in found if pair[0].endswith("HasExtendedXMP")}
    return found - about - note
