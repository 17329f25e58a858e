"""The node of an adjoint: a sum of contributions, evaluated by the rules in one go.

``z^i = sum over consumers j of J^j z^j`` (Stratos, equation 18): each term is one rule applied to the adjoint
of a consumer and to the forward values that the rule reads. All are inputs of the node.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import attrs
import numpy as np

from .._errors import LazygradError
from .._graph.node import NO_STATIC, Node, enlist, summation_key
from .._graph.reform import collect_new
from .._graph.shapes import broadcast
from .._graph.turns import run_alone
from .._graph.types import Array, DType
from ..ops._calls import call_unrecorded
from ..ops._op import as_node, count_requests, freeze
from ..ops._rule import Rule
from ..ops.linear import astype, broadcast_to, expand, identity, real, sum_to, unbroadcast

UNFOLDED = 0.25  # in keys of sums: what an adjoint unfolds into, whenever that was

__all__ = [
    "AdjointNode",
    "ContributionSum",
    "Counts",
    "ValueHolder",
    "follow",
    "sum_contributions",
    "unbroadcast_node",
    "unbroadcast_to",
    "unmirrored",
]


@attrs.define(eq=False)
class Counts:
    """The hits and misses of one target's adjoints, shared by all of them, and a weak reference to the target."""

    target: Callable[[], Node | None]
    requests: int = 0
    misses: int = 0


@attrs.define(eq=False, repr=False)
class AdjointNode(Node):
    """The adjoint of one node: all its contributions, evaluated and summed in one go.

    The node unfolds into ops when somebody differentiates through it.
    """

    of: Node = attrs.field(kw_only=True)
    edges: tuple[Any, ...] = attrs.field(kw_only=True)  # flat: rule, argnum for each edge it sums over
    unfolded: tuple[Node, tuple[Node, ...]] | None = attrs.field(default=None, kw_only=True)
    # Whether this is a consumer of `of` for its shape alone; None while it lives in a memo, which is told instead.
    follows: bool | None = attrs.field(default=None, kw_only=True)
    masked: bool = attrs.field(default=False, kw_only=True)  # exact zeros may say that something was not taken
    # Weak references to the ops that a derivative was built of as this was built anew; not set before that.
    _former: tuple[weakref.ref[Node], ...] = attrs.field(init=False)

    def only_follows(self, i: Node) -> bool:
        """Return whether this is a consumer of `i` for its shape alone."""
        return bool(self.follows) and self.of is i

    def each_edge(self) -> Iterator[tuple[Rule, Node, int, int, int]]:
        """Yield rule, consumer and argnum of each edge, and where in the inputs its arguments start and stop."""
        start = 0
        flat = iter(self.edges)
        for rule, argnum in zip(flat, flat, strict=True):
            consumer = self._op.consumer(rule, self._inputs[start])
            stop = start + rule.width(consumer)
            yield rule, consumer, argnum, start, stop
            start = stop

    def summation_key(self) -> tuple[float, ...]:
        """Return the sort key of contributions that come from this adjoint; of plain nodes it is the serial."""
        of = summation_key(self.of)
        return (*self._op.order, -len(of), *of)

    def contributions(self, arguments: Sequence[object]) -> Iterator[tuple[Node, int, Any]]:
        """Yield consumer, argnum and term of each edge, from the values of the inputs or from nodes for them."""
        for rule, consumer, argnum, start, stop in self.each_edge():
            yield consumer, argnum, rule.function(*arguments[start:stop], **rule.meta(consumer, argnum))

    def edge_adjoints(self) -> list[tuple[Node, Node]]:
        """Return the consumer of each edge, as users know it, with that consumer's adjoint."""
        return [(unmirrored(consumer), self._inputs[start]) for _, consumer, _, start, _ in self.each_edge()]


def follow(adjoint: Node) -> Node:
    """Let an adjoint that leaves its memo, and those it is computed from, be told when their nodes change shape."""
    todo = [adjoint]
    while todo:
        node = todo.pop()
        if isinstance(node, AdjointNode) and node.follows is None:
            node.follows = all(j is not node.of for j in node._inputs)
            if node.follows:
                enlist(node, (node.of,))
            todo.extend(node._inputs)
    return adjoint


def unmirrored(node: Node) -> Node:
    """Return the node as users know it: the target where a mirror stands for it, else the node itself."""
    original: Node | None = None if node._op is None else node._op.mirrors
    return node if original is None else original


class ValueHolder:
    """A value in place of the node that it belongs to, as `sum_contributions` takes it."""

    __slots__ = ("_value", "masked", "node")

    def __init__(self, node: Node, value: Any, masked: bool = False) -> None:
        self.node = node
        self._value = value
        self.masked = masked


@attrs.define(eq=False, repr=False)
class ContributionSum:
    """The op of all adjoints of one target: how they are evaluated."""

    counts: Counts
    mirror: Node
    seed: Node
    order: tuple[float, ...] = ()  # where its adjoints stand in sums
    masked: bool = False  # whether zeros of the seed say that something was not taken
    runs_outside: bool = False  # whether a rule of a user's op is among those that are run

    name: ClassVar[str] = "adjoint"
    is_adjoint: ClassVar[bool] = True
    mirrors: ClassVar[Node | None] = None
    is_mirror: ClassVar[bool] = False
    fully_open: ClassVar[bool] = False
    inputs: ClassVar[tuple[str, ...]] = ("*contributions",)
    unfolding: ClassVar[list[AdjointNode] | None] = None  # the adjoints that are unfolded while others are built again

    def __repr__(self) -> str:
        return f"<op adjoint of {self.name_target()}>"

    def name_target(self) -> str:
        """Return the name that reports give the target."""
        target = self.counts.target()
        return "L" if target is None or target.name is None else target.name

    def consumer(self, rule: Rule, adjoint: Node) -> Node:
        """Return the node an edge comes from, told by its rule and that node's adjoint."""
        if rule.passes is not None:
            return rule.passes
        if adjoint is self.seed or adjoint._op is None:
            return self.mirror
        return adjoint.of  # type: ignore[attr-defined]

    def count_request(self) -> None:
        """Count a request by the caller."""
        self.counts.requests += 1

    def infer(self, node: AdjointNode) -> tuple[tuple[int, ...], DType]:
        """Return the shape and dtype of the node that this is the adjoint of."""
        return node.of.shape, node.of.dtype

    def run(self, node: AdjointNode, alone: bool = False) -> Array:
        """Sum the contributions of the consumers, oldest first; once among all threads (`alone`)."""
        if self.runs_outside and not alone:
            return run_alone(node, partial(self.run, alone=True))
        total = sum_contributions(node._inputs, node.edges, node.of, self.consumer)
        count_requests(node._inputs)
        self.counts.misses += 1
        return freeze(total)

    # -- the adjoint as a function of its inputs, for higher derivatives ---------------------------

    def numbers(self, node: AdjointNode) -> list[tuple[Node, Array]]:
        """Return nothing: no plain number is an operand of an adjoint."""
        return []

    def unfold(self, node: AdjointNode) -> tuple[Node, tuple[Node, ...]]:
        """Build the same computation of ops, and return it with the stand-ins for the inputs that it starts from."""
        if node.unfolded is None:
            stands = tuple([identity.on_nodes((j,), NO_STATIC) for j in node._inputs])
            key = node.summation_key()
            for k, stand in enumerate(stands):
                stand._key = (*key, UNFOLDED, -k)
            node.unfolded = call_unrecorded(_add_up, node, stands), stands
            if self.unfolding is not None:
                self.unfolding.append(node)
        return node.unfolded

    def list_unfolded(self, node: AdjointNode) -> list[Node]:
        """Return the ops that the adjoint unfolds into, and its stand-ins for its inputs, if it has been unfolded."""
        former = [i for ref in getattr(node, "_former", ()) if (i := ref()) is not None]
        if node.unfolded is None or node.unfolded[0] is None:  # (of a zero nothing is built)
            return former
        root, stands = node.unfolded
        first = min([k.serial for k in stands], default=root.serial)
        return [*former, *stands, *collect_new([root], first)]

    def blocks(self, node: AdjointNode, argnum: int) -> bool:
        """Return False: what an adjoint does not depend on, its rules have left out already."""
        return False


def _add_up(node: AdjointNode, stands: Sequence[Node]) -> Any:
    """Return the sum of an adjoint's contributions, a node built on stand-ins for its inputs; None if it has none."""
    total: Any = None
    for _, _, term in node.contributions(stands):
        term = unbroadcast_node(term, node.of)
        total = term if total is None else total + term
    return total


def sum_contributions(
    inputs: Sequence[Any], edges: tuple[Any, ...], of: Node, consumer_of: Callable[[Rule, Any], Node]
) -> Array:
    """Add up the terms of flat edges (rule, argnum) in order; `inputs` hold their arguments, one after the other."""
    shape, dtype = of._shape, of._dtype
    total: Any = None
    owned = False  # whether `total` is an array of our own
    settled = False  # whether it holds no -0.0, nor ever will
    start = 0
    for k in range(0, len(edges), 2):
        rule = edges[k]
        adjoint = inputs[start]
        if rule.simple == 1:
            term = rule.function(adjoint._value)
            start += 1
        elif rule.simple == 2:
            term = rule.function(adjoint._value, inputs[start + 1]._value)
            start += 2
        else:
            consumer = consumer_of(rule, adjoint)
            stop = start + rule.width(consumer)
            values = [j._value for j in inputs[start:stop]]
            meta = rule.meta(consumer, edges[k + 1])
            start = stop
            if rule.into is not None and shape:
                if total is None:
                    total = rule.function(*values, **meta)
                else:
                    if not settled:  # as adding 0.0 everywhere does: what was -0.0 becomes 0.0
                        total = np.add(total, 0.0, out=total if owned else None)
                    rule.into(total, *values, **meta)
                owned = settled = True
                continue
            term = rule.function(*values, **meta)
        if term.__class__ is not np.ndarray:
            if shape or term.__class__ is not dtype.type:
                term = unbroadcast_to(term, shape, dtype, rule)
        elif term.shape != shape or term.dtype is not dtype:
            term = unbroadcast_to(term, shape, dtype, rule)
        if total is None:
            total = term
        elif owned:
            total += term  # bit for bit what a new array would hold
        else:
            total = total + term
            owned = bool(shape)
    return np.zeros(shape, dtype) if total is None else total  # no path leads to the target


def unbroadcast_to(term: Any, shape: tuple[int, ...], dtype: DType, source: object) -> Any:
    """Return a contribution in the shape and dtype of the node it goes to, un-broadcast here for all rules."""
    term = np.asarray(term)
    if term.shape != shape:
        try:
            common = broadcast(term.shape, shape)
        except ValueError:
            common = None
        if common == term.shape:
            term = unbroadcast(term, shape)
        elif common == shape:
            term = expand(term, shape)
        else:
            raise LazygradError(f"{source!r} returned shape {term.shape} for an input of shape {shape}")
    if term.dtype != dtype:
        if dtype.kind == "f" and term.dtype.kind == "c":  # <g, dx> = Re(sum of g dx), and dx is real
            term = term.real
        term = term.astype(dtype, copy=False)
    return term if shape else term[()]


def unbroadcast_node(term: Node, like: Node) -> Node:
    """Return a contribution, or a tangent, that is a node in the shape and dtype of another node."""
    term = as_node(term)
    if term.shape != like.shape:
        larger = term.ndim >= like.ndim and np.broadcast_shapes(term.shape, like.shape) == term.shape
        term = (sum_to if larger else broadcast_to).on_nodes((term,), {"shape": like.shape})
    if like.dtype.kind == "f" and term.dtype.kind == "c":
        term = real.on_nodes((term,), NO_STATIC)
    return term if term.dtype == like.dtype else astype.on_nodes((term,), {"dtype": like.dtype})
