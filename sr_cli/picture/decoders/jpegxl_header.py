"""How a JPEG XL codestream begins (ISO 18181-1, annexes D and E)."""

from dataclasses import dataclass

from sr_cli.picture.decoders.boxes import boxes

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a"

_HEAD = 4096  # bytes; what is read of it here has a tenth
_ALPHA, _SPOT, _BLACK = 0, 2, 4
_FILTER = 5

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))

_Choice = tuple[int, int]
"""How many bits follow, and what to add to their number."""

_SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
_PREVIEW_SIDE = ((6, 1), (8, 65), (10, 321), (12, 1345))
_PREVIEW_EIGHTHS = ((0, 16), (0, 32), (5, 1), (9, 33))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))


@dataclass(frozen=True, slots=True)
class JxlHeader:
    """What is known before anything is decoded."""

    height: int
    """Of the picture as it is seen, like the width."""

    width: int
    bits: int
    floats: bool
    animated: bool
    extra: int
    """How many channels there are beside the colours."""

    alpha: bool
    """Whether the first of them is alpha."""

    premultiplied: bool
    black: bool
    """Whether one of them is CMYK's black."""


class _Bits:
    """Reads numbers from the lowest bit up."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, bits: int) -> int:
        self._left -= bits
        if self._left < 0:
            msg = "truncated header"
            raise ValueError(msg)
        value = self._number & ((1 << bits) - 1)
        self._number >>= bits
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def choose(self, *choices: _Choice) -> int:
        bits, offset = choices[self.take(2)]
        return self.take(bits) + offset


def codestream(data: bytes) -> bytes:
    """Return how the codestream begins, whether it is in a container or not."""
    if data.startswith(CODESTREAM):
        return data[:_HEAD]
    found = b""
    for box in boxes(data):
        if box.kind == b"jxlc":
            return data[box.start : min(box.end, box.start + _HEAD)]
        if box.kind == b"jxlp" and len(found) < _HEAD:
            found += data[box.start + 4 : min(box.end, box.start + _HEAD)]
    return found


def read(data: bytes) -> JxlHeader:
    """Read the header of a file.

    Raises:
        ValueError: it is damaged or truncated.
    """
    start = codestream(data)
    if not start.startswith(CODESTREAM):
        msg = "truncated: no codestream"
        raise ValueError(msg)
    bits = _Bits(start[2:])
    height, width = _size(bits)
    if bits.flag():  # everything is as usual
        return JxlHeader(height, width, 8, False, False, 0, False, False, False)
    animated = False
    if bits.flag():
        if bits.take(3) >= 4:
            height, width = width, height
        if bits.flag():
            _size(bits)
        if bits.flag():
            _preview(bits)
        animated = bits.flag()
        if animated:
            _animation(bits)
    depth, floats = _depth(bits)
    bits.flag()
    extra = bits.choose((0, 0), (0, 1), (4, 2), (12, 1))
    kinds = [_extra(bits) for _ in range(extra)]
    first, premultiplied = kinds[0] if kinds else (_FILTER, False)
    return JxlHeader(
        height,
        width,
        depth,
        floats,
        animated,
        extra,
        alpha=first == _ALPHA,
        premultiplied=premultiplied,
        black=any(kind == _BLACK for kind, _ in kinds),
    )


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.flag()

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.choose(*_SIDE)

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return height, side()
    over, under = _RATIOS[ratio - 1]
    return height, height * over // under


def _preview(bits: _Bits) -> None:
    choices = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW_SIDE
    bits.choose(*choices)
    if not bits.take(3):
        bits.choose(*choices)


def _animation(bits: _Bits) -> None:
    bits.choose((0, 100), (0, 1000), (10, 1), (30, 1))
    bits.choose((0, 1), (0, 1001), (8, 1), (10, 1))
    bits.choose((0, 0), (3, 0), (16, 0), (32, 0))
    bits.flag()


def _depth(bits: _Bits) -> tuple[int, bool]:
    if not bits.flag():
        return bits.choose((0, 8), (0, 10), (0, 12), (6, 1)), False
    depth = bits.choose((0, 32), (0, 16), (0, 24), (6, 1))
    bits.take(4)
    return depth, True


def _extra(bits: _Bits) -> tuple[int, bool]:
    """Return what kind of channel it is, and whether colours are multiplied by it."""
    if bits.flag():
        return _ALPHA, False
    kind = bits.choose(*_ENUM)
    _depth(bits)
    bits.choose((0, 0), (0, 3), (0, 4), (3, 1))
    for _ in range(bits.choose((0, 0), (4, 0), (5, 16), (10, 48))):
        bits.take(8)  # of its name
    if kind == _ALPHA:
        return kind, bits.flag()
    if kind == _SPOT:
        bits.take(4 * 16)
    elif kind == _FILTER:
        bits.choose((0, 1), (2, 0), (4, 3), (8, 19))
    return kind, False
