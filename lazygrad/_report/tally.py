"""Sums over the events of a report: requests, hits and misses; bytes; runs of each op."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import attrs

from .._derivatives.adjoint_node import unmirrored
from .._graph.node import Node, label
from .trace import name_adjoint

__all__ = [
    "REQUEST_NOTE",
    "Note",
    "OpTally",
    "Question",
    "Tally",
    "count_requests",
    "measure_memory",
    "name_computation",
    "tally_ops",
]

NAMED = 4  # nodes in the text of a question


class Question(NamedTuple):
    """A question: a gradient (of a target by some nodes), or a value."""

    kind: str  # "gradient" or "value"
    target: Node | None
    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        if self.target is None:
            names = [name_adjoint(i) if i.op.is_adjoint else f"{label(i)}.value" for i in self.nodes]
        else:
            target = self.target.name or "L"
            names = [f"d{target}/d{label(i)}" for i in self.nodes[:NAMED]]
        more = len(self.nodes) - NAMED
        return ", ".join(names) + (f" and {more} more" if more > 0 else "")


@attrs.frozen
class Tally:
    """The requests for values, or for adjoints, and how many of them had to compute.

    A *request* is one need, by a computation or by the caller; a *hit* found the memo fresh, a *miss* had
    to compute. Leaves are always fresh; structural zeros and the seed dL/dL = 1 do not count. An engine without
    a memo (`lazygrad.engines`) asks once for each adjoint or tangent that it computes.

    Attributes
    ----------
    requests
        How many requests there were.
    computed
        The nodes whose value, or adjoint, was computed, in that order.
    stale
        The nodes among them that had been in the memo before, until a leaf was set.
    reused
        The nodes whose value, or adjoint, was needed and there already; without leaves.
    """

    requests: int
    computed: tuple[Node, ...]
    stale: tuple[Node, ...] = ()
    reused: tuple[Node, ...] = ()

    @property
    def misses(self) -> int:
        """Return how many requests had to compute: as many as nodes were computed."""
        return len(self.computed)

    @property
    def hits(self) -> int:
        """Return how many requests the memo answered."""
        return self.requests - self.misses

    @property
    def hit_rate(self) -> float:
        """Return the hits per request; 0 where there was none."""
        return self.hits / self.requests if self.requests else 0.0


class Note(NamedTuple):
    """The size of what a computation made, whether it was there before, and the time it took."""

    nbytes: int
    stale: bool  # whether the value had been there before
    seconds: float


REQUEST_NOTE = Note(0, False, 0.0)  # of the event that a node was requested

Event = tuple[tuple[Node, bool], Note]  # ((node, was requested | was computed), what is known of that)
Events = Iterable[Event]


def count_requests(events: Events, visits: Sequence[tuple[Node, int]], adjoints: bool) -> Tally:
    """Count the requests for adjoints, or for values, and list what they computed and what they reused."""
    requests = 0
    computed: list[Any] = []
    stale: list[Any] = []
    needed: dict[int, Any] = {}
    for (node, was_requested), note in events:
        if was_requested:
            needs: Iterable[Node] = (node,)
        else:  # x * x needs x once
            needs = {id(j): j for j in node.inputs}.values()
            if adjoints == node.op.is_adjoint:
                computed.append(node)
                if note.stale:
                    stale.append(node)
        for j in needs:
            if j.op is None:
                requests += not adjoints and j.static["leaf"] != "seed"
            elif adjoints == j.op.is_adjoint:
                requests += 1
                original = unmirrored(j)
                needed.setdefault(original.serial, original)
    for node in computed:
        needed.pop(node.serial, None)
    lists = [computed, stale, list(needed.values())]
    if adjoints:
        lists = [[node.of for node in nodes] for nodes in lists]
        requests += len(visits)
        lists[0] += [node for node, _ in visits]
    return Tally(requests, *map(tuple, lists))


def measure_memory(
    events: Sequence[tuple[tuple[Node, bool], Note]], forgotten: Sequence[tuple[int, Node]]
) -> tuple[int, int]:
    """Return the bytes that what was computed held at the end, and at most.

    `forgotten` lists the nodes that became stale, each with the number of events before that.
    """
    held: dict[int, int] = {}
    now = peak = passed = 0
    for position, stale in [*forgotten, (len(events), None)]:
        for (node, was_requested), note in events[passed:position]:
            if not was_requested:
                held[node.serial] = note.nbytes  # nothing is computed again before it has become stale
                now += note.nbytes
                peak = max(peak, now)
        passed = position
        if stale is not None:
            now -= held.pop(stale.serial, 0)
    return now, peak


@attrs.define
class OpTally:
    """Runs, bytes and seconds of one op, or of the rules of one op.

    Attributes
    ----------
    op
        The op's name; ``vjp of`` it for the rules that make an adjoint, of all its consumers' ops.
    runs
        How many values, or adjoints, it computed.
    nbytes
        The bytes of these.
    seconds
        The time they took; 0 unless ``record(timing=True)``.
    """

    op: str
    runs: int = 0
    nbytes: int = 0
    seconds: float = 0.0


def tally_ops(events: Events) -> tuple[OpTally, ...]:
    """Add up runs, bytes and seconds of each op, most expensive first."""
    found: dict[str, OpTally] = {}
    for (node, was_requested), note in events:
        if not was_requested:
            name = name_computation(node)
            one = found.setdefault(name, OpTally(name))
            one.runs += 1
            one.nbytes += note.nbytes
            one.seconds += note.seconds
    return tuple(sorted(found.values(), key=lambda one: (-one.seconds, -one.runs, one.op)))


def name_computation(node: Node) -> str:
    """Name what computed a node: its op, or the rules of its consumers' ops."""
    name: str = node.op.name
    if not node.op.is_adjoint:
        return name
    rules = dict.fromkeys([consumer.op.name for consumer, _ in node.edge_adjoints()])  # type: ignore[attr-defined]
    return f"vjp of {', '.join(sorted(rules))}" if rules else name
