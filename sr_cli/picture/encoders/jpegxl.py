"""JPEG XL: libjxl's codestream, by OpenImageIO, in a file that holds all facts.

imagecodecs encodes in memory and takes gray, but no colour profile.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sr_cli.picture.encoders.boxes import box, boxes
from sr_cli.picture.encoders.exif import PREFIX
from sr_cli.picture.encoders.whole import Options
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.metadata import Metadata

_SIGNATURE = box(b"JXL ", b"\r\n\x87\n")
_TYPE = box(b"ftyp", b"jxl ", bytes(4), b"jxl ")
_BARE = b"\xff\x0a"
_OFFSET = bytes(4)  # between the box's beginning and EXIF's


def encode(
    rows: Samples, header: Header, metadata: Metadata, options: Options
) -> bytes:
    """Make a file of (H, W, 3 or 4).

    Raises:
        OSError: the encoder failed.
    """
    # OpenImageIO takes only names from Python.
    with TemporaryDirectory(prefix="srup-") as folder:
        path = Path(folder, "picture.jxl")
        _write(path, rows, header, metadata.icc, options)
        data = path.read_bytes()
    facts = []
    if metadata.exif is not None:
        facts.append(box(b"Exif", _OFFSET, metadata.exif.removeprefix(PREFIX)))
    if metadata.xmp is not None:
        facts.append(box(b"xml ", metadata.xmp))
    if data.startswith(_BARE):
        return b"".join((_SIGNATURE, _TYPE, *facts, box(b"jxlc", data)))
    # A box for the level has to stand before the pixels.
    known = list(boxes(data))
    pixels = next(i for i, (kind, _) in enumerate(known) if kind in _PIXELS)
    before, after = known[:pixels], known[pixels:]
    return b"".join((*(b for _, b in before), *facts, *(b for _, b in after)))


_PIXELS = (b"jxlc", b"jxlp")


def _write(
    path: Path, rows: Samples, header: Header, icc: bytes | None, options: Options
) -> None:
    from OpenImageIO import ImageOutput, ImageSpec, TypeDesc, geterror

    spec = ImageSpec(header.width, header.height, header.samples, str(header.dtype))
    if header.alpha:
        spec.alpha_channel = header.samples - 1
        spec.attribute("oiio:UnassociatedAlpha", 1)
    spec.attribute("compression", f"jpegxl:{options['quality']}")
    spec.attribute("jpegxl:effort", options["effort"])
    spec.attribute("jpegxl:use_boxes", 0)
    if icc is not None:
        kind = TypeDesc(f"uint8[{len(icc)}]")
        spec.attribute("ICCProfile", kind, np.frombuffer(icc, np.uint8))
    output = ImageOutput.create(path.name)
    done = (
        output is not None
        and output.open(str(path), spec)
        and output.write_image(np.ascontiguousarray(rows))
        and output.close()
    )
    if not done:
        said = geterror() if output is None else output.geterror()
        raise OSError(said or "the pixels can't be encoded")
