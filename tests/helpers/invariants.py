"""The invariants that hold between queries, after any questions, sets, drops and interruptions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lazygrad._derivatives.adjoint_node import AdjointNode
from lazygrad._derivatives.discover import flows
from lazygrad._derivatives.target_memo import BUILT, MirrorOp, TargetMemo
from lazygrad._graph.node import Node, living_consumers

__all__ = ["check_invariants", "reachable"]


def memos(node: Node) -> list[TargetMemo]:
    """Return the memo of a target, and those of other seeds."""
    return [] if node._memo is None else [m for m in (node._memo, *node._memo.others) if isinstance(m, TargetMemo)]


def inner_memos(memo: TargetMemo) -> list[TargetMemo]:
    """Return the memo and those of the adjoints it was differentiated through."""
    found = [memo]
    for m in found:
        found.extend(m.inner.values())
    return found


def reachable(nodes: Iterable[Node]) -> list[Node]:
    """Return everything there is: inputs, living consumers, memos and what they hold. Oldest first."""
    found: dict[int, Node] = {}
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if node.serial in found:
            continue
        found[node.serial] = node
        todo.extend(node.inputs)
        todo.extend(living_consumers(node))
        if isinstance(node, AdjointNode):
            todo.append(node.of)
            if node.unfolded is not None and node.unfolded[0] is not None:  # (of a zero nothing is built)
                todo.append(node.unfolded[0])
        for top in memos(node):
            for memo in inner_memos(top):
                todo.extend((memo.mirror, memo.seed, *memo.adjoints.values()))
    return [found[serial] for serial in sorted(found)]


def check_invariants(nodes: Iterable[Node], recompute: bool = True) -> None:
    """Raise AssertionError if anything is wrong anywhere around these nodes.

    `recompute` runs every op that has a value again; leave it out where an op counts its runs or raises on demand.
    """
    everything = reachable(nodes)
    for node in everything:
        check_node(node)
        if recompute and node.op is not None and node._value is not None:
            check_value(node)
        for top in memos(node):
            for memo in inner_memos(top):
                check_memo(memo, everything)


def check_node(node: Node) -> None:
    """Check freshness, consumer links, and the value's shape, dtype and lock."""
    if node.op is None or node._value is not None:
        value = node._value
        assert value is not None, f"the leaf {node!r} has no value"
        assert (value.shape, value.dtype) == (node.shape, node.dtype), f"{node!r} holds {value.shape} {value.dtype}"
        assert isinstance(value, np.generic) or not value.flags.writeable, f"the value of {node!r} is open to writing"
    for j in node.inputs:
        assert j.serial < node.serial or node.op.is_adjoint, f"{node!r} is older than its input {j!r}"
        assert any(c is node for c in living_consumers(j)), f"{j!r} does not know its consumer {node!r}"
        if node._value is not None:
            assert j._value is not None, f"{node!r} is fresh, its input {j!r} is not"
    if isinstance(node, AdjointNode) and not isinstance(node.op, MirrorOp):  # (nobody asks a mirror for its shape)
        assert (node.shape, node.dtype) == (node.of.shape, node.of.dtype), f"{node!r} does not fit {node.of!r}"


def check_value(node: Node) -> None:
    """Check that the memo holds bit for bit what the inputs give."""
    counts = node.op.counts if isinstance(node, AdjointNode) else None
    before = None if counts is None else (counts.requests, counts.misses)
    others = {j.serial: j.op.counts for j in node.inputs if isinstance(j, AdjointNode)}
    requests = {serial: c.requests for serial, c in others.items()}
    again = node.op.run(node)
    for serial, c in others.items():
        c.requests = requests[serial]
    if counts is not None:
        counts.requests, counts.misses = before
    assert again.dtype == node._value.dtype
    assert again.tobytes() == node._value.tobytes(), f"{node!r} holds {node._value}, its inputs give {again}"


def check_memo(memo: TargetMemo, everything: list[Node]) -> None:
    """Check that adjoints are those of their nodes, and that discovery has found what brute force finds."""
    for serial, adjoint in memo.adjoints.items():
        assert adjoint.of.serial == serial
        assert adjoint.op is memo.op

    consumers: dict[int, set[int]] = {}  # of what leads to the target, by brute force from the target down
    todo = [memo.mirror]
    while todo:
        c = todo.pop()
        for j in c.inputs:
            if flows(c, j):
                if j.serial not in consumers:
                    todo.append(j)
                consumers.setdefault(j.serial, set()).add(c.serial)
    for serial, leading in memo.discovery.leading.items():
        if leading is BUILT:
            assert serial in memo.adjoints
            assert serial in consumers
        else:
            known = [c.serial for c in leading]
            assert len(known) == len(set(known))
            assert set(known) == consumers.get(serial, set()), f"node #{serial}: {known}"
