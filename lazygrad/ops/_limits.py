"""Second derivatives where a first one has the form 0/0: their limits, or nan with a warning.

The gradient of F(n(x)) for a norm n is F'(n) x / n. At n = 0 its derivative is F''(0) if F'(0) = 0, and there is none
otherwise. F'' is no number that the rule of the norm could know from the adjoint F' alone, but the adjoint is a node:
its tangent along n, another node, has F'' as its value. The same holds for divided differences
(F_i - F_j) / (w_i - w_j) of functions of a spectrum, where values repeat.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._errors import NotDifferentiableError
from .._graph.frames import find_user_frame
from .._graph.node import Node
from .._graph.types import both as np
from ._declare import elementwise, op
from ._op import Op
from ._rule import BLOCKED, ZERO

__all__ = [
    "divide_by_size",
    "find_result",
    "find_slope",
    "multiply_kink",
    "over_gaps",
    "over_kink",
    "set_tangent_builder",
    "undefined_where",
    "warn",
]

# -- nan, and one warning --------------------------------------------------------------------------


def warn(message: str) -> None:
    """Warn on the line of the user's code."""
    warnings.warn(message, RuntimeWarning, stacklevel=find_user_frame()[1])


def _undefined_value(x: Any, mask: Any, message: str) -> Any:
    if not np.any(mask):
        return x
    warn(message)
    return np.where(mask, np.asarray(np.nan, x.dtype), x)


undefined_where = op(
    "undefined_where",
    _undefined_value,
    shape=lambda x, mask, message: (x.shape, x.dtype),
    vjp={"x": lambda g, mask: np.where(mask, 0, g), "mask": BLOCKED},
    jvp={"x": lambda t, mask: np.where(mask, 0, t), "mask": BLOCKED},
    inputs="x mask",
    statics={"message": ""},
    doc="Return x, and nan where the mask (of the same shape) holds; then there is a warning, too.",
)


def over_gaps(coupling: Any, values: Any, scale: Any, message: str, slack: float = 4.0, used: Any = None) -> Any:
    """Return coupling / (w_j - w_i) for two values each, and nan where the gap is 0 up to rounding.

    There it is 0 if the coupling is 0, up to rounding of `scale`, the size of what it was computed from; or where
    it is known which of the two are `used`, if neither is.
    """
    n, eps = values.shape[-1], float(np.finfo(values.dtype).eps)
    gap = values[..., None, :] - values[..., :, None]
    close = np.abs(gap) <= slack * eps * np.sum(np.abs(values), axis=-1)[..., None, None]
    if used is None:
        strength = np.abs(coupling) + np.swapaxes(np.abs(coupling), -1, -2)
        meant = strength > 64 * n * eps * scale[..., None, None]
    else:
        meant = used[..., None, :] | used[..., :, None]
    undefined = close & meant & ~np.eye(n, dtype=bool)
    return undefined_where(np.where(close, 0, coupling / np.where(close, 1, gap)), undefined, message=message)


# -- the slope of an adjoint along what it is the adjoint of ----------------------------------------

_build_tangent: list[Callable[[Node, Node, Node], Node | None]] = []
MAX_SEARCH = 1_000  # nodes that are searched for another way in which an adjoint depends on x


def set_tangent_builder(build: Callable[[Node, Node, Node], Node | None]) -> None:
    """Take the function that builds the tangent of a node along another one, which a later room knows."""
    _build_tangent[:] = [build]


def _original(node: Node) -> Node:
    """Return the node that an unfolded adjoint reads through a stand-in."""
    while node.op is not None and node.op.name == "identity":
        node = node.inputs[0]
    return node


def _passing(node: Node) -> list[Node]:
    """Return the inputs that a node depends on differentiably: a comparison has none."""
    rules = getattr(node.op, "vjp", None)
    if rules is None:
        return list(node.inputs)
    last = len(rules) - 1
    return [j for k, j in enumerate(node.inputs) if rules[min(k, last)] not in (BLOCKED, ZERO)]


def _reach(start: Node, stop: Node | None) -> dict[int, Node] | None:
    """Return by serial what a node depends on differentiably, not beyond `stop`; None if these are too many."""
    found, todo = {start.serial: start}, [start]
    while todo:
        for j in _passing(todo.pop()):
            if j is not stop and j.serial not in found:
                found[j.serial] = j
                todo.append(j)
        if len(found) > MAX_SEARCH:
            return None
    return found


def _parameters(node: Node) -> set[int]:
    """Return the serials of the leaves that a node is computed from, constants left out."""
    found, todo, leaves = {node.serial}, [node], set()
    while todo:
        i = todo.pop()
        if i.op is None and i.static.get("leaf") != "constant":
            leaves.add(i.serial)
        for j in i.inputs:
            if j.serial not in found:
                found.add(j.serial)
                todo.append(j)
    return leaves


def find_result(g: Node, x: Node, name: str) -> Node | None:
    """Return the one node that an op of one input has made of `x` and that `g` depends on; None if it is not one."""
    x = _original(x)
    found = [c for c in (_reach(_original(g), None) or {}).values() if c.op is not None and c.op.name == name]
    found = [c for c in found if _original(c.inputs[0]) is x]
    return found[0] if len(found) == 1 else None


def find_slope(g: Any, out: Any, x: Any, direction: Any) -> Any:
    """Return the derivative of the adjoint `g` as the op's value moves in a direction while all else stays.

    It is nan if `g` depends on the parameters below `x` in other ways as well: then this is not all that a second
    derivative needs. None stands for arrays, whose history nobody knows.
    """
    if not isinstance(g, Node) or not isinstance(out, Node) or not isinstance(x, Node):
        return None
    adjoint, value, below = _original(g), _original(out), _original(x)
    if any(i.op is None and i.static.get("leaf") == "stand-in" for i in (adjoint, value, below)):
        return None
    reached = _reach(adjoint, value)
    if adjoint.op is None:
        return np.zeros(out.shape, out.dtype)
    if reached is None or reached.keys() & _parameters(below):
        return np.full(out.shape, np.nan, out.dtype)
    try:
        found = _build_tangent[0](adjoint, value, direction)
    except NotDifferentiableError:  # an op on the way has no jvp rule: what is not known is nan where it is needed
        return np.full(out.shape, np.nan, out.dtype)
    return np.zeros(out.shape, out.dtype) if found is None else found


# -- x / |x| at 0 ------------------------------------------------------------------------------------

multiply_kink: Op = elementwise(
    "multiply_kink",
    lambda x, y: np.where(x == 0, np.zeros((), np.result_type(x, y)), x * y)[()],
    inputs="x y",
    vjp={"x": lambda g, y: g * y, "y": lambda g, x: multiply_kink(x, g)},
    jvp={"x": lambda t, y: t * y, "y": lambda t, x: multiply_kink(x, t)},
    doc="Return x * y, and 0 where x is exactly 0, even if y is nan: then the derivative by x is nan.",
)


def _nonzero(size: Any) -> Any:
    return np.where(size == 0, 1, size)


over_kink = elementwise(
    "over_kink",
    lambda x, size: np.where(size == 0, np.zeros((), np.result_type(x, size)), x / _nonzero(size))[()],
    inputs="x size",
    vjp={"x": lambda g, size: g / _nan_at_zero(size), "size": lambda g, size, out: -(g * out) / _nan_at_zero(size)},
    jvp={"x": lambda t, size: t / _nan_at_zero(size), "size": lambda t, size, out: -(t * out) / _nan_at_zero(size)},
    doc="Return x / size for an x that is 0 where the size is, and 0 there, where it has no derivative: nan.",
)


def _nan_at_zero(size: Any) -> Any:
    return np.where(size == 0, np.nan, size).astype(size.dtype)


def _ratio_value(g: Any, size: Any, slope: Any, message: str) -> Any:
    zero = size == 0
    ratio = np.where(zero, slope, g / _nonzero(size))
    kink = zero & ((g != 0) | (slope != slope))
    return _undefined_value(ratio, kink, message)[()]


def _over_or_zero(g: Any, size: Any) -> Any:
    return np.where(size == 0, 0, g / _nonzero(size))


_ratio = op(
    "limit_of_ratio",
    _ratio_value,
    shape=lambda g, size, slope, message: (g.shape, g.dtype),
    vjp={
        "g": lambda g, size: _over_or_zero(g, size),
        "size": lambda g, size, out: -multiply_kink(_over_or_zero(g, size), out),
        "slope": ZERO,
    },
    jvp={
        "g": lambda t, size: _over_or_zero(t, size),
        "size": lambda t, size, out: -multiply_kink(_over_or_zero(t, size), out),
        "slope": ZERO,
    },
    inputs="g size slope",
    statics={"message": ""},
    doc="Return g / size, and where both are 0 the slope; nan where only the size is 0.",
)


def divide_by_size(g: Any, size: Any, x: Any, name: str, along: Any = None) -> Any:
    """Return g / size for the adjoint of a size of x, with what second derivatives need where the size is 0.

    Multiply x by it with `multiply_kink`. None stands for arrays, whose first derivatives alone count. `along` is the
    node of the graph that has this size, if `size` is another one.
    """
    slope = find_slope(g, size if along is None else along, x, np.ones(size.shape, size.dtype))
    if slope is None or 0 in x.shape:
        return None
    node = _original(x)
    if node.name is not None:
        name = f"{name} of {node.name!r}"
    message = f"{name} has no second derivative at 0: it is nan, unless the slope there is 0 and depends on it alone"
    return _ratio(g, size, slope, message=message)


# -- |x| at 0 ------------------------------------------------------------------------------------------


def _keep_slope(h: Any, g: Any, x: Any, slope: Any) -> Any:
    """Return the second derivative where |x| has its kink: the slope of an adjoint that is 0 there, else 0."""
    smooth = (x == 0) & (g == 0)
    return np.where(smooth, h, 0) * np.where(smooth, slope, 0)


_pull_sign = op(
    "pull_sign",
    lambda g, x, slope: np.where(x == 0, np.zeros((), g.dtype), g * np.sign(x))[()],
    shape=lambda g, x, slope: (g.shape, g.dtype),
    vjp={
        "g": lambda h, x: multiply_kink(np.sign(x), h),
        "x": lambda h, g, x, slope: _keep_slope(h, g, x, slope),
        "slope": ZERO,
    },
    jvp={
        "g": lambda t, x: multiply_kink(np.sign(x), t),
        "x": lambda t, g, x, slope: _keep_slope(t, g, x, slope),
        "slope": ZERO,
    },
    inputs="g x slope",
    pointwise=True,
    doc="Return g times the sign of x, with what second derivatives need at 0.",
)


def pull_absolute(g: Any, x: Any) -> Any:
    """Return the gradient of |x| for its adjoint, with what second derivatives need at 0; None stands for arrays."""
    if not isinstance(x, Node) or not isinstance(g, Node):
        return None
    size = np.absolute(x)
    found = find_result(g, x, "absolute")
    along = size if found is None else found
    if x.dtype.kind == "c":
        ratio = divide_by_size(g, size, x, "absolute", along)
        return None if ratio is None else multiply_kink(np.conjugate(x), ratio)
    slope = find_slope(g, along, x, np.ones(size.shape, size.dtype))
    return None if slope is None else _pull_sign(g, x, slope)
