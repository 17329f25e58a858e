"""`scipy.signal` on nodes: convolution; all other names are SciPy's own, for arrays.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy import signal
>>> x = lg.parameter([1.0, 2.0, 3.0])
>>> signal.convolve(x, [1.0, 1.0]).value
array([1., 3., 5., 3.])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal
from numpy.lib.array_utils import normalize_axis_tuple

from .._graph.node import Node, NodeOrArray, Operand
from ..ops._declare import function, op, result_dtype
from ..ops._op import Op, Signature, unknown_setting
from ..ops.convolution import convolution
from ._calls import holds_node

__all__ = ["convolve", "correlate"]

MODES = ("full", "same", "valid")

# -- along all axes: SciPy's own, by Fourier transforms where that is faster -------------------------


def _flip(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Reverse the elements along some axes, or all."""
    return x[tuple([slice(None, None, -1) if axes is None or k in axes else slice(None) for k in range(x.ndim)])]


def _convolved_shape(x: Node, y: Node, mode: str, method: str) -> Signature:
    if x.ndim != y.ndim or 0 in x.shape + y.shape:
        raise ValueError(f"shapes {x.shape} and {y.shape} cannot be convolved")
    if mode == "full":
        shape = tuple([n + m - 1 for n, m in zip(x.shape, y.shape, strict=True)])
    else:
        shape = tuple([n - m + 1 for n, m in zip(x.shape, y.shape, strict=True)])
    return shape, result_dtype(np.convolve, x.dtype, y.dtype)


_convolve: Op = op(
    "scipy.signal.convolve",
    lambda x, y, mode, method: scipy.signal.convolve(x, y, mode=mode, method=method),
    shape=_convolved_shape,
    vjp={
        "x": lambda g, y, mode, method: _convolve(g, _flip(y), "valid" if mode == "full" else "full", method),
        "y": lambda g, x, mode, method: (
            _convolve(g, _flip(x), "valid", method)
            if mode == "full"
            else _flip(_convolve(x, _flip(g), "valid", method))
        ),
    },
    jvp={
        "x": lambda t, y, mode, method: _convolve(t, y, mode, method),
        "y": lambda t, x, mode, method: _convolve(x, t, mode, method),
    },
    inputs="x y",
    statics={"mode": "full", "method": "auto"},
    doc="Return the convolution of two arrays of as many axes, full, or valid where the first is nowhere shorter.",
)


def _center(x: Any, shape: Sequence[int], axes: Sequence[int]) -> Any:
    """Return the middle of an array, of a given length along some axes."""
    key = [slice(None)] * x.ndim
    for k, n in zip(axes, shape, strict=True):
        start = (x.shape[k] - n) // 2
        key[k] = slice(start, start + n)
    return x[tuple(key)]


def _first_is_longer(first: Sequence[int], second: Sequence[int]) -> bool:
    """Return whether the first is to be convolved with the second; in valid mode it may be the other way round."""
    if all(n >= m for n, m in zip(first, second, strict=True)):
        return True
    if all(n <= m for n, m in zip(first, second, strict=True)):
        return False
    raise ValueError(f"one of {tuple(first)} and {tuple(second)} must be nowhere shorter for mode 'valid'")


def _along_all(x: Any, y: Any, mode: str, method: str) -> Any:
    if x.ndim == 0 == y.ndim:
        return x * y
    if mode == "valid":
        return _convolve(x, y, mode, method) if _first_is_longer(x.shape, y.shape) else _convolve(y, x, mode, method)
    full = _convolve(x, y, "full", method)
    return full if mode == "full" else _center(full, x.shape, range(x.ndim))


# -- along some axes, with others summed or kept -----------------------------------------------------


def _group_axes(x: Any, axes: Sequence[int], dot_axes: Sequence[int]) -> tuple[Any, tuple[int, ...]]:
    """Return the array with axes (kept, summed, *convolved), and the lengths of the kept ones."""
    kept = [k for k in range(x.ndim) if k not in axes and k not in dot_axes]
    x = x.transpose(*kept, *dot_axes, *axes)
    lengths = tuple(x.shape[: len(kept)])
    shape = (math.prod(lengths), math.prod(x.shape[len(kept) : len(kept) + len(dot_axes)]))
    return x.reshape(*shape, *x.shape[len(kept) + len(dot_axes) :]), lengths


def _along_some(x: Any, y: Any, axes: Any, dot_axes: Any, mode: str) -> Any:
    pairs = [[normalize_axis_tuple(a, v.ndim) for a, v in zip(each, (x, y), strict=True)] for each in (axes, dot_axes)]
    for first, second in pairs:
        if len(first) != len(second):
            raise ValueError(f"axes {first} and {second} do not pair up")
    a, kept_x = _group_axes(x, pairs[0][0], pairs[1][0])
    b, kept_y = _group_axes(y, pairs[0][1], pairs[1][1])
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"the summed axes {dot_axes} of shapes {x.shape} and {y.shape} differ in length")
    length, size = a.shape[2:], b.shape[2:]
    swapped = mode == "valid" and not _first_is_longer(length, size)
    if swapped:
        a, b = b, a
    along = tuple(range(2, 2 + len(length)))
    # Padding is the same on both sides, so that no window is left out.
    padding = tuple([m - 1 for m in size]) if mode != "valid" else (0,) * len(length)
    ones = (1,) * len(length)
    out = convolution(a, _flip(b, along), ones, padding, ones, 1)
    if swapped:
        out = out.swapaxes(0, 1)
    if mode == "same":
        out = _center(out, length, along)
    return out.reshape(*kept_x, *kept_y, *out.shape[2:])


@function(scipy.signal.convolve)
def convolve(
    in1: Operand,
    in2: Operand,
    mode: str = "full",
    method: str = "auto",
    *,
    axes: object = None,
    dot_axes: Any = ((), ()),
) -> NodeOrArray:
    """Return the convolution of two arrays, as `scipy.signal.convolve`, or along some axes of theirs.

    Parameters
    ----------
    in1, in2
        Arrays of as many axes, or of any number if `axes` are given.
    mode
        "full": all places where they overlap; "valid": where one lies inside the other; "same": the middle, of the
        shape of `in1`.
    method
        "auto", "direct" or "fft", of SciPy; it plays no part if `axes` are given.
    axes
        A pair: the axes of `in1` and those of `in2` to convolve along. The result has the axes of `in1` that are
        left, those of `in2`, then these.
    dot_axes
        A pair: the axes of `in1` and those of `in2` to sum over, with `axes`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> y = lg.parameter([1.0, 1.0])
    >>> lg.gradient(convolve([1.0, 2.0, 3.0], y, "valid").sum(), y)
    array([5., 3.])
    >>> convolve(lg.parameter([[1.0, 2.0], [3.0, 4.0]]), [1.0, 1.0], axes=([1], [0])).value
    array([[1., 3., 2.],
           [3., 7., 4.]])
    """
    if mode not in MODES:
        raise ValueError(f"`mode` is one of {', '.join(MODES)}, not {mode!r}")
    for name, places in (("axes", axes), ("dot_axes", dot_axes)):
        if isinstance(places, Node):
            raise unknown_setting(f"scipy.signal.convolve: {name}", places)
    x, y = [v if isinstance(v, Node) else np.asarray(v) for v in (in1, in2)]
    if axes is not None or any(dot_axes):
        return _along_some(x, y, axes if axes is not None else ((), ()), dot_axes, mode)
    if not holds_node((in1, in2)):
        return scipy.signal.convolve(in1, in2, mode=mode, method=method)
    return _along_all(x, y, mode, method)


@function(scipy.signal.correlate)
def correlate(in1: Operand, in2: Operand, mode: str = "full", method: str = "auto") -> Node:
    """Return the cross-correlation of two arrays, as `scipy.signal.correlate`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> correlate(lg.parameter([1.0, 2.0, 3.0]), [0.0, 1.0]).value
    array([1., 2., 3., 0.])
    """
    if not holds_node((in1, in2)):
        return scipy.signal.correlate(in1, in2, mode=mode, method=method)
    x, y = [v if isinstance(v, Node) else np.asarray(v) for v in (in1, in2)]
    return _along_all(x, _flip(np.conj(y)), mode, method)


def __getattr__(name: str) -> Any:
    return getattr(scipy.signal, name)
