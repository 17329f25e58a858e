"""`scipy.optimize` on nodes: the test function of Rosenbrock; all other names are SciPy's own, for arrays.

`lazygrad.plugins.scipy` hands the derivatives of a function to SciPy's minimisers.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy import optimize
>>> x = lg.parameter([1.0, 2.0])
>>> lg.gradient(optimize.rosen(x), x)
array([-400.,  200.])
"""

from __future__ import annotations

from typing import Any

import scipy.optimize

from .._graph.node import NodeOrArray, Operand
from .._graph.types import both as np
from ._calls import declare_on_nodes

__all__ = ["rosen", "rosen_der"]


@declare_on_nodes(scipy.optimize.rosen)
def rosen(x: Operand) -> NodeOrArray:
    """Return the Rosenbrock function, sum(100 (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2), as `scipy.optimize.rosen`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> rosen(lg.parameter([0.0, 1.0, 2.0])).item()
    201.0
    """
    z: Any = x
    first, second = z[:-1], z[1:]
    return np.sum(100.0 * (second - first**2) ** 2 + (1 - first) ** 2, axis=0)


@declare_on_nodes(scipy.optimize.rosen_der)
def rosen_der(x: Operand) -> NodeOrArray:
    """Return the gradient of `rosen`, as `scipy.optimize.rosen_der`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> rosen_der(lg.parameter([1.0, 2.0])).value
    array([-400.,  200.])
    """
    z: Any = x
    first, second = z[:-1], z[1:]
    slope = 200.0 * (second - first**2)
    none = np.zeros_like(z[:1])
    return np.concatenate([-2.0 * first * slope - 2 * (1 - first), none]) + np.concatenate([none, slope])


def __getattr__(name: str) -> Any:
    return getattr(scipy.optimize, name)
