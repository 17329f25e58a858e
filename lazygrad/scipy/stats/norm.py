"""The normal distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import norm
>>> mu = lg.parameter(0.5)
>>> lg.gradient(norm.logpdf(2.0, mu, 1.0), mu)
array(1.5)
"""

from __future__ import annotations

import math

import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.norm,
    logpdf=lambda z: -0.5 * (z * z) - 0.5 * math.log(2 * math.pi),
    cdf=lambda z: sc.ndtr(z),
    logcdf=lambda z: sc.log_ndtr(z),
    sf=lambda z: sc.ndtr(-z),
    logsf=lambda z: sc.log_ndtr(-z),
)

__getattr__ = look_up_in(scipy.stats.norm)
