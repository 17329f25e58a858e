"""Values kept within bounds, and replaced where they are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._declare import elementwise, function, op, result_dtype
from .._node import Node
from .._op import Op
from .arithmetic import NUMBERS, at_least, at_most, bounded, where

__all__ = ["clip", "fmax", "fmin", "nan_to_num", "within"]

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


def _needed(bound: Any, dtype: np.dtype[Any], kind: str) -> Any:
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
