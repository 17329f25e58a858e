"""Linear ops, closed under transposition: the rule of each is another of them."""

from __future__ import annotations

import builtins
import math
import operator
import weakref
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .._graph.node import Node, NodeOrArray
from .._graph.types import Array, Axis, DType
from .._graph.types import both as np
from ._declare import elementwise, linear, op, result_dtype
from ._op import Signature
from ._rule import Rule, pass_on
from ._settings import check_axis, check_keepdims
from .indexing import scatter_add

__all__ = [
    "SMALL",
    "WHOLE",
    "add",
    "along",
    "astype",
    "broadcast_to",
    "common_dtype",
    "concatenate",
    "copy_repeated",
    "expand",
    "identity",
    "negative",
    "real",
    "reshape",
    "spread",
    "subtract",
    "sum",
    "sum_to",
    "transpose",
    "unbroadcast",
]

SMALL = 4096  # elements, up to which a repeated array is copied

# -- element by element ----------------------------------------------------------------------------


add = elementwise(
    "add",
    operator.add,
    inputs="x y",
    vjp={"x": pass_on, "y": pass_on},
    jvp={"x": pass_on, "y": pass_on},
    numpy=(np.add,),
    doc="Return x + y (Stratos H: add; J = I).\n\n>>> add(np.array([1.0, 2.0]), 3.0)\narray([4., 5.])",
)

subtract = elementwise(
    "subtract",
    operator.sub,
    inputs="x y",
    vjp={"x": pass_on, "y": lambda g: -g},
    jvp={"x": pass_on, "y": lambda t: -t},
    numpy=(np.subtract,),
    doc="Return x - y.\n\n>>> subtract(np.array([1.0, 2.0]), 3.0)\narray([-2., -1.])",
)

negative = elementwise(
    "negative",
    operator.neg,
    vjp={"x": lambda g: -g},
    jvp={"x": lambda t: -t},
    numpy=(np.negative,),
    doc="Return -x.\n\n>>> negative(np.array([1.0, -2.0]))\narray([-1.,  2.])",
)

identity = linear("identity", pass_on, shape=lambda x: (x.shape, x.dtype), transpose=pass_on, doc="Return x itself.")


def _infer_cast(x: Node, dtype: Any) -> Signature:
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc" or (x.dtype.kind == "c" and dtype.kind != "c"):
        hint = "take its `.real` first" if dtype.kind in "biuf" else "only bool, int, float and complex are supported"
        raise TypeError(f"{x!r} cannot become {dtype}: {hint}")
    return x.shape, dtype


astype = linear(
    "astype",
    lambda x, dtype: x.astype(dtype),
    shape=_infer_cast,
    transpose=pass_on,  # the engine brings every contribution to its input's dtype
    statics={"dtype": float},
    doc="Return x in another dtype.\n\n"
    ">>> astype(np.array([1.0, 2.0]), dtype=np.float32)\narray([1., 2.], dtype=float32)",
)

real = linear(
    "real",
    lambda x: x.real,
    shape=lambda x: (x.shape, result_dtype(np.real, x.dtype)),
    transpose=pass_on,
    numpy=(np.real,),
    doc="Return the real part.",
)

# -- shape -----------------------------------------------------------------------------------------


def _infer_shape(function: Any) -> Any:
    """Return an inference that asks NumPy for the shape of uninitialised booleans: no arithmetic, no copy."""

    def infer(x: Node, **static: Any) -> Signature:
        return function(np.empty(x.shape, bool), **static).shape, x.dtype

    return infer


def _transpose_back(g: Any, axes: Sequence[int] | None) -> Any:
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
    shape=_infer_shape(lambda x, shape: x.reshape(shape)),
    transpose=lambda g, x_shape: g.reshape(x_shape),
    statics={"shape": -1},
    doc="Return the same elements in another shape; one length may be -1.\n\n"
    ">>> reshape(np.array([1.0, 2.0, 3.0, 4.0]), shape=(2, -1))\narray([[1., 2.],\n       [3., 4.]])",
)

transpose = linear(
    "transpose",
    lambda x, axes: x.transpose(axes),
    shape=_infer_shape(lambda x, axes: x.transpose(axes)),
    transpose=_transpose_back,
    statics={"axes": None},
    doc="Return the axes in another order; reversed without `axes`.\n\n"
    ">>> transpose(np.array([[1.0, 2.0]]))\narray([[1.],\n       [2.]])",
)

broadcast_to = linear(
    "broadcast_to",
    _broadcast,
    shape=_infer_shape(_broadcast),
    transpose=pass_on,  # the engine sums every contribution to its input's shape
    statics={"shape": ()},
    numpy=(np.broadcast_to,),
    doc="Repeat x along new and unit axes.\n\n"
    ">>> broadcast_to(np.array([1.0, 2.0]), shape=(2, 2))\narray([[1., 2.],\n       [1., 2.]])",
)


def expand(x: NodeOrArray, shape: tuple[int, ...]) -> NodeOrArray:
    """Repeat x along new and unit axes: as a view, or where it is small as an array, which is made sooner."""
    if isinstance(x, Node) or math.prod(shape) > SMALL:
        return np.broadcast_to(x, shape)
    return x if x.shape == shape else copy_repeated(x, shape)


def copy_repeated(x: Array, shape: tuple[int, ...]) -> Array:
    """Return a new array of x repeated along new and unit axes."""
    made = np.empty(shape, x.dtype)
    made[...] = x
    return made


def unbroadcast(x: NodeOrArray, shape: tuple[int, ...]) -> Array:
    """Sum an array to `shape`, over the axes along which broadcasting repeated it."""
    extra = len(x.shape) - len(shape)
    if extra and x.shape[extra:] == shape:
        return np.add.reduce(x, axis=0 if extra == 1 else tuple(range(extra)))
    axes = [k for k, n in enumerate(x.shape) if k < extra or (n != 1 and shape[k - extra] == 1)]
    return np.add.reduce(x, axis=tuple(axes), keepdims=True).reshape(shape)


sum_to = linear(
    "sum_to",
    unbroadcast,
    shape=lambda x, shape: (shape, x.dtype),
    transpose=lambda g, x_shape: expand(g, x_shape),
    statics={"shape": ()},
    doc="Sum x to a shape that broadcasts to its own: the transpose of broadcast_to.",
)

# -- sums ------------------------------------------------------------------------------------------


def spread(g: NodeOrArray, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> NodeOrArray:
    """Repeat a reduction's result along the axes that were reduced: the transpose of a sum."""
    if shape and axis is not None and not keepdims:  # NumPy lets a 0-d array be reduced along axis 0
        axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
        g = g.reshape(tuple([1 if k in axes else n for k, n in enumerate(shape)]))
    return expand(g, shape)


def _sum(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


def infer_reduction(function: object) -> Callable[..., Signature]:
    """Return an inference for a reduction: the shape from the axes, the dtype from NumPy."""

    def infer(x: Node, axis: Any, keepdims: bool) -> Signature:
        dtype = result_dtype(function, x._dtype)
        if keepdims is not False and keepdims is not True:
            check_keepdims(keepdims)
        if axis is None:
            return (1,) * len(x._shape) if keepdims else (), dtype
        if axis.__class__ is int and -len(x._shape) <= axis < len(x._shape):
            axes: tuple[int, ...] = (axis % len(x._shape),)
        else:
            check_axis(axis)
            axes = normalize_axis_tuple(axis, len(x._shape) or 1)  # NumPy lets a 0-d array be reduced along axis 0
        if keepdims:
            return tuple([1 if k in axes else n for k, n in enumerate(x._shape)]), dtype
        return tuple([n for k, n in enumerate(x._shape) if k not in axes]), dtype

    return infer


sum = linear(
    "sum",
    _sum,
    shape=infer_reduction(np.sum),
    transpose=lambda g, x_shape, axis, keepdims: spread(g, x_shape, axis, keepdims),
    statics={"axis": None, "keepdims": False},
    doc="Return the sum over `axis` (all axes by default).\n\n"
    ">>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)\narray([4., 6.])",
)

# -- joining ---------------------------------------------------------------------------------------


def common_dtype(xs: Sequence[Node]) -> DType:
    """Return the dtype that NumPy gives arrays joined."""
    dtypes = {x.dtype for x in xs}
    return xs[0].dtype if len(dtypes) == 1 else np.result_type(*dtypes)


def _concatenate_shape(*xs: Node, axis: int | None) -> Signature:
    # The shape must be a tuple that no other node has: see `_starts`.
    if axis is None:
        return (builtins.sum([x.size for x in xs]),), common_dtype(xs)
    first = xs[0].shape
    if not first:
        raise ValueError("0-d arrays cannot be concatenated; `np.stack` joins them")
    k = normalize_axis_index(axis, len(first))
    before, after = first[:k], first[k + 1 :]
    total = 0
    for x in xs:
        if len(x.shape) != len(first) or x.shape[:k] != before or x.shape[k + 1 :] != after:
            raise ValueError(f"all shapes must be equal except along axis {k}")
        total += x.shape[k]
    return (*before, total, *after), common_dtype(xs)


# Serial of a node -> (reference that ends the entry with the node, its shape, where each input starts in it).
_starts: dict[int, tuple[weakref.ref[Node], tuple[int, ...], list[int]]] = {}


def _measure_starts(node: Node) -> list[int]:
    """Return where each input starts along the joined axis, after the only look at all inputs for all their rules."""
    axis = node._static["axis"]
    if axis is None:
        return [0, *accumulate([math.prod(x.shape) for x in node.inputs])]
    return [0, *accumulate([x.shape[axis] for x in node.inputs])]


def _part(node: Node, argnum: int) -> slice:
    """Return where one input is put.

    A node that follows its inputs to other shapes gets a new tuple as its shape; old entries show by that.
    """
    found = _starts.get(node.serial)
    if found is None or found[1] is not node.shape:
        serial = node.serial
        ends = weakref.ref(node, lambda _: _starts.pop(serial, None))
        found = _starts[serial] = (ends, node.shape, _measure_starts(node))
    return slice(found[2][argnum], found[2][argnum + 1])


def along(axis: int, item: object) -> Any:
    """Return the key that applies to one axis."""
    return (*[slice(None)] * axis, item)


def _own_part(g: Any, part: slice, own: tuple[int, ...], axis: int | None) -> Any:
    return g[part].reshape(own) if axis is None else g[along(axis % len(own), part)]


def _among_zeros(t: Any, part: slice, whole: tuple[int, ...], axis: int | None) -> Any:
    if axis is None:
        return scatter_add(t.reshape(-1), shape=whole, key=(part,))
    return scatter_add(t, shape=whole, key=along(axis % len(whole), part))


_AXIS = ("axis", lambda node, argnum: node.static["axis"])
WHOLE = ("whole", lambda node, argnum: node.shape)

concatenate = op(
    "concatenate",
    lambda *xs, axis: np.concatenate(xs, axis=axis),
    shape=_concatenate_shape,
    vjp={
        "xs": Rule(_own_part, metas=(("part", _part), ("own", lambda node, argnum: node.inputs[argnum].shape), _AXIS))
    },
    jvp={"xs": Rule(_among_zeros, metas=(("part", _part), WHOLE, _AXIS))},
    inputs="*xs",
    statics={"axis": 0},
    selects="jvp",
    doc="Join the inputs along an axis (Stratos H: concat; the Jacobian is a block of identity among zeros).\n\n"
    ">>> concatenate(np.array([1.0]), np.array([2.0, 3.0]), axis=0)\narray([1., 2., 3.])",
)
