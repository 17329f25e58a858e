"""Copies of graphs: pickle and deepcopy, without recursion however deep the graph.

A node is saved with everything it is computed from, oldest first, so that each node finds its inputs
saved already. Values in the memo are not saved: they are computed again when asked for. A pickle names what
restores a node as ``lazygrad._restore_node`` and so on, so that it can be read wherever this module moves.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._graph.leaf import make_leaf
from .._graph.node import NO_STATIC, Node, build, by_serial, enlist, install, summation_key
from .._graph.traverse import collect_inputs_first
from ..ops._rule import Rule, pass_on
from .adjoint_node import AdjointNode, Counts, follow
from .target_memo import AdjointOp, MirrorOp

__all__: list[str] = []


class _Saving(threading.local):
    """The nodes whose graphs this thread is saving: the inputs of what is saved are there already."""

    def __init__(self) -> None:
        self.roots: list[Node] = []


_saving = _Saving()


def _list_needs(i: Node) -> tuple[Node, ...]:
    """Return the nodes that `i` cannot be made without."""
    if not isinstance(i, AdjointNode):
        return i.inputs
    consumers = [consumer for _, consumer, _, _, _ in i.each_edge()]
    return (*i.inputs, i.of, *consumers, i.op.mirror, i.op.seed)


def _collect_needs(node: Node) -> list[Node]:
    """Return a node and all it cannot be made without, oldest first."""
    return sorted(collect_inputs_first(node, _list_needs), key=by_serial)


def _state(i: Node) -> tuple[Any, ...]:
    """Return the arguments of `_restore_node` that make the node again."""
    if i.op is None:
        return dict(i.static), i._value, i.name
    if isinstance(i, AdjointNode):
        edges = [
            (consumer, argnum, rule.passes is not None, _is_guarded(rule, consumer, argnum), i.masked)
            for rule, consumer, argnum, _, _ in i.each_edge()
        ]
        return i.op, i.inputs, i.name, i.of, edges
    op = i.op.base if isinstance(i.op, MirrorOp) else i.op  # a copy of a mirror computes for itself
    return op, i.inputs, dict(i.static), i.shape, i.dtype, i.name


def _is_guarded(rule: Rule, consumer: Node, argnum: int) -> bool:
    """Return whether a rule is read as below an edge that selects."""
    return rule.passes is None and rule is not consumer.op.rule(argnum)


def _restore_node(*state: Any) -> Node:
    """Make a node again: a leaf of three things, an adjoint of five, any other of six."""
    if len(state) == 3:
        static, value, name = state
        value = np.array(value)[()]
        if value.ndim:
            value.flags.writeable = False
        return make_leaf(value, static, name)
    if len(state) == 5:
        op, inputs, name, of, edges = state
        flat: list[Any] = []
        masked = False
        for consumer, argnum, passes, guarded, masked in edges:  # noqa: B007
            flat += (Rule(pass_on, passes=consumer) if passes else consumer.op.rule(argnum).reading(guarded), argnum)
        form = NO_STATIC, of.shape, of.dtype, name
        node: Node = AdjointNode(op, inputs, *form, of=of, edges=tuple(flat), masked=masked)
        enlist(node)
        return follow(node)  # as it belongs to no memo
    op, inputs, static, shape, dtype, name = state
    node = build(op, inputs, static or NO_STATIC, shape, dtype)
    node.name = name
    return node


class _NodeBundle(list[Node]):
    """A node after everything it needs; the pickler takes them one by one."""

    def __reduce__(self) -> Any:
        return _NodeBundle, (), None, self._yield_nodes()

    def _yield_nodes(self) -> Iterator[Node]:
        # The root, saved last, takes itself off again. (Not the end of this iterator: a pickler takes up to a
        # thousand items ahead before it saves them.)
        root, roots = self[-1], _saving.roots
        roots.append(root)
        try:
            yield from self
        except GeneratorExit:  # the pickler has given up
            if roots and roots[-1] is root:
                roots.pop()
            raise


def _take_last(bundle: _NodeBundle) -> Node:
    """Return the node that a bundle was made for."""
    return bundle[-1]


def _reduce(self: Node, protocol: object = None) -> Any:
    roots = _saving.roots
    if self.op is None or roots:
        if roots and roots[-1] is self:
            roots.pop()
        return _restore_node, _state(self)
    return _take_last, (_NodeBundle(_collect_needs(self)),)


def _deepcopy(self: Node, memo: dict[int, Any]) -> Node:
    for i in _collect_needs(self):
        if id(i) not in memo:
            memo[id(i)] = _restore_node(*copy.deepcopy(_state(i), memo))
    return memo[id(self)]


def _restore_adjoint_op(mirror: Node, seed: Node, masked: bool = False) -> AdjointOp:
    return AdjointOp(Counts(_find_no_target), mirror, seed, summation_key(mirror), masked)


def _find_no_target() -> None:
    """Return None: a copied adjoint has no target, as the target's memo is not copied with it."""


def _reduce_adjoint_op(self: AdjointOp) -> Any:
    return _restore_adjoint_op, (self.mirror, self.seed, self.masked)


for _named in (_NodeBundle, _take_last, _restore_node, _restore_adjoint_op):
    _named.__module__ = "lazygrad"  # whose `__init__` has them

install({"__reduce_ex__": _reduce, "__deepcopy__": _deepcopy, "__copy__": lambda self: _restore_node(*_state(self))})
AdjointOp.__reduce__ = _reduce_adjoint_op  # type: ignore[method-assign, assignment]
