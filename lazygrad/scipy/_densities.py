"""The densities of gamma, beta and Student's t, which are the derivatives of incomplete integrals.

By saddle points (C. Loader, "Fast and accurate computation of binomial probabilities", 2000): no large terms cancel,
however large the shapes. All compute in double precision, for float32, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from .._graph.node import Node
from .._graph.types import Array, Function
from ..ops._declare import op
from ..ops._op import Op, Signature
from ..ops.arithmetic import guarded_multiply
from ._gamma_parts import (
    HALF_LOG_TWO_PI,
    declare,
    deviance,
    in_double,
    log_less_psi,
    polygamma_step,
    stirling_error,
    subtract_psi,
)
from ._polygamma import polygamma

__all__ = [
    "DROP",
    "PLACES",
    "WEIGHTS",
    "beta_density",
    "beta_lower_score",
    "beta_score",
    "beta_upper_score",
    "gamma_density",
    "gammainc_by_shape",
    "half_step",
    "log_deviance",
    "student_density",
    "student_log_density",
    "student_score",
]

# -- gamma -----------------------------------------------------------------------------------------


def _end(a: Any, factor: Any, unit: Any) -> Any:
    """Return the limit of factor x^(a - 1) at x = 0, which is `unit` at a = 1."""
    return np.where(a == 1, unit, np.where((a > 1) | (factor == 0), 0, np.copysign(np.inf, factor)))


@in_double
def _gamma_density(a: Any, x: Any) -> Any:
    inside = (a > 0) & (x > 0) & (x < np.inf)
    b, z = np.where(inside, a, 1), np.where(inside, x, 1)
    saddle = np.sqrt(b / (2 * math.pi)) / z * np.exp(-stirling_error(b) - deviance(b, z, z - b))
    other = np.where(x == np.inf, 0, x ** (a - 1) * np.exp(-x) * sc.rgamma(a))
    return np.where(inside, saddle, np.where(x == 0, _end(a, sc.rgamma(a), 1), other))


def _gamma_slope(a: Any, x: Any, out: Any) -> Any:
    """Return the derivative by x; at x = 0 by the recurrence f_a' = f_(a-1) - f_a, which is right at every order."""
    end = x == 0
    place = np.where(end, x, 1)
    at_end = gamma_density(a - 1, place) - gamma_density(a, place)
    inner = np.where(end + np.isinf(x), 1, x)
    return np.where(end, at_end, np.where(np.isinf(x), 0, out * ((a - 1 - inner) / inner)))


gamma_density: Op = declare(
    "gamma_density",
    _gamma_density,
    "a x",
    a=lambda a, x, out: out * log_less_psi(np.where(out == 0, 1, x), a),
    x=_gamma_slope,
    doc="Return x^(a - 1) exp(-x) / gamma(a), the derivative of gammainc by x.",
)

# -- gammainc by its shape -------------------------------------------------------------------------
#    With s = log t - psi(a), d/da gammainc is the integral of s f(t) from 0 to x, or of -s f(t) from x on. On the side
#    where x lies s keeps its sign, so nothing cancels. In u = |log(t / x)| the integrand is smooth and its
#    logarithm concave: Gauss-Legendre, in panels, as far as it is not below exp(-42) of its first value.

DROP = 42.0
PANELS = 10
PLACES, WEIGHTS = [v / 2 for v in np.polynomial.legendre.leggauss(20)]


def _reach(a: Any, x: Any, right: Any) -> Any:
    """Return the u from which on the integrand is negligible: an upper bound that is not far above."""
    above, below = np.where(right, x - a, 0), np.where(right, 0, a - x)
    quadratic = 2 * DROP / (above + np.sqrt(above * above + 2 * x * DROP))
    capped = np.log1p(DROP / x)
    for _ in range(30):
        capped = np.log1p((DROP + a * capped) / x)
    linear = 2 * below - DROP
    root = np.sqrt(linear * linear + 8 * a * DROP)
    left = np.where(linear > 0, 4 * DROP / (linear + root), (root - linear) / (2 * a))
    return np.where(right, np.minimum(quadratic, capped), left)


def _moment(score: Any, a: Any, n: int) -> Any:
    """Return the n-th derivative of f by a over f: the complete Bell polynomial of the score and its derivatives."""
    found: list[Any] = [1]
    for k in range(n):
        following = score * found[k]
        for j in range(1, k + 1):
            following = following - math.comb(k, j) * polygamma(j, a) * found[k - j]
        found.append(following)
    return found[n]


@in_double
def _by_shape(a: Any, x: Any, n: int) -> Any:
    inside = (a > 0) & (a < np.inf) & (x > 0) & (x < np.inf)
    b, z = np.where(inside, a, 1), np.where(inside, x, 1)
    start = subtract_psi(z, b, z - b)
    right = start > 0
    sign = np.where(right, 1, -1)
    reach = _reach(b, z, right)
    flat = np.where(right, np.clip(-40 - np.log(z), 0, reach), 0)  # up to here the integrand is a power
    total = 0 * b
    for panel in range(-1 if np.any(flat) else 0, PANELS):
        width = flat if panel < 0 else (reach - flat) / PANELS
        first = 0 * flat if panel < 0 else flat + panel * width
        for place, weight in zip(PLACES, WEIGHTS, strict=True):
            u = sign * (first + width * (place + 0.5))
            total = total + width * weight * _moment(start + u, b, n) * np.exp(b * u - z * np.expm1(u))
    found = -sign * total * z * _gamma_density(b, z)
    return np.where(inside, found, np.where((a > 0) & ((x == 0) | (x == np.inf)), 0, np.nan))


def _infer_by_shape(a: Node, x: Node, n: int) -> Signature:
    return np.broadcast_shapes(a.shape, x.shape), np.result_type(a.dtype, x.dtype, np.float32)


def _density_by_shape(g: Any, a: Any, x: Any, n: int, times: Function) -> Any:
    density = gamma_density(a, x)
    return times(g, density * _moment(log_less_psi(np.where(density == 0, 1, x), a), a, n))


_BY_SHAPE = {
    "a": lambda g, a, x, n, times: times(g, gammainc_by_shape(a, x, n=n + 1)),
    "x": _density_by_shape,
}

gammainc_by_shape: Op = op(
    "scipy.special.gammainc_by_shape",
    _by_shape,
    shape=_infer_by_shape,
    vjp=_BY_SHAPE,
    jvp=_BY_SHAPE,
    inputs="a x",
    statics={"n": 1},
    pointwise=True,
    doc="Return the n-th derivative of gammainc by a.",
)

# -- beta ------------------------------------------------------------------------------------------


def beta_score(a: Array, b: Array, x: Array, y: Array) -> Array:
    n = a + b
    return subtract_psi(n * x, a, b * x - a * y) - subtract_psi(n, n, 0)


beta_lower_score = declare(
    "beta_score_lower",
    in_double(lambda a, b, x: beta_score(a, b, x, 1 - x)),
    "a b x",
    a=lambda a, b: polygamma_step(a, b, n=1),
    b=lambda a, b: polygamma(1, a + b),
    x=lambda x: 1 / x,
    doc="Return log(x) - psi(a) + psi(a + b), the derivative of the logarithm of the beta density by a.",
)

beta_upper_score = declare(
    "beta_score_upper",
    in_double(lambda a, b, x: beta_score(b, a, 1 - x, x)),
    "a b x",
    a=lambda a, b: polygamma(1, a + b),
    b=lambda a, b: polygamma_step(b, a, n=1),
    x=lambda x: -1 / (1 - x),
    doc="Return log(1 - x) - psi(b) + psi(a + b), the derivative of the logarithm of the beta density by b.",
)


@in_double
def _beta_density(a: Any, b: Any, x: Any) -> Any:
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    c, d, z = np.where(inside, a, 1), np.where(inside, b, 1), np.where(inside, x, 0.5)
    n, y = c + d, 1 - z
    apart = d * z - c * y
    distance = deviance(c, n * z, apart) + deviance(d, n * y, -apart)
    errors = stirling_error(n) - stirling_error(c) - stirling_error(d)
    saddle = np.sqrt(c / n * d / (2 * math.pi)) * np.exp(errors - distance) / (z * y)
    factor = sc.rgamma(a) * sc.rgamma(b) * np.where(a + b > 0, 1, sc.gamma(a + b))
    other = factor * x ** (a - 1) * (1 - x) ** (b - 1)
    ends = np.where(x == 0, _end(a, factor, b), np.where(x == 1, _end(b, factor, a), other))
    return np.where(inside, saddle, ends)


def _power_slope(x: Any, a: Any) -> Any:
    """Return the derivative of x^(a - 1), which is 0 at a = 1."""
    flat = a == 1
    return np.where(flat, 0, (a - 1) * x ** np.where(flat, 1, a - 2))


def _beta_slope(a: Any, b: Any, x: Any, out: Any) -> Any:
    """Return the derivative by x; at the ends that of the powers, which is right at every order."""
    end = (x == 0) + (x == 1)
    place, inner, factor = np.where(end, x, 0.5), np.where(end, 0.5, x), np.exp(-sc.betaln(a, b))
    rising = guarded_multiply(_power_slope(place, a) * (1 - place) ** (b - 1), factor)
    falling = guarded_multiply(-_power_slope(1 - place, b) * place ** (a - 1), factor)
    largest = np.where(x == 0, rising, falling)
    at_end = np.where(np.isinf(largest), largest, rising + falling)
    return np.where(end, at_end, out * (((a - 1) * (1 - inner) - (b - 1) * inner) / (inner * (1 - inner))))


beta_density: Op = declare(
    "beta_density",
    _beta_density,
    "a b x",
    a=lambda a, b, x, out: out * beta_lower_score(a, b, np.where(out == 0, 0.5, x)),
    b=lambda a, b, x, out: out * beta_upper_score(a, b, np.where(out == 0, 0.5, x)),
    x=_beta_slope,
    doc="Return x^(a - 1) (1 - x)^(b - 1) / beta(a, b), the derivative of betainc by x.",
)

# -- Student's t -----------------------------------------------------------------------------------


@in_double
def _student_log_density(df: Any, t: Any) -> Any:
    half, z = df / 2, np.abs(t) / np.sqrt(df)
    far = z > 1
    inverse = 1 / np.where(far, z, 1)
    log = np.where(far, np.log(np.where(far, z, 1)) + np.log1p(inverse * inverse) / 2, np.log1p(z * z) / 2)
    norm = stirling_error(half + 0.5) - stirling_error(half) - deviance(half, half + 0.5, 0.5)
    return norm - HALF_LOG_TWO_PI - (df + 1) * log


def _student_slope(df: Any, t: Any) -> Any:
    far = abs(t) > 1
    near = np.where(far, 0, t)
    ratio = np.where(far, 1 / (df / np.where(far, t, 1) + t), near / (df + near * near))
    return -(df + 1) * ratio


@in_double
def _log_deviance(x: Any) -> Any:
    return deviance(np.ones_like(x), 1 + x, x)


log_deviance = declare(
    "log_deviance", _log_deviance, "x", x=lambda x: x / (1 + x), doc="Return x - log(1 + x), accurate near 0."
)


def half_step(half: Any) -> Any:
    """Return psi(half + 1/2) - psi(half) - 1 / (2 half), without cancellation for large ones."""
    large = half > 30
    s = 1 / np.where(large, half, 30)
    small = np.where(large, 1, half)
    z = s * s
    series = z * (1 / 8 + z * (-1 / 64 + z * (1 / 128 + z * (-17 / 2048 + z * (31 / 2048)))))
    return np.where(large, series, sc.psi(small + 0.5) - sc.psi(small) - 0.5 / small)


def student_score(df: Any, t: Any) -> Any:
    z = t / np.sqrt(df)
    far = abs(z) > 1
    near, inverse = np.where(far, 0, z), 1 / np.where(far, abs(z), 1)
    square, small = near * near, inverse * inverse
    share = np.where(far, 1 / (1 + small), square / (1 + square))
    log = 2 * np.log(inverse) - sc.log1p(small)  # of 1 - share, far out
    loss = np.where(far, share + log, -log_deviance(-np.where(far, 0, share)))
    return 0.5 * (half_step(df / 2) + loss + share / df)


student_log_density: Op = declare(
    "student_log_density",
    _student_log_density,
    "df t",
    df=student_score,
    t=_student_slope,
    doc="Return the logarithm of the density of Student's t.",
)

student_density: Op = declare(
    "student_density",
    lambda df, t: np.exp(_student_log_density(df, t)),
    "df t",
    df=lambda df, t, out: out * student_score(df, t),
    t=lambda df, t, out: out * _student_slope(df, t),
    doc="Return the density of Student's t, the derivative of stdtr by t.",
)
