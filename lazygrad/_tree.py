"""Nested containers of arrays or nodes: what parameters come in, and gradients go out in.

Dicts, lists, tuples, namedtuples, attrs classes and dataclasses are containers; everything else is a leaf.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import numpy as np

from ._node import INEXACT, Node

__all__ = ["leaves", "map_tree", "places", "rebuild"]

Parts = tuple[list[tuple[str, Any]], Callable[[list[Any]], Any]]


def _parts(tree: Any) -> Parts | None:
    """The children of a container with their places, and how to make one like it; None for a leaf."""
    kind = type(tree)
    if kind is list:
        return [(f"[{k}]", child) for k, child in enumerate(tree)], list
    if isinstance(tree, tuple):
        if hasattr(tree, "_fields"):
            return [(f".{k}", getattr(tree, k)) for k in tree._fields], lambda made: kind(*made)
        return [(f"[{k}]", child) for k, child in enumerate(tree)], kind
    if isinstance(tree, dict):

        def like(made: list[Any]) -> Any:
            new = copy.copy(tree)
            new.update(zip(tree, made, strict=True))
            return new

        return [(f"[{k!r}]", child) for k, child in tree.items()], like
    if isinstance(tree, (Node, np.ndarray, np.generic, type)):
        return None
    if attrs.has(kind):
        aliases = {a.name: a.alias for a in attrs.fields(kind) if a.init}
        names = [name for name in aliases if not _static(getattr(tree, name))]
        fields: list[tuple[str, Any]] = [(f".{name}", getattr(tree, name)) for name in names]
        return fields, lambda made: attrs.evolve(tree, **{aliases[n]: m for n, m in zip(names, made, strict=True)})
    if dataclasses.is_dataclass(kind):
        names = [f.name for f in dataclasses.fields(kind) if f.init and not _static(getattr(tree, f.name))]
        fields = [(f".{name}", getattr(tree, name)) for name in names]
        return fields, lambda made: dataclasses.replace(tree, **dict(zip(names, made, strict=True)))
    return None


def _static(value: Any) -> bool:
    """Whether a field of a class is no parameter: a name, a function, a count, a switch."""
    if isinstance(value, (Node, float, complex)) or _parts(value) is not None:
        return False
    dtype = getattr(value, "dtype", None)
    return not (isinstance(dtype, np.dtype) and dtype.kind in INEXACT)


def leaves(tree: Any) -> list[Any]:
    """Its leaves, in order.

    Examples
    --------
    >>> leaves({"W": 1.0, "layers": [2.0, (3.0,)]})
    [1.0, 2.0, 3.0]
    """
    parts = _parts(tree)
    return [tree] if parts is None else [leaf for _, child in parts[0] for leaf in leaves(child)]


def places(tree: Any, place: str = "") -> list[str]:
    """Where its leaves are, as one would write it in Python.

    Examples
    --------
    >>> places({"W": 1.0, "layers": [2.0, (3.0,)]})
    ["['W']", "['layers'][0]", "['layers'][1][0]"]
    """
    parts = _parts(tree)
    return [place] if parts is None else [p for step, child in parts[0] for p in places(child, place + step)]


def rebuild(tree: Any, made: Iterable[Any]) -> Any:
    """A tree like another, of other leaves.

    Examples
    --------
    >>> rebuild({"W": 1.0, "layers": [2.0, (3.0,)]}, [10, 20, 30])
    {'W': 10, 'layers': [20, (30,)]}
    """
    following = iter(made)
    return map_tree(lambda _: next(following), tree)


def map_tree(one: Callable[[Any], Any], tree: Any) -> Any:
    """`one` of every leaf, in the same structure."""
    parts = _parts(tree)
    if parts is None:
        return one(tree)
    children, like = parts
    return like([map_tree(one, child) for _, child in children])
