"""The gamma distribution: (x, a, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import gamma
>>> a = lg.parameter(2.0)
>>> round(lg.gradient(gamma.logpdf(1.0, a), a).item(), 4)
-0.4228
"""

from __future__ import annotations

import scipy.special as sc
import scipy.stats

from .._densities import gamma_density
from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.gamma,
    "a",
    low=0,
    pdf=lambda z, a: gamma_density(a, z),
    logpdf=lambda z, a: sc.xlogy(a - 1, z) - z - sc.gammaln(a),
    cdf=lambda z, a: sc.gammainc(a, z),
    sf=lambda z, a: sc.gammaincc(a, z),
)

__getattr__ = look_up_in(scipy.stats.gamma)
