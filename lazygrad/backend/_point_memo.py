"""The point memo of a graph: values computed at the last points come back when the points do.

A graph holds the values of one point. Before its leaves move on, references to all that is fresh are kept; when a leaf
gets bytes that it had before, all values computed from just those are put back. One rule decides it: a value
is right where each input of its node holds the very object that it was computed from.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import attrs

from .._graph.bits import same_bits
from .._graph.invalidate import update, wait_for_questions
from .._graph.node import Node, by_serial
from .._graph.traverse import dependents
from .._graph.turns import lock
from .._graph.types import Array
from ._recent import Recent

__all__ = ["PointMemo"]

_NOTHING = object()


@attrs.frozen(eq=False)
class _Point:
    """The values of a graph at one point, by the nodes' serials; nodes that nobody else holds are not kept alive."""

    values: dict[int, Any]
    nodes: list[weakref.ref[Node]]  # inputs first


@attrs.define(eq=False)
class PointMemo:
    """The values of a graph at the points its leaves have lately been at.

    Parameters
    ----------
    leaves
        Those that move.
    points
        How many points are remembered, with the present one.
    """

    leaves: Sequence[Node]
    points: int
    _recent: Recent[_Point] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._recent = Recent(self.points - 1)

    def load(self, values: Sequence[Array]) -> None:
        """Give the leaves these values; nothing is computed."""
        with lock:
            wait_for_questions(self.leaves)  # before anything is looked at, as it may move meanwhile
            changes = {
                leaf: new for leaf, new in zip(self.leaves, values, strict=True) if not same_bits(leaf._value, new)
            }
            if not changes:
                return
            back = self._return_to(values)
            if self.points > 1:
                self._recent.use(self._capture())
            update(changes)
            again = [leaf for leaf in changes if self._take_again(leaf, back)]
            if again:
                for point in back:
                    _put_back(point)

    def forget(self) -> None:
        """Keep nothing but the present point."""
        self._recent.clear()

    def _return_to(self, values: Sequence[Array]) -> list[_Point]:
        """Return the points that are kept, latest first, and forget the one that the graph returns to."""
        known = list(self._recent)
        back = self._recent.find(
            lambda point: all(
                same_bits(point.values[i.serial], new) for i, new in zip(self.leaves, values, strict=True)
            )
        )
        if back is not None:
            self._recent.remove(back)
        return known

    def _take_again(self, leaf: Node, points: list[_Point]) -> bool:
        """Let a leaf hold the very object that it held at a point with the same bytes, if there is one."""
        for point in points:
            old = point.values[leaf.serial]
            if same_bits(old, leaf._value):
                leaf._value = old
                return True
        return False

    def _capture(self) -> _Point:
        """Return the fresh values that depend on the leaves, and those that they were computed from."""
        values = {leaf.serial: leaf._value for leaf in self.leaves}
        nodes = []
        for i in sorted(dependents(list(self.leaves)), key=by_serial):
            if i.op is None or i._value is None:
                continue
            nodes.append(weakref.ref(i))
            values[i.serial] = i._value
            for j in i.inputs:
                values[j.serial] = j._value
        return _Point(values, nodes)


def _put_back(point: _Point) -> None:
    """Put back the values of a point that are right for the values which their inputs hold now."""
    values = point.values
    for ref in point.nodes:
        i = ref()
        if i is None or i._value is not None:
            continue
        value = values[i.serial]
        if value.shape != i.shape or value.dtype != i.dtype:  # a leaf that is not ours has another shape now
            continue
        for j in i.inputs:
            if j._value is None or j._value is not values.get(j.serial, _NOTHING):
                break
        else:
            i._value = value
