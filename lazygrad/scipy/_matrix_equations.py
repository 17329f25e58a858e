"""Solutions of linear matrix equations: triangular, banded, Sylvester's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import DType, Function
from ..ops._declare import op
from ..ops._op import Op, Signature
from ._calls import declare_on_nodes

__all__ = ["cho_factor", "cho_solve", "cholesky", "solve", "solve_banded", "solve_sylvester", "solve_triangular"]


def inexact_dtype(*dtypes: DType) -> DType:
    """Return the dtype that matrix functions compute in: integers become float64."""
    dtype = np.result_type(*dtypes)
    return dtype if dtype.kind in "fc" else np.dtype(float)


def apply_by_matrix(function: Function, shape: tuple[int, ...], *arrays: Any) -> NodeOrArray:
    """Apply a function of matrices to each matrix of stacks that broadcast; `shape` is that of the result."""
    dtype = inexact_dtype(*[a.dtype for a in arrays])
    arrays = tuple([a.astype(dtype, copy=False) for a in arrays])
    if 0 in shape:
        return np.zeros(shape, dtype)
    if len(shape) == 2:
        return np.asarray(function(*arrays)).astype(dtype, copy=False)
    stacks = [np.broadcast_to(a, (*shape[:-2], *a.shape[-2:])) for a in arrays]
    out = np.empty(shape, dtype)
    for place in np.ndindex(shape[:-2]):
        out[place] = function(*[a[place] for a in stacks])
    return out


def require_square(a: NodeOrArray, name: str = "a") -> None:
    """Refuse what is no square matrix, or a stack of them."""
    if len(a.shape) < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"`{name}` must be a square matrix, or a stack of them, not of shape {a.shape}")


def transpose(a: NodeOrArray) -> NodeOrArray:
    """Exchange the axes of a matrix, or of each of a stack."""
    return a.swapaxes(-1, -2)


def _columns(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a vector stand for a matrix of one column."""

    def call(a: Any, b: Any, **static: Any) -> Any:
        if np.ndim(b) == 1:
            return function(a, np.reshape(b, (-1, 1)), **static)[..., 0]
        return function(a, b, **static)

    return call


# -- triangular ------------------------------------------------------------------------------------


def _solution_shape(a: Node, b: Node, **_: Any) -> Signature:
    require_square(a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ValueError(f"a matrix of shape {a.shape} takes no right-hand side of shape {b.shape}")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return (*batch, *b.shape[-2:]), inexact_dtype(a.dtype, b.dtype)


def _solve_triangular(a: Any, b: Any, **static: Any) -> Any:
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])
    return apply_by_matrix(lambda a, b: scipy.linalg.solve_triangular(a, b, **static, check_finite=False), shape, a, b)


def _triangle(m: Any, lower: bool, unit_diagonal: bool) -> Any:
    """Return the entries that the solver reads, and 0 elsewhere."""
    n = m.shape[-1]
    k = -1 if unit_diagonal else 0
    return np.where(np.tri(n, k=k, dtype=bool) if lower else np.tri(n, k=k, dtype=bool).T, m, 0)


def _triangular_by_matrix(g: Any, a: Any, out: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    y = _triangular(a, g, trans=1 - trans, lower=lower, unit_diagonal=unit_diagonal)
    product = out @ transpose(y) if trans else y @ transpose(out)
    return -_triangle(product, lower, unit_diagonal)


def _triangular_tangent(t: Any, a: Any, out: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    t = _triangle(t, lower, unit_diagonal)
    product = (transpose(t) if trans else t) @ out
    return -_triangular(a, product, trans=trans, lower=lower, unit_diagonal=unit_diagonal)


_triangular: Op = op(
    "scipy.linalg.solve_triangular",
    _solve_triangular,
    shape=_solution_shape,
    vjp={
        "a": _triangular_by_matrix,
        "b": lambda g, a, trans, lower, unit_diagonal: _triangular(
            a, g, trans=1 - trans, lower=lower, unit_diagonal=unit_diagonal
        ),
    },
    jvp={
        "a": _triangular_tangent,
        "b": lambda t, a, trans, lower, unit_diagonal: _triangular(
            a, t, trans=trans, lower=lower, unit_diagonal=unit_diagonal
        ),
    },
    selects="vjp",  # the other triangle is not read
    inputs="a b",
    statics={"trans": 0, "lower": False, "unit_diagonal": False},
    doc="Return the solution x of a x = b, or of a^T x = b, for a triangular matrix.",
)


@declare_on_nodes(scipy.linalg.solve_triangular)
def solve_triangular(
    a: Any, b: Operand, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Node:
    """Return the solution x of a x = b for a triangular matrix, or stacks of them.

    Parameters
    ----------
    a, b
        Shapes (..., n, n) and (..., n, k), or (n,) for one right-hand side.
    trans
        0 or "N" for a x = b, 1 or "T" for a^T x = b, 2 or "C" for a^H x = b.
    lower, unit_diagonal
        Which triangle is read, and whether the diagonal counts as 1; no derivative flows to the rest of `a`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> b = lg.parameter([2.0, 6.0])
    >>> solve_triangular([[2.0, 0.0], [1.0, 1.0]], b, lower=True).value
    array([1., 5.])
    """
    a, b = _as_array(a), _as_array(b)
    kind = {"N": 0, "T": 1, "C": 2}.get(trans, trans) if isinstance(trans, str) else trans
    if kind not in (0, 1, 2):
        raise ValueError(f"`trans` is one of 0, 1, 2, 'N', 'T', 'C', not {trans!r}")
    if kind == 2 and a.dtype.kind == "c":
        a = np.conj(a)
    static = {"trans": min(kind, 1), "lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}
    return _columns(_triangular)(a, b, **static)


def _as_array(a: Any) -> Any:
    """Return a node as it is, and anything else as an array."""
    return a if isinstance(a, Node) else np.asarray(a)


# -- of any matrix, and of a positive definite one ---------------------------------------------------


@declare_on_nodes(scipy.linalg.solve)
def solve(a: Any, b: NodeOrArray, lower: bool = False, assume_a: str | None = None, transposed: bool = False) -> Node:
    """Return the solution x of a x = b; the whole matrix is read, also where `assume_a` names a structure.

    Examples
    --------
    >>> import lazygrad as lg
    >>> b = lg.parameter([2.0, 6.0])
    >>> lg.gradient(solve([[2.0, 0.0], [1.0, 1.0]], b).sum(), b)
    array([0., 1.])
    """
    a, b = _as_array(a), _as_array(b)
    return _columns(np.linalg.solve)(a.swapaxes(-1, -2) if transposed else a, b)


@declare_on_nodes(scipy.linalg.cholesky)
def cholesky(a: Any, lower: bool = False) -> NodeOrArray:
    """Return Cholesky's factor of a positive definite matrix: upper by default, unlike NumPy's.

    Examples
    --------
    >>> import lazygrad as lg
    >>> cholesky(lg.parameter([[4.0, 2.0], [2.0, 2.0]])).value
    array([[2., 1.],
           [0., 1.]])
    """
    return np.linalg.cholesky(a, upper=not lower)


@declare_on_nodes(scipy.linalg.cho_factor)
def cho_factor(a: Operand, lower: bool = False) -> tuple[NodeOrArray, bool]:
    """Return Cholesky's factor of a matrix and whether it is the lower one, for `cho_solve`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> cho_factor(lg.parameter([[4.0]]))[0].value
    array([[2.]])
    """
    return cholesky(a, lower), lower


@declare_on_nodes(scipy.linalg.cho_solve)
def cho_solve(c_and_lower: tuple[Any, bool], b: Operand) -> NodeOrArray:
    """Return the solution x of a x = b from Cholesky's factor of a.

    Examples
    --------
    >>> import lazygrad as lg
    >>> a = lg.parameter([[4.0]])
    >>> lg.gradient(cho_solve(cho_factor(a), [8.0]).sum(), a)
    array([[-0.5]])
    """
    c, lower = c_and_lower
    first, second = (0, 2) if lower else (2, 0)
    return solve_triangular(c, solve_triangular(c, b, trans=first, lower=lower), trans=second, lower=lower)


# -- banded ----------------------------------------------------------------------------------------


def _align_rows(ab: Any, lower: int, upper: int) -> Any:
    """Put the entries of each *row* of a band matrix below each other: [k, i] is a[i, i - lower + k], or 0."""
    n = ab.shape[-1]
    k, i = np.arange(lower + upper + 1)[:, None], np.arange(n)
    column = i - lower + k
    inside = (column >= 0) & (column < n)
    return np.where(inside, ab[lower + upper - k, np.where(inside, column, 0)], 0)


def _shift(x: Any, offsets: Any) -> Any:
    """Return the array of x[j + offsets[k]] at [k, j], and 0 outside."""
    n = x.shape[0]
    place = np.arange(n) + offsets[:, None]
    inside = (place >= 0) & (place < n)
    return np.where(inside[..., None], x[np.where(inside, place, 0)], 0)


def _banded_by_matrix(g: Any, ab: Any, out: Any, lower: int, upper: int) -> Any:
    y = _banded(_align_rows(ab, lower, upper), g, lower=upper, upper=lower)
    return -np.sum(_shift(y, np.arange(-upper, lower + 1)) * out, axis=-1)


def _banded_tangent(t: Any, ab: Any, out: Any, lower: int, upper: int) -> Any:
    rows = _align_rows(t, lower, upper)
    product = np.sum(rows[..., None] * _shift(out, np.arange(-lower, upper + 1)), axis=0)
    return -_banded(ab, product, lower=lower, upper=upper)


def _banded_shape(ab: Node, b: Node, lower: int, upper: int) -> Signature:
    if ab.ndim != 2 or b.ndim != 2 or ab.shape[0] != lower + upper + 1 or ab.shape[1] != b.shape[0]:
        raise ValueError(f"{lower} bands below and {upper} above do not fit shapes {ab.shape} and {b.shape}")
    return b.shape, inexact_dtype(ab.dtype, b.dtype)


_banded: Op = op(
    "scipy.linalg.solve_banded",
    lambda ab, b, lower, upper: apply_by_matrix(
        lambda ab, b: scipy.linalg.solve_banded((lower, upper), ab, b, check_finite=False), b.shape, ab, b
    ),
    shape=_banded_shape,
    vjp={
        "ab": _banded_by_matrix,
        "b": lambda g, ab, lower, upper: _banded(_align_rows(ab, lower, upper), g, lower=upper, upper=lower),
    },
    jvp={"ab": _banded_tangent, "b": lambda t, ab, lower, upper: _banded(ab, t, lower=lower, upper=upper)},
    selects="vjp",  # the corners of the array of diagonals are not read
    inputs="ab b",
    statics={"lower": 0, "upper": 0},
    doc="Return the solution x of a x = b for a matrix given by its diagonals.",
)


@declare_on_nodes(scipy.linalg.solve_banded)
def solve_banded(l_and_u: tuple[int, int], ab: Operand, b: Operand) -> Node:
    """Return the solution x of a x = b for a matrix given by its diagonals: ab[u + i - j, j] = a[i, j].

    Examples
    --------
    >>> import lazygrad as lg
    >>> diagonals = lg.parameter([[0.0, 1.0], [2.0, 4.0]])
    >>> solve_banded((0, 1), diagonals, [4.0, 8.0]).value
    array([1., 2.])
    """
    lower, upper = l_and_u
    return _columns(_banded)(_as_array(ab), _as_array(b), lower=int(lower), upper=int(upper))


# -- Sylvester's equation --------------------------------------------------------------------------


def _sylvester_shape(a: Node, b: Node, q: Node) -> Signature:
    require_square(a)
    require_square(b, "b")
    if q.ndim < 2 or q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise ValueError(f"a x + x b = q does not fit shapes {a.shape}, {b.shape} and {q.shape}")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    return (*batch, *q.shape[-2:]), inexact_dtype(a.dtype, b.dtype, q.dtype)


def _solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2]), *q.shape[-2:])
    return apply_by_matrix(scipy.linalg.solve_sylvester, shape, a, b, q)


def _sylvester_adjoint(g: Any, a: Any, b: Any) -> Any:
    return sylvester(transpose(a), transpose(b), g)


sylvester: Op = op(
    "scipy.linalg.solve_sylvester",
    _solve_sylvester,
    shape=_sylvester_shape,
    vjp={
        "a": lambda g, a, b, out: -_sylvester_adjoint(g, a, b) @ transpose(out),
        "b": lambda g, a, b, out: -transpose(out) @ _sylvester_adjoint(g, a, b),
        "q": _sylvester_adjoint,
    },
    jvp={
        "a": lambda t, a, b, out: -sylvester(a, b, t @ out),
        "b": lambda t, a, b, out: -sylvester(a, b, out @ t),
        "q": lambda t, a, b: sylvester(a, b, t),
    },
    inputs="a b q",
    doc="Return the solution x of a x + x b = q.",
)


@declare_on_nodes(scipy.linalg.solve_sylvester)
def solve_sylvester(a: Operand, b: Operand, q: Operand) -> Node:
    """Return the solution x of a x + x b = q.

    Examples
    --------
    >>> import lazygrad as lg
    >>> q = lg.parameter([[6.0]])
    >>> lg.gradient(solve_sylvester([[1.0]], [[2.0]], q).sum(), q).round(4)
    array([[0.3333]])
    """
    return sylvester(_as_array(a), _as_array(b), _as_array(q))
