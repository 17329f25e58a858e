"""`lazygrad.scipy.stats.chi2`, under the same names."""

from typing import Any

from .....scipy.stats import chi2 as _chi2


def __getattr__(name: str) -> Any:
    return getattr(_chi2, name)
