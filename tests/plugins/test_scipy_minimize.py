"""SciPy's optimisers ask lazygrad: the same answers, and each forward node once for each point."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("scipy")
import scipy.integrate
import scipy.optimize
from scipy.optimize import Bounds, NonlinearConstraint, rosen, rosen_der, rosen_hess

import lazygrad as lg
from lazygrad.plugins import scipy as host
from lazygrad.plugins.flat import Objective
from tests.helpers.forward_runs import forward_nodes, forward_runs
from tests.helpers.scipy_questions import (
    HESS,
    HESSP,
    REMEMBERED,
    TAKEN,
    X0,
    Asked,
    at_most,
    rosenbrock,
    rosenbrock_node,
)


@pytest.mark.parametrize("method", TAKEN)
def test_forward_nodes_evaluated_are_distinct_points_times_nodes(method):
    L, x = rosenbrock_node()
    nodes = forward_nodes(L)
    objective = Objective(L, x, points=REMEMBERED.get(method, 2))
    asked = Asked()
    given = {kind: asked.watched(kind, getattr(objective, kind)) for kind in TAKEN[method]}
    with lg.record() as report:
        scipy.optimize.minimize(
            asked.watched("fun", objective.fun),
            X0,
            method=method,
            options=at_most(method, 60 if TAKEN[method] else 20),
            **given,
        )
    runs = forward_runs(report, nodes)
    assert set(runs) == {i.serial for i in nodes}
    assert sum(runs.values()) == len(asked.points) * len(nodes)
    assert objective.statistics.points.misses == len(asked.points)
    kinds = Counter(kind for kind, _ in asked.calls)
    if method in HESSP + HESS:
        assert kinds["hessp"] + kinds["hess"] > 0
    if TAKEN[method]:
        assert len(asked.calls) > 1.5 * len(asked.points) > 0


@pytest.mark.parametrize(("method", "count"), [("Powell", 5), ("TNC", 60)])
def test_two_points_are_too_few_for_powell_and_at_the_end_of_tnc(method, count):
    again = []
    for points in (2, 16):
        objective = Objective.of(rosenbrock, X0, points=points)
        asked = Asked()
        jac = {"jac": asked.watched("jac", objective.jac)} if TAKEN[method] else {}
        fun = asked.watched("fun", objective.fun)
        scipy.optimize.minimize(fun, X0, method=method, options=at_most(method, count), **jac)
        again.append(objective.statistics.points.misses - len(asked.points))
    assert again[0] > again[1] == 0
    assert method == "Powell" or again[0] == 1


@pytest.mark.parametrize("method", HESSP)
def test_products_with_the_hessian_reuse_the_nodes_of_the_gradient(method):
    L, x = rosenbrock_node()
    objective = Objective(L, x)
    nodes, runs = forward_nodes(L), []

    def hessp(x, p):
        with lg.record() as report:
            found = objective.hessp(x, p)
        runs.append(sum(forward_runs(report, nodes).values()))
        return found

    result = scipy.optimize.minimize(
        objective.fun, X0, jac=objective.jac, hessp=hessp, method=method, options={"maxiter": 20}
    )
    assert len(runs) > result.nit
    assert not any(runs)


@pytest.mark.parametrize("method", TAKEN)
def test_minimize_is_scipys_with_the_derivatives_written_by_hand(method):
    by_hand = {"jac": rosen_der, "hess": rosen_hess, "hessp": lambda x, p: rosen_hess(x) @ p}
    given = {kind: by_hand[kind] for kind in TAKEN[method]}
    x0, options = X0[:2], at_most(method, 400)
    expected = scipy.optimize.minimize(rosen, x0, method=method, options=options, **given)
    found = host.minimize(rosenbrock, x0, method=method, options=options)
    assert found.success == expected.success
    np.testing.assert_allclose(found.x, expected.x, atol=1e-4)
    np.testing.assert_array_equal(found.tree, found.x)
    assert found.nfev <= 1.2 * expected.nfev + 5


@pytest.mark.parametrize("method", [None, "trust-constr", "SLSQP"])
def test_bounds_and_constraints(method):
    bounds = Bounds(-2.0, 0.5)
    found = host.minimize(rosenbrock, X0[:3], method=method, bounds=bounds, tol=1e-10)
    expected = scipy.optimize.minimize(rosen, X0[:3], jac=rosen_der, bounds=bounds, tol=1e-10)
    np.testing.assert_allclose(found.x, expected.x, atol=1e-3)
    circle = host.nonlinear_constraint(lambda x: np.sum(x**2), -np.inf, 1.0, X0[:3])
    by_hand = NonlinearConstraint(lambda x: x @ x, -np.inf, 1.0, jac=lambda x: 2 * x)
    found = host.minimize(rosenbrock, X0[:3], method=method, constraints=circle, tol=1e-8)
    expected = scipy.optimize.minimize(rosen, X0[:3], jac=rosen_der, constraints=by_hand, tol=1e-8)
    assert found.x @ found.x < 1 + 1e-4
    np.testing.assert_allclose(found.x, expected.x, atol=1e-3)


@pytest.mark.parametrize(
    "start", [[-1.2, 1], (-1, 1), np.array([-1, 1]), np.array([-1.2, 1], np.float32), [-1.2, np.int64(1)]]
)
def test_whatever_scipy_takes_for_a_vector(start):
    found = host.minimize(rosenbrock, start, method="BFGS")
    np.testing.assert_allclose(found.x, [1, 1], atol=1e-3)
    assert found.x.dtype == np.float64


def test_numbers_structures_arguments_nodes_and_objectives():
    assert host.minimize(lambda x: np.sum((x - 3) ** 2), 0).x == pytest.approx(3)
    found = host.minimize(
        lambda p, c: np.sum((p["a"] - c) ** 2) + p["b"][0] ** 2, {"a": np.zeros((2, 2)), "b": [1.0]}, 4.0
    )
    np.testing.assert_allclose(found.tree["a"], np.full((2, 2), 4.0), atol=1e-5)
    assert found.tree["b"] == [pytest.approx(0, abs=1e-5)]
    L, x = rosenbrock_node()
    found = host.minimize(L, wrt=x, method="trust-krylov")
    np.testing.assert_array_equal(x.value, found.x)
    np.testing.assert_allclose(x.value, np.ones(10), atol=1e-4)
    objective = Objective(L, {"x": x})
    found = host.minimize(objective, {"x": X0}, method="L-BFGS-B")
    assert found.tree.keys() == {"x"}
    np.testing.assert_array_equal(objective.x, found.x)
    assert host.minimize(objective, X0, method="L-BFGS-B").fun == found.fun
    block = Objective.of(lambda p: np.sum((p["a"] - p["b"]) ** 2), {"a": np.ones(2), "b": np.zeros(2)}).block("b")
    np.testing.assert_allclose(host.minimize(block).tree, np.ones(2), atol=1e-6)


def test_derivatives_that_are_given_count_instead_of_ours():
    asked = []
    found = host.minimize(
        rosenbrock,
        X0[:2],
        method="trust-constr",
        hess=scipy.optimize.BFGS(),
        jac=lambda x: asked.append(x) or rosen_der(x),
    )
    np.testing.assert_allclose(found.x, [1, 1], atol=1e-3)
    assert asked


def test_a_method_of_ones_own_gets_all_derivatives():
    def newton(fun, x0, args, jac, hess, hessp, **_):
        np.testing.assert_allclose(hessp(x0, np.ones(2)), hess(x0).sum(axis=1))
        step = np.linalg.solve(hess(x0), jac(x0))
        return scipy.optimize.OptimizeResult(x=x0 - step, fun=fun(x0 - step))

    assert host.minimize(lambda x: np.sum((x - 1) ** 2), np.zeros(2), method=newton).fun == 0
