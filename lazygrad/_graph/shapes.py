"""Broadcast shapes, at the cost of a comparison where they are equal or one is the other's tail; build unit arrays."""

from __future__ import annotations

import numpy as np

from .types import Array, DTypeLike

__all__ = ["broadcast", "unit_array"]

Shape = tuple[int, ...]


def broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape that two shapes broadcast to, or raise NumPy's own error."""
    if a == b or not b:
        return a
    if not a:
        return b
    if len(a) < len(b):
        a, b = b, a
    extra = len(a) - len(b)
    if extra and a[extra:] == b:
        return a
    joined = list(a)
    for k, n in enumerate(b, extra):
        if joined[k] == 1:
            joined[k] = n
        elif n not in (1, joined[k]):
            return np.broadcast_shapes(a, b)  # raises
    return tuple(joined)


def unit_array(shape: Shape, dtype: DTypeLike, k: int, size: complex = 1) -> Array:
    """Return the array that is `size` at its k-th element, in C order, and zero elsewhere."""
    unit = np.zeros(shape, dtype)
    unit.reshape(-1)[k] = size
    return unit
