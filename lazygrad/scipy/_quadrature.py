"""Integrals of samples by the trapezoidal rule, with SciPy's arguments."""

from __future__ import annotations

from typing import Any

import scipy.integrate

from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import both as np
from ..ops._op import unknown_setting
from ._calls import declare_on_nodes

__all__ = ["cumulative_trapezoid", "trapezoid"]


@declare_on_nodes(scipy.integrate.trapezoid)
def trapezoid(y: Operand, x: Operand | None = None, dx: Any = 1.0, axis: int = -1) -> NodeOrArray:
    """Integrate samples by the trapezoidal rule, as `scipy.integrate.trapezoid`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> y = lg.parameter([1.0, 4.0, 9.0])
    >>> lg.gradient(trapezoid(y, [0.0, 1.0, 3.0]), y)
    array([0.5, 1.5, 1. ])
    """
    return np.trapezoid(y, x, dx, axis)


@declare_on_nodes(scipy.integrate.cumulative_trapezoid)
def cumulative_trapezoid(
    y: Operand, x: Operand | None = None, dx: Any = 1.0, axis: int = -1, initial: float | None = None
) -> NodeOrArray:
    """Integrate samples up to each of them by the trapezoidal rule, as `scipy.integrate.cumulative_trapezoid`.

    Parameters
    ----------
    y, x, dx, axis
        Samples and where they are taken, as of `numpy.trapezoid`.
    initial
        If 0, the result begins with 0 and is as long as `y`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> y = lg.parameter([1.0, 4.0, 9.0])
    >>> integral = cumulative_trapezoid(y, initial=0)
    >>> integral.value
    array([0. , 2.5, 9. ])
    >>> lg.gradient(integral[1], y)
    array([0.5, 0.5, 0. ])
    """
    if initial is not None and (np.ndim(initial) or initial != 0):
        raise ValueError(f"`initial` must be `None` or 0, not {initial!r}")
    if isinstance(axis, Node):
        raise unknown_setting("axis", axis)
    samples: Any = np.moveaxis(y, axis, -1)
    if x is not None:
        dx = np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1))
    areas = dx * (samples[..., 1:] + samples[..., :-1]) / 2
    parts = areas if initial is None else np.concatenate([np.zeros_like(samples[..., :1]), areas], -1)
    return np.moveaxis(np.cumsum(parts, axis=-1), -1, axis)
