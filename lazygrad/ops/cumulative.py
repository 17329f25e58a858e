"""Running sums, products and extrema along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .._graph.node import Node
from ._declare import function, linear, op, result_dtype
from ._guards import guarded_multiply, set_aside
from ._op import Op, Signature
from .reduce import prepare

__all__ = ["ACCUMULATE", "cummax", "cummin", "cumprod", "cumsum", "linear_recurrence"]

# -- along the first axis --------------------------------------------------------------------------


def _previous(x: Any) -> Any:
    """Return each row's predecessor along the first axis; zeros before the first."""
    return np.concatenate((np.zeros(x[:1].shape, x.dtype), x[:-1]))


def _recurrence(a: Any, b: Any) -> Any:
    n = len(b)
    if n <= 1:
        return b.copy()
    dtype = np.result_type(a, b)
    even, odd = slice(0, n - 1, 2), slice(1, None, 2)
    pairs = b[odd] + a[odd] * b[even]
    out = np.empty(b.shape, dtype)
    out[odd] = _recurrence(a[odd] * a[even], pairs)  # two steps at once
    out[0] = b[0]
    rest = slice(2, None, 2)
    out[rest] = b[rest] + a[rest] * out[1 : n - 1 : 2]
    return out


def _by_input(g: Any, a: Any) -> Any:
    """Run the recurrence from the end with each coefficient one place later: the transpose."""
    return linear_recurrence(np.concatenate((a[:1], a[:0:-1])), g[::-1])[::-1]


linear_recurrence: Op = op(
    "linear_recurrence",
    _recurrence,
    inputs="a b",
    shape=lambda a, b: (b.shape, np.result_type(a.dtype, b.dtype)),
    vjp={"a": lambda g, a, out: _by_input(g, a) * _previous(out), "b": _by_input},
    jvp={
        "a": lambda t, a, out: linear_recurrence(a, t * _previous(out)),
        "b": lambda t, a: linear_recurrence(a, t),
    },
    doc="Solve y[0] = b[0], y[i] = b[i] + a[i] y[i-1] along the first axis; a, which has b's shape, is not read at 0.",
)


def _infer_running(function: Any) -> Any:
    def infer(x: Node, axis: int) -> Signature:
        normalize_axis_index(axis, x.ndim)
        return x.shape, result_dtype(function, x.dtype)

    return infer


def _apply_along_axis(rule: Any) -> Any:
    """Return a rule along the first axis as a rule along `axis`."""

    def apply(t: Any, axis: int, *values: Any) -> Any:
        return np.swapaxes(rule(np.swapaxes(t, 0, axis), *[np.swapaxes(v, 0, axis) for v in values]), 0, axis)

    return apply


# -- sums and products -----------------------------------------------------------------------------


def _cumsum_backwards(g: Any, axis: int) -> Any:
    back = (slice(None),) * (axis % len(g.shape)) + (slice(None, None, -1),)
    return cumsum(g[back], axis=axis)[back]


cumsum: Op = linear(
    "cumsum",
    lambda x, axis: np.add.accumulate(x, axis=axis),
    shape=_infer_running(np.cumsum),
    transpose=_cumsum_backwards,
    statics={"axis": 0},
    doc="Return the running sum along an axis.\n\n>>> cumsum(np.array([1.0, 2.0, 3.0]))\narray([1., 3., 6.])",
)


def _multiply_before(x: Any) -> Any:
    """Return the product of all rows before each."""
    return cumprod(np.concatenate((np.ones(x[:1].shape, x.dtype), x[:-1])), axis=0)


# y[i] = x[i] y[i-1], so dy[i] = dx[i] y[i-1] + x[i] dy[i-1]: a recurrence, without division.
_product_vjp = _apply_along_axis(lambda g, x: _by_input(g, x) * _multiply_before(x))
_product_jvp = _apply_along_axis(lambda t, x: linear_recurrence(x, t * _multiply_before(x)))


def _cumprod_vjp(g: Any, x: Any, axis: int, times: Any) -> Any:
    if times is guarded_multiply:  # what no element from here on was taken of
        x = set_aside(x, _cumsum_backwards(np.abs(g), axis), times)
    return _product_vjp(g, axis, x)


cumprod: Op = op(
    "cumprod",
    lambda x, axis: np.multiply.accumulate(x, axis=axis),
    shape=_infer_running(np.cumprod),
    vjp={"x": _cumprod_vjp},
    jvp={"x": lambda t, x, axis: _product_jvp(t, axis, x)},
    statics={"axis": 0},
    doc="Return the running product along an axis; its derivative is exact where elements are 0.\n\n"
    ">>> cumprod(np.array([1.0, 2.0, 3.0]))\narray([1., 2., 6.])",
)


def _declare_accumulation(op: Op, name: str) -> Any:
    """Return NumPy's cumulative function, for which no axis means all elements in order."""

    def call(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
        node = prepare(name, a, dtype)
        if axis is None or not node.ndim:
            node, axis = node.reshape(-1), axis or 0
        return op.on_nodes((node,), {"axis": axis})

    call.__doc__ = op.doc
    return call


_cumsum = function(np.cumsum)(_declare_accumulation(cumsum, "cumsum"))
_cumprod = function(np.cumprod)(_declare_accumulation(cumprod, "cumprod"))


def _declare_standard(accumulated: Any, name: str, first: Any) -> Any:
    """Return the cumulative function of the array API, which can begin with the value of nothing."""

    def call(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
        if x.ndim > 1 and axis is None:
            raise ValueError(f"np.{name} of {x.ndim} axes needs `axis`")
        result = accumulated(x, axis, dtype)
        if not include_initial:
            return result
        k = normalize_axis_index(axis or 0, result.ndim)
        start = first((*result.shape[:k], 1, *result.shape[k + 1 :]), result.dtype)
        return np.concatenate((start, result), axis=k)

    call.__doc__ = f"Compute `numpy.{name}` on nodes: the running result along an axis, if wanted after its start."
    return call


function(np.cumulative_sum)(_declare_standard(_cumsum, "cumulative_sum", np.zeros))
function(np.cumulative_prod)(_declare_standard(_cumprod, "cumulative_prod", np.ones))

# -- extrema ---------------------------------------------------------------------------------------


def _ties(x: Any, out: Any) -> tuple[Any, Any]:
    """Return where the running extremum is reached and where it stays unchanged, as numbers."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    stays = np.concatenate((np.zeros(x[:1].shape, bool), out[1:] == out[:-1]))
    return np.where(x == out, one, zero), np.where(stays, one, zero)


def _extremum_vjp(g: Any, x: Any, out: Any) -> Any:
    reached, stays = _ties(x, out)
    return guarded_multiply(reached, _by_input(g / linear_recurrence(stays, reached), stays))


def _extremum_jvp(t: Any, x: Any, out: Any) -> Any:
    reached, stays = _ties(x, out)
    return linear_recurrence(stays, guarded_multiply(reached, t)) / linear_recurrence(stays, reached)


def _declare_extremum(name: str, ufunc: np.ufunc, what: str) -> Op:
    vjp, jvp = _apply_along_axis(_extremum_vjp), _apply_along_axis(_extremum_jvp)
    return op(
        name,
        lambda x, axis: ufunc.accumulate(x, axis=axis),
        shape=_infer_running(ufunc.accumulate),
        vjp={"x": lambda g, x, out, axis: vjp(g, axis, x, out)},
        jvp={"x": lambda t, x, out, axis: jvp(t, axis, x, out)},
        statics={"axis": 0},
        selects="vjp",
        doc=f"Return the running {what} along an axis; ties so far split the derivative evenly.",
    )


cummax = _declare_extremum("cummax", np.maximum, "maximum")
cummin = _declare_extremum("cummin", np.minimum, "minimum")

# The functions that `ufunc.accumulate(x, axis)` calls on nodes; NumPy's default axis is 0.
ACCUMULATE: dict[np.ufunc, Op] = {np.add: cumsum, np.multiply: cumprod, np.maximum: cummax, np.minimum: cummin}
