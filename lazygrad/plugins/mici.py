"""Mici: its samplers ask lazygrad for derivatives up to the third order, under ``backend="lazygrad"``.

Importing this module registers the backend. Functions are written with NumPy.

>>> import mici, numpy as np
>>> import lazygrad.plugins.mici
>>> system = mici.systems.EuclideanMetricSystem(lambda q: np.sum(q**4) / 4, backend="lazygrad")
>>> state = mici.states.ChainState(pos=np.array([1.0, 2.0]), mom=None, dir=1)
>>> system.grad_neg_log_dens(state)
array([1., 8.])

Mici 0.4's systems with a position-dependent metric forget the backend when they make the gradient: give it to them as
``grad_neg_log_dens=lazygrad.plugins.mici.grad_and_value(f)``.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from mici import autodiff

from .._graph.types import Function
from .._jacobian.of_functions import hessian, jacrev
from ..backend import Prepared
from ._prepared_by_shape import PreparedByShape, as_float_arrays

__all__ = [
    "Derivative",
    "grad_and_value",
    "hessian_grad_and_value",
    "jacobian_and_value",
    "mhp_jacobian_and_value",
    "mtp_hessian_grad_and_value",
    "prepared",
    "register",
    "vjp_and_value",
    "wrapped",
]


class _Derivatives:
    """A function and its derivatives, which are functions again: all that Mici asks about it shares one memo."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.prepared = PreparedByShape(function)
        self.hessian = PreparedByShape(hessian(function))
        self.jacobian = PreparedByShape(jacrev(function))
        self.needs_second = False  # whether products with second derivatives of a vector are asked for

    def __reduce__(self) -> Any:  # graphs stay where they are: another process prepares its own
        return _find_derivatives, (self.function,)

    def value(self, x: Any) -> Any:
        return _copy(self.prepared.at((x,)).value(x))

    def vjp_and_value(self, x: Any) -> Any:
        return functools.partial(_pull, self.prepared, x), self.value(x)

    def grad_and_value(self, x: Any) -> Any:
        value, (gradient,) = self.prepared.at((x,)).value_and_gradient(x)
        return _copy(gradient), _copy(value)

    def jacobian_and_value(self, x: Any) -> Any:
        if self.needs_second:
            return _copy(self.jacobian.at((x,)).value(x)), self.value(x)
        (found,) = self.prepared.at((x,)).jacobian(x)
        return _copy(found), self.value(x)

    def mhp_jacobian_and_value(self, x: Any) -> Any:
        return functools.partial(_pull, self.jacobian, x), *self.jacobian_and_value(x)

    def hessian_grad_and_value(self, x: Any) -> Any:
        return _copy(self.hessian.at((x,)).value(x)), *self.grad_and_value(x)

    def mtp_hessian_grad_and_value(self, x: Any) -> Any:
        return functools.partial(_pull, self.hessian, x), *self.hessian_grad_and_value(x)


def _pull(prepared_by_shape: PreparedByShape, x: Any, cotangent: Any) -> Any:
    (found,) = prepared_by_shape.at((x,)).vjp(x, cotangent=cotangent)
    return _copy(found)


def _copy(found: Any) -> Any:
    """Return an array of the caller's own, or a number."""
    return np.array(found)[()]


_KNOWN: weakref.WeakValueDictionary[Any, _Derivatives] = weakref.WeakValueDictionary()


def _find_derivatives(function: Callable[..., Any]) -> _Derivatives:
    """Return one object for all that is made of a function, as long as something of it is alive."""
    if isinstance(function, Derivative) and function._kind == "value":
        return function._derivatives
    try:
        found = _KNOWN.get(function)
        if found is None:
            found = _KNOWN[function] = _Derivatives(function)
    except TypeError:  # what cannot be hashed
        found = _Derivatives(function)
    return found


@attrs.frozen(eq=False, repr=False)
class Derivative:
    """A derivative of a function, or its value: it takes a position, and can be pickled if the function can."""

    _derivatives: _Derivatives
    _kind: str

    def __call__(self, x: Any) -> Any:
        """Return the answer at a position, in arrays of the caller's own."""
        (position,) = as_float_arrays((x,))
        return getattr(self._derivatives, self._kind)(position.copy())  # Mici goes on in place

    def __repr__(self) -> str:
        return f"<{self._kind} of {self._derivatives.function!r}>"


def vjp_and_value(func: Function) -> Derivative:
    """Make the function of a pair: v -> v @ J with the Jacobian J of `func`, and its value."""
    return Derivative(_find_derivatives(func), "vjp_and_value")


def grad_and_value(func: Function) -> Derivative:
    """Make the function of a pair: the gradient of `func`, which returns one number, and its value."""
    return Derivative(_find_derivatives(func), "grad_and_value")


def hessian_grad_and_value(func: Function) -> Derivative:
    """Make the function of three: Hessian, gradient and value of `func`, which returns one number."""
    return Derivative(_find_derivatives(func), "hessian_grad_and_value")


def mtp_hessian_grad_and_value(func: Function) -> Derivative:
    """Make the function of four: m -> sum_ij m_ij d3f/dx_i dx_j dx_k, Hessian, gradient and value of `func`."""
    return Derivative(_find_derivatives(func), "mtp_hessian_grad_and_value")


def jacobian_and_value(func: Function) -> Derivative:
    """Make the function of a pair: the Jacobian of `func`, which returns an array, and its value."""
    return Derivative(_find_derivatives(func), "jacobian_and_value")


def mhp_jacobian_and_value(func: Function) -> Derivative:
    """Make the function of three: m -> sum_ij m_ij d2f_i/dx_j dx_k, Jacobian and value of `func`."""
    derivatives = _find_derivatives(func)
    derivatives.needs_second = True
    return Derivative(derivatives, "mhp_jacobian_and_value")


def wrapped(function: Function) -> Derivative:
    """Wrap a function for Mici, so that it shares its values with its derivatives; a derivative is ready as it is."""
    return function if isinstance(function, Derivative) else Derivative(_find_derivatives(function), "value")


def prepared(function: Function) -> tuple[Prepared, ...]:
    """Return what is asked behind a function; the `statistics` tell what was asked, and what was computed.

    Parameters
    ----------
    function
        A function given to Mici with ``backend="lazygrad"``, or what was made of it.

    Returns
    -------
    One for the function, and for its Hessian or Jacobian as functions, for each shape and dtype of positions; none
    if nothing was asked, or what Mici made of it is gone.
    """
    found = function._derivatives if isinstance(function, Derivative) else _KNOWN.get(function)
    if found is None:
        return ()
    return tuple([p for of in (found.prepared, found.hessian, found.jacobian) for p in of.prepared])


def register(name: str = "lazygrad") -> autodiff.AutodiffBackend:
    """Register the backend with Mici; importing this module does it under the name ``"lazygrad"``.

    Parameters
    ----------
    name
        What systems call it, in small letters.
    """
    backend = autodiff.AutodiffBackend(sys.modules[__name__], True, wrapped)
    autodiff._REGISTERED_BACKENDS[name] = backend
    return backend


register()
