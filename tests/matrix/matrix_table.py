"""The README's table of what every format keeps, made from the matrix's cells."""

from matrix_files import HOLDS, Holds

_COLUMNS = ("gray", "alpha", "CMYK", "16 bits", "ICC", "EXIF", "XMP", "IPTC", "dpi")
_NAMES = {
    "png": "PNG",
    "jpg": "JPEG",
    "tif": "TIFF",
    "webp": "WebP",
    "avif": "AVIF",
    "jp2": "JPEG 2000",
    "bmp": "BMP",
    "gif": "GIF",
    "ppm": "PPM",
    "pgm": "PGM",
    "tga": "TGA",
    "ico": "ICO",
}


def _marks(holds: Holds) -> list[bool]:
    modes = [mode.removesuffix(";16") for mode in holds.modes]
    return [
        holds.gray,
        any(mode.endswith("A") for mode in modes),
        "CMYK" in modes,
        any(mode.endswith(";16") for mode in holds.modes),
        holds.icc,
        holds.exif,
        holds.xmp,
        holds.iptc,
        holds.dpi,
    ]


def table() -> str:
    """Return it in Markdown."""
    rows = [
        "| format | " + " | ".join(_COLUMNS) + " |",
        "|---" * (len(_COLUMNS) + 1) + "|",
    ]
    for suffix, holds in HOLDS.items():
        marks = ["✓" if mark else "–" for mark in _marks(holds)]
        rows.append(f"| {_NAMES[suffix]} | " + " | ".join(marks) + " |")
    return "\n".join(rows)
