"""Evenly spaced places between two ends."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import DType, DTypeLike
from .._graph.types import both as np
from ._declare import function
from ._op import as_node

__all__ = ["geomspace", "linspace", "logspace"]


def _ends(start: Any, stop: Any, least: Any = 1.0) -> tuple[Any, Any, DType]:
    """Return both ends and the floating dtype of what lies between; plain numbers have no dtype of their own."""
    dtype = np.result_type(*[getattr(end, "dtype", end) for end in (start, stop)], least)
    start, stop = np.broadcast_arrays(_cast(start, dtype), _cast(stop, dtype))
    return start, stop, dtype


def _cast(x: Any, dtype: Any) -> Any:
    x = as_node(x)
    return x if x.dtype == dtype else x.astype(dtype)


def _places(num: int, ndim: int, dtype: DType) -> Any:
    """Return 0, 1, 2 ... along a first axis, before as many others."""
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    return np.arange(num, dtype=np.finfo(dtype).dtype).reshape(-1, *(1,) * ndim)


def _finish(y: Any, dtype: Any, axis: int) -> Any:
    """Bring the result into the dtype asked for, rounding integers down, and put the places along an axis."""
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    if dtype is None or y.dtype == np.dtype(dtype):
        return y
    return (np.floor(y) if np.dtype(dtype).kind in "iu" else y).astype(dtype)


@function(np.linspace)
def linspace(
    start: NodeOrArray,
    stop: NodeOrArray,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> NodeOrArray | tuple[NodeOrArray, NodeOrArray]:
    """Return evenly spaced places from `start` to `stop`."""
    start, stop, inexact = _ends(start, stop)
    places = _places(num, start.ndim, inexact)
    count = num - 1 if endpoint else num
    step = (stop - start) / max(count, 1)
    y = places * step + start
    if endpoint and num > 1:
        y = np.where(places == count, stop, y)
    y = _finish(y, dtype, axis)
    return (y, step if count > 0 else np.nan) if retstep else y


@function(np.logspace)
def logspace(
    start: NodeOrArray,
    stop: NodeOrArray,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Node:
    """Return powers of `base`, whose exponents are evenly spaced from `start` to `stop`."""
    if np.ndim(base):
        start, stop, base = np.broadcast_arrays(*[as_node(x) for x in (start, stop, base)])
    return _finish(base ** linspace(start, stop, num, endpoint), dtype, axis)


@function(np.geomspace)
def geomspace(
    start: NodeOrArray,
    stop: Operand,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Node:
    """Return places from `start` to `stop`, each a fixed multiple of the last; both of the same sign."""
    start, stop, inexact = _ends(start, stop, np.dtype(float))  # NumPy computes in float64 even for float32
    if inexact.kind == "c":
        raise TypeError("np.geomspace on nodes takes real numbers")
    share = _places(num, start.ndim, inexact) / max(num - 1 if endpoint else num, 1)
    sign = np.sign(start)
    return _finish(sign * (start * sign) ** (1 - share) * (stop * sign) ** share, dtype, axis)
