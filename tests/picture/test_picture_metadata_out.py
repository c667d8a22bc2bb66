"""Facts that come out of a file as they went in, or are said to be lost."""

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, IptcImagePlugin

from made_pictures import NAMES, waves
from sr_cli.picture import (
    Header,
    Picture,
    encode,
    encoding_into,
    format_named,
    found_provenance,
    losses,
    open_sink,
    stripped,
    tag,
    xmp,
)
from sr_cli.picture.encoders import jpeg2000, photoshop
from sr_cli.picture.encoders.boxes import boxes
from sr_cli.picture.metadata import Metadata, prepared
from sr_cli.picture.provenance import Provenance

Tag = ExifTags.Base
MADE = Provenance("srgan", "ab" * 32, "1.2.3", 0.5, "--ensemble")
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
IPTC = b"\x1c\x02\x05\x00\x05Title\x1c\x02\x19\x00\x03key"
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="'
    b'http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"'
    b' tiff:ImageWidth="13" tiff:Artist="Ada \xe6\x97\xa5"/></rdf:RDF></x:xmpmeta>'
)
TEXT = (("Title", "Grüße"), ("Comment", "日本"), ("Title", "again"), ("a" * 79, ""))


def camera() -> bytes:
    block = Image.Exif()
    block[Tag.Make] = "Maker"
    block[Tag.Orientation] = 1
    details = block.get_ifd(ExifTags.IFD.Exif)
    details[Tag.ExifImageWidth] = 9
    details[Tag.MakerNote] = b"opaque"
    details[ExifTags.IFD.Interop] = {1: "R98"}
    block.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    return block.tobytes()


WAVES = waves(3, False, 8)
EVERYTHING = Picture(
    WAVES.pixels,
    icc=ICC,
    exif=camera(),
    xmp=PACKET,
    iptc=IPTC,
    text=TEXT,
    dpi=(300.0, 150.0),
)


def written(name: str, header: Header = EVERYTHING.header) -> bytes:
    stream = io.BytesIO()
    with encoding_into(stream, header, name) as sink:
        sink.write(EVERYTHING.pixels)
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    im = Image.open(io.BytesIO(data))
    im.load()
    return im


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Take a PNG file apart."""
    found, at = [], 8
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Take what is before the pixels of a JPEG file apart."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + size]))
        at += 2 + size
    return found


def unpacked(data: bytes) -> dict[bytes, bytes]:
    """Take a file of boxes apart; a UUID stands for its box."""
    found = {}
    for kind, whole in boxes(data):
        if kind == b"uuid":
            found[whole[8:24]] = whole[24:]
        else:
            found[kind] = whole[8:]
    return found


def profile(name: str, data: bytes) -> bytes | None:
    if name == "JPEG2000":
        header = dict(boxes(unpacked(data)[b"jp2h"]))
        return header[b"colr"][8 + 3 :]
    if name == "HEIC":
        import pillow_heif

        return pillow_heif.open_heif(io.BytesIO(data)).info["icc_profile"]
    return opened(data).info.get("icc_profile")


def exif_block(name: str, data: bytes) -> bytes:
    if name == "JPEG2000":
        return b"Exif\0\0" + unpacked(data)[b"JpgTiffExif->JP2"]
    if name == "JXL":
        return b"Exif\0\0" + unpacked(data)[b"Exif"][4:]
    if name == "HEIC":
        import pillow_heif

        return pillow_heif.open_heif(io.BytesIO(data)).info["exif"]
    if name == "TIFF":
        return opened(data).getexif().tobytes()
    return opened(data).info["exif"]


def packet(name: str, data: bytes) -> bytes:
    if name == "JPEG2000":
        return unpacked(data)[bytes.fromhex("be7acfcb97a942e89c71999491e3afac")]
    if name == "JXL":
        return unpacked(data)[b"xml "]
    if name == "HEIC":
        import pillow_heif

        return pillow_heif.open_heif(io.BytesIO(data)).info["xmp"]
    if name == "GIF":
        start = data.index(b"XMP DataXMP") + 11
        return data[start : data.index(b"\1\xff\xfe", start)]
    return opened(data).info["xmp"]


def holding(fact: str) -> list[str]:
    return [name for name in NAMES if getattr(format_named(name), fact)]


class TestEveryFormat:
    # libjxl describes a profile anew when it is lossy.
    @pytest.mark.parametrize("name", [n for n in holding("icc") if n != "JXL"])
    def test_profile_is_kept_to_the_byte(self, name: str) -> None:
        assert profile(name, written(name)) == ICC

    def test_profile_of_a_lossless_jpeg_xl(self, tmp_path: Path) -> None:
        from OpenImageIO import ImageInput

        path = tmp_path / "a.jxl"
        path.write_bytes(encode(EVERYTHING, "jxl", 100))
        found = ImageInput.open(str(path)).spec().getattribute("ICCProfile")
        assert bytes(found) == ICC

    @pytest.mark.parametrize("name", holding("exif"))
    def test_exif_is_kept_and_of_this_size(self, name: str) -> None:
        block = Image.Exif()
        block.load(exif_block(name, written(name)))
        assert block[Tag.Make] == "Maker"
        assert block.get(Tag.Orientation, 1) == 1
        assert Tag.Software not in block
        details = block.get_ifd(ExifTags.IFD.Exif)
        assert details[Tag.ExifImageWidth] == 52
        assert details[Tag.MakerNote] == b"opaque"
        assert block.get_ifd(ExifTags.IFD.Interop) == {1: "R98"}
        assert block.get_ifd(ExifTags.IFD.GPSInfo) == {1: "N"}

    @pytest.mark.parametrize("name", holding("xmp"))
    def test_xmp_is_kept_upright_and_of_this_size(self, name: str) -> None:
        found = packet(name, written(name))
        assert "Ada 日".encode() in found
        assert b'tiff:Orientation="1"' in found
        assert b'tiff:ImageWidth="52"' in found
        assert b"srup" not in found

    @pytest.mark.parametrize("name", holding("dpi"))
    def test_dots_per_inch(self, name: str) -> None:
        found = opened(written(name)).info["dpi"]
        assert [round(float(value), 2) for value in found] == [
            pytest.approx(300, abs=0.02),
            pytest.approx(150, abs=0.02),
        ]

    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_comes_of_nothing(self, name: str) -> None:
        plain = written(name, WAVES.header)
        for mark in (b"Exif", b"xmpmeta", b"8BIM", b"ICC_PROFILE", b"srup", b"iCCP"):
            assert mark not in plain

    @pytest.mark.parametrize("name", NAMES)
    def test_rows_and_pictures_become_the_same_file(
        self, tmp_path: Path, name: str
    ) -> None:
        path = tmp_path / "out"
        with open_sink(path, EVERYTHING.header, format=name) as sink:
            for top in range(0, EVERYTHING.height, 7):
                sink.write(EVERYTHING.pixels[top : top + 7])
        assert path.read_bytes() == encode(EVERYTHING, name)


class TestGrayProfiles:
    GRAY = ICC[:16] + b"GRAY" + ICC[20:]

    @pytest.mark.parametrize(
        ("name", "alpha", "kept"),
        [
            ("PNG", True, True),
            ("JPEG", True, True),  # becomes gray without alpha
            ("AVIF", False, True),
            ("AVIF", True, False),
            ("WEBP", False, False),
        ],
    )
    def test_are_not_for_rgb(self, name: str, alpha: bool, kept: bool) -> None:
        made = waves(1, alpha, 8)
        picture = Picture(made.pixels, made.alpha, icc=self.GRAY)
        found = opened(encode(picture, name)).info.get("icc_profile")
        assert found == (self.GRAY if kept else None)
        said = f"{name} cannot hold the colour profile: colours may look different"
        assert (said in losses(picture, name)) != kept


class TestIptc:
    def test_jpeg(self) -> None:
        im = opened(written("JPEG"))
        assert IptcImagePlugin.getiptcinfo(im) == {(2, 5): b"Title", (2, 25): b"key"}

    def test_tiff(self) -> None:
        im = opened(written("TIFF"))
        assert im.tag_v2[33723] == IPTC

    def test_png_has_it_where_imagemagick_puts_it(self) -> None:
        texts = [data for kind, data in chunks(written("PNG")) if kind == b"zTXt"]
        keyword, rest = texts[0].split(b"\0", 1)
        assert keyword == b"Raw profile type iptc"
        _, name, length, *lines = zlib.decompress(rest[1:]).decode().split("\n")
        assert name == "iptc"
        found = bytes.fromhex("".join(lines))
        assert len(found) == int(length)
        assert found == photoshop.resources(IPTC)

    def test_jpeg_2000(self) -> None:
        box = unpacked(written("JPEG2000"))
        assert box[bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")] == IPTC

    @given(st.binary(min_size=1, max_size=9))
    def test_resources_have_even_lengths(self, data: bytes) -> None:
        found = photoshop.resources(data)
        assert len(found) % 2 == 0
        assert found[:8] == b"8BIM\x04\x04\0\0"
        assert int.from_bytes(found[8:12], "big") == len(data)
        assert found[12:].rstrip(b"\0") == data.rstrip(b"\0")


class TestPng:
    def test_texts_keep_their_order_and_letters(self) -> None:
        found = [
            data
            for kind, data in chunks(written("PNG"))
            if kind in (b"tEXt", b"iTXt") and b"adobe" not in data
        ]
        assert found == [
            "Title\0Grüße".encode("latin-1"),
            b"Comment\0\0\0\0\0" + "日本".encode(),
            b"Title\0again",
            b"a" * 79 + b"\0",
        ]
        im = opened(written("PNG"))
        assert im.text["Title"] == "again"
        assert im.text["Comment"] == "日本"

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(st.text(max_size=90), st.text(max_size=40)), max_size=4))
    def test_any_text_makes_a_sound_file(self, pairs: list[tuple[str, str]]) -> None:
        header = replace(WAVES.header, text=tuple(pairs))
        im = opened(written("PNG", header))
        assert im.size == (52, 44)
        keywords = [keyword for keyword, _ in pairs]
        for keyword, text in pairs:
            usable = 0 < len(keyword) < 80 and keyword.isascii()
            if usable and keywords.count(keyword) == 1 and "\0" not in keyword + text:
                assert im.text.get(keyword) == text

    def test_facts_come_before_the_pixels(self) -> None:
        kinds = [kind for kind, _ in chunks(written("PNG"))]
        facts = {b"iCCP", b"pHYs", b"tEXt", b"iTXt", b"zTXt", b"eXIf"}
        assert facts <= set(kinds[: kinds.index(b"IDAT")])
        assert kinds[0] == b"IHDR"
        assert kinds[-1] == b"IEND"


class TestJpeg:
    def test_profiles_longer_than_a_segment(self) -> None:
        icc = ICC + bytes(range(256)) * 800
        data = written("JPEG", replace(EVERYTHING.header, icc=icc))
        assert opened(data).info["icc_profile"] == icc
        pieces = [data for marker, data in segments(data) if marker == 0xE2]
        assert [piece[12:14] for piece in pieces] == [
            b"\1\4",
            b"\2\4",
            b"\3\4",
            b"\4\4",
        ]

    def test_a_profile_longer_than_255_segments(self) -> None:
        header = replace(EVERYTHING.header, icc=ICC + bytes(255 * 65_519))
        assert "icc_profile" not in opened(written("JPEG", header)).info
        (sentence,) = losses(replace(header, text=()), "JPEG")
        assert sentence.startswith("JPEG cannot hold so much in the colour profile")

    def test_segments_are_in_the_usual_order(self) -> None:
        found = segments(written("JPEG"))
        assert [marker for marker, _ in found[:5]] == [0xE0, 0xE1, 0xE1, 0xED, 0xE2]
        assert found[0][1].startswith(b"JFIF\0")
        assert found[1][1].startswith(b"Exif\0\0")
        assert [marker for marker, _ in found].count(0xE0) == 1

    def test_cmyk_has_its_dots_per_inch(self) -> None:
        picture = replace(waves(4, False, 8), dpi=(300.0, 150.0))
        assert opened(encode(picture, "JPEG")).info["dpi"] == (300, 150)

    @pytest.mark.parametrize("dpi", [(0.1, 0.3), (65_535.9, 1.0)])
    def test_odd_dots_per_inch(self, dpi: tuple[float, float]) -> None:
        data = encode(replace(EVERYTHING, dpi=dpi), "JPEG")
        expected = tuple(min(max(round(value), 1), 65_535) for value in dpi)
        assert opened(data).info["jfif_density"] == expected

    def test_a_packet_longer_than_a_segment(self) -> None:
        extra = b"<tiff:Make>" + b"x" * 200_000 + b"</tiff:Make>"
        long = PACKET.replace(b'"/></rdf', b'">' + extra + b"</rdf:Description></rdf")
        header = replace(EVERYTHING.header, xmp=long, provenance=MADE)
        assert losses(replace(header, text=()), "JPEG") == ()
        data = written("JPEG", header)
        first, *rest = [
            content
            for marker, content in segments(data)
            if marker == 0xE1 and content.startswith(b"http://ns.adobe.com/")
        ]
        head, short = first.split(b"\0", 1)
        assert head == b"http://ns.adobe.com/xap/1.0/"
        assert xmp.provenance(short) == MADE
        found, whole = b"", 0
        for content in rest:
            head, piece = content.split(b"\0", 1)
            assert head == b"http://ns.adobe.com/xmp/extension/"
            assert piece[:32] in short
            whole, at = struct.unpack_from(">LL", piece, 32)
            assert at == len(found)
            found += piece[40:]
        assert len(found) == whole > 200_000
        assert extra in found
        assert xmp.digest(found).encode() in short

    def test_a_packet_that_cannot_be_split(self) -> None:
        about = PACKET.replace(b'about=""', b'about="%s"' % (b"x" * 70_000))
        header = replace(WAVES.header, xmp=about)
        assert losses(header, "JPEG") == (
            "JPEG cannot hold so much in the XMP data: it was left out",
        )
        assert "xmp" not in opened(written("JPEG", header)).info

    @pytest.mark.parametrize("fact", ["exif", "iptc"])
    def test_facts_longer_than_a_segment(self, fact: str) -> None:
        long = IPTC + bytes(65_506 - len(IPTC))
        if fact == "exif":
            block = Image.Exif()
            block[Tag.ImageDescription] = "x" * 65_480
            long = block.tobytes()
            long += bytes(65_533 - len(long))
        fitting = replace(WAVES.header, **{fact: long})
        assert losses(fitting, "JPEG") == ()
        im = opened(written("JPEG", fitting))
        held = {
            "exif": im.info.get("exif"),
            "iptc": im.info.get("photoshop", {}).get(1028),
        }
        assert held[fact] == long
        header = replace(WAVES.header, **{fact: long + b"\0"})
        (sentence,) = losses(header, "JPEG")
        assert sentence.startswith(f"JPEG cannot hold so much in the {fact.upper()}")
        assert losses(header, "PNG") == ()
        assert opened(written("JPEG", header)).size == (52, 44)


class TestJpeg2000:
    def test_boxes_are_in_order(self) -> None:
        kinds = [kind for kind, _ in boxes(written("JPEG2000"))]
        assert kinds == [b"jP  ", b"ftyp", b"jp2h", b"uuid", b"uuid", b"uuid", b"jp2c"]

    @pytest.mark.parametrize("dpi", [1.0, 72.0, 300.0, 2400.0, 30_000.0])
    def test_dots_per_inch(self, dpi: float) -> None:
        data = encode(replace(EVERYTHING, dpi=(dpi, 2 * dpi)), "JPEG2000")
        assert opened(data).info["dpi"] == pytest.approx((dpi, 2 * dpi), rel=1e-4)

    def test_gray_and_alpha_are_said(self) -> None:
        metadata = Metadata()
        samples = waves(1, True, 16)
        rows = np.dstack([samples.pixels, samples.alpha])
        data = jpeg2000.encode(rows, samples.header, metadata, {})
        header = dict(boxes(unpacked(data)[b"jp2h"]))
        assert header[b"ihdr"][8:] == struct.pack(">LLHBBBB", 44, 52, 2, 15, 7, 0, 0)
        assert header[b"colr"][8:] == b"\1\0\0" + struct.pack(">L", 17)
        assert header[b"cdef"][8:] == struct.pack(">HHHHHHH", 2, 0, 0, 1, 1, 1, 0)


class TestProvenance:
    @pytest.mark.parametrize("name", holding("xmp"))
    def test_in_xmp(self, name: str) -> None:
        for header in (WAVES.header, EVERYTHING.header):
            data = written(name, replace(header, provenance=MADE))
            assert xmp.provenance(packet(name, data)) == MADE

    @pytest.mark.parametrize("name", holding("exif"))
    def test_exif_names_the_software_only_where_nothing_is_named(
        self, name: str
    ) -> None:
        block = Image.Exif()
        data = written(name, replace(WAVES.header, provenance=MADE))
        block.load(exif_block(name, data))
        assert dict(block)[Tag.Software] == "srup 1.2.3"
        block = Image.Exif()
        block[Tag.Software] = "Camera 1.0"
        header = replace(WAVES.header, exif=block.tobytes(), provenance=MADE)
        block.load(exif_block(name, written(name, header)))
        assert block[Tag.Software] == "Camera 1.0"

    def test_in_png_texts_once(self) -> None:
        old = (*TEXT, (tag.KEYWORD, "old"))
        header = replace(EVERYTHING.header, text=old, provenance=MADE)
        im = opened(written("PNG", header))
        assert tag.from_text(im.text["srup"]) == MADE
        texts = [
            data for kind, data in chunks(written("PNG", header)) if kind == b"tEXt"
        ]
        assert sum(data.startswith(b"srup\0") for data in texts) == 1

    def test_is_found_in_headers(self) -> None:
        assert found_provenance(EVERYTHING.header) is None
        packet = xmp.updated(PACKET, 1, 1, MADE)
        assert found_provenance(replace(WAVES.header, xmp=packet)) == MADE
        texts = (*TEXT, ("srup", "no JSON"), ("srup", tag.text(MADE)))
        assert found_provenance(replace(WAVES.header, text=texts)) == MADE
        other = Provenance("srresnet", "cd" * 32, "2")
        both = replace(WAVES.header, xmp=packet, text=(("srup", tag.text(other)),))
        assert found_provenance(both) == MADE

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '"x"', "{}", '{"Model": 5}', "[" * 100_000]
    )
    def test_nonsense_is_not_found(self, text: str) -> None:
        assert found_provenance(replace(WAVES.header, text=(("srup", text),))) is None

    def test_untagged_results_do_not_lie(self) -> None:
        tagged = xmp.updated(PACKET, 1, 1, MADE)
        header = replace(WAVES.header, xmp=tagged, text=(("srup", tag.text(MADE)),))
        data = written("PNG", header)
        assert xmp.provenance(packet("PNG", data)) == MADE
        assert tag.from_text(opened(data).text["srup"]) == MADE


class TestStripped:
    def test_what_pixels_need_stays(self) -> None:
        found = stripped(replace(EVERYTHING.header, provenance=MADE))
        expected = replace(WAVES.header, icc=ICC, dpi=EVERYTHING.dpi, provenance=MADE)
        assert found == expected

    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_of_the_rest_is_in_a_file(self, name: str) -> None:
        data = written(name, stripped(EVERYTHING.header))
        for secret in (b"Maker", b"Ada", b"opaque", b"Title", b"Gr\xfc\xdfe", b"key"):
            assert secret not in data


class TestLosses:
    @pytest.mark.parametrize("name", NAMES)
    def test_said_just_where_something_is_missing(self, name: str) -> None:
        row = format_named(name)
        header = replace(EVERYTHING.header, alpha=True, depth=16)
        found = " ".join(losses(header, name))
        nouns = {
            "the colour profile": row.icc,
            "the EXIF data": row.exif,
            "the XMP data": row.xmp,
            "the IPTC data": row.iptc,
            "the texts": row.text,
            "transparency": row.alpha and row.soft_alpha,
            "bits per channel": row.depth == 16 and row.bits is None,
            "256 colours": row.colours is None,
        }
        for noun, held in nouns.items():
            assert (noun in found) != held, noun

    def test_png_loses_nothing(self) -> None:
        header = replace(EVERYTHING.header, alpha=True, depth=16, provenance=MADE)
        assert losses(header, "PNG") == ()

    @pytest.mark.parametrize("name", NAMES)
    def test_plain_pictures_lose_nothing(self, name: str) -> None:
        expected = ()
        if name == "GIF":
            expected = ("GIF holds 256 colours: others become similar",)
        assert losses(WAVES, name) == expected
        assert losses(waves(1, False, 8), name) == ()

    def test_sentences(self) -> None:
        cases = {
            "jpg": (
                Header(4, 4, 3, depth=16),
                "JPEG holds 8 bits per channel: 16 were",
            ),
            "heic": (Header(4, 4, 3, depth=16), "HEIC holds 10 bits per channel: 16"),
            "png": (Header(4, 4, 4), "PNG cannot hold CMYK: it became RGB"),
            "gif": (
                Header(4, 4, 1, alpha=True),
                "GIF cannot hold partial transparency",
            ),
            "bmp": (Header(4, 4, 3, alpha=True), "BMP cannot hold transparency: what"),
        }
        for name, (header, start) in cases.items():
            (sentence,) = losses(header, name)
            assert sentence.startswith(start)
            assert not sentence.endswith(".")

    @pytest.mark.parametrize("fact", ["exif", "xmp"])
    def test_damage_is_not_the_formats_fault(self, fact: str) -> None:
        header = replace(WAVES.header, provenance=MADE, **{fact: b"<damaged"})
        assert losses(header, "PNG") == (
            f"The {fact.upper()} data is damaged: it was left out",
        )
        assert opened(written("PNG", header)).size == (52, 44)

    def test_told_from_the_header(self) -> None:
        for name in NAMES:
            assert losses(EVERYTHING.header, name) == losses(EVERYTHING, name)


def test_facts_are_made_ready_for_one_format() -> None:
    found = prepared(EVERYTHING.header, format_named("ppm"))
    assert found == Metadata()
