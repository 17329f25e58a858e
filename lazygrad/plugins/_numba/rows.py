"""Rows of a program as instructions for numba's machines: opcodes, and the places of their arguments."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from ..._graph.types import Array, DType
from ..._schedule.kernels import Kernel
from ..._schedule.program import Program
from ...ops import arithmetic, bounds, linear, transcendental
from .machine import Opcode

__all__ = ["Instructions", "NotForNumba", "write_instructions"]

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
# Opcodes whose results are not NumPy's, bit for bit: of two zeros, too, either one is the larger.
INEXACT = {op for op in Opcode if op >= Opcode.EXP} | {Opcode.MAXIMUM, Opcode.MINIMUM}

BOOL = np.dtype(bool)
COMPUTED = 1 << 40  # where the places of instructions begin, until it is known how many literals there are


class NotForNumba(Exception):
    """A row is not for numba."""


@attrs.define(eq=False)
class Instructions:
    """Straight-line code on a list of numbers (or arrays): the given ones, then literals, then computed ones.

    Attributes
    ----------
    given
        How many places the given ones take.
    places
        Row -> place, of each row that is given or computed.
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
        """Return the place of the first instruction."""
        return self.given + len(self.literals)

    @property
    def exact(self) -> bool:
        """Return whether all bits are those of NumPy."""
        return INEXACT.isdisjoint(self.ops)

    def resolve_places(self, places: object) -> Any:
        """Return places as they are now that all literals are known."""
        places = np.asarray(places, np.int64)
        places = np.where(places < 0, self.given - 1 - places, places)
        return np.where(places >= COMPUTED, places - COMPUTED + self.base, places)

    def code(self) -> Array:
        """Return the places of the arguments, 3 x instructions."""
        return self.resolve_places([[args[c] if c < len(args) else 0 for args in self.args] for c in range(3)])

    def add_literal(self, value: Any) -> int:
        """Return the place of a number."""
        number = np.float64(value)
        if number != value and value == value:
            raise NotForNumba
        place = self._known.get(number.tobytes())
        if place is None:
            self.literals.append(float(number))
            place = self._known[number.tobytes()] = -len(self.literals)
        return place

    def find_place(self, row: int) -> int:
        """Return the place of an argument."""
        found = self.places.get(row)
        if found is not None:
            return found
        value = self.program.literals.get(row)
        if value is None or value.size != 1:
            raise NotForNumba
        return self.add_literal(value.item())

    def emit(self, op: int, *args: int) -> int:
        """Add an instruction, and return its place."""
        self.ops.append(op)
        self.args.append(args)
        return COMPUTED + len(self.ops) - 1

    def add_row(self, row: int, kernel: Kernel) -> None:
        """Add the instructions of a row."""
        program = self.program
        rows, dtype = program.args[row], program.dtypes[row]
        function = kernel.function
        if kernel.kind == "view" or (kernel.kind == "sum" and not program.shapes[rows[0]]):
            place = self.find_view(row, kernel, rows[0])
        elif function is np.bitwise_and and dtype.kind == "i" and self.are_conditions(rows):
            place = self.emit(Opcode.WHERE, self.find_bits(rows[0]), self.add_literal(0.0), self.find_place(rows[1]))
        elif function is np.negative and dtype.kind == "i" and self.are_conditions(rows):  # all its bits
            place = self.find_place(rows[0])
        elif dtype != self.dtype and dtype != BOOL:
            raise NotForNumba
        elif function is np.where:
            condition, x, y = map(self.find_place, rows)
            place = self.emit(Opcode.WHERE, x, y, condition)
        elif function is arithmetic.chosen.function:
            place = self.emit(Opcode.WHERE, self.find_place(rows[0]), self.add_literal(0.0), self.find_place(rows[1]))
        elif dtype == BOOL and all(program.dtypes[a] == BOOL for a in rows):
            place = self.add_boolean(function, [self.find_place(a) for a in rows])
        else:
            place = self.add_number(kernel, [self.find_place(a) for a in rows])
        self.places[row] = place

    def are_conditions(self, rows: Sequence[int]) -> bool:
        """Return whether integers are bits of numbers or of conditions, as choices between bits have them."""
        kernels, literals = self.program.kernels, self.program.literals
        names = [k.name if (k := kernels[row]) is not None else "" for row in rows]
        return all(name in ("view as", "negative") or row in literals for row, name in zip(rows, names, strict=True))

    def find_view(self, row: int, kernel: Kernel, arg: int) -> int:
        """Return the place of the row that a view shows, if it moves no element."""
        program = self.program
        if kernel.name != "view as" and program.shapes[arg] not in ((), program.shapes[row]):
            raise NotForNumba
        return self.find_bits(arg) if program.dtypes[row].kind == "i" else self.find_place(arg)

    def find_bits(self, row: int) -> int:
        """Return the place of a number whose bits are taken as an integer."""
        value = self.program.literals.get(row)
        if value is None or value.dtype.kind != "i" or value.size != 1:
            return self.find_place(row)
        return self.add_literal(value.view(self.dtype).item())

    def add_boolean(self, function: object, places: list[int]) -> int:
        """Add an instruction on truth values, and return its place."""
        if function in (np.logical_not, np.invert):
            return self.emit(Opcode.EQUAL, places[0], self.add_literal(0.0))
        op = OF_BOOLEANS.get(function, UFUNCS.get(function))
        if op not in (Opcode.MULTIPLY, Opcode.MAXIMUM, Opcode.EQUAL, Opcode.NOT_EQUAL):
            raise NotForNumba
        return self.emit(op, *places)

    def add_number(self, kernel: Kernel, places: list[int]) -> int:
        """Add the instructions of a function of numbers, and return the place of the last one."""
        function = kernel.function
        if kernel.kind == "ufunc":
            if function in UFUNCS:
                return self.emit(UFUNCS[function], *places)
            if function in SWAPPED:
                return self.emit(SWAPPED[function], places[1], places[0])
            if function is np.square:
                return self.emit(Opcode.MULTIPLY, places[0], places[0])
            if function is np.reciprocal:
                return self.emit(Opcode.DIVIDE, self.add_literal(1.0), places[0])
        elif kernel.kind == "call":
            if function in FUNCTIONS:
                return self.emit(FUNCTIONS[function], *places)
            if function is linear.astype.function:
                return places[0]
            if function is arithmetic.pow.function and isinstance(kernel.static["n"], (int, float)):
                return self.emit(Opcode.POWER, places[0], self.add_literal(kernel.static["n"]))
            if function is bounds.within.function:
                above = self.emit(Opcode.MAXIMUM, places[0], self.add_literal(kernel.static["low"]))
                return self.emit(Opcode.MINIMUM, above, self.add_literal(kernel.static["high"]))
        raise NotForNumba


def write_instructions(
    program: Program, rows: Sequence[int], given: Mapping[int, int], dtype: DType
) -> Instructions | None:
    """Return what computes these rows from those that are given (row -> place); None if one is not for numba.

    Time is linear in the rows.
    """
    code = Instructions(program, len(set(given.values())), dict(given), dtype)
    kernels = program.kernels
    try:
        for row in rows:
            kernel = kernels[row]
            if kernel is not None:
                code.add_row(row, kernel)
            elif row not in given and row not in program.literals:
                return None
    except NotForNumba:
        return None
    return code
