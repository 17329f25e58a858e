"""Arrays made after the likeness of a node, and the facts about a node that need no value."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import DTypeLike, Lengths
from .._graph.types import both as np
from ._declare import function
from ._op import as_node
from .linear import broadcast_to

__all__ = ["full_like"]


def _like(constructor: Any) -> Any:
    def like(a: Any, dtype: Any = None, *, shape: Any = None) -> Any:
        return constructor(a.shape if shape is None else shape, a.dtype if dtype is None else dtype)

    like.__name__ = f"{constructor.__name__}_like"
    like.__doc__ = "Return a plain array of the shape and dtype of a node, or of others."
    return like


function(np.ones_like)(_like(np.ones))
function(np.zeros_like)(_like(np.zeros))
function(np.empty_like)(_like(np.empty))


@function(np.full_like)
def full_like(
    a: NodeOrArray, fill_value: Operand, dtype: DTypeLike | None = None, *, shape: Lengths | None = None
) -> NodeOrArray:
    """Return an array of the shape and dtype of another, or of others, filled with a value, which may be a node."""
    dtype = a.dtype if dtype is None else np.dtype(dtype)
    shape = a.shape if shape is None else shape
    if not isinstance(fill_value, Node):
        return np.full(shape, fill_value, dtype)
    return broadcast_to(fill_value if fill_value.dtype == dtype else fill_value.astype(dtype), shape=shape)


@function(np.copy, recorded=False)
def copy(a: Operand) -> Node:
    """Return the node itself, as nodes do not change."""
    return as_node(a)


@function(np.astype)
def astype(x: NodeOrArray, dtype: DTypeLike, /, *, copy: bool = True) -> NodeOrArray:
    """Return the node in another dtype."""
    return x.astype(dtype)


# -- what is known without the value ---------------------------------------------------------------


def _stand_in(x: Any) -> Any:
    """Return an array that stands for a node where only its dtype matters."""
    return np.empty(0, x.dtype) if isinstance(x, Node) else x


function(np.shape)(lambda a: a.shape)
function(np.ndim)(lambda a: a.ndim)
function(np.iscomplexobj)(lambda x: x.dtype.kind == "c")
function(np.isrealobj)(lambda x: x.dtype.kind != "c")


@function(np.size)
def size(a: NodeOrArray, axis: int | tuple[int, ...] | None = None) -> int:
    """Return the number of elements, or the length of an axis."""
    return np.size(np.broadcast_to(False, a.shape), axis)


function(np.result_type)(lambda *arrays_and_dtypes: np.result_type(*map(_stand_in, arrays_and_dtypes)))
function(np.common_type)(lambda *arrays: np.common_type(*map(_stand_in, arrays)))


@function(np.can_cast)
def can_cast(from_: NodeOrArray, to: NodeOrArray, casting: str = "safe") -> bool:
    """Return whether a cast between dtypes is allowed."""
    return np.can_cast(from_.dtype, to.dtype if isinstance(to, Node) else to, casting)
