"""Functions whose derivatives of every order are known integrals: sinc, and the Bessel function I0.

One op stands for all derivatives of a function; its static `order` says which.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._graph.types import Function
from .._graph.types import both as np
from ._declare import op, result_dtype
from ._op import Op

__all__ = ["i0", "sinc"]


def _declare_of_order(name: str, function: Callable[..., Any], numpy: Callable[..., Any], doc: str) -> Op:
    """Declare an op with the static `order`, whose derivative is itself at the next order."""

    def rule(g: Any, x: Any, order: int, times: Function) -> Any:
        return times(g, made(x, order=order + 1))

    made: Op = op(
        name,
        lambda x, order: function(x, order) if order else numpy(x),
        shape=lambda x, order: (x.shape, result_dtype(numpy, x.dtype)),
        vjp={"x": rule},
        jvp={"x": rule},
        statics={"order": 0},
        doc=doc,
        numpy=(numpy,),
        pointwise=True,
    )
    return made


def _sinc_near(u: Any, order: int) -> Any:
    """Sum the Taylor series of (sin u / u)^(k), the integral of t^k cos^(k)(u t) over t from 0 to 1."""
    total: Any = 0.0
    degrees = range(order % 2, 28 + 3 * order, 2)
    for m in reversed(degrees):
        total = total * (u * u) + (-1) ** ((order + m) // 2) / (math.factorial(m) * (order + m + 1))
    return total * u if order % 2 else total


def _sinc_far(u: Any, order: int) -> Any:
    """Differentiate u * (sin u / u) = sin u for (sin u / u)^(k); stable where |u| is larger than the order."""
    circle = (np.sin(u), np.cos(u))
    value = circle[0] / u
    for k in range(1, order + 1):
        value = ((-1) ** (k // 2) * circle[k % 2] - k * value) / u
    return value


def _sinc(x: Any, order: int) -> Any:
    u = math.pi * x
    near = np.abs(u) <= 1 + order
    value = np.where(near, _sinc_near(np.where(near, u, 0), order), _sinc_far(np.where(near, 1, u), order))
    return math.pi**order * value


sinc = _declare_of_order("sinc", _sinc, np.sinc, "Return sin(pi x) / (pi x), or one of its derivatives.")


NODES = 64  # enough for all x with a finite value: the error falls as exp(-(4 * NODES)^2 / 2x)


def _i0(x: Any, order: int) -> Any:
    """Return the mean of cos(t)^k e^(x cos t) over the circle, by the midpoint rule; no term has the other sign."""
    wave = np.sinh if order % 2 else np.cosh
    total: Any = 0.0
    for j in range(NODES):
        c = math.cos((j + 0.5) * math.pi / (2 * NODES))
        total = total + c**order / NODES * wave(c * x)
    return total


i0 = _declare_of_order(
    "i0", _i0, np.i0, "Return the modified Bessel function of the first kind of order 0, or one of its derivatives."
)
