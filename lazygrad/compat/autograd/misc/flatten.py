"""Nested containers as flat vectors, for optimisers and samplers that know nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...._graph.leaf import refuse_masked
from ...._graph.node import Node, NodeOrArray
from ...._graph.settings import describe
from ...._graph.trees import check_depth
from ...._graph.types import Function, Structure
from .._structures import to_plain

__all__ = ["flatten", "flatten_func"]

Unflatten = Callable[[Any], Any]


def _list_leaves(value: Any, depth: int = 0) -> list[Any]:
    """Return the arrays and nodes in the containers; dicts in the order of their sorted keys."""
    check_depth(value, depth)
    if type(value) in (list, tuple):
        return [leaf for child in value for leaf in _list_leaves(child, depth + 1)]
    if type(value) is dict:
        return [leaf for key in sorted(value) for leaf in _list_leaves(value[key], depth + 1)]
    if isinstance(value, Node):
        return [value]
    refuse_masked(value, "a vector of all numbers")
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"flatten takes numbers, arrays and nodes in lists, tuples and dicts, not {describe(value)}")
    return [array]


def _rebuild(value: Any, parts: Any) -> Any:
    """Return the same containers with the next parts in place of the leaves."""
    if type(value) in (list, tuple):
        return type(value)([_rebuild(child, parts) for child in value])
    if type(value) is dict:
        made = {key: _rebuild(value[key], parts) for key in sorted(value)}
        return {key: made[key] for key in value}
    return next(parts)


def flatten(value: object) -> tuple[NodeOrArray, Unflatten]:
    """Return one vector of all numbers in nested lists, tuples and dicts, and the way back.

    Parameters
    ----------
    value
        Arrays and numbers in any nesting; the keys of a dict must sort.

    Returns
    -------
    ``(vector, unflatten)``, where ``unflatten(vector)`` has the structure of `value`. Both are differentiable.

    Examples
    --------
    >>> import numpy as np
    >>> vector, unflatten = flatten({"b": [1.0, 2.0], "W": np.ones((1, 2))})
    >>> vector
    array([1., 1., 1., 2.])
    >>> unflatten(2 * vector)["W"]
    array([[2., 2.]])
    """
    found = _list_leaves(value)
    shapes = [leaf.shape for leaf in found]
    dtypes = [leaf.dtype if leaf.dtype.kind in "fc" else np.dtype(float) for leaf in found]
    stops = np.cumsum([int(np.prod(shape, dtype=int)) for shape in shapes]).tolist()
    vector = np.concatenate([np.ravel(leaf) for leaf in found]) if found else np.array([])

    def unflatten(flat: Any) -> Any:
        parts = []
        for shape, dtype, start, stop in zip(shapes, dtypes, [0, *stops], stops, strict=False):
            part = np.reshape(flat[start:stop], shape)
            part = np.real(part) if part.dtype.kind == "c" and dtype.kind != "c" else part
            parts.append(to_plain(part.astype(dtype)))
        return _rebuild(value, iter(parts))

    return vector, unflatten


def flatten_func(func: Function, example: Structure) -> tuple[Function, Unflatten, NodeOrArray]:
    """Return `func` as a function from vector to vector, the way back from vectors, and the vector of `example`.

    Examples
    --------
    >>> flat_func, unflatten, start = flatten_func(lambda p: {"a": p["a"] ** 2}, {"a": 3.0})
    >>> flat_func(start)
    array([9.])
    """
    start, unflatten = flatten(example)
    return lambda flat, *args: flatten(func(unflatten(flat), *args))[0], unflatten, start
