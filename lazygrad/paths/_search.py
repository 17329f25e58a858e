"""The search for the paths that contribute most: a dynamic programme for numbers, a branch and bound for arrays.

The norm of a path's contribution is at most the norm of dL/dL times the product of the local Jacobians' operator norms,
and equal to it where all of them are numbers.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from .._derivatives.edges import Edge
from .._graph.node import Node
from .._graph.types import Array
from .._jacobian.local import factors
from .._jacobian.structured import Matrix
from ._k_best import k_best, multiply_weights
from ._semirings import Memo, Semiring, counting, sum_over_paths

__all__ = ["Link", "Search", "edges_of", "operator_norm"]

LARGEST = 1_000_000  # the most entries of a local Jacobian that are computed to bound its norm
WIDEST = 512  # the most rules that are run for one
ISOMETRIES = {"transpose", "concatenate", "identity", "negative"}  # what flows back is rearranged, or a part of it

Link = tuple[Edge, Any] | None  # the edges of a path from some node up to L, nearest first


def _norm(g: Any) -> float:
    """Return the Euclidean norm; inf for what is not a number, so that it comes first and is seen."""
    norm = float(np.linalg.norm(np.ravel(g)))
    return math.inf if math.isnan(norm) else norm


def _spectral_norm(matrix: Matrix) -> float:
    """Return the operator norm of a structured matrix: the largest of its blocks'."""
    blocks = np.asarray(matrix.blocks, float)
    if not blocks.size:
        return 0.0
    if not np.all(np.isfinite(blocks)):
        return math.inf
    return float(np.linalg.norm(blocks.transpose(0, 3, 1, 2), 2, axis=(-2, -1)).max())


def operator_norm(edge: Edge) -> float:
    """Return the operator norm of an edge's local Jacobian, or an upper bound; inf if that takes too much."""
    c, i = edge.consumer, edge.input
    if c.size == 1:
        slope = edge.slope()
        return slope if math.isfinite(slope) else math.inf
    if c.op.name in ISOMETRIES:
        return 1.0
    if c.op.name == "broadcast_to":
        return math.sqrt(c.size / max(i.size, 1))
    parts = factors(c, edge.argnum)
    if any(form.entries > LARGEST or form.p > WIDEST for form, _ in parts):
        return math.inf
    return functools.reduce(multiply_weights, [_spectral_norm(entries()) for _, entries in parts])


@attrs.frozen(eq=False)
class _Slope:
    """The factor by which an edge between numbers changes the norm of what comes down to it."""

    edge: Edge
    factor: float
    extremes: dict[float, float] = attrs.field(
        factory=dict
    )  # 0 and inf, as the rule itself has them: it may be guarded

    def multiply(self, norm: float) -> float:
        """Return the norm beyond the edge; inf for what is not a number."""
        if 0 < norm < math.inf or (norm == 0 and math.isfinite(self.factor)):
            return multiply_weights(norm, self.factor)
        if norm not in self.extremes:
            c = self.edge.consumer
            self.extremes[norm] = _norm(self.edge.apply_vjp(c.dtype.type(norm).reshape(c.shape)[()]))
        return self.extremes[norm]


@attrs.define(eq=False)
class Search:
    """The paths between `W` and `L`, and the best of them."""

    W: Node
    L: Node
    k: int
    seed: Any
    up: dict[int, list[Edge]]
    best: list[tuple[float, int, Link, Any]] = attrs.field(factory=list)  # a heap, the smallest norm first
    steps: int = 0
    order: int = 0

    def enter(self, norm: float, link: Link, contribution: Array) -> None:
        """Keep a path if it is among the k best so far; of equals the first stays."""
        self.order -= 1
        heapq.heappush(self.best, (norm, self.order, link, contribution))
        if len(self.best) > self.k:
            heapq.heappop(self.best)

    def hopeless(self, bound: float) -> bool:
        """Return whether a path of that norm would not be kept."""
        return len(self.best) == self.k and bound <= self.best[0][0]

    def counts(self) -> Memo:
        """Count the paths to L, from each node between."""
        memo = Memo()
        sum_over_paths(self.W.serial, self.L.serial, lambda s: _end_edges(self.up[s], "consumer"), counting, None, memo)
        return memo

    def enter_heaviest(self) -> None:
        """Enter the k paths of the largest product of slopes, with what they really contribute."""
        arcs = {s: [(e.consumer.serial, _Slope(e, e.slope())) for e in edges] for s, edges in self.up.items()}
        ends, one = (self.W.serial, self.L.serial), _norm(self.seed)
        for numbers in k_best(*ends, arcs, self.k, multiply=lambda norm, slope: slope.multiply(norm), one=one):
            path, s = [], self.W.serial
            for number in numbers:
                path.append(self.up[s][number])
                s = path[-1].consumer.serial
            g: Any = self.seed
            link: Link = None
            for edge in reversed(path):
                g, link = edge.apply_vjp(g), (edge, link)
            self.enter(_norm(g), link, g)

    def enter_likely(self, down: dict[int, list[Edge]]) -> None:
        """Enter good paths: at each node, from L down, only the k largest of what arrives there are taken on."""
        held: dict[int, list[tuple[float, int, Any, Link]]] = {self.L.serial: [(_norm(self.seed), 0, self.seed, None)]}
        order = itertools.count(0, -1)
        for s in sorted(down, reverse=True):  # consumers first
            arrived = sorted(held.pop(s), reverse=True)
            for edge in reversed(down[s]):
                there = held.setdefault(edge.input.serial, [])
                for _, _, above, link in arrived:
                    g = edge.apply_vjp(above)
                    heapq.heappush(there, (_norm(g), next(order), g, (edge, link)))
                    if len(there) > self.k:
                        heapq.heappop(there)
        for norm, _, g, link in sorted(held[self.W.serial], reverse=True):
            self.enter(norm, link, g)

    def downwards(self) -> dict[int, list[Edge]]:
        """Return the edges of each node between to its inputs between, the last input first."""
        down: dict[int, list[Edge]] = {}
        for edge in sorted(itertools.chain(*self.up.values()), key=lambda edge: edge.argnum, reverse=True):
            down.setdefault(edge.consumer.serial, []).append(edge)
        return down

    def heaviest_rests(self, down: dict[int, list[Edge]], norm_of: Callable[[Edge], float]) -> Memo:
        """Find, from each node, the largest product of norms along a path to W."""
        rest = Memo()
        sum_over_paths(
            self.L.serial,
            self.W.serial,
            lambda s: _end_edges(down[s], "input"),
            Semiring(max, lambda below, weight: multiply_weights(weight, below), 0.0, 1.0),
            lambda i, c, number: norm_of(down[c][number]),
            rest,
        )
        return rest

    def branch_and_bound(
        self, down: dict[int, list[Edge]], norm_of: Callable[[Edge], float] | None, budget: float
    ) -> float:
        """Go down from L, the most promising edge first, leaving out what cannot be among the best.

        Without `norm_of` nothing is known of what is below, and all paths are walked (a rule may make nan of 0).
        Returns a bound on the norms of the paths that the budget did not reach, 0 if it reached all.
        """
        rest = None if norm_of is None else self.heaviest_rests(down, norm_of).sums

        def bound_path(norm: float, edge: Edge) -> float:
            """Return a bound on the norm of all paths over an edge, from the norm of what reaches its consumer."""
            if norm_of is None or rest is None:
                return math.inf
            return multiply_weights(norm, multiply_weights(norm_of(edge), rest[edge.input.serial]))

        known = {edges_of(link) for _, _, link, _ in self.best}
        stack: list[tuple[float, Edge | None, Any, Link]] = [(math.inf, None, self.seed, None)]
        while stack:
            bound, edge, g, link = stack.pop()
            if self.hopeless(bound):
                continue
            node = self.L
            if edge is not None:
                if self.steps >= budget:
                    return max(bound, max((b for b, *_ in stack), default=0.0))
                self.steps += 1
                g, link, node = edge.apply_vjp(g), (edge, link), edge.input
            norm = _norm(g)
            if node is self.W:
                if not known or edges_of(link) not in known:
                    self.enter(norm, link, g)
                continue
            below = [(bound_path(norm, e), e, g, link) for e in down[node.serial]]
            below.sort(key=lambda item: item[0])  # (stable: of equals the first input comes off the stack first)
            stack.extend(item for item in below if not self.hopeless(item[0]))
        return 0.0

    def run(self, prefixes: int, budget: int) -> float:
        """Find the best paths; returns a bound on those that were not looked at.

        `prefixes` is the number of steps to walk all paths, what they share at L's end only once.
        """
        edges = [edge for edges in self.up.values() for edge in edges]
        if all(edge.consumer.size == 1 for edge in edges):  # products of numbers: the weights are the norms
            self.enter_heaviest()
            return 0.0
        down = self.downwards()
        if prefixes <= max(budget, self.k * len(edges)):
            return self.branch_and_bound(down, None, math.inf)
        self.enter_likely(down)
        norms = {edge: operator_norm(edge) for edge in edges}
        return self.branch_and_bound(down, norms.__getitem__, budget)


def _end_edges(edges: list[Edge], end: str) -> list[tuple[int, int]]:
    return [(getattr(edge, end).serial, number) for number, edge in enumerate(edges)]


def edges_of(link: Link) -> tuple[Edge, ...]:
    found = []
    while link is not None:
        found.append(link[0])
        link = link[1]
    return tuple(found)
