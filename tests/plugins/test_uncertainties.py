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


# -- kinks -----------------------------------------------------------------------------------------

ZERO, ONE, TWO = ufloat(0.0, 0.1), ufloat(1.0, 0.2), ufloat(2.0, 0.1)


@lg.primitive(vjp=lambda g, x: g * np.sign(x), shape="elementwise")
def magnitude(x):
    return np.abs(x)


KINKS = {
    "abs": (lambda x: np.abs(x), [ZERO], [(-1, 1)]),
    "fabs elsewhere": (lambda x: np.fabs(x - 2), [TWO], [(-1, 1)]),
    "sin of abs": (lambda x: np.sin(np.abs(x)), [ZERO], [(-1, 1)]),
    "abs + x": (lambda x: np.abs(x) + x, [ZERO], [(0, 2)]),
    "abs of a sum": (lambda x, y: np.abs(x + y - 2), [ZERO, TWO], [(-1, 1), (-1, 1)]),
    "hypot": (lambda x, y: np.hypot(x, y), [ZERO, ufloat(0.0, 0.2)], [(-1, 1), (-1, 1)]),
    "hypot with a number": (lambda x, y: np.hypot(x, y), [ZERO, 0.0], [(-1, 1)]),
    "norm": (lambda x, y: np.linalg.norm(np.stack([x, y])), [ZERO, ZERO], [(-1, 1), (-1, 1)]),
    "relu": (lambda x: np.maximum(x, 0), [ZERO], [(0, 1)]),
    "a tie": (lambda x, y: np.minimum(x, y), [ONE, ufloat(1.0, 0.1)], [(1, 0), (1, 0)]),
    "clip": (lambda x: np.clip(x, 0, 2), [TWO], [(1, 0)]),
    "clip + x": (lambda x: np.clip(x, 0, 2) + x, [TWO], [(2, 1)]),
    "where": (lambda x: np.where(x > 0, 3 * x, 0 * x), [ZERO], [(0, 3)]),
    "a branch": (lambda x: x if x > 0 else 0 * x, [ZERO], [(0, 1)]),
    "branches": (lambda x: x if x > 0 else -x, [ZERO], [(-1, 1)]),
    "std": (lambda x, y: np.std(np.stack([x, y])), [ONE, ufloat(1.0, 0.1)], [(-0.5, 0.5), (-0.5, 0.5)]),
    "a jump": (lambda x: np.floor(x), [TWO], [(np.inf, 0)]),
    "of one's own": (lambda x: magnitude(x) * 2, [ZERO], [(-2, 2)]),
}


@pytest.mark.parametrize("name", KINKS)
def test_at_a_kink_the_uncertainty_is_nan_and_the_argument_is_named(name):
    f, given, sides = KINKS[name]
    with pytest.warns(UserWarning, match="<lambda> has no derivative at") as found:
        result = wrap(f)(*given)
    assert np.isnan(result.std_dev)
    assert result.nominal_value == f(*[getattr(a, "nominal_value", a) for a in given])
    said = [str(warning.message) for warning in found]
    expected = [
        f"<lambda> has no derivative at {by} = {a.nominal_value}, but {float(left)} below and {float(right)} above"
        for by, a, (left, right) in zip("xy", given, sides, strict=False)
    ]
    assert [text.partition(": ")[0] for text in said] == expected
    assert {warning.filename for warning in found} == {__file__}


def test_a_kink_by_a_keyword_and_in_a_function_without_names():
    with pytest.warns(UserWarning, match=r"has no derivative at y = 0\.0"):
        assert np.isnan(wrap(lambda *, y: np.abs(y))(y=ZERO).std_dev)
    with pytest.warns(UserWarning, match=r"has no derivative at argument 1 = 0\.0"):
        assert np.isnan(wrap(lambda *all_of_them: np.abs(all_of_them[1]))(1.0, ZERO).std_dev)


SMOOTH = {
    "a square": (lambda x: x**2, [ZERO], 0),
    "3/2": (lambda x: x**1.5, [ZERO], 0),
    "cos": (lambda x: np.cos(x), [ZERO], 0),
    "a constant": (lambda x: 0 * x + 1, [ZERO], 0),
    "abs times x": (lambda x: np.abs(x) * x, [ZERO], 0),
    "abs cubed": (lambda x: np.abs(x) ** 3, [ZERO], 0),
    "a difference": (lambda x: np.abs(x - x), [ONE], 0),
    "abs": (lambda x: 3 * np.abs(x), [ONE], 0.6),
    "abs of what is small": (lambda x: np.abs(x), [ufloat(-1.6e-19, 1e-21)], 1e-21),
    "max of what is small": (lambda x: np.maximum(x, 1.6e-19), [ufloat(0, 1e-21)], 0),
    "hypot": (lambda x, y: np.hypot(x, y), [ZERO, ONE], 0.2),
    "a rounded corner": (lambda x: np.sqrt(1e-12 + x * x), [ZERO], 0),
    "a smooth where": (lambda x: np.where(x > 0, x**2, 0), [ZERO], 0),
    "a smooth branch": (lambda x: x + x**2 if x > 0 else x, [ZERO], 0.1),
    "between steps": (lambda x: np.floor(x), [ufloat(2.5, 0.1)], 0),
    "an edge": (lambda x: np.maximum(np.sqrt(x), -1.0), [ufloat(4.0, 0.1)], 0.025),
    "kinks that cancel": (lambda x: np.maximum(x, 0) - np.maximum(-x, 0), [ZERO], 0.1),
    "a tie of three": (lambda x: np.median(np.stack([x, 1.0, 1.0])), [ONE], 0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_where_there_is_a_derivative_the_uncertainty_is_as_ever(name):
    f, given, expected = SMOOTH[name]
    assert wrap(f)(*given).std_dev == pytest.approx(expected, rel=1e-9, abs=1e-40)


def test_a_function_may_raise_beyond_the_point():
    def f(x):
        if x < 0:
            raise ArithmeticError("negative")
        return x**2

    assert wrap(f)(ZERO).std_dev == 0


def test_looking_for_a_kink_leaves_the_memo_as_it_is():
    runs = []

    def run(x):
        runs.append(np.array(x).item())
        return x * x

    square = lg.primitive(run, vjp=lambda g, x: 2 * g * x, shape="elementwise")
    g = wrap(lambda x, y: square(x) + square(y))
    assert g(ZERO, ufloat(1.5, 0.1)).std_dev == pytest.approx(0.3)
    assert runs.count(1.5) == 2  # once more where the sides of 0 are looked at
    assert g(ZERO, ufloat(1.5, 0.2)).std_dev == pytest.approx(0.6)
    assert runs.count(1.5) == 2


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


def test_a_kink_in_an_op_of_ones_own_is_found_and_a_smooth_one_is_left_alone():
    """Whether it has kinks nobody knows but its derivatives beside the place; at the place the rule says one side's."""

    @lg.primitive(vjp=lambda g, x: g * np.where(x < 0, -1.0, 1.0), shape="elementwise")
    def ramp(x):
        return np.abs(x)

    @lg.primitive(vjp=lambda g, x: 3 * g, shape="elementwise")
    def triple(x):
        return 3 * x

    with pytest.warns(UserWarning, match="below and"):
        assert np.isnan(wrap(lambda x: ramp(x) + 5 * x)(ufloat(0.0, 0.1)).std_dev)
    assert wrap(ramp)(ufloat(2.0, 0.1)).std_dev == pytest.approx(0.1)
    assert wrap(lambda x: triple(x) + x)(ufloat(0.0, 0.1)).std_dev == pytest.approx(0.4)
