"""How Python and NumPy call ops on nodes: one table each for operators, methods and NumPy's functions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ._node import Node, install
from ._op import OPS, Op, as_node
from .ops import arithmetic, linalg, linear, reduce

__all__ = ["FUNCTIONS"]

_NUMBERS = (int, float, np.integer, np.floating)


def _binary(op: Op, x: Any, y: Any) -> Any:
    """One operator: node with node, array or number; whatever else is left to the other operand."""
    if y.__class__ is float and isinstance(x, Node):
        return op.pair(x, as_node(y, x.dtype))
    if x.__class__ is float and isinstance(y, Node):
        return op.pair(as_node(x, y.dtype), y)
    if not isinstance(x, (Node, np.ndarray, np.generic, *_NUMBERS, list)):
        return NotImplemented
    if not isinstance(y, (Node, np.ndarray, np.generic, *_NUMBERS, list)):
        return NotImplemented
    return op.on_nodes((x, y), {})


def _power(x: Any, y: Any) -> Any:
    """x ** y; a number as exponent is Stratos' pow, whose derivative reads x alone."""
    if isinstance(x, Node) and isinstance(y, _NUMBERS):
        return arithmetic.pow.on_nodes((x,), {"n": y})
    return _binary(arithmetic.power, x, y)


def _bound(op: Op, bounded: Op) -> Callable[[Any, Any], Any]:
    """maximum or minimum; against a number it is a bound, with relu's derivative at the tie."""

    def call(x: Any, y: Any) -> Any:
        if isinstance(y, _NUMBERS):
            return bounded.on_nodes((x,), {"bound": y})
        if isinstance(x, _NUMBERS):
            return bounded.on_nodes((y,), {"bound": x})
        return op(x, y)

    return call


OPERATORS: dict[str, Op | Callable[[Any, Any], Any]] = {
    "add": linear.add,
    "sub": linear.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "pow": _power,
    "matmul": linalg.matmul,
}
COMPARISONS: dict[str, Op | Callable[[Any, Any], Any]] = {
    "lt": arithmetic.less,
    "le": arithmetic.less_equal,
    "gt": arithmetic.greater,
    "ge": arithmetic.greater_equal,
    "eq": arithmetic.equal,
    "ne": arithmetic.not_equal,
}


def _install_operators() -> None:
    def forward(op: Any) -> Callable[[Node, Any], Any]:
        if isinstance(op, Op):
            pair = op.pair

            def fast(self: Node, other: Any) -> Any:
                return pair(self, other) if isinstance(other, Node) else _binary(op, self, other)

            return fast
        return lambda self, other: op(self, other)

    def reflected(op: Any) -> Callable[[Node, Any], Any]:
        call = (lambda x, y: _binary(op, x, y)) if isinstance(op, Op) else op
        return lambda self, other: call(other, self)

    install({f"__{name}__": forward(op) for name, op in (OPERATORS | COMPARISONS).items()})
    install({f"__r{name}__": reflected(op) for name, op in OPERATORS.items()})
    install({"__neg__": lambda self: linear.negative.single(self)})
    install({"__abs__": lambda self: arithmetic.absolute.single(self)})
    install({"__pos__": lambda self: self, "__getitem__": linear.index})


# -- methods, named and called as NumPy's ----------------------------------------------------------


def _several(first: Any, rest: Sequence[Any]) -> Any:
    """x.reshape(2, 3) and x.reshape((2, 3)) mean the same; the caller's list is not kept."""
    several = (first, *rest) if rest or isinstance(first, (int, np.integer)) else first
    return tuple([operator.index(n) for n in several])


def _reshape(self: Node, shape: Any, *more: int) -> Node:
    """The same elements in another shape; one length may be -1."""
    return linear.reshape.on_nodes((self,), {"shape": _several(shape, more)})


def _transpose(self: Node, axes: Any = None, *more: int) -> Node:
    """The axes in another order; reversed by default."""
    axes = (
        None
        if axes is None
        else tuple([a % self.ndim if -self.ndim <= a < self.ndim else a for a in _several(axes, more)])
    )
    return linear.transpose.on_nodes((self,), {"axes": axes})


def _swapaxes(self: Node, axis1: int, axis2: int) -> Node:
    """Two axes exchanged."""
    axes = list(range(self.ndim))
    i, k = normalize_axis_index(axis1, self.ndim), normalize_axis_index(axis2, self.ndim)
    axes[i], axes[k] = k, i
    return linear.transpose.on_nodes((self,), {"axes": tuple(axes)})


def _reduction(op: Op) -> Callable[..., Node]:
    def method(self: Node, axis: Any = None, keepdims: bool = False, **others: Any) -> Node:
        if others:
            raise TypeError(f"{op.name} on a node takes axis and keepdims, not {', '.join(others)}")
        if isinstance(axis, list):
            axis = tuple(axis)
        return op.on_nodes((self,), {"axis": axis, "keepdims": keepdims})

    method.__doc__ = op.doc
    return method


def _astype(self: Node, dtype: Any) -> Node:
    """The node in another dtype: bool, int or real float."""
    if np.dtype(dtype).kind not in "biuf":
        raise TypeError(f"{self!r} cannot become {np.dtype(dtype)}: only bool, int and float are supported")
    return linear.astype.on_nodes((self,), {"dtype": np.dtype(dtype)})


def _dot(self: Node, other: Any) -> Node:
    """The product as `numpy.dot` means it."""
    return linalg.dot(self, other)


METHODS: dict[str, Callable[..., Any]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "swapaxes": _swapaxes,
    "astype": _astype,
    "dot": _dot,
    **{op.name: _reduction(op) for op in (linear.sum, reduce.mean, reduce.max, reduce.min)},
}


# -- NumPy's own protocols (NEP 13, NEP 18) --------------------------------------------------------


def _expand_dims(a: Any, axis: int | tuple[int, ...]) -> Any:
    axes = normalize_axis_tuple(axis, a.ndim + (len(axis) if isinstance(axis, tuple) else 1))
    return a[tuple([None if k in axes else slice(None) for k in range(a.ndim + len(axes))])]


def _stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return linear.concatenate(*[_expand_dims(as_node(a), axis) for a in arrays], axis=axis)


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None or y is None:
        raise TypeError("np.where on nodes takes condition, x and y: where it holds is known by `.value` alone")
    return arithmetic.where(condition, x, y)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    **{function: op for op in OPS.values() for function in op.numpy},
    np.power: _power,
    np.maximum: _bound(arithmetic.maximum, arithmetic.at_least),
    np.minimum: _bound(arithmetic.minimum, arithmetic.at_most),
    np.positive: lambda x: x,
    np.square: lambda x: arithmetic.pow.on_nodes((x,), {"n": 2}),
    np.where: _where,
    np.stack: _stack,
    np.dot: linalg.dot,
    np.concatenate: lambda arrays, axis=0: linear.concatenate(*arrays, axis=axis),
    np.reshape: lambda a, shape: _reshape(as_node(a), shape),
    np.transpose: lambda a, axes=None: _transpose(a, axes),
    np.swapaxes: lambda a, axis1, axis2: _swapaxes(a, axis1, axis2),
    np.ravel: lambda a: _reshape(a, -1),
    np.expand_dims: _expand_dims,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
    np.ones_like: lambda a: np.ones(a.shape, a.dtype),
    np.zeros_like: lambda a: np.zeros(a.shape, a.dtype),
    **{f: METHODS[o.name] for o in (linear.sum, reduce.mean, reduce.max, reduce.min) for f in o.numpy},
}


def _array_ufunc(self: Node, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NEP 13: NumPy asks here what ``array + node`` or ``np.tanh(node)`` is."""
    if kwargs.get("out") is not None:
        raise TypeError(f"np.{ufunc.__name__} cannot write into an array from a node: assign the result instead")
    call = FUNCTIONS.get(ufunc)
    if call is None or method != "__call__":
        what = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        raise TypeError(f"{what} is not defined on nodes; for the number behind {self!r} use `.value`")
    if kwargs:
        raise TypeError(f"np.{ufunc.__name__} on nodes does not take {', '.join(kwargs)}")
    if len(inputs) == 1 and call.__class__ is Op:
        return call.single(self)
    return call(*inputs)


def _array_function(self: Node, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """NEP 18: NumPy asks here what ``np.sum(node)`` is."""
    call = FUNCTIONS.get(func)
    if call is None:
        name = getattr(func, "__name__", str(func))
        raise TypeError(f"np.{name} is not defined on nodes; for the array behind {self!r} use `.value`")
    return call(*args, **kwargs)


# -- refused, with a hint, rather than silently cut off from the graph ------------------------------


def _refuse(what: str, hint: str) -> Callable[..., NoReturn]:
    def refuse(self: Node, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{what} of {self!r} would cut it off from its graph: {hint}")

    return refuse


REFUSED = {
    "__float__": ("float()", "use `.item()` for the number"),
    "__int__": ("int()", "use `.item()` for the number"),
    "__complex__": ("complex()", "use `.item()` for the number"),
    "__index__": ("use as an index", "use `.item()` for the number, or index a node with it"),
    "__bool__": ("the truth value", "use `.value` to look at it, or `np.where` to choose by it"),
    "__array__": ("a NumPy array", "use `.value`; to join nodes use `np.concatenate` or `np.stack`"),
    "__setitem__": ("assignment to a part", "nodes do not change; build a new one, or `set` a leaf"),
}


def _len(self: Node) -> int:
    if not self.shape:
        raise TypeError(f"{self!r} is 0-d and has no length")
    return self.shape[0]


def _iter(self: Node) -> Iterator[Node]:
    if not self.shape:
        raise TypeError(f"{self!r} is 0-d and cannot be iterated over")
    return (self[k] for k in range(self.shape[0]))


def _contains(self: Node, item: Any) -> NoReturn:
    raise TypeError(f"`in` would compare by value: use `any(n is node for n in ...)`, or `.value` of {self!r}")


_install_operators()
for _name, _method in METHODS.items():
    _method.__name__ = _name
install(METHODS)
install({name: _refuse(*reason) for name, reason in REFUSED.items()})
install({"T": property(_transpose), "__len__": _len, "__iter__": _iter, "__contains__": _contains})
install({"__array_ufunc__": _array_ufunc, "__array_function__": _array_function})
