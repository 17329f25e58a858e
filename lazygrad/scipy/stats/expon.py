"""The exponential distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import expon
>>> scale = lg.parameter(2.0)
>>> lg.gradient(expon.logpdf(4.0, scale=scale), scale)
array(0.5)
"""

from __future__ import annotations

import numpy as np
import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.expon,
    low=0,
    logpdf=lambda z: -z,
    cdf=lambda z: -sc.expm1(-z),
    sf=lambda z: np.exp(-z),
    logsf=lambda z: -z,
)

__getattr__ = look_up_in(scipy.stats.expon)
