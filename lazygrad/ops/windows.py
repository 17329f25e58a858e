"""Windows that slide along an axis, and their transpose."""

from __future__ import annotations

from typing import Any

from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from .._graph.node import Node, Operand
from .._graph.types import Lengths
from .._graph.types import both as np
from ._declare import function, linear
from ._op import Signature, as_node
from .linear import along

__all__ = ["sliding_sum", "sliding_windows"]


def _windows_shape(x: Node, length: int, axis: int) -> Signature:
    count = x.shape[axis] - length + 1
    if length < 1 or count < 1:
        raise ValueError(f"windows of {length} elements do not fit into axis {axis} of shape {x.shape}")
    return (*x.shape[:axis], count, *x.shape[axis + 1 :], length), x.dtype


def _sum_shape(x: Node, axis: int) -> Signature:
    if x.shape[axis] < 1 or x.shape[-1] < 1:
        raise ValueError(f"there are no windows of {x.shape[-1]} elements along axis {axis} of shape {x.shape}")
    return (*x.shape[:axis], x.shape[axis] + x.shape[-1] - 1, *x.shape[axis + 1 : -1]), x.dtype


def _sliding_sum(x: Any, axis: int) -> Any:
    count, length = x.shape[axis], x.shape[-1]
    out = np.zeros((*x.shape[:axis], count + length - 1, *x.shape[axis + 1 : -1]), x.dtype)
    for k in range(length):
        out[along(axis, slice(k, k + count))] += x[..., k]
    return out


sliding_windows = linear(
    "sliding_windows",
    lambda x, length, axis: sliding_window_view(x, length, axis),
    shape=_windows_shape,
    transpose=lambda g, axis: sliding_sum(g, axis=axis),
    statics={"length": 1, "axis": 0},
    doc="Return all windows of a length along an axis, along a new last axis; a view.",
)

sliding_sum: Any = linear(
    "sliding_sum",
    _sliding_sum,
    shape=_sum_shape,
    transpose=lambda g, x_shape, axis: sliding_windows(g, length=x_shape[-1], axis=axis),
    statics={"axis": 0},
    doc="Add up windows where they overlap: the transpose of sliding_windows.",
)


@function(sliding_window_view)
def sliding_view(x: Operand, window_shape: Lengths, axis: Lengths | None = None) -> Node:
    """Return all windows of a shape along axes, along new last axes."""
    x = as_node(x)
    lengths = tuple(window_shape) if isinstance(window_shape, (tuple, list)) else (window_shape,)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    if len(lengths) != len(axes):
        raise ValueError(f"{len(lengths)} window lengths do not fit {len(axes)} axes")
    for k, length in zip(axes, lengths, strict=True):  # one axis after the other, as their transposes add fewer terms
        x = sliding_windows(x, length=length, axis=k)
    return x
