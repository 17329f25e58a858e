"""Rows of `lazygrad.scipy.linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from lazygrad.scipy import linalg
from tests.cases.scipy_special import ours
from tests.helpers.op_rows import Domain, Row, complexes, real

ONE = (((3, 3),), ((1, 1),))
STACK = (((2, 3, 3),),)


def heavy(domain: Domain = real) -> Domain:
    """Return a domain of regular matrices, with eigenvalues far from their negatives and from the negative axis."""

    def draw(rng: np.random.Generator, shape: Any) -> Any:
        return 0.4 * domain(rng, shape) + 2.0 * np.eye(shape[-1])

    return draw


def positive_definite(rng: np.random.Generator, shape: Any) -> Any:
    m = rng.normal(size=shape)
    return m @ m.swapaxes(-1, -2) + np.eye(shape[-1])


def bands(rng: np.random.Generator, shape: Any) -> Any:
    return rng.normal(size=shape) + 5.0 * (np.arange(shape[0]) == 1)[:, None]


def stacked(function: Any) -> Any:
    """Return a function of matrices, applied to each of stacks that broadcast."""

    def call(*arrays: Any, **static: Any) -> Any:
        batch = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
        arrays = tuple([np.broadcast_to(a, batch + a.shape[-2:]) for a in arrays])
        found = [function(*[a[place] for a in arrays], **static) for place in np.ndindex(batch)]
        return np.array(found).reshape(batch + found[0].shape)

    return call


def in_double(function: Any) -> Any:
    """Return a function that is poor in single precision, computed in double."""

    def call(*arrays: Any, **static: Any) -> Any:
        found = stacked(function)(*[a.astype(np.result_type(a, float)) for a in arrays], **static)
        return found.astype(arrays[0].dtype)

    return call


def symmetric(function: Any) -> Any:
    """Return a function of the symmetric part: one that reads one triangle alone then has a derivative by the whole."""
    return lambda a, *rest, **static: function((a + a.swapaxes(-1, -2)) / 2, *rest, **static)


SYSTEMS = (((3, 3), (3, 2)), ((2, 3, 3), (3, 1)), ((0, 0), (0, 2)), ((3, 3), (3, 0)))
VECTOR = (((3, 3), (3,)),)
TRIANGULAR = tuple({"trans": t, "lower": lower} for t in (0, 1) for lower in (False, True))
FORMS = (
    {},
    {"trans": 1, "lower": True},
    {"trans": "C"},
    {"trans": 2, "lower": True, "unit_diagonal": True},
)


def on_both(function: Any, reference: Any, *domains: Domain, **fields: Any) -> tuple[Row, Row]:
    """Return rows of a function of ours on real and on complex inputs."""
    complex_domains = [heavy(complexes) if d.__qualname__.startswith("heavy") else complexes for d in domains]
    return (
        ours(function, reference, *domains, **fields),
        ours(function, reference, *complex_domains, label="of complex", **{**fields, "dtypes": ()}),
    )


ROWS = (
    Row(
        "scipy.linalg.solve_triangular",
        sl.solve_triangular,
        (heavy(), real),
        SYSTEMS[:1],
        TRIANGULAR,
        (np.float32, int),
    ),
    Row(
        "scipy.linalg.solve_triangular",
        stacked(sl.solve_triangular),
        (heavy(), real),
        SYSTEMS[1:2],
        TRIANGULAR[:1],
        (np.float32,),
        label="of stacks",
    ),
    *on_both(linalg.solve_triangular, sl.solve_triangular, heavy(), real, shapes=VECTOR, statics=FORMS),
    Row(
        "scipy.linalg.solve_banded",
        lambda ab, b, lower, upper: sl.solve_banded((lower, upper), ab, b),
        (bands, real),
        (((4, 5), (5, 2)),),
        ({"lower": 2, "upper": 1},),
        (np.float32, int),
    ),
    *on_both(
        lambda ab, b: linalg.solve_banded((0, 1), ab, b),
        lambda ab, b: sl.solve_banded((0, 1), ab, b),
        bands,
        real,
        shapes=(((2, 4), (4,)),),
        covers=(sl.solve_banded,),
    ),
    Row(
        "scipy.linalg.solve_sylvester",
        stacked(sl.solve_sylvester),
        (heavy(), heavy(), real),
        (((3, 3), (2, 2), (3, 2)), ((2, 3, 3), (1, 1), (3, 1))),
        dtypes=(np.float32, int),
    ),
    *on_both(linalg.solve_sylvester, sl.solve_sylvester, heavy(), heavy(), real, shapes=(((3, 3), (2, 2), (3, 2)),)),
    Row("scipy.linalg.expm", sl.expm, (real,), (*ONE, *STACK), dtypes=(np.float32, int)),
    *on_both(linalg.expm, sl.expm, heavy(), shapes=ONE[:1]),
    Row("scipy.linalg.sqrtm", stacked(sl.sqrtm), (heavy(),), (*ONE[1:], *STACK), dtypes=(np.float32,)),
    *on_both(linalg.sqrtm, sl.sqrtm, heavy(), shapes=ONE[:1]),
    Row("scipy.linalg.logm", in_double(sl.logm), (heavy(),), (*ONE[1:], *STACK), dtypes=(np.float32,)),
    *on_both(linalg.logm, sl.logm, heavy(), dtypes=(), shapes=ONE[:1]),
    Row(
        "scipy.linalg.expm_frechet",
        in_double(lambda a, e: sl.expm_frechet(a, e, compute_expm=False)),
        (real,),
        (((3, 3), (3, 3)), ((2, 3, 3), (3, 3))),
        dtypes=(np.float32,),
    ),
    ours(
        lambda a, e: linalg.expm_frechet(a, e)[1],
        lambda a, e: sl.expm_frechet(a, e)[1],
        real,
        shapes=(((3, 3), (3, 3)),),
        label="expm_frechet",
        covers=(sl.expm_frechet,),
    ),
    *on_both(linalg.block_diag, sl.block_diag, real, shapes=(((2, 3), (1, 2)), ((2,), ()))),
    *on_both(linalg.toeplitz, sl.toeplitz, real, shapes=(((3,), (2,)), ((3,),))),
    *on_both(linalg.inv, sl.inv, heavy(), shapes=ONE[:1]),
    *on_both(linalg.det, sl.det, heavy(), shapes=ONE[:1]),
    ours(linalg.pinv, sl.pinv, real, shapes=(((2, 3),),)),
    ours(linalg.norm, sl.norm, real, shapes=(((3,),), ((2, 3),)), statics=({}, {"ord": 1, "keepdims": True})),
    *on_both(linalg.solve, sl.solve, heavy(), real, shapes=VECTOR),
    ours(linalg.solve, sl.solve, heavy(), real, shapes=VECTOR, statics=({"transposed": True},)),
    ours(symmetric(linalg.cholesky), symmetric(sl.cholesky), positive_definite, shapes=ONE, covers=(sl.cholesky,)),
    ours(
        symmetric(lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b)),
        symmetric(lambda a, b: sl.cho_solve(sl.cho_factor(a), b)),
        positive_definite,
        real,
        shapes=(((3, 3), (3, 2)),),
        label="cho_solve",
        covers=(sl.cho_factor, sl.cho_solve),
    ),
)
