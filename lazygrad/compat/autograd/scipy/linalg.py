"""`lazygrad.scipy.linalg`, under the same names."""

# mypy: disable-error-code="no-redef"

from typing import Any

import numpy as _numpy

from ...._graph.node import NodeOrArray
from ....scipy import linalg as _linalg
from ....scipy.linalg import *  # noqa: F403
from ..tracer import getval as _getval


def sqrtm(A: NodeOrArray) -> NodeOrArray:
    """Return the square root of a matrix, as `scipy.linalg.sqrtm` does: complex if that of a real matrix is.

    Examples
    --------
    >>> from lazygrad.compat.autograd import grad
    >>> grad(lambda A: _numpy.imag(sqrtm(A)).sum())(_numpy.array([[-4.0]]))
    array([[-0.25]])
    """
    if not _numpy.iscomplexobj(A) and _numpy.iscomplexobj(_linalg.sqrtm(_getval(A))):
        A = A.astype(complex)
    return _linalg.sqrtm(A)


def __getattr__(name: str) -> Any:
    return getattr(_linalg, name)
