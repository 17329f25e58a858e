"""Compare values bit for bit: -0.0 differs from 0.0, and nan equals itself."""

from __future__ import annotations

import numpy as np

from .types import Array

__all__ = ["same_bits", "same_static"]

SMALL = 1 << 14  # bytes, up to which a copy costs less than a comparison in place


def same_bits(old: Array | np.generic, new: Array | np.generic) -> bool:
    """Return whether two arrays, or NumPy scalars, have the same shape, dtype and bytes."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return False
    if not old.size:
        return True
    first, other = old.item(0), new.item(0)
    if first != other and first == first:  # mostly that settles it
        return False
    if old.nbytes <= SMALL:
        return bool(old.tobytes() == new.tobytes())
    return np.array_equal(old.reshape(-1).view(np.uint8), np.ascontiguousarray(new).reshape(-1).view(np.uint8))


def same_static(a: object, b: object) -> bool:
    """Return whether two values are the same: bit for bit if they are arrays or numbers, by ``==`` if not."""
    if isinstance(a, (np.ndarray, np.generic)):
        return isinstance(b, (np.ndarray, np.generic)) and same_bits(a, b)
    if isinstance(a, (float, complex)) and a.__class__ is b.__class__:
        return repr(a) == repr(b)  # nan is the same, 0.0 and -0.0 are not
    return bool(a == b)
