"""The larger and the smaller of two; values kept within bounds, and replaced where they are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._graph.node import Node
from .._graph.types import DType
from ._declare import elementwise, function, op, result_dtype
from ._op import Op, Signature
from .arithmetic import NUMBERS, chosen, where

__all__ = ["at_least", "at_most", "bounded", "clip", "fmax", "fmin", "maximum", "minimum", "nan_to_num", "within"]

# -- the larger or smaller ---------------------------------------------------------------------------


def _by_larger(g: Any, x: Any, y: Any) -> Any:
    return np.where(x > y, g, np.where(x == y, 0.5 * g, 0))


def _by_smaller(g: Any, x: Any, y: Any) -> Any:
    return np.where(x < y, g, np.where(x == y, 0.5 * g, 0))


maximum = elementwise(
    "maximum",
    np.maximum,
    inputs="x y",
    vjp={"x": _by_larger, "y": lambda g, y, x: _by_larger(g, y, x)},
    jvp={"x": _by_larger, "y": lambda t, y, x: _by_larger(t, y, x)},
    doc="The larger of two arrays; a tie splits the derivative evenly.\n\n"
    ">>> maximum(1.0, 2.0), lg.grad(maximum, argnums=(0, 1))(2.0, 2.0)\n"
    "(np.float64(2.0), (array(0.5), array(0.5)))",
)

minimum = elementwise(
    "minimum",
    np.minimum,
    inputs="x y",
    vjp={"x": _by_smaller, "y": lambda g, y, x: _by_smaller(g, y, x)},
    jvp={"x": _by_smaller, "y": lambda t, y, x: _by_smaller(t, y, x)},
    doc="The smaller of two arrays; a tie splits the derivative evenly.\n\n"
    ">>> minimum(1.0, 2.0), lg.grad(minimum, argnums=(0, 1))(2.0, 2.0)\n"
    "(np.float64(1.0), (array(0.5), array(0.5)))",
)


def bounded(function: Any) -> Any:
    """Infer the result of a function of an array and numbers as bounds."""

    def infer(x: Node, **bounds: Any) -> Signature:
        if x.dtype.kind == "f" and all(b.__class__ is float or b.__class__ is int for b in bounds.values()):
            return x.shape, x.dtype  # plain numbers change no float's dtype
        return x.shape, function(np.ones(1, x.dtype), *bounds.values()).dtype

    return infer


def _above(g: Any, out: Any, bound: float) -> Any:
    return chosen(g, out > bound)


def _below(g: Any, out: Any, bound: float) -> Any:
    return chosen(g, out < bound)


at_least = op(
    "at_least",
    lambda x, bound: np.maximum(x, bound),
    shape=bounded(np.maximum),
    vjp={"x": _above},
    jvp={"x": _above},
    statics={"bound": 0},
    pointwise=True,
    doc="maximum(x, bound) for a number: the derivative at the bound is 0, as for relu and clip.\n\n"
    ">>> at_least(np.array([-1.0, 2.0]), bound=0), lg.grad(at_least)(0.0)\n(array([0., 2.]), array(0.))",
)

at_most = op(
    "at_most",
    lambda x, bound: np.minimum(x, bound),
    shape=bounded(np.minimum),
    vjp={"x": _below},
    jvp={"x": _below},
    statics={"bound": 0},
    pointwise=True,
    doc="minimum(x, bound) for a number: the derivative at the bound is 0, as for clip.\n\n"
    ">>> at_most(np.array([-1.0, 2.0]), bound=1), lg.grad(at_most)(0.0)\n(array([-1.,  1.]), array(0.))",
)


def _bound(op: Op, bounded: Op) -> Any:
    """maximum or minimum; against a number it is a bound, with relu's derivative at the tie."""

    def call(x: Any, y: Any) -> Any:
        if isinstance(y, NUMBERS):
            return bounded.on_nodes((x,), {"bound": y})
        if isinstance(x, NUMBERS):
            return bounded.on_nodes((y,), {"bound": x})
        return op(x, y)

    return call


function(np.maximum)(_bound(maximum, at_least))
function(np.minimum)(_bound(minimum, at_most))

# -- the larger or smaller, passing over nan ---------------------------------------------------------


def _larger(g: Any, x: Any, y: Any) -> Any:
    return _won(g, x, y, x > y)


def _smaller(g: Any, x: Any, y: Any) -> Any:
    return _won(g, x, y, x < y)


def _won(g: Any, x: Any, y: Any, before: Any) -> Any:
    """All of g where x is chosen, half of it at a tie; nan is chosen only against nan."""
    no_x, no_y = np.isnan(x), np.isnan(y)
    return np.where(before + no_y * (no_x == 0), g, np.where((x == y) + no_x * no_y, 0.5 * g, 0))


def _extreme(ufunc: Any, rule: Any, bound: Op, word: str) -> Op:
    rules = {"x": rule, "y": lambda g, y, x: rule(g, y, x)}
    name = ufunc.__name__
    doc = f"The {word} of two arrays, passing over nan; a tie splits the derivative evenly."
    made = elementwise(name, ufunc, inputs="x y", vjp=rules, jvp=rules, doc=doc)

    def call(x: Any, y: Any) -> Any:
        if isinstance(x, NUMBERS):
            x, y = y, x
        if not isinstance(y, NUMBERS):
            return made(x, y)
        if y != y:  # a bound of nan is none
            return x.astype(result_dtype(ufunc, x.dtype, np.dtype(float))) if x.dtype.kind in "biu" else x
        return where(np.isnan(x), y, bound.on_nodes((x,), {"bound": y}))

    call.__name__, call.__doc__ = name, doc
    function(ufunc)(call)
    return made


fmax = _extreme(np.fmax, _larger, at_least, "larger")
fmin = _extreme(np.fmin, _smaller, at_most, "smaller")

# -- clip ------------------------------------------------------------------------------------------


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, low, high)


def _inside(g: Any, x: Any, low: Any, high: Any) -> Any:
    return np.where((x > low) * (x < high), g, 0)


within = op(
    "within",
    _clip,
    shape=bounded(np.clip),
    vjp={"x": _inside},
    jvp={"x": _inside},
    statics={"low": 0, "high": 1},
    pointwise=True,
    doc="x between two numbers; the derivative at a bound is 0, as for relu.",
)


def _needed(bound: Any, dtype: DType, kind: str) -> Any:
    """The bound, or None if no value of that dtype is beyond it (NumPy takes any integer as a bound of integers)."""
    if dtype.kind in "iu" and bound.__class__ is int:
        end = int(getattr(np.iinfo(dtype), kind))
        return None if (bound < end if kind == "min" else bound > end) else bound
    return bound


@function(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """The values, kept within bounds.

    The derivative at a number as bound is 0, as for relu; a tie with an array or node splits it evenly.
    """
    if (min is not None or max is not None) and (a_min is not None or a_max is not None):
        raise ValueError("np.clip takes either `a_min` and `a_max` or `min` and `max`")
    low, high = (a_min, a_max) if min is None and max is None else (min, max)
    if isinstance(a, Node):
        low, high = _needed(low, a.dtype, "min"), _needed(high, a.dtype, "max")
        if isinstance(low, NUMBERS) and isinstance(high, NUMBERS):
            return within.on_nodes((a,), {"low": low, "high": high})
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


# -- not a number ------------------------------------------------------------------------------------


def _where_finite(g: Any, x: Any) -> Any:
    return np.where(np.isfinite(x), g, 0)


finite_or = op(
    "finite_or",
    lambda x, nan, posinf, neginf: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    shape=lambda x, nan, posinf, neginf: (x.shape, x.dtype),
    vjp={"x": _where_finite},
    jvp={"x": _where_finite},
    statics={"nan": 0.0, "posinf": None, "neginf": None},
    pointwise=True,
    doc="x with numbers in the place of nan and infinities, where the derivative is 0.",
)


@function(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """The values, with numbers in the place of nan and infinities; the derivative is 0 there."""
    numbers = {"nan": nan, "posinf": posinf, "neginf": neginf}
    if x.dtype.kind == "c":
        return finite_or(np.real(x), **numbers) + 1j * finite_or(np.imag(x), **numbers)
    return finite_or(x, **numbers)
