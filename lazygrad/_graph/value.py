"""forward-rec: the value of a node, by demand over its inputs.

Stratos, appendix G::

    forward-rec(i):  if i is an input node or a^i has already been calculated, just return a^i;
                     otherwise calculate a^j <- forward-rec(j) for each j in pa(i),
                     and return x^i <- f^i((a^j) for j in pa(i)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import numpy as np

from .demand import demand
from .guards import guards
from .node import Node, install
from .quiet import QUIET, call_with_errstate
from .turns import lock, now
from .types import Array, Function
from .watch import Watcher, watchers

__all__ = ["find_pending", "forward_rec", "read_guarded", "readonly_view", "zeros"]

T = TypeVar("T")


def _list_missing(i: Node) -> Sequence[Node] | None:
    """Return the inputs of `i` without a value; None if it has one itself."""
    if i._value is not None:
        return None
    return [j for j in i._inputs if j._value is None]


def _compute(i: Node) -> None:
    """Run the op of a node whose inputs have values."""
    if i._value is not None:  # while this thread waited, another one computed it
        return
    try:
        i._value = i._op.run(i)
    except Exception as error:
        built = "" if i.source is None else f", built at {i.source}"
        error.add_note(f"while computing {i!r} from {', '.join(repr(j) for j in i._inputs[:8])}{built}")
        raise


def forward_rec(i: Node, *, was_requested: bool = True) -> Array:
    """Return the value of node `i` as the memo keeps it, computing first what is missing.

    Parameters
    ----------
    i
        The node.
    was_requested
        Whether the caller asks for this very node, which counts as a request; else a computation that was counted
        already needs it.
    """
    with lock:
        listening = watchers()
        if was_requested and i._op is not None:
            i._op.count_request()
        if not listening:
            if i._value is None:
                _demand(i, _compute, i._memo.plans if was_requested and i._memo is not None else None)
        else:
            _demand_watched(i, was_requested, tuple(listening))
        return i._value


def _demand(i: Node, compute: Callable[[Node], None], plans: Any = None) -> None:
    """Compute the value of `i`, and before it what it needs; by a plan, if it is asked for again and again."""
    asked = now.asked
    try:
        now.asked = (i, asked)  # changes from other threads wait until this is over
        if plans is not None:
            plans.compute((i,))
        if i._value is None:
            demand(i, _list_missing, compute)
    finally:
        now.asked = asked


def _pass_on(value: Any) -> Any:
    return value


@overload
def read_guarded(i: Node) -> Array: ...


@overload
def read_guarded(i: Node, interpret: Callable[[Any], T]) -> T: ...


def read_guarded(i: Node, interpret: Function = _pass_on) -> object:
    """Return what the user's program learns from the value of `i`, and note it where the graph serves other values.

    `interpret` turns the value into what the program sees of it, such as `bool`.
    """
    answer = interpret(forward_rec(i))
    noted = guards()
    if noted is not None:
        noted.append((i, interpret, answer))
    return answer


def _demand_watched(i: Node, was_requested: bool, listening: Sequence[Watcher]) -> None:
    """Compute the value of `i` if it is missing, and tell the watchers of each step."""

    def compute_and_tell(node: Node) -> None:
        for watcher in listening:
            watcher.computation_begins(node)
        _compute(node)
        for watcher in listening:
            watcher.computation_ends(node)

    told: list[Watcher] = []
    try:
        for watcher in listening:
            told.append(watcher)
            watcher.need_begins(i, was_requested)
        if i._value is None and any(watcher.silences_numpy for watcher in listening):
            call_with_errstate(QUIET, _demand, i, compute_and_tell)
        elif i._value is None:
            _demand(i, compute_and_tell)
    finally:
        for watcher in told:
            watcher.need_ends()


def find_pending(i: Node, done: dict[int, Node]) -> list[Node]:
    """Return what `forward_rec` of a node would compute, in that order.

    Nodes in `done` are left out, and the nodes found are added to it, so that several calls share what they need.
    """
    found: list[Node] = []

    def missing(j: Node) -> Sequence[Node] | None:
        if j._value is not None or j._serial in done:
            return None
        return [k for k in j._inputs if k._value is None and k.serial not in done]

    def compute(j: Node) -> None:
        done[j._serial] = j
        original = j._op.mirrors
        if original is None:
            found.append(j)
        elif original._value is None and original._serial not in done:  # a mirror has it computed
            done[original._serial] = original
            found.append(original)

    demand(i, missing, compute)
    return found


def readonly_view(value: Any) -> Array:
    """Return a read-only array for the caller, who cannot reach the memo's own flags through it."""
    array = value.view() if value.__class__ is np.ndarray else np.asarray(value)
    array.flags.writeable = False
    return array


def zeros(like: Node) -> Array:
    """Return read-only zeros of the shape and dtype of a node, the derivative where there is no path."""
    return readonly_view(np.zeros(like._shape, like._dtype))


def _value(self: Node) -> Array:
    """Return the value as a read-only array, computed now if it is not in the memo.

    An error of an op is raised with a note that names the node; the graph stays usable.

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
    """Return the value of a node of one element as a Python number."""
    return read_guarded(self).item()


def _set_value(self: Node, value: Any) -> None:
    self.set(value)


install({"value": property(_value, _set_value), "item": _item})
