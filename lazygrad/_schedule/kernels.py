"""Kernels: the few kinds of step that compute the rows of a program, and that a schedule knows how to place.

An op is one of them by what it is on arrays: a ufunc, which can write into an array that is there; a view, which costs
nothing; a sum, a product of matrices, a choice; or any other function, which is called as it is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Mapping
from functools import lru_cache, partial
from typing import Any

import attrs
import numpy as np

from .._graph.node import NO_STATIC
from .._graph.types import Shape, Statics
from ..ops import arithmetic, bounds, indexing, linear, reduce
from ..ops import shape as shape_ops
from ..ops._op import OPS, Op
from ..ops.linalg import guarded_matmul, matmul

__all__ = ["DENSE", "Kernel", "choose_call", "choose_kernel", "expand_to", "is_ours", "make_typed_key", "repeat_to"]


@attrs.frozen(eq=False, repr=False)
class Kernel:
    """One kind of step.

    Attributes
    ----------
    kind
        ``"ufunc"``, ``"view"``, ``"sum"``, ``"matmul"``, ``"where"`` or ``"call"``.
    name
        The op's, for the generated source.
    function
        What to call; a view's of the array alone.
    static
        Keyword arguments; of a sum ``axis`` and ``keepdims``.
    guarded
        The op that a plain product or quotient stands for as long as no nan comes of it.
    pure
        Whether the same arguments always give the same value: such rows are shared.
    text
        The source of a step that is no call, with ``{}`` for the arrays.
    """

    kind: str
    name: str
    function: Any
    static: Mapping[str, Any] = attrs.field(factory=dict)
    guarded: Op | None = None
    pure: bool = True
    text: str = ""
    pointwise: bool = False  # each element of the result depends on one element of each argument
    number: Any = None  # a number that follows the arrays as the last argument
    users: bool = False  # a user wrote the function, so it is run once, and its errors are the caller's
    solid: bool = False  # its result is a new array without gaps, in C order, whatever it is called with
    alone: bool = False  # of a single number NumPy's operator may give other last bits than its function of arrays

    @property
    def repeats(self) -> bool:
        """Return whether this is the view of an array repeated along axes; an op of the user's may have any name."""
        return self.kind == "view" and self.name == "broadcast_to"

    @property
    def expands(self) -> bool:
        """Return whether this is the copy of an array repeated along axes."""
        return self.solid and self.name == "expand"

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


OPERATORS: dict[Any, np.ufunc] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.true_divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.pow: np.power,
    operator.neg: np.negative,
    operator.abs: np.absolute,
    abs: np.absolute,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
}
# As long as no nan comes of it, a guarded product is the plain one, bit for bit.
GUARDED = {
    arithmetic.guarded_multiply: np.multiply,
    arithmetic.strong_multiply: np.multiply,
    arithmetic.guarded_divide: np.true_divide,
}
POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}  # as `array ** number` takes them
EXTREMA = {bounds.at_least: np.maximum, bounds.at_most: np.minimum}


def is_ours(op: Op) -> bool:
    """Return whether an op is the library's: of a user's, the name says nothing, and its function may have effects."""
    return OPS.get(op.name) is op


def choose_kernel(
    op: Op, static: Mapping[str, object], guarded: bool, scalar: bool, known: dict[Hashable, Kernel]
) -> Kernel:
    """Return the kernel of an op with these keyword arguments, the same one for the same kind of step.

    `guarded` where products are to keep their guards; `scalar` where the result is a single number.
    """
    key = (op, scalar, make_typed_key(static)) if static else (op, scalar)
    try:
        found = known.get(key)
    except TypeError:  # an array among the statics
        return _make_kernel(op, static, guarded, scalar)
    if found is None:
        found = known[key] = _make_kernel(op, static, guarded, scalar)
    return found


DENSE = ("reshape", "expand_dims", "squeeze", "view as")  # views that keep the order of axes, and show all elements


def choose_call(op: Op, static: Mapping[str, object], known: dict[Hashable, Kernel]) -> Kernel:
    """Return the kernel that calls an op's own function."""
    key = ("call", op, make_typed_key(static))
    try:
        found = known.get(key)
    except TypeError:
        return make_call(op, static)
    if found is None:
        found = known[key] = make_call(op, static)
    return found


def make_call(op: Op, static: Statics) -> Kernel:
    """Return a new kernel that calls an op's own function."""
    ours = is_ours(op)
    return Kernel(
        "call", op.name, op.function, static, pure=ours, users=not ours, pointwise=op.pointwise, solid=op in SOLID
    )


@lru_cache(maxsize=1024)
def repeat_to(shape: Shape) -> Kernel:
    """Return the kernel of a view of an array repeated to a shape."""
    view = _make_view(linear.broadcast_to, {"shape": shape})
    assert view is not None
    return view


@lru_cache(maxsize=1024)
def expand_to(shape: Shape) -> Kernel:
    """Return the kernel of a copy of an array repeated to a shape, as rules make it of small arrays."""
    return Kernel("call", "expand", linear.copy_repeated, {"shape": shape}, solid=True)


SOLID = (indexing.scatter_add,)  # ops whose results are new arrays in C order


PLAIN = {type(None), bool, int, str, bytes, type, type(...), *{type(np.dtype(c)) for c in np.typecodes["All"]}}


@attrs.frozen(eq=False)
class _Same:
    """The key of an array, or of what is no plain data, and may call anything its equal: the very object."""

    value: object

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return other.__class__ is _Same and other.value is self.value


def make_typed_key(static: object) -> Hashable:
    """Return keyword arguments as a key that tells 1 from 1.0 and True, and 0.0 from -0.0."""
    if static is NO_STATIC:
        return ()
    if isinstance(static, Mapping):
        return tuple([(name, make_typed_key(value)) for name, value in static.items()])
    if static.__class__ is tuple:
        return tuple([make_typed_key(value) for value in static])
    if isinstance(static, np.generic):
        return static.__class__, static.tobytes()
    if static.__class__ in (float, complex):
        return static.__class__, repr(static)
    if static.__class__ in PLAIN:
        return static.__class__, static
    if static.__class__ is slice:
        return slice, *[make_typed_key(n) for n in (static.start, static.stop, static.step)]
    return _Same(static)


def _make_kernel(op: Op, static: Mapping[str, Any], guarded: bool, scalar: bool) -> Kernel:
    if op is guarded_matmul and not guarded:
        return Kernel("matmul", op.name, np.matmul, guarded=op)
    if op in GUARDED and not guarded:
        return Kernel("ufunc", op.name, GUARDED[op], guarded=op)
    function = OPERATORS.get(op.function, op.function)
    if scalar and (op is arithmetic.pow or function is np.power):  # of numbers alone NumPy has another function
        return _make_power(op, static)
    if isinstance(function, np.ufunc) and function.signature is None and not static:
        return Kernel("ufunc", op.name, function)
    if (
        op is arithmetic.pow
        and (ufunc := POWERS.get(static["n"])) is not None
        and not isinstance(static["n"], np.generic)
    ):
        return Kernel("ufunc", op.name, ufunc)
    if op in EXTREMA:
        return Kernel("ufunc", op.name, EXTREMA[op], number=static["bound"])
    if op is arithmetic.where:
        return Kernel("call" if scalar else "where", op.name, np.where, pointwise=True)
    if op is matmul:
        return Kernel("matmul", op.name, np.matmul)
    if op is linear.sum or op is reduce.max or op is reduce.min:
        fold = {linear.sum: np.add, reduce.max: np.maximum, reduce.min: np.minimum}[op]
        return Kernel("sum", op.name, fold, static)
    if (view := _make_view(op, static)) is not None:
        return view
    if op is indexing.getitem and (key := _write_key(static["key"])) is not None:
        return Kernel("call", op.name, op.function, static, text=f"{{0}}[{key}]")
    return make_call(op, static)


def _make_power(op: Op, static: Mapping[str, Any]) -> Kernel:
    """Return the kernel of a power of one number."""
    if op is not arithmetic.pow:
        return Kernel("ufunc", op.name, np.power, text="{} ** {}", alone=True)
    n = static["n"]
    if n.__class__ not in (int, float) or not math.isfinite(n):
        return Kernel("call", op.name, op.function, static, pointwise=True)
    text = f"{{}} ** {n!r}"
    if n in POWERS:
        return Kernel("ufunc", op.name, POWERS[n], static, text=text, alone=True)
    return Kernel("call", op.name, op.function, static, text=text, pointwise=True, alone=True)


def _write_key(key: tuple[Any, ...]) -> str | None:
    """Write an index as source, with ``{}`` for arrays; None if it holds anything but plain whole numbers."""
    places = iter(range(1, len(key) + 1))
    written = []
    for k in key:
        if k is indexing.SLOT:
            written.append(f"{{{next(places)}}}")
        elif k.__class__ is slice:
            parts = (k.start, k.stop, k.step)
            if not all(n is None or n.__class__ is int for n in parts):
                return None
            written.append(":".join(["" if n is None else repr(n) for n in parts]))
        elif k is None or k is ... or k.__class__ in (int, bool):
            written.append("..." if k is ... else repr(k))
        else:
            return None
    return ", ".join(written) + ("," if len(written) == 1 else "")


def _write_shape(shape: object) -> str | None:
    """Write a shape, or axes, as source; None if they hold anything but plain whole numbers."""
    if shape.__class__ is int:
        return repr(shape)
    if isinstance(shape, (tuple, list)) and all(n.__class__ is int for n in shape):
        return repr((*shape,))
    return None


def _fill(text: str, shape: object) -> str:
    """Return a text with a shape in its place; nothing, so that a function is called, if that is no plain one."""
    written = _write_shape(shape)
    return "" if written is None else text.format(written)


def _make_view(op: Op, static: Mapping[str, Any]) -> Kernel | None:
    if op is linear.transpose:
        axes = static["axes"]
        text = "{}.T" if axes is None else _fill("{{}}.transpose({})", axes)
        return Kernel("view", op.name, lambda x: x.transpose(axes), static, text=text)
    if op is linear.reshape:
        shape = static["shape"]
        return Kernel("view", op.name, lambda x: x.reshape(shape), static, text=_fill("{{}}.reshape({})", shape))
    if op is linear.broadcast_to:
        shape = static["shape"]
        return Kernel(
            "view", op.name, lambda x: np.broadcast_to(x, shape), static, text=_fill("broadcast_to({{}}, {})", shape)
        )
    if op is shape_ops.expand_dims or op is shape_ops.squeeze:
        return Kernel("view", op.name, partial(op.function, **static), static)
    if op is indexing.getitem and all(isinstance(k, (slice, int, type(None), type(...))) for k in static["key"]):
        key = static["key"]
        return Kernel("view", op.name, lambda x: x[key], static)
    return None
