"""How NumPy calls ops on nodes: its protocols (NEP 13, NEP 18), and the methods of its arrays."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._declare import MEANINGS
from ._node import Node, install
from ._op import Op
from .ops import linear

__all__ = ["METHODS"]

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
    return np.transpose(self, None if axes is None else _several(axes, more))  # type: ignore[call-overload]


def _astype(self: Node, dtype: Any) -> Node:
    """The node in another dtype."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc" or (self.dtype.kind == "c" and dtype.kind != "c"):
        hint = "take its `.real` first" if dtype.kind in "biuf" else "only bool, int, float and complex are supported"
        raise TypeError(f"{self!r} cannot become {dtype}: {hint}")
    return linear.astype.on_nodes((self,), {"dtype": dtype})


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: Node, *args: Any, **kwargs: Any) -> Any:
        return _called(function, (self, *args), kwargs)

    method.__name__, method.__doc__ = name, f"As `numpy.{name}`."
    return method


METHODS: dict[str, Callable[..., Any]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "astype": _astype,
    **{
        name: _method(name)
        for name in (
            *(
                "all",
                "any",
                "argmax",
                "argmin",
                "argsort",
                "choose",
                "clip",
                "compress",
                "conj",
                "conjugate",
                "cumprod",
            ),
            *("cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "round"),
            *("searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace", "var"),
        )
        if getattr(np, name) in MEANINGS
    },
}


# -- NumPy's own protocols -------------------------------------------------------------------------


def _called(func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """What a NumPy function is on nodes, called with its arguments."""
    call = MEANINGS.get(func)
    name = getattr(func, "__name__", str(func))
    if call is None:
        raise TypeError(f"np.{name} is not defined on nodes; for the array behind a node use `.value`")
    if kwargs.get("out") is not None:
        raise TypeError(f"np.{name} cannot write into an array from a node: assign the result instead")
    try:
        return call(*args, **kwargs)
    except TypeError as error:
        if not isinstance(call, Op):
            try:
                inspect.signature(call).bind(*args, **kwargs)
            except TypeError as misfit:
                raise TypeError(f"np.{name} on nodes takes {inspect.signature(call)}: {misfit}") from error
        raise


def _array_ufunc(self: Node, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NEP 13: NumPy asks here what ``array + node`` or ``np.tanh(node)`` is."""
    if kwargs.get("out") is not None:
        raise TypeError(f"np.{ufunc.__name__} cannot write into an array from a node: assign the result instead")
    call = MEANINGS.get(ufunc)
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
    return _called(func, args, kwargs)


for _name, _member in METHODS.items():
    _member.__name__ = _name
install(METHODS)
install({"T": property(_transpose)})
install({"__array_ufunc__": _array_ufunc, "__array_function__": _array_function})
