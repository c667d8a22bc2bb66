"""Which of a file's dictionaries are weights by name."""

from collections.abc import Iterator
from typing import Any, TypeVar

from sr_cli.foreign.pickled import Instance, StoredTensor

T = TypeVar("T")

_PREFERRED = (
    # What is averaged over training comes first where both are there.
    *("params_ema", "params", "state_dict", "model_state_dict", "generator"),
    *("model", "net", "netG", "ema_state_dict", "weights"),
)
"""Where training programs keep the generator, the likeliest first."""

_PREFIXES = ("module.", "_orig_mod.", "generator_ema.", "generator.", "netG.", "net.")
"""What programs, and wrappers of torch, put before the names."""

_DEEPEST = 4
_MOST = 4_000  # modules, and tensors
_LONGEST_NAME = 64

Stored = dict[str, StoredTensor]


def _named(module: Instance, group: str) -> list[tuple[str, Any]]:
    """Return what is kept in a dictionary of `module`, such as `_parameters`."""
    state = module.state if isinstance(module.state, dict) else {}
    values = state.get(group)
    items = values.items() if isinstance(values, dict) else ()
    return [(str(k), v) for k, v in items if len(str(k)) <= _LONGEST_NAME]


def _of_module(module: Instance) -> Stored:
    """Return what `state_dict()` of a module would have, from what was kept of it."""
    found: Stored = {}
    waiting = [("", module)]
    # A file may nest a module in itself.
    for _ in range(_MOST):
        if not waiting or len(found) + len(waiting) > _MOST:
            break
        prefix, one = waiting.pop()
        for group in ("_parameters", "_buffers"):
            for name, value in _named(one, group):
                if isinstance(value, StoredTensor):
                    found[f"{prefix}{name}"] = value
        for name, value in _named(one, "_modules"):
            if isinstance(value, Instance) and len(prefix) <= _DEEPEST * _LONGEST_NAME:
                waiting.append((f"{prefix}{name}.", value))
    return found


def state_dicts(tree: Any, depth: int = 0) -> Iterator[Stored]:
    """Yield the dictionaries of tensors in `tree`, the likeliest weights first."""
    if isinstance(tree, Instance):
        tree = {**_of_module(tree)}
    if not isinstance(tree, dict):
        return
    own = {str(k): v for k, v in tree.items() if isinstance(v, StoredTensor)}
    if own:
        yield own
    elif depth < _DEEPEST:
        for name in _PREFERRED:
            yield from state_dicts(tree.get(name), depth + 1)


def without_prefixes(state: dict[str, T], depth: int = 0) -> Iterator[dict[str, T]]:
    """Yield `state`, and the parts of it whose names have a prefix, without that."""
    yield state
    for prefix in _PREFIXES if depth < _DEEPEST else ():
        part = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        if part:
            yield from without_prefixes(part, depth + 1)
