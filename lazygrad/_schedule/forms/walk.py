"""The walk of the memo in place of a schedule, where none could be made: on a copy of the graph, which it sets."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from ..._graph.guards import Guard
from ..._graph.invalidate import update
from ..._graph.node import Node
from ..._graph.types import Array
from ..._graph.value import forward_rec
from ..guards import Branched, make_guard_test

__all__ = ["Walk", "can_be_set"]


def can_be_set(leaf: Node) -> bool:
    """Return whether a leaf has values that come with each call: numbers of expressions and seeds have none."""
    return "number" not in leaf.static and leaf.static["leaf"] != "seed"


@attrs.define(eq=False, repr=False)
class Walk:
    """Nodes to ask for, and the leaves whose values come with each call."""

    roots: Sequence[Node]
    leaves: Sequence[Node]
    guards: Sequence[Guard]
    source: str = ""
    steps: int = 0
    nbytes: int = 0

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function, with a copy of the graph of its own: it serves one call at a time."""
        looked_at = [i for i, _, _ in self.guards]
        roots, leaves, looked_at = copy.deepcopy((list(self.roots), list(self.leaves), looked_at))
        tests = [(i, make_guard_test(guard)) for i, guard in zip(looked_at, self.guards, strict=True)]

        def schedule(*values: Any) -> tuple[Any, ...]:
            update(dict(zip(leaves, values, strict=True)))
            for i, differs in tests:
                if differs(forward_rec(i, was_requested=False)):
                    raise Branched
            return tuple([np.array(forward_rec(i, was_requested=False)) for i in roots])

        return schedule
