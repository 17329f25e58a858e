"""Makers of arrays that NumPy's protocols leave out: the same calls, and nodes where NumPy takes arrays.

Called without a node, each is NumPy's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy

from .._graph.guards import READABLE, inside_transform, suggest_looking
from .._graph.node import Node, NodeOrArray
from .._graph.trees import check_depth, leaves
from .._graph.types import DTypeLike, Lengths, Structure, both
from .._graph.value import read_guarded
from ..ops import concatenate
from ..ops._calls import record_calls
from ..ops._op import as_node
from ..ops.constructors import full_like as _full_like

__all__ = [
    "arange",
    "array",
    "asanyarray",
    "asarray",
    "ascontiguousarray",
    "asfortranarray",
    "fromiter",
    "full",
    "full_like",
    "isscalar",
    "vectorize",
]

F = TypeVar("F", bound=Callable[..., Any])


def has_node(x: object, _depth: int = 0) -> bool:
    """Return whether `x` is a node, or a list with a node somewhere within."""
    if isinstance(x, (list, tuple)):
        check_depth(x, _depth)
        return any(has_node(item, _depth + 1) for item in x)
    return isinstance(x, Node)


def _take_apart(x: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape of a nested list, and its parts from first to last: nodes, and arrays of the rest."""
    if isinstance(x, Node):
        return x.shape, [x]
    if not has_node(x):
        part = numpy.asarray(x)
        return part.shape, [part]
    inner = [_take_apart(item) for item in x]
    if any(shape != inner[0][0] for shape, _ in inner):
        raise ValueError(f"an array must be of one shape, but its parts are {', '.join(str(s) for s, _ in inner)}")
    return (len(x), *inner[0][0]), [part for _, parts in inner for part in parts]


def _join_nested(x: Any, dtype: Any) -> Node:
    """Return the node that joins a nested list with nodes in it."""
    if not isinstance(x, Node):
        shape, parts = _take_apart(x)
        x = concatenate(*parts, axis=None).reshape(shape)
    return x if dtype is None or x.dtype == numpy.dtype(dtype) else x.astype(dtype)


def _with_axes(node: Node, ndim: int) -> Node:
    return node[(None,) * (ndim - node.ndim)] if node.ndim < ndim else node


def _or_itself(make: F) -> F:
    """Let a maker return a node that it is given with nothing else, of any shape."""
    recorded: Any = record_calls(make)

    @functools.wraps(make)
    def call(*args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and not kwargs and isinstance(args[0], Node) else recorded(*args, **kwargs)

    call.source = recorded.source  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


@_or_itself
def array(object: Structure, dtype: DTypeLike | None = None, *, ndmin: int = 0, **kwargs: object) -> NodeOrArray:
    """Make an array as `numpy.array`, or the node that joins nested lists with nodes in them.

    A node does not change, so nothing is copied; `order` and `subok` mean nothing for one.

    Examples
    --------
    >>> import lazygrad as lg
    >>> import lazygrad.numpy as np
    >>> x = lg.parameter(2.0)
    >>> A = np.array([[x, 1.0], [0.0, x * x]])
    >>> A.value
    array([[2., 1.],
           [0., 4.]])
    >>> lg.gradient(np.linalg.det(A), x)
    array(12.)
    """
    if has_node(object):
        return _with_axes(_join_nested(object, dtype), ndmin)
    return both.array(object, dtype, ndmin=ndmin, **kwargs)


@_or_itself
def asarray(a: Structure, dtype: DTypeLike | None = None, order: str | None = None, **kwargs: object) -> NodeOrArray:
    """Convert to an array as `numpy.asarray`; nested lists with nodes in them become a node.

    Examples
    --------
    >>> import lazygrad as lg
    >>> asarray([lg.constant(1.0), 2])
    <reshape #..., shape (2,), float64, not computed>
    """
    return _join_nested(a, dtype) if has_node(a) else both.asarray(a, dtype, order, **kwargs)


@_or_itself
def asanyarray(a: Structure, dtype: DTypeLike | None = None, order: str | None = None, **kwargs: object) -> NodeOrArray:
    """Convert to an array as `numpy.asanyarray`; nodes as `asarray` does.

    Examples
    --------
    >>> asanyarray([1, 2])
    array([1, 2])
    """
    return _join_nested(a, dtype) if has_node(a) else both.asanyarray(a, dtype, order, **kwargs)


@record_calls
def ascontiguousarray(a: Structure, dtype: DTypeLike | None = None, **kwargs: object) -> NodeOrArray:
    """Convert to an array as `numpy.ascontiguousarray`; nodes as `asarray` does, with at least one axis.

    Examples
    --------
    >>> ascontiguousarray(3.0)
    array([3.])
    """
    return _with_axes(_join_nested(a, dtype), 1) if has_node(a) else both.ascontiguousarray(a, dtype, **kwargs)


@record_calls
def asfortranarray(a: Structure, dtype: DTypeLike | None = None, **kwargs: object) -> NodeOrArray:
    """Convert to an array as `numpy.asfortranarray`; nodes, which have no order in memory, as `ascontiguousarray`.

    Examples
    --------
    >>> asfortranarray([[1, 2]]).flags.f_contiguous
    True
    """
    return ascontiguousarray(a, dtype) if has_node(a) else both.asfortranarray(a, dtype, **kwargs)


@record_calls
def _join_rows(x: Node, dtype: Any) -> Node:
    """Return the node that joins the rows of a node, of which there may be more or fewer later."""
    return _join_nested(list(x), dtype)


def fromiter(iter: Iterable[object], dtype: DTypeLike, count: int = -1, **kwargs: object) -> NodeOrArray:
    """Make an array from an iterable as `numpy.fromiter`, or the node that joins several nodes.

    Examples
    --------
    >>> fromiter((k * k for k in range(4)), float)
    array([0., 1., 4., 9.])
    """
    if isinstance(iter, Node) and count < 0:
        return _join_rows(iter, dtype)
    items = list(iter) if count < 0 else [item for item, _ in zip(iter, range(count), strict=False)]
    return array(items, dtype) if has_node(items) else both.fromiter(items, dtype, count, **kwargs)


@record_calls
def full(
    shape: Lengths, fill_value: Structure, dtype: DTypeLike | None = None, order: str = "C", **kwargs: object
) -> NodeOrArray:
    """Fill a new array as `numpy.full`, or a new node with a node's value.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0)
    >>> lg.gradient(full((2, 2), x).sum(), x)
    array(4.)
    """
    if has_node(fill_value):
        return both.broadcast_to(_join_nested(fill_value, dtype), shape)
    return both.full(shape, fill_value, dtype, order, **kwargs)


@record_calls
def full_like(
    a: Structure, fill_value: Structure, dtype: DTypeLike | None = None, *args: object, **kwargs: Any
) -> NodeOrArray:
    """Fill a new array as `numpy.full_like`, or a new node with a node's value.

    Examples
    --------
    >>> full_like([1.0, 2.0], 5)
    array([5., 5.])
    """
    if has_node(fill_value):
        a = a if isinstance(a, Node) else both.asarray(a)
        return _full_like(a, _join_nested(fill_value, None), dtype, shape=kwargs.get("shape"))
    return both.full_like(a, fill_value, dtype, *args, **kwargs)


@record_calls
def arange(*args: Any, **kwargs: Any) -> NodeOrArray:
    """Count as `numpy.arange`; from nodes only inside a function transform, where values may decide a shape.

    Examples
    --------
    >>> arange(3)
    array([0, 1, 2])
    """
    given = (*args, *kwargs.values())
    if not has_node(given):
        return both.arange(*args, **kwargs)
    if not inside_transform():
        node = next(x for x in leaves(given) if isinstance(x, Node))
        raise TypeError(
            f"np.arange of nodes has as many elements as their values say: {READABLE}, or count by plain numbers and "
            f"scale the result{suggest_looking(node)}"
        )
    values = [read_guarded(x) if isinstance(x, Node) else x for x in given]
    known = both.arange(*values[: len(args)], **dict(zip(kwargs, values[len(args) :], strict=True)))
    names = ("start", "stop", "step") if len(args) > 1 or "stop" in kwargs else ("stop",)
    ends = dict(zip(names, args, strict=False)) | kwargs
    if "stop" not in ends:  # NumPy reads `arange(start=n)` so
        return known
    steps = both.arange(known.size, dtype=known.dtype)
    return (as_node(ends.get("start", 0)) + steps * ends.get("step", 1)).astype(known.dtype)


def isscalar(element: object) -> bool:
    """Return whether it is a scalar, as `numpy.isscalar`; a node without axes is one.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.constant([1.0, 2.0])
    >>> isscalar(x), isscalar(x.sum())
    (False, True)
    """
    return element.ndim == 0 if isinstance(element, Node) else both.isscalar(element)


class vectorize(numpy.vectorize):
    """A function made elementwise, as by `numpy.vectorize`; on nodes it is called on the node of each element.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([-1.0, 2.0])
    >>> y = vectorize(lambda a, b: a * b)(x, 3.0)
    >>> lg.gradient(y.sum(), x)
    array([3., 3.])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function on each element of the arguments, broadcast."""
        if not has_node((*args, *kwargs.values())):
            return super().__call__(*args, **kwargs)
        if self.signature is not None:
            raise TypeError("np.vectorize with a signature is not defined on nodes: use `np.apply_along_axis` or stack")
        names = [name for name in kwargs if name not in self.excluded]
        places = [k for k in range(len(args)) if k not in self.excluded]
        varied = [asarray(x) for x in (*(args[k] for k in places), *(kwargs[name] for name in names))]
        shape = both.broadcast_shapes(*[x.shape for x in varied])
        if 0 in shape and self.otypes is None:
            raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        columns = [both.broadcast_to(x, shape).reshape(-1) for x in varied]
        positional, results = list(args), []
        for k in range(int(both.prod(shape, dtype=int))):
            elements = [column[k] for column in columns]
            for place, element in zip(places, elements, strict=False):
                positional[place] = element
            results.append(
                self.pyfunc(*positional, **{**kwargs, **dict(zip(names, elements[len(places) :], strict=True))})
            )
        if results and isinstance(results[0], tuple):
            return tuple([asarray(list(column)).reshape(shape) for column in zip(*results, strict=True)])
        return asarray(results).reshape(shape)
