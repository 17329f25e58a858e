"""Where all arrays of a program lie, and how they repeat in one another: what stages of numba's machine refer to."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np

from ..._graph.types import DType, Shape
from ..._schedule.program import Program
from .machine import BOOLS, FLOATS, INTS
from .rows import BOOL, NotForNumba

__all__ = ["ALWAYS", "INT", "KINDS", "Layout", "count_repetition"]

INT = np.dtype(np.int64)
KINDS = {"f": FLOATS, "b": BOOLS, "i": INTS}
ALWAYS = 1 << 40  # how often a single number is repeated


def count_repetition(shape: Shape, full: Shape) -> tuple[int, int]:
    """Return how an array is repeated in one of the full shape: each element how often, and how many there are.

    In flat order, element f is ``f // each % count``.
    """
    shape = (1,) * (len(full) - len(shape)) + shape
    own = [k for k, n in enumerate(shape) if n != 1]
    if not own:
        return ALWAYS, 1
    first, last = own[0], own[-1]
    if shape[first : last + 1] != full[first : last + 1]:
        raise NotForNumba
    return math.prod(full[last + 1 :]), math.prod(shape)


@attrs.define(eq=False)
class Layout:
    """Where all arrays of a program lie.

    A slot holds an array, a register one block of it. Slots of leaves come first, then those of results, as both come
    with each call; the others stay: literals, and arrays in between.
    """

    program: Program
    dtype: DType
    leaves: list[int]  # rows
    slots: dict[int, int] = attrs.field(factory=dict)  # row -> slot, if it has one
    kinds: list[int] = attrs.field(factory=list)
    results: list[int] = attrs.field(factory=list)  # rows that are written where the caller gets them
    literals: list[tuple[int, Any]] = attrs.field(factory=list)
    checked_labels: set[int] = attrs.field(factory=set)  # rows
    between: list[tuple[int, int]] = attrs.field(factory=list)  # slot, elements
    totals: list[tuple[int, int]] = attrs.field(factory=list)  # in which sums are added up: doubles
    same: dict[int, int] = attrs.field(factory=dict)  # row -> the row whose memory it shows
    turned: dict[int, int] = attrs.field(factory=dict)  # row -> the matrix it is the transpose of
    products: int = 0  # the most multiplications that a product of matrices takes
    slow: int = 0  # the most elements of which a function is computed in double precision
    stages: list[tuple[int, int, int]] = attrs.field(factory=list)
    code: list[tuple[int, ...]] = attrs.field(factory=list)
    registers: int = 1
    exact: bool = True

    def add_slot(self, kind: int) -> int:
        """Add a slot for an array of this kind, and return it."""
        self.kinds.append(kind)
        return len(self.kinds) - 1

    def find_root(self, row: int) -> int:
        """Return the row whose memory this one shows."""
        while row in self.same:
            row = self.same[row]
        return row

    def find_slot(self, row: int) -> int:
        """Return the slot of a row, which has one from now on."""
        row = self.find_root(row)
        found = self.slots.get(row)
        if found is None:
            value = self.program.literals.get(row)
            found = self.slots[row] = self.add_slot(FLOATS if value is None else KINDS[value.dtype.kind])
            if value is None:
                self.between.append((found, math.prod(self.program.shapes[row])))
            else:
                if value.dtype not in (self.dtype, BOOL, INT):
                    raise NotForNumba
                self.literals.append((found, np.ascontiguousarray(value)))
        return found
