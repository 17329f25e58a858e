"""Plans: a question that is asked again after the same leaves have changed runs as straight-line code.

The walk of the memo decides node by node what is missing. A question that finds the same nodes stale for the third time
gets a plan: a schedule that computes just these from those that are fresh, and leaves every value in the memo as the
walk would. Whether the very same nodes are stale is checked each time; where they are not, or anything goes wrong,
the walk answers.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from types import EllipsisType, NoneType
from typing import Any, NamedTuple

import attrs
import numpy as np

from .. import _schedule
from .._derivatives.adjoint_node import AdjointNode, Counts
from .._graph.demand import demand
from .._graph.kinds import Kinds
from .._graph.log import logger
from .._graph.node import Node
from .._graph.value import forward_rec
from ..ops._op import OPS, freeze
from ..ops.indexing import SLOT

__all__ = ["PlanInfo", "Plans"]

PLAN_AFTER = 3  # the time a question finds the same nodes stale at which it gets a plan
MAX_FAILURES = 3  # failures that end a plan
MAX_QUESTIONS = 256  # that a target remembers; the one asked longest ago is forgotten first
MAX_PLANS = 4  # of one question: one for each set of stale nodes
MAX_NODES = 2000  # of a plan; beyond that the walk costs less than making one


PLAIN = {NoneType, bool, int, float, complex, str, bytes, type, slice, EllipsisType, np.ndarray, SLOT.__class__}


class PlanInfo(NamedTuple):
    """The success of the plans for the questions about one target.

    Attributes
    ----------
    plans
        How many there are now.
    runs
        How often one of them has answered.
    failures
        How often the walk of the memo had to answer instead: no plan could be made, a guard was needed, an op raised
        an error, or what came of the plan had another shape or dtype than its node.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(1.0)
    >>> L = x * x
    >>> for k in range(5):
    ...     x.set(k + 2.0)
    ...     dx = lg.gradient(L, x)
    >>> lg.differentiator(L).plan_info()
    PlanInfo(plans=1, runs=2, failures=0)
    """

    plans: int
    runs: int
    failures: int


PlanInfo.__module__ = "lazygrad"  # as users know it


@attrs.define(eq=False)
class _Step:
    """Stale nodes that are computed at once; or a single one by its own op, as that runs what a user wrote."""

    stale: list[Callable[[], Node | None]]
    schedule: _schedule.Schedule | None
    kinds: Kinds
    counts: list[tuple[Counts, int, int]]  # requests and misses of the adjoints among them

    def compute_alone(self) -> None:
        """Compute the single node as the walk does: its errors are the user's, and it is run once."""
        i = self.stale[0]()
        if i is not None:
            forward_rec(i, was_requested=False)

    def run(self, schedule: _schedule.Schedule) -> str:
        """Compute the nodes at once, and return an empty text; or what is wrong with the values, and keep none."""
        values = schedule(())
        if not self.kinds.hold(values):
            return self.kinds.describe(values)
        for value in values:
            if value.__class__ is np.ndarray and value.base is None:
                value.flags.writeable = False
        for ref, value in zip(self.stale, values, strict=True):
            i = ref()
            if i is not None and i._value is None:
                i._value = value if value.__class__ is not np.ndarray or value.base is None else freeze(value)
        for counts, requests, misses in self.counts:
            counts.requests += requests
            counts.misses += misses
        return ""


@attrs.define(eq=False)
class _Plan:
    """One set of stale nodes, and how to compute them."""

    stale: list[Callable[[], Node | None]]  # weakly, as one may be the target that keeps this plan
    fresh: list[Node]
    steps: list[_Step]
    failures: int = 0

    def fits(self) -> bool:
        """Return whether exactly these nodes are stale."""
        for step in self.steps:
            if step.schedule is not None and not step.schedule.is_current():
                self.failures = MAX_FAILURES  # a number in an expression was given a value of its own
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
        """Compute the stale nodes, and return whether that went well; if not, the walk has to do the rest."""
        for step in self.steps:
            if step.schedule is None:
                step.compute_alone()
                continue
            try:
                wrong = step.run(step.schedule)
            except Exception as error:  # a guard, or an error, which the walk finds again and tells better
                logger.debug("a plan leaves it to the walk: %r", error)
                self.failures += 1
                return False
            if wrong:
                logger.warning("a plan leaves it to the walk, as it gave %s", wrong)
                self.failures = MAX_FAILURES
                return False
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
    runs: int = 0
    failures: int = 0

    def describe(self) -> PlanInfo:
        """Return how many plans there are, and how they did."""
        return PlanInfo(sum(len(q.plans) for q in self.questions.values()), self.runs, self.failures)

    def compute(self, roots: Sequence[Node]) -> None:
        """Compute what is missing of these adjoints, if there is a plan for it; else leave it to the walk."""
        stale = [i for i in roots if i._value is None]
        if not stale:
            return
        original = self.mirror._op.mirrors
        if original is not None and original._value is not None:  # what the mirror would show
            self.mirror._value = original._value
        key = tuple([i._serial for i in stale])
        question = self.questions.pop(key, None)
        if question is None:
            question = _Question()
            if len(self.questions) >= MAX_QUESTIONS:
                del self.questions[next(iter(self.questions))]
        self.questions[key] = question
        for plan in question.plans:
            if plan.failures < MAX_FAILURES and plan.fits():
                self._run(plan)
                return
        question.times_stale += 1
        if question.times_stale >= PLAN_AFTER and len(question.plans) < MAX_PLANS and not question.too_long:
            try:
                made = _make_plan(stale)
            except Exception:
                logger.warning("no plan for %r: the walk answers", stale[0], exc_info=True)
                self.failures += 1
                made = None
            if made is None:
                question.too_long = True
            else:
                question.plans.append(made)
                self._run(made)

    def _run(self, plan: _Plan) -> None:
        if plan.run():
            self.runs += 1
        else:
            self.failures += 1


def _make_plan(roots: Sequence[Node]) -> _Plan | None:
    stale: dict[int, Node] = {}
    fresh: dict[int, Node] = {}

    def missing(i: Node) -> Sequence[Node] | None:
        if i._serial in stale:
            return None
        if i._value is not None:
            fresh[i._serial] = i
            return None
        return [j for j in i._inputs if j._serial not in stale and j._serial not in fresh]

    for root in roots:
        demand(root, missing, lambda i: stale.__setitem__(i._serial, i))
    if len(stale) > MAX_NODES:
        return None
    nodes: list[Node] = []
    for i in stale.values():
        original = i._op.mirrors
        if original is not None and original._value is None and original._serial not in stale:
            nodes.append(original)  # whose value a mirror shows
        nodes.append(i)
    logger.debug("a plan for %d nodes below %r", len(nodes), roots[0])
    steps: list[_Step] = []
    together: list[Node] = []
    for i in nodes:
        if _runs_users_code(i):
            if together:
                steps.append(_make_step(together))
                together = []
            steps.append(_Step([weakref.ref(i)], None, Kinds.of(()), []))
        else:
            together.append(i)
    if together:
        steps.append(_make_step(together))
    return _Plan([weakref.ref(i) for i in nodes], list(fresh.values()), steps)


def _make_step(nodes: Sequence[Node]) -> _Step:
    """Return the step that computes these nodes from what they read."""
    own = {i._serial for i in nodes}
    read = {j._serial: j for i in nodes for j in i._inputs if j._serial not in own}
    schedule = _schedule.Schedule(nodes, (), exact=True, backend="numpy", boundary=list(read.values()), keep=True)
    schedule.roots = ()
    refs: list[Callable[[], Node | None]] = [weakref.ref(i) for i in nodes]
    return _Step(refs, schedule, Kinds.of(nodes), _count_requests(nodes))


def _runs_users_code(i: Node) -> bool:
    """Return whether computing a node calls what a user wrote, which may raise, count, or take long."""
    if not isinstance(i, AdjointNode):
        return _is_users(i)
    return any(rule.passes is None and _is_users(consumer) for rule, consumer, *_ in i.each_edge())


def _is_users(i: Node) -> bool:
    if i._op is None:
        return False
    op = getattr(i._op, "base", i._op)  # (of a mirror, that of what it shows)
    return not op.is_adjoint and (OPS.get(op.name) is not op or not _is_plain(tuple(i._static.values())))


def _is_plain(static: object) -> bool:
    """Return whether keyword arguments are data alone."""
    if static.__class__ is tuple:
        return all(map(_is_plain, static))
    return static.__class__ in PLAIN or isinstance(static, (np.generic, np.dtype))


def _count_requests(nodes: Sequence[Node]) -> list[tuple[Counts, int, int]]:
    """Return what computing these nodes adds to the counts of adjoints: each adjoint that is read is a request."""
    found: dict[int, list[Any]] = {}
    for i in nodes:
        if i._op.mirrors is not None:
            continue
        for j in {id(j): j for j in i._inputs if isinstance(j, AdjointNode)}.values():
            found.setdefault(id(j._op.counts), [j._op.counts, 0, 0])[1] += 1
        if isinstance(i, AdjointNode):
            found.setdefault(id(i._op.counts), [i._op.counts, 0, 0])[2] += 1
    return [(counts, requests, misses) for counts, requests, misses in found.values()]
