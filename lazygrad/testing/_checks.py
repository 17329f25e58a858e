"""`check_op` and `check_grads`: derivatives of ops and functions against central differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from .._functions.forward import jvp
from .._functions.reverse import vjp
from .._graph.node import INEXACT
from .._graph.settings import check_count, check_flag, check_function, describe
from .._graph.trees import flatten, list_places
from .._graph.trees import leaves as leaves_of
from .._graph.types import Function
from ..ops._op import Op
from ..ops._rule import UNDEFINED
from ._battery import (
    CHECKS,
    Case,
    Point,
    central_difference,
    check_point,
    draw_direction,
    inner_product,
    make_generator,
    sample_units,
)

__all__ = ["check_grads", "check_op"]

MOST = 5  # the highest order of derivative that is checked


def check_op(
    op: Function,
    *inputs: object,
    reference: Function | None = None,
    order: int = 2,
    points: Sequence[Point] = (),
    **static: object,
) -> None:
    """Put an op, or any function of nodes, through all checks that the library's own ops have to pass.

    Parameters
    ----------
    op
        What `lazygrad.primitive` made, or a function written with ops.
    inputs
        Arrays to try it at; more than 0.002 away from kinks, as central differences look around them.
    reference
        The same on arrays, written otherwise; the op's own function by default.
    order
        How many orders of derivative there are, at most 2: 0 checks value, shape and dtype alone.
    points
        Kinks and edges of the domain, with the gradients that are decided there.
    static
        Keyword arguments.

    Raises
    ------
    AssertionError
        With the name of the check, and what was found and expected.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> cube = lg.primitive(lambda x: x**3, vjp=lambda g, x: g * 3 * x**2, name="cube")
    >>> check_op(cube, np.array([0.5, -1.0]))
    >>> wrong = lg.primitive(lambda x: x**3, vjp=lambda g, x: g * 2 * x**2, name="wrong")
    >>> check_op(wrong, np.array([0.5, -1.0]))
    Traceback (most recent call last):
        ...
    AssertionError: the check 'vjp' of wrong failed:
    Not equal to tolerance rtol=1e-07, atol=1e-08
    ...
    """
    check_function(op, "check_op")
    if check_count(order, "check_op: order") > 2:
        raise ValueError(f"check_op: order must be 0, 1 or 2, not {describe(order)}")
    name = getattr(op, "name", None) or getattr(op, "__name__", repr(op))
    for k, x in enumerate(inputs):
        dtype = np.asarray(x).dtype
        if dtype.kind not in "biufc":
            raise TypeError(f"check_op needs arrays of numbers, but input {k} is {describe(x)}")
        if dtype.kind in INEXACT and dtype not in (np.float64, np.complex128):
            raise TypeError(f"check_op needs float64, from which it casts itself, but input {k} has dtype {dtype}")
        if isinstance(op, Op) and dtype.kind in INEXACT and order and op.rule(k) is UNDEFINED:
            raise AssertionError(
                f"{name} has no rule by input {k}: give one, None if it is blocked, or 0 if it is zero"
            )
    case = Case(op, op if reference is None else reference, inputs, static, order)
    chosen = {"value", "inference"} if not order or not case.wrt else set(CHECKS)
    if order == 1:
        chosen -= {"second order", "float32"}
    for what, check in CHECKS.items():
        if what in chosen:
            try:
                check(case)
            except AssertionError as error:
                raise AssertionError(f"the check {what!r} of {name} failed:{error}") from error
    for point in points:
        check_point(op, point)


# -- gradients of functions -------------------------------------------------------------------------


def check_grads(
    f: Function,
    args: object,
    order: int = 2,
    modes: str | Sequence[str] = ("fwd", "rev"),
    atol: float = 1e-6,
    rtol: float = 1e-6,
    eps: float = 1e-4,
    *,
    allow_float32: bool = False,
) -> None:
    """Compare the derivatives of a function with central differences, element by element.

    Parameters
    ----------
    f
        Function of all `args` that returns a float array or a structure of them.
    args
        Tuple of arguments: float arrays, or structures of them. One argument may come alone.
    order
        Up to which order of derivative.
    modes
        ``"rev"``, ``"fwd"`` or both.
    atol, rtol
        How far analytic and numeric derivatives may be apart: ``atol + rtol * |numeric|``.
    eps
        The step of the (fourth-order) central differences, relative to elements larger than 1.
    allow_float32
        Whether to try a function of float32, whose differences are too coarse for these tolerances.

    Raises
    ------
    AssertionError
        Naming the leaf, the index in it, the analytic and the numeric derivative and their distance.
    TypeError
        If a leaf is no float64, unless it is a float32 and allowed.

    Notes
    -----
    Outputs are contracted with a seeded random cotangent; leaves of more than 50 elements are tried at 50 of them.
    Complex leaves are moved in both directions, and the derivative is that of the gradient's convention (`grad`).

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.check_grads(lambda x, y: np.sin(x) * y, (np.array([0.5, 1.0]), 2.0))
    >>> halved = lg.primitive(np.sin, vjp=lambda g, x: g * np.cos(x) / 2, name="halved")
    >>> lg.check_grads(lambda p: halved(p["x"]) * 2, ({"x": np.array([0.0, 0.5])},), order=1, modes=["rev"])
    Traceback (most recent call last):
        ...
    AssertionError: derivative of order 1 (rev) by args[0]['x'][0]: analytic ..., numeric ..., error ...
    """
    check_function(
        f, "check_grads", "`lazygrad.engines.compare(L, wrt)`, which has central differences among its engines"
    )
    if check_count(order, "check_grads: order", 1) > MOST:
        raise ValueError(f"check_grads: each order takes a pass for each element of the one before: at most {MOST}")
    check_flag(allow_float32, "check_grads: allow_float32")
    for name, size in (("atol", atol), ("rtol", rtol), ("eps", eps)):
        if (
            not isinstance(size, (int, float, np.number))
            or not size >= 0
            or not np.isfinite(size)
            or (name == "eps" and not size)
        ):
            raise ValueError(f"check_grads: {name} must be a finite number above 0, not {describe(size)}")
    args = args if isinstance(args, tuple) else (args,)
    if not isinstance(modes, (str, list, tuple)) or not modes:
        raise TypeError(f"modes are 'fwd', 'rev' or both, not {describe(modes)}")
    modes = (modes,) if isinstance(modes, str) else modes
    if unknown := [mode for mode in modes if mode not in ("fwd", "rev")]:
        raise TypeError(f"modes are 'fwd' and 'rev', not {unknown[0]!r}")
    for place, leaf in zip(list_places(args, "args"), leaves_of(args), strict=True):
        dtype = np.asarray(leaf).dtype
        if dtype.kind not in INEXACT or (dtype.itemsize < 8 * (1 + (dtype.kind == "c")) and not allow_float32):
            wider, closed = "pass `allow_float32=True` and wider tolerances", "close over what is not to be moved"
            hint = f": {wider if dtype.kind in INEXACT else closed}"
            raise TypeError(f"check_grads needs float64, but {place} has dtype {dtype}{hint}")
    _check_order(f, args, 1, order, modes, _Tolerance(atol, rtol, eps))


@attrs.frozen
class _Tolerance:
    """How far derivatives may be apart, and the step of the differences."""

    atol: float
    rtol: float
    eps: float

    def compare(self, what: str, analytic: Any, numeric: Any) -> None:
        """Raise AssertionError if the two derivatives are further apart than tolerated."""
        error = abs(analytic - numeric)
        if not error <= self.atol + self.rtol * abs(numeric):  # nan is an error, too
            raise AssertionError(f"{what}: analytic {analytic}, numeric {numeric}, error {error:.3g}")


def _check_order(f: Any, args: Any, order: int, last: int, modes: Sequence[str], tolerance: _Tolerance) -> None:
    """Compare the derivatives of this order, and then those of the next, up to the last."""
    rng = make_generator()
    value, pull = vjp(f, *args)
    tree = flatten(value)
    w = tree.like([draw_direction(rng, np.asarray(y)) for y in tree.leaves])
    weights = leaves_of(w)

    def contract(*moved: Any) -> Any:
        """Return the inner product of the outputs with the cotangents."""
        return sum(inner_product(y, c) for y, c in zip(leaves_of(vjp(f, *moved)[0]), weights, strict=True))

    pulled = leaves_of(pull(w)) if "rev" in modes else None
    given = flatten(args)
    for k, (place, x) in enumerate(zip(list_places(args, "args"), given.leaves, strict=True)):
        x = np.asarray(x)
        for index, unit in sample_units(x, rng):
            step = tolerance.eps * max(1.0, float(np.abs(x[index])))
            numeric = central_difference(lambda *at: contract(*given.like(at)), given.leaves, k, unit, step)
            where = f"by {place}{list(index) if index else ''}"
            if pulled is not None:
                analytic = (
                    np.asarray(pulled[k])[index] * unit[index]
                ).real  # a nan elsewhere is named by its own index
                tolerance.compare(f"derivative of order {order} (rev) {where}", analytic, numeric)
            if "fwd" in modes:
                t = given.like([unit if n == k else np.zeros_like(leaf) for n, leaf in enumerate(given.leaves)])
                pushed_on = leaves_of(jvp(f, args, t)[1])
                analytic = sum(inner_product(y, c) for y, c in zip(pushed_on, weights, strict=True))
                tolerance.compare(f"derivative of order {order} (fwd) {where}", analytic, numeric)
    if order < last:
        if "rev" in modes:
            _check_order(lambda *moved: vjp(f, *moved)[1](w), args, order + 1, last, modes, tolerance)
        else:
            t = given.like([draw_direction(rng, np.asarray(x)) for x in given.leaves])
            _check_order(lambda *moved: jvp(f, moved, t)[1], args, order + 1, last, modes, tolerance)
