"""Discovery: which consumers of a node lead to the target, from both ends at once.

The recursion over consumers runs over the nodes between a requested node W and the target L. Both
the cone above W and the ancestors of L can be far larger than what lies between, so the two
searches go in step and the first to finish decides: O(min(cone of W, ancestors of L)) nodes touched.
Creation order prunes both: nothing younger than L leads to it, nothing older than W depends on it.
What is found is a property of L and the node alone, so it is kept and no later search repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

import attrs

from ._memo import recorders
from ._node import Node, by_serial, consumer_refs

__all__ = ["Discovery", "flows", "flows_or_blocked"]


def flows(c: Node, i: Node) -> bool:
    """Whether a derivative flows from consumer `c` to its input `i`."""
    if c.dtype.kind != "f" or i.dtype.kind != "f":
        return False
    op = c.op
    if op.fully_open:
        return True
    return any(j is i and op.opens(c, k) for k, j in enumerate(c.inputs))


def flows_or_blocked(c: Node, i: Node) -> bool:
    """The same if blocked edges were open: what is left out are structural zeros."""
    return flows(c, i) or any(j is i and c.op.blocks(c, k) for k, j in enumerate(c.inputs))


@attrs.define(eq=False)
class Discovery:
    """What is known of the nodes that lead to one target.

    Parameters
    ----------
    serial
        The target's.
    mirror
        A node with the target's op and inputs that stands for it, because the target keeps this
        record and must not be kept by it.
    edge
        Which edges are open.
    """

    serial: int
    mirror: Node
    edge: Callable[[Node, Node], bool] = flows
    # Settled nodes: serial -> the consumers that lead to the target, oldest first; () for a dead end.
    leading: dict[int, tuple[Node, ...]] = attrs.field(factory=dict)
    # The search from the target: ancestors met, the consumers they were met from, and those not expanded
    # yet as a heap, youngest first. When one is the youngest, all its consumers have been expanded.
    _met: dict[int, tuple[Node, dict[int, Node]]] = attrs.field(factory=dict)
    _heap: list[int] = attrs.field(factory=list)
    _floor: int = attrs.field(init=False)  # every ancestor at least this young is settled

    def __attrs_post_init__(self) -> None:
        self._floor = self.serial
        self._expand(self.serial, self.mirror)

    def find(self, i: Node) -> tuple[Node, ...]:
        """The consumers of `i` that lead to the target, oldest first; settles all nodes between."""
        known = self.leading.get(i.serial)
        if known is not None:
            return known
        touched = 0
        if i.serial < self._floor:
            for _ in zip(self._from_below(i), self._from_target(i.serial), strict=False):
                touched += 2
        for report in recorders():
            report.nodes_touched += touched
        return self.leading.setdefault(i.serial, ())

    def _from_below(self, start: Node) -> Iterator[None]:
        """Climb the consumers of `start`; step by step, and settle the whole cone at the end."""
        cone: dict[int, list[Node]] = {start.serial: []}
        todo = [start]
        while todo:
            i = todo.pop()
            consumers = cone[i.serial]
            for ref in consumer_refs(i):
                yield
                c = ref()
                if c is None or c.serial > self.serial or not self.edge(c, i):
                    continue
                if c.serial == self.serial:
                    consumers.append(self.mirror)
                    continue
                known = self.leading.get(c.serial, () if c.serial >= self._floor else None)
                if known == ():
                    continue
                consumers.append(c)
                if known is None and c.serial not in cone:
                    cone[c.serial] = []
                    todo.append(c)
        # Consumers are younger, so from the youngest down each finds its consumers settled. One by one:
        # an interruption leaves the rest unknown, not wrong.
        mirror = self.mirror
        for serial in sorted(cone, reverse=True):
            consumers = cone[serial]
            if len(consumers) > 1:  # a consumer stands twice in the list if it was built as f(x, y, x)
                consumers = sorted({c.serial: c for c in consumers}.values(), key=by_serial)
            leading = self.leading
            leading[serial] = tuple([c for c in consumers if c is mirror or leading[c.serial]])

    def _from_target(self, serial: int) -> Iterator[None]:
        """Descend the target's ancestors, youngest first, down to `serial`; what is expanded is settled."""
        heap = self._heap
        while heap and -heap[0] >= serial:
            yield
            youngest = -heap[0]
            node, consumers = self._met[youngest]
            self.leading[youngest] = tuple(sorted(consumers.values(), key=by_serial))
            self._expand(youngest, node)
            # Only now, so that an interrupted step is simply done again.
            self._floor = youngest
            if heap and -heap[0] == youngest:
                heappop(heap)
            self._met.pop(youngest, None)

    def _expand(self, serial: int, node: Node) -> None:
        for j in node.inputs:
            if self.edge(node, j):
                met = self._met.get(j.serial)
                if met is None:
                    met = self._met[j.serial] = (j, {})
                    heappush(self._heap, -j.serial)
                met[1][serial] = node
