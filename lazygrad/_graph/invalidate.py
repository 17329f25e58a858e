"""Invalidation: a changed leaf costs only what it reaches, and only when somebody asks again.

The walk over consumers once more, forgetting instead of storing::

    invalidate(i):  invalidate(c) for each consumer c of i whose value is fresh; then mark i stale.

A fresh node has only fresh inputs, so a consumer that is not fresh hides nothing fresh behind it. Consumers
are marked before their inputs, so an interrupted walk leaves that true: first all that is reached is collected, then
it is marked, youngest first.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import repeat, starmap
from operator import call, setitem
from sys import getrefcount
from threading import get_ident
from time import monotonic
from typing import Any

from .._errors import LazygradError
from .bits import same_bits
from .leaf import CONSTANT, as_leaf_array, copy_frozen, note_reform
from .node import Node, consumer_refs, install
from .reform import reform
from .traverse import dependents
from .turns import PATIENCE_OF_CHANGES, lock, paused_questions, pauses, rest
from .types import Array, ArrayLike
from .watch import watchers

__all__ = ["invalidate", "update", "wait_for_questions"]


def invalidate(i: Node) -> None:
    """Mark everything computed from `i` as stale; leaves themselves keep their value."""
    reached = {i._serial: i}
    todo = [i]
    while todo:
        j = todo.pop()
        for ref in consumer_refs(j):
            c = ref()
            if c is None or c._value is None or c._serial in reached:
                continue
            if c.__class__ is Node or not c.only_follows(j):  # type: ignore[attr-defined]
                reached[c._serial] = c
                todo.append(c)
    listening = watchers()
    for serial in sorted(reached, reverse=True):  # consumers are younger than their inputs
        node = reached[serial]
        if node._op is not None:
            node._value = None
            node._stale = True
        for watcher in listening:
            watcher.note_stale(node)


def wait_for_questions(leaves: Sequence[Node]) -> None:
    """Wait until no question that depends on these leaves is paused: each sees one state of them (`turns`)."""
    rounds, begin = 0, monotonic()
    while pauses:
        reached = {i._serial for i in dependents(list(leaves))}
        busy = [(thread, i) for thread, asked in paused_questions() for i in asked if i._serial in reached]
        if not busy:
            return
        inside = [i for thread, i in busy if thread == get_ident()]
        if inside or monotonic() - begin > PATIENCE_OF_CHANGES:
            i = inside[0] if inside else busy[0][1]
            who = "while it" if inside else f"as another thread has asked for it for {PATIENCE_OF_CHANGES:.0f} s and"
            raise LazygradError(
                f"{leaves[0]!r} cannot be set: {i!r} depends on it, {who} is being computed: set leaves before or "
                f"after a question, or build a graph of its own for what runs inside of an op"
            )
        rest(rounds)
        rounds += 1


# Without the lock of the interpreter a count of references says nothing of other threads.
_COUNTS_ARE_EXACT = getattr(sys, "_is_gil_enabled", lambda: True)()


def _is_unshared(self: Node, new: Array) -> bool:
    """Return whether the new value may be written into the old array: it fits, and nobody else refers to that.

    It spares the page faults of a fresh array, which cost more than the copy.
    """
    if not new.ndim or new.shape != self.shape or new.dtype != self.dtype:
        return False
    return getrefcount(self._value) == 2 and _COUNTS_ARE_EXACT


def _set(self: Node, value: Any) -> None:
    """Give a leaf another value; what depends on it becomes stale, and nothing is recomputed.

    Parameters
    ----------
    value
        An array or number; copied. An equal value, bit for bit, changes nothing. Another
        shape or dtype is accepted if every living node built on the leaf still fits.

    Raises
    ------
    ShapeError
        If some op does not fit the new shape: it is named, and the leaf keeps its old value.
    TypeError
        If the leaf is a parameter and the value no float; or if the node is no leaf.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([1.0, 2.0])
    >>> y = x * x
    >>> y.value
    array([1., 4.])
    >>> x.set([3.0, 4.0])
    >>> y
    <multiply #..., shape (2,), float64, stale>
    >>> y.value
    array([ 9., 16.])
    """
    new = _as_leaf_value(self, value)
    with lock:
        if not same_bits(self._value, new):
            _change([(self, new)])


def update(values: Mapping[Node, ArrayLike]) -> None:
    """Set several leaves at once: for shapes that only fit together, such as those of data and labels.

    Parameters
    ----------
    values
        Leaf -> new value, each as for `leaf.set`.

    Raises
    ------
    ShapeError, TypeError
        As `leaf.set`; then no leaf has changed.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> X, y = lg.constant(np.ones((4, 3))), lg.constant([0, 1, 0, 1])
    >>> W = lg.parameter(np.zeros((3, 2)))
    >>> loss = lg.ops.cross_entropy(X @ W, y).mean()
    >>> lg.update({X: np.ones((2, 3)), y: [1, 1]})
    >>> lg.gradient(loss, W).round(2)
    array([[ 0.5, -0.5],
           [ 0.5, -0.5],
           [ 0.5, -0.5]])
    """
    if not isinstance(values, Mapping) or not all(isinstance(leaf, Node) for leaf in values):
        raise TypeError("update takes a mapping from leaves to their new values")
    changes = [(leaf, _as_leaf_value(leaf, value)) for leaf, value in values.items()]
    with lock:
        _change([(leaf, new) for leaf, new in changes if not same_bits(leaf._value, new)])


def _as_leaf_value(self: Node, value: Any) -> Array:
    """Return the value as an array that the leaf can hold; not yet a copy."""
    if self.op is not None:
        raise TypeError(f"only leaves can be set; {self!r} is computed from its inputs")
    kind = self._static["leaf"]
    if kind == "seed":
        raise TypeError("the seed dL/dL of a target is fixed; pass `cotangent=` for another")
    return as_leaf_array(value, kind, like=self.dtype)


def _change(changes: Sequence[tuple[Node, Array]]) -> None:
    """Give leaves values that differ from their own: all of them, or none if anything is raised before."""
    if pauses:
        wait_for_questions([leaf for leaf, _ in changes])
    for leaf, new in changes:
        if new.shape != leaf._shape or new.dtype != leaf._dtype:
            _change_shapes(changes)
            return
    for leaf, _ in changes:
        invalidate(leaf)
    if len(changes) == 1 and "number" not in changes[0][0].static:
        _write(*changes[0])
        return
    steps: list[tuple[Any, ...]] = []
    opened: list[Any] = []  # the flags of arrays that are written in place
    finish = deque[Any](maxlen=0).extend
    close = map(_set_attribute, opened, repeat("writeable"), repeat(False))
    try:
        for leaf, new in changes:
            if "number" in leaf.static:
                note_reform()
                steps.append((_set_attribute, leaf, "_static", CONSTANT))
            if _is_unshared(leaf, new):
                opened.append(leaf._value.flags)
                opened[-1].writeable = True
                steps.append((setitem, leaf._value, ..., new))
            else:
                steps.append((_set_attribute, leaf, "_value", copy_frozen(new)))
        finish(starmap(call, steps))  # a single step of the interpreter, so no interruption comes in between
    finally:
        finish(close)


def _write(leaf: Node, new: Array) -> None:
    """Write the value of a single leaf."""
    if not _is_unshared(leaf, new):
        leaf._value = copy_frozen(new)
        return
    flags = leaf._value.flags
    try:
        flags.writeable = True
        leaf._value[...] = new
    finally:
        flags.writeable = False


_set_attribute = object.__setattr__


def _change_shapes(changes: Sequence[tuple[Node, Array]]) -> None:
    """Give leaves values of another shape or dtype, and all that is built on them what follows."""
    numbers = [(leaf, leaf._static) for leaf, _ in changes if "number" in leaf._static]
    note_reform()
    try:
        for number, _ in numbers:
            number._static = CONSTANT  # an ordinary leaf from now on, as the user has set it
        reform([(leaf, copy_frozen(new)) for leaf, new in changes], invalidate)
    except BaseException:
        for number, static in numbers:
            number._static = static
        raise


install({"set": _set})
