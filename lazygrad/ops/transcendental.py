"""Exponentials, logarithms, roots, circular and hyperbolic functions, element by element.

The rules are those of holomorphic functions, g f'(x), so they serve complex numbers as they stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._graph.node import Node
from .._graph.types import Function
from .._graph.types import both as np
from ._declare import elementwise
from ._guards import set_aside
from ._kinks import divide_by_size, multiply_kink, over_kink
from ._limits import find_original
from ._op import Op

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "cos",
    "cosh",
    "deg2rad",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "sigmoid",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]


def _declare_unary(ufunc: Any, rule: Callable[..., Any], doc: str, *aliases: Any) -> Op:
    """Declare one of NumPy's functions of one argument; its rule maps adjoints and tangents alike."""
    return elementwise(ufunc.__name__, ufunc, vjp={"x": rule}, jvp={"x": rule}, numpy=(ufunc, *aliases), doc=doc)


# -- exponentials, logarithms, roots ---------------------------------------------------------------

LN2, LN10 = math.log(2), math.log(10)

exp = _declare_unary(
    np.exp,
    lambda g, out, times: times(g, out),
    "Return e ** x.\n\n>>> exp(np.array([0.5, 2.0])).round(4)\narray([1.6487, 7.3891])",
)
exp2 = _declare_unary(
    np.exp2,
    lambda g, out, times: times(g, LN2 * out),
    "Return 2 ** x.\n\n>>> exp2(np.array([0.5, 2.0])).round(4)\narray([1.4142, 4.    ])",
)
expm1 = _declare_unary(
    np.expm1,
    lambda g, x, times: times(g, np.exp(x)),
    "Return e ** x - 1, accurate near 0.\n\n>>> expm1(np.array([0.5, 2.0])).round(4)\narray([0.6487, 6.3891])",
)
log = _declare_unary(
    np.log,
    lambda g, x, over: over(g, x),
    "Return the natural logarithm.\n\n>>> log(np.array([0.5, 2.0])).round(4)\narray([-0.6931,  0.6931])",
)
log2 = _declare_unary(
    np.log2,
    lambda g, x, over: over(g, LN2 * x),
    "Return the logarithm to base 2.\n\n>>> log2(np.array([0.5, 2.0])).round(4)\narray([-1.,  1.])",
)
log10 = _declare_unary(
    np.log10,
    lambda g, x, over: over(g, LN10 * x),
    "Return the logarithm to base 10.\n\n>>> log10(np.array([0.5, 2.0])).round(4)\narray([-0.301,  0.301])",
)
log1p = _declare_unary(
    np.log1p,
    lambda g, x, over: over(g, 1 + x),
    "Return log(1 + x), accurate near 0.\n\n>>> log1p(np.array([0.5, 2.0])).round(4)\narray([0.4055, 1.0986])",
)
sqrt = _declare_unary(
    np.sqrt,
    lambda g, out, over: over(0.5 * g, out),
    "Return the square root; its derivative at 0 is inf.\n\n"
    ">>> sqrt(np.array([0.5, 2.0])).round(4)\narray([0.7071, 1.4142])",
)
cbrt = _declare_unary(
    np.cbrt,
    lambda g, out, over: over(g, 3 * out * out),
    "Return the cube root; its derivative at 0 is inf.\n\n"
    ">>> cbrt(np.array([0.5, 2.0])).round(4)\narray([0.7937, 1.2599])",
)

# -- circular functions ----------------------------------------------------------------------------


def _root_beside_one(x: Any) -> Any:
    """Return sqrt(1 + x^2), without overflow for real numbers."""
    return np.sqrt(1 + x * x) if x.dtype.kind == "c" else np.hypot(1.0, x)


one_minus_square = elementwise(
    "one_minus_square",
    lambda x: (1 - x) * (1 + x),
    partial={"x": lambda x: -2 * x},
    doc="Return 1 - x^2, accurate near 1, where the product by itself would give inf - inf as a later derivative.",
)

sin = _declare_unary(
    np.sin,
    lambda g, x, times: times(g, np.cos(x)),
    "Return sin x.\n\n>>> sin(np.array([0.5, 2.0])).round(4)\narray([0.4794, 0.9093])",
)
cos = _declare_unary(
    np.cos,
    lambda g, x, times: times(-g, np.sin(x)),
    "Return cos x.\n\n>>> cos(np.array([0.5, 2.0])).round(4)\narray([ 0.8776, -0.4161])",
)
tan = _declare_unary(
    np.tan,
    lambda g, out, times: times(g, 1 + out * out),
    "Return tan x.\n\n>>> tan(np.array([0.5, 2.0])).round(4)\narray([ 0.5463, -2.185 ])",
)
arcsin = _declare_unary(
    np.arcsin,
    lambda g, x, over: over(g, np.sqrt(one_minus_square(x))),
    "Return the angle of a sine; its derivative is inf at the ends.\n\n"
    ">>> arcsin(np.array([0.0, 0.5])).round(4)\narray([0.    , 0.5236])",
)
arccos = _declare_unary(
    np.arccos,
    lambda g, x, over: -over(g, np.sqrt(one_minus_square(x))),
    "Return the angle of a cosine; its derivative is -inf at the ends.\n\n"
    ">>> arccos(np.array([0.0, 0.5])).round(4)\narray([1.5708, 1.0472])",
)


def _by_tangent(g: Any, x: Any, over: Function) -> Any:
    root = _root_beside_one(x)
    return over(over(g, root), root)


arctan = _declare_unary(
    np.arctan,
    _by_tangent,
    "Return the angle of a tangent.\n\n>>> arctan(np.array([0.0, 0.5])).round(4)\narray([0.    , 0.4636])",
)
deg2rad = _declare_unary(
    np.deg2rad,
    lambda g: np.deg2rad(g),
    "Convert degrees to radians.\n\n>>> deg2rad(np.array([90.0, 180.0])).round(4)\narray([1.5708, 3.1416])",
    np.radians,
)
rad2deg = _declare_unary(
    np.rad2deg,
    lambda g: np.rad2deg(g),
    "Convert radians to degrees.\n\n>>> rad2deg(np.array([0.0, np.pi]))\narray([  0., 180.])",
    np.degrees,
)

# -- hyperbolic functions --------------------------------------------------------------------------

sinh = _declare_unary(
    np.sinh,
    lambda g, x, times: times(g, np.cosh(x)),
    "Return the hyperbolic sine.\n\n>>> sinh(np.array([0.5, 2.0])).round(4)\narray([0.5211, 3.6269])",
)
cosh = _declare_unary(
    np.cosh,
    lambda g, x, times: times(g, np.sinh(x)),
    "Return the hyperbolic cosine.\n\n>>> cosh(np.array([0.5, 2.0])).round(4)\narray([1.1276, 3.7622])",
)
tanh = _declare_unary(
    np.tanh,
    lambda g, out, times: times(g, 1 - out * out),
    "Return the hyperbolic tangent (Stratos H: tanh; J = diag(1 - tanh(x)^2)).\n\n"
    ">>> tanh(np.array([0.0, 0.5])).round(4)\narray([0.    , 0.4621])",
)
arcsinh = _declare_unary(
    np.arcsinh,
    lambda g, x, over: over(g, _root_beside_one(x)),
    "Return the inverse of sinh.\n\n>>> arcsinh(np.array([0.5, 2.0])).round(4)\narray([0.4812, 1.4436])",
)
arccosh = _declare_unary(
    np.arccosh,
    # The roots of the factors, not of their product: that would be on the wrong branch for complex x.
    lambda g, x, over: over(over(g, np.sqrt(x - 1)), np.sqrt(x + 1)),
    "Return the inverse of cosh; its derivative at 1 is inf.\n\n"
    ">>> arccosh(np.array([1.0, 2.0])).round(4)\narray([0.   , 1.317])",
)
arctanh = _declare_unary(
    np.arctanh,
    lambda g, x, over: over(g, one_minus_square(x)),
    "Return the inverse of tanh; its derivative at 1 is inf.\n\n"
    ">>> arctanh(np.array([0.0, 0.5])).round(4)\narray([0.    , 0.5493])",
)


def _sigmoid(x: Any) -> Any:
    return np.exp(-np.logaddexp(0.0, 0.0 - x))  # no overflow on either side, and exact in the tail


sigmoid = elementwise(
    "sigmoid",
    _sigmoid,
    partial={"x": lambda out: out * (1 - out)},
    doc="Return 1 / (1 + exp(-x)) (Stratos H: logit; J = diag(logit(x) (1 - logit(x)))).\n\n"
    ">>> sigmoid(np.array([0.0, 2.0])).round(4)\narray([0.5   , 0.8808])",
)

# -- of two arguments ------------------------------------------------------------------------------


def _declare_binary(ufunc: Any, by_x: Callable[..., Any], by_y: Callable[..., Any], doc: str) -> Op:
    partial = {"x": by_x, "y": by_y}
    return elementwise(ufunc.__name__, ufunc, inputs="x y", partial=partial, numpy=(ufunc,), doc=doc)


def _over(x: Any, size: Any) -> Any:
    """Return x / size, and 0 with all its derivatives where the size is 0."""
    return np.where(size == 0, 0, x / np.where(size == 0, 1, size))


def _name_legs(x: Any, y: Any) -> str:
    """Return what warnings call a hypot, whichever leg they are about."""
    names = [repr(j.name) for j in map(find_original, (x, y)) if j.name is not None] if isinstance(x, Node) else []
    return f"hypot of {' and '.join(names)}" if names else "hypot"


def _leg(g: Any, x: Any, out: Any, label: str, times: Function) -> Any:
    ratio = divide_by_size(g, set_aside(out, g, times), x, label, out)
    return times(g, _over(x, out)) if ratio is None else multiply_kink(set_aside(x, g, times), ratio)


def _leg_jvp(t: Any, x: Any, out: Any, label: str, times: Function) -> Any:
    return times(t, over_kink(x, out, label=label))


hypot = elementwise(
    "hypot",
    np.hypot,
    inputs="x y",
    vjp={
        "x": lambda g, x, y, out, times: _leg(g, x, out, _name_legs(x, y), times),
        "y": lambda g, x, y, out, times: _leg(g, y, out, _name_legs(x, y), times),
    },
    jvp={
        "x": lambda t, x, y, out, times: _leg_jvp(t, x, out, _name_legs(x, y), times),
        "y": lambda t, x, y, out, times: _leg_jvp(t, y, out, _name_legs(x, y), times),
    },
    numpy=(np.hypot,),
    doc="Return sqrt(x^2 + y^2) without overflow; its derivative at the origin is 0, as the norm's.\n\n"
    ">>> hypot(3.0, 4.0)\nnp.float64(5.0)",
)


def _turn(across: Any, x: Any, y: Any) -> Any:
    size = np.hypot(x, y)
    return _over(_over(across, size), size)


arctan2 = _declare_binary(  # NumPy's x1 is y, its x2 is x
    np.arctan2,
    lambda x, y: _turn(y, x, y),
    lambda x, y: -_turn(x, x, y),
    "Return the angle of the point (y, x); its derivative at the origin is 0.\n\n"
    ">>> arctan2(1.0, np.array([1.0, -1.0])).round(4)\narray([0.7854, 2.3562])",
)


def _share(x: Any, y: Any, scale: float) -> Any:
    """Return e^x / (e^x + e^y), accurate far from zero; of two infinities 1/2, of two impossible ones 0."""
    same = (x == y) * np.isinf(x)
    return sigmoid(scale * (np.where(same * (x > 0), 0, x) - np.where(same, 0, y)))


def _declare_log_add(ufunc: Any, scale: float, doc: str) -> Op:
    return _declare_binary(ufunc, lambda x, y: _share(x, y, scale), lambda x, y: _share(y, x, scale), doc)


logaddexp = _declare_log_add(
    np.logaddexp,
    1.0,
    "Return log(e^x + e^y) without overflow.\n\n"
    ">>> logaddexp(0.0, np.array([0.0, 1000.0])).round(4)\narray([6.931e-01, 1.000e+03])",
)
logaddexp2 = _declare_log_add(
    np.logaddexp2,
    LN2,
    "Return log2(2^x + 2^y) without overflow.\n\n"
    ">>> logaddexp2(0.0, np.array([0.0, 1000.0])).round(4)\narray([   1., 1000.])",
)
