"""Find a node by its name, and suggest the closest names where there is none."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from .node import Node

__all__ = ["find_named_node"]


def find_named_node(named: Mapping[str, Node], name: str) -> Node:
    """The node of that name; an unknown one is a KeyError that lists the known, closest first."""
    if name in named:
        return named[name]
    close = difflib.get_close_matches(name, named, n=max(len(named), 1), cutoff=0.0)
    raise KeyError(f"no node is named {name!r}; known names, closest first: {', '.join(close) or 'none'}")
