"""Some of the gradients: by position, name, node, or a structure of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._graph.node import Node
from .._graph.trees import Tree, flatten, leaves, list_places, map_tree
from .._graph.types import Structure
from ._signature import Place, Signature

__all__ = ["Selection"]


@attrs.frozen(eq=False)
class Selection:
    """The answers that are asked for: their structure, and the leaves that are to be computed for it."""

    tree: Tree
    wanted: list[int]  # by index of their places, each once

    @classmethod
    def of(cls, signature: Signature, select: Structure) -> Selection:
        """Make the selection of everything for None, else of what `select` picks.

        Raises
        ------
        TypeError, KeyError, IndexError
            If it picks nothing.
        """
        picked = signature.wrt if select is None else _pick(signature, select)
        tree = flatten(picked)
        return cls(tree, list(dict.fromkeys(leaf.index for leaf in tree.leaves if isinstance(leaf, Place))))

    def fill(self, answers: Sequence[Any]) -> Any:
        """Return the answers, which come in the order of `wanted`, in the structure asked for."""
        found = dict(zip(self.wanted, answers, strict=True))
        return self.tree.like([found[leaf.index] if isinstance(leaf, Place) else leaf for leaf in self.tree.leaves])


def _pick(signature: Signature, select: Any) -> Any:
    """Return the places that `select` picks, in its own structure."""
    one: Callable[[Any], Any] = lambda choice: _pick_one(signature, choice)  # noqa: E731
    if isinstance(select, Node) or not isinstance(select, (list, tuple, Mapping)):
        return one(select)
    return map_tree(one, select)


def _pick_one(signature: Signature, choice: Any) -> Any:
    """Return the part of the answer that a node, name or position picks."""
    if isinstance(choice, Node):
        return _pick_by_node(signature, choice)
    if isinstance(choice, str):
        return _pick_by_name(signature, choice)
    if isinstance(choice, (int, np.integer)) and not isinstance(choice, bool):
        return _pick_by_position(signature.wrt, int(choice))
    raise TypeError(f"select must be positions, names or nodes, or a list, tuple or dict of them, not {choice!r}")


def _pick_by_position(wrt: Any, position: int) -> Any:
    """Return the entry of the answer at that position; an answer that is an array is the only one."""
    entries = [wrt] if isinstance(wrt, Place) else list(_read_entries(wrt).values())
    if not -len(entries) <= position < len(entries):
        raise IndexError(f"select={position} is out of range: there are {len(entries)} gradients to choose from")
    return entries[position]


def _read_entries(tree: Any) -> Mapping[Any, Any]:
    """Return the entries of a container by key, field or position."""
    if isinstance(tree, Mapping):
        return tree
    if isinstance(tree, (list, tuple)):
        names = getattr(tree, "_fields", range(len(tree)))
        return dict(zip(names, tree, strict=True))
    if leaves(tree) == [tree]:
        return {}
    names = dict.fromkeys(place.removeprefix(".").split(".")[0].split("[")[0] for place in list_places(tree))
    return {name: getattr(tree, name) for name in names}


def _pick_by_node(signature: Signature, node: Node) -> Place:
    """Return the place of a node that was prepared."""
    for index, leaf in enumerate(signature.nodes):
        if leaf is node:
            return Place(index)
    if not signature.nodes:
        raise TypeError(f"{signature.function} was prepared as a function: select by position or name, not {node!r}")
    raise KeyError(f"{node!r} is not among the nodes that {signature.function} was prepared for")


def _pick_by_name(signature: Signature, name: str) -> Any:
    """Return the entry of that name, at any depth, or at that place as Python writes it, or of the leaf so named."""
    found = _find_entries(signature.wrt, name)
    if not found:
        slots = signature.wanted_slots()
        by_place = dict(zip(list_places(signature.wrt), leaves(signature.wrt), strict=True))
        by_leaf = {slot.name: Place(index) for index, slot in enumerate(slots)}
        found = [table[name] for table in (by_place, by_leaf) if name in table][:1]
    if not found:
        known = [slot.name for slot in signature.wanted_slots()]
        raise KeyError(f"no gradient is named {name!r}; {signature.function} has those by {known}")
    if len(found) > 1:
        first = next(place for place in list_places(signature.wrt) if name in place)
        raise KeyError(
            f"{len(found)} gradients are named {name!r}: choose by a place, such as {first!r}, or by a list of them"
        )
    return found[0]


def _find_entries(tree: Any, name: str) -> list[Any]:
    """Return the outermost entries with that key or field."""
    found: list[Any] = []
    for key, entry in _read_entries(tree).items():
        if key == name:
            found.append(entry)
        else:
            found += _find_entries(entry, name)
    return found
