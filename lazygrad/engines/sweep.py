"""The full reverse sweep: Stratos' `backpropagation` (section 3), Collins' figure 1.5.

::

    forward:   for i = l+1 ... n:   u^i = f^i(alpha^i)
    backward:  P^n = I;  for j = n-1 ... 1:   P^j = sum over edges (j, i) of P^i J^{j->i}(alpha^i)

The sum is built as in Stratos I.2: when i is reached its P^i is complete, and "for each parent p:
g^p <- g^p + J g". So P^i is freed as soon as it has been passed on. All |A| edges below L cost one
rule each, no matter what was asked. Nothing is recursive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._graph.node import Node
from .._graph.types import Array
from .._graph.value import forward_rec
from ._graph import Graph, accumulate, pull_back, report_visit, seed
from ._request import check_request

__all__ = ["sweep"]


@check_request
def sweep(L: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> list[Array | None]:
    """Compute all values below `L` and then all adjoints, and return those of `wrt`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x, y = lg.parameter(2.0), lg.parameter(3.0)
    >>> sweep(x * y, [x, y])
    [np.float64(3.0), np.float64(2.0)]
    """
    graph = Graph.of(L, wrt)
    for i in graph.order:
        forward_rec(i, was_requested=i is L)
    wanted = {i.serial for i in wrt}
    answers: dict[int, Any] = {}
    P: dict[int, tuple[Any, int]] = {L.serial: (seed(L, cotangent), 0)}  # the sum so far, and of how many terms
    for i in reversed(graph.order):
        if i.serial not in P:  # nothing leads from it to L
            continue
        P_i, rules = P.pop(i.serial)
        if i.serial in wanted:
            answers[i.serial] = P_i
        if i is not L:
            report_visit(i, rules)
        for edge in graph.edges[i.serial]:
            total, terms = P.get(edge.input.serial, (None, 0))
            P[edge.input.serial] = accumulate(total, pull_back(edge, P_i)), terms + 1
    return [answers.get(i.serial) for i in wrt]
