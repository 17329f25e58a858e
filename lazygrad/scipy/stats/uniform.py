"""The uniform distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import uniform
>>> scale = lg.parameter(2.0)
>>> lg.gradient(uniform.logpdf(1.0, 0.0, scale), scale)
array(-0.5)
"""

from __future__ import annotations

import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.uniform,
    low=0,
    high=1,
    logpdf=lambda z: 0.0 * z,
    cdf=lambda z: z,
)

__getattr__ = look_up_in(scipy.stats.uniform)
