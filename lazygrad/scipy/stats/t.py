"""The Student's t distribution: (x, df, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import t
>>> x = lg.parameter(1.0)
>>> lg.gradient(t.logpdf(x, 3.0), x)
array(-1.)
"""

from __future__ import annotations

import scipy.special as sc
import scipy.stats

from .._densities import student_density, student_log_density
from ._families import continuous, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.t,
    "df",
    pdf=lambda z, df: student_density(df, z),
    logpdf=lambda z, df: student_log_density(df, z),
    cdf=lambda z, df: sc.stdtr(df, z),
    sf=lambda z, df: sc.stdtr(df, -z),
)

__getattr__ = look_up_in(scipy.stats.t)
