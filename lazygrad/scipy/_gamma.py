"""The gamma function and its kin: beta, zeta, incomplete integrals, factorials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from .._graph.node import NodeOrArray, Operand
from ..ops._op import Op
from ..ops._rule import ZERO
from ._by_shapes import betainc_by_shapes, stdtr_by_df
from ._calls import declare_on_nodes, declare_ufunc, holds_node
from ._densities import beta_density, gamma_density, gammainc_by_shape, student_density
from ._gamma_parts import psi_step
from ._polygamma import digamma, polygamma, psi

__all__ = [
    "beta",
    "betainc",
    "betaincc",
    "betaincinv",
    "betaln",
    "binom",
    "digamma",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammainccinv",
    "gammaincinv",
    "gammaln",
    "gammasgn",
    "loggamma",
    "multigammaln",
    "poch",
    "polygamma",
    "psi",
    "rgamma",
    "stdtr",
    "zeta",
]

gamma = declare_ufunc(
    sc.gamma,
    x=lambda x, out: out * sc.psi(x),
    doc="Return the gamma function.\n\n>>> gamma(np.array([0.5, 4.0])).round(4)\narray([1.7725, 6.    ])",
)

gammaln = declare_ufunc(
    sc.gammaln,
    x=lambda x: sc.psi(x),
    doc="Return the logarithm of |gamma(x)|.\n\n>>> gammaln(np.array([0.5, 4.0])).round(4)\narray([0.5724, 1.7918])",
)

loggamma = declare_ufunc(
    sc.loggamma,
    x=lambda x: sc.psi(x),
    doc="Return the principal branch of the logarithm of gamma(x).\n\n"
    ">>> loggamma(np.array([0.5, 4.0])).round(4)\narray([0.5724, 1.7918])",
)

gammasgn = declare_ufunc(
    sc.gammasgn, x=ZERO, doc="Return the sign of gamma(x).\n\n>>> gammasgn(np.array([-0.5, 4.0]))\narray([-1.,  1.])"
)


def _rgamma_slope(x: Any) -> Any:
    """Return d/dx 1 / gamma(x); by reflection left of 1/2, where psi has poles but 1 / gamma has none."""
    left = x < 0.5
    y = np.where(left, 1 - x, x)
    g, p = sc.gamma(y), sc.psi(y)
    angle = math.pi * np.where(left, x, 0)
    return np.where(left, g * (np.cos(angle) - np.sin(angle) * p / math.pi), -p / g)


rgamma = declare_ufunc(
    sc.rgamma,
    x=_rgamma_slope,
    doc="Return 1 / gamma(x).\n\n>>> rgamma(np.array([0.5, 4.0])).round(4)\narray([0.5642, 0.1667])",
)


@declare_on_nodes(sc.multigammaln)
def multigammaln(a: NodeOrArray, d: int) -> Operand:
    """Return the logarithm of the multivariate gamma function of dimension d.

    Examples
    --------
    >>> float(multigammaln(3.0, 2).round(4))
    1.5502
    """
    total = d * (d - 1) / 4 * math.log(math.pi)
    for j in range(d):
        total = sc.gammaln(a - j / 2) + total
    return total


# -- beta and zeta ---------------------------------------------------------------------------------


def _fall(a: Any, b: Any) -> Any:
    """Return psi(a) - psi(a + b); for positive numbers without cancellation."""
    plain = (a > 0) * (b > 0)
    c, d = np.where(plain, a, 1), np.where(plain, b, 1)
    return np.where(plain, -psi_step(c, d), sc.psi(a) - sc.psi(a + b))


beta = declare_ufunc(
    sc.beta,
    "a b",
    a=lambda a, b, out: out * _fall(a, b),
    b=lambda a, b, out: out * _fall(b, a),
    doc="Return gamma(a) gamma(b) / gamma(a + b).\n\n"
    ">>> beta(2.0, np.array([1.0, 3.0])).round(4)\narray([0.5   , 0.0833])",
)

betaln = declare_ufunc(
    sc.betaln,
    "a b",
    a=lambda a, b: _fall(a, b),
    b=lambda a, b: _fall(b, a),
    doc="Return the logarithm of |beta(a, b)|.\n\n"
    ">>> betaln(2.0, np.array([1.0, 3.0])).round(4)\narray([-0.6931, -2.4849])",
)

_hurwitz: Op = declare_ufunc(
    sc.zeta,
    "x q",
    q=lambda x, q: -x * _hurwitz(x + 1, q),
    doc="Return Hurwitz' zeta; there is no rule by the exponent x.",
)


def zeta(x: Operand, q: Operand | None = None) -> NodeOrArray:
    """Return Hurwitz' zeta function, the sum of (k + q) ** -x; Riemann's, for q = 1, on arrays alone.

    Examples
    --------
    >>> float(zeta(2.0, 1.0).round(4))
    1.6449
    """
    if q is None and not holds_node((x,)):
        return sc.zeta(x)
    return _hurwitz(x, 1.0 if q is None else q)


# -- incomplete integrals: by their upper end and by their shapes ------------------------------------


gammainc = declare_ufunc(
    sc.gammainc,
    "a x",
    a=lambda a, x: gammainc_by_shape(a, x),
    x=lambda a, x: gamma_density(a, x),
    doc="Return the lower incomplete gamma function, from 0 to 1.\n\n"
    ">>> gammainc(2.0, np.array([0.25, 0.75])).round(4)\narray([0.0265, 0.1734])",
)

gammaincc = declare_ufunc(
    sc.gammaincc,
    "a x",
    a=lambda a, x: -gammainc_by_shape(a, x),
    x=lambda a, x: -gamma_density(a, x),
    doc="Return the upper incomplete gamma function, from 1 to 0.\n\n"
    ">>> gammaincc(2.0, np.array([0.25, 0.75])).round(4)\narray([0.9735, 0.8266])",
)

gammaincinv = declare_ufunc(
    sc.gammaincinv,
    "a y",
    a=lambda a, out: -gammainc_by_shape(a, out) / gamma_density(a, out),
    y=lambda a, out: 1 / gamma_density(a, out),
    doc="Return the inverse of gammainc by x.\n\n"
    ">>> gammaincinv(2.0, np.array([0.25, 0.75])).round(4)\narray([0.9613, 2.6926])",
)

gammainccinv = declare_ufunc(
    sc.gammainccinv,
    "a y",
    a=lambda a, out: -gammainc_by_shape(a, out) / gamma_density(a, out),
    y=lambda a, out: -1 / gamma_density(a, out),
    doc="Return the inverse of gammaincc by x.\n\n"
    ">>> gammainccinv(2.0, np.array([0.25, 0.75])).round(4)\narray([2.6926, 0.9613])",
)

betainc = declare_ufunc(
    sc.betainc,
    "a b x",
    a=lambda a, b, x: betainc_by_shapes(a, b, x, i=1, j=0),
    b=lambda a, b, x: betainc_by_shapes(a, b, x, i=0, j=1),
    x=lambda a, b, x: beta_density(a, b, x),
    doc="Return the regularized incomplete beta function.\n\n"
    ">>> betainc(2.0, 3.0, np.array([0.25, 0.75])).round(4)\narray([0.2617, 0.9492])",
)

betaincc = declare_ufunc(
    sc.betaincc,
    "a b x",
    a=lambda a, b, x: -betainc_by_shapes(a, b, x, i=1, j=0),
    b=lambda a, b, x: -betainc_by_shapes(a, b, x, i=0, j=1),
    x=lambda a, b, x: -beta_density(a, b, x),
    doc="Return 1 - betainc(a, b, x).\n\n"
    ">>> betaincc(2.0, 3.0, np.array([0.25, 0.75])).round(4)\narray([0.7383, 0.0508])",
)

betaincinv = declare_ufunc(
    sc.betaincinv,
    "a b y",
    a=lambda a, b, out: -betainc_by_shapes(a, b, out, i=1, j=0) / beta_density(a, b, out),
    b=lambda a, b, out: -betainc_by_shapes(a, b, out, i=0, j=1) / beta_density(a, b, out),
    y=lambda a, b, out: 1 / beta_density(a, b, out),
    doc="Return the inverse of betainc by x.\n\n"
    ">>> betaincinv(2.0, 3.0, np.array([0.25, 0.75])).round(4)\narray([0.243 , 0.5437])",
)


stdtr = declare_ufunc(
    sc.stdtr,
    "df t",
    df=lambda df, t: stdtr_by_df(df, t, n=1),
    t=lambda df, t: student_density(df, t),
    doc="Return the distribution function of Student's t.\n\n"
    ">>> stdtr(3.0, np.array([0.0, 1.0])).round(4)\narray([0.5   , 0.8045])",
)

# -- factorials ------------------------------------------------------------------------------------


def _binom_slopes(n: Any, k: Any, out: Any) -> tuple[Any, Any]:
    """Return the derivatives by n and k; beyond the ends by reflection, where psi has poles but the coefficient none.

    There it is beta(n + 1, d) sin(pi d) / pi with d = k - n, or the same with n - k in place of k.
    """
    below, proper = k < -0.5, n > -1
    far = np.where(below, n - k, k)
    beyond = proper * (far - n > 0.5)
    m, d = np.where(beyond, n, 1), np.where(beyond, far - n, 1)
    factor, angle = sc.beta(m + 1, d), math.pi * d
    sine, cosine = np.sin(angle) / math.pi, np.cos(angle)
    by_n = factor * ((sc.psi(m + 1) - sc.psi(d)) * sine - cosine)
    by_far = factor * ((sc.psi(d) - sc.psi(m + d + 1)) * sine + cosine)
    a, b = np.where(beyond, 1, n), np.where(beyond, 1, k)
    inside = sc.psi(a - b + 1)
    return (
        np.where(beyond, by_n + np.where(below, by_far, 0), out * (sc.psi(a + 1) - inside)),
        np.where(beyond, np.where(below, -by_far, by_far), out * (inside - sc.psi(b + 1))),
    )


binom = declare_ufunc(
    sc.binom,
    "n k",
    n=lambda n, k, out: _binom_slopes(n, k, out)[0],
    k=lambda n, k, out: _binom_slopes(n, k, out)[1],
    doc="Return the binomial coefficient of real numbers.\n\n"
    ">>> binom(4.0, np.array([1.0, 1.5])).round(4)\narray([4.    , 5.4325])",
)


def _poch_slope(a: Any, m: Any, out: Any) -> Any:
    """Return the derivative by a; by reflection where a is not positive, as gamma(a) may have a pole there."""
    left, whole = a < 0.5, np.floor(m) == m
    down = left * whole * (a + m < 0.5)  # a product of m factors, whose poles cancel
    up = left * (a + m >= 0.5)
    c, d = np.where(down, 1 - a, 1), np.where(down, 1 - a - m, 1)
    e, f = np.where(up, a, 1), np.where(up, a + m, 1)
    rising = out * sc.psi(f) + sc.gamma(f) * _rgamma_slope(e)
    plain = down + up
    p, q = np.where(plain, 1, a), np.where(plain, 1, m)
    return np.where(down, out * (sc.psi(d) - sc.psi(c)), np.where(up, rising, -out * _fall(p, q)))


poch = declare_ufunc(
    sc.poch,
    "a m",
    a=_poch_slope,
    m=lambda a, m, out: out * sc.psi(a + m),
    doc="Return gamma(a + m) / gamma(a).\n\n>>> poch(2.0, np.array([1.0, 3.0])).round(4)\narray([ 2., 24.])",
)
