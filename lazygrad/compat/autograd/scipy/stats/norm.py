"""`lazygrad.scipy.stats.norm`, under the same names."""

from typing import Any

from .....scipy.stats import norm as _norm


def __getattr__(name: str) -> Any:
    return getattr(_norm, name)
