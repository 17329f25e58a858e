"""The leaves of the graph: private copies of the caller's arrays."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from .node import INEXACT, Node
from .settings import describe
from .types import Array, ArrayLike, DType, Statics

__all__ = ["constant", "count_reforms", "note_reform", "parameter"]

PARAMETER: Mapping[str, Any] = MappingProxyType({"leaf": "parameter"})
CONSTANT: Mapping[str, Any] = MappingProxyType({"leaf": "constant"})


class _Reforms:
    """A count of how often some leaf has changed in shape, dtype or kind, which schedules take as fixed."""

    count = 0


def count_reforms() -> int:
    """Return how often some leaf has changed in more than its value."""
    return _Reforms.count


def note_reform() -> None:
    """Count one more leaf that takes another shape or dtype."""
    _Reforms.count += 1


def as_leaf_array(value: object, kind: str, like: DType | None = None) -> Array:
    """Return `value` as an array that a leaf of that kind can hold; not yet a copy.

    Python numbers and lists have no dtype of their own, so they take `like` where that loses
    nothing (an int list set on a float leaf).
    """
    if value.__class__ is np.ndarray and value.dtype.kind == "f" and value.dtype.isnative:
        return value  # as most are
    if isinstance(value, Node):
        raise TypeError(
            f"a {kind} holds an array, not the node {value!r}: compute with that node itself, which keeps the graph, "
            f"or, outside of the differentiated function, pass `node.value`"
        )
    refuse_masked(value, f"a {kind}")
    untyped = not hasattr(value, "dtype") and not hasattr(value, "__array__")
    array = np.asarray(value)
    found = f"object, as which NumPy reads {describe(value)}" if array.dtype.kind == "O" else str(array.dtype)
    if untyped and like is not None and np.can_cast(array.dtype, like, "same_kind"):
        array = array.astype(like)
    if kind == "parameter" and array.dtype.kind not in INEXACT:
        raise TypeError(
            f"a parameter must be floating point to have a gradient, not {found}: "
            f"cast it with `.astype(float)`, or use `constant` if no gradient is asked"
        )
    if array.dtype.kind not in "biufc":
        raise TypeError(f"a {kind} cannot hold dtype {found}: only bool, int, float and complex are supported")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def refuse_masked(value: object, what: str) -> None:
    """Raise a TypeError for a masked array, whose mask a node would lose, and for a matrix, whose products differ."""
    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", ())  # NumPy loads it late, maybe in a thread just now
    if isinstance(value, masked):
        raise TypeError(f"{what} cannot hold a masked array: pass `.filled(...)` or use `where`")
    if isinstance(value, np.matrix):
        raise TypeError(f"{what} cannot hold a np.matrix, whose `*` means another product: pass `np.asarray(...)`")


def copy_frozen(array: Array) -> Array:
    """Return a private, C-ordered, read-only copy; for 0-d the immutable NumPy scalar."""
    if array.ndim == 0:
        return array[()]
    array = array.copy() if array.__class__ is np.ndarray else np.array(array, order="C", copy=True, subok=False)
    array.flags.writeable = False
    return array


def make_leaf(value: Array, static: Statics, name: str | None = None) -> Node:
    """Make a leaf of a private, read-only array or NumPy scalar."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"the name of a leaf must be a string, not {name!r}")
    return Node(None, (), static, value.shape, value.dtype, name, value=value)


def parameter(value: ArrayLike, name: str | None = None) -> Node:
    """Make a leaf that gradients are asked for; it holds a floating point array, real or complex.

    Parameters
    ----------
    value
        Anything `numpy.array` makes a float array of; copied, so later changes to it do not matter.
    name
        A name for reports and for queries by name.

    Returns
    -------
    Node of the shape and dtype of the array.

    Raises
    ------
    TypeError
        If the array is not floating point, or the name no string.

    See Also
    --------
    constant : a leaf of any numeric dtype, such as data or labels.

    Notes
    -----
    An input node of a computation graph, V_I (Stratos 1), a leaf variable (Collins 1.2.2).

    Examples
    --------
    >>> W = parameter([[1.0, 2.0], [3.0, 4.0]], name="W")
    >>> W
    <parameter 'W' #..., shape (2, 2), float64>
    >>> parameter([1, 2])
    Traceback (most recent call last):
        ...
    TypeError: a parameter must be floating point to have a gradient, not int64: cast it with \
`.astype(float)`, or use `constant` if no gradient is asked
    """
    return make_leaf(copy_frozen(as_leaf_array(value, "parameter")), PARAMETER, name)


def constant(value: ArrayLike, name: str | None = None) -> Node:
    """Make a leaf for data: inputs, labels, indices.

    Parameters
    ----------
    value
        Anything `numpy.array` makes a bool, int, float or complex array of; copied.
    name
        A name for reports and for queries by name.

    Returns
    -------
    Node of the shape and dtype of the array.

    Raises
    ------
    TypeError
        If the array is no bool, int, float or complex, or the name no string.

    Notes
    -----
    A constant can be `set` like a parameter, and a float constant can be asked for its gradient.
    Arrays and numbers in an expression become constants by themselves.

    Examples
    --------
    >>> constant([2, 0, 1], name="labels")
    <constant 'labels' #..., shape (3,), int64>
    """
    return make_leaf(copy_frozen(as_leaf_array(value, "constant")), CONSTANT, name)
