"""Rows of one size as one stage for numba's machine, which computes them together, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from ..._graph.types import Shape
from ..._schedule.kernels import Kernel
from ...ops import indexing
from .layout import ALWAYS, INT, Layout, count_repetition
from .machine import COUNT, FIELDS, FLOATS, Opcode, Special
from .rows import BOOL, Instructions, NotForNumba

__all__ = ["Stage"]

FOLDS: dict[Any, Special] = {np.add: Special.SUM, np.maximum: Special.MAXIMUM, np.minimum: Special.MINIMUM}


@attrs.define(eq=False, kw_only=True)
class Stage(Instructions):
    """Rows of one size. Places from 0 on are values, those below 0 slots."""

    layout: Layout
    size: int
    wanted: set[int]  # rows that others read
    checked: set[int]
    shape: Shape = ()
    lines: list[tuple[int, ...]] = attrs.field(factory=list)  # with values in place of registers
    values: int = 0
    loaded: dict[tuple[int, ...], int] = attrs.field(factory=dict)
    constant: set[int] = attrs.field(factory=set)  # values that are loaded before the first block
    written: dict[int, int] = attrs.field(factory=dict)  # value -> the slot it is written to

    def new_value(self) -> int:
        """Return the number of another value."""
        self.values += 1
        return self.values - 1

    def emit(self, op: int, *args: int) -> int:
        """Add an instruction, and return the value it gives."""
        super().emit(op, *args)
        value = self.new_value()
        self.lines.append((op, value, *args))
        return value

    def load(self, slot: int, each: int, count: int) -> int:
        """Return the value of an array that is repeated, loading it at first."""
        kind = self.layout.kinds[slot]
        if kind == FLOATS and count == self.size > 1:
            return -1 - slot
        key = slot, each, count
        found = self.loaded.get(key)
        if found is None:
            found = self.loaded[key] = self.new_value()
            if count == 1:
                self.constant.add(found)
            self.lines.append((Special.LOAD, found, -1 - slot, kind, each, count))
        return found

    def add_literal(self, value: Any) -> int:
        """Return the place of a number."""
        number = self.layout.dtype.type(value)
        if number != value and value == value:
            raise NotForNumba
        key = -1, number.tobytes()
        slot = self.layout.slots.get(key)  # type: ignore[call-overload]
        if slot is None:
            slot = self.layout.slots[key] = self.layout.add_slot(FLOATS)  # type: ignore[index]
            self.layout.literals.append((slot, np.array(number)))
        return self.load(slot, ALWAYS, 1)

    def find_place(self, row: int) -> int:
        """Return the place of an argument."""
        layout, program = self.layout, self.program
        root = layout.find_root(row)
        found = self.places.get(root)
        shape = program.shapes[row]
        if found is not None and math.prod(shape) == self.size:
            return found
        value = program.literals.get(root)
        if value is not None and value.size == 1:
            return self.add_literal(value.item())
        if root in layout.turned or root in self.places:
            raise NotForNumba
        return self.load(layout.find_slot(root), *count_repetition(shape, self.shape))

    def add_row(self, row: int, kernel: Kernel) -> None:
        """Add the instructions of a row."""
        program = self.program
        args = program.args[row]
        self.shape = program.shapes[row]
        if kernel.kind == "matmul":
            self.add_product(row, *args)
            return
        if kernel.name == "transpose":
            self.add_transpose(row, args[0])
            return
        if kernel.kind == "sum" and math.prod(program.shapes[args[0]]) > 1:
            self.add_fold(row, kernel, args[0])
            return
        if kernel.function is indexing.getitem.function:
            self.add_pick(row, kernel)
        elif kernel.kind == "sum":
            self.places[row] = self.find_place(args[0])
        else:
            super().add_row(row, kernel)
        if row in self.checked:
            self.lines.append((Special.NAN, self.places[row]))
        if row in self.wanted:
            self.store(row)

    def store(self, row: int) -> None:
        """Write the value of a row to its slot."""
        layout, value = self.layout, self.places[row]
        slot = layout.find_slot(row)
        kind = layout.kinds[slot]
        fresh = value >= 0 and value not in self.written and value not in self.constant
        if kind == FLOATS and fresh and any(line[1] == value and line[0] < COUNT for line in self.lines[-1:]):
            self.written[value] = slot
        else:
            self.lines.append((Special.STORE, -1 - slot, kind, value))

    def find_view(self, row: int, kernel: Kernel, arg: int) -> int:
        """Return the place of a repeated array, or of its bits."""
        if kernel.name == "view as":
            return self.find_bits(arg) if self.program.dtypes[row].kind == "i" else self.find_place(arg)
        if kernel.name != "broadcast_to":
            raise NotForNumba
        return self.find_place(arg)

    def add_fold(self, row: int, kernel: Kernel, arg: int) -> None:
        """Add a sum, or the largest or smallest, over some axes."""
        program, layout = self.program, self.layout
        full, dtype = program.shapes[arg], program.dtypes[row]
        if dtype != self.dtype or program.dtypes[arg] not in (dtype, BOOL) or kernel.function not in FOLDS:
            raise NotForNumba
        axis = kernel.static["axis"]
        axes = range(len(full)) if axis is None else [axis] if isinstance(axis, int) else axis
        axes = [a % len(full) for a in axes]
        reduced = tuple([1 if k in axes else n for k, n in enumerate(full)])
        each, count = count_repetition(reduced, full)
        self.shape = full
        total = layout.add_slot(FLOATS)
        layout.totals.append((total, count))
        slot = layout.find_slot(row)
        op = FOLDS[kernel.function]
        layout.exact = layout.exact and op != Special.SUM
        self.lines.append((op, -1 - slot, self.find_place(arg), each, count, -1 - total))

    def add_product(self, row: int, a: int, b: int) -> None:
        """Add a product of small matrices."""
        program, layout = self.program, self.layout
        turned = 0
        if not all(program.dtypes[k] == self.dtype for k in (row, a, b)):
            raise NotForNumba
        shapes = [program.shapes[k] for k in (a, b)]
        if not all(1 <= len(shape) <= 2 for shape in shapes):
            raise NotForNumba
        rows, inner = shapes[0] if len(shapes[0]) == 2 else (1, *shapes[0])
        columns = shapes[1][1] if len(shapes[1]) == 2 else 1
        layout.products = max(layout.products, rows * inner * columns)
        if (of := layout.turned.get(layout.find_root(a))) is not None:
            a, turned = of, 1
        if (of := layout.turned.get(layout.find_root(b))) is not None:
            b, turned = of, turned | 2
        layout.exact = False
        left, right = -1 - layout.find_slot(a), -1 - layout.find_slot(b)
        self.lines.append((Special.DOT, -1 - layout.find_slot(row), left, right, rows, inner, columns, turned))

    def add_transpose(self, row: int, of: int) -> None:
        """Add a transposed matrix, where not only products take it."""
        layout = self.layout
        shape = self.program.shapes[of]
        if len(shape) != 2 or self.program.dtypes[of] != self.dtype:
            raise NotForNumba
        self.lines.append((Special.TURN, -1 - layout.find_slot(row), -1 - layout.find_slot(of), *shape))

    def add_pick(self, row: int, kernel: Kernel) -> None:
        """Add the choice of one element of each row of a matrix."""
        program, layout = self.program, self.layout
        key = kernel.static["key"]
        x, *places = program.args[row]
        if program.dtypes[row] != self.dtype:
            raise NotForNumba
        if len(key) != 2 or not all(k is indexing.SLOT for k in key) or len(program.shapes[x]) != 2:
            raise NotForNumba
        rows, columns = program.shapes[x]
        every = program.literals.get(places[0])
        if every is None or every.shape != (rows,) or not np.array_equal(every, np.arange(rows)):
            raise NotForNumba
        labels = layout.find_root(places[1])
        if program.shapes[labels] != (rows,) or program.dtypes[labels] != INT or labels not in layout.checked_labels:
            raise NotForNumba
        value = self.places[row] = self.new_value()
        self.lines.append((Special.PICK, value, -1 - layout.find_slot(x), columns, -1 - layout.find_slot(labels)))

    def finish(self) -> None:
        """Give the values registers, and add the instructions to the layout."""
        layout, lines = self.layout, self.lines
        layout.exact = layout.exact and self.exact
        if any(op >= Opcode.EXP for op in self.ops):
            layout.slow = max(layout.slow, self.size)
        last = {value: at for at, line in enumerate(lines) for value in _find_values_read(line)}
        registers = {value: k for k, value in enumerate(sorted(self.constant))}
        free: list[int] = []
        count = len(registers)

        def where(value: int) -> int:
            return -1 - self.written[value] if value in self.written else registers[value] if value >= 0 else value

        first = len(layout.code)
        for at, line in enumerate(lines):
            result = line[1] if line[0] < COUNT or line[0] in (Special.LOAD, Special.PICK) else -1
            if result >= 0 and result not in registers and result not in self.written:
                if free:
                    registers[result] = free.pop()
                else:
                    registers[result] = count
                    count += 1
            fields = [where(v) if k in PLACES.get(line[0], EVERY) else v for k, v in enumerate(line)]
            layout.code.append((*fields, *[0] * (FIELDS - len(fields))))
            done = [
                v
                for v in {*_find_values_read(line), result}
                if v in registers and v not in self.constant and last.get(v, at) == at
            ]
            free += [registers[v] for v in done]
        layout.registers = max(layout.registers, count)
        layout.stages.append((first, len(layout.code), self.size))


EVERY = range(1, 5)  # of an opcode: the result, and its arguments
PLACES: dict[int, Sequence[int]] = {
    Special.LOAD: (1,),
    Special.STORE: (3,),
    Special.SUM: (2,),
    Special.MAXIMUM: (2,),
    Special.MINIMUM: (2,),
    Special.PICK: (1,),
    Special.NAN: (1,),
    Special.LABELS: (),
    Special.DOT: (),
    Special.TURN: (),
}  # fields that may be values


def _find_values_read(line: tuple[int, ...]) -> list[int]:
    """Return the values that an instruction reads."""
    fields = PLACES.get(line[0], EVERY[1:])
    writes = line[0] in (Special.LOAD, Special.PICK)
    return [line[k] for k in fields if k < len(line) and line[k] >= 0 and not writes]
