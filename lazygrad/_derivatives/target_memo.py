"""The recursion over consumers: an adjoint is just another node.

Tomassoli, section 13 (lazily, with a table), of Stratos' equation (2)::

    adjoint(i) = sum over consumers c of i that lead to L of vjp_{c->i}(adjoint(c)),   adjoint(L) = 1

memoised for each (L, i). The adjoint of i is a node whose inputs are the adjoints of those consumers
and the forward values that its rules read; so `forward_rec` evaluates it, invalidation reaches
it, and it can itself be differentiated.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import attrs
import numpy as np

from .._graph.collector import pause_collector
from .._graph.demand import demand
from .._graph.leaf import constant
from .._graph.node import NO_STATIC, Node, _next_serial, enlist, summation_key
from .._graph.reform import Changes, collect_new, find_call, place_before
from .._graph.types import Array
from .._graph.value import forward_rec
from ..ops._op import freeze
from ..ops._rule import Rule, pass_on
from .adjoint_node import AdjointNode, ContributionSum, Counts, follow
from .discover import WIDE, Discovery, Places

__all__ = ["AdjointOp", "MirrorOp", "TargetMemo", "target_memo"]

SEED: Mapping[str, Any] = {"leaf": "seed"}
THROUGH = 0.5  # in orders of sums: an adjoint is differentiated through the ops that it unfolds into
BUILT: Any = (None,)  # in place of the consumers that lead to the target, once the adjoint holds them


@attrs.define(eq=False, repr=False)
class AdjointOp(ContributionSum):
    """The op of all adjoints of one target: how they are differentiated, through what they unfold into."""

    def passes_derivative(self, node: AdjointNode, argnum: int) -> bool:
        """Return whether the adjoint depends differentiably on that input."""
        root, stands = self.unfold(node)
        return target_memo(root).leads(stands[argnum])

    def contribution(
        self, node: AdjointNode, argnum: int, adjoint: Node, memo: TargetMemo, inputs: list[Node], masked: bool = False
    ) -> tuple[Rule, int]:
        """Add the derivative through the unfolded ops to `inputs`, and return the edge that passes it on."""
        root, stands = self.unfold(node)
        inner = memo.inner.get(node._serial)
        if inner is None:
            order = (*summation_key(node), THROUGH, -len(memo.order), *memo.order)
            inner = memo.inner[node._serial] = TargetMemo.of(root, adjoint, order, masked)
        found = inner.adjoint(stands[argnum])
        assert found is not None  # `passes_derivative` said so
        inputs.append(found)
        return Rule(pass_on, passes=node, selects=inner.masks(found)), argnum

    def build_again(self, held: AdjointNode, changes: Changes, memos: dict[int, TargetMemo]) -> None:
        """Give an adjoint that outlives its memo the edges that lead to the target now; `memos` holds those in use."""
        target = self.mirror if (alive := self.counts.target()) is None else alive
        if (memo := memos.get(id(self))) is None:
            memo = memos[id(self)] = TargetMemo(target._serial, Discovery(target._serial, self.mirror), self, True)
        mark = _next_serial()
        try:
            AdjointOp.unfolding = []
            found: Any = memo.adjoint(held.of)
        finally:
            unfolded, AdjointOp.unfolding = AdjointOp.unfolding or (), None
        inputs, edges = ((), ()) if found is None else (found.inputs, found.edges)
        masked = found is not None and memo.masks(found)
        new = collect_new(inputs, mark)
        place_before(
            held, new, max([held.of.serial, *[j._serial for i in new for j in i._inputs if j._serial <= mark]])
        )
        memo.inner.clear()  # its keys are serials that have changed, as are those of what is unfolded
        for i in unfolded:
            root, _ = self.unfold(i)
            if root is not None:
                root._memo = None
            i._former, i.unfolded = tuple(map(weakref.ref, self.list_unfolded(i))), None
        changes.set(held, inputs=inputs, edges=edges, masked=masked, unfolded=None, follows=held.follows or None)
        for j in (held, *inputs):
            follow(j)
        if held._op is self:
            memo.adjoints[held.of.serial] = held


@attrs.define(eq=False, repr=False)
class MirrorOp:
    """The op of a node that stands for a target: same rules, and the target's value while it lives.

    The target keeps its memo, the memo its adjoints, and an adjoint may read the target's own value: read
    from the mirror, so that no reference leads back.
    """

    base: Any
    original: Callable[[], Node | None]
    is_mirror: ClassVar[bool] = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    @property
    def mirrors(self) -> Node | None:
        """Return the target, if it is still alive."""
        return self.original()

    def take_over(self, op: Any) -> MirrorOp:
        """Return the op of the same mirror when the target has taken over another op."""
        return MirrorOp(op, self.original)

    def run(self, node: Node) -> Array:
        """Return the target's value, computed there; or here if the target is gone."""
        original = self.original()
        return self.base.run(node) if original is None else forward_rec(original, was_requested=False)


def copy_bare(node: Node) -> Node:
    """Return a node like another, with nothing in the memo and no consumers."""
    fresh: dict[str, Any] = {"value": None, "stale": False, "consumers": None, "memo": None}
    if isinstance(node, AdjointNode):
        fresh |= {"follows": None, "unfolded": None}
    return attrs.evolve(node, **fresh)


@attrs.define(eq=False, repr=False)
class TargetMemo:
    """All that is kept about the derivatives of one target: what leads to it, and its adjoints."""

    serial: int
    discovery: Discovery
    op: AdjointOp
    seeded: bool  # by the caller
    adjoints: dict[int, AdjointNode] = attrs.field(factory=dict)
    inner: dict[int, TargetMemo] = attrs.field(factory=dict)  # of adjoints differentiated through
    wide: Places = attrs.field(factory=Places)
    others: weakref.WeakSet[TargetMemo] = attrs.field(factory=weakref.WeakSet)  # other seeds, same target
    plans: Any = None  # of questions that are asked again (`_schedule.plans`)
    outlived: Any = None  # serial -> an adjoint that was forgotten and that somebody holds, weakly; None for none
    facade: Callable[[], Any] | None = None  # the Differentiator that shows this memo, while there is one

    @classmethod
    def of(
        cls, target: Node, seed: Node | None = None, order: tuple[float, ...] = (), masked: bool = False
    ) -> TargetMemo:
        """Make a memo of a target; `seed` is dL/dL, one by default, and `order` where its adjoints stand in sums.

        `masked` if zeros of the seed say that something was not taken, as those of a unit cotangent do.
        """
        masked = masked or (isinstance(seed, AdjointNode) and seed.masked)
        ref = weakref.ref(target)
        mirror = copy_bare(target)
        mirror._op, mirror._serial = MirrorOp(target._op, ref), _next_serial()
        enlist(mirror)
        if isinstance(mirror, AdjointNode):
            follow(mirror)
        if find_call(target) is not None:
            mirror._call = target._call
        order = order or (*summation_key(target), 0 if seed is None else mirror._serial)
        op = AdjointOp(Counts(ref), mirror, _make_unit_seed(target) if seed is None else seed, order, masked)
        return cls(target._serial, Discovery(target._serial, mirror), op, seed is not None)

    @property
    def mirror(self) -> Node:
        """Return the node that stands for the target."""
        return self.op.mirror

    @property
    def order(self) -> tuple[float, ...]:
        """Return where the adjoints of the target stand in sums."""
        return self.op.order

    @property
    def seed(self) -> Node:
        """Return the node of dL/dL."""
        return self.op.seed

    def leads(self, i: Node) -> bool:
        """Return whether there is a path from `i` to the target along which derivatives flow."""
        return i._serial == self.serial or bool(self.discovery.find(i))

    def adjoint(self, i: Node) -> Node | None:
        """Return the node of dL/di, built with all it needs; None if nothing leads from `i` to L."""
        if i._serial == self.serial:
            return self.seed
        if i._serial not in self.adjoints and not pause_collector(self._derive, i):
            return None
        return self.adjoints[i._serial]

    def _derive(self, i: Node) -> bool:
        """Build the adjoint of `i` and what it needs; return False if nothing leads from `i` to L."""
        if not self.discovery.find(i):
            return False
        demand(i, self._list_missing, self.build)
        return True

    def zero_adjoint(self, i: Node) -> Node:
        """Build the adjoint of a node that does not lead to the target: zeros, in the shape the node has when asked."""
        return AdjointNode(self.op, (), NO_STATIC, i._shape, i._dtype, of=i, edges=())

    def _list_missing(self, i: Node) -> Sequence[Node] | None:
        """Return the consumers of `i` whose adjoints it needs and which have none; None if it has its own."""
        adjoints = self.adjoints
        if i._serial in adjoints:
            return None
        if self.outlived is not None and (held := self.outlived.get(i._serial)) is not None:
            adjoints[i._serial] = held  # what is built on it belongs to the same graph as what is built now
            return None
        mirror = self.op.mirror
        return [c for c in self.discovery.leading[i._serial] if c._serial not in adjoints and c is not mirror]

    def masks(self, adjoint: Node) -> bool:
        """Return whether zeros of an adjoint may say that something was not taken."""
        return self.op.masked or (adjoint.__class__ is AdjointNode and adjoint.masked)

    def build(self, i: Node) -> None:
        """Collect the edges of `i` that lead to the target, and what their rules read, into a node."""
        pairs: list[tuple[Rule, int]] = []
        inputs: list[Node] = []
        op, adjoints = self.op, self.adjoints
        mirror, seed, masked = op.mirror, op.seed, op.masked
        leading = self.discovery.leading
        for c in leading[i._serial]:
            adjoint = seed if c is mirror else adjoints[c._serial]
            above = op.masked or (c is not mirror and adjoints[c._serial].masked)
            local = c._op
            for argnum, j in enumerate(c._inputs) if len(c._inputs) < WIDE else self.wide.find(c, i):
                if j is i and (local.fully_open or local.passes_derivative(c, argnum)):
                    pair = local.contribution(c, argnum, adjoint, self, inputs, above)
                    masked = masked or above or (pair[0].selects and pair[0].selects_at(c))
                    pairs.append(pair)
        # Most edges are alone; then the pair that all nodes of the op share will do.
        edges = pairs[0] if len(pairs) == 1 else tuple(itertools.chain.from_iterable(pairs))
        node = AdjointNode(op, tuple(inputs), NO_STATIC, i._shape, i._dtype, of=i, edges=edges, masked=masked)
        enlist(node)
        adjoints[i._serial] = node
        leading[i._serial] = BUILT

    def forget_shapes(self) -> None:
        """Forget all adjoints as nodes below the target change shape: they are built again when asked for."""
        for memo in (self, *self.others):
            memo.clear()

    def list_mirrors(self) -> list[Node]:
        """Return the nodes that stand for the target, one for each seed."""
        return [memo.mirror for memo in (self, *self.others) if isinstance(memo, TargetMemo)]

    def list_seeds(self) -> list[Node]:
        """Return the seeds that are 1 in the shape and dtype of the target."""
        memos = [memo for memo in (self, *self.others) if isinstance(memo, TargetMemo)]  # (or graphs of a backend)
        return [memo.seed for memo in memos if not memo.seeded]

    def follow_target(self, target: Node, changes: Changes) -> None:
        """Give the seeds the shape and dtype that the target has now."""
        for seed in self.list_seeds():
            if seed.shape != target._shape or seed.dtype != target._dtype:
                changes.set_leaf(seed, freeze(np.ones(target._shape, target._dtype)))

    def renew_seed(self, target: Node) -> None:
        """Give a cotangent the dtype that the target has now."""
        self.clear()
        self.outlived = None
        if self.seed.op is None and self.seed.shape == target._shape:
            self.op.seed = constant(self.seed._value.astype(target._dtype))

    def clear(self) -> None:
        """Forget the adjoints and the counts."""
        # Discovery first: without it the adjoints are still right, but not the other way round.
        self.discovery = Discovery(self.serial, self.mirror)
        known = {**(self.outlived or {}), **self.adjoints}
        self.outlived = weakref.WeakValueDictionary(known) if known else None
        self.adjoints.clear()
        self.inner.clear()
        self.wide = Places()
        self.plans = None
        self.op.counts.misses = self.op.counts.requests = 0


def _make_unit_seed(target: Node) -> Node:
    """Make the leaf of dL/dL = 1 in the shape and dtype of a target."""
    return Node(None, (), SEED, target._shape, target._dtype, value=freeze(np.ones(target._shape, target._dtype)))


def target_memo(target: Node) -> TargetMemo:
    """Return the memo that `target` keeps, made now if there is none."""
    memo = target._memo
    if memo is None:
        memo = target._memo = TargetMemo.of(target)
    return memo
