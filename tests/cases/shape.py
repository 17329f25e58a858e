"""Rows of NumPy's functions on shapes: axes, joining, splitting, repeating, diagonals, constructors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lazygrad._graph.guards import enter_transform
from tests.helpers.op_rows import FLOATS, UNARY, Row, calls, complexes, real, zeros_of

CUBE = (((2, 3, 4),),)
MATRIX = (((2, 3),), ((2, 3, 4),), ((0, 2),))
VECTOR = (((4,),), ((0,),))
ANY = (((),), ((3,),), ((2, 3),))


def by(**values: Any) -> tuple[dict[str, Any], ...]:
    """Return statics with each of the values of one of them."""
    ((key, several),) = values.items()
    return tuple({key: value} for value in several)


def join_row(function: Any, *shapes: Any, **fields: Any) -> Row:
    """Return a row of a function of a sequence of arrays."""
    label = f"{function.__name__} {fields.pop('label', '')}".strip()
    return calls(lambda *xs, **static: function(xs, **static), shapes=shapes, covers=(function,), label=label, **fields)


def several(function: Any, *shapes: Any, **fields: Any) -> Row:
    """Return a row of a function with a tuple of results, which are summed up at different weights."""

    def weighed(*xs: Any, **static: Any) -> Any:
        parts = [(k + 1.5) * part for k, part in enumerate(function(*xs, **static))]
        return np.concatenate([np.ravel(part) for part in parts])

    return calls(weighed, shapes=shapes, covers=(function,), label=function.__name__, dtypes=FLOATS, **fields)


def metadata(function: Any, call: Any = None, shapes: Any = UNARY, **fields: Any) -> Row:
    """Return a row of a function whose result is known without values."""
    return zeros_of(call or function, real, shapes=shapes, covers=(function,), label=function.__name__, **fields)


def call_row(call: Any, function: Any, *domains: Any, label: str = "", **fields: Any) -> Row:
    """Return a row of a function called in some way."""
    return calls(call, *domains, covers=(function,), label=f"{function.__name__} {label}".strip(), **fields)


AXES = (
    Row("expand_dims", np.expand_dims, (real,), UNARY, by(axis=(0, -1, (0, 1), (-1, 0)))),
    Row("squeeze", np.squeeze, (real,), (((1, 3, 1),), ((1,),), ((1, 0, 1),)), by(axis=(None, 0))),
    Row("squeeze", np.squeeze, (real,), (((2, 1, 3, 1),),), by(axis=(-1, (1, 3), (-1, 1), ()))),
    Row("squeeze", np.squeeze, (complexes,), (((2, 1),),), label="of complex", dtypes=FLOATS),
    calls(np.reshape, shapes=(((2, 6),),), statics=by(shape=((3, 4), -1, 12, [4, -1], (2, 3, 2)))),
    calls(np.reshape, shapes=CUBE, statics=({"shape": (4, 6), "order": "F"}, {"shape": (3, -1), "order": "F"})),
    calls(np.reshape, shapes=(((0, 2),), ((2, 0, 3),)), statics=({"shape": (0, 4), "order": "A"},)),
    calls(np.ravel, shapes=UNARY, statics=by(order=("C", "F", "A", "K"))),
    calls(np.transpose, shapes=UNARY),
    calls(np.transpose, shapes=CUBE, statics=by(axes=((2, 0, 1), (-1, 0, 1)))),
    calls(np.matrix_transpose, shapes=MATRIX),
    calls(np.swapaxes, shapes=MATRIX, statics=({"axis1": 0, "axis2": 1}, {"axis1": -1, "axis2": 0})),
    calls(
        np.moveaxis,
        shapes=CUBE,
        statics=(
            {"source": 0, "destination": -1},
            {"source": (0, 1), "destination": (-1, -2)},
            {"source": [2, 0], "destination": [0, 1]},
        ),
    ),
    calls(np.rollaxis, shapes=CUBE, statics=tuple({"axis": a, "start": s} for a in (0, 2, -2) for s in (0, 1, 3, -1))),
    *[calls(f, shapes=(*UNARY, ((2, 1, 3, 1),))) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d)],
    *[several(f, ((), (2,), (2, 3))) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d)],
    calls(np.broadcast_to, shapes=(((3,),), ((2, 1),), ((),)), statics=by(shape=((2, 3), [4, 2, 3]))),
    several(np.broadcast_arrays, ((3,), (2, 1)), ((), (2,)), ((2, 3), (2, 3)), ((0,), (1,))),
    several(
        np.meshgrid,
        *(((3,),), ((2,), (3,)), ((2,), (), (3,)), ((2,), (0,))),
        statics=tuple({"indexing": i, "sparse": s} for i in ("xy", "ij") for s in (False, True)),
    ),
)


JOINING = (
    Row("stack", lambda *xs, axis: np.stack(xs, axis), (real,), (((2, 3), (2, 3)), ((2, 3),)), by(axis=(0, 1, -1))),
    Row("stack", lambda *xs, axis: np.stack(xs, axis), (real,), (((), (), ()), ((0,), (0,))), by(axis=(0, -1))),
    Row("stack", lambda *xs, axis: np.stack(xs, axis), (real, complexes), (((2,), (2,)),), by(axis=(0,)), FLOATS),
    join_row(np.stack, ((2, 3), (2, 3)), ((), ()), ((0,),), statics=by(axis=(0, -1))),
    join_row(np.stack, ((2,), (2,)), statics=by(dtype=(np.float64,)), label="dtype"),
    join_row(np.concatenate, ((2, 3), (1, 3)), ((2, 3),), statics=by(axis=(0, -2))),
    join_row(np.concatenate, ((2,), (0,)), ((0,),), statics=by(axis=(0, -1)), label="vectors"),
    join_row(np.concatenate, ((2, 3), (2,), ()), statics=by(axis=(None,)), label="flat"),
    join_row(np.concatenate, ((2,), (1,)), statics=by(dtype=(np.float64,)), label="dtype"),
    join_row(np.vstack, ((2, 3), (3,)), ((), ()), ((2,), (2,)), ((0, 2), (1, 2))),
    join_row(np.hstack, ((2, 3), (2, 1)), ((), (2,)), ((2,), (0,)), ((2, 3, 1), (2, 1, 1))),
    join_row(np.dstack, ((2, 3), (2, 3)), ((), ()), ((2,), (2,)), ((1, 2, 3), (1, 2, 1))),
    join_row(np.column_stack, ((2,), (2, 3), (2,)), ((), ()), ((0,), (0, 2))),
    call_row(lambda a, b, c, d: np.block([[a, b], [c, d]]), np.block, shapes=(((2, 2), (2, 1), (2,), ()),)),
    call_row(lambda a, b: np.block([a, b]), np.block, label="of a list", shapes=(((2, 3), (2, 1)), ((), (2,)))),
    call_row(lambda a: np.block(a), np.block, label="alone", shapes=ANY),
    call_row(lambda a, b: np.block([[[a]], [[b]]]), np.block, label="deep", shapes=(((1, 3), (3, 1, 3)), ((), ()))),
    calls(np.append, shapes=(((2, 3), (2,)), ((), ()), ((0,), (2,)))),
    calls(np.append, shapes=(((2, 3), (1, 3)),), statics=by(axis=(0, -2))),
    call_row(lambda x: np.append(x, 2.0), np.append, label="a number", shapes=ANY),
    call_row(lambda x, y, **k: np.insert(x, 1, y, **k), np.insert, shapes=(((4,), (2,)), ((2, 3), ()), ((1, 2), (3,)))),
    call_row(
        lambda x, y, obj, axis: np.insert(x, obj, y, axis),
        np.insert,
        label="along",
        shapes=(((3, 4), ()), ((3, 4), (1, 4)), ((3, 4), (4,))),
        statics=tuple({"obj": obj, "axis": 0} for obj in (0, -1, 3, [1], [0, 0], [2, 1, 1], slice(0, 3, 2))),
    ),
    call_row(
        lambda x, y, obj: np.insert(x, obj, y, 1),
        np.insert,
        label="columns",
        shapes=(((3, 4), (3,)), ((3, 4), (3, 1)), ((2, 3, 4), ())),
        statics=by(obj=(2, [2])),
    ),
    call_row(lambda x, y: np.insert(x, [], y), np.insert, label="nothing", shapes=(((3,), ()), ((0,), ()))),
    call_row(
        lambda x, y: np.insert(x, np.array([True, False, True]), y), np.insert, label="mask", shapes=(((3,), (2,)),)
    ),
    calls(np.delete, shapes=(((5,),), ((2, 3),)), statics=by(obj=(0, -1, [1, 3, 3], slice(None, None, 2), []))),
    calls(np.delete, shapes=CUBE, statics=({"obj": 1, "axis": -1}, {"obj": [0, 2], "axis": 1})),
    call_row(
        lambda x: np.delete(x, np.array([True, False, True]), axis=1), np.delete, label="mask", shapes=(((2, 3),),)
    ),
)


def trimmed(mask: Any) -> Any:
    """Apply np.trim_zeros to an array with zeros where the mask has them, as in a function transform."""

    def call(x: Any, **static: Any) -> Any:
        with enter_transform():
            return np.trim_zeros(x * np.array(mask, x.dtype), **static)

    return call


SPLITTING = (
    call_row(
        trimmed([0, 0, 1, 0, 1, 0]), np.trim_zeros, shapes=(((6,),),), statics=by(trim=("fb", "f", "b")), dtypes=FLOATS
    ),
    call_row(trimmed([[0, 0, 0], [0, 1, 1]]), np.trim_zeros, label="of a matrix", shapes=MATRIX[:1], dtypes=FLOATS),
    call_row(trimmed([0, 0]), np.trim_zeros, label="of zeros", shapes=(((2,),),), dtypes=FLOATS),
    several(np.array_split, ((7,),), ((0,),), ((2, 3),), statics=by(indices_or_sections=(1, 3, 9, [1, 2], (2, 1), []))),
    several(np.array_split, ((2, 5),), statics=({"indices_or_sections": 2, "axis": -1},)),
    several(np.split, ((6,),), ((6, 2),), statics=by(indices_or_sections=(3, [2, 8], [-1]))),
    several(np.hsplit, ((4,),), ((2, 4),), ((1, 2, 3),), statics=by(indices_or_sections=(2, [1]))),
    several(np.vsplit, ((4, 2),), ((2, 1, 3),), statics=by(indices_or_sections=(2, [1]))),
    several(np.dsplit, ((1, 2, 4),), statics=by(indices_or_sections=(2, [1]))),
    several(np.unstack, ((3,),), ((3, 2),), ((3, 0),)),
    several(np.unstack, ((2, 3),), statics=by(axis=(1, -2))),
    call_row(
        lambda x, axis: np.apply_along_axis(lambda v: v[::-1] * v[0], axis, x),
        np.apply_along_axis,
        shapes=CUBE,
        statics=by(axis=(0, 1, -1)),
        dtypes=FLOATS,
    ),
    call_row(
        lambda x, axis: np.apply_along_axis(np.sum, axis, x),
        np.apply_along_axis,
        label="to numbers",
        shapes=(((3,),), ((2, 3),)),
        statics=by(axis=(0, -1)),
        dtypes=FLOATS,
    ),
    call_row(
        lambda x: np.apply_along_axis(np.outer, 1, x, np.array([1.0, 2.0, 3.0])),
        np.apply_along_axis,
        label="to matrices",
        shapes=(((2, 3, 2),),),
        dtypes=FLOATS,
    ),
    call_row(lambda x: np.apply_over_axes(np.sum, x, [0, 2]), np.apply_over_axes, shapes=CUBE, dtypes=FLOATS),
    call_row(lambda x: np.apply_over_axes(np.flip, x, -1), np.apply_over_axes, label="all kept", shapes=CUBE),
)


def pad_row(mode: str, *domains: Any, shapes: Any = (((3,),), ((2, 3),)), **fields: Any) -> Row:
    """Return a row of a mode of np.pad, with any further statics, at several widths."""
    statics = tuple(
        {"pad_width": width, "mode": mode, **more}
        for more in fields.pop("more", ({},))
        for width in fields.get("widths", (1, (0, 2), ((3, 1),)))
    )
    fields.pop("widths", None)
    label = f"{mode} {fields.pop('label', '')}".strip()
    return calls(np.pad, *domains, shapes=shapes, statics=statics, label=label, **fields)


LONG = (((7, 4),),)  # more than the array has, several times over
SIDES = ({}, {"stat_length": 1}, {"stat_length": ((2, 9),)})

PADDING = (
    Row("pad", np.pad, (real,), (((2, 3),),), ({"pad_width": ((1, 0), (0, 2))},)),
    Row(
        "pad",
        np.pad,
        (real,),
        (((2, 3),),),
        ({"pad_width": ((3, 4), (0, 2)), "mode": "wrap"},),
    ),
    pad_row("constant", shapes=UNARY, widths=(0, 1, ((2, 1),))),
    pad_row("constant", more=by(constant_values=(2.5, (1, 2), ((3, 4),)))),
    pad_row("constant", complexes, more=by(constant_values=(1j,)), widths=(1,), dtypes=FLOATS, label="complex"),
    pad_row("constant", shapes=(((2, 3),),), widths=([[1, 2], [0, 1]], {-1: 2}, {0: (1, 2)}), label="axes"),
    pad_row("edge"),
    pad_row("edge", complexes, dtypes=FLOATS, label="complex"),
    pad_row("edge", shapes=(((0, 3),),), widths=(((0, 0), (1, 1)),), label="empty axis"),
    pad_row("wrap"),
    pad_row("wrap", widths=LONG, label="long"),
    pad_row("reflect", more=by(reflect_type=("even", "odd"))),
    pad_row("reflect", more=by(reflect_type=("even", "odd")), widths=LONG, label="long", dtypes=(*FLOATS, np.int32)),
    pad_row("reflect", shapes=(((1,),), ((1, 2),)), more=by(reflect_type=("even", "odd")), label="of one"),
    pad_row("symmetric", more=by(reflect_type=("even", "odd"))),
    pad_row("symmetric", more=by(reflect_type=("even", "odd")), widths=LONG, label="long", dtypes=(*FLOATS, np.int32)),
    pad_row("linear_ramp", more=({}, *by(end_values=(2, (1.5, -1))))),
    pad_row("mean", more=SIDES),
    pad_row("maximum", more=SIDES),
    pad_row("minimum", more=SIDES),
    pad_row("median", more=SIDES),
    call_row(
        lambda x, c: np.pad(x, ((1, 2), (0, 3)), constant_values=c),
        np.pad,
        label="with nodes",
        shapes=(((2, 3), ()), ((2, 3), (2,)), ((2, 3), (2, 2))),
        dtypes=FLOATS,
        reference=lambda x, c: np.pad(x, ((1, 2), (0, 3)), constant_values=c.tolist()),
    ),
)

REPEATING = (
    Row("tile", np.tile, (real,), (((),), ((3,),), ((0,),), ((2, 3),)), by(reps=((), (2,), (2, 3), (0,), (2, 1, 3)))),
    calls(np.tile, shapes=ANY, statics=by(reps=(2, [3, 1], 0))),
    Row("repeat", np.repeat, (real,), (((2, 3),),), tuple({"repeats": r, "axis": 1} for r in (0, 2, (1, 0, 3)))),
    Row("repeat", np.repeat, (complexes,), (((2, 0),),), ({"repeats": 2, "axis": -2},), FLOATS),
    calls(np.repeat, shapes=ANY, statics=by(repeats=(0, 2, [3]))),
    calls(np.repeat, shapes=CUBE, statics=tuple({"repeats": r, "axis": -2} for r in (2, [1, 0, 3], np.array([2])))),
    Row("resize", np.resize, (real,), (((),), ((3,),), ((2, 3),)), by(new_shape=((2, 2), (7,), (3,), (), (0, 2)))),
    Row("resize", np.resize, (real,), (((0,),),), by(new_shape=((2, 2), (0,)))),
    calls(np.resize, shapes=(((2, 3),),), statics=by(new_shape=(4, [5, 2]))),
    Row("roll", np.roll, (real,), (*ANY, ((0,),)), by(shift=(0, 1, -7))),
    Row("roll", np.roll, (real,), (((2, 3),),), ({"shift": 1, "axis": -1}, {"shift": (1, -1), "axis": (0, 1)})),
    calls(np.roll, shapes=CUBE, statics=({"shift": 2, "axis": (0, 2)}, {"shift": [1, 2], "axis": 1})),
    Row("flip", np.flip, (real,), UNARY, by(axis=(None,))),
    Row("flip", np.flip, (complexes,), (((2, 3, 4),),), by(axis=(0, -1, (0, 2))), FLOATS),
    calls(np.flipud, shapes=(((3,),), ((2, 3),))),
    calls(np.fliplr, shapes=MATRIX),
    calls(np.rot90, shapes=MATRIX, statics=by(k=(0, 1, 2, -1, 5))),
    calls(np.rot90, shapes=CUBE, statics=tuple({"k": k, "axes": (2, 0)} for k in (1, 2, 3))),
)


def diagonal_embed(x: Any, shape: Any = None, offset: int = 0, **axes: Any) -> Any:
    """Put each diagonal into zeros, in loops."""
    if shape is None:
        return np.diag(x, offset)
    out = np.zeros(shape, x.dtype)
    matrices = np.moveaxis(out, (axes["axis1"], axes["axis2"]), (-2, -1))
    for place in np.ndindex(x.shape[:-1]):
        for k, value in enumerate(x[place]):
            matrices[(*place, k - min(offset, 0), k + max(offset, 0))] = value
    return out


BATCHED = {"offset": 1, "axis1": 2, "axis2": 0, "shape": (3, 2, 2)}


WINDOWED = ({"length": 3, "axis": 1}, {"length": 2, "axis": 2}, {"length": 1, "axis": 0})


def sliding_sum(x: Any, axis: int) -> Any:
    """Add each element of each window where the window has it."""
    shape = list(x.shape[:-1])
    shape[axis] += x.shape[-1] - 1
    out = np.zeros(shape, x.dtype)
    for place in np.ndindex(x.shape):
        covered = list(place[:-1])
        covered[axis] += place[-1]
        out[tuple(covered)] += x[place]
    return out


WINDOWS = (
    Row("sliding_windows", lambda x, length, axis: sliding_window_view(x, length, axis), (real,), CUBE, WINDOWED),
    Row("sliding_sum", sliding_sum, (real,), (((3, 2, 2),),), by(axis=(0, 1)), FLOATS),
    calls(sliding_window_view, shapes=(((4,),), ((2, 3),)), statics=({"window_shape": 2, "axis": -1},)),
    calls(sliding_window_view, shapes=(((2, 3),),), statics=by(window_shape=((2, 2), [1, 1]))),
    calls(sliding_window_view, shapes=CUBE, statics=({"window_shape": (2, 2), "axis": (2, 2)},)),
    calls(sliding_window_view, complexes, shapes=CUBE, statics=({"window_shape": 3, "axis": (1,)},), dtypes=FLOATS),
)

DIAGONALS = (
    Row("diagonal", np.diagonal, (real,), MATRIX, by(offset=(0, 1, -1, 5, -5))),
    Row("diagonal", np.diagonal, (complexes,), CUBE, ({"offset": -1, "axis1": -1, "axis2": 0},), FLOATS),
    Row("diagonal_embed", diagonal_embed, (real,), VECTOR, by(offset=(0, 2, -1)), FLOATS),
    Row("diagonal_embed", diagonal_embed, (real,), (((2, 2),),), (BATCHED,), FLOATS, label="batched"),
    calls(np.diag, shapes=(*VECTOR, ((2, 3),), ((3, 3),)), statics=by(k=(0, 1, -2))),
    calls(np.diagflat, shapes=(*ANY, ((0,),)), statics=by(k=(0, -1))),
    *[Row(f.__name__, f, (real,), (((3,),), *MATRIX), by(k=(0, 1, -1))) for f in (np.tril, np.triu)],
    calls(np.vander, shapes=VECTOR[:1], statics=({}, {"increasing": True}, {"N": 3}, {"N": 6})),
    calls(np.vander, complexes, shapes=VECTOR[:1], statics=by(N=(3,)), dtypes=FLOATS, label="complex"),
    metadata(np.vander, shapes=VECTOR, statics=by(N=(0, 1))),
    metadata(np.diag_indices_from, shapes=(((3, 3),), ((2, 2, 2),))),
    metadata(np.tril_indices_from, shapes=MATRIX[:1], statics=by(k=(0, 1))),
    metadata(np.triu_indices_from, shapes=MATRIX[:1], statics=by(k=(0, 1))),
)

OTHER_LIKE = ({}, {"dtype": np.int32}, {"shape": (2, 2)}, {"shape": 3, "dtype": complex})

CONSTRUCTORS = (
    *[metadata(f, statics=OTHER_LIKE) for f in (np.ones_like, np.zeros_like)],
    metadata(np.empty_like, lambda x, **static: np.zeros_like(np.empty_like(x, **static)), statics=OTHER_LIKE),
    metadata(np.full_like, lambda x, **static: np.full_like(x, 2, **static), statics=OTHER_LIKE),
    call_row(lambda x, **static: np.full_like(x, x.sum(), **static), np.full_like, label="with nodes", dtypes=FLOATS),
    call_row(
        lambda x, **static: np.full_like(x, x[0], **static),
        np.full_like,
        label="with rows",
        shapes=MATRIX[:2],
        dtypes=FLOATS,
    ),
    call_row(
        lambda x: np.full_like(x, x[0], np.float64, shape=(2, 2)),
        np.full_like,
        label="of a shape",
        shapes=VECTOR[:1],
        dtypes=FLOATS,
    ),
    calls(np.copy),
    call_row(lambda x: np.astype(x, np.float64), np.astype, shapes=UNARY),
    *[metadata(f) for f in (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj)],
    metadata(np.size, shapes=CUBE, statics=by(axis=(0, -1, None))),
    metadata(np.result_type, lambda x: np.result_type(x, np.float32, 2).num),
    metadata(np.common_type, lambda x: np.dtype(np.common_type(x, np.ones(1, np.float32))).num, dtypes=FLOATS),
    metadata(np.can_cast, lambda x: np.can_cast(x, np.float32) + 2 * np.can_cast(x, np.int8, "unsafe")),
)

ROWS = (*AXES, *JOINING, *SPLITTING, *PADDING, *REPEATING, *WINDOWS, *DIAGONALS, *CONSTRUCTORS)
