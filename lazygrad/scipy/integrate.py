"""`scipy.integrate` on nodes: `odeint` and trapezoidal rules; all other names are SciPy's own, for arrays.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy import integrate
>>> y0 = lg.parameter([1.0])
>>> y = integrate.odeint(lambda y, t, rate: -rate * y, y0, [0.0, 1.0], (2.0,))
>>> lg.gradient(y[-1].sum(), y0).round(4)
array([0.1353])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import scipy.integrate

from .._functions.call import settle_connection
from .._functions.forward import jvp
from .._functions.reverse import vjp
from .._graph.node import INEXACT, Node, NodeOrArray
from .._graph.settings import check_function, describe
from .._graph.turns import call_outside
from .._graph.types import both as np
from ..ops._declare import op
from ..ops._op import Op, Signature, as_node
from ._calls import declare_on_nodes, holds_node
from ._quadrature import cumulative_trapezoid, trapezoid

__all__ = ["cumulative_trapezoid", "odeint", "trapezoid"]

Function = Callable[..., Any]


def _flatten(parts: Sequence[Any]) -> Any:
    """Put all elements of arrays, numbers and nodes one after the other."""
    return np.concatenate([np.reshape(p, -1) for p in parts])


def _rows(parts: Sequence[Any]) -> Any:
    return np.concatenate([np.reshape(p, (1, -1)) for p in parts], axis=0)


@attrs.frozen(repr=False)
class _Problem:
    """An initial value problem dy/dt = function(y, t, *args), without the numbers in y0, t and the float arguments."""

    function: Function
    size: int  # of y
    count: int  # of t
    shapes: tuple[tuple[int, ...], ...]  # of the float arguments
    options: tuple[tuple[str, Any], ...]

    def __repr__(self) -> str:
        return f"<{self.size} equations at {self.count} times>"

    def unpack(self, packed: Any) -> tuple[Any, Any, list[Any]]:
        """Take y0, t and the float arguments out of one vector of them all."""
        args, start = [], self.size + self.count
        for shape in self.shapes:
            stop = start + math.prod(shape)
            args.append(packed[start:stop].reshape(shape))
            start = stop
        return packed[: self.size], packed[self.size : self.size + self.count], args

    def slope(self, y: Any, t: Any, args: Sequence[Any]) -> Any:
        """Return dy/dt as a vector."""
        found = self.function(y, t, *args) if isinstance(y, Node) else call_outside(self.function, y, t, *args)
        if isinstance(found, (list, tuple)) and holds_node(found):
            found = np.stack([as_node(f) for f in found])
        return np.reshape(found if isinstance(found, Node) else np.asarray(found, dtype=float), (self.size,))

    def solve(self, packed: Any) -> Any:
        """Return SciPy's solution, of arrays."""
        y0, t, args = self.unpack(packed)

        def function(y: Any, t: float, *args: Any) -> Any:
            found = self.slope(y, t, args)
            if isinstance(found, Node):
                raise TypeError(
                    "the function given to odeint depends on a node that is not among its arguments: pass it in `args`"
                )
            return found

        return call_outside(scipy.integrate.odeint, function, y0, t, tuple(args), **dict(self.options))

    def with_function(self, function: Function, size: int, count: int, more: Sequence[Any] = ()) -> _Problem:
        """Return the problem of another function of the same arguments, with the same options."""
        return attrs.evolve(self, function=function, size=size, count=count, shapes=(*self.shapes, *more))

    # -- derivatives ------------------------------------------------------------------------------

    def pull_back(self, g: Any, out: Any, packed: Any) -> Any:
        """Return the contribution to (y0, t, *args): the adjoint equation, solved backwards from place to place."""
        n = self.size
        _, t, args = self.unpack(packed)

        def backwards(state: Any, time: Any, *args: Any) -> Any:
            """Return the slopes of y, of its adjoint, and of the adjoints of the arguments, which are integrals."""
            f, pull = vjp(lambda y, *args: self.slope(y, time, args), state[:n], *args)
            return _flatten([f, *[-p for p in pull(state[n : 2 * n])]])

        shared = np.zeros(sum([math.prod(shape) for shape in self.shapes]))
        problem = self.with_function(backwards, 2 * n + len(shared), 2)
        adjoint, earlier, times = g[-1], 0.0 * g[-1], []
        for k in range(self.count - 1, 0, -1):
            times.append(np.sum(g[k] * self.slope(out[k], t[k], args)))
            end = _solve(_flatten([out[k], adjoint, shared, t[k], t[k - 1], *args]), problem)[1]
            earlier, shared = end[n : 2 * n], end[2 * n :]
            adjoint = earlier + g[k - 1]
        times.append(-np.sum(earlier * self.slope(out[0], t[0], args)))
        return _flatten([adjoint, *times[::-1], shared])

    def push_forward(self, tangent: Any, out: Any, packed: Any) -> Any:
        """Return the tangent of the solution: the equation of variations, solved along with it."""
        n = self.size
        y0, t, args = self.unpack(packed)
        dy0, dt, dargs = self.unpack(tangent)

        def forwards(state: Any, time: Any, *both: Any) -> Any:
            args, dargs = both[: len(self.shapes)], both[len(self.shapes) :]
            f, df = jvp(lambda y, *args: self.slope(y, time, args), (state[:n], *args), (state[n:], *dargs))
            return _flatten([f, df])

        slopes = _rows([self.slope(out[k], t[k], args) for k in range(self.count)])
        problem = self.with_function(forwards, 2 * n, self.count, self.shapes)
        start = _flatten([y0, dy0 - slopes[0] * dt[0], t, *args, *dargs])
        return _solve(start, problem)[:, n:] + slopes * dt[:, None]


def _shape(packed: Node, problem: _Problem) -> Signature:
    return (problem.count, problem.size), np.dtype(float)


_solve: Op = op(
    "scipy.integrate.odeint",
    lambda packed, problem: problem.solve(packed),
    shape=_shape,
    vjp={"packed": lambda g, out, packed, problem: problem.pull_back(g, out, packed)},
    jvp={"packed": lambda t, out, packed, problem: problem.push_forward(t, out, packed)},
    inputs="packed",
    statics={"problem": None},
    doc="Return the solution of an ordinary differential equation, at some times.",
)


@declare_on_nodes(scipy.integrate.odeint)
def odeint(
    func: Function,
    y0: Any,
    t: Any,
    args: tuple[Any, ...] = (),
    *,
    tfirst: bool = False,
    rtol: float | None = None,
    atol: float | None = None,
    mxstep: int = 0,
    hmax: float = 0.0,
) -> NodeOrArray:
    """Return the solution of dy/dt = func(y, t, *args) at times t, as `scipy.integrate.odeint`.

    Parameters
    ----------
    func
        Function of arrays, written with NumPy, for the slope at y and t. Branches may depend on values. Nodes that it
        depends on must come in `args`.
    y0, t
        Start, and increasing or decreasing times, the first of which is that of the start.
    args
        More arguments of `func`: those that are nodes are differentiated by.
    tfirst
        Whether `func` takes t before y.
    rtol, atol, mxstep, hmax
        SciPy's; for the equations of derivatives, too.

    Returns
    -------
    Node of shape (len(t), len(y0)).

    Notes
    -----
    Gradients solve the adjoint equation backwards in time, tangents the equation of variations; both are problems
    of this kind again, so that derivatives of any order are there.

    Examples
    --------
    >>> import lazygrad as lg
    >>> rate = lg.parameter(2.0)
    >>> y = odeint(lambda y, t, rate: -rate * y, 1.0, [0.0, 1.0], (rate,))
    >>> round(lg.gradient(y[-1], rate, cotangent=[1.0]).item(), 4)
    -0.1353
    """
    check_function(func, "odeint")
    if not isinstance(args, tuple):
        raise TypeError(f"args of odeint must be a tuple, not {describe(args)}")
    nodes = [k for k, a in enumerate(args) if isinstance(a, Node)]
    if wrong := [args[k] for k in nodes if args[k].dtype.kind not in INEXACT]:
        raise TypeError(f"{wrong[0]!r} among the arguments of odeint has dtype {wrong[0].dtype}; cast it to float")

    def function(y: Any, time: Any, *floats: Any) -> Any:
        settle_connection()  # a slope may well be constant
        given = list(args)
        for k, a in zip(nodes, floats, strict=True):
            given[k] = a
        return func(time, y, *given) if tfirst else func(y, time, *given)

    start, times = as_node(y0), as_node(t)
    given = {"rtol": rtol, "atol": atol, "mxstep": mxstep, "hmax": hmax}
    problem = _Problem(
        function,
        start.size,
        len(times),
        tuple([args[k].shape for k in nodes]),
        tuple([(name, value) for name, value in given.items() if value]),
    )
    return _solve(_flatten([start, times, *[args[k] for k in nodes]]), problem=problem)


def __getattr__(name: str) -> Any:
    return getattr(scipy.integrate, name)
