"""Names and texts in generated source, where plain names and comments stand for all that users write.

Values that an op was given are bound to names of ours and never written, but for plain whole numbers.
"""

from __future__ import annotations

import builtins
import keyword
import math
import operator
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._derivatives.adjoint_node import AdjointNode
from ..._graph.node import Node, label

__all__ = ["as_identifier", "describe", "is_keyword_name", "name_leaves", "write_ints", "write_title"]

# Names that no leaf may have in the source, and no function of an op.
TAKEN = frozenset([*dir(builtins), *dir(math), *keyword.kwlist, *keyword.softkwlist, "schedule"])
RESERVED = re.compile(r"[bcfijkostvw]\d*_*|(view|differs|new_o|[bfost]\d+_)\w*|_.*")


def name_leaves(leaves: Sequence[Node]) -> list[str]:
    """Return a Python name for each leaf: its own where that is possible."""
    taken: set[str] = set()
    names = []
    for leaf in leaves:
        own = as_text(leaf.name) if leaf.name is not None else ""
        stem = unicodedata.normalize("NFKC", re.sub(r"\W+", "_", own)).strip("_")
        if not stem.isidentifier():
            stem = f"leaf{leaf.serial}".replace(".", "_")
        elif RESERVED.fullmatch(stem) or stem in TAKEN or hasattr(np, stem):
            stem = f"leaf_{stem}"
        name, k = stem, 1
        while name in taken:
            k += 1
            name = f"{stem}_{k}"
        taken.add(name)
        names.append(name)
    return names


def as_identifier(text: object) -> str:
    """Return a name for the function of an op, like its own."""
    stem = re.sub(r"[^0-9A-Za-z_]+", "_", as_text(text)).strip("_")
    if not stem.isidentifier() or RESERVED.fullmatch(stem) or stem in TAKEN:
        return f"op_{stem}"
    return stem


def is_keyword_name(text: object) -> bool:
    """Return whether a text can stand before the ``=`` of a keyword argument as it is."""
    return text.__class__ is str and text.isascii() and text.isidentifier() and not keyword.iskeyword(text)


def as_text(value: object) -> str:
    """Return a text as a plain `str`, which no class of a user can speak for; nothing for any other object."""
    return str.__str__(value) if isinstance(value, str) else ""


def describe(node: Node) -> str:
    """Return what comments call a node: printable characters, in one line."""
    name = f"adjoint of {_label(node.of)}" if isinstance(node, AdjointNode) else _label(node)
    return " ".join("".join([c if c.isprintable() else " " for c in name]).split())


def _label(node: Node) -> str:
    return as_text(label(node) if node.name is None else node.name)


def write_title(text: str) -> str:
    """Return a text as what may stand in a docstring."""
    return text.replace("\\", "/").replace('"', "'")


def write_ints(value: Any) -> str | None:
    """Write None, or a whole number or several, such as an axis or a shape; None for anything else."""
    if value is None:
        return "None"
    if isinstance(value, (tuple, list)):
        parts = [write_ints(k) for k in value]
        if any(part is None or part == "None" for part in parts):
            return None
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"  # type: ignore[arg-type]
    if value.__class__ is bool:
        return repr(value)
    try:
        return int.__repr__(int.__index__(operator.index(value)))
    except TypeError:
        return None
