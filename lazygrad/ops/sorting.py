"""Sorting, searching and sets: values carry their derivatives to where they go; positions have none.

The stable permutation sorts, also among ties: equal elements keep their order, and so do their derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.lib.array_utils import normalize_axis_index

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Array
from .._graph.types import both as np
from ._declare import function, op, result_dtype
from ._op import Op, Signature, as_node
from ._rule import ZERO
from .choice import take, take_along_axis
from .indexing import evaluate_for_shape

__all__ = ["argpartition", "argsort", "is_in", "lexsort", "partition", "search", "searchsorted", "sort", "unique"]

INTP = np.dtype(np.intp)


def _declare_positions(name: str, value: Callable[..., Any], inputs: str, **fields: Any) -> Op:
    zero = {i.lstrip("*"): ZERO for i in inputs.split()}
    return op(
        name,
        value,
        inputs=inputs,
        vjp=zero,
        jvp=zero,
        doc=f"Compute `numpy.{name}` on nodes; it has no derivative.",
        **fields,
    )


# -- positions -------------------------------------------------------------------------------------


def _order_shape(x: Node, axis: int | None, **static: Any) -> Signature:
    if axis is None or not x.shape:  # NumPy gives a 0-d array's order as an array of one
        return (x.size,), INTP
    normalize_axis_index(axis, x.ndim)
    return x.shape, INTP


def _order(x: Any, axis: int | None, kind: Any, stable: bool | None) -> Any:
    return np.argsort(x, axis, kind) if stable is None else np.argsort(x, axis, stable=stable)


argsort = _declare_positions(
    "argsort", _order, "a", shape=_order_shape, statics={"axis": -1, "kind": None, "stable": None}, numpy=(np.argsort,)
)


def _partition_shape(x: Node, kth: Any, axis: int | None, kind: str) -> Signature:
    shape, dtype = _order_shape(x, axis)
    n = shape[-1 if axis is None or not x.shape else axis]
    for k in np.atleast_1d(kth).tolist():
        if n and not -n <= k < n:
            raise ValueError(f"kth(={k}) out of bounds ({n})")
    return shape, dtype


argpartition = _declare_positions(
    "argpartition",
    lambda x, kth, axis, kind: np.argpartition(x, kth, axis, kind),
    "a",
    shape=_partition_shape,
    statics={"kth": 0, "axis": -1, "kind": "introselect"},
    numpy=(np.argpartition,),
)


def _common_order(*keys: Node, axis: int) -> Signature:
    shape = keys[0].shape
    if any(k.shape != shape for k in keys):
        raise ValueError("all keys need to be the same shape")
    if shape:
        normalize_axis_index(axis, len(shape))
    return shape, INTP


lexicographic = _declare_positions(
    "lexsort",
    lambda *keys, axis: np.asarray(np.lexsort(keys, axis)),
    "*keys",
    shape=_common_order,
    statics={"axis": -1},
)


@function(np.lexsort)
def lexsort(keys: NodeOrArray, axis: int = -1) -> Node:
    """Return the order by several keys, the last one first."""
    if len(keys) == 0:
        raise TypeError("lexsort needs at least one key")
    return lexicographic(*keys, axis=axis)


def _search_shape(a: Node, v: Node, side: str) -> Signature:
    if a.ndim != 1:
        raise ValueError(f"searchsorted needs an array of one axis, not of {a.ndim}")
    return v.shape, INTP


search = _declare_positions(
    "searchsorted",
    lambda a, v, side: np.asarray(np.searchsorted(a, v, side)),
    "a v",
    shape=_search_shape,
    statics={"side": "left"},
)


@function(np.searchsorted)
def searchsorted(a: Operand, v: Operand, side: str = "left", sorter: object = None) -> NodeOrArray:
    """Return where elements would be inserted to keep `a` sorted."""
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', not {side!r}")
    return search(a if sorter is None else take(a, sorter), v, side=side)


# -- sorted values ---------------------------------------------------------------------------------


def _along_one_axis(a: Any, axis: int | None) -> tuple[Node, int]:
    a = as_node(a)
    if axis is None:
        return a.reshape(-1), 0
    return a, normalize_axis_index(axis, a.ndim)


@function(np.sort)
def sort(
    a: Operand, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None
) -> Node:
    """Return the elements in order along an axis; the derivative of ties follows the stable permutation."""
    if order is not None:
        raise TypeError("np.sort on nodes does not take order=")
    if kind not in (None, "quicksort", "heapsort", "mergesort", "stable"):
        raise ValueError(f"sort kind must be one of 'quick', 'heap', or 'stable' (got {kind!r})")
    a, axis = _along_one_axis(a, axis)
    return take_along_axis(a, argsort(a, axis=axis, kind="stable"), axis)


@function(np.sort_complex)
def sort_complex(a: NodeOrArray) -> Node:
    """Return the elements in order along the last axis, as complex numbers."""
    return sort(as_node(a)).astype(result_dtype(np.sort_complex, a.dtype))


@function(np.partition)
def partition(a: Operand, kth: Operand, axis: int | None = -1, kind: str = "introselect") -> Node:
    """Return the elements such that each k-th is in its place, with smaller ones before and larger ones behind."""
    a, axis = _along_one_axis(a, axis)
    return take_along_axis(a, argpartition(a, kth=kth, axis=axis, kind=kind), axis)


# -- sets: what there is depends on values, so those must be known -----------------------------------


class UniqueAll(NamedTuple):
    """The result of `numpy.unique_all`."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """The result of `numpy.unique_counts`."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The result of `numpy.unique_inverse`."""

    values: Any
    inverse_indices: Any


@function(np.unique)
def unique(
    ar: Operand,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Node | tuple[Array | Node, ...]:
    """Return the distinct elements in order; the derivative goes to where each stands first."""
    known = evaluate_for_shape("np.unique", ar)
    _, first, inverse, counts = np.unique(known, True, True, True, axis, equal_nan=equal_nan)
    wanted = (return_index, first), (return_inverse, inverse), (return_counts, counts)
    values = take(ar, first, axis)
    extra = [array for asked, array in wanted if asked]
    return (values, *extra) if extra else values


@function(np.unique_all)
def unique_all(x: Operand) -> UniqueAll:
    """Return the distinct elements, where each stands first, which one each element is, and how often each occurs."""
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


@function(np.unique_counts)
def unique_counts(x: Operand) -> UniqueCounts:
    """Return the distinct elements and how often each occurs."""
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


@function(np.unique_inverse)
def unique_inverse(x: Operand) -> UniqueInverse:
    """Return the distinct elements and which one each element is."""
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


@function(np.unique_values)
def unique_values(x: Operand) -> NodeOrArray | tuple[NodeOrArray, ...]:
    """Return the distinct elements."""
    return unique(x, equal_nan=False)


def _flat(*arrays: Any) -> Any:
    return np.concatenate([as_node(a).reshape(-1) for a in arrays])


@function(np.union1d)
def union1d(ar1: Operand, ar2: Operand) -> NodeOrArray | tuple[NodeOrArray, ...]:
    """Return the distinct elements of both."""
    return unique(_flat(ar1, ar2))


@function(np.intersect1d)
def intersect1d(
    ar1: Operand, ar2: Operand, assume_unique: bool = False, return_indices: bool = False
) -> NodeOrArray | tuple[NodeOrArray, Array, Array]:
    """Return the distinct elements that both have; the derivative goes to the first."""
    x, y = (evaluate_for_shape("np.intersect1d", a) for a in (ar1, ar2))
    _, first, second = np.intersect1d(x, y, assume_unique, return_indices=True)
    values = take(ar1, first).astype(np.result_type(x, y))
    return (values, first, second) if return_indices else values


@function(np.setdiff1d)
def setdiff1d(ar1: Operand, ar2: Operand, assume_unique: bool = False) -> Node:
    """Return the distinct elements of the first array that are not in the second."""
    known, others = (evaluate_for_shape("np.setdiff1d", a) for a in (ar1, ar2))
    first = np.arange(known.size) if assume_unique else np.unique(known, return_index=True)[1]
    return take(ar1, first[~np.isin(known.reshape(-1)[first], others)])


@function(np.setxor1d)
def setxor1d(ar1: Operand, ar2: Operand, assume_unique: bool = False) -> Node:
    """Return the distinct elements that one of the two has."""
    parts = [ar1, ar2] if assume_unique else [unique(ar1), unique(ar2)]
    both = _flat(*parts)
    known = evaluate_for_shape("np.setxor1d", both)
    order = np.argsort(known, kind="stable")
    differs = known[order][1:] != known[order][:-1]
    alone = np.concatenate([[True], differs]) & np.concatenate([differs, [True]]) if order.size else order > 0
    return take(both, order[alone])


is_in = _declare_positions(
    "isin",
    lambda element, test_elements, invert: np.isin(element, test_elements, invert=invert),
    "element test_elements",
    shape=lambda element, test_elements, invert: (element.shape, np.dtype(bool)),
    statics={"invert": False},
)


@function(np.isin)
def isin(
    element: Operand,
    test_elements: Operand,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> NodeOrArray:
    """Return which elements are among others; `kind` does not matter."""
    return is_in(element, test_elements, invert=invert)
