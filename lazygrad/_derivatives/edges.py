"""The part of the graph between a node W and a target L: its edges, and one contribution along one edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from .._graph.leaf import CONSTANT
from .._graph.node import Node
from .._graph.value import forward_rec
from ..ops._rule import Rule
from .adjoint_node import unbroadcast_to
from .discover import Discovery, flows

__all__ = ["Edge", "find_edges_between", "arc_finder", "find_vjp_rule"]


def arc_finder(L: Node, everything: bool = False) -> Callable[[Node], list[tuple[Node, int]]]:
    """Node -> (consumer, argnum) of each edge from it that leads to `L`, oldest consumer first.

    A derivative flows along these edges; with `everything`, blocked edges, structural zeros and integers
    are among them.
    """
    search = Discovery(L.serial, L, (lambda c, i: True) if everything else flows)

    def arcs(i: Node) -> list[tuple[Node, int]]:
        return [
            (c, k)
            for c in search.find(i)
            for k, j in enumerate(c.inputs)
            if j is i and (everything or c.op.fully_open or c.op.passes_derivative(c, k))
        ]

    return arcs


def find_vjp_rule(c: Node, argnum: int) -> tuple[Rule, list[Node]]:
    """The vjp rule of an edge from a node computed by an op, and the nodes whose values it reads."""
    nodes: list[Node] = []
    rule, _ = c.op.contribution(c, argnum, c, None, nodes)  # the first is the place of the adjoint
    return rule, nodes[1:]


@attrs.define(eq=False)
class _Inner:
    """What an adjoint's op needs of the memo that asks for a contribution."""

    inner: dict[int, Any] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Edge:
    """An edge of the graph, from an input to a consumer."""

    consumer: Node
    input: Node
    argnum: int

    def pull(self, g: Any) -> Any:
        """J^T g by the op's own rule: what `g`, of the consumer's shape, contributes to the input."""
        c, i = self.consumer, self.input
        given = Node(None, (), CONSTANT, c.shape, c.dtype, value=g)
        nodes: list[Node] = []
        rule, _ = c.op.contribution(c, self.argnum, given, _Inner(), nodes)
        values = [forward_rec(j, was_requested=False) for j in nodes]
        return unbroadcast_to(rule.function(*values, **rule.meta(c, self.argnum)), i.shape, i.dtype, c.op)

    def slope(self) -> float:
        """The norm of J where the consumer has one element."""
        return float(np.linalg.norm(np.ravel(self.pull(self.consumer.dtype.type(1).reshape(self.consumer.shape)[()]))))


def find_edges_between(W: Node, L: Node) -> dict[int, list[Edge]]:
    """Serial -> the edges to consumers, for every node that a path from `W` to `L` leaves; L's own list is empty."""
    arcs = arc_finder(L)
    found: dict[int, list[Edge]] = {L.serial: []}
    todo = [W] if W is not L else []
    while todo:
        i = todo.pop()
        if i.serial not in found:
            found[i.serial] = [Edge(c, i, k) for c, k in arcs(i)]
            todo.extend(edge.consumer for edge in found[i.serial])
    return found
