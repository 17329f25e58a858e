"""The log-normal distribution: (x, s, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import lognorm
>>> x = lg.parameter(1.0)
>>> lg.gradient(lognorm.logpdf(x, 0.5), x)
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


def _log(z: Any) -> Any:
    """Return log z, and -inf without a warning at the end of the support."""
    return np.where(z == 0, -math.inf, np.log(np.where(z == 0, 1, z)))


def _logpdf(z: Any, s: Any) -> Any:
    log = np.log(np.where(z == 0, 1, z))
    inside = -0.5 * (log / s) ** 2 - log - np.log(s) - 0.5 * math.log(2 * math.pi)
    return np.where(z == 0, -math.inf, inside)


pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.lognorm,
    "s",
    low=0,
    logpdf=_logpdf,
    cdf=lambda z, s: sc.ndtr(_log(z) / s),
    logcdf=lambda z, s: sc.log_ndtr(_log(z) / s),
    sf=lambda z, s: sc.ndtr(-_log(z) / s),
    logsf=lambda z, s: sc.log_ndtr(-_log(z) / s),
)

__getattr__ = look_up_in(scipy.stats.lognorm)
