"""NLopt asks lazygrad through its callbacks."""

import numpy as np
import pytest

nlopt = pytest.importorskip("nlopt")

import lazygrad as lg  # noqa: E402
from lazygrad.plugins.flat import Objective  # noqa: E402
from lazygrad.plugins.nlopt import callback, optimize, vector_callback  # noqa: E402
from tests.helpers.picky_ops import pickiness_comes_out, picky_above  # noqa: E402

X0 = np.array([-1.2, 1.0, -0.5])


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def optimizer(algorithm, objective, **constraints):
    made = nlopt.opt(algorithm, objective.size)
    made.set_min_objective(callback(objective))
    made.set_xtol_rel(1e-8)
    made.set_maxeval(3000)
    return made


@pytest.mark.parametrize("algorithm", ["LD_LBFGS", "LD_SLSQP", "LD_MMA", "LD_TNEWTON", "LN_BOBYQA"])
def test_minimum_and_counts(algorithm):
    x = lg.parameter(X0)
    objective = Objective(rosenbrock(x), x)
    found = optimizer(getattr(nlopt, algorithm), objective).optimize(X0)
    np.testing.assert_allclose(found, np.ones(3), atol=5e-2)
    statistics = objective.statistics
    assert statistics.evaluations["value"] == statistics.points.misses
    if algorithm.startswith("LD"):
        assert statistics.points.hits >= statistics.calls["gradient"] > 10  # each of them at a point with its value
    else:
        assert "gradient" not in statistics.calls


def test_constraints():
    objective = Objective.of(lambda x: x[0] + x[1], np.array([1.0, 0.5]))
    circle = Objective.of(lambda x: np.stack([x[0] ** 2 + x[1] ** 2 - 1, -x[0] - 0.5]), np.array([1.0, 0.5]))
    made = optimizer(nlopt.LD_SLSQP, objective)
    made.add_inequality_mconstraint(vector_callback(circle), [1e-8] * 2)
    np.testing.assert_allclose(made.optimize([1.0, 0.5]), [-0.5, -np.sqrt(0.75)], atol=1e-5)
    equal = Objective.of(lambda x: x[0] - x[1], np.array([1.0, 0.5]))
    made = optimizer(nlopt.LD_SLSQP, objective)
    made.add_inequality_constraint(callback(Objective.of(lambda x: x[0] ** 2 + x[1] ** 2 - 1, np.ones(2))), 1e-8)
    made.add_equality_constraint(callback(equal), 1e-8)
    np.testing.assert_allclose(made.optimize([1.0, 0.5]), [-np.sqrt(0.5)] * 2, atol=1e-5)
    circle = vector_callback(circle)
    values = np.empty(2)
    circle(values, np.array([1.0, 1.0]), np.empty((0, 0)))  # what algorithms without derivatives hand over
    np.testing.assert_array_equal(values, [1, -1.5])


def test_the_users_exception_comes_out_as_itself():
    picky = picky_above(1.5)
    objective = Objective.of(lambda x: np.sum((picky(x) - 2) ** 2), np.zeros(2))
    with pickiness_comes_out():
        optimize(optimizer(nlopt.LD_LBFGS, objective), np.zeros(2))
    np.testing.assert_array_equal(objective.jac([0.0, 0.0]), [-4, -4])
    with pytest.raises(ZeroDivisionError, match="mine"):
        optimize(optimizer(nlopt.LD_SLSQP, objective), np.zeros(2))
    stopped = optimizer(nlopt.LD_SLSQP, objective)
    stopped.set_min_objective(lambda x, grad: stopped.force_stop() or 0.0)
    with pytest.raises(nlopt.ForcedStop):
        optimize(stopped, np.zeros(2))


def test_the_first_exception_is_the_one_that_counts():
    def picky(x):
        total = np.sum((x - 3) ** 2)
        if total < 17:
            raise KeyError("mine")
        return total

    solver = nlopt.opt(nlopt.LD_LBFGS, 2)
    solver.set_min_objective(callback(Objective.of(picky, np.zeros(2))))
    with pytest.raises(KeyError, match="mine"):
        optimize(solver, np.zeros(2))


def test_an_error_before_a_search_is_none_of_the_search():
    x = lg.parameter(X0)
    objective = Objective(rosenbrock(x), x)
    with pytest.raises(lg.ShapeError):
        callback(objective)(np.zeros(2), np.empty(0))
    found = optimize(optimizer(nlopt.LD_LBFGS, objective), X0)
    np.testing.assert_allclose(found, np.ones(3), atol=5e-2)
