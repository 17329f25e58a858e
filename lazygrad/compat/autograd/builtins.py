"""The built-in containers: nodes live in plain ones, so these are Python's own."""

from __future__ import annotations

import builtins
from builtins import dict as dict
from builtins import list as list
from builtins import tuple as tuple
from typing import Any

import numpy as _np

from ..._graph.node import Node as _Node

__all__ = ["dict", "isinstance", "list", "tuple", "type"]


def _sample(x: Any) -> Any:
    """Return a plain value of the type that a node's value has; anything else as it is."""
    if not builtins.isinstance(x, _Node):
        return x
    return _np.empty(0, x.dtype) if x.ndim else x.dtype.type(0)


def isinstance(x: object, types: Any) -> bool:
    """Return what Python's own returns; a node counts as its value, an array or a float.

    Examples
    --------
    >>> import lazygrad as lg
    >>> isinstance(lg.constant(1.0), float), isinstance([1.0], list)
    (True, True)
    """
    return builtins.isinstance(x, types) or builtins.isinstance(_sample(x), types)


def type(x: object) -> object:
    """Return what Python's own returns for one argument; for a node the type of its value.

    Examples
    --------
    >>> import lazygrad as lg
    >>> type(lg.constant([1.0, 2.0]))
    <class 'numpy.ndarray'>
    """
    return builtins.type(_sample(x))
