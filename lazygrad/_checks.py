"""What can be asked for: the checks of a question's target, nodes and cotangent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._errors import NotDifferentiableError, ShapeError
from ._node import Node, constant

__all__ = ["as_cotangent", "check_node", "check_target", "check_wrt"]


def check_node(node: Any) -> Node:
    """The node itself, or a TypeError."""
    if not isinstance(node, Node):
        hint = ": make it a `parameter` and build the target from that" if isinstance(node, np.ndarray) else ""
        raise TypeError(f"expected a node, not {type(node).__name__}{hint}")
    return node


def check_wrt(i: Any) -> Node:
    """The node itself, if a derivative with respect to it can be asked for."""
    node: Node = i if isinstance(i, Node) else check_node(i)
    if node.dtype.kind != "f":
        raise NotDifferentiableError(
            f"there is no derivative with respect to {i!r}: its dtype is {i.dtype}; make it a float parameter"
        )
    return node


def check_target(L: Any) -> None:
    """Raise TypeError unless `L` is a float node."""
    check_node(L)
    if L.dtype.kind != "f":
        raise TypeError(f"the target must be floating point, but {L!r} has dtype {L.dtype}")


def as_cotangent(L: Node, cotangent: Any) -> Node:
    """A node for dL/dL of the shape and dtype of `L`."""
    if not isinstance(cotangent, Node):
        array = np.asarray(cotangent)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"a cotangent must be real numbers, not dtype {array.dtype}")
        cotangent = constant(array.astype(L.dtype))
    if cotangent.shape != L.shape:
        raise ShapeError(f"the cotangent has shape {cotangent.shape}, but {L!r} has shape {L.shape}")
    if cotangent.dtype != L.dtype:
        raise TypeError(f"the cotangent has dtype {cotangent.dtype}, but {L!r} has dtype {L.dtype}")
    return cotangent
