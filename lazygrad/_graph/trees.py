"""Nested containers of arrays or nodes: what parameters come in, and gradients go out in.

Dicts, lists, tuples, namedtuples, attrs classes and dataclasses are containers; everything else is a leaf.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from .node import INEXACT, Node

__all__ = [
    "Tree",
    "align_leaves",
    "as_key",
    "check_depth",
    "flatten",
    "leaves",
    "list_places",
    "map_tree",
    "structure_key",
]

_LEAVES = (Node, np.ndarray, np.generic, float, int, complex, str, type)
DEEPEST = 100  # how deep containers may be nested; one that contains itself is nested without end


def check_depth(tree: object, depth: int) -> None:
    """Raise a ValueError for a container within so many others that it may well be within itself."""
    if depth > DEEPEST:
        raise ValueError(
            f"a {type(tree).__name__} contains itself, or containers are nested more than {DEEPEST} deep: flatten "
            f"them, as by one dict of arrays"
        )


def _parts(tree: Any, depth: int = 0) -> tuple[list[Any], Callable[[list[Any]], Any]] | None:
    """Return the children of a container, and how to make one like it of others; None for a leaf."""
    if isinstance(tree, _LEAVES):
        return None
    kind = type(tree)
    check_depth(tree, depth)
    if kind is list:
        return tree, list
    if isinstance(tree, tuple):
        return list(tree), (lambda made: kind(*made)) if hasattr(kind, "_fields") else kind
    if isinstance(tree, dict):

        def like(made: list[Any]) -> Any:
            new = copy.copy(tree)
            new.update(zip(tree, made, strict=True))
            return new

        return list(tree.values()), like
    if isinstance(tree, Mapping):
        return list(tree.values()), lambda made: dict(zip(tree, made, strict=True))
    if (names := _fields(tree)) is None:
        return None
    change: Callable[..., Any] = dataclasses.replace
    if attrs.has(kind):
        aliases = {a.name: a.alias for a in attrs.fields(kind)}
        keywords, change = [aliases[name] for name in names], attrs.evolve
    else:
        keywords = names
    children = [getattr(tree, name) for name in names]
    return children, lambda made: change(tree, **dict(zip(keywords, made, strict=True)))


def _fields(tree: Any) -> list[str] | None:
    """Return the fields of an instance of an attrs class or dataclass that hold parameters; None for others."""
    if not _is_record(tree):
        return None
    return [name for name in _field_names(tree) if not _is_static(getattr(tree, name))]


def _is_record(tree: Any) -> bool:
    return not isinstance(tree, _LEAVES) and (attrs.has(type(tree)) or dataclasses.is_dataclass(tree))


def _field_names(tree: Any) -> list[str]:
    fields: tuple[Any, ...] = attrs.fields(type(tree)) if attrs.has(type(tree)) else dataclasses.fields(tree)
    return [f.name for f in fields if f.init]


def _is_static(value: Any) -> bool:
    """Return whether a field of a class is no parameter: a name, a function, a count, a switch."""
    if isinstance(value, (Node, float, complex, tuple, Mapping)) or type(value) is list or _is_record(value):
        return False
    dtype = getattr(value, "dtype", None)
    return not (isinstance(dtype, np.dtype) and dtype.kind in INEXACT)


@attrs.define(eq=False)
class Tree:
    """A tree taken apart: its leaves, and what is needed to make trees like it."""

    leaves: list[Any]
    _make: Any  # None for a leaf, else (how to make the container, what its children are)

    @property
    def single(self) -> bool:
        """Return whether the tree is a leaf itself."""
        return self._make is None

    def like(self, made: Iterable[object]) -> Any:
        """Return a tree of the same structure, with other leaves.

        Examples
        --------
        >>> flatten({"W": 1.0, "layers": [2.0, (3.0,)]}).like([10, 20, 30])
        {'W': 10, 'layers': [20, (30,)]}
        """
        return _rebuild(self._make, iter(made))


def _rebuild(make: Any, following: Iterator[Any]) -> Any:
    if make is None:
        return next(following)
    return make[0]([_rebuild(child, following) for child in make[1]])


def _take_apart(tree: Any, found: list[Any], depth: int = 0) -> Any:
    parts = _parts(tree, depth)
    if parts is None:
        found.append(tree)
        return None
    return parts[1], [_take_apart(child, found, depth + 1) for child in parts[0]]


def flatten(tree: object) -> Tree:
    """Take a tree apart into its leaves and its structure."""
    found: list[Any] = []
    return Tree(found, _take_apart(tree, found))


def leaves(tree: object) -> list[Any]:
    """Return the leaves of a tree, in order.

    Examples
    --------
    >>> leaves({"W": 1.0, "layers": [2.0, (3.0,)]})
    [1.0, 2.0, 3.0]
    """
    return flatten(tree).leaves


def map_tree(one: Callable[[Any], Any], tree: object, _depth: int = 0) -> Any:
    """Return `one` of every leaf, in the same structure."""
    parts = _parts(tree, _depth)
    if parts is None:
        return one(tree)
    return parts[1]([map_tree(one, child, _depth + 1) for child in parts[0]])


def list_places(tree: object, place: str = "", _depth: int = 0) -> list[str]:
    """Return where the leaves of a tree are, as one would write it in Python.

    Examples
    --------
    >>> list_places({"W": 1.0, "layers": [2.0, (3.0,)]})
    ["['W']", "['layers'][0]", "['layers'][1][0]"]
    """
    parts = _parts(tree, _depth)
    if parts is None:
        return [place]
    if isinstance(tree, Mapping):
        steps = [f"[{key!r}]" for key in tree]
    elif isinstance(tree, (list, tuple)):
        steps = [f".{name}" for name in getattr(tree, "_fields", ())] or [f"[{k}]" for k in range(len(tree))]
    else:
        steps = [f".{name}" for name in _fields(tree) or ()]
    children = zip(steps, parts[0], strict=True)
    return [found for step, child in children for found in list_places(child, place + step, _depth + 1)]


def structure_key(tree: object, _depth: int = 0) -> Hashable:
    """Return a key that trees have in common if they differ in their leaves alone; None for a leaf.

    Examples
    --------
    >>> structure_key({"W": 1.0, "layers": [2.0]}) == structure_key({"W": 3.0, "layers": [4.0]})
    True
    >>> structure_key([1.0]) == structure_key((1.0,))
    False
    """
    parts = _parts(tree, _depth)
    if parts is None:
        return None
    kind = type(tree)
    rest: Hashable = tuple(tree) if isinstance(tree, Mapping) else None
    if (names := _fields(tree)) is not None:
        rest = (
            tuple(names),
            tuple((name, as_key(getattr(tree, name))) for name in _field_names(tree) if name not in names),
        )
    return kind, rest, tuple([structure_key(child, _depth + 1) for child in parts[0]])


def as_key(value: object) -> Hashable:
    """Return the value with its type if it can be a key, else its type and identity."""
    try:
        hash(value)
    except TypeError:
        return type(value), id(value)
    return type(value), value


def align_leaves(given: object, example: object, what: str) -> list[Any]:
    """Return the leaves of one tree in the order of those of another, as the keys of a dict may come in any order.

    Raises
    ------
    TypeError
        If their leaves are in different places.

    Examples
    --------
    >>> align_leaves({"b": 2, "a": 1}, {"a": 0, "b": 0}, "the second must have the structure of the first")
    [1, 2]
    """
    here, there = list_places(given), list_places(example)
    if here == there:
        return leaves(given)
    by_place = dict(zip(here, leaves(given), strict=True))
    if len(here) != len(there) or by_place.keys() != set(there):
        raise TypeError(f"{what}, with leaves at {there}, but has them at {here}")
    return [by_place[place] for place in there]
