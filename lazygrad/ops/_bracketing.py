"""The order in which to multiply a chain of factors out: the matrix chain problem, by dynamic programming."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

__all__ = ["Tree", "best_bracketing"]

K = TypeVar("K", bound=Hashable)

# How to bracket a product: the index of a factor, or two parts.
Tree = int | tuple["Tree", "Tree"]


def best_bracketing(kinds: Sequence[K], multiply: Callable[[K, K], tuple[K, int]]) -> tuple[int, Tree]:
    """Return the least cost of a product, and how to bracket it for that.

    Dynamic programming over intervals; as the kind of a part can depend on its bracketing, an interval keeps its
    best cost for each kind. Among equal costs the first split counts.

    Parameters
    ----------
    kinds
        What is known of each factor: its shape, or its structure, too.
    multiply
        The kind of a product of two kinds, and its cost.
    """
    best: dict[tuple[int, int], dict[K, tuple[int, Tree]]] = {}
    n = len(kinds)
    for i, kind in enumerate(kinds):
        best[i, i + 1] = {kind: (0, i)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            k = i + length
            here: dict[K, tuple[int, Tree]] = {}
            for j in range(i + 1, k):
                for x, (cost_x, tree_x) in best[i, j].items():
                    for y, (cost_y, tree_y) in best[j, k].items():
                        kind, cost = multiply(x, y)
                        cost += cost_x + cost_y
                        if kind not in here or cost < here[kind][0]:
                            here[kind] = cost, (tree_x, tree_y)
            best[i, k] = here
    return min(best[0, n].values(), key=lambda entry: entry[0])
