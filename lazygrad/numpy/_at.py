"""Functional updates, by JAX's convention: ``x.at[i].set(y)`` is a new node, as nodes do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .._graph.node import Node, Operand, install
from .._graph.types import both as np
from ..ops._keys import copy_key
from ..ops._op import as_node
from ..ops.indexing import add_at, evaluate_for_shape, find_repeats, parse_key, put

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
        if (chosen := self._set_by_mask(lambda x, y: y, y)) is not None:
            return chosen
        key, arrays = self._parse_key()
        return put.on_nodes((self.x, self._cast(y), *map(as_node, arrays)), {"key": key})

    def add(self, y: Operand) -> Node:
        """Return `x` with `y` added to the part, as often as a place is named.

        Examples
        --------
        >>> import lazygrad as lg
        >>> lg.parameter([1.0, 2.0]).at[[0, 0, 1]].add(10.0).value
        array([21., 12.])
        """
        if (chosen := self._set_by_mask(np.add, y)) is not None:
            return chosen
        key, arrays = self._parse_key()
        return add_at.on_nodes((self.x, self._cast(y), *map(as_node, arrays)), {"key": key})

    def subtract(self, y: Operand) -> Node:
        """Return `x` with `y` subtracted from the part."""
        return self.add(-self._cast(y))

    def multiply(self, y: Operand) -> Node:
        """Return `x` with the part multiplied by `y`."""
        return self._update("multiply", np.multiply, y)

    mul = multiply

    def divide(self, y: Operand) -> Node:
        """Return `x` with the part divided by `y`."""
        return self._update("divide", np.divide, y)

    def power(self, y: Operand) -> Node:
        """Return `x` with the part raised to the power `y`."""
        return self._update("power", np.power, y)

    def min(self, y: Operand) -> Node:
        """Return `x` with the part no larger than `y`; ties as in `numpy.minimum`."""
        return self._update("min", np.minimum, y)

    def max(self, y: Operand) -> Node:
        """Return `x` with the part no smaller than `y`; ties as in `numpy.maximum`."""
        return self._update("max", np.maximum, y)

    # -- how ---------------------------------------------------------------------------------------

    def _parse_key(self) -> tuple[tuple[Any, ...], list[Any]]:
        x, key, arrays = parse_key(self.x, self.key)
        if x is not self.x:
            raise IndexError("a single boolean names no part of a node that could be changed: use `np.where`")
        return key, arrays

    def _cast(self, y: Any) -> Node:
        """Return `y` as a node in the dtype of `x`; an error where that would lose its kind."""
        y = as_node(y, self.x.dtype)
        if y.dtype == self.x.dtype:
            return y
        if not np.can_cast(y.dtype, self.x.dtype, "same_kind"):
            raise TypeError(f"{y.dtype} does not fit into {self.x!r}: cast one of the two with `.astype`")
        return y.astype(self.x.dtype)

    def _set_by_mask(self, change: Callable[[Any, Any], Any], y: Any) -> Node | None:
        """Return the update at a mask by `where`, if `y` is the same at all places; None for other keys.

        The values of such a mask need not be known.
        """
        mask = self.key
        if not isinstance(mask, Node) or mask.dtype.kind != "b" or mask.shape != self.x.shape[: mask.ndim]:
            return None
        y = as_node(y, self.x.dtype)
        beside = self.x.shape[mask.ndim :]
        if y.ndim > len(beside) or np.broadcast_shapes(y.shape, beside) != beside:
            return None
        changed = self._cast(change(self.x, y))
        chosen: Any = np.where(mask.reshape(mask.shape + (1,) * len(beside)), changed, self.x)
        return chosen

    def _update(self, name: str, change: Callable[[Any, Any], Any], y: Any) -> Node:
        """Return `x` with the part changed by a function of the present part and `y`."""
        if (chosen := self._set_by_mask(change, y)) is not None:
            return chosen
        x = self.x
        key, arrays = self._parse_key()
        several = [a for a in arrays if a.size > 1]
        known = [evaluate_for_shape(f"x.at[...].{name}", a) if several else np.zeros(a.shape, np.intp) for a in arrays]
        places = find_repeats(x.shape, key, known)
        if places is None:
            part = self._cast(change(self.get(), y))
            return put.on_nodes((x, part, *map(as_node, arrays)), {"key": key})
        y = np.broadcast_to(as_node(y, x.dtype), self.get().shape).reshape(-1)
        flat = x.reshape(-1)
        for turn in _order_of_turns(places):
            flat = flat.at[places[turn]].set(change(flat[places[turn]], y[turn]))
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
