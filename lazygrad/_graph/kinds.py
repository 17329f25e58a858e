"""The shapes and dtypes that values must have, looked at quickly wherever no walk of the memo has computed them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import attrs
import numpy as np

from .node import Node
from .types import DType, Shape

__all__ = ["Kinds", "get_dtype", "get_shape"]

get_shape, get_dtype = attrgetter("shape"), attrgetter("dtype")


@attrs.frozen(eq=False)
class Kinds:
    """The shape and dtype of each of some nodes.

    The class of a number without axes tells its dtype, so of those nothing else is looked at: that takes a third of the
    time.
    """

    classes: list[type]
    arrays: list[int]  # the places of those with axes
    shapes: list[Shape]  # of these
    dtypes: list[DType]

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> Kinds:
        """Return those of nodes as they are now."""
        arrays = [k for k, i in enumerate(nodes) if i.shape]
        classes: list[type] = [np.ndarray if i.shape else i.dtype.type for i in nodes]
        return cls(classes, arrays, [nodes[k].shape for k in arrays], [nodes[k].dtype for k in arrays])

    def hold(self, values: Sequence[object]) -> bool:
        """Return whether values have these shapes and dtypes, numbers without axes being NumPy's scalars."""
        if list(map(type, values)) != self.classes:
            return False
        arrays = [values[k] for k in self.arrays]
        return list(map(get_shape, arrays)) == self.shapes and list(map(get_dtype, arrays)) == self.dtypes

    def describe(self, values: Sequence[object]) -> str:
        """Return the end of a sentence that says which value is wrong, and how."""
        if len(values) != len(self.classes):
            return f"{len(values)} values for {len(self.classes)} nodes"
        shapes, dtypes = iter(self.shapes), iter(self.dtypes)
        for value, expected in zip(values, self.classes, strict=True):
            shape, dtype = (next(shapes), next(dtypes)) if expected is np.ndarray else ((), np.dtype(expected))
            found = np.asarray(value)
            if found.shape != shape or found.dtype != dtype:
                return (
                    f"shape {found.shape} and dtype {found.dtype} where shape {shape} and dtype {dtype} were promised"
                )
        return "an array in the place of a number"
