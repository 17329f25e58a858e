"""`lazygrad.scipy.stats.poisson`, under the same names."""

from typing import Any

from .....scipy.stats import poisson as _poisson


def __getattr__(name: str) -> Any:
    return getattr(_poisson, name)
