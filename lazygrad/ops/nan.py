"""NumPy's functions that leave out nan: they neither see it nor send a derivative to it."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, Operand
from .._graph.types import DTypeLike
from .._graph.types import both as np
from ._declare import function
from ._op import Op, as_node
from .arithmetic import guarded_divide
from .counting import declare_index_of
from .linear import spread
from .reduce import count_where, declare_extremum, prepare, reduce_by
from .statistics import declare_median, declare_quantile, declare_spread, degrees_of_freedom, spread_around

__all__ = ["nanargmax", "nanargmin", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar"]


def _where_known(a: Any) -> Any:
    """Return where there is no nan; integers have none."""
    return np.equal(a, a) if a.dtype.kind in "fc" else True


# -- sums and products -----------------------------------------------------------------------------


@function(np.nansum)
def nansum(
    a: Operand,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
    initial: Operand | None = None,
    where: Operand = True,
) -> Node:
    """Return the sum over `axis`, nan taken for 0."""
    return np.sum(_fill_nan("nansum", a, 0), axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


@function(np.nanprod)
def nanprod(
    a: Operand,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
    initial: Operand | None = None,
    where: Operand = True,
) -> Node:
    """Return the product over `axis`, nan taken for 1."""
    return np.prod(_fill_nan("nanprod", a, 1), axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


@function(np.nancumsum)
def nancumsum(a: Operand, axis: int | None = None, dtype: DTypeLike | None = None) -> Node:
    """Return the running sum, nan taken for 0."""
    return np.cumsum(_fill_nan("nancumsum", a, 0), axis, dtype)


@function(np.nancumprod)
def nancumprod(a: Operand, axis: int | None = None, dtype: DTypeLike | None = None) -> Node:
    """Return the running product, nan taken for 1."""
    return np.cumprod(_fill_nan("nancumprod", a, 1), axis, dtype)


def _fill_nan(name: str, a: Any, fill: float) -> Any:
    a = as_node(a)
    return prepare(name, a, None, _where_known(a), fill)


# -- averages and spread ---------------------------------------------------------------------------


def _find_known(name: str, a: Any, dtype: Any, where: Any) -> tuple[Any, Any]:
    """Return the elements as floats, and a mask of those that count."""
    a = prepare(name, a, dtype)
    if a.dtype.kind not in "fc":
        return a.astype(float), where
    known = _where_known(a)
    return a, known if where is True else np.where(where, known, False)


def _divide_by_free(total: Any, free: Any) -> Any:
    """Return total / free, and nan, without derivative, where nothing is free."""
    return np.where(free > 0, total, float("nan")) / np.where(free > 0, free, 1)


@function(np.nanmean)
def nanmean(
    a: Operand,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    keepdims: bool = False,
    *,
    where: Operand = True,
) -> Node:
    """Return the mean over `axis` of what is no nan."""
    node, seen = _find_known("nanmean", a, dtype, where)
    total = np.sum(node, axis=axis, keepdims=keepdims, where=seen)
    return _divide_by_free(total, count_where(seen, node.shape, axis, keepdims).astype(total.dtype))


def _nanvar(
    name: str, a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: bool, where: Any, mean: Any, correction: Any
) -> Any:
    """Return the variance of what is no nan, around its mean or a number given as `mean`."""
    node, seen = _find_known(name, a, dtype, where)
    if mean is None:
        mean = nanmean(node, axis, keepdims=True, where=seen)
    total, count = spread_around(node, axis, keepdims, seen, mean)
    return _divide_by_free(total, count - degrees_of_freedom(name, ddof, correction))


nanvar = declare_spread("nanvar", _nanvar, "the variance over `axis` of what is no nan", squared=True)
nanstd = declare_spread(
    "nanstd",
    _nanvar,
    "the standard deviation over `axis` of what is no nan; where it is 0, so is its derivative",
    squared=False,
)


# -- order -----------------------------------------------------------------------------------------


def _nan_share(x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    """Return each element's share: as for the maximum, and 0 where all are nan."""
    reached = np.where(x == spread(out, x.shape, axis, keepdims), x.dtype.type(1), x.dtype.type(0))
    return guarded_divide(reached, np.sum(reached, axis=axis, keepdims=True))


def _declare_extremum(name: str, choose: Any, what: str) -> Op:
    made = declare_extremum(
        name,
        lambda x, axis, keepdims: choose(x, axis=axis, keepdims=keepdims),
        f"The {what} of what is no nan",
        _nan_share,
    )

    def call(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return reduce_by(made, prepare(name, a), axis, keepdims)

    call.__doc__ = made.doc
    function(choose)(call)
    return made


nanmax = _declare_extremum("nanmax", np.nanmax, "maximum")
nanmin = _declare_extremum("nanmin", np.nanmin, "minimum")
nanargmax = declare_index_of("nanargmax", np.nanargmax)
nanargmin = declare_index_of("nanargmin", np.nanargmin)

function(np.nanmedian)(declare_median("nanmedian", skipna=True))
function(np.nanquantile)(declare_quantile("nanquantile", 1, skipna=True))
function(np.nanpercentile)(declare_quantile("nanpercentile", 100, skipna=True))
