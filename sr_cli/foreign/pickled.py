"""Pickles as data: what one says is read, and what it would run is not.

Python's own reader calls whatever a file names, and torch's restricted one has had
holes (CVE-2025-32434, in all before 2.6).  Here nothing that a file names is looked up,
so nothing can be called: tensors become `StoredTensor`, objects of any class
`Instance`, and a call of anything else is refused.

A pickle is never larger than `LARGEST`, no step makes more than a few objects, and what
is repeated is shared: 2 MiB of the densest steps take a quarter of a gibibyte.
"""

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

LARGEST = 2 * 2**20
"""Bytes; a checkpoint of SRResNet, discriminator and optimizers has 0.1 MiB."""

_MOST_DIMENSIONS = 8
_LONGEST_NAME = 256
_LARGEST_SIZE = 2**40
_MOST_PAIRS = 2**18  # that are copied, over a whole pickle

_MARK = object()


class UnreadableError(Exception):
    """It can't be read as data; the text says why, as a clause."""


@dataclass(frozen=True, slots=True)
class Name:
    """Something that Python would import, such as `torch.FloatStorage`."""

    path: str


@dataclass(slots=True, eq=False)
class Instance:
    """An object of some class, never made: only what was kept of it."""

    kind: str
    state: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Where a file keeps the numbers of tensors."""

    kind: str
    """torch's name, such as `FloatStorage`."""
    key: str
    count: int
    """How many numbers it claims to hold."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor that is still in its file; all units are numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_INERT = frozenset(
    {
        "_codecs.encode",
        "__builtin__.set",
        "builtins.set",
        "collections.Counter",
        "collections.defaultdict",
        "copy_reg._reconstructor",
        "copyreg._reconstructor",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "pathlib.PosixPath",
        "pathlib.WindowsPath",
        "torch.device",
    }
)
"""Calls in checkpoints that make plain data, none of which is a weight."""


def _runs(name: str) -> UnreadableError:
    return UnreadableError(f"it asks to run {name[:_LONGEST_NAME]}")


def _stored(identity: Any) -> Any:
    """Return what torch keeps beside the pickle."""
    match identity:
        # Views of other storages, which torch hasn't written since 2017, come last.
        case ("storage", Name(path), key, _, int(count), *views) if not any(views):
            return Storage(path.rpartition(".")[2], str(key), _sizes((count,))[0])
        # Before 1.6 torch kept the source code of classes with them.
        case ("module", Name() as name, *_):
            return name
    raise UnreadableError("it refers to something that torch doesn't keep")


def _sizes(values: Any) -> tuple[int, ...]:
    if isinstance(values, Instance):  # torch.Size
        values = values.state
    possible = isinstance(values, tuple | list) and len(values) <= _MOST_DIMENSIONS
    if not possible or not all(
        isinstance(n, int) and 0 <= n <= _LARGEST_SIZE for n in values
    ):
        raise UnreadableError("a tensor in it has an impossible shape")
    return tuple(values)


def _is_key(value: Any) -> bool:
    """Say whether a dictionary may have it as a key.

    Python reduces larger numbers to a remainder: 16,000 with the same one took 2.4 s,
    and twice as many four times as long.
    """
    return isinstance(value, str) or (
        isinstance(value, int) and abs(value) <= _LARGEST_SIZE
    )


class _Machine:
    """The stack and the memory of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self._copied = 0

    def step(self, name: str, argument: Any) -> None:
        if name not in _STEPS:
            raise UnreadableError(f"it has the step {name}, no data's")
        _STEPS[name](self, argument)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def last(self, count: int) -> list[Any]:
        values = self.stack[len(self.stack) - count :]
        if len(values) < count:
            raise UnreadableError("it is damaged")
        del self.stack[len(self.stack) - count :]
        return values

    def remember(self, place: int) -> None:
        if not _is_key(place := int(place)):
            raise UnreadableError("it is damaged")
        self.memory[place] = self.stack[-1]

    def recall(self, place: int) -> None:
        self.push(self.memory[int(place)])

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        # What a dictionary of a class of its own holds, or one with keys of another
        # kind, is no weight.
        if isinstance(target, dict):
            named = zip(pairs[::2], pairs[1::2], strict=True)
            target.update((k, v) for k, v in named if _is_key(k))

    def extend(self, values: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)

    def join_name(self) -> None:
        module, attribute = self.last(2)
        path = f"{module[:_LONGEST_NAME]}.{attribute[:_LONGEST_NAME]}"
        self.push(Name(path))

    def call(self) -> None:
        name, arguments = self.last(2)
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise UnreadableError("it asks to run something that it makes itself")
        self.push(self._called(name.path, arguments))

    def _called(self, name: str, arguments: tuple[Any, ...]) -> Any:
        match name, arguments:
            case (
                "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2",
                (Storage() as storage, offset, shape, strides, *_),
            ):
                (start,) = _sizes((offset,))
                return StoredTensor(storage, start, _sizes(shape), _sizes(strides))
            case (
                "torch._utils._rebuild_parameter"
                | "torch._utils._rebuild_parameter_with_state",
                (tensor, *_),
            ):
                return tensor
            case "collections.OrderedDict", (list() as pairs,):
                self._copied += len(pairs)
                if self._copied > _MOST_PAIRS:
                    raise UnreadableError("it repeats itself")
                return {k: v for k, v in pairs if _is_key(k)}
            case "collections.OrderedDict", ():
                return {}
            case "torch.Size", (sizes,):
                return Instance(name, sizes)
        if name in _INERT or name.startswith("torch._utils._rebuild_"):
            return Instance(name)
        raise _runs(name)

    def refer(self) -> None:
        (identity,) = self.last(1)
        found = _stored(identity)
        if isinstance(found, Storage):
            found = self.storages.setdefault(found.key, found)
        self.push(found)

    def make_instance(self) -> None:
        name, arguments = self.last(2)
        if not isinstance(name, Name) or arguments != ():
            raise _runs(name.path if isinstance(name, Name) else "something")
        is_dict = name.path == "collections.OrderedDict"
        self.push({} if is_dict else Instance(name.path))

    def build(self) -> None:
        (state,) = self.last(1)
        if isinstance(self.stack[-1], Instance):
            self.stack[-1].state = state


_VALUES = (
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"),
    *("BINFLOAT", "FLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("BINSTRING", "SHORT_BINSTRING", "STRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)

_STEPS: dict[str, Callable[[_Machine, Any], object]] = {
    **dict.fromkeys(_VALUES, _Machine.push),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda *_: None),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memory)),
    "MARK": lambda machine, _: machine.push(_MARK),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "POP": lambda machine, _: machine.last(1),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(tuple(machine.last(1))),
    "TUPLE2": lambda machine, _: machine.push(tuple(machine.last(2))),
    "TUPLE3": lambda machine, _: machine.push(tuple(machine.last(3))),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_SET": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.since_mark()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "SETITEM": lambda machine, _: machine.set_items(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "GLOBAL": lambda machine, name: machine.push(Name(name.replace(" ", "."))),
    "STACK_GLOBAL": lambda machine, _: machine.join_name(),
    "BINPERSID": lambda machine, _: machine.refer(),
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.make_instance(),
    "BUILD": lambda machine, _: machine.build(),
}
"""What each step of a pickle does here; those that are missing are refused."""


@dataclass(frozen=True, slots=True)
class Pickled:
    """What a pickle says."""

    value: Any
    storages: dict[str, Storage]
    """All that it refers to, by their keys."""


def read_pickle(stream: IO[bytes]) -> Pickled:
    """Read one pickle from `stream`, which holds at most `LARGEST` bytes, as data.

    Raises:
        UnreadableError: it is damaged, or would run something.
    """
    machine = _Machine()
    try:
        # A damaged text may have escapes of which Python warns.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for opcode, argument, _ in pickletools.genops(stream):
                machine.step(opcode.name, argument)
        (value,) = machine.stack
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableError("it is damaged") from error
    return Pickled(value, machine.storages)
