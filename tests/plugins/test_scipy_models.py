"""SciPy's fits, root finders, constraints and integrators ask lazygrad: the same answers, and nothing twice."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("scipy")
import scipy.integrate
import scipy.optimize
from scipy.optimize import NonlinearConstraint
from scipy.sparse.linalg import LinearOperator

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad.plugins import scipy as host
from lazygrad.plugins.flat import Objective
from tests.helpers.forward_runs import forward_nodes, forward_runs
from tests.helpers.scipy_questions import Asked, van_der_pol

# -- least_squares, curve_fit --------------------------------------------------------------------------


T = np.linspace(0, 2, 12)


def decay(p, t=T):
    return p[0] * np.exp(-p[1] * t) + p[2]


def misfit(p):
    return decay(p) - decay(np.array([2.0, 1.5, 0.3]))


@pytest.mark.parametrize(
    "options",
    [
        {"method": "lm"},
        {"method": "trf"},
        {"method": "dogbox"},
        {"tr_solver": "lsmr"},
        {"method": "dogbox", "tr_solver": "lsmr"},
    ],
)
def test_least_squares(options):
    found = host.least_squares(misfit, [1.0, 1.0, 0.0], **options)
    np.testing.assert_allclose(found.x, [2, 1.5, 0.3], rtol=1e-5)
    assert isinstance(found.jac, LinearOperator) == ("tr_solver" in options)
    by_tree = host.least_squares(lambda p: misfit([p["a"], *p["rest"]]), {"a": 1.0, "rest": [1.0, 0.0]}, **options)
    np.testing.assert_allclose(by_tree.tree["a"], 2, rtol=1e-5)


@pytest.mark.parametrize("loss", ["linear", "soft_l1"])
def test_operators_of_lsmr_share_one_memo(loss):
    p = lg.parameter([1.0, 1.0, 0.0])
    r = misfit(p)
    nodes = forward_nodes(r)
    objective = Objective(r, p)
    asked = Asked()
    products = Counter()

    def jac(x):
        J = objective.jacobian(x)
        counted = {
            "matvec": lambda v: products.update(["jvp"]) or J @ v,
            "rmatvec": lambda v: products.update(["vjp"]) or J.T @ v,
        }
        return LinearOperator(J.shape, dtype=J.dtype, **counted)

    with lg.record() as report:
        found = scipy.optimize.least_squares(
            asked.watched("fun", objective.residuals),
            [1.0, 1.0, 0.0],
            jac=asked.watched("jac", jac),
            tr_solver="lsmr",
            loss=loss,
        )
    np.testing.assert_allclose(found.x, [2, 1.5, 0.3], rtol=1e-4)
    assert products["jvp"] > 3
    assert products["vjp"] > 3
    moving = {i.serial for i in nodes if any(j is p for j in ancestors(i))}
    runs = forward_runs(report, nodes)
    assert {runs[serial] for serial in moving} == {len(asked.points)}
    assert len(moving) > 5


@pytest.mark.parametrize(
    "options", [{}, {"sigma": np.full(12, 0.1)}, {"bounds": (0, 5)}, {"sigma": np.eye(12), "method": "lm"}]
)
@pytest.mark.parametrize("p0", [None, [1, 1, 1]])
def test_curve_fit(options, p0):
    def model(t, a, rate, c):
        return a * np.exp(-rate * t) + c

    data = model(T, 2.0, 1.5, 0.3) + 0.01 * np.cos(7 * T)
    found, covariance = host.curve_fit(model, T, data, p0, **options)
    expected, expected_covariance = scipy.optimize.curve_fit(model, T, data, p0, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(covariance, expected_covariance, rtol=1e-2)


def test_curve_fit_leaves_out_what_scipy_leaves_out():
    data = 3 * T + 1
    data[4] = np.nan
    found, _ = host.curve_fit(lambda t, a, b: a * t + b, T, data, nan_policy="omit", check_finite=False)
    np.testing.assert_allclose(found, [3, 1])


# -- roots -------------------------------------------------------------------------------------------


def two(x):
    return [x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]]


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov", "broyden1", "df-sane", "anderson"])
def test_root(method):
    found = host.root(two, [0.0, 0.0], method=method)
    expected = scipy.optimize.root(two, [0.0, 0.0], method=method)
    assert found.success == expected.success
    if method in ("hybr", "lm"):
        np.testing.assert_allclose(found.x, [0.8411639, 0.1588361], atol=1e-6)
        assert found.nfev < expected.nfev
    else:
        np.testing.assert_allclose(found.x, expected.x, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "method", "derivatives"),
    [
        ({"x0": 1.0, "method": "newton"}, "newton", 1),
        ({"x0": 1.0, "method": "halley"}, "halley", 2),
        ({"x0": 1}, "halley", 2),
        ({"bracket": [0.5, 2.0]}, "brentq", 0),
        ({"bracket": [0.5, 2.0], "method": "bisect"}, "bisect", 0),
        ({"x0": 1.0, "x1": 1.1, "method": "secant"}, "secant", 0),
    ],
)
def test_root_scalar(options, method, derivatives):
    found = host.root_scalar(lambda x, c: x**3 - c, 2.0, **options)
    assert found.root == pytest.approx(2 ** (1 / 3), rel=1e-10)
    assert found.converged
    assert found.method == method
    x = lg.parameter(1.0)
    L = x**3 - 2.0
    objective = Objective(L, x)
    with lg.record() as report:
        found = host.root_scalar(objective, **options)
    assert found.root == pytest.approx(2 ** (1 / 3), rel=1e-10)
    runs = forward_runs(report, forward_nodes(L))
    assert set(runs.values()) == {objective.statistics.points.misses}
    assert objective.statistics.calls.get("gradient", 0) == (
        found.function_calls // (derivatives + 1) if derivatives else 0
    )
    assert bool(objective.statistics.calls.get("hvp", 0)) == (derivatives == 2)


# -- constraints -------------------------------------------------------------------------------------


def test_a_constraint_shares_the_forward_nodes_of_its_objective_and_has_its_hessian():
    x = lg.parameter([1.0, 0.5, 0.2])
    shared = np.exp(x)
    L, c = np.sum(shared * x), np.stack([np.sum(shared), np.sum(x**2)])
    objective, constraint = Objective(L, x), host.nonlinear_constraint(c, [-np.inf, 0.5], [4.0, 2.0], wrt=x)
    asked = Asked()
    watched = NonlinearConstraint(
        *(asked.watched("c", constraint.fun), constraint.lb, constraint.ub),
        jac=asked.watched("J", constraint.jac),
        hess=asked.watched("H", constraint.hess),
    )
    with lg.record() as report:
        found = scipy.optimize.minimize(
            asked.watched("fun", objective.fun),
            objective.x,
            jac=asked.watched("jac", objective.jac),
            hessp=asked.watched("hessp", objective.hessp),
            method="trust-constr",
            constraints=watched,
            options={"maxiter": 30},
        )
    assert {kind for kind, _ in asked.calls} == {"c", "J", "H", "fun", "jac", "hessp"}
    runs = forward_runs(report, {*forward_nodes(L), *forward_nodes(c)})
    assert set(runs.values()) == {len(asked.points)}
    v = np.array([0.3, -0.7])
    H = constraint.hess(found.x, v)
    assert isinstance(H, LinearOperator)
    np.testing.assert_allclose(H @ np.eye(3), np.diag(0.3 * np.exp(found.x) - 0.7 * 2), atol=1e-12)
    np.testing.assert_allclose(constraint.jac(found.x), [np.exp(found.x), 2 * found.x])


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA", "RK45"])
def test_solve_ivp(method):
    options = {"method": method, "rtol": 1e-6, "atol": 1e-8, "args": (20.0,), "dense_output": True}
    found = host.solve_ivp(van_der_pol, (0, 30), [2, 0], **options)
    with_jac = (
        {}
        if method == "RK45"
        else {"jac": lambda t, y, mu: [[0, 1], [-2 * mu * y[0] * y[1] - 1, mu * (1 - y[0] ** 2)]]}
    )
    expected = scipy.integrate.solve_ivp(van_der_pol, (0, 30), [2, 0], **options, **with_jac)
    assert found.success
    np.testing.assert_allclose(found.y[:, -1], expected.y[:, -1], rtol=1e-9)
    assert (found.nfev, found.njev) == (expected.nfev, expected.njev)
    assert found.sol(1.0).shape == (2,)


def test_solve_ivp_reads_time():
    found = host.solve_ivp(lambda t, y: (np.cos(t) if t < 1 else -np.cos(t)) - 3 * y, (0.0, 2.0), 1.0)
    expected = scipy.integrate.solve_ivp(
        lambda t, y: (np.cos(t) if t < 1 else -np.cos(t)) - 3 * y, (0.0, 2.0), [1.0], "Radau", jac=[[-3.0]]
    )
    np.testing.assert_allclose(found.y, expected.y, rtol=1e-12)
