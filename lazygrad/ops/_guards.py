"""Guards: products and quotients in which 0 says that something was not taken.

Below an edge that selects, such as `where`, an adjoint is 0 for what was not taken, and a singular local derivative
contributes 0 there, so that no nan or inf comes from that branch. Each element is that of the plain
product or quotient, except for a nan that would come of a 0. Elsewhere rules multiply and divide plainly (`_rule`).
"""

from __future__ import annotations

from typing import Any

from .._graph.node import NodeOrArray
from .._graph.types import Array, Function
from .._graph.types import both as np
from ._declare import elementwise
from ._op import Op
from ._rule import BLOCKED, GUARDED

__all__ = [
    "guard_of",
    "guard_product",
    "guarded_divide",
    "guarded_multiply",
    "keep_taken",
    "set_aside",
    "strong_multiply",
]


def _apply_where(function: Any, x: Any, y: Any, mask: Any) -> Any:
    """Evaluate function(x, y) where the mask holds, and give 0 elsewhere, where nothing is computed or warned of."""
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    return function(x, y, out=np.zeros(shape, np.result_type(x, y)), where=mask)


def _has_no_zero(x: Any) -> bool:
    """Return whether no element is 0; counting is the quickest way to see, for large arrays of booleans."""
    size = getattr(x, "size", 1)
    return bool(np.count_nonzero(x != 0 if size > 2048 else x) == size)


def _is_finite(x: Any) -> bool:
    return bool(np.isfinite(x).all())


def _guarded_multiply(g: Any, d: Any) -> Any:
    if g.__class__ is not np.ndarray and d.__class__ is not np.ndarray:
        return g * d if g or _is_finite(d) else (g + d).__class__(0)
    return g * d if _has_no_zero(g) or _is_finite(d) else _apply_where(np.multiply, g, d, (g != 0) | np.isfinite(d))


def _guarded_divide(g: Any, d: Any) -> Any:
    if g.__class__ is not np.ndarray and d.__class__ is not np.ndarray:
        return g / d if g or (d and d == d) else (g + d).__class__(0)
    if _has_no_zero(g) or (_has_no_zero(d) and _is_finite(d)):
        return g / d
    return _apply_where(np.divide, g, d, (g != 0) | ((d != 0) & ~np.isnan(d)))


def _strong_multiply(x: Any, y: Any) -> Any:
    if (_has_no_zero(x) and _has_no_zero(y)) or (_is_finite(x) and _is_finite(y)):
        return x * y
    return _apply_where(np.multiply, x, y, ((x != 0) & (y != 0)) | (np.isfinite(x) & np.isfinite(y)))


strong_multiply: Op = elementwise(
    "strong_multiply",
    _strong_multiply,
    inputs="x y",
    vjp={"x": lambda g, y: strong_multiply(g, y), "y": lambda g, x: strong_multiply(g, x)},
    jvp={"x": lambda t, y: strong_multiply(t, y), "y": lambda t, x: strong_multiply(t, x)},
    selects=True,
    doc="Return x * y, and 0 where either is exactly 0 even if the other is infinite or nan.",
)


guarded_multiply: Op = elementwise(
    "guarded_multiply",
    _guarded_multiply,
    inputs="x y",
    vjp={"x": lambda g, y: guarded_multiply(g, y), "y": lambda g, x: strong_multiply(g, x)},
    jvp={"x": lambda t, y: guarded_multiply(t, y), "y": lambda t, x: strong_multiply(t, x)},
    selects=True,
    doc="Return x * y, and 0 where x is exactly 0 even if y is infinite or nan.\n\n"
    ">>> guarded_multiply(np.array([0.0, 2.0]), np.array([np.inf, 3.0]))\narray([0., 6.])",
)

guarded_divide: Op = elementwise(
    "guarded_divide",
    _guarded_divide,
    inputs="x y",
    vjp={"x": lambda g, y: guarded_divide(g, y), "y": lambda g, y, out: -guarded_divide(strong_multiply(g, out), y)},
    jvp={"x": lambda t, y: guarded_divide(t, y), "y": lambda t, y, out: -guarded_divide(strong_multiply(t, out), y)},
    selects=True,
    doc="Return x / y, and 0 where x is exactly 0 even if y is 0 or nan.\n\n"
    ">>> guarded_divide(np.array([0.0, 3.0]), np.array([0.0, 2.0]))\narray([0. , 1.5])",
)


def guard_product(product: Function, x: Array, y: Array, side: str) -> Array:
    """Return a product of arrays, such as `numpy.matmul`, in which zeros of a factor say that something was not taken.

    `side` tells which factor that is: ``"x"``, ``"y"`` or ``"both"``.
    """
    found = product(x, y)
    other = y if side == "x" else x
    small = side != "both" and other.size < found.size  # what costs less to look at
    if _is_finite(other) if small else not np.isnan(found).any():
        return found
    one, zero = np.ones((), x.dtype), np.zeros((), x.dtype)
    good_x, good_y = [np.where(np.isfinite(v), one, zero) for v in (x, y)]
    some_x, some_y = [np.where(v != 0, one, zero) for v in (x, y)]
    reached = np.zeros((), bool)  # where what is not finite meets what is not 0
    if side != "y":
        reached = reached | (product(some_x, one - good_y) != 0)
    if side != "x":
        reached = reached | (product(one - good_x, some_y) != 0)
    clean_x = x if side == "x" else np.where(good_x != 0, x, 0)
    clean_y = y if side == "y" else np.where(good_y != 0, y, 0)
    return np.where(reached, found, product(clean_x, clean_y)).astype(found.dtype, copy=False)


def _keep_taken(x: Any, taken: Any) -> Any:
    as_it_is = np.shape(taken) in (np.shape(x), ()) and not np.isnan(x).any()
    return x if as_it_is else np.where(taken, x, x.dtype.type(0))[()]


keep_taken: Op = elementwise(
    "keep_taken",
    _keep_taken,
    inputs="x taken",
    vjp={"x": lambda g, taken: np.where(taken, g, 0), "taken": BLOCKED},
    jvp={"x": lambda t, taken: keep_taken(t, taken), "taken": BLOCKED},
    selects=True,
    doc="Return x, a product with a tangent that is 0 where it was not taken, and 0 there even if it is nan.\n\n"
    ">>> keep_taken(np.array([np.nan, 2.0]), np.array([False, True]))\narray([0., 2.])",
)


def set_aside(v: NodeOrArray, g: NodeOrArray, times: object) -> NodeOrArray:
    """Return a value that a rule reads; if its adjoint is masked, 1 where that is 0 and the value is not finite."""
    return v if times is not guarded_multiply else np.where((g == 0) & ~np.isfinite(v), 1, v)


def guard_of(side: str, adjoint: str) -> Op:
    """Return the guard for the derivative of a guarded product by a factor: of both, if the other is the adjoint."""
    return guarded_multiply if side == adjoint else strong_multiply


GUARDED.update(times=guarded_multiply, over=guarded_divide)
