"""Rows of products of arrays, of numerical calculus and of polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lazygrad as lg
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import FLOATS, Domain, Row, calls, complexes, nonzero, positive, real, spaced

VECTORS = (((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 2, 3)), ((2, 0), (2, 0)))
PAIRS = (((3,), (2,)), ((2, 3), (2,)), ((), (3,)), ((2, 0), (2,)))
MODES = tuple({"mode": mode} for mode in ("full", "same", "valid"))
INTEGERS = (np.int64, np.float32)


def of(function: Callable[..., Any], call: Callable[..., Any], *shapes: Any, label: str = "", **fields: Any) -> Row:
    """Return a row of a function that is called in another form than (inputs, statics by keyword)."""
    domains = fields.pop("domains", (real,))
    name = f"{function.__name__} {label}".strip()
    return Row(call, fields.pop("reference", call), domains, shapes, label=name, covers=(function,), **fields)


def complex_too(function: Callable[..., Any], *shapes: Any, **fields: Any) -> tuple[Row, Row]:
    """Return rows of real and of complex inputs."""
    return (
        calls(function, real, shapes=shapes, **fields),
        calls(function, complexes, shapes=shapes[:2], dtypes=FLOATS, label="of complex", **fields),
    )


# -- einsum ----------------------------------------------------------------------------------------


def guarded_einsum(x: Any, y: Any, subscripts: str, side: str) -> Any:
    """Return einsum of two operands: all is finite here."""
    return np.einsum(subscripts, x, y)


EINSUM = (
    ("ij,jk->ik", (2, 3), (3, 2)),
    ("ij,jk", (2, 3), (3, 0)),
    ("ba", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iji->j", (2, 3, 2)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 0)),
    ("i,i", (3,), (3,)),
    (",i->i", (), (3,)),
    (",->", (), ()),
    ("i,j->ji", (2,), (3,)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("bij,kjb->ikb", (2, 2, 3), (2, 3, 2)),
    ("bi,bi->b", (2, 3), (2, 3)),
    ("bi,b->b", (2, 3), (2,)),
    ("ij,k->i", (2, 3), (4,)),
    ("abcd,dcef->aebf", (1, 2, 2, 3), (3, 2, 2, 1)),
    ("ij,ij->ij", (1, 3), (2, 3)),
    ("ij,ij->", (1, 3), (2, 1)),
    ("ij,i->j", (1, 3), (2,)),
    ("iij,jk->ik", (2, 2, 3), (3, 2)),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    ("...i,i...", (2, 3), (3, 2)),
    ("i...->...", (2, 3)),
    ("...,...", (2, 1), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
    ("i,i,i->", (3,), (3,), (3,)),
    ("ij,jk,ki,l->l", (2, 3), (3, 2), (2, 2), (2,)),
    ("a...,b...,...->ab...", (2, 3), (3, 1), ()),
)
FORMS = (
    of(np.einsum, lambda x: np.einsum(x, [0, 0]), ((3, 3),), label="by lists"),
    of(np.einsum, lambda x, y: np.einsum(x, [0, 27], y, [27, 3], [3, 0]), ((2, 3), (3, 2)), label="by lists to a list"),
    of(np.einsum, lambda x, y: np.einsum(x, [..., 1], y, [1, ...], [...]), ((2, 3), (3, 2)), label="by lists of dots"),
    of(
        np.einsum,
        lambda x, y, z: np.einsum("ij,jk,k", x, y, z, optimize=["einsum_path", (1, 2), (0, 1)]),
        ((2, 3), (3, 2), (2,)),
        label="along a path",
        reference=lambda x, y, z: np.einsum("ij,jk,k", x, y, z),
    ),
    of(np.einsum, lambda x: np.einsum("i,i,i", x, x * x, 2.0 * x, optimize=True), ((3,),), label="of itself"),
    of(np.einsum, lambda x: np.einsum("i,->i", x, 2.0), ((3,),), label="with a number"),
)
ROWS_OF_EINSUM = (
    *[
        of(np.einsum, lambda *xs, s=subscripts: np.einsum(s, *xs), shapes, label=subscripts)
        for subscripts, *shapes in EINSUM
    ],
    *[
        of(
            np.einsum,
            lambda *xs, s=subscripts: np.einsum(s, *xs),
            shapes,
            label=f"{subscripts} of complex",
            domains=(complexes, real),
            dtypes=FLOATS,
        )
        for subscripts, *shapes in (("iij,jk->ik", (2, 2, 3), (3, 2)), ("i,ij,j", (2,), (2, 3), (3,)))
    ],
    *FORMS,
    of(
        np.einsum_path,
        lambda *xs: np.array(np.einsum_path("ij,jk,kl->il", *xs)[0][1:]),
        ((2, 3), (3, 4), (4, 1)),
        order=0,
    ),
    Row(
        "contract",
        lambda x, y, subscripts: np.einsum(subscripts, x, y),
        (real,),
        (((2, 3), (2, 3)),),
        tuple({"subscripts": s} for s in ("ab,ab->", "ab,ab->a", "ab,ab->ba", "ab,cb->ca")),
    ),
    Row(
        "contract", lambda x, y, subscripts: np.outer(x, y), (complexes,), (((2,), (3,)),), ({"subscripts": "a,b->ab"},)
    ),
    *[
        Row("guarded_contract", guarded_einsum, (real,), (((2, 3), (2, 3)),), ({"subscripts": s, "side": side},))
        for s in ("ab,ab->", "ab,ab->ba", "ab,cb->ca")
        for side in ("x", "y", "both")
    ],
    *[
        Row(
            "guarded_matmul",
            lambda x, y, side: x @ y,
            (real,),
            (((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 2))),
            ({"side": side},),
        )
        for side in ("x", "y", "both")
    ],
    Row(
        "collapse",
        lambda x, subscripts: np.einsum(subscripts, x),
        (real,),
        (((2, 3, 2),),),
        tuple({"subscripts": s} for s in ("aba->ba", "aba->b", "abc->ca", "abc->")),
    ),
    Row(
        "uncollapse",
        lambda x, subscripts, shape: np.broadcast_to(x[:, None] if subscripts[-1] == "a" else x, shape),
        (real,),
        (((2,),),),
        ({"subscripts": "ab->a", "shape": (2, 3)}, {"subscripts": "ab->b", "shape": (3, 2)}),
        FLOATS,
    ),
    Row(
        "uncollapse",
        lambda x, subscripts, shape: np.diag(x),
        (real,),
        (((2,),),),
        ({"subscripts": "aa->a", "shape": (2, 2)},),
        FLOATS,
    ),
)

# -- products --------------------------------------------------------------------------------------

TENSORDOT = (
    (((2, 3), (3, 2)), (1, 0, ([1, 0], [0, 1]), (1, 0), ((-1,), (-2,)))),
    (((2, 3, 2), (3, 2, 4)), (2, ([1, 0], [0, 1]))),
    (((), (2,)), (0,)),
    (((2, 0), (0, 3)), (1,)),
)


def crossed(x: Any, y: Any) -> Any:
    """Return the cross product of vectors in the plane, which NumPy does not always take."""
    if isinstance(x, lg.Node):
        return np.cross(x, y)
    full = [np.concatenate([v, np.zeros((*v.shape[:-1], 3 - v.shape[-1]), v.dtype)], axis=-1) for v in (x, y)]
    return np.cross(*full)[..., 2] if x.shape[-1] == y.shape[-1] == 2 else np.cross(*full)


ROWS_OF_PRODUCTS = (
    Row(
        "matmul",
        np.matmul,
        (complexes,),
        (((2, 3), (3, 2)), ((3,), (3, 2)), ((2, 2, 3), (3,))),
        dtypes=FLOATS,
        label="C",
    ),
    calls(np.linalg.matmul, shapes=(((2, 3), (3, 2)),), label="in linalg"),
    *[calls(np.tensordot, shapes=(shapes,), statics=tuple({"axes": a} for a in axes)) for shapes, axes in TENSORDOT],
    calls(
        np.tensordot, complexes, shapes=(((2, 3), (3, 2)),), statics=({"axes": 1},), dtypes=FLOATS, label="of complex"
    ),
    of(np.linalg.tensordot, lambda x, y: np.linalg.tensordot(x, y, axes=1), ((2, 3), (3, 2))),
    *complex_too(np.inner, ((3,), (3,)), ((2, 3), (2, 2, 3)), ((), (2, 3)), ((), ()), ((2, 0), (3, 0))),
    *complex_too(np.outer, ((3,), (2,)), ((2, 2), (3,)), ((), (3,)), ((0,), (2,))),
    calls(np.linalg.outer, shapes=(((3,), (2,)),), label="in linalg"),
    *complex_too(np.kron, ((2, 2), (3,)), ((2,), (1, 2, 2)), ((2,), (3,)), ((), (2, 2)), ((), ()), ((0, 2), (2,))),
    *complex_too(np.vdot, ((3,), (3,)), ((2, 3), (6,)), ((), ()), ((0,), (0,))),
    *complex_too(np.vecdot, *VECTORS),
    of(np.linalg.vecdot, lambda x, y: np.linalg.vecdot(x, y, axis=0), ((3, 2), (3, 1))),
    of(np.linalg.matrix_transpose, np.linalg.matrix_transpose, ((2, 3),), ((2, 2, 3),)),
    of(np.linalg.diagonal, lambda x: np.linalg.diagonal(x, offset=1), ((2, 3),), ((2, 3, 3),)),
    of(np.linalg.trace, lambda x: np.linalg.trace(x, offset=-1), ((2, 3),), ((2, 3, 3),)),
    *[
        row
        for name, shapes in (
            ("matvec", (((2, 3), (3,)), ((2, 2, 3), (3,)), ((2, 3), (4, 3)), ((0, 3), (3,)))),
            ("vecmat", (((2,), (2, 3)), ((4, 2), (2, 3)), ((2,), (2, 2, 3)), ((0,), (0, 3)))),
        )
        if hasattr(np, name)
        for row in complex_too(getattr(np, name), *shapes)
    ],
    Row("cross", np.cross, (real,), VECTORS[:4]),
    Row("cross", np.cross, (complexes,), VECTORS[:1], dtypes=FLOATS, label="of complex"),
    calls(np.cross, shapes=(((3,), (2, 3)), ((0, 3), (3,)))),
    calls(np.cross, shapes=(((3, 2), (3, 2)),), statics=({"axis": 0}, {"axisa": 0, "axisb": 0, "axisc": 0})),
    of(np.cross, crossed, ((2,), (2,)), ((3, 2), (2,)), ((2,), (3,)), ((2, 3), (2, 2)), label="in the plane"),
    of(np.linalg.cross, lambda x, y: np.linalg.cross(x, y, axis=0), ((3, 2), (3, 2))),
    Row("convolve", np.convolve, (real,), (((4,), (3,)), ((2,), (5,)), ((3,), (3,)), ((1,), (2,))), MODES),
    *[
        row
        for f in (np.convolve, np.correlate)
        for row in complex_too(f, ((4,), (3,)), ((4,), (5,)), ((2,), (2,)), statics=MODES)
    ],
)

# -- calculus --------------------------------------------------------------------------------------

DIFFS = tuple({"n": n, "axis": axis} for n in (0, 1, 2) for axis in (-1, 0))
increasing: Domain = lambda rng, shape: np.cumsum(rng.uniform(0.5, 1.5, size=shape), axis=-1)  # noqa: E731
within: Domain = lambda rng, shape: rng.uniform(-0.5, 4.5, size=shape).round(1) + 0.013  # noqa: E731
POINTS = (0.0, 1.0, 2.5, 4.0)
far: Domain = lambda rng, shape: 2.0 * rng.normal(size=shape).cumsum(axis=-1)  # noqa: E731

ROWS_OF_CALCULUS = (
    calls(np.diff, shapes=(((3, 4),), ((1, 2),), ((0, 3),)), statics=DIFFS),
    calls(np.diff, complexes, shapes=(((4,),),), statics=({},), dtypes=FLOATS, label="of complex"),
    of(np.diff, lambda a, p, q: np.diff(a, axis=0, prepend=p, append=q), ((2, 3), (), (2, 3)), ((2,), (1,), ())),
    of(np.diff, lambda a: np.diff(a, prepend=0.0), ((2, 3),), label="after a number"),
    calls(np.ediff1d, shapes=(((4,),), ((2, 2),), ((),), ((0,),)), dtypes=INTEGERS),
    of(
        np.ediff1d,
        lambda a, p, q: np.ediff1d(a, to_begin=p, to_end=q),
        ((3,), (2,), ()),
        dtypes=INTEGERS,
        label="between",
    ),
    calls(np.gradient, shapes=(((2,),), ((4,),), ((5,),)), dtypes=INTEGERS),
    calls(np.gradient, complexes, shapes=(((4,),),), dtypes=FLOATS, label="of complex"),
    calls(np.gradient, shapes=(((3,),), ((5,),)), statics=({"edge_order": 2},), dtypes=INTEGERS, label="to the second"),
    calls(np.gradient, shapes=(((3, 4),),), statics=({"axis": 0}, {"axis": -1, "edge_order": 2}), dtypes=INTEGERS),
    of(np.gradient, lambda f: np.stack(np.gradient(f, 2.0)), ((3, 4),), label="both ways", dtypes=INTEGERS),
    of(
        np.gradient,
        lambda f, h, y: np.stack(np.gradient(f, h, y, axis=(1, 0), edge_order=2)),
        ((4, 3), (), (4,)),
        label="over coordinates",
        domains=(real, positive, increasing),
        dtypes=FLOATS,
    ),
    of(
        np.gradient,
        lambda f, h, y: np.stack(np.gradient(f, h, y)),
        ((4, 3), (), (3,)),
        label="by a distance",
        domains=(real, positive, increasing),
        dtypes=FLOATS,
    ),
    of(
        np.gradient,
        lambda f, y: np.gradient(f, y),
        ((4,), (4,)),
        ((2,), (2,)),
        label="at points",
        domains=(real, increasing),
    ),
    calls(np.trapezoid, shapes=(((4,),), ((2, 3),), ((1,),), ((2, 0),)), statics=({}, {"dx": 0.5, "axis": 0})),
    calls(np.trapezoid, real, increasing, shapes=(((4,), (4,)), ((2, 3), (3,)), ((2, 3), (2, 3)))),
    of(np.trapezoid, lambda y, x: np.trapezoid(y, x, axis=0), ((3, 2), (3,)), ((3, 2), (3, 2)), label="down"),
    Row(
        "interval",
        lambda x, xp: np.array(
            [max(0, min(xp.size - 2, sum(p <= a for p in xp) - 1)) for a in x.ravel()], np.intp
        ).reshape(x.shape),
        (within, increasing),
        (((4,), (4,)), ((2, 2), (2,)), ((), (3,)), ((0,), (3,))),
        order=0,
        dtypes=FLOATS,
    ),
    calls(np.interp, within, increasing, real, shapes=(((5,), (4,), (4,)), ((2, 3), (3,), (3,)), ((), (2,), (2,)))),
    calls(np.interp, within, increasing, real, shapes=(((0,), (2,), (2,)),), dtypes=FLOATS),
    calls(np.interp, within, increasing, complexes, shapes=(((5,), (4,), (4,)),), dtypes=FLOATS, label="of complex"),
    calls(
        np.interp,
        lambda rng, shape: np.array([-0.4, 0.3, 1.7, 3.9, 8.1]),
        lambda rng, shape: np.array(POINTS),
        real,
        shapes=(((5,), (4,), (4,)),),
        statics=({"left": -1.0, "right": 2.0}, {"left": 0.5}, {"period": 5.0}),
        dtypes=FLOATS,
        label="beyond the ends",
        points=(
            Point(
                [[-1, 0, 1, 3, 4, 5], [0, 1, 2, 4], [0, 2, 2, 6]],
                ([0, 2, 0, 2, 2, 0], [-2, 0, -1, -3], [2, 1, 0.5, 2.5]),
            ),
        ),
    ),
    of(np.interp, lambda fp: np.interp(np.array([0.0, 1.0, 2.0]), [1.0], fp), ((1,),), label="of one point"),
    of(
        np.interp,
        lambda x, left, right: np.interp(x, [0.0, 1.0], [2.0, 3.0], left, right),
        ((3,), (), ()),
        label="to leaves",
        domains=(lambda rng, shape: np.array([-1.0, 0.5, 2.0]), real),
        reference=lambda x, left, right: np.array([left, 2.5, right]),
        dtypes=(),
    ),
    Row("unwrap", np.unwrap, (far,), (((6,),), ((2, 3),), ((0,),)), ({"axis": -1}, {"axis": 0, "discont": 4.0})),
    Row("unwrap", np.unwrap, (far,), (((6,),),), ({"period": 3.0},), FLOATS),
)

# -- polynomials -----------------------------------------------------------------------------------

apart = spaced(0.3, step=0.7)


def some_remainder(u: Any, v: Any) -> Any:
    """Return NumPy's remainder, with the leading zeros that it leaves out."""
    u, v = np.atleast_1d(u), np.atleast_1d(v)
    rest, count = np.polydiv(u, v)[1], max(v.size - 1, 1)
    return np.append(np.zeros(count, rest.dtype), rest)[-count:] if u.size >= v.size else rest


def divisions(*shapes: Any, label: str = "", **fields: Any) -> tuple[Row, Row]:
    """Return rows of quotient and remainder."""
    fields |= {"domains": (nonzero,), "dtypes": FLOATS}
    quotient: Callable[..., Any] = lambda u, v: np.polydiv(u, v)[0]  # noqa: E731
    return (
        of(np.polydiv, quotient, *shapes, label=f"quotient {label}", **fields),
        of(
            np.polydiv,
            lambda u, v: np.polydiv(u, v)[1] if isinstance(u, lg.Node) else some_remainder(u, v),
            *shapes,
            label=f"remainder {label}",
            **fields,
        ),
    )


ROWS_OF_POLYNOMIALS = (
    Row(
        "polyval",
        np.polyval,
        (real,),
        (((3,), (4,)), ((2,), (2, 2)), ((1,), (3,)), ((4,), ()), ((2,), (0,)), ((0,), (2,))),
    ),
    Row("polyval", np.polyval, (complexes,), (((3,), (4,)),), dtypes=FLOATS, label="of complex"),
    calls(np.polyval, shapes=(((3,), (2,)),)),
    of(np.polyval, lambda x: np.polyval([3, 0, -1.5], x), ((3,),), ((),), label="of numbers"),
    *[calls(f, shapes=(*PAIRS[:1], ((2,), (4,)), ((), (2,)), ((3,), (3,)))) for f in (np.polyadd, np.polysub)],
    calls(np.polymul, nonzero, shapes=(((3,), (2,)), ((1,), (3,)), ((), (2,))), dtypes=FLOATS),
    calls(np.polyder, shapes=(((4,),), ((1,),)), statics=({}, {"m": 2}, {"m": 0}), dtypes=INTEGERS),
    calls(
        np.polyint,
        shapes=(((3,),),),
        statics=({}, {"m": 2}, {"m": 2, "k": [1.0, 2.0]}, {"m": 2, "k": 3}),
        dtypes=INTEGERS,
    ),
    of(np.polyint, lambda p, k: np.polyint(p, 2, k), ((3,), (2,)), label="from leaves", dtypes=FLOATS),
    *divisions(((4,), (2,)), ((3,), (3,))),
    *divisions(((2,), (3,)), ((3,), ()), order=0, label="with nothing left"),
    calls(np.poly, shapes=(((3,),), ((1,),), ((2, 2),), ((3, 3),)), dtypes=INTEGERS),
    calls(np.poly, complexes, shapes=(((3,),), ((2, 2),)), dtypes=FLOATS, label="of complex"),
    Row(
        "roots",
        lambda p: np.roots(p).astype(np.result_type(p.dtype, 1j)),
        (nonzero,),
        (((4,),), ((2,),), ((1,),)),
        dtypes=FLOATS,
    ),
    calls(np.roots, complexes, shapes=(((4,),),), dtypes=FLOATS),
    of(
        np.polyfit, lambda x, y: np.polyfit(x, y, 2), ((5,), (5,)), ((4,), (4, 2)), domains=(apart, real), dtypes=FLOATS
    ),
    of(
        np.polyfit,
        lambda x, y, w: np.polyfit(x, y, 1, w=w),
        ((5,), (5,), (5,)),
        ((4,), (4, 2), (4,)),
        domains=(apart, real, positive),
        label="by weight",
        dtypes=FLOATS,
    ),
    of(np.polyfit, lambda y: np.polyfit([0, 1, 2, 4], y, 1), ((4,),), label="at numbers"),
)

ROWS = (*ROWS_OF_EINSUM, *ROWS_OF_PRODUCTS, *ROWS_OF_CALCULUS, *ROWS_OF_POLYNOMIALS)
