"""Pooling in the sense of neural networks: the maximum or mean of strided windows over the last axes."""

# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

import math
from typing import Any, overload

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Array, ArrayLike, Lengths
from .._graph.types import both as np
from ._calls import record_calls
from ._declare import linear
from ._op import Op, Signature
from .convolution import Sizes, as_pair, count_windows, overlap_add, windows

__all__ = ["avg_pool2d", "max_pool2d", "strided_overlap_add", "strided_windows"]


def _windows_in_front(x: Any, size: Sizes, stride: Sizes) -> Any:
    """Return the windows with the places inside them on the first axes, over which sums are fast."""
    k = len(size)
    view = windows(x, size, stride, (1,) * k)
    return view.transpose(*range(x.ndim, x.ndim + k), *range(x.ndim))


def _windows_shape(x: Node, size: Sizes, stride: Sizes) -> Signature:
    k = len(size)
    if x.ndim < k:
        raise ValueError(f"there are no {k} axes to slide over")
    count = count_windows(x.shape[x.ndim - k :], size, stride, (1,) * k)
    return (*size, *x.shape[: x.ndim - k], *count), x.dtype


def _lay_over(g: Any, length: Sizes, stride: Sizes) -> Any:
    k = len(length)
    lead = g.ndim - 2 * k
    parts = g.transpose(*range(k, k + lead), *range(k), *range(k + lead, g.ndim))
    return overlap_add(parts, length, stride, (1,) * k)


strided_windows: Op = linear(
    "strided_windows",
    _windows_in_front,
    shape=_windows_shape,
    transpose=lambda g, x_shape, size, stride: strided_overlap_add(
        g, length=x_shape[len(x_shape) - len(size) :], stride=stride
    ),
    statics={"size": (1, 1), "stride": (1, 1)},
    selects="vjp",
    doc="Return windows sliding over the last axes; the places inside a window come first.",
)

strided_overlap_add: Op = linear(
    "strided_overlap_add",
    _lay_over,
    shape=lambda x, length, stride: ((*x.shape[len(length) : x.ndim - len(length)], *length), x.dtype),
    transpose=lambda g, x_shape, length, stride: strided_windows(g, size=x_shape[: len(length)], stride=stride),
    statics={"length": (1, 1), "stride": (1, 1)},
    selects="jvp",
    doc="Sum windows laid over each other: the transpose of windows.",
)


def _pooling_windows(x: Any, size: Any, stride: Any, padding: Any, fill: float) -> Any:
    edges = as_pair(padding)
    if any(edges):
        around = [(0, 0)] * (x.ndim - 2) + [(p, p) for p in edges]
        x = np.pad(x, around, constant_values=fill)
    return strided_windows(x, size=as_pair(size), stride=as_pair(size if stride is None else stride))


@overload
def max_pool2d(x: ArrayLike, kernel_size: Lengths, stride: Lengths | None = ..., padding: Lengths = ...) -> Array: ...


@overload
def max_pool2d(x: Operand, kernel_size: Lengths, stride: Lengths | None = ..., padding: Lengths = ...) -> Node: ...


@record_calls
def max_pool2d(
    x: Operand,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
) -> NodeOrArray:
    """Return the largest element of each window over the last two axes; ties split the derivative evenly.

    Parameters
    ----------
    x
        Shape (..., height, width).
    kernel_size, stride, padding
        Size of a window, step from one to the next (its size by default), and margin of -inf on each side:
        one number, or a pair.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([[1.0, 2.0, 5.0, 5.0]])
    >>> y = max_pool2d(x, (1, 2))
    >>> y.value
    array([[2., 5.]])
    >>> lg.gradient(y.sum(), x)
    array([[0. , 1. , 0.5, 0.5]])
    """
    return np.max(_pooling_windows(x, kernel_size, stride, padding, -math.inf), axis=(0, 1))


@overload
def avg_pool2d(
    x: ArrayLike,
    kernel_size: Lengths,
    stride: Lengths | None = ...,
    padding: Lengths = ...,
    count_include_pad: bool = ...,
) -> Array: ...


@overload
def avg_pool2d(
    x: Operand,
    kernel_size: Lengths,
    stride: Lengths | None = ...,
    padding: Lengths = ...,
    count_include_pad: bool = ...,
) -> Node: ...


@record_calls
def avg_pool2d(
    x: Any,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    count_include_pad: bool = True,
) -> NodeOrArray:
    """Return the mean of each window over the last two axes.

    Parameters
    ----------
    x
        Shape (..., height, width).
    kernel_size, stride, padding
        Size of a window, step from one to the next (its size by default), and zeros on each side: one number,
        or a pair.
    count_include_pad
        Whether the zeros count as elements.

    Examples
    --------
    >>> avg_pool2d(np.array([[1.0, 2.0, 3.0, 5.0]]), (1, 2))
    array([[1.5, 4. ]])
    """
    pooled = _pooling_windows(x, kernel_size, stride, padding, 0)
    if count_include_pad:
        return np.mean(pooled, axis=(0, 1))
    there = _pooling_windows(np.ones(x.shape[-2:], x.dtype), kernel_size, stride, padding, 0)
    return np.sum(pooled, axis=(0, 1)) / np.sum(there, axis=(0, 1))
