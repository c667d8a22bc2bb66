"""EXIF after srup: what describes the new file is new, and no other byte moves."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from made_pictures import on_white, waves
from sr_cli.picture import Header, Picture, encode, encoding_into
from sr_cli.picture.encoders import exif

Tag = ExifTags.Base
PREFIX = b"Exif\0\0"


def jpeg(colour: str, side: int = 40) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, "JPEG")
    return stream.getvalue()


STALE = jpeg("red")


def camera(order: str = "<", *, thumbnail: bytes = STALE, behind: bytes = b"") -> bytes:
    """Lay EXIF out as cameras do: a maker's note amid it, the thumbnail last."""

    def pack(kinds: str, *numbers: int) -> bytes:
        return struct.pack(order + kinds, *numbers)

    def short(tag: int, value: int) -> bytes:
        return pack("HHLH2x", tag, 3, 1, value)

    def long(tag: int, value: int) -> bytes:
        return pack("HHLL", tag, 4, 1, value)

    zeroth_at, details_at, note_at, first_at, thumbnail_at = 8, 100, 200, 400, 500
    zeroth = pack("H", 4) + pack("HHL4s", Tag.Make, 2, 4, *[b"Ada\0"])
    zeroth += short(Tag.Orientation, 6) + pack("HHLL", Tag.Artist, 2, 12, 80)
    zeroth += long(Tag.ExifOffset, details_at) + pack("L", first_at if thumbnail else 0)
    details = pack("H", 3) + pack("HHLL", Tag.MakerNote, 7, 64, note_at)
    details += short(Tag.ExifImageWidth, 40) + long(Tag.ExifImageHeight, 30)
    details += bytes(4)
    first = pack("H", 3) + short(Tag.Compression, 6)
    first += long(Tag.JpegIFOffset, thumbnail_at)
    first += long(Tag.JpegIFByteCount, len(thumbnail)) + bytes(4)
    block = bytearray(thumbnail_at)
    block[:8] = (b"II*\0" if order == "<" else b"MM\0*") + pack("L", zeroth_at)
    block[zeroth_at : zeroth_at + len(zeroth)] = zeroth
    block[80:92] = b"Ada Lovelace"
    block[details_at : details_at + len(details)] = details
    block[note_at : note_at + 64] = bytes(range(100, 164))
    if thumbnail:
        block[first_at : first_at + len(first)] = first
    return PREFIX + bytes(block) + thumbnail + behind


def parsed(raw: bytes | None) -> Image.Exif:
    assert raw is not None
    found = Image.Exif()
    found.load(raw)
    return found


def tags(raw: bytes, order: str) -> list[int]:
    """List the first directory's tags as they stand in it."""
    block = raw.removeprefix(PREFIX)
    (at,) = struct.unpack_from(f"{order}L", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, at)
    places = range(at + 2, at + 2 + 12 * count, 12)
    return [struct.unpack_from(f"{order}H", block, place)[0] for place in places]


def thumbnail_of(raw: bytes) -> bytes | None:
    """Find it by Pillow's reading of the second directory."""
    first = parsed(raw).get_ifd(ExifTags.IFD.IFD1)
    if not first:
        return None
    at, size = first[Tag.JpegIFOffset], first[Tag.JpegIFByteCount]
    return raw.removeprefix(PREFIX)[at : at + size]


@pytest.mark.parametrize("order", ["<", ">"])
class TestUpdated:
    def test_size_and_orientation_are_the_results(self, order: str) -> None:
        found = parsed(exif.updated(camera(order), 70_000, 160, None))
        assert found[Tag.Orientation] == 1
        details = found.get_ifd(ExifTags.IFD.Exif)
        assert details[Tag.ExifImageWidth] == 160
        assert details[Tag.ExifImageHeight] == 70_000

    def test_no_value_moves(self, order: str) -> None:
        before = camera(order)
        found = exif.updated(before, 120, 160, "srup 1.2.3")
        assert found is not None
        at = len(PREFIX) + 200
        assert found[at : at + 64] == before[at : at + 64] == bytes(range(100, 164))
        assert parsed(found)[Tag.Artist] == "Ada Lovelace"

    def test_software_is_named_where_nothing_is(self, order: str) -> None:
        found = exif.updated(camera(order), 120, 160, "srup 1.2.3")
        assert found is not None
        assert parsed(found)[Tag.Software] == "srup 1.2.3"
        assert tags(found, order) == sorted(tags(found, order))
        again = exif.updated(found, 120, 160, "srup 9.9.9")
        assert parsed(again)[Tag.Software] == "srup 1.2.3"
        assert Tag.Software not in parsed(exif.updated(camera(order), 120, 160, None))

    @pytest.mark.parametrize("behind", [b"", b"more"])
    def test_the_old_thumbnail_is_gone(self, order: str, behind: bytes) -> None:
        before = camera(order, behind=behind)
        assert exif.has_thumbnail(before)
        assert thumbnail_of(before) == STALE
        found = exif.updated(before, 120, 160, "srup 1")
        assert found is not None
        assert not exif.has_thumbnail(found)
        assert thumbnail_of(found) is None
        assert STALE[2:60] not in found
        assert (behind in found) == bool(behind) or not behind

    def test_a_new_one_is_found(self, order: str) -> None:
        found = exif.updated(camera(order), 120, 160, "srup 1")
        assert found is not None
        for room in (len(STALE), 5000):
            whole = exif.with_thumbnail(found, STALE, room)
            assert thumbnail_of(whole) == STALE
            assert exif.has_thumbnail(whole)
            assert len(whole) <= len(found) + exif.THUMBNAIL_BYTES - exif.ROOM + room
            assert parsed(whole)[Tag.Make] == "Ada"
        without = exif.with_thumbnail(found, b"", 5000)
        assert thumbnail_of(without) is None
        assert len(without) == len(whole)

    def test_orientation_can_be_left_out(self, order: str) -> None:
        found = exif.updated(camera(order), 120, 160, None)
        assert found is not None
        without = exif.without_orientation(found)
        assert Tag.Orientation not in parsed(without)
        assert dict(parsed(without)) == {
            tag: value for tag, value in parsed(found).items() if tag != Tag.Orientation
        }
        assert exif.without_orientation(without) == without


class TestNothingThere:
    def test_nothing_comes_of_nothing(self) -> None:
        assert exif.updated(None, 120, 160, None) is None

    def test_but_software(self) -> None:
        found = exif.updated(None, 120, 160, "srup 1.2.3")
        assert dict(parsed(found)) == {Tag.Software: "srup 1.2.3"}

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            PREFIX,
            PREFIX + b"II*\0",
            PREFIX + b"II*\0\xff\0\0\0",
            b"Exif\0\0xxxxxxxx",
        ],
    )
    def test_nonsense_is_dropped(self, raw: bytes) -> None:
        assert exif.updated(raw, 120, 160, "srup 1") is None
        assert not exif.has_thumbnail(raw)

    def test_the_end_may_go_without_saying(self) -> None:
        block = Image.Exif()
        block[Tag.Orientation] = 6
        raw = block.tobytes()
        cut = raw[: len(PREFIX) + 8 + 2 + 12]
        assert parsed(exif.updated(cut, 1, 1, "srup 1"))[Tag.Software] == "srup 1"

    def test_a_raw_thumbnail_goes_too(self) -> None:
        strips = camera().replace(
            struct.pack("<HHL", Tag.JpegIFOffset, 4, 1),
            struct.pack("<HHL", Tag.StripOffsets, 4, 1),
        )
        strips = strips.replace(
            struct.pack("<HHL", Tag.JpegIFByteCount, 4, 1),
            struct.pack("<HHL", Tag.StripByteCounts, 4, 1),
        )
        assert exif.has_thumbnail(strips)
        found = exif.updated(strips, 120, 160, None)
        assert found is not None
        assert STALE[2:60] not in found


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_never_raises(data: st.DataObject) -> None:
    damaged = bytearray(camera(data.draw(st.sampled_from("<>"))))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, 460))] = data.draw(st.integers(0, 255))
    raw = bytes(damaged)[: data.draw(st.integers(0, len(damaged)))]
    exif.has_thumbnail(raw)
    found = exif.updated(raw, 120, 160, "srup 1.2.3")
    if found is not None:
        assert found.startswith(PREFIX)
        exif.with_thumbnail(found, STALE, 4000)
        exif.without_orientation(found)


class TestThumbnails:
    """As they come out of whole files."""

    SIZES = ((300, 200), (100, 640), (3000, 400), (12, 9))

    @pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF"])
    @pytest.mark.parametrize("size", SIZES)
    def test_it_shows_the_result(self, name: str, size: tuple[int, int]) -> None:
        spots = np.random.default_rng(4).integers(0, 256, (4, 4, 3), np.uint8)
        large = Image.fromarray(spots).resize(size[::-1], Image.Resampling.BILINEAR)
        picture = Picture(np.asarray(large), exif=camera())
        with Image.open(io.BytesIO(encode(picture, name))) as im:
            data = thumbnail_of(im.info["exif"])
        assert data is not None
        with Image.open(io.BytesIO(data)) as small:
            longest = max(*size)
            expected = [max(1, round(s * min(1, 160 / longest))) for s in size[::-1]]
            assert np.abs(np.subtract(small.size, expected)).max() <= 1
            whole = large.resize(small.size, Image.Resampling.BOX)
            error = np.asarray(small).astype(float) - np.asarray(whole)
        assert np.sqrt(np.mean(error**2)) < 20

    @pytest.mark.parametrize(
        ("name", "channels", "alpha", "depth"),
        [
            ("JPEG", 1, True, 8),
            ("JPEG", 4, False, 8),
            ("PNG", 1, True, 16),
            ("PNG", 3, True, 16),
        ],
    )
    def test_of_other_kinds(
        self, name: str, channels: int, alpha: bool, depth: int
    ) -> None:
        made = waves(channels, alpha, depth, (64, 48))
        picture = Picture(made.pixels, made.alpha, exif=camera())
        with Image.open(io.BytesIO(encode(picture, name))) as im:
            data = thumbnail_of(im.info["exif"])
            mode = "L" if channels == 1 else "RGB"
            shown = im.convert("RGB") if channels == 4 else None
            assert data is not None
        seen = on_white(Picture(made.pixels, made.alpha)) / (2**depth - 1) * 255
        if shown is not None:
            seen = np.asarray(shown)
        with Image.open(io.BytesIO(data)) as small:
            assert (small.size, small.mode) == ((48, 64), mode)
            error = np.asarray(small).reshape(64, 48, -1) - seen.astype(float)
        assert np.sqrt(np.mean(error**2)) < 12

    @pytest.mark.parametrize("name", ["JPEG", "PNG"])
    def test_noise_fits_in_its_room(self, name: str) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
        data = encode(Picture(pixels, exif=camera()), name)
        with Image.open(io.BytesIO(data)) as im:
            im.load()
            found = thumbnail_of(im.info["exif"])
        assert found is not None
        assert 4000 < len(found) <= exif.ROOM

    def test_none_where_there_was_none(self) -> None:
        picture = Picture(waves(3, False, 8).pixels, exif=camera(thumbnail=b""))
        for name in ("JPEG", "PNG", "WEBP"):
            with Image.open(io.BytesIO(encode(picture, name))) as im:
                assert thumbnail_of(im.info["exif"]) is None

    def test_tiff_stays_one_page(self) -> None:
        picture = Picture(waves(3, False, 8).pixels, exif=camera())
        data = encode(picture, "TIFF")
        with Image.open(io.BytesIO(data)) as im:
            assert im.n_frames == 1
            assert im.getexif()[Tag.Artist] == "Ada Lovelace"
        assert STALE[2:60] not in data

    @pytest.mark.parametrize("name", ["JPEG", "PNG"])
    def test_bands_leave_no_trace(self, name: str) -> None:
        made = waves(3, False, 8, (300, 700))
        picture = Picture(made.pixels, exif=camera())
        stream = io.BytesIO()
        with encoding_into(stream, picture.header, name) as sink:
            for top in range(0, 300, 7):
                sink.write(picture.pixels[top : top + 7])
        assert stream.getvalue() == encode(picture, name)

    def test_long_exif_has_no_room_for_one_in_jpeg(self) -> None:
        block = camera(behind=bytes(58_000))
        picture = Picture(waves(3, False, 8).pixels, exif=block)
        with Image.open(io.BytesIO(encode(picture, "JPEG"))) as im:
            raw = im.info["exif"]
        assert parsed(raw)[Tag.Artist] == "Ada Lovelace"
        assert thumbnail_of(raw) is None


def test_storage_of_another_file_is_no_part_of_a_tiff() -> None:
    block = Image.Exif()
    block[Tag.Make] = "Maker"
    block[Tag.Compression] = 6
    block[Tag.TileWidth] = 7
    block[Tag.YCbCrPositioning] = 1
    block[Tag.BitsPerSample] = 3
    picture = Picture(waves(3, False, 8).pixels, exif=block.tobytes())
    with Image.open(io.BytesIO(encode(picture, "TIFF"))) as im:
        assert np.array_equal(np.asarray(im), picture.pixels)
        assert im.tag_v2[Tag.Make] == "Maker"
        assert Tag.TileWidth not in im.tag_v2
        assert Tag.YCbCrPositioning not in im.tag_v2


def test_a_header_without_pixels_needs_no_thumbnail() -> None:
    stream = io.BytesIO()
    with encoding_into(stream, Header(1, 1, 1, exif=camera()), "png") as sink:
        sink.write(np.zeros((1, 1, 1), np.uint8))
    with Image.open(stream) as im:
        assert im.size == (1, 1)
