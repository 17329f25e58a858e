"""Check index arrays when a node is built: NumPy's error on the user's line, with node and shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._graph.leaf import refuse_masked
from .._graph.node import Node, NodeOrArray, label
from .._graph.types import Array

__all__ = ["as_index_array", "check_bounds", "check_key", "copy_key", "is_flag", "takes_part"]


def is_flag(item: object) -> bool:
    """Return whether an item of a key is a single boolean."""
    return isinstance(item, (bool, np.bool_)) or (
        getattr(item, "dtype", None) == np.bool_ and getattr(item, "shape", None) == ()
    )


def as_index_array(item: object) -> Array:
    """Return an item of a key as an array of integers or booleans."""
    refuse_masked(item, "an index")
    array = np.asarray(item)
    if array.size == 0 and array.dtype.kind == "f" and not isinstance(item, np.ndarray):
        array = array.astype(np.intp)  # x[[]], as NumPy reads it
    if array.dtype.kind not in "biu":
        raise IndexError(f"arrays used as indices must be integers or booleans, not {array.dtype}")
    return array


def check_bounds(x: Node, index: NodeOrArray, axis: int) -> None:
    """Raise an IndexError if a plain array of indices lies out of an axis; the values of a node are not known yet."""
    if isinstance(index, Node) or not index.size or not 0 <= axis < x.ndim:
        return
    n = x.shape[axis]
    low, high = index.min(), index.max()
    if low < -n or high >= n:
        wrong = low if low < -n else high
        raise IndexError(f"{label(x)} of shape {x.shape}: index {wrong} is out of bounds for axis {axis} with size {n}")


def check_key(x: Node, key: Sequence[object], arrays: Sequence[NodeOrArray], slot: object) -> None:
    """Check each index array of a key on the axis that it stands for."""
    taken = sum(item is not None and item is not Ellipsis for item in key)
    axis = 0
    following = iter(arrays)
    for item in key:
        if item is Ellipsis:
            axis += x.ndim - taken
        elif item is not None:
            if item is slot:
                check_bounds(x, next(following), axis)
            axis += 1


def copy_key(key: object) -> object:
    """Return a key that the caller cannot change any more: its lists and arrays are copied."""
    if isinstance(key, tuple):
        return tuple([copy_key(item) for item in key])
    return np.array(key) if isinstance(key, np.ndarray) else list(key) if isinstance(key, list) else key


WHOLE = (slice(None), slice(None, None, -1))


def takes_part(node: Node) -> bool:
    """Return whether an index may leave elements out: any but one that only turns axes round, or adds some."""
    return not all(k is None or k is Ellipsis or (k.__class__ is slice and k in WHOLE) for k in node._static["key"])
