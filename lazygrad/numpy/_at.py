"""Functional updates, by JAX's convention: ``x.at[i].set(y)`` is a new node, as nodes do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .._graph.node import Node, Operand, install
from .._graph.types import both as np
from ..ops._calls import record_calls
from ..ops._keys import copy_key
from ..ops._op import as_node
from ..ops.indexing import evaluate_for_shape, find_repeats, parse_key
from ..ops.replacing import add_at, put

__all__ = ["At", "Part"]


@attrs.frozen(eq=False)
class Part:
    """A part of a node, as ``x.at[key]`` names it: each method gives all of `x` with that part changed.

    Keys are NumPy's, and like there an index out of range is an error. The result keeps the dtype of `x`. Where
    index arrays name a place several times, `set` keeps what comes last and the others apply one after another.
    """

    x: Node
    key: Any

    def get(self) -> Node:
        """Return the part itself, ``x[key]``."""
        return self.x[self.key]

    def set(self, y: Operand) -> Node:
        """Return `x` with the part replaced by `y`.

        Examples
        --------
        >>> import lazygrad as lg
        >>> x, y = lg.parameter([1.0, 2.0, 3.0]), lg.parameter(5.0)
        >>> z = x.at[1:].set(y)
        >>> z.value
        array([1., 5., 5.])
        >>> lg.gradient(z.sum(), [x, y])
        [array([1., 0., 0.]), array(2.)]
        """
        return _set(self.x, self.key, y)

    def add(self, y: Operand) -> Node:
        """Return `x` with `y` added to the part, as often as a place is named.

        Examples
        --------
        >>> import lazygrad as lg
        >>> lg.parameter([1.0, 2.0]).at[[0, 0, 1]].add(10.0).value
        array([21., 12.])
        """
        return _add(self.x, self.key, y)

    def subtract(self, y: Operand) -> Node:
        """Return `x` with `y` subtracted from the part."""
        return _subtract(self.x, self.key, y)

    def multiply(self, y: Operand) -> Node:
        """Return `x` with the part multiplied by `y`."""
        return _update(self.x, self.key, "multiply", y)

    mul = multiply

    def divide(self, y: Operand) -> Node:
        """Return `x` with the part divided by `y`."""
        return _update(self.x, self.key, "divide", y)

    def power(self, y: Operand) -> Node:
        """Return `x` with the part raised to the power `y`."""
        return _update(self.x, self.key, "power", y)

    def min(self, y: Operand) -> Node:
        """Return `x` with the part no larger than `y`; ties as in `numpy.minimum`."""
        return _update(self.x, self.key, "minimum", y)

    def max(self, y: Operand) -> Node:
        """Return `x` with the part no smaller than `y`; ties as in `numpy.maximum`."""
        return _update(self.x, self.key, "maximum", y)


# -- how: functions of the node, the key and `y`, which read shapes and dtypes and are called again for others ------


def _parse_part(x: Node, key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Return a key as the static of an op, and its index arrays."""
    whole, static, arrays = parse_key(x, key)
    if whole is not x:
        raise IndexError("a single boolean names no part of a node that could be changed: use `np.where`")
    return static, arrays


def _cast(y: Any, x: Node) -> Node:
    """Return `y` as a node in the dtype of `x`; an error where that would lose its kind."""
    y = as_node(y, x.dtype)
    if y.dtype == x.dtype:
        return y
    if not np.can_cast(y.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{y.dtype} does not fit into {x!r}: cast one of the two with `.astype`")
    return y.astype(x.dtype)


def _set_by_mask(x: Node, mask: Any, change: Callable[[Any, Any], Any], y: Any) -> Node | None:
    """Return the update at a mask by `where`, if `y` is the same at all places; None for other keys.

    The values of such a mask need not be known.
    """
    if not isinstance(mask, Node) or mask.dtype.kind != "b" or mask.shape != x.shape[: mask.ndim]:
        return None
    y = as_node(y, x.dtype)
    beside = x.shape[mask.ndim :]
    if y.ndim > len(beside) or np.broadcast_shapes(y.shape, beside) != beside:
        return None
    changed = _cast(change(x, y), x)
    chosen: Any = np.where(mask.reshape(mask.shape + (1,) * len(beside)), changed, x)
    return chosen


@record_calls
def _set(x: Node, key: Any, y: Any) -> Node:
    if (chosen := _set_by_mask(x, key, lambda x, y: y, y)) is not None:
        return chosen
    static, arrays = _parse_part(x, key)
    return put.on_nodes((x, _cast(y, x), *map(as_node, arrays)), {"key": static})


@record_calls
def _add(x: Node, key: Any, y: Any) -> Node:
    if (chosen := _set_by_mask(x, key, np.add, y)) is not None:
        return chosen
    static, arrays = _parse_part(x, key)
    return add_at.on_nodes((x, _cast(y, x), *map(as_node, arrays)), {"key": static})


@record_calls
def _subtract(x: Node, key: Any, y: Any) -> Node:
    return _add(x, key, -_cast(y, x))


_NAMES = {"minimum": "min", "maximum": "max"}


@record_calls
def _update(x: Node, key: Any, name: str, y: Any) -> Node:
    """Return `x` with the part changed by a ufunc of the present part and `y`."""
    change = getattr(np, name)
    if (chosen := _set_by_mask(x, key, change, y)) is not None:
        return chosen
    static, arrays = _parse_part(x, key)
    several = [a for a in arrays if a.size > 1]
    what = f"x.at[...].{_NAMES.get(name, name)}"
    known = [evaluate_for_shape(what, a) if several else np.zeros(a.shape, np.intp) for a in arrays]
    places = find_repeats(x.shape, static, known)
    if places is None:
        part = _cast(change(x[key], y), x)
        return put.on_nodes((x, part, *map(as_node, arrays)), {"key": static})
    y = np.broadcast_to(as_node(y, x.dtype), x[key].shape).reshape(-1)
    flat = x.reshape(-1)
    for turn in _order_of_turns(places):
        flat = _set(flat, places[turn], change(flat[places[turn]], y[turn]))
    return flat.reshape(x.shape)


def _order_of_turns(places: Any) -> list[Any]:
    """Return the elements that can be changed at once: the first of each place, then the second of each, and so on."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    counts = np.diff([*starts, places.size])
    turn = np.empty(places.size, np.intp)
    turn[order] = np.arange(places.size) - np.repeat(starts, counts)
    return [np.flatnonzero(turn == k) for k in range(counts.max())]


@attrs.frozen(eq=False)
class At:
    """The parts of `x`: ``x.at[key]`` names one."""

    x: Node

    def __getitem__(self, key: Any) -> Part:
        return Part(self.x, copy_key(key))


install({"at": property(At, doc="Functional updates: ``x.at[i].set(y)``, as well as add, multiply, min and so on.")})
