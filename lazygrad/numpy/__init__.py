"""NumPy's names, for arrays and nodes: ``import lazygrad.numpy as np``.

Most functions are NumPy's own, which find out by themselves that they are given a node. Those that NumPy gives
no chance to (`array`, `asarray`, `full`, `arange` ...) are replaced by ones that take nodes, too. On plain
arrays all are NumPy's.

`supported` tells what is defined on nodes; anything else raises a TypeError that names the function.

>>> import lazygrad as lg
>>> import lazygrad.numpy as np
>>> x = lg.parameter([3.0, 4.0])
>>> y = np.array([x, 2 * x])
>>> np.linalg.norm(y, axis=1).value
array([ 5., 10.])
>>> {name: np.supported()[name] for name in ("exp", "reshape", "linalg.norm", "fft.fft")}
{'exp': 'op', 'reshape': 'function', 'linalg.norm': 'function', 'fft.fft': 'function'}
"""

# mypy: disable-error-code="no-redef,assignment"

import numpy as _numpy
from numpy import *  # noqa: F403

from . import fft as fft
from . import linalg as linalg
from . import random as random
from ._creation import arange as arange
from ._creation import array as array
from ._creation import asanyarray as asanyarray
from ._creation import asarray as asarray
from ._creation import ascontiguousarray as ascontiguousarray
from ._creation import asfortranarray as asfortranarray
from ._creation import fromiter as fromiter
from ._creation import full as full
from ._creation import full_like as full_like
from ._creation import isscalar as isscalar
from ._creation import vectorize as vectorize
from ._supported import supported as supported

__all__ = [*_numpy.__all__]


def __getattr__(name: str) -> object:
    """Whatever else NumPy has, such as a submodule that is loaded when it is used."""
    return getattr(_numpy, name)
