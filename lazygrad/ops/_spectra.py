"""Second derivatives of functions of eigenvalues or singular values, by divided differences with their limits.

The gradient of F(w) by a Hermitian matrix V diag(w) V^H is V diag(g) V^H with g = dF/dw. Along E it changes by
V (diag(dg) + D * (V^H E V)) V^H with D_ij = (g_j - g_i) / (w_j - w_i) (Daleckii and Krein); where values repeat, D is
the slope of that difference as they move apart (Lewis and Sendov), which is known from a tangent of g.
"""

from __future__ import annotations

from typing import Any

from .._graph.node import Node
from .._graph.types import Array
from .._graph.types import both as np
from ._declare import op
from ._limits import undefined_where
from ._op import Op, Signature
from ._rule import BLOCKED, ZERO
from .matrices import conj, diagonal, fold_into_triangle, h, hermitian, mirror_triangle, on_diagonal, real, t, unpack

__all__ = ["directions", "pull_singular_values", "pull_spectrum"]


def directions(n: int) -> Array:
    """Return a direction in which all values of a spectrum move apart."""
    return np.arange(1.0, n + 1)


def _differences(x: Any) -> Any:
    return x[..., None, :] - x[..., :, None]


def _are_close(w: Any) -> Any:
    """Return which two values are the same to half of their digits, each with itself left out."""
    size = np.sum(np.abs(w), axis=-1)[..., None, None]
    return (np.abs(_differences(w)) <= float(np.finfo(w.dtype).eps) ** 0.5 * size) & ~np.eye(w.shape[-1], dtype=bool)


def _divided_value(g: Any, w: Any, slope: Any, mirrored: bool) -> Any:
    n, root = w.shape[-1], float(np.finfo(w.dtype).eps) ** 0.5
    same, size = np.eye(n, dtype=bool), np.sum(np.abs(w), axis=-1)[..., None, None]
    gap, rise = _differences(w), _differences(g)
    moves = directions(n // 2) if mirrored else directions(n)
    moves = np.concatenate([moves, -moves]) if mirrored else moves
    limit = _differences(slope) / np.where(same, 1, _differences(moves))
    largest = np.abs(g)[..., None, :] + np.abs(g)[..., :, None] + np.abs(limit) * size
    smooth = _are_close(w) & (np.abs(rise - gap * limit) <= 10 * root * largest)
    tiny = np.abs(gap) <= 8 * root**2 * size
    found = np.where(smooth, limit, np.where(tiny, np.nan, rise / np.where(tiny, 1, gap)))
    return np.where(same, 0, found).astype(g.dtype)


def _over_gap(x: Any, w: Any) -> Any:
    """Divide by the gaps; where these are nothing, a third derivative would need more than the slope: nan."""
    close, same = _are_close(w), np.eye(w.shape[-1], dtype=bool)
    apart = x / np.where(close | same, 1, _differences(w))
    return np.where(same, 0, np.where(close, np.where(x == 0, 0, np.nan), apart))


def _gather(x: Any) -> Any:
    """Return the transpose of `_differences`."""
    return np.sum(x, axis=-2) - np.sum(x, axis=-1)


_divided = op(
    "divided_differences",
    _divided_value,
    shape=lambda g, w, slope, mirrored: ((*g.shape, g.shape[-1]), g.dtype),
    vjp={
        "g": lambda h, w: _gather(_over_gap(h, w)),
        "w": lambda h, w, out: -_gather(_over_gap(h * out, w)),
        "slope": ZERO,
    },
    jvp={
        "g": lambda t, w: _over_gap(_differences(t), w),
        "w": lambda t, w, out: -_over_gap(_differences(t) * out, w),
        "slope": ZERO,
    },
    inputs="g w slope",
    statics={"mirrored": False},
    doc="Return (g_j - g_i) / (w_j - w_i), and where the gap is small its slope, or nan if it has none.",
)


def _pull_value(g: Any, packed: Any, a: Any, slope: Any, UPLO: str, message: str) -> Any:
    V = np.linalg.eigh(a, UPLO)[1]
    return fold_into_triangle((conj(V) * g[..., None, :]) @ t(V), UPLO)


def _by_g(E: Any, packed: Any, a_shape: tuple[int, ...], UPLO: str) -> Any:
    _, V = unpack(packed, (a_shape[-1],), (a_shape[-1], a_shape[-1]))
    return real(np.sum(conj(V) * (mirror_triangle(E, UPLO) @ V), axis=-2))


def _by_a(E: Any, g: Any, packed: Any, slope: Any, a_shape: tuple[int, ...], UPLO: str, message: str) -> Any:
    w, V = unpack(packed, (a_shape[-1],), (a_shape[-1], a_shape[-1]))
    M = h(V) @ mirror_triangle(E, UPLO) @ V
    D = _divided(g, real(w), slope)
    D = undefined_where(D, D != D, message=message)
    return fold_into_triangle(conj(V) @ (D * conj(M)) @ t(V), UPLO)


def _infer_pulled(g: Node, packed: Node, a: Node, slope: Node, **static: Any) -> Signature:
    if g.shape[:-1] != a.shape[:-2]:
        raise ValueError(f"spectra of shape {g.shape} are not those of matrices of shape {a.shape}")
    return a.shape, packed.dtype


pull_spectrum: Op = op(
    "pull_spectrum",
    _pull_value,
    shape=_infer_pulled,
    vjp={"g": _by_g, "packed": BLOCKED, "a": _by_a, "slope": ZERO},
    jvp={
        "g": lambda dg, packed, a, slope, UPLO, message: pull_spectrum(
            dg, packed, a, slope, UPLO=UPLO, message=message
        ),
        "packed": BLOCKED,
        "a": _by_a,
        "slope": ZERO,
    },
    inputs="g packed a slope",
    statics={"UPLO": "L", "message": ""},
    doc="Return the gradient of a function of the eigenvalues of `a`, whose eigenvectors are packed.",
)


# -- singular values: the eigenvalues of [[0, A], [A^H, 0]] are s and -s, and a function of them is odd ----------


def _factors(packed: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    m, n = shape[-2:]
    k = min(m, n)
    U, s, Vh = unpack(packed, (m, k), (k,), (k, n))
    return U, real(s), Vh


def _pull_singular_value(g: Any, packed: Any, a: Any, slope: Any, message: str) -> Any:
    U, s, Vh = np.linalg.svd(a, full_matrices=False)
    return (conj(U) * (g * np.sign(s))[..., None, :]) @ conj(Vh)


def _singular_by_g(E: Any, packed: Any, a_shape: tuple[int, ...]) -> Any:
    U, s, Vh = _factors(packed, a_shape)
    return np.sign(s) * real(np.sum(conj(U) * (E @ h(Vh)), axis=-2))


def _singular_by_a(E: Any, g: Any, packed: Any, slope: Any, a_shape: tuple[int, ...], message: str) -> Any:
    U, s, Vh = _factors(packed, a_shape)
    k = s.shape[-1]
    D = _divided(*[np.concatenate([x, -x], axis=-1) for x in (g, s, slope)], mirrored=True)
    D = undefined_where(D, D != D, message=message)
    minus, plus = D[..., :k, :k], D[..., :k, k:]
    ratio = diagonal(plus)  # g / s
    P = h(U) @ E @ h(Vh)
    even = hermitian(P)
    X = on_diagonal(np.where(s == 0, ratio, 0), minus) * even + plus * (P - even)
    scaled_right, scaled_left = ratio[..., :, None] * Vh, U * ratio[..., None, :]
    beyond = (E @ h(Vh) - U @ P) @ scaled_right + scaled_left @ (h(U) @ E - P @ Vh)
    return conj(U @ X @ Vh + beyond)


pull_singular_values: Op = op(
    "pull_singular_values",
    _pull_singular_value,
    shape=_infer_pulled,
    vjp={"g": _singular_by_g, "packed": BLOCKED, "a": _singular_by_a, "slope": ZERO},
    jvp={
        "g": lambda dg, packed, a, slope, message: pull_singular_values(dg, packed, a, slope, message=message),
        "packed": BLOCKED,
        "a": _singular_by_a,
        "slope": ZERO,
    },
    inputs="g packed a slope",
    statics={"message": ""},
    doc="Return the gradient of a function of the singular values of `a`, whose singular vectors are packed.",
)
