"""Derivatives of scaled error functions of every order, without cancellation far out.

The n-th derivative of erfcx is (-2)^n n! E_n for E_n(x) = exp(x^2) i^n erfc(x), the scaled repeated integrals of
erfc (Abramowitz and Stegun 7.2), which satisfy 2 n E_n = E_{n-2} - 2 x E_{n-1}. Upwards that cancels for large x;
downwards it is a continued fraction for their ratios.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc

from .._graph.node import Node
from .._graph.quiet import in_errstate
from .._graph.types import Function
from ..ops._declare import op
from ..ops._op import Op, Signature

__all__ = ["dawsn_derivative", "erfc_ratio", "inverse_mills", "scaled_erfc_integral"]

ROOT_PI = math.sqrt(math.pi)
ROOT_TWO = math.sqrt(2)


def _infer(x: Node, **static: Any) -> Signature:
    return x.shape, x.dtype if x.dtype.kind in "fc" else np.dtype(float)


def _declare(name: str, function: Callable[..., Any], rule: Callable[..., Any], order: int | None, doc: str) -> Op:
    statics = {} if order is None else {"n": order}
    name = f"scipy.special.{name}"
    return op(name, function, shape=_infer, vjp={"x": rule}, jvp={"x": rule}, statics=statics, pointwise=True, doc=doc)


def _in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes in double precision and gives back the dtype that came in."""

    @in_errstate(all="ignore")
    def call(x: Any, **static: Any) -> Any:
        x = np.asarray(x)
        dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
        return function(x.astype(np.result_type(dtype, np.float64)), **static).astype(dtype)[()]

    return call


# -- erfcx -----------------------------------------------------------------------------------------

_FAR = 2.0  # from here on the continued fraction
_TERMS = 60


def _integrals_upwards(x: Any, n: int) -> tuple[Any, Any]:
    """Return E_{n-1} and E_n by the recurrence upwards."""
    before, last = 2 / ROOT_PI + 0 * x, sc.erfcx(x)
    for k in range(1, n + 1):
        before, last = last, (before - 2 * x * last) / (2 * k)
    return before, last


def _ratios_downwards(x: Any, n: int) -> list[Any]:
    """Return E_k / E_{k-1} for k = 1 .. n, for x from `_FAR` on."""
    ratio = 1 / (x + np.sqrt(x) * np.sqrt(x + 2 * (n + _TERMS) / x))
    ratios = []
    for k in range(n + _TERMS, 0, -1):
        ratio = 1 / (2 * x + 2 * (k + 1) * ratio)
        ratios.append(ratio)
    return ratios[: -n - 1 : -1]


@_in_double
def _scaled_erfc_integral(x: Any, n: int) -> Any:
    _, near = _integrals_upwards(x, n)
    if x.dtype.kind == "c":
        return near
    far = math.prod(_ratios_downwards(np.maximum(x, _FAR), n), start=sc.erfcx(x))
    return np.where(x >= _FAR, far, np.where(x < -30, np.inf, near))


scaled_erfc_integral: Op = _declare(
    "scaled_erfc_integral",
    _scaled_erfc_integral,
    lambda g, x, n, times: times(g, -2 * (n + 1) * scaled_erfc_integral(x, n=n + 1)),
    1,
    "Return exp(x^2) times the n-th repeated integral of erfc from x to infinity.",
)


@_in_double
def _erfc_ratio(x: Any, n: int) -> Any:
    before, last = _integrals_upwards(np.clip(x, -20, _FAR), n)
    return np.where(x >= _FAR, _ratios_downwards(np.maximum(x, _FAR), n)[-1], last / before)


erfc_ratio: Op = _declare(
    "erfc_ratio",
    _erfc_ratio,
    lambda g, x, out, n, times: times(g, 2 * out * (n * out - (n + 1) * erfc_ratio(x, n=n + 1))),
    1,
    "Return the n-th repeated integral of erfc over the one before it, for x > -20.",
)

# -- the normal distribution's tail ----------------------------------------------------------------


@_in_double
def _inverse_mills(x: Any) -> Any:
    return math.sqrt(2 / math.pi) / sc.erfcx(x * -math.sqrt(0.5))


@_in_double
def _mills_gap(x: Any) -> Any:
    sum_of_both = x + _inverse_mills(x)
    if x.dtype.kind == "c":
        return sum_of_both
    return np.where(x < 0, ROOT_TWO * _erfc_ratio(np.maximum(-x, 0) / ROOT_TWO, n=1), sum_of_both)


def _gap_slope(g: Any, x: Any, out: Any, times: Function) -> Any:
    near = 1 - inverse_mills(x) * out
    if x.dtype.kind == "c":
        return times(g, near)
    far = x < -1
    y = np.where(far, x, -1) / -ROOT_TWO
    first = erfc_ratio(y, n=1)
    return times(g, np.where(far, 2 * first * (2 * erfc_ratio(y, n=2) - first), near))


_gap: Op = _declare("inverse_mills_gap", _mills_gap, _gap_slope, None, "Return x + inverse_mills(x).")

inverse_mills = _declare(
    "inverse_mills",
    _inverse_mills,
    lambda g, x, out, times: times(-g, out * _gap(x)),
    None,
    "Return the normal density over the distribution function, the derivative of log_ndtr.",
)

# -- Dawson's integral -----------------------------------------------------------------------------

_DAWSON_FAR = 6.5
_SERIES = 34  # terms; the smallest at 6.5 is the 42nd


@_in_double
def _dawsn_derivative(x: Any, n: int) -> Any:
    before, last = sc.dawsn(x), 1 - 2 * x * sc.dawsn(x)
    for k in range(1, n):
        before, last = last, -2 * x * last - 2 * k * before
    if x.dtype.kind == "c":
        return last
    far = np.abs(x) >= _DAWSON_FAR
    z = 1 / np.where(far, x, _DAWSON_FAR)
    total = 0.0 * z
    for k in range(_SERIES, -1, -1):  # of (2k - 1)!! / (2^(k+1) x^(2k+1)), n times differentiated
        total = total * (z * z * (k + 0.5)) + math.prod(range(2 * k + 1, 2 * k + 1 + n)) / 2
    return np.where(far, (-1) ** n * total * z ** (n + 1), last)


dawsn_derivative: Op = _declare(
    "dawsn_derivative",
    _dawsn_derivative,
    lambda g, x, n, times: times(g, dawsn_derivative(x, n=n + 1)),
    1,
    "Return the n-th derivative of Dawson's integral.",
)
