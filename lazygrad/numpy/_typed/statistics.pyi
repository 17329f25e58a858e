"""Averages, spread and quantiles, and what leaves out nan, of arrays and nodes."""

# mypy: disable-error-code="overload-overlap"

from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias, overload

from numpy.typing import DTypeLike

from ..._graph.node import Node
from ..._graph.types import Array, ArrayLike
from .operands import Operand

_Axis: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None
_Lengths: TypeAlias = SupportsIndex | Sequence[SupportsIndex]

def average(
    a: Operand, axis: _Axis = ..., weights: Operand | None = ..., returned: bool = ..., *, keepdims: bool = ...
) -> Any: ...
@overload
def corrcoef(
    x: ArrayLike, y: ArrayLike | None = ..., rowvar: bool = ..., *, dtype: DTypeLike | None = ...
) -> Array: ...
@overload
def corrcoef(x: Operand, y: Operand | None = ..., rowvar: bool = ..., *, dtype: DTypeLike | None = ...) -> Node: ...
@overload
def cov(
    m: ArrayLike,
    y: ArrayLike | None = ...,
    rowvar: bool = ...,
    bias: bool = ...,
    ddof: float | None = ...,
    fweights: ArrayLike | None = ...,
    aweights: ArrayLike | None = ...,
    *,
    dtype: DTypeLike | None = ...,
) -> Array: ...
@overload
def cov(
    m: Operand,
    y: Operand | None = ...,
    rowvar: bool = ...,
    bias: bool = ...,
    ddof: float | None = ...,
    fweights: Operand | None = ...,
    aweights: Operand | None = ...,
    *,
    dtype: DTypeLike | None = ...,
) -> Node: ...
@overload
def median(
    a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., overwrite_input: bool = ..., keepdims: bool = ...
) -> Array: ...
@overload
def median(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def nancumprod(a: ArrayLike, axis: _Axis = ..., dtype: DTypeLike | None = ..., out: Array | None = ...) -> Array: ...
@overload
def nancumprod(a: Operand, axis: _Axis = ..., dtype: DTypeLike | None = ...) -> Node: ...
@overload
def nancumsum(a: ArrayLike, axis: _Axis = ..., dtype: DTypeLike | None = ..., out: Array | None = ...) -> Array: ...
@overload
def nancumsum(a: Operand, axis: _Axis = ..., dtype: DTypeLike | None = ...) -> Node: ...
@overload
def nanmax(
    a: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def nanmax(
    a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., initial: Operand | None = ..., where: Operand = ...
) -> Node: ...
@overload
def nanmean(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    *,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def nanmean(
    a: Operand, axis: _Axis = ..., dtype: DTypeLike | None = ..., *, keepdims: bool = ..., where: Operand = ...
) -> Node: ...
@overload
def nanmedian(
    a: ArrayLike, axis: _Axis = ..., out: Array | None = ..., overwrite_input: bool = ..., keepdims: bool = ...
) -> Array: ...
@overload
def nanmedian(a: Operand, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
@overload
def nanmin(
    a: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def nanmin(
    a: Operand, axis: _Axis = ..., *, keepdims: bool = ..., initial: Operand | None = ..., where: Operand = ...
) -> Node: ...
@overload
def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    overwrite_input: bool = ...,
    method: str = ...,
    keepdims: bool = ...,
    *,
    weights: ArrayLike | None = ...,
) -> Array: ...
@overload
def nanpercentile(
    a: Operand, q: Operand, axis: _Axis = ..., *, method: str = ..., keepdims: bool = ..., weights: Operand | None = ...
) -> Node: ...
@overload
def nanprod(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def nanprod(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    keepdims: bool = ...,
    initial: Operand | None = ...,
    where: Operand = ...,
) -> Node: ...
@overload
def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    overwrite_input: bool = ...,
    method: str = ...,
    keepdims: bool = ...,
    *,
    weights: ArrayLike | None = ...,
) -> Array: ...
@overload
def nanquantile(
    a: Operand, q: Operand, axis: _Axis = ..., *, method: str = ..., keepdims: bool = ..., weights: Operand | None = ...
) -> Node: ...
@overload
def nanstd(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    ddof: float | None = ...,
    keepdims: bool = ...,
    *,
    where: ArrayLike = ...,
    mean: ArrayLike | None = ...,
    correction: float = ...,
) -> Array: ...
@overload
def nanstd(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    ddof: float | None = ...,
    keepdims: bool = ...,
    where: Operand = ...,
    mean: Operand | None = ...,
    correction: float = ...,
) -> Node: ...
@overload
def nansum(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    keepdims: bool = ...,
    initial: ArrayLike | None = ...,
    where: ArrayLike = ...,
) -> Array: ...
@overload
def nansum(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    keepdims: bool = ...,
    initial: Operand | None = ...,
    where: Operand = ...,
) -> Node: ...
@overload
def nanvar(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    ddof: float | None = ...,
    keepdims: bool = ...,
    *,
    where: ArrayLike = ...,
    mean: ArrayLike | None = ...,
    correction: float = ...,
) -> Array: ...
@overload
def nanvar(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    ddof: float | None = ...,
    keepdims: bool = ...,
    where: Operand = ...,
    mean: Operand | None = ...,
    correction: float = ...,
) -> Node: ...
@overload
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    overwrite_input: bool = ...,
    method: str = ...,
    keepdims: bool = ...,
    *,
    weights: ArrayLike | None = ...,
) -> Array: ...
@overload
def percentile(
    a: Operand, q: Operand, axis: _Axis = ..., *, method: str = ..., keepdims: bool = ..., weights: Operand | None = ...
) -> Node: ...
@overload
def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: _Axis = ...,
    out: Array | None = ...,
    overwrite_input: bool = ...,
    method: str = ...,
    keepdims: bool = ...,
    *,
    weights: ArrayLike | None = ...,
) -> Array: ...
@overload
def quantile(
    a: Operand, q: Operand, axis: _Axis = ..., *, method: str = ..., keepdims: bool = ..., weights: Operand | None = ...
) -> Node: ...
@overload
def std(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    ddof: float | None = ...,
    keepdims: bool = ...,
    *,
    where: ArrayLike = ...,
    mean: ArrayLike | None = ...,
    correction: float = ...,
) -> Array: ...
@overload
def std(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    ddof: float | None = ...,
    keepdims: bool = ...,
    where: Operand = ...,
    mean: Operand | None = ...,
    correction: float = ...,
) -> Node: ...
@overload
def var(
    a: ArrayLike,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    out: Array | None = ...,
    ddof: float | None = ...,
    keepdims: bool = ...,
    *,
    where: ArrayLike = ...,
    mean: ArrayLike | None = ...,
    correction: float = ...,
) -> Array: ...
@overload
def var(
    a: Operand,
    axis: _Axis = ...,
    dtype: DTypeLike | None = ...,
    *,
    ddof: float | None = ...,
    keepdims: bool = ...,
    where: Operand = ...,
    mean: Operand | None = ...,
    correction: float = ...,
) -> Node: ...
