"""Linear ops, closed under transposition: the rule of each is another of them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._declare import elementwise, linear, op, result_dtype
from .._node import Node
from .._op import Op, Signature, as_node
from .._rule import pass_on

__all__ = [
    "add",
    "astype",
    "broadcast_to",
    "concatenate",
    "getitem",
    "identity",
    "negative",
    "real",
    "reshape",
    "scatter_add",
    "spread",
    "subtract",
    "sum",
    "sum_to",
    "transpose",
    "unbroadcast",
]

# -- element by element ----------------------------------------------------------------------------


add = elementwise(
    "add",
    operator.add,
    inputs="x y",
    vjp={"x": pass_on, "y": pass_on},
    jvp={"x": pass_on, "y": pass_on},
    numpy=(np.add,),
    doc="x + y (Stratos H: add; J = I).",
)

subtract = elementwise(
    "subtract",
    operator.sub,
    inputs="x y",
    vjp={"x": pass_on, "y": lambda g: -g},
    jvp={"x": pass_on, "y": lambda t: -t},
    numpy=(np.subtract,),
    doc="x - y.",
)

negative = elementwise(
    "negative", operator.neg, vjp={"x": lambda g: -g}, jvp={"x": lambda t: -t}, numpy=(np.negative,), doc="-x."
)

identity = linear("identity", pass_on, shape=lambda x: (x.shape, x.dtype), transpose=pass_on, doc="x itself.")

astype = linear(
    "astype",
    lambda x, dtype: x.astype(dtype),
    shape=lambda x, dtype: (x.shape, np.dtype(dtype)),
    transpose=pass_on,  # the engine brings every contribution to its input's dtype
    statics={"dtype": float},
    doc="x in another dtype.",
)

real = linear(
    "real",
    lambda x: x.real,
    shape=lambda x: (x.shape, result_dtype(np.real, x.dtype)),
    transpose=pass_on,
    numpy=(np.real,),
    doc="The real part.",
)

# -- shape -----------------------------------------------------------------------------------------


def _shape_of(function: Any) -> Any:
    """Infer by asking NumPy for the shape on uninitialised booleans: no arithmetic, no copy."""

    def infer(x: Node, **static: Any) -> Signature:
        return function(np.empty(x.shape, bool), **static).shape, x.dtype

    return infer


def _transposed(g: Any, axes: Sequence[int] | None) -> Any:
    if axes is None:
        return g.transpose()
    inverse = [0] * len(axes)
    for k, axis in enumerate(axes):
        inverse[axis] = k
    return g.transpose(inverse)


def _broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(x, shape)


reshape = linear(
    "reshape",
    lambda x, shape: x.reshape(shape),
    shape=_shape_of(lambda x, shape: x.reshape(shape)),
    transpose=lambda g, x_shape: g.reshape(x_shape),
    statics={"shape": -1},
    numpy=(np.reshape,),
    doc="The same elements in another shape; one length may be -1.",
)

transpose = linear(
    "transpose",
    lambda x, axes: x.transpose(axes),
    shape=_shape_of(lambda x, axes: x.transpose(axes)),
    transpose=_transposed,
    statics={"axes": None},
    doc="The axes in another order; reversed without `axes`.",
)

broadcast_to = linear(
    "broadcast_to",
    _broadcast,
    shape=_shape_of(_broadcast),
    transpose=pass_on,  # the engine sums every contribution to its input's shape
    statics={"shape": ()},
    numpy=(np.broadcast_to,),
    doc="x repeated along new and unit axes.",
)


def unbroadcast(x: Any, shape: tuple[int, ...]) -> Any:
    """Sum an array to `shape`, over the axes along which broadcasting repeated it."""
    extra = len(x.shape) - len(shape)
    axes = [k for k, n in enumerate(x.shape) if k < extra or (n != 1 and shape[k - extra] == 1)]
    return np.add.reduce(x, axis=tuple(axes), keepdims=True).reshape(shape)


sum_to = linear(
    "sum_to",
    unbroadcast,
    shape=lambda x, shape: (shape, x.dtype),
    transpose=lambda g, x_shape: np.broadcast_to(g, x_shape),
    statics={"shape": ()},
    doc="x summed to a shape that broadcasts to its own: the transpose of broadcast_to.",
)

# -- sums ------------------------------------------------------------------------------------------


def spread(g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """Repeat a reduction's result along the axes that were reduced: the transpose of a sum."""
    if shape and axis is not None and not keepdims:  # NumPy lets a 0-d array be reduced along axis 0
        axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
        g = g.reshape(tuple([1 if k in axes else n for k, n in enumerate(shape)]))
    return np.broadcast_to(g, shape)


def _sum(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.add.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


def reduced(function: Any) -> Any:
    """Infer the result of a reduction: the shape from a boolean `any`, the dtype from NumPy."""

    def infer(x: Node, axis: Any, keepdims: bool) -> Signature:
        shape = np.empty(x.shape, bool).any(axis=axis, keepdims=keepdims).shape if axis is not None or keepdims else ()
        return shape, result_dtype(function, x.dtype)

    return infer


sum = linear(
    "sum",
    _sum,
    shape=reduced(np.sum),
    transpose=lambda g, x_shape, axis, keepdims: spread(g, x_shape, axis, keepdims),
    statics={"axis": None, "keepdims": False},
    numpy=(np.sum,),
    doc="The sum over `axis` (all axes by default).",
)

# -- indexing --------------------------------------------------------------------------------------


class _Slot:
    """Stands in a key for an index array, which is an input of the node."""

    def __repr__(self) -> str:
        return "<array>"

    def __reduce__(self) -> str:
        return "SLOT"


SLOT = _Slot()


def _filled(key: tuple[Any, ...], indices: Sequence[Any]) -> tuple[Any, ...]:
    if not indices:
        return key
    arrays = iter(indices)
    return tuple([next(arrays) if item is SLOT else item for item in key])


def _getitem(x: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    return x[_filled(key, indices)]


def _getitem_shape(x: Node, *indices: Node, key: tuple[Any, ...]) -> Signature:
    # Index values are checked by NumPy when they are known; here only their shapes matter, so they are all 0.
    if not indices:
        return np.empty(x.shape, bool)[key].shape, x.dtype
    dummies = [np.zeros(j.shape, np.intp) for j in indices]
    return np.empty(x.shape, bool)[_filled(key, dummies)].shape, x.dtype


def _scatter_add(g: Any, *indices: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    out = np.zeros(shape, g.dtype)
    if indices:
        np.add.at(out, _filled(key, indices), g)
    else:
        out[key] = g
    return out


getitem = linear(
    "getitem",
    _getitem,
    shape=_getitem_shape,
    transpose=lambda g, *indices, x_shape, key: scatter_add(g, *indices, shape=x_shape, key=key),
    inputs="x *indices",
    statics={"key": ()},
    doc="x[key], basic or with integer arrays, which are blocked inputs (Collins 1.4.4).",
)

scatter_add: Op = linear(
    "scatter_add",
    _scatter_add,
    shape=lambda g, *indices, shape, key: (shape, g.dtype),
    transpose=lambda g, *indices, key: getitem(g, *indices, key=key),
    inputs="x *indices",
    statics={"shape": (), "key": ()},
    doc="Zeros with x added at key, repeated places summed: the transpose of getitem.",
)


def index(x: Node, key: Any) -> Node:
    """The node ``x[key]``: slices and integers are static, arrays and nodes become blocked inputs."""
    items: list[Any] = []
    arrays: list[Any] = []
    masked = False
    key = key if isinstance(key, tuple) else (key,)
    for item in key:
        if isinstance(item, Node):
            if item.dtype.kind not in "iu":
                raise TypeError(
                    f"an index node must have an integer dtype, not {item.dtype} ({item!r}): the shape "
                    f"of the result must not depend on values; use `np.where` or `.value` for masks"
                )
            items.append(SLOT)
            arrays.append(item)
        elif isinstance(item, (list, tuple, np.ndarray)) and np.shape(item):
            array = np.asarray(item)
            if array.size == 0 and array.dtype.kind == "f":
                array = array.astype(np.intp)  # x[[]], as NumPy reads it
            masked |= array.dtype.kind == "b"
            found = array.nonzero() if array.dtype.kind == "b" else (array,)
            if array.dtype.kind not in "biu":
                raise IndexError(f"arrays used as indices must be integers or booleans, not {array.dtype}")
            items.extend([SLOT] * len(found))
            arrays.extend(found)
        elif isinstance(item, (bool, np.bool_)) or getattr(item, "dtype", None) == np.dtype(bool):
            raise IndexError("a single boolean is not supported as an index of a node: use `None` for a new axis")
        elif item is None or item is Ellipsis or isinstance(item, slice):
            items.append(item)
        else:
            items.append(operator.index(item))  # a TypeError as NumPy users know it
    if masked:  # NumPy's own error for a mask of another shape, which its positions do not show
        trial = tuple([np.zeros(i.shape, np.intp) if isinstance(i, Node) else i for i in key])
        np.broadcast_to(False, x.shape)[trial]
    if not arrays:
        return getitem.on_nodes((x,), {"key": tuple(items)})
    return getitem.on_nodes((x, *[as_node(a) for a in arrays]), {"key": tuple(items)})


# -- joining ---------------------------------------------------------------------------------------


def _concatenate_shape(*xs: Node, axis: int | None) -> Signature:
    shape = np.concatenate([np.empty(x.shape, bool) for x in xs], axis=axis).shape
    return shape, np.result_type(*[x.dtype for x in xs])


def _own_part(g: Any, shapes: Sequence[tuple[int, ...]], argnum: int, axis: int | None) -> Any:
    """The slice of g that one input was put into."""
    if axis is None:
        start = int(np.sum([np.prod(s, dtype=int) for s in shapes[:argnum]], dtype=int))
        return g[start : start + int(np.prod(shapes[argnum]))].reshape(shapes[argnum])
    axis %= len(shapes[argnum])
    start = int(np.sum([s[axis] for s in shapes[:argnum]], dtype=int))
    return g[(slice(None),) * axis + (slice(start, start + shapes[argnum][axis]),)]


def _among_zeros(t: Any, shapes: Sequence[tuple[int, ...]], argnum: int, axis: int | None) -> Any:
    return concatenate(*[t if k == argnum else np.zeros(s, t.dtype) for k, s in enumerate(shapes)], axis=axis)


concatenate = op(
    "concatenate",
    lambda *xs, axis: np.concatenate(xs, axis=axis),
    shape=_concatenate_shape,
    vjp={"xs": _own_part},
    jvp={"xs": _among_zeros},
    inputs="*xs",
    statics={"axis": 0},
    doc="The inputs joined along an axis (Stratos H: concat; the Jacobian is a block of identity among zeros).",
)
