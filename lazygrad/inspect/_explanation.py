"""The plan of a question, and beside it what then ran: as text, tables and plain data."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import attrs

from .._derivatives.adjoint_node import AdjointNode
from .._graph.node import Node, label
from .._report.grid import Displayable, Grid, format_bytes, truncate
from .._report.report import Report
from .._report.tally import Question, Tally, name_computation
from ._cost import count_multiplications, predict_nbytes

__all__ = ["Explanation", "Read", "Step"]

LISTED = 40  # steps in a text


@attrs.frozen(eq=False)
class Step:
    """One computation.

    Attributes
    ----------
    node
        The node whose value, or adjoint, is computed.
    kind
        ``"value"`` or ``"adjoint"``.
    op
        The op, or ``vjp of`` the ops whose rules run.
    state
        ``"new"``, or ``"stale"`` if the memo had it until a leaf was set.
    rules
        How many rules run: one for each edge to a consumer.
    multiplications
        How many numbers are multiplied: see the notes of `explain`.
    nbytes
        The bytes of the result.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0, name="x")
    >>> [step] = lg.inspect.explain(x * x, x).steps
    >>> step.kind, step.op, step.state, step.rules, step.nbytes
    ('adjoint', 'vjp of multiply', 'new', 2, 8)
    """

    __module__ = "lazygrad.inspect"

    node: Node
    kind: str
    op: str
    state: str
    rules: int
    multiplications: int
    nbytes: int

    @classmethod
    def of(cls, i: Node) -> Step:
        """Return the step that computes a value, or an adjoint, which is a node of its own."""
        adjoint = isinstance(i, AdjointNode)
        return cls(
            i.of if isinstance(i, AdjointNode) else i,
            "adjoint" if adjoint else "value",
            name_computation(i),
            "stale" if i._stale else "new",
            len(i.edges) // 2 if isinstance(i, AdjointNode) else 0,
            count_multiplications(i),
            predict_nbytes(i),
        )

    @property
    def key(self) -> tuple[str, int]:
        """Return what tells the step from others: its kind and the serial of its node."""
        return self.kind, self.node.serial


@attrs.frozen(eq=False)
class Read:
    """A forward value that a rule reads; `state` is ``"leaf"``, ``"in the memo"`` or ``"to compute"``.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0, name="x")
    >>> lg.inspect.explain(x * x, x).reads
    (Read(node=<parameter 'x' #..., shape (), float64>, state='leaf'),)
    """

    __module__ = "lazygrad.inspect"

    node: Node
    state: str


@attrs.frozen(eq=False)
class Explanation(Displayable):
    """The plan of a question; prints as a table.

    Attributes
    ----------
    asked
        The question.
    paths
        Of each node asked for: the node, and the number of paths from it to the target (inf beyond 2**1000).
    steps
        The computations, in their order.
    values, adjoints
        Requests, hits and misses, as a report has them.
    reads
        The forward values that the rules read.
    built
        How many adjoints are not in the memo yet, computed or not.
    nodes_touched
        Nodes that discovery will examine; fewer for a gradient of a gradient, as what it learns of adjoints is kept.
    actual
        With ``analyze=True`` the report of the question, timed; else None.
    gradients
        With ``analyze=True`` the answer; None for what no path leads from.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0, name="x")
    >>> explanation = lg.inspect.explain(x * x, x)
    >>> explanation.adjoints.misses, explanation.paths
    (1, ((<parameter 'x' #..., shape (), float64>, 2),))
    """

    __module__ = "lazygrad.inspect"

    asked: Question
    paths: tuple[tuple[Node, float], ...]
    steps: tuple[Step, ...]
    values: Tally
    adjoints: Tally
    reads: tuple[Read, ...]
    built: int
    nodes_touched: int
    actual: Report | None = None
    gradients: Any = None

    @property
    def rules(self) -> int:
        """Return how many rules will run."""
        return sum(step.rules for step in self.steps)

    @property
    def multiplications(self) -> int:
        """Return the multiplications of numbers, of values and rules together."""
        return sum(step.multiplications for step in self.steps)

    @property
    def nbytes(self) -> int:
        """Return the bytes that will be computed, counting an array again for each result that shares it."""
        return sum(step.nbytes for step in self.steps)

    @property
    def exact(self) -> bool:
        """Return whether the question ran as planned, node for node and in that order; False before it ran."""
        return self.actual is not None and [step.key for step in self.steps] == [key for key, _ in self._list_run()]

    def _list_run(self) -> list[tuple[tuple[str, int], float]]:
        """Return key and seconds of each computation that ran."""
        if self.actual is None:
            return []
        events = zip(self.actual._events, self.actual._notes, strict=True)
        return [(Step.of(i).key, note.seconds) for (i, was_requested), note in events if not was_requested]

    def to_dict(self) -> dict[str, object]:
        """Return the explanation as plain data; nodes by name, or by op and serial."""
        fields = ("rules", "multiplications", "nbytes", "built", "nodes_touched")
        return {
            "asked": str(self.asked),
            "paths": [(label(i), count) for i, count in self.paths],
            "steps": [attrs.asdict(step, recurse=False) | {"node": label(step.node)} for step in self.steps],
            "reads": [(label(read.node), read.state) for read in self.reads],
            **{name: getattr(self, name) for name in fields},
            "actual": None if self.actual is None else self.actual.to_dict(),
        }

    def grids(self) -> list[Grid]:
        """Return totals, paths and reads as lines, and the steps as a table."""
        return [
            Grid(title=self._write_totals(), foot=self._write_paths()),
            Grid(title=self._write_reads()),
            self._build_table(len(self.steps)),
        ]

    def __str__(self) -> str:
        parts = [self._write_totals(), self._write_paths(), self._write_reads(), self._build_table(LISTED).text()]
        return "\n".join([part for part in parts if part])

    def _write_totals(self) -> str:
        counts = (("value", self.values.misses), ("adjoint", self.adjoints.misses))
        computed = " and ".join([_write_count(count, word) for word, count in counts])
        rules, multiplications = _write_count(self.rules, "rule"), _write_count(self.multiplications, "multiplication")
        return f"{self.asked}: {computed} to compute, {rules} to run, {multiplications}, {format_bytes(self.nbytes)}"

    def _write_paths(self) -> str:
        shown, more = truncate(self.paths, LISTED)
        counts = [f"{_write_path_count(count)} from {label(i)}" for i, count in shown]
        return f"paths: {', '.join(counts)} {more}".rstrip()

    def _write_reads(self) -> str:
        if not self.reads:
            return ""
        states = Counter(read.state for read in self.reads)
        parts = []
        for state, count in states.items():
            names, more = truncate([label(read.node) for read in self.reads if read.state == state], 8)
            words = "leaves" if state == "leaf" and count > 1 else state
            parts.append(f"{count} {words} ({', '.join(names)}{f' {more}' if more else ''})")
        return f"rules read {_write_count(len(self.reads), 'value')}: {', '.join(parts)}"

    def _build_table(self, most: int) -> Grid:
        if not self.steps:
            title = "everything is in the memo" if self.adjoints.requests else "no path leads to the target"
            return Grid(title=title, foot=self._write_verdict())
        rows: list[list[Any]] = []
        ran = dict(self._list_run())
        shown, more = truncate(self.steps, most)
        for s in shown:
            rows.append([s.kind, label(s.node), s.op, s.state, s.rules, f"{s.multiplications:,}", s.nbytes])
            if self.actual is not None:
                rows[-1].append(f"{1000 * ran[s.key]:.3f}" if s.key in ran else "did not run")
        head = ["kind", "node", "op", "state", "rules", "multiplications", "bytes"]
        return Grid(
            head + ["ms"] * (self.actual is not None),
            rows,
            foot="\n".join(filter(None, [more, self._write_verdict()])),
            align="<<<<>",
        )

    def _write_verdict(self) -> str:
        """Write planned against actual, in a line."""
        if self.actual is None:
            return ""
        actual, planned = self.actual, self
        pairs = [
            ("values", planned.values.misses, actual.values.misses),
            ("adjoints", planned.adjoints.misses, actual.adjoints.misses),
            ("rules", planned.rules, actual.rules_run),
            ("bytes", planned.nbytes, actual.bytes_computed),
        ]
        shown = [f"{name} {plan}/{found}" for name, plan, found in pairs]
        return f"planned/actual: {', '.join(shown)}: {'exact' if self.exact else 'not what was planned'}"


def _write_count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _write_path_count(count: float) -> str:
    return "more than 1e300" if count == math.inf else f"{count}" if count < 10**9 else f"{float(count):.3g}"
