"""Find a node by its name, and suggest the closest names where there is none."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from .node import Node

__all__ = ["find_named_node", "list_closest"]


def find_named_node(named: Mapping[str, Node], name: str) -> Node:
    """Return the node of that name; an unknown one is a KeyError that lists the known, closest first."""
    if name in named:
        return named[name]
    raise KeyError(f"no node is named {name!r}; known names, closest first: {list_closest(name, named) or 'none'}")


def list_closest(name: object, known: Collection[str]) -> str:
    """Return the known names in a sentence, the one that looks most like `name` first."""
    return ", ".join(difflib.get_close_matches(str(name), known, n=max(len(known), 1), cutoff=0.0))
