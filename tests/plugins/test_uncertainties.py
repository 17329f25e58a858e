"""uncertainties propagates by derivatives from lazygrad."""

import numpy as np
import pytest

pytest.importorskip("uncertainties")

import uncertainties
from uncertainties import ufloat, umath

import lazygrad as lg
from lazygrad.plugins.uncertainties import wrap


def f(x, y=2.0, *, z=1.0):
    return np.sin(x) * y**2 + np.exp(z)


A, B, C = ufloat(0.5, 0.1), ufloat(2.0, 0.2), ufloat(1.0, 0.05)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((A,), {}),
        ((A, B), {}),
        ((A,), {"y": B}),
        ((), {"x": A, "y": B, "z": C}),
        ((A, B), {"z": C}),
        ((0.5, B), {}),
        ((A, A), {"z": A}),
    ],
)
def test_agrees_with_uncertainties_own_operators(args, kwargs):
    full = {"x": None, "y": 2.0, "z": 1.0} | dict(zip("xy", args, strict=False)) | kwargs
    expected = umath.sin(full["x"]) * full["y"] ** 2 + umath.exp(full["z"])
    found = wrap(f)(*args, **kwargs)
    assert found.nominal_value == pytest.approx(expected.nominal_value, rel=1e-14)
    assert found.std_dev == pytest.approx(expected.std_dev, rel=1e-12)
    for variable, slope in expected.derivatives.items():
        assert found.derivatives[variable] == pytest.approx(slope, rel=1e-12)


def test_correlations_are_kept():
    s = wrap(lambda x, y: x - y)(A, A)
    assert s.std_dev == 0
    assert uncertainties.correlation_matrix([wrap(f)(A), A])[0, 1] == pytest.approx(1)


def test_plain_numbers_and_other_arguments():
    assert wrap(f)(0.5) == f(0.5)
    assert isinstance(wrap(f)(0.5), float)
    g = wrap(lambda x, n, kind, a: (x * a).sum() ** n if kind == "sum" else x)
    a = np.array([1.0, 2.0])
    for n in (2, 3):
        found = g(A, n, "sum", a)
        assert found.derivatives[A] == pytest.approx(n * 3 * (3 * 0.5) ** (n - 1))
    assert g(A, 2, "other", a).derivatives[A] == 1
    assert g(A, 2, "sum", np.ones(3)).nominal_value == 1.5**2


def test_only_the_derivatives_by_what_is_uncertain_on_one_evaluation():
    rules = {"x": 0, "y": 0, "run": 0}

    def counted(name):
        def rule(g, x):
            rules[name] += 1
            return g * 3.0

        return rule

    def run(x):
        rules["run"] += 1
        return 3.0 * x

    of_x = lg.primitive(run, vjp=counted("x"), shape="elementwise", name="of_x")
    of_y = lg.primitive(run, vjp=counted("y"), shape="elementwise", name="of_y")
    g = wrap(lambda x, y: of_x(x) * of_y(y))
    assert g(A, 2.0).derivatives[A] == 18
    before = dict(rules)
    assert (rules["x"], rules["y"]) == (1, 0)
    assert g(A, 3.0).derivatives[A] == 27
    assert rules == {"x": 2, "y": 0, "run": before["run"] + 1}  # of_x has its value, and another adjoint
    assert g(A, 3.0).std_dev == pytest.approx(2.7)
    assert rules == {"x": 2, "y": 0, "run": before["run"] + 1}


def test_errors():
    with pytest.raises(TypeError, match="takes any keywords"):
        wrap(lambda x, **more: x)
    with pytest.raises(TypeError, match=r"must return a real number, but returned shape \(2,\)"):
        wrap(lambda x: np.stack([x, x]))(A)

    @lg.primitive(vjp=lambda g, x: g)
    def picky(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        wrap(lambda x: picky(x) * 2)(A)


def test_numbers_of_numpy_have_derivatives_of_any_precision():
    found = wrap(f)(ufloat(np.float32(0.5), 0.1), np.float32(2.0))
    assert found.std_dev == pytest.approx(4 * np.cos(0.5) * 0.1, rel=1e-6)
