"""Rows of a program as instructions for numba's machines: opcodes, and the places of their arguments."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from ..._graph.types import DType
from ..._schedule.kernels import Kernel
from ..._schedule.program import Program
from ...ops import arithmetic, bounds, linear, transcendental
from .machine import Opcode

__all__ = ["Instructions", "NotForNumba", "instructions"]

UFUNCS: dict[Any, Any] = {
    ufunc: op for op in Opcode if isinstance(ufunc := getattr(np, op.name.lower(), None), np.ufunc)
} | {np.fabs: Opcode.ABSOLUTE}
SWAPPED = {np.greater: Opcode.LESS, np.greater_equal: Opcode.LESS_EQUAL}
OF_BOOLEANS: dict[Any, int] = {  # which are 0 and 1
    np.multiply: Opcode.MULTIPLY,
    np.logical_and: Opcode.MULTIPLY,
    np.bitwise_and: Opcode.MULTIPLY,
    np.add: Opcode.MAXIMUM,
    np.logical_or: Opcode.MAXIMUM,
    np.bitwise_or: Opcode.MAXIMUM,
    np.logical_xor: Opcode.NOT_EQUAL,
    np.bitwise_xor: Opcode.NOT_EQUAL,
}
FUNCTIONS: dict[Any, int] = {
    operator.abs: Opcode.ABSOLUTE,
    abs: Opcode.ABSOLUTE,
    arithmetic.guarded_multiply.function: Opcode.GUARDED_MULTIPLY,
    arithmetic.strong_multiply.function: Opcode.STRONG_MULTIPLY,
    arithmetic.guarded_divide.function: Opcode.GUARDED_DIVIDE,
    transcendental.sigmoid.function: Opcode.SIGMOID,
}
# Whose bits are not NumPy's; and of two zeros, the larger is either one.
INEXACT = {op for op in Opcode if op >= Opcode.EXP} | {Opcode.MAXIMUM, Opcode.MINIMUM}

BOOL = np.dtype(bool)
MADE = 1 << 40  # where the places of instructions begin, until it is known how many literals there are


class NotForNumba(Exception):
    """A row is none of numba's."""


@attrs.define(eq=False)
class Instructions:
    """Straight-line code on a list of numbers (or arrays): what is given, then literals, then what is computed.

    Attributes
    ----------
    given
        How many places what is given takes.
    places
        Row -> place, of what is given and of what an instruction computes.
    """

    program: Program
    given: int
    places: dict[int, int]
    dtype: DType
    literals: list[float] = attrs.field(factory=list)
    ops: list[int] = attrs.field(factory=list)
    args: list[tuple[int, ...]] = attrs.field(factory=list)
    _known: dict[bytes, int] = attrs.field(factory=dict)

    @property
    def base(self) -> int:
        """The place of the first instruction."""
        return self.given + len(self.literals)

    @property
    def exact(self) -> bool:
        """Whether all bits are those of NumPy."""
        return INEXACT.isdisjoint(self.ops)

    def final(self, places: Any) -> Any:
        """Places as they are now that all literals are known."""
        places = np.asarray(places, np.int64)
        places = np.where(places < 0, self.given - 1 - places, places)
        return np.where(places >= MADE, places - MADE + self.base, places)

    def code(self) -> Any:
        """The places of the arguments, 3 x instructions."""
        return self.final([[args[c] if c < len(args) else 0 for args in self.args] for c in range(3)])

    def literal(self, value: Any) -> int:
        """The place of a number."""
        number = np.float64(value)
        if number != value and value == value:
            raise NotForNumba
        place = self._known.get(number.tobytes())
        if place is None:
            self.literals.append(float(number))
            place = self._known[number.tobytes()] = -len(self.literals)
        return place

    def place(self, row: int) -> int:
        """The place of an argument."""
        found = self.places.get(row)
        if found is not None:
            return found
        value = self.program.literals.get(row)
        if value is None or value.size != 1:
            raise NotForNumba
        return self.literal(value.item())

    def say(self, op: int, *args: int) -> int:
        """One instruction; its place."""
        self.ops.append(op)
        self.args.append(args)
        return MADE + len(self.ops) - 1

    def row(self, row: int, kernel: Kernel) -> None:
        """The instructions of a row."""
        program = self.program
        rows, dtype = program.args[row], program.dtypes[row]
        function = kernel.function
        if kernel.kind == "view" or (kernel.kind == "sum" and not program.shapes[rows[0]]):
            made = self.same(row, kernel, rows[0])
        elif function is np.bitwise_and and dtype.kind == "i" and self.seen(rows):
            made = self.say(Opcode.WHERE, self.bits(rows[0]), self.literal(0.0), self.place(rows[1]))
        elif function is np.negative and dtype.kind == "i" and self.seen(rows):  # all bits of a condition
            made = self.place(rows[0])
        elif dtype != self.dtype and dtype != BOOL:
            raise NotForNumba
        elif function is np.where:
            condition, x, y = map(self.place, rows)
            made = self.say(Opcode.WHERE, x, y, condition)
        elif function is arithmetic.chosen.function:
            made = self.say(Opcode.WHERE, self.place(rows[0]), self.literal(0.0), self.place(rows[1]))
        elif dtype == BOOL and all(program.dtypes[a] == BOOL for a in rows):
            made = self.of_booleans(function, [self.place(a) for a in rows])
        else:
            made = self.of_numbers(kernel, [self.place(a) for a in rows])
        self.places[row] = made

    def seen(self, rows: Sequence[int]) -> bool:
        """Whether integers are numbers or conditions, seen as such to choose between bits."""
        kernels, literals = self.program.kernels, self.program.literals
        names = [k.name if (k := kernels[row]) is not None else "" for row in rows]
        return all(name in ("view as", "negative") or row in literals for row, name in zip(rows, names, strict=True))

    def same(self, row: int, kernel: Kernel, arg: int) -> int:
        """The place of what a view shows, if each element is the one at its place."""
        program = self.program
        if kernel.name != "view as" and program.shapes[arg] not in ((), program.shapes[row]):
            raise NotForNumba
        return self.bits(arg) if program.dtypes[row].kind == "i" else self.place(arg)

    def bits(self, row: int) -> int:
        """The place of a number that is seen as an integer."""
        value = self.program.literals.get(row)
        if value is None or value.dtype.kind != "i" or value.size != 1:
            return self.place(row)
        return self.literal(value.view(self.dtype).item())

    def of_booleans(self, function: Any, places: list[int]) -> int:
        if function in (np.logical_not, np.invert):
            return self.say(Opcode.EQUAL, places[0], self.literal(0.0))
        op = OF_BOOLEANS.get(function, UFUNCS.get(function))
        if op not in (Opcode.MULTIPLY, Opcode.MAXIMUM, Opcode.EQUAL, Opcode.NOT_EQUAL):
            raise NotForNumba
        return self.say(op, *places)

    def of_numbers(self, kernel: Kernel, places: list[int]) -> int:
        function = kernel.function
        if kernel.kind == "ufunc":
            if function in UFUNCS:
                return self.say(UFUNCS[function], *places)
            if function in SWAPPED:
                return self.say(SWAPPED[function], places[1], places[0])
            if function is np.square:
                return self.say(Opcode.MULTIPLY, places[0], places[0])
            if function is np.reciprocal:
                return self.say(Opcode.DIVIDE, self.literal(1.0), places[0])
        elif kernel.kind == "call":
            if function in FUNCTIONS:
                return self.say(FUNCTIONS[function], *places)
            if function is linear.astype.function:
                return places[0]
            if function is arithmetic.pow.function and isinstance(kernel.static["n"], (int, float)):
                return self.say(Opcode.POWER, places[0], self.literal(kernel.static["n"]))
            if function is bounds.within.function:
                above = self.say(Opcode.MAXIMUM, places[0], self.literal(kernel.static["low"]))
                return self.say(Opcode.MINIMUM, above, self.literal(kernel.static["high"]))
        raise NotForNumba


def instructions(program: Program, rows: Sequence[int], given: Mapping[int, int], dtype: DType) -> Instructions | None:
    """What computes these rows from those that are given (row -> place); None if one is not for numba.

    Time is linear in the rows.
    """
    made = Instructions(program, len(set(given.values())), dict(given), dtype)
    kernels = program.kernels
    try:
        for row in rows:
            kernel = kernels[row]
            if kernel is not None:
                made.row(row, kernel)
            elif row not in given and row not in program.literals:
                return None
    except NotForNumba:
        return None
    return made
