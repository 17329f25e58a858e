"""Sums, extremes and counts, of arrays and nodes."""

# mypy: disable-error-code="overload-overlap"

from collections.abc import Sequence
from typing import SupportsIndex, TypeAlias, overload

from numpy.typing import DTypeLike

from ..._graph.node import Node
from ..._graph.types import Array, ArrayLike
from .operands import Operand

_Axis: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None
_Lengths: TypeAlias = SupportsIndex | Sequence[SupportsIndex]

@overload
def all(
    a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., keepdims: bool = ..., *, where: ArrayLike = ...
) -> Array: ...
@overload
def all(a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., where: Operand = ...) -> Node: ...
@overload
def amax(
    a: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def amax(
    a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., initial: Operand | None = ..., where: Operand = ...
) -> Node: ...
@overload
def amin(
    a: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def amin(
    a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., initial: Operand | None = ..., where: Operand = ...
) -> Node: ...
@overload
def any(
    a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., keepdims: bool = ..., *, where: ArrayLike = ...
) -> Array: ...
@overload
def any(a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., where: Operand = ...) -> Node: ...
@overload
def argmax(a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., *, keepdims: bool = ...) -> Array: ...
@overload
def argmax(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def argmin(a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., *, keepdims: bool = ...) -> Array: ...
@overload
def argmin(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def bincount(x: ArrayLike, /, weights: ArrayLike | None = ..., minlength: int = ...) -> Array: ...
@overload
def bincount(x: Operand, /, weights: Operand | None = ..., minlength: int = ...) -> Node: ...
@overload
def count_nonzero(a: ArrayLike, axis: _Axis = ..., *, keepdims: bool = ...) -> Array: ...
@overload
def count_nonzero(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def cumprod(a: ArrayLike, axis: _Axis = ..., dtype: DTypeLike | None = ..., out: Array | None = ...) -> Array: ...
@overload
def cumprod(a: Operand, axis: _Axis = ..., dtype: DTypeLike | None = ...) -> Node: ...
@overload
def cumsum(a: ArrayLike, axis: _Axis = ..., dtype: DTypeLike | None = ..., out: Array | None = ...) -> Array: ...
@overload
def cumsum(a: Operand, axis: _Axis = ..., dtype: DTypeLike | None = ...) -> Node: ...
@overload
def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    include_initial: bool = ...,
) -> Array: ...
@overload
def cumulative_prod(
    x: Operand, /, *, axis: _Axis = ..., dtype: DTypeLike | None = ..., include_initial: bool = ...
) -> Node: ...
@overload
def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    include_initial: bool = ...,
) -> Array: ...
@overload
def cumulative_sum(
    x: Operand, /, *, axis: _Axis = ..., dtype: DTypeLike | None = ..., include_initial: bool = ...
) -> Node: ...
@overload
def histogram(
    a: ArrayLike, bins: object = ..., range: object = ..., density: bool | None = ..., weights: ArrayLike | None = ...
) -> tuple[Array, Array]: ...
@overload
def histogram(
    a: Operand, bins: object = ..., range: object = ..., density: bool | None = ..., weights: Operand | None = ...
) -> tuple[Node, Node]: ...
@overload
def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: object = ...,
    range: object = ...,
    density: bool | None = ...,
    weights: ArrayLike | None = ...,
) -> tuple[Array, Array, Array]: ...
@overload
def histogram2d(
    x: Operand,
    y: Operand,
    bins: object = ...,
    range: object = ...,
    density: bool | None = ...,
    weights: Operand | None = ...,
) -> tuple[Node, Node, Node]: ...
@overload
def histogramdd(
    sample: ArrayLike,
    bins: object = ...,
    range: object = ...,
    density: bool | None = ...,
    weights: ArrayLike | None = ...,
) -> tuple[Array, list[Array]]: ...
@overload
def histogramdd(
    sample: Operand, bins: object = ..., range: object = ..., density: bool | None = ..., weights: Operand | None = ...
) -> tuple[Node, list[Node]]: ...
@overload
def max(
    a: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def max(
    a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., initial: Operand | None = ..., where: Operand = ...
) -> Node: ...
@overload
def mean(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    *,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def mean(
    a: Operand, axis: _Axis = ..., dtype: DTypeLike | None = ..., *, keepdims: bool = ..., where: Operand = ...
) -> Node: ...
@overload
def min(
    a: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def min(
    a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., initial: Operand | None = ..., where: Operand = ...
) -> Node: ...
@overload
def nanargmax(a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., *, keepdims: bool = ...) -> Array: ...
@overload
def nanargmax(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def nanargmin(a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., *, keepdims: bool = ...) -> Array: ...
@overload
def nanargmin(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def prod(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def prod(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    keepdims: bool = ...,
    initial: Operand | None = ...,
    where: Operand = ...,
) -> Node: ...
@overload
def ptp(a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., keepdims: bool = ...) -> Array: ...
@overload
def ptp(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def sum(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def sum(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    keepdims: bool = ...,
    initial: Operand | None = ...,
    where: Operand = ...,
) -> Node: ...
@overload
def trace(
    a: ArrayLike,
    offset: int = ...,
    axis1: int = ...,
    axis2: int = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
) -> Array: ...
@overload
def trace(a: Operand, offset: int = ..., axis1: int = ..., axis2: int = ..., dtype: DTypeLike | None = ...) -> Node: ...
