"""iminuit: a `Minuit` whose gradient is exact, and whose parameters have the names of the leaves."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import iminuit
import numpy as np

from .._graph.node import Node
from .._graph.types import Function, Structure
from ._objectives import make_objective
from .flat import POINTS, Objective

__all__ = ["minuit"]


def minuit(
    fun: Node | Function,
    x0: Structure = None,
    args: tuple[object, ...] = (),
    *,
    wrt: Structure = None,
    points: int = POINTS,
    hessian: bool | None = None,
    errordef: float | None = None,
    **options: object,
) -> iminuit.Minuit:
    """Return a `Minuit` of a function, with its gradient.

    Parameters
    ----------
    fun
        Function of ``(x, *args)`` that returns a number, such as chi-square; a node; or an `Objective`.
    x0
        Where to start: a vector, or arrays in nested containers. A node or an `Objective` starts where it is.
    args
        More arguments, which stay as they are.
    wrt
        The leaves of a node.
    points
        How many points the memo remembers.
    hessian
        What Minuit gets of the second derivatives: by default their diagonal (iminuit's `g2`), from which Migrad
        finds its way also where it starts on a hill, or ends at a limit; it is computed where Minuit starts, and anew
        for those parameters by which the function curved down. With True the whole Hessian, too, which saves
        HESSE its differences; but at an active limit iminuit 2.33 makes ``valid=False`` and wrong errors of it: for
        problems whose limits, if any, are far. With False nothing: Minuit looks for second derivatives by differences,
        from which it comes back to points that two are too few to remember.
    errordef
        As Minuit has it: 1 for chi-square, 0.5 for a negative log-likelihood.
    options
        As `iminuit.Minuit` takes them.

    Returns
    -------
    Minuit of one parameter for each number, named by its leaf: ``a``, ``W[0,1]``.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.iminuit import minuit
    >>> m = minuit(lambda p: (p["a"] - 1) ** 2 + np.sum((p["b"] - 2) ** 2), {"a": 0.0, "b": np.zeros(2)}).migrad()
    >>> m.parameters, [round(value, 4) for value in m.values]
    (('a', 'b[0]', 'b[1]'), [1.0, 2.0, 2.0])
    """
    objective, start = make_objective(fun, x0, args, wrt, points)
    given: dict[str, Any] = {"grad": objective.jac, "name": list(_name_parameters(objective))}
    if hessian is not False:
        # Minuit asks for it where the diagonal is negative, and crashes if only the Hessian is there.
        given["g2"] = _Diagonal(objective)
    if hessian:
        given["hessian"] = objective.hess
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "hessian overrides g2", iminuit.util.IMinuitWarning)
        m = iminuit.Minuit(objective.fun, start, **{**given, **options})
    if errordef is not None:
        m.errordef = errordef
    return m


class _Diagonal:
    """The diagonal of the Hessian, as Minuit asks for it.

    It asks with each gradient, but reads the answer only where it starts, to get down from hills, and for the first
    steps of HESSE. So it is computed once, and anew only for those parameters by which the function curved down
    when last asked: one product of the Hessian with a vector for each, where all of it takes one for each parameter.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._known: Any = None

    def __call__(self, x: Any) -> Any:
        if self._known is None:
            self._known = self._objective.hess(x).diagonal().copy()
            return self._known.copy()
        down = np.flatnonzero(~(self._known > 0))
        if 2 * len(down) > self._objective.size:
            self._known = self._objective.hess(x).diagonal().copy()
        else:
            for k in down:
                along = np.zeros(self._objective.size)
                along[k] = 1.0
                self._known[k] = self._objective.hessp(x, along)[k]
        return self._known.copy()


def _name_parameters(objective: Objective) -> Iterator[str]:
    """Yield a name for each number."""
    for place, shape in zip(objective.names, objective.shapes, strict=True):
        leaf = re.sub(r"^\['(.*?)'\]", r"\1", place).removeprefix(".") or "x"
        for index in np.ndindex(shape):
            yield leaf + (f"[{','.join(map(str, index))}]" if index else "")
