"""The negative binomial distribution: (k, n, p, loc=0).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import nbinom
>>> p = lg.parameter(0.5)
>>> lg.gradient(nbinom.logpmf(1, 2, p), p)
array(2.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sc
import scipy.stats

from .._densities import beta_density
from ._families import discrete, look_up_in

__all__ = ["cdf", "logcdf", "logpmf", "logsf", "pmf", "sf"]


def _logpmf(k: Any, n: Any, p: Any) -> Any:
    ways = sc.gammaln(n + k) - sc.gammaln(k + 1) - sc.gammaln(n)
    return ways + n * np.log(p) + sc.xlog1py(k, -p)


pmf, logpmf, cdf, logcdf, sf, logsf = discrete(
    scipy.stats.nbinom,
    "n p",
    pmf=lambda k, n, p: beta_density(n, k + 1, p) * (p / (n + k)),
    logpmf=_logpmf,
    cdf=lambda k, n, p: sc.betainc(n, k + 1, p),
    sf=lambda k, n, p: sc.betaincc(n, k + 1, p),
)

__getattr__ = look_up_in(scipy.stats.nbinom)
