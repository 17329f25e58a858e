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
def test_forward_mode_twice_gives_the_hessian_or_nan(name: str) -> None:
    """A tangent does not know the function that comes after the norm, so it cannot tell a kink from a smooth point."""
    f, expected = SMOOTH[name]
    if name[:2] == "|x":
        pytest.skip("the tangent of |x| is piecewise linear")
    for found in (lg.jacfwd(lg.jacfwd(f))(np.zeros(2)), lg.jacrev(lg.jacfwd(f))(np.zeros(2))):
        assert np.isnan(found).all() or np.allclose(found, expected)


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
