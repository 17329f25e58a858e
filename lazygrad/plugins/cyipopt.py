"""Ipopt by cyipopt: a `Problem` with gradient, Jacobian of the constraints and Hessian of the Lagrangian."""

from __future__ import annotations

from typing import Any

import cyipopt
import numpy as np

from .._graph.node import Node
from .._graph.types import Function, Structure
from ._bounds import flatten_limits
from ._objectives import make_objective
from .flat import POINTS, Objective

__all__ = ["problem"]


def problem(
    fun: Node | Function,
    x0: Structure = None,
    args: tuple[object, ...] = (),
    *,
    constraints: Node | Function | None = None,
    wrt: Structure = None,
    points: int = POINTS,
    lb: Structure = None,
    ub: Structure = None,
    **bounds: object,
) -> cyipopt.Problem:
    """Return Ipopt's problem of a function, with all derivatives exact.

    Parameters
    ----------
    fun
        Function of ``(x, *args)`` that returns a number; a node; or an `Objective`.
    x0
        Where it will start: a vector, or arrays in nested containers. A node or an `Objective` knows.
    args
        More arguments, which stay as they are.
    constraints
        The constraints, which may have any shape: a function of ``(x, *args)``, a node, or an `Objective`.
    wrt
        The leaves of nodes.
    points
        How many points each memo remembers.
    lb, ub
        The bounds of x: as `cyipopt.Problem` takes them, or in the structure of `x0`, with a number or an array for
        each leaf, and None, or no key, for what is free.
    bounds
        ``cl`` and ``cu`` of the constraints, as `cyipopt.Problem` takes them.

    Returns
    -------
    cyipopt.Problem, to be asked ``solve(x0)``.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.cyipopt import problem
    >>> x0 = np.array([1.0, 0.5])
    >>> nlp = problem(lambda x: x[0] + x[1], x0, constraints=lambda x: x[0] ** 2 + x[1] ** 2, cl=[1.0], cu=[1.0])
    >>> nlp.add_option("print_level", 0)
    >>> nlp.add_option("sb", "yes")
    >>> x, info = nlp.solve(x0)
    >>> x.round(4)
    array([-0.7071, -0.7071])
    """
    objective, start = make_objective(fun, x0, args, wrt, points)
    given = None if constraints is None else make_objective(constraints, x0, args, wrt, points)[0]
    if lb is not None:
        bounds["lb"] = flatten_limits(objective, lb, -np.inf, "lb")
    if ub is not None:
        bounds["ub"] = flatten_limits(objective, ub, np.inf, "ub")
    m = 0 if given is None else given.residuals(start).size
    return cyipopt.Problem(n=objective.size, m=m, problem_obj=_Callbacks(objective, given), **bounds)


class _Callbacks:
    """The callbacks of Ipopt, whose names and signatures are its own."""

    def __init__(self, objective: Objective, constraints: Objective | None) -> None:
        self._objective, self._constraints = objective, constraints

    def objective(self, x: Any) -> float:
        """Return the value."""
        return self._objective.fun(x)

    def gradient(self, x: Any) -> Any:
        """Return the gradient."""
        return self._objective.jac(x)

    def constraints(self, x: Any) -> Any:
        """Return the constraints; none is an empty array."""
        return np.empty(0) if self._constraints is None else self._constraints.residuals(x)

    def jacobian(self, x: Any) -> Any:
        """Return the Jacobian of the constraints, row by row."""
        return np.empty(0) if self._constraints is None else self._constraints.jacobian_matrix(x).reshape(-1)

    def hessianstructure(self) -> Any:
        """Return the indices of the lower triangle."""
        return np.tril_indices(self._objective.size)

    def hessian(self, x: Any, multipliers: Any, factor: float) -> Any:
        """Return the lower triangle of the Hessian of the Lagrangian."""
        H = factor * self._objective.hess(x)
        if self._constraints is not None:
            H += self._constraints.hess(x, multipliers)
        return H[self.hessianstructure()]
