"""Semirings, and the sum-product algorithm over the paths of any acyclic graph.

Stratos, appendix F.2, equation (17)::

    mu(s) = sum over paths (a_1 ... a_n) from s to t of Q^{a_n} * ... * Q^{a_1}
          = sum over children j of s of mu(j) * Q^{s->j},      mu(t) = one

The second line is a recursion over children (consumers), so it is run by demand and memoised: one step for each
arc, however many paths there are. (As printed, the case "s is a parent of t" forgets such a parent's other
children; with mu(t) = one there is no such case.)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import attrs
import numpy as np

from .._graph.demand import demand

__all__ = [
    "Memo",
    "Semiring",
    "counting",
    "longest",
    "matrices",
    "max_product",
    "real",
    "sets",
    "shortest",
    "sum_over_paths",
]


@attrs.frozen
class Semiring:
    """The arithmetic that paths are summed in: two associative operations, `multiply` distributing over `add`.

    Parameters
    ----------
    add
        Joins the paths; commutative.
    multiply
        Joins the arcs of a path, called as ``multiply(rest of the path, arc)``: the arc nearest to the target is the
        leftmost factor. It need not be commutative.
    zero
        The sum over no path.
    one
        The product over no arc; also what an arc is worth by default.

    Notes
    -----
    The set Q of Stratos, F.2. `zero` is never added and `one` never multiplied, except where an arc is worth it.

    Examples
    --------
    The bottleneck of the widest path:

    >>> import lazygrad as lg
    >>> widest = Semiring(max, min, zero=float("-inf"), one=float("inf"))
    >>> width = {("a", "b"): 5, ("b", "d"): 1, ("a", "c"): 3, ("c", "d"): 2}
    >>> graph = {"a": ["b", "c"], "b": ["d"], "c": ["d"]}
    >>> lg.paths.sum_product(graph, "a", widest, arc=lambda j, s, argnum: width[s, j])
    2
    """

    __module__ = "lazygrad.paths"

    add: Callable[[Any, Any], Any]
    multiply: Callable[[Any, Any], Any]
    zero: Any
    one: Any


def _unite(x: frozenset[Any] | None, y: frozenset[Any] | None) -> frozenset[Any] | None:
    return y if x is None else x if y is None else x | y


def _join(x: frozenset[Any] | None, y: frozenset[Any] | None) -> frozenset[Any] | None:
    return None if x is None or y is None else x | y


def _matrix_sum(x: Any, y: Any) -> Any:
    if np.ndim(x) != np.ndim(y):  # the number c stands for c I
        x, y = (y, x) if np.ndim(x) == 0 else (x, y)
        return x + y * np.eye(*x.shape) if np.any(y) else x
    return x + y


def _matrix_product(x: Any, y: Any) -> Any:
    return x * y if np.ndim(x) == 0 or np.ndim(y) == 0 else x @ y


counting = Semiring(operator.add, operator.mul, 0, 1)  # how many paths
real = Semiring(operator.add, operator.mul, 0.0, 1.0)  # the chain rule of numbers
longest = Semiring(max, operator.add, float("-inf"), 0)
shortest = Semiring(min, operator.add, float("inf"), 0)
max_product = Semiring(max, operator.mul, 0, 1)  # the heaviest path, of weights that are not negative
sets = Semiring(_unite, _join, None, frozenset())  # what lies on any path; None: there is none
matrices = Semiring(_matrix_sum, _matrix_product, 0, 1)  # 0 and 1 stand for 0 and I of whatever size


@attrs.define(eq=False, repr=False)
class Memo:
    """The sums mu(s) found on the way to one target, and how many steps they took.

    Pass an empty one to `sum_product` to look at what it did; pass it again and a further question costs only its
    new arcs. It belongs to one target, semiring and arc, and to the values that the arcs read: after a `set` of a
    leaf below them, start a new one.

    Attributes
    ----------
    steps
        How many arcs have been multiplied and added: Stratos' |A| once all is known.

    Examples
    --------
    >>> import lazygrad as lg
    >>> graph = {1: [2, 3], 2: [4], 3: [4], 4: [5, 6], 5: [7], 6: [7]}
    >>> memo = Memo()
    >>> lg.paths.sum_product(graph, 4, lg.paths.counting, memo=memo), memo.steps
    (2, 4)
    >>> lg.paths.sum_product(graph, 1, lg.paths.counting, memo=memo), memo.steps
    (4, 8)
    >>> memo
    <Memo of 7 sums, 8 steps>
    """

    __module__ = "lazygrad.paths"

    steps: int = 0
    sums: dict[Hashable, Any] = attrs.field(factory=dict)  # by node, or by the serial of a lazygrad node
    _of: tuple[Any, ...] | None = None

    def __repr__(self) -> str:
        return f"<Memo of {len(self.sums)} sums, {self.steps} steps>"

    def belong(self, *of: object) -> None:
        """Refuse to mix the sums of two questions."""
        if self._of is None:
            self._of = of
        elif any(x is not y for x, y in zip(self._of, of, strict=True)):
            raise ValueError("this memo holds the sums of another graph, target, semiring or arc: pass a new `Memo()`")


class _NoPath:
    """The sum of a node from which no path leads to the target."""


NOWHERE = _NoPath()


def sum_over_paths(
    start: Hashable,
    target: Any,
    children: Callable[[Any], Sequence[tuple[Any, int]]],
    semiring: Semiring,
    arc: Callable[[Any, Any, int], Any] | None,
    memo: Memo,
    key: Callable[[Any], Hashable] = lambda s: s,
) -> Any:
    """Return mu(start), by demand over children.

    Parameters
    ----------
    start, target
        Nodes of any kind; `key` names them in the memo.
    children
        Node -> (child, number of the arc) for each arc from it; those that do not lead to the target do no harm.
    arc
        ``arc(child, node, number)`` is Q; None makes every arc worth one.
    """
    sums, goal = memo.sums, key(target)
    sums.setdefault(goal, semiring.one)
    waiting: dict[Hashable, Sequence[tuple[Any, int]]] = {}  # nodes whose children are being summed

    def missing(s: Any) -> Sequence[Any] | None:
        if (name := key(s)) in sums:
            return None
        if name in waiting:
            raise ValueError(f"the graph has a cycle through {s!r}: paths are summed on acyclic graphs only")
        waiting[name] = arcs = children(s)
        return [j for j, _ in arcs if key(j) not in sums]

    def compute(s: Any) -> None:
        name = key(s)
        total: Any = NOWHERE
        for j, number in waiting.pop(name):
            other = key(j)
            rest = sums[other]
            if rest is NOWHERE:
                continue
            term = semiring.one if arc is None else arc(j, s, number)
            if other != goal:
                term = semiring.multiply(rest, term)
            total = term if total is NOWHERE else semiring.add(total, term)
            memo.steps += 1
        sums[name] = total

    demand(start, missing, compute)
    total = sums[key(start)]
    return semiring.zero if total is NOWHERE else total
