"""Drawn pages to train on beside photos: text, lines, and flat shapes.

Photos hold little of what screenshots, scanned pages, comics and charts are made of,
and a network that never saw them puts halos around letters.  Pages are drawn anew
from a seed, in whatever fonts this machine has.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sr_cli.degrade import downscale
from sr_cli.train.config import PAGE_SIDE
from sr_cli.train.photos import SCALE, Pair, Pixels

_LETTERS = "eeeettaaooiinnsshhrrddllccuummwwffggyyppbbvvkkjxqz"
_OTHERS = "0123456789.,:;!?%&()+-=/#@"
_SMOOTHING = (1, 2, 3, 4)
"""How many times larger a page may be drawn: edges from hard to soft."""

Font = ImageFont.FreeTypeFont
Colour = tuple[int, int, int]


def find_fonts() -> list[Path]:
    """List the system's TrueType and OpenType files, sorted; there may be none."""
    home = Path.home()
    if sys.platform == "win32":
        folders = [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"]
    elif sys.platform == "darwin":
        folders = [Path("/System/Library/Fonts"), Path("/Library/Fonts")]
    else:
        folders = [Path("/usr/share/fonts"), home / ".local/share/fonts"]
    suffixes = {".ttf", ".otf"}
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
    )


class _Page:
    """A page that is being drawn, `grain` times as large as it will be."""

    def __init__(self, random: np.random.Generator, fonts: Sequence[Path]) -> None:
        self.random = random
        self.grain = int(random.choice(_SMOOTHING))
        self._fonts = fonts
        size = PAGE_SIDE * self.grain
        self.paper = self.colour()
        self.image = Image.new("RGB", (size, size), self.paper)
        self.draw = ImageDraw.Draw(self.image)

    def colour(self) -> Colour:
        """Draw a colour: as often as not black, white or a gray."""
        if self.random.random() < 0.5:
            gray = int(self.random.integers(256))
            value = (0, 0, 255, 255, gray)[self.random.integers(5)]
            return value, value, value
        red, green, blue = (int(v) for v in self.random.integers(256, size=3))
        return red, green, blue

    def ink(self) -> Colour:
        """Draw a colour that can be told from the paper."""
        while True:
            colour = self.colour()
            if max(abs(a - b) for a, b in zip(colour, self.paper, strict=True)) > 60:
                return colour

    def between(self, low: float, high: float) -> int:
        """Draw a length in final pixels, small ones more often; in drawn ones."""
        exponent = self.random.uniform(np.log(low), np.log(high))
        return max(1, round(float(np.exp(exponent)) * self.grain))

    def place(self) -> tuple[int, int]:
        """Draw a point."""
        x, y = self.random.integers(PAGE_SIDE * self.grain, size=2)
        return int(x), int(y)

    def font(self, size: int) -> Font:
        """Choose a font with Latin letters, or take Pillow's own."""
        for _ in range(8 if self._fonts else 0):
            path = self._fonts[int(self.random.integers(len(self._fonts)))]
            try:
                font = ImageFont.truetype(str(path), size)
                # Letters that a font doesn't have all look the same.
                if bytes(font.getmask("a")) != bytes(font.getmask("b")):
                    return font
            except OSError:  # damaged, or a font of bitmaps
                continue
        own = ImageFont.load_default(size)
        assert isinstance(own, Font)  # Pillow's wheels have FreeType
        return own

    def words(self, letters: int) -> str:
        """Make up about so many letters of text."""
        pieces = []
        while letters > 0:
            length = int(self.random.integers(1, 11))
            known = _OTHERS if self.random.random() < 0.15 else _LETTERS
            piece = "".join(self.random.choice(list(known), size=length))
            style = self.random.random()
            if style < 0.15:
                piece = piece.upper()
            elif style < 0.4:
                piece = piece.capitalize()
            pieces.append(piece)
            letters -= length + 1
        return " ".join(pieces)


def _paragraph(page: _Page) -> None:
    size = page.between(9, 60)
    font, ink = page.font(size), page.ink()
    width = PAGE_SIDE * page.grain
    x, y = (int(at) for at in page.random.uniform(-0.3, 0.9, 2) * width)
    leading = size * page.random.uniform(1.1, 1.6)
    for line in range(int(page.random.integers(1, 9))):
        text = page.words(2 * width // size)
        page.draw.text((x, y + line * leading), text, ink, font)


def _stripes(page: _Page) -> None:
    """Parallel lines, as in hatching, blinds and fences."""
    (x, y), ink = page.place(), page.ink()
    pitch = page.between(3, 24)
    thickness = max(1, round(pitch * page.random.uniform(0.2, 0.7)))
    reach = page.between(40, 300)
    lean = page.random.choice([0.0, 0.0, page.random.uniform(-1.5, 1.5)])
    upright = page.random.random() < 0.5
    for start in range(0, reach, pitch):
        ends = [(x + start, y), (x + start + lean * reach, y + reach)]
        if upright:
            ends = [(x + b - y, y + a - x) for a, b in ends]
        page.draw.line(ends, ink, thickness)


def _shape(page: _Page) -> None:
    """A flat shape, with or without an outline, as in comics and charts."""
    fill: Colour | None = page.colour()
    outline = page.ink() if page.random.random() < 0.6 else None
    if outline and page.random.random() < 0.3:
        fill = None
    line = page.between(1, 8)
    x, y = page.place()
    width, height = page.between(8, 220), page.between(8, 220)
    box = (x - width // 2, y - height // 2, x + width // 2, y + height // 2)
    kind = page.random.integers(4)
    if kind == 0:
        page.draw.rectangle(box, fill, outline, line)
    elif kind == 1:
        page.draw.ellipse(box, fill, outline, line)
    elif kind == 2:
        page.draw.rounded_rectangle(box, min(width, height) / 4, fill, outline, line)
    else:
        angles = np.sort(page.random.uniform(0, 2 * np.pi, page.random.integers(3, 9)))
        corners = [
            (x + width / 2 * np.cos(angle), y + height / 2 * np.sin(angle))
            for angle in angles
        ]
        page.draw.polygon(corners, fill, outline, line)


def _curve(page: _Page) -> None:
    ink, thickness = page.ink(), page.between(1, 8)
    if page.random.random() < 0.5:
        points = [page.place() for _ in range(int(page.random.integers(2, 5)))]
        page.draw.line(points, ink, thickness, joint="curve")
        return
    (x, y), radius = page.place(), page.between(20, 300)
    start, sweep = page.random.uniform(0, 360), page.random.uniform(30, 300)
    box = (x - radius, y - radius, x + radius, y + radius)
    page.draw.arc(box, start, start + sweep, ink, thickness)


_STROKES = (_paragraph, _paragraph, _paragraph, _stripes, _shape, _shape, _curve)


def draw_page(random: np.random.Generator, fonts: Sequence[Path]) -> Pixels:
    """Draw a page (`PAGE_SIDE`, `PAGE_SIDE`, 3) of everything that `random` decides."""
    page = _Page(random, fonts)
    strokes = random.integers(3, 16)
    # What covers most comes first.
    for kind in np.sort(random.integers(len(_STROKES), size=strokes))[::-1]:
        _STROKES[kind](page)
    image = page.image
    if random.random() < 0.2:
        turn = random.uniform(-45, 45)
        image = image.rotate(turn, Image.Resampling.BICUBIC, fillcolor=page.paper)
    if page.grain > 1:
        image = image.reduce(page.grain)
    return np.asarray(image, np.uint8)


def draw_pages(number: int, seed: int) -> list[Pair]:
    """Draw `number` pages, each with its low resolution.

    They depend on the seed and on the fonts that there are.
    """
    fonts = find_fonts()
    pages = [
        draw_page(np.random.default_rng([seed, place]), fonts)
        for place in range(number)
    ]
    return [Pair(page, downscale(page, SCALE)) for page in pages]
