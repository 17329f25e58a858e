"""The events of a report, as the steps of an animation: what was read from the memo, computed, forgotten."""

from __future__ import annotations

from typing import NamedTuple

import attrs

from .._derivatives.adjoint_node import AdjointNode, unmirrored
from .._graph.node import Node
from .._report.report import Report

__all__ = ["COMPUTED", "HIT", "STALE", "Replay", "Touch", "touch_of"]

HIT, COMPUTED, STALE = "hit", "computed", "stale"


class Touch(NamedTuple):
    """One step: the memo had a value or an adjoint, or it was computed, or became stale."""

    what: str
    entry: Node | None  # the node whose value it is; an adjoint is a node of its own, but for engines without a memo
    of: Node | None = None  # the node it is the adjoint of
    target: Node | None = None


def touch_of(what: str, node: Node) -> Touch:
    """What happened to the value of a node, which may be an adjoint."""
    if not isinstance(node, AdjointNode):
        return Touch(what, node)
    return Touch(what, node, node.of, node.op.counts.target())


@attrs.define(eq=False)
class Replay:
    """The steps in order, and before which of them each query begins.

    A request that had to compute shows as that computation, so the steps that are hits, and those that are
    computations, are as many as the report counts; but for a query that raised, whose failed requests are left out.
    """

    touches: list[Touch] = attrs.field(factory=list)
    queries: list[tuple[int, str]] = attrs.field(factory=list)  # (steps before it, what was asked)

    @classmethod
    def of(cls, report: Report) -> Replay:
        """The steps of a report."""
        made = cls()
        touches, events = made.touches, report._events
        spans, forgotten = list(reversed(report._spans)), list(reversed(report._forgotten))
        visits = iter(report._visits)

        def until(position: int) -> None:
            """What happened before that event, beside the events."""
            while forgotten and forgotten[-1][0] <= position:
                touches.append(touch_of(STALE, forgotten.pop()[1]))
            while spans and spans[-1].start[0] <= position:
                span = spans.pop()
                made.queries.append((len(touches), str(span.asked)))
                count = (len(report._visits) if span.stop is None else span.stop[1]) - span.start[1]
                touches.extend(
                    [
                        Touch(COMPUTED, None, i, span.asked.target)
                        for _, (i, _) in zip(range(count), visits, strict=False)
                    ]
                )

        starts = [k for k, (_, asked) in enumerate(events) if asked]
        for first, last in zip([0, *starts], [*starts, len(events)], strict=True):
            if first < last:
                until(first)
                _one_request(events[first:last], touches)
        until(len(events))
        touches.extend([Touch(COMPUTED, None, i) for i, _ in visits])
        return made


def _one_request(events: list[tuple[Node, bool]], touches: list[Touch]) -> None:
    """The steps of one request: the first need of what it computed is no hit."""
    computed = {node.serial for node, asked in events if not asked}
    unpaid = set(computed)
    root, asked = events[0]
    start = len(touches)
    for node, _ in events[asked:]:
        for j in {id(j): j for j in node.inputs}.values():  # x * x needs x once
            _need(j, unpaid, touches)
        touches.append(touch_of(COMPUTED, node))
    if asked and not unpaid and root.serial not in computed:
        hits: list[Touch] = []
        _need(root, unpaid, hits)
        touches[start:start] = hits


def _need(j: Node, unpaid: set[int], touches: list[Touch]) -> None:
    if j.op is None:
        if j.static["leaf"] != "seed":
            touches.append(Touch(HIT, j))
    elif (original := unmirrored(j)).serial in unpaid:
        unpaid.remove(original.serial)
    else:
        touches.append(touch_of(HIT, original))
