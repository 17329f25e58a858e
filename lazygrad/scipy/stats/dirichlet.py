"""The Dirichlet distribution: (x, alpha), the first axis of x holding the shares.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import dirichlet
>>> x = lg.parameter([0.25, 0.75])
>>> lg.gradient(dirichlet.logpdf(x, [2.0, 4.0]), x)
array([4., 4.])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sc
import scipy.stats

from ..._graph.node import Node, Operand
from .._calls import declare_on_nodes
from ._families import as_array, look_up_in

__all__ = ["logpdf", "pdf"]


def _columns(v: Any, ndim: int) -> Any:
    return v.reshape(*v.shape, *[1] * (ndim - 1))


@declare_on_nodes(scipy.stats.dirichlet.logpdf)
def logpdf(x: Any, alpha: Any) -> Node:
    """Return the logarithm of the density of shares x, shape (d,) or (d, n); their sum is not checked on nodes.

    Examples
    --------
    >>> import lazygrad as lg
    >>> logpdf(lg.parameter([0.5, 0.5]), [1.0, 1.0]).item()
    0.0
    """
    x, alpha = as_array(x), as_array(alpha)
    if x.ndim < 1 or alpha.ndim != 1 or x.shape[0] not in (len(alpha), len(alpha) - 1):
        raise ValueError(f"shares of shape {x.shape} do not fit parameters of shape {alpha.shape}")
    if x.shape[0] == len(alpha) - 1:
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)], axis=0)
    norm = np.sum(sc.gammaln(alpha)) - sc.gammaln(np.sum(alpha))
    return np.sum(sc.xlogy(_columns(alpha - 1, x.ndim), x), axis=0) - norm


@declare_on_nodes(scipy.stats.dirichlet.pdf)
def pdf(x: Operand, alpha: Operand) -> Node:
    """Return the density of shares x, shape (d,) or (d, n); their sum is not checked on nodes.

    Examples
    --------
    >>> import lazygrad as lg
    >>> pdf(lg.parameter([0.5, 0.5]), [1.0, 1.0]).item()
    1.0
    """
    return np.exp(logpdf(x, alpha))


__getattr__ = look_up_in(scipy.stats.dirichlet)
