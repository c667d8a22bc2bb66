"""Enlarge mutated files, one after the other, and say what became of each.

A process of its own: what a decoder does to it can't hurt the tests, and its memory
can be told.  Arguments: a folder to work in, the first seed, how many.
"""

import json
import random
import sys
import time
import traceback
from pathlib import Path

from PIL import Image

from matrix_files import HOLDS, Cell, write
from sr_cli.engines import EngineChoice
from sr_cli.errors import SrupError
from sr_cli.jobs import Job, Output, run_job
from sr_cli.upscale import Upscaler
from sr_cli.weights import load_model

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000)


def originals(folder: Path) -> list[Path]:
    """Write one file of every format and mode, with all it can carry."""
    folder.mkdir()
    found = []
    for suffix, holds in HOLDS.items():
        for mode in holds.modes:
            icc = "cmyk" if mode == "CMYK" else "p3" if "RGB" in mode else None
            carried = {
                "icc": icc if holds.icc else None,
                "orientation": 6 if holds.exif else None,
                "metadata": holds.xmp or holds.text or holds.dpi,
            }
            found.append(write(Cell(suffix, mode, **carried), folder))
    frames = [Image.new("RGBA", (20, 16), (40 * i, 99, 0, 255)) for i in range(4)]
    for suffix in ("gif", "png", "webp"):
        path = folder / f"animated.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
        found.append(path)
    return found


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Damage a file as disks, networks and attackers do."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        size = len(changed)
        if size < 8:
            break
        at = rng.randrange(size)
        match rng.randrange(8):
            case 0 | 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                del changed[max(at, 4) :]
            case 3 | 4:  # lies are told in headers, mostly
                at = rng.randrange(min(size - 4, rng.choice((32, 128, 1024, size))))
                width = rng.choice((1, 2, 4))
                value = rng.choice(_EXTREMES) & (2 ** (8 * width) - 1)
                order = rng.choice(("big", "little"))
                changed[at : at + width] = value.to_bytes(width, order)
            case 5:
                start = rng.randrange(len(other))
                part = other[start : start + rng.randrange(1, 200)]
                changed[at : at + len(part)] = part
            case 6:
                changed[at:at] = changed[at : at + rng.randrange(1, 300)]
            case 7:
                del changed[at : at + rng.randrange(1, 100)]
    return bytes(changed)


def peak() -> int:
    """The most memory that this process ever held, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def main(folder: Path, first: int, count: int) -> None:
    """Write a line of JSON for every file."""
    files = originals(folder / "originals")
    contents = [path.read_bytes() for path in files]
    network = load_model("espcn").network
    upscaler = Upscaler(network, EngineChoice("onnxruntime", "cpu"))
    for seed in range(first, first + count):
        rng = random.Random(seed)
        number = rng.randrange(len(files))
        source = folder / f"{seed}{files[number].suffix}"
        source.write_bytes(mutated(contents[number], rng.choice(contents), rng))
        result = folder / f"{seed}_out.png"
        said = {"seed": seed, "file": files[number].name}
        print(json.dumps({**said, "status": "begun"}), flush=True)  # noqa: T201
        began = time.perf_counter()
        try:
            run_job(Job(source, result), upscaler, Output())
            said["status"] = "done"
        except SrupError as error:
            said["status"], said["error"] = "failed", str(error)
        except BaseException:
            said["status"], said["error"] = "broken", traceback.format_exc()
        said["seconds"] = round(time.perf_counter() - began, 2)
        said["result"] = result.exists()
        said["peak"] = peak()
        print(json.dumps(said), flush=True)  # noqa: T201
        result.unlink(missing_ok=True)
        source.unlink()
    left = sorted(path.name for path in folder.iterdir() if path.name != "originals")
    print(json.dumps({"left": left}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
