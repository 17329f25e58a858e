"""The Weibull distribution: (x, c, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import weibull_min
>>> x = lg.parameter(1.0)
>>> lg.gradient(weibull_min.logsf(x, 3.0), x)
array(-3.)
"""

from __future__ import annotations

import numpy as np
import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.weibull_min,
    "c",
    low=0,
    pdf=lambda z, c: c * z ** (c - 1) * np.exp(-(z**c)),
    logpdf=lambda z, c: np.log(c) + sc.xlogy(c - 1, z) - z**c,
    cdf=lambda z, c: -sc.expm1(-(z**c)),
    sf=lambda z, c: np.exp(-(z**c)),
    logsf=lambda z, c: -(z**c),
)

__getattr__ = look_up_in(scipy.stats.weibull_min)
