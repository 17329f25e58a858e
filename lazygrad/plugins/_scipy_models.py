"""SciPy's fits and integrals of functions that take something else beside the vector."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.integrate
import scipy.optimize

from .._graph.settings import check_function
from .._graph.types import Array, ArrayLike, Function, Structure
from ..backend import prepare
from ..numpy import asarray as as_array
from .flat import Objective

__all__ = ["curve_fit", "solve_ivp"]


def curve_fit(
    f: Function, xdata: Structure, ydata: ArrayLike, p0: object = None, **options: object
) -> tuple[Array, ...]:
    """Call `scipy.optimize.curve_fit` with the Jacobian by the parameters.

    Parameters
    ----------
    f
        Function of ``(xdata, *parameters)``, written with NumPy.
    xdata, ydata, p0, options
        As SciPy takes them.

    Returns
    -------
    As SciPy's.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.scipy import curve_fit
    >>> t = np.linspace(0.0, 1.0, 5)
    >>> best, covariance = curve_fit(lambda t, a, b: a * np.exp(b * t), t, 2 * np.exp(-t))
    >>> best.round(6)
    array([ 2., -1.])
    """
    check_function(f, "curve_fit")
    objectives: list[Objective] = []

    def objective(x: Any, parameters: Sequence[Any]) -> Objective:
        if not objectives:  # only now, as SciPy may leave out some data first
            objectives.append(Objective.of(lambda p: f(x, *p), np.array(parameters, dtype=float)))
        return objectives[0]

    @functools.wraps(f)  # SciPy counts the parameters
    def model(x: Any, *parameters: Any) -> Any:
        return objective(x, parameters).residuals(parameters)

    def jac(x: Any, *parameters: Any) -> Any:
        return objective(x, parameters).jacobian_matrix(parameters)

    return scipy.optimize.curve_fit(model, xdata, ydata, p0, **{"jac": jac, **options})


def solve_ivp(
    fun: Function,
    t_span: Sequence[float],
    y0: Any,
    method: str = "Radau",
    *,
    args: tuple[object, ...] = (),
    **options: object,
) -> Any:
    """Call `scipy.integrate.solve_ivp` with the Jacobian by y, for the implicit methods "Radau", "BDF" and "LSODA".

    Parameters
    ----------
    fun
        Function of ``(t, y, *args)``, written with NumPy.
    t_span, y0, method, args, options
        As SciPy takes them.

    Returns
    -------
    As SciPy's.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.scipy import solve_ivp
    >>> solution = solve_ivp(lambda t, y: -50 * (y - np.cos(t)), (0.0, 1.0), [0.0])
    >>> solution.success, solution.njev
    (True, 1)
    """
    if options.get("vectorized"):
        raise TypeError("lazygrad evaluates `fun` at one y, not at many: leave `vectorized` out")
    if np.iscomplexobj(y0):
        raise TypeError("y0 must be real: give real and imaginary parts as two numbers")
    start = np.atleast_1d(np.asarray(y0, dtype=float))
    p = prepare(lambda t, y: as_array(fun(t, y, *args)), np.float64(t_span[0]), start, wrt=1)
    jac = {"jac": lambda t, y: np.array(p.jacobian(np.float64(t), y))} if method in ("Radau", "BDF", "LSODA") else {}
    return scipy.integrate.solve_ivp(
        lambda t, y: np.array(p.value(np.float64(t), y)), t_span, start, method=method, **{**jac, **options}
    )
