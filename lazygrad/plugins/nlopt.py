"""NLopt: callbacks for `nlopt.opt`, which fill in the gradient where the algorithm asks for it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import nlopt

from .._graph.types import Array, Structure
from .flat import Objective

__all__ = ["callback", "optimize", "vector_callback"]


class _CallbackError(threading.local):
    """The exception of a callback in this thread, which NLopt may lose."""

    error: BaseException | None = None


_callback_error = _CallbackError()


def _keep_error(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callback whose first exception is kept for `optimize`."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        try:
            return function(*args)
        except BaseException as error:
            if _callback_error.error is None:  # NLopt may ask again before it stops
                _callback_error.error = error
            raise

    return call


def optimize(optimizer: nlopt.opt, x0: Structure) -> Array:
    """Call ``optimizer.optimize(x0)``, out of which an exception of a callback comes as itself.

    Parameters
    ----------
    optimizer
        With what `callback` and `vector_callback` made.
    x0
        Vector to start from.

    Returns
    -------
    As NLopt's, which by itself raises `nlopt.ForcedStop` or `nlopt.runtime_error` instead of most exceptions.
    """
    _callback_error.error = None
    try:
        return optimizer.optimize(x0)
    finally:
        error, _callback_error.error = _callback_error.error, None
        if error is not None:
            raise error from None


def callback(objective: Objective) -> Callable[[Array, Array], float]:
    """Return a target or constraint for ``set_min_objective``, ``add_inequality_constraint`` and kin.

    Parameters
    ----------
    objective
        Of one number.

    Returns
    -------
    Function of ``(x, grad)``, which returns the value and writes the gradient into `grad` unless that is empty.

    Examples
    --------
    >>> import nlopt, numpy as np
    >>> from lazygrad.plugins.flat import Objective
    >>> from lazygrad.plugins.nlopt import callback, optimize
    >>> objective = Objective.of(lambda x: (x[0] - 1) ** 2 + (x[1] + 2) ** 2, np.zeros(2))
    >>> optimizer = nlopt.opt(nlopt.LD_LBFGS, objective.size)
    >>> optimizer.set_min_objective(callback(objective))
    >>> optimize(optimizer, objective.x).round(6)
    array([ 1., -2.])
    """

    @_keep_error
    def value(x: Any, grad: Any) -> float:
        if grad.size:
            grad[:] = objective.jac(x)
        return objective.fun(x)

    return value


def vector_callback(objective: Objective) -> Callable[[Array, Array, Array], None]:
    """Return constraints for ``add_inequality_mconstraint`` and ``add_equality_mconstraint``.

    Parameters
    ----------
    objective
        Of any shape: as many constraints as it has elements.

    Returns
    -------
    Function of ``(result, x, grad)``, which writes the values into `result` and the Jacobian into `grad` unless
    that is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.flat import Objective
    >>> from lazygrad.plugins.nlopt import vector_callback
    >>> constraints = vector_callback(Objective.of(lambda x: x**2 - 1, np.ones(2)))
    >>> values, jacobian = np.empty(2), np.empty((2, 2))
    >>> constraints(values, np.array([1.0, 2.0]), jacobian)
    >>> values, jacobian
    (array([0., 3.]), array([[2., 0.],
           [0., 4.]]))
    """

    @_keep_error
    def values(result: Any, x: Any, grad: Any) -> None:
        result[:] = objective.residuals(x)
        if grad.size:
            grad[:] = objective.jacobian_matrix(x)

    return values
