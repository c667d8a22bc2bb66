"""EXIF: what of it survives an upscale."""

from PIL import ExifTags, Image

Tag = ExifTags.Base

# These describe the photograph.  Everything else in the first directory
# describes how the old file stored it (and a TIFF keeps all of that there).
_DESCRIPTIVE = frozenset(
    {
        Tag.DocumentName,
        Tag.ImageDescription,
        Tag.Make,
        Tag.Model,
        Tag.Orientation,
        Tag.XResolution,
        Tag.YResolution,
        Tag.ResolutionUnit,
        Tag.Software,
        Tag.DateTime,
        Tag.Artist,
        Tag.HostComputer,
        Tag.Rating,
        Tag.RatingPercent,
        Tag.Copyright,
        Tag.ExifOffset,
        Tag.GPSInfo,
        Tag.XPTitle,
        Tag.XPComment,
        Tag.XPAuthor,
        Tag.XPKeywords,
        Tag.XPSubject,
    }
)

# Alone they say nothing that the picture doesn't already carry.
_REDUNDANT = frozenset(
    {Tag.Orientation, Tag.XResolution, Tag.YResolution, Tag.ResolutionUnit}
)


def orientation(exif: Image.Exif) -> int:
    """Look up how the stored pixels lie: 1 to 8, and 1 if that is not said."""
    value = exif.get(Tag.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def portable(exif: Image.Exif) -> bytes | None:
    """Serialise what describes the photograph, for upright pixels, no thumbnail.

    The thumbnail goes because the second directory is not serialised.

    Raises:
        Exception: whatever Pillow trips over in damaged EXIF.
    """
    for tag in set(exif) - _DESCRIPTIVE:
        del exif[tag]
    if not set(exif) - _REDUNDANT:
        return None
    if Tag.Orientation in exif:
        exif[Tag.Orientation] = 1
    return exif.tobytes()


def resized(raw: bytes, height: int, width: int) -> Image.Exif:
    """Parse what `portable` wrote and bring its pixel dimensions up to date."""
    exif = Image.Exif()
    exif.load(raw)
    if ExifTags.IFD.Exif not in exif:
        return exif
    details = exif.get_ifd(ExifTags.IFD.Exif)
    # Pillow keeps this directory as an offset into `raw`, where it won't stay.
    if ExifTags.IFD.Interop in details:
        details[ExifTags.IFD.Interop] = exif.get_ifd(ExifTags.IFD.Interop)
    for tag, side in ((Tag.ExifImageWidth, width), (Tag.ExifImageHeight, height)):
        if tag in details:
            details[tag] = side
    return exif
