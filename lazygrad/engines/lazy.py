"""Tomassoli's lazy dynamic programming, section 13: the engine that `lazygrad.gradient` uses by itself.

::

    adjoint(i) = sum over consumers c of i that lead to L of vjp_{c->i}(adjoint(c)),   adjoint(L) = 1

computed "recursively in a lazy way (i.e. only when needed)", with a table "lest we repeat computations". It
visits only nodes between `wrt` and L, and what L's table holds already costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._derivatives.target_memo import TargetMemo, target_memo
from .._graph.node import Node
from .._graph.types import Array
from .._graph.value import forward_rec
from ._request import check_request

__all__ = ["lazy"]


@check_request
def lazy(L: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> list[Array | None]:
    """Return the adjoints from the table of `L`, or from a new one if there is a cotangent.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x, y = lg.parameter(2.0), lg.parameter(3.0)
    >>> lazy(x * y, [x, y])
    [np.float64(3.0), np.float64(2.0)]
    """
    table = target_memo(L) if cotangent is None else TargetMemo.of(L, cotangent)
    adjoints = [table.adjoint(i) for i in wrt]
    return [None if adjoint is None else forward_rec(adjoint) for adjoint in adjoints]
