"""Rows of norms and condition numbers, of every order."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.linalg import FEW, LONG, any_shape, complex_any, general, op_row
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import (
    BINARY,
    FLOATS,
    INF,
    UNARY,
    calls,
    complexes,
    nonzero,
    positive,
    real,
    spaced,
    zeros_of,
)

linalg = np.linalg

AXES = tuple({"axis": axis, "keepdims": keep} for axis, keep in ((None, False), (1, True), (-1, False), ((0, 2), True)))
VECTOR_ORDERS = (None, 1, 2, 3, 0.5, -1, -2.5, INF, -INF)
MATRIX_ORDERS = (None, "fro", "nuc", 1, -1, 2, -2, INF, -INF)
PAIRS = ({"axis": (0, 2)}, {"axis": (-1, 0), "keepdims": True})


def crossed(orders: Any, *statics: Any) -> tuple[Any, ...]:
    """Return each order with each of the statics, in turn."""
    return tuple({"ord": order, **statics[k % len(statics)]} for k, order in enumerate(orders))


apart = spaced(0.3, step=1.0)


def at_zero(ord: Any, shape: tuple[int, ...]) -> Point:
    """Return the point 0, where the derivative of a norm is 0."""
    return Point([np.zeros(shape)], (np.zeros(shape),), {"ord": ord})


P_NORMS = tuple({"ord": p, **axes} for p in (3.0, 0.5, -1.5) for axes in AXES[:2])
TWO, THREE = (((3,), (3,)),), (((3,), (3,), (3,)),)


def nowhere(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Draw a mask that holds nowhere."""
    return np.zeros(shape, bool)


# What second derivatives of norms are made of; their limits have tests of their own.
LIMITS = (
    op_row("multiply_kink", np.multiply, (real, real), BINARY, broadcasts=True),
    op_row("over_kink", np.divide, (real, nonzero), TWO),
    op_row("where_zero", lambda x, at: x, (real, nowhere), TWO),
    op_row("push_sign", lambda t, x: t * np.sign(x), (real, nonzero), TWO),
    op_row("limit_of_ratio", lambda g, size, slope: g / size, (real, nonzero, real), THREE),
    op_row("pull_sign", lambda g, x, slope: g * np.sign(x), (real, nonzero, real), THREE),
    op_row("root_mean_square", lambda d, free: np.sqrt(np.sum(d * d) / free), (real, positive), (((3,), ()),)),
    op_row("undefined_where", lambda x, mask: x, (real, nowhere), TWO),
)

ROWS = (
    *LIMITS,
    op_row("norm", linalg.vector_norm, real, (((2, 3, 2),),), statics=AXES),
    op_row("norm", linalg.vector_norm, complexes, (((2, 3, 2),),), statics=AXES, label="of complex"),
    op_row("norm", linalg.norm, real, UNARY, points=(Point([[0, 0]], ([0, 0],)), Point([0], (0,)))),
    op_row("p_norm", linalg.vector_norm, apart, (((2, 3, 2),),), statics=P_NORMS),
    op_row("p_norm", linalg.vector_norm, complexes, (((2, 3),),), statics=P_NORMS[:3], label="of complex"),
    op_row(
        "p_norm",
        linalg.vector_norm,
        lambda rng, shape: np.array([1.0, 0.0, -2.0]),
        (((3,),),),
        statics=({"ord": 4.0, **AXES[0]}, {"ord": 6.0, **AXES[0]}),
        label="with a zero",
    ),
    calls(linalg.norm, apart, shapes=UNARY, dtypes=FLOATS),
    calls(linalg.norm, apart, shapes=(((3,),),), statics=crossed(VECTOR_ORDERS, {}, {"keepdims": True})),
    calls(
        linalg.norm,
        apart,
        shapes=(((2, 3, 2),),),
        statics=crossed(VECTOR_ORDERS, {"axis": 1}, {"axis": -1, "keepdims": True}),
        dtypes=FLOATS,
        points=(
            *[at_zero(p, (2,)) for p in VECTOR_ORDERS[1:]],
            Point([[0, 3]], ([0, 1],), {"ord": 3}),
            Point([[0, 4]], ([0, 1],), {"ord": 0.5}),
            Point([[0, 3]], ([0, 0],), {"ord": -1}),
            Point([[-2, 2]], ([-0.5, 0.5],), {"ord": INF}),
        ),
    ),
    calls(
        linalg.norm, complexes, shapes=(((3,),),), statics=crossed(VECTOR_ORDERS, {}), dtypes=FLOATS, label="complex"
    ),
    calls(
        linalg.norm,
        any_shape,
        shapes=(((3, 2),),),
        statics=crossed(MATRIX_ORDERS, {}, {"keepdims": True}),
        points=tuple(at_zero(p, (2, 3)) for p in MATRIX_ORDERS[1:]),
    ),
    calls(linalg.norm, nonzero, shapes=(((2, 3, 2),),), statics=crossed(MATRIX_ORDERS, *PAIRS), dtypes=FLOATS),
    calls(
        linalg.norm, complex_any, shapes=LONG[:1], statics=crossed(MATRIX_ORDERS, {}), dtypes=FLOATS, label="complex"
    ),
    zeros_of(linalg.norm, real, shapes=(((3,),),), statics=({"ord": 0}, {"ord": 0, "keepdims": True})),
    zeros_of(linalg.norm, complexes, shapes=(((2, 3),),), statics=({"ord": 0, "axis": 1},), label="complex"),
    zeros_of(linalg.norm, shapes=(((0,),), ((0, 2),)), statics=({"ord": 2}, {"ord": 1}, {"ord": INF}), label="empty"),
    calls(linalg.matrix_norm, any_shape, shapes=LONG, statics=crossed(MATRIX_ORDERS[1:], {}, {"keepdims": True})),
    calls(
        linalg.vector_norm,
        apart,
        shapes=(((2, 3, 2),),),
        statics=crossed(VECTOR_ORDERS[1:], {}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}),
    ),
    calls(linalg.cond, any_shape, shapes=LONG, statics=({"p": None}, {"p": 2}, {"p": -2})),
    calls(linalg.cond, general, shapes=FEW, statics=({"p": 1}, {"p": "fro"}, {"p": -INF}), dtypes=FLOATS),
    calls(
        linalg.cond, complex_any, shapes=FEW[:1], statics=({"p": None}, {"p": "nuc"}), dtypes=FLOATS, label="complex"
    ),
)
