"""`lazygrad.scipy.stats.gamma`, under the same names."""

from typing import Any

from .....scipy.stats import gamma as _gamma


def __getattr__(name: str) -> Any:
    return getattr(_gamma, name)
