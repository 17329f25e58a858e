"""The `Objective` behind what a host is given: a function, a node or an `Objective`, and where to start."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._functions.call import name_of
from .._graph.node import Node
from .._graph.trees import map_tree
from .._graph.types import Array, Function, Structure
from ..ops._op import cast_number
from .flat import POINTS, Objective

__all__ = ["as_float_leaves", "make_objective"]


def make_objective(
    fun: Node | Function, x0: Structure, args: tuple[object, ...] = (), wrt: Structure = None, points: int = POINTS
) -> tuple[Objective, Array]:
    """Return what was given as an objective, and the vector to start from.

    Parameters
    ----------
    fun
        Function of ``(x, *args)``, a node, or an `Objective`.
    x0
        Vector or structure of arrays; a node and an `Objective` may do without, and start from where they are.
    args
        More arguments of a function.
    wrt
        The leaves of a node.
    points
        How many points the memo remembers.
    """
    args = args if isinstance(args, tuple) else (args,)
    if not isinstance(fun, (Node, Objective)):
        if x0 is None:
            raise TypeError(f"{name_of(fun)} needs a place to start from: give it `x0`")
        objective = Objective.of(fun, as_float_leaves(x0), *args, points=points)
        return objective, objective.x
    if args:
        raise TypeError("args are for functions; a node or an Objective has no more arguments")
    if isinstance(fun, Node):
        if wrt is None:
            raise TypeError(f"which leaves of {fun!r} may move? Name them: `wrt=`")
        fun = Objective(fun, wrt, points=points)
    if x0 is None:
        return fun, fun.x
    plain = as_float_leaves(x0)
    return fun, plain if isinstance(plain, np.ndarray) and plain.shape == (fun.size,) else fun.flat(x0)


def as_float_leaves(x0: Any) -> Any:
    """Return what SciPy takes for a vector as one, and a structure with floats in place of integers."""
    if type(x0) in (list, tuple) and all(isinstance(leaf, (int, float, np.generic)) for leaf in x0):
        x0 = np.array(x0)
    if isinstance(x0, (int, float)):
        return np.array([_as_float(float(x0) if isinstance(x0, bool) else x0)])
    if isinstance(x0, (np.ndarray, np.generic)) and x0.dtype.kind == "b":
        return x0.astype(float)
    return map_tree(_as_float, x0)


def _as_float(leaf: Any) -> Any:
    """Return a leaf, of floats where integers were given, as who starts at 1 means a number."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.astype(float) if leaf.dtype.kind in "iu" else leaf
    return cast_number(leaf, np.dtype(float)) if isinstance(leaf, int) and not isinstance(leaf, bool) else leaf
