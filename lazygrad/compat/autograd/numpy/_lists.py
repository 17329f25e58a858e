"""Functions of autograd that treat lists and numbers otherwise than those of `lazygrad.numpy`."""

from __future__ import annotations

from typing import Any

import numpy

from ...._graph.node import NodeOrArray
from ...._graph.types import both
from ....numpy._lists import join_list
from ..tracer import getval

__all__ = ["integer_type", "make_diagonal", "where"]


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
    chosen = numpy.where(*map(join_list, (condition, x, y)))
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
