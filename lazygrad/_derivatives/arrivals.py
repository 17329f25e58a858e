"""Serials of copies in the order that the originals have, and copies of arrays laid out as these are.

The order of creation is the order of sums, and the order of an array in memory that in which NumPy adds its elements.
So the last bits of a copy's answers depend on both, and on nothing else that a node does not say itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from .._graph.leaf import CONSTANT, PARAMETER
from .._graph.node import NO_STATIC, _next_serial
from .._graph.types import Array, DType, Shape, Statics

__all__ = ["Arrivals", "as_static", "find_layout", "flatten_memory", "lay_out", "restore_array"]


class Arrivals:
    """The serials of the nodes that one copy or pickle brings.

    A new one is in the middle of two others as the old one was; so it does not matter in which order they come.
    """

    def __init__(self) -> None:
        self._old: list[float] = [0]
        self._new: list[float] = [_next_serial()]

    def place(self, old: float) -> float:
        """Return the serial of the copy of a node, living or not, that had the serial `old`."""
        k = bisect_left(self._old, old)
        if k == len(self._old):
            new: Any = _next_serial()
        elif self._old[k] == old:
            return self._new[k]
        else:
            low, high = self._new[k - 1], self._new[k]
            new = low + (high - low) * float((old - self._old[k - 1]) / (self._old[k] - self._old[k - 1]))
            if not low < new < high:  # there is no such float
                new = (Fraction(low) + Fraction(high)) / 2
        self._old.insert(k, old)
        self._new.insert(k, new)
        return new

    def place_key(self, key: Sequence[float]) -> tuple[float, ...]:
        """Return the sort key of sums that stands for `key`: serials, which are 1 or more, among marks below 1."""
        return tuple([self.place(n) if n >= 1 else n for n in key])


# -- arrays ------------------------------------------------------------------------------------------


def _find_owner(value: Array) -> Array:
    """Return the array that owns the memory of another one."""
    while isinstance(value.base, np.ndarray):
        value = value.base
    return value


def _list_axes(owner: Array) -> list[int]:
    """Return the axes of an array, the one of the longest strides first."""
    return sorted(range(owner.ndim), key=lambda k: -abs(owner.strides[k]))


def flatten_memory(owner: Array) -> Array:
    """Return the elements of an array as they lie in memory."""
    return owner.transpose(_list_axes(owner)).reshape(-1)


def find_layout(value: Array) -> tuple[Array, Shape, DType, Shape, int] | None:
    """Return the owner of the memory of an array, and shape, dtype, strides and offset there; None if it is its own."""
    owner = _find_owner(value)
    if owner is value or not value.size or owner.base is not None or flatten_memory(owner).base is not owner:
        return None
    starts = [array.__array_interface__["data"][0] for array in (value, owner)]
    return owner, value.shape, value.dtype, value.strides, starts[0] - starts[1]


def lay_out(owner: Array, shape: Shape, dtype: DType, strides: Shape, offset: int) -> Array:
    """Return the read-only view of an array that a layout tells."""
    view: Array = np.ndarray(shape, dtype, flatten_memory(owner), offset, strides)
    view.flags.writeable = False
    return view


def restore_array(flat: Array, shape: Shape, strides: Shape) -> Array:
    """Return a read-only array of its own from the elements as they lie in memory."""
    array: Array = np.ndarray(shape, flat.dtype, np.ascontiguousarray(flat), 0, strides).copy("K")
    array.flags.writeable = False
    return array


# -- statics -----------------------------------------------------------------------------------------


def as_static(static: Statics) -> Statics:
    """Return statics as nodes hold them, from a copy of them."""
    if not static:
        return NO_STATIC
    for known in (PARAMETER, CONSTANT):
        if static == known:
            return known
    for value in static.values():
        _freeze_parts(value)
    return static


def _freeze_parts(value: object) -> None:
    """Make the arrays among a static's parts read-only, as nobody else knows them."""
    if value.__class__ is np.ndarray:
        value.flags.writeable = False
    elif value.__class__ in (tuple, list):
        for part in value:
            _freeze_parts(part)
