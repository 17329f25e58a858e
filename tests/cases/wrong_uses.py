"""Right calls of the public face, and what is put in the place of each of their arguments."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable
from typing import Any

import attrs
import numpy as np

import lazygrad as lg
import lazygrad.numpy as lnp
from lazygrad import backend, engines, inspect, paths, testing


class World:
    """A small graph, and what calls are made with."""

    def __init__(self) -> None:
        self.x = lg.parameter([1.0, 2.0, 3.0], name="x")
        self.M = lg.parameter([[2.0, 0.5, 0.1], [0.5, 1.5, 0.2], [0.1, 0.2, 1.0]], name="M")
        self.s = lg.parameter(2.0, name="s")
        self.n = lg.constant([0, 2, 1], name="n")
        self.z = lg.parameter(np.array([1.0 + 1j, 2.0, 3.0]), name="z")
        self.y = np.sin(self.x) * self.s
        self.L = (self.M @ self.y).sum()
        self.watched = (self.x, self.M, self.s, self.n, self.z, self.y, self.L)

    def answer(self) -> tuple[bytes, ...]:
        """Return the bytes of the loss and its gradients."""
        return (self.L.value.tobytes(), *(g.tobytes() for g in lg.gradient(self.L, [self.x, self.M, self.s])))


def _record(**options: Any) -> None:
    with lg.record(**options):
        pass


def cube(x: Any) -> Any:
    return np.sum(x**3)


def double(x: Any) -> Any:
    return 2 * x


def _circular_list() -> list[Any]:
    items: list[Any] = [1.0]
    items.append(items)
    return items


def _circular_dict() -> dict[str, Any]:
    items: dict[str, Any] = {}
    items["a"] = items
    return items


def nest(depth: int, innermost: Any) -> Any:
    for _ in range(depth):
        innermost = [innermost]
    return innermost


def _closed_file() -> Any:
    file = io.StringIO("text")
    file.close()
    return file


def _generator() -> Any:
    return (k for k in (1.0, 2.0, 3.0))


Value = Callable[[World], Any]
VALUES: dict[str, Value] = {
    "None": lambda w: None,
    "3": lambda w: 3,
    "-7": lambda w: -7,
    "True": lambda w: True,
    "2.5": lambda w: 2.5,
    "text": lambda w: "a",
    "bytes": lambda w: b"a",
    "an object": lambda w: object(),
    "a class": lambda w: World,
    "a set": lambda w: {1.0, 2.0},
    "a generator": lambda w: _generator(),
    "a function": lambda w: double,
    "a node": lambda w: w.y,
    "an integer node": lambda w: w.n,
    "a complex node": lambda w: w.z,
    "a matrix node": lambda w: w.M,
    "a complex number": lambda w: 1j,
    "nan": lambda w: np.nan,
    "inf": lambda w: np.inf,
    "a huge integer": lambda w: 10**400,
    "an empty list": lambda w: [],
    "an empty dict": lambda w: {},
    "an empty array": lambda w: np.zeros((0, 3)),
    "a ragged list": lambda w: [[1.0, 2.0], [3.0]],
    "a nested list": lambda w: [[[1.0, 2.0, 3.0]]],
    "a circular list": lambda w: _circular_list(),
    "a circular dict": lambda w: _circular_dict(),
    "a list nested 900 deep": lambda w: nest(900, w.x),
    "numbers nested 900 deep": lambda w: nest(900, 1.0),
    "a list of nodes": lambda w: [w.x, w.s],
    "a dict of nodes": lambda w: {"x": w.x, 3: w.s},
    "a masked array": lambda w: np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]),
    "a matrix": lambda w: np.matrix([[1.0, 2.0, 3.0]]),
    "objects": lambda w: np.array([1.0, None, "a"], dtype=object),
    "dates": lambda w: np.array(["2020-01-01"], dtype="datetime64[D]"),
    "spans": lambda w: np.array([1, 2, 3], dtype="timedelta64[s]"),
    "strings": lambda w: np.array(["a", "b", "c"]),
    "records": lambda w: np.array([(1.0, 2)], dtype=[("a", float), ("b", int)]),
    "another shape": lambda w: np.ones((7, 5)),
    "integers": lambda w: np.array([1, 2, 3]),
    "booleans": lambda w: np.array([True, False, True]),
    "a slice": lambda w: slice(None),
    "an ellipsis": lambda w: ...,
    "a module": lambda w: np,
    "a closed file": lambda w: _closed_file(),
}


@attrs.frozen(eq=False)
class Use:
    """A right call: what is called, with which arguments."""

    function: Callable[[World], Any]
    args: Callable[[World], tuple[Any, ...]]
    kwargs: Callable[[World], dict[str, Any]] = lambda w: {}
    raises: tuple[type[Exception], ...] = ()  # what is right beside the usual: of checks, and of what is NumPy's own


def of(function: Any, args: Callable[[World], tuple[Any, ...]], **kwargs: Any) -> Use:
    return Use(lambda w: function, args, lambda w: dict(kwargs))


def by(function: Callable[[World], Any], args: Callable[[World], tuple[Any, ...]] = lambda w: (), **kwargs: Any) -> Use:
    return Use(function, args, lambda w: dict(kwargs))


one = np.array([1.0, 2.0, 3.0])

USES: dict[str, Use] = {
    # leaves and nodes
    "parameter": of(lg.parameter, lambda w: (one, "name")),
    "constant": of(lg.constant, lambda w: (one, "name")),
    "update": of(lg.update, lambda w: ({w.x: one},)),
    "update a value": Use(lambda w: lambda v: lg.update({w.x: v}), lambda w: (one,)),
    "update a key": Use(lambda w: lambda k: lg.update({k: one} if isinstance(k, Hashable) else k), lambda w: (w.x,)),  # type: ignore[dict-item]
    "set": by(lambda w: w.x.set, lambda w: (one,)),
    "set an integer": by(lambda w: w.n.set, lambda w: (np.array([0, 1, 2]),)),
    "getitem": by(lambda w: w.x.__getitem__, lambda w: (0,)),
    "getitem of a matrix": Use(lambda w: lambda i, j: w.M[i, j], lambda w: (0, slice(None))),
    "at get": Use(lambda w: lambda i: w.x.at[i].get(), lambda w: (0,)),
    "at set": Use(lambda w: lambda i, y: w.x.at[i].set(y), lambda w: (0, 1.0)),
    "at add": Use(lambda w: lambda i, y: w.x.at[i].add(y), lambda w: ([0, 1], 1.0)),
    "at multiply": Use(lambda w: lambda i, y: w.x.at[i].multiply(y), lambda w: ([0, 1], 1.0)),
    "at max": Use(lambda w: lambda i, y: w.x.at[i].max(y), lambda w: ([0, 1], 1.0)),
    "add": Use(lambda w: lambda y: w.x + y, lambda w: (one,)),
    "radd": Use(lambda w: lambda y: y + w.x, lambda w: (one,)),
    "multiply": Use(lambda w: lambda y: w.x * y, lambda w: (one,)),
    "matmul": Use(lambda w: lambda y: w.M @ y, lambda w: (one,)),
    "rmatmul": Use(lambda w: lambda y: y @ w.M, lambda w: (one,)),
    "power": Use(lambda w: lambda y: w.x**y, lambda w: (2.0,)),
    "rpower": Use(lambda w: lambda y: y**w.x, lambda w: (2.0,)),
    "less": Use(lambda w: lambda y: w.x < y, lambda w: (2.0,)),
    "equal": Use(lambda w: lambda y: w.x == y, lambda w: (2.0,)),
    "floor divide": Use(lambda w: lambda y: w.x // y, lambda w: (2.0,)),
    "divmod": Use(lambda w: lambda y: divmod(w.x, y), lambda w: (2.0,)),
    "shift": Use(lambda w: lambda y: w.n << y, lambda w: (2,)),
    "and": Use(lambda w: lambda y: w.n & y, lambda w: (2,)),
    "astype": by(lambda w: w.x.astype, lambda w: (np.float32,)),
    "reshape": by(lambda w: w.x.reshape, lambda w: ((3, 1),)),
    "transpose": by(lambda w: w.M.transpose, lambda w: ((1, 0),)),
    "sum": by(lambda w: w.M.sum, lambda w: (0,), keepdims=True),
    "max": by(lambda w: w.M.max, lambda w: (0,)),
    "clip": by(lambda w: w.M.clip, lambda w: (0.0, 1.0)),
    "take": by(lambda w: w.x.take, lambda w: ([0, 1],)),
    "repeat": by(lambda w: w.x.repeat, lambda w: (2,)),
    "choose": by(lambda w: w.n.choose, lambda w: ([w.x, w.x, w.x],)),
    "compress": by(lambda w: w.x.compress, lambda w: ([True, False, True],)),
    "std": by(lambda w: w.M.std, lambda w: (0,), ddof=1),
    "squeeze": by(lambda w: w.M[:1].squeeze, lambda w: (0,)),
    "swapaxes": by(lambda w: w.M.swapaxes, lambda w: (0, 1)),
    "dot": by(lambda w: w.M.dot, lambda w: (w.x,)),
    "round": by(lambda w: w.x.round, lambda w: (1,)),
    "searchsorted": by(lambda w: w.x.searchsorted, lambda w: (1.5,)),
    "item": by(lambda w: w.s.item),
    # questions
    "gradient": Use(
        lambda w: lg.gradient,
        lambda w: (w.L, w.x),
        lambda w: {"unconnected": "zero", "cotangent": np.array(1.0), "engine": "lazy", "report": False},
    ),
    "gradient with a cotangent": Use(lambda w: lg.gradient, lambda w: (w.y, w.x), lambda w: {"cotangent": one}),
    "gradient by a list": Use(lambda w: lambda i: lg.gradient(w.L, [w.x, i]), lambda w: (w.s,)),
    "gradient by a dict": Use(lambda w: lambda i: lg.gradient(w.L, {"x": w.x, "i": i}), lambda w: (w.s,)),
    "adjoint": Use(lambda w: lg.adjoint, lambda w: (w.L, w.x)),
    "differentiator": Use(lambda w: lg.differentiator, lambda w: (w.L,)),
    "Differentiator": Use(lambda w: lg.Differentiator, lambda w: (w.y,), lambda w: {"cotangent": one}),
    "Differentiator.gradient": by(lambda w: lg.differentiator(w.L).gradient, lambda w: (w.x,), unconnected="none"),
    "Differentiator.adjoint": by(lambda w: lg.differentiator(w.L).adjoint, lambda w: (w.x,)),
    "Differentiator.contributions": by(lambda w: lg.differentiator(w.L).contributions, lambda w: (w.x,)),
    "Differentiator.is_connected": by(lambda w: lg.differentiator(w.L).is_connected, lambda w: (w.x,)),
    "Differentiator.cache_info": by(lambda w: lg.differentiator(w.L).cache_info),
    "Differentiator.table": by(lambda w: lg.differentiator(w.L).table),
    "jacobian of nodes": Use(lambda w: lg.jacobian, lambda w: (w.y, w.x), lambda w: {"order": "auto"}),
    "jacobian_plan": Use(lambda w: lg.jacobian_plan, lambda w: (w.y, w.x), lambda w: {"order": "auto"}),
    "hessian of a node": Use(lambda w: lg.hessian, lambda w: (w.L, w.x)),
    "hvp of a node": Use(lambda w: lg.hvp, lambda w: (w.L, w.x, one)),
    "local_jacobian": Use(lambda w: lg.local_jacobian, lambda w: (w.y, w.s)),
    "compile": Use(
        lambda w: lg.compile,
        lambda w: (w.L, w.x, w.x),
        lambda w: {"backend": "numpy", "exact": False, "specializations": 2},
    ),
    "a compiled call": by(lambda w: lg.compile(w.L, w.x, {"x": w.x}), lambda w: (one,)),
    "a compiled function": Use(lambda w: lg.compile(cube, 0), lambda w: (one,)),
    # functions
    "grad": Use(lambda w: lg.grad, lambda w: (cube, 0), lambda w: {"has_aux": False, "holomorphic": False}),
    "value_and_grad": Use(lambda w: lg.value_and_grad, lambda w: (cube, 0), lambda w: {"has_aux": False}),
    "elementwise_grad": Use(lambda w: lg.elementwise_grad, lambda w: (double, 0), lambda w: {"has_aux": False}),
    "jacobian": Use(lambda w: lg.jacobian, lambda w: (double, 0), lambda w: {"has_aux": False, "holomorphic": False}),
    "jacfwd": Use(lambda w: lg.jacfwd, lambda w: (double, 0), lambda w: {"has_aux": False, "holomorphic": False}),
    "jacrev": Use(lambda w: lg.jacrev, lambda w: (double, 0), lambda w: {"has_aux": False, "holomorphic": False}),
    "hessian": Use(lambda w: lg.hessian, lambda w: (cube, 0), lambda w: {"has_aux": False, "holomorphic": False}),
    "a gradient function": Use(lambda w: lg.grad(np.sum), lambda w: (one,)),
    "a Jacobian function": Use(lambda w: lg.jacobian(np.sin), lambda w: (one,)),
    "a Hessian function": Use(lambda w: lg.hessian(np.sum), lambda w: (one,)),
    "a function that returns it": Use(lambda w: lambda v: lg.grad(lambda x: v)(1.0), lambda w: (w.L,)),
    "a Jacobian of what returns it": Use(lambda w: lambda v: lg.jacobian(lambda x: v)(1.0), lambda w: (w.L,)),
    "vjp": Use(lambda w: lg.vjp, lambda w: (np.sin, one), lambda w: {"has_aux": False}),
    "a pullback": Use(lambda w: lg.vjp(np.sin, one)[1], lambda w: (one,)),
    "jvp": Use(lambda w: lg.jvp, lambda w: (np.sin, one, one), lambda w: {"has_aux": False}),
    "hvp": Use(lambda w: lg.hvp, lambda w: (np.sum, one, one)),
    "check_grads": Use(
        lambda w: lg.check_grads,
        lambda w: (np.sin, one),
        lambda w: {"order": 1, "modes": "rev", "atol": 1e-6, "rtol": 1e-6, "eps": 1e-4, "allow_float32": False},
        raises=(AssertionError,),
    ),
    "primitive": Use(
        lambda w: lg.primitive,
        lambda w: (double,),
        lambda w: {"vjp": lambda g: 2 * g, "jvp": None, "shape": "x", "name": "twice"},
    ),
    "a primitive": Use(lambda w: lg.primitive(double, vjp=lambda g: 2 * g), lambda w: (w.x,)),
    "a value of a primitive": Use(lambda w: lambda v: lg.primitive(lambda x: v)(w.x).value, lambda w: (one,)),
    "a promised value": Use(lambda w: lambda v: lg.primitive(lambda x: v, shape="x")(w.x).value, lambda w: (one,)),
    "a shape of a primitive": Use(lambda w: lambda v: lg.primitive(double, shape=lambda x: v)(w.x), lambda w: ((3,),)),
    "a vjp's answer": Use(
        lambda w: lambda v: lg.gradient(lg.primitive(double, vjp=lambda g: v)(w.x).sum(), w.x), lambda w: (one,)
    ),
    "a jvp's answer": Use(
        lambda w: lambda v: lg.jvp(lg.primitive(double, jvp=lambda t: v), one, one), lambda w: (one,)
    ),
    # watching
    "record": Use(lambda w: _record, lambda w: (), lambda w: {"timing": False}),
    "errstate": Use(lambda w: lg.errstate, lambda w: ("warn",)),
    "trace_sources": Use(lambda w: lambda *a: lg.trace_sources(*a).__exit__(None, None, None), lambda w: (True,)),
    "explain": Use(
        lambda w: inspect.explain, lambda w: (w.L, w.x), lambda w: {"cotangent": np.array(1.0), "analyze": False}
    ),
    "why": Use(lambda w: inspect.why, lambda w: (w.y,), lambda w: {"report": None}),
    "find_nonfinite": Use(lambda w: inspect.find_nonfinite, lambda w: (w.L, w.x), lambda w: {"cotangent": None}),
    "draw": Use(
        lambda w: lambda *a, **k: inspect.draw(*a, **k).dot,
        lambda w: (w.L, w.x),
        lambda w: {"report": None, "fold": "auto", "max_nodes": 300, "widths": "bytes"},
    ),
    # engines and paths
    "compare": Use(lambda w: engines.compare, lambda w: (w.L, w.x, ["lazy", "sweep"]), lambda w: {"cotangent": None}),
    "named_engine": Use(lambda w: engines.named_engine, lambda w: ("sweep",)),
    "register an engine": Use(lambda w: engines.register, lambda w: ("mine", engines.sweep)),
    **{
        name: Use(lambda w, name=name: getattr(engines, name), lambda w: (w.L, [w.x, w.s], lg.constant(1.0)))  # type: ignore[misc]
        for name in ("lazy", "sweep", "children", "forward", "paths", "numeric")
    },
    "sum_product": Use(
        lambda w: paths.sum_product,
        lambda w: (w.L, w.x, paths.counting, None),
        lambda w: {"edges": "open", "memo": None},
    ),
    "sum_product of a mapping": Use(
        lambda w: paths.sum_product, lambda w: ({1: [2], 2: [3]}, 1, paths.real), lambda w: {"to": 3}
    ),
    "count": Use(lambda w: paths.count, lambda w: (w.L, w.x)),
    "contributions": Use(lambda w: paths.contributions, lambda w: (w.L, w.x)),
    "top": Use(lambda w: paths.top, lambda w: (w.L, w.x, 2), lambda w: {"cotangent": None, "budget": 100}),
    "edge_jacobian": Use(lambda w: paths.edge_jacobian, lambda w: (w.y, w.s, 1)),
    "differentiable_leaves": Use(lambda w: paths.differentiable_leaves, lambda w: (w.L,)),
    # other libraries
    "prepare": Use(
        lambda w: backend.prepare, lambda w: (cube, one), lambda w: {"wrt": 0, "backend": "lazy", "points": 2}
    ),
    "prepare a node": Use(lambda w: backend.prepare, lambda w: (w.L,), lambda w: {"wrt": w.x}),
    "backend.get": Use(lambda w: backend.get, lambda w: ("lazy",)),
    "backend.register": Use(lambda w: backend.register, lambda w: ("another", backend.get("lazy"))),
    "prepared value": by(lambda w: backend.prepare(cube, one).value, lambda w: (one,)),
    "prepared gradient": by(lambda w: backend.prepare(cube, one).gradient, lambda w: (one,), select=None),
    "prepared jvp": by(lambda w: backend.prepare(cube, one).jvp, lambda w: (one,), tangents=one),
    "prepared vjp": by(lambda w: backend.prepare(np.sin, one).vjp, lambda w: (one,), cotangent=one),
    "prepared hvp": by(lambda w: backend.prepare(cube, one).hvp, lambda w: (one,), vectors=one),
    "prepared jacobian": by(lambda w: backend.prepare(np.sin, one).jacobian, lambda w: (one,)),
    "check_point": Use(
        lambda w: testing.check_point,
        lambda w: (lg.ops.relu, testing.Point([[0.0]], ([0.0],))),
        raises=(AssertionError,),
    ),
    "check_op": Use(
        lambda w: testing.check_op, lambda w: (lg.ops.tanh, one), lambda w: {"order": 1}, raises=(AssertionError,)
    ),
    # makers of arrays
    "array": Use(lambda w: lnp.array, lambda w: ([w.s, 1.0], float), raises=(OverflowError,)),
    "full": of(lnp.full, lambda w: ((2,), w.s)),
    "stack": of(np.stack, lambda w: ([w.x, w.x], 0)),
    "concatenate": of(np.concatenate, lambda w: ([w.x, w.x], 0)),
    "where": of(np.where, lambda w: (w.x > 1, w.x, 0.0)),
    "einsum": of(np.einsum, lambda w: ("ij,j->i", w.M, w.x)),
    "tensordot": of(np.tensordot, lambda w: (w.M, w.M, 1)),
    "pad": of(np.pad, lambda w: (w.x, (1, 1), "constant")),
    "roll": of(np.roll, lambda w: (w.x, 1)),
    "sort": of(np.sort, lambda w: (w.x,), axis=-1),
    "interp": of(np.interp, lambda w: (w.x, [0.0, 1.0, 2.0], [1.0, 2.0, 3.0])),
    "quantile": of(np.quantile, lambda w: (w.x, 0.5)),
    "convolve": of(np.convolve, lambda w: (w.x, one, "full")),
    "take_along_axis": of(np.take_along_axis, lambda w: (w.x, np.array([0, 1]), 0)),
    "solve": of(np.linalg.solve, lambda w: (w.M, w.x)),
    "norm": of(np.linalg.norm, lambda w: (w.x, 2)),
    "fft": of(np.fft.fft, lambda w: (w.x, 4), norm="ortho"),
    "maximum": of(np.maximum, lambda w: (w.x, 1.0)),
    "np.clip": of(np.clip, lambda w: (w.x, 0.0, 1.0)),
    "softmax": of(lg.ops.softmax, lambda w: (w.x,), axis=-1),
    "logsumexp": of(lg.ops.logsumexp, lambda w: (w.x,), axis=0),
    "cross_entropy": of(lg.ops.cross_entropy, lambda w: (w.M, [0, 1, 2])),
    "pick": of(lg.ops.pick, lambda w: (w.M, [0, 1, 2])),
    "svm_loss": of(lg.ops.svm_loss, lambda w: (w.M, [0, 1, 2])),
}
