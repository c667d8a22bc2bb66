"""Frames as they come ─▶ file."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from sr_cli.errors import PictureError
from sr_cli.picture.animation.apng_out import ApngEncoder
from sr_cli.picture.animation.encoder import FrameEncoder, Rows
from sr_cli.picture.animation.frames import Animation
from sr_cli.picture.animation.gif_out import GifEncoder
from sr_cli.picture.animation.webp_out import WebpEncoder
from sr_cli.picture.encoder import Refuse, faults_refused
from sr_cli.picture.formats import FORMATS, Format, check_size, format_named
from sr_cli.picture.header import Header
from sr_cli.picture.metadata import prepared
from sr_cli.picture.picture import Picture
from sr_cli.picture.room import check_room
from sr_cli.picture.writing import check_target, write_failure
from sr_cli.whole_file import whole_file


def write_animation(
    path: Path,
    animation: Animation,
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Encode frames as they come into a file, which appears complete or not at all.

    APNG and, with a quality of 100, WebP lose nothing.  GIF has up to 256 colours in
    each frame, and pixels that are either opaque or transparent.  Durations are rounded
    to what the format counts in: milliseconds in WebP, hundredths of a second in GIF.
    One or two frames are held at a time.

    Args:
        path: where to.
        animation: of 8-bit RGB; the notes in its header are not written.
        format: a name or suffix; None goes by the suffix of `path`.
        quality: as in `encode`.
        overwrite: whether an existing file may be replaced.

    Raises:
        PictureError: the format holds no animations, or as `open_sink`.  What the
            frames raise passes through; there is no new file then either.
        ValueError: frames don't fit the header, or are not as many as `count` says.
    """
    row = check_target(path, format, overwrite=overwrite)
    _check(animation.header, row)
    # Only for the first frame: how much of it the others repeat, nobody knows.
    check_room(path, animation.header, row)
    refuse = partial(write_failure, path)
    with ExitStack() as stack:
        with faults_refused(refuse):
            stream = stack.enter_context(whole_file(path, overwrite=overwrite))
        _push(animation, _encoder_into(stream, animation, row, quality), refuse)
        with faults_refused(refuse):
            stack.close()


def encode_animation(
    stream: IO[bytes], animation: Animation, format: str, quality: int | None = None
) -> None:
    """Encode frames as they come into an empty stream that can seek.

    Args:
        stream: takes the bytes.
        animation: as in `write_animation`.
        format: a name or suffix.
        quality: as in `encode`.

    Raises:
        PictureError: the format holds no animations, or as `encode`.
        ValueError: as `write_animation`.
    """
    row = format_named(format)
    _check(animation.header, row)

    def refuse(error: Exception) -> PictureError:
        message = f"Cannot encode {row.name}: {error}"
        return PictureError(message, "Try another format, such as PNG")

    _push(animation, _encoder_into(stream, animation, row, quality), refuse)


def _check(header: Header, row: Format) -> None:
    if not row.animation:
        *others, last = (row.suffixes[0] for row in FORMATS if row.animation)
        hint = f"Use {', '.join(others)} or {last}"
        raise PictureError(f"{row.name} cannot hold an animation", hint)
    check_size(header.height, header.width, row.name, header.channels)


def _encoder_into(
    stream: IO[bytes], animation: Animation, row: Format, quality: int | None
) -> FrameEncoder:
    header, loop = animation.header, animation.loop
    if row.name == "PNG":
        return ApngEncoder(stream, header, animation.count, loop)
    if row.name == "WEBP":
        return WebpEncoder(stream, header, quality, loop)
    return GifEncoder(stream, header, loop, prepared(header, row).xmp)


def _push(animation: Animation, encoder: FrameEncoder, refuse: Refuse) -> None:
    written = 0
    for frame in animation.frames:  # what goes wrong in there is not ours to explain
        rows = _rows(frame.picture, animation.header)
        with faults_refused(refuse):
            encoder.write(rows, frame.milliseconds)
        written += 1
    if written != animation.count or not written:
        msg = f"{written} frames, where {animation.count} were expected"
        raise ValueError(msg)
    with faults_refused(refuse):
        encoder.finish()


def _rows(picture: Picture, header: Header) -> Rows:
    found = picture.header
    shape = found.height, found.width, found.channels, found.alpha, found.depth
    if shape != (header.height, header.width, 3, header.alpha, 8):
        msg = f"a frame must be 8-bit RGB as its header says: {shape}"
        raise ValueError(msg)
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])
