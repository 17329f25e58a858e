"""The k heaviest paths of an acyclic graph, by demand; it knows no nodes.

A path's weight is the product of the weights of its arcs, none negative. The r-th heaviest path from s goes over
some arc to a child j and on along j's q-th heaviest; when it has been taken, j's (q+1)-th is what may take
its place. So the r-th of s needs the r-1 before it and one more of one child: a memoised recursion on (s, r)
(V. M. Jimenez and A. Marzal, *Computing the K shortest paths*, 1999), never an enumeration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from .._graph.demand import demand

__all__ = ["k_best", "multiply_weights"]

Arcs = Mapping[Any, Sequence[tuple[Any, Any]]]  # node -> (child, weight) of each arc from it
Key = tuple[Hashable, int]  # (node, rank)
Ranked = tuple[float, int, int]  # weight, arc, rank of the rest among the child's


def multiply_weights(rest: float, weight: float) -> float:
    """Return the weight of a path; nan, as 0 times inf, counts as inf, to be seen."""
    product = weight * rest
    return math.inf if math.isnan(product) else product


def k_best(
    start: Hashable,
    target: Hashable,
    arcs: Arcs,
    k: int,
    *,
    multiply: Callable[[float, Any], float] = multiply_weights,
    one: float = 1.0,
) -> list[list[int]]:
    """Return the k heaviest paths, heaviest first, each as the numbers of its arcs.

    Parameters
    ----------
    arcs
        Node -> (child, weight) of each arc from it; every child leads to `target`.
    multiply
        The weight of a path from that of the rest of it and that of its first arc, rising with the former; never nan.
    one
        The weight of the path of no arc.

    Notes
    -----
    Ties go to the arc with the smaller number, and then to the better rank. Time and memory are linear in the arcs
    and in k times the length of the paths found, up to a logarithm. If there are fewer paths, all come back.

    Examples
    --------
    >>> k_best("a", "c", {"a": [("b", 2.0), ("b", 3.0), ("c", 5.0)], "b": [("c", 2.0)]}, 2)
    [[1, 0], [2]]
    """
    ranked: dict[Hashable, list[Ranked]] = {target: [(one, -1, 0)]}
    rivals: dict[Hashable, list[Ranked]] = {target: []}
    exhausted = {target}

    def missing(key: Key) -> Sequence[Key] | None:
        s, rank = key
        found = ranked.get(s)
        if found is None:
            return [(j, 0) for j, _ in arcs[s] if j not in ranked]
        if rank < len(found) or s in exhausted:
            return None
        _, arc, before = found[-1]
        j = arcs[s][arc][0]
        return [(j, before + 1)] if before + 1 == len(ranked[j]) and j not in exhausted else []

    def rival(s: Hashable, arc: int, rank: int) -> Ranked:
        j, weight = arcs[s][arc]
        return -multiply(ranked[j][rank][0], weight), arc, rank

    def compute(key: Key) -> None:
        s, _ = key
        if s not in ranked:
            rivals[s] = [rival(s, arc, 0) for arc in range(len(arcs[s]))]
            heapify(rivals[s])
            ranked[s] = []
        else:
            _, arc, before = ranked[s][-1]
            if before + 1 < len(ranked[arcs[s][arc][0]]):
                heappush(rivals[s], rival(s, arc, before + 1))
        if rivals[s]:
            weight, arc, rank = heappop(rivals[s])
            ranked[s].append((-weight, arc, rank))
        else:
            exhausted.add(s)

    for rank in range(k):
        demand((start, rank), missing, compute)
        if start in exhausted:
            break
    paths = []
    for _, arc, rank in ranked[start][:k]:
        path, s, a, r = [], start, arc, rank
        while s != target:
            path.append(a)
            s = arcs[s][a][0]
            _, a, r = ranked[s][r]
        paths.append(path)
    return paths
