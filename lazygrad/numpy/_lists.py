"""Lists of nodes where NumPy takes lists of numbers, as in ``np.sum([x, y])``: NumPy does not look for nodes in lists.

A function is called as it is, and again on joined lists only where it refuses them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy

from .._graph.types import Function
from ..ops._calls import record_calls
from ._creation import arange, array, asarray, has_node

__all__ = ["KINDS", "Rearranged", "TakingLists", "c_", "join_list", "r_", "take_lists", "wrap_functions"]

KINDS = (numpy.ufunc, type(numpy.sum))  # of the functions that take lists of nodes here: those that ask nodes


def join_list(x: Any) -> Any:
    """Return the node that a list or tuple with nodes in it is joined to; anything else as it is."""
    return asarray(x) if isinstance(x, (list, tuple)) and has_node(x) else x


def _join_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    """Return the arguments with their lists joined, or None if there is nothing to join, or no way to."""
    if not has_node([*filter(_is_list, args), *filter(_is_list, kwargs.values())]):
        return None
    try:
        return [_join_whole(x) for x in args], {name: _join_whole(x) for name, x in kwargs.items()}
    except (TypeError, ValueError):
        return None


def _join_whole(x: Any) -> Any:
    """Return the node that a list is joined to; its parts joined where they differ in shape, as for `concatenate`."""
    try:
        return join_list(x)
    except ValueError:
        return [join_list(part) for part in x]


def _is_list(x: object) -> bool:
    return isinstance(x, (list, tuple))


def wrap_functions(namespace: dict[str, object], module: str) -> None:
    """Let the functions of NumPy's in a module's namespace take lists of nodes."""
    namespace.update({name: take_lists(f, module, name) for name, f in namespace.items() if isinstance(f, KINDS)})


class TakingLists:
    """A function or ufunc of NumPy's that takes lists of nodes as well; it equals that one, and has its attributes.

    Examples
    --------
    >>> import lazygrad as lg
    >>> import lazygrad.numpy as np
    >>> x = lg.parameter(2.0)
    >>> np.mean([x, x * x]).item(), np.maximum([x, 5.0], 3.0).value
    (3.0, array([3., 5.]))
    >>> np.maximum == numpy.maximum, isinstance(np.maximum, numpy.ufunc)
    (True, True)
    """

    def __init__(self, function: Any, module: str, name: str) -> None:
        self.__wrapped__ = function
        self.__home = module, name
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.__module__ = getattr(function, "__module__", None) or "numpy"
        self.__qualname__ = self.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.__wrapped__(*args, **kwargs)
        except TypeError:
            if (joined := _join_arguments(args, kwargs)) is None:
                raise
        return self.__wrapped__(*joined[0], **joined[1])

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__wrapped__, name)
        return functools.partial(_call_method, found) if name in ("accumulate", "outer", "reduce") else found

    def __eq__(self, other: object) -> bool:
        return self.__wrapped__ is getattr(other, "__wrapped__", other)

    def __hash__(self) -> int:
        return hash(self.__wrapped__)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce__(self) -> Any:
        return _find_function, self.__home

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Return the class of NumPy's function, so that `isinstance(np.add, numpy.ufunc)` holds here, too."""
        return type(self.__wrapped__)


def _call_method(method: Function, *args: Any, **kwargs: Any) -> Any:
    """Call a method of a ufunc, on joined lists."""
    args, kwargs = _join_arguments(args, kwargs) or (args, kwargs)  # type: ignore[assignment]
    return method(*args, **kwargs)


class _JoiningFirst(TakingLists):
    """A function that catches errors of its own, and would say that lists of nodes are not equal."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = _join_arguments(args, kwargs) or (args, kwargs)  # type: ignore[assignment]
        return self.__wrapped__(*args, **kwargs)


def take_lists(function: Function, module: str, name: str) -> TakingLists:
    """Return a function of NumPy's as the one of that name in a module of ours, which takes lists of nodes as well."""
    catching = function in (numpy.array_equal, numpy.array_equiv)
    return (_JoiningFirst if catching else TakingLists)(function, module, name)


def _find_function(module: str, name: str) -> Function:
    """Return a function by its place, for pickles."""
    found: Function = getattr(import_module(module), name)
    return found


class Rearranged:
    """The objects `numpy.r_` and `numpy.c_`, for nodes as well.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([1.0, 2.0])
    >>> r_[x, 0.0:2.0, 5.0].value
    array([1., 2., 0., 1., 5.])
    >>> c_[x, x * x].value
    array([[1., 1.],
           [2., 4.]])
    """

    def __init__(self, maker: Any, axis: int, ndmin: int, place: int) -> None:
        self._maker, self._defaults = maker, (axis, ndmin, place)

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        if not has_node([[x.start, x.stop, x.step] if isinstance(x, slice) else x for x in items]):
            return self._maker[key]
        axis, ndmin, place = self._defaults
        if isinstance(items[0], str):
            (axis, ndmin, place), items = self._read_directive(items[0]), items[1:]
        return _rearrange(items, axis, ndmin, place)

    def _read_directive(self, text: str) -> tuple[int, int, int]:
        """Return the axis, the least number of axes and the place of new axes, as a text like ``"0,2"`` gives them."""
        try:
            axis, ndmin, place = [*map(int, text.split(",")), *self._defaults[text.count(",") + 1 :]]
        except ValueError:
            raise ValueError(f"{text!r} is no directive for nodes, which are no matrices: give axes") from None
        return axis, ndmin, place

    def __len__(self) -> int:
        return 0


def _count_along(item: slice) -> Any:
    """Return the numbers that a slice in the place of an entry stands for."""
    start, stop, step = item.start, item.stop, item.step
    if not has_node([start, stop, step]):
        return numpy.r_[item]
    start = 0 if start is None else start
    if isinstance(step, complex):
        return numpy.linspace(start, stop, int(abs(step)))
    return arange(start, stop, 1 if step is None else step)


@record_calls
def _rearrange(items: Sequence[Any], axis: int, ndmin: int, place: int) -> Any:
    """Return the items joined, slices counted and numbers in the dtype of the others."""
    dtypes = [asarray(x).dtype for x in items if not isinstance(x, (slice, int, float, complex, str))]
    parts = []
    for item in items:
        if isinstance(item, str):
            raise ValueError("special directives must be the first entry")
        if isinstance(item, slice):
            item = _count_along(item)
        elif isinstance(item, (int, float, complex)):
            item = numpy.asarray(item, numpy.result_type(*dtypes, item))
        parts.append(_raise_to(asarray(item), ndmin, place))
    return numpy.concatenate(parts, axis)


def _raise_to(x: Any, ndmin: int, place: int) -> Any:
    """Return an array or node with at least `ndmin` axes: new ones come first, or where `place` puts the old ones."""
    missing = ndmin - x.ndim
    if missing <= 0 or place == -1:
        return array(x, ndmin=ndmin)
    first = place + missing + 1 if place < 0 else place
    axes = list(range(ndmin))
    return array(x, ndmin=ndmin).transpose([*axes[:first], *axes[missing:], *axes[first:missing]])


r_ = Rearranged(numpy.r_, 0, 1, -1)
c_ = Rearranged(numpy.c_, -1, 2, 0)
