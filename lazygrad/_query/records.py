"""Records that a Differentiator returns: the state of its memo, and the terms of an adjoint."""

from __future__ import annotations

from typing import NamedTuple

from .._graph.node import Node
from .._graph.types import Array

__all__ = ["CacheInfo", "Contribution"]


class CacheInfo(NamedTuple):
    """The state of a memo, in the manner of `functools.lru_cache`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0)
    >>> L = x * x
    >>> dx = lg.gradient(L, x)
    >>> lg.differentiator(L).cache_info()
    CacheInfo(hits=0, misses=1, maxsize=None, currsize=1)
    """

    hits: int
    misses: int
    maxsize: int | None
    currsize: int


CacheInfo.__module__ = "lazygrad"  # as users know it


class Contribution(NamedTuple):
    """The term that one edge adds to an adjoint: of `consumer` through its `argnum`-th input.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0)
    >>> lg.differentiator(2 * x).contributions(x)
    [Contribution(consumer=<multiply #..., shape (), float64, not computed>, argnum=1, value=array(2.))]
    """

    consumer: Node
    argnum: int
    value: Array


Contribution.__module__ = "lazygrad"  # as users know it
