"""The Laplace distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import laplace
>>> x = lg.parameter(2.0)
>>> lg.gradient(laplace.logpdf(x), x)
array(-1.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]


def _cdf(z: Any) -> Any:
    tail = 0.5 * np.exp(-abs(z))
    return np.where(z > 0, 1 - tail, tail)


def _logcdf(z: Any) -> Any:
    left = z < 0
    return np.where(left, np.where(left, z, 0) - math.log(2), sc.log1p(-0.5 * np.exp(-np.where(left, 0, z))))


pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.laplace,
    logpdf=lambda z: -abs(z) - math.log(2),
    cdf=_cdf,
    sf=lambda z: _cdf(-z),
    logcdf=_logcdf,
    logsf=lambda z: _logcdf(-z),
)

__getattr__ = look_up_in(scipy.stats.laplace)
