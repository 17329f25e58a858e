"""Exponentials, logarithms, roots and circular functions, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._declare import elementwise
from .arithmetic import guarded_divide, guarded_multiply

__all__ = ["cos", "exp", "log", "sigmoid", "sin", "sqrt", "tanh"]

exp = elementwise(
    "exp",
    np.exp,
    vjp={"x": lambda g, out: guarded_multiply(g, out)},  # out may be inf where `where` does not look
    jvp={"x": lambda t, out: guarded_multiply(t, out)},
    numpy=(np.exp,),
    doc="e ** x.",
)

log = elementwise(
    "log",
    np.log,
    vjp={"x": lambda g, x: guarded_divide(g, x)},
    jvp={"x": lambda t, x: guarded_divide(t, x)},
    numpy=(np.log,),
    doc="The natural logarithm.",
)

sqrt = elementwise(
    "sqrt",
    np.sqrt,
    vjp={"x": lambda g, out: guarded_divide(0.5 * g, out)},
    jvp={"x": lambda t, out: guarded_divide(0.5 * t, out)},
    numpy=(np.sqrt,),
    doc="The square root; its derivative at 0 is inf.",
)

sin = elementwise("sin", np.sin, partial={"x": lambda x: np.cos(x)}, numpy=(np.sin,), doc="sin x.")

cos = elementwise("cos", np.cos, partial={"x": lambda x: -np.sin(x)}, numpy=(np.cos,), doc="cos x.")

tanh = elementwise(
    "tanh",
    np.tanh,
    vjp={"x": lambda g, out: g * (1 - out * out)},
    jvp={"x": lambda t, out: t * (1 - out * out)},
    numpy=(np.tanh,),
    doc="The hyperbolic tangent (Stratos H: tanh; J = diag(1 - tanh(x)^2)).",
)


def _sigmoid(x: Any) -> Any:
    return np.exp(-np.logaddexp(0.0, 0.0 - x))  # no overflow on either side, and exact in the tail


sigmoid = elementwise(
    "sigmoid",
    _sigmoid,
    vjp={"x": lambda g, out: g * (out * (1 - out))},
    jvp={"x": lambda t, out: t * (out * (1 - out))},
    doc="1 / (1 + exp(-x)) (Stratos H: logit; J = diag(logit(x) (1 - logit(x)))).",
)
