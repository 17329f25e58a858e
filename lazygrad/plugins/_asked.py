"""A function as a host asks it, prepared at its first call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from .._graph.types import Array
from ..backend import Prepared, prepare

__all__ = ["Asked", "arrays"]

STRUCTURES = 8  # the last ones are kept: a host that is asked for floats may go from float32 to float64 on its way


class Asked:
    """A function of arrays, prepared once for each of the shapes and dtypes that a host calls it with."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.prepared: OrderedDict[Hashable, Prepared] = OrderedDict()
        self._lock = threading.RLock()

    def at(self, point: Sequence[Array]) -> Prepared:
        """What answers there; derivatives are by all arguments."""
        key = tuple([(x.shape, x.dtype) for x in point])
        with self._lock:
            found = self.prepared.get(key)
            if found is None:
                found = self.prepared[key] = prepare(self.function, *point, wrt=tuple(range(len(point))))
                if len(self.prepared) > STRUCTURES:
                    self.prepared.popitem(last=False)
            self.prepared.move_to_end(key)
            return found


def arrays(given: Sequence[Any]) -> tuple[Array, ...]:
    """Arrays; of floats where integers were given, as a host that says 1 means a number."""
    made = [np.asarray(x) for x in given]
    return tuple([x.astype(float) if x.dtype.kind in "biu" else x for x in made])
