"""Optimisers by gradients alone, on parameters in any nesting of lists, tuples and dicts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...._graph.settings import check_count, check_function
from ...._graph.types import Array, Function
from .flatten import flatten

__all__ = ["adam", "rmsprop", "sgd", "unflatten_optimizer"]

Gradient = Callable[..., Any]
Callback = Callable[..., Any] | None


def unflatten_optimizer(optimize: Function) -> Function:
    """Turn an optimiser of a vector into one of nested parameters.

    ``optimize(grad, x, callback, ...)`` calls ``grad(x, i)`` and ``callback(x, i, g)``.
    """

    @functools.wraps(optimize)
    def optimize_nested(grad: Gradient, x0: Any, callback: Callback = None, *args: Any, **kwargs: Any) -> Any:
        check_function(grad, f"{optimize.__name__}: grad")
        if callback is not None:
            check_function(callback, f"{optimize.__name__}: callback")
        start, unflatten = flatten(x0)

        def flat_grad(x: Any, i: int) -> Any:
            return flatten(grad(unflatten(x), i))[0]

        def flat_callback(x: Any, i: int, g: Any) -> None:
            if callback is not None:
                callback(unflatten(x), i, unflatten(g))

        return unflatten(optimize(flat_grad, start, flat_callback, *args, **kwargs))

    return optimize_nested


def _no_callback(x: Any, i: int, g: Any) -> None:
    pass


def _descend(grad: Gradient, x: Any, callback: Any, num_iters: int, find_step: Callable[[Any, int], Any]) -> Any:
    """Return the point after some steps, each found from the gradient and told to the callback before it is taken."""
    for i in range(check_count(num_iters, "num_iters")):
        g = grad(x, i)
        callback(x, i, g)
        x = x + find_step(g, i)
    return x


@unflatten_optimizer
def sgd(
    grad: Gradient,
    x: Array,
    callback: Function = _no_callback,
    num_iters: int = 200,
    step_size: float = 0.1,
    mass: float = 0.9,
) -> Array:
    """Minimise by gradient descent with momentum; ``grad(x, i)`` is the gradient of step `i`.

    Examples
    --------
    >>> abs(float(sgd(lambda x, i: 2 * x, 1.0, num_iters=500))) < 1e-6
    True
    """
    velocity = np.zeros(x.size)

    def find_step(g: Any, i: int) -> Any:
        nonlocal velocity
        velocity = mass * velocity - (1 - mass) * g
        return step_size * velocity

    return _descend(grad, x, callback, num_iters, find_step)


@unflatten_optimizer
def rmsprop(
    grad: Gradient,
    x: Array,
    callback: Function = _no_callback,
    num_iters: int = 100,
    step_size: float = 0.1,
    gamma: float = 0.9,
    eps: float = 1e-8,
) -> Array:
    """Minimise by root mean squared propagation: steps divided by a running mean of the squared gradients.

    Examples
    --------
    >>> float(rmsprop(lambda x, i: 2 * x, 1.0, num_iters=200, step_size=0.01)) < 0.02
    True
    """
    squares = np.ones(x.size)

    def find_step(g: Any, i: int) -> Any:
        nonlocal squares
        squares = gamma * squares + (1 - gamma) * g**2
        return -step_size * g / (np.sqrt(squares) + eps)

    return _descend(grad, x, callback, num_iters, find_step)


@unflatten_optimizer
def adam(
    grad: Gradient,
    x: Array,
    callback: Function = _no_callback,
    num_iters: int = 100,
    step_size: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Array:
    """Minimise by Adam (Kingma and Ba 2014): running means of gradient and square, corrected for their start at 0.

    Examples
    --------
    >>> abs(float(adam(lambda x, i: 2 * x, 1.0, num_iters=500, step_size=0.05))) < 0.01
    True
    """
    mean = np.zeros(x.size)
    squares = np.zeros(x.size)

    def find_step(g: Any, i: int) -> Any:
        nonlocal mean, squares
        mean = b1 * mean + (1 - b1) * g
        squares = b2 * squares + (1 - b2) * g**2
        step = mean / (1 - b1 ** (i + 1))
        scale = np.sqrt(squares / (1 - b2 ** (i + 1))) + eps
        return -step_size * step / scale

    return _descend(grad, x, callback, num_iters, find_step)
