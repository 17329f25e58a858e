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
from .statistics import declare_median, declare_quantile
from .variance import declare_spread, degrees_of_freedom, spread_around

__all__ = ["nanargmax", "nanargmin", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar"]


def _where_known(a: Any) -> Any:
    """Return where there is no nan; integers have none."""
    return np.equal(a, a) if a.dtype.kind in "fc" else True


# -- sums and products -----------------------------------------------------------------------------


def _declare_filled(word: str, fill: float, what: str) -> Any:
    """Declare a reduction that takes nan for a number, and its running form; return the reduction."""
    reduce, accumulate = getattr(np, word), getattr(np, f"cum{word}")

    def total(
        a: Operand,
        axis: int | None = None,
        dtype: DTypeLike | None = None,
        keepdims: bool = False,
        initial: Operand | None = None,
        where: Operand = True,
    ) -> Node:
        filled = _fill_nan(f"nan{word}", a, fill)
        return reduce(filled, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)

    def running(a: Operand, axis: int | None = None, dtype: DTypeLike | None = None) -> Node:
        return accumulate(_fill_nan(f"nancum{word}", a, fill), axis, dtype)

    total.__name__, total.__doc__ = f"nan{word}", f"Return the {what} over `axis`, nan taken for {fill}."
    running.__name__, running.__doc__ = f"nancum{word}", f"Return the running {what}, nan taken for {fill}."
    function(getattr(np, f"nancum{word}"))(running)
    return function(getattr(np, f"nan{word}"))(total)


nansum = _declare_filled("sum", 0, "sum")
nanprod = _declare_filled("prod", 1, "product")


def _fill_nan(name: str, a: Any, fill: float) -> Any:
    """Return the elements, nan replaced by a number."""
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
    squared: bool,
    name: str,
    a: Any,
    axis: Any,
    dtype: Any,
    ddof: Any,
    keepdims: bool,
    where: Any,
    mean: Any,
    correction: Any,
) -> Any:
    """Return the variance of what is no nan, around its mean or `mean`; unless `squared` the root of it."""
    node, seen = _find_known(name, a, dtype, where)
    center = nanmean(node, axis, keepdims=True, where=seen) if mean is None else mean
    ddof = degrees_of_freedom(name, ddof, correction)
    found, free = spread_around(node, axis, keepdims, seen, center, squared=squared, alone=mean is None, ddof=ddof)
    return np.where(free > 0, found, float("nan"))


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
        f"Return the {what} of what is no nan",
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
