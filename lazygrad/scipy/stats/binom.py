"""The binomial distribution: (k, n, p, loc=0).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import binom
>>> p = lg.parameter(0.5)
>>> lg.gradient(binom.logpmf(2, 3, p), p)
array(2.)
"""

from __future__ import annotations

from typing import Any

import scipy.special as sc
import scipy.stats

from .._densities import beta_density
from ._families import discrete, look_up_in

__all__ = ["cdf", "logcdf", "logpmf", "logsf", "pmf", "sf"]


def _logpmf(k: Any, n: Any, p: Any) -> Any:
    ways = sc.gammaln(n + 1) - sc.gammaln(k + 1) - sc.gammaln(n - k + 1)
    return ways + sc.xlogy(k, p) + sc.xlog1py(n - k, -p)


pmf, logpmf, cdf, logcdf, sf, logsf = discrete(
    scipy.stats.binom,
    "n p",
    high=lambda n, p: n,
    safe=0,
    pmf=lambda k, n, p: beta_density(k + 1, n - k + 1, p) / (n + 1),
    logpmf=_logpmf,
    cdf=lambda k, n, p: sc.betaincc(k + 1, n - k, p),
    sf=lambda k, n, p: sc.betainc(k + 1, n - k, p),
)

__getattr__ = look_up_in(scipy.stats.binom)
