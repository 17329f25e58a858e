"""Convolution in the sense of neural networks, which does not flip its filters, over the last axes.

The value of a convolution y, its input x and its filter w meet in one trilinear form, the sum of
x[n, c, i * stride + k * dilation] w[o, c, k] y[n, o, i]. Given two of the three, each of three ops is the
derivative of the form by the third; so their rules are the ops themselves, and derivatives of any order close.
"""

# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

import math
from typing import Any, overload

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Array, ArrayLike, DType, Lengths
from .._graph.types import both as np
from ._calls import record_calls
from ._declare import op, result_dtype
from ._op import Op, Signature

__all__ = [
    "Sizes",
    "as_pair",
    "conv2d",
    "conv_transpose2d",
    "convolution",
    "count_windows",
    "overlap_add",
    "windows",
]

Sizes = tuple[int, ...]

# -- windows of an array ---------------------------------------------------------------------------


def _spans(size: Sizes, dilation: Sizes) -> Sizes:
    return tuple([(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)])


def count_windows(length: Sizes, size: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """Return how many windows there are along each axis."""
    found = []
    for n, span, s in zip(length, _spans(size, dilation), stride, strict=True):
        if span > n:
            raise ValueError(f"windows of {_spans(size, dilation)} elements do not fit into {length}")
        found.append((n - span) // s + 1)
    return tuple(found)


def windows(x: Any, size: Sizes, stride: Sizes, dilation: Sizes) -> NodeOrArray:
    """Return a view of the windows: (*lead, *count, *size)."""
    axes = tuple(range(x.ndim - len(size), x.ndim))
    view: Any = np.lib.stride_tricks.sliding_window_view(x, _spans(size, dilation), axis=axes)
    steps = [slice(None, None, s) for s in (*stride, *dilation)]
    return view[(..., *steps)]


def overlap_add(parts: Any, length: Sizes, stride: Sizes, dilation: Sizes) -> NodeOrArray:
    """Sum windows (*lead, *size, *count) into an array (*lead, *length): the transpose of taking windows."""
    k = len(length)
    first, last = parts.ndim - 2 * k, parts.ndim - k
    size, count = parts.shape[first:last], parts.shape[last:]
    out: Any = np.zeros((*parts.shape[:first], *length), parts.dtype)
    for place in np.ndindex(size):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        own = [slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(starts, stride, count, strict=True)]
        out[(..., *own)] += parts[(..., *place, *[slice(None)] * k)]
    return out


# -- the three ops ---------------------------------------------------------------------------------


def _pad(x: Any, padding: Sizes) -> Any:
    return np.pad(x, [(0, 0)] * (x.ndim - len(padding)) + [(p, p) for p in padding]) if any(padding) else x


def _enlarge(length: Sizes, padding: Sizes) -> Sizes:
    return tuple([n + 2 * p for n, p in zip(length, padding, strict=True)])


def _columns(x: Any, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """Return the windows as the columns of matrices: (batch, groups, channels * window, places)."""
    view = windows(_pad(x, padding), size, stride, dilation)
    k = len(size)
    order = (0, 1, *range(2 + k, 2 + 2 * k), *range(2, 2 + k))
    batch, channels, *count = view.shape[: 2 + k]
    return view.transpose(order).reshape(batch, groups, channels // groups * math.prod(size), math.prod(count))


def _rows(w: Any, groups: int) -> Any:
    """Return the filters as the rows of matrices: (groups, filters, channels * window)."""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def _convolve(x: Any, w: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    size = w.shape[2:]
    count = count_windows(_enlarge(x.shape[2:], padding), size, stride, dilation)
    columns = _columns(x, size, stride, padding, dilation, groups)
    return np.matmul(_rows(w, groups), columns).reshape(x.shape[0], w.shape[0], *count)


def _transpose(y: Any, w: Any, length: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    batch, count, size = y.shape[0], y.shape[2:], w.shape[2:]
    places = y.reshape(batch, groups, y.shape[1] // groups, math.prod(count))
    columns = np.matmul(_rows(w, groups).swapaxes(1, 2), places)
    parts = columns.reshape(batch, groups * w.shape[1], *size, *count)
    padded = _enlarge(length, padding)
    out: Any = overlap_add(parts, padded, stride, dilation)
    return out[(..., *[slice(p, p + n) for p, n in zip(padding, length, strict=True)])]


def _filter(x: Any, y: Any, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    batch, filters, count = y.shape[0], y.shape[1], y.shape[2:]
    columns = _columns(x, size, stride, padding, dilation, groups)
    places = y.reshape(batch, groups, filters // groups, math.prod(count))
    products = np.matmul(places, columns.swapaxes(2, 3))
    return np.add.reduce(products, axis=0).reshape(filters, x.shape[1] // groups, *size)


def _dtype(a: Node, b: Node) -> DType:
    return a.dtype if a.dtype is b.dtype and a.dtype.kind == "f" else result_dtype(np.multiply, a.dtype, b.dtype)


def _infer_convolution(x: Node, w: Node, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Signature:
    if x.ndim != len(stride) + 2 or w.ndim != x.ndim:
        raise ValueError(f"shapes {x.shape} and {w.shape} are not (batch, channels, ...) and (filters, channels, ...)")
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ValueError(f"{x.shape[1]} channels do not fit filters of shape {w.shape} in {groups} groups")
    length = _enlarge(x.shape[2:], padding)
    return (x.shape[0], w.shape[0], *count_windows(length, w.shape[2:], stride, dilation)), _dtype(x, w)


def _input_shape(
    y: Node, w: Node, length: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Signature:
    if y.ndim != len(stride) + 2 or w.ndim != y.ndim or y.shape[1] != w.shape[0] or w.shape[0] % groups:
        raise ValueError(f"shape {y.shape} does not fit {w.shape[:1]} filters in {groups} groups")
    padded = _enlarge(length, padding)
    if count_windows(padded, w.shape[2:], stride, dilation) != y.shape[2:]:
        raise ValueError(f"no convolution of {length} elements gives {y.shape[2:]}: more padding than a stride?")
    return (y.shape[0], w.shape[1] * groups, *length), _dtype(y, w)


STATICS = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}


convolution: Op = op(
    "convolution",
    _convolve,
    shape=_infer_convolution,
    vjp={
        "x": lambda g, w, x_shape, stride, padding, dilation, groups: _by_input(
            g, w, x_shape[2:], stride, padding, dilation, groups
        ),
        "w": lambda g, x, w_shape, stride, padding, dilation, groups: _by_filter(
            x, g, w_shape[2:], stride, padding, dilation, groups
        ),
    },
    jvp={
        "x": lambda t, w, stride, padding, dilation, groups: convolution(t, w, stride, padding, dilation, groups),
        "w": lambda t, x, stride, padding, dilation, groups: convolution(x, t, stride, padding, dilation, groups),
    },
    inputs="x w",
    statics=STATICS,
    doc="Sum x[n, c, i * stride + k * dilation] w[o, c, k] over channels and windows, for each n, o, i.",
)

_by_input: Op = op(
    "convolution_by_input",
    _transpose,
    shape=_input_shape,
    vjp={
        "y": lambda g, w, stride, padding, dilation, groups: convolution(g, w, stride, padding, dilation, groups),
        "w": lambda g, y, w_shape, stride, padding, dilation, groups: _by_filter(
            g, y, w_shape[2:], stride, padding, dilation, groups
        ),
    },
    jvp={
        "y": lambda t, w, length, stride, padding, dilation, groups: _by_input(
            t, w, length, stride, padding, dilation, groups
        ),
        "w": lambda t, y, length, stride, padding, dilation, groups: _by_input(
            y, t, length, stride, padding, dilation, groups
        ),
    },
    inputs="y w",
    statics={"length": (), **STATICS},
    doc="Apply the transpose of a convolution in its input.",
)

_by_filter: Op = op(
    "convolution_by_filter",
    _filter,
    shape=lambda x, y, size, groups, **_: ((y.shape[1], x.shape[1] // groups, *size), _dtype(x, y)),
    vjp={
        "x": lambda g, y, x_shape, stride, padding, dilation, groups: _by_input(
            y, g, x_shape[2:], stride, padding, dilation, groups
        ),
        "y": lambda g, x, stride, padding, dilation, groups: convolution(x, g, stride, padding, dilation, groups),
    },
    jvp={
        "x": lambda t, y, size, stride, padding, dilation, groups: _by_filter(
            t, y, size, stride, padding, dilation, groups
        ),
        "y": lambda t, x, size, stride, padding, dilation, groups: _by_filter(
            x, t, size, stride, padding, dilation, groups
        ),
    },
    inputs="x y",
    statics={"size": (), **STATICS},
    doc="Apply the transpose of a convolution in its filter.",
)


def as_pair(value: Lengths) -> Sizes:
    """Return one number twice, for both axes, or a pair as it is."""
    pair = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    return int(pair[0]), int(pair[1])


def _with_bias(y: Any, bias: Any) -> Any:
    return y if bias is None else y + np.reshape(bias, (-1, 1, 1))


@overload
def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = ...,
    stride: Lengths = ...,
    padding: Lengths = ...,
    dilation: Lengths = ...,
    groups: int = ...,
) -> Array: ...


@overload
def conv2d(
    x: Operand,
    w: Operand,
    bias: Operand | None = ...,
    stride: Lengths = ...,
    padding: Lengths = ...,
    dilation: Lengths = ...,
    groups: int = ...,
) -> Node: ...


@record_calls
def conv2d(
    x: Operand,
    w: Operand,
    bias: Operand | None = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> NodeOrArray:
    """Return the two-dimensional convolution of a batch of images with filters (which are not flipped).

    Parameters
    ----------
    x
        Images, shape (batch, channels, height, width).
    w
        Filters, shape (filters, channels // groups, height, width).
    bias
        One number for each filter, or None.
    stride, padding, dilation
        Step from window to window, zeros on each side, and step inside a window: one number, or a pair.
    groups
        How many groups of channels there are, each with filters of its own.

    Returns
    -------
    Node (or array) of shape (batch, filters, rows, columns).

    Raises
    ------
    ShapeError
        If the channels do not fit, or a window is larger than the padded image.

    Examples
    --------
    >>> import lazygrad as lg
    >>> w = lg.parameter(np.ones((1, 1, 2, 2)))
    >>> y = conv2d(np.arange(9.0).reshape(1, 1, 3, 3), w)
    >>> y.value[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> lg.gradient(y.sum(), w)[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    y = convolution(x, w, as_pair(stride), as_pair(padding), as_pair(dilation), groups)
    return _with_bias(y, bias)


@overload
def conv_transpose2d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = ...,
    stride: Lengths = ...,
    padding: Lengths = ...,
    output_padding: Lengths = ...,
    groups: int = ...,
    dilation: Lengths = ...,
) -> Array: ...


@overload
def conv_transpose2d(
    x: Operand,
    w: Operand,
    bias: Operand | None = ...,
    stride: Lengths = ...,
    padding: Lengths = ...,
    output_padding: Lengths = ...,
    groups: int = ...,
    dilation: Lengths = ...,
) -> Node: ...


@record_calls
def conv_transpose2d(
    x: Any,
    w: Any,
    bias: Operand | None = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    output_padding: Lengths = 0,
    groups: int = 1,
    dilation: Lengths = 1,
) -> NodeOrArray:
    """Return the transpose of `conv2d`: from its result's shape to its input's.

    Parameters
    ----------
    x, w
        Shapes (batch, filters, height, width) and (filters, channels // groups, height, width).
    output_padding
        Rows and columns more, of the several input sizes that one result can come from.
    bias, stride, padding, groups, dilation
        As of `conv2d`.

    Examples
    --------
    >>> conv_transpose2d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 2)))
    array([[[[1., 2., 1.]]]])
    """
    steps, zeros, gaps = as_pair(stride), as_pair(padding), as_pair(dilation)
    length = tuple(
        [
            (n - 1) * s - 2 * p + span + extra
            for n, s, p, span, extra in zip(
                x.shape[2:], steps, zeros, _spans(w.shape[2:], gaps), as_pair(output_padding), strict=True
            )
        ]
    )
    return _with_bias(_by_input(x, w, length, steps, zeros, gaps, groups), bias)
