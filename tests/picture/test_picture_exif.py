"""Orientation against its definition, and what of EXIF survives."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from sr_cli.picture import Picture, encode, read_bytes

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

    def test_thumbnail_is_dropped(self) -> None:
        # A second directory with one entry, appended by hand: Pillow writes none.
        exif = Image.Exif()
        exif[Tag.Make] = "Maker"
        raw = bytearray(exif.tobytes()[6:])
        count = int.from_bytes(raw[8:10], "big")
        next_directory = 10 + 12 * count
        raw[next_directory : next_directory + 4] = len(raw).to_bytes(4, "big")
        raw += bytes.fromhex("0001 0201 0004 00000001 12345678 00000000")
        blob = b"Exif\0\0" + bytes(raw)
        assert parsed(blob).get_ifd(ExifTags.IFD.IFD1)
        stream = io.BytesIO()
        Image.fromarray(STORED).save(stream, "JPEG", exif=blob)
        kept = parsed(read_bytes(stream.getvalue(), "test").exif)
        assert kept[Tag.Make] == "Maker"
        assert not kept.get_ifd(ExifTags.IFD.IFD1)

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

    def test_unwritable_exif_keeps_the_orientation(self) -> None:
        # XResolution as text: Pillow reads that and then cannot write it.
        raw = bytes.fromhex(
            "4d4d002a 00000008 0003"
            "010f 0002 00000002 4d000000"
            "0112 0003 00000001 00060000"
            "011a 0002 00000004 77696400"
            "00000000"
        )
        stream = io.BytesIO()
        Image.fromarray(STORED).save(stream, "PNG", exif=raw)
        picture = read_bytes(stream.getvalue(), "test")
        assert np.array_equal(picture.pixels[:, :, 0], seen(STORED, 6))
        assert picture.exif is None
        assert picture.notes == ("The EXIF data is damaged and was left out",)
