"""Repeating, reversing and shifting the elements of an array."""

from __future__ import annotations

import math
import operator
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._graph.leaf import refuse_masked
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import both as np
from . import linear as ops
from ._declare import function, linear
from ._op import Signature, as_node
from .indexing import SLOT, scatter_add
from .linear import along
from .shape import evaluate_argument

__all__ = ["flip", "repeat", "resize", "roll", "tile"]


# -- repeated --------------------------------------------------------------------------------------


def _repeated_shape(x: Node, repeats: int | tuple[int, ...], axis: int) -> Signature:
    axis = normalize_axis_index(axis, x.ndim)
    n = x.shape[axis]
    if isinstance(repeats, tuple):
        if len(repeats) != n:
            raise ValueError(f"{len(repeats)} repeats do not fit the length {n} of axis {axis}")
        n = sum(repeats)
    else:
        n *= repeats
    if n < 0 or (isinstance(repeats, tuple) and min(repeats, default=0) < 0):
        raise ValueError("repeats may not be negative")
    return (*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype


def _sum_repeats(g: Any, x_shape: tuple[int, ...], repeats: int | tuple[int, ...], axis: int) -> Any:
    """Sum over the repetitions of each element: the transpose of repeat."""
    axis %= len(x_shape)
    if isinstance(repeats, tuple):
        places = np.repeat(np.arange(x_shape[axis]), repeats)
        return scatter_add(g, places, shape=x_shape, key=along(axis, SLOT))
    return g.reshape((*x_shape[: axis + 1], repeats, *x_shape[axis + 1 :])).sum(axis=axis + 1)


_repeat = linear(
    "repeat",
    lambda x, repeats, axis: x.repeat(repeats, axis),
    shape=_repeated_shape,
    transpose=_sum_repeats,
    statics={"repeats": 1, "axis": 0},
    doc="Repeat each element along an axis: all as often, or each its own number of times.",
)


@function(np.repeat)
def repeat(a: Operand, repeats: Any, axis: int | None = None) -> Node:
    """Repeat each element along an axis, or each of the flattened array."""
    a, repeats = as_node(a), np.asarray(evaluate_argument(repeats, "how often np.repeat repeats"))
    if repeats.dtype.kind not in "biu":
        raise TypeError(f"repeats must be integers, not {repeats.dtype}")
    counts = repeats.tolist()
    if isinstance(counts, list):
        counts = counts[0] if len(counts) == 1 else tuple(counts)
    if axis is None:
        a, axis = a.reshape(-1), 0
    return _repeat(a, repeats=counts, axis=axis)


def _blocks(shape: tuple[int, ...], reps: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return shape and repetitions with as many axes each."""
    ndim = max(len(shape), len(reps))
    return (1,) * (ndim - len(shape)) + shape, (1,) * (ndim - len(reps)) + reps


def _tiled_shape(x: Node, reps: tuple[int, ...]) -> Signature:
    if any(r < 0 for r in reps):
        raise ValueError("repetitions may not be negative")
    return tuple([n * r for n, r in zip(*_blocks(x.shape, reps), strict=True)]), x.dtype


def _sum_of_tiles(g: Any, x_shape: tuple[int, ...], reps: tuple[int, ...]) -> Any:
    """Sum over the tiles: the transpose of tile."""
    lengths, reps = _blocks(x_shape, reps)
    apart = [k for pair in zip(reps, lengths, strict=True) for k in pair]
    return g.reshape(tuple(apart)).sum(axis=tuple(range(0, len(apart), 2))).reshape(x_shape)


_tile = linear(
    "tile",
    lambda x, reps: np.tile(x, reps),
    shape=_tiled_shape,
    transpose=_sum_of_tiles,
    statics={"reps": ()},
    doc="Repeat the array along each axis.",
)


@function(np.tile)
def tile(A: Any, reps: Any) -> NodeOrArray:
    """Repeat the array along each axis, with new axes in front where there are too few."""
    reps = evaluate_argument(reps, "how often np.tile repeats")
    return _tile(A, reps=tuple([operator.index(r) for r in (reps if np.ndim(reps) else (reps,))]))


def _sum_of_rounds(g: Any, x_shape: tuple[int, ...]) -> Any:
    """Sum over the repetitions of a flattened array, the last of which may be cut off: the transpose of resize."""
    n, g = math.prod(x_shape), g.reshape(-1)
    if not n:
        return g[:0].reshape(x_shape)
    rounds = -(-g.size // n)
    filled = scatter_add(g, shape=(rounds * n,), key=(slice(0, g.size),))
    return filled.reshape((rounds, n)).sum(axis=0).reshape(x_shape)


def _resized_shape(x: Node, new_shape: tuple[int, ...]) -> Signature:
    if any(n < 0 for n in new_shape):
        raise ValueError("lengths may not be negative")
    return new_shape, x.dtype


_resize = linear(
    "resize",
    lambda x, new_shape: np.resize(x, new_shape),
    shape=_resized_shape,
    transpose=_sum_of_rounds,
    statics={"new_shape": ()},
    selects="vjp",
    doc="Return the elements in another shape, again from the first where they do not suffice.",
)


@function(np.resize)
def resize(a: Any, new_shape: Any) -> NodeOrArray:
    """Return the elements in another shape, again from the first where they do not suffice."""
    new_shape = evaluate_argument(new_shape, "the shape that np.resize gives")
    return _resize(a, new_shape=tuple([operator.index(n) for n in (new_shape if np.ndim(new_shape) else (new_shape,))]))


# -- shifted and reversed --------------------------------------------------------------------------


def _rolled_shape(x: Node, shift: Any, axis: Any) -> Signature:
    if axis is not None:
        axes = normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
        np.broadcast_shapes(np.shape(shift), (len(axes),))
    elif isinstance(shift, tuple) and len(shift) > 1:
        raise ValueError("several shifts need several axes")
    return x.shape, x.dtype


_roll: Any = linear(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    shape=_rolled_shape,
    transpose=lambda g, shift, axis: _roll(
        g, shift=tuple([-s for s in shift]) if isinstance(shift, tuple) else -shift, axis=axis
    ),
    statics={"shift": 0, "axis": None},
    doc="Shift the elements along axes, or the flattened array; those that leave come in at the other end.",
)


@function(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Node:
    """Shift the elements along axes, or the flattened array; those that leave come in at the other end."""
    refuse_masked(shift, "how far np.roll shifts")
    shift = evaluate_argument(shift, "how far np.roll shifts")
    return _roll(a, shift=tuple([int(s) for s in shift]) if np.ndim(shift) else int(shift), axis=axis)


def _flipped_shape(x: Node, axis: Any) -> Signature:
    if axis is not None:
        normalize_axis_tuple(axis, x.ndim)
    return x.shape, x.dtype


flip: Any = linear(
    "flip",
    lambda x, axis: np.flip(x, axis),
    shape=_flipped_shape,
    transpose=lambda g, axis: flip(g, axis=axis),
    statics={"axis": None},
    numpy=(np.flip,),
    doc="Return the elements in reversed order along axes, all by default.",
)


def _declare_flip(name: str, ndim: int, axis: int) -> Any:
    def flip_axis(m: Any) -> Any:
        if m.ndim < ndim:
            raise ValueError(f"np.{name} takes at least {ndim} axes, not the {m.ndim} of {m!r}")
        return flip(m, axis=axis)

    flip_axis.__name__, flip_axis.__doc__ = name, f"Return the elements in reversed order along axis {axis}."
    return flip_axis


function(np.fliplr)(_declare_flip("fliplr", 2, 1))
function(np.flipud)(_declare_flip("flipud", 1, 0))


@function(np.rot90)
def rot90(m: NodeOrArray, k: int = 1, axes: tuple[int, int] = (0, 1)) -> NodeOrArray:
    """Turn the array by k right angles in the plane of two axes, from the first to the second."""
    i, j = [normalize_axis_index(a, m.ndim) for a in axes]
    if i == j:
        raise ValueError("the two axes must be different")
    k %= 4
    if k in (0, 2):
        return flip(m, axis=(i, j)) if k else m
    order = list(range(m.ndim))
    order[i], order[j] = j, i
    turned = ops.transpose(m, axes=tuple(order))
    return flip(turned, axis=i if k == 1 else j)
