"""The right-skewed Gumbel distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import gumbel_r
>>> x = lg.parameter(0.0)
>>> lg.gradient(gumbel_r.logcdf(x), x)
array(1.)
"""

from __future__ import annotations

import numpy as np
import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.gumbel_r,
    logpdf=lambda z: -z - np.exp(-z),
    cdf=lambda z: np.exp(-np.exp(-z)),
    logcdf=lambda z: -np.exp(-z),
    sf=lambda z: -sc.expm1(-np.exp(-z)),
)

__getattr__ = look_up_in(scipy.stats.gumbel_r)
