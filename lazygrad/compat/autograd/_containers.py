"""Nodes in the arguments of users' primitives, within lists, tuples and dicts, and several results in one array."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from ..._graph.node import Node
from ..._graph.trees import Tree, align_leaves, flatten
from ..._graph.types import DType

__all__ = ["HOLE", "Packing", "alone", "hole", "mapped", "nodes_in", "part"]

NUMBERS = (np.ndarray, np.generic, int, float, complex)
HOLE = object()  # what stands in an argument for a node


def hole(leaf: Any) -> Any:
    """A hole in place of a node."""
    return HOLE if isinstance(leaf, Node) else leaf


def nodes_in(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Node]]:
    """The nodes, each after the keys that lead to it."""
    if isinstance(tree, Node):
        yield path, tree
    elif isinstance(tree, dict):
        for key, child in tree.items():
            yield from nodes_in(child, (*path, key))
    elif isinstance(tree, (list, tuple)):
        for k, child in enumerate(tree):
            yield from nodes_in(child, (*path, k))


def mapped(one: Callable[[Any], Any], tree: Any) -> Any:
    """`one` of all that is no list, tuple or dict, in the same structure."""
    if isinstance(tree, dict):
        return {key: mapped(one, child) for key, child in tree.items()}
    if isinstance(tree, (list, tuple)):
        children = [mapped(one, child) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)
    return one(tree)


def part(tree: Any, path: tuple[Any, ...]) -> Any:
    """What the keys lead to."""
    return functools.reduce(lambda found, key: found[key], path, tree)


@attrs.define(eq=False)
class Packing:
    """How a result of several arrays lies in one."""

    tree: Tree
    shapes: list[tuple[int, ...]]
    dtypes: list[DType]
    single: bool

    @classmethod
    def of(cls, result: Any, name: str) -> Packing:
        """For results like this one."""
        tree = flatten(result)
        arrays = [np.asarray(leaf) for leaf in tree.leaves]
        for array, leaf in zip(arrays, tree.leaves, strict=True):
            if array.dtype.kind not in "biufc":
                raise TypeError(f"{name} returned {type(leaf).__name__}, through which nothing can be differentiated")
        single = len(arrays) == 1 and tree.leaves[0] is result
        tree.leaves = []  # the values themselves are the node's
        return cls(tree, [array.shape for array in arrays], [array.dtype for array in arrays], single)

    def packed(self, result: Any) -> Any:
        """One array, or node, of a result or of a tangent of one."""
        if self.single:
            return result
        parts = align_leaves(
            result, self.tree.like(range(len(self.shapes))), "a tangent must have the structure of the result"
        )
        return np.concatenate([np.ravel(p) for p in parts]) if parts else np.zeros(0)

    def unpacked(self, flat: Any) -> Any:
        """The result, or a cotangent of it, from one array or node."""
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


def alone(tree: Any, path: tuple[Any, ...], t: Any) -> Any:
    """A tangent of a container that is `t` in one place and zero elsewhere."""
    if not path:
        return t
    zero = mapped(lambda leaf: np.zeros_like(leaf) if isinstance(leaf, (Node, *NUMBERS)) else leaf, tree)
    return _with(zero, path, t)


def _with(tree: Any, path: tuple[Any, ...], t: Any) -> Any:
    if not path:
        return t
    if isinstance(tree, dict):
        return {**tree, path[0]: _with(tree[path[0]], path[1:], t)}
    children = list(tree)
    children[path[0]] = _with(children[path[0]], path[1:], t)
    return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)
