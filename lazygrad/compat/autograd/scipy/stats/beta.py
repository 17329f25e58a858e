"""`lazygrad.scipy.stats.beta`, under the same names."""

from typing import Any

from .....scipy.stats import beta as _beta


def __getattr__(name: str) -> Any:
    return getattr(_beta, name)
