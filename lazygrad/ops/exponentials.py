"""Sums of exponentials, and the shares that their terms have."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, NodeOrArray
from .._graph.quiet import in_errstate
from .._graph.types import Axis, Function, Signature
from .._graph.types import both as np
from ._declare import op
from ._rule import ZERO
from .linear import infer_reduction, spread
from .reduce import AXES

__all__ = ["as_floating", "exponential_shares", "exponentials", "log_total", "logsumexp", "refuse_complex"]


def as_floating(x: NodeOrArray) -> NodeOrArray:
    """Return the array itself, or integers as floats before a difference of them can wrap around."""
    return x if x.dtype.kind == "f" else refuse_complex(x).astype(float)


def refuse_complex(x: NodeOrArray) -> NodeOrArray:
    """Return real numbers as they are; the largest of complex ones, which is to be taken out, is none of theirs."""
    if x.dtype.kind == "c":
        raise TypeError(
            f"there are no shares of complex numbers, of which none is the largest (dtype {x.dtype}): take their "
            f"`.real` or `abs`, or write `np.log(np.sum(np.exp(x)))` for the logarithm of a sum"
        )
    return x


def _infer_total(x: Node, axis: Any, keepdims: bool) -> Signature:
    return infer_reduction(np.mean)(refuse_complex(x), axis, keepdims)


def exponentials(x: NodeOrArray, axis: Axis) -> tuple[NodeOrArray, NodeOrArray]:
    """Return exp(x - peak), which does not overflow, and the peak: the maximum, but finite."""
    x = as_floating(x)
    most = float(np.finfo(x.dtype).max)
    peak = np.minimum(x.max(axis=axis, keepdims=True, initial=-most), most)
    return np.exp(x - peak), peak


@in_errstate(divide="ignore")
def log_total(x: NodeOrArray, axis: Axis) -> tuple[NodeOrArray, NodeOrArray]:
    """Return the logarithm of the sum of `exponentials`, and the peak; their sum would lose it beside a large peak."""
    e, peak = exponentials(x, axis)
    return np.log(np.add.reduce(e, axis=axis, keepdims=True)), peak


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    log, peak = log_total(x, axis)
    total = log + peak
    return total if keepdims else np.squeeze(total, axis=axis)


@in_errstate(divide="ignore")
def _exponential_shares(x: Any, total: Any, axis: Any) -> Any:
    if np.isfinite(total).all():
        e = np.exp(x - total)
    else:  # of several +inf each has the same share; where all is -inf nothing has any
        infinite = np.isinf(total)
        chosen = np.log((x == total) & (total > 0), dtype=total.dtype)
        e = np.exp(np.where(infinite, chosen, x - np.where(infinite, 0, total)))
    among = np.add.reduce(e, axis=axis, keepdims=True)
    return e / np.where(among == 0, 1, among)


def _shares_rule(g: Any, out: Any, axis: Any, times: Function) -> Any:
    h = times(g, out)
    return h - times(np.sum(h, axis=axis, keepdims=True), out)


exponential_shares = op(
    "exponential_shares",
    _exponential_shares,
    shape=lambda x, total, axis: (x.shape, total.dtype),
    vjp={"x": _shares_rule, "total": ZERO},
    jvp={"x": _shares_rule, "total": ZERO},
    inputs="x total",
    statics={"axis": None},
    doc="Return exp(x - total) over its sum: shares that add up to 1, though the total is rounded.",
)


def _softness(x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    return exponential_shares(x, spread(out, x.shape, axis, keepdims), axis=axis)


logsumexp = op(
    "logsumexp",
    _logsumexp,
    shape=_infer_total,
    vjp={
        "x": lambda g, x, out, x_shape, axis, keepdims, times: times(
            spread(g, x_shape, axis, keepdims), _softness(x, out, axis, keepdims)
        )
    },
    jvp={
        "x": lambda t, x, out, axis, keepdims, times: np.sum(
            times(t, _softness(x, out, axis, keepdims)), axis=axis, keepdims=keepdims
        )
    },
    statics=AXES,
    doc="Return log(sum(exp(x))) without overflow; its derivative is softmax.\n\n"
    ">>> logsumexp(np.array([0.0, 1000.0]))\narray(1000.)",
)
