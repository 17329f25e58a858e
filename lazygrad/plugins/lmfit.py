"""lmfit: fits with the derivatives of the residuals by the parameters that vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import asteval
import lmfit
import numpy as np

from .._graph.types import Function
from .flat import Objective

__all__ = ["minimize"]

_SCALAR = {  # methods of SciPy's minimize that take a gradient, by all the names that lmfit has for them
    *("cg", "bfgs", "newton", "newton-cg", "lbfgsb", "l-bfgs-b", "l-bfgsb", "tnc", "slsqp", "dogleg"),
    *("trust-ncg", "trust-exact", "trust-krylov"),
}


def minimize(
    fun: Function,
    params: lmfit.Parameters,
    method: str = "leastsq",
    args: tuple[object, ...] = (),
    **options: object,
) -> Any:
    """Call `lmfit.minimize` with derivatives, for the methods that take them.

    Parameters
    ----------
    fun
        Function of ``(values, *args)``, written with NumPy, where ``values`` is a dict from the parameters' names to
        numbers. It returns the residuals.
    params
        lmfit's parameters: those that vary, fixed ones, bounds, and expressions in terms of the others.
    method
        lmfit's name of the method: "leastsq" and "least_squares" get the Jacobian, SciPy's gradient methods the
        gradient of the sum of squares, others nothing.
    args
        More arguments, which stay as they are.
    options
        As lmfit takes them.

    Returns
    -------
    lmfit's result.

    Notes
    -----
    An expression is evaluated on nodes, as lmfit would on numbers, so derivatives go through it.

    Examples
    --------
    >>> import lmfit, numpy as np
    >>> from lazygrad.plugins.lmfit import minimize
    >>> t = np.linspace(0.0, 1.0, 20)
    >>> def misfit(p, t, data):
    ...     return p["a"] * np.exp(-p["rate"] * t) - data
    >>> params = lmfit.create_params(a=1.0, tau={"value": 1.0, "min": 0.1}, rate={"expr": "1 / tau"})
    >>> fit = minimize(misfit, params, args=(t, 3 * np.exp(-2 * t)))
    >>> round(fit.params["a"].value, 6), round(fit.params["tau"].value, 6)
    (3.0, 0.5)
    """
    model = _Model(fun, params, args)
    name = method.lower()
    given: dict[str, Any] = {}
    if name.startswith("leasts"):
        given = {"Dfun": model.jacobian}
    elif name.startswith("least_s"):
        given = {"jac": model.jacobian}
    elif name in _SCALAR and options.get("reduce_fcn") is None:
        given = {"jac": model.gradient}
    return lmfit.minimize(model.residuals, params, method=method, **{**given, **options})


class _Model:
    """Residuals and derivatives as functions of lmfit's parameters."""

    def __init__(self, fun: Callable[..., Any], params: lmfit.Parameters, args: tuple[Any, ...]) -> None:
        self.names = [name for name, p in params.items() if p.vary and not p.expr]
        self._expressions = {name: p.expr for name, p in params.items() if p.expr}
        self._needs = {name: list(params[name]._expr_deps) for name in self._expressions}
        self._fixed = {n: float(p.value) for n, p in params.items() if n not in self.names and not p.expr}
        self._order = list(params)
        evaluator = params._asteval
        self._symbols = {name: evaluator.symtable[name] for name in evaluator.user_defined_symbols()}
        self._objective = Objective.of(
            lambda moving, *rest: fun(self._evaluate_all(moving), *rest), self._get_varying(params), *args
        )

    def _get_varying(self, params: lmfit.Parameters) -> dict[str, float]:
        return {name: float(params[name].value) for name in self.names}

    def _evaluate_all(self, moving: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters by name, nodes for those that depend on what varies."""
        known = {**self._fixed, **moving}
        interpreter = asteval.Interpreter(user_symbols=self._symbols)

        def value(name: str) -> Any:
            if name not in known:
                for other in self._needs[name]:
                    if other in self._order:
                        interpreter.symtable[other] = value(other)
                known[name] = interpreter.eval(self._expressions[name], show_errors=False, raise_errors=True)
            return known[name]

        return {name: value(name) for name in self._order}

    def _flatten(self, params: lmfit.Parameters) -> Any:
        return self._objective.flat(self._get_varying(params))

    def residuals(self, params: lmfit.Parameters) -> Any:
        """Return what lmfit minimises."""
        return self._objective.residuals(self._flatten(params))

    def jacobian(self, params: lmfit.Parameters) -> Any:
        """Return the Jacobian, one column for each parameter that varies."""
        return self._objective.jacobian_matrix(self._flatten(params))

    def gradient(self, params: lmfit.Parameters) -> Any:
        """Return the gradient of the sum of squares; a single residual is minimised as it is."""
        x = self._flatten(params)
        residuals = self._objective.residuals(x)
        weights = 2 * residuals if residuals.size > 1 else np.ones(1)
        return self._objective.jacobian(x).rmatvec(weights)
