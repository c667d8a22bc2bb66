"""Animations: files ⇄ frames, one at a time."""

from sr_cli.picture.animation.frames import Animation, Frame
from sr_cli.picture.animation.reading import open_animation, read_animation
from sr_cli.picture.animation.writing import encode_animation, write_animation

__all__ = [
    "Animation",
    "Frame",
    "encode_animation",
    "open_animation",
    "read_animation",
    "write_animation",
]
