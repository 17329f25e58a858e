"""Reductions along axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .._declare import linear, op
from .._node import Node
from .._op import Signature
from .arithmetic import guarded_multiply
from .linear import reduced, spread

__all__ = ["logsumexp", "max", "mean", "min"]

AXES = {"axis": None, "keepdims": False}


def _count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements each element of the result is made of."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    count = 1
    for a in axes:
        count *= shape[a]
    return count


def _mean_rule(g: Any, x_shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    return spread(g / (_count(x_shape, axis) or 1), x_shape, axis, keepdims)


def _mean_shape(x: Node, axis: Any, keepdims: bool) -> Signature:
    if axis is not None:
        normalize_axis_tuple(axis, x.ndim)  # unlike the other reductions it takes no axis of a 0-d array
    return reduced(np.mean)(x, axis, keepdims)


mean = linear(
    "mean",
    lambda x, axis, keepdims: x.mean(axis=axis, keepdims=keepdims),
    shape=_mean_shape,
    transpose=_mean_rule,
    statics=AXES,
    numpy=(np.mean,),
    doc="The arithmetic mean over `axis` (all axes by default).",
)


def _share(x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    """Each element's share of the extremum: 1 / (number of ties) where it is reached, else 0."""
    reached = np.where(x == spread(out, x.shape, axis, keepdims), x.dtype.type(1), x.dtype.type(0))
    return reached / np.sum(reached, axis=axis, keepdims=True)


def _extremum(name: str, function: Any, numpy: Any) -> Any:
    def infer(x: Node, axis: Any, keepdims: bool) -> Signature:
        if 0 in x.shape:
            function(np.empty(x.shape, bool), axis, keepdims)  # NumPy's own error if there is nothing to choose from
        return reduced(np.max)(x, axis, keepdims)

    return op(
        name,
        function,
        shape=infer,
        vjp={
            "x": lambda g, x, out, x_shape, axis, keepdims: guarded_multiply(
                _share(x, out, axis, keepdims), spread(g, x_shape, axis, keepdims)
            )
        },
        jvp={
            "x": lambda t, x, out, axis, keepdims: np.sum(
                guarded_multiply(_share(x, out, axis, keepdims), t), axis=axis, keepdims=keepdims
            )
        },
        statics=AXES,
        numpy=numpy,
        doc=f"The {name}imum over `axis` (all axes by default); ties split the derivative evenly.",
    )


max = _extremum("max", lambda x, axis, keepdims: x.max(axis=axis, keepdims=keepdims), (np.max, np.amax))
min = _extremum("min", lambda x, axis, keepdims: x.min(axis=axis, keepdims=keepdims), (np.min, np.amin))


def floating(x: Any) -> Any:
    """The array itself, or integers as floats before a difference of them can wrap around."""
    return x if x.dtype.kind == "f" else x.astype(float)


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    x = floating(x)
    if x.size == 0:
        return np.sum(x, axis=axis, keepdims=keepdims) - np.inf  # the logarithm of an empty sum is -inf
    peak = x.max(axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, x.dtype.type(0))
    with np.errstate(divide="ignore"):  # log(0) is the right answer where all is -inf
        total = np.log(np.add.reduce(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return total if keepdims else np.squeeze(total, axis=axis)


def _softness(x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    return np.exp(x - spread(np.where(out == -np.inf, 0, out), x.shape, axis, keepdims))


logsumexp = op(
    "logsumexp",
    _logsumexp,
    shape=reduced(np.mean),
    vjp={
        "x": lambda g, x, out, x_shape, axis, keepdims: (
            spread(g, x_shape, axis, keepdims) * _softness(x, out, axis, keepdims)
        )
    },
    jvp={
        "x": lambda t, x, out, axis, keepdims: np.sum(
            t * _softness(x, out, axis, keepdims), axis=axis, keepdims=keepdims
        )
    },
    statics=AXES,
    doc="log(sum(exp(x))) without overflow; its derivative is softmax.",
)
