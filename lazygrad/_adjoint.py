"""The recursion over consumers: an adjoint is just another node.

Tomassoli, section 13 (lazily, with a table), of Stratos' equation (2)::

    adjoint(i) = sum over consumers c of i that lead to L of vjp_{c->i}(adjoint(c)),   adjoint(L) = 1

memoised for each (L, i). The adjoint of i is a node whose inputs are the adjoints of those consumers
and the forward values that its rules read; so `forward_rec` evaluates it, invalidation reaches
it, and it can itself be differentiated.
"""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import attrs
import numpy as np

from ._demand import demand
from ._discover import Discovery
from ._errors import LazygradError
from ._node import NO_STATIC, Node, _next_serial, enlist
from ._op import Rule, as_node, frozen
from ._set import invalidate
from ._value import forward_rec
from .ops.linear import astype, broadcast_to, identity, sum_to, unbroadcast

__all__ = ["AdjointNode", "AdjointOp", "Counts", "TargetMemo", "target_memo"]

SEED: Mapping[str, Any] = {"leaf": "seed"}
BUILT: Any = (None,)  # in place of the consumers that lead to the target, once the adjoint holds them


def _same(g: Any) -> Any:
    return g


@attrs.define(eq=False)
class Counts:
    """The hits and misses of one target's adjoints, and what it is called. Shared, and refers to no node."""

    target: Callable[[], Node | None]
    requests: int = 0
    misses: int = 0


@attrs.define(eq=False, repr=False)
class AdjointNode(Node):
    """The adjoint of one node: all its contributions, evaluated and summed in one go.

    It unfolds into ops when somebody differentiates through it.
    """

    of: Node = attrs.field(kw_only=True)
    edges: tuple[Any, ...] = attrs.field(kw_only=True)  # flat: rule, argnum for each edge it sums over
    unfolded: tuple[Node, tuple[Node, ...]] | None = attrs.field(default=None, kw_only=True)

    def each_edge(self) -> Iterator[tuple[Rule, Node, int, int, int]]:
        """Rule, consumer, argnum of each edge, and where in the inputs its arguments start and stop."""
        start = 0
        flat = iter(self.edges)
        for rule, argnum in zip(flat, flat, strict=True):
            consumer = self.op.consumer(rule, self.inputs[start])
            stop = start + rule.width(consumer)
            yield rule, consumer, argnum, start, stop
            start = stop

    def contributions(self, arguments: Sequence[Any]) -> Iterator[tuple[Node, int, Any]]:
        """Consumer, argnum and term of each edge, from the values of the inputs or from nodes for them."""
        for rule, consumer, argnum, start, stop in self.each_edge():
            yield consumer, argnum, rule.function(*arguments[start:stop], **rule.meta(consumer, argnum))

    def edge_adjoints(self) -> list[tuple[Node, Node]]:
        """The consumer of each edge, as users know it, and that consumer's adjoint."""
        return [(shown(consumer), self.inputs[start]) for _, consumer, _, start, _ in self.each_edge()]


def shown(consumer: Node) -> Node:
    """The consumer as users know it: the target where a mirror stands for it."""
    original: Node | None = consumer.op.mirrors
    return consumer if original is None else original


@attrs.define(eq=False, repr=False)
class AdjointOp:
    """The op of all adjoints of one target."""

    counts: Counts
    mirror: Node
    seed: Node

    name: ClassVar[str] = "adjoint"
    is_adjoint: ClassVar[bool] = True
    mirrors: ClassVar[Node | None] = None
    fully_open: ClassVar[bool] = False
    inputs: ClassVar[tuple[str, ...]] = ("*contributions",)

    def __repr__(self) -> str:
        return f"<op adjoint of {self.target()}>"

    def target(self) -> str:
        """What reports call the target."""
        target = self.counts.target()
        return "L" if target is None or target.name is None else target.name

    def consumer(self, rule: Rule, adjoint: Node) -> Node:
        """The node an edge comes from, told by its rule and that node's adjoint."""
        if rule.passes is not None:
            return rule.passes
        if adjoint is self.seed or adjoint.op is None:
            return self.mirror
        return adjoint.of  # type: ignore[attr-defined, no-any-return]

    def requested(self) -> None:
        """Count a request by the caller."""
        self.counts.requests += 1

    def infer(self, node: AdjointNode) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """An adjoint has the shape and dtype of the node it is the adjoint of."""
        return node.of.shape, node.of.dtype

    def run(self, node: AdjointNode) -> Any:
        """The contributions of the consumers, oldest first, summed."""
        inputs, edges, of = node.inputs, node.edges, node.of
        shape, dtype = of.shape, of.dtype
        total: Any = None
        owned = False
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
                consumer = self.consumer(rule, adjoint)
                stop = start + rule.width(consumer)
                values = [j._value for j in inputs[start:stop]]
                term = rule.function(*values, **rule.meta(consumer, edges[k + 1]))
                start = stop
            if term.__class__ is not np.ndarray:
                if shape or term.__class__ is not dtype.type:
                    term = fitted(term, shape, dtype, rule)
            elif term.shape != shape or term.dtype is not dtype:
                term = fitted(term, shape, dtype, rule)
            if total is None:
                total = term
            elif owned:
                total += term  # bit for bit what a new array would hold
            else:
                total = total + term
                owned = bool(shape)
            if adjoint.op is not None:
                adjoint.op.requested()
        self.counts.misses += 1
        return frozen(total)

    # -- the adjoint as a function of its inputs, for higher derivatives ---------------------------

    def unfold(self, node: AdjointNode) -> tuple[Node, tuple[Node, ...]]:
        """The same computation as ops, and the stand-ins for the adjoint's inputs it starts from."""
        if node.unfolded is None:
            stands = tuple([identity.on_nodes((j,), NO_STATIC) for j in node.inputs])
            total: Any = None
            for _, _, term in node.contributions(stands):
                term = _fitted_node(term, node.of)
                total = term if total is None else total + term
            node.unfolded = total, stands
        return node.unfolded

    def reshaped(self, node: AdjointNode) -> None:
        """Forget the unfolded ops, which hold shapes."""
        node.unfolded = None

    def opens(self, node: AdjointNode, argnum: int) -> bool:
        """Whether the adjoint depends differentiably on that input."""
        root, stands = self.unfold(node)
        return target_memo(root).leads(stands[argnum])

    def blocks(self, node: AdjointNode, argnum: int) -> bool:
        """Nothing is blocked in an adjoint that its own rules do not leave out."""
        return False

    def contribution(
        self, node: AdjointNode, argnum: int, adjoint: Node, memo: TargetMemo, inputs: list[Node]
    ) -> tuple[Rule, int]:
        """Pass on one node, the derivative through the unfolded ops."""
        root, stands = self.unfold(node)
        inner = memo.inner.get(node.serial)
        if inner is None:
            inner = memo.inner[node.serial] = TargetMemo.of(root, seed=adjoint)
        found = inner.adjoint(stands[argnum])
        assert found is not None  # `opens` said so
        inputs.append(found)
        return Rule(_same, passes=node), argnum


def fitted(term: Any, shape: tuple[int, ...], dtype: np.dtype[Any], source: Any) -> Any:
    """A contribution in the shape and dtype of the node it goes to: un-broadcast, once for all rules."""
    term = np.asarray(term)
    if term.shape != shape:
        if len(term.shape) >= len(shape) and np.broadcast_shapes(term.shape, shape) == term.shape:
            term = unbroadcast(term, shape)
        elif np.broadcast_shapes(term.shape, shape) == shape:
            term = np.broadcast_to(term, shape)
        else:
            raise LazygradError(f"the rule of {source!r} returned shape {term.shape} for an input of shape {shape}")
    if term.dtype != dtype:
        term = term.astype(dtype)
    return term if shape else term[()]


def _fitted_node(term: Any, like: Node) -> Node:
    term = as_node(term)
    if term.shape != like.shape:
        larger = term.ndim >= like.ndim and np.broadcast_shapes(term.shape, like.shape) == term.shape
        term = (sum_to if larger else broadcast_to).on_nodes((term,), {"shape": like.shape})
    return term if term.dtype == like.dtype else astype.on_nodes((term,), {"dtype": like.dtype})


@attrs.define(eq=False, repr=False)
class MirrorOp:
    """The op of a node that stands for a target: same rules, and the target's value while it lives.

    The target keeps its memo, the memo its adjoints, and an adjoint may read the target's own value: read
    from the mirror, so that no reference leads back.
    """

    base: Any
    original: Callable[[], Node | None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    @property
    def mirrors(self) -> Node | None:
        """The target, if it is still there."""
        return self.original()

    def run(self, node: Node) -> Any:
        """The target's value, computed there; or here if it is gone."""
        original = self.original()
        return self.base.run(node) if original is None else forward_rec(original, asked=False)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from searching what is only being built; nothing here makes cycles.

    Its passes over a graph that grows to 100 000 nodes cost more than building it.
    """
    enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()


@attrs.define(eq=False, repr=False)
class TargetMemo:
    """Everything kept about the derivatives of one target: what leads to it, and its adjoints."""

    serial: int
    discovery: Discovery
    op: AdjointOp
    seeded: bool  # by the caller
    adjoints: dict[int, AdjointNode] = attrs.field(factory=dict)
    inner: dict[int, TargetMemo] = attrs.field(factory=dict)  # of adjoints differentiated through
    others: weakref.WeakSet[TargetMemo] = attrs.field(factory=weakref.WeakSet)  # other seeds, same target
    facade: Callable[[], Any] | None = None  # the Differentiator that shows this memo, while there is one

    @classmethod
    def of(cls, target: Node, seed: Node | None = None) -> TargetMemo:
        """A new memo; `seed` is dL/dL, one by default."""
        ref = weakref.ref(target)
        mirror = attrs.evolve(target, op=MirrorOp(target.op, ref), value=None, consumers=None, memo=None, serial=_next_serial())
        enlist(mirror)
        op = AdjointOp(Counts(ref), mirror, _one(target) if seed is None else seed)
        return cls(target.serial, Discovery(target.serial, mirror), op, seed is not None)

    @property
    def mirror(self) -> Node:
        """The node that stands for the target."""
        return self.op.mirror

    @property
    def seed(self) -> Node:
        """The node of dL/dL."""
        return self.op.seed

    def leads(self, i: Node) -> bool:
        """Whether there is a path from `i` to the target along which derivatives flow."""
        return i.serial == self.serial or bool(self.discovery.find(i))

    def adjoint(self, i: Node) -> Node | None:
        """The node of dL/di; None if nothing leads from `i` to L."""
        if i.serial == self.serial:
            return self.seed
        if i.serial not in self.adjoints:
            with collector_paused():
                if not self.discovery.find(i):
                    return None
                demand(i, self._missing, self._build)
        return self.adjoints[i.serial]

    def _missing(self, i: Node) -> Sequence[Node] | None:
        adjoints = self.adjoints
        if i.serial in adjoints:
            return None
        mirror = self.op.mirror
        return [c for c in self.discovery.leading[i.serial] if c.serial not in adjoints and c is not mirror]

    def _build(self, i: Node) -> None:
        """Collect the edges of `i` that lead to the target, and what their rules read, into a node."""
        pairs: list[tuple[Rule, int]] = []
        inputs: list[Node] = []
        op, adjoints = self.op, self.adjoints
        mirror, seed = op.mirror, op.seed
        leading = self.discovery.leading
        for c in leading[i.serial]:
            adjoint = seed if c is mirror else adjoints[c.serial]
            local = c.op
            argnum = 0
            for j in c.inputs:
                if j is i and (local.fully_open or local.opens(c, argnum)):
                    pairs.append(local.contribution(c, argnum, adjoint, self, inputs))
                argnum += 1
        # Most edges are alone; then the pair that all nodes of the op share will do.
        edges = pairs[0] if len(pairs) == 1 else tuple(itertools.chain.from_iterable(pairs))
        node = AdjointNode(op, tuple(inputs), NO_STATIC, i.shape, i.dtype, of=i, edges=edges)
        enlist(node)
        adjoints[i.serial] = node
        leading[i.serial] = BUILT

    def reshaped(self) -> None:
        """Called when nodes below the target change shape: adjoints follow, and the tables are rebuilt."""
        for memo in (self, *self.others):
            for adjoint in memo.adjoints.values():  # somebody else may hold them
                adjoint.shape, adjoint.dtype = adjoint.op.infer(adjoint)
                invalidate(adjoint)
            memo.clear()

    def clear(self) -> None:
        """Forget the adjoints and the counts."""
        self.adjoints.clear()
        self.inner.clear()
        self.discovery = Discovery(self.serial, self.mirror)
        self.op.counts.requests = self.op.counts.misses = 0


def _one(target: Node) -> Node:
    value = target.dtype.type(1) if not target.shape else np.ones(target.shape, target.dtype)
    return Node(None, (), SEED, target.shape, target.dtype, value=value)


def target_memo(target: Node) -> TargetMemo:
    """The memo that `target` keeps."""
    memo = target._memo
    if memo is None:
        memo = target._memo = TargetMemo.of(target)
    return memo
