"""Linear equations: inverses, determinants, least squares, and products of several matrices.

All but `lstsq` and the tensor forms take stacks of matrices, real or complex.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from .._errors import ShapeError
from .._graph.guards import inside_transform
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import ArrayLike
from .._graph.types import both as np
from .._graph.value import read_guarded
from ._bracketing import Tree, best_bracketing
from ._cutoffs import by_cut, may_cut
from ._declare import function, op
from ._op import Op, Signature, as_node, as_nodes
from ._rule import ZERO
from .linear import astype
from .matrices import (
    conj,
    diagonal,
    fold_into_triangle,
    h,
    identities,
    imag,
    lapack_dtype,
    mirror_triangle,
    need_matrices,
    on_diagonal,
    real,
    square,
    t,
)

__all__ = ["det", "inv", "lstsq", "matrix_power", "matrix_rank", "multi_dot", "pinv", "slogdet", "solve"]

SlogdetResult: Any = type(np.linalg.slogdet(np.ones((1, 1))))  # which NumPy does not export everywhere

# -- inverse and equations -------------------------------------------------------------------------

inv = op(
    "inv",
    np.linalg.inv,
    shape=square,
    vjp={"a": lambda g, out: -t(out) @ g @ t(out)},
    jvp={"a": lambda da, out: -out @ da @ out},
    inputs="a",
    numpy=(np.linalg.inv,),
    doc="Return the inverse of square matrices.",
)


def _solve_shape(a: Node, b: Node) -> Signature:
    (*batch, n, _), _ = square(a)
    need_matrices(b)
    if b.shape[-2] != n:
        raise ValueError(f"{n} equations need as many right-hand sides, not {b.shape[-2]}")
    return (*np.broadcast_shapes(tuple(batch), b.shape[:-2]), n, b.shape[-1]), lapack_dtype(a.dtype, b.dtype)


_solve: Op = op(
    "solve",
    np.linalg.solve,
    shape=_solve_shape,
    vjp={"a": lambda g, a, out: -_solve(t(a), g) @ t(out), "b": lambda g, a: _solve(t(a), g)},
    jvp={"a": lambda da, a, out: -_solve(a, da @ out), "b": lambda db, a: _solve(a, db)},
    inputs="a b",
    doc="Return a^-1 b for square matrices a and matrices b.",
)


@function(np.linalg.solve)
def solve(a: Operand, b: Operand) -> Node:
    """Return the solution x of a x = b; b is a vector only if it is 1-d."""
    a, b = as_nodes((a, b))
    return _solve(a, b[:, None])[..., 0] if b.ndim == 1 else _solve(a, b)


@function(np.linalg.tensorinv)
def tensorinv(a: NodeOrArray, ind: int = 2) -> NodeOrArray:
    """Return the inverse of a as a linear map from its last axes to its first `ind`."""
    if ind <= 0:
        raise ValueError(f"tensorinv takes a positive number of axes `ind`, not {ind}")
    rows, columns = a.shape[:ind], a.shape[ind:]
    return inv(a.reshape((math.prod(rows), math.prod(columns)))).reshape((*columns, *rows))


@function(np.linalg.tensorsolve)
def tensorsolve(a: NodeOrArray, b: NodeOrArray, axes: Sequence[int] | None = None) -> Node:
    """Return the solution x of tensordot(a, x, x.ndim) = b; `axes` of a are moved to its end first."""
    a, b = as_nodes((a, b))
    if axes is not None:
        a = np.transpose(a, [*[k for k in range(a.ndim) if k not in axes], *axes])
    columns = a.shape[b.ndim - a.ndim :] if a.ndim != b.ndim else a.shape
    n = math.prod(columns)
    if math.prod(a.shape) != n * n:
        raise ShapeError(f"tensorsolve: {a.shape} is no square map to shape {b.shape}")
    return solve(a.reshape((n, n)), b.reshape((-1,))).reshape(columns)


# -- determinants ----------------------------------------------------------------------------------


def _all_but_one(s: Any) -> Any:
    """Return for each element of the last axis the product of the others."""
    one = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([one, s], axis=-1), axis=-1)[..., :-1]
    after = np.cumprod(np.concatenate([one, s[..., ::-1]], axis=-1), axis=-1)[..., -2::-1]
    return before * after[..., : s.shape[-1]]


def _all_but_two(s: Any) -> Any:
    """Return for each two elements of the last axis the product of the others; 0 on the diagonal."""
    products = np.zeros((*s.shape, s.shape[-1]), s.dtype)
    for k in range(s.shape[-1]):
        rest = s.copy()
        rest[..., k] = 1
        products[..., k, :] = _all_but_one(rest)
        products[..., k, k] = 0
    return products


def _from_adjugate(U: Any, middle: Any, Vh: Any) -> Any:
    """Return the transpose of the adjugate of U S Vh, from the transpose of that of S."""
    phase = np.linalg.det(U) * np.linalg.det(Vh)
    return conj(U) @ middle @ conj(Vh) * phase[..., None, None]


def _cofactor_value(a: Any) -> Any:
    U, s, Vh = np.linalg.svd(a)
    return _from_adjugate(U, on_diagonal(_all_but_one(s), 0), Vh)


def _cofactor_slope_value(a: Any, e: Any) -> Any:
    U, s, Vh = np.linalg.svd(a)
    E = h(U) @ e @ h(Vh)
    products = _all_but_two(s)
    traces = (products @ diagonal(E)[..., None])[..., 0]
    return _from_adjugate(U, on_diagonal(traces, -t(E * products)), Vh)


def _third(g: Any, a: Any, e: Any) -> Any:
    """Return the third derivative of det along g and e, as a gradient: det times a polynomial in a^-1."""
    B = np.linalg.inv(a)
    G, E = B @ g, B @ e
    GE = G @ E
    p, q = np.sum(diagonal(G), axis=-1)[..., None, None], np.sum(diagonal(E), axis=-1)[..., None, None]
    r = np.sum(diagonal(GE), axis=-1)[..., None, None]
    inner = (p * q - r) * np.eye(a.shape[-1], dtype=a.dtype) - q * G - p * E + GE + E @ G
    return np.linalg.det(a)[..., None, None] * t(inner @ B)


_cofactor_slope: Op = op(
    "cofactor_slope",
    _cofactor_slope_value,
    shape=lambda a, e: (square(a)[0], lapack_dtype(a.dtype, e.dtype)),
    vjp={"a": _third, "e": lambda g, a: _cofactor_slope(a, g)},  # all derivatives of det are symmetric
    jvp={"a": _third, "e": lambda de, a: _cofactor_slope(a, de)},
    inputs="a e",
    doc="Return the derivative of `cofactor` along e: finite for singular matrices, too. (Its own, by a, is not.)",
)

_cofactor = op(
    "cofactor",
    _cofactor_value,
    shape=square,
    vjp={"a": lambda g, a: _cofactor_slope(a, g)},
    jvp={"a": lambda da, a: _cofactor_slope(a, da)},
    inputs="a",
    doc="Return det(a) a^-T, the derivative of det, also for singular matrices: from the singular values.",
)

det = op(
    "det",
    np.linalg.det,
    shape=lambda a: (square(a)[0][:-2], square(a)[1]),
    vjp={"a": lambda g, a: g[..., None, None] * _cofactor(a)},
    jvp={"a": lambda da, a: np.sum(_cofactor(a) * da, axis=(-2, -1))},
    inputs="a",
    numpy=(np.linalg.det,),
    doc="Return the determinant; for singular matrices it has first and second derivatives, too.",
)


def _slogdet_vjp(g: Any, a: Any, out: Any) -> Any:
    # d(log det) = tr(a^-1 da) = c; the logarithm of the modulus changes by Re c, the sign by i Im c times itself.
    weight = real(g[..., 1])
    if out.dtype.kind == "c":
        weight = weight + 1j * imag(g[..., 0] * out[..., 0])
    return weight[..., None, None] * t(np.linalg.inv(a))


def _slogdet_jvp(da: Any, a: Any, out: Any) -> Any:
    c = np.sum(diagonal(np.linalg.solve(a, da)), axis=-1)
    if out.dtype.kind != "c":
        return np.stack([0 * c, c], axis=-1)
    return np.stack([1j * out[..., 0] * imag(c), real(c) + 0 * out[..., 0]], axis=-1)


_slogdet = op(
    "slogdet",
    lambda a: np.stack(np.linalg.slogdet(a), axis=-1),
    shape=lambda a: ((*square(a)[0][:-2], 2), square(a)[1]),
    vjp={"a": _slogdet_vjp},
    jvp={"a": _slogdet_jvp},
    inputs="a",
    doc="Return the sign of the determinant and the logarithm of its modulus, packed.",
)


@function(np.linalg.slogdet)
def slogdet(a: Operand) -> tuple[NodeOrArray, ...]:
    """Return the sign (or phase) of the determinant, and the logarithm of its modulus.

    The sign of a real determinant has no derivative; the phase of a complex one has.
    """
    both = _slogdet(a)
    sign = both[..., 0]
    return SlogdetResult(sign if both.dtype.kind == "c" else np.sign(sign), real(both[..., 1]))


# -- least squares ---------------------------------------------------------------------------------


def _outside(a: Any, inverse: Any) -> tuple[Any, Any]:
    """Return 1 - a a^+ and 1 - a^+ a: the projectors on what a does not reach, and on what it maps to 0."""
    m, n = a.shape[-2:]
    return np.eye(m, dtype=a.dtype) - a @ inverse, np.eye(n, dtype=a.dtype) - inverse @ a


def _pinv_vjp(g: Any, a: Any, out: Any, rtol: Any, hermitian: bool) -> Any:
    if hermitian:
        return fold_into_triangle(_pinv_vjp(g, mirror_triangle(a), out, rtol, False))
    # Golub and Pereyra: dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P
    unreached, lost = _outside(a, out)
    cut = conj(by_cut(t(g), a, rtol=rtol)) if may_cut(a, rtol) else 0
    first = cut - t(out) @ g @ t(out)
    return first + conj((unreached @ t(g) @ out) @ h(out)) + conj(h(out) @ (out @ t(g) @ lost))


def _pinv_jvp(da: Any, a: Any, out: Any, rtol: Any, hermitian: bool) -> Any:
    if hermitian:
        return _pinv_jvp(mirror_triangle(da), mirror_triangle(a), out, rtol, False)
    unreached, lost = _outside(a, out)
    cut = h(by_cut(da, a, rtol=rtol)) if may_cut(a, rtol) else 0
    return cut - out @ da @ out + out @ (h(out) @ h(da) @ unreached) + (lost @ h(da) @ h(out)) @ out


def _pinv_shape(a: Node, rtol: Any, hermitian: bool) -> Signature:
    need_matrices(a)
    return (*a.shape[:-2], a.shape[-1], a.shape[-2]), lapack_dtype(a.dtype)


_pinv = op(
    "pinv",
    lambda a, rtol, hermitian: np.linalg.pinv(a, rtol=rtol, hermitian=hermitian),
    shape=_pinv_shape,
    vjp={"a": _pinv_vjp},
    jvp={"a": _pinv_jvp},
    inputs="a",
    statics={"rtol": 1e-15, "hermitian": False},
    doc="Return the pseudo-inverse; its derivative is that along changes that keep the number of values that count.",
)


@function(np.linalg.pinv)
def pinv(
    a: Operand, rcond: ArrayLike | None = None, hermitian: bool = False, *, rtol: ArrayLike = 1e-15
) -> NodeOrArray:
    """Return the pseudo-inverse: singular values below `rcond` (or `rtol`) times the largest count as 0."""
    return _pinv(a, rtol=rtol if rcond is None else rcond, hermitian=hermitian)


def _lstsq_by_a(g: Any, a: Any, b: Any, out: Any, rcond: Any) -> Any:
    # x = P b with dP as above.
    cutoff = _cutoff(rcond, a)
    P = np.linalg.pinv(a, rtol=cutoff)
    _, lost = _outside(a, P)
    cut = conj(by_cut(b @ t(g), a, rtol=cutoff)) if may_cut(a, cutoff) else 0
    first = cut - t(P) @ g @ t(out)
    return first + conj((b - a @ out) @ (t(g) @ P) @ h(P)) + conj((h(P) @ out) @ (t(g) @ lost))


def _lstsq_jvp(da: Any, a: Any, b: Any, out: Any, rcond: Any) -> Any:
    cutoff = _cutoff(rcond, a)
    P = np.linalg.pinv(a, rtol=cutoff)
    _, lost = _outside(a, P)
    cut = h(by_cut(da, a, rtol=cutoff)) @ b if may_cut(a, cutoff) else 0
    return cut - P @ (da @ out) + P @ (h(P) @ (h(da) @ (b - a @ out))) + lost @ (h(da) @ (h(P) @ out))


def _cutoff(rcond: Any, a: Any) -> float:
    """Return the relative size up to which lstsq lets singular values count as 0."""
    eps = float(np.finfo(lapack_dtype(a.dtype)).eps)
    return max(a.shape) * eps if rcond is None else eps if rcond < 0 else float(rcond)


def _lstsq_shape(a: Node, b: Node, rcond: Any) -> Signature:
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[0]:
        raise ValueError(f"{a.shape} equations do not fit right-hand sides {b.shape}")
    return (a.shape[1], b.shape[1]), lapack_dtype(a.dtype, b.dtype)


_lstsq = op(
    "lstsq",
    lambda a, b, rcond: np.linalg.lstsq(a, b, rcond)[0],
    shape=_lstsq_shape,
    vjp={"a": _lstsq_by_a, "b": lambda g, a, rcond: t(np.linalg.pinv(a, rtol=_cutoff(rcond, a))) @ g},
    jvp={"a": _lstsq_jvp, "b": lambda db, a, rcond: np.linalg.lstsq(a, db, rcond)[0]},
    inputs="a b",
    statics={"rcond": None},
    doc="Return the shortest x that makes |a x - b| least.",
)


@function(np.linalg.lstsq)
def lstsq(
    a: NodeOrArray, b: NodeOrArray, rcond: float | None = None
) -> tuple[NodeOrArray, NodeOrArray | None, NodeOrArray, NodeOrArray]:
    """Solve by least squares: solution, residuals, rank and singular values.

    NumPy gives no residuals if `a` has dependent columns. Before it is evaluated only its shape is known, so
    outside a function transform the columns of a high `a` are taken to be independent.
    """
    a, b = as_nodes((a, b))
    columns = b[:, None] if b.ndim == 1 else b
    x = _lstsq(a, columns, rcond=rcond)
    rank = astype(matrix_rank(a, rtol=_cutoff(rcond, a)), dtype=np.dtype(np.int32))
    m, n = a.shape
    if m <= n or (inside_transform() and read_guarded(rank, lambda found: bool(found != n))):
        residuals: NodeOrArray = as_node(np.zeros(0, np.finfo(x.dtype).dtype))
    else:
        error = columns - a @ x
        residuals = real(np.sum(conj(error) * error, axis=0))
    return x[:, 0] if b.ndim == 1 else x, residuals, rank, np.linalg.svd(a, compute_uv=False)


matrix_rank = op(
    "matrix_rank",
    np.linalg.matrix_rank,
    shape=lambda A, **static: (A.shape[:-2], np.dtype(np.intp)),
    vjp={"A": ZERO},
    jvp={"A": ZERO},
    inputs="A",
    statics={"tol": None, "hermitian": False, "rtol": None},
    numpy=(np.linalg.matrix_rank,),
    doc="Return the number of singular values that are not 0.",
)

# -- products --------------------------------------------------------------------------------------


@function(np.linalg.matrix_power)
def matrix_power(a: NodeOrArray, n: int) -> Any:
    """Return the n-th power of square matrices, by repeated squaring; a negative one is that of the inverse."""
    n = operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"matrix_power takes square matrices, not shape {a.shape}")
    if n == 0:
        return as_node(identities(a.shape, a.dtype))
    power, result = (inv(a), None) if n < 0 else (a, None)
    n = abs(n)
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = power if result is None else result @ power
        if not n:
            return result
        power = power @ power


def _multiply_shapes(x: tuple[int, int], y: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """Return the shape of a product of matrices, and its number of multiplications."""
    return (x[0], y[1]), x[0] * y[0] * y[1]


@function(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[object]) -> Node:
    """Return the product of several matrices in the order that costs least; the first and last may be vectors."""
    factors = list(as_nodes(list(arrays)))
    if len(factors) < 2:
        raise ValueError("multi_dot takes at least two arrays")
    if any(f.ndim != 2 for f in factors[1:-1]) or not all(f.ndim in (1, 2) for f in factors):
        raise ShapeError(f"multi_dot takes matrices, and vectors at the ends, not shapes {[f.shape for f in factors]}")
    inner = [f.shape[0] for f in factors[1:]]
    sizes = (1 if factors[0].ndim == 1 else factors[0].shape[0], *inner, (*factors[-1].shape, 1)[1])
    _, bracketing = best_bracketing(list(pairwise(sizes)), _multiply_shapes)

    def multiply_out(part: Tree) -> Any:
        return factors[part] if isinstance(part, int) else multiply_out(part[0]) @ multiply_out(part[1])

    return multiply_out(bracketing)
