"""Quantiles between which of the sorted elements, and by the level at which they are taken.

The derivative by a level is the slope of the interpolation. At a level that hits an element the slope changes; there
it counts as 0, as in JAX, and so it does at levels 0 and 1 and for methods that choose elements without interpolation.
"""

from __future__ import annotations

import functools
from typing import Any

from .._graph.node import Node, Operand
from .._graph.types import Array, Axis, DType, Function
from .._graph.types import both as np
from ._declare import op
from ._op import Signature, as_node
from ._rule import ZERO
from .arithmetic import guarded_multiply
from .reduce import AXES, axes_of, gather_axes, infer_average, restore_axes

__all__ = ["find_quantiles", "find_shares", "quantile_at", "quantile_dtype", "quantile_of_levels"]

# How many positions a method moves from level 0 to level 1, beyond the number of elements.
_SPANS = {
    "linear": -1,
    "hazen": 0,
    "interpolated_inverted_cdf": 0,
    "weibull": 1,
    "median_unbiased": 1 / 3,
    "normal_unbiased": 1 / 4,
}


@functools.cache
def quantile_dtype(dtype: DType, level: DType | None, method: str) -> DType:
    """Return the dtype of quantiles of a dtype at levels of another; None stands for a plain number."""
    levels: Any = 0.5 if level is None else np.full(1, 0.5, level)
    return np.asarray(np.quantile(np.ones(2, dtype), levels, method=method)).dtype


def _positions(counts: Any, q: Any, method: str) -> Any:
    """Return between which of the sorted elements the quantiles lie: at the same quantiles of 0, 1, ... count - 1."""
    found = np.zeros((*q.shape, *counts.shape))
    for n in np.unique(counts):
        if n:
            among = np.quantile(np.arange(n, dtype=float), q, method=method)
            found = np.where(counts == n, np.reshape(among, q.shape + (1,) * counts.ndim), found)
    return found.reshape((q.size, *counts.shape))


def _spread_parts(x: Any, q: Any, axis: Any, method: str, skipna: bool, *, turning: bool) -> Any:
    """Return each element's part in each quantile, or if `turning` the derivative of that part by the level."""
    rows = gather_axes(x, axis)
    q = np.asarray(q, dtype=float)
    inside = (q >= 0) & (q <= 1)
    q = np.where(inside, q, 0.5)
    known = rows == rows
    counts = np.sum(known, axis=0) if skipna else np.full(rows.shape[1:], len(rows))
    position = _positions(counts, q, method)
    below = np.floor(position).astype(np.intp)
    weight = position - below
    parts = (1 - weight, weight)
    if turning:
        span = np.where(weight > 0, counts + _SPANS[method], 0) if method in _SPANS else 0 * weight
        parts = (-span, span)
    shares = np.zeros((len(position), *rows.shape), x.dtype if x.dtype.kind == "f" else float)
    ordered = np.sort(rows, axis=0)
    for part, k in ((parts[0], below), (parts[1], below + (weight > 0))) if len(rows) else ():
        reached = rows == np.take_along_axis(ordered, k, axis=0)[:, None]
        shares += part[:, None] * reached / np.maximum(np.sum(reached, axis=1, keepdims=True), 1)
    if not skipna:
        shares[:, :, ~np.all(known, axis=0)] = np.nan
    shares[~inside.reshape(-1)] = np.nan  # the quantile itself is an error, but it may be asked for never
    return np.stack([restore_axes(s, x.shape, axis) for s in shares]).reshape((*q.shape, *x.shape))


def find_shares(x: Array, q: Array, axis: Axis, method: str, skipna: bool) -> Array:
    """Return each element's part in each quantile; ties split it evenly."""
    return _spread_parts(x, q, axis, method, skipna, turning=False)


# -- by the level ----------------------------------------------------------------------------------

_STATICS = {"axis": None, "method": "linear", "skipna": False}


def _infer_parts(x: Node, q: Node, **static: Any) -> Signature:
    return (*q.shape, *x.shape), x.dtype if x.dtype.kind == "f" else np.dtype(float)


_turns = op(
    "quantile_turns",
    lambda x, q, axis, method, skipna: _spread_parts(x, q, axis, method, skipna, turning=True),
    shape=_infer_parts,
    vjp={"x": ZERO, "q": ZERO},
    jvp={"x": ZERO, "q": ZERO},
    inputs="x q",
    statics=_STATICS,
    doc="Return the derivative by the level of each element's part in a quantile; constant between the elements.",
)


def _behind(t: Any, ndim: int) -> Any:
    """Return an array with so many axes of length 1 behind its own."""
    return t.reshape((*t.shape, *[1] * ndim))


_shares = op(
    "quantile_shares_at",
    find_shares,
    shape=_infer_parts,
    vjp={
        "x": ZERO,
        "q": lambda g, x, q, axis, method, skipna: np.sum(
            g * _turns(x, q, axis=axis, method=method, skipna=skipna),
            axis=tuple(range(len(q.shape), len(q.shape) + len(x.shape))),
        ),
    },
    jvp={
        "x": ZERO,
        "q": lambda t, x, q, axis, method, skipna: (
            _behind(t, len(x.shape)) * _turns(x, q, axis=axis, method=method, skipna=skipna)
        ),
    },
    inputs="x q",
    statics=_STATICS,
    doc="Return each element's part in each quantile.",
)


def _slopes(x: Any, q: Any, axis: Any, method: str, skipna: bool) -> Any:
    """Return the derivative of each quantile by its level, as the terms of a sum over the elements."""
    turns = _turns(x, q, axis=axis, method=method, skipna=skipna)
    return turns * np.where(turns == 0, 0, x)


def _keep_axes(g: Any, x: Any, q: Any, axis: Any) -> Any:
    axes = axes_of(axis, len(x.shape))
    return g.reshape((*q.shape, *[1 if k in axes else n for k, n in enumerate(x.shape)]))


def _element_vjp(g: Any, x: Any, q: Any, axis: Any, method: str, skipna: bool) -> Any:
    shares = _shares(x, q, axis=axis, method=method, skipna=skipna)
    return np.sum(guarded_multiply(shares, _keep_axes(g, x, q, axis)), axis=tuple(range(len(q.shape))))


def _level_vjp(g: Any, x: Any, q: Any, axis: Any, method: str, skipna: bool, times: Function) -> Any:
    terms = times(_keep_axes(g, x, q, axis), _slopes(x, q, axis, method, skipna))
    return np.sum(terms, axis=tuple(range(len(q.shape), len(q.shape) + len(x.shape))))


def _add_up(terms: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return np.sum(terms, axis=tuple([k - len(x.shape) for k in axes_of(axis, len(x.shape))]), keepdims=keepdims)


def _element_jvp(t: Any, x: Any, q: Any, axis: Any, keepdims: bool, method: str, skipna: bool) -> Any:
    shares = _shares(x, q, axis=axis, method=method, skipna=skipna)
    return _add_up(guarded_multiply(shares, t), x, axis, keepdims)


def _level_jvp(t: Any, x: Any, q: Any, axis: Any, keepdims: bool, method: str, skipna: bool, times: Function) -> Any:
    return _add_up(times(_behind(t, len(x.shape)), _slopes(x, q, axis, method, skipna)), x, axis, keepdims)


def _infer(x: Node, q: Node, axis: Any, keepdims: bool, method: str, skipna: bool) -> Signature:
    shape, _ = infer_average(np.sum)(x, axis, keepdims)
    return (*q.shape, *shape), quantile_dtype(x.dtype, q.dtype if q.shape else None, method)


def find_quantiles(x: Array, q: Array, axis: Axis, keepdims: bool, method: str, skipna: bool) -> Array:
    """Return NumPy's quantiles, with an axis of levels also where there are no elements."""
    choose: Any = np.nanquantile if skipna else np.quantile
    found = choose(x, q, axis=axis, method=method, keepdims=keepdims)
    if not skipna or x.size:
        return found
    level = None if isinstance(q, (int, float)) else np.asarray(q).dtype
    return np.broadcast_to(found, (*np.shape(q), *found.shape)).astype(quantile_dtype(x.dtype, level, method))


quantile_at = op(
    "quantile_at",
    find_quantiles,
    shape=_infer,
    vjp={"x": _element_vjp, "q": _level_vjp},
    jvp={"x": _element_jvp, "q": _level_jvp},
    inputs="x q",
    statics={**AXES, "method": "linear", "skipna": False},
    selects="vjp",
    doc="Return quantiles at levels that are a node.",
)


def quantile_of_levels(
    x: Node, q: Operand, hundred: float, axis: Axis | list[int], keepdims: bool, **static: object
) -> Node:
    """Build the node of quantiles whose levels, which reach up to `hundred`, are a node."""
    q = as_node(q)
    levels = q if hundred == 1 else q / hundred
    axis = tuple(axis) if isinstance(axis, list) else axis
    return quantile_at.on_nodes((x, levels), {"axis": axis, "keepdims": keepdims, **static})
