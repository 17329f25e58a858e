"""`lazygrad.scipy.stats.dirichlet`, under the same names."""

from typing import Any

from .....scipy.stats import dirichlet as _dirichlet


def __getattr__(name: str) -> Any:
    return getattr(_dirichlet, name)
