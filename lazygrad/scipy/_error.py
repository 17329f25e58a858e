"""Error functions, the normal distribution's, logistic ones, exponentials and entropies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from .._graph.quiet import in_errstate
from ..ops._declare import elementwise
from ..ops._op import Op
from ..ops.arithmetic import guarded_divide
from ._calls import declare_ufunc
from ._scaled_error import dawsn_derivative, inverse_mills, scaled_erfc_integral

__all__ = [
    "boxcox",
    "boxcox1p",
    "cbrt",
    "dawsn",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfi",
    "erfinv",
    "exp1",
    "exp2",
    "exp10",
    "expi",
    "expit",
    "expm1",
    "exprel",
    "huber",
    "kl_div",
    "log1p",
    "log_expit",
    "log_ndtr",
    "logit",
    "ndtr",
    "ndtri",
    "pseudo_huber",
    "rel_entr",
    "sinc",
    "spence",
    "xlog1py",
    "xlogy",
]

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_TWO_PI = math.sqrt(2 * math.pi)

# -- logistic --------------------------------------------------------------------------------------

logistic_density = elementwise(
    "scipy.special.logistic_density",
    lambda x: sc.expit(x) * sc.expit(-x),  # unlike y (1 - y) accurate in both tails
    partial={"x": lambda x, out: -out * np.tanh(0.5 * x)},
    doc="Return expit(x) (1 - expit(x)).",
)

expit: Op = declare_ufunc(
    sc.expit,
    x=lambda x: logistic_density(x),
    doc="Return 1 / (1 + exp(-x)).\n\n>>> expit(np.array([0.0, 1.0])).round(4)\narray([0.5   , 0.7311])",
)

logit = declare_ufunc(
    sc.logit,
    x=lambda x: 1 / x + 1 / (1 - x),  # (as one quotient its derivative at 0 and 1 would be inf - inf)
    doc="Return log(x / (1 - x)); its derivative at 0 and 1 is inf.\n\n"
    ">>> logit(np.array([0.25, 0.5])).round(4)\narray([-1.0986,  0.    ])",
)

log_expit = declare_ufunc(
    sc.log_expit,
    x=lambda x: expit(-x),
    doc="Return log(expit(x)) without underflow.\n\n"
    ">>> log_expit(np.array([0.0, 1.0])).round(4)\narray([-0.6931, -0.3133])",
)

# -- error functions -------------------------------------------------------------------------------

erf = declare_ufunc(
    sc.erf,
    x=lambda x: TWO_OVER_ROOT_PI * np.exp(-(x * x)),
    doc="Return the error function.\n\n>>> erf(np.array([0.0, 1.0])).round(4)\narray([0.    , 0.8427])",
)

erfc = declare_ufunc(
    sc.erfc,
    x=lambda x: -TWO_OVER_ROOT_PI * np.exp(-(x * x)),
    doc="Return 1 - erf(x).\n\n>>> erfc(np.array([0.0, 1.0])).round(4)\narray([1.    , 0.1573])",
)

erfcx = declare_ufunc(
    sc.erfcx,
    x=lambda x: -2 * scaled_erfc_integral(x, n=1),
    doc="Return exp(x * x) * erfc(x).\n\n>>> erfcx(np.array([0.0, 1.0])).round(4)\narray([1.    , 0.4276])",
)

erfi = declare_ufunc(
    sc.erfi,
    x=lambda x: TWO_OVER_ROOT_PI * np.exp(x * x),
    doc="Return -1j * erf(1j * x).\n\n>>> erfi(np.array([0.0, 1.0])).round(4)\narray([0.    , 1.6504])",
)

dawsn = declare_ufunc(
    sc.dawsn,
    x=lambda x: dawsn_derivative(x, n=1),
    doc="Return Dawson's integral.\n\n>>> dawsn(np.array([0.0, 1.0])).round(4)\narray([0.    , 0.5381])",
)

erfinv = declare_ufunc(
    sc.erfinv,
    "y",
    y=lambda out: np.exp(out * out) / TWO_OVER_ROOT_PI,
    doc="Return the inverse of erf.\n\n>>> erfinv(np.array([0.25, 0.5])).round(4)\narray([0.2253, 0.4769])",
)

erfcinv = declare_ufunc(
    sc.erfcinv,
    "y",
    y=lambda out: np.exp(out * out) / -TWO_OVER_ROOT_PI,
    doc="Return the inverse of erfc.\n\n>>> erfcinv(np.array([0.5, 1.5])).round(4)\narray([ 0.4769, -0.4769])",
)

ndtr = declare_ufunc(
    sc.ndtr,
    x=lambda x: np.exp(-0.5 * (x * x)) / ROOT_TWO_PI,
    doc="Return the normal distribution function.\n\n>>> ndtr(np.array([0.0, 1.0])).round(4)\narray([0.5   , 0.8413])",
)

ndtri = declare_ufunc(
    sc.ndtri,
    "y",
    y=lambda out: ROOT_TWO_PI * np.exp(0.5 * (out * out)),
    doc="Return the inverse of ndtr.\n\n>>> ndtri(np.array([0.25, 0.5])).round(4)\narray([-0.6745,  0.    ])",
)

log_ndtr = declare_ufunc(
    sc.log_ndtr,
    x=lambda x: inverse_mills(x),
    doc="Return log(ndtr(x)) without underflow.\n\n"
    ">>> log_ndtr(np.array([0.0, 1.0])).round(4)\narray([-0.6931, -0.1728])",
)

# -- exponentials and logarithms -------------------------------------------------------------------

expm1 = declare_ufunc(
    sc.expm1,
    x=lambda x: np.exp(x),
    doc="Return exp(x) - 1, exact near 0.\n\n>>> expm1(np.array([0.0, 1.0])).round(4)\narray([0.    , 1.7183])",
)

log1p = declare_ufunc(
    sc.log1p,
    x=lambda x: 1 / (1 + x),
    doc="Return log(1 + x), exact near 0.\n\n>>> log1p(np.array([0.0, 1.0])).round(4)\narray([0.    , 0.6931])",
)

exp2 = declare_ufunc(
    sc.exp2,
    x=lambda out: math.log(2) * out,
    doc="Return 2 ** x.\n\n>>> exp2(np.array([0.0, 1.0])).round(4)\narray([1., 2.])",
)

cbrt = declare_ufunc(
    sc.cbrt,
    x=lambda out: 1 / (3 * (out * out)),
    doc="Return the cube root; its derivative at 0 is inf.\n\n>>> cbrt(np.array([1.0, 8.0])).round(1)\narray([1., 2.])",
)

exp10 = declare_ufunc(
    sc.exp10,
    x=lambda out: math.log(10) * out,
    doc="Return 10 ** x.\n\n>>> exp10(np.array([0.0, 1.0])).round(4)\narray([ 1., 10.])",
)


def _exprel_slope(x: Any, out: Any) -> Any:
    series = 1 / 2 + x * (1 / 3 + x * (1 / 8 + x * (1 / 30 + x * (1 / 144 + x * (1 / 840 + x / 5760)))))
    near = abs(x) < 0.05
    return np.where(near, series, (np.exp(x) - out) / np.where(near, 1, x))


exprel = declare_ufunc(
    sc.exprel,
    x=_exprel_slope,
    doc="Return (exp(x) - 1) / x, which is 1 at 0.\n\n"
    ">>> exprel(np.array([0.0, 1.0])).round(4)\narray([1.    , 1.7183])",
)

expi = declare_ufunc(
    sc.expi,
    x=lambda x: np.exp(x) / x,
    doc="Return the exponential integral Ei.\n\n>>> expi(np.array([1.0, 2.0])).round(4)\narray([1.8951, 4.9542])",
)

exp1 = declare_ufunc(
    sc.exp1,
    x=lambda x: -np.exp(-x) / x,
    doc="Return the exponential integral E1.\n\n>>> exp1(np.array([1.0, 2.0])).round(4)\narray([0.2194, 0.0489])",
)


def _spence_slope(z: Any) -> Any:
    d = 1 - z
    series = -1 - d * (1 / 2 + d * (1 / 3 + d * (1 / 4 + d * (1 / 5 + d * (1 / 6 + d * (1 / 7 + d / 8))))))
    near = abs(d) < 0.01
    return np.where(near, series, np.log(np.where(near, 2, z)) / np.where(near, 1, d))


spence = declare_ufunc(
    sc.spence,
    "z",
    z=_spence_slope,
    doc="Return the dilogarithm of 1 - z.\n\n>>> spence(np.array([1.0, 2.0])).round(4)\narray([ 0.    , -0.8225])",
)

xlogy = declare_ufunc(
    sc.xlogy,
    "x y",
    x=lambda y: np.log(y),
    y=lambda x, y: guarded_divide(x, y),
    doc="Return x * log(y), and 0 at x = 0.\n\n>>> xlogy(np.array([0.0, 1.0]), 2.0).round(4)\narray([0.    , 0.6931])",
)

xlog1py = declare_ufunc(
    sc.xlog1py,
    "x y",
    x=lambda y: sc.log1p(y),
    y=lambda x, y: guarded_divide(x, 1 + y),
    doc="Return x * log(1 + y), and 0 at x = 0.\n\n"
    ">>> xlog1py(np.array([0.0, 1.0]), 2.0).round(4)\narray([0.    , 1.0986])",
)


def _power_by_lambda(x: Any, lmbda: Any, out: Any) -> Any:
    """Return d/dl (x^l - 1) / l: with u = log(x), the function is u exprel(l u)."""
    log = np.log(np.where(x == 0, 1, x))
    slope = log * log * _exprel_slope(lmbda * log, sc.exprel(lmbda * log))
    return np.where(x == 0, -out / np.where(lmbda == 0, 1, lmbda), slope)


boxcox = declare_ufunc(
    sc.boxcox,
    "x lmbda",
    x=lambda x, lmbda: x ** (lmbda - 1),
    lmbda=_power_by_lambda,
    doc="Return (x ** lmbda - 1) / lmbda, which is log(x) at lmbda = 0.\n\n"
    ">>> boxcox(2.0, np.array([0.0, 2.0])).round(4)\narray([0.6931, 1.5   ])",
)

boxcox1p = declare_ufunc(
    sc.boxcox1p,
    "x lmbda",
    x=lambda x, lmbda: (1 + x) ** (lmbda - 1),
    lmbda=lambda x, lmbda, out: _power_by_lambda(1 + x, lmbda, out),
    doc="Return ((1 + x) ** lmbda - 1) / lmbda, which is log(1 + x) at lmbda = 0.\n\n"
    ">>> boxcox1p(2.0, np.array([0.0, 2.0])).round(4)\narray([1.0986, 4.    ])",
)


sinc = np.sinc

# -- entropies and losses --------------------------------------------------------------------------

entr = declare_ufunc(
    sc.entr,
    x=lambda x: -1 - np.log(x),
    doc="Return -x * log(x), and 0 at x = 0.\n\n>>> entr(np.array([0.25, 0.5])).round(4)\narray([0.3466, 0.3466])",
)


@in_errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")
def _log_ratio(x: Any, y: Any) -> Any:
    apart, ratio = (x - y) / y, x / y
    tiny = np.finfo(ratio.dtype).tiny
    near = np.log1p(np.where(abs(apart) < 0.5, apart, 0))
    far = np.where((ratio >= tiny) & (ratio <= 1 / tiny), np.log(ratio), np.log(x) - np.log(y))
    return np.where(abs(apart) < 0.5, near, far)


log_ratio = elementwise(
    "scipy.special.log_ratio",
    _log_ratio,
    inputs="x y",
    partial={"x": lambda x: 1 / x, "y": lambda y: -1 / y},
    doc="Return log(x / y), accurate near x = y and where the ratio is no number any more.",
)

rel_entr = declare_ufunc(
    sc.rel_entr,
    "x y",
    x=lambda x, y: 1 + log_ratio(x, y),
    y=lambda x, y: -x / y,
    doc="Return x * log(x / y), and 0 at x = 0.\n\n"
    ">>> rel_entr(np.array([0.0, 1.0]), 2.0).round(4)\narray([ 0.    , -0.6931])",
)

kl_div = declare_ufunc(
    sc.kl_div,
    "x y",
    x=lambda x, y: log_ratio(x, y),
    y=lambda x, y: (y - x) / y,
    doc="Return x * log(x / y) - x + y.\n\n>>> kl_div(np.array([0.0, 1.0]), 2.0).round(4)\narray([2.    , 0.3069])",
)

huber = declare_ufunc(
    sc.huber,
    "delta r",
    delta=lambda delta, r: np.where(abs(r) > delta, abs(r) - delta, 0),
    r=lambda delta, r: np.where(abs(r) > delta, delta * np.sign(r), r),
    doc="Return r^2 / 2 up to |r| = delta, from there on a straight line.\n\n"
    ">>> huber(1.0, np.array([0.5, 3.0])).round(4)\narray([0.125, 2.5  ])",
)


def _relative(delta: Any, r: Any) -> tuple[Any, Any]:
    """Return the cosine and the sine of the angle whose tangent is r / delta, for delta > 0."""
    size = np.hypot(delta, r)
    return delta / size, r / size


# Functions of the angle, so that nothing cancels or overflows far from 0: with it the slope is delta sin.
pseudo_huber_slope = elementwise(
    "scipy.special.pseudo_huber_slope",
    lambda delta, r: delta / np.hypot(delta, r) * r,
    inputs="delta r",
    partial={
        "delta": lambda delta, r: _relative(delta, r)[1] ** 3,
        "r": lambda delta, r: _relative(delta, r)[0] ** 3,
    },
    doc="Return r / sqrt(1 + (r / delta)^2), the derivative of pseudo_huber by r.",
)


def _by_delta(delta: Any, r: Any) -> Any:
    """Return delta (root - 1)^2 / root for root = 1 / cos, where (1 - cos) = sin^2 / (1 + cos)."""
    cosine, sine = _relative(delta, r)
    return r * (sine / (1 + cosine)) * (sine * sine / (1 + cosine))


pseudo_huber = declare_ufunc(
    sc.pseudo_huber,
    "delta r",
    delta=_by_delta,
    r=lambda delta, r: pseudo_huber_slope(delta, r),
    doc="Return delta^2 (sqrt(1 + (r / delta)^2) - 1), a smooth huber.\n\n"
    ">>> pseudo_huber(1.0, np.array([0.5, 3.0])).round(4)\narray([0.118 , 2.1623])",
)
