"""Functions that the rules of users' primitives are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...._graph.node import NodeOrArray, Operand
from ...._graph.types import Function
from .._structures import fit_to

__all__ = ["unbroadcast", "unbroadcast_f"]


def unbroadcast(x: Operand, target: Operand) -> NodeOrArray:
    """Return a cotangent summed to the shape of `target`, the argument it belongs to.

    Examples
    --------
    >>> import numpy as np
    >>> unbroadcast(np.ones((2, 3)), np.zeros(3))
    array([2., 2., 2.])
    """
    return fit_to(x, target)


def unbroadcast_f(target: Operand, f: Callable[[Any], Any]) -> Function:
    """Return `f`, with what it returns summed to the shape of `target`."""
    return lambda g: unbroadcast(f(g), target)
