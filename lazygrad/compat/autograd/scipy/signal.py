"""`lazygrad.scipy.signal`, with autograd's `convolve`, along some axes."""

from __future__ import annotations

from typing import Any

from ...._graph.node import NodeOrArray, Operand
from ....scipy import signal as _signal

__all__ = ["convolve"]


def convolve(
    A: NodeOrArray, B: Operand, axes: object = None, dot_axes: object = ((), ()), mode: str = "full"
) -> NodeOrArray:
    """Return the convolution of two arrays along pairs of axes, summed over other pairs.

    Parameters
    ----------
    A, B
        The arrays.
    axes
        A pair: the axes of `A` and of `B` to convolve along; all by default.
    dot_axes
        A pair: the axes of `A` and of `B` to sum over.
    mode
        "full", "valid" or "same".

    Examples
    --------
    >>> import numpy as np
    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0]), mode="valid")
    array([3., 5.])
    """
    if axes is None:
        axes = (tuple(range(A.ndim)),) * 2
    return _signal.convolve(A, B, mode, axes=axes, dot_axes=dot_axes)


def __getattr__(name: str) -> Any:
    return getattr(_signal, name)
