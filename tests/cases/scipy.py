"""Rows of `lazygrad.scipy`."""

from __future__ import annotations

from tests.cases import scipy_integrate as cases_scipy_integrate
from tests.cases import scipy_linalg as cases_scipy_linalg
from tests.cases import scipy_signal as cases_scipy_signal
from tests.cases import scipy_special as cases_scipy_special
from tests.cases import scipy_stats as cases_scipy_stats

ROWS = (
    *cases_scipy_special.ROWS,
    *cases_scipy_linalg.ROWS,
    *cases_scipy_stats.ROWS,
    *cases_scipy_signal.ROWS,
    *cases_scipy_integrate.ROWS,
)
