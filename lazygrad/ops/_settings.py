"""Check what says how an op works: axes, lengths and switches, which NumPy would refuse only when it computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._graph.settings import describe, is_whole

__all__ = ["check_axis", "check_ddof", "check_keepdims", "check_length"]

LARGEST = 2**62  # no array is as long


def check_axis(axis: object) -> None:
    """Raise a TypeError unless an axis is a whole number, or a tuple or list of them."""
    if isinstance(axis, np.ndarray) and not axis.ndim:
        axis = axis[()]
    if not is_whole(axis) and not (isinstance(axis, (tuple, list)) and all(map(is_whole, axis))):
        raise TypeError(f"axis must be None, a whole number or a tuple of them, not {describe(axis)}")


def check_keepdims(keepdims: object) -> None:
    """Raise a TypeError unless `keepdims` is a switch; NumPy takes whole numbers for one, too."""
    if not isinstance(keepdims, (np.bool, int, np.integer)) or not -LARGEST < int(keepdims) < LARGEST:
        raise TypeError(f"keepdims must be True or False, not {describe(keepdims)}")


def check_length(n: object) -> int:
    """Return the length of a transform, or raise for what is no whole number that an array can have as length."""
    if not is_whole(n):
        raise TypeError(f"n must be a whole number, not {describe(n)}")
    if n > LARGEST:
        raise ValueError(f"n must be a length that an array can have, not {describe(n)}")
    return int(n)


def check_ddof(ddof: object) -> float:
    """Return the degrees of freedom that are lost, or raise a TypeError for what is no real number."""
    if not isinstance(ddof, (int, float, np.integer, np.floating)) or isinstance(ddof, np.timedelta64):
        raise TypeError(f"ddof must be a real number, not {describe(ddof)}")
    lost: Any = ddof
    if abs(lost) > LARGEST:
        raise ValueError(f"ddof must be a number of elements, not {describe(ddof)}")
    return lost
