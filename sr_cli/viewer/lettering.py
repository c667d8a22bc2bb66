"""A few letters as pixels, for legends inside pictures.

Fonts would need a library and differ between machines; three by five pixels a letter
are enough for a number and its unit.
"""

import numpy as np
from numpy.typing import NDArray

HEIGHT = 5
"""Pixels of a letter, at size 1."""
_ADVANCE = 4

# Five rows from the top, three bits each.
_LETTERS = {
    " ": (0, 0, 0, 0, 0),
    ".": (0, 0, 0, 0, 2),
    "+": (0, 2, 7, 2, 0),
    "0": (7, 5, 5, 5, 7),
    "1": (2, 6, 2, 2, 7),
    "2": (7, 1, 7, 4, 7),
    "3": (7, 1, 7, 1, 7),
    "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7),
    "6": (7, 4, 7, 5, 7),
    "7": (7, 1, 2, 2, 2),
    "8": (7, 5, 7, 5, 7),
    "9": (7, 5, 7, 1, 7),
    "d": (6, 5, 5, 5, 6),
    "e": (7, 4, 6, 4, 7),
    "f": (7, 4, 6, 4, 4),
    "i": (7, 2, 2, 2, 7),
    "l": (4, 4, 4, 4, 7),
    "n": (6, 5, 5, 5, 5),
    "o": (7, 5, 5, 5, 7),
    "s": (7, 4, 7, 1, 7),
    "t": (7, 2, 2, 2, 2),
    "v": (5, 5, 5, 5, 2),
}


def lettered(text: str, size: int) -> NDArray[np.bool_]:
    """Return where ink goes, (5·size, width), for text of the letters there are.

    Raises:
        KeyError: there is no such letter.
    """
    inked = np.zeros((HEIGHT, _ADVANCE * len(text) - 1), np.bool_)
    for place, letter in enumerate(text):
        for row, bits in enumerate(_LETTERS[letter]):
            for column in range(3):
                inked[row, _ADVANCE * place + column] = bits >> (2 - column) & 1
    return inked.repeat(size, axis=0).repeat(size, axis=1)
