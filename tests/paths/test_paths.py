"""Sums over paths, the paths that contribute most, and the leaves that derivatives are defined by."""

from __future__ import annotations

import functools
import itertools
import math
import operator

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import paths
from lazygrad.ops._declare import op
from lazygrad.ops._rule import UNDEFINED
from tests.helpers.random_graphs import build as built
from tests.helpers.random_graphs import random_dag

SEEDS = range(40)
FREE = paths.Semiring(operator.or_, lambda x, y: frozenset(a + b for a in x for b in y), frozenset(), frozenset({()}))
undefined = op("undefined", np.negative, shape=lambda x: (x.shape, x.dtype), vjp={"x": UNDEFINED}, register=False)

gate = op(
    "gate",
    operator.mul,
    shape=lambda x, y: (x.shape, x.dtype),
    vjp={"x": lambda g, y: g * y, "y": None},
    inputs="x y",
    register=False,
)


def stratos_layers(width, layers):
    """Node 1, then complete layers, then the last node: Stratos F.2 with `width` 3 and 6 layers."""
    columns = [[1], *[[(k, c) for c in range(width)] for k in range(layers)], ["t"]]
    return {i: after for layer, after in itertools.pairwise(columns) for i in layer}


def random_graph(seed):
    """Return a random DAG on 0..n, n the only node without children, with parallel arcs; and weights 1..3."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    graph = {}
    for i in range(n):
        graph[i] = [int(j) for j in rng.integers(i + 1, n + 1, size=rng.integers(1, 4))]
    return graph, n, lambda j, s, k: int((s * 7 + j * 5 + k * 3) % 3 + 1)


def walk(graph, s, t):
    """All paths as lists of arcs (s, j, position), by recursion."""
    if s == t:
        return [[]]
    return [[(s, j, k), *rest] for k, j in enumerate(graph.get(s, ())) for rest in walk(graph, j, t)]


# -- on any graph -----------------------------------------------------------------------------------------


def test_the_order_of_factors_is_that_of_the_printed_example():
    graph = {1: [3, 5], 2: [3], 3: [4], 4: [6], 5: [6]}
    mu = paths.sum_product(graph, 1, FREE, arc=lambda j, s, k: frozenset({(f"Q{s}{j}",)}))
    assert mu == {("Q46", "Q34", "Q13"), ("Q56", "Q15")}


def test_729_paths_in_51_steps():
    memo = paths.Memo()
    graph = stratos_layers(3, 6)
    assert paths.sum_product(graph, 1, paths.counting, memo=memo) == 3**6
    assert memo.steps == 51 == sum(map(len, graph.values()))
    assert paths.count(graph, 1) == 729


@pytest.mark.parametrize("seed", SEEDS)
def test_every_semiring_equals_the_sum_over_all_paths(seed):
    graph, t, weight = random_graph(seed)
    found = [[weight(j, s, k) for s, j, k in path] for path in walk(graph, 0, t)]
    on_paths = {s for path in walk(graph, 0, t) for s, _, _ in path}
    assert paths.count(graph, 0) == len(found)
    for semiring, expected in (
        (paths.real, sum(math.prod(p) for p in found)),
        (paths.longest, max(map(sum, found))),
        (paths.shortest, min(map(sum, found))),
        (paths.max_product, max(map(math.prod, found))),
        (paths.Semiring(max, min, -math.inf, math.inf), max(map(min, found))),
    ):
        assert paths.sum_product(graph, 0, semiring, arc=weight) == expected
    assert paths.sum_product(graph, 0, paths.sets, arc=lambda j, s, k: frozenset({s})) == on_paths
    arcs = paths.sum_product(graph, 0, FREE, arc=lambda j, s, k: frozenset({((s, j, k),)}))
    assert arcs == {tuple(reversed(path)) for path in walk(graph, 0, t)}


@pytest.mark.parametrize("seed", SEEDS)
def test_matrices_of_different_sizes(seed):
    graph, t, _ = random_graph(seed)
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, size=t + 1)
    Q = {(s, j, k): rng.normal(size=(sizes[j], sizes[s])) for s in graph for k, j in enumerate(graph[s])}
    mu = paths.sum_product(graph, 0, paths.matrices, arc=lambda j, s, k: Q[s, j, k])
    expected = sum(functools.reduce(lambda rest, arc: Q[arc] @ rest, p, np.eye(sizes[0])) for p in walk(graph, 0, t))
    np.testing.assert_allclose(mu, expected)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_number_among_matrices_stands_for_a_multiple_of_the_identity(order):
    M = np.array([[1.0, 2.0], [3.0, 4.0]])
    arcs = {("s", k): [2.0, M, 1.0][choice] for k, choice in enumerate(order)} | {("m", 0): M, ("m", 1): 5.0}
    mu = paths.sum_product({"s": ["m"] * 3, "m": ["t"] * 2}, "s", paths.matrices, lambda j, s, k: arcs[s, k])
    np.testing.assert_array_equal(mu, (M + 5 * np.eye(2)) @ (3 * np.eye(2) + M))


def test_no_path_is_zero_and_the_target_itself_is_one():
    graph = {1: [2], 3: [4]}
    for semiring in (paths.counting, paths.real, paths.longest, paths.shortest, paths.sets, paths.matrices):
        assert paths.sum_product(graph, 1, semiring, to=4) == semiring.zero
        assert paths.sum_product(graph, 4, semiring, to=4) == semiring.one
    assert paths.sum_product(graph, "unknown", paths.counting, to=4) == 0


def test_a_parent_of_the_target_keeps_its_other_paths():
    assert paths.count({1: [2, 3], 2: [3]}, 1) == 2


def test_what_does_not_lead_to_the_target_costs_no_step():
    memo = paths.Memo()
    asked = []

    def arc(j, s, k):
        asked.append((s, j))
        return 1

    graph = {1: [2, 3], 2: [4], 3: [5, 6], 5: [7]}
    assert paths.sum_product(graph, 1, paths.counting, arc, to=4, memo=memo) == 1
    assert memo.steps == 2
    assert asked == [(2, 4), (1, 2)]


def test_a_second_question_costs_only_its_new_arcs():
    graph = stratos_layers(3, 6)
    memo = paths.Memo()
    assert paths.sum_product(graph, (3, 0), paths.counting, memo=memo) == 9
    assert memo.steps == 3 + 3 * 3 + 3
    assert paths.sum_product(graph, (3, 1), paths.counting, memo=memo) == 9
    assert memo.steps == 18
    assert paths.sum_product(graph, 1, paths.counting, memo=memo) == 729
    assert memo.steps == 51
    for other in (
        lambda: paths.sum_product(graph, 1, paths.real, memo=memo),
        lambda: paths.sum_product(graph, 1, paths.counting, lambda j, s, k: 2, memo=memo),
        lambda: paths.sum_product(dict(graph), 1, paths.counting, memo=memo),
        lambda: paths.sum_product(graph, 1, paths.counting, to=(5, 0), memo=memo),
    ):
        with pytest.raises(ValueError, match="another graph"):
            other()


def test_cycles_and_doubtful_targets_are_refused():
    for graph in ({1: [1, 2]}, {1: [2], 2: [3], 3: [1, 4]}):
        with pytest.raises(ValueError, match="cycle through"):
            paths.count(graph, 1)
    with pytest.raises(ValueError, match=r"2 nodes without children.*`to=`"):
        paths.count({1: [2, 3]}, 1)
    with pytest.raises(ValueError, match="0 nodes without children"):
        paths.count({1: [2], 2: [1]}, 1)


def test_wrong_arguments():
    x = lg.parameter(1.0)
    for call, message in (
        (lambda: paths.count([1, 2], 1), "expected a node or a mapping"),
        (lambda: paths.count(x * x, 1), "not from int"),
        (lambda: paths.sum_product(x * x, x, paths.counting, to=x), "own target"),
        (lambda: paths.top(x * x, [x], 1), "not from list"),
        (lambda: paths.differentiable_leaves(3), "not int"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(ValueError, match="'open' or 'all'"):
        paths.sum_product(x * x, x, paths.counting, edges="some")
    with pytest.raises(ValueError, match="at least 1"):
        paths.top(x * x, x, 0)


# -- on nodes ---------------------------------------------------------------------------------------------


def test_parallel_edges_are_two_arcs():
    x = lg.parameter(3.0)
    y = x * x
    assert paths.count(y, x) == 2
    seen = []
    paths.sum_product(y, x, paths.counting, lambda c, i, k: seen.append((c is y, i is x, k)) or 1)
    assert seen == [(True, True, 0), (True, True, 1)]
    assert paths.count(gate(x, x), x) == 1  # its second input is blocked


def test_paths_are_those_along_which_a_derivative_flows():
    x = lg.parameter([1.0, -2.0])
    labels = lg.constant(1)
    y = np.where(x > 0, x, 2 * x)
    L = lg.ops.cross_entropy(y, labels) + np.sign(x).sum()
    assert paths.count(L, x) == 2  # neither through the mask, nor through sign
    assert paths.count(L, labels) == 0
    assert paths.sum_product(L, x, paths.counting, edges="all") == 4
    assert paths.sum_product(L, labels, paths.counting, edges="all") == 1
    assert paths.count(L, lg.parameter(1.0)) == 0
    assert paths.count(L, L) == 1
    assert paths.count(x, L) == 0


def test_a_sum_over_1e30_paths_touches_each_arc_once():
    x = y = lg.parameter(1.0)
    for _ in range(100):
        y = y + y
    memo = paths.Memo()
    assert paths.sum_product(y, x, paths.counting, memo=memo) == 2**100
    assert memo.steps == 200
    (best, second) = paths.top(y, x, 2)
    assert best.norm == second.norm == 1.0
    assert best.argnums != second.argnums


def test_nodes_that_nobody_needs_are_not_computed():
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    expensive = np.exp(y)
    L = x * y + expensive
    with lg.record() as report:
        assert paths.count(L, x) == 1
        assert paths.top(L, x, 1)[0].norm == 3.0
    assert expensive.serial not in {i.serial for i in report.values.computed}
    assert L.serial not in {i.serial for i in report.values.computed}


@pytest.mark.parametrize("seed", SEEDS)
def test_local_derivatives_as_arcs_give_the_gradient(seed):
    dag = random_dag(seed, arrays=bool(seed % 2))
    nodes = built(dag.recipe)
    for loss, leaf in itertools.product(dag.losses, dag.parameters):
        L, W = nodes[loss], nodes[leaf]
        mu = paths.sum_product(L, W, paths.matrices, arc=paths.edge_jacobian)
        gradient = lg.differentiator(L).gradient(W, unconnected="none")
        if gradient is None:
            assert mu == 0
        else:
            np.testing.assert_allclose(np.ravel(mu), np.ravel(gradient), rtol=1e-9, atol=1e-12)


def test_contributions_are_those_of_the_memo():
    x = lg.parameter(2.0)
    L = np.exp(x) + x * x
    terms = paths.contributions(L, x)
    assert [(c.consumer.op.name, c.argnum) for c in terms] == [("exp", 0), ("multiply", 0), ("multiply", 1)]
    assert sum(c.value for c in terms) == pytest.approx(lg.gradient(L, x))


# -- depth ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "depth"), [(1.0, 5_000), ([1.0, 2.0], 2_000), pytest.param(1.0, 100_000, marks=pytest.mark.deep)]
)
def test_deep_chains(start, depth):
    x = lg.parameter(start, name="x")
    y = x
    for _ in range(depth):
        y = -y
    L = y.sum()
    memo = paths.Memo()
    assert paths.sum_product(L, x, paths.longest, lambda c, i, k: 1, memo=memo) == depth + 1
    assert memo.steps == depth + 1
    (path,) = paths.top(L, x, 3)
    assert (len(path.nodes), path.share) == (depth + 2, 1.0)
    assert len(repr(path)) < 300
    assert paths.differentiable_leaves(L) == (x,)
    assert paths.count({i: [i + 1] for i in range(depth)}, 0) == 1


# -- where derivatives are defined --------------------------------------------------------------------------


def test_collins_network_is_differentiable_by_all_but_the_label():
    rng = np.random.default_rng(0)
    W, V = lg.parameter(rng.normal(size=(3, 4)), name="W"), lg.parameter(rng.normal(size=(2, 3)), name="V")
    x, label = lg.constant(rng.normal(size=4), name="x"), lg.constant(1, name="y")
    o = lg.ops.cross_entropy(V @ np.tanh(W @ x), label)
    assert paths.differentiable_leaves(o) == (W, V, x)


@pytest.mark.parametrize(
    ("build", "inside"),
    [
        (lambda a, b: a * b, "ab"),
        (lambda a, b: np.sign(a) * b, "ab"),  # zero is well defined
        (lambda a, b: np.where(a > 0, a, b), "b"),  # a path through a mask
        (lambda a, b: undefined(a) * a + b, "b"),  # one path is enough
        (lambda a, b: undefined(a * b) + b, ""),
        (lambda a, b: (a > 0).astype(float) * b, "b"),  # a boolean on the path
        (lambda a, b: a * 2, "a"),
        (lambda a, b: a > b, ""),
        (lambda a, b: a, "a"),
        (lambda a, b: lg.adjoint(a * a * b, a), "ab"),
    ],
)
def test_sets_of_definition_6(build, inside):
    a, b = lg.parameter(2.0, name="a"), lg.parameter(3.0, name="b")
    leaves = [leaf for leaf in paths.differentiable_leaves(build(a, b)) if leaf.name]
    assert "".join(leaf.name for leaf in leaves) == inside


def test_theorem_3_on_random_graphs():
    """For a leaf in D the gradient is the sum over all paths, blocked ones included: there are none."""
    for seed in range(60):
        dag = random_dag(2000 + seed, arrays=True)
        nodes = built(dag.recipe)
        for loss in dag.losses:
            L = nodes[loss]
            inside = {leaf.serial for leaf in paths.differentiable_leaves(L)}
            for leaf in (nodes[k] for k in dag.parameters):
                every = paths.sum_product(L, leaf, paths.counting, edges="all")
                if every and leaf.serial in inside:
                    assert every == paths.count(L, leaf)
                elif every:
                    assert every > paths.count(L, leaf)


def test_the_error_names_the_first_blocked_edge_and_what_is_defined():
    a, b = lg.parameter(1.0, name="a"), lg.parameter(2.0, name="b")
    h = np.tanh(b)
    h.name = "h"
    L = gate(a, h) + 1.0 * a
    with pytest.raises(lg.NotDifferentiableError) as caught:
        lg.gradient(L, b)
    message = str(caught.value)
    assert "op 'gate' has no derivative by its input 'y'" in message
    assert "'h'" in message
    assert "from: a" in message
    assert lg.gradient(L, a) == np.tanh(2.0) + 1
