"""File or bytes ─▶ Animation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sr_cli.picture import refusals
from sr_cli.picture.animation import apng_in, gif_blocks, gif_in
from sr_cli.picture.animation.film import Film, WholeFrames
from sr_cli.picture.animation.frames import Animation, Frame
from sr_cli.picture.header import Header
from sr_cli.picture.limits import check_pixels, patient_pillow
from sr_cli.picture.picture import Picture
from sr_cli.picture.png_chunks import SIGNATURE
from sr_cli.picture.reading import described, turned
from sr_cli.picture.refusals import UnfitError, refusing

_MAX_CANVAS = 2**25
"""Pixels: one frame of 8K video, 7680 × 4320.  Several canvases are held at once."""

_DEPTH_NOTE = "Frames have 8 bits per channel: more were reduced to that"

_HEAD = 256
_WEBP_ANIMATED = 2  # among the flags of VP8X


@contextmanager
def open_animation(path: Path) -> Iterator[Animation | None]:
    """Open a GIF, APNG, WebP or AVIF file that has several frames.

    One or two canvases are held, however many frames there are.  All of them have been
    decoded once before the block is entered, so that no work is lost to damage further
    down.

    Yields:
        None if it is something else, or has one frame: `read` takes it then, and says
        what is wrong with it.  Nothing is read from pipes.

    Raises:
        PictureError: the file is unreadable or damaged, or its canvas has more than 33
            million pixels.
    """
    if not path.is_file():
        yield None
        return
    try:
        stream = path.open("rb")
    except OSError as error:
        raise refusals.unopened(path, error) from error
    with stream:
        yield read_animation(stream, str(path))


def read_animation(stream: IO[bytes], name: str) -> Animation | None:
    """Find the animation in a file that can seek and stays open; as `open_animation`.

    Args:
        stream: the file.
        name: stands for it in messages.
    """
    with refusing(name):
        film = _find(stream, name)
        if film is None or film.count < 2:
            return None
        _check_canvas(film.height, film.width)
        alpha = film.alpha()
        header, orientation = described(stream, name)
    turned = orientation > 4
    notes = (_DEPTH_NOTE,) if header.depth > 8 else ()
    header = replace(
        header,
        height=film.width if turned else film.height,
        width=film.height if turned else film.width,
        channels=3,
        alpha=alpha,
        depth=8,
        xmp=header.xmp or film.xmp,
        notes=(*header.notes, *notes, *film.notes),
    )
    frames = _frames(film, header, orientation, name)
    return Animation(header, frames, film.count, film.loop)


def _find(stream: IO[bytes], name: str) -> Film | None:
    stream.seek(0)
    head = stream.read(_HEAD)
    if head.startswith(gif_blocks.SIGNATURES):
        return gif_in.find(stream, name)
    if head.startswith(SIGNATURE):
        return apng_in.find(stream, name)
    if _is_animated_webp(head):
        sides = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        _check_canvas(*sides)  # before libwebp takes memory for it
        return _whole_frames(stream)
    if _is_avif_sequence(head):
        return _whole_frames(stream)
    return None


def _is_animated_webp(head: bytes) -> bool:
    kinds = head[:4], head[8:16]
    return kinds == (b"RIFF", b"WEBPVP8X") and bool(head[20] & _WEBP_ANIMATED)


def _is_avif_sequence(head: bytes) -> bool:
    brands = head[8 : int.from_bytes(head[:4], "big")]
    return head[4:8] == b"ftyp" and b"avis" in brands


def _whole_frames(stream: IO[bytes]) -> WholeFrames:
    stream.seek(0)
    with patient_pillow():
        try:
            return WholeFrames(Image.open(stream, formats=("WEBP", "AVIF")))
        except UnidentifiedImageError as error:  # which we know better
            msg = "damaged structure"
            raise ValueError(msg) from error


def _check_canvas(height: int, width: int) -> None:
    if height * width > _MAX_CANVAS:
        reason = f"its frames have more than {_MAX_CANVAS // 10**6} million pixels"
        raise UnfitError(reason, "Make them smaller, or take one of them")
    check_pixels(height, width)


def _frames(film: Film, header: Header, orientation: int, name: str) -> Iterator[Frame]:
    moments = film.moments()
    while True:
        with refusing(name):
            moment = next(moments, None)
        if moment is None:
            return
        pixels, milliseconds = moment
        yield Frame(_picture(pixels, header, orientation), milliseconds)


def _picture(pixels: NDArray[np.uint8], header: Header, orientation: int) -> Picture:
    """Copy what the canvas shows, which the next frame will change."""
    upright = turned(pixels, orientation)
    return Picture(
        pixels=upright[:, :, :3].copy(),
        alpha=upright[:, :, 3].copy() if header.alpha else None,
        icc=header.icc,
        exif=header.exif,
        xmp=header.xmp,
        iptc=header.iptc,
        text=header.text,
        dpi=header.dpi,
        notes=header.notes,
    )
