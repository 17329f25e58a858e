"""All gradients that one question needs, in one pass: for a graph that a single call has just built.

The recursion over consumers does not know beforehand what lies between a node and the target, and searches
from both ends; and it keeps adjoints as nodes for later questions. Where the graph is as young as the question, and
gone after it, all that is younger than the nodes asked for and below the target lies between; so consumers are found in
the order of creation, and adjoints computed in the opposite one: the same rules, on the same edges, summed in the
same order.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from .._graph.node import INEXACT, Node, summation_key
from .._graph.types import Array
from .._graph.value import forward_rec
from ..ops._op import freeze
from ..ops._rule import Rule
from .adjoint_node import AdjointNode, ValueHolder, sum_contributions
from .discover import WIDE, Places, flows

__all__ = ["gradients_in_one_pass"]


def _consumer_of(rule: Rule, adjoint: Any) -> Node:
    """Return the node that an adjoint belongs to."""
    return adjoint.node


def gradients_in_one_pass(L: Node, wanted: Sequence[Node], seed: Array) -> dict[int, Array] | None:
    """Return serial -> dL/di for the wanted nodes that lead to `L`, from dL/dL.

    Return None where an adjoint is part of the graph: then its unfolded form is needed, which the memo of `L` holds.
    """
    oldest = min([i._serial for i in wanted])
    below = {L._serial: L}
    todo = [L]
    while todo:
        i = todo.pop()
        if i.__class__ is AdjointNode:
            return None
        for j in i._inputs:
            serial = j._serial
            if serial >= oldest and serial not in below:
                below[serial] = j
                todo.append(j)
    consumers: dict[int, list[Node]] = {i._serial: [] for i in wanted}  # of what depends on the wanted nodes
    readers = {i._serial: 1 for i in wanted}  # how many nodes are still to read an adjoint; the caller is one
    order = sorted(below)
    for serial in order:
        c = below[serial]
        if not c._inputs or c._dtype.kind not in INEXACT:
            continue
        every = c._op.fully_open
        for j in c._inputs:
            known = consumers.get(j._serial)
            if known is not None and (not known or known[-1] is not c) and (every or flows(c, j)):
                known.append(c)
                readers[serial] = readers.get(serial, 0) + 1
                if serial not in consumers:
                    consumers[serial] = []
    wide = Places()
    held = {L._serial: ValueHolder(L, seed)}  # adjoints, while somebody is still to read them
    for serial in reversed(order):
        found = consumers.get(serial)
        if not found:
            continue
        i = below[serial]
        pairs: list[tuple[Rule, int]] = []
        inputs: list[Any] = []
        masked = False
        if len(found) > 1:
            found.sort(key=summation_key)
        for c in found:
            adjoint: Any = held.get(c._serial)
            if adjoint is None:  # nothing leads on from there
                continue
            op = c._op
            for argnum, j in enumerate(c._inputs) if len(c._inputs) < WIDE else wide.find(c, i):
                if j is i and (op.fully_open or op.passes_derivative(c, argnum)):
                    pair = op.contribution(c, argnum, adjoint, consumers, inputs, adjoint.masked)
                    masked = masked or adjoint.masked or (pair[0].selects and pair[0].selects_at(c))
                    pairs.append(pair)
        if pairs:
            for j in inputs:
                if j._value is None:
                    forward_rec(j, was_requested=False)
            edges = pairs[0] if len(pairs) == 1 else tuple(itertools.chain.from_iterable(pairs))
            total = sum_contributions(inputs, edges, i, _consumer_of)
            held[serial] = ValueHolder(i, total if i._shape else total[()], masked)
        inputs.clear()
        for c in found:
            readers[c._serial] -= 1
            if not readers[c._serial]:
                held.pop(c._serial, None)
    return {i._serial: freeze(held[i._serial]._value) for i in wanted if i._serial in held}
