"""The incomplete beta function by its shapes, and Student's distribution by its degrees of freedom.

As for the incomplete gamma function (`_densities`), the derivative of a distribution function by a shape is that of
an integral: of the density times its score s up to x, or of -s f from x on. It is taken on the side where x lies, so
that a score keeps its sign and nothing cancels; by Gauss-Legendre, in panels, in the logit of t (or the inverse
hyperbolic sine of t / sqrt(df)), where every density is analytic and its logarithm concave, as far as it is not
below exp(-42) of its first value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._graph.node import Node
from ..ops._declare import op
from ..ops._op import Op, Signature
from ._densities import (
    DROP,
    PLACES,
    WEIGHTS,
    beta_density,
    beta_lower_score,
    beta_score,
    beta_upper_score,
    half_step,
    log_deviance,
    student_density,
    student_score,
)
from ._gamma_parts import in_double, polygamma_step
from ._polygamma import polygamma

__all__ = ["betainc_by_shapes", "stdtr_by_df"]

PANELS, FLAT_PANELS = 16, 10
FLAT = 40.0  # beyond, a logit's density is an exponential function


def _integrate(function: Callable[[Any], Any], bounds: tuple[Any, ...]) -> Any:
    """Integrate from each bound to the next one; in most panels between the middle ones, where the function bends."""
    total: Any = 0.0
    for k in range(len(bounds) - 1):
        first, length = bounds[k], bounds[k + 1] - bounds[k]
        if not np.any(length > 0):
            continue
        count = PANELS if k == len(bounds) // 2 - 1 else FLAT_PANELS
        for panel in range(count):
            for place, weight in zip(PLACES, WEIGHTS, strict=True):
                u = first + length / count * (panel + place + 0.5)
                total = total + length / count * weight * function(u)
    return total


def _find_reach(start: Any, fall: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Any:
    """Return where a concave function falls below -DROP, by Newton's steps from a place beyond, which stay beyond."""
    u = start
    for _ in range(60):
        u = np.where(np.isfinite(u), u - (fall(u) + DROP) / slope(u), u)
    return np.maximum(u, 0)


# -- beta ------------------------------------------------------------------------------------------


def _list_cumulants(a: Any, b: Any, i: int, j: int) -> dict[tuple[int, int], Any]:
    """Return the derivatives of the density's logarithm from the second ones on, which do not depend on the place."""

    def cumulant(p: int, q: int) -> Any:
        if q == 0:
            return polygamma_step(a, b, n=p - 1)
        return polygamma_step(b, a, n=q - 1) if p == 0 else polygamma(p + q - 1, a + b)

    return {(p, q): cumulant(p, q) for p in range(i + 1) for q in range(j + 1) if p + q > 1}


def _beta_moment(by_a: Any, by_b: Any, cumulants: dict[tuple[int, int], Any], i: int, j: int) -> Any:
    """Return a derivative of the density over it: the complete Bell polynomial of the derivatives of its logarithm."""
    parts = {(1, 0): by_a, (0, 1): by_b, **cumulants}
    known: dict[tuple[int, int], Any] = {(0, 0): 1.0}
    for p in range(i + 1):
        for q in range(j + 1):
            if p:  # by a, of the one before
                terms = [(k, m, math.comb(p - 1, k) * math.comb(q, m)) for k in range(p) for m in range(q + 1)]
                known[p, q] = sum(n * parts[k + 1, m] * known[p - 1 - k, q - m] for k, m, n in terms)
            elif q:
                known[p, q] = sum(math.comb(q - 1, m) * parts[0, m + 1] * known[0, q - 1 - m] for m in range(q))
    return known[i, j]


@in_double
def _beta_by_shapes(a: Any, b: Any, x: Any, i: int, j: int) -> Any:
    inside = (a > 0) & (b > 0) & (a < np.inf) & (b < np.inf) & (x > 0) & (x < 1)
    c, d, z = np.where(inside, a, 1), np.where(inside, b, 1), np.where(inside, x, 0.5)
    y = 1 - z
    by_a, by_b = beta_score(c, d, z, y), beta_score(d, c, y, z)
    right = by_a > 0 if j == 0 else by_b < 0 if i == 0 else z > c / (c + d)
    # To the left in the logit of t; to the right it is the left one of 1 - t.
    A, B, X, Y = [np.where(right, v, w) for v, w in ((d, c), (c, d), (y, z), (z, y))]

    def rise(u: Any) -> Any:
        """Return log((1 - t) / Y)."""
        shrunk = np.exp(-u)
        return -np.where(u < 1, np.log1p(X * np.expm1(-u)), np.log(Y + X * shrunk))

    def fall(u: Any) -> Any:
        return -A * u + (A + B) * rise(u)

    def slope(u: Any) -> Any:
        rest = X * np.exp(-u)
        return -A + (A + B) * (rest / (Y + rest))

    reach = _find_reach((DROP - (A + B) * np.log(Y)) / A, fall, slope)
    logit = np.log(X) - np.log(Y)
    first = np.clip(logit - FLAT, 0, reach)
    last = np.clip(logit + FLAT, first, reach)

    cumulants = _list_cumulants(c, d, i, j)

    def integrand(u: Any) -> Any:
        up = rise(u)
        lower, upper = np.where(right, up, up - u), np.where(right, up - u, up)
        return _beta_moment(by_a + lower, by_b + upper, cumulants, i, j) * np.exp(-A * u + (A + B) * up)

    found = (
        np.where(right, -1, 1) * _integrate(integrand, (0 * reach, first, last, reach)) * z * y * beta_density(c, d, z)
    )
    ends = (a > 0) & (b > 0) & ((x == 0) | (x == 1))
    return np.where(inside, found, np.where(ends, 0, np.nan))


def _infer_beta(a: Node, b: Node, x: Node, i: int, j: int) -> Signature:
    return np.broadcast_shapes(a.shape, b.shape, x.shape), np.result_type(a.dtype, b.dtype, x.dtype, np.float32)


def _beta_by_x(g: Any, a: Any, b: Any, x: Any, i: int, j: int) -> Any:
    density = beta_density(a, b, x)
    place = np.where(density == 0, 0.5, x)
    scores = beta_lower_score(a, b, place), beta_upper_score(a, b, place)
    return g * (density * _beta_moment(*scores, _list_cumulants(a, b, i, j), i, j))


_BETA = {
    "a": lambda g, a, b, x, i, j: g * betainc_by_shapes(a, b, x, i=i + 1, j=j),
    "b": lambda g, a, b, x, i, j: g * betainc_by_shapes(a, b, x, i=i, j=j + 1),
    "x": _beta_by_x,
}

betainc_by_shapes: Op = op(
    "scipy.special.betainc_by_shapes",
    _beta_by_shapes,
    shape=_infer_beta,
    vjp=_BETA,
    jvp=_BETA,
    inputs="a b x",
    statics={"i": 1, "j": 0},
    pointwise=True,
    doc="Return a derivative of betainc: i times by a and j times by b.",
)

# -- Student's t -----------------------------------------------------------------------------------


def _half_step_slope(half: Any) -> Any:
    """Return the derivative of `half_step`, without cancellation for large ones."""
    large = half > 30
    s = 1 / np.where(large, half, 30)
    small = np.where(large, 1, half)
    z = s * s
    series = s * z * (-1 / 4 + z * (1 / 16 + z * (-3 / 64 + z * (17 / 256 - z * (155 / 1024)))))
    return np.where(large, series, polygamma(1, small + 0.5) - polygamma(1, small) + 0.5 / (small * small))


def _list_gammas(df: Any, n: int) -> list[Any]:
    """Return the parts of derivatives of the logarithm by df that do not depend on t, from the second one on."""
    found = [0.25 * _half_step_slope(df / 2)] if n > 1 else []
    for k in range(3, n + 1):
        step = 0.5**k * polygamma_step(df / 2, 0.5 + 0 * df, n=k - 1)
        found.append(step + (-1) ** k * 0.5 * math.factorial(k - 1) * df**-k)
    return found


def _student_moment(df: Any, score: Any, share: Any, rest: Any, gammas: list[Any]) -> Any:
    """Return a derivative of the density by df over it; share is t^2 / (df + t^2), rest 1 - share."""
    parts = [score]
    for k, gamma in enumerate(gammas, 2):
        if k == 2:
            parts.append(gamma + 0.5 * (share * share / df - share * (rest + 1) / (df * df)))
        else:
            logs = k * 0.5 * (rest ** (k - 1) - 1) * df - 0.5 * (df + 1) * (k - 1) * (rest**k - 1)
            parts.append(gamma - (-1) ** k * math.factorial(k - 2) * df**-k * logs)
    known = [1.0]
    for m in range(len(parts)):
        known.append(sum(math.comb(m, k) * parts[k] * known[m - k] for k in range(m + 1)))
    return known[-1]


def _log_cosh(x: Any) -> Any:
    near = x < 1
    return np.where(near, np.log1p(np.sinh(np.where(near, x, 0)) ** 2) / 2, x + np.log1p(np.exp(-2 * x)) - math.log(2))


@in_double
def _student_by_df(df: Any, t: Any, n: int) -> Any:
    inside = (df > 0) & (df < np.inf) & (t != 0) & np.isfinite(t)
    v, z = np.where(inside, df, 1), np.where(inside, np.abs(t), 1)
    root = np.sqrt(v)
    start = np.arcsinh(z / root)
    outer = student_score(v, z) < 0
    at_start = np.where(outer, _log_cosh(start), 0)
    first = np.where(outer, start, 0)
    reach = _find_reach(
        DROP / v + np.maximum(at_start - first, -math.log(2)) + math.log(2),
        lambda u: -v * (_log_cosh(first + u) - at_start),
        lambda u: -v * np.tanh(first + u),
    )
    reach = np.where(outer, reach, start)
    last = np.clip(FLAT / 2 - first, 0, reach)

    half, gammas = half_step(v / 2), _list_gammas(v, n)

    def integrand(u: Any) -> Any:
        log = _log_cosh(first + u)
        share, rest = np.tanh(first + u) ** 2, np.exp(-2 * log)
        loss = np.where(share < 0.5, -log_deviance(-np.minimum(share, 0.5)), share - 2 * log)
        score = 0.5 * (half + loss + share / v)
        return _student_moment(v, score, share, rest, gammas) * np.exp(-v * log)

    norm = student_density(v, np.zeros_like(v)) * root
    found = np.where(outer, -1, 1) * norm * _integrate(integrand, (0 * reach, last, reach))
    return np.where(inside, np.sign(t) * found, np.where((df > 0) & (t == t), 0, np.nan))


def _student_by_t(g: Any, df: Any, t: Any, n: int) -> Any:
    density = student_density(df, t)
    place = np.where(density == 0, 0, t)
    far = abs(place) > np.sqrt(df)
    near, away = np.where(far, 0, place), np.where(far, place, 1)
    ratio, inverse = near * near / df, df / (away * away)
    share = np.where(far, 1 / (1 + inverse), ratio / (1 + ratio))
    rest = np.where(far, inverse / (1 + inverse), 1 / (1 + ratio))
    return g * (density * _student_moment(df, student_score(df, place), share, rest, _list_gammas(df, n)))


_STUDENT = {"df": lambda g, df, t, n: g * stdtr_by_df(df, t, n=n + 1), "t": _student_by_t}

stdtr_by_df: Op = op(
    "scipy.special.stdtr_by_df",
    _student_by_df,
    shape=lambda df, t, n: (np.broadcast_shapes(df.shape, t.shape), np.result_type(df.dtype, t.dtype, np.float32)),
    vjp=_STUDENT,
    jvp=_STUDENT,
    inputs="df t",
    statics={"n": 1},
    pointwise=True,
    doc="Return the n-th derivative of stdtr by df.",
)
