"""Matrix products of all ranks NumPy allows."""

# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

import math
import operator
from typing import Any, overload

from .._graph.node import INEXACT, Node, NodeOrArray, Operand
from .._graph.types import Array, ArrayLike, Function
from .._graph.types import both as np
from ._declare import bilinear, function, op, result_dtype
from ._guards import guard_of, guard_product, strong_multiply
from ._op import Signature
from .arithmetic import multiply
from .einsum import as_operand
from .linear import reshape, transpose

__all__ = ["dot", "guarded_matmul", "matmul"]


def _matmul_shape(x: Node, y: Node) -> Signature:
    a, b = x.shape, y.shape
    if len(a) == 2 == len(b) and a[1] == b[0]:
        shape: tuple[int, ...] = (a[0], b[1])
    else:
        if not a or not b:
            raise ValueError("matmul takes no 0-d operands; use `*`")
        rows, inner = (a[-2:-1], a[-1])
        other, columns = (b[0], ()) if len(b) == 1 else (b[-2], b[-1:])
        if inner != other:
            raise ValueError(f"the last axis of the first has {inner} elements, the rows of the second {other}")
        shape = (*np.broadcast_shapes(a[:-2], b[:-2]), *rows, *columns)
    dtype = x.dtype
    return shape, dtype if dtype is y.dtype and dtype.kind in INEXACT else result_dtype(np.multiply, dtype, y.dtype)


def _multiply(x: Any, y: Any, times: Function, side: str) -> Any:
    """Return x @ y, with the guard that `times` has; `side` tells which of them is the adjoint."""
    if times is operator.mul:
        return x @ y
    side = "both" if times is strong_multiply else side
    if isinstance(x, Node) or isinstance(y, Node):
        return guarded_matmul(x, y, side=side)
    return guard_product(np.matmul, x, y, side)


def _by_left(g: Any, y: Any, x_shape: tuple[int, ...], times: Function) -> Any:
    if len(x_shape) == 2 == len(y.shape):
        return _multiply(g, y.T, times, "x")
    if len(y.shape) == 1:
        return times(g[..., None], y)
    if len(x_shape) == 1:
        return _multiply(y, g[..., None], times, "y")[..., 0]
    return _multiply(g, y.swapaxes(-1, -2), times, "x")


def _by_right(g: Any, x: Any, y_shape: tuple[int, ...], times: Function) -> Any:
    if len(x.shape) == 2 == len(y_shape):
        return _multiply(x.T, g, times, "y")
    if len(x.shape) == 1:
        return times(g, x) if len(y_shape) == 1 else times(g[..., None, :], x[:, None])
    if len(y_shape) == 1:
        return _multiply(x.swapaxes(-1, -2), g[..., None], times, "y")[..., 0]
    return _multiply(x.swapaxes(-1, -2), g, times, "y")


guarded_matmul: Any = op(
    "guarded_matmul",
    lambda x, y, side: guard_product(np.matmul, x, y, side),
    shape=lambda x, y, side: _matmul_shape(x, y),
    vjp={
        "x": lambda g, y, x_shape, side: _by_left(g, y, x_shape, guard_of(side, "x")),
        "y": lambda g, x, y_shape, side: _by_right(g, x, y_shape, guard_of(side, "y")),
    },
    jvp={
        "x": lambda t, y, side: _multiply(t, y, guard_of(side, "x"), "x"),
        "y": lambda t, x, side: _multiply(x, t, guard_of(side, "y"), "y"),
    },
    inputs="x y",
    statics={"side": "x"},
    selects="vjp",
    doc="Return x @ y, and 0 times anything as 0 where the factor on that side, or either if it is both, is exactly 0.",
)

matmul = bilinear(
    "matmul",
    operator.matmul,
    shape=_matmul_shape,
    vjp={"x": _by_left, "y": _by_right},
    numpy=(np.matmul, np.linalg.matmul),
    doc="Return x @ y (Stratos H: mult; J^U g = g V^T, J^V g = U^T g).\n\n"
    ">>> matmul(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0]))\narray([-1., -1.])",
)


@overload
def dot(x: ArrayLike, y: ArrayLike) -> Array: ...


@overload
def dot(x: Operand, y: Operand) -> Node: ...


@function(np.dot)
def dot(x: Operand, y: Operand) -> NodeOrArray:
    """Return the product as `numpy.dot` means it: over the last axis of `x` and the last but one of `y`.

    Parameters
    ----------
    x, y
        Arrays, numbers or nodes, at least one a node.

    Returns
    -------
    Node of shape ``x.shape[:-1] + y.shape[:-2] + y.shape[-1:]``; for a 0-d operand the plain product.

    Raises
    ------
    ShapeError
        If the summed axes differ in length.

    Notes
    -----
    Built from matmul, reshape and transpose, so it has no rule of its own.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> np.dot(lg.constant(np.ones((2, 3, 4))), np.ones((5, 4, 6))).shape
    (2, 3, 5, 6)
    """
    x, y = as_operand(x), as_operand(y)
    if not x.shape or not y.shape:
        return multiply.build_binary(x, y)
    if y.ndim <= 2:
        return matmul.build_binary(x, y)
    axes = (y.ndim - 2, *range(y.ndim - 2), y.ndim - 1)
    columns = reshape(transpose(y, axes=axes), shape=(y.shape[-2], math.prod(y.shape[:-2]) * y.shape[-1]))
    return reshape(matmul(x, columns), shape=(*x.shape[:-1], *y.shape[:-2], y.shape[-1]))
