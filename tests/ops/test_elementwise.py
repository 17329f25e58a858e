"""Functions that act element by element, beyond their rows: edges of second order, operators, complex numbers."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close, same

INF = np.inf


def derivatives(f: Any, x: Any, count: int) -> list[Any]:
    """Return the value and the first derivatives of f, element by element."""
    leaf = lg.parameter(x)
    found = [f(leaf)]
    for _ in range(count):
        found.append(lg.adjoint(found[-1].sum(), leaf))
    return [node.value for node in found]


# -- powers at the edges of their domain -----------------------------------------------------------

POWERS = {  # exponent -> value, first and second derivative at 0, and at -2
    -1.0: ((INF, -INF, INF), (-0.5, -0.25, -0.25)),
    0.0: ((1, 0, 0), (1, 0, 0)),
    0.5: ((0, INF, -INF), None),
    1.0: ((0, 1, 0), (-2, 1, 0)),
    1.5: ((0, 0, INF), None),
    2.0: ((0, 0, 2), (4, -4, 2)),
    3.0: ((0, 0, 0), (-8, 12, -12)),
}


@pytest.mark.parametrize("exponent", POWERS)
@pytest.mark.parametrize("spelling", ["number", "array", "node", "float_power"])
def test_powers_at_zero_and_of_negative_numbers(exponent: float, spelling: str) -> None:
    at_zero, at_minus_two = POWERS[exponent]
    raised = {
        "number": lambda x: x**exponent,
        "array": lambda x: x ** np.full(1, exponent),
        "node": lambda x: np.power(x, lg.constant(exponent)),
        "float_power": lambda x: np.float_power(x, exponent),
    }[spelling]
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(np.ravel(derivatives(raised, [0.0], 2)), at_zero)
        if at_minus_two is not None:
            np.testing.assert_array_equal(np.ravel(derivatives(raised, [-2.0], 2)), at_minus_two)


@pytest.mark.parametrize("y", [0.0, 0.5, 1.0, 2.0])
def test_powers_of_zero_by_the_exponent(y: float) -> None:
    _, first, second = derivatives(lambda y: lg.constant(0.0) ** y, y, 2)
    assert (first, second) == (0, 0)


def test_power_by_both_arguments() -> None:
    x, y = lg.parameter([0.5, 2.0, 0.0]), lg.parameter([1.5, -2.0, 3.0])
    mixed = lg.gradient(lg.adjoint((x**y).sum(), x).sum(), y)
    a, b = x.value[:2], y.value[:2]
    close(mixed, [*(a ** (b - 1) * (1 + b * np.log(a))), 0])


# -- derivatives of any order ----------------------------------------------------------------------


def test_sinc_and_bessel_at_zero_to_any_order() -> None:
    sinc = [1, 0, -(np.pi**2) / 3, 0, np.pi**4 / 5, 0, -(np.pi**6) / 7]
    for near in (0.0, 1e-9):
        close(derivatives(np.sinc, near, 6), sinc, atol=1e-5 if near else 1e-13)
    close(derivatives(np.i0, 0.0, 6), [1, 0, 1 / 2, 0, 3 / 8, 0, 5 / 16])


def test_sinc_is_accurate_where_its_closed_form_cancels() -> None:
    _, first, second = derivatives(np.sinc, 1e-8, 2)
    close(first, -(np.pi**2) / 3 * 1e-8, rtol=1e-14, atol=0)
    close(second, -(np.pi**2) / 3, rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_sinc_has_no_seam(order: int) -> None:
    """The series and the recursion meet."""
    x = (1 + order) / np.pi * (1 + np.array([-1e-9, 1e-9]))
    *_, value, slope = derivatives(np.sinc, x, order + 1)
    close(value[1] - value[0], slope[0] * (x[1] - x[0]), rtol=0, atol=1e-13 * np.pi**order)


@pytest.mark.parametrize("x", [0.5, -3.0, 30.0, 600.0])
def test_bessel_solves_its_equation(x: float) -> None:
    """x^2 w'' + x w' = x^2 w."""
    value, first, second = derivatives(np.i0, x, 2)
    close(x * second + first, x * value, rtol=1e-13)


@pytest.mark.parametrize("f", [np.arcsin, np.arctanh])
def test_second_derivatives_at_the_ends_of_the_domain(f: Any) -> None:
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(derivatives(f, [-1.0, 0.0, 1.0], 2)[2], [-INF, 0, INF])
        np.testing.assert_array_equal(derivatives(np.arccosh, 1.0, 2)[2], -INF)


def test_second_derivatives_at_the_origin() -> None:
    """At the tip of a cone there is none; that of an angle is 0 by the table of kinks."""
    for f, at_origin in ((np.hypot, np.nan), (np.arctan2, 0.0)):
        x, y = lg.parameter([0.0, 3.0]), lg.parameter([0.0, 4.0])
        first = lg.adjoint(f(x, y).sum(), x)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = lg.gradient(first.sum(), [x, y])
        np.testing.assert_equal(found[0][0], at_origin)
        assert np.isfinite([second[1] for second in found]).all()
        assert bool(said) == (f is np.hypot)


SINGULAR = {
    "sinh overflows": (np.sinh, 1000.0),
    "cosh overflows": (np.cosh, 1000.0),
    "exp2 overflows": (np.exp2, 2000.0),
    "expm1 overflows": (np.expm1, 1000.0),
    "arcsin": (np.arcsin, 2.0),
    "arccosh": (np.arccosh, 1.0),
    "arctanh": (np.arctanh, 1.0),
    "log1p": (np.log1p, -1.0),
    "log2": (np.log2, 0.0),
    "cbrt": (np.cbrt, 0.0),
    "reciprocal": (np.reciprocal, 0.0),
    "arctan2": (lambda x: np.arctan2(x, x), 0.0),
    "hypot": (lambda x: np.hypot(x, 2 * x), 0.0),
    "fmod": (lambda x: np.fmod(3.0, x), 0.0),
    "remainder": (lambda x: 3.0 % x, 0.0),
    "i0 overflows": (np.i0, 1000.0),
    "(-1)**x": (lambda x: lg.constant(-1.0) ** x, 0.5),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_where_lets_nothing_through_from_the_branch_not_taken(name: str) -> None:
    f, bad = SINGULAR[name]
    with np.errstate(all="ignore"):
        found = derivatives(lambda x: np.where([False, True], f(x), 0.0), [bad, 0.25], 2)
    np.testing.assert_array_equal([part[0] for part in found], [0, 0, 0])


# -- operators -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [operator.mod, operator.floordiv])
def test_remainders_and_quotients(sign: Any) -> None:
    x, y = np.array([5.5, -5.5, 3.0]), np.array([2.0, 2.0, -0.7])
    same(sign(lg.parameter(x), y), sign(x, y))
    same(sign(x, lg.parameter(y)), sign(x, y))
    same(sign(lg.parameter(x), 2), sign(x, 2))
    same(sign(7, lg.parameter(y)), sign(7, y))
    for result, expected in zip(divmod(7, lg.parameter(y)), divmod(7, y), strict=True):
        same(result, expected)


@pytest.mark.parametrize("sign", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift])
def test_bits(sign: Any) -> None:
    x, y = np.array([5, 6, 7]), np.array([1, 2, 3])
    for left, right in ((lg.constant(x), y), (x, lg.constant(y)), (lg.constant(x), lg.constant(y))):
        same(sign(left, right), sign(x, y))
    same(sign(lg.constant(x), 2), sign(x, 2))
    same(~lg.constant(x), ~x)
    with pytest.raises(TypeError, match=r"not supported for the input types"):
        sign(lg.parameter([1.0]), y)


def test_masks_made_by_operators_choose() -> None:
    x = lg.parameter([-2.0, 0.5, 3.0])
    inside = (x > -1) & ~(x > 1) | (x == 3.0)
    np.testing.assert_array_equal(lg.gradient(np.where(inside, x * x, 0).sum(), x), [0, 1, 6])


# -- bounds, and numbers that are not finite --------------------------------------------------------


@pytest.mark.parametrize("bound", [0, 0.0, np.float32(0)])
def test_a_scalar_bound_is_relu_under_every_spelling(bound: Any) -> None:
    spellings = (
        lambda x: np.maximum(x, bound),
        lambda x: np.fmax(bound, x),
        lambda x: np.clip(x, bound, None),
        lambda x: np.clip(x, bound, 9),
        lambda x: x.clip(min=bound),
        lambda x: -np.fmin(-x, bound),
    )
    for spelling in spellings:
        value, first = derivatives(spelling, np.array([-1, 0, 2], np.float32), 1)
        np.testing.assert_array_equal(value, [0, 0, 2])
        np.testing.assert_array_equal(first, [0, 0, 1])
        assert value.dtype == first.dtype == np.float32


def test_clip_takes_its_bounds_in_one_way() -> None:
    x = lg.parameter([1.0])
    with pytest.raises(ValueError, match="either"):
        np.clip(x, 0, max=2)
    same(np.clip(x, None, None), x.value)


def test_nan_to_num_of_complex_numbers_takes_each_part() -> None:
    z = lg.parameter(np.array([1 + 2j, complex(np.nan, 3), complex(4, np.inf)]))
    part = np.nan_to_num(z, posinf=7.0)
    same(part, np.nan_to_num(z.value, posinf=7.0))
    w = np.array([1 - 1j] * 3)
    np.testing.assert_array_equal(lg.gradient(part, z, cotangent=w), [1 - 1j, -1j, 1])


# -- complex numbers -------------------------------------------------------------------------------


def test_absolute_of_complex_zero() -> None:
    z = lg.parameter(np.array([0j, 3 + 4j]))
    first = lg.adjoint(np.abs(z).sum(), z)
    np.testing.assert_allclose(first.value, [0, 0.6 - 0.8j], rtol=1e-15)
    with pytest.warns(RuntimeWarning, match="absolute"):
        second = lg.gradient(np.real(first).sum(), z)
    assert np.isnan(second[0])  # there is no second derivative at the tip of the cone
    close(second[1:], [0.128 - (-0.096j)])


def test_real_if_close_looks_at_the_values() -> None:
    z = lg.parameter(np.array([1 + 1e-15j, 2.0]))
    with pytest.raises(TypeError, match=r"depends on the values"):
        np.real_if_close(z)
    close(lg.grad(lambda z: (np.real_if_close(z) ** 2).sum())(z.value), [2, 4])
    assert lg.grad(lambda z: np.abs(z).sum() * (np.real_if_close(z).dtype.kind == "c"))(1j * z.value).all()


def test_signs_of_complex_numbers_turn_with_them() -> None:
    z = lg.parameter(np.array([3 + 4j, 0]))
    close(lg.gradient(np.imag(np.sign(z)).sum(), z), [-0.096 - 0.072j, 0])


LOSSES: dict[str, Any] = {
    "squares": lambda e: e**2,
    "np.square": np.square,
    "products": lambda e: e * e,
    "absolute": np.abs,
    "of a factor": lambda e: 3.0 * (e * e),
}


@pytest.mark.parametrize("name", LOSSES)
def test_missing_data_have_no_derivative(name: str) -> None:
    """A nan that `where` or `nansum` leaves out reaches neither the gradient nor a product with the Hessian."""
    data = np.array([1.0, np.nan, 4.0])
    seen = np.isfinite(data)
    w, v = np.array([3.0, 3.0, 3.0]), np.array([1.0, 1.0, 2.0])
    known = lambda w: LOSSES[name](w - data[seen]).sum()  # noqa: E731
    for loss in (
        lambda w: np.where(seen, LOSSES[name](w - data), 0.0).sum(),
        lambda w: np.nansum(LOSSES[name](w - data)),
    ):
        for found, expected in (
            (lg.grad(loss)(w), lg.grad(known)(w[seen])),
            (lg.hvp(loss, w, v), lg.hvp(known, w[seen], v[seen])),
        ):
            np.testing.assert_array_equal(found[seen], expected)
            assert found[1] == 0
