"""Norms of vectors and matrices, of every order NumPy has.

A norm has derivative 0 at 0, and by an element that is 0 (where it has a kink).
"""

from __future__ import annotations

from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.quiet import in_errstate
from .._graph.types import Axis, Function
from .._graph.types import both as np
from ._declare import function, op
from ._guards import set_aside
from ._kinks import divide_by_size, multiply_kink, over_kink, where_zero
from ._op import Signature, as_node
from .decompositions import svdvals
from .linear import spread
from .matrices import conj, real, reciprocal
from .solving import inv

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]

# -- vectors ---------------------------------------------------------------------------------------


def _as_floating(x: Any) -> Any:
    """Return the array itself, or integers as floats."""
    return x if x.dtype.kind in "fc" else x.astype(float)


def _infer_norm(x: Node, axis: Any, keepdims: bool, **static: Any) -> Signature:
    shape = np.empty(x.shape, bool).any(axis=axis, keepdims=keepdims).shape if axis is not None or keepdims else ()
    return shape, np.finfo(x.dtype).dtype if x.dtype.kind in "fc" else np.dtype(float)


def _rescale(x: Any, found: Any, axis: Any, keepdims: bool, measure: Any) -> Any:
    """Return what was found; where it over- or underflowed, but x does not, the size in units of the largest."""
    tiny = np.finfo(found.dtype).tiny / np.finfo(found.dtype).eps
    lost = (found < tiny**0.5) | ~np.isfinite(found)
    if not np.any(lost) or 0 in x.shape:
        return found
    largest = np.max(np.abs(x), axis=axis, keepdims=True)
    unit = np.where((largest > 0) & (largest < np.inf), largest, 1)
    scaled = measure(x / unit) * (unit if keepdims else unit.reshape(found.shape))
    return np.where(lost & np.isfinite(scaled), scaled, found)[()]


@in_errstate(over="ignore", under="ignore")
def _euclidean_value(x: Any, axis: Any, keepdims: bool) -> Any:
    x = _as_floating(x)

    def measure(x: Any) -> Any:
        return np.sqrt(np.sum((conj(x) * x).real, axis=axis, keepdims=keepdims))

    found = measure(x)
    return _rescale(x, found, axis, keepdims, measure)


def _euclidean_vjp(g: Any, x: Any, out: Any, axis: Any, keepdims: bool, label: str, times: Function) -> Any:
    ratio = divide_by_size(g, set_aside(out, g, times), x, label, out)
    if ratio is None:
        return times(spread(times(g, reciprocal(out)), x.shape, axis, keepdims), conj(x))
    living = set_aside(x, spread(g, x.shape, axis, keepdims), times)
    return multiply_kink(conj(living), spread(ratio, x.shape, axis, keepdims))


_euclidean = op(
    "norm",
    _euclidean_value,
    shape=_infer_norm,
    vjp={"x": _euclidean_vjp},
    jvp={
        "x": lambda dx, x, out, axis, keepdims, label: over_kink(
            real(np.sum(conj(x) * dx, axis=axis, keepdims=keepdims)), out, label=label
        ),
    },
    statics={"axis": None, "keepdims": False},
    doc="Return the square root of the sum of squares (of moduli) over `axis`; its derivative at 0 is 0.",
)


@in_errstate(divide="ignore", over="ignore", under="ignore")
def _p_value(x: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    x = _as_floating(x)

    def measure(x: Any) -> Any:
        return np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)

    # A negative power of 0 is infinite, and the norm then rightly 0.
    found = measure(x)
    return found if ord < 0 else _rescale(x, found, axis, keepdims, measure)


def _p_slope(x: Any, out: Any, ord: float, axis: Any, keepdims: bool, label: str) -> Any:
    """Return the derivative by each element: x* / |x| (|x| / norm)^(p-1), and 0 where either is 0."""
    total = spread(out, x.shape, axis, keepdims)
    at_zero = (x == 0) | (total == 0)
    size = np.abs(np.where(at_zero, 1, x))
    ratio = size / np.where(at_zero, 1, total)
    slope = np.where(at_zero, 0, conj(x) / size * ratio ** (ord - 1))
    if ord > 2 or not isinstance(x, Node):
        return slope
    kink = (x == 0) & (total != 0)
    return np.where(kink, where_zero(conj(x), kink, label=label), slope)


def _p_vjp(g: Any, x: Any, out: Any, ord: float, axis: Any, keepdims: bool, label: str, times: Function) -> Any:
    slope = _p_slope(x, out, ord, axis, keepdims, label)
    ratio = divide_by_size(g, out, x, label, round=False)
    if ratio is None:
        return times(spread(g, x.shape, axis, keepdims), slope)
    total, factor = [spread(v, x.shape, axis, keepdims) for v in (out, ratio)]
    return multiply_kink(total * slope, factor)


def _p_jvp(dx: Any, x: Any, out: Any, ord: float, axis: Any, keepdims: bool, label: str) -> Any:
    slope = _p_slope(x, out, ord, axis, keepdims, label)
    if not isinstance(dx, Node):
        return real(np.sum(dx * slope, axis=axis, keepdims=keepdims))
    total = spread(out, x.shape, axis, keepdims)
    return over_kink(real(np.sum(dx * (total * slope), axis=axis, keepdims=keepdims)), out, label=label)


_p_norm = op(
    "p_norm",
    _p_value,
    shape=_infer_norm,
    vjp={"x": _p_vjp},
    jvp={"x": _p_jvp},
    statics={"ord": 2.0, "axis": None, "keepdims": False},
    doc="Return the p-th root of the sum of p-th powers of moduli over `axis`; its derivative by a 0 is 0.",
)


def _norm_of_vectors(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise ValueError(f"there is no norm of vectors of order {ord!r}")
    if ord is None or ord == 2:
        return _euclidean(x, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(np.finfo(x.dtype).dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == np.inf:
        return _largest(np.abs(x), axis, keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    return _p_norm(x, ord=float(ord), axis=axis, keepdims=keepdims)


def _largest(x: Any, axis: Any, keepdims: bool) -> Any:
    """Return the maximum of what is not negative; 0 of nothing."""
    if 0 in x.shape:
        return np.sum(x, axis=axis, keepdims=keepdims)
    return np.max(x, axis=axis, keepdims=keepdims)


# -- matrices --------------------------------------------------------------------------------------


def _norm_of_matrices(x: Any, ord: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    row, column = [normalize_axis_index(k, x.ndim) for k in axis]
    if row == column:
        raise ValueError(f"the norm of matrices takes two different axes, not {axis}")
    both = (row, column)
    if ord in (None, "fro", "f"):
        return _euclidean(x, axis=both, keepdims=keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(x), axis=row if abs(ord) == 1 else column, keepdims=True)
        return _largest(sums, both, keepdims) if ord > 0 else np.min(sums, axis=both, keepdims=keepdims)
    if ord not in (2, -2, "nuc"):
        raise ValueError(f"there is no norm of matrices of order {ord!r}")
    values = svdvals(np.moveaxis(x, both, (-2, -1)))
    if ord == 2:
        result = _largest(values, -1, False)
    else:
        result = np.min(values, axis=-1) if ord == -2 else np.sum(values, axis=-1)
    return np.expand_dims(result, normalize_axis_tuple(axis, x.ndim)) if keepdims else result


@function(np.linalg.norm)
def norm(x: NodeOrArray, ord: Operand | None = None, axis: Axis = None, keepdims: bool = False) -> NodeOrArray:
    """Return the norm of vectors (along one axis) or matrices (two axes), of any order."""
    x = _as_floating(as_node(x))
    if axis is None:
        if ord is None:
            return _euclidean(x, axis=None, keepdims=keepdims)
        axes: tuple[int, ...] = tuple(range(x.ndim))
    else:
        axes = axis if isinstance(axis, tuple) else (int(axis),)
    if len(axes) == 1:
        return _norm_of_vectors(x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"a norm is along one axis (of vectors) or two (of matrices), not {len(axes)}")
    return _norm_of_matrices(x, ord, (axes[0], axes[1]), keepdims)


@function(np.linalg.vector_norm)
def vector_norm(x: Operand, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Node:
    """Return the norm of vectors: all elements along `axis`, which may be several."""
    return _norm_of_vectors(_as_floating(as_node(x)), ord, axis, keepdims)


@function(np.linalg.matrix_norm)
def matrix_norm(x: Operand, /, *, keepdims: bool = False, ord: Any = "fro") -> Node:
    """Return the norm of the matrices along the last two axes."""
    return _norm_of_matrices(_as_floating(as_node(x)), ord, (-2, -1), keepdims)


@function(np.linalg.cond)
def cond(x: NodeOrArray, p: Operand | None = None) -> Node:
    """Return the condition number, a norm of the matrix times that of its inverse; infinite for singular matrices.

    For an order other than 2 and -2 a singular matrix is an error, as it is for its inverse.
    """
    x = _as_floating(as_node(x))
    if 0 in x.shape:
        raise ValueError("cond is not defined on empty arrays")
    if p not in (None, 2, -2):
        return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)
    values = svdvals(x)
    above, below = values[..., 0], values[..., -1]
    if p == -2:
        above, below = below, above
    singular = below == 0
    return np.where(singular, np.inf, above / np.where(singular, 1, below)).astype(values.dtype)
