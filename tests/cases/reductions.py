"""Rows of reductions, statistics, running results, counts, and their kin that leave out nan."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.helpers.op_checks import Point
from tests.helpers.op_rows import (
    FLOATS,
    UNARY,
    Domain,
    Row,
    below,
    calls,
    complexes,
    nonzero,
    positive,
    real,
    spaced,
    zeros_of,
)

NAN = float("nan")
LINE = (((5,),),)
BOX = (((2, 3, 2),),)
EMPTY = (((0, 3),),)
ONE = (((),),)
HERE = np.array([[True, False, True], [True, True, False]])  # a mask that leaves something in each row and column

OVER = ({"axis": None}, {"axis": 1}, {"axis": (0, -1), "keepdims": True})
OVER_ONE = ({"axis": 0}, {"axis": -1, "keepdims": True})
ALONG = ({"axis": 0}, {"axis": -1})
ANY_AXIS = ({"axis": None}, *ALONG)


def over(function: Any, *domains: Domain, empty: bool = True, **fields: Any) -> tuple[Row, ...]:
    """Return rows of a reduction: of all, along one and several axes, of one number, and of nothing."""
    return (
        calls(function, *domains, shapes=BOX, statics=fields.pop("statics", OVER), **fields),
        calls(function, *domains, shapes=ONE, **fields),
        *([calls(function, *domains, shapes=EMPTY, statics=OVER_ONE[1:], **fields)] if empty else []),
    )


def row_where(function: Any, *domains: Domain, **static: Any) -> Row:
    """Return a row of a reduction of what a mask leaves."""
    statics = tuple({"axis": axis, **static} for axis in (None, 0, -1))
    return calls(
        lambda x, **kwargs: function(x, where=HERE, **kwargs),
        *domains,
        shapes=(((2, 3),),),
        statics=statics,
        dtypes=FLOATS,
        label=f"{function.__name__} where",
        covers=(function,),
    )


def several(function: Any, *domains: Domain, shapes: Any, call: Any, **fields: Any) -> Row:
    """Return a row of a function of several arrays, or with several results."""
    label = f"{function.__name__} {fields.pop('label', '')}"
    return calls(call, *domains, shapes=shapes, covers=(function,), dtypes=FLOATS, label=label, **fields)


def with_zeros(count: int) -> Domain:
    """Return a domain of numbers, of which the first ones along the last axis are 0."""

    def domain(rng: np.random.Generator, shape: Any) -> Any:
        x = np.atleast_1d(nonzero(rng, shape))
        x[..., :count] = 0.0
        return x.reshape(shape)

    return domain


def some(rng: np.random.Generator, shape: Any) -> Any:
    """Draw a mask that holds at every other place."""
    return rng.permutation(np.arange(np.prod(shape, dtype=int)) % 2 == 0).reshape(shape)


# -- what NumPy has no function for ----------------------------------------------------------------


def recurrence(a: Any, b: Any) -> Any:
    out = b.copy()
    for k in range(1, len(b)):
        out[k] = b[k] + a[k] * out[k - 1]
    return out


def running(ufunc: Any) -> Any:
    return lambda x, axis: ufunc.accumulate(x, axis=axis)


def tally(w: Any, x: Any, length: int) -> Any:
    out = np.zeros(length, w.dtype)
    np.add.at(out, x, w)
    return out


def place(x: Any, edges: Any) -> Any:
    inside = (edges[0] <= x) & (x <= edges[-1])
    found = np.minimum(np.digitize(x, edges) - 1, len(edges) - 2)
    return np.where(inside, found, len(edges) - 1)


def even_edges(low: Any, high: Any, count: int) -> Any:
    return np.linspace(low, high, count + 1, dtype=np.result_type(low, high))


SAMPLE = np.array([-1.25, 0.3, 1.65, 2.0, 0.25])
EDGES = np.array([-1.25, -0.35, 0.25, 1.65])

ROWS = (
    # sums and means
    *over(np.sum),
    *over(np.mean),
    *[calls(f, complexes, shapes=BOX, statics=OVER, dtypes=FLOATS, label="of complex") for f in (np.sum, np.mean)],
    *[calls(f, shapes=LINE, statics=({"dtype": np.float32}, {"dtype": float}), order=0) for f in (np.sum, np.prod)],
    *[calls(f, shapes=BOX, statics=({"axis": 1, "initial": 0.5},), dtypes=FLOATS) for f in (np.sum, np.prod)],
    calls(np.mean, shapes=LINE, statics=({"dtype": float},)),
    *[row_where(f) for f in (np.sum, np.mean, np.prod)],
    several(np.sum, real, some, shapes=(((4,), (4,)),), call=lambda x, m: np.sum(x, where=m), label="where a node"),
    several(np.mean, real, some, shapes=(((4,), (4,)),), call=lambda x, m: np.mean(x, where=m), label="where a node"),
    # extrema
    *[row for f in (np.max, np.min, np.ptp) for row in over(f, spaced(0.1), dtypes=(np.int32, np.float32))],
    *[calls(f, spaced(0.1), shapes=LINE) for f in (np.amax, np.amin)],
    *[row_where(f, spaced(0.1), initial=0.35) for f in (np.max, np.min)],
    *[calls(f, shapes=EMPTY, statics=({"axis": 0, "initial": 2.0},), order=0) for f in (np.max, np.min)],
    calls(np.max, complexes, shapes=BOX, statics=OVER, dtypes=FLOATS, label="of complex"),
    calls(
        np.max, points=(Point([[1, 2, 2]], ([0, 0.5, 0.5],)), Point([[1, 2]], ([0, 0],), {"initial": 2})), shapes=LINE
    ),
    calls(np.ptp, points=(Point([[1, 3, 3]], ([-1, 0.5, 0.5],)), Point([[2, 2]], ([0, 0],))), shapes=LINE),
    # products
    *over(np.prod, with_zeros(0)),
    Row("prod", np.prod, (nonzero,), (*BOX, *LINE), OVER[:1], label="of all"),
    *[
        calls(np.prod, with_zeros(n), shapes=(((5,),), ((2, 4),)), statics=ANY_AXIS, dtypes=FLOATS, label=f"{n} zeros")
        for n in (1, 2, 3)
    ],
    calls(np.prod, complexes, shapes=BOX, statics=OVER, dtypes=FLOATS, label="of complex"),
    calls(
        np.prod,
        points=(
            Point([[0, 2, 3]], ([6, 0, 0],)),
            Point([[0, 0, 3]], ([0, 0, 0],)),
            Point([[[0, 2], [4, 3]]], ([[2, 0], [3, 4]],), {"axis": 1}),
        ),
        shapes=LINE,
    ),
    # trace
    calls(np.trace, shapes=(((3, 4),), ((2, 3, 2),), ((0, 2),)), statics=({}, {"offset": 1}, {"offset": -1})),
    calls(np.trace, shapes=BOX, statics=({"axis1": 2, "axis2": 0}, {"offset": 1, "axis1": -1, "axis2": 1})),
    Row("trace", np.trace, (complexes,), (((3, 3),),), dtypes=FLOATS, label="of complex"),
    # running sums and products
    *[calls(f, shapes=UNARY, dtypes=(bool, np.int32, np.float32)) for f in (np.cumsum, np.cumprod)],
    *[calls(f, shapes=BOX, statics=ALONG, dtypes=(np.uint8, np.float32)) for f in (np.cumsum, np.cumprod)],
    *[
        calls(f, complexes, shapes=(((2, 3),),), statics=ANY_AXIS, dtypes=FLOATS, label="of complex")
        for f in (np.cumsum, np.cumprod)
    ],
    *[
        calls(f, shapes=(((),), ((4,),)), statics=ALONG, dtypes=FLOATS, label="of a line")
        for f in (np.cumsum, np.cumprod)
    ],
    *[calls(f, shapes=LINE, statics=({"dtype": float},)) for f in (np.cumsum, np.cumprod)],
    *[Row(name, f, (real,), (*BOX, *EMPTY), ALONG) for name, f in (("cumsum", np.cumsum), ("cumprod", np.cumprod))],
    *[
        calls(
            np.cumprod, with_zeros(n), shapes=(((6,),), ((2, 4),)), statics=ANY_AXIS, dtypes=FLOATS, label=f"{n} zeros"
        )
        for n in (1, 2)
    ],
    calls(np.cumprod, points=(Point([[2, 0, 3]], ([1, 8, 0],)), Point([[0, 0, 3]], ([1, 0, 0],))), shapes=LINE),
    *[
        calls(f, shapes=LINE, statics=({}, {"axis": 0, "include_initial": True}))
        for f in (np.cumulative_sum, np.cumulative_prod)
    ],
    *[
        calls(f, shapes=BOX, statics=({"axis": 1, "include_initial": True}, {"axis": -1}))
        for f in (np.cumulative_sum, np.cumulative_prod)
    ],
    *[
        Row(name, running(ufunc), (spaced(0.1),), (((7,),), *BOX, *EMPTY), ALONG, points=points)
        for name, ufunc, points in (
            ("cummax", np.maximum, (Point([[1, 1, 0, 2]], ([2, 1, 0, 1],)),)),
            ("cummin", np.minimum, (Point([[1, 1, 2, 0]], ([2, 1, 0, 1],)),)),
        )
    ],
    Row(
        "linear_recurrence",
        recurrence,
        (real, real),
        tuple((s, s) for s in ((4,), (7,), (5, 2), (1,), (2, 3), (0,))),
        dtypes=FLOATS,
    ),
    # whether, where, how often
    *[zeros_of(f, below(2), shapes=BOX, statics=OVER) for f in (np.all, np.any, np.count_nonzero)],
    *[Row(f.__name__, f, (below(2),), (*ONE, *LINE), order=0) for f in (np.all, np.any, np.count_nonzero)],
    *[
        calls(
            lambda x, f=f: f(x, axis=0, where=HERE),
            shapes=(((2, 3),),),
            order=0,
            covers=(f,),
            label=f"{f.__name__} where",
        )
        for f in (np.all, np.any)
    ],
    *[zeros_of(f, spaced(0.1), shapes=BOX, statics=OVER_ONE) for f in (np.argmax, np.argmin)],
    *[Row(f.__name__, f, (spaced(0.1),), (*ONE, *LINE), order=0) for f in (np.argmax, np.argmin)],
    Row(
        "digitize",
        np.digitize,
        (real, lambda rng, shape: EDGES),
        (((5,), (4,)), ((), (4,)), ((0,), (4,))),
        ({}, {"right": True}),
        dtypes=FLOATS,
        order=0,
    ),
    Row("place", place, (real, lambda rng, shape: EDGES), (((9,), (4,)), ((2, 0), (4,))), dtypes=FLOATS, order=0),
    Row("tally", tally, (real, below(3)), (((5,), (5,)), ((0,), (0,))), ({"length": 3}, {"length": 5}), FLOATS),
    Row("even_edges", even_edges, (real, real), (((), ()),), ({"count": 1}, {"count": 4}), FLOATS),
    *[
        several(
            np.bincount,
            real,
            shapes=(((4,),),),
            call=lambda w, n=n: np.bincount([1, 3, 1, 0], w, n),
            label=f"weighted {n}",
        )
        for n in (0, 6)
    ],
    *[
        several(
            np.histogram,
            *([below(7)] if bins == 4 else [spaced(0.1)]),
            positive,
            shapes=(((5,), (5,)), ((2, 3), (2, 3))),
            call=lambda a, w, bins=bins, **static: np.histogram(a, bins, weights=w, **static)[0],
            statics=({"density": bins != 4},),
            label=f"in {bins}",
        )
        for bins in (3, 4)
    ],
    several(
        np.histogram,
        positive,
        shapes=LINE,
        call=lambda w, **static: np.histogram(SAMPLE, EDGES, weights=w, **static)[0],
        statics=({}, {"density": True}),
        label="at edges",
    ),
    several(
        np.histogram,
        below(9),
        positive,
        shapes=(((7,), (7,)),),
        call=lambda a, w: np.histogram(a, 3, (2.5, 6), weights=w)[0],
        label="in a range",
    ),
    several(
        np.histogram, spaced(0.1), shapes=(((5,),), ((2, 3),)), call=lambda a: np.histogram(a, 3)[1], label="edges"
    ),
    several(np.histogram, shapes=UNARY[1:], call=lambda a: np.histogram(a, 3)[0], label="counts", order=0),
    several(
        np.histogram2d,
        below(7),
        below(9),
        positive,
        shapes=(((5,), (5,), (5,)),),
        call=lambda x, y, w, bins=3: np.histogram2d(x, y, bins, weights=w)[0],
        statics=({}, {"bins": [3, 4 * EDGES]}, {"bins": 4 * EDGES}),
    ),
    several(
        np.histogramdd,
        below(7),
        positive,
        shapes=(((5, 2), (5,)), ((6,), (6,))),
        call=lambda x, w, **static: np.histogramdd(x, 3, weights=w, **static)[0],
        statics=({}, {"density": True, "range": None}),
    ),
)
