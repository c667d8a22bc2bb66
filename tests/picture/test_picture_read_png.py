"""Every kind of PNG, against an encoder that knows only the specification."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picture_files import PALETTE, chunk, full_range, png
from sr_cli.errors import PictureError
from sr_cli.picture import read_bytes
from sr_cli.picture.decoders import png_rows

RNG = np.random.default_rng(8)
KINDS = [(bits, 1) for bits in (1, 2, 4, 8, 16)]
KINDS += [(bits, samples) for bits in (8, 16) for samples in (2, 3, 4)]


def numbers(bits: int, samples: int, shape: tuple[int, int] = (9, 13)) -> np.ndarray:
    return RNG.integers(0, 2**bits, (*shape, samples))


def seen(data: bytes) -> np.ndarray:
    picture = read_bytes(data, "test")
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])


@pytest.mark.parametrize(("bits", "samples"), KINDS)
@pytest.mark.parametrize("interlaced", [False, True])
def test_pixels_are_exact(bits: int, samples: int, interlaced: bool) -> None:
    stored = numbers(bits, samples)
    data = png(stored, bits, filters=(4, 3, 1, 0, 2), interlaced=interlaced)
    found = seen(data)
    assert found.dtype == (np.uint16 if bits == 16 else np.uint8)
    assert np.array_equal(found, full_range(stored, bits))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(0, 4), min_size=1, max_size=7),
    st.integers(1, 24),
    st.integers(1, 24),
    st.booleans(),
)
def test_any_size_and_filters(
    kind: tuple[int, int],
    filters: list[int],
    height: int,
    width: int,
    interlaced: bool,
) -> None:
    stored = numbers(*kind, shape=(height, width))
    data = png(stored, kind[0], filters=filters, interlaced=interlaced)
    assert np.array_equal(seen(data), full_range(stored, kind[0]))


@pytest.mark.parametrize(("bits", "samples"), KINDS)
def test_filters_reach_over_blocks(
    monkeypatch: pytest.MonkeyPatch, bits: int, samples: int
) -> None:
    monkeypatch.setattr(png_rows, "_BLOCK_BYTES", 200)
    stored = numbers(bits, samples, shape=(40, 21))
    data = png(stored, bits, filters=(4, 2, 3))
    assert np.array_equal(seen(data), full_range(stored, bits))


class TestTransparency:
    @pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
    @pytest.mark.parametrize("interlaced", [False, True])
    def test_gray(self, bits: int, interlaced: bool) -> None:
        stored = numbers(bits, 1)
        shade = int(stored[3, 4, 0])
        colour = chunk(b"tRNS", struct.pack(">H", shade))
        data = png(stored, bits, before=colour, interlaced=interlaced)
        picture = read_bytes(data, "test")
        white = 65_535 if bits == 16 else 255
        hidden = stored[:, :, 0] == shade
        assert np.array_equal(picture.alpha, np.where(hidden, 0, white))
        assert np.array_equal(picture.pixels, full_range(stored, bits))

    @pytest.mark.parametrize("bits", [8, 16])
    def test_one_colour(self, bits: int) -> None:
        stored = numbers(bits, 3)
        stored[5, 6] = stored[2, 1]
        stored[7, 7] = stored[2, 1] ^ (0, 0, 1)  # which no 8 bits tell apart
        colour = chunk(b"tRNS", struct.pack(">3H", *stored[2, 1].tolist()))
        picture = read_bytes(png(stored, bits, before=colour), "test")
        hidden = (stored == stored[2, 1]).all(axis=2)
        assert hidden.sum() == 2
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha == 0, hidden)

    def test_of_the_wrong_length_is_none(self) -> None:
        stored = numbers(8, 3)
        data = png(stored, 8, before=chunk(b"tRNS", b"\0\1"))
        assert read_bytes(data, "test").alpha is None


class TestPalette:
    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    @pytest.mark.parametrize("interlaced", [False, True])
    def test_becomes_rgb(self, bits: int, interlaced: bool) -> None:
        stored = numbers(bits, 1)
        table = RNG.integers(0, 256, (2**bits, 3), dtype=np.uint8)
        colours = chunk(b"PLTE", table.tobytes())
        data = png(stored, bits, colour=PALETTE, before=colours, interlaced=interlaced)
        assert np.array_equal(seen(data), table[stored[:, :, 0]])

    def test_with_alpha_for_the_first_entries(self) -> None:
        stored = numbers(2, 1)
        table = RNG.integers(0, 256, (4, 3), dtype=np.uint8)
        before = chunk(b"PLTE", table.tobytes()) + chunk(b"tRNS", b"\0\x80")
        picture = read_bytes(png(stored, 2, colour=PALETTE, before=before), "test")
        alpha = np.array([0, 128, 255, 255])[stored[:, :, 0]]
        assert np.array_equal(picture.alpha, alpha)

    def test_numbers_beyond_it_are_black(self) -> None:
        stored = np.array([[[0], [3]]])
        data = png(stored, 2, colour=PALETTE, before=chunk(b"PLTE", b"abc"))
        assert seen(data).tolist() == [[list(b"abc"), [0, 0, 0]]]

    @pytest.mark.parametrize("table", [b"", b"ab", bytes(3 * 257)])
    def test_damaged(self, table: bytes) -> None:
        data = png(numbers(1, 1), 1, colour=PALETTE, before=chunk(b"PLTE", table))
        with pytest.raises(PictureError, match="damaged"):
            read_bytes(data, "test")


class TestDamage:
    STORED = numbers(16, 3)

    def refused(self, data: bytes) -> str:
        with pytest.raises(PictureError) as caught:
            read_bytes(data, "test")
        return str(caught.value)

    def test_unknown_filter(self) -> None:
        whole = png(self.STORED, 16)
        rows = b"".join(
            b"\x05" + row.astype(">u2").tobytes() for row in self.STORED
        )  # as png() would, with another filter's number
        import zlib

        at = whole.index(b"IDAT") - 4
        data = whole[:at] + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        assert "damaged" in self.refused(data)

    def test_wrong_sum_of_the_pixels(self) -> None:
        data = bytearray(png(self.STORED, 16))
        data[-17] ^= 1  # the last byte inside IDAT: 12 of IEND, 4 of IDAT's sum
        assert "damaged" in self.refused(bytes(data))

    def test_too_few_rows(self) -> None:
        data = bytearray(png(self.STORED, 16))
        taller = struct.pack(">II", 13, 10)
        head = chunk(b"IHDR", taller + bytes(data[24:29]))
        assert "truncated" in self.refused(bytes(data[:8]) + head + bytes(data[33:]))

    @pytest.mark.parametrize(
        ("bits", "colour"), [(3, 0), (16, PALETTE), (4, 2), (8, 5), (0, 0)]
    )
    def test_impossible_kinds(self, bits: int, colour: int) -> None:
        head = struct.pack(">IIBBBBB", 4, 4, bits, colour, 0, 0, 0)
        data = png(self.STORED, 16)
        assert "damaged" in self.refused(data[:8] + chunk(b"IHDR", head) + data[33:])

    def test_a_wrong_sum_of_a_fact_costs_that_fact(self) -> None:
        fact = bytearray(chunk(b"tEXt", b"Title\0Sunset"))
        fact[-1] ^= 1
        picture = read_bytes(png(self.STORED, 16, before=bytes(fact)), "test")
        assert picture.text == ()
        assert picture.notes == ("Damaged parts beside the pixels were left out",)
