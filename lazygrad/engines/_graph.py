"""Parts that the engines share: the graph below a target, with the edges along which derivatives flow.

Nodes in topological order, edges (j, i) as in Collins' Definition 1. Which edges are open, blocked, zero or undefined
is asked of the ops, as discovery does, and all derivatives are the ops' own rules. An adjoint among the nodes (when a
gradient is differentiated) counts as computed from the ops it unfolds into.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import attrs
import numpy as np

from .._derivatives.adjoint_node import AdjointNode
from .._derivatives.edges import apply_vjp, find_jvp_rule, find_vjp_rule, selects
from .._errors import NotDifferentiableError
from .._graph.node import INEXACT, Node, NodeOrArray
from .._graph.traverse import collect_inputs_first
from .._graph.types import Array
from .._graph.value import forward_rec
from .._graph.watch import watchers
from ..ops._rule import BLOCKED, ZERO, Rule, pass_on

__all__ = [
    "Edge",
    "Graph",
    "Step",
    "accumulate",
    "as_push",
    "directions",
    "list_needs",
    "pull_back",
    "read",
    "report_visit",
    "seed",
]

PASS_ON = Rule(pass_on)


class Edge(NamedTuple):
    """One use of a node as an input: the vjp rule of that input, and the nodes whose values the rule reads."""

    consumer: Node
    argnum: int
    input: Node
    rule: Rule
    reads: tuple[Node, ...]


# A node between some w and the target, with those of its edges that come from w.
Step = tuple[Node, list[Edge]]


def list_needs(i: Node) -> tuple[Node, ...]:
    """Return the nodes that must be computed before `i`; for an adjoint, the root of its ops comes first, if any."""
    if not isinstance(i, AdjointNode):
        return i.inputs
    root = i.op.unfold(i)[0]
    return i.inputs if root is None else (root, *i.inputs)  # without contributions it is a constant zero


def _open_inputs(c: Node) -> list[tuple[int, Node]]:
    """Return the inputs that a derivative flows to."""
    if c.op is None or c.dtype.kind not in INEXACT:
        return []
    if isinstance(c, AdjointNode):
        return [(0, j) for j in list_needs(c)[:1]]
    return [(k, j) for k, j in enumerate(c.inputs) if j.dtype.kind in INEXACT and c.op.passes_derivative(c, k)]


def _edge(c: Node, argnum: int, j: Node, consumers: dict[int, list[Node]], masked: bool) -> Edge:
    """Return the edge, or raise NotDifferentiableError if it has no rule."""
    if isinstance(c, AdjointNode):
        return Edge(c, argnum, j, PASS_ON, ())
    rule, reads = find_vjp_rule(c, argnum, consumers, masked)
    return Edge(c, argnum, j, rule, tuple(reads))


@attrs.frozen(eq=False)
class Graph:
    """All nodes below a target, and the open edges among those that lead to it.

    Attributes
    ----------
    order
        Every node the target is computed from, in topological order; the target is the last.
    edges
        Serial of each node that leads to the target -> the edges to its inputs.
    """

    order: list[Node]
    edges: dict[int, list[Edge]]

    @classmethod
    def of(cls, L: Node, wrt: Iterable[Node]) -> Graph:
        """Walk the graph below `L`; an edge without a rule is an error if a path from `wrt` needs it, else left out."""
        order = collect_inputs_first(L, list_needs)
        depends = {i.serial for i in wrt}
        opened: dict[int, list[tuple[int, Node]]] = {}
        for c in order:
            opened[c.serial] = _open_inputs(c)
            if any(j.serial in depends for _, j in opened[c.serial]):
                depends.add(c.serial)
        edges: dict[int, list[Edge]] = {L.serial: []}
        consumers: dict[int, list[Node]] = {}  # of each node, those that lead to the target
        masked: set[int] = set()  # below an edge that selects
        for c in reversed(order):
            if c.serial not in edges:
                continue
            for argnum, j in opened[c.serial]:
                try:
                    edges[c.serial].append(_edge(c, argnum, j, consumers, c.serial in masked))
                except NotDifferentiableError:
                    if j.serial in depends:
                        raise
                else:
                    edges.setdefault(j.serial, [])
                    consumers.setdefault(j.serial, []).append(c)
                    if c.serial in masked or (c.__class__ is not AdjointNode and selects(c, argnum)):
                        masked.add(j.serial)
        return cls(order, edges)

    def consumers(self) -> dict[int, list[Edge]]:
        """Map the serial of each node that leads to the target to the edges from its consumers, ch(i) in Stratos."""
        found: dict[int, list[Edge]] = {serial: [] for serial in self.edges}
        for c in self.order:
            for edge in self.edges.get(c.serial, ()):
                found[edge.input.serial].append(edge)
        return found

    def steps(self, w: Node) -> list[Step]:
        """Return the nodes between `w` and the target, in topological order, each with its edges that come from `w`."""
        depends = {w.serial}
        found: list[Step] = []
        for c in self.order:
            edges = [edge for edge in self.edges.get(c.serial, ()) if edge.input.serial in depends]
            if edges and c is not w:
                depends.add(c.serial)
                found.append((c, edges))
        return found


def seed(L: Node, cotangent: Node | None) -> Array:
    """Return dL/dL: the cotangent's value, or ones."""
    return np.ones(L.shape, L.dtype)[()] if cotangent is None else forward_rec(cotangent)


def read(nodes: Sequence[Node]) -> list[Array]:
    """Return the values that a rule reads."""
    return [forward_rec(i) for i in nodes]


def pull_back(edge: Edge, g: object) -> NodeOrArray:
    """Return the contribution of an edge, its vjp rule applied to the adjoint of the consumer: g J^{j->i}."""
    return apply_vjp(edge.rule, edge.consumer, edge.argnum, edge.input, g, read(edge.reads))


def as_push(edge: Edge) -> Edge | None:
    """Return an edge with its jvp rule in place of its vjp rule; None if that is zero."""
    c, argnum, j = edge[:3]
    if isinstance(c, AdjointNode):
        return edge
    if c.op.jvp_rule(argnum) in (BLOCKED, ZERO) or 0 in j.shape:  # (nothing depends on nothing)
        return None
    rule, reads = find_jvp_rule(c, argnum)
    return Edge(c, argnum, j, rule, tuple(reads))


def accumulate(total: Any, term: Any) -> Array:
    """Add one more term to the sum so far, in an array of its own; `total` is None before the first."""
    return term if total is None else total + term


def directions(w: Node) -> tuple[tuple[complex, complex], ...]:
    """Return the ways to move an element, each with the factor of its slope: dL/dx - i dL/dy of a complex x + iy."""
    return ((1, 1), (1j, -1j)) if w.dtype.kind == "c" else ((1, 1),)


def report_visit(i: Node, rules: int) -> None:
    """Tell open reports that the adjoint or tangent of `i` was computed, by that many rules."""
    for report in watchers():
        report.note_visit(i, rules)
