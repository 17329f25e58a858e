"""Sullivan's generic passes over children and parents (lecture 3), on explicit stacks.

Forward, `EvaluateGraphFn`: for each start node, ``ComputeBranch(s)``: for each child n of s that is not computed,
if all parents of n are computed, compute n and go on with ``ComputeBranch(n)``.

Backward, `BackOp(s)`, from the node of the cost::

    s.Grad = 1 at the result node, else  sum over children c of c.Grad * c.s.Jacobian  if all c.Grad are computed;
    for each parent p of s:  BackOp(p)

As printed, the loop over parents runs even where the children's gradients are not complete: the parents are entered
too early, find nothing, go on upwards, and all of it is repeated when the next child arrives - as often as there
are paths. What the slides mean is implemented: a node is entered once, when its children's gradients are complete.
"All computed" is a count of what is still missing, so that both passes take time linear in the edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .._graph.node import Node
from .._graph.types import Array
from .._graph.value import forward_rec
from ._graph import Graph, accumulate, list_needs, pull_back, report_visit, seed
from ._request import check_request

__all__ = ["children"]


@check_request
def children(L: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> list[Array | None]:
    """Compute values from the leaves upwards, then gradients from `L` downwards; return those of `wrt`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x, y = lg.parameter(2.0), lg.parameter(3.0)
    >>> children(x * y, [x, y])
    [np.float64(3.0), np.float64(2.0)]
    """
    graph = Graph.of(L, wrt)
    _evaluate_graph(graph.order, L)
    grad = _back_op(graph, L, seed(L, cotangent))
    return [grad.get(i.serial) for i in wrt]


def _evaluate_graph(nodes: Sequence[Node], L: Node) -> None:
    """Run EvaluateGraphFn, with the recursion of ComputeBranch as a stack of half-done loops."""
    children: dict[int, list[Node]] = {i.serial: [] for i in nodes}
    missing = {i.serial: len(list_needs(i)) for i in nodes}  # parents that are not computed yet
    for n in nodes:
        for p in list_needs(n):
            children[p.serial].append(n)
    for start in [i for i in nodes if not missing[i.serial]]:
        branches: list[Iterator[Node]] = [iter(children[start.serial])]
        while branches:
            child = next(branches[-1], None)
            if child is None:
                branches.pop()
                continue
            missing[child.serial] -= 1
            if not missing[child.serial]:
                forward_rec(child, was_requested=child is L)
                branches.append(iter(children[child.serial]))


def _back_op(graph: Graph, L: Node, one: Any) -> dict[int, Any]:
    """Run BackOp, with the recursion as a stack of nodes that are ready."""
    consumers = graph.consumers()
    missing = {serial: len(edges) for serial, edges in consumers.items()}  # gradients that are not complete yet
    grad: dict[int, Any] = {}
    ready = [L]
    while ready:
        s = ready.pop()
        if s is L:
            grad[s.serial] = one
        else:
            total = None
            for edge in consumers[s.serial]:
                total = accumulate(total, pull_back(edge, grad[edge.consumer.serial]))
            grad[s.serial] = total
            report_visit(s, len(consumers[s.serial]))
        for edge in reversed(graph.edges[s.serial]):  # the first parent comes out first
            missing[edge.input.serial] -= 1
            if not missing[edge.input.serial]:
                ready.append(edge.input)
    return grad
