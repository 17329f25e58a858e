"""Sums of exponentials and softmax, with SciPy's arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sc

from .. import ops
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.quiet import in_errstate
from .._graph.types import Axis, Function
from ..ops._declare import op
from ..ops._op import Op, Signature
from ..ops._rule import ZERO
from ..ops.exponentials import refuse_complex
from ..ops.linear import infer_reduction, spread
from ._calls import declare_on_nodes

__all__ = ["log_softmax", "logsumexp", "softmax"]

STATICS = {"axis": None, "keepdims": False}


def _weighted_shape(a: Node, b: Node, axis: Any, keepdims: bool) -> Signature:
    refuse_complex(a), refuse_complex(b)
    shape, dtype = np.broadcast_shapes(a.shape, b.shape), np.result_type(a.dtype, b.dtype)
    return infer_reduction(np.mean)(Node(None, (), {}, shape, dtype), axis, keepdims)


@in_errstate(divide="ignore", invalid="ignore")
def _signed(a: Any, b: Any, axis: Any, keepdims: bool) -> Any:
    return sc.logsumexp(a, axis=axis, b=b, keepdims=keepdims, return_sign=True)


_sign = op(
    "scipy.special.logsumexp_sign",
    lambda a, b, axis, keepdims: _signed(a, b, axis, keepdims)[1],
    shape=_weighted_shape,
    vjp={"a": ZERO, "b": ZERO},
    jvp={"a": ZERO, "b": ZERO},
    inputs="a b",
    statics=STATICS,
    doc="Return the sign of sum(b exp(a)).",
)


@in_errstate(over="ignore", divide="ignore", invalid="ignore")
def _shares(a: Any, b: Any, axis: Any) -> Any:
    """Return exp(a) / sum(b exp(a)); of several infinities with a weight each has the same part."""
    a, b = np.broadcast_arrays(a, b)
    top = np.max(np.where(b == 0, -np.inf, a), axis=axis, keepdims=True, initial=-np.inf)
    e = np.exp(np.where(top == np.inf, np.log(a == top, dtype=top.dtype), a - np.where(np.isinf(top), 0, top)))
    return np.where(e == 0, 0, e / np.sum(b * np.where(b == 0, 0, e), axis=axis, keepdims=True))


def _shares_by_exponent(g: Any, out: Any, b: Any, axis: Any, times: Function) -> Any:
    h = times(g, out)
    return h - times(np.sum(h, axis=axis, keepdims=True), _weigh(b, out))


def _weigh(b: Any, shares: Any) -> Any:
    return b * np.where(b == 0, 0, shares)  # what weighs nothing takes no part, whatever its size


_weighted_shares: Op = op(
    "scipy.special.logsumexp_shares",
    _shares,
    shape=lambda a, b, axis: (np.broadcast_shapes(a.shape, b.shape), np.result_type(a.dtype, b.dtype)),
    vjp={
        "a": _shares_by_exponent,
        "b": lambda g, out, axis: -out * np.sum(g * out, axis=axis, keepdims=True),
    },
    jvp={
        "a": lambda t, out, b, axis: out * (t - np.sum(_weigh(b, out) * t, axis=axis, keepdims=True)),
        "b": lambda t, out, axis: -out * np.sum(t * out, axis=axis, keepdims=True),
    },
    inputs="a b",
    statics={"axis": None},
    doc="Return exp(a) / sum(b exp(a)), the derivative of log|sum(b exp(a))| by b.",
)


def _spread(g: Any, a: Any, b: Any, axis: Any, keepdims: bool) -> Any:
    return spread(g, np.broadcast_shapes(a.shape, b.shape), axis, keepdims)


_logsumexp: Op = op(
    "scipy.special.logsumexp",
    lambda a, b, axis, keepdims: _signed(a, b, axis, keepdims)[0],
    shape=_weighted_shape,
    vjp={
        "a": lambda g, a, b, axis, keepdims, times: times(
            _spread(g, a, b, axis, keepdims), _weigh(b, _weighted_shares(a, b, axis=axis))
        ),
        "b": lambda g, a, b, axis, keepdims, times: times(
            _spread(g, a, b, axis, keepdims), _weighted_shares(a, b, axis=axis)
        ),
    },
    jvp={
        "a": lambda t, a, b, axis, keepdims, times: np.sum(
            times(t, _weigh(b, _weighted_shares(a, b, axis=axis))), axis=axis, keepdims=keepdims
        ),
        "b": lambda t, a, b, axis, keepdims, times: np.sum(
            times(t, _weighted_shares(a, b, axis=axis)), axis=axis, keepdims=keepdims
        ),
    },
    inputs="a b",
    statics=STATICS,
    doc="Return log|sum(b exp(a))| along axes, without overflow.",
)


@declare_on_nodes(sc.logsumexp)
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> NodeOrArray | tuple[NodeOrArray, NodeOrArray]:
    """Return log(sum(b exp(a))) without overflow, as `scipy.special.logsumexp`.

    Parameters
    ----------
    a, b
        Real exponents and weights (all 1 by default), which broadcast.
    axis, keepdims
        As of `numpy.sum`.
    return_sign
        Return the pair of log|sum(b exp(a))| and the sign of the sum; without it a negative sum is nan.

    Examples
    --------
    >>> import lazygrad as lg
    >>> a = lg.parameter([1000.0, 1000.0])
    >>> lg.gradient(logsumexp(a, b=[1.0, 3.0]), a)
    array([0.25, 0.75])
    """
    if b is None and not return_sign:
        return ops.logsumexp(a, axis=axis, keepdims=keepdims)
    weights = 1.0 if b is None else np.asarray(b) if isinstance(b, (list, tuple)) else b
    axis = axis if np.ndim(a) or np.ndim(weights) else None  # of one number nothing is reduced
    out = _logsumexp(a, weights, axis=axis, keepdims=keepdims)
    sign = _sign(a, weights, axis=axis, keepdims=keepdims)
    return (out, sign) if return_sign else np.where(sign < 0, np.nan, out)


@declare_on_nodes(sc.softmax)
def softmax(x: Operand, axis: Axis = None) -> NodeOrArray:
    """Return exp(x) / sum(exp(x)) along axes, all by default, as `scipy.special.softmax`.

    Examples
    --------
    >>> softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    return ops.softmax(x, axis=axis)


@declare_on_nodes(sc.log_softmax)
def log_softmax(x: Operand, axis: Axis = None) -> NodeOrArray:
    """Return log(softmax(x)) along axes, all by default, as `scipy.special.log_softmax`.

    Examples
    --------
    >>> log_softmax([0.0, 0.0]).round(4)
    array([-0.6931, -0.6931])
    """
    return ops.log_softmax(x, axis=axis)
