"""Factorisations of matrices: Cholesky, QR and singular values.

All take stacks of matrices, real or complex. A factorisation of several results is one op whose value holds all of
them in one array, so it is computed once for all of them.

Conventions
-----------
- `cholesky` reads one triangle of its argument, as NumPy does, so a gradient lies in that triangle. Through
  ``0.5 * (a + a.T)`` it is shared evenly by the two triangles.
- Singular vectors are known up to a factor of modulus 1, or a rotation where singular values repeat; the
  derivative of what depends on that choice is not meaningful, and nan where values repeat. A function of the values
  alone has a gradient there. A singular value that is exactly 0 has derivative 0, as |x| has.
- The columns that ``full_matrices=True`` and ``mode="complete"`` add are known up to a rotation, too: only
  what does not depend on it, such as their projector, has a meaningful derivative.
"""

from __future__ import annotations

import math
from typing import Any

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import both as np
from ._declare import function, op
from ._limits import find_slope, over_gaps, undefined_where
from ._op import Signature, as_node
from ._rule import BLOCKED
from ._spectra import directions, pull_singular_values
from ._used import declare_factors, find_structure
from .eigen import eigh, eigvalsh
from .matrices import (
    conj,
    diagonal,
    fold_into_triangle,
    h,
    hermitian,
    lapack_dtype,
    mirror_triangle,
    need_matrices,
    on_diagonal,
    pack,
    real,
    real_dtype,
    reciprocal,
    square,
    strictly_upper,
    t,
    unpack,
)

__all__ = ["cholesky", "qr", "svd", "svdvals"]

# NumPy's own named tuples, which it does not export everywhere.
QRResult: Any = type(np.linalg.qr(np.ones((1, 1))))
SVDResult: Any = type(np.linalg.svd(np.ones((1, 1))))

# -- Cholesky --------------------------------------------------------------------------------------


def _half_lower(x: Any) -> Any:
    """Return the lower triangle with half of the diagonal; with its transpose it makes up a Hermitian matrix."""
    return on_diagonal(0.5 * diagonal(x), t(strictly_upper(t(x))))


def _solve_both(left: Any, x: Any, right: Any) -> Any:
    """Return left^-1 x right^-1."""
    return t(np.linalg.solve(t(right), t(np.linalg.solve(left, x))))


def _cholesky_vjp(g: Any, out: Any) -> Any:
    # dL = L low(L^-1 dA L^-H)
    return fold_into_triangle(hermitian(_solve_both(t(out), _half_lower(t(out) @ g), conj(out))))


def _cholesky_jvp(dx: Any, out: Any) -> Any:
    return out @ _half_lower(_solve_both(out, mirror_triangle(dx), h(out)))


_cholesky = op(
    "cholesky",
    np.linalg.cholesky,
    shape=square,
    vjp={"a": _cholesky_vjp},
    jvp={"a": _cholesky_jvp},
    inputs="a",
    doc="Return the lower triangular L of positive definite matrices a = L L^H.",
    selects="vjp",  # the other triangle is not read
)


@function(np.linalg.cholesky)
def cholesky(a: Operand, /, *, upper: bool = False) -> NodeOrArray:
    """Return the lower triangular L with a = L L^H, or the upper triangular U with a = U^H U."""
    return h(_cholesky(h(a))) if upper else _cholesky(a)


# -- singular values -------------------------------------------------------------------------------


def _factor_shapes(shape: tuple[int, ...], full_matrices: bool) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of U, S and Vh for one matrix."""
    m, n = shape[-2:]
    k = min(m, n)
    return ((m, m), (k,), (n, n)) if full_matrices else ((m, k), (k,), (k, n))


def _infer_packed(shapes: Any, a: Node, static: Any) -> Signature:
    """Return an inference for an op that packs several results, whose shapes `shapes` gives, into one."""
    need_matrices(a)
    return (*a.shape[:-2], sum(math.prod(s) for s in shapes(a.shape, static))), lapack_dtype(a.dtype)


def _over_sums(s: Any) -> Any:
    """Return 1 / (s_i + s_j), and 0 where it would be infinite."""
    return reciprocal(s[..., None, :] + s[..., :, None])


def _undetermined(label: str) -> str:
    return (
        f"{label}: vectors of a repeated singular value, or of one that is 0, are not determined; a derivative that "
        f"depends on them is nan"
    )


def _vanish(s: Any) -> Any:
    """Return which singular values are 0 up to rounding."""
    return s <= 4 * float(np.finfo(s.dtype).eps) * np.sum(s, axis=-1, keepdims=True)


# With P = U^H dA V, split into P = H + N, Hermitian and not: U^H dU = a * H + b * N and V^H dV = a * H - b * N for the
# matrices a of 1 / (s_j - s_i) and b of 1 / (s_i + s_j). The first term is undetermined where singular values repeat,
# both are where they are 0: A changes its sign there, and which of the two vectors does is nobody's business.
# What lies outside the span of U and V follows from dA V and U^H dA.


def _used_vectors(used: Any, packed: Any, shapes: Any) -> Any:
    """Return which pairs of singular vectors somebody reads: all of them, where an additional one is read."""
    left, _, right = [np.asarray(part) for part in unpack(find_structure(used, packed), *shapes)]
    k = shapes[1][0]
    beyond = left[..., k:].any(axis=(-2, -1)) | right[..., k:, :].any(axis=(-2, -1))
    return left[..., :k].any(axis=-2) | right[..., :k, :].any(axis=-1) | beyond[..., None]


def _svd_vjp(g: Any, out: Any, a: Any, used: Any, *, full_matrices: bool, label: str) -> Any:
    (m, n), shapes = a.shape[-2:], _factor_shapes(a.shape, full_matrices)
    k = min(m, n)
    U, s, Vh = unpack(out, *shapes)
    gU, gs, gVh = unpack(g, *shapes)
    s, gs = real(s), real(gs)
    U1, Vh1 = U[..., :k], Vh[..., :k, :]
    pairs = _used_vectors(used, out, shapes)
    by_left, by_right = t(U1) @ gU[..., :k], gVh[..., :k, :] @ t(Vh1)
    even = over_gaps(by_left - by_right, s, None, _undetermined(label), used=pairs)
    odd = _over_sums(s) * (by_left + by_right)
    gs = undefined_where(gs, _vanish(s) & pairs, message=_undetermined(label))
    inner = on_diagonal(gs, 0) + 0.5 * (even + h(even) + odd - h(odd))
    result = inner @ conj(Vh1)
    if n > k:
        result = result + reciprocal(s)[..., :, None] * (gVh[..., :k, :] - by_right @ conj(Vh1))
    result = conj(U1) @ result
    if m > k:
        scaled = reciprocal(s)[..., :, None] * conj(Vh1)
        result = result + (gU[..., :k] - conj(U1) @ by_left) @ scaled
        if full_matrices:
            result = result - conj(U[..., k:] @ t(gU[..., k:]) @ U1) @ scaled
    if n > k and full_matrices:
        scaled = U1 * reciprocal(s)[..., None, :]
        result = result - conj(scaled @ (Vh1 @ t(gVh[..., k:, :])) @ Vh[..., k:, :])
    return result


def _svd_jvp(dx: Any, out: Any, a_shape: tuple[int, ...], full_matrices: bool, label: str) -> Any:
    (m, n), shapes = a_shape[-2:], _factor_shapes(a_shape, full_matrices)
    k = min(m, n)
    U, s, Vh = unpack(out, *shapes)
    s = real(s)
    U1, Vh1 = U[..., :k], Vh[..., :k, :]
    left, right = h(U1) @ dx, dx @ h(Vh1)
    P = left @ h(Vh1)
    scale = np.sum(np.abs(dx), axis=(-2, -1))
    even = over_gaps(hermitian(P), s, scale, _undetermined(label))
    odd = _over_sums(s) * (0.5 * (P - h(P)))
    touched = np.sum(np.abs(left), axis=-1) + np.sum(np.abs(right), axis=-2)
    rounding = 64 * max(m, n) * float(np.finfo(s.dtype).eps) * scale[..., None]
    turned = undefined_where(np.zeros_like(s), _vanish(s) & (touched > rounding), message=_undetermined(label))
    dU, dVh = U1 @ (even + odd) + turned[..., None, :], (odd - even) @ Vh1 + turned[..., :, None]
    inverse = reciprocal(s)
    if m > k:
        dU = dU + (right - U1 @ P) * inverse[..., None, :]
        if full_matrices:
            beyond = -U1 @ h(h(U[..., k:]) @ right * inverse[..., None, :])
            dU = np.concatenate([dU, beyond + np.sum(turned, axis=-1)[..., None, None]], axis=-1)
    if n > k:
        dVh = dVh + inverse[..., :, None] * (left - P @ Vh1)
        if full_matrices:
            beyond = -h(inverse[..., :, None] * (left @ h(Vh[..., k:, :]))) @ Vh1
            dVh = np.concatenate([dVh, beyond + np.sum(turned, axis=-1)[..., None, None]], axis=-2)
    return pack(a_shape[:-2], dU, real(diagonal(P)), dVh)


_svd = declare_factors(
    "svd",
    lambda a, full_matrices: pack(a.shape[:-2], *np.linalg.svd(a, full_matrices)),
    shape=lambda a, full_matrices: _infer_packed(_factor_shapes, a, full_matrices),
    vjp=_svd_vjp,
    jvp=_svd_jvp,
    statics={"full_matrices": False},
    doc="Return singular vectors and values, packed.",
)


def _no_second(label: str) -> str:
    return f"{label}: there is no second derivative at repeated or zero singular values: it is nan"


def _values_vjp(g: Any, a: Any, packed: Any, out: Any, full_matrices: bool, label: str) -> Any:
    k = out.shape[-1]
    U, s, Vh = unpack(packed, *_factor_shapes(a.shape, full_matrices))
    U1, Vh1 = U[..., :k], Vh[..., :k, :]
    slope = find_slope(g, out, a, np.broadcast_to(directions(k), out.shape).astype(out.dtype))
    if slope is None or 0 in a.shape:
        return (conj(U1) * (g * np.sign(out))[..., None, :]) @ conj(Vh1)
    reduced = pack(a.shape[:-2], U1, s, Vh1) if full_matrices else packed
    return pull_singular_values(g, reduced, a, slope, message=_no_second(label))


def _values_jvp(dx: Any, a: Any, packed: Any, out: Any, full_matrices: bool) -> Any:
    k = out.shape[-1]
    U, _, Vh = unpack(packed, *_factor_shapes(a.shape, full_matrices))
    return np.sign(out) * real(np.sum(conj(U[..., :k]) * (dx @ h(Vh[..., :k, :])), axis=-2))


_svd_values = op(
    "svd_values",
    lambda a, packed, full_matrices: real(unpack(packed, *_factor_shapes(a.shape, full_matrices))[1]),
    shape=lambda a, packed, full_matrices: _svdvals_shape(a),
    vjp={"a": _values_vjp, "packed": BLOCKED},
    jvp={"a": _values_jvp, "packed": BLOCKED},
    inputs="a packed",
    statics={"full_matrices": False},
    doc="Return the singular values among those packed with vectors: they have a derivative where these have none.",
)


def _svdvals_vjp(g: Any, a: Any, out: Any, label: str) -> Any:
    return _values_vjp(g, a, _svd(a), out, False, label)


def _svdvals_jvp(dx: Any, a: Any, out: Any) -> Any:
    return _values_jvp(dx, a, _svd(a), out, False)


def _svdvals_shape(a: Node) -> Signature:
    need_matrices(a)
    return (*a.shape[:-2], min(a.shape[-2:])), real_dtype(lapack_dtype(a.dtype))


_svdvals = op(
    "svdvals",
    lambda a: np.linalg.svd(a, compute_uv=False),
    shape=_svdvals_shape,
    vjp={"a": _svdvals_vjp},
    jvp={"a": _svdvals_jvp},
    inputs="a",
    doc="Return singular values, descending; the derivative of one that is 0 is 0.",
)


@function(np.linalg.svd)
def svd(
    a: Operand, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> NodeOrArray | tuple[NodeOrArray, ...]:
    """Return singular vectors and values, or with compute_uv=False the values alone."""
    a = as_node(a)
    if hermitian:
        return _svd_of_hermitian(a, compute_uv)
    if not compute_uv:
        return _svdvals(a)
    full = full_matrices and a.shape[-2:-1] != a.shape[-1:]  # else both forms are the same
    packed = _svd(a, full_matrices=full)
    U, _, Vh = unpack(packed, *_factor_shapes(a.shape, full))
    return SVDResult(U, _svd_values(a, packed, full_matrices=full), Vh)


def _svd_of_hermitian(a: Node, compute_uv: bool) -> Any:
    """Decompose Hermitian matrices, whose singular values are the sizes of the eigenvalues."""
    if not compute_uv:
        return np.flip(np.sort(np.abs(eigvalsh(a)), axis=-1), axis=-1)
    w, V = eigh(a)
    order = np.flip(np.argsort(np.abs(w), axis=-1), axis=-1)
    w, V = np.take_along_axis(w, order, axis=-1), np.take_along_axis(V, order[..., None, :], axis=-1)
    return SVDResult(V, np.abs(w), h(V * np.sign(w)[..., None, :]))


@function(np.linalg.svdvals)
def svdvals(x: Operand, /) -> NodeOrArray:
    """Return the singular values, descending."""
    return _svdvals(x)


# -- QR --------------------------------------------------------------------------------------------


def _qr_shapes(shape: tuple[int, ...], mode: str) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of Q and R for one matrix."""
    m, n = shape[-2:]
    k = m if mode == "complete" else min(m, n)
    return (m, k), (k, n)


# With C = Q^H dA R^-1: dQ = dA R^-1 - Q T and dR = T R for T = upper(C) + strictly_lower(C)^H, diagonal real. Of a wide
# matrix this holds for its first columns; the others follow from R = Q^H A.


def _lack_columns(R: Any) -> Any:
    """Return which matrices have a column that depends on those before it, up to rounding."""
    rounding = 8 * R.shape[-1] * float(np.finfo(R.dtype).eps) * np.linalg.norm(R, axis=-2)
    return np.any(np.abs(np.diagonal(R, axis1=-2, axis2=-1)) <= rounding, axis=-1)


_depend = op(
    "columns_depend",
    _lack_columns,
    shape=lambda R: (R.shape[:-2], np.dtype(bool)),
    vjp={"R": BLOCKED},
    jvp={"R": BLOCKED},
    inputs="R",
    doc="Return which upper triangular R come of matrices with dependent columns.",
)


def _unless_dependent(x: Any, R: Any, label: str) -> Any:
    mask = np.broadcast_to(_depend(R)[(..., *[None] * (x.ndim - R.ndim + 2))], x.shape)
    return undefined_where(x, mask, message=f"{label}: dependent columns have no derivative: it is nan")


def _qr_vjp(g: Any, out: Any, a_shape: tuple[int, ...], mode: str, label: str) -> Any:
    (m, n), shapes = a_shape[-2:], _qr_shapes(a_shape, mode)
    k = min(m, n)
    (Q, R), (gQ, gR) = unpack(out, *shapes), unpack(g, *shapes)
    Q1, R1, gQ1, gR1 = Q[..., :k], R[..., :k, :k], gQ[..., :k], gR[..., :k, :k]
    if n > k:
        gR2 = gR[..., k:]
        gQ1 = gQ1 + conj(Q1 @ R[..., k:]) @ h(gR2)
    M = gR1 @ t(R1) - t(Q1) @ gQ1
    W = strictly_upper(M)
    result = gQ1 + conj(Q1) @ on_diagonal(real(diagonal(M)), W + h(W))
    if m > k and mode == "complete":
        result = result - conj(Q[..., k:]) @ h(t(Q1) @ gQ[..., k:])
    result = t(np.linalg.solve(R1, t(result)))
    result = result if n == k else np.concatenate([result, conj(Q1) @ gR2], axis=-1)
    return _unless_dependent(result, R1, label)


def _qr_jvp(dx: Any, out: Any, a_shape: tuple[int, ...], mode: str, label: str) -> Any:
    (m, n), shapes = a_shape[-2:], _qr_shapes(a_shape, mode)
    k = min(m, n)
    Q, R = unpack(out, *shapes)
    Q1, R1 = Q[..., :k], R[..., :k, :k]
    scaled = t(np.linalg.solve(t(R1), t(dx[..., :k])))
    C = h(Q1) @ scaled
    T = on_diagonal(real(diagonal(C)), strictly_upper(C) + h(C - strictly_upper(C)))
    dQ, dR = scaled - Q1 @ T, T @ R1
    if n > k:
        dR = np.concatenate([dR, h(dQ) @ (Q1 @ R[..., k:]) + h(Q1) @ dx[..., k:]], axis=-1)
    if m > k and mode == "complete":
        dQ = np.concatenate([dQ, -Q1 @ h(h(Q[..., k:]) @ scaled)], axis=-1)
        dR = np.concatenate([dR, np.zeros((*a_shape[:-2], m - k, n), out.dtype)], axis=-2)
    return _unless_dependent(pack(a_shape[:-2], dQ, dR), R1, label)


_qr = op(
    "qr",
    lambda a, mode: pack(a.shape[:-2], *np.linalg.qr(a, mode)),
    shape=lambda a, mode: _infer_packed(_qr_shapes, a, mode),
    vjp={"a": _qr_vjp},
    jvp={"a": _qr_jvp},
    inputs="a",
    statics={"mode": "reduced"},
    doc="Return orthonormal Q and upper triangular R with a = Q R, packed; the first columns of a must be independent.",
)


@function(np.linalg.qr)
def qr(a: Operand, mode: str = "reduced") -> NodeOrArray | tuple[NodeOrArray, ...]:
    """Return orthonormal Q and upper triangular R with a = Q R; with mode "r" R alone."""
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"np.linalg.qr on nodes takes mode 'reduced', 'complete' or 'r', not {mode!r}")
    a = as_node(a)
    form = "reduced" if mode == "r" or a.shape[-2:-1] <= a.shape[-1:] else mode  # of wide ones all forms are the same
    packed = _qr(a, mode=form)
    Q, R = unpack(packed, *_qr_shapes(a.shape, form))
    return R if mode == "r" else QRResult(Q, R)
