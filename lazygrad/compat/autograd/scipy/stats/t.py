"""`lazygrad.scipy.stats.t`, under the same names."""

from typing import Any

from .....scipy.stats import t as _t


def __getattr__(name: str) -> Any:
    return getattr(_t, name)
