"""Traced values, which are nodes, and the plain values behind them."""

from __future__ import annotations

import functools
from typing import Any

from ..._graph.node import Node, Operand
from ..._graph.trees import map_tree
from ..._graph.types import Array, Function
from ..._graph.value import read_guarded
from ._structures import to_plain
from ._user_ops import primitive as primitive

__all__ = ["Box", "getval", "isbox", "notrace_primitive", "primitive"]

Box = Node


def isbox(x: Operand) -> bool:
    """Return whether `x` is a node.

    Examples
    --------
    >>> isbox(3.0)
    False
    """
    return isinstance(x, Node)


def _read_leaf(x: Any) -> Any:
    return to_plain(read_guarded(x)) if isinstance(x, Node) else x


def getval(x: Operand) -> Array | list[float]:
    """Return the plain array or number behind a node, computed if need be; anything else as it is.

    Examples
    --------
    >>> import lazygrad as lg
    >>> print(getval(lg.constant(3.0) * 2))
    6.0
    """
    return map_tree(_read_leaf, x)


def notrace_primitive(fun: Function) -> Function:
    """Return a function that gets plain values, so that nothing is differentiated through it."""

    @functools.wraps(fun)
    def on_values(*args: Any, **kwargs: Any) -> Any:
        return fun(*map(getval, args), **kwargs)

    return on_values
