"""uncertainties: functions of numbers with uncertainties, propagated by exact derivatives."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import uncertainties

from .._functions.call import name_of
from .._graph.frames import find_user_frame
from .._graph.node import Node
from .._graph.traverse import ancestors
from .._graph.types import Function
from ..backend import Prepared, prepare
from ..backend._lazy import PreparedFunction
from ..ops._op import OPS
from ._kinks import MAY_HAVE_KINKS, find_one_sided

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

    At a kink, such as that of ``abs`` or ``hypot`` at 0, or of ``maximum`` where both are equal, no derivative carries
    an uncertainty over: there the standard deviation is nan, and a warning names the function and the argument. Kinks
    are looked for where a derivative is 0, or where the function has branches, or calls what may have kinks.

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
        self._beside: dict[Prepared, Prepared] = {}  # asked near a point, so that the memo keeps the point itself

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
            which = list(moving).index(place)
            found = float(p.gradient(moving, rest, select=which).item())
            if math.isfinite(found) and (found == 0 or _may_have_kinks(p, which)):
                sides = self._find_one_sided(p, moving, rest, place, found)
                if sides is not None:
                    left, right = sides
                    if math.isfinite(left) and math.isclose(left, right, rel_tol=1e-9):
                        return (left + right) / 2  # where kinks cancel, the rules' values at them need not
                    self._warn_of_kink(name or f"argument {place}", moving[place], left, right)
                    return math.nan
            return found

        return slope

    def _find_one_sided(
        self, p: Prepared, moving: dict[Any, Any], rest: dict[Any, Any], place: Any, slope: float
    ) -> tuple[float, float] | None:
        """Return the derivatives on both sides, if they are not the one given."""
        if p not in self._beside:
            self._beside[p] = self._prepare_function(moving, rest)
        beside = self._beside[p]
        which = list(moving).index(place)

        def ask(x: float) -> tuple[float, float]:
            try:
                value, gradient = beside.value_and_gradient({**moving, place: np.float64(x)}, rest, select=which)
            except Exception:  # outside of its domain a function may raise what it likes
                return math.nan, math.nan
            return float(np.asarray(value).item()), float(gradient.item())

        value = float(np.asarray(p.value(moving, rest)).item())
        others = max([abs(float(a)) for key, a in moving.items() if key != place], default=0.0)
        with np.errstate(all="ignore"):
            return find_one_sided(ask, float(moving[place]), value, slope, others if math.isfinite(others) else 0.0)

    def _warn_of_kink(self, name: str, x: float, left: float, right: float) -> None:
        frame, level = find_user_frame()
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "uncertainties":
            frame, level = frame.f_back, level + 1
        warnings.warn(
            f"{name_of(self.function)} has no derivative at {name} = {float(x)!r}, but {left} below and {right} above: "
            f"no linear rule carries its uncertainty over, and the standard deviation is nan",
            stacklevel=level,
        )

    def _prepare_function(self, moving: dict[Any, Any], rest: dict[Any, Any]) -> Prepared:
        """Prepare the function with its arguments in two dicts, by position or name."""

        def call(moving: dict[Any, Any], rest: dict[Any, Any]) -> Any:
            both = {**moving, **rest}
            positional = [both.pop(k) for k in range(len(both)) if k in both]
            return self.function(*positional, **both)

        return prepare(functools.wraps(self.function)(call), moving, rest)

    def _prepare(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Prepared, dict[Any, Any], dict[Any, Any]]:
        """Return the prepared function, the numbers that it may be differentiated by, and its other arguments."""
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        moving = {place: np.float64(a) for place, a in given.items() if isinstance(a, (float, np.floating))}
        rest = {place: a for place, a in given.items() if place not in moving}
        key = (tuple(given), tuple(moving), tuple((np.shape(a), type(a)) for a in rest.values()))
        if key not in self._prepared:
            self._prepared[key] = self._prepare_function(moving, rest)
        return self._prepared[key], moving, rest


def _may_have_kinks(p: Prepared, which: int) -> bool:
    """Return whether the graph at the present point has branches, ops that have kinks somewhere, or users' ops at 0.

    Of an op of the user's nobody knows its kinks; but most are where an input is 0, or two inputs are the same.
    """
    assert isinstance(p, PreparedFunction)
    trace, _, graph = next(iter(p._graphs))
    if trace.guards:
        return True
    nodes = [i for out in graph.outs if isinstance(out, Node) for i in ancestors(out)]
    if any(i.op is not None and i.op.name in MAY_HAVE_KINKS for i in nodes):
        return True
    users = [i for i in nodes if i.op is not None and OPS.get(i.op.name) is not i._op and _is_special(i.inputs)]
    return any(j is trace.leaves[which] for i in users for j in ancestors(i))


def _is_special(inputs: Sequence[Node]) -> bool:
    """Return whether an input is 0, or equals another one."""
    values = [j._value for j in inputs if j._value is not None]
    same = any(np.array_equal(a, b) for a, b in itertools.combinations(values, 2))
    return same or any(np.any(value == 0) for value in values)
