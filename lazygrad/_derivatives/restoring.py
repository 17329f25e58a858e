"""How a node is saved and made again: what it cannot be made without, what it says itself, and what its memo holds.

`copies` puts this to use, for pickles as for deep copies; both refer to other nodes each in its own way (`refer`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from .._graph.leaf import copy_frozen
from .._graph.node import Node, build, by_serial, enlist
from .._graph.reform import find_call
from .._graph.types import Function
from ..ops._calls import Call
from ..ops._rule import Rule, pass_on
from .adjoint_node import AdjointNode, Counts, follow
from .arrivals import Arrivals, as_static, lay_out, restore_array
from .discover import Discovery
from .target_memo import AdjointOp, MirrorOp, TargetMemo

__all__ = ["MemoOf", "Private", "collect_needs", "describe", "list_extras", "list_held", "list_links", "restore"]

# -- what there is to save ---------------------------------------------------------------------------


def _list_needs(i: Node, values: bool) -> list[Node]:
    """Return the nodes that `i` cannot be made without; with its values, those of its derivatives, too."""
    needs = list(i._inputs)
    if (call := find_call(i)) is not None:
        needs += call.nodes
    if isinstance(i, AdjointNode):
        op = _base_op(i)
        needs += [i.of, op.mirror, op.seed, *[consumer for _, consumer, _, _, _ in i.each_edge()]]
        for _, root, stands in _list_unfolded(i):
            needs += [root, *stands]
        for _, former in _list_former(i):
            needs += former
    if values and i._memo is not None:
        needs += list_held(i._memo, values)
    return needs


def _list_unfolded(i: AdjointNode) -> list[tuple[AdjointNode, Node, tuple[Node, ...]]]:
    """Return the adjoints that an adjoint is passed on by, each with the root and stand-ins of what it unfolds into."""
    passed = [rule.passes for rule in i.edges[::2] if rule.passes is not None]
    return [(c, *c.unfolded) for c in passed if c.unfolded is not None]


def _list_former(i: AdjointNode) -> list[tuple[AdjointNode, list[Node]]]:
    """Return the adjoints that an adjoint is passed on by, each with what is left of its former ops."""
    passed = [rule.passes for rule in i.edges[::2] if rule.passes is not None]
    former = [(c, [k for ref in getattr(c, "_former", ()) if (k := ref()) is not None]) for c in passed]
    return [(c, nodes) for c, nodes in former if nodes]


def list_held(memo: TargetMemo, values: bool) -> list[Node]:
    """Return the nodes that a memo holds; without values, those that it cannot be made without."""
    if not values:
        return [memo.mirror, memo.seed]
    held: list[Node] = []
    memos = [memo]
    while memos:
        memo = memos.pop()
        held += [memo.mirror, memo.seed, *memo.adjoints.values()]
        memos += memo.inner.values()
    return held


def collect_needs(roots: Sequence[Node], values: bool, known: Callable[[Node], bool] = lambda i: False) -> list[Node]:
    """Return nodes and all they cannot be made without, oldest first, but for what is known already."""
    found = {id(root): root for root in roots}
    todo = list(roots)
    while todo:
        for j in _list_needs(todo.pop(), values):
            if id(j) not in found and not known(j):
                found[id(j)] = j
                todo.append(j)
    return sorted(found.values(), key=by_serial)


def _base_op(i: Node) -> Any:
    """Return the op of a node; of a mirror that of its target."""
    return i._op.base if isinstance(i._op, MirrorOp) else i._op


def describe(i: Node, refer: Function, static: object) -> tuple[object, ...]:
    """Return what makes the node again, with references to other nodes and to ops of adjoints in their place."""
    if i._op is None:
        return static, i.name
    inputs = tuple(map(refer, i._inputs))
    if isinstance(i, AdjointNode):
        edges = [(refer(c), argnum, _tell_reading(rule, c, argnum)) for rule, c, argnum, _, _ in i.each_edge()]
        return refer(_base_op(i)), inputs, i.name, refer(i.of), edges
    return _base_op(i), inputs, static, i.shape, i.dtype, i.name


def _tell_reading(rule: Rule, consumer: Node, argnum: int) -> str:
    """Return which rule of an edge it is that an adjoint holds."""
    return "passes" if rule.passes is not None else "plain" if rule is consumer._op.rule(argnum) else "guarded"


def _find_rule(consumer: Node, argnum: int, reading: str) -> Rule:
    """Return the rule of an edge that `_tell_reading` tells."""
    if reading == "passes":
        return Rule(pass_on, passes=consumer)
    rule: Rule = consumer._op.rule(argnum)
    return rule.reading(True) if reading == "guarded" else rule


def list_extras(i: Node, refer: Function, values: bool) -> dict[str, object]:
    """Return what only some nodes have, by name; more may come."""
    extras: dict[str, Any] = {}
    if (call := find_call(i)) is not None:
        extras["call"] = refer(call), i._call[1]
    if (key := getattr(i, "_key", None)) is not None:
        extras["key"] = key
    if isinstance(i, AdjointNode) and i.masked:
        extras["masked"] = True
    if isinstance(i._op, MirrorOp):
        extras["mirror"] = True
    if values and i._stale:
        extras["stale"] = True
    return extras


# -- how it is restored ------------------------------------------------------------------------------


def _restore_node(
    arrivals: Arrivals, serial: float, described: tuple[Any, ...], value: Any, extras: dict[str, Any]
) -> Node:
    """Make a node again: a leaf of two things, an adjoint of five, any other of six."""
    node: Node
    if len(described) == 2:
        static, name = described
        if not isinstance(value, Private):
            value = Private(copy_frozen(np.asarray(value)))
        node = Node(None, (), as_static(static), value.array.shape, value.array.dtype, name)
    elif len(described) == 5:
        op, inputs, name, of, edges = described
        flat: list[Any] = []
        for consumer, argnum, reading in edges:
            flat += _find_rule(consumer, argnum, reading), argnum
        form = as_static({}), of.shape, of.dtype, name
        node = AdjointNode(op, inputs, *form, of=of, edges=tuple(flat), masked="masked" in extras)
        enlist(node)
        follow(node)
    else:
        op, inputs, static, shape, dtype, name = described
        node = build(op, inputs, as_static(static), shape, dtype)
        node.name = name
    node._serial = arrivals.place(serial)  # type: ignore[assignment]
    if value is not None:
        node._value = value.array
    if "key" in extras:
        node._key = arrivals.place_key(extras["key"])
    if "mirror" in extras:
        node._op = MirrorOp(node._op, _find_no_target)
    node._stale = "stale" in extras
    if "call" in extras:
        extras["call"][0].attach_copy(node, extras["call"][1])
    return node


def _restore_call(arrivals: Arrivals, mark: float, *described: Any) -> Call:
    """Make the call again that nodes came from."""
    source, args, kwargs, nodes, count = described
    return Call(source, args, kwargs, arrivals.place(mark), nodes, count)


def _find_no_target() -> None:
    """Return None: a copied adjoint has no target, unless the target's memo is copied with it."""


def _restore_adjoint_op(
    arrivals: Arrivals, mirror: Node, seed: Node, order: Sequence[float], masked: bool
) -> AdjointOp:
    return AdjointOp(Counts(_find_no_target), mirror, seed, arrivals.place_key(order), masked)


def _restore_memo(
    target: Node, op: AdjointOp, seeded: bool, adjoints: Iterable[AdjointNode], inner: Iterable[tuple[Node, TargetMemo]]
) -> TargetMemo:
    """Make the memo of a target again, which is a copy itself, as are the adjoints."""
    op.counts.target = weakref.ref(target)
    memo = TargetMemo(target._serial, Discovery(target._serial, op.mirror), op, seeded)
    memo.adjoints.update({a.of.serial: a for a in adjoints})
    memo.inner.update({i._serial: known for i, known in inner})
    return memo


def _restore_mirror(mirror: Node, target: Node) -> None:
    """Let the copy of a mirror stand for the copy of the target."""
    mirror._op = MirrorOp(mirror._op.base, weakref.ref(target))


def _keep_memo(target: Node, memo: TargetMemo) -> None:
    """Give a target its memo."""
    target._memo = memo


def _restore_unfolded(adjoint: AdjointNode, root: Node, stands: Iterable[Node]) -> None:
    """Give an adjoint the ops that it unfolds into."""
    adjoint.unfolded = root, tuple(stands)


def _restore_former(adjoint: AdjointNode, nodes: Iterable[Node]) -> None:
    """Tell an adjoint which ops it unfolded into before."""
    adjoint._former = tuple(map(weakref.ref, nodes))


@attrs.frozen(eq=False)
class Private:
    """A frozen array, or a scalar, that nobody else can write to."""

    array: Any


def list_links(nodes: Sequence[Node], refer: Function, values: bool) -> list[tuple[str, *tuple[object, ...]]]:
    """Return the calls of `restore` that give copies of nodes their memos, and what adjoints unfold into."""
    unfolded = {
        c._serial: (c, root, stands)
        for i in nodes
        if isinstance(i, AdjointNode)
        for c, root, stands in _list_unfolded(i)
    }
    links: list[tuple[Any, ...]] = [
        ("unfolded", refer(c), refer(root), list(map(refer, stands))) for c, root, stands in unfolded.values()
    ]
    former = {c._serial: (c, k) for i in nodes if isinstance(i, AdjointNode) for c, k in _list_former(i)}
    links += [("former", refer(c), list(map(refer, k))) for c, k in former.values()]
    numbers = {id(i) for i in nodes}
    mirrors = [(i, i._op.mirrors) for i in nodes if isinstance(i._op, MirrorOp) and id(i._op.mirrors) in numbers]
    links += [("mirror of", refer(i), refer(target)) for i, target in mirrors]
    memos = [MemoOf(i, i._memo) for i in nodes if values and i._memo is not None]
    return links + [("memo of", refer(of.target), refer(of)) for of in memos]


@attrs.frozen
class MemoOf:
    """A memo with its target."""

    target: Node
    memo: TargetMemo

    def describe(self, refer: Function, values: bool) -> tuple[object, ...]:
        """Return the arguments of `_restore_memo`."""
        memo = self.memo
        if not values:
            return refer(self.target), refer(memo.op), memo.seeded, [], []
        adjoints = memo.adjoints.values()
        unfolded = {c._serial: (c, root) for a in adjoints for c, root, _ in _list_unfolded(a)}
        inner = [
            (refer(unfolded[serial][0]), refer(MemoOf(unfolded[serial][1], known)))
            for serial, known in memo.inner.items()
            if serial in unfolded
        ]
        return refer(self.target), refer(memo.op), memo.seeded, list(map(refer, adjoints)), inner


_RESTORERS: dict[str, Callable[..., Any]] = {
    "adjoint op": _restore_adjoint_op,
    "array": restore_array,
    "call": _restore_call,
    "arrivals": Arrivals,  # one for all nodes of a pickle
    "last": lambda parts: parts[-1],  # of several things, after all it needs
    "memo": _restore_memo,
    "memo of": _keep_memo,
    "mirror of": _restore_mirror,
    "node": _restore_node,
    "unfolded": _restore_unfolded,
    "former": _restore_former,
    "value": lambda array, *layout: Private(lay_out(array, *layout) if layout else array),
}


def restore(kind: str, *arguments: object) -> object:
    """Return what a pickle holds: the one name that pickles look for."""
    return _RESTORERS[kind](*arguments)


_restore = restore
restore.__module__, restore.__qualname__ = "lazygrad", "_restore"  # as `__init__` has it, wherever this module moves
