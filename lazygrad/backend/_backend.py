"""The interface of a backend: one required operation, from which everything else follows.

A backend works on flat lists: a function takes arrays of its own kind and returns a list of them, and structures,
selection, checks and the memo of points are not its business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ._eager import PreparedCalls
from ._point import Flat, Point, Pull, jacobian_by_rows, push_by_rows
from ._prepared import Prepared

__all__ = ["Backend"]


class Backend(ABC):
    """Something that differentiates functions of arrays; derive from it to bring in your own.

    Only `vjp` is required. What else follows from it, at its price, can be overridden.

    Attributes
    ----------
    namespace
        The module with the functions (``sin``, ``exp``) for the arrays that this backend calls a function with.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> class Differences(lg.backend.Backend):
    ...     def vjp(self, f, arrays):
    ...         def slope(k, index, w, h=1e-6):
    ...             there, back = [[np.array(a) for a in arrays] for _ in range(2)]
    ...             there[k][index] += h
    ...             back[k][index] -= h
    ...             return sum(np.sum(v * (a - b)) for v, a, b in zip(w, f(*there), f(*back))) / (2 * h)
    ...         def pull(w, wanted):
    ...             shapes = {k: arrays[k].shape for k in wanted}
    ...             return [np.reshape([slope(k, i, w) for i in np.ndindex(s)], s) for k, s in shapes.items()]
    ...         return f(*arrays), pull
    >>> f = lambda x, y: np.sum(x * y)
    >>> p = lg.backend.prepare(f, np.ones(2), np.ones(2), wrt=(0, 1), backend=Differences())
    >>> p.gradient(np.array([1.0, 2.0]), np.array([3.0, 4.0]), select=1).round(6)
    array([1., 2.])
    """

    __module__ = "lazygrad.backend"

    namespace: ClassVar[Any] = np

    @abstractmethod
    def vjp(self, f: Flat, arrays: Sequence[object]) -> tuple[list[Any], Pull]:
        """Evaluate a function, and return its outputs and the function that pulls cotangents back.

        Parameters
        ----------
        f
            Function of `arrays`, in the backend's own kind of array, that returns a list of them.
        arrays
            Float arrays: NumPy's; or of the backend's own kind if the call is inside of another, as for `hvp`.

        Returns
        -------
        ``(outs, pull)``. ``pull(cotangents, wanted)`` takes a cotangent for each output and gives those of the arrays
        at the positions `wanted`, and of no others; it can be called again and again. For complex numbers
        dL = Re(sum of gradient * dz).
        """

    def array(self, value: object) -> Any:
        """Return a NumPy array in the backend's own kind: functions get the arguments that do not move so."""
        return np.asarray(value)

    def value(self, at: Point) -> list[Any]:
        """Return the outputs of ``at.function``."""
        return at.function(*map(self.array, at.arrays))

    def gradient(self, at: Point, wanted: Sequence[int]) -> list[Any]:
        """Return the gradients of the only output: its cotangent is one."""
        return at.pull([np.ones_like(at.outs[0])], wanted)

    def jvp(self, at: Point, tangents: Sequence[object]) -> list[Any]:
        """Return the tangents of the outputs: one pull for each of their elements."""
        return push_by_rows(at.pull, at.outs, tangents)

    def hvp(self, at: Point, vectors: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        """Return the Hessian's products with vectors: `vjp` of the gradient's product with them, itself a `vjp`."""
        count = len(at.arrays)

        def slope(*both: Any) -> list[Any]:
            outs, pull = self.vjp(at.function, both[:count])
            total: Any = 0.0
            for g, v, like in zip(pull([outs[0] * 0 + 1], range(count)), both[count:], vectors, strict=True):
                term = (g * v).sum()
                total = total + (self.namespace.real(term) if like.dtype.kind == "c" else term)
            return [total]

        (total,), pull = self.vjp(slope, [*at.arrays, *vectors])
        return pull([np.ones((), np.asarray(total).dtype)], wanted)

    def jacobian(self, at: Point, wanted: Sequence[int]) -> list[list[Any]]:
        """Return for each output the Jacobians by the wanted arrays: one pull for each element."""
        return jacobian_by_rows(at.pull, at.outs, [at.arrays[k] for k in wanted], wanted)

    def prepare(self, f: Any, *example: Any, wrt: Any = 0, points: int = 2, **kwargs: Any) -> Prepared:
        """Prepare a function: see `lazygrad.backend.prepare`."""
        return PreparedCalls(self, f, example, kwargs, wrt, points)
