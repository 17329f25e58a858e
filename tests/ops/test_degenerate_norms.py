"""Second derivatives of norms where these are 0: the limit, if there is one, else nan with a warning."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close

norm = np.linalg.norm


def matern(r: Any) -> Any:
    """Return Matern's covariance of smoothness 5/2 at a distance."""
    s = np.sqrt(5) * r
    return (1 + s + s**2 / 3) * np.exp(-s)


def hypotenuse(x: Any) -> Any:
    return np.hypot(x[0], x[1])


def modulus(x: Any) -> Any:
    return abs(x[0] + 1j * x[1])


EYE, CENTRED = np.eye(2), np.eye(2) - 0.5
SMOOTH = {
    "norm**2": (lambda x: norm(x) ** 2, 2 * EYE),
    "norm**2 of rows": (lambda x: np.sum(norm(np.stack([x, 2 * x]), axis=1) ** 2), 10 * EYE),
    "norm of complex**2": (lambda x: norm(x * (1 + 2j)) ** 2, 10 * EYE),
    "exp(-norm**2)": (lambda x: np.exp(-(norm(x) ** 2)), -2 * EYE),
    "norm**4": (lambda x: norm(x) ** 4, 0 * EYE),
    "cosh(norm)": (lambda x: np.cosh(norm(x)), EYE),
    "Matern 5/2": (lambda x: matern(norm(x)), -5 / 3 * EYE),
    "hypot**2": (lambda x: hypotenuse(x) ** 2, 2 * EYE),
    "Matern 5/2 of hypot": (lambda x: matern(hypotenuse(x)), -5 / 3 * EYE),
    "|z|**2": (lambda x: modulus(x) ** 2, 2 * EYE),
    "|x|**2": (lambda x: np.sum(abs(x) ** 2), 2 * EYE),
    "|x| * |x|": (lambda x: np.sum(abs(x) * abs(x)), 2 * EYE),
    "std**2": (lambda x: np.std(x) ** 2, CENTRED),
    "std**2 of rows": (lambda x: np.sum(np.std(np.stack([x, 2 * x]), axis=1, keepdims=True) ** 2), 5 * CENTRED),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_function_of_a_norm_has_its_hessian_at_zero(name: str) -> None:
    f, expected = SMOOTH[name]
    zero = np.zeros(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.grad(f)(zero), zero)
        close(lg.hessian(f)(zero), expected)
        close(lg.jacfwd(lg.grad(f))(zero), expected)
        close(lg.compile(lg.hessian(f))(zero), expected)
        close(lg.compile(lg.hessian(f))(np.array([0.3, -0.4])), lg.hessian(f)(np.array([0.3, -0.4])), rtol=1e-9)
        x = lg.parameter(zero)
        gradient = lg.adjoint(f(x), x)
        close([lg.gradient(gradient[k], x) for k in range(2)], expected)


@pytest.mark.parametrize("name", SMOOTH)
def test_forward_mode_twice_gives_the_hessian_or_nan_with_a_warning(name: str) -> None:
    """A tangent does not know the function that comes after the norm, so it cannot tell a kink from a smooth point."""
    f, expected = SMOOTH[name]
    for twice in (lg.jacfwd(lg.jacfwd(f)), lg.jacrev(lg.jacfwd(f)), lg.compile(lg.jacfwd(lg.jacfwd(f)))):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = twice(np.zeros(2))
        wrong = ~np.isclose(found, expected)
        assert np.isnan(found[wrong]).all()
        assert not wrong.any() or any("a tangent does not know" in str(w.message) for w in told)


FOLDED = {"abs": abs, "fabs": np.fabs, "copysign": lambda x: np.copysign(x, [-1.0, 1.0])}


@pytest.mark.parametrize("name", FOLDED)
def test_what_is_linear_in_a_modulus_keeps_its_kink_in_every_mode_and_its_square_has_none(name: str) -> None:
    modulus, at, weights = FOLDED[name], np.array([0.0, 2.0]), np.array([3.0, 4.0])
    linear = {
        "sum": lambda x: np.sum(modulus(x)),
        "weighted": lambda x: np.sum((weights * modulus(x))[::-1]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in linear.values():
            for transform in (lg.hessian, lambda f: lg.jacfwd(lg.jacfwd(f)), lambda f: lg.jacrev(lg.jacfwd(f))):
                close(transform(f)(at), 0 * EYE)
        close(lg.hessian(lambda x: np.sum(modulus(x) ** 2))(at), 2 * EYE)
        close(lg.hessian(lambda x: np.sum(np.cosh(modulus(x))))(np.zeros(2)), EYE)
    for square in (lambda x: np.sum(modulus(x) ** 2), lambda x: np.sum(modulus(x) * modulus(2 * x))):
        with pytest.warns(RuntimeWarning, match="a tangent does not know"):
            found = lg.jacfwd(lg.jacfwd(square))(at)
        assert np.isnan(found[0, 0])
        assert found[1, 1] == lg.hessian(square)(at + 1)[1, 1]
    with pytest.warns(RuntimeWarning, match="what it is multiplied by depends on it"):
        assert np.isnan(lg.hessian(lambda x: np.sum(x * modulus(x)))(at)[0, 0])


@pytest.mark.parametrize("name", ["exp(-norm**2)", "Matern 5/2", "hypot**2", "|z|**2"])
def test_the_mixed_hessian_of_a_kernel_at_equal_points(name: str) -> None:
    f, expected = SMOOTH[name]
    x, y = lg.parameter([0.3, -0.2]), lg.parameter([0.3, -0.2])
    gradient = lg.adjoint(f(x - y), x)
    close([lg.gradient(gradient[k], y) for k in range(2)], -expected)


@pytest.mark.parametrize("f", [norm, hypotenuse, modulus, np.std, lambda x: norm(x) + norm(x) ** 2])
def test_a_kink_has_no_second_derivative(f: Any) -> None:
    """It is nan, and a warning names the node; the first derivative is 0 as ever, without one."""
    x = lg.parameter([0.0, 0.0], name="offset")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient = lg.adjoint(f(x), x)
        close(gradient.value, [0, 0])
    with pytest.warns(RuntimeWarning, match="no second derivative at 0"):
        assert np.isnan(lg.gradient(gradient[0], x)).all()
    with pytest.warns(RuntimeWarning, match="no second derivative at 0"):
        assert np.isnan(lg.compile(lg.hessian(f))(np.zeros(2))).all()


def test_the_warning_names_the_node() -> None:
    x = lg.parameter([0.0, 0.0], name="offset")
    gradient = lg.adjoint(norm(x), x)
    with pytest.warns(RuntimeWarning, match="norm of 'offset'") as found:
        lg.gradient(gradient[0], x)
    assert len(found) == 1


@pytest.mark.parametrize("p", [3.0, 1.5, 0.5])
def test_a_norm_of_another_order_has_no_second_derivative_at_zero(p: float) -> None:
    """Not even its square: that is no quadratic form. Its fourth power has one."""
    for f in (lambda x: norm(x, p), lambda x: norm(x, p) ** 2):
        close(lg.grad(f)(np.zeros(2)), np.zeros(2))
        for transform in (lg.hessian, lambda f: lg.jacfwd(lg.grad(f)), lambda f: lg.compile(lg.hessian(f))):
            with pytest.warns(RuntimeWarning, match="no second derivative"):
                assert np.isnan(transform(f)(np.zeros(2))).all()
        with pytest.warns(RuntimeWarning, match="a tangent does not know"):
            assert np.isnan(lg.jacfwd(lg.jacfwd(f))(np.zeros(2))).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.hessian(lambda x: norm(x, p) ** 4)(np.zeros(2)), np.zeros((2, 2)))


def test_a_norm_of_another_order_by_an_element_that_is_zero() -> None:
    """The second derivative is 0 above 2, and infinite below."""
    at = np.array([0.0, 2.0])
    close(lg.hessian(lambda x: norm(x, 3))(at), np.zeros((2, 2)))
    with pytest.warns(RuntimeWarning, match="p_norm has no second derivative by an element that is 0"):
        assert np.isnan(lg.hessian(lambda x: norm(x, 1.5))(at)[0, 0])


def test_both_legs_of_hypot_have_no_second_derivative_at_the_origin() -> None:
    x, y = lg.parameter(0.0, name="east"), lg.parameter(0.0, name="north")
    gradient = lg.adjoint(np.hypot(x, y), x)
    with pytest.warns(RuntimeWarning, match="hypot of 'east' and 'north'") as found:
        assert np.isnan(lg.gradient(gradient, [x, y])).all()
    assert len(found) == 1


SPREADS = {
    "where": lambda x: np.std(x, where=np.array([True, True, False])),
    "mean": lambda x: np.std(x, mean=np.zeros(1)),
    "nan": lambda x: np.nanstd(np.where(np.array([False, False, True]), np.nan, x)),
    "nan in rows": lambda x: np.nanstd(np.stack([x, x]), axis=1)[0],
}


@pytest.mark.parametrize("name", SPREADS)
def test_standard_deviations_of_some_elements(name: str) -> None:
    f, at = SPREADS[name], np.zeros(3)
    variance = {"where": np.var, "mean": np.var}.get(name, np.nanvar)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.grad(f)(at), at)
        expected = lg.hessian(lambda x: f(x) ** 2)(
            np.array([0.3, -0.4, 0.1])
        )  # of a quadratic form: the same everywhere
        close(lg.hessian(lambda x: f(x) ** 2)(at), expected)
        close(np.abs(expected).max() > 0.1, True)
        lg.testing.check_grads(f, (np.array([0.3, -0.4, 0.1]),))
    assert variance is not None
    with pytest.warns(RuntimeWarning, match="no second derivative at 0"):
        assert np.isnan(lg.hessian(f)(at)).any()


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e170, 1e300])
@pytest.mark.parametrize("p", [None, 2, 3, 4.5, 1.5])
def test_norms_neither_overflow_nor_underflow(scale: float, p: Any) -> None:
    x = np.array([[3.0, -4.0], [1.0, 0.5]])

    def f(x: Any) -> Any:
        return norm(x, p, axis=1) if p else norm(x)

    close(f(lg.constant(scale * x)).value / scale, f(x), rtol=1e-13)
    close(lg.grad(lambda x: np.sum(f(x)))(scale * x), lg.grad(lambda x: np.sum(f(x)))(x), rtol=1e-13)
    close(lg.jacfwd(lambda x: np.sum(f(x)))(scale * x), lg.grad(lambda x: np.sum(f(x)))(x), rtol=1e-13)


def test_a_norm_in_two_nodes_gives_no_guess() -> None:
    """Each adjoint depends on x through the other node as well, which no slope along one of them knows."""
    with pytest.warns(RuntimeWarning, match="no second derivative at 0"):
        assert np.isnan(lg.hessian(lambda x: norm(x) * norm(x))(np.zeros(2))).all()


def test_absolute_keeps_zero_as_second_derivative_at_its_kink() -> None:
    np.testing.assert_array_equal(lg.hessian(lambda x: np.sum(abs(x)))(np.array([0.0, 2.0])), np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.sum(np.where(x > 0, abs(x), 0.0)), 0 * EYE),
        (lambda x: np.where(np.sum(x * x) > 0, norm(x), np.sum(x * x)), 2 * EYE),
    ],
)
def test_a_branch_that_is_not_taken_adds_nothing(f: Any, expected: Any) -> None:
    """The condition depends on x, too, but has no derivative."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.hessian(f)(np.zeros(2)), expected)
