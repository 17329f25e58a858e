"""`lazygrad.scipy.special`, under the same names."""

from typing import Any

from ....scipy import special as _special
from ....scipy.special import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(_special, name)
