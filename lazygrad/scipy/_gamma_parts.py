"""Parts of the logarithms of gamma functions and their derivatives, in which no large terms cancel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc

from .._graph.quiet import in_errstate
from .._graph.types import Array, Function
from ..ops._declare import elementwise, op
from ..ops._op import Op
from ._polygamma import polygamma

__all__ = [
    "HALF_LOG_TWO_PI",
    "declare",
    "deviance",
    "in_double",
    "log_less_psi",
    "polygamma_step",
    "psi_step",
    "stirling_error",
    "subtract_psi",
]

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
STEPS = 20  # of the recurrence, where Stirling's series is not accurate yet
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def in_double(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return a function that computes in double precision and gives back the dtype that came in."""

    @in_errstate(all="ignore")
    def call(*values: Any, **static: Any) -> Any:
        dtype = np.result_type(np.float32, *values)
        return function(*np.broadcast_arrays(*[np.asarray(v, float) for v in values]), **static).astype(dtype)[()]

    return call


def declare(name: str, function: Function, inputs: str, doc: str, **partials: Function) -> Op:
    """Declare an element-by-element function by its local derivatives, as `declare_ufunc` does SciPy's."""
    return elementwise(f"scipy.special.{name}", function, inputs=inputs, partial=partials, doc=doc)


# -- parts of the logarithms of gamma functions ----------------------------------------------------


def stirling_error(a: Array) -> Array:
    """Return log(gamma(a + 1)) - (a + 1/2) log(a) + a - log(2 pi) / 2, which is small for large a."""
    large = a >= 10
    s, small = 1 / np.where(large, a, 10), np.where(large, 1, a)
    series = 0 * s
    for k in range(len(BERNOULLI), 0, -1):
        series = series * s * s + BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    exact = sc.gammaln(small + 1) - (small + 0.5) * np.log(small) + small - HALF_LOG_TWO_PI
    return np.where(large, series * s, exact)


def deviance(a: Array, m: Array, apart: Array | float) -> Array:
    """Return a log(a / m) + m - a where apart = m - a."""
    ratio = apart / a
    near = np.abs(ratio) < 0.5
    r = np.where(near, ratio, 0)
    v = r / (2 + r)
    series = 0 * v
    for k in range(17, 0, -1):
        series = series * (v * v) + 1 / (2 * k + 1)
    far = apart - a * (np.log(m) - np.log(a))
    return np.where(near, a * (r * v - 2 * v * v * v * series), far)


def subtract_psi(x: Array, a: Array, apart: Array | float) -> Array:
    """Return log(x) - psi(a) where apart = x - a."""
    large = a >= 20
    s, small = 1 / np.where(large, a, 20), np.where(large, 1, a)
    series = 0 * s
    for k in range(len(BERNOULLI), 0, -1):
        series = (series + BERNOULLI[k - 1] / (2 * k)) * s * s
    rest = np.where(large, s / 2 + series, np.log(small) - sc.psi(small))
    ratio = apart / a
    near = np.abs(ratio) < 0.5
    return np.where(near, np.log1p(np.where(near, ratio, 0)), np.log(x) - np.log(a)) + rest


log_less_psi = declare(
    "log_less_psi",
    in_double(lambda x, a: subtract_psi(x, a, x - a)),
    "x a",
    x=lambda x: 1 / x,
    a=lambda a: -polygamma(1, a),
    doc="Return log(x) - psi(a), accurate also for large x and a that are near each other.",
)

psi_step = declare(
    "psi_step",
    in_double(lambda a, b: np.log1p(b / a) + subtract_psi(a, a, 0) - subtract_psi(a + b, a + b, 0)),
    "a b",
    a=lambda a, b: polygamma_step(a, b, n=1),
    b=lambda a, b: polygamma(1, a + b),
    doc="Return psi(a + b) - psi(a) for positive numbers, accurate also for large a.",
)


@in_double
def _polygamma_step(a: Any, b: Any, n: int) -> Any:
    """Return the difference by Stirling's series for large a, after steps of the recurrence that make it large."""
    total = 0 * a
    for k in range(STEPS):
        small, c = a < STEPS, a + k
        step = np.where(small, np.expm1(-(n + 1) * np.log1p(b / c)), 0)
        total = total + math.factorial(n) * step * c ** (-n - 1.0)
    a = np.where(a < STEPS, a + STEPS, a)
    growth = np.log1p(b / a)
    series = [(math.factorial(n - 1), n), (math.factorial(n) / 2, n + 1)]
    series += [
        (c * math.factorial(2 * k + n - 1) / math.factorial(2 * k), 2 * k + n) for k, c in enumerate(BERNOULLI, 1)
    ]
    for factor, power in reversed(series):
        total = total + factor * np.expm1(-power * growth) * a ** -float(power)
    return (-1) ** (n + 1) * total


_BY_ARGUMENT = {
    "a": lambda g, a, b, n: g * polygamma_step(a, b, n=n + 1),
    "b": lambda g, a, b, n: g * polygamma(n + 1, a + b),
}

polygamma_step: Op = op(
    "scipy.special.polygamma_step",
    _polygamma_step,
    shape=lambda a, b, n: (np.broadcast_shapes(a.shape, b.shape), np.result_type(a.dtype, b.dtype, np.float32)),
    vjp=_BY_ARGUMENT,
    jvp=_BY_ARGUMENT,
    inputs="a b",
    statics={"n": 1},
    pointwise=True,
    doc="Return polygamma(n, a + b) - polygamma(n, a) for positive numbers, accurate also for large a.",
)
