"""The larger and the smaller of two, values kept within bounds, and numbers in the place of what is not finite."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .._errors import RangeError
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.settings import describe
from .._graph.types import DType, Function
from .._graph.types import both as np
from ._declare import elementwise, function, op, result_dtype
from ._op import Op, Signature
from .arithmetic import NUMBERS, chosen, where

__all__ = ["at_least", "at_most", "clip", "fmax", "fmin", "infer_bounded", "maximum", "minimum", "nan_to_num", "within"]

# -- the larger or smaller ---------------------------------------------------------------------------


def check_bound(bound: object) -> object:
    """Return a number as a bound; one too large for a float is an error at once."""
    if bound.__class__ is int and bound.bit_length() > 1023:
        raise RangeError(f"the bound {describe(bound)} does not fit into a float")
    return bound


def _declare_choice(ufunc: Any, wins: Callable[..., Any], word: str, found: str) -> Op:
    """Declare the larger or the smaller of two arrays; `wins` says where the first one is chosen."""
    name = ufunc.__name__

    def by_first(g: Any, x: Any, y: Any) -> Any:
        return np.where(wins(x, y), g, np.where(x == y, 0.5 * g, 0))

    rules = {"x": by_first, "y": lambda g, y, x: by_first(g, y, x)}
    example = (
        f">>> {name}(1.0, 2.0), lg.grad({name}, argnums=(0, 1))(2.0, 2.0)\n"
        f"(np.float64({found}), (array(0.5), array(0.5)))"
    )
    doc = f"Return the {word} of two arrays; a tie splits the derivative evenly.\n\n{example}"
    return elementwise(name, ufunc, inputs="x y", vjp=rules, jvp=rules, selects=True, doc=doc)


maximum = _declare_choice(np.maximum, operator.gt, "larger", "2.0")
minimum = _declare_choice(np.minimum, operator.lt, "smaller", "1.0")


def infer_bounded(function: Function) -> Callable[..., Signature]:
    """Return an inference for a function of an array and numbers as bounds."""

    def infer(x: Node, **bounds: Any) -> Signature:
        if x.dtype.kind == "f" and all(b.__class__ is float or b.__class__ is int for b in bounds.values()):
            return x.shape, x.dtype  # plain numbers change no float's dtype
        return x.shape, function(np.ones(1, x.dtype), *bounds.values()).dtype

    return infer


def _declare_bound(name: str, choice: Op, wins: Callable[..., Any], kin: str, example: str) -> Op:
    """Declare the choice between an array and a number, and so what NumPy's choice of two is on nodes."""

    def rule(g: Any, out: Any, bound: float) -> Any:
        return chosen(g, wins(out, bound))

    of_two: Any = choice.function
    bound = op(
        name,
        lambda x, bound: of_two(x, bound),
        shape=infer_bounded(of_two),
        vjp={"x": rule},
        jvp={"x": rule},
        statics={"bound": 0},
        pointwise=True,
        selects=True,
        doc=f"Return {choice.name}(x, bound) for a number: the derivative at the bound is 0, as for {kin}.\n\n"
        f"{example}",
    )

    def call(x: Any, y: Any) -> Any:
        if isinstance(y, NUMBERS):
            return bound.on_nodes((x,), {"bound": check_bound(y)})
        if isinstance(x, NUMBERS):
            return bound.on_nodes((y,), {"bound": check_bound(x)})
        return choice(x, y)

    call.__doc__ = f"Return the {choice.name}; against a number it is a bound, with relu's derivative at the tie."
    function(of_two)(call)
    return bound


at_least = _declare_bound(
    "at_least",
    maximum,
    operator.gt,
    "relu and clip",
    ">>> at_least(np.array([-1.0, 2.0]), bound=0), lg.grad(at_least)(0.0)\n(array([0., 2.]), array(0.))",
)
at_most = _declare_bound(
    "at_most",
    minimum,
    operator.lt,
    "clip",
    ">>> at_most(np.array([-1.0, 2.0]), bound=1), lg.grad(at_most)(0.0)\n(array([-1.,  1.]), array(0.))",
)

# -- the larger or smaller, passing over nan ---------------------------------------------------------


def _share_of_first(g: Any, x: Any, y: Any, wins: Callable[..., Any]) -> Any:
    """Return all of g where x is chosen and half of it at a tie; nan is chosen only against nan."""
    no_x, no_y = np.isnan(x), np.isnan(y)
    return np.where(wins(x, y) + no_y * (no_x == 0), g, np.where((x == y) + no_x * no_y, 0.5 * g, 0))


def _declare_extreme(ufunc: Any, wins: Callable[..., Any], bound: Op, word: str) -> Op:
    """Declare the larger or the smaller of two arrays, passing over nan; `wins` says where the first is chosen."""
    rules = {"x": lambda g, x, y: _share_of_first(g, x, y, wins), "y": lambda g, y, x: _share_of_first(g, y, x, wins)}
    name = ufunc.__name__
    doc = f"Return the {word} of two arrays, passing over nan; a tie splits the derivative evenly."
    made = elementwise(name, ufunc, inputs="x y", vjp=rules, jvp=rules, selects=True, doc=doc)

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


fmax = _declare_extreme(np.fmax, operator.gt, at_least, "larger")
fmin = _declare_extreme(np.fmin, operator.lt, at_most, "smaller")

# -- clip ------------------------------------------------------------------------------------------


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, low, high)


def _inside(g: Any, x: Any, low: Any, high: Any) -> Any:
    return np.where((x > low) * (x < high), g, 0)


within = op(
    "within",
    _clip,
    shape=infer_bounded(np.clip),
    vjp={"x": _inside},
    jvp={"x": _inside},
    statics={"low": 0, "high": 1},
    pointwise=True,
    selects=True,
    doc="Return x kept between two numbers; the derivative at a bound is 0, as for relu.",
)


def _drop_useless_bound(bound: Any, dtype: DType, kind: str) -> Any:
    """Return the bound, or None if no value of the dtype is beyond it (NumPy bounds integers by any integer)."""
    if dtype.kind in "iu" and bound.__class__ is int:
        end = int(getattr(np.iinfo(dtype), kind))
        return None if (bound < end if kind == "min" else bound > end) else bound
    return bound


@function(np.clip)
def clip(
    a: Operand,
    a_min: Operand | None = None,
    a_max: Operand | None = None,
    *,
    min: Operand | None = None,
    max: Operand | None = None,
) -> Operand:
    """Return the values kept within bounds.

    The derivative at a number as bound is 0, as for relu; a tie with an array or node splits it evenly.
    """
    if (min is not None or max is not None) and (a_min is not None or a_max is not None):
        raise ValueError("np.clip takes either `a_min` and `a_max` or `min` and `max`")
    low, high = (a_min, a_max) if min is None and max is None else (min, max)
    if isinstance(a, Node):
        low, high = _drop_useless_bound(low, a.dtype, "min"), _drop_useless_bound(high, a.dtype, "max")
        if isinstance(low, NUMBERS) and isinstance(high, NUMBERS):
            return within.on_nodes((a,), {"low": check_bound(low), "high": check_bound(high)})
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
    selects=True,
    doc="Return x with numbers in the place of nan and infinities, where the derivative is 0.",
)


@function(np.nan_to_num)
def nan_to_num(
    x: NodeOrArray,
    copy: bool = True,
    nan: Operand = 0.0,
    posinf: Operand | None = None,
    neginf: Operand | None = None,
) -> NodeOrArray:
    """Return the values with numbers in the place of nan and infinities; the derivative is 0 there."""
    numbers = {"nan": nan, "posinf": posinf, "neginf": neginf}
    if x.dtype.kind == "c":
        return finite_or(np.real(x), **numbers) + 1j * finite_or(np.imag(x), **numbers)
    return finite_or(x, **numbers)
