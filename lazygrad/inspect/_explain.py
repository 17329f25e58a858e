"""What a question would cost, before it is asked; and afterwards, planned against actual.

The plan is made by the very steps of the query, on a copy of the target's memo in which nothing is computed: what is
built there is dropped again, so that the memo, the graph and the counts stay as they are.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from .._adjoint import TargetMemo
from .._checks import each, resolved
from .._contributions import AdjointNode, shown
from .._differentiator import Differentiator, differentiator
from .._grid import Grid, Shown, cut, size
from .._memo import Report, record
from .._node import Node, label, lock
from .._semirings import Memo, Semiring
from .._tally import Asked, Tally, op_title
from .._value import pending
from .._watch import unwatched, watching
from ..paths import sum_product
from ._cost import multiplications, nbytes

__all__ = ["Explanation", "Read", "Step", "explain"]

LISTED = 40  # steps in a text
ENOUGH = 2**1000  # paths: more are counted as infinitely many, lest the counts grow as long as the graph


def _at_most(count: Any) -> Any:
    return count if count < ENOUGH else math.inf


PATHS = Semiring(lambda x, y: _at_most(x + y), lambda x, y: _at_most(x * y), 0, 1)


@attrs.frozen(eq=False)
class Step:
    """One computation.

    Attributes
    ----------
    node
        The node whose value, or adjoint, it is.
    kind
        ``"value"`` or ``"adjoint"``.
    op
        The op, or ``vjp of`` those whose rules run.
    state
        ``"new"``, or ``"stale"`` if the memo had it until a leaf was set.
    rules
        How many rules run: one for each edge to a consumer.
    multiplications
        Of numbers: see `lazygrad.inspect`'s notes on `explain`.
    nbytes
        Of the result.
    """

    node: Node
    kind: str
    op: str
    state: str
    rules: int
    multiplications: int
    nbytes: int

    @classmethod
    def of(cls, i: Node) -> Step:
        """The computation of a value, or of an adjoint, which is a node of its own."""
        adjoint = isinstance(i, AdjointNode)
        return cls(
            i.of if isinstance(i, AdjointNode) else i,
            "adjoint" if adjoint else "value",
            op_title(i),
            "stale" if i._stale and i._value is None else "new",
            len(i.edges) // 2 if isinstance(i, AdjointNode) else 0,
            multiplications(i),
            nbytes(i),
        )

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from others."""
        return self.kind, self.node.serial


@attrs.frozen(eq=False)
class Read:
    """A forward value that a rule reads; `state` is ``"leaf"``, ``"in the memo"`` or ``"to compute"``."""

    node: Node
    state: str


@attrs.frozen(eq=False)
class Explanation(Shown):
    """What a question will do; prints as a table.

    Attributes
    ----------
    asked
        The question.
    paths
        Of each node asked for: it, and the number of paths from it to the target (inf beyond 2**1000).
    steps
        The computations, in their order.
    values, adjoints
        Requests, hits and misses, as a report has them.
    reads
        The forward values that the rules read.
    built
        How many adjoints are not in the memo yet, computed or not.
    nodes_touched
        Nodes that discovery will examine.
    actual
        With ``analyze=True`` the report of the question, timed; else None.
    gradients
        With ``analyze=True`` the answer; None for what no path leads from.
    """

    asked: Asked
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
        """How many rules will run."""
        return sum(step.rules for step in self.steps)

    @property
    def multiplications(self) -> int:
        """Multiplications of numbers, of values and rules together."""
        return sum(step.multiplications for step in self.steps)

    @property
    def nbytes(self) -> int:
        """Bytes of what will be computed; each result counts for itself, also where two share an array."""
        return sum(step.nbytes for step in self.steps)

    @property
    def exact(self) -> bool:
        """Whether what ran was what had been planned, node for node and in that order; False before it ran."""
        return self.actual is not None and [step.key for step in self.steps] == [key for key, _ in self._ran()]

    def _ran(self) -> list[tuple[tuple[str, int], float]]:
        """Key and seconds of each computation that ran."""
        if self.actual is None:
            return []
        events = zip(self.actual._events, self.actual._notes, strict=True)
        return [(Step.of(i).key, note.seconds) for (i, asked), note in events if not asked]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data; nodes by name, or by op and serial."""
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
        """Totals, paths and reads as lines; the steps as a table."""
        return [Grid(title=self._totals(), foot=self._paths()), Grid(title=self._reads()), self._table(len(self.steps))]

    def __str__(self) -> str:
        parts = [self._totals(), self._paths(), self._reads(), self._table(LISTED).text()]
        return "\n".join([part for part in parts if part])

    def _totals(self) -> str:
        computed = f"{self.values.misses} values and {self.adjoints.misses} adjoints to compute"
        return (
            f"{self.asked}: {computed}, {self.rules} rules to run, "
            f"{self.multiplications:,} multiplications, {size(self.nbytes)}"
        )

    def _paths(self) -> str:
        shown_, more = cut(self.paths, LISTED)
        counts = [f"{_count(count)} from {label(i)}" for i, count in shown_]
        return f"paths: {', '.join(counts)} {more}".rstrip()

    def _reads(self) -> str:
        if not self.reads:
            return ""
        states = Counter(read.state for read in self.reads)
        parts = []
        for state, count in states.items():
            names, more = cut([label(read.node) for read in self.reads if read.state == state], 8)
            parts.append(f"{count} {state} ({', '.join(names)}{f' {more}' if more else ''})")
        return f"rules read {len(self.reads)} values: {', '.join(parts)}"

    def _table(self, most: int) -> Grid:
        if not self.steps and self.actual is None:
            return Grid(title="everything is in the memo" if self.adjoints.requests else "nothing to compute")
        rows: list[list[Any]] = []
        ran = dict(self._ran())
        shown_, more = cut(self.steps, most)
        for s in shown_:
            rows.append([s.kind, label(s.node), s.op, s.state, s.rules, f"{s.multiplications:,}", s.nbytes])
            if self.actual is not None:
                rows[-1].append(f"{1000 * ran[s.key]:.3f}" if s.key in ran else "did not run")
        head = ["kind", "node", "op", "state", "rules", "multiplications", "bytes"]
        return Grid(
            head + ["ms"] * (self.actual is not None),
            rows,
            foot="\n".join(filter(None, [more, self._verdict()])),
            align="<<<<>",
        )

    def _verdict(self) -> str:
        """Planned against actual, in a line."""
        if self.actual is None:
            return ""
        actual, planned = self.actual, self
        pairs = [
            ("values", planned.values.misses, actual.values.misses),
            ("adjoints", planned.adjoints.misses, actual.adjoints.misses),
            ("rules", planned.rules, actual.rules_run),
            ("bytes", planned.nbytes, actual.bytes_computed),
            ("nodes touched", planned.nodes_touched, actual.nodes_touched),
        ]
        told = [f"{name} {plan}/{found}" for name, plan, found in pairs]
        return f"planned/actual: {', '.join(told)}: {'exact' if self.exact else 'not what was planned'}"


def _count(count: float) -> str:
    return "more than 1e300" if count == math.inf else f"{count}" if count < 10**9 else f"{float(count):.3g}"


def explain(L: Node | Differentiator, wrt: Any, *, cotangent: Any = None, analyze: bool = False) -> Explanation:
    """Return what dL/d`wrt` would compute, read and cost, without computing it.

    Parameters
    ----------
    L, wrt, cotangent
        As for `lazygrad.gradient`; or a `Differentiator`, whose memo is meant then.
    analyze
        Whether to ask the question afterwards, and show what was planned beside what ran.

    Returns
    -------
    Explanation
        With ``steps`` (each a value or adjoint to compute), ``values``, ``adjoints``, ``reads``, ``paths``,
        ``rules``, ``multiplications``, ``nbytes``, ``built``, ``nodes_touched``; with `analyze` also ``actual``,
        ``gradients`` and ``exact``. It prints as a table.

    Raises
    ------
    TypeError, NotDifferentiableError
        As `lazygrad.gradient`.

    Notes
    -----
    Like EXPLAIN and EXPLAIN ANALYZE of a database, but the plan is exact: the same nodes in the same order. Nothing in
    the memo changes. *Multiplications* are those of numbers, counted from shapes: an elementwise op takes one for each
    element (`exp` counts one), a product of arrays one for each pair of elements that meet (m k n for matrices), an op
    on a matrix as a whole rows * columns * columns, any other op one for each element of its input or output, whichever
    are more. Sums, differences, casts and rearrangements take none. A rule that reads values costs what its op costs;
    one that reads none takes none.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> W, b = lg.parameter(np.ones((3, 2)), name="W"), lg.parameter(np.zeros(2), name="b")
    >>> z = np.ones((5, 3)) @ W + b
    >>> h = np.tanh(z)
    >>> z.name, h.name = "z", "h"
    >>> L = h.sum()
    >>> L.name = "L"
    >>> print(lg.inspect.explain(L, W))
    dL/dW: 3 values and 4 adjoints to compute, 4 rules to run, 80 multiplications, 528 B
    paths: 1 from W
    rules read 2 values: 1 to compute (h), 1 leaf (leaf#...)
    kind     node      op             state  rules  multiplications  bytes
    adjoint  h         vjp of sum     new        1                0     80
    value    matmul#... matmul         new        0               30     80
    value    z         add            new        0                0     80
    value    h         tanh           new        0               10     80
    adjoint  z         vjp of tanh    new        1               10     80
    adjoint  matmul#... vjp of add     new        1                0     80
    adjoint  W         vjp of matmul  new        1               30     48
    >>> z._value is None
    True
    """
    with lock, unwatched():
        if isinstance(L, Differentiator):
            d = L
        else:
            d = differentiator(L) if cotangent is None else Differentiator(L, cotangent=cotangent)
        d._check()
        nodes = resolved(wrt, d.target)
        wanted: list[Node] = []
        each(nodes, wanted.append)
        plan = _planned(d, tuple(wanted))
    if not analyze:
        return plan
    with record(timing=True) as actual:
        gradients = d.gradient(nodes, unconnected="none")
    return attrs.evolve(plan, actual=actual, gradients=gradients)


def _planned(d: Differentiator, wanted: tuple[Node, ...]) -> Explanation:
    """What the differentiator's `gradient` would do."""
    L, memo = d.target, d._memo
    like = Differentiator.__new__(Differentiator)
    like._set_up(L, _scratch(memo))
    known = _adjoints(memo)
    will = Report()  # as if it had run
    done: dict[int, Node] = {}
    steps: list[Node] = []
    with watching(will):
        for i in wanted:
            adjoint = like._connected(i)
            if adjoint is not None:
                will._expects(adjoint, True)
                for j in pending(adjoint, done):
                    will._expects(j, False)
                    steps.append(j)
    counted = Memo()
    return Explanation(
        asked=Asked("gradient", L, wanted),
        paths=tuple([(i, sum_product(L, i, PATHS, memo=counted)) for i in {i.serial: i for i in wanted}.values()]),
        steps=tuple([Step.of(i) for i in steps]),
        values=will.values,
        adjoints=will.adjoints,
        reads=_reads(steps),
        built=len([i for i in steps if isinstance(i, AdjointNode) and i.serial not in known]),
        nodes_touched=will.nodes_touched,
    )


def _reads(steps: Iterable[Node]) -> tuple[Read, ...]:
    """The forward values that the rules of adjoints read, in the order of first need."""
    found: dict[int, Read] = {}
    for i in steps:
        if isinstance(i, AdjointNode):
            for *_, start, stop in i.each_edge():
                for j in map(_original, i.inputs[start + 1 : stop]):
                    state = "leaf" if j.op is None else "to compute" if j._value is None else "in the memo"
                    found.setdefault(j.serial, Read(j, state))
    return tuple(found.values())


def _original(i: Node) -> Node:
    """The node itself, or the target that a mirror stands for."""
    return i if i.op is None else shown(i)


# -- a memo to build in ---------------------------------------------------------------------------------


def _scratch(memo: TargetMemo) -> TargetMemo:
    """A copy of a memo: what is built in it stays in it. (Memos nest no deeper than derivatives do.)"""
    discovery = copy.copy(memo.discovery)
    discovery.leading = dict(discovery.leading)
    discovery._met = {serial: (i, list(consumers)) for serial, (i, consumers) in discovery._met.items()}
    discovery._heap = list(discovery._heap)
    inner = {serial: _scratch(other) for serial, other in memo.inner.items()}
    return TargetMemo(memo.serial, discovery, memo.op, memo.seeded, dict(memo.adjoints), inner)


def _adjoints(memo: TargetMemo) -> set[int]:
    """The serials of the adjoint nodes in a memo and in those inside it."""
    found: set[int] = set()
    todo: Sequence[TargetMemo] = [memo]
    while todo:
        found.update([a.serial for m in todo for a in m.adjoints.values()])
        todo = [inner for m in todo for inner in m.inner.values()]
    return found
