"""Collins' Theorem 1 taken at its word: the sum over directed paths.

::

    dL/dw = sum over paths p from w to L of  product over edges (a, b) in p of J^{a->b}(alpha^b)

(also Stratos 3 and F.2). Each product is taken from L's side, as vector-Jacobian products; paths that share their last
edges share those factors. It is exponential, so it counts the paths first (that is linear) and refuses beyond `MOST`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._errors import LazygradError
from .._graph.node import Node, label
from .._graph.types import Array
from ._graph import Graph, Step, accumulate, pull_back, report_visit, seed
from ._request import check_request

__all__ = ["MOST", "paths"]

MOST = 10_000  # paths, for all of `wrt` together


@check_request
def paths(L: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> list[Array | None]:
    """Sum over all paths from each node of `wrt` to `L`; LazygradError if there are more than `MOST`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x, y = lg.parameter(2.0), lg.parameter(3.0)
    >>> paths(x * y, [x, y])
    [np.float64(3.0), np.float64(2.0)]
    """
    graph = Graph.of(L, wrt)
    steps = {w.serial: graph.steps(w) for w in wrt if w.serial in graph.edges}
    total = sum(_count(L, w, steps[w.serial]) for w in wrt if w.serial in steps)
    if total > MOST:
        names = ", ".join(label(w) for w in wrt)
        raise LazygradError(
            f"{_show(total)} paths lead from {names} to {label(L)}; engine 'paths' follows each one "
            f"and refuses more than {MOST:,}"
        )
    g = seed(L, cotangent)
    return [_sum_over_paths(L, w, steps[w.serial], g) if w.serial in steps else None for w in wrt]


def _count(L: Node, w: Node, steps: list[Step]) -> int:
    """Count the paths from `w` to `L`, without following them."""
    count = {w.serial: 1}
    for c, edges in steps:
        count[c.serial] = sum(count[edge.input.serial] for edge in edges)
    return count[L.serial]


def _show(count: int) -> str:
    return f"{count:,}" if count < 10**60 else f"about 10^{math.floor(math.log10(count))}"


def _sum_over_paths(L: Node, w: Node, steps: list[Step], g: Any) -> Any:
    """Follow every path from `L` down to `w`; the stack holds where each stands and its product so far."""
    edges = {c.serial: edges for c, edges in steps}
    rules = {i.serial: 0 for i in (w, *(c for c, _ in steps))}
    total = None
    stack = [(L, g)]
    while stack:
        i, product = stack.pop()
        if i is w:
            total = accumulate(total, product)
            continue
        for edge in reversed(edges[i.serial]):
            rules[edge.input.serial] += 1
            stack.append((edge.input, pull_back(edge, product)))
    for i in (w, *(c for c, _ in steps)):
        if i is not L:
            report_visit(i, rules[i.serial])
    return total
