"""The parts that rules of linear algebra share: transposes, triangles, and several arrays packed into one.

Everything here works on stacks of matrices (the last two axes), real and complex, arrays and nodes.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Array, DType
from .._graph.types import both as np
from ._op import Signature

__all__ = [
    "conj",
    "diagonal",
    "fold_into_triangle",
    "h",
    "hermitian",
    "identities",
    "imag",
    "lapack_dtype",
    "mirror_triangle",
    "need_matrices",
    "on_diagonal",
    "pack",
    "real",
    "real_dtype",
    "reciprocal",
    "square",
    "strictly_upper",
    "t",
    "unpack",
]

# -- shapes and dtypes -----------------------------------------------------------------------------


@functools.cache
def lapack_dtype(*dtypes: DType) -> DType:
    """Return the dtype NumPy's linear algebra works in for these; a TypeError for what it does not take."""
    matrices = [np.ones((1, 1), d) for d in dtypes]
    return np.linalg.solve(matrices[0], matrices[-1]).dtype


def real_dtype(dtype: DType) -> DType:
    """Return the dtype of absolute values: float64 of complex128."""
    return np.finfo(dtype).dtype


def need_matrices(x: Node) -> None:
    """Refuse an array that is no stack of matrices."""
    if x.ndim < 2:
        raise ValueError(f"it takes matrices, at least 2-d, not shape {x.shape}")


def square(a: Node) -> Signature:
    """Infer a result of the same shape from a stack of square matrices; NumPy refuses others."""
    need_matrices(a)
    if a.shape[-1] != a.shape[-2]:
        raise ValueError(f"the last two axes must be equally long, not {a.shape[-2:]}")
    return a.shape, lapack_dtype(a.dtype)


# -- transposes and parts --------------------------------------------------------------------------


def t(x: NodeOrArray) -> NodeOrArray:
    """Return the transpose, without conjugation."""
    return x.swapaxes(-1, -2)


def conj(x: Any) -> NodeOrArray:
    """Return the complex conjugate; a real array as it is."""
    return np.conj(x) if x.dtype.kind == "c" else x


def h(x: Operand) -> NodeOrArray:
    """Return the conjugate transpose."""
    return conj(x).swapaxes(-1, -2)


def real(x: NodeOrArray) -> NodeOrArray:
    """Return the real part; a real array as it is."""
    return np.real(x) if x.dtype.kind == "c" else x


def imag(x: NodeOrArray) -> Array:
    """Return the imaginary part of a complex array."""
    return np.real(-1j * x)


def hermitian(x: Operand) -> NodeOrArray:
    """Return the Hermitian part: the mean of a matrix and its conjugate transpose."""
    return 0.5 * (x + h(x))


def reciprocal(x: Operand) -> NodeOrArray:
    """Return 1 / x, and 0 where x is 0."""
    zero = x == 0
    return np.where(zero, 0, 1 / np.where(zero, 1, x))


# -- diagonals and triangles: a mask keeps dtypes, and has a cheap transpose ------------------------


@functools.lru_cache(maxsize=32)
def _mask(n: int, kind: str) -> Array:
    mask = np.eye(n, dtype=bool) if kind == "diagonal" else ~np.tri(n, dtype=bool)
    mask.flags.writeable = False
    return mask


def identities(shape: tuple[int, ...], dtype: DType) -> Array:
    """Return a stack of identity matrices of a shape."""
    return np.broadcast_to(np.eye(shape[-1], dtype=dtype), shape)


def diagonal(x: NodeOrArray) -> NodeOrArray:
    """Return the diagonals of square matrices."""
    return np.sum(np.where(_mask(x.shape[-1], "diagonal"), x, 0), axis=-1)


def on_diagonal(d: NodeOrArray, rest: NodeOrArray | float) -> NodeOrArray:
    """Put the vectors `d` on the diagonals of the square matrices `rest`."""
    return np.where(_mask(d.shape[-1], "diagonal"), d[..., None, :], rest)


def strictly_upper(x: NodeOrArray) -> Array:
    """Return the part of square matrices above the diagonal; zeros elsewhere."""
    return np.where(_mask(x.shape[-1], "upper"), x, 0)


def mirror_triangle(x: NodeOrArray, UPLO: str = "L") -> NodeOrArray:
    """Return the Hermitian matrices that one triangle of square matrices stands for."""
    strict = strictly_upper(x) if UPLO == "U" else t(strictly_upper(t(x)))
    return on_diagonal(real(diagonal(x)), strict + h(strict))


def fold_into_triangle(g: NodeOrArray, UPLO: str = "L") -> NodeOrArray:
    """Add the triangle that is not read onto the other one, conjugated: the transpose of `mirror_triangle`."""
    total = g + h(g)
    return on_diagonal(real(diagonal(g)), strictly_upper(total) if UPLO == "U" else t(strictly_upper(t(total))))


# -- several results of one factorisation, in one array ---------------------------------------------


def pack(batch: tuple[int, ...], *parts: NodeOrArray) -> NodeOrArray:
    """Join several stacks, flattened, along one last axis."""
    flat = [p.reshape((*batch, math.prod(p.shape[len(batch) :]))) for p in parts]
    return np.concatenate(flat, axis=-1)


def unpack(packed: NodeOrArray, *shapes: tuple[int, ...]) -> list[NodeOrArray]:
    """Return the stacks that `pack` joined: `shapes` are those of their elements."""
    parts = []
    start = 0
    for shape in shapes:
        stop = start + math.prod(shape)
        parts.append(packed[..., start:stop].reshape((*packed.shape[:-1], *shape)))
        start = stop
    return parts
