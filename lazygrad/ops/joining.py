"""Joined arrays: stack, and NumPy's functions made of it and of concatenate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy.lib.array_utils import normalize_axis_index

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import DTypeLike
from .._graph.types import both as np
from . import shape
from ._calls import record_calls
from ._declare import function, op
from ._op import Op, Signature, as_node
from ._rule import Rule
from .indexing import scatter_add
from .linear import WHOLE, along, common_dtype, concatenate

__all__ = ["join_arrays", "stack", "stack_arrays"]


# -- along a new axis ------------------------------------------------------------------------------


def _stack_shape(*xs: Node, axis: int) -> Signature:
    first = xs[0].shape
    for x in xs:
        if x.shape != first:
            raise ValueError("all shapes must be equal")
    k = normalize_axis_index(axis, len(first) + 1)
    return (*first[:k], len(xs), *first[k:]), common_dtype(xs)


def _stack(*xs: Any, axis: int) -> Any:
    if not np.ndim(xs[0]):
        return np.array(xs)  # five times faster for numbers
    return np.stack(xs, axis=axis)


_PLACE = (
    "place",
    lambda node, argnum: along(normalize_axis_index(node.static["axis"], len(node.shape)), argnum),
)

stack = op(
    "stack",
    _stack,
    shape=_stack_shape,
    vjp={"xs": Rule(lambda g, place: g[place], metas=(_PLACE,))},
    jvp={"xs": Rule(lambda t, place, whole: scatter_add(t, shape=whole, key=place), metas=(_PLACE, WHOLE))},
    inputs="*xs",
    statics={"axis": 0},
    selects="jvp",
    doc="Join the inputs, of one shape, along a new axis.",
)


# -- NumPy's functions -----------------------------------------------------------------------------


def join_arrays(join: Op, arrays: Iterable[object], dtype: Any, **static: object) -> Node:
    """Join arrays, whose dtypes may differ; the result has another dtype on request, if casting to it is safe."""
    if isinstance(arrays, Node):
        return _join_rows(join, arrays, dtype, static)
    nodes = [as_node(a) for a in arrays]
    if not nodes:
        raise ValueError(f"{join.name} needs at least one array")
    if dtype is None:
        return join.on_nodes(nodes, static)
    for n in nodes:
        if not np.can_cast(n.dtype, dtype, "same_kind"):
            raise TypeError(f"{join.name} cannot cast {n!r} to {np.dtype(dtype)} by the rule 'same_kind'")
    return join.on_nodes([n.astype(dtype) for n in nodes], static)


@record_calls
def _join_rows(join: Any, x: Node, dtype: Any, static: Mapping[str, Any]) -> Node:
    """Join the rows of a node, of which there may be more or fewer later."""
    return join_arrays(join, list(x), dtype, **static)


@function(np.concatenate, direct=(2, ("axis",)))
def concatenate_arrays(arrays: Sequence[object], /, axis: int | None = 0, *, dtype: DTypeLike | None = None) -> Node:
    """Join the arrays along an axis."""
    return join_arrays(concatenate, arrays, dtype, axis=axis)


@function(np.stack, direct=(2, ("axis",)))
def stack_arrays(arrays: Sequence[object], axis: int = 0, *, dtype: DTypeLike | None = None) -> Node:
    """Join the arrays along a new axis."""
    return join_arrays(stack, arrays, dtype, axis=axis)


@function(np.vstack)
def vstack(tup: Sequence[object], *, dtype: DTypeLike | None = None) -> Node:
    """Join the arrays, at least 2-d, along the first axis."""
    return join_arrays(concatenate, [shape.atleast_2d(a) for a in tup], dtype, axis=0)


@function(np.hstack)
def hstack(tup: Sequence[object], *, dtype: DTypeLike | None = None) -> Node:
    """Join the arrays along the second axis, or the only one."""
    arrays = [shape.atleast_1d(a) for a in tup]
    return join_arrays(concatenate, arrays, dtype, axis=0 if arrays and arrays[0].ndim == 1 else 1)


@function(np.dstack)
def dstack(tup: Sequence[object]) -> Node:
    """Join the arrays, at least 3-d, along the third axis."""
    return join_arrays(concatenate, [shape.atleast_3d(a) for a in tup], None, axis=2)


@function(np.column_stack)
def column_stack(tup: Sequence[object]) -> Node:
    """Join the arrays along the second axis, 1-d ones as columns."""
    nodes = [as_node(a) for a in tup]
    return join_arrays(concatenate, [n if n.ndim > 1 else shape.atleast_2d(n).T for n in nodes], None, axis=1)


def _depth(arrays: Any) -> tuple[int, int]:
    """Return how deep the lists are nested, the same everywhere, and the most axes of an array in them."""
    if isinstance(arrays, tuple):
        raise TypeError("np.block takes nested lists, not tuples")
    if not isinstance(arrays, list):
        return 0, as_node(arrays).ndim
    if not arrays:
        raise ValueError("np.block takes no empty lists")
    depths, ndims = zip(*[_depth(a) for a in arrays], strict=True)
    if len(set(depths)) > 1:
        raise ValueError("np.block takes lists nested to the same depth everywhere")
    return depths[0] + 1, max(ndims)


@function(np.block)
def block(arrays: Operand) -> Node:
    """Build the array of blocks: join the innermost lists along the last axis, the next along the one before."""
    depth, ndim = _depth(arrays)
    ndim = max(depth, ndim)

    def build(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return join_arrays(concatenate, [build(p, level - 1) for p in part], None, axis=-level)
        node = as_node(part)
        return node if node.ndim == ndim else shape.expand_dims(node, axis=tuple(range(ndim - node.ndim)))

    return build(arrays, depth)


@function(np.append)
def append(arr: Operand, values: Operand, axis: int | None = None) -> Node:
    """Join the values to the end, of the flattened arrays by default."""
    return join_arrays(concatenate, [arr, values], None, axis=axis)


@function(np.insert)
def insert(arr: Operand, obj: object, values: NodeOrArray, axis: int | None = None) -> Node:
    """Return an array with values put before these places along an axis, or into the flattened array."""
    arr, places = as_node(arr), shape.evaluate_argument(obj, "the places that np.insert puts values at")
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    axis = normalize_axis_index(axis, arr.ndim)
    n = arr.shape[axis]
    values = as_node(values).astype(arr.dtype)
    single = not isinstance(places, slice) and np.size(places) == 1 and np.asarray(places).dtype != bool
    if single:
        if values.ndim < arr.ndim:
            values = shape.expand_dims(values, axis=tuple(range(arr.ndim - values.ndim)))
        if not np.ndim(places):
            values = np.moveaxis(values, 0, axis)
        count = values.shape[axis]
        places = np.full(count, np.asarray(places).item())
    else:
        count = np.insert(np.arange(n), places, 0).size - n
    new = np.broadcast_to(values, (*arr.shape[:axis], count, *arr.shape[axis + 1 :]))
    order = np.insert(np.arange(n), places, np.arange(n, n + count))
    return join_arrays(concatenate, [arr, new], None, axis=axis)[along(axis, order)]


@function(np.delete)
def delete(arr: NodeOrArray, obj: Operand, axis: int | None = None) -> NodeOrArray:
    """Return the array without these places along an axis, or without those of the flattened array."""
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    axis = normalize_axis_index(axis, arr.ndim)
    places = shape.evaluate_argument(obj, "the places that np.delete leaves out")
    return arr[along(axis, np.delete(np.arange(arr.shape[axis]), places))]
