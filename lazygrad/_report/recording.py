"""The events of a block of queries, as the walks tell them, and the counts they add up to.

While a recording is open every walk tells it, in order: a node was *requested*, a node was *computed*, a node
became *stale*. Everything a report shows is a function of these events.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Self

import attrs

from .._derivatives.adjoint_node import AdjointNode
from .._graph.node import Node
from .._graph.watch import Watcher
from .tally import REQUEST_NOTE, Note, OpTally, Question, Tally, count_requests, measure_memory, tally_ops
from .trace import write_trace

__all__ = ["Recording"]


@attrs.define
class _Span:
    """A question, and where its events start and stop."""

    asked: Question
    start: tuple[int, int, int]  # in the events, in the visits, in the count of nodes touched
    stop: tuple[int, int, int] | None = None  # None while it is being answered


@attrs.define(eq=False, repr=False)
class Recording(Watcher):
    """The events that the walks told while a block ran. It keeps the nodes it names alive."""

    nodes_touched: int = 0  # nodes examined by discovery
    timing: bool = False
    asked: Question | None = None
    _events: list[tuple[Node, bool]] = attrs.field(factory=list)  # (node, was requested | was computed)
    _notes: list[Note] = attrs.field(factory=list)  # of each event
    _visits: list[tuple[Node, int]] = attrs.field(factory=list)  # by engines without a memo: (node, rules run)
    _forgotten: list[tuple[int, Node]] = attrs.field(factory=list)  # (events before it became stale, node)
    _spans: list[_Span] = attrs.field(factory=list)
    _depth: int = 0
    _running: list[list[Any]] = attrs.field(factory=list)  # [node, start, seconds of what ran inside]

    # -- what the walks tell -----------------------------------------------------------------------

    def _get_position(self) -> tuple[int, int, int]:
        """Return how much has been told so far: events, visits, nodes touched."""
        return len(self._events), len(self._visits), self.nodes_touched

    def question_begins(self) -> None:
        """Note that a question begins; one inside another is part of the outer one."""
        self._depth += 1

    def describe_question(self, differentiator: Any, wrt: tuple[Node, ...], lazily: bool) -> None:
        """Note which gradients the question asks for."""
        self._begin_span(Question("gradient", differentiator.target, wrt))

    def _begin_span(self, asked: Question) -> None:
        """Start the events of a question, unless it lies inside another."""
        if self._depth == 1:
            self._spans.append(_Span(asked, self._get_position()))

    def question_ends(self) -> None:
        """Note that a question ends."""
        self._depth = max(self._depth - 1, 0)
        if not self._depth and self._spans and self._spans[-1].stop is None:
            self._spans[-1].stop = self._get_position()

    def need_begins(self, node: Node, was_requested: bool) -> None:
        """Note that somebody needs `node`."""
        self.question_begins()
        if was_requested or (self._depth == 1 and node._value is None):  # then no computation has told of it
            if node.op is not None:
                self._begin_span(Question("value", None, (node,)))
            self._events.append((node, True))
            self._notes.append(REQUEST_NOTE)

    def need_ends(self) -> None:
        """Note that the need is met."""
        self.question_ends()

    def computation_begins(self, node: Node) -> None:
        """Start the clock."""
        if self.timing:
            self._running.append([node, perf_counter(), 0.0])

    def computation_ends(self, node: Node) -> None:
        """Note that `node` was computed, and in what time."""
        seconds = self._stop_clock(node) if self.timing else 0.0
        if node.op.mirrors is None:  # a mirror shows what its original computed
            self._events.append((node, False))
            self._notes.append(Note(node._value.nbytes, node._stale, seconds))

    def _stop_clock(self, node: Node) -> float:
        """Return the seconds that `node` took, without those of nodes computed inside its op."""
        now = perf_counter()
        running = self._running
        while running and running[-1][0] is not node:  # its computation raised, so nobody told of its end
            running.pop()
        if not running:
            return 0.0
        _, start, inside = running.pop()
        if running:
            running[-1][2] += now - start
        return now - start - inside

    def _expect_event(self, node: Node, was_requested: bool) -> None:
        """Note what a plan says of a node: that it will be requested, or computed."""
        self._events.append((node, was_requested))
        self._notes.append(REQUEST_NOTE if was_requested else Note(node.size * node.dtype.itemsize, node._stale, 0.0))

    def note_stale(self, node: Node) -> None:
        """Note that `node` became stale."""
        self._forgotten.append((len(self._events), node))

    def note_visit(self, node: Node, rules: int) -> None:
        """Note that an engine without a memo computed the adjoint or tangent of `node`, by that many rules."""
        self._visits.append((node, rules))

    # -- what the events add up to -----------------------------------------------------------------

    def _count_requests(self, adjoints: bool) -> Tally:
        return count_requests(zip(self._events, self._notes, strict=True), self._visits, adjoints)

    @property
    def values(self) -> Tally:
        """Return the requests for forward values; ``.computed`` holds the nodes whose value was computed."""
        return self._count_requests(adjoints=False)

    @property
    def adjoints(self) -> Tally:
        """Return the requests for adjoints; ``.computed`` holds the nodes whose adjoint was computed."""
        return self._count_requests(adjoints=True)

    @property
    def rules_run(self) -> int:
        """Return how many contributions were evaluated: one for each edge of the graph."""
        computed = [node for node, was_requested in self._events if not was_requested]
        lazily = sum(len(node.edge_adjoints()) for node in computed if isinstance(node, AdjointNode))
        return lazily + sum(rules for _, rules in self._visits)

    @property
    def bytes_computed(self) -> int:
        """Return the bytes of all values and adjoints computed, counting an array again for each that shares it."""
        return sum(note.nbytes for note in self._notes)

    @property
    def bytes_held(self) -> int:
        """Return the bytes of what was computed in the block and was fresh at its end."""
        return self._measure_memory()[0]

    @property
    def bytes_peak(self) -> int:
        """Return the most bytes that what was computed in the block held at one time."""
        return self._measure_memory()[1]

    def _measure_memory(self) -> tuple[int, int]:
        """Return the bytes held at the end, and the most at any time."""
        return measure_memory(list(zip(self._events, self._notes, strict=True)), self._forgotten)

    @property
    def queries(self) -> tuple[Self, ...]:
        """Return a report of each query, with ``.asked``: gradients, and values asked for by themselves."""
        return tuple([self._part(span) for span in self._spans])

    def _part(self, span: _Span) -> Self:
        """Return the report of one question."""
        (start, first, before), (stop, last, touched) = span.start, span.stop or self._get_position()
        return type(self)(
            touched - before,
            self.timing,
            span.asked,
            self._events[start:stop],
            self._notes[start:stop],
            self._visits[first:last],
        )

    @property
    def by_op(self) -> tuple[OpTally, ...]:
        """Return how often each op and rule ran, the bytes it made, and with ``record(timing=True)`` its seconds."""
        return tally_ops(zip(self._events, self._notes, strict=True))

    @property
    def seconds(self) -> float:
        """Return the time of all computations; 0 unless ``record(timing=True)``."""
        return sum(note.seconds for note in self._notes)

    def trace(self) -> str:
        """Return the adjoints asked for and computed, in the manner of Tomassoli's section 13.

        ``dL/dc -> table[c]`` computes dL/dc and stores it, ``dL/dc <- table[c]`` reads it; ``db/dc`` is
        the local derivative that multiplies what is nested below it.

        Examples
        --------
        >>> import lazygrad as lg
        >>> x = lg.parameter(2.0, name="x")
        >>> y = x * x
        >>> L = y + 1
        >>> y.name, L.name = "y", "L"
        >>> with lg.record() as report:
        ...     dx = lg.gradient(L, x)
        ...     dy = lg.gradient(L, y)
        >>> print(report.trace())
        dL/dx -> table[x]
          dy/dx
          dy/dx
          dL/dy -> table[y]
        <BLANKLINE>
        dL/dy <- table[y]
        """
        return write_trace(self._events)
