"""Rows of indexing, of choosing by positions and conditions, and of sorting and searching."""

from __future__ import annotations

from typing import Any

import numpy as np

from lazygrad._graph.guards import enter_transform
from lazygrad.ops.indexing import SLOT
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import FLOATS, Row, below, calls, complexes, mask, real, spaced, zeros_of


def filled(key: tuple[Any, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    arrays = iter(indices)
    return tuple(next(arrays) if item is SLOT else item for item in key)


def getitem(x: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    return x[filled(key, indices)]


def scatter_add(x: Any, *indices: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    return add_at(np.zeros(shape, x.dtype), x, *indices, key=key)


def add_at(x: Any, y: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    out = np.array(x)
    np.add.at(out, filled(key, indices), y)
    return out


def put(x: Any, y: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    out = np.array(x)
    out[filled(key, indices)] = y
    return out


def last_ones(*indices: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    """Return which elements stay, where of several that go to one place the last one does."""
    places = np.arange(int(np.prod(shape))).reshape(shape)[filled(key, indices)]
    flat = places.reshape(-1).tolist()
    return np.array([place not in flat[k + 1 :] for k, place in enumerate(flat)], bool).reshape(places.shape)


def in_bounds(x: Any, count: int, mode: str) -> Any:
    return np.take(np.arange(count), x, mode=mode)


def sequence(function: Any, *domains: Any, shapes: Any, order: int = 2, **fields: Any) -> Row:
    """Return a row of a function of a sequence of arrays."""
    call = lambda *xs, **static: function(xs, **static)  # noqa: E731
    return calls(call, *domains, shapes=shapes, covers=(function,), label=function.__name__, order=order, **fields)


def chosen(a: Any, *choices: Any, **static: Any) -> Any:
    return np.choose(a, choices, **static)


def selected(*args: Any, default: Any = 0) -> Any:
    half = len(args) // 2
    return np.select(args[:half], args[half:], default)


def in_pieces(x: Any, *conditions: Any) -> Any:
    return np.piecewise(x, list(conditions), [lambda x: x * x, 3, np.sin])


def parted(x: Any, kth: Any, axis: Any) -> Any:
    return np.take_along_axis(x, np.argpartition(x, kth, axis), axis)


def unravelled(indices: Any, shape: Any, order: str) -> Any:
    return np.array(np.unravel_index(indices, shape, order))


def inside(function: Any, *domains: Any, first: bool = False, **fields: Any) -> Row:
    """Return a row of a function that only a function transform allows, as the result's shape depends on values."""

    def call(*xs: Any, **static: Any) -> Any:
        with enter_transform():
            found = function(*xs, **static)
        return found[0] if first else found

    return calls(call, *domains, covers=(function,), label=function.__name__, **fields)


def keys(*each: Any) -> tuple[dict[str, Any], ...]:
    return tuple({"key": key} for key in each)


BASIC = keys((1,), (-1, slice(None)), (slice(None, None, -2), None), (..., 2), (1, 2), (slice(5, 5),), ())
ARRAYS = keys((SLOT,), (slice(1, 3), SLOT), (None, SLOT, ..., None))
# NumPy puts the common axes first where arrays stand apart, also where only an ellipsis of no axes divides them.
PAIRS = keys((SLOT, SLOT), (SLOT, slice(0, 2), SLOT), (slice(None), SLOT, SLOT), (slice(None), SLOT, ..., SLOT))
MIXED = keys((slice(None), 1, SLOT), (0, slice(None, None, -1), SLOT), (SLOT, ..., 1, None))
ORDERS = tuple({"axis": axis} for axis in (-1, 0, None))
WIDE = ((3, 12), (4,))
SETS = ((2, 3), (2,))
SETS_MEET = ([1, 2, 3], [3, 4, 2])

TAKES = (*[{"axis": axis} for axis in (None, 0, -1)], {"axis": 1, "mode": "wrap"}, {"axis": 0, "mode": "clip"})

ROWS = (
    # indexing
    Row("getitem", lambda x, key: x[key], (real,), (((3, 4),),), BASIC),
    Row("getitem", lambda x, key: x[key], (real,), (((),),), keys((None,), (), (...,))),
    Row("getitem", getitem, (real, below(2, -3)), (((3, 4), (5,)), ((3, 4), ()), ((3, 4), (0,))), ARRAYS),
    Row("getitem", getitem, (real, below(2)), (((2, 3, 4), (2, 1), (3,)), ((2, 3, 4), (), (2,))), PAIRS[:2]),
    Row("getitem", getitem, (real, below(3)), (((2, 3, 4), (2, 1), (3,)),), PAIRS[2:]),
    Row("getitem", getitem, (real, below(2)), (((2, 2, 3), (5,)),), MIXED),
    Row("getitem", getitem, (real, below(3, -3)), (WIDE,), keys((SLOT,), (SLOT, slice(1, None)))),
    Row("getitem", getitem, (complexes, below(3, -3)), (((3, 2), (4,)),), keys((SLOT,)), FLOATS, label="of complex"),
    Row("getitem", getitem, (real, below(1)), (((0, 3), (0,)),), keys((SLOT,))),
    Row("scatter_add", scatter_add, (real,), (((4,),),), ({"shape": (3, 4), "key": (1,)},), FLOATS),
    Row("scatter_add", scatter_add, (real,), (((),),), ({"shape": (3, 4), "key": (1, 2)},), FLOATS),
    Row("scatter_add", scatter_add, (real, below(2)), (((5, 4), (5,)),), ({"shape": (3, 4), "key": (SLOT,)},), FLOATS),
    Row("scatter_add", scatter_add, (real, below(2)), (((0,), (0,)),), ({"shape": (2,), "key": (SLOT,)},), FLOATS),
    # functional updates
    Row("put", put, (real, real), (((3, 4), (4,)), ((3, 4), ())), keys((1,), (slice(None, None, 2),)), FLOATS),
    Row("put", put, (real, real), (((), ()),), keys(()), FLOATS),
    Row("put", put, (real, real, below(3, -3)), (((3, 4), (4, 4), (4,)), ((3, 4), (), (2,))), keys((SLOT,)), FLOATS),
    Row("put", put, (real, real, below(1)), (((0, 2), (0, 2), (0,)),), keys((SLOT,)), FLOATS),
    Row("put", put, (complexes, complexes, below(3)), (((3,), (2,), (2,)),), keys((SLOT,)), FLOATS, label="of complex"),
    Row("add_at", add_at, (real, real), (((3, 4), (4,)), ((3, 4), ())), keys((1,), (slice(None, None, 2),)), FLOATS),
    Row("add_at", add_at, (real, real, below(3)), (((3, 4), (4, 4), (4,)), ((3, 4), (), (2,))), keys((SLOT,)), FLOATS),
    Row("add_at", add_at, (real, real, below(1)), (((0, 2), (2,), (0,)),), keys((SLOT,)), FLOATS),
    Row("last_ones", last_ones, (below(3),), (((5,),), ((2, 4),), ((0,),)), ({"shape": (3, 2), "key": (SLOT,)},), ()),
    # positions
    calls(np.take, real, below(3, -3), shapes=(((3, 4), (2, 2)), ((3, 4), ())), statics=TAKES[:3]),
    calls(np.take, real, below(9, -9), shapes=(((3, 4), (2, 2)), ((3, 4), (0,))), statics=TAKES[3:]),
    calls(np.take, real, below(1), shapes=(((), ()), ((), (2,)))),
    calls(np.take_along_axis, real, below(3, -3), shapes=(((3, 4), (2, 4)), ((3, 1), (2, 3))), statics=({"axis": 0},)),
    calls(np.take_along_axis, real, below(3), shapes=(((3, 4), (3, 2)), ((3, 4), (1, 4))), statics=({"axis": -1},)),
    calls(np.take_along_axis, real, below(3), shapes=(((2, 3), (4,)),), statics=({"axis": None},)),
    calls(chosen, below(2), real, shapes=(((3,), (3,), (3,)), ((2, 1), (3,), ()), ((), (), ())), covers=(np.choose,)),
    calls(
        chosen,
        below(9, -9),
        real,
        shapes=(((3,), (2, 3), ()),),
        statics=({"mode": "wrap"}, {"mode": "clip"}),
        label="out of range",
    ),
    Row(
        "in_bounds",
        in_bounds,
        (below(9, -9),),
        (((5,),), ((),)),
        tuple({"count": 3, "mode": m} for m in ("wrap", "clip")),
    ),
    Row("in_bounds", in_bounds, (below(3),), (((2, 2),), ((0,),)), ({"count": 3, "mode": "raise"},)),
    Row(
        "flat_index",
        lambda *xs, **static: np.ravel_multi_index(xs, **static),
        (below(2),),
        (((3,), (3,)), ((2, 1), (2,)), ((), ())),
        ({"dims": (2, 3), "mode": "raise", "order": "F"}, {"dims": (2, 3), "mode": "wrap", "order": "C"}),
        (),
    ),
    sequence(np.ravel_multi_index, below(2), shapes=(((3,), (3,)),), statics=({"dims": (2, 3)},), order=0),
    Row(
        "unravelled", unravelled, (below(6),), (((3,),), ((),)), tuple({"shape": (2, 3), "order": o} for o in "CF"), ()
    ),
    zeros_of(
        lambda x, shape: np.unravel_index(x, shape)[1],
        below(6),
        shapes=(((3,),), ((),)),
        statics=({"shape": (2, 3)},),
        label="unravel_index",
        covers=(np.unravel_index,),
    ),
    # masks and conditions
    calls(
        lambda a, **static: np.compress([True, False, True], a, **static),
        shapes=(((3, 3),),),
        statics=ORDERS,
        covers=(np.compress,),
        label="compress",
    ),
    calls(
        lambda a: np.extract([[True, False], [True, True]], a),
        shapes=(((2, 2),), ((3, 2),)),
        covers=(np.extract,),
        label="extract",
    ),
    calls(
        selected,
        mask,
        mask,
        real,
        shapes=(((3,), (3,), (3,), (3,)), ((2, 1), (3,), (), (2, 3))),
        statics=({}, {"default": 0.5}),
        covers=(np.select,),
        label="select",
    ),
    calls(
        in_pieces,
        real,
        mask,
        shapes=(((3,), (3,), (3,)), ((2, 2), (2, 2), (2, 2))),
        covers=(np.piecewise,),
        dtypes=FLOATS,
        label="piecewise",
    ),
    # sorting and searching
    calls(
        np.sort,
        spaced(0.1),
        shapes=(((2, 3),), ((0,),), ((2, 0),)),
        statics=ORDERS,
        points=(Point([[2, 1, 2, 1]], ([1, 1, 1, 1],)),),
    ),
    calls(np.sort, spaced(0.1), shapes=(((3, 2),),), statics=({"axis": 1, "kind": "mergesort"}, {"stable": True})),
    calls(np.sort, complexes, shapes=(((2, 3),),), label="of complex", dtypes=FLOATS),
    calls(np.sort_complex, spaced(0.1), shapes=(((2, 3),), ((0,),))),
    calls(
        np.partition,
        spaced(0.1),
        shapes=(((2, 5),),),
        statics=tuple({"kth": k, "axis": a} for k in (2, (1, -1)) for a in (-1, 1)),
        reference=parted,
    ),
    calls(
        np.partition,
        spaced(0.1),
        shapes=(((2, 5),), ((),)),
        statics=({"kth": 0, "axis": None},),
        reference=lambda x, kth, axis: parted(x.reshape(-1), kth, 0),
    ),
    Row("argsort", lambda x, axis: np.argsort(x, axis), (spaced(0.1),), (((2, 3),), ((),), ((0,),)), ORDERS, order=0),
    Row(
        "argsort",
        np.argsort,
        (spaced(0.1),),
        (((2, 3),),),
        ({"kind": "heapsort"}, {"axis": 0, "stable": True}),
        order=0,
    ),
    Row(
        "argpartition",
        np.argpartition,
        (spaced(0.1),),
        (((2, 5),),),
        ({"kth": 2, "axis": 1}, {"kth": (1, -1), "axis": None}),
        order=0,
    ),
    Row("argpartition", np.argpartition, (spaced(0.1),), (((),), ((0,),)), ({"kth": 0},), order=0),
    Row(
        "lexsort",
        lambda *keys, axis: np.lexsort(keys, axis),
        (below(2), real),
        (((5,), (5,)), ((2, 3), (2, 3))),
        ({"axis": -1}, {"axis": 0}),
        order=0,
    ),
    sequence(np.lexsort, below(2), real, shapes=(((5,), (5,)), ((), ())), order=0),
    Row(
        "searchsorted",
        np.searchsorted,
        (lambda rng, shape: np.sort(rng.normal(size=shape)), real),
        (((5,), (2, 2)), ((5,), ()), ((0,), (2,))),
        ({"side": "left"}, {"side": "right"}),
        order=0,
        dtypes=(),
    ),
    zeros_of(
        lambda a, v: np.searchsorted(a, v, "right", np.argsort(a)),
        spaced(0.1),
        real,
        shapes=(((5,), (2,)),),
        dtypes=(),
        label="searchsorted",
        covers=(np.searchsorted,),
    ),
    Row(
        "isin",
        lambda x, y, invert: np.isin(x, y, invert=invert),
        (below(4), below(4)),
        (((2, 3), (2,)), ((), (3,)), ((0,), (2,))),
        ({"invert": False}, {"invert": True}),
        order=0,
    ),
    zeros_of(
        np.isin, below(4), below(4), shapes=(((2, 3), (2,)),), statics=({}, {"assume_unique": False, "kind": "sort"})
    ),
    # what there is
    inside(np.nonzero, mask, first=True, shapes=(((2, 3),), ((0,),)), order=0),
    inside(np.flatnonzero, mask, shapes=(((2, 3),), ((),)), order=0),
    inside(np.argwhere, mask, shapes=(((2, 3),), ((),)), order=0),
    inside(
        np.unique,
        spaced(0.1),
        shapes=(((2, 3),), ((),), ((0,),)),
        points=(Point([[2, 1, 2, 1]], ([1, 1, 0, 0],)), Point([[[2, 1], [2, 1]]], ([[1, 1], [0, 0]],), {"axis": 0})),
    ),
    inside(np.unique, spaced(0.1), first=True, shapes=(((3, 2),),), statics=({"axis": 1, "return_index": True},)),
    *[
        inside(f, spaced(0.1), first=f is not np.unique_values, shapes=(((4,),),))
        for f in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values)
    ],
    inside(np.union1d, spaced(0.1), spaced(0.35), shapes=(SETS,), points=(Point(SETS_MEET, ([1, 1, 1], [0, 1, 0])),)),
    inside(np.intersect1d, below(4), shapes=(SETS,), order=0, points=(Point(SETS_MEET, ([0, 1, 1], [0, 0, 0])),)),
    inside(np.setdiff1d, spaced(0.1), below(4), shapes=(SETS,), points=(Point(SETS_MEET, ([1, 0, 0], [0, 0, 0])),)),
    inside(np.setxor1d, spaced(0.1), spaced(0.35), shapes=(SETS,), points=(Point(SETS_MEET, ([1, 0, 0], [0, 1, 0])),)),
)
