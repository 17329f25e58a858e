"""uncertainties: functions of numbers with uncertainties, propagated by exact derivatives."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import uncertainties

from .._functions.call import name_of
from .._graph.types import Function
from ..backend import Prepared, prepare

__all__ = ["wrap"]


def wrap(f: Function) -> Function:
    """Return what `uncertainties.wrap` does, with the derivatives of `f` instead of differences.

    Parameters
    ----------
    f
        Function of numbers, and of anything else, that returns a number; written with NumPy.

    Returns
    -------
    The same function, which takes numbers with uncertainties, too.

    Raises
    ------
    TypeError
        If `f` takes any keywords (``**kwargs``), whose names uncertainties would have to know.

    Notes
    -----
    The derivatives are by those arguments alone that have an uncertainty, and read the values of one evaluation.

    Examples
    --------
    >>> import numpy as np
    >>> from uncertainties import ufloat
    >>> from lazygrad.plugins.uncertainties import wrap
    >>> @wrap
    ... def period(length, g):
    ...     return 2 * np.pi * np.sqrt(length / g)
    >>> print(period(ufloat(1.0, 0.02), 9.81))
    2.006+/-0.020
    """
    calls = _Calls(f)
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # what is written in C need not tell
        parameters = []
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise TypeError(f"{name_of(f)} takes any keywords: give uncertainties a function that names them")
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_position = (calls.derivative(k, names[k] if k < len(names) else None) for k in itertools.count())
    by_name = {
        p.name: calls.derivative(None, p.name)
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }

    @functools.wraps(f)
    def value(*args: Any, **kwargs: Any) -> float:
        return calls.value(*args, **kwargs)

    return uncertainties.wrap(value, by_position, by_name)


class _Calls:
    """A function prepared for each structure of its arguments."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.function = f
        self._prepared: dict[Any, Prepared] = {}

    def value(self, *args: Any, **kwargs: Any) -> float:
        """Return the value as a Python float, which is what uncertainties takes."""
        p, moving, rest = self._prepare(args, kwargs)
        found = np.asarray(p.value(moving, rest))
        if found.size != 1 or found.dtype.kind not in "biuf":
            raise TypeError(
                f"{name_of(self.function)} must return a real number, but returned shape {found.shape}, {found.dtype}"
            )
        return float(found.item())

    def derivative(self, position: int | None, name: str | None) -> Callable[..., float]:
        """Return the derivative by one argument, however it was passed, as a function."""

        def slope(*args: Any, **kwargs: Any) -> float:
            p, moving, rest = self._prepare(args, kwargs)
            place = position if position is not None and position < len(args) else name
            return float(p.gradient(moving, rest, select=list(moving).index(place)).item())

        return slope

    def _prepare(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Prepared, dict[Any, Any], dict[Any, Any]]:
        """Return the prepared function, the numbers that it may be differentiated by, and its other arguments."""
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        moving = {place: np.float64(a) for place, a in given.items() if isinstance(a, (float, np.floating))}
        rest = {place: a for place, a in given.items() if place not in moving}
        key = (tuple(given), tuple(moving), tuple((np.shape(a), type(a)) for a in rest.values()))
        if key not in self._prepared:

            def call(moving: dict[Any, Any], rest: dict[Any, Any]) -> Any:
                both = {**moving, **rest}
                positional = [both.pop(k) for k in range(len(both)) if k in both]
                return self.function(*positional, **both)

            self._prepared[key] = prepare(functools.wraps(self.function)(call), moving, rest)
        return self._prepared[key], moving, rest
