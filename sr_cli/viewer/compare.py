"""Files ─▶ exhibits: anybody's pictures beside each other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import metrics, picture
from sr_cli.errors import DataError
from sr_cli.picture import Picture
from sr_cli.viewer.exhibits import Exhibit, Version


def exhibits(paths: Sequence[Path]) -> list[Exhibit]:
    """Return one exhibit of all pictures, or of folders one for each name in all.

    Names are compared without their suffixes.

    Raises:
        DataError: fewer than two, files mixed with folders, or folders without a
            common name.
        PictureError: a picture can't be read.
    """
    if len(paths) < 2:
        raise DataError("One picture can't be compared", "Name two or more")
    folders = [path.is_dir() for path in paths]
    if not any(folders):
        return [exhibit(" · ".join(labels(paths)), paths)]
    if not all(folders):
        raise DataError(
            "A folder can't be compared with a picture",
            "Name pictures only, or folders only",
        )
    found = [_by_stem(folder) for folder in paths]
    common = sorted(set.intersection(*map(set, found)))
    if not common:
        raise DataError(
            "The folders have no picture in common",
            "Pictures are matched by their names without suffixes: rename them alike",
        )
    names = labels(paths)
    return [exhibit(stem, [files[stem] for files in found], names) for stem in common]


def before_and_after(
    pairs: Sequence[tuple[Path, Path]], page: int | None = None
) -> list[Exhibit]:
    """Return an exhibit for each input and its result.

    `page` is which picture of an input that holds several became the result.

    Raises:
        PictureError: a file can't be read.
    """
    names = labels([source for source, _ in pairs])
    return [
        Exhibit(
            name,
            [
                Version("input", shown(picture.read(source, page=page))),
                Version("result", shown(picture.read(target))),
            ],
        )
        for name, (source, target) in zip(names, pairs, strict=True)
    ]


def exhibit(
    name: str, paths: Sequence[Path], names: Sequence[str] | None = None
) -> Exhibit:
    """Read pictures as versions of one, measured against the first of their size.

    Raises:
        PictureError: a picture can't be read.
    """
    names = labels(paths) if names is None else names
    pixels = [shown(picture.read(path)) for path in paths]
    first = pixels[0]
    versions = [
        Version(
            label,
            own,
            {f"PSNR dB to {names[0]}": _psnr(first, own)}
            if number and own.shape[:2] == first.shape[:2]
            else {},
        )
        for number, (label, own) in enumerate(zip(names, pixels, strict=True))
    ]
    return Exhibit(name, versions)


def shown(given: Picture) -> NDArray[np.uint8]:
    """Return (H, W, 3) in sRGB; what is transparent shows white."""
    plain = picture.in_srgb(given)
    pixels = plain.pixels
    if plain.alpha is not None:
        opaque = plain.alpha[:, :, None].astype(np.float32) / 255
        laid = 255 + (pixels.astype(np.float32) - 255) * opaque
        pixels = np.rint(laid).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def labels(paths: Sequence[Path]) -> list[str]:
    """Name files as shortly as tells them apart; one that comes twice gets numbers."""
    parts = [path.absolute().parts for path in paths]
    longest = max(map(len, parts))
    for count in range(1, longest + 1):
        names = ["/".join(own[-count:]) for own in parts]
        if len(set(names)) == len(set(parts)):
            break
    seen: dict[str, int] = {}
    numbered = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        numbered.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return numbered


def _by_stem(folder: Path) -> dict[str, Path]:
    suffixes = {suffix for row in picture.FORMATS for suffix in row.suffixes}
    return {
        path.stem: path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.casefold() in suffixes
    }


def _psnr(truth: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return metrics.psnr(metrics.comparable(truth), metrics.comparable(other))
