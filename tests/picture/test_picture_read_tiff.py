"""Every kind of TIFF: values against what was written, by libtiff or by hand."""

import io
import struct
import tracemalloc
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tifffile import TiffFile

from picture_files import full_range, plain_tiff, saved, tiff
from sr_cli.errors import PictureError
from sr_cli.picture import read, read_bytes
from sr_cli.picture.decoders.samples import unpacked

RNG = np.random.default_rng(9)
HEIGHT, WIDTH = 40, 52
DEEP = RNG.integers(0, 2**16, (HEIGHT, WIDTH, 4), dtype=np.uint16)
PLAIN = (DEEP >> 8).astype(np.uint8)


def seen(data: bytes) -> np.ndarray:
    picture = read_bytes(data, "test")
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])


def packed(numbers: np.ndarray, bits: int) -> bytes:
    rows = numbers.reshape(len(numbers), -1)
    places = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


class TestPixels:
    @pytest.mark.parametrize("depth", [np.uint8, np.uint16])
    @pytest.mark.parametrize("samples", [1, 2, 3, 4])
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"compression": "zlib", "predictor": True},
            {"compression": "lzw"},
            {"compression": "lzw", "predictor": True, "rowsperstrip": 7},
            {"compression": "packbits", "rowsperstrip": 9},
            {"compression": "zstd", "rowsperstrip": 16},
            {"compression": "lzma", "predictor": True},
            {"tile": (16, 32), "compression": "zlib"},
            {"tile": (64, 64)},
            {"byteorder": ">", "predictor": True, "compression": "zlib"},
            {"bigtiff": True, "byteorder": ">", "rowsperstrip": 11},
        ],
        ids=str,
    )
    def test_are_exact(
        self, depth: type, samples: int, options: dict[str, object]
    ) -> None:
        array = (DEEP if depth is np.uint16 else PLAIN)[:, :, :samples]
        extra = ["unassalpha"] if samples in (2, 4) else None
        photometric = "rgb" if samples > 2 else "minisblack"
        data = tiff(
            array,
            photometric=photometric,
            extrasamples=extra,
            planarconfig="contig" if samples > 1 else None,
            **options,
        )
        found = seen(data)
        assert found.dtype == depth
        assert np.array_equal(found, array)

    @pytest.mark.parametrize("depth", [np.uint8, np.uint16])
    @pytest.mark.parametrize("samples", [3, 4])
    @pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"rowsperstrip": 6}])
    def test_in_planes(
        self, depth: type, samples: int, options: dict[str, object]
    ) -> None:
        array = (DEEP if depth is np.uint16 else PLAIN)[:, :, :samples]
        data = tiff(
            np.moveaxis(array, 2, 0),
            photometric="rgb",
            planarconfig="separate",
            extrasamples=["unassalpha"] if samples == 4 else None,
            compression="lzw",
            predictor=True,
            **options,
        )
        assert np.array_equal(seen(data), array)

    @pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8, 10, 12, 14, 16])
    @pytest.mark.parametrize("samples", [1, 3])
    @pytest.mark.parametrize("compression", [1, 8])
    def test_of_any_bits(self, bits: int, samples: int, compression: int) -> None:
        numbers = RNG.integers(0, 2**bits, (5, 7, samples))
        data = packed(numbers, bits)
        if compression == 8:
            import zlib

            data = zlib.compress(data)
        tags = {
            256: (4, [7]),
            257: (4, [5]),
            258: (3, [bits] * samples),
            259: (3, [compression]),
            262: (3, [2 if samples == 3 else 1]),
            277: (3, [samples]),
            278: (4, [5]),
        }
        found = seen(plain_tiff(tags, data, ">"))
        assert np.array_equal(found, full_range(numbers, bits))

    @pytest.mark.parametrize("array", [PLAIN[:, :, 0], DEEP[:, :, 0]])
    @pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}])
    def test_white_is_0(self, array: np.ndarray, options: dict[str, object]) -> None:
        data = tiff(array, photometric="miniswhite", compression="zlib", **options)
        white = np.iinfo(array.dtype).max
        assert np.array_equal(seen(data)[:, :, 0], white - array)

    @pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
    def test_fax(self, compression: str) -> None:
        marks = np.repeat(RNG.integers(0, 2, (40, 10)), 9, axis=1).astype(bool)
        data = saved(marks, "TIFF", compression=compression)
        assert np.array_equal(seen(data)[:, :, 0], np.where(marks, 255, 0))

    def test_bits_in_reverse(self) -> None:
        numbers = RNG.integers(0, 2, (5, 19, 1))
        data = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed(numbers, 1))
        tags = {256: (3, [19]), 257: (3, [5]), 262: (3, [1]), 266: (3, [2])}
        assert np.array_equal(seen(plain_tiff(tags, data)), numbers * 255)

    def test_palette(self) -> None:
        im = Image.fromarray(PLAIN[:, :, :3]).quantize(16)
        expected = np.asarray(im.convert("RGB"))
        assert np.array_equal(seen(saved(im, "TIFF")), expected)

    def test_palette_of_four_bits(self) -> None:
        numbers = RNG.integers(0, 16, (5, 7, 1))
        table = RNG.integers(0, 256, (3, 16))
        tags = {
            256: (3, [7]),
            257: (3, [5]),
            258: (3, [4]),
            262: (3, [3]),
            320: (3, (table * 257).ravel().tolist()),
        }
        found = seen(plain_tiff(tags, packed(numbers, 4)))
        assert np.array_equal(found, table.T[numbers[:, :, 0]])

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 45), st.data())
    def test_any_size_of_strips(
        self, height: int, width: int, rows: int, data: st.DataObject
    ) -> None:
        depth = data.draw(st.sampled_from([np.uint8, np.uint16]))
        compression = data.draw(st.sampled_from([None, "zlib", "lzw"]))
        array = (DEEP[:height, :width, :3] >> 3).astype(depth)
        options = {"planarconfig": "contig", "photometric": "rgb"}
        stored = tiff(array, rowsperstrip=rows, compression=compression, **options)
        assert np.array_equal(seen(stored), array)


class TestColours:
    @pytest.mark.parametrize("depth", [np.uint8, np.uint16])
    @pytest.mark.parametrize("samples", [2, 4])
    def test_premultiplied_alpha_is_divided_out(
        self, depth: type, samples: int
    ) -> None:
        white = np.iinfo(depth).max
        colours = RNG.integers(0, white + 1, (16, 16, samples - 1))
        alpha = RNG.integers(0, white + 1, (16, 16))
        alpha[:2] = 0
        alpha[2:4] = white
        multiplied = np.rint(colours * (alpha[:, :, None] / white))
        array = np.dstack([multiplied, alpha]).astype(depth)
        data = tiff(
            array,
            photometric="rgb" if samples == 4 else "minisblack",
            extrasamples=["assocalpha"],
            planarconfig="contig",
        )
        picture = read_bytes(data, "test")
        assert np.array_equal(picture.alpha, alpha)
        # As exact as what rounding has left.
        blur = np.maximum(0.5 * white / np.maximum(alpha, 1), 0.5)[:, :, None] + 0.5
        off = np.abs(picture.pixels.astype(float) - colours)
        assert (off <= blur)[alpha > 0].all()
        assert not picture.pixels[alpha == 0].any()

    def test_samples_without_a_meaning_are_left_out(self) -> None:
        data = tiff(PLAIN, extrasamples=["unspecified"], planarconfig="contig")
        picture = read_bytes(data, "test")
        assert np.array_equal(picture.pixels, PLAIN[:, :, :3])
        assert picture.alpha is None
        assert picture.notes == ("Channels without a known meaning were left out: 1",)

    def test_alpha_behind_such_samples(self) -> None:
        array = np.dstack([PLAIN, PLAIN[:, :, 0]])
        extra = ["unspecified", "unassalpha"]
        data = tiff(array, extrasamples=extra, planarconfig="contig")
        picture = read_bytes(data, "test")
        assert np.array_equal(picture.pixels, PLAIN[:, :, :3])
        assert np.array_equal(picture.alpha, PLAIN[:, :, 0])

    @pytest.mark.parametrize("tile", [None, (16, 16)])
    @pytest.mark.parametrize("photometric", ["rgb", "ycbcr"])
    def test_jpeg_inside(self, tile: tuple[int, int] | None, photometric: str) -> None:
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        smooth = np.stack([x * 4, y * 5, x + y], axis=2).astype(np.uint8)
        written = smooth
        if photometric == "ycbcr":  # tifffile takes it as it is to be stored
            written = np.asarray(Image.fromarray(smooth).convert("YCbCr"))
        data = tiff(
            written,
            tile=tile,
            compression="jpeg",
            compressionargs={"level": 98},
            photometric=photometric,
        )
        off = np.abs(seen(data) - smooth.astype(int))
        assert off[:32, :48].max() <= 12  # what is padded with black rings

    def test_jpeg_with_common_tables(self) -> None:
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        smooth = np.stack([x * 4, y * 5, x + y], axis=2).astype(np.uint8)
        data = saved(smooth, "TIFF", compression="jpeg", quality=98)
        assert Image.open(io.BytesIO(data)).tag_v2[347]
        assert np.abs(seen(data) - smooth.astype(int)).max() <= 12

    @pytest.mark.parametrize("across", [1, 2, 4])
    @pytest.mark.parametrize("down", [1, 2])
    def test_ycbcr_that_shares_colour(self, across: int, down: int) -> None:
        wide, high = 3, 2
        luma = RNG.integers(60, 200, (high, wide, down * across))
        colour = RNG.integers(110, 146, (high, wide, 2))
        blocks = np.concatenate([luma, colour], axis=2).astype(np.uint8)
        height, width = high * down - (down > 1), wide * across - (across > 1)
        tags = {
            256: (3, [width]),
            257: (3, [height]),
            258: (3, [8, 8, 8]),
            262: (3, [6]),
            277: (3, [3]),
            530: (3, [across, down]),
        }
        found = seen(plain_tiff(tags, blocks.tobytes()))
        for y in range(height):
            for x in range(width):
                block = y // down, x // across
                light = int(luma[block][y % down * across + x % across])
                blue, red = (int(value) - 128 for value in colour[block])
                expected = [
                    light + 1.402 * red,
                    light - 0.344136 * blue - 0.714136 * red,
                    light + 1.772 * blue,
                ]
                assert np.abs(found[y, x] - np.array(expected)).max() <= 1.5


class TestStrips:
    def test_one_deflated_strip_is_decoded_in_parts(self) -> None:
        from sr_cli.picture.decoders import tiff as decoder
        from sr_cli.picture.decoders import tiff_segments

        array = DEEP[:, :, :3]
        for compression in (None, "zlib"):
            data = tiff(array, rowsperstrip=HEIGHT, compression=compression)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tiff_segments, "_BLOCK_BYTES", 1000)
                patch.setattr("sr_cli.picture.decoders.tiff_layout._SHORT", 1000)
                bands = list(decoder.open_stored(io.BytesIO(data), None).bands())
            assert len(bands) > 10
            assert np.array_equal(np.concatenate(bands), array)


class TestRefused:
    @pytest.mark.parametrize(
        ("array", "reason"),
        [
            (DEEP[:, :, :3].astype(np.float32), "floating-point"),
            (DEEP[:, :, 0].astype(np.float16), "floating-point"),
            (DEEP[:, :, 0].astype(np.uint32), "32-bit integers"),
            (DEEP[:, :, 0].astype(np.int16), "signed"),
            (PLAIN[:, :, 0].astype(np.int8), "signed"),
        ],
    )
    def test_numbers_without_a_range(self, array: np.ndarray, reason: str) -> None:
        with pytest.raises(PictureError, match=reason):
            read_bytes(tiff(array), "test")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({259: (3, [6])}, "compression 6"),
            ({262: (3, [32_803])}, "colours 32803"),
            ({262: (3, [5]), 277: (3, [4]), 332: (3, [2])}, "inks other than CMYK"),
            ({258: (3, [5, 6, 5]), 277: (3, [3])}, "channels differ"),
            ({259: (3, [5]), 317: (3, [3])}, "predictor"),
            ({262: (3, [3])}, "damaged"),
            ({262: (3, [3]), 320: (3, [1, 2, 3])}, "damaged"),
            ({257: (3, [0])}, "damaged"),
            ({277: (3, [0])}, "damaged"),
            ({256: (4, [2**31]), 257: (4, [2**31])}, "500 million"),
            ({322: (3, [0]), 323: (3, [16])}, "damaged"),
            ({322: (4, [2**30]), 323: (4, [2**30])}, "damaged"),
            ({254: (4, [1]), 330: (4, [8])}, "raw file"),
        ],
    )
    def test_with_a_reason(
        self, change: dict[int, tuple[int, list[int]]], reason: str
    ) -> None:
        tags = {256: (3, [7]), 257: (3, [5]), 258: (3, [8]), 262: (3, [1])}
        data = plain_tiff({**tags, **change}, bytes(200))
        with pytest.raises(PictureError, match=reason):
            read_bytes(data, "test")

    def test_a_chain_that_bites_its_tail(self) -> None:
        tags = {256: (3, [7]), 257: (3, [5]), 258: (3, [8]), 262: (3, [1])}
        data = bytearray(plain_tiff(tags, bytes(35)))
        at = int.from_bytes(data[4:8], "little")
        end = at + 2 + 12 * 6
        data[end : end + 4] = data[4:8]
        assert read_bytes(bytes(data), "test").notes == ()

    @pytest.mark.parametrize("compression", ["lzw", "packbits", "zlib", "zstd", "jpeg"])
    def test_damage_is_told_in_silence(
        self, compression: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        whole = tiff(PLAIN[:, :, :3], compression=compression)
        generator = np.random.default_rng(3)
        refused = 0
        for _ in range(40):
            data = np.frombuffer(whole, np.uint8).copy()
            places = generator.integers(8, len(data), 6)
            data[places] = generator.integers(0, 256, 6)
            try:
                read_bytes(data.tobytes(), "test")
            except PictureError:
                refused += 1
        assert refused
        assert capfd.readouterr() == ("", "")


def test_fax_takes_a_codec_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(PLAIN[:, :, 0] > 99, "TIFF", compression="group4")
    monkeypatch.setattr(imagecodecs, "ccittfax4_decode", None)
    with pytest.raises(PictureError, match="pip install --upgrade imagecodecs"):
        read_bytes(data, "test")


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(DEEP[:, :, :3]))
    assert np.array_equal(read(path).pixels, DEEP[:, :, :3])


TAGS = {256: (3, [WIDTH]), 257: (3, [HEIGHT]), 258: (3, [8] * 3), 277: (3, [3])}
TAGS |= {262: (3, [2])}


def test_tiles_that_reach_far_below_the_picture() -> None:
    """They are inflated a few rows at a time, and all but the first are padding."""
    array = np.resize(PLAIN[:, :, :3], (1100, 40, 3))
    found = seen(tiff(array, tile=(1024, 1024), compression="zlib"))
    assert np.array_equal(found, array)


@pytest.mark.parametrize("compression", [1, 32_773])
def test_a_predictor_that_the_compression_lacks_is_not_there(compression: int) -> None:
    """So it is in libtiff."""
    array = PLAIN[:, :, :3]
    data = array.tobytes()
    data = data if compression == 1 else imagecodecs.packbits_encode(data)
    tags = {**TAGS, 259: (3, [compression]), 317: (3, [2])}
    assert np.array_equal(seen(plain_tiff(tags, data)), array)


def test_bits_of_jpegs_are_never_in_reverse() -> None:
    """So it is in libtiff, whatever the file says of its other bytes."""
    tags = {**TAGS, 259: (3, [7])}
    data = saved(PLAIN[:, :, :3], "JPEG", keep_rgb=True)
    usual, reverse = plain_tiff(tags, data), plain_tiff({**tags, 266: (3, [2])}, data)
    assert np.array_equal(seen(reverse), seen(usual))


def test_strips_that_are_all_the_whole_file_are_refused() -> None:
    """A million of them would be read for hours."""
    whole = tiff(np.zeros((400, 8), np.uint8), rowsperstrip=1, compression="zlib")
    whole = whole.ljust(2**16, b"\0")
    with TiffFile(io.BytesIO(whole)) as file:
        tag = file.pages[0].tags["StripByteCounts"]
        assert tag.dtype.name in ("SHORT", "LONG")
        size = 2 if tag.dtype.name == "SHORT" else 4
    count = (2**15).to_bytes(size, "little")
    lie = whole[: tag.valueoffset] + 400 * count
    lie += whole[tag.valueoffset + 400 * size :]
    with pytest.raises(PictureError, match="is damaged"):
        read_bytes(lie, "test")


def test_texts_that_are_all_the_same_bytes_are_left_out() -> None:
    """Twenty of them would take twenty times the file."""
    texts = {tag: (1, [65] * 5_000) for tag in (269, 270, 271, 272, 315)}
    whole = plain_tiff({**TAGS, **texts}, PLAIN[:, :, :3].tobytes())
    assert len(read_bytes(whole, "test").exif or b"") > 5 * 5_000
    data, at = bytearray(whole), struct.unpack_from("<L", whole, 4)[0]
    for entry in range(at + 2, at + 2 + 12 * (len(TAGS) + len(texts) + 2), 12):
        if struct.unpack_from("<H", data, entry)[0] in texts:
            struct.pack_into("<LL", data, entry + 4, len(data) // 2, 0)
    found = read_bytes(bytes(data), "test")
    assert found.exif is None
    assert found.notes == ("Part of the EXIF data is damaged and was left out",)


def test_odd_bits_take_little_memory() -> None:
    """They are spread out to a byte each, and to no more."""
    numbers = RNG.integers(0, 2**12, (500, 1000), dtype=np.uint16)
    rows = np.frombuffer(packed(numbers, 12), np.uint8).reshape(500, 1500)
    tracemalloc.start()
    found = unpacked(rows, 12, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found, numbers)
    assert peak < 2 * 12 * numbers.size
