"""Discovery: which consumers of a node lead to the target, from both ends at once.

The recursion over consumers runs over the nodes between a requested node W and the target L. Both
the cone above W and the ancestors of L can be far larger than what lies between, so the two
searches go in step and the first to finish decides: O(min(cone of W, ancestors of L)) nodes touched.
Creation order prunes both: nothing younger than L leads to it, nothing older than W depends on it.
The findings are a property of L and the node alone, so they are kept and no later search repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

import attrs

from .._graph.node import INEXACT, Node, iterate_consumers, summation_key
from .._graph.watch import watchers

__all__ = ["WIDE", "Discovery", "Places", "flows", "flows_or_blocked"]


def flows(c: Node, i: Node) -> bool:
    """Return whether a derivative flows from consumer `c` to its input `i`."""
    if c._dtype.kind not in INEXACT or i._dtype.kind not in INEXACT:
        return False
    op = c._op
    return op.fully_open or any(j is i and op.passes_derivative(c, k) for k, j in enumerate(c._inputs))


def flows_or_blocked(c: Node, i: Node) -> bool:
    """Return whether a derivative would flow from `c` to `i` if blocked edges were open; structural zeros are not."""
    return flows(c, i) or any(j is i and c._op.blocks(c, k) for k, j in enumerate(c._inputs))


WIDE = 9  # inputs, from which on a node is not searched for one of them again and again


@attrs.define(eq=False)
class Places:
    """Where the inputs of nodes with many of them stand, such as the parts of a concatenation."""

    known: dict[int, dict[int, list[tuple[int, Node]]]] = attrs.field(factory=dict)

    def find(self, c: Node, i: Node) -> list[tuple[int, Node]]:
        """Return (argnum, i) for each place of `i` among the inputs of `c`."""
        found = self.known.get(c._serial)
        if found is None:
            found = self.known[c._serial] = {}
            for argnum, j in enumerate(c._inputs):
                found.setdefault(j._serial, []).append((argnum, j))
        return found.get(i._serial, [])


@attrs.define(eq=False)
class Discovery:
    """The nodes known to lead to one target, and the search for more.

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
    _met: dict[int, tuple[Node, list[Node]]] = attrs.field(factory=dict)
    _heap: list[int] = attrs.field(factory=list)
    _floor: int = attrs.field(init=False)  # every ancestor at least this young is settled

    def __attrs_post_init__(self) -> None:
        self._floor = self.serial
        self._expand(self.mirror)

    def find(self, i: Node) -> tuple[Node, ...]:
        """Return the consumers of `i` that lead to the target, oldest first; settle all nodes between."""
        known = self.leading.get(i._serial)
        if known is not None:
            return known
        touched = 0
        if i._serial < self._floor:
            for _ in zip(self._search_from_below(i), self._search_from_target(i._serial), strict=False):
                touched += 2
        for report in watchers():
            report.nodes_touched += touched
        return self.leading.setdefault(i._serial, ())

    def _search_from_below(self, start: Node) -> Iterator[None]:
        """Climb the consumers of `start`, step by step, and settle the whole cone at the end."""
        leading, edge, target, mirror = self.leading, self.edge, self.serial, self.mirror
        plain = edge is flows
        cone: dict[int, list[Node]] = {start.serial: []}
        todo = [start]
        while todo:
            i = todo.pop()
            consumers = cone[i._serial]
            for ref in iterate_consumers(i):
                yield
                c = ref()
                if c is None or (serial := c._serial) > target:
                    continue
                if not (plain and c._op.fully_open and c._dtype.kind in INEXACT) and not edge(c, i):
                    continue
                if serial == target:
                    consumers.append(mirror)
                elif serial in leading:
                    if leading[serial]:
                        consumers.append(c)
                elif serial < self._floor:
                    consumers.append(c)
                    if serial not in cone:
                        cone[serial] = []
                        todo.append(c)
        # Consumers are younger, so from the youngest down each finds its consumers settled. One by one:
        # an interruption leaves the rest unknown, not wrong.
        for serial in sorted(cone, reverse=True):
            consumers = cone[serial]
            if len(consumers) > 1:  # a consumer stands twice in the list if it was built as f(x, y, x)
                consumers = sorted({c._serial: c for c in consumers}.values(), key=summation_key)
            leading[serial] = tuple([c for c in consumers if c is mirror or leading[c._serial]])

    def _search_from_target(self, serial: int) -> Iterator[None]:
        """Descend the target's ancestors, youngest first, down to `serial`; what is expanded is settled."""
        heap, met = self._heap, self._met
        while heap and (youngest := -heap[0]) >= serial:
            yield
            if youngest not in met:  # an interrupted step was done again and pushed it twice
                heappop(heap)
                continue
            node, consumers = met[youngest]
            if youngest not in self.leading:
                self.leading[youngest] = tuple(
                    sorted(consumers, key=summation_key) if len(consumers) > 1 else consumers
                )
            self._expand(node)
            # Only now, so that an interrupted step is simply done again.
            self._floor = youngest
            if heap[0] == -youngest:
                heappop(heap)
            met.pop(youngest, None)

    def _expand(self, node: Node) -> None:
        """Meet the inputs of an ancestor that a derivative flows to."""
        met, edge = self._met, self.edge
        for j in node._inputs:
            if edge(node, j):
                found = met.get(j._serial)
                if found is None:
                    heappush(self._heap, -j._serial)
                    met[j._serial] = (j, [node])
                elif found[1][-1] is not node:  # x * x, or a step done again
                    found[1].append(node)
