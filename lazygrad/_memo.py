"""Statistics: what a block of queries asked of the memo, and what had to be computed.

While a report is open every walk leaves two kinds of events in it, in order: somebody *asked* for a
node, and a node was *computed*. Everything a report shows is a function of these events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import attrs

from ._node import Node
from ._trace import trace

__all__ = ["CacheInfo", "Report", "Tally", "record", "recorders"]

_open: ContextVar[tuple[Report, ...]] = ContextVar("lazygrad_reports", default=())
recorders = _open.get


class CacheInfo(NamedTuple):
    """The state of a memo, in the manner of `functools.lru_cache`."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int


@attrs.frozen
class Tally:
    """How often values, or adjoints, were needed and what became of it.

    A *request* is one need, by a computation or by the caller; a *hit* found the memo fresh, a *miss* had
    to compute. Leaves are always fresh; structural zeros and the seed dL/dL = 1 do not count. An engine without
    a memo (`lazygrad.engines`) asks once for each adjoint or tangent that it computes.
    """

    requests: int
    computed: tuple[Node, ...]

    @property
    def misses(self) -> int:
        """Requests that had to compute: as many as nodes computed."""
        return len(self.computed)

    @property
    def hits(self) -> int:
        """Requests that the memo answered."""
        return self.requests - self.misses

    @property
    def hit_rate(self) -> float:
        """Hits per request; 0 where there was none."""
        return self.hits / self.requests if self.requests else 0.0


@attrs.define(eq=False, repr=False)
class Report:
    """What happened between the start of `record` and now. It keeps the nodes it names alive."""

    nodes_touched: int = 0  # nodes examined by discovery
    _events: list[tuple[Node, bool]] = attrs.field(factory=list)  # (node, asked for | computed)
    _visits: list[tuple[Node, int]] = attrs.field(factory=list)  # by engines without a memo: (node, rules run)

    def begin(self, node: Node, asked: bool) -> None:
        """Note that somebody needs `node`."""
        if asked:
            self._events.append((node, True))

    def extend(self, computed: Sequence[Node]) -> None:
        """Note what was computed."""
        self._events.extend([(node, False) for node in computed])

    def visited(self, node: Node, rules: int) -> None:
        """Note that an engine without a memo computed the adjoint or tangent of `node`, by so many rules."""
        self._visits.append((node, rules))

    def _tally(self, adjoints: bool) -> Tally:
        requests, computed = 0, []
        for node, asked in self._events:
            if asked:
                needs: Iterable[Node] = (node,)
            else:  # x * x needs x once
                needs = {id(j): j for j in node.inputs}.values()
                if adjoints == node.op.is_adjoint:
                    computed.append(node.of if adjoints else node)  # type: ignore[attr-defined]
            for j in needs:
                if j.op is None:
                    requests += not adjoints and j.static["leaf"] != "seed"
                else:
                    requests += adjoints == j.op.is_adjoint
        if adjoints:
            requests += len(self._visits)
            computed += [node for node, _ in self._visits]
        return Tally(requests, tuple(computed))

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

    def __str__(self) -> str:
        lines = [f"{'':10}{'requests':>10}{'hits':>10}{'misses':>10}{'hit rate':>10}"]
        for name in ("values", "adjoints"):
            t: Tally = getattr(self, name)
            lines.append(f"{name:10}{t.requests:>10}{t.hits:>10}{t.misses:>10}{t.hit_rate:>10.0%}")
        lines.append(f"{self.rules_run} rules run, {self.nodes_touched} nodes touched by discovery")
        return "\n".join(lines)

    def __repr__(self) -> str:
        v, a = self.values, self.adjoints
        return f"<Report: {v.misses} values and {a.misses} adjoints computed, {self.rules_run} rules run>"


@contextmanager
def record() -> Iterator[Report]:
    """Collect statistics and events of the block, in this thread.

    Yields
    ------
    Report
        With ``values`` and ``adjoints`` (each ``.requests .hits .misses .hit_rate .computed``),
        ``rules_run``, ``nodes_touched`` and ``trace()``; ``print(report)`` gives a table. Blocks may nest.

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
    report = Report()
    token = _open.set((*_open.get(), report))
    try:
        yield report
    finally:
        _open.reset(token)
