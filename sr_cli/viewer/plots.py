"""Points over two axes, as SVG inside a page."""

import math
from collections.abc import Iterator, Sequence

from sr_cli.viewer.exhibits import Plot, Point
from sr_cli.viewer.markup import text

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 16, 52
_LINE = 15  # pixels from one label to the next
_LETTER = 7  # pixels, about
_GAP = 10  # pixels from a point's middle to its label
_SAME = 1e-6  # differences below this share are no difference

Stretch = tuple[float, float, float]
"""Of a row: its height, and from where to where, in pixels."""


def plot(given: Plot) -> str:
    """Return a section with the plot; without a finite point it says so."""
    points = [p for p in given.points if math.isfinite(p.x) and math.isfinite(p.y)]
    note = f'<p class="note">{text(given.note)}</p>' if given.note else ""
    drawn = _drawing(given, points) if points else "<p>Nothing could be drawn.</p>"
    return f"<section><h2>{text(given.title)}</h2>{drawn}{note}</section>"


def _drawing(given: Plot, points: Sequence[Point]) -> str:
    across, down = ticks([p.x for p in points]), ticks([p.y for p in points])

    def x(value: float) -> float:
        share = (value - across[0]) / (across[-1] - across[0])
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = (value - down[0]) / (down[-1] - down[0])
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    told = "; ".join(f"{p.label}: {p.x:.4g}, {p.y:.4g}" for p in points)
    summary = text(f"{given.y_label} against {given.x_label}. {told}")
    parts = [
        '<div class="wide"><svg class="plot" role="img" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-label="{summary}">'
    ]
    floor = _HEIGHT - _BOTTOM
    for value in across:
        at = f"{x(value):.1f}"
        parts.append(
            f'<line x1="{at}" x2="{at}" y1="{_TOP}" y2="{floor}"></line>'
            f'<text class="tick" x="{at}" y="{floor + 18}" text-anchor="middle">'
            f"{value:.4g}</text>"
        )
    for value in down:
        at = f"{y(value):.1f}"
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at}" y2="{at}"></line>'
            f'<text class="tick" x="{_LEFT - 8}" y="{at}" dy="4" text-anchor="end">'
            f"{value:.4g}</text>"
        )
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 10}" '
        f'text-anchor="middle">{text(given.x_label)}</text>'
        f'<text transform="translate(16 {(_TOP + floor) / 2}) rotate(-90)" '
        f'text-anchor="middle">{text(given.y_label)}</text>'
    )
    places = [(x(p.x), y(p.y)) for p in points]
    parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="6"></circle>' for a, b in places]
    parts += _labels(points, places)
    return "".join(parts) + "</svg></div>"


def _labels(
    points: Sequence[Point], places: Sequence[tuple[float, float]]
) -> Iterator[str]:
    """Write each label beside its point, where no point and no label is already."""
    taken = [(at, middle - _GAP + 1, middle + _GAP - 1) for middle, at in places]
    for point, (middle, at) in zip(points, places, strict=True):
        wide = _LETTER * len(point.label)
        spots = [
            (at + lines * _LINE, *ends)
            for lines in (0, 1, -1, 2, -2, 3, -3)
            for ends in (
                (middle + _GAP, middle + _GAP + wide),
                (middle - _GAP - wide, middle - _GAP),
            )
            if ends[0] > _LEFT and ends[1] < _WIDTH - _RIGHT
        ]
        free = (spot for spot in spots if not any(_meet(spot, one) for one in taken))
        row, start, end = next(free, spots[0] if spots else (at, middle, middle + wide))
        taken.append((row, start, end))
        left = end < middle
        yield (
            f'<text x="{end if left else start:.1f}" y="{row + 4:.1f}" '
            f'text-anchor="{"end" if left else "start"}">{text(point.label)}</text>'
        )


def _meet(one: Stretch, other: Stretch) -> bool:
    return abs(one[0] - other[0]) < _LINE and one[1] < other[2] and other[1] < one[2]


def ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers, at least two, from below all `values` to above them."""
    low, high = min(values), max(values)
    size = max(abs(low), abs(high))
    span = high - low
    if span < _SAME * max(size, 1.0):
        span = size * 0.1 if size > _SAME else 1.0
    rough = span / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    # A point on the frame could not be told from it.
    first -= first * step == low
    last += last * step == high
    return [round(n * step, 12) for n in range(first, last + 1)]
