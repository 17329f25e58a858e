"""`scipy.linalg` on nodes: what has a derivative here; all other names are SciPy's own, for arrays.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy import linalg
>>> a = lg.parameter([[0.0, 1.0], [0.0, 0.0]])
>>> linalg.expm(a).value
array([[1., 1.],
       [0., 1.]])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Axis
from ..ops._declare import op
from ..ops._op import Op, Signature, as_node
from ._calls import declare_on_nodes
from ._matrix_equations import (
    apply_by_matrix,
    cho_factor,
    cho_solve,
    cholesky,
    inexact_dtype,
    require_square,
    solve,
    solve_banded,
    solve_sylvester,
    solve_triangular,
    sylvester,
    transpose,
)

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "expm",
    "expm_frechet",
    "inv",
    "logm",
    "norm",
    "pinv",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "toeplitz",
]

# -- NumPy's own, which takes stacks of matrices as well ---------------------------------------------


@declare_on_nodes(scipy.linalg.inv)
def inv(a: Any, *, assume_a: str | None = None, lower: bool = False) -> NodeOrArray:
    """Return the inverse of a matrix; the whole matrix is read, also where `assume_a` names a structure.

    Examples
    --------
    >>> import lazygrad as lg
    >>> inv(lg.parameter([[4.0]])).value
    array([[0.25]])
    """
    return np.linalg.inv(a)


@declare_on_nodes(scipy.linalg.pinv)
def pinv(a: Any, *, rtol: float | None = None) -> NodeOrArray:
    """Return the pseudo-inverse of a matrix.

    Examples
    --------
    >>> import lazygrad as lg
    >>> pinv(lg.parameter([[4.0], [0.0]])).value
    array([[0.25, 0.  ]])
    """
    return np.linalg.pinv(a, rcond=max(a.shape[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol)


@declare_on_nodes(scipy.linalg.det)
def det(a: Any) -> Node:
    """Return the determinant of a matrix.

    Examples
    --------
    >>> import lazygrad as lg
    >>> a = lg.parameter([[4.0, 0.0], [0.0, 3.0]])
    >>> lg.gradient(det(a), a)
    array([[3., 0.],
           [0., 4.]])
    """
    return np.linalg.det(a)


@declare_on_nodes(scipy.linalg.norm)
def norm(a: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return the norm of a vector or matrix, as `numpy.linalg.norm`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> norm(lg.parameter([3.0, 4.0])).item()
    5.0
    """
    return np.linalg.norm(a, ord=ord, axis=axis, keepdims=keepdims)


# -- functions of a matrix -------------------------------------------------------------------------


def _like(a: Node) -> Signature:
    require_square(a)
    return a.shape, inexact_dtype(a.dtype)


def _block_of(a: Any, e: Any) -> Any:
    """Return [[a, e], [0, a]], a function of which holds that of a, and beside it the derivative along e."""
    zero = np.zeros(np.broadcast_shapes(a.shape, e.shape), e.dtype)
    a, e = a + zero, e + zero
    return np.concatenate([np.concatenate([a, e], axis=-1), np.concatenate([zero, a], axis=-1)], axis=-2)


def _corner(matrix: Any, n: int) -> Any:
    return matrix[..., :n, n:]


def _repeat_block(e: Any) -> Any:
    """Return [[e, 0], [0, e]]."""
    zero = np.zeros(e.shape, e.dtype)
    return np.concatenate([np.concatenate([e, zero], axis=-1), np.concatenate([zero, e], axis=-1)], axis=-2)


def _frechet_value(a: Any, e: Any) -> Any:
    shape = np.broadcast_shapes(a.shape, e.shape)
    return apply_by_matrix(lambda a, e: scipy.linalg.expm_frechet(a, e, compute_expm=False), shape, a, e)


def _frechet_shape(a: Node, e: Node) -> Signature:
    require_square(a)
    require_square(e, "e")
    return np.broadcast_shapes(a.shape, e.shape), inexact_dtype(a.dtype, e.dtype)


def _differentiate_frechet(a: Any, e: Any, t: Any) -> Any:
    """Return the second derivative of expm at a, along e and t: the first one of a block matrix."""
    return _corner(_frechet(_block_of(a, e), _repeat_block(t)), a.shape[-1])


_frechet: Op = op(
    "scipy.linalg.expm_frechet",
    _frechet_value,
    shape=_frechet_shape,
    vjp={
        "a": lambda g, a, e: _differentiate_frechet(transpose(a), g, transpose(e)),
        "e": lambda g, a: _frechet(transpose(a), g),
    },
    jvp={"a": lambda t, a, e: _differentiate_frechet(a, e, t), "e": lambda t, a: _frechet(a, t)},
    inputs="a e",
    doc="Return the derivative of expm at a, along e.",
)

_expm: Op = op(
    "scipy.linalg.expm",
    lambda a: apply_by_matrix(scipy.linalg.expm, a.shape, a),
    shape=_like,
    vjp={"a": lambda g, a: _frechet(transpose(a), g)},
    jvp={"a": lambda t, a: _frechet(a, t)},
    inputs="a",
    doc="Return the exponential of a matrix.",
)


@declare_on_nodes(scipy.linalg.expm)
def expm(A: Operand) -> NodeOrArray:
    """Return the exponential of a matrix, or of each of a stack.

    Examples
    --------
    >>> import lazygrad as lg
    >>> a = lg.parameter([[0.0]])
    >>> lg.gradient(expm(a).sum(), a)
    array([[1.]])
    """
    return _expm(A)


@declare_on_nodes(scipy.linalg.expm_frechet)
def expm_frechet(
    A: Operand, E: Operand, method: str | None = None, compute_expm: bool = True
) -> NodeOrArray | tuple[NodeOrArray, NodeOrArray]:
    """Return the exponential of a matrix and its derivative along E, or the derivative alone.

    Examples
    --------
    >>> import lazygrad as lg
    >>> expm_frechet(lg.parameter([[0.0]]), [[2.0]], compute_expm=False).value
    array([[2.]])
    """
    derivative = _frechet(A, E)
    return (_expm(A), derivative) if compute_expm else derivative


def _real_if_real(function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a complex result of a real matrix, whose dtype was known before."""

    def call(a: Any) -> Any:
        found = np.asarray(function(a.astype(np.result_type(a.dtype, float))))  # they are poor in single precision
        if found.dtype.kind == "c" and a.dtype.kind != "c":
            raise ValueError(
                f"{function.__name__} of this real matrix is complex: give it as complex, `a.astype(complex)`"
            )
        return found

    return lambda a: apply_by_matrix(call, a.shape, a)


_sqrtm: Op = op(
    "scipy.linalg.sqrtm",
    _real_if_real(scipy.linalg.sqrtm),
    shape=_like,
    vjp={"a": lambda g, out: sylvester(transpose(out), transpose(out), g)},
    jvp={"a": lambda t, out: sylvester(out, out, t)},
    inputs="a",
    doc="Return the principal square root of a matrix.",
)


@declare_on_nodes(scipy.linalg.sqrtm)
def sqrtm(A: Operand) -> NodeOrArray:
    """Return the principal square root of a matrix; a real one without a real root must be given as complex.

    Examples
    --------
    >>> import lazygrad as lg
    >>> sqrtm(lg.parameter([[4.0, 0.0], [0.0, 9.0]])).value
    array([[2., 0.],
           [0., 3.]])
    """
    return _sqrtm(A)


_logm: Op = op(
    "scipy.linalg.logm",
    _real_if_real(scipy.linalg.logm),
    shape=_like,
    vjp={"a": lambda g, a: _corner(_logm(_block_of(transpose(a), g)), a.shape[-1])},
    jvp={"a": lambda t, a: _corner(_logm(_block_of(a, t)), a.shape[-1])},
    inputs="a",
    doc="Return the principal logarithm of a matrix.",
)


@declare_on_nodes(scipy.linalg.logm)
def logm(A: Operand) -> NodeOrArray:
    """Return the principal logarithm of a matrix; a real one without a real logarithm must be given as complex.

    Examples
    --------
    >>> import lazygrad as lg
    >>> a = lg.parameter([[4.0]])
    >>> lg.gradient(logm(a).sum(), a)
    array([[0.25]])
    """
    return _logm(A)


# -- matrices made of others -----------------------------------------------------------------------


@declare_on_nodes(scipy.linalg.block_diag)
def block_diag(*arrs: object) -> NodeOrArray:
    """Return the matrix with these matrices along its diagonal, and zeros elsewhere.

    Examples
    --------
    >>> import lazygrad as lg
    >>> block_diag(lg.parameter([[1.0]]), [[2.0]]).value
    array([[1., 0.],
           [0., 2.]])
    """
    blocks = [as_node(a) for a in arrs]
    blocks = [a if a.ndim == 2 else a.reshape(1, a.size) for a in blocks if a.ndim < 3 or _refuse(a)]
    width, start, rows = sum(a.shape[1] for a in blocks), 0, []
    for a in blocks:
        left, right = start, width - start - a.shape[1]
        zeros = [np.zeros((a.shape[0], n), a.dtype) for n in (left, right)]
        rows.append(np.concatenate([zeros[0], a, zeros[1]], axis=1))
        start += a.shape[1]
    return np.concatenate(rows, axis=0)


def _refuse(a: Node) -> bool:
    raise ValueError(f"block_diag takes matrices, not {a!r}")


@declare_on_nodes(scipy.linalg.toeplitz)
def toeplitz(c: Operand, r: Operand | None = None) -> Node:
    """Return the matrix of constant diagonals with first column c and first row r (the conjugate of c by default).

    Examples
    --------
    >>> import lazygrad as lg
    >>> toeplitz(lg.parameter([1.0, 2.0]), [1.0, 3.0]).value
    array([[1., 3.],
           [2., 1.]])
    """
    c = as_node(c)
    r = np.conj(c) if r is None else as_node(r)
    if c.ndim != 1 or r.ndim != 1:
        raise ValueError(f"toeplitz takes one column and one row, not shapes {c.shape} and {r.shape}")
    values = np.concatenate([c[::-1], r[1:]])
    return values[len(c) - 1 - np.arange(len(c))[:, None] + np.arange(len(r))]


def __getattr__(name: str) -> Any:
    return getattr(scipy.linalg, name)
