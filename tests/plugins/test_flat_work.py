"""One vector over named leaves: each forward node once for each point, whatever is asked and in which order."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.plugins.flat import POINTS, Objective
from tests.helpers.forward_runs import forward_nodes, forward_runs

# -- what is computed --------------------------------------------------------------------------------


QUESTIONS = {
    "fun": lambda o, x: o.fun(x),
    "jac": lambda o, x: o.jac(x),
    "both": lambda o, x: o.fun_and_jac(x),
    "hessp": lambda o, x: o.hessp(x, np.arange(o.size)),
    "hess": lambda o, x: o.hess(x),
    "residuals": lambda o, x: o.residuals(x),
    "operator": lambda o, x: o.jacobian(x) @ np.arange(o.size) + o.jacobian(x).T @ np.ones(1),
}


@pytest.mark.parametrize("order", [*itertools.permutations(["fun", "jac", "hessp"]), tuple(QUESTIONS)])
def test_each_forward_node_runs_once_a_point_in_any_order(net, order):
    objective, L, _ = net
    nodes = forward_nodes(L)
    points = [objective.x + k for k in (1, 2, 3)]
    with lg.record() as report:
        for x in points:
            for name in order:
                QUESTIONS[name](objective, x.copy())
    runs = forward_runs(report, nodes)
    assert set(runs.values()) == {len(points)}
    assert len(runs) == len(nodes) > 5
    assert objective.statistics.points.misses == len(points)


def test_the_last_two_points_are_remembered_and_no_more(net):
    objective, L, _ = net
    assert POINTS == 2
    a, b, c = (objective.x + k for k in (1, 2, 3))
    nodes = forward_nodes(L)
    for x, again in ((a, 1), (b, 1), (a, 0), (b, 0), (c, 1), (b, 0), (a, 1)):
        with lg.record() as report:
            objective.fun(x)
        assert set(forward_runs(report, nodes).values()) == ({1} if again else set()), x


def test_the_product_with_the_hessian_reads_what_the_gradient_left(net):
    objective, L, _ = net
    x = objective.x + 1
    objective.jac(x)
    objective.hessp(x, np.ones(objective.size))
    nodes = {i.serial for i in forward_nodes(L)}
    with lg.record() as report:
        objective.hessp(x, 2 * np.ones(objective.size))
        objective.hessp(x, 3 * np.ones(objective.size))
    assert not [i for i in report.values.computed if i.serial in nodes]
    assert not report.adjoints.computed


def test_points_are_bytes():
    objective = Objective.of(lambda x: np.sum(np.abs(x) ** 2), np.array([1.0, 2.0]))
    for x in ([0.0, np.nan], [0.0, np.nan], [-0.0, np.nan]):
        assert np.isnan(objective.fun(x))
    assert (objective.statistics.points.hits, objective.statistics.points.misses) == (1, 2)


def test_products_of_the_operator_share_one_memo():
    x = lg.parameter([1.0, 2.0, 3.0])
    r = np.exp(x) * np.sin(x)
    objective = Objective(r, x)
    nodes = forward_nodes(r)
    with lg.record() as report:
        J = objective.jacobian([0.1, 0.2, 0.3])
        for _ in range(5):
            J @ np.ones(3), J.T @ np.ones(3)
    assert set(forward_runs(report, nodes).values()) == {1}


def test_an_operator_is_that_of_its_point_also_later():
    objective = Objective.of(lambda x: x**2, np.ones(2))
    x = np.array([1.0, 2.0])
    J, H = objective.jacobian(x), objective.hess_operator(x, np.array([1.0, 3.0]))
    x[:] = 7
    for other in ([5.0, 5.0], [6.0, 6.0], [7.0, 8.0]):
        objective.residuals(other)
    np.testing.assert_array_equal(J @ np.eye(2), np.diag([2.0, 4.0]))
    np.testing.assert_array_equal(H @ np.eye(2), np.diag([2.0, 6.0]))


# -- blocks ------------------------------------------------------------------------------------------


def test_a_block_computes_only_what_it_reaches_and_its_own_gradient(net):
    objective, L, p = net
    block = objective.block("W2")
    hidden = next(i for i in forward_nodes(L) if i.op.name == "tanh")
    block.fun_and_jac(block.x + 1)
    with lg.record() as report:
        for k in (2, 3):
            _, g = block.fun_and_jac(block.x + k)
    assert g.shape == (8,)
    reached = {i.serial for i in forward_nodes(L)} - {i.serial for i in forward_nodes(hidden)}
    assert {i.serial for i in report.values.computed} <= reached
    adjoints = {i.serial for i in report.adjoints.computed}
    assert p["W2"].serial in adjoints
    assert not {p["W1"].serial, p["b"].serial, hidden.serial} & adjoints


def test_blocks_agree_with_the_whole_and_others_stay_where_they_were_put(either):
    objective = either
    x = objective.x + 0.1
    objective.x = x
    g, H = objective.jac(x), objective.hess(x)
    ours = np.r_[0:12, 16:24]
    block = objective.block("W1", "W2")
    assert (block.size, block.names) == (20, ["['W1']", "['W2']"])
    np.testing.assert_array_equal(block.x, x[ours])
    np.testing.assert_array_equal(block.jac(block.x), g[ours])
    np.testing.assert_allclose(block.hess(block.x), H[np.ix_(ours, ours)], atol=1e-14)
    v = np.arange(20.0)
    np.testing.assert_allclose(block.hessp(block.x, v), H[np.ix_(ours, ours)] @ v, atol=1e-13)
    np.testing.assert_allclose(block.jacobian(block.x) @ v, g[ours] @ v)
    np.testing.assert_allclose(block.jacobian_matrix(block.x)[0], g[ours])
    block.fun(np.zeros(20))  # a question moves nothing
    np.testing.assert_array_equal(objective.x, x)
    block.x = np.zeros(20)
    np.testing.assert_array_equal(objective.x[12:16], x[12:16])
    assert not objective.x[ours].any()
    np.testing.assert_array_equal(block.block("W2").x, np.zeros(8))


def test_block_coordinate_descent_finds_the_minimum():
    objective = Objective.of(lambda p: (p["a"] - 1) ** 2 + (p["b"] + 2 * p["a"]) ** 2, {"a": 5.0, "b": 5.0})
    for name in ["a", "b"] * 100:
        block = objective.block(name)
        block.x = block.x - block.jac(block.x) / block.hess(block.x)[0]
    np.testing.assert_allclose(objective.x, [1, -2], atol=1e-6)
    assert objective.tree().keys() == {"a", "b"}


def test_a_block_is_not_one_whose_name_begins_alike():
    @dataclass
    class Layer:
        w: object
        w2: object

    layer = Layer(lg.parameter(np.ones(2)), lg.parameter(np.ones(3)))
    objective = Objective(np.sum(layer.w) + np.sum(layer.w2), {"layer": layer})
    assert objective.names == ["['layer'].w", "['layer'].w2"]
    assert objective.block("['layer'].w").size == 2
    assert objective.block("['layer'].w2").size == 3
    assert objective.block("layer").size == 5


def test_blocks_by_node_container_and_node_name():
    W, b = lg.parameter(np.ones((2, 2)), name="weights"), lg.parameter(np.ones(2))
    objective = Objective(np.sum(W @ b), {"layer": [W, b]})
    assert objective.block("weights").size == objective.block(W).size == 4
    assert objective.block("layer").names == ["['layer'][0]", "['layer'][1]"]
    assert objective.block("['layer'][1]").size == objective.block(b).size == 2
    assert objective.block(W, W).size == 4
    for wrong in ("W", lg.parameter(1.0), 0):
        with pytest.raises(KeyError, match="no leaf is"):
            objective.block(wrong)
    with pytest.raises(KeyError, match="needs the name"):
        objective.block()
