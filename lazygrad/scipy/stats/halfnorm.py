"""The half-normal distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import halfnorm
>>> x = lg.parameter(2.0)
>>> lg.gradient(halfnorm.logpdf(x), x)
array(-2.)
"""

from __future__ import annotations

import math

import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.halfnorm,
    low=0,
    logpdf=lambda z: 0.5 * math.log(2 / math.pi) - 0.5 * (z * z),
    cdf=lambda z: sc.erf(z * math.sqrt(0.5)),
    sf=lambda z: sc.erfc(z * math.sqrt(0.5)),
)

__getattr__ = look_up_in(scipy.stats.halfnorm)
