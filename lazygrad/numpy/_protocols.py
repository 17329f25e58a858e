"""How NumPy calls ops on nodes: its protocols (NEP 13, NEP 18), and the methods of its arrays."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .._graph.guards import suggest_looking
from .._graph.node import NO_STATIC, Node, build, install
from .._graph.settings import describe
from ..ops import linear, logsumexp
from ..ops._calls import record_calls
from ..ops._declare import MEANINGS, find_meaning
from ..ops._op import Op, as_node, as_nodes, unknown_setting
from ._callers import ELSEWISE, find_caller, find_public_name, find_replacement
from ._calls import call_meaning, is_default, name_function, refuse_argument

__all__ = ["METHODS", "PROPERTIES", "REFUSED_METHODS"]

# -- ufuncs ----------------------------------------------------------------------------------------

_DEFAULTS = {"out": None, "where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}

# The functions that reduce and accumulate by a ufunc; others are folded, element by element.
REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
    np.logaddexp: logsumexp,
}
ACCUMULATIONS: dict[np.ufunc, Callable[..., Any]] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _refuse_keywords(name: str, kwargs: Mapping[str, Any]) -> None:
    """Refuse any keyword that asks for something."""
    for keyword in sorted(kwargs, key="out".__ne__):  # of `buffer @= node` that says what is wrong, not `axes`
        if not is_default(kwargs[keyword], _DEFAULTS.get(keyword, refuse_argument)):
            raise refuse_argument(name, keyword)


def _sample_of(x: Node) -> Any:
    """Return an array of the shape and dtype of a node, to ask NumPy what it makes of one."""
    return np.ones(x.shape, x.dtype)


def _split(x: Node, axis: int) -> list[Node]:
    return [x[(slice(None),) * axis + (k,)] for k in range(x.shape[axis])]


@record_calls
def _reduce(ufunc: np.ufunc, x: Node, axis: Any = 0, keepdims: bool = False, **others: Any) -> Any:
    name = f"np.{ufunc.__name__}.reduce"
    if others.get("initial", np._NoValue) is np._NoValue:
        others.pop("initial", None)
    _refuse_keywords(name, others)
    if (known := REDUCTIONS.get(ufunc)) is not None and x.ndim:
        return known(x, axis=axis, keepdims=keepdims)
    sample = ufunc.reduce(_sample_of(x), axis=axis, keepdims=keepdims)
    if not x.size or not x.ndim:
        return as_node(sample) if not x.size else x.astype(sample.dtype)
    x = x.astype(sample.dtype)
    for k in sorted(normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim), reverse=True):
        x = functools.reduce(ufunc, _split(x, k))
    return x.reshape(sample.shape)


@record_calls
def _accumulate(ufunc: np.ufunc, x: Node, axis: int = 0, **others: Any) -> Any:
    _refuse_keywords(f"np.{ufunc.__name__}.accumulate", others)
    if (known := ACCUMULATIONS.get(ufunc)) is not None and x.ndim:
        return known(x, axis=axis)
    sample = ufunc.accumulate(_sample_of(x), axis=axis)
    if not x.size:
        return as_node(sample)
    k = axis % x.ndim
    return np.stack(list(itertools.accumulate(_split(x.astype(sample.dtype), k), ufunc)), k)


@record_calls
def _outer(ufunc: np.ufunc, x: Any, y: Any, **others: Any) -> Any:
    _refuse_keywords(f"np.{ufunc.__name__}.outer", others)
    x, y = as_node(x), as_node(y)
    return ufunc(x.reshape(x.shape + (1,) * y.ndim), y)


UFUNC_METHODS: dict[str, Callable[..., Any]] = {"reduce": _reduce, "accumulate": _accumulate, "outer": _outer}


def _array_ufunc(self: Node, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Apply a ufunc, as NumPy asks for ``array + node`` or ``np.tanh(node)`` (NEP 13)."""
    call = MEANINGS.get(ufunc) or find_meaning(ufunc)
    if call is None or method != "__call__":
        name = find_public_name(ufunc)
        if call is None:
            raise name_function(TypeError(f"{name} is not defined on nodes: {ELSEWISE}"), ufunc)
        if (way := UFUNC_METHODS.get(method)) is None or (ufunc.nin, ufunc.nout) != (2, 1):
            hint = "build a node by `.at[...].add` and its kin" if method == "at" else ELSEWISE
            raise TypeError(f"{name}.{method} is not defined on nodes: {hint}")
        if isinstance(axis := kwargs.get("axis"), Node):
            raise unknown_setting(f"{name}.{method}: axis", axis)
        if not any(isinstance(x, Node) for x in inputs):
            raise refuse_argument(f"{name}.{method}", next(k for k, v in kwargs.items() if isinstance(v, Node)))
        return way(ufunc, *inputs, **kwargs)
    if kwargs:
        _refuse_keywords(find_public_name(ufunc), kwargs)
    try:
        if call.__class__ is Op and not call.statics:
            if len(inputs) == 1:
                return call.single(self)
            return call.build_binary(*as_nodes(inputs)) if len(inputs) == 2 else call.on_nodes(inputs, NO_STATIC)
        return call(*inputs)
    except (TypeError, AttributeError) as error:
        raise name_function(error, ufunc) from error.__cause__


def _array_function(self: Node, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """Call a function of NumPy's that was given a node, such as ``np.sum(node)`` (NEP 18)."""
    return call_meaning(func, args, kwargs)


# -- methods, named and called as NumPy's ----------------------------------------------------------


def _as_tuple(first: Any, rest: Sequence[Any]) -> Any:
    """Return the arguments of x.reshape(2, 3) or x.reshape((2, 3)) as a tuple of their own."""
    several = (first, *rest) if rest or isinstance(first, (int, np.integer)) else first
    try:
        return tuple([operator.index(n) for n in several])
    except TypeError:
        raise TypeError(f"lengths and axes are whole numbers, not {describe(several)}") from None


def _reshape(self: Node, shape: Any, *more: int, order: str = "C", copy: bool | None = None) -> Node:
    """Give the elements another shape; one length may be -1."""
    if order != "C":
        return call_meaning(np.reshape, (self, _as_tuple(shape, more)), {"order": order})
    return linear.reshape.on_nodes((self,), {"shape": _as_tuple(shape, more)})


def _transpose(self: Node, axes: Any = None, *more: int) -> Node:
    """Put the axes in another order; reversed by default."""
    if axes is None:
        return build(linear.transpose, (self,), {"axes": None}, self.shape[::-1], self.dtype)
    return call_meaning(np.transpose, (self, _as_tuple(axes, more)), {})


def _astype(self: Node, dtype: Any, *, copy: bool = True) -> Node:
    """Cast to another dtype."""
    if isinstance(dtype, Node):  # which has one, that NumPy would take
        raise unknown_setting("astype: dtype", dtype)
    return linear.astype.on_nodes((self,), {"dtype": np.dtype(dtype)})


def _ravel(self: Node, order: str = "C") -> Node:
    """Put all elements along one axis."""
    return call_meaning(np.ravel, (self,), {} if order == "C" else {"order": order})


def _flatten(self: Node, order: str = "C") -> Node:
    """Put all elements along one axis."""
    return _ravel(self, order)


def _copy(self: Node, order: str = "C") -> Node:
    """Return the node itself, as nodes do not change."""
    return self


def _compress(self: Node, condition: Any, axis: int | None = None) -> Node:
    """Return the slices along an axis where the condition holds."""
    return call_meaning(np.compress, (condition, self), {"axis": axis})


def _forward_to(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: Node, *args: Any, **kwargs: Any) -> Any:
        return call_meaning(function, (self, *args), kwargs)

    method.__doc__ = f"Call `numpy.{name}`."
    return method


FORWARDED = (
    *("all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "conj", "conjugate", "cumprod"),
    *("cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "repeat", "round", "searchsorted"),
    *("squeeze", "std", "sum", "swapaxes", "take", "trace", "var"),
)

METHODS: dict[str, Callable[..., Any]] = {
    **{name: _forward_to(name) for name in FORWARDED},
    "astype": _astype,
    "compress": _compress,
    "copy": _copy,
    "flatten": _flatten,
    "ravel": _ravel,
    "reshape": _reshape,
    "transpose": _transpose,
}

# -- what stays NumPy's ----------------------------------------------------------------------------

_CHANGES = "nodes do not change: "
_CUTS_OFF = "it would cut the node off from its graph"
_BYTES = f"{_CUTS_OFF}, as bytes have no derivative"
_LIBRARIES = f"{_CUTS_OFF}: `lazygrad.plugins` hands functions to PyTorch, JAX and others with their derivatives"
REFUSED_METHODS = {
    "__dlpack__": _LIBRARIES,
    "__dlpack_device__": _LIBRARIES,
    "byteswap": _BYTES,
    "dump": f"{_BYTES}: pickle the node, which keeps the graph",
    "dumps": f"{_BYTES}: pickle the node, which keeps the graph",
    "fill": _CHANGES + "use `np.full_like(x, value)`",
    "getfield": _BYTES,
    "itemset": _CHANGES + "build a new one, as by `x = x.at[i].set(y)`, or `set` a leaf",
    "partition": _CHANGES + "use `np.partition(x, kth)`",
    "put": _CHANGES + "build a new one with `x.at[i].set(y)` or `np.where`, or `set` a leaf",
    "resize": _CHANGES + "use `np.resize(x, shape)` or `x.reshape(shape)`",
    "setfield": _CHANGES + "build a new one, or `set` a leaf",
    "setflags": _CHANGES + "a node has no flags",
    "sort": _CHANGES + "use `np.sort(x)`",
    "tobytes": _BYTES,
    "tofile": _BYTES,
    "tolist": f"{_CUTS_OFF}: use `list(x)` for a list of nodes",
    "view": f"{_CUTS_OFF}: use `.astype(...)`, or `.real` and `.imag` of complex numbers",
}


def _make_refusal(name: str, hint: str) -> Callable[..., NoReturn]:
    def refuse(self: Node, *args: Any, **kwargs: Any) -> NoReturn:
        look = suggest_looking(self) if hint.startswith(_CUTS_OFF) else ""
        raise TypeError(f"`.{name}` is not defined on {self!r}: {hint}{look}")

    refuse.__doc__ = f"Refused: {hint}."
    return refuse


PROPERTIES: dict[str, Callable[[Node], Any]] = {
    "T": _transpose,
    "mT": lambda self: call_meaning(np.matrix_transpose, (self,), {}),
    "flat": _ravel,
    "imag": lambda self: call_meaning(np.imag, (self,), {}),
    "itemsize": lambda self: self.dtype.itemsize,
    "nbytes": lambda self: self.size * self.dtype.itemsize,
    "real": lambda self: linear.real.single(self),
}


class _NoMemory(AttributeError, TypeError):
    """A node has no such attribute, and what asks for it takes no nodes."""


def _refuse_memory(name: str) -> Callable[[Node], NoReturn]:
    def refuse(self: Node) -> NoReturn:
        caller = find_caller()
        where = "" if caller is None else f"{caller}: "
        ours = None if caller is None else find_replacement(caller)
        hint = suggest_looking(self) if ours is None else f": call `{ours}`"
        raise _NoMemory(f"{where}{self!r} has no memory of its own, and so no `.{name}`{hint}")

    return refuse


MEMORY = ("base", "ctypes", "data", "flags", "strides")

_REFUSALS = {name: _make_refusal(name, hint) for name, hint in REFUSED_METHODS.items()}
for _name, _member in (METHODS | _REFUSALS).items():
    _member.__name__ = _name
install(METHODS | _REFUSALS)
install({name: property(look_up) for name, look_up in PROPERTIES.items()})
install({name: property(_refuse_memory(name)) for name in MEMORY})
install({"__array_ufunc__": _array_ufunc, "__array_function__": _array_function})
