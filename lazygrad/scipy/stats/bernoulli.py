"""The Bernoulli distribution: (k, p, loc=0).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import bernoulli
>>> p = lg.parameter(0.25)
>>> lg.gradient(bernoulli.logpmf(1, p), p)
array(4.)
"""

from __future__ import annotations

import numpy as np
import scipy.special as sc
import scipy.stats

from ._families import discrete, look_up_in

__all__ = ["cdf", "logcdf", "logpmf", "logsf", "pmf", "sf"]

pmf, logpmf, cdf, logcdf, sf, logsf = discrete(
    scipy.stats.bernoulli,
    "p",
    high=1,
    safe=0,
    pmf=lambda k, p: np.where(k == 1, p, 1 - p),
    logpmf=lambda k, p: sc.xlogy(k, p) + sc.xlog1py(1 - k, -p),
    cdf=lambda k, p: 1 - p + 0 * k,
    sf=lambda k, p: p + 0 * k,
)

__getattr__ = look_up_in(scipy.stats.bernoulli)
