"""Walks over whole graphs that compute nothing: everything below a node, everything built on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .demand import demand
from .node import Node, by_serial, living_consumers

__all__ = ["ancestors", "collect_inputs_first", "dependents"]


def ancestors(L: Node) -> list[Node]:
    """Return all nodes that `L` is computed from, and `L` itself, oldest first."""
    return sorted(collect_inputs_first(L, lambda i: i.inputs), key=by_serial)


def collect_inputs_first(L: Node, needs: Callable[[Node], Sequence[Node]]) -> list[Node]:
    """Return `L` and all it needs, directly or not, each after what it needs."""
    found: dict[int, Node] = {}
    demand(
        L,
        lambda i: None if i.serial in found else [j for j in needs(i) if j.serial not in found],
        lambda i: found.__setitem__(i.serial, i),
    )
    return list(found.values())


def dependents(roots: list[Node]) -> list[Node]:
    """Return the roots and every living node built on them, fresh or not."""
    found = {i.serial: i for i in roots}
    todo = list(roots)
    while todo:
        for c in living_consumers(todo.pop()):
            if c.serial not in found:
                found[c.serial] = c
                todo.append(c)
    return list(found.values())
