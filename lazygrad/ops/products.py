"""Products of arrays in the words NumPy has for them: of vectors, of chosen axes, Kronecker's, and convolutions."""

from __future__ import annotations

import functools
from itertools import zip_longest
from string import ascii_letters
from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple

from .._errors import ShapeError
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.settings import describe
from .._graph.types import DTypeLike
from .._graph.types import both as np
from ._declare import bilinear, function, op, result_dtype
from ._op import Op, Signature
from .einsum import as_operand, contract_all, einsum
from .indexing import scatter_add
from .linalg import matmul
from .linear import concatenate, reshape
from .matrices import conj
from .shape import matrix_transpose, moveaxis

__all__ = ["convolve", "cross", "inner", "kron", "outer", "tensordot", "vecdot"]


def _flat(x: Node) -> Node:
    return x if x.ndim == 1 else reshape(x, shape=-1)


# -- by chosen axes --------------------------------------------------------------------------------


def _letters(m: int, n: int) -> tuple[str, str]:
    """Return a letter of its own for each of m and of n axes."""
    return ascii_letters[:m], ascii_letters[m : m + n]


@functools.cache
def _pair_axes(m: int, n: int, first: tuple[int, ...], second: tuple[int, ...]) -> tuple[tuple[str, str], str]:
    """Return terms and output of the sum over pairs of axes, one of m and one of n."""
    left, right = _letters(m, n)
    shared = {right[k]: left[i] for i, k in zip(first, second, strict=True)}
    joined = "".join([shared.get(c, c) for c in right])
    return (left, joined), "".join([c for c in left + joined if c not in shared.values()])


@function(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Node:
    """Return the sum of products over the last axes of `a` and the first of `b`, or over the pairs of axes named.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> np.tensordot(lg.constant(np.ones((2, 3, 4))), np.ones((4, 3, 5)), axes=([2, 1], [0, 1])).shape
    (2, 5)
    """
    a, b = as_operand(a), as_operand(b)
    if isinstance(axes, (int, np.integer)):
        of_a, of_b = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    elif not isinstance(axes, (tuple, list, np.ndarray)) or len(axes) != 2:
        raise TypeError(f"axes of np.tensordot are a number or a pair of axes, not {describe(axes)}")
    else:
        of_a, of_b = normalize_axis_tuple(axes[0], a.ndim), normalize_axis_tuple(axes[1], b.ndim)
    fits = len(of_a) == len(of_b) <= min(a.ndim, b.ndim)
    if not fits or any(a.shape[i] != b.shape[k] for i, k in zip(of_a, of_b, strict=True)):
        raise ShapeError(f"tensordot({a.shape}, {b.shape}, axes={axes!r}): the summed axes differ in length or number")
    return contract_all((a, b), *_pair_axes(a.ndim, b.ndim, of_a, of_b))


@function(np.linalg.tensordot)
def _tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Node:
    return tensordot(x1, x2, axes)


@function(np.inner)
def inner(a: Operand, b: Operand) -> Node:
    """Return the sum of products over the last axes; for a number the plain product."""
    a, b = as_operand(a), as_operand(b)
    return tensordot(a, b, axes=(-1, -1) if a.ndim and b.ndim else 0)


@function(np.outer)
def outer(a: Operand, b: Operand) -> Node:
    """Return every element of `a` times every element of `b`, as a matrix."""
    return tensordot(_flat(as_operand(a)), _flat(as_operand(b)), axes=0)


@function(np.linalg.outer)
def _outer(x1: Any, x2: Any, /) -> Node:
    x1, x2 = as_operand(x1), as_operand(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"np.linalg.outer takes two vectors, not {x1.shape} and {x2.shape}; np.outer flattens")
    return outer(x1, x2)


@function(np.kron)
def kron(a: Operand, b: Operand) -> Node:
    """Return the Kronecker product: every element of `a` times all of `b`, in blocks."""
    a, b = as_operand(a), as_operand(b)
    left, right = _letters(a.ndim, b.ndim)
    pairs = [*zip_longest(left[::-1], right[::-1], fillvalue="")][::-1]  # the last axes belong together
    blocks = contract_all((a, b), (left, right), "".join([i + k for i, k in pairs]))
    lengths = [*zip_longest(a.shape[::-1], b.shape[::-1], fillvalue=1)][::-1]
    return reshape(blocks, shape=tuple([m * n for m, n in lengths]))


# -- of vectors and matrices -----------------------------------------------------------------------


@function(np.vdot)
def vdot(a: Operand, b: Operand) -> Node:
    """Return the inner product of all elements; the first argument is conjugated."""
    a, b = as_operand(a), as_operand(b)
    if a.size != b.size:
        raise ShapeError(f"vdot({a.shape}, {b.shape}): the arguments differ in size")
    return tensordot(conj(_flat(a)), _flat(b), axes=1)


@function(np.vecdot, np.linalg.vecdot)
def vecdot(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Node:
    """Return the inner products of vectors along an axis; the first argument is conjugated."""
    x1, x2 = (x if axis == -1 else moveaxis(x, axis, -1) for x in (as_operand(x1), as_operand(x2)))
    if x1.shape[-1:] != x2.shape[-1:] or not x1.ndim:
        raise ShapeError(f"vecdot({x1.shape}, {x2.shape}): the vectors differ in length")
    return einsum("...a,...a->...", conj(x1), x2)


# The next two exist since NumPy 2.2.
_MATVEC, _VECMAT = ([getattr(np, name)] if hasattr(np, name) else [] for name in ("matvec", "vecmat"))


@function(*_MATVEC)
def matvec(x1: Operand, x2: Operand, /) -> Node:
    """Return the products of matrices with vectors."""
    x1, x2 = as_operand(x1), as_operand(x2)
    if not x2.ndim or x1.ndim < 2:
        raise ShapeError(f"matvec({x1.shape}, {x2.shape}): it takes matrices and vectors")
    return matmul(x1, x2) if x2.ndim == 1 else matmul(x1, x2[..., None])[..., 0]


@function(*_VECMAT)
def vecmat(x1: NodeOrArray, x2: NodeOrArray, /) -> Node:
    """Return the products of vectors, conjugated, with matrices."""
    x1, x2 = conj(as_operand(x1)), as_operand(x2)
    if not x1.ndim or x2.ndim < 2:
        raise ShapeError(f"vecmat({x1.shape}, {x2.shape}): it takes vectors and matrices")
    return matmul(x1, x2) if x1.ndim == 1 else matmul(x1[..., None, :], x2)[..., 0, :]


function(np.linalg.matrix_transpose)(matrix_transpose)


@function(np.linalg.diagonal)
def diagonal(x: Operand, /, *, offset: int = 0) -> Node:
    """Return the diagonals of matrices."""
    return np.diagonal(x, offset, -2, -1)


@function(np.linalg.trace)
def trace(x: Operand, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> Node:
    """Return the sums of the diagonals of matrices."""
    return np.trace(x, offset, -2, -1, dtype)


# -- the cross product -----------------------------------------------------------------------------


def _cross_shape(x: Node, y: Node) -> Signature:
    if x.shape[-1:] != (3,) or y.shape[-1:] != (3,):
        raise ValueError("the vectors must have 3 elements")
    return np.broadcast_shapes(x.shape, y.shape), result_dtype(np.subtract, x.dtype, y.dtype)


cross: Op = bilinear(
    "cross",
    np.cross,
    shape=_cross_shape,
    vjp={"x": lambda g, y: cross(y, g), "y": lambda g, x: cross(g, x)},
    doc="Return the cross product along the last axis, of 3 elements.",
)


@function(np.cross)
def cross_along(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> NodeOrArray:
    """Return the cross product of vectors of 2 or 3 elements along the axes; for two of 2, its last element alone."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = (x if k == -1 else moveaxis(x, k, -1) for x, k in ((as_operand(a), axisa), (as_operand(b), axisb)))
    lengths = a.shape[-1:] + b.shape[-1:]
    if lengths == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    if len(lengths) < 2 or not {*lengths} <= {2, 3}:
        raise ShapeError(f"cross({a.shape}, {b.shape}): the vectors must have 2 or 3 elements")
    product = cross(*[x if x.shape[-1] == 3 else _pad_to_space(x) for x in (a, b)])
    return product if axisc == -1 else moveaxis(product, -1, axisc)


def _pad_to_space(x: Node) -> Node:
    """Return vectors in the plane as vectors in space."""
    return concatenate(x, np.zeros((*x.shape[:-1], 1), x.dtype), axis=-1)


@function(np.linalg.cross)
def _cross(x1: Any, x2: Any, /, *, axis: int = -1) -> NodeOrArray:
    x1, x2 = as_operand(x1), as_operand(x2)
    if any(not x.ndim or x.shape[axis] != 3 for x in (x1, x2)):
        raise ShapeError(f"cross({x1.shape}, {x2.shape}): the vectors must have 3 elements")
    return cross_along(x1, x2, axis=axis)


# -- convolutions ----------------------------------------------------------------------------------


def _span(m: int, n: int, mode: str) -> slice:
    """Return which part of the full convolution a mode keeps."""
    shorter, longer = sorted((m, n))
    if mode == "full":
        return slice(0, m + n - 1)
    if mode == "same":
        return slice((shorter - 1) // 2, (shorter - 1) // 2 + longer)
    if mode == "valid":
        return slice(shorter - 1, longer)
    raise ValueError(f"the mode must be 'full', 'same' or 'valid', not {mode!r}")


def _convolve_shape(x: Node, y: Node, mode: str) -> Signature:
    if x.ndim != 1 or y.ndim != 1 or not x.size or not y.size:
        raise ValueError("both must have one axis and not be empty")
    span = _span(x.size, y.size, mode)
    return (span.stop - span.start,), result_dtype(np.convolve, x.dtype, y.dtype)


def _other_factor(g: Any, y: Any, count: int, mode: str) -> Any:
    """Correlate the full adjoint with the other factor: the contribution to a factor of `count` elements."""
    n = y.shape[0]
    if mode != "full":
        g = scatter_add(g, shape=(count + n - 1,), key=(_span(count, n, mode),))
    return convolve(g, y[::-1], mode="valid")


convolve: Op = op(
    "convolve",
    lambda x, y, mode: np.convolve(x, y, mode),
    shape=_convolve_shape,
    vjp={
        "x": lambda g, y, x_shape, mode: _other_factor(g, y, x_shape[0], mode),
        "y": lambda g, x, y_shape, mode: _other_factor(g, x, y_shape[0], mode),
    },
    jvp={
        "x": lambda t, y, mode: convolve(t, y, mode=mode),
        "y": lambda t, x, mode: convolve(x, t, mode=mode),
    },
    inputs="x y",
    statics={"mode": "full"},
    doc="Return the convolution of two vectors: all of it, its middle, or where they overlap fully.",
)


@function(np.convolve)
def convolution(a: Operand, v: Operand, mode: str = "full") -> Node:
    """Return the convolution of two vectors; a number is a vector of one."""
    return convolve(*[x if x.ndim else _flat(x) for x in (as_operand(a), as_operand(v))], mode=mode)


@function(np.correlate)
def correlate(a: Operand, v: Operand, mode: str = "valid") -> Node:
    """Return the correlation of two vectors: `a` convolved with the conjugate of `v` reversed."""
    a, v = as_operand(a), as_operand(v)
    if a.ndim != 1 or v.ndim != 1:
        raise ShapeError(f"correlate({a.shape}, {v.shape}): it takes two vectors")
    backwards = conj(v)[::-1]
    if mode == "same" and a.size < v.size:  # NumPy rounds the middle the other way here
        return convolve(a, backwards)[a.size // 2 : a.size // 2 + v.size]
    return convolve(a, backwards, mode=mode)
