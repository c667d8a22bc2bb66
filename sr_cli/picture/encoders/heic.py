"""HEIC by pillow-heif, an optional extra: x265, which it brings along, is GPL."""

from io import BytesIO

from sr_cli.picture.encoders.whole import Options
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.metadata import Metadata

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def encode(
    rows: Samples, header: Header, metadata: Metadata, options: Options
) -> bytes:
    """Make a file of (H, W, samples): 8 bits, or 10 of 16, and colour in full."""
    import pillow_heif

    mode = _MODES[header.samples] + (";16" if header.depth == 16 else "")
    facts = {
        "exif": metadata.exif,
        "xmp": metadata.xmp,
        "icc_profile": metadata.icc,
    }
    stream = BytesIO()
    pillow_heif.encode(
        mode,
        (header.width, header.height),
        rows.tobytes(),
        stream,
        quality=options["quality"],
        chroma="444",
        enc_params={"preset": options["preset"]},
        **{name: data for name, data in facts.items() if data is not None},
    )
    return stream.getvalue()
