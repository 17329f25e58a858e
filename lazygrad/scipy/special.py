"""`scipy.special` on nodes: what has a derivative here; all other names are SciPy's own, for arrays.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy import special
>>> x = lg.parameter([0.0, 1.0])
>>> lg.gradient(special.expit(x).sum(), x).round(4)
array([0.25  , 0.1966])
"""

from __future__ import annotations

from typing import Any

import scipy.special

from . import _bessel, _error, _gamma, _softmax
from ._bessel import *  # noqa: F403
from ._error import *  # noqa: F403
from ._gamma import *  # noqa: F403
from ._softmax import *  # noqa: F403

__all__ = [*_bessel.__all__, *_error.__all__, *_gamma.__all__, *_softmax.__all__]


def __getattr__(name: str) -> Any:
    return getattr(scipy.special, name)
