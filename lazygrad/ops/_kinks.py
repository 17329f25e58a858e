"""The parts of derivatives of absolute values and norms: right at 0, or nan with a warning, to second order.

The gradient of F(n(x)) is F'(n) x / n. With F'(0) = 0 it has a derivative at n = 0, the slope F''(0) (`_limits`), and
without it has none. A tangent does not know which F comes after it: there the answer is nan.
"""

from __future__ import annotations

from typing import Any

from .._graph.node import Node, NodeOrArray, living_consumers
from .._graph.types import both as np
from ._declare import elementwise, op, result_dtype
from ._limits import find_made, find_read, find_slope, undefined_value, undefined_where
from ._op import Op, Signature
from ._rule import ZERO
from .arithmetic import guarded_multiply

__all__ = [
    "divide_by_size",
    "multiply_kink",
    "over_kink",
    "pull_absolute",
    "pull_kink",
    "push_absolute",
    "where_zero",
]

# -- x / |x| at 0 ------------------------------------------------------------------------------------


def _pull_factor(g: Any, x: Any, y: Any) -> Any:
    """Return g * x, and where x is 0 no derivative by a y that is nan."""
    undefined = (x == 0) & (g != 0) & (y != y)
    return np.where(undefined, np.nan, multiply_kink(x, g)).astype(result_dtype(np.multiply, x.dtype, g.dtype))


multiply_kink: Op = elementwise(
    "multiply_kink",
    lambda x, y: np.where(x == 0, np.zeros((), np.result_type(x, y)), x * y)[()],
    inputs="x y",
    vjp={"x": lambda g, y: guarded_multiply(y, g), "y": _pull_factor},
    jvp={"x": lambda t, y: guarded_multiply(y, t), "y": _pull_factor},
    doc="Return x * y, and 0 where x is exactly 0, even if y is nan: then the derivatives are nan.",
)


def _nonzero(size: Any) -> Any:
    return np.where(size == 0, 1, size)


def _divide_or_warn(g: Any, size: Any, label: str) -> Any:
    message = f"{label}: a tangent does not know the second derivative at 0: it is nan, unless taken in reverse first"
    ratio = g / _nonzero(size)
    return undefined_where(ratio, np.broadcast_to(size == 0, ratio.shape), message=message)


def _by_size(g: Any, size: Any, out: Any) -> Any:
    return -(g * out) / np.where(size == 0, np.nan, size).astype(size.dtype)


def _infer_quotient(x: Node, size: Node, label: str) -> Signature:
    return np.broadcast_shapes(x.shape, size.shape), result_dtype(np.divide, x.dtype, size.dtype)


over_kink = op(
    "over_kink",
    lambda x, size, label: np.where(size == 0, np.zeros((), np.result_type(x, size)), x / _nonzero(size))[()],
    shape=_infer_quotient,
    vjp={"x": _divide_or_warn, "size": _by_size},
    jvp={"x": _divide_or_warn, "size": _by_size},
    inputs="x size",
    statics={"label": ""},
    pointwise=True,
    doc="Return x / size for an x that is 0 where the size is, and 0 there, where it has no derivative: nan.",
)


def _ratio_value(g: Any, size: Any, slope: Any, message: str) -> Any:
    zero = size == 0
    ratio = np.where(zero, slope, g / _nonzero(size))
    kink = zero & ((g != 0) | (slope != slope))
    return undefined_value(ratio, kink, message)[()]


def _over_or_zero(g: Any, size: Any) -> Any:
    return np.where(size == 0, np.where(g == g, 0, g), g / _nonzero(size))


def _ratio_by_size(g: Any, size: Any, out: Any) -> Any:
    return -multiply_kink(_over_or_zero(g, size), out)


_ratio = op(
    "limit_of_ratio",
    _ratio_value,
    shape=lambda g, size, slope, message: (g.shape, g.dtype),
    vjp={"g": lambda g, size: _over_or_zero(g, size), "size": _ratio_by_size, "slope": ZERO},
    jvp={"g": lambda t, size: _over_or_zero(t, size), "size": _ratio_by_size, "slope": ZERO},
    inputs="g size slope",
    statics={"message": ""},
    doc="Return g / size, and where both are 0 the slope; nan where only the size is 0.",
)


def divide_by_size(
    g: NodeOrArray,
    size: NodeOrArray,
    x: NodeOrArray,
    label: str,
    along: NodeOrArray | None = None,
    *,
    round: bool = True,
) -> NodeOrArray | None:
    """Return g / size for the adjoint of a size of x, with what second derivatives need where the size is 0.

    Multiply x by it with `multiply_kink`. None stands for arrays, whose first derivatives alone count. `along` is the
    node of the graph that has this size, if `size` is another one. The square of a size that is not `round` has
    no second derivative either.
    """
    slope = find_slope(g, size if along is None else along, x, np.ones(size.shape, size.dtype))
    if slope is None or 0 in x.shape:
        return None
    if not round:
        slope = np.where(slope == 0, slope, np.nan)
    message = f"{label} has no second derivative at 0: it is nan, unless the slope there is 0 and depends on it alone"
    return _ratio(g, size, slope, message=message)


def _nan_or_warn(g: Any, at: Any, label: str) -> Any:
    return undefined_where(g, at, message=f"{label} has no second derivative by an element that is 0: it is nan")


where_zero = op(
    "where_zero",
    lambda x, at, label: np.where(at, np.zeros((), x.dtype), x)[()],
    shape=lambda x, at, label: (x.shape, x.dtype),
    vjp={"x": _nan_or_warn, "at": ZERO},
    jvp={"x": _nan_or_warn, "at": ZERO},
    inputs="x at",
    statics={"label": ""},
    pointwise=True,
    doc="Return x, and 0 where the mask holds, where it has no derivative.",
)

# -- |x| at 0 ------------------------------------------------------------------------------------------


def _keep_slope(h: Any, g: Any, x: Any, slope: Any, label: str) -> Any:
    """Return the second derivative where |x| has its kink: the slope of an adjoint that is 0 there, else 0."""
    smooth = (x == 0) & (g == 0)
    found = np.where(smooth, h, 0) * np.where(smooth & (slope == slope), slope, 0)
    message = (
        f"{label} has no second derivative at 0 that is known, as what it is multiplied by depends on it: it is nan"
    )
    return undefined_where(found, np.broadcast_to(smooth & (slope != slope), found.shape), message=message)


pull_kink = op(
    "pull_sign",
    lambda g, x, slope, label: np.where(x == 0, np.zeros((), g.dtype), g * np.sign(x))[()],
    shape=lambda g, x, slope, label: (g.shape, g.dtype),
    vjp={"g": lambda h, x: multiply_kink(np.sign(x), h), "x": _keep_slope, "slope": ZERO},
    jvp={"g": lambda t, x: multiply_kink(np.sign(x), t), "x": _keep_slope, "slope": ZERO},
    inputs="g x slope",
    statics={"label": ""},
    pointwise=True,
    doc="Return g times the sign of x, with what second derivatives need at 0.",
)


def pull_absolute(g: NodeOrArray, x: NodeOrArray, label: str, name: str = "absolute") -> NodeOrArray | None:
    """Return the gradient of |x| for its adjoint, with what second derivatives need at 0; None stands for arrays."""
    if not isinstance(x, Node) or not isinstance(g, Node):
        return None
    made = find_read(g, find_made(x, name))
    along = np.absolute(x) if made is None else made
    if x.dtype.kind == "c":
        ratio = divide_by_size(g, np.absolute(x), x, label, along)
        return None if ratio is None else multiply_kink(np.conjugate(x), ratio)
    slope = find_slope(g, along, x, np.ones(along.shape, along.dtype))
    return None if slope is None else pull_kink(g, x, slope, label=label)


def _sign_or_warn(g: Any, t: Any, x: Any, label: str) -> Any:
    """Return the derivative by x, which is 0 but for the kink; what comes in does not tell, as F'(0) may be 0."""
    zero = 0 * (np.sign(t) * np.sign(x))
    if not label:
        return zero
    message = f"{label}: a tangent does not know the second derivative at 0: it is nan, unless taken in reverse first"
    return undefined_where(zero, (x == 0) & (t != 0), message=message)


_push_sign = op(
    "push_sign",
    lambda t, x, label: t * np.sign(x),
    shape=lambda t, x, label: (np.broadcast_shapes(t.shape, x.shape), result_dtype(np.multiply, t.dtype, x.dtype)),
    vjp={"t": lambda g, x: g * np.sign(x), "x": _sign_or_warn},
    jvp={"t": lambda u, x: u * np.sign(x), "x": _sign_or_warn},
    inputs="t x",
    statics={"label": ""},
    pointwise=True,
    doc="Return t times the sign of x; where x is 0, its derivative is nan if a label says what it belongs to, else 0.",
)


def push_absolute(t: NodeOrArray, x: NodeOrArray, label: str, name: str = "absolute") -> NodeOrArray | None:
    """Return the tangent of |x| for that of real x, with a derivative that is no guess; None stands for arrays.

    If |x| is read linearly, its second derivative counts as 0 at its kink; that of |x|^2 is another one.
    """
    if not isinstance(x, Node) or not isinstance(t, Node) or t.shape != x.shape:
        return None
    made = find_made(x, name)
    return _push_sign(t, x, label="" if made and all(_is_read_linearly(c) for c in made) else label)


_MODULI = ("absolute", "copysign", "fabs", "sign")
_LINEAR = frozenset(
    (
        *("add", "subtract", "negative", "sum", "mean", "cumsum", "trace", "max", "min", "maximum", "minimum", "where"),
        *("chosen", "getitem", "diagonal", "concatenate", "stack", "pad", "roll", "flip", "repeat", "tile"),
        *("transpose", "reshape", "squeeze", "expand_dims", "broadcast_to", "sum_to", "collapse", "astype", "identity"),
    )
)
_BILINEAR = frozenset(("contract", "matmul", "multiply"))
_MOST = 100  # nodes to look at


def _is_read_linearly(node: Node) -> bool:
    """Return whether whoever reads a modulus adds it up, moves it, or multiplies it by what contains none."""
    found, todo = {node.serial}, [node]
    while todo:
        for c in living_consumers(todo.pop()):
            scales = c.op.name in _BILINEAR and sum(_has_modulus(j, node) for j in c.inputs) == 1
            if not (scales or c.op.name in _LINEAR) or len(found) > _MOST:
                return False
            if c.serial not in found:
                found.add(c.serial)
                todo.append(c)
    return True


def _has_modulus(node: Node, known: Node) -> bool:
    """Return whether a node is computed from a modulus, the one that is known or another one of the same numbers."""
    oldest = known.inputs[0].serial
    found, todo = {node.serial}, [node]
    while todo:
        i = todo.pop()
        if i is known or (i.op is not None and i.op.name in _MODULI) or len(found) > _MOST:
            return True
        for j in i.inputs:
            if j.serial > oldest and j.serial not in found:
                found.add(j.serial)
                todo.append(j)
    return False
