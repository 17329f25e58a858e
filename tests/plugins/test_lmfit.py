"""lmfit asks lazygrad for the Jacobian of the residuals, also through bounds and expressions."""

import numpy as np
import pytest

lmfit = pytest.importorskip("lmfit")

import lazygrad as lg  # noqa: E402
from lazygrad.plugins.lmfit import minimize  # noqa: E402
from tests.helpers.picky_ops import pickiness_comes_out, picky_above  # noqa: E402

T = np.linspace(0, 3, 40)


def model(p, t):
    return p["a"] * np.exp(-p["k"] * t) + p["c"]


DATA = model({"a": 2.0, "k": 1.3, "c": 0.5}, T) + 0.01 * np.cos(9 * T)


def misfit(p, t, data):
    return model(p, t) - data


def by_lmfit(p, t, data):
    return misfit(p.valuesdict(), t, data)


def params(**more):
    return lmfit.create_params(a=1.0, k={"value": 0.5, "min": 0.1, "max": 4}, c=0.0, **more)


@pytest.mark.parametrize("method", ["leastsq", "least_squares"])
def test_least_squares_with_bounds(method):
    expected = lmfit.minimize(by_lmfit, params(), method=method, args=(T, DATA))
    found = minimize(misfit, params(), method=method, args=(T, DATA))
    for name in ("a", "k", "c"):
        assert found.params[name].value == pytest.approx(expected.params[name].value, rel=1e-5)
        assert found.params[name].stderr == pytest.approx(expected.params[name].stderr, rel=1e-2)
    assert found.nfev < expected.nfev


@pytest.mark.parametrize("method", ["bfgs", "lbfgsb", "cg", "tnc", "slsqp", "newton", "nelder", "powell", "cobyla"])
def test_scalar_methods(method):
    found = minimize(misfit, params(), method=method, args=(T, DATA))
    expected = minimize(misfit, params(), args=(T, DATA))
    for name in ("a", "k", "c"):
        assert found.params[name].value == pytest.approx(expected.params[name].value, abs=2e-2)


def test_the_gradient_is_that_of_the_sum_of_squares():
    from lazygrad.plugins.lmfit import _Model  # noqa: PLC0415

    p = params()
    made = _Model(misfit, p, (T, DATA))
    g = lg.grad(lambda v: np.sum(misfit(v, T, DATA) ** 2))({name: p[name].value for name in made.names})
    np.testing.assert_allclose(made.gradient(p), list(g.values()))
    single = _Model(lambda v: np.sum(misfit(v, T, DATA) ** 2), p, ())
    np.testing.assert_allclose(single.gradient(p), list(g.values()))


@pytest.mark.parametrize("method", ["leastsq", "least_squares", "bfgs"])
def test_fixed_parameters_and_expressions_of_expressions(method):
    p = lmfit.create_params(a=1.0, tau={"value": 1.0, "min": 0.2}, c={"value": 0.5, "vary": False})
    p.add("half", expr="tau * log(2)")
    p.add("k", expr="log(2) / half")
    found = minimize(misfit, p, method=method, args=(T, DATA))
    assert found.var_names == ["a", "tau"]
    assert found.params["k"].value == pytest.approx(1.3, rel=2e-2)
    assert found.params["tau"].value == pytest.approx(1 / found.params["k"].value)
    assert found.params["c"].value == 0.5


def test_symbols_of_ones_own_in_expressions():
    p = lmfit.Parameters(usersyms={"double": lambda x: 2 * x})
    p.add("a", value=1.0)
    p.add("k", value=1.0)
    p.add("c", expr="double(a) / 8")
    found = minimize(misfit, p, args=(T, DATA))
    expected = lmfit.minimize(by_lmfit, p, args=(T, DATA))
    assert found.params["c"].value == pytest.approx(expected.params["c"].value, rel=1e-4)


def test_the_function_is_traced_once_and_evaluated_once_a_point():
    from lazygrad.plugins import lmfit as plugin  # noqa: PLC0415

    calls = []
    made = []

    class Kept(plugin._Model):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugin, "_Model", Kept)
        minimize(lambda p, t, data: calls.append(1) or misfit(p, t, data), params(), args=(T, DATA))
    statistics = made[0]._objective.statistics
    assert len(calls) == 1
    assert statistics.calls["jacobian"] > 2
    assert statistics.evaluations["value"] == statistics.points.misses < statistics.points.hits


def test_errors():
    picky = picky_above(1.2)
    with pickiness_comes_out():
        minimize(lambda p: picky(p["a"]) * T - 5 * T, lmfit.create_params(a=1.0))
