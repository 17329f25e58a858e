"""Indexing and its transpose: keys basic and advanced as NumPy has them, with nodes among the index arrays."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

from .._graph.guards import READABLE, inside_transform, suggest_looking
from .._graph.node import Node
from .._graph.settings import describe
from .._graph.types import Array, DTypeLike
from .._graph.types import both as np
from .._graph.value import read_guarded
from ._calls import record_calls
from ._declare import linear
from ._keys import as_index_array, check_bounds, check_key, is_flag, takes_part
from ._op import Op, as_node

__all__ = [
    "SLOT",
    "evaluate_for_shape",
    "fill_slots",
    "find_repeats",
    "getitem",
    "index",
    "infer_taken",
    "parse_key",
    "scatter_add",
    "scatter_into",
    "shadow",
]

FEW, SEVERAL = 4, 8  # up to so many columns it is faster to add one by one than to assign, or to add, all at once
PAIRS = {np.dtype(np.float64): np.complex128, np.dtype(np.float32): np.complex64}  # neighbours added as one number


class _Slot:
    """The stand-in, in a key, for an index array, which is an input of the node."""

    def __repr__(self) -> str:
        return "<array>"

    def __reduce__(self) -> str:
        return "SLOT"


SLOT = _Slot()


def fill_slots(key: tuple[Any, ...], indices: Sequence[object]) -> tuple[Any, ...]:
    """Return a key with the index arrays in their slots."""
    if not indices:
        return key
    arrays = iter(indices)
    return tuple([next(arrays) if item is SLOT else item for item in key])


def shadow(shape: tuple[int, ...], dtype: DTypeLike = bool) -> Array:
    """Return zeros of a shape without memory of their own, to ask NumPy for shapes and errors."""
    return np.ndarray(shape, dtype, b"\0" * 8, 0, (0,) * len(shape))


# -- where a key with index arrays leads: offsets into the flat array --------------------------------


def _offsets(index: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """Return what the places along one axis add to the flat position."""
    index = np.asarray(index, np.intp)
    n = shape[axis]
    if index.size and index.view(np.uintp).max() >= n:  # too large, or negative: one pass tells both
        wrong = index[(index < -n) | (index >= n)]
        if wrong.size:
            raise IndexError(f"index {wrong.flat[0]} is out of bounds for axis {axis} with size {n}")
        index = np.where(index < 0, index + n, index)
    stride = math.prod(shape[axis + 1 :])
    return index if stride == 1 else index * stride


def _places(shape: tuple[int, ...], key: tuple[Any, ...], indices: Sequence[Any], g: Any) -> tuple[Any, Any, Any]:
    """Return offsets of the index arrays, flat, and of the rest of the key; and `g` with an axis for each."""
    arrays = iter(indices)
    taken = sum(item is not None and item is not Ellipsis for item in key)
    advanced: list[Any] = []
    rest: list[Any] = []  # in the order of the result's axes
    before = 0  # how many of them stand before those of the arrays
    together = True
    axis, previous = 0, -1
    for k, item in enumerate(key if any(item is Ellipsis for item in key) else (*key, ...)):
        if item is None:
            rest.append(np.zeros(1, np.intp))
        elif item is Ellipsis or isinstance(item, slice):
            for part in (item,) if isinstance(item, slice) else (slice(None),) * (len(shape) - taken):
                rest.append(np.arange(*part.indices(shape[axis])) * math.prod(shape[axis + 1 :]))
                axis += 1
        else:
            if not advanced:
                before = len(rest)
            together &= not advanced or k == previous + 1  # an ellipsis divides, even where it stands for no axis
            advanced.append(_offsets(next(arrays) if item is SLOT else item, axis, shape))
            axis, previous = axis + 1, k
    places = functools.reduce(np.add, advanced)
    if together and before:
        order = (*range(before, before + places.ndim), *range(before), *range(before + places.ndim, g.ndim))
        g = g.transpose(order)
    beside = functools.reduce(np.add.outer, rest, np.zeros((), np.intp)).reshape(-1)
    return places.reshape(-1), beside, g.reshape(places.size, beside.size)


def _distinct(places: Any, bound: int) -> bool:
    """Return whether no offset below `bound` occurs twice."""
    if places.size < 2 or not bound or (places[1:] > places[:-1]).all():
        return True
    if bound > 64 * places.size:
        ordered = np.sort(places)
        return bool((ordered[1:] != ordered[:-1]).all())
    met = np.zeros(bound, bool)
    met[places] = True
    return int(np.count_nonzero(met)) == places.size


def find_repeats(shape: tuple[int, ...], key: tuple[object, ...], indices: Sequence[object]) -> Array | None:
    """Return which places of an array a key takes, flat, in its order; None if no place occurs twice."""
    if not indices:
        return None
    taken = shadow(shape)[fill_slots(key, indices)]
    numbers = np.arange(taken.size).reshape(taken.shape)
    places, beside, numbers = _places(shape, key, indices, numbers)
    if _distinct(places, math.prod(shape)):
        return None
    found = np.empty(taken.size, np.intp)
    found[numbers] = places[:, None] + beside
    return found


# -- taking and adding -----------------------------------------------------------------------------


def _getitem(x: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    return x[fill_slots(key, indices)]


def infer_taken(shape: tuple[int, ...], key: tuple[Any, ...], indices: Sequence[Node]) -> tuple[int, ...]:
    """Return the shape of the part of an array that a key takes."""
    # Index values are checked by NumPy when they are known; here only their shapes matter, so they are all 0.
    return shadow(shape)[fill_slots(key, [shadow(j.shape, np.intp) for j in indices])].shape


def _add_part(out: Any, key: tuple[Any, ...], g: Any) -> None:
    part = out[key]
    if part.__class__ is np.ndarray:
        part += g
    else:
        out[key] = part + g


def _accumulate(flat: Any, places: Any, beside: Any, rows: Any) -> None:
    """Add rows into a flat array, in order: NumPy is fast at that for one index array on one axis alone."""
    if beside.size <= SEVERAL:
        for k, offset in enumerate(beside):
            np.add.at(flat[offset:], places, rows[:, k])
        return
    pair = PAIRS.get(flat.dtype)
    if pair and not (
        flat.size % 2 or beside.size % 2 or beside[0] % 2 or (places % 2).any() or (np.diff(beside) != 1).any()
    ):
        flat, rows = flat.view(pair), np.ascontiguousarray(rows).view(pair)
        places, beside = places // 2, beside[::2] // 2
    np.add.at(flat, (places[:, None] + beside).reshape(-1), rows.reshape(-1))


def _scatter_add(g: Any, *indices: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    out = np.zeros(shape, g.dtype)
    if not indices:
        _add_part(out, key, g)
        return out
    if len(shape) == 1 and key == (SLOT,):
        np.add.at(out, np.asarray(indices[0], np.intp).reshape(-1), g.reshape(-1))
        return out
    places, beside, rows = _places(shape, key, indices, g)
    if beside.size > FEW and _distinct(places, out.size):
        zero = g.dtype.type(0)  # added, so that assigning leaves no -0.0
        if out.size > 2 * g.size:
            out[fill_slots(key, indices)] = g + zero
        else:  # a second pass costs less than a second array
            out[fill_slots(key, indices)] = g
            out += zero
    else:
        _accumulate(out.reshape(-1), places, beside, rows)
    return out


def scatter_into(total: Array, g: Array, *indices: Array, x_shape: tuple[int, ...], key: tuple[Any, ...]) -> None:
    """Add to `total` what `scatter_add` gives, bit for bit, at the cost of the part that is touched."""
    if not indices:
        _add_part(total, key, g)
        return
    places, beside, rows = _places(x_shape, key, indices, g)
    if _distinct(places, total.size):
        total[fill_slots(key, indices)] += g
    elif 4 * rows.size >= total.size:
        total += _scatter_add(g, *indices, shape=x_shape, key=key)
    else:  # terms of one place are summed first, as in an array of its own
        distinct, which = np.unique(places, return_inverse=True)
        sums = np.zeros((distinct.size, beside.size), g.dtype)
        _accumulate(sums.reshape(-1), which * beside.size, np.arange(beside.size), rows)
        total[np.unravel_index(distinct[:, None] + beside, x_shape)] += sums


getitem = linear(
    "getitem",
    _getitem,
    shape=lambda x, *indices, key: (infer_taken(x.shape, key, indices), x.dtype),
    transpose=lambda g, *indices, x_shape, key: scatter_add(g, *indices, shape=x_shape, key=key),
    into=scatter_into,
    inputs="x *indices",
    statics={"key": ()},
    selects={"vjp": takes_part},
    doc="Return x[key], basic or with integer arrays, which are blocked inputs (Collins 1.4.4).",
)

scatter_add: Op = linear(
    "scatter_add",
    _scatter_add,
    shape=lambda g, *indices, shape, key: (shape, g.dtype),
    transpose=lambda g, *indices, key: getitem(g, *indices, key=key),
    inputs="x *indices",
    statics={"shape": (), "key": ()},
    selects={"jvp": takes_part},
    doc="Add x at key to zeros, summing repeated places: the transpose of getitem.",
)

# -- keys ------------------------------------------------------------------------------------------


def evaluate_for_shape(what: str, node: object) -> Array:
    """Return the array behind a node that the shape of a result depends on: known inside a function transform alone."""
    if not isinstance(node, Node):
        return np.asarray(node)
    if not inside_transform():
        raise TypeError(
            f"{what} depends on the values of {node!r}, and on them the shape of the result: choose by `np.where`, or "
            f"{READABLE}{suggest_looking(node)}, which does not follow later changes"
        )
    return np.asarray(read_guarded(node))


def _read_flags(x: Node, key: tuple[Any, ...]) -> tuple[Node, tuple[Any, ...]]:
    """Read single booleans as NumPy does: each is an index array, of nothing or one 0, of a new axis."""
    axes: list[Any] = []
    items: list[Any] = []
    for item in key:
        if is_flag(item):
            axes.append(None)
            items.append(np.zeros(int(bool(evaluate_for_shape("an index", item))), np.intp))
            continue
        items.append(item)
        if item is Ellipsis:
            axes.append(item)
        elif item is not None:
            mask = not isinstance(item, (int, slice)) and getattr(item, "dtype", np.asarray(item).dtype) == np.bool_
            axes.extend([slice(None)] * (np.ndim(item) if mask else 1))
    return getitem.on_nodes((x,), {"key": tuple(axes)}), tuple(items)


def parse_key(x: Node, key: object) -> tuple[Node, tuple[object, ...], list[Array]]:
    """Return the node a key applies to, the key as the static of `getitem`, and the index arrays for its slots."""
    items: list[Any] = []
    arrays: list[Any] = []
    masked = False
    key = key if isinstance(key, tuple) else (key,)
    for item in key:
        if item.__class__ is int or item.__class__ is slice or item is None or item is Ellipsis:
            items.append(item)
            continue
        if is_flag(item):
            return parse_key(*_read_flags(x, key))
        if isinstance(item, Node):
            if item.dtype.kind in "iu":
                items.append(SLOT)
                arrays.append(item)
                continue
            if item.dtype.kind != "b":
                raise IndexError(f"arrays used as indices must be integers or booleans, not {item.dtype} ({item!r})")
            item = evaluate_for_shape("indexing by a mask", item)
        if isinstance(item, (list, tuple, np.ndarray)) and np.shape(item):
            array = as_index_array(item)
            masked |= array.dtype.kind == "b"
            found = array.nonzero() if array.dtype.kind == "b" else (array,)
            items.extend([SLOT] * len(found))
            arrays.extend(found)
        else:
            try:
                items.append(operator.index(item))
            except TypeError:
                raise IndexError(
                    f"only integers, slices, `...`, None, and arrays or nodes of integers or booleans are valid "
                    f"indices, not {describe(item)}"
                ) from None
    if masked:  # NumPy's own error for a mask of another shape, which its positions do not show
        shadow(x.shape)[tuple([shadow(i.shape, i.dtype) if isinstance(i, Node) else i for i in key])]
    if arrays:
        check_key(x, items, arrays, SLOT)
    return x, tuple(items), arrays


def index(x: Node, key: object) -> Node:
    """Return the node ``x[key]``: slices and integers are static, arrays and nodes become blocked inputs.

    A boolean node as a mask gives a result whose shape depends on its values, so it is evaluated; inside a
    function transform only.
    """
    keys = key if key.__class__ is tuple else (key,)
    for item in keys:
        if item.__class__ not in _FIXED:
            if key.__class__ in (list, np.ndarray) and (array := as_index_array(key)).ndim and array.dtype.kind != "b":
                return _index_by_array(x, as_node(array))
            return _index_by_arrays(x, key)
    return getitem.on_nodes((x,), {"key": keys})


_FIXED = {int, slice, type(None), type(Ellipsis)}  # what means the same for any shape


@record_calls
def _index_by_array(x: Node, places: Node) -> Node:
    """Return the node ``x[places]`` for an array of integers that nobody else has."""
    check_bounds(x, places._value, 0)
    return getitem.on_nodes((x, places), {"key": (SLOT,)})


@record_calls
def _index_by_arrays(x: Node, key: Any) -> Node:
    """Return the node ``x[key]`` for a key with masks, index arrays or nodes in it."""
    x, items, arrays = parse_key(x, key)
    return getitem.on_nodes((x, *[as_node(a) for a in arrays]), {"key": items})
