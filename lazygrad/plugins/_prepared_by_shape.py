"""A function that a host calls with any shapes and dtypes: prepared at the first call with each of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from .._graph.turns import make_lock
from .._graph.types import Array
from ..backend import Prepared, prepare
from ..backend._recent import Recent

__all__ = ["PreparedByShape", "as_float_arrays"]

STRUCTURES = 8  # the last ones are kept: a host that is asked for floats may go from float32 to float64 on its way


class PreparedByShape:
    """A function of arrays, prepared once for each of the shapes and dtypes that a host calls it with."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._recent: Recent[tuple[Hashable, Prepared]] = Recent(STRUCTURES)
        self._lock = make_lock()

    @property
    def prepared(self) -> tuple[Prepared, ...]:
        """Return what was prepared; what was used last comes last."""
        return tuple([p for _, p in reversed(list(self._recent))])

    def at(self, point: Sequence[Array]) -> Prepared:
        """Return the prepared function for arrays like these; its derivatives are by all arguments."""
        key = tuple([(x.shape, x.dtype) for x in point])
        with self._lock:
            found = self._recent.find(lambda one: one[0] == key)
        if found is None:  # without the lock, as the function is the user's
            found = key, prepare(self.function, *point, wrt=tuple(range(len(point))))
        with self._lock:
            found = self._recent.find(lambda one: one[0] == key) or found  # of a thread that was quicker
            self._recent.use(found)
            return found[1]


def as_float_arrays(given: Sequence[object]) -> tuple[Array, ...]:
    """Return arrays, of floats where integers were given, as a host that says 1 means a number."""
    found = [np.asarray(x) for x in given]
    return tuple([x.astype(float) if x.dtype.kind in "biu" else x for x in found])
