"""Rows of variance, order statistics, averages, covariance, and of what leaves out nan."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.reductions import ANY_AXIS, BOX, EMPTY, HERE, LINE, ONE, OVER, OVER_ONE, over, row_where, several
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import FLOATS, INF, Domain, Row, calls, complexes, positive, real, spaced, unary, zeros_of

NAN = float("nan")


def holes(domain: Domain) -> Domain:
    """Return a domain with nan at every fourth place."""

    def with_holes(rng: np.random.Generator, shape: Any) -> Any:
        x = np.array(domain(rng, shape))
        if x.ndim:
            x.reshape(-1)[1::4] = NAN
        return x

    return with_holes


def quantile_shares(x: Any, q: Any, axis: Any, method: str, skipna: bool) -> Any:
    """Compute the shares by differences, which are exact in binary for the inputs tried."""
    quantile: Any = np.nanquantile if skipna else np.quantile
    step, at = 2.0**-4, {"axis": axis, "method": method, "keepdims": True}
    shares = np.zeros((*np.shape(q), *x.shape), x.dtype)
    for place in np.ndindex(x.shape):
        moved = np.array(x)
        moved[place] += step
        slope = np.broadcast_to((quantile(moved, q, **at) - quantile(x, q, **at)) / step, shares.shape)
        shares[(..., *place)] = slope[(..., *place)]
    return shares


def order_op(x: Any, q: Any = 0.5, skipna: bool = False, **static: Any) -> Any:
    return (np.nanquantile if skipna else np.quantile)(x, q, **static)


def quantile_parts_at(x: Any, q: Any, axis: Any, method: str, skipna: bool) -> Any:
    """Return all levels' parts, one after the other."""
    parts = [quantile_shares(x, float(level), axis, method, skipna) for level in q.reshape(-1)]
    return np.stack(parts).reshape((*q.shape, *x.shape)) if parts else np.zeros((*q.shape, *x.shape), x.dtype)


def quantile_turns(x: Any, q: Any, axis: Any, method: str, skipna: bool) -> Any:
    """Compute by differences how the parts change with the level."""
    step = 2.0**-9
    more, less = (quantile_parts_at(x.astype(float), q.astype(float) + s, axis, method, skipna) for s in (step, -step))
    return ((more - less) / (2 * step)).astype(x.dtype)


def levels(rng: np.random.Generator, shape: Any) -> Any:
    """Draw levels away from those at which quantiles of five elements have kinks."""
    return rng.choice([0.13, 0.28, 0.62, 0.84], size=shape)


METHODS = (
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull"),
    *("linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"),
)
SOME = (0.0, 0.3, 0.85)

ROWS = (
    # variance and deviation
    unary("root", np.sqrt, positive, Point([[0, 4]], ([0, 0.25],))),
    *[row for f in (np.var, np.std) for row in over(f, statics=(*OVER, {"axis": 0, "ddof": 1, "keepdims": True}))],
    *[calls(f, complexes, shapes=BOX, statics=OVER, dtypes=FLOATS, label="of complex") for f in (np.var, np.std)],
    *[calls(f, shapes=LINE, statics=({"correction": 1}, {"ddof": 1.5}, {"dtype": float})) for f in (np.var, np.std)],
    *[row_where(f, ddof=0.5) for f in (np.var, np.std)],
    several(np.var, complexes, shapes=(((2, 3),),), call=lambda x: np.var(x, where=HERE), label="complex where"),
    several(np.var, real, shapes=(((2, 3), (1, 3)),), call=lambda x, m: np.var(x, axis=0, mean=m), label="mean given"),
    Row("std", lambda x, ddof, **static: np.std(x, ddof=ddof, **static), (real,), BOX, ({"axis": 1, "ddof": 1},)),
    Row("var", lambda x, ddof, **static: np.var(x, ddof=ddof, **static), (real,), BOX, ({"axis": 1, "ddof": 1},)),
    calls(
        np.std,
        shapes=LINE,
        points=(Point([[2, 2, 2]], ([0, 0, 0],)), Point([[[2, 2], [1, 3]]], ([[0, 0], [-0.5, 0.5]],), {"axis": 1})),
    ),
    # order statistics
    *over(np.median, spaced(0.1)),
    *[
        Row(
            "median",
            lambda x, skipna, **static: (np.nanmedian if skipna else np.median)(x, **static),
            (domain,),
            BOX,
            ({"axis": 1, "skipna": skipna},),
            FLOATS,
        )
        for domain, skipna in ((spaced(0.1), False), (holes(spaced(0.1)), True))
    ],
    calls(np.median, complexes, shapes=LINE, dtypes=FLOATS, label="of complex"),
    calls(
        np.median,
        shapes=LINE,
        points=(
            Point([[3, 1, 2]], ([0, 0, 1],)),
            Point([[4, 1, 2, 3]], ([0, 0, 0.5, 0.5],)),
            Point([[2, 1, 2, 3]], ([0.5, 0, 0.5, 0],)),
            Point([[1, 1, 1, 1]], ([0.25, 0.25, 0.25, 0.25],)),
            Point([[1, NAN, 2]], ([NAN, NAN, NAN],)),
        ),
    ),
    calls(np.quantile, spaced(0.1), shapes=(((6,),),), statics=tuple({"q": SOME, "method": m} for m in METHODS)),
    calls(np.quantile, spaced(0.1), shapes=BOX, statics=tuple({"q": 0.3, **static} for static in OVER)),
    calls(
        np.quantile,
        spaced(0.1),
        shapes=BOX,
        statics=tuple({"q": np.array([SOME, SOME]), **static} for static in OVER[1:]),
    ),
    calls(np.quantile, spaced(0.1), shapes=ONE, statics=({"q": 0.4}, {"q": SOME})),
    calls(np.quantile, spaced(0.1), shapes=EMPTY, statics=({"q": SOME, "axis": 1},), dtypes=FLOATS),
    calls(np.percentile, spaced(0.1), shapes=(((2, 3),),), statics=({"q": 40}, {"q": [10, 60.5], "axis": 0})),
    calls(
        np.percentile,
        shapes=LINE,
        points=(Point([[1, 3, 3, 4]], ([0, 0.5, 0.5, 0],), {"q": 50}),),
        statics=({"q": 50},),
    ),
    Row("quantile", order_op, (spaced(0.1),), (((4, 2),),), ({"axis": 0, "q": SOME, "keepdims": True},), FLOATS),
    Row("quantile", order_op, (holes(spaced(0.1)),), (((4, 2),),), ({"axis": 0, "q": SOME, "skipna": True},), FLOATS),
    *[
        Row(op, f, (spaced(0.1), levels), (((5, 2), (2,)), ((5, 2), ())), statics, FLOATS, order=order)
        for op, f, order in (
            ("quantile_shares_at", quantile_parts_at, 1),
            ("quantile_turns", quantile_turns, 0),
        )
        for statics in (({"axis": 0, "method": "linear", "skipna": False},),)
    ],
    *[
        Row("quantile_at", order_op, (spaced(0.1), levels), (((5, 2), (2,)), ((5, 2), ())), statics, FLOATS)
        for statics in (
            ({"axis": 0}, {"axis": None, "keepdims": True}, {"axis": 0, "skipna": True}),
            tuple({"axis": 0, "method": method} for method in METHODS if method != "averaged_inverted_cdf"),
        )
    ],
    Row(
        "quantile_shares",
        quantile_shares,
        (holes(spaced(0.125)),),
        (((2, 3),), ((7,),)),
        tuple({"q": q, "axis": -1, "method": "linear", "skipna": True} for q in (0.5, (0.0, 0.25))),
        (),
        order=0,
    ),
    # averages and covariance
    calls(np.average, shapes=BOX, statics=OVER),
    several(
        np.average,
        real,
        positive,
        shapes=(((3,), (3,)), ((2, 3), (2, 3))),
        call=lambda a, w, **static: np.average(a, weights=w, **static),
        statics=({}, {"axis": 0, "keepdims": True}),
        label="weighted",
    ),
    several(
        np.average,
        real,
        positive,
        shapes=(((2, 3, 2), (2, 3)),),
        call=lambda a, w: np.average(a, axis=(2, 1), weights=w),
        label="weighted along axes",
    ),
    several(
        np.average,
        complexes,
        positive,
        shapes=(((2, 3), (3,)),),
        call=lambda a, w: np.multiply(*np.average(a, axis=1, weights=w, returned=True)),
        label="returned",
    ),
    several(
        np.average,
        real,
        shapes=BOX,
        call=lambda a: np.average(a, axis=1, returned=True)[1],
        label="unweighted",
        order=0,
    ),
    calls(np.cov, shapes=(((3, 4),), ((4,),)), statics=({}, {"ddof": 0}, {"bias": True}), dtypes=(np.int32,)),
    calls(np.cov, shapes=(((4, 3),),), statics=({"rowvar": False},), dtypes=FLOATS),
    calls(np.cov, complexes, shapes=(((2, 4),),), dtypes=FLOATS, label="of complex"),
    calls(np.cov, shapes=(((2, 4), (4,)),), dtypes=FLOATS, label="of two"),
    several(
        np.cov,
        real,
        positive,
        shapes=(((2, 4), (4,)),),
        call=lambda m, w, **static: np.cov(m, fweights=np.array([1, 2, 1, 3]), aweights=w, **static),
        statics=({}, {"ddof": 0}),
        label="weighted",
    ),
    calls(np.corrcoef, shapes=(((3, 5),), ((5,),)), dtypes=FLOATS),
    calls(np.corrcoef, complexes, shapes=(((2, 4),),), dtypes=FLOATS, label="of complex"),
    calls(np.corrcoef, shapes=(((5,), (5,)),), dtypes=FLOATS, label="of two"),
    # without nan
    *[
        row
        for f in (np.nansum, np.nanmean, np.nanvar, np.nanstd)
        for row in over(f, dtypes=(np.int32, np.float32), empty=False)
    ],
    *[
        calls(
            f,
            holes(real),
            shapes=(((2, 3, 2),), ((7,),)),
            statics=({"axis": None}, {"axis": 0, "keepdims": True}),
            dtypes=FLOATS,
            label="of nan",
        )
        for f in (np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanprod)
    ],
    *[
        calls(f, holes(real), shapes=(((2, 3),),), statics=ANY_AXIS, dtypes=FLOATS)
        for f in (np.nancumsum, np.nancumprod)
    ],
    *[
        calls(f, holes(complexes), shapes=(((4,),),), dtypes=FLOATS, label="of complex")
        for f in (np.nansum, np.nanmean, np.nanvar, np.nanstd)
    ],
    *[
        calls(f, holes(real), shapes=(((7,),),), statics=({"ddof": 1}, {"correction": 1}), dtypes=FLOATS)
        for f in (np.nanvar, np.nanstd)
    ],
    *[row_where(f, holes(real)) for f in (np.nansum, np.nanprod)],
    calls(np.nanprod, shapes=BOX, statics=OVER, dtypes=(np.int32,)),
    calls(np.nanstd, shapes=LINE, points=(Point([[2, NAN, 2]], ([0, 0, 0],)),)),
    calls(np.nansum, shapes=LINE, points=(Point([[2, NAN, INF]], ([1, 0, 1],)),)),
    *[
        calls(
            f,
            holes(spaced(0.1)),
            shapes=(((2, 3, 2),), ((7,),)),
            statics=({"axis": None}, {"axis": 0, "keepdims": True}),
            dtypes=FLOATS,
        )
        for f in (np.nanmax, np.nanmin, np.nanmedian)
    ],
    *[Row(f.__name__, f, (spaced(0.1),), BOX, OVER[1:], dtypes=(np.int32, np.float32)) for f in (np.nanmax, np.nanmin)],
    calls(np.nanmax, shapes=ONE, points=(Point([[2, NAN, 2]], ([0.5, 0, 0.5],)),)),
    calls(np.nanmedian, shapes=ONE, points=(Point([[2, NAN, 2, 1, 3]], ([0.5, 0, 0.5, 0, 0],)),)),
    calls(
        np.nanquantile, holes(spaced(0.1)), shapes=BOX, statics=({"q": SOME, "axis": (0, 2)}, {"q": 0.7}), dtypes=FLOATS
    ),
    calls(np.nanpercentile, holes(spaced(0.1)), shapes=LINE, statics=({"q": 70},), dtypes=FLOATS),
    *[
        zeros_of(f, holes(spaced(0.1)), shapes=(((2, 3),),), statics=ANY_AXIS, dtypes=FLOATS)
        for f in (np.nanargmax, np.nanargmin)
    ],
    *[Row(f.__name__, f, (spaced(0.1),), BOX, OVER_ONE, order=0) for f in (np.nanargmax, np.nanargmin)],
)
