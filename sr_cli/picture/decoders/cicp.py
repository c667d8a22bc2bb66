"""Colours named by numbers (ITU-T H.273) instead of described by a profile."""

_UNSAID = 2

# Rec. 709's primaries, and curves that screens show as they show sRGB's
_PRIMARIES = (1, _UNSAID)
_CURVES = (1, _UNSAID, 6, 13, 14, 15)


def note(primaries: int, curve: int) -> tuple[str, ...]:
    """Say that colours are taken for sRGB which the file says are others."""
    if primaries in _PRIMARIES and curve in _CURVES:
        return ()
    said = f"primaries {primaries} and curve {curve}"
    return (f"The file names other colours than sRGB ({said}), which was left out",)
