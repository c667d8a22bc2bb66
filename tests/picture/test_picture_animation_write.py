"""Frames ─▶ animated files, as srup and Pillow read them again."""

import errno
import gc
import io
import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from sr_cli.errors import PictureError
from sr_cli.picture import FORMATS, Picture, found_provenance
from sr_cli.picture.animation import (
    Animation,
    Frame,
    encode_animation,
    read_animation,
    write_animation,
)
from sr_cli.picture.provenance import Provenance

QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
KINDS = ["gif", "png", "webp"]
RNG = np.random.default_rng(6)


def animation_of(
    canvases: Sequence[np.ndarray], durations: Sequence[float] = (), loop: int = 0
) -> Animation:
    """An animation of (H, W, 3 or 4) each."""
    pictures = [
        Picture(c[:, :, :3], c[:, :, 3] if c.shape[2] == 4 else None) for c in canvases
    ]
    times = durations or [40] * len(pictures)
    frames = iter([Frame(p, t) for p, t in zip(pictures, times, strict=True)])
    return Animation(pictures[0].header, frames, len(pictures), loop)


def encoded(animation: Animation, kind: str, quality: int | None = 100) -> bytes:
    stream = io.BytesIO()
    encode_animation(stream, animation, kind, quality)
    return stream.getvalue()


def read_again(data: bytes) -> Animation:
    animation = read_animation(io.BytesIO(data), "again")
    assert animation is not None
    return animation


def rgba(picture: Picture) -> np.ndarray:
    alpha = picture.alpha
    if alpha is None:
        alpha = np.full(picture.pixels.shape[:2], 255, np.uint8)
    return np.dstack([picture.pixels, alpha])


def by_srup(data: bytes) -> list[np.ndarray]:
    return [rgba(frame.picture) for frame in read_again(data).frames]


def by_pillow(data: bytes) -> list[np.ndarray]:
    with Image.open(io.BytesIO(data)) as im:
        found = []
        for index in range(im.n_frames):
            im.seek(index)
            found.append(np.asarray(im.convert("RGBA")))
        return found


def durations_of(data: bytes) -> list[float]:
    return [frame.milliseconds for frame in read_again(data).frames]


def assert_looks_like(
    found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]
) -> None:
    for image, canvas in zip(found, wanted, strict=True):
        alpha = canvas[:, :, 3] if canvas.shape[2] == 4 else 255
        assert np.all(image[:, :, 3] == alpha)
        visible = image[:, :, 3] > 0
        assert np.array_equal(image[visible][:, :3], canvas[visible][:, :3])


@st.composite
def canvases(draw: st.DrawFn, *, levels: int = 256) -> list[np.ndarray]:
    """Frames each of which changes a part of the one before, or nothing."""
    shape = draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    samples = draw(st.sampled_from([3, 4]))
    first = draw(arrays(np.uint8, (*shape, samples)))
    found = [first]
    for _ in range(draw(st.integers(1, 5))):
        after = found[-1].copy()
        top, left = draw(st.integers(0, 13)), draw(st.integers(0, 13))
        part = after[top : top + draw(st.integers(1, 14)), left:]
        part[:] = draw(arrays(np.uint8, part.shape))
        found.append(after)
    return [binary(canvas) if levels == 2 else canvas for canvas in found]


def binary(canvas: np.ndarray) -> np.ndarray:
    """Make pixels opaque or not at all."""
    result = canvas.copy()
    result[:, :, 3:] = np.where(canvas[:, :, 3:] < 128, 0, 255)
    return result


class TestPixels:
    @QUICK
    @given(canvases())
    def test_apng_loses_nothing(self, frames: list[np.ndarray]) -> None:
        data = encoded(animation_of(frames), "png")
        for found in (by_srup(data), by_pillow(data)):
            for image, canvas in zip(found, frames, strict=True):
                assert np.array_equal(image[:, :, : canvas.shape[2]], canvas)

    @QUICK
    @given(canvases())
    def test_webp_of_quality_100_loses_nothing(self, frames: list[np.ndarray]) -> None:
        data = encoded(animation_of(frames), "webp")
        for found in (by_srup(data), by_pillow(data)):
            for image, canvas in zip(found, frames, strict=True):
                assert np.array_equal(image[:, :, : canvas.shape[2]], canvas)

    @QUICK
    @given(canvases(levels=2))
    def test_gif_loses_nothing_of_few_colours(self, frames: list[np.ndarray]) -> None:
        data = encoded(animation_of(frames), "gif")
        assert_looks_like(by_srup(data), frames)
        assert_looks_like(by_pillow(data), frames)

    def test_gif_holds_256_colours(self) -> None:
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
        first = np.dstack([levels, levels[::-1], levels.T])
        other = np.dstack([levels, levels.T, levels[:, ::-1]])
        other[0, 0] = first[0, 0]  # so that one pixel need not be drawn
        for frames in ([first, other], [first, first], [first, other, other, first]):
            data = encoded(animation_of(frames), "gif")
            assert_looks_like(by_srup(data), frames)
            assert_looks_like(by_pillow(data), frames)

    def test_gif_of_half_transparent_pixels(self) -> None:
        canvas = np.full((1, 4, 4), 90, np.uint8)
        canvas[0, :, 3] = 0, 127, 128, 255
        data = encoded(animation_of([canvas, canvas[:, ::-1]]), "gif")
        assert [image[0, :, 3].tolist() for image in by_pillow(data)] == [
            [0, 0, 255, 255],
            [255, 255, 0, 0],
        ]

    @pytest.mark.parametrize("kind", KINDS)
    def test_lossy_frames_stay_close(self, kind: str) -> None:
        frames = photographs(4)
        data = encoded(animation_of(frames), kind, quality=90)
        for found in (by_srup(data), by_pillow(data)):
            for image, canvas in zip(found, frames, strict=True):
                error = np.square(image[:, :, :3] - canvas.astype(float)).mean()
                assert 10 * np.log10(255**2 / max(error, 1e-9)) > 32

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("samples", [3, 4])
    def test_what_stays_the_same_stays_the_same(self, kind: str, samples: int) -> None:
        frames = photographs(3)
        for index, frame in enumerate(frames):
            frame[:, :40] = frames[0][:, :40]
            frame[20:30, 60 + index : 90] = 255 * (index % 2)
        if samples == 4:
            opaque = [np.full((64, 96, 1), 255, np.uint8) for _ in frames]
            for index, alpha in enumerate(opaque):
                alpha[:, 91 + index :] = 0
            frames = [np.dstack(pair) for pair in zip(frames, opaque, strict=True)]
        first, *others = by_pillow(encoded(animation_of(frames), kind, quality=90))
        for image in others:
            assert np.array_equal(image[:, :40], first[:, :40])

    def test_what_a_gif_draws_again_stays_the_same(self) -> None:
        (photo,) = photographs(1)
        photo[:, 48:] = photo[:, :48]  # so that the palette has what comes later
        holes = np.full((5, *photo.shape[:2], 1), 255, np.uint8)
        for index, alpha in enumerate(holes):  # each of which has to be cleared
            alpha[8:-8, 8 * index : 8 * index + 8] = 0
        frames = [np.dstack([photo, alpha]) for alpha in holes]
        first, *others = by_pillow(encoded(animation_of(frames), "gif"))
        for image, frame in zip(others, frames[1:], strict=True):
            assert np.array_equal(image[:, :, 3], frame[:, :, 3])
            both = (image[:, :, 3] > 0) & (first[:, :, 3] > 0)
            assert np.array_equal(image[both], first[both])

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_stays_the_same_takes_no_room(self, kind: str) -> None:
        (photo,) = photographs(1)
        moved = photo.copy()
        moved[10:14, 50:54] = 0
        once = len(encoded(animation_of([photo]), kind))
        assert len(encoded(animation_of([photo, moved, photo]), kind)) < 1.15 * once

    def test_quality_is_obeyed(self) -> None:
        sizes = [
            len(encoded(animation_of(photographs(2)), "webp", quality))
            for quality in (20, 60, 95)
        ]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 2


def photographs(count: int) -> list[np.ndarray]:
    """Smooth pictures with more than 256 colours, each a little different."""
    y, x = np.mgrid[:64, :96]
    waves = [np.sin((x * a + y * b) / 17) for a, b in ((1, 0.3), (0.2, 1), (0.7, -0.6))]
    base = 128 + 90 * np.stack(waves, axis=2) + RNG.normal(0, 3, (64, 96, 3))
    return [
        np.clip(base + 2 * index, 0, 255).astype(np.uint8) for index in range(count)
    ]


class TestRoundTrip:
    @QUICK
    @given(canvases(levels=2), st.sampled_from(KINDS), st.sampled_from(KINDS))
    def test_read_enlarge_write_read(
        self, frames: list[np.ndarray], before: str, after: str
    ) -> None:
        source = read_again(encoded(animation_of(frames, loop=5), before))

        def enlarged() -> Iterator[Frame]:
            for frame in source.frames:
                pixels = frame.picture.pixels.repeat(2, axis=0).repeat(2, axis=1)
                alpha = frame.picture.alpha
                if alpha is not None:
                    alpha = alpha.repeat(2, axis=0).repeat(2, axis=1)
                yield replace(frame, picture=Picture(pixels, alpha))

        found = source.header
        header = replace(found, height=2 * found.height, width=2 * found.width)
        data = encoded(replace(source, header=header, frames=enlarged()), after)
        wanted = [frame.repeat(2, axis=0).repeat(2, axis=1) for frame in frames]
        assert_looks_like(by_srup(data), wanted)
        assert durations_of(data) == [40] * len(frames)
        assert read_again(data).loop == 5


class TestTime:
    BLACK = np.zeros((2, 2, 3), np.uint8)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("loop", [0, 1, 2, 65_535])
    def test_loops(self, kind: str, loop: int) -> None:
        assert (
            read_again(encoded(animation_of([self.BLACK] * 2, (), loop), kind)).loop
            == loop
        )

    @pytest.mark.parametrize("kind", KINDS)
    def test_more_loops_than_fit(self, kind: str) -> None:
        data = encoded(animation_of([self.BLACK] * 2, (), 2**40), kind)
        assert read_again(data).loop >= 65_535

    @pytest.mark.parametrize("kind", KINDS)
    def test_whole_hundredths_stay_as_they_are(self, kind: str) -> None:
        times = [0, 10, 20, 15, 655_350, 70, 15, 100]
        found = durations_of(encoded(animation_of([self.BLACK] * 8, times), kind))
        if kind == "gif":
            assert found == [0, 10, 20, 20, 655_350, 70, 10, 100]
        else:
            assert found == times

    @QUICK
    @given(
        st.lists(st.integers(0, 300) | st.floats(0, 300), min_size=2, max_size=20),
        st.sampled_from([("gif", 10), ("webp", 1)]),
    )
    def test_the_sum_is_right_to_half_a_tick(
        self, times: list[float], kind: tuple[str, int]
    ) -> None:
        name, tick = kind
        found = durations_of(
            encoded(animation_of([self.BLACK] * len(times), times), name)
        )
        assert abs(sum(found) - sum(times)) <= tick / 2 + 1e-6
        for time, again in zip(times, found, strict=True):
            assert abs(again - time) <= tick
            assert again == time or time % tick

    def test_film_rates_are_exact_in_apng(self) -> None:
        times = [1000 / 30, 1001 / 24, 1000 / 60, 0.1, 65_535_000.0]
        found = durations_of(encoded(animation_of([self.BLACK] * 5, times), "png"))
        assert found == pytest.approx(times, rel=1e-12)

    @QUICK
    @given(st.fractions(0, 70_000, max_denominator=10_000))
    def test_apng_comes_close_to_any_time(self, seconds: Fraction) -> None:
        times = [float(1000 * seconds), 0]
        found, _ = durations_of(encoded(animation_of([self.BLACK] * 2, times), "png"))
        wanted = min(float(seconds), 65_535)
        assert found / 1000 == pytest.approx(wanted, rel=2e-4, abs=2e-5)


class TestSizes:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("samples", [3, 4])
    def test_one_pixel(self, kind: str, samples: int) -> None:
        frames = [np.full((1, 1, samples), level, np.uint8) for level in (255, 200)]
        assert_looks_like(
            by_pillow(encoded(animation_of([binary(f) for f in frames]), kind)),
            [binary(f) for f in frames],
        )

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_frame(self, kind: str) -> None:
        frame = np.full((3, 4, 3), 7, np.uint8)
        assert_looks_like(by_pillow(encoded(animation_of([frame]), kind)), [frame])

    @pytest.mark.parametrize("kind", KINDS)
    def test_hundreds_of_frames_are_taken_one_by_one(self, kind: str) -> None:
        alive: list[weakref.ref[Picture]] = []
        most = 0

        def frames() -> Iterator[Frame]:
            nonlocal most
            for index in range(200):
                picture = Picture(np.full((5, 6, 3), index % 256, np.uint8))
                alive.append(weakref.ref(picture.pixels))
                yield Frame(picture, 10)
                del picture
                gc.collect(0)
                most = max(most, sum(ref() is not None for ref in alive))

        header = Picture(np.zeros((5, 6, 3), np.uint8)).header
        data = encoded(Animation(header, frames(), 200, 0), kind)
        assert most <= 3
        assert [int(image[0, 0, 0]) for image in by_srup(data)] == [
            index % 256 for index in range(200)
        ]

    @pytest.mark.parametrize(("kind", "side"), [("gif", 65_535), ("webp", 16_383)])
    def test_longest_side(self, kind: str, side: int) -> None:
        frames = [np.full((1, side, 3), level, np.uint8) for level in (0, 9)]
        assert_looks_like(by_pillow(encoded(animation_of(frames), kind)), frames)
        too_long = np.zeros((1, side + 1, 3), np.uint8)
        with pytest.raises(PictureError, match=f"at most {side}"):
            encoded(animation_of([too_long]), kind)


class TestFacts:
    def test_are_kept_where_they_can_be(self) -> None:
        exif = Image.Exif()
        exif[0x013B] = "the artist"
        plain = animation_of([np.full((3, 3, 3), i, np.uint8) for i in range(3)])
        header = replace(
            plain.header, icc=b"profile" * 30, exif=exif.tobytes(), dpi=(300, 150)
        )
        data = encoded(replace(plain, header=header), "png")
        again = read_again(data).header
        assert (again.icc, again.dpi) == (header.icc, header.dpi)
        assert b"the artist" in (again.exif or b"")
        plain = animation_of([np.full((3, 3, 3), i, np.uint8) for i in range(3)])
        again = read_again(encoded(replace(plain, header=header), "webp")).header
        assert again.icc == header.icc
        assert b"the artist" in (again.exif or b"")

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_made_them_is_told(self, kind: str) -> None:
        made = Provenance("srgan", "0f" * 32, "1.2.3")
        plain = animation_of([np.full((3, 3, 3), i, np.uint8) for i in range(3)])
        header = replace(plain.header, provenance=made)
        again = read_again(encoded(replace(plain, header=header), kind))
        assert found_provenance(again.header) == made
        assert len(list(again.frames)) == 3

    @pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
    def test_every_format_holds_animations_or_says_it_does_not(self, row) -> None:
        frames = [np.full((8, 8, 3), level, np.uint8) for level in (0, 90)]
        if row.animation:
            assert len(by_srup(encoded(animation_of(frames), row.name))) == 2
        else:
            with pytest.raises(PictureError, match=r"hold an animation\. Use .* or "):
                encoded(animation_of(frames), row.name)


class TestWholeOrAbsent:
    FRAMES = tuple(np.full((6, 6, 3), level, np.uint8) for level in (0, 80, 160))

    @pytest.fixture(params=KINDS)
    def target(self, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        return tmp_path / f"out.{request.param}"

    def test_writes(self, target: Path) -> None:
        write_animation(target, animation_of(self.FRAMES))
        assert_looks_like(by_pillow(target.read_bytes()), self.FRAMES)
        assert list(target.parent.iterdir()) == [target]

    def test_same_bytes_as_into_a_stream(self, target: Path) -> None:
        write_animation(target, animation_of(self.FRAMES), quality=70)
        kind = target.suffix
        assert target.read_bytes() == encoded(animation_of(self.FRAMES), kind, 70)

    def test_the_format_can_be_named(self, tmp_path: Path) -> None:
        write_animation(tmp_path / "a", animation_of(self.FRAMES), format="gif")
        assert (tmp_path / "a").read_bytes().startswith(b"GIF89a")

    def test_existing_files_are_kept(self, target: Path) -> None:
        target.write_text("precious")
        with pytest.raises(PictureError, match="it already exists"):
            write_animation(target, animation_of(self.FRAMES))
        assert target.read_text() == "precious"
        write_animation(target, animation_of(self.FRAMES), overwrite=True)
        assert len(by_pillow(target.read_bytes())) == 3

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize(
        "fault",
        [KeyboardInterrupt(), PictureError("a", "b"), OSError(5, "x"), ValueError("y")],
    )
    def test_a_fault_of_a_frame_passes_and_leaves_nothing(
        self, target: Path, fault: BaseException, overwrite: bool
    ) -> None:
        if overwrite:
            target.write_text("precious")
        whole = animation_of(self.FRAMES)

        def frames() -> Iterator[Frame]:
            yield next(whole.frames)
            yield next(whole.frames)
            assert list(target.parent.glob(".srup-*.part"))
            raise fault

        with pytest.raises(type(fault)) as caught:
            write_animation(
                target, replace(whole, frames=frames()), overwrite=overwrite
            )
        assert caught.value is fault
        assert list(target.parent.iterdir()) == ([target] if overwrite else [])
        if overwrite:
            assert target.read_text() == "precious"

    def test_a_full_disk(self, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(PictureError, match=r"Cannot write .*the disk is full"):
            write_animation(target, animation_of(self.FRAMES))
        assert list(target.parent.iterdir()) == []

    @pytest.mark.parametrize("count", [2, 4])
    def test_another_number_of_frames(self, target: Path, count: int) -> None:
        wrong = replace(animation_of(self.FRAMES), count=count)
        with pytest.raises(ValueError, match=f"3 frames, where {count} were expected"):
            write_animation(target, wrong)
        assert list(target.parent.iterdir()) == []

    @pytest.mark.parametrize("shape", [(6, 5, 3), (6, 6, 4), (6, 6, 1)])
    def test_frames_that_do_not_fit_the_header(
        self, target: Path, shape: tuple[int, int, int]
    ) -> None:
        odd = np.zeros(shape, np.uint8)
        picture = Picture(odd[:, :, :3], odd[:, :, 3] if shape[2] == 4 else None)
        whole = animation_of(self.FRAMES)
        wrong = replace(whole, frames=iter([*whole.frames, Frame(picture, 10)]))
        with pytest.raises(ValueError, match="as its header says"):
            write_animation(target, wrong)
        assert list(target.parent.iterdir()) == []
