"""Fixed points of iterations, differentiated by the implicit function theorem."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...._graph.node import NodeOrArray
from ...._graph.settings import check_function, describe
from ...._graph.types import Function, Structure
from .._user_ops import defvjp, primitive
from ..core import make_vjp

__all__ = ["fixed_point"]


@primitive
def fixed_point(f: Function, a: object, x0: Structure, distance: Function, tol: float) -> NodeOrArray | float:
    """Return x with ``f(a)(x) == x``, iterated from `x0` until ``distance(x, previous) <= tol``.

    Derivatives flow through `a` alone.

    Examples
    --------
    >>> from lazygrad.compat.autograd import grad
    >>> newton = lambda a: lambda x: (x + a / x) / 2
    >>> root = lambda a: fixed_point(newton, a, 1.0, lambda x, y: abs(x - y), 1e-12)
    >>> round(float(root(2.0)), 6), round(float(grad(root)(2.0)), 6)
    (1.414214, 0.353553)
    """
    check_function(f, "fixed_point: f")
    check_function(distance, "fixed_point: distance")
    if not isinstance(tol, (int, float, np.integer, np.floating)) or not tol >= 0:
        raise ValueError(f"fixed_point: tol must be a number from 0 on, not {describe(tol)}")
    step = f(a)
    check_function(step, "fixed_point: f must return a function; here it")
    x, previous = step(x0), x0
    while distance(x, previous) > tol:
        x, previous = step(x), x
    return x


def _pull(ans: Any, f: Any, a: Any, x0: Any, distance: Any, tol: Any) -> Any:
    pull_a, _ = make_vjp(lambda parameters: f(parameters)(ans), a)

    def adjoint_step(parameters: Any) -> Any:
        at, point, g = parameters
        pull_x, _ = make_vjp(f(at), point)
        return lambda u: pull_x(u) + g

    return lambda g: pull_a(fixed_point(adjoint_step, (a, ans, g), np.zeros(np.shape(x0)), distance, tol))


defvjp(fixed_point, None, _pull, None)
