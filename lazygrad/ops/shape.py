"""NumPy's functions on the shape of an array, in terms of the linear ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._declare import function
from .._op import as_node
from . import linear

__all__ = ["expand_dims", "ravel", "stack", "swapaxes"]


@function(np.transpose)
def transpose(a: Any, axes: Any = None) -> Any:
    """The axes in another order; reversed by default."""
    if axes is not None:
        axes = tuple([k % a.ndim if -a.ndim <= k < a.ndim else k for k in axes])
    return linear.transpose(a, axes=axes)


@function(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    axes = list(range(a.ndim))
    i, k = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    axes[i], axes[k] = k, i
    return linear.transpose(a, axes=tuple(axes))


@function(np.ravel)
def ravel(a: Any) -> Any:
    """All elements along one axis."""
    return linear.reshape(a, shape=-1)


@function(np.expand_dims)
def expand_dims(a: Any, axis: int | Sequence[int]) -> Any:
    """New axes of length 1 at these places of the result."""
    axes = normalize_axis_tuple(axis, a.ndim + (1 if isinstance(axis, int) else len(axis)))
    return a[tuple([None if k in axes else slice(None) for k in range(a.ndim + len(axes))])]


@function(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """The arrays joined along a new axis."""
    return linear.concatenate(*[expand_dims(as_node(a), axis) for a in arrays], axis=axis)


@function(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """The arrays joined along an axis."""
    return linear.concatenate(*arrays, axis=axis)


function(np.shape)(lambda a: a.shape)
function(np.ndim)(lambda a: a.ndim)
function(np.size)(lambda a: a.size)
function(np.ones_like)(lambda a: np.ones(a.shape, a.dtype))
function(np.zeros_like)(lambda a: np.zeros(a.shape, a.dtype))
