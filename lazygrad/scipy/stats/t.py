"""The Student's t distribution: (x, df, loc=0, scale=1); cdf and sf have no derivative by df.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import t
>>> x = lg.parameter(1.0)
>>> lg.gradient(t.logpdf(x, 3.0), x)
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


def _logpdf(z: Any, df: Any) -> Any:
    norm = sc.gammaln((df + 1) / 2) - sc.gammaln(df / 2) - 0.5 * np.log(df * math.pi)
    return norm - (df + 1) / 2 * sc.log1p(z * z / df)


pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.t,
    "df",
    logpdf=_logpdf,
    cdf=lambda z, df: sc.stdtr(df, z),
    sf=lambda z, df: sc.stdtr(df, -z),
)

__getattr__ = look_up_in(scipy.stats.t)
