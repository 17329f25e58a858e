"""The shape of an array: other axes, the same elements."""

from __future__ import annotations

import operator
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Lengths
from .._graph.types import both as np
from . import linear as ops
from ._declare import function, linear
from ._op import Signature, as_node
from ._settings import check_axis
from .indexing import evaluate_for_shape

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "evaluate_argument",
    "expand_dims",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
]


def evaluate_argument(x: object, what: str) -> Any:
    """Return the value of an argument that a shape depends on: of a node inside a function transform alone."""
    return evaluate_for_shape(what, x) if isinstance(x, Node) else x


# -- another shape ---------------------------------------------------------------------------------


def _read_shape(shape: Any) -> tuple[int, ...]:
    shape = evaluate_argument(shape, "a shape")
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    return tuple([operator.index(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,))])


@function(np.reshape, direct=(2, ("shape",)))
def reshape(
    a: Any,
    /,
    shape: Lengths | None = None,
    order: str = "C",
    *,
    newshape: Lengths | None = None,
) -> NodeOrArray:
    """Return the elements in another shape; ``order="F"`` takes and puts them with the first axis fastest."""
    if (shape is None) is (newshape is None):
        raise TypeError("np.reshape takes one `shape`")
    wanted = _read_shape(newshape if shape is None else shape)
    if order in ("C", "A"):  # a computed array counts as one in C order
        return ops.reshape(a, shape=wanted)
    if order != "F":
        raise ValueError(f"order must be 'C', 'F' or 'A', not {order!r}")
    return ops.reshape(as_node(a).T, shape=wanted[::-1]).T


@function(np.ravel, direct=(1, ()))
def ravel(a: Operand, order: str = "C") -> NodeOrArray:
    """Return all elements along one axis."""
    return reshape(a, -1, "C" if order == "K" else order)


# -- axes in another order -------------------------------------------------------------------------


@function(np.transpose)
def transpose(a: Any, axes: Any = None) -> NodeOrArray:
    """Return the axes in another order; reversed by default."""
    if axes is not None:
        axes = tuple([k % a.ndim if -a.ndim <= k < a.ndim else k for k in axes])
    return ops.transpose(a, axes=axes)


@function(np.swapaxes)
def swapaxes(a: NodeOrArray, axis1: int, axis2: int) -> NodeOrArray:
    """Exchange two axes."""
    axes = list(range(a.ndim))
    i, k = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    axes[i], axes[k] = k, i
    return ops.transpose(a, axes=tuple(axes))


@function(np.matrix_transpose)
def matrix_transpose(x: NodeOrArray, /) -> NodeOrArray:
    """Exchange the last two axes."""
    if x.ndim < 2:
        raise ValueError(f"np.matrix_transpose takes at least 2 axes, not the {x.ndim} of {x!r}")
    return swapaxes(x, -1, -2)


@function(np.moveaxis)
def moveaxis(a: NodeOrArray, source: Lengths, destination: Lengths) -> NodeOrArray:
    """Move some axes to other places, the rest in their order."""
    sources = normalize_axis_tuple(source, a.ndim, "source")
    destinations = normalize_axis_tuple(destination, a.ndim, "destination")
    if len(sources) != len(destinations):
        raise ValueError("`source` and `destination` must name as many axes")
    axes = [k for k in range(a.ndim) if k not in sources]
    for place, k in sorted(zip(destinations, sources, strict=True)):
        axes.insert(place, k)
    return ops.transpose(a, axes=tuple(axes))


@function(np.rollaxis)
def rollaxis(a: NodeOrArray, axis: int, start: int = 0) -> NodeOrArray:
    """Move one axis to before another, as it stands now."""
    axis = normalize_axis_index(axis, a.ndim)
    start = normalize_axis_index(start, a.ndim + 1) if start >= 0 else normalize_axis_index(start, a.ndim)
    return moveaxis(a, axis, start - 1 if axis < start else start)


# -- axes of length 1 ------------------------------------------------------------------------------


def _infer_expanded(x: Node, axis: int | tuple[int, ...]) -> Signature:
    ndim = x.ndim + (len(axis) if isinstance(axis, tuple) else 1)
    check_axis(axis)
    axes = normalize_axis_tuple(axis, ndim)
    lengths = iter(x.shape)
    return tuple([1 if k in axes else next(lengths) for k in range(ndim)]), x.dtype


def _infer_squeezed(x: Node, axis: int | tuple[int, ...] | None) -> Signature:
    if axis is None:
        return tuple([n for n in x.shape if n != 1]), x.dtype
    if not x.shape and axis in (0, -1):  # NumPy lets it pass
        return (), x.dtype
    check_axis(axis)
    axes = normalize_axis_tuple(axis, x.ndim)
    if any(x.shape[k] != 1 for k in axes):
        raise ValueError("only axes of length 1 can be left out")
    return tuple([n for k, n in enumerate(x.shape) if k not in axes]), x.dtype


expand_dims = linear(
    "expand_dims",
    np.expand_dims,
    shape=_infer_expanded,
    transpose=lambda g, x_shape: g.reshape(x_shape),
    statics={"axis": ()},
    numpy=(np.expand_dims,),
    doc="Insert axes of length 1 at these places of the result.",
)

squeeze = linear(
    "squeeze",
    np.squeeze,
    shape=_infer_squeezed,
    transpose=lambda g, x_shape: g.reshape(x_shape),
    statics={"axis": None},
    numpy=(np.squeeze,),
    doc="Leave out axes of length 1: these, or all.",
)


def _apply_to_each(one: Any) -> Any:
    """Return a function of one array for any number of them, as a tuple."""
    return lambda *arys: one(as_node(arys[0])) if len(arys) == 1 else tuple([one(as_node(a)) for a in arys])


def _at_least_3d(x: Node) -> Node:
    return x if x.ndim > 2 else expand_dims(x, axis=((0, 1, 2), (0, 2), (2,))[x.ndim])


atleast_1d = function(np.atleast_1d)(_apply_to_each(lambda x: x if x.ndim else expand_dims(x, axis=0)))
atleast_2d = function(np.atleast_2d)(
    _apply_to_each(lambda x: x if x.ndim > 1 else expand_dims(x, axis=tuple(range(2 - x.ndim))))
)
atleast_3d = function(np.atleast_3d)(_apply_to_each(_at_least_3d))


# -- broadcasting ----------------------------------------------------------------------------------


@function(np.broadcast_arrays)
def broadcast_arrays(*args: object) -> tuple[Node, ...]:
    """Broadcast the arrays to the shape that all broadcast to."""
    nodes = [as_node(a) for a in args]
    shape = np.broadcast_shapes(*[n.shape for n in nodes])
    return tuple([n if n.shape == shape else ops.broadcast_to(n, shape=shape) for n in nodes])


@function(np.meshgrid)
def meshgrid(*xi: object, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Node, ...]:
    """Return the coordinates of a grid, one array for each axis."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij', not {indexing!r}")
    ndim = len(xi)
    places = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        places[:2] = 1, 0
    grid = []
    for x, place in zip(xi, places, strict=True):
        others = tuple([k for k in range(ndim) if k != place])
        grid.append(expand_dims(ops.reshape(as_node(x), shape=-1), axis=others))
    return tuple(grid) if sparse else broadcast_arrays(*grid)
