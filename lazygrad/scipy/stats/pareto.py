"""The Pareto distribution: (x, b, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import pareto
>>> b = lg.parameter(2.0)
>>> lg.gradient(pareto.logpdf(1.0, b), b)
array(0.5)
"""

from __future__ import annotations

import numpy as np
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.pareto,
    "b",
    low=1,
    safe=2.0,
    logpdf=lambda z, b: np.log(b) - (b + 1) * np.log(z),
    cdf=lambda z, b: -np.expm1(-b * np.log(z)),
    sf=lambda z, b: np.exp(-b * np.log(z)),
    logsf=lambda z, b: -b * np.log(z),
)

__getattr__ = look_up_in(scipy.stats.pareto)
