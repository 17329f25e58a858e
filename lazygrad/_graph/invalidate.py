"""Invalidation: a changed leaf costs only what it reaches, and only when somebody asks again.

The walk over consumers once more, forgetting instead of storing::

    invalidate(i):  invalidate(c) for each consumer c of i whose value is fresh; then mark i stale.

A fresh node has only fresh inputs, so a consumer that is not fresh hides nothing fresh behind it. Consumers
are marked before their inputs, so an interrupted walk leaves that true: first all that is reached is collected, then
it is marked, youngest first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import getrefcount
from typing import Any

from .._errors import LazygradError
from .bits import same_bits
from .leaf import as_leaf_array, copy_frozen, note_reform, turn_number_into_leaf
from .log import logger
from .node import Node, by_serial, consumer_refs, install, lock
from .traverse import dependents
from .types import Array, ArrayLike, DType
from .watch import watchers

__all__ = ["invalidate", "update"]


def invalidate(i: Node) -> None:
    """Mark everything computed from `i` as stale; leaves themselves keep their value."""
    reached = {i.serial: i}
    todo = [i]
    while todo:
        j = todo.pop()
        for ref in consumer_refs(j):
            c = ref()
            if c is None or c._value is None or c.serial in reached:
                continue
            if c.__class__ is Node or not c.only_follows(j):  # type: ignore[attr-defined]
                reached[c.serial] = c
                todo.append(c)
    listening = watchers()
    for serial in sorted(reached, reverse=True):  # consumers are younger than their inputs
        node = reached[serial]
        if node.op is not None:
            node._value = None
            node._stale = True
        for watcher in listening:
            watcher.note_stale(node)


def _overwrite_if_unshared(self: Node, new: Array) -> bool:
    """Write the new value into the old array if nobody else has a reference to it, and return whether that was so.

    It spares the page faults of a fresh array, which cost more than the copy.
    """
    if not new.ndim or new.shape != self.shape or new.dtype != self.dtype or getrefcount(self._value) != 2:
        return False
    flags = self._value.flags
    try:
        flags.writeable = True
        self._value[...] = new
    finally:
        flags.writeable = False
    return True


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
    kind = self.static["leaf"]
    if kind == "seed":
        raise TypeError("the seed dL/dL of a target is fixed; pass `cotangent=` for another")
    return as_leaf_array(value, kind, like=self.dtype)


def _change(changes: Sequence[tuple[Node, Array]]) -> None:
    """Give leaves values that differ from their own."""
    for leaf, new in changes:
        if "number" in leaf.static:
            turn_number_into_leaf(leaf)
        if new.shape != leaf.shape or new.dtype != leaf.dtype:
            note_reform()
            _refit([(leaf, copy_frozen(new)) for leaf, new in changes])
            return
    for leaf, new in changes:
        invalidate(leaf)
        if not _overwrite_if_unshared(leaf, new):
            leaf._value = copy_frozen(new)


def _refit(changes: Sequence[tuple[Node, Any]]) -> None:
    """Give leaves values of another shape or dtype, and every node built on them what follows; or nothing at all."""
    leaves = [leaf for leaf, _ in changes]
    last, final = changes[-1]
    wanted = {leaf.serial: value for leaf, value in changes}
    _drop_adjoints(dependents(leaves))  # but for those that somebody holds: they follow their nodes
    numbers = [j for i in dependents(leaves) for j in i.inputs if j.op is None and "number" in j.static]
    before: list[tuple[Node, Any, tuple[int, ...], DType]] = []
    i = last
    try:
        nodes = sorted(dependents([*leaves, *numbers]), key=by_serial)
        for i in nodes:
            if i.serial in wanted:
                _change_signature(i, None, wanted[i.serial].shape, wanted[i.serial].dtype, before)
            if i.op is None:
                continue
            for number, cast in i.op.numbers(i):
                if cast.dtype != number.dtype:
                    _change_signature(number, cast, (), cast.dtype, before)
            shape, dtype = i.op.infer(i)
            _change_signature(i, None, shape, dtype, before)
        for i in nodes:
            invalidate(i)
        for leaf, value in changes:
            leaf._value = value
    except BaseException as error:
        if last._value is not final:  # (else the interruption came too late to undo anything)
            for node, old, old_shape, old_dtype in reversed(before):
                node.shape, node.dtype = old_shape, old_dtype
                if node.op is None:
                    node._value = old
        if isinstance(error, (LazygradError, TypeError, IndexError)):
            shapes = ", ".join(f"shape {value.shape} and dtype {value.dtype} of {leaf!r}" for leaf, value in changes)
            error.add_note(
                f"each leaf keeps its value: {i!r} does not fit {shapes}; leaves whose shapes only fit "
                f"together can be set at once by `lazygrad.update`"
            )
        raise


def _change_signature(i: Node, value: Any, shape: tuple[int, ...], dtype: Any, before: list[Any]) -> None:
    """Change a node's shape and dtype, and a plain number's value, after noting what they were."""
    before.append((i, i._value, i.shape, i.dtype))
    i.shape, i.dtype = shape, dtype
    if value is not None:
        i._value = value


def _drop_adjoints(nodes: list[Node]) -> None:
    """Empty the memos of these nodes, whose shapes or dtypes change."""
    for i in nodes:
        if i._memo is not None:
            logger.info("the memo of %r is cleared: a leaf below it changes shape or dtype", i)
            i._memo.forget_shapes()
        if i.op is not None:
            i.op.forget_shape(i)


install({"set": _set})
