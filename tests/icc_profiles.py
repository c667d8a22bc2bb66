"""ICC profiles made from nothing but the specification (ICC.1:2001-04, ICC.1:2010).

They are written without the library that srup reads them with, so that a test that
compares the two compares two things.
"""

import struct
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

D50 = np.array([0.9642, 1.0, 0.8249])
_D65 = (0.3127, 0.3290)

ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
REC_709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
REC_2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
PROPHOTO = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))
_D50_XY = (0.3457, 0.3585)

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _xyz(x: float, y: float) -> Floats:
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


def to_xyz_matrix(
    primaries: tuple[tuple[float, float], ...], white: tuple[float, float] = _D65
) -> Floats:
    """From linear RGB to XYZ under D50, adapted as Bradford has it."""
    columns = np.stack([_xyz(*xy) for xy in primaries], axis=1)
    matrix = columns * np.linalg.solve(columns, _xyz(*white))
    gains = (_BRADFORD @ D50) / (_BRADFORD @ _xyz(*white))
    return np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ matrix


def srgb_encoded(linear: Floats) -> Floats:
    """The curve of IEC 61966-2-1, mirrored for what is below 0."""
    size = np.abs(linear)
    curve = np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.sign(linear) * curve


def _fixed(values: Floats) -> bytes:
    numbers = [round(float(value) * 65_536) for value in np.ravel(values)]
    return struct.pack(f">{len(numbers)}i", *numbers)


def _xyz_tag(values: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def gamma_tag(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def table_tag(table: Floats) -> bytes:
    """A curve of samples in [0, 1]."""
    levels = np.rint(np.asarray(table) * 65_535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(levels)) + levels.tobytes()


def parametric_tag(parameters: tuple[float, ...] = SRGB_CURVE) -> bytes:
    kind = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(parameters)]
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(np.array(parameters))


def _text_tag(text: bytes) -> bytes:
    return b"text\0\0\0\0" + text + b"\0"


def _description_tag(text: bytes) -> bytes:
    counted = struct.pack(">I", len(text) + 1) + text + b"\0"
    return b"desc\0\0\0\0" + counted + bytes(4 + 4 + 2 + 1 + 67)


def assembled(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Lay out a version 2.4 profile."""
    tags = {
        b"desc": _description_tag(b"test"),
        b"cprt": _text_tag(b"none"),
        b"wtpt": _xyz_tag(D50),
        **tags,
    }
    place = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = place + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, kind, space, pcs)
    head += bytes(12) + b"acsp" + bytes(28) + _fixed(D50)
    return head + bytes(128 - len(head)) + table + body


def matrix_profile(
    primaries: tuple[tuple[float, float], ...],
    curve: bytes,
    white: tuple[float, float] = _D65,
) -> bytes:
    """An RGB profile of three colours and one curve."""
    columns = to_xyz_matrix(primaries, white).T
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz_tag, columns), strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return assembled(b"mntr", b"RGB ", b"XYZ ", tags)


def adobe_rgb() -> bytes:
    return matrix_profile(ADOBE_RGB, gamma_tag(563 / 256))


def display_p3() -> bytes:
    return matrix_profile(DISPLAY_P3, parametric_tag())


def prophoto() -> bytes:
    return matrix_profile(PROPHOTO, gamma_tag(1.8), _D50_XY)


def rec_2020() -> bytes:
    """With a curve of samples, as many encoders write it."""
    x = np.linspace(0.0, 1.0, 4096)
    table = np.where(x < 0.08145, x / 4.5, ((x + 0.0993) / 1.0993) ** (1 / 0.45))
    return matrix_profile(REC_2020, table_tag(table))


def srgb() -> bytes:
    """sRGB as most cameras write it: 1024 samples of its curve."""
    x = np.linspace(0.0, 1.0, 1024)
    table = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return matrix_profile(REC_709, table_tag(table))


def gray_profile(curve: bytes) -> bytes:
    return assembled(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def _lab(xyz: Floats) -> Floats:
    t = np.maximum(xyz / D50, 0.0)
    f = np.where(t > 216 / 24_389, np.cbrt(t), (24_389 / 27 * t + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _xyz_of(lab: Floats) -> Floats:
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    return np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24_389) * D50


# Lab in 16 bits as version 2 has it: 100 is 0xff00, and 0 of a and b 0x8000.
_LAB_SPAN = np.array([65_280 / 100, 256, 256])
_LAB_ZERO = np.array([0, 128, 128])


def _grid(points: int, channels: int) -> Floats:
    axis = np.linspace(0.0, 1.0, points)
    return np.stack(np.meshgrid(*[axis] * channels, indexing="ij"), axis=-1)


def _lut_tag(levels: Floats, channels: int, points: int, bits: int) -> bytes:
    """A table (points, …, outputs) of 16-bit levels with straight curves around it."""
    outputs = levels.shape[-1]
    head = struct.pack(">BBBB", channels, outputs, points, 0) + _fixed(np.eye(3))
    if bits == 16:
        ramp = struct.pack(">HH", 0, 65_535)
        head = b"mft2\0\0\0\0" + head + struct.pack(">HH", 2, 2)
        table = np.clip(np.rint(levels), 0, 65_535).astype(">u2").tobytes()
    else:
        ramp = bytes(range(256))
        head = b"mft1\0\0\0\0" + head
        table = np.clip(np.rint(levels / 257), 0, 255).astype(np.uint8).tobytes()
    return head + ramp * channels + table + ramp * outputs


def lut_profile(
    kind: bytes,
    space: bytes,
    *,
    to_xyz: Callable[[Floats], Floats],
    from_xyz: Callable[[Floats], Floats] | None,
    points: tuple[int, int] = (9, 33),
    bits: int = 16,
) -> bytes:
    """A profile of tables between a device's colours in [0, 1] and Lab.

    Without `from_xyz` there is no way back, as in scanners' profiles.
    """
    channels = 4 if space == b"CMYK" else 3
    to_lab = (_lab(to_xyz(_grid(points[0], channels))) + _LAB_ZERO) * _LAB_SPAN
    tags = {b"A2B0": _lut_tag(to_lab, channels, points[0], bits)}
    if from_xyz is not None:
        lab = _grid(points[1], 3) * 65_535 / _LAB_SPAN - _LAB_ZERO
        back = from_xyz(_xyz_of(lab)) * 65_535
        tags[b"B2A0"] = _lut_tag(back, 3, points[1], bits)
    return assembled(kind, space, b"Lab ", tags)


# What a solid ink takes of red, green and blue light.
_TAKES = np.array(
    [[0.97, 0.25, 0.08], [0.22, 0.95, 0.30], [0.01, 0.10, 0.93], [0.95, 0.95, 0.94]]
)
_RGB_TO_XYZ = to_xyz_matrix(REC_2020)
_RGB_TO_XYZ *= (D50 / _RGB_TO_XYZ.sum(axis=1))[:, None]


def inks_to_xyz(inks: Floats) -> Floats:
    """What paper looks like under inks (…, 4), each a filter in front of it."""
    light = np.prod(1.0 - inks[..., None] * _TAKES, axis=-2)
    return light @ _RGB_TO_XYZ.T


def xyz_to_inks(xyz: Floats) -> Floats:
    """Inks (…, 4) that look so, as far as inks can, with black for the dark."""
    light = np.clip(xyz @ np.linalg.inv(_RGB_TO_XYZ).T, 1e-4, 1.0)
    black = np.clip(1.0 - (light.max(axis=-1) / 0.4) ** 0.4, 0.0, 1.0)
    light = light / (1.0 - black[..., None] * _TAKES[3])
    inks = np.zeros_like(light)
    for _ in range(40):
        for ink in range(3):
            others = [number for number in range(3) if number != ink]
            by_others = np.prod(1.0 - inks[..., others] * _TAKES[others, ink], axis=-1)
            needed = (1.0 - light[..., ink] / by_others) / _TAKES[ink, ink]
            inks[..., ink] = np.clip(needed, 0.0, 1.0)
    return np.concatenate([inks, black[..., None]], axis=-1)


@cache
def cmyk_profile(
    bits: int = 16, *, points: int = 9, grid: int = 33, way_back: bool = True
) -> bytes:
    """A printer's profile; `points` of each ink, `grid` of L, a and b."""
    return lut_profile(
        b"prtr",
        b"CMYK",
        to_xyz=inks_to_xyz,
        from_xyz=xyz_to_inks if way_back else None,
        points=(points, grid),
        bits=bits,
    )
