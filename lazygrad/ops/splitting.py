"""Arrays cut into parts, and functions applied to their parts."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Function, Lengths
from .._graph.types import both as np
from . import shape
from ._declare import function
from .joining import stack_arrays
from .linear import along

__all__ = ["array_split", "split", "trim_zeros", "unstack"]


@function(np.array_split)
def array_split(ary: NodeOrArray, indices_or_sections: Operand, axis: int = 0) -> list[Node]:
    """Return the parts between these places along an axis, or so many parts of nearly the same length."""
    axis = normalize_axis_index(axis, ary.ndim)
    n = ary.shape[axis]
    given = shape.evaluate_argument(indices_or_sections, "where np.array_split cuts")
    if np.ndim(given):
        cuts = [0, *[operator.index(k) for k in given], n]
    else:
        count = int(given)
        if count < 1:
            raise ValueError("the number of parts must be larger than 0")
        each, more = divmod(n, count)
        cuts = [k * each + min(k, more) for k in range(count + 1)]
    return [ary[along(axis, slice(start, stop))] for start, stop in itertools.pairwise(cuts)]


@function(np.split)
def split(ary: NodeOrArray, indices_or_sections: Operand, axis: int = 0) -> list[Node]:
    """Return the parts between these places along an axis, or so many parts of the same length."""
    given = shape.evaluate_argument(indices_or_sections, "where np.split cuts")
    if not np.ndim(given) and ary.shape[normalize_axis_index(axis, ary.ndim)] % given:
        raise ValueError(f"axis {axis} of {ary!r} cannot be split into {given} parts of the same length")
    return array_split(ary, given, axis)


@function(np.hsplit)
def hsplit(ary: NodeOrArray, indices_or_sections: NodeOrArray) -> list[Node]:
    """Return the parts along the second axis, or the only one."""
    return split(_at_least(ary, 1, "hsplit"), indices_or_sections, 1 if ary.ndim > 1 else 0)


@function(np.vsplit)
def vsplit(ary: Operand, indices_or_sections: Operand) -> list[Node]:
    """Return the parts along the first axis of two or more."""
    return split(_at_least(ary, 2, "vsplit"), indices_or_sections, 0)


@function(np.dsplit)
def dsplit(ary: Operand, indices_or_sections: Operand) -> list[Node]:
    """Return the parts along the third axis."""
    return split(_at_least(ary, 3, "dsplit"), indices_or_sections, 2)


def _at_least(x: Any, ndim: int, name: str) -> Any:
    if x.ndim < ndim:
        raise ValueError(f"np.{name} takes at least {ndim} axes, not the {x.ndim} of {x!r}")
    return x


@function(np.unstack)
def unstack(x: NodeOrArray, /, *, axis: int = 0) -> tuple[Node, ...]:
    """Return the parts at each place of an axis, without it."""
    axis = normalize_axis_index(axis, _at_least(x, 1, "unstack").ndim)
    return tuple([x[along(axis, k)] for k in range(x.shape[axis])])


@function(np.trim_zeros)
def trim_zeros(filt: NodeOrArray, trim: str = "fb", axis: Lengths | None = None) -> NodeOrArray:
    """Return the array without the zeros at its front and back."""
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"trim must be made of 'f' and 'b', not {trim!r}")
    axes = normalize_axis_tuple(range(filt.ndim) if axis is None else axis, filt.ndim)
    places = np.argwhere(shape.evaluate_argument(filt, "what np.trim_zeros trims"))
    key = [slice(None)] * filt.ndim
    for k in axes:
        if not len(places):
            key[k] = slice(0, 0)
        else:
            first, last = places[:, k].min(), places[:, k].max()
            key[k] = slice(first if "f" in trim else None, last + 1 if "b" in trim else None)
    return filt[tuple(key)]


@function(np.apply_along_axis)
def apply_along_axis(func1d: Function, axis: int, arr: NodeOrArray, *args: object, **kwargs: object) -> Node:
    """Apply a function of 1-d arrays along an axis everywhere; what it returns takes the axis' place."""
    axis = normalize_axis_index(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    outer = rows.shape[:-1]
    if 0 in outer:
        raise ValueError("np.apply_along_axis needs at least one 1-d array")
    found = [func1d(rows[place], *args, **kwargs) for place in np.ndindex(outer)]
    whole = stack_arrays(found).reshape((*outer, *np.shape(found[0])))
    ndim = len(outer)
    return np.moveaxis(whole, range(ndim, whole.ndim), range(axis, axis + whole.ndim - ndim))


@function(np.apply_over_axes)
def apply_over_axes(func: Callable[[Any, int], Any], a: NodeOrArray, axes: Lengths) -> NodeOrArray:
    """Apply a function of an array and an axis over several axes in turn, each kept with length 1."""
    for axis in normalize_axis_tuple(axes, a.ndim, allow_duplicate=True):
        found = func(a, axis)
        if found.ndim == a.ndim - 1:
            found = shape.expand_dims(found, axis=axis)
        if found.ndim != a.ndim:
            raise ValueError("the function must return an array with as many axes, or one less")
        a = found
    return a
