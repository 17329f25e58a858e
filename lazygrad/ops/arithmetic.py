"""Products, quotients, powers and comparisons, element by element."""

from __future__ import annotations

import operator
from typing import Any

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Function
from .._graph.types import both as np
from ._declare import elementwise, function, op, result_dtype
from ._guards import guarded_divide, guarded_multiply, keep_taken, strong_multiply
from ._op import Op, Signature, as_node
from ._rule import BLOCKED, ZERO

__all__ = [
    "NUMBERS",
    "chosen",
    "declare_locally_constant",
    "divide",
    "equal",
    "float_power",
    "greater",
    "greater_equal",
    "guarded_divide",
    "guarded_multiply",
    "keep_taken",
    "less",
    "less_equal",
    "multiply",
    "not_equal",
    "pow",
    "power",
    "reciprocal",
    "strong_multiply",
    "where",
]

NUMBERS = (int, float, complex, np.integer, np.inexact)  # they have no shape and are no nodes


multiply = elementwise(
    "multiply",
    operator.mul,
    inputs="x y",
    vjp={"x": lambda g, y, times: times(g, y), "y": lambda g, x, times: times(g, x)},
    jvp={"x": lambda t, y, times: times(t, y), "y": lambda t, x, times: times(t, x)},
    numpy=(np.multiply,),
    doc="Return x * y (Stratos H: cmult; J = diag of the other factor).\n\n"
    ">>> multiply(np.array([1.0, 2.0]), 3.0)\narray([3., 6.])",
)

divide = elementwise(
    "divide",
    operator.truediv,
    inputs="x y",
    vjp={
        "x": lambda g, y, over: over(g, y),
        "y": lambda g, y, out, times, over: -over(times(g, out), y),
    },
    jvp={
        "x": lambda t, y, over: over(t, y),
        "y": lambda t, y, out, times, over: -over(times(t, out), y),
    },
    numpy=(np.divide,),
    doc="Return x / y.\n\n>>> divide(np.array([1.0, 3.0]), 2.0)\narray([0.5, 1.5])",
)

reciprocal = elementwise(
    "reciprocal",
    np.reciprocal,
    vjp={"x": lambda g, out, times: -times(times(g, out), out)},
    jvp={"x": lambda t, out, times: -times(times(t, out), out)},
    numpy=(np.reciprocal,),
    doc="Return 1 / x.\n\n>>> reciprocal(np.array([2.0, 4.0]))\narray([0.5 , 0.25])",
)

# -- powers ----------------------------------------------------------------------------------------


def _pow_shape(x: Node, n: float) -> Signature:
    sample = np.ones(1, x.dtype) if x.shape else x.dtype.type(1)  # NumPy squares booleans to int8, one alone to int64
    return x.shape, (sample**n).dtype


def _pow_rule(g: Any, x: Any, n: float, times: Function) -> Any:
    if n == 0:
        return guarded_multiply(g.dtype.type(0), g)
    if n == 2:
        return times(g, 2 * x)
    return times(g, n * x ** (n - 1))


pow = op(
    "pow",
    lambda x, n: x**n,
    shape=_pow_shape,
    vjp={"x": _pow_rule},
    jvp={"x": _pow_rule},
    statics={"n": 1},
    pointwise=True,
    doc="Return x ** n for a number n (Stratos H: pow; J = diag(n x^(n-1))); n = 0 has derivative 0 everywhere.\n\n"
    ">>> pow(np.array([1.0, 2.0]), n=3)\narray([1., 8.])",
)


def _power_by_base(g: Any, x: Any, y: Any, times: Function) -> Any:
    return times(g, guarded_multiply(y, x ** np.where((x == 0) * (y == 0), 1, y - 1)))


def _power_by_exponent(g: Any, x: Any, out: Any, times: Function) -> Any:
    return times(g, guarded_multiply(out, np.log(np.where(x == 0, 1, x).astype(out.dtype))))


power = elementwise(
    "power",
    operator.pow,
    inputs="x y",
    vjp={"x": _power_by_base, "y": _power_by_exponent},
    jvp={"x": _power_by_base, "y": _power_by_exponent},
    doc="Return x ** y; its derivative by x is 0 at y = 0, and by y it is 0 at x = 0.\n\n"
    ">>> power(np.array([2.0, 3.0]), np.array([3.0, 2.0]))\narray([8., 9.])",
)


@function(np.power)
def power_or_pow(x: Operand, y: Operand) -> NodeOrArray:
    """Return x ** y; with a number as exponent it is Stratos' pow, whose derivative reads x alone."""
    if isinstance(x, Node) and isinstance(y, NUMBERS):
        if x.dtype.kind == "b" and y.__class__ is int and y == 2:  # whose `** 2` is a square, of another dtype
            return power(x, np.int64(y))
        return pow.on_nodes((x,), {"n": y})
    return power(x, y)


@function(np.float_power)
def float_power(x: Operand, y: Operand) -> NodeOrArray:
    """Return x ** y in at least double precision."""
    dtype = result_dtype(np.float_power, as_node(x).dtype, as_node(y).dtype)
    base = x.astype(dtype) if isinstance(x, Node) else np.asarray(x, dtype)
    if isinstance(y, NUMBERS):
        return power_or_pow(base, dtype.type(y))
    return power(base, y.astype(dtype) if isinstance(y, Node) else np.asarray(y, dtype))


square = elementwise(
    "square",
    np.square,
    vjp={"x": lambda g, x, times: times(g, 2 * x)},
    jvp={"x": lambda t, x, times: times(t, 2 * x)},
    numpy=(np.square,),
    doc="Return x * x.\n\n>>> square(np.array([1.0, -3.0]))\narray([1., 9.])",
)


@function(np.positive)
def positive(x: NodeOrArray) -> NodeOrArray:
    """Return x itself."""
    return x


# -- choice and comparison -------------------------------------------------------------------------

BITS = {np.dtype(np.float64): np.int64, np.dtype(np.float32): np.int32}  # as integers, to keep or clear all at once


def _keep_where(x: Any, condition: Any) -> Any:
    if x.__class__ is not np.ndarray:
        return np.where(condition, x, x.dtype.type(0))[()]
    bits = BITS.get(x.dtype)
    if bits is None or condition.shape != x.shape:
        return np.where(condition, x, x.dtype.type(0))
    keep = np.negative(condition.view(np.int8))  # all bits or none; a choice for each element takes ten times as long
    return np.bitwise_and(x.view(bits), keep).view(x.dtype)


chosen: Op = elementwise(
    "chosen",
    _keep_where,
    inputs="x condition",
    vjp={"x": lambda g, condition: chosen(g, condition), "condition": BLOCKED},
    jvp={"x": lambda t, condition: chosen(t, condition), "condition": BLOCKED},
    selects=True,
    doc="Return x where the condition (of booleans) holds, else 0.\n\n"
    ">>> chosen(np.array([1.0, 2.0]), np.array([True, False]))\narray([1., 0.])",
)

where = elementwise(
    "where",
    np.where,
    inputs="condition x y",
    vjp={
        "condition": BLOCKED,
        "x": lambda g, condition: chosen(g, condition != 0),
        "y": lambda g, condition: chosen(g, condition == 0),
    },
    jvp={
        "condition": BLOCKED,
        "x": lambda t, condition: chosen(t, condition != 0),
        "y": lambda t, condition: chosen(t, condition == 0),
    },
    selects=True,
    doc="Return x where the condition holds, else y; the condition is a blocked input.\n\n"
    ">>> where(np.array([True, False]), 1.0, 2.0)\narray([1., 2.])",
)


@function(np.where, recorded=False)
def choice(condition: Operand, x: Operand | None = None, y: Operand | None = None) -> Node:
    """Return x where the condition holds, else y; without both, the positions where it holds."""
    if x is None and y is None:
        return np.nonzero(condition)
    if x is None or y is None:
        raise ValueError("np.where takes either both x and y or neither")
    return where(condition, x, y)


def declare_locally_constant(name: str, function: Function, *numpy: Function, inputs: str = "x y", doc: str = "") -> Op:
    """Declare a function whose derivative is zero wherever there is one."""
    zero = dict.fromkeys(inputs.split(), ZERO)
    doc = doc or f"Compute `numpy.{name}` on nodes."
    return elementwise(name, function, inputs=inputs, vjp=zero, jvp=zero, numpy=numpy, doc=doc)


def _declare_comparison(name: str, function: Any, numpy: Any, sign: str, found: str) -> Op:
    """Declare one of the six comparisons; `found` is what its example shows for 1, 2 and 3 against 2."""
    example = f">>> {name}(np.array([1.0, 2.0, 3.0]), 2.0)\narray([{found}])"
    return declare_locally_constant(name, function, numpy, doc=f"Return where x {sign} y.\n\n{example}")


less = _declare_comparison("less", operator.lt, np.less, "<", " True, False, False")
less_equal = _declare_comparison("less_equal", operator.le, np.less_equal, "<=", " True,  True, False")
greater = _declare_comparison("greater", operator.gt, np.greater, ">", "False, False,  True")
greater_equal = _declare_comparison("greater_equal", operator.ge, np.greater_equal, ">=", "False,  True,  True")
equal = _declare_comparison("equal", operator.eq, np.equal, "==", "False,  True, False")
not_equal = _declare_comparison("not_equal", operator.ne, np.not_equal, "!=", " True, False,  True")
