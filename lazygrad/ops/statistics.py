"""Averages, spread, order statistics and correlation."""

from __future__ import annotations

from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Axis, DTypeLike, Function
from .._graph.types import both as np
from ._declare import elementwise, function, op
from ._kinks import divide_by_size, multiply_kink, over_kink
from ._op import Signature, as_node
from ._rule import ZERO
from .arithmetic import guarded_multiply
from .bounds import at_least, at_most
from .linear import spread
from .quantiles import find_quantiles, find_shares, quantile_dtype, quantile_of_levels
from .reduce import AXES, axes_of, count_of, count_where, infer_average, prepare, reduce_by

__all__ = [
    "average",
    "corrcoef",
    "cov",
    "declare_median",
    "declare_quantile",
    "declare_spread",
    "degrees_of_freedom",
    "median",
    "quantile",
    "root",
    "spread_around",
    "std",
    "var",
]

# -- variance and standard deviation ---------------------------------------------------------------

root = elementwise(
    "root",
    np.sqrt,
    vjp={"x": lambda g, out: np.where(out == 0, 0, 0.5 * g / np.where(out == 0, 1, out))},
    jvp={"x": lambda t, out: np.where(out == 0, 0, 0.5 * t / np.where(out == 0, 1, out))},
    doc="Return the square root of a variance: like a norm, and unlike `sqrt`, it has derivative 0 at 0.",
)


def _pull(x: Any, axis: Any, ddof: float) -> Any:
    """Return the derivative of the variance by each element: 2 (x - mean) / (n - ddof), conjugated."""
    d = x - np.mean(x, axis=axis, keepdims=True)
    free = count_of(x.shape, axis) - ddof
    return (np.conj(d) if d.dtype.kind == "c" else d) * (2.0 / free if free > 0 else float("inf"))


def _real_part(x: Any) -> Any:
    return np.real(x) if x.dtype.kind == "c" else x


_infer_var = infer_average(np.var)

var = op(
    "var",
    lambda x, axis, keepdims, ddof: np.var(x, axis=axis, ddof=ddof, keepdims=keepdims),
    shape=lambda x, axis, keepdims, ddof: _infer_var(x, axis, keepdims),
    vjp={
        "x": lambda g, x, x_shape, axis, keepdims, ddof, times: times(
            spread(g, x_shape, axis, keepdims), _pull(x, axis, ddof)
        )
    },
    jvp={
        "x": lambda t, x, axis, keepdims, ddof, times: np.sum(
            _real_part(times(t, _pull(x, axis, ddof))), axis=axis, keepdims=keepdims
        )
    },
    statics={**AXES, "ddof": 0},
    doc="Return the mean squared distance from the mean over `axis`, n - ddof in the denominator.",
)


def _std_vjp(
    g: Any, x: Any, out: Any, x_shape: Any, axis: Any, keepdims: bool, ddof: float, label: str, times: Function
) -> Any:
    pull = 0.5 * _pull(x, axis, ddof)
    ratio = divide_by_size(g, out, x, label)
    if ratio is None:
        return times(spread(over_kink(g, out, label=label), x_shape, axis, keepdims), pull)
    return multiply_kink(pull, spread(ratio, x_shape, axis, keepdims))


std_alone = op(
    "std",
    lambda x, axis, keepdims, ddof: np.std(x, axis=axis, ddof=ddof, keepdims=keepdims),
    shape=lambda x, axis, keepdims, ddof: _infer_var(x, axis, keepdims),
    vjp={"x": _std_vjp},
    jvp={
        "x": lambda t, x, out, axis, keepdims, ddof, label, times: over_kink(
            np.sum(_real_part(times(t, 0.5 * _pull(x, axis, ddof))), axis=axis, keepdims=keepdims), out, label=label
        )
    },
    statics={**AXES, "ddof": 0},
    doc="Return the square root of the variance; where it is 0, so is its derivative.",
)


def spread_around(
    a: NodeOrArray,
    axis: int | None,
    keepdims: bool,
    where: NodeOrArray,
    mean: NodeOrArray,
    *,
    squared: bool,
    alone: bool = False,
) -> tuple[NodeOrArray, NodeOrArray]:
    """Sum the squared distances from `mean` where the mask holds, or take the root of that; and count the elements.

    `alone` says that an element without others has the distance 0, whatever it is.
    """
    d = np.where(where, a - mean, 0)
    if squared:
        squares = np.real(d * np.conj(d)) if d.dtype.kind == "c" else np.square(d)
        total = np.sum(squares, axis=axis, keepdims=keepdims)
    elif not alone:
        total = np.linalg.vector_norm(d, axis=axis, keepdims=keepdims)
    else:
        d = np.where(count_where(where, a.shape, axis, True) > 1, d, 1)
        several = count_where(where, a.shape, axis, keepdims) > 1
        total = np.where(several, np.linalg.vector_norm(d, axis=axis, keepdims=keepdims), 0)
    return total, count_where(where, a.shape, axis, keepdims).astype(total.dtype)


def degrees_of_freedom(name: str, ddof: float, correction: float | None) -> float:
    """Return the degrees of freedom that the mean takes, under either of their names."""
    if correction is not None and ddof != 0:
        raise ValueError(f"np.{name}: `ddof` and `correction` are two names of one number: give one of them")
    return ddof if correction is None else correction


def _variance(
    squared: bool,
    name: str,
    a: Any,
    axis: Any,
    dtype: Any,
    ddof: Any,
    keepdims: bool,
    where: Any,
    mean: Any,
    correction: Any,
) -> Any:
    """Return the mean squared distance from the mean, or from `mean`; then, unless `squared`, the root of that."""
    ddof = degrees_of_freedom(name, ddof, correction)
    node = prepare(name, a, dtype)
    if where is True and mean is None:
        return reduce_by(var, node, axis, keepdims, ddof=ddof)
    if node.dtype.kind not in "fc":
        node = prepare(name, node, float)
    center = np.mean(node, axis=axis, keepdims=True, where=where) if mean is None else mean
    total, count = spread_around(node, axis, keepdims, where, center, squared=squared, alone=mean is None)
    free = np.maximum(count - ddof, 0)
    return total / (free if squared else np.sqrt(free))


def declare_spread(name: str, variance: Function, what: str, *, squared: bool) -> Function:
    """Declare a variance, or its square root, on nodes; `variance` takes which of these, the name and the arguments.

    Of elements without mask or mean it may return the variance in either case.
    """

    def call(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
        mean: Any = None,
        correction: float | None = None,
    ) -> Any:
        found = variance(squared, name, a, axis, dtype, ddof, keepdims, where, mean, correction)
        if squared or found.op is not var:
            return found
        several = count_of(found.inputs[0].shape, found.static["axis"]) != 1
        return std_alone.on_nodes(found.inputs, found.static) if several else root.single(found)

    call.__name__, call.__doc__ = name, f"Return {what}."
    return function(getattr(np, name))(call)


declare_spread(
    "var", _variance, "the mean squared distance from the mean over `axis` (all axes by default)", squared=True
)
std = declare_spread(
    "std",
    _variance,
    "the standard deviation over `axis` (all axes by default); where it is 0, so is its derivative",
    squared=False,
)

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
