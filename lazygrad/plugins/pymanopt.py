"""Pymanopt: cost functions on manifolds, whose gradients and Hessian-vector products are asked of one memo.

Its optimisers ask for the cost, the gradient and many Hessian-vector products at one point before they go to the next.
What these have in common is computed once.

>>> import numpy as np, pymanopt
>>> from pymanopt.manifolds import Sphere
>>> import lazygrad.plugins.pymanopt as lazy
>>> A = np.diag([1.0, 2.0, 3.0])
>>> @lazy.function(Sphere(3))
... def cost(x):
...     return -x @ A @ x
>>> problem = pymanopt.Problem(Sphere(3), cost)
>>> found = pymanopt.optimizers.TrustRegions(verbosity=0).run(problem, initial_point=np.full(3, 3**-0.5)).point
>>> abs(found).round(6)
array([0., 0., 1.])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pymanopt.autodiff import Function, backend_decorator_factory
from pymanopt.autodiff.backends._backend import Backend
from pymanopt.tools import bisect_sequence

from .._graph.types import Function as AnyFunction
from ..backend import Prepared
from ._prepared_by_shape import PreparedByShape, as_float_arrays

__all__ = ["LazygradBackend", "function", "prepared"]


def function(manifold: object) -> Callable[[Function], Function]:
    """Decorate a cost function written with NumPy, for `pymanopt.Problem`.

    Parameters
    ----------
    manifold
        The manifold. The function takes the arrays that its points consist of as arguments, as with all of Pymanopt's
        backends.

    Returns
    -------
    The decorator. Its result can be called, and makes the operators of the Euclidean gradient and Hessian that the
    optimisers ask for.

    Raises
    ------
    TypeError
        If `manifold` is none. Later: if the function does not return one real number.

    Notes
    -----
    The gradient of a real function of z = x + iy is here dL/dx + i dL/dy, as Pymanopt wants it: the conjugate of what
    `lazygrad.grad` returns.
    """
    return backend_decorator_factory(LazygradBackend)(manifold)


def prepared(cost: Function) -> tuple[Prepared, ...]:
    """Return what is asked behind a decorated function; its `statistics` tell what was asked, and what was computed.

    Parameters
    ----------
    cost
        What the decorator returned.

    Returns
    -------
    One for each combination of shapes and dtypes that it was called with; usually there is only one.

    Raises
    ------
    TypeError
        If the function was decorated by something else.
    """
    backend = getattr(cost, "_backend", None)
    if not isinstance(backend, LazygradBackend):
        raise TypeError(f"{cost} is not decorated by `lazygrad.plugins.pymanopt.function`")
    return tuple([p for asked in backend.asked.values() for p in asked.prepared])


class LazygradBackend(Backend):  # type: ignore[misc]
    """Pymanopt's interface to a library that differentiates; each decorated function has one of its own."""

    def __init__(self) -> None:
        super().__init__("lazygrad")
        self.asked: dict[Callable[..., Any], PreparedByShape] = {}  # the one function, as Pymanopt uses it

    @staticmethod
    def is_available() -> bool:
        """Return True, as this module was imported."""
        return True

    def prepare_function(self, function: AnyFunction) -> AnyFunction:
        """Return the function itself, which shares its values with the operators."""
        prepared_by_shape = self._prepare(function)

        def value(*point: Any) -> Any:
            point = as_float_arrays(point)
            return np.array(prepared_by_shape.at(point).value(*point))[()]

        return value

    def generate_gradient_operator(self, function: AnyFunction, num_arguments: int) -> AnyFunction:
        """Return the Euclidean gradient as a function: by all arguments, in a list, or by the only one."""
        prepared_by_shape = self._prepare(function)

        def gradient(*point: Any) -> Any:
            point = as_float_arrays(point)
            return _copy_for_host(prepared_by_shape.at(point).gradient(*point), num_arguments)

        return gradient

    def generate_hessian_operator(self, function: AnyFunction, num_arguments: int) -> AnyFunction:
        """Return the product of the Euclidean Hessian with vectors as a function, whose arguments they follow."""
        prepared_by_shape = self._prepare(function)

        def product(*point_and_vectors: Any) -> Any:
            point, vectors = bisect_sequence(as_float_arrays(point_and_vectors))
            return _copy_for_host(prepared_by_shape.at(point).hvp(*point, vectors=vectors), num_arguments)

        return product

    def _prepare(self, function: Callable[..., Any]) -> PreparedByShape:
        return self.asked.setdefault(function, PreparedByShape(function))


def _copy_for_host(found: Sequence[Any], num_arguments: int) -> Any:
    """Return arrays of the caller's own, in Pymanopt's convention."""
    own = [np.array(x.conj()) for x in found]
    return own[0] if num_arguments == 1 else own
