"""Steps, predicates, integers and bits, which are constant wherever they have a derivative; and remainders."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Function
from .._graph.types import both as np
from ._declare import elementwise, function, op
from ._op import Op, as_node
from ._rule import BLOCKED, ZERO, pass_on
from .arithmetic import declare_locally_constant

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "divide_with_remainder",
    "floor_divide",
    "fmod",
    "frexp",
    "heaviside",
    "invert",
    "isclose",
    "ldexp",
    "left_shift",
    "modf",
    "nextafter",
    "remainder",
    "right_shift",
    "round",
]

for _ufunc in (
    *(np.floor, np.ceil, np.trunc, np.rint),
    *(np.signbit, np.isnan, np.isinf, np.isfinite, np.isneginf, np.isposinf),
    *(np.logical_not, np.bitwise_count, np.spacing),
):
    declare_locally_constant(_ufunc.__name__, _ufunc, _ufunc, inputs="x")
# From NumPy 2.5 on `fix` is a deprecated name of `trunc`, and warns when it is called.
_fix: Any = np.trunc if np.lib.NumpyVersion(np.__version__) >= "2.5.0" else np.fix
declare_locally_constant("fix", _fix, np.fix, inputs="x")
for _pairing in (np.logical_and, np.logical_or, np.logical_xor, np.gcd, np.lcm):
    declare_locally_constant(_pairing.__name__, _pairing, _pairing)

invert = declare_locally_constant("invert", np.invert, np.invert, inputs="x")
bitwise_and = declare_locally_constant("bitwise_and", np.bitwise_and, np.bitwise_and)
bitwise_or = declare_locally_constant("bitwise_or", np.bitwise_or, np.bitwise_or)
bitwise_xor = declare_locally_constant("bitwise_xor", np.bitwise_xor, np.bitwise_xor)
left_shift = declare_locally_constant("left_shift", np.left_shift, np.left_shift)
right_shift = declare_locally_constant("right_shift", np.right_shift, np.right_shift)
floor_divide = declare_locally_constant("floor_divide", np.floor_divide, np.floor_divide)

round = op(
    "round",
    lambda x, decimals: np.round(x, decimals),
    shape=lambda x, decimals: (x.shape, np.round(np.ones(1, x.dtype), decimals).dtype),
    vjp={"x": ZERO},
    jvp={"x": ZERO},
    statics={"decimals": 0},
    numpy=(np.round, np.around),
    pointwise=True,
    doc="Round x to a number of decimals.",
)

heaviside = elementwise(
    "heaviside",
    np.heaviside,
    inputs="x y",
    vjp={"x": ZERO, "y": lambda g, x: np.where(x == 0, g, 0)},
    jvp={"x": ZERO, "y": lambda t, x: np.where(x == 0, t, 0)},
    numpy=(np.heaviside,),
    doc="Return 0 below 0, 1 above it, and y at 0.",
)

nextafter = elementwise(
    "nextafter",
    np.nextafter,
    inputs="x y",
    vjp={"x": pass_on, "y": ZERO},
    jvp={"x": pass_on, "y": ZERO},
    numpy=(np.nextafter,),
    doc="Return the number next to x on the way to y.",
)

# -- remainders: x less a whole number of times y, which is constant almost everywhere ---------------


def _times_floor(g: Any, x: Any, y: Any, times: Function) -> Any:
    return times(g, -np.floor_divide(x, y))


def _times_trunc(g: Any, x: Any, y: Any, out: Any, times: Function) -> Any:
    return times(g, -np.rint((x - out) / y))  # the quotient itself may have been rounded to the next whole


def _declare_remainder(ufunc: Any, by_y: Any, doc: str) -> Op:
    rules = {"x": pass_on, "y": by_y}
    return elementwise(ufunc.__name__, ufunc, inputs="x y", vjp=rules, jvp=rules, numpy=(ufunc,), doc=doc)


remainder = _declare_remainder(np.remainder, _times_floor, "Return x - y floor(x / y), as Python's %.")
fmod = _declare_remainder(np.fmod, _times_trunc, "Return x - y trunc(x / y), as C's fmod.")

# -- whole and fractional part, mantissa and exponent -------------------------------------------------

whole_part = declare_locally_constant(
    "whole_part", lambda x: np.modf(x)[1], inputs="x", doc="Return the whole part of x, of the same sign."
)
fractional_part = elementwise(
    "fractional_part",
    lambda x: np.modf(x)[0],
    vjp={"x": pass_on},
    jvp={"x": pass_on},
    doc="Return x without its whole part, of the same sign.",
)


@function(np.modf)
def modf(x: Operand) -> tuple[NodeOrArray, NodeOrArray]:
    """Return the fractional and the whole part."""
    return fractional_part(x), whole_part(x)


@function(np.divmod)
def divide_with_remainder(x: Operand, y: Operand) -> tuple[NodeOrArray, NodeOrArray]:
    """Return the quotient rounded down, and the remainder."""
    return floor_divide(x, y), remainder(x, y)


ldexp = elementwise(
    "ldexp",
    np.ldexp,
    inputs="x exponent",
    vjp={"x": lambda g, exponent: np.ldexp(g, exponent), "exponent": BLOCKED},
    jvp={"x": lambda t, exponent: np.ldexp(t, exponent), "exponent": BLOCKED},
    doc="Return x 2^exponent, for an integer exponent.",
)


@function(np.ldexp)
def ldexp_of_numbers(x: Operand, exponent: Operand) -> Node:
    """Return x 2^exponent; a plain integer as exponent stays an integer even if x is a float."""
    return ldexp.on_nodes((as_node(x), as_node(exponent)), {})


binary_exponent = declare_locally_constant(
    "binary_exponent", lambda x: np.frexp(x)[1], inputs="x", doc="Return the e of x = m 2^e, with m of size 1/2 to 1."
)
mantissa = elementwise(
    "mantissa",
    lambda x: np.frexp(x)[0],
    vjp={"x": lambda g, x: np.ldexp(g, -binary_exponent(x))},
    jvp={"x": lambda t, x: np.ldexp(t, -binary_exponent(x))},
    doc="Return x 2^-e, where e is its binary exponent.",
)


@function(np.frexp)
def frexp(x: Operand) -> tuple[NodeOrArray, NodeOrArray]:
    """Return the mantissa, between 1/2 and 1 in size, and the binary exponent."""
    return mantissa(x), binary_exponent(x)


# -- equality ----------------------------------------------------------------------------------------


def _declare_comparison(compare: Any, inputs: str, shape: Any, **statics: Any) -> Op:
    """Declare a comparison that takes options: of element with element, or of the arrays as a whole."""
    zero = dict.fromkeys(inputs.split(), ZERO)
    return op(
        compare.__name__,
        lambda x, y, **options: np.asarray(compare(x, y, **options))[()],
        shape=lambda x, y, **options: (shape(x.shape, y.shape), np.dtype(bool)),
        vjp=zero,
        jvp=zero,
        inputs=inputs,
        statics=statics,
        numpy=(compare,),
        doc=f"Compute `numpy.{compare.__name__}` on nodes.",
    )


def _infer_one(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    return ()


TOLERANCES = {"rtol": 1e-5, "atol": 1e-8, "equal_nan": False}
isclose = _declare_comparison(np.isclose, "a b", np.broadcast_shapes, **TOLERANCES)
allclose = _declare_comparison(
    np.allclose, "a b", lambda *shapes: _infer_one(np.broadcast_shapes(*shapes)), **TOLERANCES
)
array_equal = _declare_comparison(np.array_equal, "a1 a2", _infer_one, equal_nan=False)
array_equiv = _declare_comparison(np.array_equiv, "a1 a2", _infer_one)
