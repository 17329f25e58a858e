"""Nodes within lists, tuples and dicts, as users' primitives take them, and several results in one array."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from ..._graph.node import Node
from ..._graph.trees import Tree, align_leaves, check_depth, flatten
from ..._graph.types import DType, Structure

__all__ = ["HOLE", "Packing", "find_nodes", "follow_path", "map_containers", "place_tangent", "replace_node"]

NUMBERS = (np.ndarray, np.generic, int, float, complex)
HOLE = object()  # stands in an argument for a node


def replace_node(leaf: object) -> object:
    """Return a hole in place of a node."""
    return HOLE if isinstance(leaf, Node) else leaf


def find_nodes(tree: Structure, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], Node]]:
    """Yield the nodes, each with the keys that lead to it."""
    check_depth(tree, len(path))
    if isinstance(tree, Node):
        yield path, tree
    elif isinstance(tree, dict):
        for key, child in tree.items():
            yield from find_nodes(child, (*path, key))
    elif isinstance(tree, (list, tuple)):
        for k, child in enumerate(tree):
            yield from find_nodes(child, (*path, k))


def map_containers(one: Callable[[Any], Any], tree: Structure, _depth: int = 0) -> Any:
    """Return the same lists, tuples and dicts, with `one` applied to everything else in them."""
    check_depth(tree, _depth)
    if isinstance(tree, dict):
        return {key: map_containers(one, child, _depth + 1) for key, child in tree.items()}
    if isinstance(tree, (list, tuple)):
        children = [map_containers(one, child, _depth + 1) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)
    return one(tree)


def follow_path(tree: Any, path: tuple[object, ...]) -> Any:
    """Return the part that the keys lead to."""
    return functools.reduce(lambda found, key: found[key], path, tree)


@attrs.define(eq=False)
class Packing:
    """The layout of a result of several arrays in one array."""

    tree: Tree
    shapes: list[tuple[int, ...]]
    dtypes: list[DType]
    single: bool

    @classmethod
    def of(cls, result: object, name: str) -> Packing:
        """Make the layout for results like this one."""
        tree = flatten(result)
        arrays = [np.asarray(leaf) for leaf in tree.leaves]
        for array, leaf in zip(arrays, tree.leaves, strict=True):
            if array.dtype.kind not in "biufc":
                raise TypeError(f"{name} returned {type(leaf).__name__}, through which nothing can be differentiated")
        single = len(arrays) == 1 and tree.leaves[0] is result
        tree.leaves = []  # the values themselves are the node's
        return cls(tree, [array.shape for array in arrays], [array.dtype for array in arrays], single)

    def pack(self, result: object) -> object:
        """Join a result, or a tangent of one, to one array or node."""
        if self.single:
            return result
        parts = align_leaves(
            result, self.tree.like(range(len(self.shapes))), "a tangent must have the structure of the result"
        )
        return np.concatenate([np.ravel(p) for p in parts]) if parts else np.zeros(0)

    def unpack(self, flat: Any) -> Any:
        """Split one array or node to the result, or to a cotangent of it."""
        if self.single:
            return flat
        parts, start = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            stop = start + int(np.prod(shape, dtype=int))
            piece = np.reshape(flat[start:stop], shape)
            piece = np.real(piece) if piece.dtype.kind == "c" and dtype.kind != "c" else piece
            parts.append(piece if piece.dtype == dtype else piece.astype(dtype))
            start = stop
        return self.tree.like(parts)


def place_tangent(tree: Structure, path: tuple[object, ...], t: object) -> object:
    """Return a tangent of a container that is `t` in one place and zero elsewhere."""
    if not path:
        return t
    zero = map_containers(lambda leaf: np.zeros_like(leaf) if isinstance(leaf, (Node, *NUMBERS)) else leaf, tree)
    return _replace_at(zero, path, t)


def _replace_at(tree: Any, path: tuple[Any, ...], t: Any) -> Any:
    """Return a container with `t` in the place that the keys lead to."""
    if not path:
        return t
    if isinstance(tree, dict):
        return {**tree, path[0]: _replace_at(tree[path[0]], path[1:], t)}
    children = list(tree)
    children[path[0]] = _replace_at(children[path[0]], path[1:], t)
    return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)
