"""Orientation against its definition, and what of EXIF survives."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from picture_files import saved
from sr_cli.picture import Picture, encode, read_bytes
from sr_cli.picture.decoders.exif import upright

Tag = ExifTags.Base
STORED = np.arange(6, dtype=np.uint8).reshape(2, 3)

# EXIF 2.32, table 6: where the first stored row and column are seen
SEEN = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def seen(stored: np.ndarray, orientation: int) -> np.ndarray:
    """Put every stored pixel where the definition says that it is seen."""
    sides = SEEN[orientation]
    rows, columns = stored.shape
    upright = sides[0] in ("top", "bottom")
    picture = np.zeros((rows, columns) if upright else (columns, rows), np.uint8)
    height, width = picture.shape
    for row in range(rows):
        for column in range(columns):
            y = x = 0
            for side, distance in zip(sides, (row, column), strict=True):
                if side == "top":
                    y = distance
                elif side == "bottom":
                    y = height - 1 - distance
                elif side == "left":
                    x = distance
                else:
                    x = width - 1 - distance
            picture[y, x] = stored[row, column]
    return picture


def camera_exif(orientation: int | None = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[Tag.Make] = "Maker"
    exif[Tag.DateTime] = "2024:05:06 07:08:09"
    if orientation is not None:
        exif[Tag.Orientation] = orientation
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[Tag.ExifImageWidth] = 3
    details[Tag.ExifImageHeight] = 2
    details[Tag.ExposureTime] = (1, 50)
    details[Tag.MakerNote] = b"opaque"
    details[ExifTags.IFD.Interop] = {1: "R98"}
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    return exif


def stored_as(kind: str, exif: Image.Exif, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(STORED).save(stream, kind, exif=exif.tobytes(), **options)
    return stream.getvalue()


def parsed(raw: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    assert raw is not None
    exif.load(raw)
    return exif


class TestOrientation:
    @pytest.mark.parametrize("orientation", SEEN)
    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_pixels_lie_as_defined(self, kind: str, orientation: int) -> None:
        data = stored_as(kind, camera_exif(orientation))
        picture = read_bytes(data, "test")
        assert np.array_equal(picture.pixels[:, :, 0], seen(STORED, orientation))

    @pytest.mark.parametrize("orientation", SEEN)
    def test_alpha_turns_along(self, orientation: int) -> None:
        stream = io.BytesIO()
        layer = Image.fromarray(STORED)
        im = Image.merge("LA", [layer, layer])
        im.save(stream, "PNG", exif=camera_exif(orientation))
        picture = read_bytes(stream.getvalue(), "test")
        assert np.array_equal(picture.alpha, seen(STORED, orientation))

    @pytest.mark.parametrize("orientation", SEEN)
    def test_jpeg(self, orientation: int) -> None:
        stream = io.BytesIO()
        blocks = STORED.repeat(8, axis=0).repeat(8, axis=1) * 40
        exif = camera_exif(orientation)
        Image.fromarray(blocks).save(stream, "JPEG", quality=100, exif=exif)
        picture = read_bytes(stream.getvalue(), "test")
        expected = seen(blocks, orientation).astype(int)
        assert np.abs(picture.pixels[:, :, 0] - expected).max() <= 3

    def test_xmp_is_asked_where_exif_is_silent(self) -> None:
        stream = io.BytesIO()
        xmp = b'<x tiff:Orientation="6"/>'
        Image.fromarray(STORED).save(stream, "WEBP", lossless=True, xmp=xmp)
        picture = read_bytes(stream.getvalue(), "test")
        assert np.array_equal(picture.pixels[:, :, 0], seen(STORED, 6))
        assert picture.exif is None

    @pytest.mark.parametrize("orientation", [0, 9, 77])
    def test_nonsense_means_upright(self, orientation: int) -> None:
        picture = read_bytes(stored_as("PNG", camera_exif(orientation)), "test")
        assert np.array_equal(picture.pixels[:, :, 0], STORED)
        assert parsed(picture.exif)[Tag.Orientation] == 1

    def test_resolution_turns_along(self) -> None:
        data = stored_as("PNG", camera_exif(6), dpi=(300, 150))
        assert read_bytes(data, "test").dpi == (150, 300)


class TestMetadata:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
    def test_kept_from_every_format(self, kind: str) -> None:
        exif = parsed(read_bytes(stored_as(kind, camera_exif()), "test").exif)
        assert exif[Tag.Make] == "Maker"
        assert exif.get(Tag.Orientation, 1) == 1
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert float(details[Tag.ExposureTime][0]) == 1
        assert details[Tag.MakerNote] == b"opaque"
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
    def test_written_with_the_new_size(self, kind: str) -> None:
        raw = camera_exif(1).tobytes()
        picture = Picture(np.zeros((8, 12, 3), np.uint8), exif=raw)
        with Image.open(io.BytesIO(encode(picture, kind))) as im:
            im.load()
            exif = im.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
        assert exif[Tag.Make] == "Maker"
        assert exif.get(Tag.Orientation, 1) == 1
        assert details[Tag.ExifImageWidth] == 12
        assert details[Tag.ExifImageHeight] == 8
        assert details[Tag.MakerNote] == b"opaque"
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
    def test_nested_directories_survive_both_ways(self, kind: str) -> None:
        data = encode(read_bytes(stored_as("JPEG", camera_exif()), "test"), kind)
        again = parsed(read_bytes(encode(read_bytes(data, "test"), kind), "test").exif)
        again.get_ifd(ExifTags.IFD.Exif)
        assert again.get_ifd(ExifTags.IFD.Interop) == {1: "R98"}

    def test_sizes_are_not_invented(self) -> None:
        exif = Image.Exif()
        exif[Tag.Make] = "Maker"
        picture = Picture(np.zeros((8, 12, 3), np.uint8), exif=exif.tobytes())
        again = parsed(read_bytes(encode(picture, "PNG"), "test").exif)
        assert ExifTags.IFD.Exif not in again

    def test_how_a_tiff_was_stored_is_not_kept(self) -> None:
        picture = read_bytes(stored_as("TIFF", camera_exif()), "test")
        exif = parsed(picture.exif)
        assert Tag.StripOffsets not in exif
        assert Tag.ImageWidth not in exif

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_none_from_nothing(self, kind: str) -> None:
        stream = io.BytesIO()
        Image.fromarray(STORED).save(stream, kind, dpi=(72, 72))
        assert read_bytes(stream.getvalue(), "test").exif is None

    @pytest.mark.parametrize(
        "raw", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01"]
    )
    def test_damaged_exif_never_costs_the_picture(self, raw: bytes) -> None:
        stream = io.BytesIO()
        Image.fromarray(STORED).save(stream, "PNG", exif=raw)
        picture = read_bytes(stream.getvalue(), "test")
        assert np.array_equal(picture.pixels[:, :, 0], STORED)
        assert picture.exif is None

    def test_damaged_exif_is_reported(self) -> None:
        stream = io.BytesIO()
        Image.fromarray(STORED).save(stream, "PNG", exif=b"Exif\0\0nonsense")
        notes = read_bytes(stream.getvalue(), "test").notes
        assert notes == ("The EXIF data is damaged and was left out",)


def with_thumbnail(exif: Image.Exif, *, said: int | None = None) -> bytes:
    """Append a second directory with a thumbnail by hand: Pillow writes none."""
    raw = bytearray(exif.tobytes()[6:])
    jpeg = saved(np.zeros((4, 4, 3), np.uint8), "JPEG")
    at = 10 + 12 * int.from_bytes(raw[8:10], "big")
    raw += bytes(len(raw) % 2)
    raw[at : at + 4] = len(raw).to_bytes(4, "big")
    place = len(raw) + 2 + 2 * 12 + 4
    size = len(jpeg) if said is None else said
    raw += struct.pack(">HHHLLHHLLL", 2, 0x201, 4, 1, place, 0x202, 4, 1, size, 0)
    return b"Exif\0\0" + bytes(raw) + jpeg


def in_jpeg(block: bytes) -> bytes:
    return saved(np.zeros((8, 16, 3), np.uint8), "JPEG", exif=block)


class TestBytes:
    """What is sound stays as it is, but for the orientation."""

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_only_the_orientation_changes(self, kind: str) -> None:
        block = with_thumbnail(camera_exif(6))
        stream = io.BytesIO()
        Image.fromarray(STORED).save(stream, kind, exif=block)
        found = read_bytes(stream.getvalue(), "test").exif
        assert found is not None
        differing = [at for at, byte in enumerate(block) if found[at] != byte]
        assert len(found) == len(block)
        assert len(differing) == 1
        assert (block[differing[0]], found[differing[0]]) == (6, 1)

    def test_a_thumbnail_stays(self) -> None:
        block = with_thumbnail(camera_exif(1))
        assert read_bytes(in_jpeg(block), "test").exif == block

    def test_a_comment_stays_to_the_byte(self) -> None:
        exif = camera_exif()
        comment = b"UNICODE\0" + "春".encode("utf-16-le")
        exif.get_ifd(ExifTags.IFD.Exif)[Tag.UserComment] = comment
        found = read_bytes(in_jpeg(exif.tobytes()), "test").exif
        assert found is not None
        assert comment in found

    def test_a_tiffs_details_stay(self) -> None:
        exif = camera_exif()
        comment = b"UNICODE\0" + "春".encode("utf-16-le")
        exif.get_ifd(ExifTags.IFD.Exif)[Tag.UserComment] = comment
        again = parsed(read_bytes(stored_as("TIFF", exif), "test").exif)
        details = again.get_ifd(ExifTags.IFD.Exif)
        assert details[Tag.UserComment] == comment
        assert details[Tag.MakerNote] == b"opaque"
        assert again.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"


class TestDamage:
    PART = ("Part of the EXIF data is damaged and was left out",)

    def read(self, block: bytes) -> tuple[Image.Exif | None, tuple[str, ...]]:
        picture = read_bytes(in_jpeg(block), "test")
        exif = None if picture.exif is None else parsed(picture.exif)
        return exif, picture.notes

    def test_a_thumbnail_beyond_the_end_costs_itself(self) -> None:
        exif, notes = self.read(with_thumbnail(camera_exif(), said=99_999))
        assert exif is not None
        assert exif[Tag.Make] == "Maker"
        assert not exif.get_ifd(ExifTags.IFD.IFD1)
        assert notes == self.PART

    def test_a_value_beyond_the_end_costs_itself(self) -> None:
        block = bytearray(camera_exif(1).tobytes())
        at = block.index(bytes.fromhex("010f0002"))
        block[at + 8 : at + 12] = b"\0\x7f\0\0"
        exif, notes = self.read(bytes(block))
        assert exif is not None
        assert Tag.Make not in exif
        assert exif[Tag.DateTime] == "2024:05:06 07:08:09"
        assert exif.get_ifd(ExifTags.IFD.Exif)[Tag.MakerNote] == b"opaque"
        assert notes == self.PART

    def test_an_orientation_of_another_type_is_put_right(self) -> None:
        block = camera_exif(6).tobytes().replace(
            bytes.fromhex("01120003 00000001 0006"),
            bytes.fromhex("01120004 00000001 0000"),
        )  # fmt: skip
        exif, _ = self.read(block)
        assert exif is not None
        assert exif[Tag.Orientation] == 1

    @pytest.mark.parametrize("pointer", [0x8769, 0x8825, 0xA005])
    def test_directories_that_lead_to_themselves(self, pointer: int) -> None:
        head = b"MM\0*\0\0\0\x08"
        entry = struct.pack(">HHLL", 0x010F, 2, 2, 0x41000000)
        other = struct.pack(">HHLL", pointer, 4, 1, 8)
        exif, _ = self.read(b"Exif\0\0" + head + b"\0\2" + entry + other + bytes(4))
        assert exif is not None
        assert exif[Tag.Make] == "A"

    def test_values_that_share_a_place_are_not_multiplied(self) -> None:
        # Each of 5000 values claims the same 60 000 bytes.
        entries = b"".join(
            struct.pack(">HHLL", tag, 7, 60_000, 38) for tag in range(1, 5_001)
        )
        zeroth = b"\0\1" + struct.pack(">HHLL", 0x8769, 4, 1, 26) + bytes(4)
        block = b"MM\0*\0\0\0\x08" + zeroth + struct.pack(">H", 5_000) + entries
        stream = io.BytesIO()
        Image.fromarray(STORED).save(stream, "PNG", exif=b"Exif\0\0" + block)
        picture = read_bytes(stream.getvalue(), "test")
        assert len(picture.exif or b"") < 2 * len(block)

    def test_nothing_of_an_unknown_kind_is_left_out(self) -> None:
        entries = struct.pack(">HHLLHHLL", 0x010E, 2, 2, 0x41000000, 0x9999, 78, 0, 0)
        block = b"Exif\0\0MM\0*\0\0\0\x08\0\2" + entries + bytes(4)
        exif, notes = self.read(block)
        assert exif is not None
        assert (exif[Tag.ImageDescription], notes) == ("A", ())

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_any_damage_leaves_sound_exif_or_none(self, data: st.DataObject) -> None:
        block = bytearray(with_thumbnail(camera_exif(6)))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(6, len(block) - 1))
            block[at] = data.draw(st.integers(0, 255))
        found = upright(bytes(block)).block
        if found is not None:
            assert upright(found).notes == ()
            assert upright(found).orientation in (None, 1)
