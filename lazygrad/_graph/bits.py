"""Compare arrays bit for bit: -0.0 differs from 0.0, and nan equals itself."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["same_bytes"]

SMALL = 1 << 14  # bytes, up to which a copy costs less than to look at them in place


def same_bytes(old: Any, new: np.ndarray[Any, Any]) -> bool:
    """Whether two values are the same bytes: -0.0 differs from 0.0, and nan equals itself."""
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
