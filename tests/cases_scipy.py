"""Rows of `lazygrad.scipy`."""

from __future__ import annotations

import cases_scipy_integrate
import cases_scipy_linalg
import cases_scipy_signal
import cases_scipy_special
import cases_scipy_stats

ROWS = (
    *cases_scipy_special.ROWS,
    *cases_scipy_linalg.ROWS,
    *cases_scipy_stats.ROWS,
    *cases_scipy_signal.ROWS,
    *cases_scipy_integrate.ROWS,
)
