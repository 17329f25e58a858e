"""`lazygrad.scipy.integrate`, whose `odeint` takes arguments in nested lists, tuples and dicts, too."""

from __future__ import annotations

from typing import Any

from ...._graph.node import NodeOrArray
from ...._graph.types import ArrayLike, Function, Structure
from ....scipy import integrate as _integrate
from ..misc.flatten import flatten

__all__ = ["odeint"]


def odeint(func: Function, y0: Structure, t: ArrayLike, args: tuple[object, ...] = (), **kwargs: Any) -> NodeOrArray:
    """Solve an ordinary differential equation, as `scipy.integrate.odeint` does.

    Examples
    --------
    >>> from lazygrad.compat.autograd import grad
    >>> def slope(y, t, params):
    ...     return -params["rate"] * y
    >>> end = lambda params: odeint(slope, [1.0], [0.0, 1.0], (params,))[-1, 0]
    >>> round(float(grad(end)({"rate": 2.0})["rate"]), 4)
    -0.1353
    """
    if not any(isinstance(x, (list, tuple, dict)) for x in args):
        return _integrate.odeint(func, y0, t, args, **kwargs)
    flat, unflatten = flatten(tuple(args))
    return _integrate.odeint(lambda y, t, flat: func(y, t, *unflatten(flat)), y0, t, (flat,), **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(_integrate, name)
