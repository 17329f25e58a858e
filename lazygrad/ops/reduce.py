"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._graph.node import Node, NodeOrArray, Operand, build
from .._graph.types import Axis, DTypeLike, Function
from .._graph.types import both as np
from ._declare import function, linear, op, result_dtype
from ._op import Op, Signature, as_node
from .arithmetic import guarded_multiply
from .bounds import at_least, at_most
from .linear import infer_reduction, spread, sum

__all__ = [
    "AXES",
    "axes_of",
    "count_of",
    "count_where",
    "declare_extremum",
    "gather_axes",
    "infer_average",
    "max",
    "mean",
    "min",
    "prepare",
    "prod",
    "reduce_by",
    "restore_axes",
    "trace",
]

AXES = {"axis": None, "keepdims": False}
TOTAL = dict(AXES)  # the statics of all sums over everything; never written to

# -- axes ------------------------------------------------------------------------------------------


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return the axes meant, counted from 0; NumPy lets a 0-d array be reduced along axis 0."""
    if axis is None or not ndim:
        return tuple(range(ndim))
    return normalize_axis_tuple(axis, ndim)


def count_of(shape: tuple[int, ...], axis: Axis) -> int:
    """Return how many elements each element of the result is made of."""
    count = 1
    for a in axes_of(axis, len(shape)):
        count *= shape[a]
    return count


def gather_axes(x: NodeOrArray, axis: Axis) -> NodeOrArray:
    """Return the array with all axes that are reduced merged into one, the first."""
    axes = axes_of(axis, x.ndim)
    rest = tuple([k for k in range(x.ndim) if k not in axes])
    return x.transpose((*axes, *rest)).reshape((count_of(x.shape, axis), *[x.shape[k] for k in rest]))


def restore_axes(y: NodeOrArray, shape: tuple[int, ...], axis: Axis) -> NodeOrArray:
    """Return an array that `gather_axes` made to its axes, those of `shape`."""
    axes = axes_of(axis, len(shape))
    order = (*axes, *[k for k in range(len(shape)) if k not in axes])
    return y.reshape(tuple([shape[k] for k in order])).transpose(tuple([order.index(k) for k in range(len(shape))]))


# -- the arguments that NumPy's reductions share ---------------------------------------------------


def prepare(name: str, a: Any, dtype: DTypeLike | None = None, where: Operand = True, fill: float = 0) -> Node:
    """Return the node to be reduced: in the dtype asked for, and `fill` where the mask does not hold."""
    a = as_node(a)
    if dtype is not None and a.dtype != dtype:
        a = a.astype(dtype)
    if where is not True:
        chosen = np.where(where, a, fill)
        if chosen.shape != a.shape:
            raise ValueError(f"np.{name}: the mask `where` of shape {np.shape(where)} does not fit {a.shape}")
        a = chosen
    return a


def reduce_by(op: Op, a: Node, axis: Axis, keepdims: bool, **static: object) -> Node:
    """Build the node of a reduction."""
    static = {"axis": tuple(axis) if isinstance(axis, list) else axis, "keepdims": keepdims, **static}
    nodes = (a,)
    return build(op, nodes, static, *op.infer_checked(nodes, static))


# -- sum, mean -------------------------------------------------------------------------------------


@function(np.sum, direct=(2, ("axis", "keepdims")))
def _sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Return the sum over `axis` (all axes by default)."""
    if dtype is not None or where is not True or initial is not None:
        a = prepare("sum", a, dtype, where)
    if axis is None and not keepdims and a.dtype.kind in "fc":
        total = build(sum, (a,), TOTAL, (), a.dtype)  # the shortest way, for losses
    else:
        total = reduce_by(sum, a, axis, keepdims)
    return total if initial is None else total + total.dtype.type(initial)


def _mean_rule(g: Any, x_shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    return spread(g / (count_of(x_shape, axis) or 1), x_shape, axis, keepdims)


def infer_average(function: object) -> Callable[..., Signature]:
    """Return an inference for `function` over axes; unlike the other reductions it takes no axis of a 0-d array."""
    infer = infer_reduction(function)

    def infer_checked(x: Node, axis: Any, keepdims: bool, **static: Any) -> Signature:
        if axis is not None and not x.shape:
            normalize_axis_tuple(axis, 0)
        return infer(x, axis, keepdims)

    return infer_checked


mean = linear(
    "mean",
    lambda x, axis, keepdims: x.mean(axis=axis, keepdims=keepdims),
    shape=infer_average(np.mean),
    transpose=_mean_rule,
    statics=AXES,
    doc="Return the arithmetic mean over `axis` (all axes by default).\n\n"
    ">>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)\narray([2., 3.])",
)


@function(np.mean, direct=(2, ("axis", "keepdims")))
def _mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """Return the arithmetic mean over `axis` (all axes by default), of the elements where the mask holds."""
    node = prepare("mean", a, dtype, where)
    if where is True:
        return reduce_by(mean, node, axis, keepdims)
    total = np.sum(node, axis=axis, keepdims=keepdims)
    if total.dtype.kind not in "fc":
        total = total.astype(float)
    return total / count_where(where, node.shape, axis, keepdims).astype(total.dtype)


def count_where(where: Operand, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> NodeOrArray:
    """Count for how many of the elements that are reduced to one the mask holds."""
    return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=keepdims)


# -- max, min --------------------------------------------------------------------------------------


def _share(x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    """Return each element's share of the extremum: 1 / (number of ties) where it is reached, else 0."""
    reached = np.where(x == spread(out, x.shape, axis, keepdims), x.dtype.type(1), x.dtype.type(0))
    return reached / np.sum(reached, axis=axis, keepdims=True)


def declare_extremum(name: str, function: Function, doc: str, share: Function = _share, example: str = "") -> Op:
    """Declare the choice of one element of those reduced, whose ties split the derivative by `share`."""

    def infer(x: Node, axis: Any, keepdims: bool) -> Signature:
        if 0 in x.shape:
            function(np.empty(x.shape, bool), axis, keepdims)  # NumPy's own error if there is nothing to choose from
        return infer_reduction(np.max)(x, axis, keepdims)

    return op(
        name,
        function,
        shape=infer,
        vjp={
            "x": lambda g, x, out, x_shape, axis, keepdims: guarded_multiply(
                share(x, out, axis, keepdims), spread(g, x_shape, axis, keepdims)
            )
        },
        jvp={
            "x": lambda t, x, out, axis, keepdims: np.sum(
                guarded_multiply(share(x, out, axis, keepdims), t), axis=axis, keepdims=keepdims
            )
        },
        statics=AXES,
        selects="vjp",
        doc=f"{doc} over `axis` (all axes by default); ties split the derivative evenly.\n\n{example}",
    )


max = declare_extremum(
    "max",
    lambda x, axis, keepdims: x.max(axis=axis, keepdims=keepdims),
    "Return the maximum",
    example=">>> max(np.array([[1.0, 3.0], [2.0, 2.0]]), axis=1)\narray([3., 2.])",
)
min = declare_extremum(
    "min",
    lambda x, axis, keepdims: x.min(axis=axis, keepdims=keepdims),
    "Return the minimum",
    example=">>> min(np.array([[1.0, 3.0], [2.0, 2.0]]), axis=1)\narray([1., 2.])",
)


def _declare_function(op: Op, bound: Op) -> Any:
    """Declare NumPy's maximum or minimum, which an `initial` value bounds like `clip`."""

    def call(
        a: Any,
        axis: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        if initial is None:
            if where is not True:
                raise ValueError(f"np.{op.name} of what a mask `where` chooses needs an `initial` value")
            return reduce_by(op, prepare(op.name, a), axis, keepdims)
        a = as_node(a)
        least = a.dtype.type(initial).item()
        a = prepare(op.name, a, None, where, least)
        if a.size == 0:
            return as_node(np.full(infer_reduction(np.max)(a, axis, keepdims)[0], least, a.dtype))
        return bound(reduce_by(op, a, axis, keepdims), bound=least)

    call.__doc__ = op.doc
    return call


function(np.max, np.amax, direct=(2, ("axis", "keepdims")))(_declare_function(max, at_least))
function(np.min, np.amin, direct=(2, ("axis", "keepdims")))(_declare_function(min, at_most))


@function(np.ptp)
def ptp(a: Operand, axis: int | None = None, keepdims: bool = False) -> Node:
    """Return the maximum minus the minimum."""
    node = prepare("ptp", a)
    return reduce_by(max, node, axis, keepdims) - reduce_by(min, node, axis, keepdims)


# -- products --------------------------------------------------------------------------------------


def _of_the_others(x: Any) -> Any:
    """Return for each place along the first axis the product of all others, without division, so zeros do no harm."""
    n = x.shape[0]
    if n <= 2:
        return x[::-1] if n != 1 else np.ones(x.shape, x.dtype)
    half = (n + 1) // 2
    a, b = x[:half], x[half:]
    if n % 2:
        b = np.concatenate((b, np.ones((1, *x.shape[1:]), x.dtype)))
    outside = _of_the_others(a * b)  # the product of all other pairs
    return np.concatenate((outside * b, (outside * a)[: n - half]))


def _cofactors(x: Any, axis: Any) -> Any:
    return restore_axes(_of_the_others(gather_axes(x, axis)), x.shape, axis)


prod = op(
    "prod",
    lambda x, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims),
    shape=infer_reduction(np.prod),
    vjp={
        "x": lambda g, x, x_shape, axis, keepdims, times: times(spread(g, x_shape, axis, keepdims), _cofactors(x, axis))
    },
    jvp={"x": lambda t, x, axis, keepdims, times: np.sum(times(t, _cofactors(x, axis)), axis=axis, keepdims=keepdims)},
    statics=AXES,
    doc="Return the product over `axis` (all axes by default); its derivative is exact where elements are 0.\n\n"
    ">>> prod(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)\narray([3., 8.])",
)


@function(np.prod, direct=(2, ("axis", "keepdims")))
def _prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Return the product over `axis` (all axes by default)."""
    product = reduce_by(prod, prepare("prod", a, dtype, where, 1), axis, keepdims)
    return product if initial is None else product * product.dtype.type(initial)


# -- trace -----------------------------------------------------------------------------------------


def _trace_shape(x: Node, offset: int, axis1: int, axis2: int) -> Signature:
    if x.ndim < 2:
        raise ValueError("needs at least two axes")
    axes = normalize_axis_tuple((axis1, axis2), x.ndim)
    return tuple([n for k, n in enumerate(x.shape) if k not in axes]), result_dtype(np.sum, x.dtype)


def _onto_diagonal(g: Any, x_shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Any:
    """Return zeros with g on the diagonal that was summed."""
    i, k = normalize_axis_index(axis1, len(x_shape)), normalize_axis_index(axis2, len(x_shape))
    diagonal = np.eye(x_shape[i], x_shape[k], offset, dtype=bool)
    diagonal = (diagonal if i < k else diagonal.T).reshape([n if j in (i, k) else 1 for j, n in enumerate(x_shape)])
    return np.where(diagonal, g.reshape(tuple([1 if j in (i, k) else n for j, n in enumerate(x_shape)])), 0)


trace = linear(
    "trace",
    lambda x, offset, axis1, axis2: np.trace(x, offset, axis1, axis2),
    shape=_trace_shape,
    transpose=_onto_diagonal,
    statics={"offset": 0, "axis1": 0, "axis2": 1},
    selects="vjp",
    doc="Return the sum along a diagonal of two axes.",
)


@function(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """Return the sum along a diagonal of two axes."""
    node = prepare("trace", a, dtype)
    return trace.on_nodes((node,), {"offset": offset, "axis1": axis1, "axis2": axis2})
