"""`lazygrad.numpy`, and what autograd's users find besides, such as the modules that hold its rules.

>>> from lazygrad.compat.autograd import grad
>>> import lazygrad.compat.autograd.numpy as np
>>> float(grad(lambda x: np.sum([x, x**2, 3.0]))(2.0))
5.0
>>> float(grad(lambda x: np.sum(np.r_[x, 0.0:3.0, x**2]))(2.0))
5.0
"""

from importlib import import_module as _import_module
from typing import Any

import numpy as _numpy

from .... import numpy as _np
from ....numpy import *  # noqa: F403
from . import numpy_boxes as numpy_boxes
from . import numpy_vjps as numpy_vjps
from ._lists import integer_type as _integer_type
from ._lists import make_diagonal as make_diagonal
from ._lists import where as _where

__all__ = [*_np.__all__]

# `from . import fft` would find NumPy's own, which has come with the names above.
fft, linalg, random = [_import_module(f"{__name__}.{name}") for name in ("fft", "linalg", "random")]

where: Any = _where
globals().update({name: _integer_type(vars(_numpy)[name]) for name in ("int8", "int16", "int32", "int64")})


def __getattr__(name: str) -> Any:
    return getattr(_np, name)
