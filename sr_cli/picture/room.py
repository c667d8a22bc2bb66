"""Whether a result will fit on the disk."""

import shutil
from pathlib import Path

from sr_cli.errors import PictureError
from sr_cli.picture.formats import Format
from sr_cli.picture.header import Header


def check_room(path: Path, header: Header, row: Format) -> None:
    """Refuse a result that the disk clearly can't take, before any work is done.

    How far pixels can be compressed is known afterwards only, so this goes by what
    upscaled photographs take; and other programs may still fill the disk.

    Raises:
        PictureError: less is free in the folder of `path`, which exists.
    """
    expected = int(header.height * header.row_bytes * row.share)
    # A link's target is what will be replaced, and may be on another disk.
    folder = path.resolve().parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError:  # if that matters, writing will tell
        return
    if expected > free:
        from sr_cli.fetch.disk_space import readable  # what it comes with takes 60 ms

        raise PictureError(
            f"Cannot write {path}: it takes about {readable(expected)}, "
            f"but {readable(free)} are free",
            "Make room, or choose another folder",
        )
