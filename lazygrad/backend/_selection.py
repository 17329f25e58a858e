"""Some of the gradients: by position, name, node, or a structure of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from .._graph.node import Node
from .._graph.trees import Tree, flatten, leaves, map_tree, places
from ._signature import Place, Signature

__all__ = ["Selection"]


@attrs.frozen(eq=False)
class Selection:
    """What is asked for: the answers' structure, and the leaves that are to be computed for it."""

    tree: Tree
    wanted: list[int]  # by index of their places, each once

    @classmethod
    def of(cls, signature: Signature, select: Any) -> Selection:
        """Everything for None, else what `select` picks.

        Raises
        ------
        TypeError, KeyError, IndexError
            If it picks nothing.
        """
        picked = signature.wrt if select is None else _picked(signature, select)
        tree = flatten(picked)
        return cls(tree, list(dict.fromkeys(leaf.index for leaf in tree.leaves if isinstance(leaf, Place))))

    def filled(self, answers: list[Any]) -> Any:
        """The answers, which come in the order of `wanted`, in the structure asked for."""
        found = dict(zip(self.wanted, answers, strict=True))
        return self.tree.like([found[leaf.index] if isinstance(leaf, Place) else leaf for leaf in self.tree.leaves])


def _picked(signature: Signature, select: Any) -> Any:
    one: Callable[[Any], Any] = lambda choice: _one(signature, choice)  # noqa: E731
    if isinstance(select, Node) or not isinstance(select, (list, tuple, Mapping)):
        return one(select)
    return map_tree(one, select)


def _one(signature: Signature, choice: Any) -> Any:
    if isinstance(choice, Node):
        return _by_node(signature, choice)
    if isinstance(choice, str):
        return _by_name(signature, choice)
    if isinstance(choice, (int, np.integer)) and not isinstance(choice, bool):
        return _by_position(signature.wrt, int(choice))
    raise TypeError(f"select must be positions, names or nodes, or a list, tuple or dict of them, not {choice!r}")


def _by_position(wrt: Any, position: int) -> Any:
    """What stands there among the entries of the answer; an answer that is an array is the only one."""
    entries = [wrt] if isinstance(wrt, Place) else list(_entries(wrt).values())
    if not -len(entries) <= position < len(entries):
        raise IndexError(f"select={position} is out of range: there are {len(entries)} gradients to choose from")
    return entries[position]


def _entries(tree: Any) -> Mapping[Any, Any]:
    """The entries of a container by key, field or position."""
    if isinstance(tree, Mapping):
        return tree
    if isinstance(tree, (list, tuple)):
        names = getattr(tree, "_fields", range(len(tree)))
        return dict(zip(names, tree, strict=True))
    if leaves(tree) == [tree]:
        return {}
    names = dict.fromkeys(place.removeprefix(".").split(".")[0].split("[")[0] for place in places(tree))
    return {name: getattr(tree, name) for name in names}


def _by_node(signature: Signature, node: Node) -> Place:
    for index, leaf in enumerate(signature.nodes):
        if leaf is node:
            return Place(index)
    if not signature.nodes:
        raise TypeError(f"{signature.function} was prepared as a function: select by position or name, not {node!r}")
    raise KeyError(f"{node!r} is not among the nodes that {signature.function} was prepared for")


def _by_name(signature: Signature, name: str) -> Any:
    """An entry of that name, at whatever depth; a place as one would write it in Python; the name of a leaf."""
    found = _named(signature.wrt, name)
    if not found:
        slots = signature.wanted_slots()
        by_place = dict(zip(places(signature.wrt), leaves(signature.wrt), strict=True))
        by_leaf = {slot.name: Place(index) for index, slot in enumerate(slots)}
        found = [table[name] for table in (by_place, by_leaf) if name in table][:1]
    if not found:
        known = [slot.name for slot in signature.wanted_slots()]
        raise KeyError(f"no gradient is named {name!r}; {signature.function} has those by {known}")
    if len(found) > 1:
        first = next(place for place in places(signature.wrt) if name in place)
        raise KeyError(
            f"{len(found)} gradients are named {name!r}: choose by a place, such as {first!r}, or by a list of them"
        )
    return found[0]


def _named(tree: Any, name: str) -> list[Any]:
    """The outermost entries with that key or field."""
    found: list[Any] = []
    for key, entry in _entries(tree).items():
        if key == name:
            found.append(entry)
        else:
            found += _named(entry, name)
    return found
