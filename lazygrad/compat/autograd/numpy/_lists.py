"""Lists of nodes where NumPy takes lists of numbers: autograd's users write ``np.sum([x, y])``."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any

import numpy

from ...._graph.node import Node, NodeOrArray
from ...._graph.trees import leaves
from ...._graph.types import Function, both
from ....numpy import asarray
from ..tracer import getval

__all__ = ["Rearranged", "integer_type", "join_lists", "make_diagonal", "where", "wrap_functions"]


def _has_node(x: Any) -> bool:
    return any(isinstance(leaf, Node) for leaf in leaves(x))


def _join(x: Any) -> Any:
    return asarray(x) if isinstance(x, (list, tuple)) and _has_node(x) else x


def join_lists(function: Function) -> Function:
    """Return the function, called again on joined nodes where it refuses lists with nodes in them."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            joined = [_join(x) for x in args]
            if all(x is y for x, y in zip(joined, args, strict=True)):
                raise
        return function(*joined, **kwargs)

    return call


def wrap_functions(namespace: Mapping[str, Function], names: list[str]) -> dict[str, Function]:
    """Return the functions among these names, each taking lists of nodes; ufuncs and classes are left out."""
    plain = (types.FunctionType, types.BuiltinFunctionType, type(numpy.sum))
    return {name: join_lists(namespace[name]) for name in names if isinstance(namespace[name], plain)}


class Rearranged:
    """The objects `numpy.r_` and `numpy.c_`, for nodes as well.

    NumPy arranges the numbers of the elements, as the places of elements do not depend on their values.
    """

    def __init__(self, maker: Any) -> None:
        self._maker = maker

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        if not _has_node(items):
            return self._maker[key]
        numbers: list[Any] = []
        parts, start = [], 0
        for item in items:
            if isinstance(item, str):
                numbers.append(item)
                continue
            part = asarray(numpy.r_[item] if isinstance(item, slice) else item)
            numbers.append(numpy.arange(start, start + part.size).reshape(part.shape))
            parts.append(part.reshape(-1))
            start += part.size
        return numpy.concatenate(parts)[self._maker[tuple(numbers)]]


def where(condition: Any, *args: Any, **kwargs: object) -> Any:
    """Return what `numpy.where` returns; of plain Python values alone, a plain Python value.

    Examples
    --------
    >>> where(True, 1, 2)
    1
    >>> where([True, False], [1.0, 2.0], 0.0)
    [1.0, 0.0]
    """
    if not args and not kwargs:
        return numpy.where(condition)
    x, y = _take_two(*args, **kwargs)
    chosen = numpy.where(*map(_join, (condition, x, y)))
    if isinstance(chosen, numpy.ndarray) and not any(map(_is_array, (condition, x, y))):
        return chosen.tolist()
    return chosen


def _take_two(x: Any, y: Any) -> tuple[Any, Any]:
    return x, y


def _is_array(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(map(_is_array, x))
    return isinstance(x, (numpy.ndarray, numpy.generic))


def make_diagonal(D: NodeOrArray, offset: int = 0, axis1: int = -1, axis2: int = -2) -> NodeOrArray:
    """Return arrays with one more axis, which have `D` on the diagonal of the last two and zeros elsewhere.

    Examples
    --------
    >>> make_diagonal(numpy.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    if offset or {axis1, axis2} != {-1, -2}:
        raise NotImplementedError("make_diagonal knows the main diagonal of the last two axes only")
    return both.where(numpy.eye(D.shape[-1], dtype=bool), D[..., None], 0)


def integer_type(kind: Any) -> object:
    """Return an integer type of NumPy that can be called on nodes: the result is plain, and no derivative flows."""

    def new(cls: Any, x: Any = 0, *args: Any) -> Any:
        return kind(getval(x), *args)

    return type(kind.__name__, (kind,), {"__new__": new, "__doc__": kind.__doc__})
