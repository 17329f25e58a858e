"""Ipopt asks lazygrad for gradients, Jacobians and the Hessian of the Lagrangian."""

import numpy as np
import pytest

cyipopt = pytest.importorskip("cyipopt")

import lazygrad as lg  # noqa: E402
from lazygrad.plugins.cyipopt import _Callbacks, problem  # noqa: E402
from lazygrad.plugins.flat import Objective  # noqa: E402
from tests.helpers.picky_ops import pickiness_comes_out, picky_after  # noqa: E402

X0 = np.array([1.0, 5.0, 5.0, 1.0])


def quiet(made):
    made.add_option("print_level", 0)
    made.add_option("sb", "yes")
    return made


def cost(x):
    return x[0] * x[3] * np.sum(x[:3]) + x[2]


def limits(x):
    return np.stack([np.prod(x), np.sum(x**2)])


def test_the_problem_of_hock_and_schittkowski_71():
    made = quiet(problem(cost, X0, constraints=limits, lb=[1] * 4, ub=[5] * 4, cl=[25, 40], cu=[2e19, 40]))
    x, info = made.solve(X0)
    np.testing.assert_allclose(x, [1, 4.74299964, 3.82114998, 1.37940829], rtol=1e-6)
    assert info["status"] == 0


def test_the_hessian_is_that_of_the_lagrangian():
    calls = _Callbacks(Objective.of(cost, X0), Objective.of(limits, X0))
    weights = np.array([0.3, -0.7])
    H = lg.hessian(lambda x: 2 * cost(x) + np.sum(weights * limits(x)))(X0)
    np.testing.assert_allclose(calls.hessian(X0, weights, 2.0), H[calls.hessianstructure()])
    np.testing.assert_allclose(calls.jacobian(X0).reshape(2, 4), lg.jacobian(limits)(X0))


def test_without_constraints_on_nodes_with_one_evaluation_a_point():
    x = lg.parameter(np.array([-1.2, 1.0, -0.5]))
    L = np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    objective = Objective(L, x)
    found, info = quiet(problem(objective)).solve(objective.x)
    np.testing.assert_allclose(found, np.ones(3), atol=1e-6)
    assert info["status"] == 0
    statistics = objective.statistics
    assert statistics.evaluations["value"] <= statistics.points.misses < statistics.points.hits
    nodes = {"a": lg.parameter(2.0)}
    made = quiet(problem((nodes["a"] - 1) ** 2, wrt=nodes, constraints=nodes["a"] * 2, cl=[3.0], cu=[4.0]))
    assert made.solve(np.array([2.0]))[0] == pytest.approx(1.5, abs=1e-6)


def test_bounds_in_the_structure_of_the_start():
    x0 = {"a": np.ones(2, int), "b": 0}

    def bowl(p):
        return np.sum((p["a"] - 3) ** 2) + (p["b"] + 2) ** 2

    for lb, ub, end in (
        ({"b": -1}, {"a": np.array([1.5, 9])}, [1.5, 3, -1]),
        ({"a": [0, None]}, None, [3, 3, -2]),
        (None, {"a": 2, "b": -3}, [2, 2, -3]),
        ([0, 0, 0], np.array([2.0, 2.0, 2.0]), [2, 2, 0]),
        (0, 2, [2, 2, 0]),
    ):
        x, info = quiet(problem(bowl, x0, lb=lb, ub=ub)).solve(np.array([1.0, 1.0, 0.0]))
        np.testing.assert_allclose(x, end, atol=1e-5)
        assert info["status"] == 0
    with pytest.raises(TypeError, match="lb must have the structure of what it bounds"):
        problem(bowl, x0, lb={"c": 0})


def test_the_users_exception_comes_out_as_itself():
    picky = picky_after(2)
    with pickiness_comes_out():
        quiet(problem(lambda x: np.sum((picky(x) - 2) ** 2), np.zeros(2))).solve(np.zeros(2))
