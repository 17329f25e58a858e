"""Diagonals and triangles of matrices, and the matrix of powers."""

from __future__ import annotations

from typing import Any

from numpy.lib.array_utils import normalize_axis_index

from .._graph.node import Node, NodeOrArray
from .._graph.types import both as np
from ._declare import function, linear
from ._op import Signature
from .joining import stack_arrays

__all__ = ["diagonal", "diagonal_embed", "tril", "triu"]

# -- diagonals -------------------------------------------------------------------------------------


def _length(rows: int, columns: int, offset: int) -> int:
    return max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))


def _diagonal_shape(x: Node, offset: int, axis1: int, axis2: int) -> Signature:
    if x.ndim < 2:
        raise ValueError("a diagonal needs an array with at least 2 axes")
    i, k = normalize_axis_index(axis1, x.ndim), normalize_axis_index(axis2, x.ndim)
    if i == k:
        raise ValueError("axis1 and axis2 must be different axes")
    rest = [n for axis, n in enumerate(x.shape) if axis not in (i, k)]
    return (*rest, _length(x.shape[i], x.shape[k], offset)), x.dtype


def _square(x: Any, offset: int) -> tuple[int, int]:
    """Return the shape of the matrix that has a vector as diagonal."""
    return (x.shape[0] + abs(offset),) * 2


def _infer_embedding(x: Node, offset: int, axis1: int, axis2: int, shape: tuple[int, ...] | None) -> Signature:
    return shape or _square(x, offset), x.dtype


def _embed(x: Any, offset: int, axis1: int, axis2: int, shape: tuple[int, ...] | None) -> Any:
    out = np.zeros(shape or _square(x, offset), x.dtype)
    places = np.arange(x.shape[-1])
    np.moveaxis(out, (axis1, axis2), (-2, -1))[..., places + max(-offset, 0), places + max(offset, 0)] = x
    return out


diagonal = linear(
    "diagonal",
    lambda x, offset, axis1, axis2: x.diagonal(offset, axis1, axis2),
    shape=_diagonal_shape,
    transpose=lambda g, x_shape, offset, axis1, axis2: diagonal_embed(
        g, offset=offset, axis1=axis1, axis2=axis2, shape=x_shape
    ),
    statics={"offset": 0, "axis1": 0, "axis2": 1},
    numpy=(np.diagonal,),
    selects="vjp",
    doc="Return the diagonals of the matrices in two axes, along a last axis.",
)

diagonal_embed: Any = linear(
    "diagonal_embed",
    _embed,
    shape=_infer_embedding,
    transpose=lambda g, offset, axis1, axis2: diagonal(g, offset=offset, axis1=axis1, axis2=axis2),
    statics={"offset": 0, "axis1": 0, "axis2": 1, "shape": None},
    selects="jvp",
    doc="Return zeros with x on the diagonals, for a vector in a square matrix: the transpose of diagonal.",
)


@function(np.diag)
def diag(v: NodeOrArray, k: int = 0) -> NodeOrArray:
    """Return the matrix with a vector as its diagonal, or the diagonal of a matrix."""
    if v.ndim == 1:
        return diagonal_embed(v, offset=k)
    if v.ndim != 2:
        raise ValueError(f"np.diag takes 1 or 2 axes, not the {v.ndim} of {v!r}")
    return diagonal(v, offset=k)


@function(np.diagflat)
def diagflat(v: NodeOrArray, k: int = 0) -> Node:
    """Return the matrix with the elements of an array as its diagonal."""
    return diagonal_embed(v.reshape(-1), offset=k)


function(np.diag_indices_from)(lambda arr: np.diag_indices_from(np.empty(arr.shape, bool)))


# -- triangles -------------------------------------------------------------------------------------


def _declare_triangle(name: str, function: Any, side: str) -> Any:
    def infer(m: Node, k: int) -> Signature:
        if not m.shape:
            raise ValueError("a triangle needs an array with at least 1 axis")
        return m.shape if m.ndim > 1 else (*m.shape, *m.shape), m.dtype

    made: Any = linear(
        name,
        lambda m, k: function(m, k),
        shape=infer,
        transpose=lambda g, k: made(g, k=k),
        inputs="m",
        statics={"k": 0},
        numpy=(function,),
        selects=True,
        doc=f"Return the matrices with zeros {side} their k-th diagonal.",
    )
    return made


tril = _declare_triangle("tril", np.tril, "above")
triu = _declare_triangle("triu", np.triu, "below")


def _triangle_indices(function: Any) -> Any:
    return lambda arr, k=0: function(np.empty(arr.shape, bool), k)


function(np.tril_indices_from)(_triangle_indices(np.tril_indices_from))
function(np.triu_indices_from)(_triangle_indices(np.triu_indices_from))


# -- powers ----------------------------------------------------------------------------------------


@function(np.vander)
def vander(x: NodeOrArray, N: int | None = None, increasing: bool = False) -> Node:
    """Return the powers of a vector as columns, the highest first."""
    if x.ndim != 1:
        raise ValueError(f"np.vander takes 1 axis, not the {x.ndim} of {x!r}")
    x = x.astype(np.promote_types(x.dtype, int))
    columns = [np.ones(x.shape, x.dtype), x][: len(x) if N is None else N]
    while 1 < len(columns) < (len(x) if N is None else N):
        columns.append(columns[-1] * x)  # as NumPy multiplies them; and a product has no singular derivative at 0
    if not columns:
        return np.zeros((len(x), 0), x.dtype)
    return stack_arrays(columns if increasing else columns[::-1], axis=-1)
