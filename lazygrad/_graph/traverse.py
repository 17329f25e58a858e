"""Walks over whole graphs that compute nothing: everything below a node, everything built on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .demand import demand
from .node import Node, by_serial, living_consumers

__all__ = ["ancestors", "collect_inputs_first", "dependents"]


def ancestors(L: Node) -> list[Node]:
    """Return all nodes that `L` is computed from, and `L` itself, oldest first."""
    return sorted(collect_inputs_first(L, lambda i: i._inputs), key=by_serial)


def collect_inputs_first(L: Node, needs: Callable[[Node], Sequence[Node]]) -> list[Node]:
    """Return `L` and all it needs, directly or not, each after what it needs."""
    found: dict[int, Node] = {}
    demand(
        L,
        lambda i: None if i._serial in found else [j for j in needs(i) if j._serial not in found],
        lambda i: found.__setitem__(i._serial, i),
    )
    return list(found.values())


def dependents(roots: list[Node]) -> list[Node]:
    """Return the roots and every living node built on them, fresh or not."""
    found = {i._serial: i for i in roots}
    todo = list(roots)
    while todo:
        for c in living_consumers(todo.pop()):
            if c._serial not in found:
                found[c._serial] = c
                todo.append(c)
    return list(found.values())
