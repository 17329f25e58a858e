"""Numerical calculus: differences, slopes, areas, interpolation, and phases without jumps."""

from __future__ import annotations

import math
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._errors import ShapeError
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.settings import describe, is_whole
from .._graph.types import Axis
from .._graph.types import both as np
from ._declare import function, op
from ._op import Signature
from ._rule import ZERO, pass_on
from .arithmetic import guarded_divide, not_equal, strong_multiply, where
from .einsum import as_operand
from .linear import along, broadcast_to, concatenate, reshape

__all__ = ["diff", "ediff1d", "gradient", "interp", "interval", "trapezoid", "unwrap"]


def _slice_along(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """Return a slice along one axis."""
    return x[along(axis, slice(start, stop))]


# -- differences -----------------------------------------------------------------------------------


def _as_border(value: Any, like: Node, axis: int) -> Node:
    """Return what is put before or after `like`: an array as it is, or a number repeated to the shape."""
    value = as_operand(value)
    if value.ndim:
        return value
    return broadcast_to(value, shape=(*like.shape[:axis], 1, *like.shape[axis + 1 :]))


@function(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Operand | None = None, append: Operand | None = None) -> Node:
    """Return the n-th differences of neighbours along an axis."""
    a = as_operand(a)
    if not is_whole(n):
        raise TypeError(f"the order of differences must be a whole number, not {describe(n)}")
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"the order of differences must not be negative, but is {n}")
    if not a.ndim:
        raise ShapeError("diff takes at least one axis, but the argument is 0-d")
    axis = normalize_axis_index(axis, a.ndim)
    parts = [_as_border(prepend, a, axis)] if prepend is not None else []
    parts += [a, _as_border(append, a, axis)] if append is not None else [a]
    a = concatenate(*parts, axis=axis) if len(parts) > 1 else a
    for _ in range(min(n, a.shape[axis])):  # then nothing is left
        later, earlier = _slice_along(a, axis, 1, None), _slice_along(a, axis, None, -1)
        a = not_equal(later, earlier) if a.dtype.kind == "b" else later - earlier
    return a


@function(np.ediff1d)
def ediff1d(ary: Operand, to_end: Operand | None = None, to_begin: Operand | None = None) -> Node:
    """Return the differences of consecutive elements, with something put before and after them."""
    ary = as_operand(ary).ravel()
    parts = [ary[1:] - ary[:-1]]
    for given, place in ((to_begin, 0), (to_end, 2)):
        if given is not None:
            given = as_operand(given)
            if not np.can_cast(given.dtype, ary.dtype, "same_kind"):
                raise TypeError(f"ediff1d: {given.dtype} cannot stand beside differences of {ary.dtype}")
            parts.insert(place, given.ravel().astype(ary.dtype))
    return concatenate(*parts, axis=0) if len(parts) > 1 else parts[0]


# -- slopes ----------------------------------------------------------------------------------------


def _widths(given: Any, count: int) -> Any:
    """Return the distances between neighbours: one number for all, or one for each pair."""
    if np.ndim(given) == 0:
        return given
    places = as_operand(given)
    if places.shape != (count,):
        raise ShapeError(f"gradient: coordinates of shape {places.shape} for an axis of {count} elements")
    return diff(places if places.dtype.kind in "fc" else places.astype(float))


def _slope_along(f: Node, axis: int, given: Any, edge_order: int) -> Node:
    """Return the slopes, along an axis, of parabolas through each point and its neighbours; at the ends, of lines."""
    if f.shape[axis] <= edge_order:
        raise ShapeError(f"gradient: an axis of {f.shape[axis]} elements is too short, it needs {edge_order + 1}")
    h = _widths(given, f.shape[axis])
    first_share: Any = 0.5
    last_share: Any = 0.5
    if even := np.ndim(h) == 0:
        inner = (_slice_along(f, axis, 2, None) - _slice_along(f, axis, None, -2)) / (2.0 * h)
    else:
        h = reshape(h, shape=(*[1] * axis, -1, *[1] * (f.ndim - axis - 1)))
    slopes = (_slice_along(f, axis, 1, None) - _slice_along(f, axis, None, -1)) / h
    first, last = _slice_along(slopes, axis, None, 1), _slice_along(slopes, axis, -1, None)
    bends = (
        _slice_along(slopes, axis, 1, None) - _slice_along(slopes, axis, None, -1)
        if edge_order == 2 or not even
        else None
    )
    if not even:
        left, right = _slice_along(h, axis, None, -1), _slice_along(h, axis, 1, None)
        share = left / (left + right)
        inner = _slice_along(slopes, axis, None, -1) + share * bends
        first_share, last_share = _slice_along(share, axis, None, 1), 1 - _slice_along(share, axis, -1, None)
    if edge_order == 2:
        first = first - first_share * _slice_along(bends, axis, None, 1)
        last = last + last_share * _slice_along(bends, axis, -1, None)
    return concatenate(first, inner, last, axis=axis)


@function(np.gradient)
def gradient(f: Operand, *varargs: object, axis: Axis = None, edge_order: int = 1) -> Node | tuple[Node, ...]:
    """Return the slopes of samples along each axis, by central differences.

    Parameters
    ----------
    f
        The samples.
    *varargs
        The distance of neighbours: none for 1, one number for all axes, or for each axis a number or coordinates.
    axis
        One axis or several; all by default.
    edge_order
        1 or 2: at the ends the slope of a line, or of a parabola.

    Returns
    -------
    Node for one axis, tuple of nodes for several.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([0.0, 1.0, 4.0, 9.0])
    >>> np.gradient(x).value
    array([1., 2., 4., 5.])
    """
    f = as_operand(f)
    axes = tuple(range(f.ndim)) if axis is None else normalize_axis_tuple(axis, f.ndim)
    if not varargs:
        varargs = (1.0,)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        varargs *= len(axes)
    if len(varargs) != len(axes):
        raise TypeError(f"gradient takes one distance, or one for each of {len(axes)} axes, not {len(varargs)}")
    if edge_order not in (1, 2):
        raise ValueError(f"the edge order of gradient is 1 or 2, not {edge_order}")
    if f.dtype.kind in "iu":
        f = f.astype(float)
    slopes = [_slope_along(f, k, h, edge_order).astype(f.dtype) for k, h in zip(axes, varargs, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


# -- areas -----------------------------------------------------------------------------------------


@function(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Node:
    """Return the area under samples along an axis, taken as straight from each to the next."""
    y = as_operand(y)
    axis = normalize_axis_index(axis, y.ndim)
    if x is not None:
        x = as_operand(x)
        dx = diff(x, axis=-1 if x.ndim == 1 else axis)
        if x.ndim == 1:
            dx = reshape(dx, shape=(-1, *[1] * (y.ndim - axis - 1)))
    return (dx * (_slice_along(y, axis, 1, None) + _slice_along(y, axis, None, -1)) / 2.0).sum(axis=axis)


# -- interpolation ---------------------------------------------------------------------------------

interval = op(
    "interval",
    lambda x, xp: np.clip(np.searchsorted(xp, x, side="right") - 1, 0, xp.size - 2),
    shape=lambda x, xp: (x.shape, np.dtype(np.intp)),
    vjp={"x": ZERO, "xp": ZERO},
    jvp={"x": ZERO, "xp": ZERO},
    inputs="x xp",
    doc="Return in which interval between increasing points x lies; beyond the ends it is the nearest.",
)


@function(np.interp)
def interp(
    x: Any,
    xp: Any,
    fp: Any,
    left: NodeOrArray | None = None,
    right: Any = None,
    period: object = None,
) -> Node:
    """Return values at `x` on the line through the points ``(xp, fp)``, of increasing `xp`.

    It is differentiable by all three; where `x` meets a point, the derivative is that of the line to its right, and
    at the last point, to its left.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([0.5, 1.0, 3.0])
    >>> y = np.interp(x, [0.0, 1.0, 2.0], [0.0, 10.0, 40.0])
    >>> y.value, lg.gradient(y.sum(), x)
    (array([ 5., 10., 40.]), array([10., 30.,  0.]))
    """
    x, xp = (v.astype(float) if v.dtype != float else v for v in (as_operand(x), as_operand(xp)))
    fp = as_operand(fp)
    fp = fp.astype(complex if fp.dtype.kind == "c" else float)
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.size:
        raise ShapeError(f"interp: points of shapes {xp.shape} and {fp.shape} are not two equally long vectors")
    if period is not None:
        x, xp, fp = _unroll(x, xp, fp, period)
        left = right = None
    if xp.size == 1:
        y = broadcast_to(reshape(fp, shape=()), shape=x.shape)
    else:
        k = interval(x, xp)
        start = xp[k]
        share = guarded_divide(x - start, xp[k + 1] - start)
        share = where(x < xp[0], 0.0, where(x > xp[-1], 1.0, share))
        y = strong_multiply(1.0 - share, fp[k]) + strong_multiply(share, fp[k + 1])
    y = y if left is None else where(x < xp[0], left, y)
    return y if right is None else where(x > xp[-1], right, y)


def _unroll(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Return the points within one period, in order, with the nearest of those around it."""
    period = abs(period)
    x, xp = np.remainder(x, period), np.remainder(xp, period)
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    return (
        x,
        concatenate(xp[-1:] - period, xp, xp[:1] + period, axis=0),
        concatenate(fp[-1:], fp, fp[:1], axis=0),
    )


# -- phases ----------------------------------------------------------------------------------------


def _unwrap_shape(p: Node, discont: Any, axis: int, period: Any) -> Signature:
    normalize_axis_index(axis, p.ndim)
    return p.shape, np.unwrap(np.ones(2, p.dtype), period=period).dtype


unwrap = op(
    "unwrap",
    lambda p, discont, axis, period: np.unwrap(p, discont, axis, period=period),
    shape=_unwrap_shape,
    vjp={"p": pass_on},  # what is added is constant
    jvp={"p": pass_on},
    inputs="p",
    statics={"discont": None, "axis": -1, "period": 2 * math.pi},
    numpy=(np.unwrap,),
    doc="Add whole periods to phases so that neighbours differ by at most half of one; the derivative is 1.",
)
