"""autograd's optimisers: each step from its formula, bit for bit, and what a callback is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lazygrad.compat.autograd.misc.optimizers import adam, rmsprop, sgd, unflatten_optimizer

START = {"b": [0.5, -1.0], "W": np.array([[2.0, 0.25]])}
FLAT = np.array([2.0, 0.25, 0.5, -1.0])  # keys in order


def slope(x: Any, i: int) -> Any:
    return 2 * x + 0.1 * i


def nested_slope(x: Any, i: int) -> Any:
    return {"W": slope(x["W"], i), "b": [slope(b, i) for b in x["b"]]}


def step_sgd(step_size: float, mass: float) -> Iterator[Any]:
    x, velocity = FLAT, np.zeros(4)
    for i in range(5):
        velocity = mass * velocity - (1 - mass) * slope(x, i)
        x = x + step_size * velocity
        yield x


def step_rmsprop(step_size: float, gamma: float, eps: float) -> Iterator[Any]:
    x, squares = FLAT, np.ones(4)
    for i in range(5):
        g = slope(x, i)
        squares = gamma * squares + (1 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(squares) + eps)
        yield x


def step_adam(step_size: float, b1: float, b2: float, eps: float) -> Iterator[Any]:
    x, mean, squares = FLAT, np.zeros(4), np.zeros(4)
    for i in range(5):
        g = slope(x, i)
        mean, squares = (1 - b1) * g + b1 * mean, (1 - b2) * g**2 + b2 * squares
        corrected = mean / (1 - b1 ** (i + 1)), squares / (1 - b2 ** (i + 1))
        x = x - step_size * corrected[0] / (np.sqrt(corrected[1]) + eps)
        yield x


@pytest.mark.parametrize(
    ("optimize", "step", "options"),
    [
        (sgd, step_sgd, {"step_size": 0.3, "mass": 0.7}),
        (rmsprop, step_rmsprop, {"step_size": 0.2, "gamma": 0.8, "eps": 1e-3}),
        (adam, step_adam, {"step_size": 0.2, "b1": 0.8, "b2": 0.95, "eps": 1e-3}),
    ],
)
def test_steps_are_those_of_the_formula(
    optimize: Callable[..., Any], step: Callable[..., Iterator[Any]], options: dict[str, float]
) -> None:
    told: list[Any] = []
    end = optimize(nested_slope, START, lambda x, i, g: told.append((x, i, g)), num_iters=5, **options)
    points = [FLAT, *step(**options)]
    assert [i for _, i, _ in told] == [0, 1, 2, 3, 4]
    for (x, i, g), at in zip(told, points, strict=False):  # before the step is taken
        assert [*x["W"].ravel(), *x["b"]] == at.tolist()
        assert [*g["W"].ravel(), *g["b"]] == slope(at, i).tolist()
        assert list(g) == list(START)
    np.testing.assert_array_equal([*end["W"].ravel(), *end["b"]], points[-1])
    np.testing.assert_array_equal(START["W"], [[2.0, 0.25]])


@pytest.mark.parametrize(("optimize", "steps"), [(sgd, 200), (rmsprop, 100), (adam, 100)])
def test_how_many_steps_there_are_by_default(optimize: Callable[..., Any], steps: int) -> None:
    asked = []
    optimize(lambda x, i: asked.append(i) or x, 1.0)
    assert asked == list(range(steps))


def test_an_optimiser_of_a_vector_becomes_one_of_nested_parameters() -> None:
    @unflatten_optimizer
    def one_step(grad: Any, x: Any, callback: Any, rate: float = 1.0) -> Any:
        """Take one step."""
        callback(x, 7, grad(x, 7))
        return x - rate * grad(x, 7)

    told = []
    end = one_step(lambda p, i: {"a": p["a"] * i}, {"a": 1.0}, lambda *seen: told.append(seen), rate=0.5)
    assert end == {"a": -2.5}
    assert told == [({"a": 1.0}, 7, {"a": 7.0})]
    assert one_step(lambda p, i: {"a": p["a"]}, {"a": 1.0}) == {"a": 0.0}
    assert one_step.__doc__ == "Take one step."
