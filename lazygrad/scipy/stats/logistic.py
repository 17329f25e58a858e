"""The logistic distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import logistic
>>> x = lg.parameter(0.0)
>>> lg.gradient(logistic.cdf(x), x)
array(0.25)
"""

from __future__ import annotations

import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.logistic,
    logpdf=lambda z: sc.log_expit(z) + sc.log_expit(-z),
    cdf=lambda z: sc.expit(z),
    logcdf=lambda z: sc.log_expit(z),
    sf=lambda z: sc.expit(-z),
    logsf=lambda z: sc.log_expit(-z),
)

__getattr__ = look_up_in(scipy.stats.logistic)
