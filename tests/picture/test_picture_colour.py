"""To sRGB and back."""

import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import icc_profiles as profiles
from sr_cli.picture import Picture, in_srgb
from sr_cli.picture import icc as icc_module
from sr_cli.picture.colour import ColourPlan, plan
from sr_cli.picture.conversion import Conversion, conversion
from sr_cli.picture.header import Header

RNG = np.random.default_rng(0)
LEVEL = 1 / 255

ADOBE = profiles.adobe_rgb()
P3 = profiles.display_p3()
PROPHOTO = profiles.prophoto()
REC_2020 = profiles.rec_2020()
CMYK = profiles.cmyk_profile()

WIDE = {"adobe": ADOBE, "p3": P3, "prophoto": PROPHOTO, "rec2020": REC_2020}
wide = pytest.mark.parametrize("icc", WIDE.values(), ids=WIDE.keys())


def header(channels: int, icc: bytes | None, depth: int = 8) -> Header:
    return Header(height=2, width=2, channels=channels, icc=icc, depth=depth)


def planned(icc: bytes | None, channels: int = 3, *, to_srgb: bool = False):
    return plan(header(channels, icc), to_srgb=to_srgb)


def converted(profile: bytes, channels: int = 3) -> Conversion:
    """What leads there and back, whether or not it is needed."""
    usable = icc_module.usable(profile, channels)
    assert usable is not None
    return conversion(usable, channels)


def entered(found: ColourPlan | Conversion, samples) -> np.ndarray:
    assert found.enter is not None
    return found.enter(np.asarray(samples))


def left(found: ColourPlan | Conversion, values) -> np.ndarray:
    assert found.leave is not None
    return found.leave(np.asarray(values, np.float32))


def pillow_srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def rgb_tables(points: int = 9, *, way_back: bool = True, gamma: float = 1.8) -> bytes:
    """Adobe RGB's colours, as a scanner's or printer's profile would hold them."""
    matrix = profiles.to_xyz_matrix(profiles.ADOBE_RGB)

    def back(xyz):
        return np.clip(xyz @ np.linalg.inv(matrix).T, 0.0, 1.0) ** (1 / gamma)

    return profiles.lut_profile(
        b"mntr",
        b"RGB ",
        to_xyz=lambda colours: colours**gamma @ matrix.T,
        from_xyz=back if way_back else None,
        points=(points, points),
    )


class TestWhatIsInSrgbAlready:
    @pytest.mark.parametrize("to_srgb", [False, True])
    @pytest.mark.parametrize(
        ("channels", "icc"),
        [
            (1, None),
            (3, None),
            (3, profiles.srgb()),
            (3, pillow_srgb()),
            (3, profiles.matrix_profile(profiles.REC_709, profiles.parametric_tag())),
            (1, profiles.gray_profile(profiles.parametric_tag())),
        ],
    )
    def test_nothing_is_done(self, channels, icc, to_srgb):
        found = planned(icc, channels, to_srgb=to_srgb)
        assert found == ColourPlan(None, None, channels, icc, ())

    def test_gray_stays_in_its_own_curve(self):
        icc = profiles.gray_profile(profiles.gamma_tag(1.8))
        assert planned(icc, 1) == ColourPlan(None, None, 1, icc, ())

    def test_a_curve_a_little_beside_srgbs_is_not_srgb(self):
        icc = profiles.matrix_profile(profiles.REC_709, profiles.gamma_tag(2.2))
        assert planned(icc, to_srgb=True).enter is not None


class TestWideGamut:
    @pytest.mark.parametrize(
        ("icc", "primaries", "to_light"),
        [
            (ADOBE, profiles.ADOBE_RGB, lambda v: v ** (563 / 256)),
            (
                P3,
                profiles.DISPLAY_P3,
                lambda v: np.where(
                    v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4
                ),
            ),
        ],
        ids=["adobe", "p3"],
    )
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_values_are_the_formulas(self, icc, primaries, to_light, dtype):
        white = np.iinfo(dtype).max
        samples = RNG.integers(0, white + 1, (20, 30, 3), dtype=dtype)
        samples[0] = RNG.choice([0, white], (30, 3))
        to_srgb = np.linalg.inv(profiles.to_xyz_matrix(profiles.REC_709))
        matrix = to_srgb @ profiles.to_xyz_matrix(primaries)
        expected = profiles.srgb_encoded(to_light(samples / white) @ matrix.T)
        values = entered(converted(icc), samples)
        assert values.dtype == np.float32
        # Profiles have 16 bits behind the point; near black that is 12.92 times more.
        np.testing.assert_allclose(values, expected, atol=0.2 * LEVEL)

    def test_colours_outside_are_not_clipped(self):
        green = np.array([[[0, 255, 0]]], np.uint8)
        values = entered(converted(ADOBE), green)[0, 0]
        np.testing.assert_allclose(values, [-0.664, 1.0, -0.229], atol=0.002)

    @wide
    def test_white_black_and_gray_are_the_same(self, icc):
        found = converted(icc)
        extremes = np.array([[[255] * 3, [0] * 3]], np.uint8)
        np.testing.assert_allclose(
            entered(found, extremes), [[[1] * 3, [0] * 3]], atol=1e-4
        )
        gray = entered(found, np.full((1, 1, 3), 99, np.uint8))
        assert np.ptp(gray) < 1e-4

    @wide
    @given(data=st.data())
    @settings(max_examples=20, deadline=None)
    def test_every_8_bit_colour_comes_back(self, icc, data):
        levels = st.lists(
            st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=50
        )
        samples = np.array([data.draw(levels)], np.uint8)
        found = converted(icc)
        back = left(found, entered(found, samples))
        assert np.abs(back * 255 - samples).max() < 0.2

    @wide
    def test_16_bits_come_back(self, icc):
        found = converted(icc)
        samples = RNG.integers(0, 65_536, (50, 200, 3), dtype=np.uint16)
        off = np.abs(left(found, entered(found, samples)) * 65_535 - samples)
        assert np.percentile(off, 99) < 6
        assert off.max() < 64  # where one channel is near 0 and others are not

    @wide
    def test_all_16_bit_grays_come_back(self, icc):
        found = converted(icc)
        grays = np.arange(65_536, dtype=np.uint16)[None, :, None].repeat(3, axis=2)
        back = left(found, entered(found, grays)) * 65_535
        assert np.abs(back - grays).max() < 6

    def test_both_depths_mean_the_same(self):
        found = converted(P3)
        eight = RNG.integers(0, 256, (3, 40, 3), dtype=np.uint8)
        sixteen = eight.astype(np.uint16) * 257
        np.testing.assert_array_equal(entered(found, eight), entered(found, sixteen))

    @wide
    def test_what_the_network_overshoots_is_clipped(self, icc):
        values = RNG.uniform(-2, 3, (10, 10, 3))
        back = left(converted(icc), values)
        assert back.min() >= 0.0
        assert back.max() <= 1.0

    @wide
    def test_where_tones_are_as_known_colours_stay_as_stored(self, icc):
        assert planned(icc) == ColourPlan(None, None, 3, icc, ())

    def test_linear_light_is_converted_and_back(self):
        linear = profiles.matrix_profile(profiles.ADOBE_RGB, profiles.gamma_tag(1.0))
        found = planned(linear)
        assert (found.channels, found.icc, found.notes) == (3, linear, ())
        samples = RNG.integers(0, 256, (9, 8, 3), dtype=np.uint8)
        back = left(found, entered(found, samples))
        assert np.abs(back * 255 - samples).max() < 0.2

    def test_bands_give_what_the_whole_gives(self):
        for found, channels in ((converted(ADOBE), 3), (converted(PROPHOTO), 3)):
            samples = RNG.integers(0, 256, (9, 8, channels), dtype=np.uint8)
            values = entered(found, samples)
            parts = [entered(found, samples[top : top + 2]) for top in range(0, 9, 2)]
            np.testing.assert_array_equal(np.concatenate(parts), values)
            back = left(found, values)
            parts = [left(found, values[top : top + 4]) for top in range(0, 9, 4)]
            np.testing.assert_array_equal(np.concatenate(parts), back)

    def test_threads_do_not_disturb_each_other(self):
        jobs = []
        for icc, channels in ((ADOBE, 3), (P3, 3), (PROPHOTO, 3)) * 4:
            samples = RNG.integers(0, 256, (40, 100, channels), dtype=np.uint8)
            jobs.append((icc, samples))

        def both_ways(job):
            icc, samples = job
            found = converted(icc, samples.shape[2])
            values = entered(found, samples)
            return values, left(found, values)

        alone = [both_ways(job) for job in jobs]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(both_ways, jobs))
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


class TestProfilesWithoutAnExactWayBack:
    STEPS = np.rint(np.linspace(0, 1, 1024) * 9) / 9  # many levels, few lights

    @pytest.mark.parametrize(
        "icc",
        [
            rgb_tables(gamma=1.2),
            rgb_tables(way_back=False, gamma=1.2),
            profiles.matrix_profile(profiles.DISPLAY_P3, profiles.table_tag(STEPS)),
        ],
        ids=["coarse", "one-way", "steps"],
    )
    def test_colours_stay_as_stored(self, icc):
        found = planned(icc)
        assert (found.enter, found.leave, found.icc) == (None, None, icc)
        (note,) = found.notes
        assert "as stored" in note

    def test_they_still_lead_to_srgb(self):
        # 33 points: between them, straight lines stand for the curves.
        found = planned(rgb_tables(33, way_back=False), to_srgb=True)
        samples = RNG.integers(64, 256, (10, 10, 3), dtype=np.uint8)
        to_srgb = np.linalg.inv(profiles.to_xyz_matrix(profiles.REC_709))
        matrix = to_srgb @ profiles.to_xyz_matrix(profiles.ADOBE_RGB)
        expected = profiles.srgb_encoded((samples / 255) ** 1.8 @ matrix.T)
        off = np.abs(entered(found, samples) - expected)
        assert np.median(off) < 0.5 * LEVEL


class TestToSrgb:
    @wide
    def test_colours_are_what_another_program_makes_them(self, icc):
        samples = RNG.integers(0, 256, (30, 30, 3), dtype=np.uint8)
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            *("RGB", "RGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        other = np.asarray(transform.apply(Image.fromarray(samples))) / 255
        values = np.clip(entered(planned(icc, to_srgb=True), samples), 0, 1)
        # That one rounds the matrix and the curves.
        assert np.abs(values - other).max() < 3 * LEVEL
        assert np.abs(values - other).mean() < 0.3 * LEVEL

    @pytest.mark.parametrize(("icc", "channels"), [(ADOBE, 3), (CMYK, 4)])
    def test_the_result_is_tagged_and_said_to_be_srgb(self, icc, channels):
        found = planned(icc, channels, to_srgb=True)
        assert found.channels == 3
        assert found.leave is None
        (note,) = found.notes
        assert "sRGB" in note
        assert planned(found.icc) == ColourPlan(None, None, 3, found.icc, ())

    def test_the_profile_does_not_say_when_it_was_made(self):
        icc = planned(ADOBE, to_srgb=True).icc
        assert icc is not None
        assert struct.unpack(">6H", icc[24:36]) == (2000, 1, 1, 0, 0, 0)
        ImageCms.ImageCmsProfile(BytesIO(icc))

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_gray_gets_srgbs_curve_and_no_profile_for_rgb(self, dtype):
        icc = profiles.gray_profile(profiles.gamma_tag(1.8))
        found = planned(icc, 1, to_srgb=True)
        white = np.iinfo(dtype).max
        samples = np.linspace(0, white, 256).astype(dtype).reshape(16, 16, 1)
        expected = profiles.srgb_encoded((samples / white) ** 1.8)
        values = entered(found, samples)
        assert values.shape == samples.shape
        # The profile's 1.8 is 461/256.
        np.testing.assert_allclose(values, expected, atol=0.3 * LEVEL)
        assert (found.channels, found.icc, found.leave) == (1, None, None)


def printed(height: int, width: int, dtype=np.uint8) -> np.ndarray:
    """Inks as the test profile chooses them, of a picture with all kinds of colour."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    light = np.stack([0.1 + 0.8 * x, 0.2 + 0.6 * y, 0.8 - 0.6 * x * y], axis=-1)
    to_xyz = profiles.to_xyz_matrix(profiles.REC_709)
    inks = profiles.xyz_to_inks(light @ to_xyz.T)
    return np.rint(inks * np.iinfo(dtype).max).astype(dtype)


class TestCmyk:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_colours_are_those_of_the_inks(self, dtype):
        inks = printed(20, 20, dtype)
        xyz = profiles.inks_to_xyz(inks / np.iinfo(dtype).max)
        to_srgb = np.linalg.inv(profiles.to_xyz_matrix(profiles.REC_709))
        expected = profiles.srgb_encoded(xyz @ to_srgb.T)
        # The profile has 9 points for each ink, and lines between them.
        off = entered(converted(CMYK, 4), inks) - expected
        assert np.abs(off).mean() < LEVEL

    @pytest.mark.parametrize("icc", [None, CMYK, b"no profile", ADOBE])
    def test_inks_stay_as_stored(self, icc):
        assert planned(icc, 4) == ColourPlan(None, None, 4, icc, ())

    def test_black_becomes_black_only_for_good(self):
        # Black and half of each colour: as dark as printers go, but not black.
        icc = profiles.cmyk_profile(points=5)
        black = np.array([[[0, 0, 0, 255]]], np.uint8)
        as_printed = entered(converted(icc, 4), black)
        for_good = entered(planned(icc, 4, to_srgb=True), black)
        assert as_printed.min() > 0.2
        assert (for_good < as_printed).all()

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_without_a_profile_a_formula_makes_it_rgb(self, dtype):
        inks = RNG.integers(0, np.iinfo(dtype).max + 1, (4, 5, 4), dtype=dtype)
        share = inks / np.iinfo(dtype).max
        expected = (1 - share[..., :3]) * (1 - share[..., 3:])
        found = planned(None, 4, to_srgb=True)
        np.testing.assert_allclose(entered(found, inks), expected, atol=1e-6)
        assert (found.channels, found.icc, found.leave) == (3, None, None)
        assert found.notes == ("CMYK without a profile became RGB by formula",)

    @pytest.mark.parametrize("icc", [b"", b"no profile", CMYK[:300], ADOBE])
    def test_with_a_profile_of_no_use_too(self, icc):
        found = planned(icc, 4, to_srgb=True)
        assert (found.channels, found.icc, found.leave) == (3, None, None)
        white = np.zeros((1, 1, 4), np.uint8)
        assert entered(found, white).tolist() == [[[1, 1, 1]]]
        (note,) = found.notes
        assert note.endswith("RGB came by formula")


class TestProfilesOfNoUse:
    @pytest.mark.parametrize("to_srgb", [False, True])
    @pytest.mark.parametrize(
        ("channels", "icc"),
        [
            (3, CMYK),
            (3, profiles.gray_profile(profiles.gamma_tag(2.2))),
            (3, b""),
            (3, ADOBE[:200]),
        ],
    )
    def test_they_are_kept_and_not_used(self, channels, icc, to_srgb):
        found = planned(icc, channels, to_srgb=to_srgb)
        assert (found.enter, found.leave, found.icc) == (None, None, icc)
        (note,) = found.notes
        assert note.endswith("it was kept, not used")

    def test_colours_that_cannot_be_are_damage(self):
        vast = np.diag([60.0, 60.0, 60.0])
        tags = {
            name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(int(v * 65_536) for v in row))
            for name, row in zip((b"rXYZ", b"gXYZ", b"bXYZ"), vast, strict=True)
        }
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), profiles.gamma_tag(1.0))
        (note,) = planned(profiles.assembled(b"mntr", b"RGB ", b"XYZ ", tags)).notes
        assert "damaged" in note

    def test_steps_in_floating_point_are_left_alone(self):
        # Little CMS takes 0.1 ms for each step and 10,000 colours, and any number of
        # steps; this one, which swaps red and green, shows that none is taken.
        swap = np.concatenate([np.eye(3)[[1, 0, 2]].ravel(), np.zeros(3)])
        step = b"matf\0\0\0\0" + struct.pack(">HH", 3, 3) + swap.astype(">f4").tobytes()
        steps = b"mpet\0\0\0\0" + struct.pack(">HHIII", 3, 3, 1, 24, len(step)) + step
        tags = {b"D2B0": steps, b"D2B1": steps}
        columns = profiles.to_xyz_matrix(profiles.DISPLAY_P3).T
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
            fixed = np.rint(column * 65_536).astype(">i4").tobytes()
            tags[name] = b"XYZ \0\0\0\0" + fixed
        curve = profiles.parametric_tag()
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
        icc = bytearray(profiles.assembled(b"mntr", b"RGB ", b"XYZ ", tags))
        icc[8] = 4  # version
        assert planned(bytes(icc)).icc == icc
        found = planned(bytes(icc), to_srgb=True)
        samples = RNG.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        np.testing.assert_allclose(
            entered(found, samples), entered(converted(P3), samples), atol=1e-4
        )


SEEDS = [
    (3, P3),
    (3, rgb_tables(5)),
    (4, profiles.cmyk_profile(8, points=3, grid=5)),
    (1, profiles.gray_profile(profiles.parametric_tag())),
]


@st.composite
def mutated(draw):
    channels, icc = draw(st.sampled_from(SEEDS))
    data = bytearray(icc)
    for _ in range(draw(st.integers(1, 4))):
        # Most of what steers is at the start.
        place = draw(st.integers(0, min(len(data), 700) - 1))
        kind = draw(st.sampled_from(["byte", "number", "cut", "insert"]))
        if kind == "byte":
            data[place] = draw(st.integers(0, 255))
        elif kind == "number":
            numbers = st.sampled_from([0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, len(data)])
            data[place : place + 4] = struct.pack(">I", draw(numbers))
        elif kind == "cut":
            del data[max(place, 1) :]
        else:
            data[place:place] = draw(st.binary(min_size=1, max_size=8))
    return channels, bytes(data)


@given(mutated(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_mutated_profile_gives_numbers_or_a_note(profile, to_srgb):
    channels, icc = profile
    found = planned(icc, channels, to_srgb=to_srgb)
    samples = RNG.integers(0, 256, (3, 5, channels), dtype=np.uint8)
    if found.enter is None:
        assert channels != 4 or not to_srgb
        return
    values = found.enter(samples)
    assert values.shape == (3, 5, 1 if channels == 1 else 3)
    assert np.isfinite(values).all()
    if found.leave is not None:
        back = found.leave(values)
        assert back.shape == samples.shape
        assert back.min() >= 0.0
        assert back.max() <= 1.0
        if channels == 3:
            assert np.abs(back * 255 - samples).max() < 1.0


class TestInSrgb:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("alpha", [None, np.full((4, 5), 7, np.uint8)])
    def test_what_is_there_already_is_the_same_picture(self, channels, alpha):
        pixels = RNG.integers(0, 256, (4, 5, channels), dtype=np.uint8)
        icc = profiles.srgb() if channels == 3 else None
        picture = Picture(pixels, alpha, icc=icc)
        assert in_srgb(picture) is picture

    def test_16_bits_are_rounded(self):
        pixels = np.array([[[0], [128], [129], [257], [65_535]]], np.uint16)
        alpha = np.array([[65_535, 0, 32_896, 129, 128]], np.uint16)
        result = in_srgb(Picture(pixels, alpha))
        assert result.pixels.dtype == np.uint8
        assert result.pixels.ravel().tolist() == [0, 0, 1, 1, 255]
        assert result.alpha is not None
        assert result.alpha.dtype == np.uint8
        assert result.alpha.ravel().tolist() == [255, 0, 128, 1, 0]

    def test_wide_colours_are_clipped(self):
        pixels = np.array([[[0, 255, 0], [255, 255, 255]]], np.uint8)
        alpha = np.array([[0, 9]], np.uint8)
        result = in_srgb(Picture(pixels, alpha, icc=ADOBE, dpi=(72.0, 72.0)))
        assert result.pixels.tolist() == [[[0, 255, 0], [255, 255, 255]]]
        assert result.alpha is alpha
        assert result.dpi == (72.0, 72.0)
        assert result.icc != ADOBE
        assert in_srgb(result) is result

    def test_cmyk_becomes_rgb(self):
        inks = printed(30, 40)
        result = in_srgb(Picture(inks, icc=CMYK))
        assert result.pixels.shape == (30, 40, 3)
        by_formula = in_srgb(Picture(inks))
        assert by_formula.pixels.shape == (30, 40, 3)
        assert by_formula.icc is None

    def test_large_pictures_are_converted_as_small_ones(self):
        pixels = RNG.integers(0, 256, (3, 2, 3), dtype=np.uint8)
        small = in_srgb(Picture(pixels, icc=P3)).pixels
        tall = np.tile(pixels, (200_000, 1, 1))
        large = in_srgb(Picture(tall, icc=P3)).pixels
        np.testing.assert_array_equal(large, np.tile(small, (200_000, 1, 1)))

    def test_the_plan_does_not_look_at_other_facts(self):
        found = header(3, ADOBE)
        other = replace(found, exif=b"Exif\0\0", text=(("a", "b"),), alpha=True)
        assert plan(found).icc == plan(other).icc
