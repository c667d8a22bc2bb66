"""What a file says beside its pixels."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from picture_files import chunk, plain_tiff, png, saved
from sr_cli.picture import Picture, read_bytes
from sr_cli.picture.decoders.photoshop import iptc_of
from sr_cli.picture.reading import described

RGB = np.random.default_rng(11).integers(0, 256, (16, 24, 3), dtype=np.uint8)
IPTC = b"\x1c\2\x78\0\5hello\x1c\2\x69\0\2hi"
RESOURCES = (
    b"8BIM\3\xed\0\0\0\0\0\x10" + bytes(16)  # the resolution
    + b"8BIM\4\4\3abc" + struct.pack(">L", len(IPTC)) + IPTC + b"\0"
)  # fmt: skip
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' dc:format="image/jpeg"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


def decoded(data: bytes, page: int | None = None) -> Picture:
    return read_bytes(data, "test", page)


def with_segments(*segments: tuple[int, bytes]) -> bytes:
    """Put segments in front of all others in a JPEG."""
    data = saved(RGB, "JPEG")
    found = b"".join(
        struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body
        for marker, body in segments
    )
    return data[:2] + found + data[2:]


class TestXmp:
    def in_jpeg(self) -> bytes:
        return with_segments((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP))

    def in_png(self) -> bytes:
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP
        return png(RGB, 8, after=chunk(b"iTXt", text))

    def in_png_compressed(self) -> bytes:
        text = b"XML:com.adobe.xmp\0\1\0en\0x\0" + zlib.compress(XMP)
        return png(RGB, 8, before=chunk(b"iTXt", text))

    def in_tiff(self) -> bytes:
        tags = {256: (3, [24]), 257: (3, [16]), 258: (3, [8, 8, 8]), 277: (3, [3])}
        tags |= {262: (3, [2]), 700: (1, list(XMP))}
        return plain_tiff(tags, RGB.tobytes())

    def in_webp(self) -> bytes:
        return saved(RGB, "WEBP", xmp=XMP)

    def in_avif(self) -> bytes:
        return saved(RGB, "AVIF", xmp=XMP)

    def in_gif(self) -> bytes:
        gif = saved(Image.fromarray(RGB).quantize(8), "GIF")
        at = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
        magic = b"\1" + bytes(range(255, -1, -1)) + b"\0"
        return gif[:at] + b"!\xff\x0bXMP DataXMP" + XMP + magic + gif[at:]

    @pytest.mark.parametrize(
        "kind", ["jpeg", "png", "png_compressed", "tiff", "webp", "avif", "gif"]
    )
    def test_is_kept_to_the_byte(self, kind: str) -> None:
        make: Callable[[], bytes] = getattr(self, f"in_{kind}")
        picture = decoded(make())
        assert picture.xmp == XMP
        assert picture.text == ()

    def split(self, *, lose: int = 0) -> bytes:
        identity = b"0123456789ABCDEF0123456789abcdef"
        said = b' xmpNote:HasExtendedXMP="' + identity + b'"'
        main = XMP.replace(b' dc:format="', said + b' dc:format="')
        main = main.replace(
            b" dc:format",
            b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" dc:format',
        )
        rest = (
            f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>'
            '<rdf:Description rdf:about="" xmlns:e="urn:e" e:long="'
            + "z" * 70_000
            + '"/></rdf:RDF></x:xmpmeta>'
        ).encode()
        pieces = [(at, rest[at : at + 60_000]) for at in range(0, len(rest), 60_000)]
        segments = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main)]
        for at, piece in reversed(pieces[: len(pieces) - lose]):
            head = identity + struct.pack(">LL", len(rest), at)
            body = b"http://ns.adobe.com/xmp/extension/\0" + head + piece
            segments.append((0xE1, body))
        return with_segments(*segments)

    def test_what_was_too_long_for_one_segment_is_joined(self) -> None:
        from xml.etree import ElementTree

        picture = decoded(self.split())
        assert picture.xmp is not None
        root = ElementTree.fromstring(picture.xmp)
        assert [len(value) for value in root.find(".//*[@{urn:e}long]").attrib.values()
                if len(value) > 9] == [70_000]  # fmt: skip
        assert root.find(".//*[@{http://purl.org/dc/elements/1.1/}format]") is not None
        assert b"HasExtendedXMP" not in picture.xmp
        assert picture.notes == ()

    def test_a_missing_piece_costs_that_part(self) -> None:
        picture = decoded(self.split(lose=1))
        assert picture.xmp is not None
        assert b"dc:format" in picture.xmp
        assert picture.notes == ("Part of the XMP data is damaged and was left out",)


class TestIptc:
    def test_in_jpeg(self) -> None:
        data = with_segments((0xED, b"Photoshop 3.0\0" + RESOURCES))
        assert decoded(data).iptc == IPTC

    def test_in_two_segments(self) -> None:
        at = len(RESOURCES) - 9
        first, second = RESOURCES[:at], RESOURCES[at:]
        segments = [(0xED, b"Photoshop 3.0\0" + part) for part in (first, second)]
        assert decoded(with_segments(*segments)).iptc == IPTC

    def tags(self) -> dict[int, tuple[int, list[int]]]:
        tags = {256: (3, [24]), 257: (3, [16]), 258: (3, [8, 8, 8]), 277: (3, [3])}
        return {**tags, 262: (3, [2])}

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_in_tiff(self, order: str) -> None:
        plain = plain_tiff({**self.tags(), 33_723: (1, list(IPTC))}, bytes(1152), order)
        assert decoded(plain).iptc == IPTC

    def test_in_tiff_as_numbers_turned_around(self) -> None:
        padded = IPTC.ljust(20, b"\0")
        numbers = struct.unpack("<5L", padded)
        tags = {**self.tags(), 33_723: (4, list(numbers))}
        assert decoded(plain_tiff(tags, bytes(1152), ">")).iptc == padded

    def test_in_tiff_among_resources(self) -> None:
        tags = {**self.tags(), 34_377: (1, list(RESOURCES))}
        assert decoded(plain_tiff(tags, bytes(1152))).iptc == IPTC

    def test_in_png_as_imagemagick_has_it(self) -> None:
        raw = b"\niptc\n%8d\n%s\n" % (len(IPTC), IPTC.hex().encode())
        text = b"Raw profile type iptc\0\0" + zlib.compress(raw)
        picture = decoded(png(RGB, 8, before=chunk(b"zTXt", text)))
        assert picture.iptc == IPTC
        assert picture.text == ()

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60), st.integers(0, len(RESOURCES)))
    def test_any_resources_are_survived(self, junk: bytes, at: int) -> None:
        found = iptc_of(RESOURCES[:at] + junk)
        assert found is None or isinstance(found, bytes)


class TestTexts:
    def test_of_every_kind_in_order(self) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_text("Title", "Süd")
        info.add_text("Comment", "long " * 99, zip=True)
        info.add_itxt("Author", "春", "zh", "作者", zip=True)
        info.add_text("Title", "again")
        picture = decoded(saved(RGB, "PNG", pnginfo=info))
        assert picture.text == (
            ("Title", "Süd"),
            ("Comment", "long " * 99),
            ("Author", "春"),
            ("Title", "again"),
        )

    def test_behind_the_pixels(self) -> None:
        data = png(RGB, 8, after=chunk(b"tEXt", b"Title\0late"))
        assert decoded(data).text == (("Title", "late"),)

    @pytest.mark.parametrize(
        "broken",
        [
            chunk(b"zTXt", b"Title\0\0" + b"junk"),
            chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(2**27))),
            chunk(b"iTXt", b"Title\0\1\0" + b"\xff"),
            chunk(b"iTXt", b"Title\0\0\0\0\0\xff\xfe"),
            chunk(b"tEXt", b"Raw profile type exif\0\nexif\n9\nzz"),
        ],
    )
    def test_broken_or_endless_ones_are_left_out(self, broken: bytes) -> None:
        picture = decoded(png(RGB, 8, before=broken))
        assert np.array_equal(picture.pixels, RGB)
        assert picture.text == ()
        assert picture.notes == (
            "Texts that are damaged or too long were left out",
        )  # fmt: skip


class TestProfile:
    LARGE = b"profile" * 300_000  # more than Pillow takes from a PNG

    def test_in_png(self) -> None:
        body = b"any name\0\0" + zlib.compress(self.LARGE)
        assert decoded(png(RGB, 8, before=chunk(b"iCCP", body))).icc == self.LARGE

    @pytest.mark.parametrize(
        "body", [b"name\0\0junk", b"name", b"name\0\0" + zlib.compress(bytes(2**27))]
    )
    def test_damaged_or_endless_in_png(self, body: bytes) -> None:
        picture = decoded(png(RGB, 8, before=chunk(b"iCCP", body)))
        assert np.array_equal(picture.pixels, RGB)
        assert picture.icc is None

    def test_in_jpeg_in_any_order(self) -> None:
        pieces = [
            self.LARGE[at : at + 65_000] for at in range(0, len(self.LARGE), 65_000)
        ]
        segments = [
            (0xE2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece)
            for number, piece in enumerate(pieces, 1)
        ]
        assert decoded(with_segments(*segments[::-1])).icc == self.LARGE
        picture = decoded(with_segments(*segments[:-1]))
        assert picture.icc is None
        assert picture.notes == ("The colour profile is damaged and was left out",)

    def test_in_gif(self) -> None:
        gif = saved(Image.fromarray(RGB).quantize(8), "GIF")
        at = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
        blocks = b"\xff" + b"p" * 255 + b"\3end\0"
        data = gif[:at] + b"!\xff\x0bICCRGBG1012" + blocks + gif[at:]
        assert decoded(data).icc == b"p" * 255 + b"end"

    @pytest.mark.parametrize(
        ("gamma", "note"), [(45_455, False), (45_000, False), (100_000, True)]
    )
    def test_another_gamma_is_said(self, gamma: int, note: bool) -> None:
        said = chunk(b"gAMA", struct.pack(">I", gamma))
        notes = decoded(png(RGB, 8, before=said)).notes
        assert bool(notes) is note
        assert decoded(png(RGB, 8, before=said + chunk(b"sRGB", b"\0"))).notes == ()

    @pytest.mark.parametrize(
        ("primaries", "curve", "note"), [(1, 13, False), (12, 13, True), (9, 16, True)]
    )
    def test_other_colours_named_by_number_are_said(
        self, primaries: int, curve: int, note: bool
    ) -> None:
        said = chunk(b"cICP", bytes([primaries, curve, 0, 1]))
        assert bool(decoded(png(RGB, 8, before=said)).notes) is note

    def test_in_avif_as_well(self) -> None:
        data = bytearray(saved(RGB, "AVIF"))
        assert decoded(bytes(data)).notes == ()
        struct.pack_into(">HH", data, data.index(b"nclx") + 4, 9, 16)
        (note,) = decoded(bytes(data)).notes
        assert "(primaries 9 and curve 16)" in note


class TestResolution:
    @pytest.mark.parametrize(
        ("unit", "numbers", "dpi"),
        [(1, (300, 150), (300, 150)), (2, (100, 50), (254, 127)), (0, (4, 3), None)],
    )
    def test_in_jpeg(
        self, unit: int, numbers: tuple[int, int], dpi: tuple[float, float] | None
    ) -> None:
        data = bytearray(saved(RGB, "JPEG"))
        struct.pack_into(">BHH", data, data.index(b"JFIF") + 7, unit, *numbers)
        assert decoded(bytes(data)).dpi == dpi

    @pytest.mark.parametrize("unit", [2, 3])
    def test_in_exif_where_nothing_else_says_it(self, unit: int) -> None:
        exif = Image.Exif()
        exif[282], exif[283], exif[296] = 100.0, 50.0, unit
        expected = (100, 50) if unit == 2 else (254, 127)
        assert decoded(saved(RGB, "WEBP", exif=exif)).dpi == expected

    def test_ratios_in_png_are_none(self) -> None:
        said = chunk(b"pHYs", struct.pack(">IIB", 3000, 3000, 0))
        assert decoded(png(RGB, 8, before=said)).dpi is None


class TestPages:
    COLOURS = ("red", "lime", "blue")

    def frames(self, kind: str) -> bytes:
        first, *rest = (Image.new("RGB", (16, 12), colour) for colour in self.COLOURS)
        options = {"lossless": True} if kind == "WEBP" else {}
        return saved(first, kind, save_all=True, append_images=rest, **options)

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
    @pytest.mark.parametrize("page", [1, 2, 3])
    def test_any_of_them(self, kind: str, page: int) -> None:
        picture = decoded(self.frames(kind), page)
        primaries = picture.pixels[3, 3] > 127
        assert primaries.tolist() == [page == 1, page == 2, page == 3]
        assert picture.notes == ()

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
    @pytest.mark.parametrize("page", [-1, 0, 4])
    def test_none_that_is_missing(self, kind: str, page: int) -> None:
        with pytest.raises(Exception, match=f"it has no page {page}, only 3 pages"):
            decoded(self.frames(kind), page)

    @pytest.mark.parametrize("kind", ["JPEG", "BMP", "PPM", "JPEG2000"])
    def test_one_has_one(self, kind: str) -> None:
        data = saved(RGB, kind)
        assert np.array_equal(decoded(data, 1).pixels, decoded(data).pixels)
        with pytest.raises(Exception, match="it has no page 2, only one"):
            decoded(data, 2)

    def test_smaller_copies_are_no_pages(self) -> None:
        stream = io.BytesIO()
        from PIL.TiffImagePlugin import ImageFileDirectory_v2

        reduced = ImageFileDirectory_v2()
        reduced[254] = 1
        thumbnail = Image.new("RGB", (4, 3))
        thumbnail.encoderinfo = {"tiffinfo": reduced}
        Image.fromarray(RGB).save(
            stream, "TIFF", save_all=True, append_images=[thumbnail]
        )
        picture = decoded(stream.getvalue())
        assert np.array_equal(picture.pixels, RGB)
        assert picture.notes == ()

    def test_each_has_its_own_depth(self) -> None:
        import tifffile

        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as writer:
            writer.write(RGB, photometric="rgb")
            writer.write(RGB.astype(np.uint16) * 257, photometric="rgb")
        assert decoded(stream.getvalue(), 1).header.depth == 8
        second = decoded(stream.getvalue(), 2)
        assert np.array_equal(second.pixels, RGB.astype(np.uint16) * 257)

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
    def test_described_without_a_note_about_them(self, kind: str) -> None:
        header, orientation = described(io.BytesIO(self.frames(kind)), "test")
        assert (header.height, header.width) == (12, 16)
        assert header.notes == ()
        assert orientation == 1


SRGB_PRIMARIES = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
ADOBE_PRIMARIES = (31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)


def test_other_primaries_are_said() -> None:
    usual, other = (
        chunk(b"cHRM", struct.pack(">8I", *primaries))
        for primaries in (SRGB_PRIMARIES, ADOBE_PRIMARIES)
    )
    assert decoded(png(RGB, 8, before=usual)).notes == ()
    assert decoded(png(RGB, 8, before=other)).notes == (
        "The picture names other primaries than sRGB's, which were left out",
    )
    # Which say it better, or otherwise.
    assert decoded(png(RGB, 8, before=other + chunk(b"sRGB", b"\0"))).notes == ()


class TestLongOnes:
    """They take time by their length: and not by its square, which is hours."""

    def test_xmp_that_begins_again_and_again(self) -> None:
        said = b' xmpNote:HasExtendedXMP="' + b"A" * 32 + b'"'
        packet = XMP.replace(b" dc:format", b" " * 10_000 + said)
        rest = b"<rdf:RDF>" * 100_000
        pieces = [
            b"http://ns.adobe.com/xmp/extension/\0"
            + b"A" * 32
            + struct.pack(">LL", len(rest), at)
            + rest[at : at + 60_000]
            for at in range(0, len(rest), 60_000)
        ]
        data = with_segments(
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet),
            *((0xE1, piece) for piece in pieces),
        )
        found = decoded(data)
        assert found.xmp == packet
        assert found.notes == ("Part of the XMP data is damaged and was left out",)

    def test_profile_in_many_blocks(self) -> None:
        profile = bytes(range(256)) * 40_000
        gif = saved(Image.fromarray(RGB).quantize(8), "GIF")
        at = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
        blocks = b"".join(
            bytes([len(block)]) + block
            for block in (profile[i : i + 255] for i in range(0, len(profile), 255))
        )
        data = gif[:at] + b"!\xff\x0bICCRGBG1012" + blocks + b"\0" + gif[at:]
        assert decoded(data).icc == profile
