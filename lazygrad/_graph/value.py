"""forward-rec: the value of a node, by demand over its inputs.

Stratos, appendix G::

    forward-rec(i):  if i is an input node or a^i has already been calculated, just return a^i;
                     otherwise calculate a^j <- forward-rec(j) for each j in pa(i),
                     and return x^i <- f^i((a^j) for j in pa(i)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .demand import demand
from .guards import guards
from .node import Node, install, lock
from .watch import Watcher, watchers

__all__ = ["forward_rec", "pending", "read_guarded", "readonly_view", "zeros"]


def _missing(i: Node) -> Sequence[Node] | None:
    if i._value is not None:
        return None
    return [j for j in i.inputs if j._value is None]


def _compute(i: Node) -> None:
    """Run the op of a node whose inputs are there."""
    try:
        i._value = i.op.run(i)
    except Exception as error:
        built = "" if i.source is None else f", built at {i.source}"
        error.add_note(f"while computing {i!r} from {', '.join(repr(j) for j in i.inputs[:8])}{built}")
        raise


def forward_rec(i: Node, *, asked: bool = True) -> Any:
    """Return the value of node `i` as the memo keeps it, computing what is missing.

    Parameters
    ----------
    i
        The node.
    asked
        Whether this is a request of its own, or on behalf of one that was counted already.
    """
    with lock:
        listening = watchers()
        if asked and i.op is not None:
            i.op.requested()
        if not listening:
            if i._value is None and asked and i._memo is not None and i._memo.plans is not None:
                i._memo.plans.compute((i,))  # as it is asked for again and again
            if i._value is None:
                demand(i, _missing, _compute)
        else:
            _recorded(i, asked, listening)
        return i._value


def _itself(value: Any) -> Any:
    return value


def read_guarded(i: Node, made: Callable[[Any], Any] = _itself) -> Any:
    """What the user's program learns of a value: `made` of it; noted where the graph is kept for other values."""
    seen = made(forward_rec(i))
    noted = guards()
    if noted is not None:
        noted.append((i, made, seen))
    return seen


def _recorded(i: Node, asked: bool, listening: Sequence[Watcher]) -> None:
    def compute_and_tell(node: Node) -> None:
        for watcher in listening:
            watcher.before(node)
        _compute(node)
        for watcher in listening:
            watcher.after(node)

    for watcher in listening:
        watcher.begin(i, asked)
    try:
        if i._value is None:
            demand(i, _missing, compute_and_tell)
    finally:
        for watcher in listening:
            watcher.end()


def pending(i: Node, done: dict[int, Node]) -> list[Node]:
    """What `forward_rec` of a node would compute, in that order, but for what is `done`; it is done, then, too."""
    found: list[Node] = []

    def missing(j: Node) -> Sequence[Node] | None:
        if j._value is not None or j.serial in done:
            return None
        return [k for k in j.inputs if k._value is None and k.serial not in done]

    def compute(j: Node) -> None:
        done[j.serial] = j
        original = j.op.mirrors
        if original is None:
            found.append(j)
        elif original._value is None and original.serial not in done:  # a mirror has it computed
            done[original.serial] = original
            found.append(original)

    demand(i, missing, compute)
    return found


def readonly_view(value: Any) -> np.ndarray[Any, Any]:
    """A read-only array for the caller; the memo's own stays out of reach."""
    array = value.view() if value.__class__ is np.ndarray else np.asarray(value)
    array.flags.writeable = False
    return array


def zeros(like: Node) -> np.ndarray[Any, Any]:
    """What a derivative is where there is no path: zeros of the shape and dtype of a node, read-only."""
    return readonly_view(np.zeros(like.shape, like.dtype))


def _value(self: Node) -> np.ndarray[Any, Any]:
    """The value as a read-only array, computed now if it is not in the memo.

    Raises whatever an op raises, with a note that names the node; the graph stays usable.

    Examples
    --------
    >>> import lazygrad as lg
    >>> y = lg.constant([1.0, 2.0]) * 3
    >>> y
    <multiply #..., shape (2,), float64, not computed>
    >>> y.value
    array([3., 6.])
    """
    return readonly_view(read_guarded(self))


def _item(self: Node) -> Any:
    """The value of a node of one element, as a Python number."""
    return read_guarded(self).item()


def _set_value(self: Node, value: Any) -> None:
    self.set(value)


install({"value": property(_value, _set_value), "item": _item})
