"""The beta distribution: (x, a, b, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import beta
>>> x = lg.parameter(0.5)
>>> lg.gradient(beta.logpdf(x, 2.0, 1.0), x)
array(2.)
"""

from __future__ import annotations

import scipy.special as sc
import scipy.stats

from .._densities import beta_density
from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.beta,
    "a b",
    low=0,
    high=1,
    pdf=lambda z, a, b: beta_density(a, b, z),
    logpdf=lambda z, a, b: sc.xlogy(a - 1, z) + sc.xlog1py(b - 1, -z) - sc.betaln(a, b),
    cdf=lambda z, a, b: sc.betainc(a, b, z),
    sf=lambda z, a, b: sc.betaincc(a, b, z),
)

__getattr__ = look_up_in(scipy.stats.beta)
