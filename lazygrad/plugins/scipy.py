"""SciPy's optimisers, root finders, fitters and integrators with derivatives from lazygrad.

Each function here is called as SciPy's of the same name, but for the derivatives, which it fills in: the ones that the
method takes, and no others. Functions may be given as functions written with NumPy, whose first argument is a vector or
a structure of arrays; as nodes, with their leaves as `wrt`; or as an `Objective`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from .._graph.node import Node
from .._graph.settings import describe
from .._graph.types import ArrayLike, Function, Structure
from ..ops._op import cast_number
from ._bounds import as_scipy_bounds
from ._objectives import make_objective
from ._scipy_models import curve_fit, solve_ivp
from .flat import POINTS, Objective

__all__ = ["curve_fit", "least_squares", "minimize", "nonlinear_constraint", "root", "root_scalar", "solve_ivp"]

_TAKEN = {  # by minimize's methods, beside the values
    "cg": ("jac",),
    "bfgs": ("jac",),
    "l-bfgs-b": ("jac",),
    "tnc": ("jac",),
    "slsqp": ("jac",),
    "newton-cg": ("jac", "hessp"),
    "trust-ncg": ("jac", "hessp"),
    "trust-krylov": ("jac", "hessp"),
    "trust-constr": ("jac", "hessp"),
    "dogleg": ("jac", "hess"),
    "trust-exact": ("jac", "hess"),
}
_POINTS = {"powell": 16, "tnc": 16, "trust-constr": 4}  # how far methods come back, if further than others


def minimize(
    fun: Node | Function,
    x0: Structure = None,
    args: tuple[object, ...] = (),
    method: str | None = None,
    *,
    wrt: Structure = None,
    points: int | None = None,
    bounds: object = None,
    constraints: object = (),
    **options: object,
) -> scipy.optimize.OptimizeResult:
    """Call `scipy.optimize.minimize` with gradients and, where the method uses them, Hessians or their products.

    Parameters
    ----------
    fun
        Function of ``(x, *args)`` that returns a number; a node; or an `Objective`.
    x0
        Where to start: a vector as SciPy takes it, or arrays in nested containers; integers are taken for floats. A
        node or an `Objective` starts from its present point by default.
    args
        More arguments, which stay as they are.
    method
        SciPy's name of the method.
    wrt
        The leaves of a node.
    points
        How many points the memo remembers: 2 by default; 4 for "trust-constr", which comes back further at bounds, 16
        for "TNC", which does when it is cut short, and for "Powell", whose line searches do.
    bounds
        As SciPy takes them; or in the structure of `x0`, with a pair (lower, upper) of numbers or arrays for each leaf,
        and None, or no key, for what is free: ``{"a": (0.0, None)}``. `scipy.optimize.Bounds` may hold structures, too.
    constraints, options
        As SciPy takes them. A ``jac``, ``hess`` or ``hessp`` among them counts instead of ours.

    Returns
    -------
    SciPy's result; its ``tree`` is the solution in the structure of `x0` or `wrt`. The leaves of a node hold the
    solution, too.

    Notes
    -----
    Every forward node is evaluated once for each point, as SciPy asks for value and derivatives at one point in
    alternation, and in trust regions at the point before.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.scipy import minimize
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> result = minimize(rosenbrock, [-1.2, 1.0, 0.5], method="trust-ncg")
    >>> result.x.round(6)
    array([1., 1., 1.])
    """
    if options.get("jac") is True:
        raise TypeError("jac=True is for functions that return their gradient, too; here `fun` returns the value alone")
    if method is not None and not isinstance(method, str) and not callable(method):
        raise TypeError(f"method must be the name of one of SciPy's, or a function, not {describe(method)}")
    name = str(method or ("slsqp" if constraints else "l-bfgs-b" if bounds is not None else "bfgs")).lower()
    if points is None:
        points = _POINTS.get(name, POINTS)
    objective, start = make_objective(fun, x0, args, wrt, points)
    taken = ("jac", "hess", "hessp") if callable(method) else _TAKEN.get(name, ())
    given = {kind: getattr(objective, kind) for kind in taken}
    if "hess" in options or "hessp" in options:
        given.pop("hess", None)
        given.pop("hessp", None)
    if name != "trust-constr":
        several = constraints if isinstance(constraints, (list, tuple)) else [constraints]
        constraints = [c.without_hessian() if isinstance(c, _Constraint) else c for c in several]
    result = scipy.optimize.minimize(
        objective.fun,
        start,
        method=method,
        bounds=as_scipy_bounds(objective, bounds),
        constraints=constraints,
        **{**given, **options},
    )
    return _add_tree(objective, result)


def _as_start(x0: Any) -> Any:
    """Return one number to start from, as an array."""
    return np.array(float(cast_number(x0, np.dtype(float)) if isinstance(x0, int) else x0))


def least_squares(
    fun: Function,
    x0: Structure = None,
    args: tuple[object, ...] = (),
    *,
    wrt: Structure = None,
    points: int = POINTS,
    bounds: object = None,
    **options: object,
) -> scipy.optimize.OptimizeResult:
    """Call `scipy.optimize.least_squares` with the Jacobian: as products if ``tr_solver="lsmr"``, else as a matrix.

    Parameters
    ----------
    fun
        Function of ``(x, *args)`` that returns the residuals in an array of any shape; a node; or an `Objective`.
    x0, args, wrt, points
        As for `minimize`.
    bounds
        As SciPy takes them: lower and upper limits. Each may have the structure of `x0`, with a number or an array for
        each leaf; or `bounds` have it, with pairs, as for `minimize`.
    options
        As SciPy takes them.

    Returns
    -------
    SciPy's result, with ``tree`` as for `minimize`.

    Notes
    -----
    With ``tr_solver="lsmr"`` (methods "trf" and "dogbox") no Jacobian is made: products with it and with its
    transpose read the same forward values.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.scipy import least_squares
    >>> t = np.array([0.0, 1.0, 2.0])
    >>> def misfit(p):
    ...     return p["a"] * np.exp(-p["b"] * t) - np.array([2.0, 1.0, 0.5])
    >>> fit = least_squares(misfit, {"a": 1.0, "b": 0.1}, tr_solver="lsmr")
    >>> {name: float(value.round(4)) for name, value in fit.tree.items()}
    {'a': 2.0, 'b': 0.6931}
    """
    objective, start = make_objective(fun, x0, args, wrt, points)
    jac = objective.jacobian if options.get("tr_solver") == "lsmr" else objective.jacobian_matrix
    if bounds is not None:
        options["bounds"] = as_scipy_bounds(objective, bounds, sides=True)
    return _add_tree(objective, scipy.optimize.least_squares(objective.residuals, start, **{"jac": jac, **options}))


def root(
    fun: Function,
    x0: Structure = None,
    args: tuple[object, ...] = (),
    method: str = "hybr",
    *,
    wrt: Structure = None,
    points: int = POINTS,
    **options: object,
) -> scipy.optimize.OptimizeResult:
    """Call `scipy.optimize.root` with the Jacobian for the methods that take one: "hybr" and "lm".

    Parameters
    ----------
    fun
        Function of ``(x, *args)`` that returns as many numbers as it takes; a node; or an `Objective`.
    x0, args, method, wrt, points, options
        As for `minimize`.

    Returns
    -------
    SciPy's result, with ``tree`` as for `minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.scipy import root
    >>> root(lambda x: np.stack([x[0] * x[1] - 2.0, x[0] - x[1] - 1.0]), [3.0, 3.0]).x.round(6)
    array([2., 1.])
    """
    objective, start = make_objective(fun, x0, args, wrt, points)
    jac = {"jac": objective.jacobian_matrix} if method in ("hybr", "lm") else {}
    return _add_tree(objective, scipy.optimize.root(objective.residuals, start, method=method, **{**jac, **options}))


def root_scalar(
    f: Any,
    args: tuple[Any, ...] = (),
    method: str | None = None,
    *,
    x0: Any = None,
    wrt: Any = None,
    **options: Any,
) -> scipy.optimize.RootResults:
    """Call `scipy.optimize.root_scalar` with the first derivative, and for Halley's method the second.

    Parameters
    ----------
    f
        Function of ``(x, *args)``, a number; a node; or an `Objective`.
    args, method
        As SciPy takes them. Without a method a bracket means Brent's, and a start Halley's.
    x0
        Where to start.
    wrt
        The leaf of a node.
    options
        As SciPy takes them.

    Returns
    -------
    SciPy's result.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.scipy import root_scalar
    >>> found = root_scalar(lambda x: np.cos(x) - x, x0=1.0)
    >>> found.method, found.root.round(6).item()
    ('halley', 0.739085)
    """
    bracket = options.get("bracket")
    known = isinstance(f, (Node, Objective))
    example = x0 if x0 is not None or known else None if bracket is None else bracket[0]
    if example is None and not known:
        raise TypeError("root_scalar needs a place to start from: give it `x0=` or `bracket=`")
    objective, start = make_objective(f, None if example is None else _as_start(example), args, wrt, POINTS)
    if objective.size != 1:
        raise TypeError(f"root_scalar is for functions of one number, not of {objective.size}: use `root`")
    derivatives: dict[str, Any] = {}
    if method in ("newton", "halley") or (method is None and bracket is None):
        derivatives["fprime"] = lambda x: float(objective.jac(x)[0])
    if method == "halley" or (method is None and derivatives):
        derivatives["fprime2"] = lambda x: float(objective.hessp(x, 1.0)[0])
    if x0 is not None or bracket is None:
        options["x0"] = float(start[0])
    return scipy.optimize.root_scalar(objective.fun, method=method, **{**derivatives, **options})


def nonlinear_constraint(
    fun: Function | Node,
    lb: ArrayLike,
    ub: ArrayLike,
    x0: Structure = None,
    args: tuple[object, ...] = (),
    *,
    wrt: Structure = None,
    points: int = POINTS,
    **options: object,
) -> scipy.optimize.NonlinearConstraint:
    """Return a `scipy.optimize.NonlinearConstraint` with its Jacobian, and the Hessians of combinations as operators.

    Parameters
    ----------
    fun
        Function of ``(x, *args)`` that is to lie between the bounds; a node; or an `Objective`.
    lb, ub
        The bounds.
    x0
        What `minimize` starts from, as an example.
    args, wrt, points
        As for `minimize`.
    options
        As SciPy takes them.

    Returns
    -------
    NonlinearConstraint. Its Jacobian is a matrix, as SciPy takes no operator there.

    Notes
    -----
    If objective and constraint are nodes on the same leaves, they share the forward nodes that they have in common.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.scipy import minimize, nonlinear_constraint
    >>> x0 = np.array([1.0, 0.5])
    >>> circle = nonlinear_constraint(lambda x: x[0] ** 2 + x[1] ** 2, 1.0, 1.0, x0)
    >>> minimize(lambda x: x[0] + x[1], x0, method="trust-constr", constraints=circle).x.round(4)
    array([-0.7071, -0.7071])
    """
    objective, _ = make_objective(fun, x0, args, wrt, points)
    given = {"jac": objective.jacobian_matrix, "hess": objective.hess_operator, **options}
    return _Constraint(objective.residuals, lb, ub, **given)


class _Constraint(scipy.optimize.NonlinearConstraint):  # type: ignore[misc]
    """A constraint with a Hessian of ours, of which SciPy warns where a method has no use for it."""

    def without_hessian(self) -> Any:
        """Return the constraint as a method without Hessians takes it."""
        return scipy.optimize.NonlinearConstraint(
            self.fun, self.lb, self.ub, self.jac, keep_feasible=self.keep_feasible
        )


def _add_tree(objective: Objective, result: Any) -> Any:
    """Add the solution as a structure to a result, which is returned; the leaves of a node hold the solution, too."""
    objective.x = result.x
    result.tree = objective.tree()
    return result
