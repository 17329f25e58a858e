"""The geometric distribution: (k, p, loc=0).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import geom
>>> p = lg.parameter(0.5)
>>> lg.gradient(geom.pmf(1, p), p)
array(1.)
"""

from __future__ import annotations

import numpy as np
import scipy.special as sc
import scipy.stats

from ._families import discrete, look_up_in

__all__ = ["cdf", "logcdf", "logpmf", "logsf", "pmf", "sf"]

pmf, logpmf, cdf, logcdf, sf, logsf = discrete(
    scipy.stats.geom,
    "p",
    low=1,
    pmf=lambda k, p: p * (1 - p) ** (k - 1),
    logpmf=lambda k, p: sc.xlog1py(k - 1, -p) + np.log(p),
    cdf=lambda k, p: -sc.expm1(sc.log1p(-p) * k),
    sf=lambda k, p: np.exp(sc.log1p(-p) * k),
    logsf=lambda k, p: sc.log1p(-p) * k,
)

__getattr__ = look_up_in(scipy.stats.geom)
