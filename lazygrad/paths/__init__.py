"""Sums over paths: count them, run any semiring along them, and find which of them a gradient is made of.

This room holds the semirings, the recursion over consumers that runs in them, and the search for the largest terms of a
gradient. It may import the graph, the derivatives, the questions and the local Jacobians.
"""

from ._semirings import Memo, Semiring, counting, longest, matrices, max_product, real, sets, shortest
from ._sums import contributions, count, differentiable_leaves, edge_jacobian, sum_product
from ._top import Path, TopPaths, top

__all__ = [
    "Memo",
    "Path",
    "Semiring",
    "TopPaths",
    "contributions",
    "count",
    "counting",
    "differentiable_leaves",
    "edge_jacobian",
    "longest",
    "matrices",
    "max_product",
    "real",
    "sets",
    "shortest",
    "sum_product",
    "top",
]
