"""Eigenvalues and eigenvectors of stacks of matrices, real or complex.

Conventions
-----------
- `eigh` and `eigvalsh` read one triangle of their argument, as NumPy does, so a gradient lies in that triangle. Through
  ``0.5 * (a + a.T)`` it is shared evenly by the two triangles.
- Eigenvectors are known up to a factor of modulus 1, or a rotation where eigenvalues repeat; the derivative of
  what depends on that choice is not meaningful. Where eigenvalues repeat, the part of the derivative that
  belongs to the choice counts as 0, so a function of the eigenvalues alone has a finite gradient there.
"""

from __future__ import annotations

from typing import Any

from .._graph.guards import inside_transform
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import DType
from .._graph.types import both as np
from .._graph.value import read_guarded
from ._declare import function, op
from ._op import Signature, as_node
from .matrices import (
    conj,
    diagonal,
    fold_into_triangle,
    h,
    imag,
    lapack_dtype,
    mirror_triangle,
    on_diagonal,
    pack,
    real,
    real_dtype,
    reciprocal,
    square,
    t,
    unpack,
)

__all__ = ["eig", "eigh", "eigvals", "eigvalsh"]

# NumPy's own named tuples, which it does not export everywhere.
EighResult: Any = type(np.linalg.eigh(np.ones((1, 1))))
EigResult: Any = type(np.linalg.eig(np.ones((1, 1))))

# -- eigenvalues of Hermitian matrices -------------------------------------------------------------


def _spectrum(packed: Any, n: int) -> tuple[Any, Any]:
    values, vectors = unpack(packed, (n,), (n, n))
    return values, vectors


def _both(a: Node) -> Signature:
    """Return values and vectors of square matrices."""
    (*batch, n, _), dtype = square(a)
    return (*batch, n + n * n), dtype


def _inverse_gaps(values: Any) -> Any:
    """Return 1 / (w_j - w_i), and 0 where they are equal."""
    return reciprocal(values[..., None, :] - values[..., :, None])


def _eigh_vjp(g: Any, out: Any, a_shape: tuple[int, ...], UPLO: str) -> Any:
    w, V = _spectrum(out, a_shape[-1])
    gw, gV = _spectrum(g, a_shape[-1])
    inner = on_diagonal(gw, _inverse_gaps(real(w)) * (t(V) @ gV))
    return fold_into_triangle(conj(V) @ inner @ t(V), UPLO)


def _eigh_jvp(dx: Any, out: Any, a_shape: tuple[int, ...], UPLO: str) -> Any:
    w, V = _spectrum(out, a_shape[-1])
    M = h(V) @ mirror_triangle(dx, UPLO) @ V
    return pack(a_shape[:-2], real(diagonal(M)), V @ (_inverse_gaps(real(w)) * M))


_eigh = op(
    "eigh",
    lambda a, UPLO: pack(a.shape[:-2], *np.linalg.eigh(a, UPLO)),
    shape=lambda a, UPLO: _both(a),
    vjp={"a": _eigh_vjp},
    jvp={"a": _eigh_jvp},
    inputs="a",
    statics={"UPLO": "L"},
    doc="Return eigenvalues and eigenvectors of Hermitian matrices, packed.",
)


def _eigenvectors(a: Any, UPLO: str) -> Any:
    return _spectrum(_eigh(a, UPLO=UPLO), a.shape[-1])[1]


def _eigvalsh_vjp(g: Any, a: Any, UPLO: str) -> Any:
    V = _eigenvectors(a, UPLO)
    return fold_into_triangle((conj(V) * g[..., None, :]) @ t(V), UPLO)


def _eigvalsh_jvp(dx: Any, a: Any, UPLO: str) -> Any:
    V = _eigenvectors(a, UPLO)
    return real(np.sum(conj(V) * (mirror_triangle(dx, UPLO) @ V), axis=-2))


_eigvalsh = op(
    "eigvalsh",
    np.linalg.eigvalsh,
    shape=lambda a, UPLO: (square(a)[0][:-1], real_dtype(square(a)[1])),
    vjp={"a": _eigvalsh_vjp},
    jvp={"a": _eigvalsh_jvp},
    inputs="a",
    statics={"UPLO": "L"},
    doc="Return eigenvalues of Hermitian matrices, ascending.",
)


def _triangle(UPLO: str) -> str:
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return UPLO.upper()


@function(np.linalg.eigh)
def eigh(a: Operand, UPLO: str = "L") -> tuple[NodeOrArray, ...]:
    """Return eigenvalues and eigenvectors of Hermitian matrices; their gradient lies in the triangle that is read."""
    a = as_node(a)
    w, V = _spectrum(_eigh(a, UPLO=_triangle(UPLO)), a.shape[-1])
    return EighResult(real(w), V)


@function(np.linalg.eigvalsh)
def eigvalsh(a: Operand, UPLO: str = "L") -> NodeOrArray:
    """Return eigenvalues of Hermitian matrices, ascending; their gradient lies in the triangle that is read."""
    return _eigvalsh(a, UPLO=_triangle(UPLO))


# -- eigenvalues of general matrices ---------------------------------------------------------------


def _complex_dtype(dtype: DType) -> DType:
    return np.result_type(lapack_dtype(dtype), np.complex64)


def _eig_value(a: Any) -> Any:
    return pack(a.shape[:-2], *np.linalg.eig(a)).astype(_complex_dtype(a.dtype), copy=False)


def _phase_reader(V: Any) -> Any:
    """Return the matrix that reads how far a change u turns each eigenvector, whose largest element LAPACK keeps real.

    The imaginary part of the sum of this matrix times u, by columns, is the angle.
    """
    if 0 in V.shape:
        return V
    size = np.abs(V)
    largest = np.where(size == np.max(size, axis=-2, keepdims=True), 1.0, 0.0)
    return (largest / np.sum(largest, axis=-2, keepdims=True)).astype(size.dtype) * reciprocal(V)


def _eig_vjp(g: Any, out: Any, a_shape: tuple[int, ...]) -> Any:
    # dV = U - V diag(r + i p) with U = V (F * V^-1 dA V); r keeps the columns' length, p their phase.
    w, V = _spectrum(out, a_shape[-1])
    gw, gV = _spectrum(g, a_shape[-1])
    along = np.sum(gV * V, axis=-2, keepdims=True)
    gV = gV - real(along) * conj(V) - 1j * imag(along) * _phase_reader(V)
    inner = on_diagonal(gw, _inverse_gaps(w) * (t(V) @ gV))
    return np.linalg.solve(t(V), inner @ t(V))


def _eig_jvp(dx: Any, out: Any, a_shape: tuple[int, ...]) -> Any:
    w, V = _spectrum(out, a_shape[-1])
    M = np.linalg.solve(V, dx @ V)
    U = V @ (_inverse_gaps(w) * M)
    longer = real(np.sum(conj(V) * U, axis=-2, keepdims=True))
    turned = imag(np.sum(_phase_reader(V) * U, axis=-2, keepdims=True))
    return pack(a_shape[:-2], diagonal(M), U - V * (longer + 1j * turned))


_eig = op(
    "eig",
    _eig_value,
    shape=lambda a: (_both(a)[0], _complex_dtype(a.dtype)),
    vjp={"a": _eig_vjp},
    jvp={"a": _eig_jvp},
    inputs="a",
    doc="Return eigenvalues and eigenvectors of square matrices, packed; complex.",
)


def _eigvals_vjp(g: Any, a: Any) -> Any:
    _, V = _spectrum(_eig(a), a.shape[-1])
    return np.linalg.solve(t(V), g[..., :, None] * t(V))


def _eigvals_jvp(dx: Any, a: Any) -> Any:
    _, V = _spectrum(_eig(a), a.shape[-1])
    return diagonal(np.linalg.solve(V, dx @ V))


_eigvals = op(
    "eigvals",
    lambda a: np.linalg.eigvals(a).astype(_complex_dtype(a.dtype), copy=False),
    shape=lambda a: (square(a)[0][:-1], _complex_dtype(a.dtype)),
    vjp={"a": _eigvals_vjp},
    jvp={"a": _eigvals_jvp},
    inputs="a",
    doc="Return eigenvalues of square matrices; complex.",
)


_ALWAYS_COMPLEX = np.lib.NumpyVersion(np.__version__) >= "2.5.0"


def _drop_zero_imaginary(result: Any, a: Any, eigenvalues: int) -> Any:
    """Drop a zero imaginary part, as NumPy before 2.5 does for a real matrix; only where nodes may be evaluated."""
    if _ALWAYS_COMPLEX or a.dtype.kind == "c" or not inside_transform():
        return result
    is_complex = read_guarded(result, lambda z: bool(np.any(z[..., :eigenvalues].imag)))
    return result if is_complex else real(result)


@function(np.linalg.eig)
def eig(a: Operand) -> tuple[NodeOrArray, ...]:
    """Return eigenvalues and eigenvectors of square matrices.

    They are complex; inside a function transform they are real where NumPy's are.
    """
    a = as_node(a)
    n = a.shape[-1] if a.ndim else 0
    return EigResult(*_spectrum(_drop_zero_imaginary(_eig(a), a, n), n))


@function(np.linalg.eigvals)
def eigvals(a: Operand) -> Node:
    """Return eigenvalues of square matrices, complex as those of `eig`."""
    a = as_node(a)
    return _drop_zero_imaginary(_eigvals(a), a, a.shape[-1] if a.ndim else 0)
