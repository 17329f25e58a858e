"""Absolute values and signs, element by element: their derivative at 0 is 0."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, NodeOrArray
from .._graph.types import Function
from .._graph.types import both as np
from ._declare import elementwise, function
from ._kinks import over_kink, pull_absolute, pull_kink, push_absolute
from ._limits import find_slope
from ._rule import ZERO

__all__ = ["absolute", "copysign", "fabs", "sign"]

sign = elementwise(
    "sign",
    np.sign,
    vjp={"x": ZERO},
    jvp={"x": ZERO},
    doc="Return -1, 0 or 1.\n\n>>> sign(np.array([-2.0, 0.0, 3.0]))\narray([-1.,  0.,  1.])",
)


@function(np.sign)
def sign_or_phase(x: NodeOrArray) -> NodeOrArray:
    """Return -1, 0 or 1; for complex numbers x / |x|, and 0 at 0."""
    if x.dtype.kind != "c":
        return sign(x)
    size = np.absolute(x)
    return np.where(size == 0, 0, x / np.where(size == 0, 1, size))


def _multiply_by_sign(g: Any, x: Any, times: Function) -> Any:
    """Multiply by the sign of x, or for complex numbers by the conjugate of the phase."""
    return times(g, np.conjugate(np.sign(x)) if x.dtype.kind == "c" else np.sign(x))


def _absolute_vjp(g: Any, x: Any, label: str, times: Function) -> Any:
    found = pull_absolute(g, x, label)
    return _multiply_by_sign(g, x, times) if found is None else found


def _absolute_jvp(t: Any, x: Any, label: str, times: Function) -> Any:
    if x.dtype.kind != "c":
        pushed = push_absolute(t, x, label)
        return _multiply_by_sign(t, x, times) if pushed is None else pushed
    if isinstance(t, Node):  # with a derivative that is nan at 0
        return over_kink(np.real(np.conjugate(x) * t), np.absolute(x), label=label)
    return np.real(_multiply_by_sign(t, x, times))


absolute = elementwise(
    "absolute",
    abs,
    vjp={"x": _absolute_vjp},
    jvp={"x": _absolute_jvp},
    numpy=(np.absolute,),
    doc="Return |x|; the derivative at 0 is 0.\n\n"
    ">>> absolute(np.array([-2.0, 3.0])), lg.grad(absolute)(0.0)\n(array([2., 3.]), array(0.))",
)


def _fabs_vjp(g: Any, x: Any, label: str, times: Function) -> Any:
    found = pull_absolute(g, x, label, "fabs")
    return _multiply_by_sign(g, x, times) if found is None else found


def _fabs_jvp(t: Any, x: Any, label: str, times: Function) -> Any:
    found = push_absolute(t, x, label, "fabs")
    return _multiply_by_sign(t, x, times) if found is None else found


fabs = elementwise(
    "fabs",
    np.fabs,
    vjp={"x": _fabs_vjp},
    jvp={"x": _fabs_jvp},
    numpy=(np.fabs,),
    doc="Return |x|, for integers as a float.",
)


def _copysign_vjp(g: Any, x: Any, y: Any, out: Any, label: str, times: Function) -> Any:
    h = g * np.copysign(1.0, y)
    slope = find_slope(g, out, x, np.ones(out.shape, out.dtype)) if x.shape == out.shape else None
    return times(h, np.sign(x)) if slope is None else pull_kink(h, x, slope, label=label)


def _copysign_jvp(t: Any, x: Any, y: Any, label: str, times: Function) -> Any:
    found = push_absolute(t, x, label, "copysign")
    return (times(t, np.sign(x)) if found is None else found) * np.copysign(1.0, y)


copysign = elementwise(
    "copysign",
    np.copysign,
    inputs="x y",
    vjp={"x": _copysign_vjp, "y": ZERO},
    jvp={"x": _copysign_jvp, "y": ZERO},
    numpy=(np.copysign,),
    doc="Return |x| with the sign of y.\n\n"
    ">>> copysign(np.array([2.0, 3.0]), np.array([-1.0, 1.0]))\narray([-2.,  3.])",
)
