"""Paths whose contribution is nan or infinite: they come first, and neither hide others nor are hidden."""

import itertools
import math

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import paths
from lazygrad._derivatives.edges import Edge
from lazygrad.paths._k_best import k_best, multiply_weights
from lazygrad.paths._search import operator_norm
from tests.helpers.all_paths import search_paths, walk_paths
from tests.helpers.random_graphs import build, random_dag

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def seen(norms):
    """Return the norms with inf for nan: what is not finite comes first, in whatever order."""
    return [math.inf if math.isnan(norm) else norm for norm in norms]


def test_nan_counts_as_infinite_in_a_product_of_weights():
    nan, inf = math.nan, math.inf
    assert [multiply_weights(2.0, nan), multiply_weights(nan, 2.0), multiply_weights(inf, 0.0)] == [inf] * 3
    assert [multiply_weights(0.0, nan), multiply_weights(0.0, inf), multiply_weights(2.0, 3.0)] == [inf, inf, 6.0]


@pytest.mark.parametrize("turn", range(4))
def test_arcs_of_weight_nan_are_taken_first_and_the_others_in_order(turn):
    weights = [3.0, math.nan, 5.0, 4.0]
    weights = weights[turn:] + weights[:turn]
    falling = sorted(range(4), key=lambda k: seen(weights)[k], reverse=True)
    for k in range(1, 6):
        assert k_best("s", "t", {"s": [("t", w) for w in weights]}, k) == [[arc] for arc in falling[:k]]
        assert k_best("s", "t", {"s": [("m", 1.0)], "m": [("t", w) for w in weights]}, k) == [
            [0, arc] for arc in falling[:k]
        ]


def three_terms(x, a):
    return (2.0 * x + x * a + 3.0 * x).sum()


@pytest.mark.parametrize("start", [1.0, [1.0, 1.0]], ids=["numbers", "arrays"])
def test_a_contribution_that_is_nan_comes_first(start):
    x = lg.parameter(start)
    a = np.full(x.shape, 1.0)
    a.flat[0] = math.nan
    L = three_terms(x, a)
    size = math.sqrt(x.size)
    for k, bound in ((1, math.inf), (2, 3.0 * size), (3, 0.0), (4, 0.0)):
        found = paths.top(L, x, k)
        assert math.isnan(found[0].norm)
        assert found[0].nodes[1].inputs[0] is x
        assert np.isnan(found[0].contribution).sum() == 1
        assert [p.norm for p in found][1:] == pytest.approx([3.0 * size, 2.0 * size][: k - 1])
        assert (found.number, found.exact, found.bound) == (3, True, pytest.approx(bound))
        assert np.isnan(found.gradient).sum() == 1


def test_a_bound_tells_of_what_comes_after_nan():
    x = lg.parameter(1.0)
    (first,) = found = paths.top(x * math.nan + x * math.inf, x, 1)
    assert math.isnan(first.norm)
    assert found.bound == math.inf  # one of an infinite norm is not listed


@pytest.mark.parametrize("start", [[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]]], ids=["numbers", "arrays"])
def test_what_a_product_makes_of_zero_is_not_hidden(start):
    """0 times nan is nan in a matrix product, so the path whose upper part is 0 comes first."""
    v = lg.parameter(start)
    L = 0.0 * (v @ np.array([math.nan, 1.0])).sum() + 3 * v.reshape(-1)[1]
    assert np.isnan(lg.gradient(L, v)).any()
    (first,) = paths.top(L, v, 1)
    assert math.isnan(first.norm)
    assert "matmul" in first.ops
    assert math.isnan(paths.top(L, v, 2)[0].norm)


def test_a_rule_that_guards_hides_what_is_infinite_below_it():
    x = lg.parameter(0.0)
    for L in (np.where(x > 1.0, x / x, 3.0 * x), np.where(x > 1.0, 1.0 / x, 0.0) + 3.0 * x):
        assert [p.norm for p in paths.top(L, x, 1)] == [3.0] == [float(lg.gradient(L, x))]
    masked = np.where(x < 1.0, 0.0, np.sqrt(x)) * math.inf + 3.0 * x  # inf comes down to the mask, which lets none by
    assert [p.norm for p in paths.top(masked, x, 1)] == [3.0]


def test_where_nothing_is_selected_zero_times_inf_is_seen():
    x = lg.parameter(0.0)
    L = 0.0 * np.sqrt(x) + 3 * x
    first, second = paths.top(L, x, 2)
    assert (math.isnan(first.norm), second.norm) == (True, 3.0)
    assert math.isnan(lg.gradient(L, x))


@pytest.mark.parametrize(("seed", "first"), [(0.0, 0.0), (2.0, 4.0), (math.inf, math.nan)])
def test_the_weights_of_numbers_begin_with_the_cotangent(seed, first):
    x = lg.parameter(2.0)
    found = paths.top(x * 0.0 + x * 2.0, x, 2, cotangent=seed)
    np.testing.assert_array_equal(found[0].norm, first)
    assert len(found) == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("start", [[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]]], ids=["one row", "rows"])
def test_the_bound_of_a_jacobian_that_is_not_finite_is_infinite(bad, start):
    v = lg.parameter(start)
    for node in (v @ np.array([bad, 1.0]), v * bad, v * np.array([1.0, bad])):
        assert operator_norm(Edge(node, v, 0)) == math.inf


def test_infinite_above_zero_is_not_left_out():
    """The best first guess misses the path on which inf meets 0; its bound must not be that 0."""
    v = lg.parameter([0.0, 1.0])
    h = np.sqrt(v * 0.0 + np.array([0.0, 1.0]))
    L = 5.0 * h[1] + h[0]
    expected = sorted(seen([float(np.linalg.norm(g)) for *_, g in walk_paths(L, v)]), reverse=True)
    assert expected == [math.inf, 0.0]
    for bounded in (False, True):
        for k in (1, 2):
            _, norms, left = search_paths(L, v, k, bounded)
            assert (norms, left) == (expected[:k], 0.0)


def test_when_the_budget_runs_out_what_is_nan_is_listed():
    rng = np.random.default_rng(0)
    x = lg.parameter(rng.normal(size=4))
    h = x
    for _ in range(60):
        h = h + lg.ops.relu(0.3 * rng.normal(size=(4, 4)) @ h)
    L = h.sum() + (x * np.array([1.0, math.nan, 1.0, 1.0])).sum()
    found = paths.top(L, x, 3, budget=20)
    assert found.number == 2**60 + 1
    assert (math.isnan(found[0].norm), [math.isfinite(p.norm) for p in found[1:]]) == (True, [True, True])
    assert found[0].ops == ("multiply", "sum", "add")
    assert found.bound >= found[1].norm


@pytest.mark.parametrize("arrays", [False, True])
def test_random_graphs_at_points_that_are_not_finite(arrays):
    some = 0
    for seed in range(60):
        dag, rng = random_dag(5000 + seed, arrays), np.random.default_rng(seed)
        nodes = build(dag.recipe)
        for leaf in (nodes[p] for p in dag.parameters):
            value = np.array(leaf.value)
            if value.size:
                value.flat[rng.integers(value.size)] = rng.choice([math.nan, math.inf, -math.inf, 0.0])
            leaf.set(value)
        for loss, leaf in itertools.product(dag.losses, dag.parameters):
            L, W = nodes[loss], nodes[leaf]
            if not 2 <= paths.count(L, W) <= 40:
                continue
            norms = sorted(seen([float(np.linalg.norm(g)) for *_, g in walk_paths(L, W)]), reverse=True)
            some += norms[0] == math.inf
            for k in (1, 3, len(norms)):
                np.testing.assert_allclose(seen([p.norm for p in paths.top(L, W, k)]), norms[:k], rtol=1e-9, atol=1e-15)
                if arrays:
                    bounded = search_paths(L, W, k, bounded=True)[1]
                    np.testing.assert_allclose(bounded, norms[:k], rtol=1e-9, atol=1e-15)
    assert some > 20
