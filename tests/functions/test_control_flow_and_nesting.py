"""Gradients through branches and loops, and of gradients."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.guards import inside_transform
from tests.helpers.op_checks import close


def square_sum(x: Any) -> Any:
    return np.sum(x * x)


X = np.array([1.0, -2.0, 3.0])


def test_branches_and_loops_may_depend_on_values() -> None:
    def newton(a: Any) -> Any:
        y = a
        while abs(y * y - a) > 1e-12:
            y = 0.5 * (y + a / y)
        return y

    close(lg.grad(newton)(2.0), 0.5 / np.sqrt(2.0))

    def branch(x: Any) -> Any:
        return x**2 if x > 0 else -x

    assert lg.grad(branch)(3.0) == 6
    assert lg.grad(branch)(-3.0) == -1
    assert lg.jvp(branch, 3.0, 1.0)[1] == 6
    assert lg.grad(lg.grad(branch))(3.0) == 2


def test_integers_are_evaluated_on_demand_as_truth_values_are() -> None:
    """They have no derivative that could be lost by it; floats stay refused."""
    prices = np.array([10.0, 20.0, 30.0])

    def f(x: Any) -> Any:
        best = int(np.argmax(x))
        return np.sum(prices[np.argsort(x)] * x) + x[best] * len(range(np.argmax(x))) + np.sum(prices[x > 0] * 2.0)

    close(lg.grad(f)(X), [20.0, 10.0, 32.0])
    assert lg.grad(f)(X).dtype == float
    for convert in (int, float, np.asarray, range):
        with pytest.raises(TypeError, match="would cut it off from its graph") as caught:
            lg.grad(lambda x, convert=convert: convert(x[0]))(X)
        assert not re.search(r"\.item|\.value", str(caught.value))
        with pytest.raises(TypeError, match=r"to look at the number, outside of the differentiated.*\.item\(\)"):
            convert(lg.constant(3))


def test_a_branch_outside_a_transform_is_refused() -> None:
    with pytest.raises(TypeError, match="truth value"):
        bool(lg.parameter(1.0) > 0)


def test_an_exception_leaves_no_transform_behind() -> None:
    def broken(x: Any) -> Any:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        lg.grad(broken)(1.0)
    assert not inside_transform()
    with pytest.raises(TypeError, match="truth value"):
        bool(lg.parameter(1.0) > 0)


def test_nested_gradients() -> None:
    f = lg.grad(lg.grad(lg.grad(np.sin)))
    close(f(0.3), -np.cos(0.3))
    close(lg.grad(lambda x: lg.grad(lambda y: lg.grad(np.sin)(y))(x))(0.3), -np.cos(0.3))
    close(lg.grad(lambda x: np.sum(lg.grad(square_sum)(x) ** 2))(X), 8 * X)


def test_mixed_derivatives_of_numbers() -> None:
    """The gradient of a gradient is the next derivative only by the same argument."""
    f = lambda x, y: x**2 * y**3  # noqa: E731
    assert lg.grad(lg.grad(f, 0), 1)(2.0, 3.0) == 2 * 2 * 3 * 9
    assert lg.grad(lg.grad(f, 1), 0)(2.0, 3.0) == 2 * 2 * 3 * 9
    assert lg.grad(lg.grad(f, 0), 0)(2.0, 3.0) == 2 * 27
    assert lg.grad(lg.grad(lg.grad(f, 1), 1), 0)(2.0, 3.0) == 2 * 2 * 6 * 3


def test_a_function_that_wraps_a_gradient_is_not_that_gradient() -> None:
    slope = lg.grad(np.sin)

    @functools.wraps(slope)
    def doubled(x: Any) -> Any:
        return 2 * slope(x)

    close(lg.grad(doubled)(0.3), -2 * np.sin(0.3))


def test_nested_gradients_with_something_beside_them() -> None:
    def f(x: Any) -> Any:
        return x**3, {"seen": x * 1.0}

    inner = lg.grad(f, has_aux=True)
    second, aux = lg.grad(inner, has_aux=True)(2.0)
    assert (second, aux["seen"]) == (12, 2)
    with pytest.raises(TypeError, match="returned tuple"):
        lg.grad(inner)(2.0)
    with pytest.raises(TypeError, match="must return a pair"):
        lg.grad(lg.grad(lambda x: x**3), has_aux=True)(2.0)


def test_the_gradient_of_a_gradient_of_a_complex_number_is_refused() -> None:
    slope = lg.grad(lambda z: abs(z) ** 2)
    close(slope(1.0 + 2.0j), 2.0 - 4.0j)
    with pytest.raises(TypeError, match=r"gr.* returned complex128"):
        lg.grad(slope)(1.0 + 2.0j)


def test_perturbations_are_not_confused() -> None:
    """The classic: the inner derivative is by the inner argument alone."""
    assert lg.grad(lambda x: x * lg.grad(lambda y: x + y)(2.0))(1.0) == 1
    assert lg.grad(lambda x: x * lg.grad(lambda y: x * y)(x))(3.0) == 6  # d(x * x)
    assert lg.grad(lambda x: x * lg.grad(lambda y: y * x)(1.0))(3.0) == 6
    assert lg.grad(lambda x: lg.grad(lambda y: lg.grad(lambda z: x * y * z)(x))(x))(3.0) == 1
    assert lg.jvp(lambda x: x * lg.jvp(lambda y: x + y, 1.0, 1.0)[1], 1.0, 1.0)[1] == 1
    assert lg.jvp(lambda x: x * lg.jvp(lambda y: x * y, x, 1.0)[1], 3.0, 1.0)[1] == 6
    assert lg.grad(lambda x: x * lg.jvp(lambda y: x + y, 1.0, 1.0)[1])(1.0) == 1
    assert lg.jvp(lambda x: x * lg.grad(lambda y: x + y)(1.0), 1.0, 1.0)[1] == 1


def test_what_an_inner_gradient_does_not_owe_to_the_outer_argument_is_an_array() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append(lg.grad(np.sin)(0.5))
        seen.append(lg.grad(lambda y: x * y)(0.5))
        return x * seen[0]

    close(lg.grad(f)(1.0), np.cos(0.5))
    assert [isinstance(s, lg.Node) for s in seen] == [False, True]


def test_inner_gradient_by_a_closure_of_the_outer_argument() -> None:
    def f(x: Any) -> Any:
        step = x - 0.1 * lg.grad(lambda w: np.sum((w * x) ** 2))(np.ones(3))  # plain argument, node in the closure
        return np.sum(step)

    close(lg.grad(f)(X), 1 - 0.4 * X)


@pytest.mark.parametrize("f", [np.sin, np.tanh, lambda x: 1 / (1 + x), lambda x: np.exp(x) * x**3, np.sqrt])
def test_high_orders_against_a_circle_in_the_complex_plane(f: Callable[[Any], Any]) -> None:
    """Cauchy: f^(n)(a) = n! / r^n times the mean of f(a + r w) w^-n over the roots of unity w."""
    a, r, points = 0.7, 0.3, 64
    w = np.exp(2j * np.pi * np.arange(points) / points)
    factorial, derivative = 1.0, f
    for n in range(1, 9):
        factorial *= n
        derivative = lg.grad(derivative)
        close(derivative(a), (factorial / r**n * np.mean(f(a + r * w) * w**-n)).real, rtol=1e-6)


@pytest.mark.parametrize(
    "op", [np.sin, np.tanh, lambda x: 1 / (1 + x), lambda x: x * x * 0.5, lambda x: np.exp(0.1 * x), np.sqrt]
)
def test_high_orders_take_polynomially_many_nodes(op: Callable[[Any], Any]) -> None:
    """The n-th derivative of a chain: a polynomial of third degree in n, where doubling would be 2 ** n."""

    def chain(x: Any) -> Any:
        for _ in range(10):
            x = op(x) * 0.9
        return x

    def nodes(n: int) -> int:
        f: Callable[[Any], Any] = chain
        for _ in range(n):
            f = lg.grad(f)
        before = lg.constant(0).serial
        f(0.7)
        return lg.constant(0).serial - before

    few, many = nodes(4), nodes(8)
    assert many < 12 * few  # (8 / 4) ** 3 and a little; doubling each time would be 16, and it was 4 ** 4
    differences = np.diff([nodes(n) for n in range(2, 9)], n=4)
    assert np.abs(differences).max() < few
