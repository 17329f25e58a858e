"""Rows of NumPy's linear algebra.

Central differences need eigenvalues and singular values that are apart, so matrices are made from them. Functions that
read one triangle of a Hermitian matrix are tried along Hermitian directions; of complex matrices, whose
eigenvectors have no phase of their own, what does not depend on it is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lazygrad.ops.matrices import hermitian, pack
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import FLOATS, UNARY, Domain, Row, calls, complexes, positive, real, spaced

linalg = np.linalg

# -- matrices to try -------------------------------------------------------------------------------


def with_spectrum(kind: str, entries: Domain = real) -> Domain:
    """Return a domain of matrices with eigenvalues or singular values 1, 2, 3 ...: general, Hermitian or any shape."""

    def domain(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        m, n = shape[-2:]
        k = min(m, n)
        values = np.arange(1.0, k + 1)
        left = linalg.qr(entries(rng, (*shape[:-2], m, k)))[0]
        if kind == "hermitian":
            return hermitian((left * values) @ left.conj().swapaxes(-1, -2))
        if kind == "general":
            basis = left + 0.2 * left[..., ::-1, :]
            return (basis * values) @ linalg.inv(basis)
        return (left * values) @ linalg.qr(entries(rng, (*shape[:-2], n, k)))[0].swapaxes(-1, -2)

    return domain


def turning(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Draw real matrices of complex eigenvalues."""
    n = shape[-1]
    return np.diag(np.arange(1.0, n), 1) - np.diag(np.arange(2.0, n + 1), -1) + 0.1 * rng.normal(size=shape)


any_shape, general, definite = with_spectrum("any"), with_spectrum("general"), with_spectrum("hermitian")
complex_any, complex_definite = with_spectrum("any", complexes), with_spectrum("hermitian", complexes)

SQUARE = (((3, 3),), ((2, 2, 2),), ((1, 1),), ((0, 0),), ((0, 2, 2),))
FEW = (((3, 3),), ((2, 2, 2),))
RECTANGLES = (((3, 2),), ((2, 3),), ((2, 3, 2),), ((0, 2),), ((2, 0),), ((0, 2, 3),))
LONG, WIDE = (((3, 2),), ((2, 4, 3),)), (((2, 3),), ((2, 3, 4),))

# -- rows ------------------------------------------------------------------------------------------


def op_row(op: str, reference: Any, domain: Any, shapes: Any, row: Any = Row, **fields: Any) -> Row:
    """Return a row for an op."""
    domains = domain if isinstance(domain, tuple) else (domain,)
    return row(op, reference, domains, shapes, **{"dtypes": FLOATS, **fields})


def of(label: str, function: Callable[..., Any], domain: Any, shapes: Any, row: Any = Row, **fields: Any) -> Row:
    """Return a row for what a lambda makes of a function's results."""
    domains = domain if isinstance(domain, tuple) else (domain,)
    reference = fields.pop("reference", function)
    return row(function, reference, domains, shapes, label=label, **{"dtypes": FLOATS, **fields})


def pack_results(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives all results of another in one array, as our op does."""
    return lambda a, **static: pack(a.shape[:-2], *function(a, **static))


def as_complex(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose result is complex, as it always is on nodes."""

    def called(a: Any) -> Any:
        result = function(a)
        return result.astype(np.result_type(result, np.complex64))

    return called


def dagger(x: Any) -> Any:
    return np.conj(x).swapaxes(-1, -2)


def reshape_domain(domain: Domain, shape: tuple[int, ...]) -> Domain:
    """Return a domain of the elements of a matrix in another shape."""
    return lambda rng, s: domain(rng, shape).reshape(s)


# -- solving ---------------------------------------------------------------------------------------

SYSTEMS = (
    ((3, 3), (3, 2)),
    ((2, 2, 2), (2, 1)),
    ((2, 2), (3, 2, 1)),
    ((2, 2), (2, 0)),
    ((0, 0), (0, 1)),
)
VECTORS = (((3, 3), (3,)), ((2, 2, 2), (2,)), ((0, 0), (0,)))
LEAST = (((3, 2), (3, 2)), ((3, 3), (3, 1)), ((2, 2), (2, 0)))
LEAST_VECTORS = (((4, 2), (4,)), ((2, 3), (2,)))


def cofactors(a: Any) -> Any:
    return (linalg.det(a)[..., None, None] * linalg.inv(a)).swapaxes(-1, -2)


def cofactor_slope(a: Any, e: Any) -> Any:
    inverse = linalg.inv(a)
    moved = inverse @ e
    inner = np.trace(moved, axis1=-2, axis2=-1)[..., None, None] * np.eye(a.shape[-1], dtype=a.dtype) - moved
    return (linalg.det(a)[..., None, None] * (inner @ inverse)).swapaxes(-1, -2)


def slogdet(a: Any) -> Any:
    return np.stack(tuple(linalg.slogdet(a)), axis=-1)


def lstsq(a: Any, b: Any, **static: Any) -> Any:
    return linalg.lstsq(a, b, **static)[0]


def rank_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a matrix of rank 1, along changes that keep it so."""
    return lambda u, v, *rest: function(u[:, None] * v, *rest)


SOLVING = (
    op_row("inv", linalg.inv, general, SQUARE),
    op_row("inv", linalg.inv, complex_any, FEW, label="of complex"),
    op_row("solve", linalg.solve, (general, real), SYSTEMS),
    calls(linalg.solve, general, real, shapes=VECTORS, dtypes=FLOATS),
    calls(linalg.solve, complex_any, complexes, shapes=(*VECTORS[:1], *SYSTEMS[1:3]), dtypes=FLOATS, label="complex"),
    calls(linalg.solve, general, complexes, shapes=SYSTEMS[:1], dtypes=FLOATS, label="of both"),
    calls(linalg.tensorinv, reshape_domain(general, (6, 6)), shapes=(((2, 3, 6),), ((3, 2, 2, 3),)), dtypes=FLOATS),
    calls(
        linalg.tensorinv, reshape_domain(general, (6, 6)), shapes=(((6, 2, 3),),), statics=({"ind": 1},), dtypes=FLOATS
    ),
    calls(linalg.tensorsolve, reshape_domain(general, (6, 6)), real, shapes=(((2, 3, 6), (2, 3)),), dtypes=FLOATS),
    calls(
        linalg.tensorsolve,
        lambda rng, shape: np.moveaxis(general(rng, (6, 6)).reshape(2, 3, 2, 3), (2, 3), (0, 2)),
        real,
        shapes=(((2, 2, 3, 3), (2, 3)),),
        statics=({"axes": (0, 2)},),
        dtypes=FLOATS,
    ),
    op_row("det", linalg.det, general, SQUARE),
    op_row("det", linalg.det, real, (((4, 4),),), label="of any sign"),
    op_row("det", linalg.det, lambda rng, shape: np.diag([0.0, 2.0, 2.0]), (((3, 3),),), label="of rank 2"),
    op_row("det", linalg.det, lambda rng, shape: np.diag([0.0, 0.0, 2.0]), (((3, 3),),), label="of rank 1"),
    op_row("det", linalg.det, complexes, FEW, label="of complex"),
    op_row("cofactor", cofactors, general, SQUARE),
    op_row("cofactor", cofactors, complexes, FEW, label="of complex"),
    op_row("cofactor_slope", cofactor_slope, (general, real), tuple((*s, *s) for s in SQUARE)),
    op_row("cofactor_slope", cofactor_slope, complexes, (((3, 3), (3, 3)),), label="of complex"),
    op_row("slogdet", slogdet, real, SQUARE),
    op_row("slogdet", slogdet, complexes, FEW, label="of complex"),
    of("slogdet", lambda a: linalg.slogdet(a).logabsdet, real, FEW, covers=(linalg.slogdet,)),
    of("slogdet of complex", slogdet, complexes, FEW),
    of("sign of slogdet", lambda a: linalg.slogdet(a)[0], real, FEW, order=0),
    op_row("pinv", linalg.pinv, any_shape, RECTANGLES),
    op_row("by_cut", lambda e, a: 0 * a, (any_shape, any_shape), (((3, 2), (3, 2)),)),  # nothing is cut
    op_row("unless_cut", lambda a: 0 * a, any_shape, LONG[:1], order=0),
    op_row("pinv", linalg.pinv, complex_any, (((3, 2),), ((2, 2, 3),)), label="of complex"),
    calls(linalg.pinv, any_shape, shapes=LONG[:1], dtypes=FLOATS, statics=({"rcond": 1e-3}, {"rtol": 1e-3})),
    of("pinv of rank 1", rank_one(lambda a: linalg.pinv(a, 1e-4)), positive, (((3,), (2,)), ((2,), (2,)))),
    of("pinv of hermitian", lambda a: linalg.pinv(a + dagger(a), hermitian=True), definite, FEW[:1]),
    op_row("lstsq", lstsq, (any_shape, real), LEAST),
    of("lstsq", lstsq, (any_shape, real), LEAST_VECTORS, covers=(linalg.lstsq,)),
    of("lstsq of complex", lstsq, (complex_any, complexes), (*LEAST[:1], *LEAST_VECTORS)),
    of("lstsq of rank 1", rank_one(lambda a, b: lstsq(a, b, rcond=1e-4)), positive, (((3,), (2,), (3,)),)),
    of("residuals", lambda a, b: linalg.lstsq(a, b)[1], (any_shape, real), (*LEAST[:1], *LEAST_VECTORS[:1])),
    of(
        "no residuals", lambda a, b: linalg.lstsq(a, b)[1], (any_shape, real), (*LEAST[1:], *LEAST_VECTORS[1:]), order=0
    ),
    of("residuals of complex", lambda a, b: linalg.lstsq(a, b)[1], (complex_any, complexes), LEAST[:1]),
    of("rank of lstsq", lambda a, b: linalg.lstsq(a, b)[2], (any_shape, real), LEAST, order=0),
    of("values of lstsq", lambda a, b: linalg.lstsq(a, b)[3] + 0 * b.sum(), (any_shape, real), LEAST_VECTORS),
    op_row("matrix_rank", linalg.matrix_rank, any_shape, RECTANGLES, order=0),
    op_row("matrix_rank", linalg.matrix_rank, any_shape, LONG, statics=({"rtol": 0.7}, {"tol": 1.5}), order=0),
    op_row("matrix_rank", linalg.matrix_rank, real, UNARY[:2], order=0),
    calls(linalg.matrix_power, general, shapes=FEW, statics=tuple({"n": n} for n in (1, 3, 6, -2)), dtypes=FLOATS),
    calls(linalg.matrix_power, general, shapes=SQUARE, statics=({"n": 0},), order=0),
    calls(linalg.matrix_power, complex_any, shapes=FEW[:1], statics=({"n": 5},), dtypes=FLOATS, label="of complex"),
    of(
        "multi_dot",
        lambda *xs: linalg.multi_dot(xs),
        real,
        (
            ((2, 3), (3, 4)),
            ((5, 2), (2, 4), (4, 1)),
            ((3,), (3, 2), (2, 4), (4,)),
            ((3,), (3, 2)),
            ((2, 3), (3,)),
            ((2, 0), (0, 3), (3, 1)),
        ),
        covers=(linalg.multi_dot,),
    ),
)

# -- factorisations --------------------------------------------------------------------------------


def spectral(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a Hermitian matrix through its eigenvalues: no phase of the vectors matters."""

    def called(a: Any) -> Any:
        w, V = linalg.eigh(a)
        return (V * function(w)[..., None, :]) @ dagger(V)

    return called


def singular(full: bool) -> Callable[..., Any]:
    """Return what does not depend on the phases of singular vectors, nor on the choice of the additional ones."""

    def called(a: Any) -> Any:
        U, s, Vh = linalg.svd(a, full_matrices=full)
        k = s.shape[-1]
        both = (U[..., :k] * np.sin(s)[..., None, :]) @ Vh[..., :k, :]
        rest = U[..., k:] @ dagger(U[..., k:])
        return (rest @ both[..., ::-1, ::-1]) + both + both @ (dagger(Vh[..., k:, :]) @ Vh[..., k:, :])[..., ::-1, :]

    return called


def of_hermitian(a: Any) -> Any:
    """Return a function of a Hermitian matrix through its singular vectors."""
    U, s, Vh = linalg.svd(a - 2.3 * np.eye(a.shape[-1]), hermitian=True)
    return (U * np.sin(s)[..., None, :]) @ Vh


def power_of_eig(a: Any) -> Any:
    """Return a function of the matrix again, which is real."""
    w, V = linalg.eig(a)
    return np.real((V * (w**2 + 1)[..., None, :]) @ linalg.inv(V))


def moduli(a: Any) -> Any:
    """Return what does not depend on the phase of unit eigenvectors."""
    w, V = linalg.eig(a)
    return np.real(V * np.conj(V)) * np.real(w * np.conj(w))[..., None, :]


def rest_of_qr(a: Any) -> Any:
    """Return what does not depend on the choice of columns in mode "complete"."""
    Q, R = linalg.qr(a, mode="complete")
    rest = Q[..., a.shape[-1] :]
    return rest @ (dagger(rest) @ Q[..., ::-1, : a.shape[-1]]) @ R[..., : a.shape[-1], :]


SPECTRUM = (((3,), (12,), (3, 3), (3,)),)
SINGULAR = (((3,), (21,), (3, 3), (3,)),)
THREE_VALUES = (((3,), (3,), (3,)),)
vector = real


def some_matrix(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return the matrix whose parts `spectral_parts` gives."""
    return np.array([[2.0, 0.5, 0.3], [0.5, 4.0, 0.2], [0.3, 0.2, 7.0]])


def spectral_parts(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return packed eigenvalues and eigenvectors."""
    return pack((), *linalg.eigh(some_matrix(rng, (3, 3))))


def singular_parts(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return packed singular vectors and values."""
    return pack((), *linalg.svd(some_matrix(rng, (3, 3))))


def gradient_of_values(g: Any, packed: Any, a: Any, slope: Any) -> Any:
    """Return the gradient of a function of the eigenvalues of `a`, in its lower triangle."""
    V = linalg.eigh(a)[1]
    full = (V * g) @ V.T
    return np.tril(full) + np.tril(full, -1)


def divided_differences(g: Any, w: Any, slope: Any) -> Any:
    """Return the quotients of differences of values that are apart; 0 on the diagonal."""
    rise, gap = [x[..., None, :] - x[..., :, None] for x in (g, w)]
    same = np.eye(g.shape[-1], dtype=bool)
    return np.where(same, 0, rise / np.where(same, 1, gap))


def general_parts(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return packed eigenvalues and eigenvectors of a general matrix."""
    return pack((), *linalg.eig(some_matrix(rng, (3, 3)))).astype(complex)


PACKED, PACKED_SINGULAR = (((3, 3), (12,)),), (((3, 3), (21,)),)
VALUES: dict[str, Any] = {"order": 0, "dtypes": ()}  # read from what is packed: `eigh` and `svd` show the derivative
UPLO = ({"UPLO": "L"}, {"UPLO": "U"})
MODES = ({"mode": "reduced"}, {"mode": "complete"})
FULL = ({"full_matrices": True}, {"full_matrices": False})

FACTORISATIONS = (
    op_row("cholesky", linalg.cholesky, definite, SQUARE),
    op_row("cholesky", linalg.cholesky, complex_definite, FEW, label="of complex"),
    of("cholesky", linalg.cholesky, definite, FEW, statics=({"upper": False}, {"upper": True})),
    of("cholesky of complex", linalg.cholesky, complex_definite, FEW[:1], statics=({"upper": True},)),
    op_row("eigh", pack_results(linalg.eigh), definite, SQUARE),
    op_row("eigh", pack_results(linalg.eigh), definite, FEW[:1], label="of a side", statics=UPLO),
    of("spectral", spectral(np.exp), definite, FEW, covers=(linalg.eigh,)),
    of("spectral of complex", spectral(np.exp), complex_definite, FEW),
    of("eigh of complex", lambda a: linalg.eigh(a)[0], complex_definite, FEW),
    of("moduli of eigh", lambda a: np.abs(linalg.eigh(a)[1]) ** 2, complex_definite, FEW[:1]),
    op_row("pull_spectrum", gradient_of_values, (vector, spectral_parts, some_matrix, vector), SPECTRUM, order=1),
    op_row(
        "pull_singular_values",
        lambda g, packed, a, slope: (linalg.svd(a)[0] * g) @ linalg.svd(a)[2],
        (vector, singular_parts, some_matrix, vector),
        SINGULAR,
        order=1,
    ),
    op_row("eigh_values", lambda a, packed: linalg.eigh(a)[0], (some_matrix, spectral_parts), PACKED, **VALUES),
    op_row("eig_values", lambda a, packed: linalg.eig(a)[0] + 0j, (some_matrix, general_parts), PACKED, **VALUES),
    op_row("svd_values", lambda a, packed: linalg.svd(a)[1], (some_matrix, singular_parts), PACKED_SINGULAR, **VALUES),
    op_row("divided_differences", divided_differences, (vector, spaced(0.3, step=1.0), vector), THREE_VALUES),
    op_row("depends", lambda V: np.linalg.matrix_rank(V) < V.shape[-1], any_shape, FEW[:1], order=0),
    op_row("columns_depend", lambda R: linalg.matrix_rank(np.triu(R)) < R.shape[-1], any_shape, FEW[:1], order=0),
    op_row("eigvalsh", linalg.eigvalsh, definite, SQUARE),
    op_row("eigvalsh", linalg.eigvalsh, complex_definite, FEW, label="of complex"),
    of("eigvalsh", linalg.eigvalsh, definite, FEW[:1], statics=UPLO),
    of(
        "repeated eigenvalues",
        lambda a: np.sum(linalg.eigvalsh(a) ** 2),
        definite,
        FEW[:1],
        points=(Point([np.eye(2) * 3], (np.eye(2) * 6,)), Point([np.zeros((2, 2))], (np.zeros((2, 2)),))),
    ),
    op_row("eig", as_complex(pack_results(linalg.eig)), general, SQUARE),
    op_row("eig", as_complex(pack_results(linalg.eig)), turning, (((3, 3),), ((2, 4, 4),)), label="of complex values"),
    op_row("eig", pack_results(linalg.eig), complexes, FEW, label="of complex"),
    op_row("eigvals", as_complex(linalg.eigvals), general, SQUARE),
    op_row("eigvals", linalg.eigvals, complexes, FEW, label="of complex"),
    of("eig", power_of_eig, turning, FEW, covers=(linalg.eig,)),
    of("moduli of eig", moduli, complexes, FEW),
    calls(linalg.eigvals, turning, shapes=FEW[:1], dtypes=FLOATS),
    op_row("svd", pack_results(linalg.svd), any_shape, RECTANGLES, statics=FULL),
    op_row("svdvals", linalg.svdvals, any_shape, RECTANGLES),
    op_row("svdvals", linalg.svdvals, complex_any, FEW, label="of complex"),
    of("svd", singular(True), any_shape, (((4, 2),), ((2, 4),), ((2, 2),)), covers=(linalg.svd,)),
    of("svd of complex", singular(True), complex_any, (((4, 2),), ((2, 2, 4),))),
    of("reduced svd of complex", singular(False), complex_any, (((3, 2),), ((2, 2, 4),), ((3, 3),))),
    calls(linalg.svdvals, any_shape, shapes=LONG[:1], dtypes=FLOATS),
    calls(linalg.svd, any_shape, shapes=LONG[:1], statics=({"compute_uv": False},), dtypes=FLOATS),
    of(
        "svd of hermitian",
        lambda a: linalg.svd(a - 2.3 * np.eye(3), hermitian=True)[1],
        definite,
        FEW[:1],
    ),
    of("its vectors", of_hermitian, complex_definite, FEW[:1]),
    of("svd of", linalg.svd, definite, FEW[:1], statics=({"compute_uv": False, "hermitian": True},)),
    of(
        "zero singular values",
        lambda a: np.sum(linalg.svdvals(a)),
        any_shape,
        LONG[:1],
        points=(Point([np.diag([2.0, 0])], (np.diag([1.0, 0]),)), Point([np.zeros((2, 3))], (np.zeros((2, 3)),))),
    ),
    op_row("qr", pack_results(linalg.qr), any_shape, (*LONG, *WIDE, *RECTANGLES[3:4], ((2, 2),)), statics=MODES),
    op_row("qr", pack_results(linalg.qr), complex_any, (*LONG[:1], *WIDE[:1]), label="of complex"),
    of("qr", lambda a: linalg.qr(a).Q, any_shape, LONG[:1], covers=(linalg.qr,)),
    calls(linalg.qr, any_shape, shapes=(LONG[0], WIDE[0]), statics=({"mode": "r"},), dtypes=FLOATS),
    of("complete qr", rest_of_qr, complex_any, (((4, 2),),)),
)

ROWS = (*SOLVING, *FACTORISATIONS)
