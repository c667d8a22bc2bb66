"""What kind of file it is, by how it begins."""

import re
from typing import Literal

Kind = Literal[
    "AVIF",
    "BMP",
    "GIF",
    "HEIC",
    "ICO",
    "JPEG",
    "JPEG 2000",
    "JPEG XL",
    "PNG",
    "PNM",
    "TGA",
    "TIFF",
    "WebP",
]
"""As messages call it."""

HEAD = 64
"""How many bytes it takes to tell."""

_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
)

_PNM = re.compile(rb"P[1-7Ff][\s#]")
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
)
_TGA_SUFFIXES = frozenset({".tga", ".icb", ".vda", ".vst"})


def kind_of(head: bytes, suffix: str) -> Kind | None:
    """Tell the kind of a file, or None if it begins as none of them.

    Args:
        head: how it begins, `HEAD` bytes of it.
        suffix: of its name, which alone tells of TGA.
    """
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if _PNM.match(head):
        return "PNM"
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        brands = {head[at : at + 4] for at in (8, *range(16, min(size, HEAD), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    return "TGA" if suffix.lower() in _TGA_SUFFIXES else None
