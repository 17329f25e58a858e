"""Eigenvalues and eigenvectors of stacks of matrices, real or complex.

Conventions
-----------
- `eigh` and `eigvalsh` read one triangle of their argument, as NumPy does, so a gradient lies in that triangle. Through
  ``0.5 * (a + a.T)`` it is shared evenly by the two triangles.
- Eigenvectors are known up to a factor of modulus 1, or a rotation where eigenvalues repeat; the derivative of
  what depends on that choice is not meaningful, and nan where eigenvalues repeat. A function of the eigenvalues alone
  has a gradient there. At a defective matrix, which has too few eigenvectors, every derivative is nan.
"""

from __future__ import annotations

from typing import Any

from .._graph.guards import inside_transform
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import DType
from .._graph.types import both as np
from .._graph.value import read_guarded
from ._declare import function, op
from ._limits import find_slope, over_gaps, undefined_where
from ._op import Signature, as_node
from ._rule import BLOCKED
from ._spectra import directions, pull_spectrum
from ._used import declare_factors, find_structure
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


def _sum_sizes(x: Any) -> Any:
    """Return the sum of moduli of each matrix."""
    return np.sum(np.abs(x), axis=(-2, -1))


def _undetermined(label: str) -> str:
    return (
        f"{label}: eigenvectors of a repeated eigenvalue are not determined; a derivative that depends on them is nan"
    )


def _used_vectors(used: Any, packed: Any, n: int) -> Any:
    """Return which of the eigenvectors somebody reads."""
    found = find_structure(used, packed)[..., n:]
    return found.reshape((*found.shape[:-1], n, n)).any(axis=-2)


def _eigh_vjp(g: Any, out: Any, a: Any, used: Any, *, UPLO: str, label: str) -> Any:
    w, V = _spectrum(out, a.shape[-1])
    gw, gV = _spectrum(g, a.shape[-1])
    columns = _used_vectors(used, out, a.shape[-1])
    inner = on_diagonal(gw, over_gaps(t(V) @ gV, real(w), None, _undetermined(label), used=columns))
    return fold_into_triangle(conj(V) @ inner @ t(V), UPLO)


def _eigh_jvp(dx: Any, out: Any, a_shape: tuple[int, ...], UPLO: str, label: str) -> Any:
    w, V = _spectrum(out, a_shape[-1])
    M = h(V) @ mirror_triangle(dx, UPLO) @ V
    return pack(a_shape[:-2], real(diagonal(M)), V @ over_gaps(M, real(w), _sum_sizes(dx), _undetermined(label)))


_eigh = declare_factors(
    "eigh",
    lambda a, UPLO: pack(a.shape[:-2], *np.linalg.eigh(a, UPLO)),
    shape=lambda a, UPLO: _both(a),
    vjp=_eigh_vjp,
    jvp=_eigh_jvp,
    statics={"UPLO": "L"},
    doc="Return eigenvalues and eigenvectors of Hermitian matrices, packed.",
    selects="vjp",  # the other triangle is not read
)


def _values_vjp(g: Any, a: Any, packed: Any, out: Any, UPLO: str, label: str) -> Any:
    slope = find_slope(g, out, a, np.broadcast_to(directions(a.shape[-1]), out.shape).astype(out.dtype))
    if slope is not None:
        message = f"{label}: a function that tells repeated eigenvalues apart has no second derivative: it is nan"
        return pull_spectrum(g, packed, a, slope, UPLO=UPLO, message=message)
    V = _spectrum(packed, a.shape[-1])[1]
    return fold_into_triangle((conj(V) * g[..., None, :]) @ t(V), UPLO)


def _values_jvp(dx: Any, a_shape: tuple[int, ...], packed: Any, UPLO: str) -> Any:
    V = _spectrum(packed, a_shape[-1])[1]
    return real(np.sum(conj(V) * (mirror_triangle(dx, UPLO) @ V), axis=-2))


_eigh_values = op(
    "eigh_values",
    lambda a, packed, UPLO: real(packed[..., : a.shape[-1]]),
    shape=lambda a, packed, UPLO: (a.shape[:-1], real_dtype(packed.dtype)),
    vjp={"a": _values_vjp, "packed": BLOCKED},
    jvp={"a": _values_jvp, "packed": BLOCKED},
    inputs="a packed",
    selects="vjp",  # the other triangle is not read
    statics={"UPLO": "L"},
    doc="Return the eigenvalues among those packed with eigenvectors: they have a derivative where these have none.",
)


def _eigvalsh_vjp(g: Any, a: Any, out: Any, UPLO: str, label: str) -> Any:
    return _values_vjp(g, a, _eigh(a, UPLO=UPLO), out, UPLO, label)


def _eigvalsh_jvp(dx: Any, a: Any, UPLO: str) -> Any:
    return _values_jvp(dx, a.shape, _eigh(a, UPLO=UPLO), UPLO)


_eigvalsh = op(
    "eigvalsh",
    np.linalg.eigvalsh,
    shape=lambda a, UPLO: (square(a)[0][:-1], real_dtype(square(a)[1])),
    vjp={"a": _eigvalsh_vjp},
    jvp={"a": _eigvalsh_jvp},
    inputs="a",
    statics={"UPLO": "L"},
    doc="Return eigenvalues of Hermitian matrices, ascending.",
    selects="vjp",  # the other triangle is not read
)


def _triangle(UPLO: str) -> str:
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return UPLO.upper()


@function(np.linalg.eigh)
def eigh(a: Operand, UPLO: str = "L") -> tuple[NodeOrArray, ...]:
    """Return eigenvalues and eigenvectors of Hermitian matrices; their gradient lies in the triangle that is read."""
    a, UPLO = as_node(a), _triangle(UPLO)
    packed = _eigh(a, UPLO=UPLO)
    return EighResult(_eigh_values(a, packed, UPLO=UPLO), _spectrum(packed, a.shape[-1])[1])


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


_depends = op(
    "depends",
    lambda V: np.zeros(V.shape[:-2], bool) if 0 in V.shape else _smallest(V) < np.finfo(V.dtype).eps ** 0.5,
    shape=lambda V: (V.shape[:-2], np.dtype(bool)),
    vjp={"V": BLOCKED},
    jvp={"V": BLOCKED},
    inputs="V",
    doc="Return which matrices have columns that are dependent, to half of the digits.",
)


def _smallest(V: Any) -> Any:
    """Return the smallest singular values."""
    return np.linalg.svd(V, compute_uv=False)[..., -1]


def _unless_defective(x: Any, V: Any, label: str) -> Any:
    """Return x, and nan where the eigenvectors are dependent."""
    found = _depends(V)[(..., *[None] * (x.ndim - V.ndim + 2))]
    mask = np.broadcast_to(found, x.shape)
    return undefined_where(
        x, mask, message=f"{label}: a defective matrix has no derivative by its eigenvalues: it is nan"
    )


def _eig_vjp(g: Any, out: Any, a: Any, used: Any, *, label: str) -> Any:
    # dV = U - V diag(r + i p) with U = V (F * V^-1 dA V); r keeps the columns' length, p their phase.
    w, V = _spectrum(out, a.shape[-1])
    gw, gV = _spectrum(g, a.shape[-1])
    columns = _used_vectors(used, out, a.shape[-1])
    along = np.sum(gV * V, axis=-2, keepdims=True)
    gV = gV - real(along) * conj(V) - 1j * imag(along) * _phase_reader(V)
    inner = on_diagonal(gw, over_gaps(t(V) @ gV, w, None, _undetermined(label), slack=400.0, used=columns))
    return _unless_defective(np.linalg.solve(t(V), inner @ t(V)), V, label)


def _eig_jvp(dx: Any, out: Any, a_shape: tuple[int, ...], label: str) -> Any:
    w, V = _spectrum(out, a_shape[-1])
    M = _unless_defective(np.linalg.solve(V, dx @ V), V, label)
    U = V @ over_gaps(M, w, _sum_sizes(M), _undetermined(label), slack=400.0)
    longer = real(np.sum(conj(V) * U, axis=-2, keepdims=True))
    turned = imag(np.sum(_phase_reader(V) * U, axis=-2, keepdims=True))
    return pack(a_shape[:-2], diagonal(M), U - V * (longer + 1j * turned))


_eig = declare_factors(
    "eig",
    _eig_value,
    shape=lambda a: (_both(a)[0], _complex_dtype(a.dtype)),
    vjp=_eig_vjp,
    jvp=_eig_jvp,
    doc="Return eigenvalues and eigenvectors of square matrices, packed; complex.",
)


def _eig_values_vjp(g: Any, a_shape: tuple[int, ...], packed: Any, label: str) -> Any:
    V = _spectrum(packed, a_shape[-1])[1]
    return _unless_defective(np.linalg.solve(t(V), g[..., :, None] * t(V)), V, label)


def _eig_values_jvp(dx: Any, a_shape: tuple[int, ...], packed: Any, label: str) -> Any:
    V = _spectrum(packed, a_shape[-1])[1]
    return diagonal(_unless_defective(np.linalg.solve(V, dx @ V), V, label))


_eig_values = op(
    "eig_values",
    lambda a, packed: packed[..., : a.shape[-1]],
    shape=lambda a, packed: (a.shape[:-1], packed.dtype),
    vjp={"a": _eig_values_vjp, "packed": BLOCKED},
    jvp={"a": _eig_values_jvp, "packed": BLOCKED},
    inputs="a packed",
    doc="Return the eigenvalues among those packed with eigenvectors: they have a derivative where these have none.",
)


def _eigvals_vjp(g: Any, a: Any, label: str) -> Any:
    return _eig_values_vjp(g, a.shape, _eig(a), label)


def _eigvals_jvp(dx: Any, a: Any, label: str) -> Any:
    return _eig_values_jvp(dx, a.shape, _eig(a), label)


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
    packed = _eig(a)
    vectors = _drop_zero_imaginary(packed, a, n)
    values = _eig_values(a, packed)
    return EigResult(values if vectors.dtype.kind == "c" else real(values), _spectrum(vectors, n)[1])


@function(np.linalg.eigvals)
def eigvals(a: Operand) -> Node:
    """Return eigenvalues of square matrices, complex as those of `eig`."""
    a = as_node(a)
    return _drop_zero_imaginary(_eigvals(a), a, a.shape[-1] if a.ndim else 0)
