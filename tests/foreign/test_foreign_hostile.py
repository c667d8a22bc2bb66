"""Files that are damaged or mean harm: refused, nothing run, no memory taken."""

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from foreign_networks import original
from sr_cli.errors import WeightsError
from sr_cli.foreign import read_foreign
from sr_cli.foreign.checkpoint import Checkpoint, open_checkpoint
from sr_cli.foreign.pickled import (
    LARGEST,
    Storage,
    StoredTensor,
    UnreadableError,
    read_pickle,
)
from sr_cli.foreign.reading import read_states

MIB = 2**20


def refused(path: Path, reason: str, most: int = 16 * MIB) -> str:
    """Read `path`, see that it is refused in one sentence, and in how much memory."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=reason) as refusal:
            read_foreign(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most
    assert "\n" not in str(refusal.value)
    assert refusal.value.hint
    return refusal.value.message


class Payload:
    """Runs something when a pickle of it is opened in the usual way."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def payloads(marker: Path) -> dict[str, object]:
    command = f"touch {marker}"
    return {
        "system": Payload(os.system, command),
        "eval": Payload(eval, f"open({str(marker)!r}, 'w')"),
        "a method": Payload(getattr, os, "system"),
        "beside weights": original("BasicSR").state_dict()
        | {"note": Payload(os.system, command)},
        "torch's own": Payload(torch.serialization.load, str(marker)),
        "a subclass": Payload(partial, os.system, command),
    }


@pytest.mark.parametrize("name", list(payloads(Path())))
@pytest.mark.parametrize("container", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_in_a_pickle_is_run(name, container, protocol, tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "weights.pth"
    payload = payloads(marker)[name]
    if name == "a method":
        payload = Payload(os.mkdir, str(marker))
    if container == "pickle":
        path.write_bytes(pickle.dumps(payload, protocol))
    else:
        torch.save(
            payload,
            path,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=container == "zip",
        )
    message = refused(path, "asks to run|no data's")
    assert str(path) in message
    assert not marker.exists()


def test_the_payload_would_have_run(tmp_path):
    """So that the test above proves something."""
    marker = tmp_path / "marker"
    pickle.loads(pickle.dumps(payloads(marker)["system"]))
    assert marker.exists()


@pytest.mark.parametrize(
    "steps",
    [
        b"(cos\nsystem\nX\x04\x00\x00\x00trueo.",  # OBJ
        b"(X\x04\x00\x00\x00trueios\nsystem\n.",  # INST
        b"\x80\x02\x82\x01.",  # EXT1, from a registry of Python's
        b"\x80\x04cos\nsystem\nX\x04\x00\x00\x00true\x85}\x92.",  # NEWOBJ_EX
        b"cos\nsystem\nX\x04\x00\x00\x00true\x85\x81.",  # NEWOBJ
        b"X\x02\x00\x00\x00osX\x06\x00\x00\x00systemX\x04\x00\x00\x00true\x85R.",
        b"Pos.system\n.",  # PERSID
    ],
)
def test_steps_that_run_things_are_unknown(steps):
    with pytest.raises(UnreadableError):
        read_pickle(io.BytesIO(steps))


@pytest.mark.parametrize(
    "steps",
    [
        *(b"", b".", b"\x80\x02", b"}}.", b"0.", b"R.", b"b.", b"t.", b"h\x07.", b"u."),
        b"}X\x01\x00\x00\x00as.",
        b"X\xff\xff\xff\xffa.",  # a text of 4 GiB
        b"\x8d" + b"\xff" * 8 + b".",  # and one of 16 EiB
        b"\x8b\xff\xff\xff\x7f\x01.",  # an integer of 2 GiB
        b"I" + b"9" * 10_000 + b"\n.",
    ],
)
def test_damaged_pickles_are_refused(steps):
    with pytest.raises(UnreadableError):
        read_pickle(io.BytesIO(steps))


def test_places_far_away_take_no_memory():
    """Python's own reader takes 16 bytes for each place up to the farthest."""
    tracemalloc.start()
    steps = b"}r\xff\xff\xff\x7f0j\xff\xff\xff\x7f."
    assert read_pickle(io.BytesIO(steps)).value == {}
    assert tracemalloc.get_traced_memory()[1] < MIB
    tracemalloc.stop()


def test_what_repeats_itself_is_shared_and_bounded():
    ordered = b"ccollections\nOrderedDict\n"
    pairs = b"](" + b"]K\x01aK\x02a" * 2_000 + b"e"
    many = ordered + b"q\x00" + pairs + b"q\x01\x85R0" + b"h\x00h\x01\x85R" * 500
    tracemalloc.start()
    with pytest.raises(UnreadableError, match="repeats"):
        read_pickle(io.BytesIO(many + b"."))
    assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    tracemalloc.stop()


def test_lists_of_lists_of_themselves_are_shared():
    """A tree of 10^30, which nothing walks through."""
    laughs = b"]q\x00"
    for level in range(30):
        laughs += b"](" + b"h%c" % level * 10 + b"eq%c" % (level + 1)
    tracemalloc.start()
    with pytest.raises(UnreadableError):
        read_pickle(io.BytesIO(laughs + b"."))
    assert read_pickle(io.BytesIO(b"(" + laughs + b"t.")).value
    assert tracemalloc.get_traced_memory()[1] < MIB
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["a", "a" * 100_000])
def test_modules_that_hold_themselves_end(name, tmp_path):
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.zeros(1))
    module._modules = {f"{name}{number}": module for number in range(10)}
    torch.save(module, path := tmp_path / "loop.pth")
    refused(path, "no network that srup knows")


def test_deep_nests_do_not_end_the_process():
    deep = b")" + b"\x85" * 30_000
    assert read_pickle(io.BytesIO(deep + b".")).value
    # A key that would be hashed through all its depth.
    assert read_pickle(io.BytesIO(b"}" + deep + b"Ns.")).value == {}
    nested = b"]" * 20_000 + b"a" * 19_999
    assert read_pickle(io.BytesIO(nested + b".")).value


class Lie:
    """A tensor that says of itself what it likes, as torch writes it."""

    def __init__(self, count, shape, strides=None, offset=0) -> None:
        self.count, self.shape, self.offset = count, shape, offset
        self.strides = (0,) * len(shape) if strides is None else strides


class LyingPickler(pickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, Marker):
            return ("storage", torch.FloatStorage, "0", "cpu", obj.count)
        return None

    def reducer_override(self, obj):
        if isinstance(obj, Lie):
            facts = obj.offset, obj.shape, obj.strides, False, OrderedDict()
            return torch._utils._rebuild_tensor_v2, (Marker(obj.count), *facts)
        return NotImplemented


class Marker:
    def __init__(self, count) -> None:
        self.count = count


def lying_checkpoint(path: Path, lie: Lie, numbers: int = 8) -> None:
    """A zip like torch's, in which one tensor of a known network lies."""
    state = {k: Lie(8, (0,)) for k in original("BasicSR").state_dict()}
    state["conv_first.weight"] = lie
    stream = io.BytesIO()
    LyingPickler(stream, 2).dump(state)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", stream.getvalue())
        archive.writestr("weights/data/0", bytes(4 * numbers))


@pytest.mark.parametrize(
    "lie",
    [
        Lie(8, (2**20, 2**20, 3, 3)),
        Lie(8, (2**39, 1)),
        Lie(8, (2**63, 3, 3)),
        Lie(8, (-8, 3, 3, 3)),
        Lie(8, (8, 3, 3, 3), strides=(-27, 9, 3, 1)),
        Lie(8, (8, 3, 3, 3), strides=(27, 9, 3, 1)),
        Lie(8, (2, 2), strides=(9, 1)),
        Lie(8, (2, 2), strides=(1,)),
        Lie(8, (4,), strides=(1,), offset=5),
        Lie(8, (4,), strides=(1,), offset=2**62),
        Lie(8, (1,) * 500),
        Lie(2**40, (8, 3, 3, 3), strides=(27, 9, 3, 1)),
        Lie(2**62, (8, 3, 3, 3)),
        Lie(-1, (1,)),
        Lie(4, (4,), strides=(1,)),
        Lie(8, ("a", 3)),
        Lie(8, (2.5, 3)),
    ],
    ids=lambda lie: f"{lie.count} {lie.shape[:4]} {lie.strides[:4]} {lie.offset}",
)
def test_tensors_that_lie_are_refused(lie, tmp_path):
    lying_checkpoint(path := tmp_path / "lie.pth", lie)
    refused(path, "can't be used: ")


def members(tmp_path: Path, kind: int = zipfile.ZIP_STORED) -> Path:
    """A checkpoint packed again with `kind`."""
    torch.save(original("BasicSR").state_dict(), saved := tmp_path / "saved.pth")
    path = tmp_path / "packed.pth"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w", kind) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return path


def test_packing_again_without_compression_changes_nothing(tmp_path):
    assert read_foreign(members(tmp_path)).network.scale == 4


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_compressed_parts_are_refused(kind, tmp_path):
    refused(members(tmp_path, kind), "compressed, which torch never does")


@pytest.mark.parametrize("part", ["data.pkl", "data/0"])
def test_zip_bombs_are_refused(part, tmp_path):
    """32 MiB of zeros in 32 KiB."""
    lying_checkpoint(path := tmp_path / "bomb.pth", Lie(8 * MIB, (8 * MIB,)))
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content[f"weights/{part}"] = bytes(32 * MIB)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            kind = zipfile.ZIP_DEFLATED if name.endswith(part) else zipfile.ZIP_STORED
            archive.writestr(name, data, kind)
    del content
    assert path.stat().st_size < MIB // 4
    refused(path, "is compressed|claims more weights")


def test_a_pickle_that_is_too_large_is_refused(tmp_path):
    with zipfile.ZipFile(path := tmp_path / "large.pth", "w") as archive:
        archive.writestr("weights/data.pkl", bytes(LARGEST + 1))
    refused(path, "wrong size")


def test_sizes_beyond_the_file_are_refused(tmp_path):
    path = members(tmp_path)
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\1\2")  # the first entry of the directory
    while at >= 0:
        content[at + 20 : at + 28] = struct.pack("<II", 2**31, 2**31)
        at = content.find(b"PK\1\2", at + 1)
    path.write_bytes(content)
    refused(path, "can't be used")


def test_directories_that_are_too_large_are_refused(tmp_path):
    entry = b"PK\1\2" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    directory = entry * (5 * MIB // len(entry))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 9, 9, len(directory), 4, 0)
    (path := tmp_path / "many.pth").write_bytes(b"PK\3\4" + directory + end)
    refused(path, "directory is too large")


def test_parts_that_lie_on_one_another_take_no_more_than_the_file(tmp_path):
    """Each of a hundred entries is the same megabyte."""
    numbers, entries = MIB // 4, 100
    state = {k: Lie(8, (0,)) for k in original("BasicSR").state_dict()}
    names = list(state)
    for name in names:
        state[name] = Lie(numbers, (numbers,), strides=(1,))
    stream = io.BytesIO()
    LyingPickler(stream, 2).dump(state)
    with zipfile.ZipFile(path := tmp_path / "heap.pth", "w") as archive:
        archive.writestr("weights/data.pkl", stream.getvalue())
        archive.writestr("weights/data/0", bytes(4 * numbers))
    assert len(names) * 4 * numbers > 10 * path.stat().st_size > 0 < entries
    refused(path, "claims more weights than it holds")


def test_other_archives_are_refused(tmp_path):
    with zipfile.ZipFile(path := tmp_path / "other.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(path, "not torch's")
    path.write_bytes(b"")
    refused(path, "damaged")
    path.write_text("<html>404 Not Found</html>")
    refused(path, "damaged|no data's")
    refused(tmp_path, "directory")
    refused(tmp_path / "nowhere.pth", "No such file")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused(tmp_path):
    module = torch.jit.script(torch.nn.Conv2d(3, 4, 3))
    torch.jit.save(module, path := tmp_path / "script.pt")
    refused(path, "TorchScript")


def test_other_byte_orders_are_refused(tmp_path):
    path = members(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        names = [n for n in archive.namelist() if n.endswith("byteorder")]
    content = path.read_bytes()
    assert names
    path.write_bytes(content.replace(b"little", b"biggie"))
    refused(path, "can't be used")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    folder, state = tmp_path_factory.mktemp("good"), original("KAIR 1", 2).state_dict()
    torch.save(state, folder / "zip")
    torch.save(state, folder / "legacy", _use_new_zipfile_serialization=False)
    save_file(state, folder / "safetensors")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(["zip", "legacy", "safetensors"]),
    place=st.floats(0, 1),
    damage=st.binary(min_size=1, max_size=9),
    cut=st.booleans(),
)
def test_damage_is_refused_or_harmless(good, tmp_path, kind, place, damage, cut):
    content = good[kind]
    # Names and sizes stand at the two ends.
    at = int(len(content) * (place**4 if place < 0.5 else 1 - (1 - place) ** 4))
    path = tmp_path / ("f.safetensors" if kind == "safetensors" else "f.pth")
    rest = b"" if cut else content[at + len(damage) :]
    path.write_bytes(content[:at] + damage + rest)
    with suppress(WeightsError):
        assert read_foreign(path).network.scale == 2


def header_of(content: bytes) -> dict:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])


def with_header(content: bytes, header: object) -> bytes:
    length = int.from_bytes(content[:8], "little")
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


FIRST = "conv_first.weight"


def lying(facts: dict) -> Callable[[bytes], bytes]:
    def lie(content: bytes) -> bytes:
        header = header_of(content)
        header[FIRST] |= facts
        return with_header(content, header)

    return lie


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (lying({"shape": [2**20, 2**20, 3, 3]}), "doesn't fit its numbers"),
        (lying({"shape": [-8, 3, 3, 3]}), "impossible shape"),
        (lying({"shape": [8.0, 3, 3, 3]}), "impossible shape"),
        (lying({"shape": 7}), "damaged"),
        (lying({"data_offsets": [0, 2**60]}), "doesn't fit its numbers"),
        (
            lying({"shape": [2**30], "data_offsets": [0, 2**32]}),
            "doesn't fit its numbers",
        ),
        (lying({"data_offsets": [2**62, 2**62 + 864]}), "doesn't fit its numbers"),
        (lying({"data_offsets": [864, 0]}), "doesn't fit its numbers"),
        (lying({"data_offsets": [0]}), "damaged"),
        (lying({"dtype": "Q4"}), "damaged"),
        (lambda content: (2**63).to_bytes(8, "little") + content[8:], "damaged"),
        (lambda content: (2**40).to_bytes(8, "little") + content[8:], "damaged"),
        (lambda content: with_header(content, b" " * (LARGEST + 1)), "damaged"),
        (lambda content: with_header(content, b"[" * 200_000), "deeply|damaged"),
        (lambda content: with_header(content, [1]), "damaged"),
        (lambda content: with_header(content, b"\xff\xfe{}"), "damaged"),
        (lambda content: content[:7], "damaged"),
    ],
)
def test_lying_safetensors_are_refused(lie, reason, good, tmp_path):
    path = tmp_path / "lie.safetensors"
    path.write_bytes(lie(good["safetensors"]))
    refused(path, reason, most=64 * MIB)


def test_tensors_that_share_their_bytes_take_no_more_than_the_file(tmp_path):
    numbers = np.zeros(MIB // 4, np.float32)
    content = save({"x": torch.from_numpy(numbers)})
    facts = header_of(content)["x"]
    names = original("BasicSR").state_dict()
    path = tmp_path / "heap.safetensors"
    path.write_bytes(with_header(content, dict.fromkeys(names, facts)))
    refused(path, "claims more weights than it holds")


def test_parts_shorter_than_they_say_show_no_other_memory(tmp_path):
    """Of the two sizes that a directory tells, zipfile reads the smaller one."""
    lie = Lie(8 * 3 * 9, (8, 3, 3, 3), strides=(27, 9, 3, 1))
    lying_checkpoint(path := tmp_path / "short.pth", lie, numbers=lie.count)
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\1\2")
    checksum, stored = zlib.crc32(bytes(16)), 16
    content[entry + 16 : entry + 24] = struct.pack("<II", checksum, stored)
    path.write_bytes(content)
    refused(path, "has the wrong size")


def test_files_that_shrink_meanwhile_show_no_other_memory():
    tensor = StoredTensor(Storage("FloatStorage", "0", 9), 0, (9,), (1,))
    with pytest.raises(UnreadableError, match="ends too early"):
        Checkpoint({}, lambda _: bytes(16)).numbers(tensor)


def test_many_entries_of_the_same_part_are_refused(tmp_path):
    lying_checkpoint(path := tmp_path / "heap.pth", Lie(8, (8,)), numbers=MIB // 4)
    content = path.read_bytes()
    at = content.rfind(b"PK\1\2")
    end = content.rfind(b"PK\5\6")
    entry = content[at:end]
    size = end - content.find(b"PK\1\2") + len(entry)
    tail = bytearray(content[end:])
    tail[8:16] = struct.pack("<HHI", 3, 3, size)
    path.write_bytes(content[:end] + entry + tail)
    refused(path, "lie on one another")


@pytest.mark.parametrize("legacy", [False, True])
def test_numbers_that_tensors_share_are_read_once(legacy, tmp_path):
    shared = torch.arange(1000, dtype=torch.float32)
    state = {f"a{n}": shared[n : n + 3] for n in range(50)}
    path = tmp_path / "shared.pth"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    with open_checkpoint(path) as checkpoint:
        first = checkpoint.read(checkpoint.tree["a0"].storage)
        assert all(
            checkpoint.read(tensor.storage) is first
            for tensor in checkpoint.tree.values()
        )
        found = checkpoint.tensor(checkpoint.tree["a9"])
    assert found.tolist() == [9, 10, 11]


def test_numbers_that_python_reduces_to_the_same_are_no_keys():
    """A dictionary of many of them takes time by their square."""
    key = 2**61 - 1
    found = read_pickle(io.BytesIO(pickle.dumps({key: 1, -key: 2, 7: 3, "a": 4}, 2)))
    assert found.value == {7: 3, "a": 4}
    pairs = pickle.dumps(OrderedDict([(key, 1), (7, 3)]), 2)
    assert read_pickle(io.BytesIO(pairs)).value == {7: 3}
    with pytest.raises(UnreadableError):
        read_pickle(io.BytesIO(b"Np%d\n." % key))


@pytest.mark.parametrize("shape", [[1] * 70, [0, 2**62, 2**62], [0, 2**70]])
def test_shapes_that_numpy_has_not_are_refused(shape, tmp_path):
    """In numpy's own words they were a traceback."""
    size = 4 * int(np.prod(shape, dtype=object))
    facts = {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}
    path = tmp_path / "odd.safetensors"
    path.write_bytes(with_header(bytes(8), {"x": facts}) + bytes(size))
    with pytest.raises(WeightsError, match="impossible shape"):
        list(read_states(path))
