"""Functions that say whether, where or how often; only the weights that histograms add up have a derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Function
from .._graph.types import both as np
from ._declare import function, linear, op
from ._op import Op, Signature, as_node
from ._rule import ZERO
from .indexing import SLOT, evaluate_for_shape, getitem
from .linear import infer_reduction
from .reduce import AXES, prepare, reduce_by

__all__ = ["all", "any", "argmax", "argmin", "bincount", "count_nonzero", "declare_index_of", "digitize", "histogram"]

# -- whether, and where ----------------------------------------------------------------------------


def declare_index_of(name: str, find: Function) -> Op:
    """Declare an op that says where along an axis something is."""

    def infer(x: Node, axis: Any, keepdims: bool) -> Signature:
        if 0 in x.shape:
            find(np.empty(x.shape, bool), axis=axis, keepdims=keepdims)  # NumPy's own error
        return infer_reduction(np.sum)(x, axis, keepdims)[0], np.dtype(np.intp)

    made = op(
        name,
        find,
        shape=infer,
        vjp={"x": ZERO},
        jvp={"x": ZERO},
        statics=AXES,
        doc=f"Compute `numpy.{name}` on nodes; it has no derivative.",
    )

    def call(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
        return reduce_by(made, prepare(name, a), axis, keepdims)

    call.__doc__ = f"Compute `numpy.{name}` on nodes; it has no derivative."
    function(getattr(np, name))(call)
    return made


argmax = declare_index_of("argmax", np.argmax)
argmin = declare_index_of("argmin", np.argmin)


def _declare_decision(name: str, function: Any, dtype: Any) -> Op:
    return op(
        name,
        function,
        shape=lambda x, axis, keepdims: (infer_reduction(np.sum)(x, axis, keepdims)[0], np.dtype(dtype)),
        vjp={"x": ZERO},
        jvp={"x": ZERO},
        statics=AXES,
        doc=f"Compute `numpy.{name}` on nodes; it has no derivative.",
    )


all = _declare_decision("all", np.all, bool)
any = _declare_decision("any", np.any, bool)
count_nonzero = _declare_decision("count_nonzero", np.count_nonzero, np.intp)


@function(np.all)
def _all(a: Any, axis: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """Return whether all elements are nonzero."""
    return reduce_by(all, prepare("all", a, None, where, 1), axis, keepdims)


@function(np.any)
def _any(a: Any, axis: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """Return whether any element is nonzero."""
    return reduce_by(any, prepare("any", a, None, where), axis, keepdims)


@function(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Return how many elements are nonzero."""
    return reduce_by(count_nonzero, a, axis, keepdims)


# -- how often -------------------------------------------------------------------------------------

tally = linear(
    "tally",
    lambda w, x, length: np.bincount(x, w, length)[:length].astype(w.dtype, copy=False),
    shape=lambda w, x, length: ((length,), w.dtype),
    transpose=lambda g, x, x_shape: getitem(g, x, key=(SLOT,)),
    inputs="w x",
    statics={"length": 0},
    doc="Sum the weights w for each integer 0 .. length - 1 in x.",
)


@function(np.bincount)
def bincount(x: Operand, weights: Operand | None = None, minlength: int = 0) -> Node:
    """Return how often each integer is in x, or the sum of its weights; differentiable in the weights."""
    x = evaluate_for_shape("np.bincount", x)
    counts = np.bincount(x, minlength=minlength)
    if weights is None:
        return counts
    weights = as_node(weights)
    if weights.shape != np.shape(x):
        raise ValueError(f"np.bincount: weights of shape {weights.shape} for integers of shape {np.shape(x)}")
    return tally(weights.astype(float), np.asarray(x, np.intp), length=len(counts))


digitize = op(
    "digitize",
    lambda x, bins, right: np.digitize(x, bins, right),
    inputs="x bins",
    shape=lambda x, bins, right: (x.shape, np.dtype(np.intp)),
    vjp={"x": ZERO, "bins": ZERO},
    jvp={"x": ZERO, "bins": ZERO},
    statics={"right": False},
    numpy=(np.digitize,),
    doc="Return in which of the bins each element lies.",
)


def _place(x: Any, edges: Any) -> Any:
    """Return in which bin each element lies, the last one closed; an element in none gets the number of bins."""
    count = len(edges) - 1
    place = np.searchsorted(edges, x, side="right") - 1
    place = np.where(x == edges[-1], count - 1, place)
    return np.where((place < 0) | (place >= count), count, place)


place = op(
    "place",
    _place,
    inputs="x edges",
    shape=lambda x, edges: (x.shape, np.dtype(np.intp)),
    vjp={"x": ZERO, "edges": ZERO},
    jvp={"x": ZERO, "edges": ZERO},
    doc="Return in which bin of a histogram each element lies.",
)


def _part(g: Any, count: int) -> Any:
    return np.sum(g * (np.arange(count + 1) / count).astype(g.dtype))


def _infer_edges(low: Node, high: Node, count: int) -> Signature:
    if low.shape or high.shape:
        raise ValueError(f"bins lie between two numbers, not between shapes {low.shape} and {high.shape}")
    return (count + 1,), np.result_type(low.dtype, high.dtype)


even_edges = op(
    "even_edges",
    lambda low, high, count: np.linspace(low, high, count + 1, dtype=np.result_type(low, high)),
    inputs="low high",
    shape=_infer_edges,
    vjp={"low": lambda g, count: _part(g[::-1], count), "high": _part},
    jvp={
        "low": lambda t, count: t * (1 - np.arange(count + 1) / count),
        "high": lambda t, count: t * (np.arange(count + 1) / count),
    },
    statics={"count": 1},
    doc="Return the bounds of `count` bins of one width.",
)


def _find_edges(x: Any, bins: Any, range: Any) -> Any:
    """Return the edges of the bins: as they are, or from the least to the greatest element at even distances."""
    if isinstance(bins, str):
        bins = len(np.histogram_bin_edges(evaluate_for_shape("np.histogram", x), bins, range)) - 1
    if np.ndim(bins):
        return bins
    if not isinstance(x, Node) or range is not None:
        return np.histogram_bin_edges(x if not isinstance(x, Node) else np.zeros(0, x.dtype), bins, range)
    if x.size == 0:  # a node all the same, as there may be elements later
        return as_node(np.histogram_bin_edges(np.zeros(0, x.dtype), bins))
    low, high = np.min(x), np.max(x)
    widen = np.where(low == high, 0.5, 0.0).astype(x.dtype if x.dtype.kind == "f" else float)
    return even_edges(low - widen, high + widen, count=bins)


def _sum_in_boxes(
    columns: Sequence[Any], bins: Sequence[Any], ranges: Any, density: bool | None, weights: Any
) -> tuple[Any, list[Any]]:
    """Sum weights in the boxes of a grid, and return the sums and the edges of the boxes along each axis."""
    ranges = [None] * len(columns) if ranges is None else ranges
    edges = [_find_edges(x, b, r) for x, b, r in zip(columns, bins, ranges, strict=True)]
    shape = tuple([len(e) - 1 for e in edges])
    flat: Any = 0
    for x, e, n in zip(columns, edges, shape, strict=True):
        flat = flat * (n + 1) + place(as_node(x), as_node(e))  # one bin more along each axis is for the points in none
    length = int(np.prod([n + 1 for n in shape]))
    summed = tally(weights, flat, length=length).reshape(tuple([n + 1 for n in shape]))
    summed = summed[tuple([slice(None, -1)] * len(shape))]
    if density:
        total = np.sum(summed)
        for k, e in enumerate(edges):
            widths = (e[1:] - e[:-1]).astype(float)
            summed = summed / widths.reshape(tuple([-1 if k == j else 1 for j, _ in enumerate(edges)]))
        summed = summed / total
    return summed, edges


@function(np.histogram)
def histogram(
    a: Operand, bins: Operand = 10, range: object = None, density: bool | None = None, weights: Operand | None = None
) -> tuple[NodeOrArray, NodeOrArray]:
    """Return the weights, or the number, of the elements in each bin, and the edges; differentiable in the weights."""
    if isinstance(bins, str) and weights is not None:
        raise TypeError("np.histogram takes no weights with bins by name")
    a = a.reshape(-1) if isinstance(a, Node) else np.ravel(a)
    given = np.ones(a.shape) if weights is None else as_node(weights).reshape(-1)
    if given.shape != a.shape:
        raise ValueError(f"np.histogram: {given.size} weights for {a.size} elements")
    summed, (edges,) = _sum_in_boxes([a], [bins], None if range is None else [range], density, given)
    return (summed if weights is not None or density else summed.astype(np.intp)), edges


@function(np.histogramdd)
def histogramdd(
    sample: Any,
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: Operand | None = None,
) -> tuple[NodeOrArray, list[NodeOrArray]]:
    """Return the weights, or the number, of the points in each box of a grid, and the edges of the boxes."""
    if not isinstance(sample, (list, tuple)):
        sample = [sample] if sample.ndim < 2 else sample.T
    columns = list(sample)
    if np.ndim(columns[0]) == 0:  # plain numbers: each is a point of one coordinate
        columns = [np.stack(columns)]
    bins = bins if hasattr(bins, "__len__") and not isinstance(bins, str) else [bins] * len(columns)
    if len(bins) != len(columns):
        raise ValueError(f"np.histogramdd: bins along {len(bins)} axes for {len(columns)} coordinates")
    given = np.ones(columns[0].shape) if weights is None else as_node(weights).astype(float)
    return _sum_in_boxes(columns, bins, range, density, given)


@function(np.histogram2d)
def histogram2d(
    x: Operand,
    y: Operand,
    bins: Any = 10,
    range: object = None,
    density: bool | None = None,
    weights: Operand | None = None,
) -> tuple[NodeOrArray, ...]:
    """Return the weights, or the number, of the points in each box of a grid, and the edges along x and along y."""
    if not hasattr(bins, "__len__") or len(bins) != 2:  # one number, or one array of edges, for both
        bins = [bins, bins]
    summed, edges = histogramdd([x, y], bins, range, density, weights)
    return summed, *edges
