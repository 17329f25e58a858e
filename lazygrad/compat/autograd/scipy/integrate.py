"""`lazygrad.scipy.integrate`, under the same names."""

from typing import Any

from ....scipy import integrate as _integrate
from ....scipy.integrate import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(_integrate, name)
