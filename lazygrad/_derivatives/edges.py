"""The edges of the graph: which lead from a node W to a target L, and what one rule does along one edge.

``g J^{c->i}`` (Stratos I.2) is `apply_vjp`, ``J^{c->i} t`` (Sullivan's forward mode) `apply_jvp`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._errors import NotDifferentiableError
from .._graph.leaf import CONSTANT
from .._graph.node import Node
from .._graph.value import forward_rec
from ..ops._rule import OUT, UNDEFINED, Rule, input_name
from .adjoint_node import AdjointNode, unbroadcast_to
from .discover import Discovery, flows

__all__ = [
    "Edge",
    "apply_jvp",
    "apply_rule",
    "apply_vjp",
    "find_edges_between",
    "find_jvp_rule",
    "find_vjp_rule",
    "make_arc_finder",
    "selects",
]


# -- one edge ----------------------------------------------------------------------------------------


def find_vjp_rule(
    c: Node, argnum: int, consumers: Mapping[int, Sequence[Node]] | None = None, masked: bool = False
) -> tuple[Rule, list[Node]]:
    """Return the vjp rule of an edge from a node computed by an op, and the nodes whose values it reads.

    `consumers` maps the serials of nodes to those consumers that lead to the target, if these are known.
    """
    nodes: list[Node] = []
    rule, _ = c._op.contribution(c, argnum, c, consumers, nodes, masked)  # the first is the place of the adjoint
    return rule, nodes[1:]


def find_jvp_rule(c: Node, argnum: int) -> tuple[Rule, list[Node]]:
    """Return the jvp rule of an edge from a node computed by an op, and the nodes whose values it reads."""
    rule: Rule = c._op.jvp_rule(argnum)
    if rule is UNDEFINED:
        raise NotDifferentiableError(
            f"op {c._op.name!r} has no jvp rule by its input {input_name(c, argnum)!r} ({c._inputs[argnum]!r}), "
            f"which the tangent needs at {c!r}: declare one, or use reverse mode"
        )
    reads = [c if r == OUT else c._inputs[r] for r in rule.reads]
    if rule.rest is not None:
        reads += c._inputs[rule.rest :]
    return rule, reads


def apply_rule(rule: Rule, c: Node, argnum: int, g: object, reads: Sequence[object]) -> Any:
    """Run a rule on `g` and what it reads, all arrays or all nodes, in the shape that comes of it."""
    return rule.function(g, *reads, **rule.meta(c, argnum))


def apply_vjp(rule: Rule, c: Node, argnum: int, i: Node, g: object, values: Sequence[object]) -> Any:
    """Return J^T g in the shape and dtype of the input `i`, for `g` of the shape of the consumer `c`."""
    return unbroadcast_to(apply_rule(rule, c, argnum, g, values), i._shape, i._dtype, rule)


def apply_jvp(rule: Rule, c: Node, argnum: int, t: object, values: Sequence[object]) -> Any:
    """Return J t in the shape and dtype of the consumer `c`, for `t` of the shape of its input."""
    return unbroadcast_to(apply_rule(rule, c, argnum, t, values), c._shape, c._dtype, rule)


@attrs.define(eq=False)
class _InnerMemos:
    """The part of a target's memo that an adjoint's op needs when it is asked for a contribution."""

    inner: dict[int, Any] = attrs.field(factory=dict)
    order: tuple[float, ...] = ()


@attrs.define(eq=False)
class Edge:
    """An edge of the graph, from an input to a consumer."""

    consumer: Node
    input: Node
    argnum: int
    masked: bool = False  # whether a path from the consumer to the target selects

    def apply_vjp(self, g: object) -> Any:
        """Return J^T g, what `g` of the consumer's shape contributes to the input."""
        c = self.consumer
        adjoint = Node(None, (), CONSTANT, c._shape, c._dtype, value=g)
        nodes: list[Node] = []
        rule, _ = c._op.contribution(c, self.argnum, adjoint, _InnerMemos(), nodes, self.masked)
        passed, *values = [forward_rec(j, was_requested=False) for j in nodes]  # (an adjoint has changed `g` already)
        return apply_vjp(rule, c, self.argnum, self.input, passed, values)

    def slope(self) -> float:
        """Return the norm of J where the consumer has one element."""
        one = self.consumer.dtype.type(1).reshape(self.consumer.shape)[()]
        return float(np.linalg.norm(np.ravel(self.apply_vjp(one))))


# -- all edges between two nodes ---------------------------------------------------------------------


def make_arc_finder(L: Node, everything: bool = False) -> Callable[[Node], list[tuple[Node, int]]]:
    """Return a look-up: node -> (consumer, argnum) of each edge from it that leads to `L`, oldest consumer first.

    A derivative flows along these edges; with `everything`, blocked edges, structural zeros and integers
    are among them.
    """
    search = Discovery(L._serial, L, (lambda c, i: True) if everything else flows)

    def find_arcs(i: Node) -> list[tuple[Node, int]]:
        return [
            (c, k)
            for c in search.find(i)
            for k, j in enumerate(c._inputs)
            if j is i and (everything or c._op.fully_open or c._op.passes_derivative(c, k))
        ]

    return find_arcs


def find_edges_between(W: Node, L: Node) -> dict[int, list[Edge]]:
    """Return serial -> the edges to consumers, for each node that a path from `W` to `L` leaves; `L` has none."""
    find_arcs = make_arc_finder(L)
    arcs: dict[int, tuple[Node, list[tuple[Node, int]]]] = {L._serial: (L, [])}
    todo = [W] if W is not L else []
    while todo:
        i = todo.pop()
        if i._serial not in arcs:
            arcs[i._serial] = i, find_arcs(i)
            todo.extend(c for c, _ in arcs[i._serial][1])
    found: dict[int, list[Edge]] = {}
    masked: set[int] = set()
    for serial in sorted(arcs, reverse=True):  # consumers first
        i, ways = arcs[serial]
        found[serial] = [Edge(c, i, k, c._serial in masked) for c, k in ways]
        if any(c._serial in masked or selects(c, k) for c, k in ways):
            masked.add(serial)
    return found


def selects(c: Node, argnum: int) -> bool:
    """Return whether exact zeros that an edge passes to an input may say that something was not taken."""
    if isinstance(c, AdjointNode):
        return c.masked
    rule = c._op.rule(argnum)
    return rule is not None and rule.selects_at(c)
