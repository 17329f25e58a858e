"""The cost of a question before it is asked; and afterwards, planned against actual.

The plan is made by the very steps of the query, on a copy of the target's memo in which nothing is computed. The nodes
built there are dropped again, so that the memo, the graph and the counts stay as they are.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import attrs

from .._derivatives.adjoint_node import AdjointNode, unmirrored
from .._derivatives.target_memo import TargetMemo
from .._graph.node import Node, Operand, by_serial, delist
from .._graph.settings import check_flag
from .._graph.turns import lock
from .._graph.types import Structure
from .._graph.value import find_pending
from .._graph.watch import attach_watcher, detach_watchers
from .._query.checks import as_cotangent, check_target, map_nodes, resolve_names
from .._query.differentiator import Differentiator, differentiator
from .._query.gradient import gradient
from .._report.report import Report, record
from .._report.tally import Question
from ..paths import sum_product
from ..paths._semirings import Memo, Semiring
from ._explanation import Explanation, Read, Step

__all__ = ["explain"]

ENOUGH = 2**1000  # paths: more are counted as infinitely many, so that the counts do not grow as long as the graph


def _cap(count: Any) -> Any:
    """Return a count of paths, or infinity where it is too long to write."""
    return count if count < ENOUGH else math.inf


PATHS = Semiring(lambda x, y: _cap(x + y), lambda x, y: _cap(x * y), 0, 1)


def explain(
    L: Node | Differentiator, wrt: Structure, *, cotangent: Operand | None = None, analyze: bool = False
) -> Explanation:
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
    with lock, detach_watchers():
        d = L if isinstance(L, Differentiator) else _find_differentiator(L, cotangent)
        try:
            d._check_seed()
            nodes = resolve_names(wrt, d.target)
            wanted: list[Node] = []
            map_nodes(nodes, wanted.append)
            plan = _plan(d, tuple(wanted))
        finally:
            if d is not L and d._memo is not d.target._memo:
                delist(d._memo.mirror)
    if not check_flag(analyze, "explain: analyze"):
        return plan
    with record(timing=True) as actual:
        if isinstance(L, Differentiator):
            gradients = L.gradient(nodes, unconnected="none")
        else:
            gradients = gradient(L, nodes, unconnected="none", cotangent=cotangent)
    return attrs.evolve(plan, actual=actual, gradients=gradients)


def _find_differentiator(L: Node, cotangent: Any) -> Differentiator:
    """Return the differentiator that `lazygrad.gradient` would ask, without keeping a memo that it would make."""
    check_target(L)
    if L._memo is not None and cotangent is None:
        return differentiator(L)
    return _wrap_memo(L, TargetMemo.of(L, None if cotangent is None else as_cotangent(L, cotangent)))


def _wrap_memo(L: Node, memo: TargetMemo) -> Differentiator:
    """Make a differentiator around a memo that the target does not know of."""
    d = Differentiator.__new__(Differentiator)
    d._set_up(L, memo)
    return d


def _plan(d: Differentiator, wanted: tuple[Node, ...]) -> Explanation:
    """Plan what the differentiator's `gradient` would do."""
    L, memo = d.target, d._memo
    scratch = _copy_memo(memo)
    twin = _wrap_memo(L, scratch)
    known = {i.serial for i in _list_own_nodes(memo)}
    planned = Report()  # as if it had run
    done: dict[int, Node] = {}
    steps: list[Node] = []
    try:
        with attach_watcher(planned):
            for i in wanted:
                adjoint = twin._find_adjoint(i)
                if adjoint is not None:
                    planned._expect_event(adjoint, True)
                    for j in find_pending(adjoint, done):
                        planned._expect_event(j, False)
                        steps.append(j)
        counted = Memo()
        return Explanation(
            asked=Question("gradient", L, wanted),
            paths=tuple([(i, sum_product(L, i, PATHS, memo=counted)) for i in {i.serial: i for i in wanted}.values()]),
            steps=tuple([Step.of(i) for i in steps]),
            values=planned.values,
            adjoints=planned.adjoints,
            reads=_list_reads(steps),
            built=len([i for i in steps if isinstance(i, AdjointNode) and i.serial not in known]),
            nodes_touched=planned.nodes_touched,
        )
    finally:
        for i in reversed(_list_own_nodes(scratch)):
            if i.serial not in known:
                delist(i)


def _list_reads(steps: Iterable[Node]) -> tuple[Read, ...]:
    """List the forward values that the rules of adjoints read, in the order of first need."""
    found: dict[int, Read] = {}
    for i in steps:
        if isinstance(i, AdjointNode):
            for *_, start, stop in i.each_edge():
                for j in map(unmirrored, i.inputs[start + 1 : stop]):
                    state = "leaf" if j.op is None else "to compute" if j._value is None else "in the memo"
                    found.setdefault(j.serial, Read(j, state))
    return tuple(found.values())


# -- a memo to build in ---------------------------------------------------------------------------------


def _copy_memo(memo: TargetMemo) -> TargetMemo:
    """Copy a memo and those inside it, which nest no deeper than derivatives do."""
    discovery = copy.copy(memo.discovery)
    discovery.leading = dict(discovery.leading)
    discovery._met = {serial: (i, list(consumers)) for serial, (i, consumers) in discovery._met.items()}
    discovery._heap = list(discovery._heap)
    inner = {serial: _copy_memo(other) for serial, other in memo.inner.items()}
    return TargetMemo(memo.serial, discovery, memo.op, memo.seeded, dict(memo.adjoints), inner)


def _list_own_nodes(memo: TargetMemo) -> list[Node]:
    """List the nodes that a memo, and those inside it, have built: mirrors and adjoints, oldest first."""
    found: list[Node] = []
    todo = [memo]
    for m in todo:
        found += [m.mirror, *m.adjoints.values()]
        todo += m.inner.values()
    return sorted(found, key=by_serial)
