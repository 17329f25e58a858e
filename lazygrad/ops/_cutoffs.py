"""The derivative of a pseudo-inverse that counts singular values as 0 though they are not.

With P = V f(S) U^H, where f(s) is 1/s above the cutoff and else 0, dP^H has by U and V elements f[i, j] E_ij with the
divided differences of f. Golub and Pereyra's formula has those for small values that are 0, and here is the rest.
"""

from __future__ import annotations

from typing import Any

from .._graph.node import NodeOrArray
from .._graph.types import both as np
from ._declare import op
from ._limits import warn
from ._op import Op
from ._rule import BLOCKED
from .matrices import conj, h, lapack_dtype, t

__all__ = ["by_cut", "may_cut"]


def _split(a: Any, rtol: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Return singular vectors and values, which of these count, and whether others are more than rounding errors."""
    U, s, Vh = np.linalg.svd(a, full_matrices=False)
    largest = np.max(s, axis=-1, keepdims=True, initial=0)
    counts = s > np.asarray(rtol)[..., None] * largest
    cut = np.any(~counts & (s > _rounding(a) * largest), axis=-1)
    return U, s, Vh, counts, cut


def _rounding(a: Any) -> float:
    return float(64 * max(a.shape[-2:]) * np.finfo(lapack_dtype(a.dtype)).eps)


def _by_cut_value(e: Any, a: Any, rtol: Any) -> Any:
    U, s, Vh, counts, _ = _split(a, rtol)
    large, small = s[..., :, None], s[..., None, :]
    pairs = counts[..., :, None] & ~counts[..., None, :]
    large, small = np.where(pairs, large, 1), np.where(pairs, small, 0)
    even, odd = small / (large**2 * (large - small)), -small / (large**2 * (large + small))
    P = h(U) @ e @ h(Vh)
    part = 0.5 * (P + h(P))
    return U @ ((even + t(even)) * part + (odd + t(odd)) * (P - part)) @ Vh


def _undefined_if_cut(a: Any, rtol: Any) -> Any:
    cut = np.broadcast_to(_split(a, rtol)[-1][..., None, None], a.shape)
    if np.any(cut):
        warn("pinv, lstsq: where singular values are cut that are not 0, no second derivative is known: it is nan")
    return np.where(cut, np.nan, 0).astype(lapack_dtype(a.dtype))


_unless_cut = op(
    "unless_cut",
    _undefined_if_cut,
    shape=lambda a, rtol: (a.shape, lapack_dtype(a.dtype)),
    vjp={"a": BLOCKED},
    jvp={"a": BLOCKED},
    inputs="a",
    statics={"rtol": 1e-15},
    doc="Return 0, and nan for matrices of which singular values count as 0 that are not.",
)

by_cut: Op = op(
    "by_cut",
    _by_cut_value,
    shape=lambda e, a, rtol: (a.shape, lapack_dtype(a.dtype, e.dtype)),
    vjp={
        "e": lambda g, a, rtol: conj(by_cut(conj(g), a, rtol=rtol)),
        "a": lambda g, a, rtol: _unless_cut(a, rtol=rtol),
    },
    jvp={"e": lambda t, a, rtol: by_cut(t, a, rtol=rtol), "a": lambda t, a, rtol: _unless_cut(a, rtol=rtol)},
    inputs="e a",
    statics={"rtol": 1e-15},
    doc="Return what singular values that count as 0, but are not, add to the slope of the pseudo-inverse along e.",
)


def may_cut(a: NodeOrArray, rtol: NodeOrArray | float) -> bool:
    """Return whether a cutoff may take away more than rounding errors."""
    return bool(np.max(rtol, initial=0) > _rounding(a)) and 0 not in a.shape
