"""The chi-squared distribution: (x, df, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import chi2
>>> x = lg.parameter(1.0)
>>> lg.gradient(chi2.logpdf(x, 4.0), x)
array(0.5)
"""

from __future__ import annotations

import math

import scipy.special as sc
import scipy.stats

from .._densities import gamma_density
from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.chi2,
    "df",
    low=0,
    pdf=lambda z, df: 0.5 * gamma_density(df / 2, z / 2),
    logpdf=lambda z, df: sc.xlogy(df / 2 - 1, z) - z / 2 - sc.gammaln(df / 2) - math.log(2) / 2 * df,
    cdf=lambda z, df: sc.gammainc(df / 2, z / 2),
    sf=lambda z, df: sc.gammaincc(df / 2, z / 2),
)

__getattr__ = look_up_in(scipy.stats.chi2)
