"""Choosing elements by positions, masks and conditions: NumPy's functions, in terms of indexing and `where`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.lib.array_utils import normalize_axis_index

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Lengths
from .._graph.types import both as np
from ._declare import function, op
from ._op import Op, as_node
from ._rule import BLOCKED
from .indexing import evaluate_for_shape, index

__all__ = ["choose", "compress", "extract", "piecewise", "select", "take", "take_along_axis"]

Mode = str | None

# -- positions -------------------------------------------------------------------------------------


def _in_bounds(x: Any, count: int, mode: str) -> Any:
    x = np.asarray(x)
    if mode != "raise":
        return (x % max(count, 1) if mode == "wrap" else np.clip(x, 0, count - 1)).astype(np.intp)
    if x.size and (x.min() < 0 or x.max() >= count):
        raise ValueError(f"choices must lie in 0..{count - 1}, not {x.min() if x.min() < 0 else x.max()}")
    return x.astype(np.intp)


in_bounds: Op = op(
    "in_bounds",
    _in_bounds,
    shape=lambda x, count, mode: (x.shape, np.dtype(np.intp)),
    vjp={"x": BLOCKED},
    jvp={"x": BLOCKED},
    statics={"count": 1, "mode": "raise"},
    doc="Bring positions into 0..count-1: wrap them around, clip them, or refuse them.",
)


def _positions(indices: Any, count: int, mode: Mode) -> Any:
    """Return integers, as a node or an array, that say what to take of `count` elements."""
    if not isinstance(indices, Node):
        indices = np.asarray(indices)
        indices = indices.astype(np.intp) if indices.size == 0 else indices
    if indices.dtype.kind not in "biu":
        raise TypeError(f"positions must be integers, not {indices.dtype}")
    if mode in ("wrap", "clip"):
        return in_bounds(indices, count=count, mode=mode)
    if mode not in ("raise", None):
        raise ValueError(f"mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    return indices.astype(np.intp) if indices.dtype.kind == "b" else indices


@function(np.take)
def take(a: Operand, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Node:
    """Return the elements, or slices along `axis`, at positions; out of range: 'raise', 'wrap' or 'clip'."""
    a = as_node(a)
    if axis is None:
        a, axis = a.reshape(-1), 0
    axis = normalize_axis_index(axis, a.ndim)
    return index(a, (slice(None),) * axis + (_positions(indices, a.shape[axis], mode),))


@function(np.take_along_axis)
def take_along_axis(arr: NodeOrArray, indices: NodeOrArray, axis: int | None = -1) -> Node:
    """Return, from each row of `arr`, the elements at the indices that the same row of `indices` holds."""
    arr = as_node(arr)
    if not isinstance(indices, Node):
        indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if axis is None:
        arr, axis = arr.reshape(-1), 0
    if arr.ndim != len(indices.shape):
        raise ValueError(f"`indices` has {len(indices.shape)} axes, but `arr` has {arr.ndim}")
    axis = normalize_axis_index(axis, arr.ndim)
    key: list[Any] = list(np.ogrid[tuple([slice(n) for n in arr.shape])])
    key[axis] = indices
    return index(arr, tuple(key))


@function(np.choose)
def choose(a: Operand, choices: NodeOrArray | Sequence[Operand], out: None = None, mode: str = "raise") -> Node:
    """Return for each position the element of the array that `a` numbers, of several that broadcast."""
    arrays = [as_node(c) for c in choices]
    a = a if isinstance(a, Node) else np.asarray(a)
    if a.dtype.kind not in "biu":
        raise TypeError(f"choose needs integers to choose by, not {a.dtype}")
    shape = np.broadcast_shapes(a.shape, *[c.shape for c in arrays])
    stacked: Any = np.stack([np.broadcast_to(c, shape) for c in arrays])
    grid = np.ogrid[tuple([slice(n) for n in shape])] if shape else ()
    return index(stacked, (in_bounds(a, count=len(arrays), mode=mode), *grid))


# -- masks and conditions --------------------------------------------------------------------------


@function(np.compress)
def compress(condition: Operand, a: Operand, axis: int | None = None) -> Node:
    """Return the slices along `axis` where the condition holds."""
    mask = evaluate_for_shape("np.compress", condition)
    if mask.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return take(a, np.flatnonzero(mask), axis)


@function(np.extract)
def extract(condition: Operand, arr: Operand) -> Node:
    """Return the elements of the flattened array where the condition holds."""
    return take(arr, np.flatnonzero(evaluate_for_shape("np.extract", condition)))


def _condition(c: Any, what: str) -> Any:
    c = c if isinstance(c, Node) else np.asarray(c)
    if c.dtype != np.bool_:
        raise TypeError(f"{what} must be boolean, not {c.dtype}")
    return c


@function(np.select)
def select(condlist: Sequence[object], choicelist: Sequence[object], default: Operand = 0) -> Operand:
    """Return element by element the choice of the first condition that holds, else the default."""
    if len(condlist) != len(choicelist):
        raise ValueError(f"{len(condlist)} conditions need as many choices, not {len(choicelist)}")
    if len(condlist) == 0:
        raise ValueError("select needs at least one condition")
    found = default
    pairs = zip(condlist, choicelist, strict=True)
    for k, (condition, chosen) in reversed(list(enumerate(pairs))):
        found = np.where(_condition(condition, f"condition {k} of np.select"), chosen, found)
    return found


@function(np.piecewise)
def piecewise(x: NodeOrArray, condlist: Any, funclist: Sequence[object], *args: Node, **kw: object) -> Node:
    """Apply functions to x, each where its condition holds; later ones win, and one more serves where none holds.

    On nodes each function, which must work element by element, is called on all of `x`; its results for elements
    that are not its own are left out, with their derivative.
    """
    x = as_node(x)
    single = isinstance(condlist, (bool, np.bool_)) or (not np.ndim(condlist[0]) and x.ndim)
    conditions = [_condition(c, "a condition of np.piecewise") for c in ([condlist] if single else condlist)]
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ValueError(f"{len(conditions)} conditions need as many functions, or one more, not {len(funclist)}")
    parts = [as_node(f(x, *args, **kw) if callable(f) else f).astype(x.dtype) for f in funclist]
    found: Any = np.broadcast_to(parts[-1] if len(parts) > len(conditions) else as_node(x.dtype.type(0)), x.shape)
    for condition, part in zip(conditions, parts, strict=False):
        found = np.where(condition, part, found)
    return found


# -- positions as tuples of integers ---------------------------------------------------------------


def _declare_positions(name: str) -> None:
    """Declare a function that gives the positions where an array holds, for which its values must be known."""
    numpy = getattr(np, name)

    def positions(a: Any) -> Any:
        return numpy(evaluate_for_shape(f"np.{name}", a))

    positions.__name__ = name
    positions.__doc__ = f"Compute `numpy.{name}` on nodes: positions, whose number depends on values."
    function(numpy)(positions)


for _name in ("nonzero", "flatnonzero", "argwhere"):
    _declare_positions(_name)


flat_index: Op = op(
    "flat_index",
    lambda *indices, dims, mode, order: np.asarray(np.ravel_multi_index(indices, dims, mode, order)),
    shape=lambda *indices, dims, mode, order: (
        np.broadcast_shapes(*[i.shape for i in indices]),
        np.dtype(np.intp),
    ),
    vjp={"indices": BLOCKED},
    jvp={"indices": BLOCKED},
    inputs="*indices",
    statics={"dims": (), "mode": "raise", "order": "C"},
    doc="Return the flat positions of positions along each axis.",
)

unravelled: Op = op(
    "unravelled",
    lambda indices, shape, order: np.stack(np.unravel_index(indices, shape, order)),
    shape=lambda indices, shape, order: ((len(shape), *indices.shape), np.dtype(np.intp)),
    vjp={"indices": BLOCKED},
    jvp={"indices": BLOCKED},
    inputs="indices",
    statics={"shape": (), "order": "C"},
    doc="Return the positions along each axis of flat positions, one axis after another.",
)


@function(np.ravel_multi_index)
def ravel_multi_index(
    multi_index: NodeOrArray, dims: Lengths, mode: str | Sequence[str] = "raise", order: str = "C"
) -> Node:
    """Return the flat positions of positions along each axis."""
    return flat_index(*multi_index, dims=tuple(np.atleast_1d(dims).tolist()), mode=mode, order=order)


@function(np.unravel_index)
def unravel_index(indices: Operand, shape: Lengths, order: str = "C") -> tuple[Node, ...]:
    """Return the positions along each axis of flat positions."""
    shape = tuple(np.atleast_1d(shape).tolist())
    found = unravelled(indices, shape=shape, order=order)
    return tuple([found[k] for k in range(len(shape))])
