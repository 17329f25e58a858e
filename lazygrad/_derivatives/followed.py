"""Leaves that the structure of a question depends on, by their shapes, dtypes and kinds.

A program may read no value of a leaf whose shape it holds, as in the derivative of a sum. So what is looked at when a
leaf has changed in more than its value are not the leaves that the program reads, but all that its nodes are built on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from .._graph.node import Node
from .._graph.reform import find_call
from .adjoint_node import AdjointNode

__all__ = ["Followed", "is_same_zero", "list_leaves_below"]


def is_same_zero(i: Node, j: Node) -> bool:
    """Return whether two nodes are zeros for the same node, to which no path leads: each question makes its own."""
    return isinstance(i, AdjointNode) and isinstance(j, AdjointNode) and not (i._inputs or j._inputs) and i.of is j.of


def list_leaves_below(roots: Sequence[Node]) -> list[Node]:
    """Return the leaves that the structure of nodes depends on, in no order.

    Beside the inputs of a node these are below the node that it is the adjoint of, the target of that, and the
    arguments of the call that it came from. Time is linear in the nodes.
    """
    seen = {id(i) for i in roots}
    todo = list(roots)
    found: list[Node] = []
    while todo:
        i = todo.pop()
        if i._op is None:
            found.append(i)
        for j in _iterate_what_shapes(i):
            if id(j) not in seen:
                seen.add(id(j))
                todo.append(j)
    return found


def _iterate_what_shapes(i: Node) -> Iterator[Node]:
    yield from i._inputs
    if isinstance(i, AdjointNode):
        yield i.of
        yield i._op.mirror
    if (call := find_call(i)) is not None:
        yield from call.nodes


@attrs.define(eq=False)
class Followed:
    """Leaves, and what their shapes, dtypes and kinds were."""

    kinds: list[tuple[Node, Any, Any, Any]]

    @classmethod
    def below(cls, roots: Sequence[Node], but: Sequence[Node] = ()) -> Followed:
        """Note the leaves below nodes as they are now, `but` some."""
        left_out = {id(i) for i in but}
        return cls([(i, i._shape, i._dtype, i._static) for i in list_leaves_below(roots) if id(i) not in left_out])

    def are_same(self) -> bool:
        """Return whether all leaves still have their shapes and dtypes, and numbers are still none that were set."""
        return all(
            i._shape == shape and i._dtype == dtype and i._static is static for i, shape, dtype, static in self.kinds
        )
