"""JPEG: whole by Pillow, or a few rows at a time by OpenImageIO."""

from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from sr_cli.picture import refusals
from sr_cli.picture.decoders import jpeg_segments, pillow
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored, gathered
from sr_cli.picture.header import Header
from sr_cli.picture.limits import check_bomb, check_pixels, patient_pillow

_ROWS_AT_ONCE = 64
_COST = 14  # bytes per pixel: 8 in Pillow, and 6 of a progressive one's numbers


def open_stored(stream: IO[bytes], page: int | None, path: Path | None) -> Stored:
    """Read everything but the pixels.

    Args:
        stream: the file.
        page: as in `read`; the pages of a JPEG are a camera's previews.
        path: where the file is, if it can be opened again.

    Raises:
        UnfitError: it is too large, of an unusual kind, or lacks the page.
        Exception: whatever Pillow trips over in damaged data.
    """
    said = jpeg_segments.read(stream)
    if said.bits > 8:
        raise refusals.unusual(f"a JPEG of {said.bits} bits per channel")
    found = gathered(
        Facts(
            icc=said.icc, xmp=said.xmp, iptc=said.iptc, dpi=said.dpi, notes=said.notes
        ),
        said.exif,
    )
    stream.seek(0)
    with patient_pillow():
        im = Image.open(stream, formats=("JPEG", "MPO"))
        check_pixels(im.height, im.width)
        check_bomb(im.height, im.width, stream, _COST)
        if page is not None and page > 1:
            found = pillow.facts(im, page)
        # Pillow takes all CMYK for Adobe's, where 255 is no ink.
        negative = im.mode == "CMYK" and not said.adobe
        whole = pillow.stored(im, found, page, negative=negative)
    if path is None or im.mode not in ("L", "RGB") or (page or 1) > 1:
        return whole
    lean = partial(_bands, path, whole.header)
    return Stored(whole.header, whole.bands, whole.orientation, lean)


def _bands(path: Path, header: Header) -> Decoding:
    """Decode a few rows at a time, without the library's own words on stderr.

    12 000 × 10 000 pixels take 72 MB so, and 1.2 GB in Pillow.

    Raises:
        ValueError: OpenImageIO can't, or finds another picture than Pillow.
    """
    from OpenImageIO import ImageInput, geterror

    file = ImageInput.open(str(path))
    if file is None:
        raise ValueError(geterror())
    try:
        spec = file.spec()
        found = (spec.height, spec.width, spec.nchannels, str(spec.format))
        if found != (header.height, header.width, header.channels, "uint8"):
            msg = f"OpenImageIO finds {found}"
            raise ValueError(msg)
        for top in range(0, header.height, _ROWS_AT_ONCE):
            bottom = min(top + _ROWS_AT_ONCE, header.height)
            rows = file.read_scanlines(top, bottom, 0, 0, header.channels, "uint8")
            # An error that nobody asks for is printed when the program ends.
            reason = file.geterror()
            if rows is None or reason:
                raise ValueError(reason)
            yield np.asarray(rows, np.uint8).reshape(bottom - top, header.width, -1)
    finally:
        file.close()
