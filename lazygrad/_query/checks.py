"""The checks of a question's target, nodes and cotangent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from .._derivatives.target_memo import TargetMemo
from .._errors import NotDifferentiableError, ShapeError
from .._graph.leaf import constant, refuse_masked
from .._graph.names import find_named_node
from .._graph.node import INEXACT, Node, Operand
from .._graph.settings import describe
from .._graph.traverse import ancestors
from .._graph.trees import map_tree
from .._graph.types import Record

__all__ = ["as_cotangent", "check_node", "check_seed", "check_target", "check_wrt", "map_nodes", "resolve_names"]

# The kinds of things a question is put in, and its answer comes back in: nodes or names, dict keys, records of nodes.
W = TypeVar("W", bound=Node | str)
K = TypeVar("K")
R = TypeVar("R", bound=Record)
Nested: TypeAlias = "Sequence[Node | str | Record | Nested] | Mapping[Any, Node | str | Record | Nested]"


def check_node(node: object) -> Node:
    """Return the node itself, or raise a TypeError for what is none."""
    if not isinstance(node, Node):
        raise TypeError(f"expected a node, not {_name_kind(node)}")
    return node


def _name_kind(value: object) -> str:
    """Return what stands in the place of a node, and what to do instead."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"{kind}: make it a `parameter` and build the target from that"
    if isinstance(value, (list, tuple, dict)):
        return f"{kind}: ask for each of its nodes, or for the sum of them"
    if callable(value):
        return (
            f"the {kind} {describe(value)}: of functions there are `lazygrad.grad(f)` and its kin; or call it on nodes"
        )
    return kind if value is None else f"{kind} {describe(value)}"


def check_wrt(i: object) -> Node:
    """Return the node itself, if a derivative with respect to it can be asked for, else raise."""
    node: Node = i if isinstance(i, Node) else check_node(i)
    if node._dtype.kind not in INEXACT:
        raise NotDifferentiableError(
            f"there is no derivative with respect to {i!r}: its dtype is {node._dtype}; make it a float parameter"
        )
    return node


def check_target(L: object) -> None:
    """Raise TypeError unless `L` is a float node."""
    node = check_node(L)
    if node._dtype.kind not in INEXACT:
        raise TypeError(f"the target must be floating point, but {L!r} has dtype {node._dtype}")


def check_seed(L: Node, memo: TargetMemo) -> None:
    """Raise unless dL/dL fits the target as it is now; a seed that can follow the target's shape and dtype does."""
    if not memo.seeded:
        if L.size != 1:
            raise TypeError(
                f"a gradient needs a target of one element, but {L!r} has shape {L._shape}: "
                f"sum it, or pass `cotangent=` of that shape"
            )
        if L._dtype.kind == "c":
            raise TypeError(
                f"a gradient needs a real target, but {L!r} is complex: take its `.real`, `.imag` or `abs`, "
                f"or pass `cotangent=`"
            )
    if memo.seed.shape != L._shape or memo.seed.dtype != L._dtype:
        memo.renew_seed(L)
    if memo.seed.shape != L._shape:
        raise ShapeError(f"the cotangent has shape {memo.seed.shape}, but {L!r} has shape {L._shape}")


def as_cotangent(L: Node, cotangent: Operand, what: str = "cotangent") -> Node:
    """Return a node for dL/dL, or for a tangent, in the shape and dtype of `L`."""
    if not isinstance(cotangent, Node):
        refuse_masked(cotangent, f"a {what}")
        array = np.asarray(cotangent)
        if array.dtype.kind not in "biufc" or (array.dtype.kind == "c" and L._dtype.kind == "f"):
            raise TypeError(f"a {what} of {L!r} must be numbers that its dtype can hold, not dtype {array.dtype}")
        cotangent = constant(array.astype(L._dtype))
    if cotangent.shape != L._shape:
        raise ShapeError(f"the {what} has shape {cotangent.shape}, but {L!r} has shape {L._shape}")
    if cotangent.dtype != L._dtype:
        raise TypeError(f"the {what} has dtype {cotangent.dtype}, but {L!r} has dtype {L._dtype}")
    return cotangent


def map_nodes(wrt: object, one: Callable[[Any], Any]) -> Any:
    """Return `one` of every node of a structure, in the same structure."""
    if isinstance(wrt, (Node, str)):
        return one(wrt)
    if wrt.__class__ is list and all(w.__class__ is Node for w in wrt):  # as it mostly is
        return [one(w) for w in wrt]

    def of_leaf(leaf: Any) -> Any:
        if isinstance(leaf, (Node, str)):
            return one(leaf)
        raise TypeError(f"wrt must be a node, a name, or a list, tuple or dict of them, not {type(leaf).__name__}")

    return map_tree(of_leaf, wrt)


def resolve_names(wrt: object, target: Node) -> Any:
    """Return `wrt` with names replaced by the nodes below the target that bear them."""
    names: list[str] = []
    map_nodes(wrt, lambda w: names.append(w) if isinstance(w, str) else None)
    if not names:
        return wrt
    found: dict[str, list[Node]] = {}
    for i in ancestors(target):
        if i.name is not None:
            found.setdefault(i.name, []).append(i)
    for name in names:
        if len(found.get(name, ())) > 1:
            raise KeyError(f"{len(found[name])} nodes are named {name!r}: {found[name]}; ask by the node itself")
    return map_nodes(
        wrt, lambda w: find_named_node({n: f[0] for n, f in found.items()}, w) if isinstance(w, str) else w
    )
