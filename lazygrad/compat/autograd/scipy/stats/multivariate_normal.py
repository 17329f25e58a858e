"""`lazygrad.scipy.stats.multivariate_normal`, under the same names."""

from typing import Any

from .....scipy.stats import multivariate_normal as _multivariate_normal


def __getattr__(name: str) -> Any:
    return getattr(_multivariate_normal, name)
