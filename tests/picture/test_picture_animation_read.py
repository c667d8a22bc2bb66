"""Animated files ─▶ what is seen, frame by frame."""

import io
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from animation_files import Gif, Indexed, Patch, apng, composed, png_chunk, webp
from sr_cli.errors import PictureError
from sr_cli.picture.animation import Animation, Frame, open_animation, read_animation

QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
RNG = np.random.default_rng(5)
PALETTE = RNG.integers(0, 256, (4, 3), dtype=np.uint8)
SIDES = st.integers(1, 9)


@st.composite
def images(draw: st.DrawFn) -> Indexed:
    shape = draw(st.tuples(SIDES, SIDES))
    return Indexed(
        draw(arrays(np.uint8, shape, elements=st.integers(0, 3))),
        left=draw(st.integers(0, 9)),
        top=draw(st.integers(0, 9)),
        disposal=draw(st.integers(0, 4)),
        delay=draw(st.sampled_from([0, 1, 7, 10, 65_535])),
        transparent=draw(st.none() | st.integers(0, 3)),
        palette=draw(st.none() | arrays(np.uint8, (4, 3))),
        interlaced=draw(st.booleans()),
    )


@st.composite
def gifs(draw: st.DrawFn) -> Gif:
    return Gif(
        draw(SIDES),
        draw(SIDES),
        draw(arrays(np.uint8, (4, 3))),
        draw(st.lists(images(), min_size=2, max_size=5)),
        repeats=draw(st.sampled_from([None, 0, 1, 65_535])),
    )


@st.composite
def patches(draw: st.DrawFn, height: int, width: int, step: int = 1) -> list[Patch]:
    """Rectangles within a canvas that start at multiples of `step`."""

    def side(whole: int) -> tuple[int, int]:
        start = draw(st.integers(0, (whole - 1) // step)) * step
        return start, draw(st.integers(1, whole - start))

    found = []
    for _ in range(draw(st.integers(2, 5))):
        (top, rows), (left, columns) = side(height), side(width)
        pixels = draw(arrays(np.uint8, (rows, columns, 4)))
        end = draw(st.sampled_from(["keep", "clear", "restore"]))
        found.append(Patch(pixels, left, top, end, draw(st.booleans())))
    return found


def frames_of(data: bytes) -> list[Frame]:
    animation = read_animation(io.BytesIO(data), "a.gif")
    assert animation is not None
    frames = list(animation.frames)
    assert len(frames) == animation.count
    for frame in frames:
        assert frame.picture.header == animation.header
    return frames


def read_all(data: bytes) -> Animation:
    animation = read_animation(io.BytesIO(data), "a.gif")
    assert animation is not None
    return animation


def rgba(frame: Frame) -> np.ndarray:
    alpha = frame.picture.alpha
    if alpha is None:
        alpha = np.full(frame.picture.pixels.shape[:2], 255, np.uint8)
    return np.dstack([frame.picture.pixels, alpha])


def assert_seen(
    frames: list[Frame], expected: list[np.ndarray], within: int = 0
) -> None:
    """Compare what can be seen, which colours under nothing can't."""
    alpha = min(canvas[:, :, 3].min() for canvas in expected) < 255
    for frame, canvas in zip(frames, expected, strict=True):
        assert (frame.picture.alpha is not None) == alpha
        found = rgba(frame).astype(int)
        assert np.array_equal(found[:, :, 3], canvas[:, :, 3])
        visible = canvas[:, :, 3] > 0
        assert np.array_equal(found[visible], canvas[visible])


class TestGif:
    @QUICK
    @given(gifs())
    def test_every_disposal(self, gif: Gif) -> None:
        first = gif.images[0]
        height = max(gif.height, first.top + first.indices.shape[0])
        width = max(gif.width, first.left + first.indices.shape[1])
        frames = frames_of(gif.encoded())
        assert_seen(frames, composed(gif.patches(), height, width))
        assert [f.milliseconds for f in frames] == [10 * i.delay for i in gif.images]

    @pytest.mark.parametrize(
        ("repeats", "loop"), [(None, 1), (0, 0), (1, 2), (65_535, 65_536)]
    )
    def test_loops(self, repeats: int | None, loop: int) -> None:
        two = [Indexed(np.zeros((3, 3), np.uint8))] * 2
        assert read_all(Gif(3, 3, PALETTE, two, repeats).encoded()).loop == loop

    def test_other_extensions_are_passed_over(self) -> None:
        comment = b"!\xfe\5hello\0"
        magic = bytes([1, *range(255, -1, -1), 0])
        xmp = b"!\xff\x0bXMP DataXMP<x:xmpmeta/>" + magic
        two = [Indexed(np.full((3, 3), i, np.uint8)) for i in (1, 2)]
        gif = Gif(3, 3, PALETTE, two, extensions=[comment, xmp])
        assert_seen(frames_of(gif.encoded()), composed(gif.patches(), 3, 3))

    def test_an_image_without_pixels_takes_time_only(self) -> None:
        data = Gif(
            3, 3, PALETTE, [Indexed(np.full((3, 3), i, np.uint8)) for i in (1, 2)]
        ).encoded()
        at = data.rindex(b"!\xf9")
        empty = b"!\xf9\4\0\7\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, 0, 3, 0)
        frames = frames_of(data[:at] + empty + b"\2\0" + data[at:])
        assert [frame.milliseconds for frame in frames] == [100, 70, 100]
        assert np.array_equal(frames[0].picture.pixels, frames[1].picture.pixels)

    @pytest.mark.parametrize("end", [b"", b"\0\0\0junk"])
    def test_without_the_mark_of_the_end(self, end: bytes) -> None:
        two = [Indexed(np.full((3, 3), i, np.uint8)) for i in (1, 2)]
        animation = read_all(Gif(3, 3, PALETTE, two).encoded(end))
        assert animation.count == 2
        assert animation.header.notes == ("The file breaks off: frames may be missing",)

    def test_one_frame_is_no_animation(self) -> None:
        gif = Gif(3, 3, PALETTE, [Indexed(np.zeros((3, 3), np.uint8))])
        assert read_animation(io.BytesIO(gif.encoded()), "a.gif") is None


class TestApng:
    @QUICK
    @given(st.data(), SIDES, SIDES)
    def test_every_disposal_and_blending(
        self, data: st.DataObject, height: int, width: int
    ) -> None:
        drawn = data.draw(patches(height, width))
        plays = data.draw(st.integers(0, 2**31 - 1))
        default = data.draw(st.none() | arrays(np.uint8, (height, width, 4)))
        if default is None:  # the first frame is the picture for everyone else
            whole = data.draw(arrays(np.uint8, (height, width, 4)))
            drawn[0] = replace(drawn[0], pixels=whole, left=0, top=0)
        encoded = apng(drawn, height, width, plays=plays, default=default)
        assert_seen(frames_of(encoded), composed(drawn, height, width))
        assert read_all(encoded).loop == plays

    def test_delays(self) -> None:
        two = [Patch(np.full((2, 2, 4), 255, np.uint8))] * 6
        delays = [(0, 0), (1, 30), (7, 0), (0, 7), (7, 100), (65_535, 1)]
        found = [f.milliseconds for f in frames_of(apng(two, 2, 2, delays=delays))]
        assert found == [0, 1000 / 30, 70, 0, 70, 65_535_000]

    @pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
    def test_modes(self, mode: str) -> None:
        stills = [
            Image.fromarray(RNG.integers(0, 256, (9, 7, 4), dtype=np.uint8))
            for _ in range(3)
        ]
        if mode == "P":
            palettes = stills[0].convert("RGB").quantize(16)
            turns = Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM
            stills = [palettes, *(palettes.transpose(turn) for turn in turns)]
        converted = [still.convert(mode) for still in stills]
        stream = io.BytesIO()
        converted[0].save(stream, "PNG", save_all=True, append_images=converted[1:])
        expected = [np.asarray(still.convert("RGBA")) for still in converted]
        assert_seen(frames_of(stream.getvalue()), expected)

    def test_16_bits_are_rounded_to_8(self) -> None:
        levels = np.arange(0, 65_536, 997, dtype=np.uint16)
        row = b"\0" + levels.astype(">u2").tobytes()
        size = struct.pack(">IIBBBBB", len(levels), 1, 16, 0, 0, 0, 0)
        place = struct.pack(">IIIIHHBB", len(levels), 1, 0, 0, 1, 10, 0, 0)
        pixels = zlib.compress(row)
        data = b"".join(
            (
                b"\x89PNG\r\n\x1a\n",
                png_chunk(b"IHDR", size),
                png_chunk(b"acTL", struct.pack(">II", 2, 0)),
                png_chunk(b"fcTL", struct.pack(">I", 0) + place),
                png_chunk(b"IDAT", pixels),
                png_chunk(b"fcTL", struct.pack(">I", 1) + place),
                png_chunk(b"fdAT", struct.pack(">I", 2) + pixels),
                png_chunk(b"IEND"),
            )
        )
        for frame in frames_of(data):
            found = frame.picture.pixels[0, :, 0]
            assert np.array_equal(found, np.rint(levels / 257).astype(np.uint8))
            assert "8" in " ".join(frame.picture.notes)

    def test_a_plain_png_is_no_animation(self) -> None:
        stream = io.BytesIO()
        Image.new("RGB", (3, 3)).save(stream, "PNG")
        assert read_animation(stream, "a.png") is None


class TestWebp:
    @QUICK
    @given(st.data(), SIDES, SIDES)
    def test_every_disposal_and_blending(
        self, data: st.DataObject, height: int, width: int
    ) -> None:
        drawn = data.draw(patches(height, width, step=2))
        ends = {"restore": "keep"}  # WebP doesn't have it
        drawn = [replace(p, end=ends.get(p.end, p.end)) for p in drawn]
        for patch in drawn:  # libwebp mixes with few bits where alpha is low
            patch.pixels[:, :, 3] = np.where(patch.pixels[:, :, 3] < 128, 0, 255)
        frames = frames_of(webp(drawn, height, width, loop=7))
        assert_seen(frames, composed(drawn, height, width))
        assert [frame.milliseconds for frame in frames] == [100] * len(drawn)

    def test_half_transparent(self) -> None:
        pixels = RNG.integers(64, 256, (3, 6, 8, 4), dtype=np.uint8)
        drawn = [Patch(frame) for frame in pixels]
        expected = composed(drawn, 6, 8)
        for frame, canvas in zip(frames_of(webp(drawn, 6, 8)), expected, strict=True):
            assert np.abs(rgba(frame).astype(int) - canvas).max() <= 3

    def test_loops(self) -> None:
        two = [Patch(np.full((2, 2, 4), 255, np.uint8))] * 2
        for loop in (0, 1, 65_535):
            assert read_all(webp(two, 2, 2, loop=loop)).loop == loop


class TestAvif:
    def test_frames(self) -> None:
        stills = [Image.new("RGB", (32, 16), (60 * i, 80, 0)) for i in range(4)]
        stream = io.BytesIO()
        stills[0].save(
            *(stream, "AVIF"),
            save_all=True,
            append_images=stills[1:],
            duration=[100, 40, 20, 70],
            quality=100,
        )
        frames = frames_of(stream.getvalue())
        assert [frame.milliseconds for frame in frames] == [100, 40, 20, 70]
        for frame, still in zip(frames, stills, strict=True):
            assert frame.picture.alpha is None
            away = np.abs(frame.picture.pixels.astype(int) - np.asarray(still))
            assert away.max() <= 3
        assert read_all(stream.getvalue()).loop == 0


class TestFacts:
    def stored(self, kind: str, **facts: object) -> bytes:
        stills = [Image.new("RGB", (6, 4), (90 * i, 80, 0)) for i in range(3)]
        stills[0].putpixel((0, 0), (255, 255, 255))
        stream = io.BytesIO()
        options = {"save_all": True, "append_images": stills[1:], **facts}
        stills[0].save(stream, kind, **options)
        return stream.getvalue()

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_are_those_of_a_still(self, kind: str) -> None:
        exif = Image.Exif()
        exif[0x013B] = "the artist"
        header = read_all(
            self.stored(kind, exif=exif, icc_profile=b"profile" * 30)
        ).header
        assert header.icc == b"profile" * 30
        assert b"the artist" in (header.exif or b"")
        assert header.notes == ()

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_frames_are_turned_upright(self, kind: str) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        data = self.stored(kind, exif=exif, lossless=True)
        (first, *_) = frames_of(data)
        assert first.picture.pixels.shape == (6, 4, 3)
        assert first.picture.pixels[0, 3].tolist() == [255, 255, 255]


class TestFiles:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
    def test_stills_are_no_animations(self, tmp_path: Path, kind: str) -> None:
        Image.new("RGB", (5, 5)).save(tmp_path / "a", kind)
        with open_animation(tmp_path / "a") as animation:
            assert animation is None

    @pytest.mark.parametrize("kind", ["TIFF", "MPO"])
    def test_pages_are_no_animation(self, tmp_path: Path, kind: str) -> None:
        pages = [Image.new("RGB", (16, 16), (i, 0, 0)) for i in (1, 2)]
        pages[0].save(tmp_path / "a", kind, save_all=True, append_images=pages[1:])
        with open_animation(tmp_path / "a") as animation:
            assert animation is None

    def test_what_is_missing_is_left_to_others(self, tmp_path: Path) -> None:
        with open_animation(tmp_path / "gone.gif") as animation:
            assert animation is None

    def test_the_file_is_closed(self, tmp_path: Path) -> None:
        two = [Indexed(np.full((3, 3), i, np.uint8)) for i in (1, 2)]
        (tmp_path / "a.gif").write_bytes(Gif(3, 3, PALETTE, two).encoded())
        with open_animation(tmp_path / "a.gif") as animation:
            assert animation is not None
        with pytest.raises(PictureError):
            list(animation.frames)

    def test_refused_by_the_system(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        (tmp_path / "a.gif").touch()
        monkeypatch.setattr(Path, "open", refuse)
        with (
            pytest.raises(PictureError, match="permission was denied"),
            open_animation(tmp_path / "a.gif"),
        ):
            pass


def examples() -> dict[str, bytes]:
    pixels = RNG.integers(0, 256, (3, 20, 20, 4), dtype=np.uint8)
    moving = [Patch(frame, over=False) for frame in pixels]
    still = [Indexed(frame[:, :, 0] // 64) for frame in pixels]
    avif = io.BytesIO()
    first, *others = (Image.fromarray(frame[:, :, :3]) for frame in pixels)
    first.save(avif, "AVIF", save_all=True, append_images=others)
    return {
        "gif": Gif(20, 20, PALETTE, still).encoded(),
        "apng": apng(moving, 20, 20),
        "webp": webp(moving, 20, 20),
        "avif": avif.getvalue(),
    }


EXAMPLES = examples()


def read_or_refuse(data: bytes) -> Animation | str | None:
    """Decode all of an animation; what is said of a file that can't be."""
    try:
        animation = read_animation(io.BytesIO(data), "a.gif")
        if animation is None:
            return None
        return replace(animation, frames=iter(list(animation.frames)))
    except PictureError as error:
        return str(error)


class TestDamage:
    @pytest.mark.parametrize("kind", EXAMPLES)
    def test_truncation_is_found_before_any_work(self, kind: str) -> None:
        data = EXAMPLES[kind]
        lengths = {*range(len(data) - 40, len(data) - 1), *range(100, len(data), 97)}
        refused = 0
        for length in sorted(lengths):
            found = read_or_refuse(data[:length])
            if isinstance(found, str):
                reason = "truncated" if kind in ("gif", "apng") else "damaged"
                assert found.startswith(f"Cannot read a.gif: the file is {reason}. ")
                refused += 1
            else:  # a GIF that ends between two images, or with its first
                assert kind == "gif"
                assert found is None or "breaks off" in found.header.notes[0]
        assert refused > 0.9 * len(lengths)

    @pytest.mark.parametrize("kind", EXAMPLES)
    def test_random_damage_raises_nothing_else(
        self, kind: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for seed in range(40):
            generator = np.random.default_rng(seed)
            data = np.frombuffer(EXAMPLES[kind], np.uint8).copy()
            reach = (60, len(data))[seed % 2]
            places = generator.integers(0, reach, 3)
            data[places] = generator.integers(0, 256, 3)
            found = read_or_refuse(data.tobytes())
            if isinstance(found, str):
                assert found.startswith("Cannot read a.gif: ")
            elif found is not None:
                assert {f.picture.header for f in found.frames} == {found.header}
        assert capfd.readouterr() == ("", "")

    def test_a_wrong_checksum(self) -> None:
        data = bytearray(EXAMPLES["apng"])
        data[data.rindex(b"fdAT") + 30] ^= 1
        with pytest.raises(PictureError, match="the file is damaged"):
            read_all(bytes(data))

    @pytest.mark.parametrize("stated", [1, 2, 4, 2**31])
    def test_a_wrong_number_of_frames(self, stated: int) -> None:
        data = EXAMPLES["apng"]
        start = data.index(b"acTL") - 4
        control = png_chunk(b"acTL", struct.pack(">II", stated, 0))
        data = data[:start] + control + data[start + len(control) :]
        if stated == 1:
            assert read_animation(io.BytesIO(data), "a.png") is None
        else:
            with pytest.raises(PictureError, match="the file is damaged"):
                read_all(data)

    def test_a_file_that_changes_meanwhile(self) -> None:
        stream = io.BytesIO(EXAMPLES["apng"])
        animation = read_animation(stream, "a.png")
        assert animation is not None
        next(animation.frames)
        stream.truncate(len(EXAMPLES["apng"]) - 200)
        with pytest.raises(PictureError, match=r"Cannot read a\.png"):
            list(animation.frames)


class TestBombs:
    @pytest.mark.parametrize("kind", ["gif", "apng", "webp"])
    def test_a_huge_canvas_is_refused_before_it_is_made(self, kind: str) -> None:
        huge = struct.pack("<HH", 60_000, 60_000)
        data = EXAMPLES[kind]
        if kind == "gif":
            data = data[:6] + huge + data[10:]
        elif kind == "webp":
            data = data[:24] + b"\xff\x3f\0\xff\x3f\0" + data[30:]
        else:
            size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
            data = data[:8] + png_chunk(b"IHDR", size) + data[33:]
        with pytest.raises(PictureError, match="more than 33 million pixels"):
            read_all(data)

    def test_hundreds_of_frames_take_no_memory(self) -> None:
        images = [Indexed(np.ones((1, 1), np.uint8))] * 120
        data = Gif(400, 400, PALETTE, images).encoded()
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_all(data).frames) == 120
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 10 * 400 * 400 * 4
