"""The house rules that an import statement can break."""

import ast
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from sr_cli.cli import COMMANDS
from sr_cli.train.config import SYSTEMS

PACKAGE = Path(__file__).parent.parent / "sr_cli"

LAYERS = [
    {"errors", "whole_file", "cache_folder", "cpu", "fetch", "hub"},
    {"catalog", "picture", "tiles", "metrics", "networks", "transparency"},
    {"engines", "weights", "foreign", "degrade", "degradations", "datasets"},
    {"upscale"},
    {"enlarge"},
    {"jobs"},
    {"api", "batch", "bench", "doctor", "export", "models", "mos", "train", "viewer"},
    {"cli"},
    {"__init__", "__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

HOMES = {
    "click": ("cli/",),
    "rich": ("cli/",),
    # bench/reduction.py makes pictures smaller as people do with Pillow;
    # train/drawings.py makes pictures up and reads none.
    "PIL": ("picture/", "bench/reduction.py", "train/drawings.py"),
    "OpenImageIO": ("picture/",),
    "isal": ("picture/",),
    "imagecodecs": ("picture/",),
    # bench/peers.py runs these as people do without srup.
    "torch": (
        *("networks/", "train/", "engines/pytorch.py", "engines/torch_"),
        *("bench/peers.py", "bench/perceptual.py", "export/weights_file.py"),
        "foreign/spandrel_state.py",
    ),
    "onnx": ("networks/graph.py", "foreign/onnx_"),
    "onnxruntime": ("engines/onnx.py", "bench/peers.py", "export/onnx_file.py"),
    "openvino": (
        *("engines/openvino", "bench/peers.py", "bench/peak.py"),
        "export/openvino_ir.py",
    ),
    "spandrel": ("foreign/spandrel_state.py",),
    "huggingface_hub": ("hub/",),
    "pyiqa": ("bench/perceptual.py",),
    "matplotlib": ("train/plot.py", "bench/scaling_plot.py", "mos/figure.py"),
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "sr_cli":
                yield from (f"sr_cli.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down_and_libraries_stay_home(path):
    here = path.relative_to(PACKAGE).as_posix()
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "sr_cli" and rest and rest[0] in RANK:
            assert RANK[rest[0]] <= RANK[room_of(path)], f"{here} imports {name}"
        if top in HOMES:
            assert here.startswith(HOMES[top]), f"{here} imports {name}"


def loaded_after(*runs: tuple[str, ...]) -> list[set[str]]:
    """The top-level modules loaded after each run of the command line in a process."""
    code = (
        "import json, sys\n"
        "from sr_cli.cli import main\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        main(arguments)\n"
        "    except SystemExit as ended:\n"
        "        assert not ended.code, arguments\n"
        "    tops = {name.split('.')[0] for name in sys.modules}\n"
        "    print('\\nLOADED', *tops, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(runs)],
        capture_output=True,
        text=True,
        check=True,
    )
    told = [line for line in done.stderr.splitlines() if line.startswith("LOADED")]
    return [set(line.split()[1:]) for line in told]


SUBCOMMANDS = [
    *(("train", name) for name in (*SYSTEMS, "plot")),
    *(("models", name) for name in ("list", "download", "push")),
    *(("mos", name) for name in ("make", "serve", "score")),
]


def test_help_loads_no_torch_and_no_engine():
    heavy = {"torch", "onnx", "onnxruntime", "openvino", "huggingface_hub", "numpy"}
    heavy |= {"PIL", "OpenImageIO", "isal"}
    # One after the other: what none has loaded at the end, none loads alone.
    runs = [
        (*words, "--help") for words in ((), *((c,) for c in COMMANDS), *SUBCOMMANDS)
    ]
    found = loaded_after(*runs)
    for arguments, loaded in zip(runs, found, strict=True):
        assert not heavy & loaded, arguments


def test_upscale_on_a_cpu_loads_no_torch(tmp_path, tiny_weights, small_photo):
    target = tmp_path / "out.png"
    place = ("-m", str(tiny_weights), "-o", str(target), "--device", "cpu")
    (loaded,) = loaded_after(("upscale", str(small_photo), *place))
    assert target.exists()
    assert "openvino" in loaded
    assert "torch" not in loaded


def test_the_console_script_loads():
    (script,) = entry_points(group="console_scripts", name="srup")
    assert callable(script.load())
