"""Kinks and jumps of a function of one number: where its one-sided derivatives differ from what its rules say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["MAY_HAVE_KINKS", "find_one_sided"]

# Ops with a point in their domain where they have no derivative, or where several of their inputs are as good.
MAY_HAVE_KINKS = {
    *(
        "absolute",
        "fabs",
        "hypot",
        "norm",
        "p_norm",
        "root",
        "root_mean_square",
        "sqrt",
        "power",
        "pow",
        "square",
        "var",
        "std",
    ),
    *("maximum", "minimum", "fmax", "fmin", "max", "min", "at_least", "at_most", "within", "where", "chosen", "choose"),
    *("heaviside", "sign", "signbit", "copysign", "floor", "ceil", "rint", "trunc", "fix", "round"),
    *("remainder", "fmod", "floor_divide", "fractional_part", "whole_part"),
    *("greater", "greater_equal", "less", "less_equal", "argmax", "argmin", "argsort"),
    *("argpartition", "sort", "partition", "median", "quantile", "percentile", "searchsorted", "svd", "svdvals"),
    *("eigh", "eigh_values", "eigvalsh", "eig", "eig_values", "eigvals", "svd_values"),
    *("scipy.special.huber", "scipy.special.entr", "scipy.special.rel_entr", "scipy.special.kl_div"),
}

_TOO_DIFFERENT = 1e-6  # of the larger one; rounding is far below, a kink that matters above


def find_one_sided(
    ask: Callable[[float], tuple[float, float]], x: float, value: float, slope: float, others: float
) -> tuple[float, float] | None:
    """Return the derivatives on both sides of a number where they are not the one given; None where they are.

    The derivatives at two points on each side are compared, one much further away than the other: those of a smooth
    function come closer to the given one together with the point, those beyond a kink do not. At a jump the derivative
    is infinite; on a side where there is no value or derivative it is nan, and does not count.

    Parameters
    ----------
    ask
        The value and the derivative at a number.
    x, value, slope
        The number, and the value and the derivative there.
    others
        The largest of the other arguments, which tells how close is close to zero.

    Examples
    --------
    >>> find_one_sided(lambda x: (abs(x), -1.0 if x < 0 else 1.0), 0.0, 0.0, 0.0, 0.0)
    (-1.0, 1.0)
    >>> find_one_sided(lambda x: (x * x, 2 * x), 0.0, 0.0, 0.0, 0.0) is None
    True
    """
    for near, far in _list_distances(x, others):
        sides = [_find_limit(ask, x, slope, value, sign * near, sign * far) for sign in (-1, 1)]
        if any(found is not None for found in sides):
            left, right = [slope if found is None else found for found in sides]
            return left, right
    return None


def _list_distances(x: float, others: float) -> Iterator[tuple[float, float]]:
    """Yield pairs of distances from a number: a few of its last digits; about zero also those of other arguments."""
    if x:
        yield 2.0**-48 * abs(x), 2.0**-40 * abs(x)
        return
    yield 1e-140, 1e-120
    if others:
        yield 2.0**-48 * others, 2.0**-40 * others


def _find_limit(
    ask: Callable[[float], tuple[float, float]], x: float, slope: float, value: float, near: float, far: float
) -> float | None:
    """Return the derivative on one side, if it is another one than `slope`."""
    (f_near, d_near), (f_far, d_far) = ask(x + near), ask(x + far)
    if not np.isfinite([f_near, d_near, f_far, d_far]).all():
        return None
    jump = abs(f_near - value)
    if jump > _TOO_DIFFERENT * max(abs(f_near), abs(value)) and 2 * jump > abs(f_far - value):
        return float(np.copysign(np.inf, (f_near - value) * near))
    gap = abs(d_near - slope)
    if gap > _TOO_DIFFERENT * max(abs(d_near), abs(slope)) and 2 * gap > abs(d_far - slope):
        return d_near
    return None
