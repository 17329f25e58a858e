"""The paths that contribute most to a gradient.

Collins, Theorem 1: dL/dW is the sum, over all directed paths from W to L, of the product of the local Jacobians along
the path (Stratos, section 3; Tomassoli, sections 6 and 7).
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from .._derivatives.edges import Edge, find_edges_between
from .._graph.node import Node, label
from .._graph.quiet import call_with_errstate
from .._graph.settings import check_count
from .._graph.turns import as_one_question
from .._graph.types import Array
from .._graph.value import forward_rec, readonly_view
from .._query.differentiator import Differentiator, differentiator
from ..ops._rule import input_name
from ._search import Search, edges_of

__all__ = ["Path", "TopPaths", "top"]

BUDGET = 10_000  # rules that a branch and bound may run
_SHOWN = 12


@attrs.frozen(eq=False, repr=False)
class Path:
    """One directed path from W to L, and what it contributes to dL/dW.

    Attributes
    ----------
    nodes
        The nodes of the path, W first, L last.
    argnums
        At which input of its successor each node but the last stands (``x * x`` has two edges).
    contribution
        The rules of the path's edges applied to dL/dL one after the other; of the shape and dtype of W.
    norm
        The Euclidean norm of the contribution.
    share
        Its part in the gradient, <contribution, gradient> / <gradient, gradient>. The shares of all paths sum to 1; one
        may be negative or larger than 1 where paths cancel, and is nan where the gradient is zero.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0, name="x")
    >>> L = 3.0 * x + x
    >>> L.name = "L"
    >>> first, second = lg.paths.top(L, x, 2)
    >>> first, second.share
    (<path x -> multiply#... -> L: norm 3, share 0.75>, 0.25)
    """

    __module__ = "lazygrad.paths"

    nodes: tuple[Node, ...]
    argnums: tuple[int, ...]
    contribution: Array
    norm: float
    share: float

    @property
    def ops(self) -> tuple[str, ...]:
        """Return the names of the ops along the path, that of L last."""
        return tuple([node.op.name for node in self.nodes[1:]])

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return the name of the input through which the path enters each op."""
        return tuple([input_name(c, k) for c, k in zip(self.nodes[1:], self.argnums, strict=True)])

    def __str__(self) -> str:
        names = [label(node) for node in self.nodes]
        if len(names) > _SHOWN:
            names[_SHOWN // 2 : -_SHOWN // 2] = [f"({len(names) - _SHOWN} more)"]
        return " -> ".join(names)

    def __repr__(self) -> str:
        return f"<path {self}: norm {self.norm:.4g}, share {self.share:.4g}>"


class TopPaths(list[Path]):
    """The paths that `top` found, the largest norm first; prints as a table.

    Attributes
    ----------
    gradient
        dL/dW, which the contributions of all paths sum to.
    number
        How many paths there are.
    exact
        Whether no other path has a larger norm (up to rounding). False if the budget ran out; what is listed are then
        the best paths found, their contributions and norms exact all the same.
    bound
        No path that is not listed has a norm above this.
    steps
        How many rules were run along paths, as far as they are counted towards the budget.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0, name="x")
    >>> paths = lg.paths.top(x * x * x, x, 2)
    >>> len(paths), paths.number, paths.exact, paths.bound, paths.gradient
    (2, 3, True, 4.0, array(12.))
    """

    __module__ = "lazygrad.paths"

    gradient: Array
    number: int
    exact: bool
    bound: float
    steps: int

    def __str__(self) -> str:
        of = "the largest" if self.exact else f"large ones (no other above {self.bound:.4g})"
        head = f"{len(self)} of {_show(self.number)} paths, {of}"
        return "\n".join(
            [head, f"{'norm':>10}{'share':>8}  path", *(f"{p.norm:>10.4g}{p.share:>8.1%}  {p}" for p in self)]
        )

    def __repr__(self) -> str:
        return f"<{len(self)} of {_show(self.number)} paths: {super().__repr__()}>"


def _show(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"about 10^{math.log10(number):.0f}"


def top(L: Node, W: Node, k: int, *, cotangent: Any = None, budget: int = BUDGET) -> TopPaths:
    """Return the `k` directed paths from `W` to `L` that contribute most to dL/d`W`.

    Parameters
    ----------
    L
        A float node of one element; or of any shape, with a `cotangent`.
    W
        A float node below it.
    k
        How many paths; fewer come back if there are fewer.
    cotangent
        dL/dL, as in `lazygrad.gradient`.
    budget
        How many rules may be run to search the paths of a graph of arrays.

    Returns
    -------
    `TopPaths`, a list of `Path` by falling norm of the contribution, ties in a fixed order; what is nan or infinite
    comes first. Paths are those along which a derivative flows: blocked edges and structural zeros are on none.

    Raises
    ------
    NotDifferentiableError
        Where the gradient itself is undefined.

    Notes
    -----
    The terms of Collins' Theorem 1. Paths are never enumerated: their number may have any length.

    *Where every node but* `W` *has one element*, a contribution's norm is the product of the absolute local
    derivatives, and the k best products are found by dynamic programming, once for each edge: the answer is exact.

    *Where all paths can be walked within the budget*, they are: the answer is exact.

    *Else* a first guess takes from `L` down, at each node, the k largest of what arrives there (k rules for each edge).
    Then a branch and bound proves or improves it: the norm of a path that starts with g is at most the norm of g times
    the largest product of operator norms along the rest. Those norms are computed exactly from the structure of each
    local Jacobian (elementwise, matrix product, reduction, ...), or bounded from above; for one with more than a
    million entries and no structure, by infinity. If the search ends within the budget, the answer is exact; if not,
    `TopPaths.exact` is False, the listed paths are the best found, and no other has a norm above `TopPaths.bound`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0, name="x")
    >>> y = x * x
    >>> L = y * 3.0 + x
    >>> y.name, L.name = "y", "L"
    >>> paths = top(L, x, 2)
    >>> print(paths)
    2 of 3 paths, the largest
          norm   share  path
             6   46.2%  x -> y -> multiply#... -> L
             6   46.2%  x -> y -> multiply#... -> L
    >>> paths[0].ops, paths[0].arguments, paths[1].arguments
    (('multiply', 'multiply', 'add'), ('x', 'x', 'x'), ('y', 'x', 'x'))
    >>> sum(path.contribution for path in top(L, x, 3)) == lg.gradient(L, x)
    np.True_
    """
    check_count(k, "k", 1)
    check_count(budget, "budget")
    if not isinstance(W, Node):
        raise TypeError(f"paths are followed from one node, not from {type(W).__name__}")

    def search() -> TopPaths:
        d = differentiator(L) if cotangent is None else Differentiator(L, cotangent=cotangent)
        gradient = d.gradient(W, unconnected="none")  # with whatever forward values rules read
        found = TopPaths()
        found.gradient = readonly_view(np.zeros(W.shape, W.dtype)) if gradient is None else gradient
        found.number, found.exact, found.bound, found.steps = 0, True, 0.0, 0
        if gradient is None:
            return found
        search = Search(W, L, k, forward_rec(d.adjoint(L)), find_edges_between(W, L))
        counts = search.counts().sums
        found.number = counts[W.serial]
        found.bound = search.run(sum(counts.values()), budget)
        found.exact, found.steps = found.bound == 0.0, search.steps
        for _, _, link, contribution in sorted(search.best, key=lambda item: (-item[0], -item[1])):
            found.append(_path(W, edges_of(link), contribution, gradient))
        return found

    # What overflows is shown by its norm.
    found = as_one_question((L, W), call_with_errstate, {"all": "ignore"}, search)
    if found.number > len(found):
        last = found[-1].norm
        found.bound = max(found.bound, math.inf if math.isnan(last) else last)
    return found


def _path(W: Node, edges: tuple[Edge, ...], contribution: Any, gradient: Any) -> Path:
    c, g = np.ravel(contribution).astype(float), np.ravel(gradient).astype(float)
    total = np.vdot(g, g)
    return Path(
        (W, *[edge.consumer for edge in edges]),
        tuple([edge.argnum for edge in edges]),
        readonly_view(contribution),
        float(np.linalg.norm(c)),
        float(np.vdot(c, g) / total) if total else math.nan,
    )
