"""Invalidation: a changed leaf costs only what it reaches, and only when somebody asks again.

The walk over consumers once more, forgetting instead of storing::

    invalidate(i):  invalidate(c) for each consumer c of i whose value is fresh; then mark i stale.

A fresh node has only fresh inputs, so a consumer that is not fresh hides nothing fresh behind it. Consumers
are marked before their inputs, so an interrupted walk leaves that true.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from ._demand import demand
from ._errors import LazygradError
from ._node import Node, by_serial, install, kept, leaf_array, living_consumers, lock

__all__ = ["invalidate"]


def _fresh(i: Node) -> Sequence[Node] | None:
    if i._value is None:
        return None
    return [c for c in living_consumers(i) if c._value is not None]


def _forget(i: Node) -> None:
    if i.op is not None:
        i._value = None
        i._stale = True


def invalidate(i: Node) -> None:
    """Mark everything computed from `i` as stale; leaves themselves keep their value."""
    demand(i, _fresh, _forget)


def _same(old: Any, new: np.ndarray[Any, Any]) -> bool:
    """Whether two values are the same bytes: -0.0 differs from 0.0, and nan equals itself."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return False
    if not old.shape:
        return bool(old.tobytes() == new.tobytes())
    if old[:1].reshape(-1)[:8].tobytes() != new[:1].reshape(-1)[:8].tobytes():  # mostly that settles it
        return False
    return np.array_equal(old.reshape(-1).view(np.uint8), np.ascontiguousarray(new).reshape(-1).view(np.uint8))


def _put(self: Node, new: np.ndarray[Any, Any]) -> None:
    """Store a copy; in the old array if nobody else has a reference to it, which spares a fresh allocation."""
    if new.ndim and new.shape == self._value.shape and new.dtype == self._value.dtype and getrefcount(self._value) == 2:
        flags = self._value.flags
        try:
            flags.writeable = True
            np.copyto(self._value, new)
        finally:
            flags.writeable = False
    else:
        self._value = kept(new)


def _set(self: Node, value: Any) -> None:
    """Give a leaf another value; what depends on it becomes stale, and nothing is recomputed.

    Parameters
    ----------
    value
        An array or number; copied. The same value again, bit for bit, changes nothing. Another
        shape or dtype is accepted if every living node built on the leaf still fits.

    Raises
    ------
    ShapeError
        If some op does not fit the new shape: it is named, and the leaf keeps its old value.
    TypeError
        If the leaf is a parameter and the value no real float; or if the node is no leaf.

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
    if self.op is not None:
        raise TypeError(f"only leaves can be set; {self!r} is computed from its inputs")
    kind = self.static["leaf"]
    if kind == "seed":
        raise TypeError("the seed dL/dL of a target is fixed; pass `cotangent=` for another")
    new = leaf_array(value, kind, like=self.dtype)
    with lock:
        if _same(self._value, new):
            return
        if new.shape != self.shape or new.dtype != self.dtype:
            _refit(self, new)
        invalidate(self)
        _put(self, new)


def _refit(self: Node, new: Any) -> None:
    """Give every node that depends on a leaf the shape and dtype that follow from its new ones; or none."""
    for i in _dependents(self):  # adjoints inside memos follow their nodes; they are rebuilt when asked for
        if i._memo is not None:
            i._memo.reshaped()
        if i.op is not None:
            i.op.reshaped(i)
    before: list[tuple[Node, tuple[int, ...], np.dtype[Any]]] = []
    try:
        for i in sorted(_dependents(self), key=by_serial):
            shape, dtype = (new.shape, new.dtype) if i is self else i.op.infer(i)
            before.append((i, i.shape, i.dtype))
            i.shape, i.dtype = shape, dtype
    except BaseException as error:
        for i, shape, dtype in before:
            i.shape, i.dtype = shape, dtype
        if isinstance(error, (LazygradError, TypeError, IndexError)):
            error.add_note(f"{self!r} keeps its value: {i!r} does not fit shape {new.shape} and dtype {new.dtype}")
        raise


def _dependents(i: Node) -> list[Node]:
    """`i` and every living node built on it, fresh or not."""
    found = {i.serial: i}
    todo = [i]
    while todo:
        for c in living_consumers(todo.pop()):
            if c.serial not in found:
                found[c.serial] = c
                todo.append(c)
    return list(found.values())


install({"set": _set})
