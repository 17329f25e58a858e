"""Rows of functions that act element by element: NumPy's ufuncs and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.helpers.op_checks import Point
from tests.helpers.op_rows import (
    BINARY,
    FLOATS,
    INF,
    TERNARY,
    Domain,
    Row,
    below,
    binary,
    calls,
    complexes,
    nonzero,
    positive,
    real,
    spaced,
    unary,
    zeros_of,
)

SINGLE = (((3,),), ((),))  # for what differs from another row in its domain alone
PAIRS = (((3,), (2, 3)), ((), ()))
NAN = float("nan")
CLIP_TIES = Point(
    [[0, 0, 2, 1, 3], [0, 1, 0, 0, 4], [1, 1, 2, 2, 2]], ([0.5, 0, 0.5, 1, 0], [0.5, 0.5, 0, 0, 0], [0, 0.5, 0.5, 0, 1])
)


def between(low: float, high: float) -> Domain:
    """Return a domain of numbers well inside an interval."""
    margin = 0.1 * (high - low)
    return lambda rng, shape: rng.uniform(low + margin, high - margin, size=shape)


def off_axis(rng: np.random.Generator, shape: Any) -> Any:
    """Draw complex numbers away from the branch cuts, which lie on the axes."""
    return nonzero(rng, shape) + 1j * nonzero(rng, shape)


def of_complex(name: str, domain: Domain = complexes) -> Row:
    """Return a row of an op that is NumPy's function of the same name, on complex numbers."""
    return Row(name, getattr(np, name), (domain,), SINGLE, dtypes=FLOATS, label="of complex")


halves = spaced(0.1)


def steps(ufunc: Any, *domains: Domain, **fields: Any) -> Row:
    """Return a row of an op that is constant wherever it has a derivative."""
    name = ufunc.__name__
    make: Callable[..., Row] = unary if ufunc.nin == 1 else binary
    return make(name, ufunc, *domains, order=0, **fields)


def step(name: str, domain: Domain = nonzero, **fields: Any) -> Row:
    """Return a row of a function that is no ufunc and constant wherever it has a derivative."""
    return unary(name, getattr(np, name), domain, order=0, **fields)


def part(function: Callable[..., Any], k: int) -> Callable[..., Any]:
    """Return one of the results of a function that has several."""
    return lambda *xs: function(*xs)[k]


def sinc_slope(x: Any, order: int) -> Any:
    """Return the derivatives of sinc from their closed forms, for x away from 0."""
    u = np.pi * x
    sine, cosine = np.sin(u), np.cos(u)
    first = (cosine - sine / u) / u
    return (sine / u, np.pi * first, np.pi**2 * (-sine - 2 * first) / u)[order]


def i0_slope(x: Any, order: int) -> Any:
    """Return the derivatives of the Bessel function I0 from its power series."""
    total = np.zeros(np.shape(x), np.result_type(x, np.float32))
    for m in range(order + order % 2, 60, 2):
        factor = np.prod([1.0 / (2 * j) ** 2 for j in range(1, m // 2 + 1)]) * np.prod(
            np.arange(m - order + 1.0, m + 1)
        )
        total = total + float(factor) * np.asarray(x, total.dtype) ** (m - order)
    return total


ORDERS = tuple({"order": k} for k in (0, 1, 2))
TRANSCENDENTAL = (
    unary("tan", np.tan, between(-1.4, 1.4)),
    unary("arcsin", np.arcsin, between(-1, 1), Point([[-1, 0, 1]], ([INF, 1, INF],)), dtypes=FLOATS),
    unary("arccos", np.arccos, between(-1, 1), Point([[-1, 0, 1]], ([-INF, -1, -INF],)), dtypes=FLOATS),
    unary("arctan", np.arctan, real, Point([[0, 1e200, INF]], ([1, 0, 0],))),
    unary("sinh", np.sinh, real),
    unary(
        "one_minus_square", lambda x: 1 - x * x, real, Point([[1 - 2.0**-53, 1]], ([2.0**-52 - 2, -2],)), dtypes=FLOATS
    ),
    unary("cosh", np.cosh, real),
    unary("arcsinh", np.arcsinh, real, Point([[0, 1e200, INF]], ([1, 1e-200, 0],))),
    unary("arccosh", np.arccosh, between(1, 3), Point([[1, 1e200]], ([INF, 1e-200],)), dtypes=FLOATS),
    unary("arctanh", np.arctanh, between(-1, 1), Point([[-1, 0, 1]], ([INF, 1, INF],)), dtypes=FLOATS),
    unary("exp2", np.exp2, real),
    unary("expm1", np.expm1, real, Point([[0, -INF]], ([1, 0],))),
    unary("log2", np.log2, positive, Point([[0, 1 / np.log(2)]], ([INF, 1],))),
    unary("log10", np.log10, positive, Point([[0]], ([INF],))),
    unary("log1p", np.log1p, positive, Point([[-1, 0]], ([INF, 1],))),
    unary("cbrt", np.cbrt, nonzero, Point([[0, 8, -8]], ([INF, 1 / 12, 1 / 12],))),
    unary("deg2rad", np.deg2rad, real),
    unary("rad2deg", np.rad2deg, real),
    calls(np.radians, shapes=SINGLE),
    calls(np.degrees, shapes=SINGLE),
    *[of_complex(f) for f in ("exp", "exp2", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "square")],
    *[of_complex(f, off_axis) for f in ("log", "log2", "log10", "log1p", "sqrt", "reciprocal", "absolute")],
    *[of_complex(f, off_axis) for f in ("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh")],
    binary(
        "hypot",
        np.hypot,
        nonzero,
        nonzero,
        Point([[0, 0, -2, 1e200], [0, -2, 0, 0]], ([0, 0, -1, 1], [0, -1, 0, 0])),
    ),
    binary(
        "arctan2",
        np.arctan2,
        nonzero,
        nonzero,
        Point([[0, 0, 1, 1e200], [0, 2, 0, 0]], ([0, 0.5, 0, 0], [0, 0, -1, -1e-200])),
    ),
    binary(
        "logaddexp",
        np.logaddexp,
        real,
        real,
        Point(
            [[1e4, 0, INF, INF, -INF, -INF], [0, 0, INF, 0, 0, -INF]], ([1, 0.5, 0.5, 1, 0, 0], [0, 0.5, 0.5, 0, 1, 0])
        ),
    ),
    binary(
        "logaddexp2",
        np.logaddexp2,
        real,
        real,
        Point(
            [[1e4, 0, INF, INF, -INF, -INF], [0, 0, INF, 0, 0, -INF]], ([1, 0.5, 0.5, 1, 0, 0], [0, 0.5, 0.5, 0, 1, 0])
        ),
    ),
    unary("sinc", sinc_slope, nonzero, Point([[0, 1]], ([0, -1],)), statics=ORDERS, dtypes=FLOATS),
    unary("sinc", lambda x: np.sinc(x), lambda rng, shape: 1e-3 * real(rng, shape), label="near 0"),
    unary("i0", i0_slope, nonzero, statics=ORDERS, dtypes=FLOATS),
    unary("i0", lambda x: np.i0(x), lambda rng, shape: 9 * nonzero(rng, shape), label="of larger numbers"),
)

WHOLE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])  # whole numbers, though floats


def to_whole(x: Any) -> Any:
    return x**WHOLE


ARITHMETIC = (
    unary("reciprocal", np.reciprocal, nonzero, Point([[0, 2]], ([-INF, -0.25],)), dtypes=FLOATS),
    binary("remainder", np.remainder, spaced(0.1), nonzero, dtypes=FLOATS),
    binary("fmod", np.fmod, spaced(0.1), nonzero, dtypes=FLOATS),
    binary("copysign", np.copysign, nonzero, nonzero, Point([[0, -3, 3], [-1, -1, -1]], ([0, 1, -1], [0, 0, 0]))),
    calls(np.sign, nonzero, shapes=SINGLE, order=0, dtypes=FLOATS),
    calls(np.sign, off_axis, shapes=SINGLE, dtypes=FLOATS, label="of complex"),
    # of complex numbers, and of real with complex ones
    *[Row(f, getattr(np, f), (off_axis,), PAIRS, dtypes=FLOATS, label="of complex") for f in ("multiply", "divide")],
    *[Row(f, getattr(np, f), (nonzero, off_axis), PAIRS, dtypes=FLOATS, label="mixed") for f in ("multiply", "divide")],
    Row("guarded_multiply", np.multiply, (off_axis,), PAIRS, dtypes=FLOATS, label="of complex"),
    Row("guarded_divide", np.divide, (off_axis,), PAIRS, dtypes=FLOATS, label="of complex"),
    Row("strong_multiply", np.multiply, (off_axis,), PAIRS, dtypes=FLOATS, label="of complex"),
    Row("power", np.power, (off_axis,), PAIRS, dtypes=FLOATS, label="of complex"),
    Row("power", np.power, (positive, off_axis), PAIRS, dtypes=FLOATS, label="to complex"),
    Row("power", np.power, (off_axis, real), PAIRS, dtypes=FLOATS, label="to real"),
    Row(
        "pow",
        lambda x, n: x**n,
        (off_axis,),
        SINGLE,
        tuple({"n": n} for n in (0, 1, 2, 3, -1, 0.5, 1 + 2j)),
        FLOATS,
        label="of complex",
    ),
    # powers at the edges of their domain
    calls(
        to_whole,
        nonzero,
        shapes=(((6,),), ((2, 1),)),
        dtypes=FLOATS,
        points=(Point([[0] * 6], ([-INF, -INF, 0, 1, 0, 0],)), Point([[-2] * 6], ([0.25, -0.25, 0, 1, -4, 12],))),
    ),
    calls(np.float_power, positive, real, shapes=BINARY, dtypes=(np.int32, np.float32)),
    calls(lambda x: np.float_power(x, 3), nonzero, label="cubed", dtypes=(np.int32, np.float32)),
    calls(lambda y: np.float_power(2, y), real, label="of two", dtypes=(np.int32, np.float32)),
    # bounds
    binary(
        "fmax",
        np.fmax,
        spaced(0.1),
        spaced(0.35),
        Point([[1, 1, 2, NAN, 1, NAN], [1, 2, 1, 1, NAN, NAN]], ([0.5, 0, 1, 0, 1, 0.5], [0.5, 1, 0, 1, 0, 0.5])),
    ),
    binary(
        "fmin",
        np.fmin,
        spaced(0.1),
        spaced(0.35),
        Point([[1, 1, 2, NAN, 1, NAN], [1, 2, 1, 1, NAN, NAN]], ([0.5, 1, 0, 0, 1, 0.5], [0.5, 0, 1, 1, 0, 0.5])),
    ),
    calls(np.fmax, spaced(0.1), spaced(0.35), shapes=PAIRS),
    calls(np.fmin, spaced(0.1), spaced(0.35), shapes=PAIRS),
    *[
        calls(lambda x, y=y, f=f: f(x, y), spaced(0.1), shapes=SINGLE, label=f"{f.__name__} {y}", points=points)
        for f, y, points in (
            (np.fmax, 0.0, (Point([[-1, 0, 1, NAN]], ([0, 0, 1, 0],)),)),
            (np.fmin, 0.0, (Point([[-1, 0, 1, NAN]], ([1, 0, 0, 0],)),)),
            (np.fmax, NAN, (Point([[-1, 0]], ([1, 1],)),)),
        )
    ],
    unary(
        "within",
        lambda x, low, high: np.clip(x, low, high),
        spaced(0.1),
        Point([[-2, -1, 0, 1, 2, NAN]], ([0, 0, 1, 0, 0, 0],), {"low": -1, "high": 1}),
        Point([[-2, 0, 2]], ([0, 0, 0],), {"low": 1, "high": -1}),
        statics=({"low": 0, "high": 1}, {"low": 0.25, "high": 0.75}),
    ),
    calls(np.clip, spaced(0.1), spaced(0.35), spaced(0.2), shapes=TERNARY, points=(CLIP_TIES,)),
    calls(
        np.clip,
        spaced(0.1),
        statics=(
            {"a_min": 0, "a_max": 1},
            {"a_min": None, "a_max": 0.25},
            {"a_min": 0, "a_max": None},
            {"min": 0, "max": 0.75},
            {"min": 0.25},
            {"max": 1},
        ),
        points=(
            Point([[-1, 0, 1, 2, 3]], ([0, 0, 1, 0, 0],), {"a_min": 0, "a_max": 2}),
            Point([[-1, 0, 1, 2, 3]], ([0, 0, 1, 1, 1],), {"min": 0}),
            Point([[-1, 0, 1, 2, 3]], ([1, 1, 1, 0, 0],), {"max": 2}),
            Point([[-1, 0, 3]], ([1, 1, 1],), {"a_min": None, "a_max": None}),
        ),
    ),
    zeros_of(np.clip, below(100), shapes=SINGLE, statics=({"a_min": -1, "a_max": 1000}, {"a_min": 3, "a_max": -500})),
    unary(
        "finite_or",
        lambda x, **numbers: np.nan_to_num(x, **numbers),
        real,
        Point([[1, NAN, INF, -INF]], ([1, 0, 0, 0],)),
        statics=({}, {"nan": 2.0, "posinf": 3.0}),
    ),
    calls(np.nan_to_num, shapes=SINGLE, points=(Point([[1, NAN, INF, -INF]], ([1, 0, 0, 0],), {"nan": 5.0}),)),
    calls(np.nan_to_num, complexes, shapes=SINGLE, label="of complex", dtypes=FLOATS),
)

BITS = (np.invert, np.bitwise_count)
PAIRS_OF_BITS = (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.gcd, np.lcm)
OF_INTEGERS = {f.__name__ for f in (*BITS, *PAIRS_OF_BITS)}  # which take no floats

ROUNDING = (
    *[steps(f, halves) for f in (np.floor, np.ceil, np.trunc, np.rint)],
    *[steps(f, nonzero) for f in (np.signbit, np.isnan, np.isinf, np.isfinite, np.spacing, np.logical_not)],
    *[step(f, halves) for f in ("isneginf", "isposinf")],
    unary("fix", np.trunc, halves, order=0, covers=(np.fix,)),
    step("round", halves, statics=({"decimals": 0}, {"decimals": 1}, {"decimals": -1})),
    *[steps(f, nonzero, nonzero) for f in (np.logical_and, np.logical_or, np.logical_xor, np.floor_divide)],
    *[steps(f, below(9)) for f in BITS],
    *[steps(f, below(9), below(4)) for f in PAIRS_OF_BITS],
    *[step(f, complexes, label="of complex", dtypes=FLOATS) for f in ("isnan", "isfinite", "round")],
    *[zeros_of(f, domain) for f in (np.isreal, np.iscomplex) for domain in (real,)],
    *[zeros_of(f, complexes, label="of complex", dtypes=FLOATS) for f in (np.isreal, np.iscomplex)],
    binary("heaviside", np.heaviside, nonzero, real, Point([[-1, 0, 1], [0.5, 0.5, 0.5]], ([0, 0, 0], [0, 1, 0]))),
    binary("nextafter", np.nextafter, real, real, Point([[1, 2], [2, 1]], ([1, 1], [0, 0]))),
    Row("isclose", np.isclose, (real,), BINARY, ({}, {"rtol": 0.5, "atol": 0.1}, {"equal_nan": True}), order=0),
    Row("allclose", np.allclose, (real,), BINARY, ({}, {"rtol": 100.0}), order=0),
    Row("array_equal", np.array_equal, (real,), BINARY, ({}, {"equal_nan": True}), order=0),
    Row("array_equiv", np.array_equiv, (below(1),), (*BINARY, ((2,), (3,))), order=0),
    unary("whole_part", part(np.modf, 1), halves, order=0),
    unary("fractional_part", part(np.modf, 0), halves, Point([[-2, 2, INF]], ([1, 1, 1],))),
    unary("binary_exponent", part(np.frexp, 1), halves, order=0),
    unary("mantissa", part(np.frexp, 0), halves, Point([[-0.75, 0, 5]], ([1, 1, 0.125],))),
    *[
        calls(part(f, k), halves, covers=(f,), label=f"{f.__name__} {k}", shapes=SINGLE, dtypes=FLOATS, order=order)
        for f, k, order in ((np.modf, 0, 2), (np.modf, 1, 0), (np.frexp, 0, 2), (np.frexp, 1, 0))
    ],
    *[
        calls(
            part(f, k),
            spaced(0.1),
            nonzero,
            covers=(np.divmod,),
            label=f"{label} {k}",
            shapes=PAIRS,
            dtypes=FLOATS,
            order=2 * k,
        )
        for f, label in ((np.divmod, "np.divmod"), (divmod, "divmod"))
        for k in (0, 1)
    ],
    binary("ldexp", np.ldexp, real, below(4, -4), dtypes=FLOATS),
    calls(np.ldexp, real, below(4, -4), shapes=PAIRS, dtypes=FLOATS),
    calls(lambda x: np.ldexp(x, 3), real, shapes=SINGLE, label="ldexp by 3"),
)

COMPLEX_PARTS = (
    unary("imag", np.imag, complexes, dtypes=FLOATS),
    unary("imag", np.imag, real, label="of real"),
    unary("conjugate", np.conjugate, complexes, dtypes=FLOATS),
    calls(np.conjugate, complexes, shapes=SINGLE, dtypes=FLOATS),
    calls(np.conjugate, real, shapes=SINGLE, label="of real"),
    calls(np.angle, off_axis, statics=({}, {"deg": True}), dtypes=FLOATS),
    calls(np.angle, nonzero, statics=({}, {"deg": True}), shapes=SINGLE, label="of real"),
    calls(np.real_if_close, real, shapes=SINGLE),
)

ROWS = (*TRANSCENDENTAL, *ARITHMETIC, *ROUNDING, *COMPLEX_PARTS)
