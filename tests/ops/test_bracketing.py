"""The order in which a chain of matrices is multiplied out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._bracketing import best_bracketing
from lazygrad.ops.solving import _multiply_shapes


def bracketings(i: int, k: int) -> list[Any]:
    """Return all ways to bracket the factors i to k, the last one not included, earlier splits first."""
    if k - i == 1:
        return [i]
    return [(x, y) for j in range(i + 1, k) for x in bracketings(i, j) for y in bracketings(j, k)]


def cost_of(shapes: list[tuple[int, int]], tree: Any) -> tuple[tuple[int, int], int]:
    if isinstance(tree, int):
        return shapes[tree], 0
    (x, cost_x), (y, cost_y) = cost_of(shapes, tree[0]), cost_of(shapes, tree[1])
    return (x[0], y[1]), cost_x + cost_y + x[0] * x[1] * y[1]


@pytest.mark.parametrize("seed", range(20))
def test_no_bracketing_costs_less(seed: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 6, size=2 + seed % 6).tolist()
    shapes = list(pairwise(sizes))
    cost, tree = best_bracketing(shapes, _multiply_shapes)
    costs = [cost_of(shapes, other)[1] for other in bracketings(0, len(shapes))]
    assert cost == min(costs) == cost_of(shapes, tree)[1]


def test_of_equal_costs_the_first_split_counts() -> None:
    assert best_bracketing([(2, 2)] * 4, _multiply_shapes) == (24, (0, (1, (2, 3))))


def test_a_kind_that_costs_more_at_first_may_cost_less_in_the_end() -> None:
    """The best cost of a part is kept for each kind: here only the dearer first product makes the second one free."""

    def multiply(x: str, y: str) -> tuple[str, int]:
        return {"ab": ("dense", 1), "bc": ("sparse", 5)}.get(x + y, ("dense", 0 if "sparse" in (x, y) else 9))

    assert best_bracketing(["a", "b", "c"], multiply) == (5, (0, (1, 2)))


def test_multi_dot_builds_the_cheapest_products() -> None:
    """The example of Cormen, Leiserson, Rivest and Stein, section 14.2."""
    sizes = (30, 35, 15, 5, 10, 20, 25)
    shapes = list(pairwise(sizes))
    assert best_bracketing(shapes, _multiply_shapes) == (15125, ((0, (1, 2)), ((3, 4), 5)))
    leaves = [lg.parameter(np.ones(s)) for s in shapes]
    product = np.linalg.multi_dot(leaves)
    left, right = product.inputs
    assert (left.shape, right.shape) == ((30, 5), (5, 25))
    assert [left.inputs[0].serial, right.inputs[1].serial] == [leaves[0].serial, leaves[5].serial]


@pytest.mark.parametrize(("ends", "shape"), [(((3,), (2,)), ()), (((4, 3), (2,)), (4,)), (((3,), (2, 5)), (5,))])
def test_vectors_at_the_ends_of_multi_dot(ends: Any, shape: Any) -> None:
    first, last = [np.arange(1.0, 1 + np.prod(s)).reshape(s) for s in ends]
    middle = np.arange(6.0).reshape(3, 2)
    node = np.linalg.multi_dot([lg.parameter(first), middle, last])
    assert node.shape == shape
    np.testing.assert_allclose(node.value, np.linalg.multi_dot([first, middle, last]))
    assert all(n.ndim < 2 for n in (node, *node.inputs) if n.op is not None)  # vectors all the way
