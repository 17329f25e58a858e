"""The Poisson distribution: (k, mu, loc=0).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import poisson
>>> mu = lg.parameter(2.0)
>>> lg.gradient(poisson.logpmf(3, mu), mu)
array(0.5)
"""

from __future__ import annotations

import scipy.special as sc
import scipy.stats

from .._densities import gamma_density
from ._families import discrete, look_up_in

__all__ = ["cdf", "logcdf", "logpmf", "logsf", "pmf", "sf"]

pmf, logpmf, cdf, logcdf, sf, logsf = discrete(
    scipy.stats.poisson,
    "mu",
    pmf=lambda k, mu: gamma_density(k + 1, mu),
    logpmf=lambda k, mu: sc.xlogy(k, mu) - sc.gammaln(k + 1) - mu,
    cdf=lambda k, mu: sc.gammaincc(k + 1, mu),
    sf=lambda k, mu: sc.gammainc(k + 1, mu),
)

__getattr__ = look_up_in(scipy.stats.poisson)
