"""The recursion over consumers: an adjoint is just another node.

Tomassoli, section 13 (lazily, with a table), of Stratos' equation (2)::

    adjoint(i) = sum over consumers c of i that lead to L of vjp_{c->i}(adjoint(c)),   adjoint(L) = 1

memoised for each (L, i). The adjoint of i is a node whose inputs are the adjoints of those consumers
and the forward values that its rules read; so `forward_rec` evaluates it, invalidation reaches
it, and it can itself be differentiated.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import attrs
import numpy as np

from ._demand import demand
from ._discover import Discovery
from ._errors import LazygradError
from ._node import NO_STATIC, Node, build, enlist, label
from ._op import Rule, as_node, frozen
from ._value import forward_rec
from .ops.linear import astype, broadcast_to, identity, sum_to, unbroadcast

__all__ = ["AdjointOp", "Counts", "Edge", "TargetMemo"]

SEED: Mapping[str, Any] = {"leaf": "seed"}
_PASS = Rule(lambda g: g)


class Edge(NamedTuple):
    """One contribution: the rule of the edge from consumer `argnum`-th input, and where its arguments lie."""

    function: Callable[..., Any]
    start: int  # its arguments are the adjoint's inputs[start:stop]
    stop: int
    metas: Rule | None  # the rule again if it wants shapes or statics
    consumer: Node
    argnum: int
    adjoint: Node  # the consumer's

    def label(self) -> str:
        """The consumer, as reports call it."""
        return label(self.consumer.op.mirrors or self.consumer)

    def term(self, arguments: Sequence[Any]) -> Any:
        """The rule applied to arrays or nodes."""
        meta = {} if self.metas is None else self.metas.meta(self.consumer, self.argnum)
        return self.function(*arguments[self.start : self.stop], **meta)


@attrs.define(eq=False)
class Counts:
    """The hits and misses of one target's adjoints, and what it is called. Shared, and refers to no node."""

    target: Callable[[], Node | None]
    requests: int = 0
    misses: int = 0


@attrs.define(eq=False, repr=False)
class AdjointOp:
    """What computes the adjoint of one node: all its contributions, evaluated and summed in one go.

    It unfolds into ops when somebody differentiates through it.
    """

    of: Node
    edges: tuple[Edge, ...]
    counts: Counts
    _unfolded: tuple[Node, tuple[Node, ...]] | None = None

    name: ClassVar[str] = "adjoint"
    is_adjoint: ClassVar[bool] = True
    mirrors: ClassVar[Node | None] = None
    fully_open: ClassVar[bool] = False
    inputs: ClassVar[tuple[str, ...]] = ("*contributions",)

    def __repr__(self) -> str:
        return f"<adjoint of {label(self.of)}>"

    def target(self) -> str:
        """What reports call the target."""
        target = self.counts.target()
        return "L" if target is None or target.name is None else target.name

    def requested(self) -> None:
        """Count a request by the caller."""
        self.counts.requests += 1

    def infer(self, node: Node) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """An adjoint has the shape and dtype of the node it is the adjoint of."""
        return self.of.shape, self.of.dtype

    def run(self, node: Node) -> Any:
        """The contributions of the consumers, oldest first, summed."""
        values = [j._value for j in node.inputs]
        of, counts = self.of, self.counts
        shape, dtype = of.shape, of.dtype
        total: Any = None
        owned = False
        for function, start, stop, metas, consumer, argnum, adjoint in self.edges:
            if metas is None:
                term = function(*values[start:stop])
            else:
                term = function(*values[start:stop], **metas.meta(consumer, argnum))
            if term.__class__ is not np.ndarray:
                if shape or term.__class__ is not dtype.type:
                    term = _fitted(term, shape, dtype, consumer)
            elif term.shape != shape or term.dtype is not dtype:
                term = _fitted(term, shape, dtype, consumer)
            if total is None:
                total = term
            elif owned:
                total += term  # bit for bit what a new array would hold
            else:
                total = total + term
                owned = bool(shape)
            if adjoint.op is not None:
                adjoint.op.counts.requests += 1
        counts.misses += 1
        return frozen(total)

    def terms(self, node: Node) -> list[tuple[Node, int, Any]]:
        """The contributions one by one: consumer, argnum, array."""
        values = [j._value for j in node.inputs]
        of = self.of
        return [(e.consumer, e.argnum, _fitted(e.term(values), of.shape, of.dtype, e.consumer)) for e in self.edges]

    # -- the adjoint as a function of its inputs, for higher derivatives ---------------------------

    def unfold(self, node: Node) -> tuple[Node, tuple[Node, ...]]:
        """The same computation as ops, and the stand-ins for the adjoint's inputs it starts from."""
        if self._unfolded is None:
            stands = tuple([identity.on_nodes((j,), NO_STATIC) for j in node.inputs])
            total: Any = None
            for edge in self.edges:
                term = _fitted_node(edge.term(stands), self.of)
                total = term if total is None else total + term
            self._unfolded = total, stands
        return self._unfolded

    def reshaped(self) -> None:
        """Forget the unfolded ops, which hold shapes."""
        self._unfolded = None

    def opens(self, node: Node, argnum: int) -> bool:
        """Whether the adjoint depends differentiably on that input."""
        root, stands = self.unfold(node)
        return target_memo(root).leads(stands[argnum])

    def blocks(self, node: Node, argnum: int) -> bool:
        """Nothing is blocked in an adjoint that its own rules do not leave out."""
        return False

    def contribution(self, node: Node, argnum: int, adjoint: Node, memo: TargetMemo) -> tuple[Rule, tuple[Node, ...]]:
        """The derivative through the unfolded ops, as one node that is passed on."""
        inner = memo.inner.get(node.serial)
        root, stands = self.unfold(node)
        if inner is None:
            inner = memo.inner[node.serial] = TargetMemo.of(root, seed=adjoint)
        found = inner.adjoint(stands[argnum])
        assert found is not None  # `opens` said so
        return _PASS, (found,)


def _fitted(term: Any, shape: tuple[int, ...], dtype: np.dtype[Any], consumer: Node) -> Any:
    """A contribution in the shape and dtype of the node it goes to: un-broadcast, once for all rules."""
    term = np.asarray(term)
    if term.shape != shape:
        if len(term.shape) >= len(shape) and np.broadcast_shapes(term.shape, shape) == term.shape:
            term = unbroadcast(term, shape)
        elif np.broadcast_shapes(term.shape, shape) == shape:
            term = np.broadcast_to(term, shape)
        else:
            raise LazygradError(f"a rule of {consumer.op!r} returned shape {term.shape} for an input of shape {shape}")
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


@attrs.define(eq=False, repr=False)
class TargetMemo:
    """Everything kept about the derivatives of one target: what leads to it, and its adjoints."""

    serial: int
    mirror: Node
    seed: Node
    discovery: Discovery
    counts: Counts
    adjoints: dict[int, Node] = attrs.field(factory=dict)
    inner: dict[int, TargetMemo] = attrs.field(factory=dict)  # of adjoints differentiated through
    others: weakref.WeakSet[TargetMemo] = attrs.field(factory=weakref.WeakSet)  # other seeds, same target
    facade: Callable[[], Any] | None = None  # the Differentiator that shows this memo, while there is one

    @classmethod
    def of(cls, target: Node, seed: Node | None = None) -> TargetMemo:
        """A new memo; `seed` is dL/dL, one by default."""
        ref = weakref.ref(target)
        mirror = Node(MirrorOp(target.op, ref), target.inputs, target.static, target.shape, target.dtype, target.name)
        enlist(mirror)
        return cls(target.serial, mirror, _one(target) if seed is None else seed, Discovery(target.serial, mirror), Counts(ref))

    def leads(self, i: Node) -> bool:
        """Whether there is a path from `i` to the target along which derivatives flow."""
        return i.serial == self.serial or bool(self.discovery.find(i))

    def adjoint(self, i: Node) -> Node | None:
        """The node of dL/di; None if nothing leads from `i` to L."""
        if i.serial == self.serial:
            return self.seed
        if i.serial not in self.adjoints:
            if not self.discovery.find(i):
                return None
            demand(i, self._missing, self._build)
        return self.adjoints[i.serial]

    def _missing(self, i: Node) -> Sequence[Node] | None:
        adjoints = self.adjoints
        if i.serial in adjoints:
            return None
        mirror = self.mirror
        return [c for c in self.discovery.leading[i.serial] if c.serial not in adjoints and c is not mirror]

    def _build(self, i: Node) -> None:
        edges: list[Edge] = []
        inputs: list[Node] = []
        for c in self.discovery.leading[i.serial]:
            adjoint = self.seed if c is self.mirror else self.adjoints[c.serial]
            op = c.op
            for argnum, j in enumerate(c.inputs):
                if j is i and (op.fully_open or op.opens(c, argnum)):
                    rule, arguments = op.contribution(c, argnum, adjoint, self)
                    start = len(inputs)
                    inputs += arguments
                    metas = rule if rule.metas else None
                    edges.append(Edge(rule.function, start, len(inputs), metas, c, argnum, arguments[0]))
        made = AdjointOp(i, tuple(edges), self.counts)
        self.adjoints[i.serial] = build(made, tuple(inputs), NO_STATIC, i.shape, i.dtype)

    def reshaped(self) -> None:
        """Called when nodes below the target change shape: adjoints follow, and the tables are rebuilt."""
        for memo in (self, *self.others):
            for adjoint in memo.adjoints.values():  # somebody else may hold them
                adjoint.shape, adjoint.dtype = adjoint.op.infer(adjoint)
            memo.adjoints.clear()
            memo.inner.clear()

    def clear(self) -> None:
        """Forget the adjoints and the counts."""
        self.adjoints.clear()
        self.inner.clear()
        self.counts.requests = self.counts.misses = 0


def _one(target: Node) -> Node:
    value = target.dtype.type(1) if not target.shape else np.ones(target.shape, target.dtype)
    return Node(None, (), SEED, target.shape, target.dtype, value=value)


def target_memo(target: Node) -> TargetMemo:
    """The memo that `target` keeps."""
    memo = target._memo
    if memo is None:
        memo = target._memo = TargetMemo.of(target)
    return memo
