"""What an opened picture says about itself, pixels aside."""

from collections.abc import Callable

from PIL import ExifTags, Image

from sr_cli.picture import exif
from sr_cli.picture.convert import Stored

# A photo's gain map or preview, a layered picture's layers: nothing was lost.
_FRAMES_WITHIN = frozenset({"MPO", "PSD"})


def frames_note(im: Image.Image) -> tuple[str, ...]:
    """Say that there is more than the first frame, if that is a loss."""
    frames: int = getattr(im, "n_frames", 1)
    if frames > 1 and im.format not in _FRAMES_WITHIN:
        return (f"Only the first of {frames} frames was read",)
    return ()


def stored(im: Image.Image, head: bytes) -> Stored:
    """Look up how pixels are stored; `head` is how the file starts, 32 bytes of it."""
    if im.format == "PNG":  # IHDR: bit depth and colour type, 4 being gray and alpha
        return Stored(bits=head[24], gray=head[25] == 4)
    tags = getattr(im, "tag_v2", None)
    if tags is not None:
        return Stored(bits=max(tags.get(ExifTags.Base.BitsPerSample, (1,))))
    return Stored(bits=16 if im.mode.startswith("I") else 8)


def read_exif(
    find: Callable[[], Image.Exif],
) -> tuple[int, bytes | None, tuple[str, ...]]:
    """Return the orientation, the EXIF worth keeping, and notes about its loss."""
    orientation = 1
    try:
        found = find()
        orientation = exif.orientation(found)
        return orientation, exif.portable(found), ()
    # Pillow raises whatever damaged EXIF makes it trip over; but a picture is worth
    # more than what is written on its back.
    except Exception:
        return orientation, None, ("The EXIF data is damaged and was left out",)


def read_dpi(im: Image.Image) -> tuple[float, float] | None:
    """Look up the dots per inch across and down, as the pixels are stored."""
    # PNG counts per metre: 150 dpi come back as 150.0124.
    dpi = [round(float(value), 1) for value in im.info.get("dpi", ())]
    # JPEG has 16 bits for each; 0 and nan occur in the wild.
    if len(dpi) != 2 or not all(0 < value < 2**16 for value in dpi):
        return None
    return dpi[0], dpi[1]


def read_icc(im: Image.Image) -> bytes | None:
    """Look up the colour profile."""
    return im.info.get("icc_profile") or None
