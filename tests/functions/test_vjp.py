"""Elementwise gradients, and products with cotangents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close

X = np.array([1.0, -2.0, 3.0])


def test_elementwise_grad() -> None:
    close(lg.elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)
    close(lg.elementwise_grad(lg.elementwise_grad(np.tanh))(X), -2 * np.tanh(X) * (1 - np.tanh(X) ** 2))
    gradient, aux = lg.elementwise_grad(lambda x: (x**2, x), has_aux=True)(X)
    close(gradient, 2 * aux)
    with pytest.raises(TypeError, match="elementwise_grad needs real outputs"):
        lg.elementwise_grad(lambda x: x * 1j)(X)
    with pytest.raises(TypeError, match="argmax returned dtype int64"):
        lg.vjp(np.argmax, X)


def test_a_gradient_of_a_complex_gradient_is_refused_as_any_other() -> None:
    def f(z: Any) -> Any:
        return np.abs(z) ** 2

    for nested in (lg.grad(lg.grad(f)), lg.grad(lambda z: lg.grad(f)(z))):
        with pytest.raises(TypeError, match="real number"):
            nested(1 + 2j)
    close(lg.grad(lg.grad(lambda z: z**3, holomorphic=True), holomorphic=True)(1 + 2j), 6 * (1 + 2j))


def test_vjp_of_several_outputs_in_a_structure() -> None:
    value, pull = lg.vjp(lambda x, y: {"p": x * y, "s": (np.sum(x), 3.0)}, X, X + 1)
    close(value["p"], X * (X + 1))
    assert value["s"][1] == 3
    by_x, by_y = pull({"p": X, "s": (10.0, 1.0)})
    close(by_x, X * (X + 1) + 10)
    close(by_y, X * X)
    with pytest.raises(TypeError, match="structure"):
        pull(X)
    with pytest.raises(lg.ShapeError):
        pull({"p": np.ones(2), "s": (1.0, 1.0)})
    value, pull, aux = lg.vjp(lambda x: (x * 2, x), X, has_aux=True)
    close(pull(X)[0], value)
    close(aux, X)


def test_vjp_computes_forward_values_once() -> None:
    _, pull = lg.vjp(lambda x: np.tanh(np.exp(x) * 0.1), X)
    pull(X)
    with lg.record() as report:
        close(pull(X + 1)[0] * X, pull(X)[0] * (X + 1))
    assert report.values.misses == 0
    assert report.rules_run == 2 * 3  # two new cotangents, through three ops


def test_vjp_within_a_transform() -> None:
    def f(x: Any) -> Any:
        _, pull = lg.vjp(lambda y: y**3, x)
        (g,) = pull(x)
        return np.sum(g)

    close(lg.grad(f)(X), 9 * X**2)
    _, pull = lg.vjp(lambda y: y**3, X)
    w = lg.parameter(X)
    (g,) = pull(w)
    assert isinstance(g, lg.Node)
    close(lg.gradient(g.sum(), w), 3 * X**2)
