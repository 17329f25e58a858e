"""Statistics: what a block of queries asked of the memo, and what had to be computed.

While a report is open every walk tells it, in order: somebody *asked* for a node, a node was *computed*, a node
became *stale*. Everything a report shows is a function of these events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import attrs

from .._graph.node import Node
from .._graph.watch import Watcher, watching
from .grid import Grid, Shown
from .tally import ASKED, Note, OpTally, Question, Tally, by_op, memory, tally
from .trace import trace
from .views import Difference, difference, grids, summary, to_dict, to_json

__all__ = ["Report", "record"]


@attrs.define
class _Span:
    """A question, and where its events start and stop."""

    asked: Question
    start: tuple[int, int, int]  # in the events, in the visits, in the count of nodes touched
    stop: tuple[int, int, int] | None = None  # None while it is being answered


@attrs.define(eq=False, repr=False)
class Report(Watcher, Shown):
    """What happened between the start of `record` and its end. It keeps the nodes it names alive.

    Attributes
    ----------
    asked
        Of the report of one query: the question.
    timing
        Whether computations are timed.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0)
    >>> with lg.record() as report:
    ...     dx = lg.gradient(x * x, x)
    >>> report.rules_run, report.adjoints.misses, report.values.misses
    (2, 1, 0)
    """

    nodes_touched: int = 0  # nodes examined by discovery
    timing: bool = False
    asked: Question | None = None
    _events: list[tuple[Node, bool]] = attrs.field(factory=list)  # (node, asked for | computed)
    _notes: list[Note] = attrs.field(factory=list)  # of each event
    _visits: list[tuple[Node, int]] = attrs.field(factory=list)  # by engines without a memo: (node, rules run)
    _forgotten: list[tuple[int, Node]] = attrs.field(factory=list)  # (events before that, node)
    _spans: list[_Span] = attrs.field(factory=list)
    _depth: int = 0
    _running: list[list[Any]] = attrs.field(factory=list)  # [node, start, seconds of what ran inside]

    # -- what the walks tell -----------------------------------------------------------------------

    def _now(self) -> tuple[int, int, int]:
        return len(self._events), len(self._visits), self.nodes_touched

    def question_begins(self) -> None:
        """A question begins; one inside another is part of that."""
        self._depth += 1

    def describe_question(self, differentiator: Any, wrt: tuple[Node, ...], lazily: bool) -> None:
        """What the question is."""
        self._asks(Question("gradient", differentiator.target, wrt))

    def _asks(self, asked: Question) -> None:
        if self._depth == 1:
            self._spans.append(_Span(asked, self._now()))

    def question_ends(self) -> None:
        """A question ends."""
        self._depth -= 1
        if not self._depth and self._spans and self._spans[-1].stop is None:
            self._spans[-1].stop = self._now()

    def need_begins(self, node: Node, asked: bool) -> None:
        """Note that somebody needs `node`."""
        self.question_begins()
        if asked or (self._depth == 1 and node._value is None):  # then no computation has told of it
            if node.op is not None:
                self._asks(Question("value", None, (node,)))
            self._events.append((node, True))
            self._notes.append(ASKED)

    def need_ends(self) -> None:
        """Note that the need is met."""
        self.question_ends()

    def computation_begins(self, node: Node) -> None:
        """Start the clock."""
        if self.timing:
            self._running.append([node, perf_counter(), 0.0])

    def computation_ends(self, node: Node) -> None:
        """Note what was computed."""
        seconds = self._stopped(node) if self.timing else 0.0
        if node.op.mirrors is None:  # a mirror shows what its original computed
            self._events.append((node, False))
            self._notes.append(Note(node._value.nbytes, node._stale, seconds))

    def _stopped(self, node: Node) -> float:
        """The seconds `node` took, without those of nodes computed inside its op."""
        now = perf_counter()
        running = self._running
        while running and running[-1][0] is not node:  # what raised
            running.pop()
        if not running:
            return 0.0
        _, start, inside = running.pop()
        if running:
            running[-1][2] += now - start
        return now - start - inside

    def _expects(self, node: Node, asked: bool) -> None:
        """Note what a plan says of a node: that it will be asked for, or computed."""
        self._events.append((node, asked))
        self._notes.append(ASKED if asked else Note(node.size * node.dtype.itemsize, node._stale, 0.0))

    def note_stale(self, node: Node) -> None:
        """Note what became stale."""
        self._forgotten.append((len(self._events), node))

    def note_visit(self, node: Node, rules: int) -> None:
        """Note that an engine without a memo computed the adjoint or tangent of `node`, by so many rules."""
        self._visits.append((node, rules))

    # -- what can be asked of it -------------------------------------------------------------------

    def _tally(self, adjoints: bool) -> Tally:
        return tally(zip(self._events, self._notes, strict=True), self._visits, adjoints)

    @property
    def values(self) -> Tally:
        """Requests for forward values; ``.computed`` holds the nodes whose value was computed."""
        return self._tally(adjoints=False)

    @property
    def adjoints(self) -> Tally:
        """Requests for adjoints; ``.computed`` holds the nodes whose adjoint was computed."""
        return self._tally(adjoints=True)

    @property
    def rules_run(self) -> int:
        """How many contributions were evaluated: one for each edge of the graph."""
        lazily = sum(len(node.edge_adjoints()) for node, asked in self._events if not asked and node.op.is_adjoint)  # type: ignore
        return lazily + sum(rules for _, rules in self._visits)

    @property
    def bytes_computed(self) -> int:
        """The bytes of all values and adjoints computed; each counts for itself, also where two share an array."""
        return sum(note.nbytes for note in self._notes)

    @property
    def bytes_held(self) -> int:
        """The bytes of those that were fresh at the end of the block."""
        return self._memory()[0]

    @property
    def bytes_peak(self) -> int:
        """The most bytes that those computed in the block held at one time."""
        return self._memory()[1]

    def _memory(self) -> tuple[int, int]:
        """Bytes held at the end, and at most."""
        return memory(list(zip(self._events, self._notes, strict=True)), self._forgotten)

    @property
    def queries(self) -> tuple[Report, ...]:
        """A report of each query of the block, with ``.asked``: gradients, and values asked for by themselves."""
        return tuple([self._part(span) for span in self._spans])

    def _part(self, span: _Span) -> Report:
        (start, first, before), (stop, last, touched) = span.start, span.stop or self._now()
        return Report(
            touched - before,
            self.timing,
            span.asked,
            self._events[start:stop],
            self._notes[start:stop],
            self._visits[first:last],
        )

    @property
    def by_op(self) -> tuple[OpTally, ...]:
        """How often each op and each rule ran, the bytes it made, and with ``record(timing=True)`` its seconds."""
        return by_op(zip(self._events, self._notes, strict=True))

    @property
    def seconds(self) -> float:
        """The time of all computations; 0 unless ``record(timing=True)``."""
        return sum(note.seconds for note in self._notes)

    def trace(self) -> str:
        """The adjoints asked for and computed, in the manner of Tomassoli's section 13.

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
        return trace(self._events)

    # -- views -------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists, numbers and strings; nodes by name, or by op and serial."""
        return to_dict(self)

    def to_json(self, **options: Any) -> str:
        """The same as JSON text; options as for `json.dumps`."""
        return to_json(self, **options)

    def diff(self, other: Report) -> Difference:
        """What the counters are here and in another report, and which nodes only one of them computed."""
        return difference(self, other)

    def grids(self) -> Sequence[Grid]:
        """The tables of the notebook: the summary, by query, by op."""
        return grids(self)

    def details(self) -> str:
        """All that the notebook shows, as text."""
        return "\n\n".join([grid.text() for grid in self.grids()])

    def __str__(self) -> str:
        return summary(self)

    def __repr__(self) -> str:
        v, a = self.values, self.adjoints
        return f"<Report: {v.misses} values and {a.misses} adjoints computed, {self.rules_run} rules run>"


@contextmanager
def record(*, timing: bool = False) -> Iterator[Report]:
    """Collect statistics and events of the block, in this thread.

    Parameters
    ----------
    timing
        Whether to time each computation, for ``by_op``, ``seconds`` and the tables.

    Yields
    ------
    Report
        With ``values`` and ``adjoints`` (each ``.requests .hits .misses .hit_rate .computed .stale .reused``),
        ``rules_run``, ``nodes_touched``, ``bytes_computed``, ``bytes_held``, ``bytes_peak``, ``queries``, ``by_op``,
        ``trace()``, ``to_dict()``, ``to_json()`` and ``diff(other)``; ``print(report)`` gives a table, ``details()``
        and a notebook all there is. Blocks may nest.

    Examples
    --------
    >>> import lazygrad as lg
    >>> a, b = lg.parameter(2.0), lg.parameter(3.0)
    >>> L = a * b
    >>> with lg.record() as report:
    ...     da = lg.gradient(L, a)
    >>> report.rules_run, report.adjoints.computed == (a,), report.values.computed
    (1, True, ())
    """
    report = Report(timing=timing)
    with watching(report):
        yield report
