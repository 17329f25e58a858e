"""SciPy's own solvers ask lazygrad: the same answers, and each forward node once for each point."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("scipy")

import scipy.integrate
import scipy.optimize
from scipy.optimize import Bounds, NonlinearConstraint, rosen, rosen_der, rosen_hess
from scipy.sparse.linalg import LinearOperator

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad.plugins import scipy as host
from lazygrad.plugins.flat import Objective

X0 = np.array([-1.2, 1.0] * 5)
NO_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")
GRADIENT = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP")
HESSP = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")
HESS = ("dogleg", "trust-exact")
TAKEN = dict.fromkeys(NO_GRADIENT, ()) | dict.fromkeys(GRADIENT, ("jac",))
TAKEN |= dict.fromkeys(HESSP, ("jac", "hessp")) | dict.fromkeys(HESS, ("jac", "hess"))
DERIVED = tuple(m for m in TAKEN if TAKEN[m])
REMEMBERED = {"Powell": 16, "TNC": 16}  # how many points it takes to compute none twice; 2 for all others


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def forward_nodes(L):
    return [i for i in ancestors(L) if i.op is not None]


def forward_runs(report, nodes):
    serials = {i.serial for i in nodes}
    return Counter(i.serial for i in report.values.computed if i.serial in serials)


class Asked:
    """The questions of a host, as it asks them: of which kind, at which points."""

    def __init__(self):
        self.calls = []

    def watched(self, kind, f):
        def ask(x, *rest):
            self.calls.append((kind, np.array(x, dtype=float).tobytes()))
            return f(x, *rest)

        return ask

    @property
    def points(self):
        return {point for _, point in self.calls}


def at_most(method, count):
    return {"maxfun" if method == "TNC" else "maxiter": count}


def rosenbrock_node():
    x = lg.parameter(X0)
    return rosenbrock(x), x


# -- minimize ----------------------------------------------------------------------------------------


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


# -- solve_ivp ---------------------------------------------------------------------------------------


def van_der_pol(t, y, mu):
    return [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]]


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


# -- errors ------------------------------------------------------------------------------------------


def test_wrong_use_is_told():
    L, x = rosenbrock_node()
    with pytest.raises(TypeError, match="needs a place to start from: give it `x0`"):
        host.minimize(rosenbrock)
    with pytest.raises(TypeError, match=r"which leaves of .* may move"):
        host.minimize(L)
    with pytest.raises(TypeError, match="args are for functions"):
        host.minimize(L, wrt=x, args=(1.0,))
    with pytest.raises(TypeError, match="returns the value alone"):
        host.minimize(rosenbrock, X0, jac=True)
    with pytest.raises(TypeError, match="10 elements where one is needed"):
        host.minimize(lambda x: x**2, X0)
    with pytest.raises(lg.ShapeError, match=r"\(3,\)"):
        host.minimize(L, np.ones(3), wrt=x)
    with pytest.raises(TypeError, match="object"):
        host.minimize(rosenbrock, np.array([None, 1.0]))
    with pytest.raises(TypeError, match="give it `x0=` or `bracket=`"):
        host.root_scalar(np.sin)
    with pytest.raises(TypeError, match="use `root`"):
        host.root_scalar(Objective(L, x))
    with pytest.raises(TypeError, match="leave `vectorized` out"):
        host.solve_ivp(van_der_pol, (0, 1), [1.0, 0.0], vectorized=True)
    with pytest.raises(TypeError, match="real"):
        host.solve_ivp(lambda t, y: y, (0, 1), [1j])


@pytest.mark.parametrize("method", DERIVED)
def test_the_users_exception_comes_out_of_the_host_as_itself(method):
    calls = []

    @lg.primitive(vjp=lambda g, x: g, shape="elementwise")
    def picky(x):
        calls.append(x)
        if len(calls) > 3:
            raise ZeroDivisionError("mine")
        return x * 1.0

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        host.minimize(lambda x: rosenbrock(picky(x)), X0[:2], method=method)
    assert any("picky" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "trust-ncg", "Nelder-Mead"])
def test_a_nan_of_the_function_harms_nothing(method):
    def f(x):
        return np.sum(np.where(x > 1.5, np.nan, (x - 1) ** 2))

    objective = Objective.of(f, np.zeros(2))
    with np.errstate(invalid="ignore"):
        host.minimize(objective, method=method)
    assert objective.fun([0.0, 0.0]) == 2
    np.testing.assert_array_equal(objective.jac([0.0, 0.0]), [-2, -2])


def test_a_host_that_writes_into_what_it_was_given_harms_nothing():
    L, x = rosenbrock_node()
    objective = Objective(L, x)

    def vandal(fun, x0, args, jac, hess, hessp, **_):
        for _ in range(3):
            expected = rosen_der(x0)
            g, H, p = jac(x0), hess(x0), hessp(x0, x0)
            np.testing.assert_allclose(g, expected)
            for array in (g, H, p):
                array[:] = np.nan
            np.testing.assert_allclose(jac(x0), expected)
            x0 += 1.0  # in place, as some hosts do
        return scipy.optimize.OptimizeResult(x=x0, fun=fun(x0))

    host.minimize(objective, X0.copy(), method=vandal)
