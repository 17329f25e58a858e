"""Variances and standard deviations, of all elements or of some."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, Operand
from .._graph.types import Axis, Function
from .._graph.types import both as np
from ._declare import elementwise, function, op
from ._guards import set_aside
from ._kinks import divide_by_size, multiply_kink, over_kink
from ._op import as_node
from ._rule import ZERO
from ._settings import check_ddof
from .linear import spread
from .reduce import AXES, count_of, count_where, infer_average, prepare, reduce_by

__all__ = ["declare_spread", "degrees_of_freedom", "root", "spread_around", "std", "var"]

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
    pull = set_aside(0.5 * _pull(x, axis, ddof), spread(g, x_shape, axis, keepdims), times)
    size = set_aside(out, g, times)
    ratio = divide_by_size(g, size, x, label, out)
    if ratio is None:
        return times(spread(over_kink(g, size, label=label), x_shape, axis, keepdims), pull)
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


def _root_mean_square_vjp(g: Any, d: Any, free: Any, out: Any, axis: Any, keepdims: bool, label: str) -> Any:
    ratio = divide_by_size(g, out, d, label)
    ratio = over_kink(g, out, label=label) if ratio is None else ratio
    share = _conjugate(d) / spread(free, d.shape, axis, keepdims)
    return multiply_kink(share, spread(ratio, d.shape, axis, keepdims))


def _conjugate(x: Any) -> Any:
    return np.conj(x) if x.dtype.kind == "c" else x


root_mean_square = op(
    "root_mean_square",
    lambda d, free, axis, keepdims: np.sqrt(np.sum(_real_part(d * _conjugate(d)), axis=axis, keepdims=keepdims) / free),
    shape=lambda d, free, axis, keepdims: (free.shape, free.dtype),
    vjp={"d": _root_mean_square_vjp, "free": ZERO},
    jvp={
        "d": lambda t, d, free, out, axis, keepdims, label: over_kink(
            np.sum(_real_part(_conjugate(d) * t), axis=axis, keepdims=keepdims) / free, out, label=label
        ),
        "free": ZERO,
    },
    inputs="d free",
    statics={"axis": None, "keepdims": False},
    doc="Return the root of the sum of squares over `axis`, divided by a count; where it is 0, so is its derivative.",
)


def spread_around(
    a: Node, axis: Axis, keepdims: bool, where: Operand, mean: Operand, *, squared: bool, alone: bool, ddof: float
) -> tuple[Node, Node]:
    """Return the mean square of the distances from `mean` where the mask holds, or its root; and what it is divided by.

    `alone` says that an element without others has the distance 0.
    """
    d = np.where(where, a - mean, 0)
    dtype = _real_part(d).dtype
    count = as_node(count_where(where, a.shape, axis, keepdims))
    free = (count - ddof).astype(dtype)
    used = np.where(free > 0, free, 1)
    if squared:
        total = np.sum(_real_part(d * _conjugate(d)), axis=axis, keepdims=keepdims) / used
    elif alone:
        d = np.where(as_node(count_where(where, a.shape, axis, True)) > 1, d, 1)
        total = np.where(count > 1, root_mean_square(d, used, axis=axis, keepdims=keepdims), 0)
    else:
        total = root_mean_square(d, used, axis=axis, keepdims=keepdims)
    return total, free


def degrees_of_freedom(name: str, ddof: float, correction: float | None) -> float:
    """Return the degrees of freedom that the mean takes, under either of their names."""
    if correction is not None and ddof != 0:
        raise ValueError(f"np.{name}: `ddof` and `correction` are two names of one number: give one of them")
    return check_ddof(ddof if correction is None else correction)


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
    found, free = spread_around(node, axis, keepdims, where, center, squared=squared, alone=mean is None, ddof=ddof)
    return np.where(free > 0, found, found / (free > 0).astype(free.dtype))  # as NumPy divides by 0


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
