"""Plans: a question that is asked again after the same leaves have changed runs as straight-line code.

The walk of the memo decides node by node what is missing. A question that finds the same nodes stale for the third time
gets a plan: a schedule that computes just these from those that are fresh, and leaves every value in the memo as the
walk would. Whether the very same nodes are stale is checked each time; where they are not, or anything goes wrong,
the walk answers.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from .. import _schedule
from .._derivatives.adjoint_node import AdjointNode, Counts
from .._graph.demand import demand
from .._graph.log import logger
from .._graph.node import Node
from ..ops._op import freeze

__all__ = ["Plans"]

PLAN_AFTER = 3  # the time a question finds the same nodes stale at which it gets a plan
MAX_FAILURES = 3  # failures that end a plan
MAX_QUESTIONS = 256  # that a target remembers; the one asked longest ago is forgotten first
MAX_PLANS = 4  # of one question: one for each set of stale nodes
MAX_NODES = 2000  # of a plan; beyond that the walk costs less than making one


@attrs.define(eq=False)
class _Plan:
    """One set of stale nodes, and how to compute them."""

    stale: list[Callable[[], Node | None]]  # weakly, as one may be the target that keeps this plan
    fresh: list[Node]
    schedule: _schedule.Schedule
    counts: list[tuple[Counts, int, int]]  # requests and misses of the adjoints among them
    failures: int = 0

    def fits(self) -> bool:
        """Return whether exactly these nodes are stale."""
        if not self.schedule.is_current():  # a number in an expression was given a value of its own
            self.failures = MAX_FAILURES
            return False
        for ref in self.stale:
            i = ref()
            if i is None or i._value is not None:
                return False
        # If more is stale than these nodes, a plan of its own computes all of it; this scan costs less than 1 %.
        for i in self.fresh:  # noqa: SIM110 - twice as quick as `all`
            if i._value is None:
                return False
        return True

    def run(self) -> bool:
        """Compute the stale nodes, and return whether that went well; if not, the walk has to."""
        try:
            values = self.schedule(())
        except Exception:  # a guard, or an error, which the walk finds again and tells better
            self.failures += 1
            return False
        for value in values:
            if value.__class__ is np.ndarray and value.base is None:
                value.flags.writeable = False
        for ref, value in zip(self.stale, values, strict=True):
            i = ref()
            if i is not None:
                i._value = value if value.__class__ is not np.ndarray or value.base is None else freeze(value)
        for counts, requests, misses in self.counts:
            counts.requests += requests
            counts.misses += misses
        return True


@attrs.define(eq=False)
class _Question:
    """A set of adjoints that is asked for together, and its plans."""

    times_stale: int = 0
    too_long: bool = False
    plans: list[_Plan] = attrs.field(factory=list)


@attrs.define(eq=False)
class Plans:
    """The plans of the questions about one target."""

    mirror: Node  # that stands for the target
    questions: dict[tuple[int, ...], _Question] = attrs.field(factory=dict)  # the one asked last stands last

    def compute(self, roots: Sequence[Node]) -> None:
        """Compute what is missing of these adjoints, if there is a plan for it; else leave it to the walk."""
        stale = [i for i in roots if i._value is None]
        if not stale:
            return
        original = self.mirror.op.mirrors
        if original is not None and original._value is not None:  # what the mirror would show
            self.mirror._value = original._value
        key = tuple([i.serial for i in stale])
        question = self.questions.pop(key, None)
        if question is None:
            question = _Question()
            if len(self.questions) >= MAX_QUESTIONS:
                del self.questions[next(iter(self.questions))]
        self.questions[key] = question
        for plan in question.plans:
            if plan.failures < MAX_FAILURES and plan.fits():
                plan.run()
                return
        question.times_stale += 1
        if question.times_stale >= PLAN_AFTER and len(question.plans) < MAX_PLANS and not question.too_long:
            made = _make_plan(stale)
            if made is None:
                question.too_long = True
            else:
                question.plans.append(made)
                made.run()


def _make_plan(roots: Sequence[Node]) -> _Plan | None:
    stale: dict[int, Node] = {}
    fresh: dict[int, Node] = {}

    def missing(i: Node) -> Sequence[Node] | None:
        if i.serial in stale:
            return None
        if i._value is not None:
            fresh[i.serial] = i
            return None
        return [j for j in i.inputs if j.serial not in stale and j.serial not in fresh]

    for root in roots:
        demand(root, missing, lambda i: stale.__setitem__(i.serial, i))
    if len(stale) > MAX_NODES:
        return None
    nodes: list[Node] = []
    for i in stale.values():
        original = i.op.mirrors
        if original is not None and original._value is None and original.serial not in stale:
            nodes.append(original)  # whose value a mirror shows
        nodes.append(i)
    logger.debug("a plan for %d nodes below %r", len(nodes), roots[0])
    schedule = _schedule.Schedule(nodes, (), exact=True, backend="numpy", boundary=list(fresh.values()), keep=True)
    schedule.roots = ()
    return _Plan([weakref.ref(i) for i in nodes], list(fresh.values()), schedule, _count_requests(nodes))


def _count_requests(nodes: Sequence[Node]) -> list[tuple[Counts, int, int]]:
    """Return what computing these nodes adds to the counts of adjoints: each adjoint that is read is a request."""
    found: dict[int, list[Any]] = {}
    for i in nodes:
        if i.op.mirrors is not None:
            continue
        for j in {id(j): j for j in i.inputs if isinstance(j, AdjointNode)}.values():
            found.setdefault(id(j.op.counts), [j.op.counts, 0, 0])[1] += 1
        if isinstance(i, AdjointNode):
            found.setdefault(id(i.op.counts), [i.op.counts, 0, 0])[2] += 1
    return [(counts, requests, misses) for counts, requests, misses in found.values()]
