"""Averages, spread, order statistics and correlation."""

from __future__ import annotations

from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple

from .._graph.node import Node, Operand
from .._graph.types import Axis, DTypeLike, Function
from .._graph.types import both as np
from ._declare import function, op
from ._op import Signature, as_node
from ._rule import ZERO
from .arithmetic import guarded_multiply
from .bounds import at_least, at_most
from .quantiles import find_quantiles, find_shares, quantile_dtype, quantile_of_levels
from .reduce import AXES, axes_of, infer_average, prepare, reduce_by

__all__ = [
    "average",
    "corrcoef",
    "cov",
    "declare_median",
    "declare_quantile",
    "median",
    "quantile",
]

# -- order statistics ------------------------------------------------------------------------------


quantile_shares = op(
    "quantile_shares",
    find_shares,
    shape=lambda x, q, axis, method, skipna: (
        (*np.shape(q), *x.shape),
        x.dtype if x.dtype.kind == "f" else np.dtype(float),
    ),
    vjp={"x": ZERO},
    jvp={"x": ZERO},
    statics={"q": 0.5, "axis": None, "method": "linear", "skipna": False},
    doc="Return the derivative of each quantile by each element, constant between ties; these split it evenly.",
)


def _order_vjp(g: Any, x: Any, axis: Any, q: Any, method: str, skipna: bool) -> Any:
    shares = quantile_shares(x, q=np.asarray(q, dtype=float).tolist(), axis=axis, method=method, skipna=skipna)
    levels, axes = np.ndim(q), axes_of(axis, len(x.shape))
    kept = g.reshape((*np.shape(q), *[1 if k in axes else n for k, n in enumerate(x.shape)]))
    return np.sum(guarded_multiply(shares, kept), axis=tuple(range(levels)))


def _order_jvp(t: Any, x: Any, axis: Any, keepdims: bool, q: Any, method: str, skipna: bool) -> Any:
    shares = quantile_shares(x, q=np.asarray(q, dtype=float).tolist(), axis=axis, method=method, skipna=skipna)
    axes = tuple([k - len(x.shape) for k in axes_of(axis, len(x.shape))])
    return np.sum(guarded_multiply(shares, t), axis=axes, keepdims=keepdims)


_infer_median = infer_average(np.median)

median = op(
    "median",
    lambda x, axis, keepdims, skipna: (np.nanmedian if skipna else np.median)(x, axis=axis, keepdims=keepdims),
    shape=lambda x, axis, keepdims, skipna: _infer_median(x, axis, keepdims),
    vjp={"x": lambda g, x, axis, skipna: _order_vjp(g, x, axis, 0.5, "linear", skipna)},
    jvp={"x": lambda t, x, axis, keepdims, skipna: _order_jvp(t, x, axis, keepdims, 0.5, "linear", skipna)},
    statics={**AXES, "skipna": False},
    selects="vjp",
    doc="Return the middle one of the sorted elements, or the middle two's mean; ties split the derivative evenly.",
)


def _quantile_shape(x: Node, axis: Any, keepdims: bool, q: Any, method: str, skipna: bool) -> Signature:
    shape, _ = infer_average(np.sum)(x, axis, keepdims)
    level = None if isinstance(q, (int, float)) else np.asarray(q).dtype
    return (*np.shape(q), *shape), quantile_dtype(x.dtype, level, method)


def _quantile(x: Any, axis: Any, keepdims: bool, q: Any, method: str, skipna: bool) -> Any:
    return find_quantiles(x, q, axis, keepdims, method, skipna)


quantile = op(
    "quantile",
    _quantile,
    shape=_quantile_shape,
    vjp={"x": _order_vjp},
    jvp={"x": _order_jvp},
    statics={**AXES, "q": 0.5, "method": "linear", "skipna": False},
    selects="vjp",
    doc="Return quantiles, piecewise linear in the sorted elements; ties split the derivative evenly.",
)


def declare_quantile(name: str, hundred: float, *, skipna: bool) -> Function:
    """Declare `np.quantile`, or with hundred = 100 `np.percentile`, on nodes."""

    def call(
        a: Any,
        q: Any,
        axis: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
    ) -> Any:
        node = prepare(name, a)
        if node.dtype.kind == "c":
            raise TypeError(f"np.{name} takes real numbers, not {node.dtype}")
        if isinstance(q, Node):
            return quantile_of_levels(node, q, hundred, axis, keepdims, method=method, skipna=skipna)
        plain = isinstance(q, (int, float))
        if hundred != 1:
            q = np.true_divide(q, node.dtype.type(hundred) if node.dtype.kind == "f" else hundred)
        q = float(q) if plain else np.array(q)
        if not np.all((np.asarray(q) >= 0) & (np.asarray(q) <= 1)):
            raise ValueError(f"np.{name}: all `q` must lie between 0 and {hundred}")
        return reduce_by(quantile, node, axis, keepdims, q=q, method=method, skipna=skipna)

    call.__doc__ = f"Return {name}s of the elements over `axis` (all axes by default), as numbers `q` say."
    return call


def declare_median(name: str, *, skipna: bool) -> Function:
    """Declare `np.median`, or without nan `np.nanmedian`, on nodes."""

    def call(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
        return reduce_by(median, prepare(name, a), axis, keepdims, skipna=skipna)

    call.__doc__ = (
        "Return the middle one of the elements over `axis` (all axes by default), or the mean of the middle two."
    )
    return call


function(np.median)(declare_median("median", skipna=False))
function(np.quantile)(declare_quantile("quantile", 1, skipna=False))
function(np.percentile)(declare_quantile("percentile", 100, skipna=False))

# -- averages, covariance --------------------------------------------------------------------------


@function(np.average)
def average(
    a: Operand, axis: Axis = None, weights: Operand | None = None, returned: bool = False, *, keepdims: bool = False
) -> Node | tuple[Node, ...]:
    """Return the weighted mean over `axis` (all axes by default), and with `returned` the sum of the weights, too."""
    a = as_node(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        return (mean, np.full(mean.shape, a.size / (mean.size or 1), mean.dtype)) if returned else mean
    weights = as_node(weights)
    if weights.shape != a.shape:
        if axis is None:
            raise TypeError("np.average needs `axis` where a and weights differ in shape")
        axes = normalize_axis_tuple(axis, a.ndim)
        if weights.shape != tuple([a.shape[k] for k in axes]):
            raise ValueError(f"np.average: weights of shape {weights.shape} do not fit axes {axes} of {a.shape}")
        order = sorted(range(len(axes)), key=axes.__getitem__)
        weights = weights.transpose(order).reshape(tuple([n if k in axes else 1 for k, n in enumerate(a.shape)]))
    dtype = np.result_type(a.dtype, weights.dtype, *(() if a.dtype.kind in "fc" else (np.float64,)))
    total = np.sum(weights, axis=axis, dtype=dtype, keepdims=keepdims)
    mean = np.sum(a.astype(dtype) * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, mean.shape)) if returned else mean


def _variables(m: Any, rowvar: bool, dtype: Any, keep: bool) -> Any:
    """Return the observations as a matrix, one variable a row; `keep` says that it is one already."""
    if m.ndim > 2:
        raise ValueError(f"np.cov takes 1 or 2 axes, not {m.ndim}")
    m = (m if m.dtype == dtype else m.astype(dtype)).reshape((1,) * (2 - m.ndim) + m.shape)
    return m if rowvar or keep else np.transpose(m)


@function(np.cov)
def cov(
    m: Operand,
    y: Operand | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Operand | None = None,
    aweights: Operand | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> Node:
    """Return the covariance matrix of the variables in the rows of m (and y); weights are differentiable, too."""
    parts = [as_node(v) for v in (m, y) if v is not None]
    dtype = np.result_type(*[v.dtype for v in parts], np.float64) if dtype is None else np.dtype(dtype)
    rows = [_variables(v, rowvar, dtype, v.ndim < 2 or (k == 1 and v.shape[0] == 1)) for k, v in enumerate(parts)]
    x = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=0)
    ddof = int(not bias) if ddof is None else ddof
    given = [as_node(w).astype(float) for w in (fweights, aweights) if w is not None]
    for w in given:
        if w.shape != x.shape[1:]:
            raise ValueError(f"np.cov: weights of shape {w.shape} do not fit {x.shape[1]} observations")
    if not given:
        weighted, free = x - np.mean(x, axis=1, keepdims=True), x.shape[1] - ddof
        centred = weighted
    else:
        w = given[0] if len(given) == 1 else given[0] * given[1]
        total = np.sum(w)
        degrees_of_freedom = 0 if ddof == 0 else ddof if aweights is None else ddof * np.sum(w * given[-1]) / total
        free = total - degrees_of_freedom
        centred = x - (np.sum(x * w, axis=1) / total)[:, None]
        weighted = centred * w
    other = np.transpose(np.conj(weighted) if weighted.dtype.kind == "c" else weighted)
    c = centred @ other * (1.0 / free if isinstance(free, Node) or free > 0 else float("inf"))
    return c.reshape(tuple([n for n in c.shape if n != 1]))


@function(np.corrcoef)
def corrcoef(x: Operand, y: Operand | None = None, rowvar: bool = True, *, dtype: DTypeLike | None = None) -> Node:
    """Return the matrix of correlation coefficients, bounded by -1 and 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    deviation = np.sqrt(np.diagonal(c).real)
    c = c / deviation[:, None] / deviation[None, :]
    if c.dtype.kind == "c":
        return _clip_to_one(c.real) + 1j * _clip_to_one(c.imag)
    return _clip_to_one(c)


def _clip_to_one(x: Any) -> Any:
    return at_most(at_least(x, bound=-1.0), bound=1.0)
