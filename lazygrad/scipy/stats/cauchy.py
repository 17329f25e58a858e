"""The Cauchy distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import cauchy
>>> x = lg.parameter(1.0)
>>> lg.gradient(cauchy.logpdf(x), x)
array(-1.)
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special as sc
import scipy.stats

from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.cauchy,
    logpdf=lambda z: -math.log(math.pi) - sc.log1p(z * z),
    cdf=lambda z: np.arctan2(1, -z) / math.pi,
    sf=lambda z: np.arctan2(1, z) / math.pi,
)

__getattr__ = look_up_in(scipy.stats.cauchy)
