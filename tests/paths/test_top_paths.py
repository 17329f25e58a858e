"""The paths that contribute most to a gradient: against brute force, where it is possible and where it is not."""

from __future__ import annotations

import functools
import itertools
import math
import operator

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import paths
from lazygrad._derivatives.edges import Edge, find_edges_between
from lazygrad.ops._declare import op
from lazygrad.ops._rule import UNDEFINED
from lazygrad.paths._search import edges_of, operator_norm
from tests.helpers.all_paths import search_paths, walk_paths
from tests.helpers.random_graphs import build as built
from tests.helpers.random_graphs import random_dag

undefined = op("undefined", np.negative, shape=lambda x: (x.shape, x.dtype), vjp={"x": UNDEFINED}, register=False)


def layered(rng, width, layers, one=np.tanh):
    """Return the same on nodes: each is a weighted sum of all in the layer before."""
    x = lg.parameter(0.7, name="x")
    layer = [x]
    for _ in range(layers):
        weights = rng.normal(size=(width, len(layer)))
        layer = [functools.reduce(operator.add, [h * w for h, w in zip(layer, row, strict=True)]) for row in weights]
        layer = [one(h) for h in layer]
    return x, functools.reduce(operator.add, layer)


def small_graphs(arrays):
    """Random (L, W) between which there are some paths, but not many."""
    for seed in range(60):
        dag = random_dag(1000 + seed, arrays)
        nodes = built(dag.recipe)
        for loss, leaf in itertools.product(dag.losses, dag.parameters):
            if 2 <= paths.count(nodes[loss], nodes[leaf]) <= 60:
                yield nodes[loss], nodes[leaf]


@pytest.mark.parametrize("arrays", [False, True])
def test_top_is_what_brute_force_finds(arrays):
    some = 0
    for L, W in small_graphs(arrays):
        every = {(nodes, argnums): g for nodes, argnums, g in walk_paths(L, W)}
        norms = sorted([float(np.linalg.norm(g)) for g in every.values()], reverse=True)
        for k in (1, 3, len(norms) + 1):
            found = paths.top(L, W, k)
            assert (found.number, found.exact, len(found)) == (len(every), True, min(k, len(every)))
            np.testing.assert_allclose([p.norm for p in found], norms[:k], rtol=1e-9, atol=1e-15)
            assert [p.norm for p in found] == sorted([p.norm for p in found], reverse=True)
            assert len({(p.nodes, p.argnums) for p in found}) == len(found)
            for p in found:
                expected = every[tuple(n.serial for n in p.nodes), p.argnums]
                np.testing.assert_allclose(p.contribution, expected, rtol=1e-9, atol=1e-12)
            assert found.bound == (found[-1].norm if k < len(every) else 0.0)
        # All of them: the contributions sum to the gradient, the shares to 1.
        gradient = lg.gradient(L, W)
        np.testing.assert_allclose(sum(p.contribution for p in found), gradient, rtol=1e-8, atol=1e-10)
        np.testing.assert_array_equal(found.gradient, gradient)
        if np.any(gradient):
            assert sum(p.share for p in found) == pytest.approx(1, rel=1e-6)
        some += 1
    assert some > 10


def k_best_weights(x, L, k):
    """Return the k largest products of |local derivatives|, by merging the lists of all consumers."""
    lists = {L.serial: [1.0]}
    edges = find_edges_between(x, L)
    for s in sorted(edges, reverse=True):
        if s != L.serial:
            merged = [abs(float(e.slope())) * w for e in edges[s] for w in lists[e.consumer.serial]]
            lists[s] = sorted(merged, reverse=True)[:k]
    return lists[x.serial]


def test_30_complete_layers(monkeypatch):
    x, L = layered(np.random.default_rng(0), 3, 30)
    expected = k_best_weights(x, L, 12)
    slopes = []
    slope = Edge.slope
    monkeypatch.setattr(Edge, "slope", lambda edge: slopes.append(edge) or slope(edge))
    found = paths.top(L, x, 12)
    assert found.number == 3**30
    assert found.exact
    np.testing.assert_allclose([p.norm for p in found], expected, rtol=1e-9)
    assert len({(p.nodes, p.argnums) for p in found}) == 12
    assert len(slopes) == sum(map(len, find_edges_between(x, L).values()))  # each local derivative once
    assert len(found[0].ops) == len(found[0].nodes) - 1 == len(found[0].argnums)


def test_more_than_1e30_paths():
    x, L = layered(np.random.default_rng(1), 3, 64)
    found = paths.top(L, x, 3)
    assert found.number == 3**64 > 10**30
    assert str(found).startswith("3 of about 10^31 paths, the largest\n")
    np.testing.assert_allclose([p.norm for p in found], k_best_weights(x, L, 3), rtol=1e-9)


def test_ties_come_in_a_fixed_order():
    x = y = lg.parameter(1.0)
    for _ in range(6):
        y = y + y
    found = paths.top(y, x, 64)
    assert [p.argnums for p in found] == [p.argnums for p in paths.top(y, x, 64)]
    assert [p.argnums for p in found[:5]] == [p.argnums for p in paths.top(y, x, 5)]
    assert {p.argnums for p in found} == set(itertools.product((0, 1), repeat=6))
    v = lg.parameter([1.0, 1.0])
    w = v
    for _ in range(3):
        w = w + w
    assert [p.argnums for p in paths.top(w.sum(), v, 3)] == [p.argnums for p in paths.top(w.sum(), v, 8)][:3]


def test_path_shows_its_chain():
    x = lg.parameter(2.0, name="x")
    y = np.exp(x)
    z = y / x
    y.name, z.name = "y", "z"
    first, second = paths.top(z, x, 2)
    assert str(first) == "x -> y -> z"
    assert (first.ops, first.arguments) == (("exp", "divide"), ("x", "x"))
    assert (second.ops, second.arguments) == (("divide",), ("y",))
    assert second.contribution == pytest.approx(-np.exp(2) / 4)
    assert second.share == pytest.approx(-1)
    assert first.contribution.dtype == np.float64
    assert not first.contribution.flags.writeable
    assert repr(first) == "<path x -> y -> z: norm 3.695, share 2>"


def test_cotangents_dtypes_and_ends():
    W = lg.parameter(np.ones((2, 2), np.float32))
    y = np.tanh(W @ np.ones(2, np.float32)) * 2.0
    with pytest.raises(TypeError, match="cotangent"):
        paths.top(y, W, 1)
    (path,) = paths.top(y, W, 5, cotangent=[1.0, 0.0])
    assert path.contribution.dtype == np.float32
    np.testing.assert_array_equal(path.contribution, lg.gradient(y, W, cotangent=[1.0, 0.0]))
    (itself,) = paths.top(y, y, 1, cotangent=[3.0, 4.0])
    assert (itself.nodes, itself.ops, itself.norm, itself.share) == ((y,), (), 5.0, 1.0)
    none = paths.top(y.sum(), lg.parameter([1.0]), 3)
    assert (list(none), none.number, none.exact, none.gradient.tolist()) == ([], 0, True, [0.0])


def test_paths_that_cancel_and_paths_that_are_not_finite():
    x = lg.parameter(2.0)
    cancelled = paths.top(x - x, x, 2)
    assert [p.contribution for p in cancelled] == [1.0, -1.0]
    assert all(math.isnan(p.share) for p in cancelled)
    z = lg.parameter(0.0)
    L = np.sqrt(z) + 3 * z
    with np.errstate(divide="ignore"):
        assert [p.ops[0] for p in paths.top(L, z, 2)] == ["sqrt", "multiply"]
        guarded = np.where(z > 0, np.sqrt(z), 5 * z)
        assert [(p.ops[0], p.norm) for p in paths.top(guarded, z, 2)] == [("multiply", 5.0), ("sqrt", 0.0)]
        assert [p.norm for p in paths.top(guarded, z, 1)] == [5.0]


def test_undefined_and_blocked_edges():
    x = lg.parameter(1.0)
    labels = lg.constant([1])
    with pytest.raises(lg.NotDifferentiableError, match="undefined"):
        paths.top(undefined(x) + x, x, 1)
    with pytest.raises(lg.NotDifferentiableError, match="int64"):
        paths.top(lg.ops.cross_entropy(lg.parameter([[1.0, 2.0]]), labels).sum(), labels, 1)
    only_zero = paths.top(np.sign(x) * 2, x, 1)
    assert (list(only_zero), only_zero.number) == ([], 0)


def test_paths_through_a_derivative():
    x = lg.parameter([0.3, 0.8])
    slope = lg.adjoint((np.tanh(x) * x).sum(), x)
    L = (slope * slope * x).sum()
    found = paths.top(L, x, 100)
    assert found.number == len(found) > 3
    np.testing.assert_allclose(sum(p.contribution for p in found), lg.gradient(L, x), rtol=1e-12)
    assert "adjoint" in {name for p in found for name in p.ops}


# -- branch and bound --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_operator_norms_bound_the_local_jacobians(seed):
    dag = random_dag(seed, arrays=True)
    nodes = built(dag.recipe)
    for loss, leaf in itertools.product(dag.losses, dag.parameters):
        for edge in itertools.chain(*find_edges_between(nodes[leaf], nodes[loss]).values()):
            dense = np.atleast_2d(paths.edge_jacobian(edge.consumer, edge.input, edge.argnum))
            assert np.linalg.norm(dense, 2) <= operator_norm(edge) * (1 + 1e-12)


def test_operator_norms_are_exact_for_structured_jacobians():
    rng = np.random.default_rng(2)
    x, W = lg.parameter(rng.normal(size=(4, 3))), lg.parameter(rng.normal(size=(3, 5)))
    for node in (
        np.tanh(x),
        x @ W,
        lg.ops.softmax(x),
        x.sum(axis=0),
        x.mean(),
        x * 3.0,
        x.T,
        x.reshape(3, 4),
        np.broadcast_to(x, (6, 4, 3)),
    ):
        for k, i in enumerate(node.inputs):
            if i.is_leaf and i.size > 1:
                dense = np.atleast_2d(paths.edge_jacobian(node, i, k))
                assert operator_norm(Edge(node, i, k)) == pytest.approx(np.linalg.norm(dense, 2))
    large = lg.parameter(np.ones((2000, 1000)))
    assert operator_norm(Edge(large[::2], large, 0)) == math.inf


def residual(rng, blocks, width=4, scale=0.3):
    x = lg.parameter(rng.normal(size=width), name="x")
    h = x
    for _ in range(blocks):
        h = h + lg.ops.relu(scale * rng.normal(size=(width, width)) @ h)
    return x, (h * rng.normal(size=width)).sum()


@pytest.mark.parametrize("seed", range(8))
def test_branch_and_bound_finds_what_walking_everything_finds(seed):
    x, L = residual(np.random.default_rng(seed), 9)
    everything, norms, _ = search_paths(L, x, 5, bounded=False)
    bounded, found, left = search_paths(L, x, 5, bounded=True)
    assert left == 0.0
    np.testing.assert_allclose(found, norms, rtol=1e-12)
    assert bounded.steps < everything.steps  # some of the 512 paths were left out
    assert len({edges_of(link) for _, _, link, _ in bounded.best}) == 5


def test_branch_and_bound_on_random_graphs():
    some = 0
    for L, W in small_graphs(arrays=True):
        _, norms, _ = search_paths(L, W, 3, bounded=False)
        _, found, left = search_paths(L, W, 3, bounded=True)
        assert left == 0.0
        np.testing.assert_allclose(found, norms, rtol=1e-12)
        some += 1
    assert some > 10


def test_when_the_budget_runs_out_it_says_so():
    x, L = residual(np.random.default_rng(3), 100)
    found = paths.top(L, x, 4, budget=50)
    assert found.number == 2**100 > 10**30
    assert (len(found), found.exact, found.steps) == (4, False, 50)
    assert found.bound >= found[0].norm
    around = [1.0 if c.op.name == "add" else 0.0 for c in found[0].nodes[1:]]
    assert sum(around) >= 90  # the way around (nearly) all blocks is among the likely ones
    assert len({(p.nodes, p.argnums) for p in found}) == 4
    for p in found:  # what is listed is exact
        g = np.float64(1)
        for c, i, k in reversed(list(zip(p.nodes[1:], p.nodes, p.argnums, strict=False))):
            g = Edge(c, i, k).apply_vjp(g)
        np.testing.assert_array_equal(p.contribution, g)
    # A bound is a bound: the whole search of a smaller graph finds nothing above it.
    x, L = residual(np.random.default_rng(4), 9)
    best = paths.top(L, x, 1)[0].norm
    assert paths.top(L, x, 512).exact
    for budget in (1, 10, 100):
        _, found, left = search_paths(L, x, 1, bounded=True, budget=budget)
        assert best <= max(left, found[0]) * (1 + 1e-12)
