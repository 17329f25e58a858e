"""The events of a report as the steps of an animation: read from the memo, computed, became stale."""

from __future__ import annotations

from typing import NamedTuple

import attrs

from .._derivatives.adjoint_node import AdjointNode, unmirrored
from .._graph.node import Node
from .._report.report import Report

__all__ = ["COMPUTED", "HIT", "STALE", "Replay", "Touch", "make_touch"]

HIT, COMPUTED, STALE = "hit", "computed", "stale"


class Touch(NamedTuple):
    """One step: the memo had a value or an adjoint, or it was computed, or became stale."""

    what: str
    entry: Node | None  # the node whose value it is; an adjoint is a node of its own, but for engines without a memo
    of: Node | None = None  # the node it is the adjoint of
    target: Node | None = None


def make_touch(what: str, node: Node) -> Touch:
    """Make the step of an event at the value of a node, which may be an adjoint."""
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
        """Return the steps of a report."""
        made = cls()
        touches, events = made.touches, report._events
        spans, forgotten = list(reversed(report._spans)), list(reversed(report._forgotten))
        visits = iter(report._visits)

        def catch_up(position: int) -> None:
            """Add what happened before an event: nodes that became stale, queries that began, visits."""
            while forgotten and forgotten[-1][0] <= position:
                touches.append(make_touch(STALE, forgotten.pop()[1]))
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

        starts = [k for k, (_, was_requested) in enumerate(events) if was_requested]
        starts = sorted({*starts, *[span.start[0] for span in spans]})
        unpaid: set[int] = set()
        for first, last in zip([0, *starts], [*starts, len(events)], strict=True):
            if first < last:
                catch_up(first)
                _add_request(events[first:last], touches, unpaid)
        catch_up(len(events))
        touches.extend([Touch(COMPUTED, None, i) for i, _ in visits])
        return made


def _add_request(events: list[tuple[Node, bool]], touches: list[Touch], unpaid: set[int]) -> None:
    """Add the steps of one request; the first need of a node that it computed is no hit.

    `unpaid` are the nodes computed whose first need is still to come. An engine that computes in an order of its own
    computes some before it requests any: their needs come with a later request.
    """
    computed = {node.serial for node, was_requested in events if not was_requested}
    unpaid |= computed
    root, was_requested = events[0]
    for node, _ in events[was_requested:]:
        for j in {id(j): j for j in node.inputs}.values():  # x * x needs x once
            _add_need(j, unpaid, touches)
        touches.append(make_touch(COMPUTED, node))
    if was_requested and not unpaid and root.serial not in computed:
        _add_need(root, unpaid, touches)
    if was_requested:
        unpaid.clear()


def _add_need(j: Node, unpaid: set[int], touches: list[Touch]) -> None:
    """Add the hit of a needed node, unless the need is the one it was computed for."""
    if j.op is None:
        if j.static["leaf"] != "seed":
            touches.append(Touch(HIT, j))
    elif (original := unmirrored(j)).serial in unpaid:
        unpaid.remove(original.serial)
    else:
        touches.append(make_touch(HIT, original))
