"""iminuit asks lazygrad for gradients and Hessians."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("iminuit")

from iminuit import Minuit

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad.plugins.flat import Objective
from lazygrad.plugins.iminuit import _Diagonal, minuit
from tests.helpers.picky_ops import pickiness_comes_out, picky_above

T = np.linspace(0, 1, 20)
DATA = 2 * np.exp(-3 * T) + 0.1 * np.cos(20 * T)


def chi2(p):
    return np.sum(((p["a"] * np.exp(-p["k"] * T) - DATA) / 0.1) ** 2)


START = {"a": 1.0, "k": 1.0}


@pytest.mark.parametrize("hessian", [None, False, True])
def test_migrad_and_hesse_agree_with_iminuit_alone(hessian):
    expected = Minuit(lambda a, k: chi2({"a": a, "k": k}), **START)
    expected.migrad()
    expected.hesse()
    objective = Objective.of(chi2, START)
    found = minuit(objective, hessian=hessian)
    found.migrad()
    found.hesse()
    assert found.valid
    assert found.parameters == ("a", "k")
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-3)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-2)
    assert found.ngrad > 0
    assert found.nfcn < expected.nfcn
    assert bool(objective.statistics.calls.get("hvp")) == (hessian is not False)
    assert (found.ng2 > 0, found.nhessian > 0) == (hessian is None, hessian is True)
    minos = found.minos()
    assert minos.valid


def test_each_forward_node_runs_once_a_point():
    leaves = {name: lg.parameter(value) for name, value in START.items()}
    L = chi2(leaves)
    objective = Objective(L, leaves)
    seen, calls = set(), []

    def watched(f):
        def ask(x):
            seen.add(np.array(x).tobytes())
            calls.append(f)
            return f(x)

        return ask

    m = Minuit(*(watched(objective.fun), objective.x), grad=watched(objective.jac), hessian=watched(objective.hess))
    with lg.record() as report:
        m.migrad()
        m.hesse()
    nodes = {i.serial for i in ancestors(L) if i.op is not None}
    runs = Counter(i.serial for i in report.values.computed if i.serial in nodes)
    assert set(runs.values()) == {len(seen)}
    assert len(calls) > 1.5 * len(seen)


def hill(x):
    return np.cos(x[0]) + x[1] ** 2 + 0.5 * x[0] * x[1]


WELLS = {
    "wells": (lambda x: np.sum((x**2 - 1) ** 2), [0.1, 0.2], [1, 1]),
    "tops": (lambda x: np.sum(np.cos(x)), [0.3, -0.2], [np.pi, -np.pi]),
    "saddle": (lambda x: np.sum(x**2) + 5 * x[0] * x[1] + np.sum(x**4), [0.3, 0.2], [0.75**0.5, -(0.75**0.5)]),
    "hill": (hill, [0.3, 0.2], None),
}


@pytest.mark.parametrize("strategy", [0, 1, 2])
@pytest.mark.parametrize("hessian", [None, True])
@pytest.mark.parametrize("name", WELLS)
def test_a_start_where_the_second_derivatives_are_negative(name, hessian, strategy):
    f, start, end = WELLS[name]
    m = minuit(f, np.array(start), hessian=hessian)
    m.strategy = strategy
    m.migrad().hesse()
    assert m.valid
    assert lg.grad(f)(np.array(m.values)) == pytest.approx(0, abs=0.02)
    if end is not None:
        np.testing.assert_allclose(m.values, end, atol=5e-3)


def test_the_diagonal_is_computed_once_and_anew_where_the_function_curved_down():
    n = 10
    start = np.tile([-1.2, 1.0], n // 2)

    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    objective = Objective.of(rosenbrock, start)
    m = minuit(objective).migrad()
    assert m.valid
    assert m.ng2 == m.ngrad > 5 * n
    assert objective.statistics.calls["hvp"] < 3 * n  # it starts on a hill by half of them

    objective = Objective.of(lambda x: np.sum((x**2 - 1) ** 2), np.zeros(2))
    diagonal = _Diagonal(objective)
    for x in (0.1, 0.2, 0.3):  # 12 x**2 - 4
        np.testing.assert_allclose(diagonal(np.full(2, x)), 12 * x**2 - 4)
    assert diagonal(np.ones(2)).tolist() == [8, 8]
    diagonal(np.full(2, 2.0))[:] = 0
    assert diagonal(np.full(2, 3.0)).tolist() == [8, 8]  # Minuit does not look any more

    objective = Objective.of(lambda x: np.sum((x**2 - 1) ** 2), np.ones(n))
    diagonal = _Diagonal(objective)
    place = np.where(np.arange(n) == 3, 0.1, 1.0)
    np.testing.assert_allclose(diagonal(place), 12 * place**2 - 4)
    asked = objective.statistics.calls["hvp"]
    for x in (0.2, 2.0, 3.0):
        found = diagonal(np.where(np.arange(n) == 3, x, 1.5))
        np.testing.assert_allclose(found, np.where(np.arange(n) == 3, 12 * min(x, 2.0) ** 2 - 4, 8))
    assert objective.statistics.calls["hvp"] == asked + 2


@pytest.mark.parametrize("strategy", [0, 1, 2])
def test_an_active_limit(strategy):
    m = minuit(lambda p: np.sum((p["a"] - 2) ** 2 + (p["b"] - 1) ** 2 + p["a"] * p["b"]), {"a": 0, "b": 0})
    m.limits["a"] = (0, 1.5)
    m.strategy = strategy
    m.migrad().hesse()
    assert m.valid
    np.testing.assert_allclose(m.values, [1.5, 0.25], atol=2e-3)
    assert m.errors["b"] == pytest.approx(1, abs=1e-2)
    assert m.nfcn < 100


def test_second_derivatives_of_ones_own_count_instead_of_ours():
    asked = []
    objective = Objective.of(chi2, START)

    def g2(x):
        asked.append(x)
        return objective.hess(x).diagonal()

    assert minuit(objective, g2=g2).migrad().valid
    assert asked


def test_names_limits_and_fixed_parameters():
    m = minuit(lambda p: np.sum((p["W"] - 2) ** 2) + (p["v"][0] - 1) ** 2, {"W": np.zeros((1, 2)), "v": [0.0]})
    assert m.parameters == ("W[0,0]", "W[0,1]", "v[0]")
    m.limits["W[0,0]"] = (None, 1.5)
    m.fixed["v[0]"] = True
    m.migrad()
    np.testing.assert_allclose(m.values, [1.5, 2, 0], atol=1e-3)
    x = lg.parameter([1.0, 2.0])
    assert minuit(np.sum(x**2), wrt=x).parameters == ("x[0]", "x[1]")
    assert minuit(np.sum(x**2), wrt=x, name=["p", "q"], errordef=0.5).errordef == 0.5


def test_errors():
    with pytest.raises(TypeError, match="2 elements where one is needed"):
        minuit(lambda x: x, np.ones(2)).migrad()

    picky = picky_above(1.5)
    with pickiness_comes_out():
        minuit(lambda x: np.sum((picky(x) - 2) ** 2), np.zeros(2)).migrad()
