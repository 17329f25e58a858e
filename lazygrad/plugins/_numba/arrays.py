"""A program on arrays as stages for numba's machine: what has one size and waits for the same is computed together.

Rows of one size that are elementwise are one stage, whatever their shapes: in flat order each repeated argument is
element ``f // each % count`` of what it repeats, and so is the place where an element is added up. Arrays in between
exist only where another stage reads them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from ..._graph.types import DType
from ..._schedule.kernels import Kernel
from ..._schedule.program import Program, Shape
from ...ops import indexing, nn
from .machine import BOOLS, COUNT, FIELDS, FLOATS, INTS, Opcode, Special
from .rows import BOOL, Instructions, NotForNumba

__all__ = ["Layout", "laid_out"]

INT = np.dtype(np.int64)
KINDS = {"f": FLOATS, "b": BOOLS, "i": INTS}
FOLDS: dict[Any, Special] = {np.add: Special.SUM, np.maximum: Special.MAXIMUM, np.minimum: Special.MINIMUM}
ALWAYS = 1 << 40  # how often a single number is repeated


def repetition(shape: Shape, full: Shape) -> tuple[int, int]:
    """How an array of a shape is repeated in one of the full shape: each element how often, and how many.

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

    A slot holds an array; a register one block of it. What the slots are: leaves, then results, which come with each
    call, and then what stays: literals, and arrays in between.
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

    def new(self, kind: int) -> int:
        """A slot."""
        self.kinds.append(kind)
        return len(self.kinds) - 1

    def root(self, row: int) -> int:
        """The row whose memory this one shows."""
        while row in self.same:
            row = self.same[row]
        return row

    def slot(self, row: int) -> int:
        """The slot of a row, which has one from now on."""
        row = self.root(row)
        found = self.slots.get(row)
        if found is None:
            value = self.program.literals.get(row)
            found = self.slots[row] = self.new(FLOATS if value is None else KINDS[value.dtype.kind])
            if value is None:
                self.between.append((found, math.prod(self.program.shapes[row])))
            else:
                if value.dtype not in (self.dtype, BOOL, INT):
                    raise NotForNumba
                self.literals.append((found, np.ascontiguousarray(value)))
        return found


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
    put: dict[int, int] = attrs.field(factory=dict)  # value -> the slot it is written to

    def value(self) -> int:
        self.values += 1
        return self.values - 1

    def say(self, op: int, *args: int) -> int:
        """One instruction; the value it gives."""
        super().say(op, *args)
        made = self.value()
        self.lines.append((op, made, *args))
        return made

    def load(self, slot: int, each: int, count: int) -> int:
        """The value of an array that is repeated."""
        kind = self.layout.kinds[slot]
        if kind == FLOATS and count == self.size > 1:
            return -1 - slot
        key = slot, each, count
        found = self.loaded.get(key)
        if found is None:
            found = self.loaded[key] = self.value()
            if count == 1:
                self.constant.add(found)
            self.lines.append((Special.LOAD, found, -1 - slot, kind, each, count))
        return found

    def literal(self, value: Any) -> int:
        """The place of a number."""
        number = self.layout.dtype.type(value)
        if number != value and value == value:
            raise NotForNumba
        key = -1, number.tobytes()
        slot = self.layout.slots.get(key)  # type: ignore[call-overload]
        if slot is None:
            slot = self.layout.slots[key] = self.layout.new(FLOATS)  # type: ignore[index]
            self.layout.literals.append((slot, np.array(number)))
        return self.load(slot, ALWAYS, 1)

    def place(self, row: int) -> int:
        """The place of an argument."""
        layout, program = self.layout, self.program
        root = layout.root(row)
        found = self.places.get(root)
        shape = program.shapes[row]
        if found is not None and math.prod(shape) == self.size:
            return found
        value = program.literals.get(root)
        if value is not None and value.size == 1:
            return self.literal(value.item())
        if root in layout.turned or root in self.places:
            raise NotForNumba
        return self.load(layout.slot(root), *repetition(shape, self.shape))

    def row(self, row: int, kernel: Kernel) -> None:
        """The instructions of a row."""
        program = self.program
        args = program.args[row]
        self.shape = program.shapes[row]
        if kernel.kind == "matmul":
            self.product(row, *args)
            return
        if kernel.name == "transpose":
            self.turn(row, args[0])
            return
        if kernel.kind == "sum" and math.prod(program.shapes[args[0]]) > 1:
            self.fold(row, kernel, args[0])
            return
        if kernel.function is indexing.getitem.function:
            self.pick(row, kernel)
        elif kernel.kind == "sum":
            self.places[row] = self.place(args[0])
        else:
            super().row(row, kernel)
        if row in self.checked:
            self.lines.append((Special.NAN, self.places[row]))
        if row in self.wanted:
            self.store(row)

    def store(self, row: int) -> None:
        """Write a value to the row's slot."""
        layout, value = self.layout, self.places[row]
        slot = layout.slot(row)
        kind = layout.kinds[slot]
        fresh = value >= 0 and value not in self.put and value not in self.constant
        if kind == FLOATS and fresh and any(line[1] == value and line[0] < COUNT for line in self.lines[-1:]):
            self.put[value] = slot
        else:
            self.lines.append((Special.STORE, -1 - slot, kind, value))

    def same(self, row: int, kernel: Kernel, arg: int) -> int:
        """The place of a repeated array, or of its bits."""
        if kernel.name == "view as":
            return self.bits(arg) if self.program.dtypes[row].kind == "i" else self.place(arg)
        if kernel.name != "broadcast_to":
            raise NotForNumba
        return self.place(arg)

    def fold(self, row: int, kernel: Kernel, arg: int) -> None:
        """A sum, or the largest or smallest, over some axes."""
        program, layout = self.program, self.layout
        full, dtype = program.shapes[arg], program.dtypes[row]
        if dtype != self.dtype or program.dtypes[arg] not in (dtype, BOOL) or kernel.function not in FOLDS:
            raise NotForNumba
        axis = kernel.static["axis"]
        axes = range(len(full)) if axis is None else [axis] if isinstance(axis, int) else axis
        axes = [a % len(full) for a in axes]
        kept = tuple([1 if k in axes else n for k, n in enumerate(full)])
        each, count = repetition(kept, full)
        self.shape = full
        total = layout.new(FLOATS)
        layout.totals.append((total, count))
        slot = layout.slot(row)
        op = FOLDS[kernel.function]
        layout.exact = layout.exact and op != Special.SUM
        self.lines.append((op, -1 - slot, self.place(arg), each, count, -1 - total))

    def product(self, row: int, a: int, b: int) -> None:
        """A product of small matrices."""
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
        if (of := layout.turned.get(layout.root(a))) is not None:
            a, turned = of, 1
        if (of := layout.turned.get(layout.root(b))) is not None:
            b, turned = of, turned | 2
        layout.exact = False
        left, right = -1 - layout.slot(a), -1 - layout.slot(b)
        self.lines.append((Special.DOT, -1 - layout.slot(row), left, right, rows, inner, columns, turned))

    def turn(self, row: int, of: int) -> None:
        """A transposed matrix, where not only products take it."""
        layout = self.layout
        shape = self.program.shapes[of]
        if len(shape) != 2 or self.program.dtypes[of] != self.dtype:
            raise NotForNumba
        self.lines.append((Special.TURN, -1 - layout.slot(row), -1 - layout.slot(of), *shape))

    def pick(self, row: int, kernel: Kernel) -> None:
        """One element of each row of a matrix."""
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
        labels = layout.root(places[1])
        if program.shapes[labels] != (rows,) or program.dtypes[labels] != INT or labels not in layout.checked_labels:
            raise NotForNumba
        made = self.places[row] = self.value()
        self.lines.append((Special.PICK, made, -1 - layout.slot(x), columns, -1 - layout.slot(labels)))

    def finish(self) -> None:
        """Give the values registers, and add the instructions to the layout."""
        layout, lines = self.layout, self.lines
        layout.exact = layout.exact and self.exact
        if any(op >= Opcode.EXP for op in self.ops):
            layout.slow = max(layout.slow, self.size)
        last = {value: at for at, line in enumerate(lines) for value in _read(line)}
        registers = {value: k for k, value in enumerate(sorted(self.constant))}
        free: list[int] = []
        count = len(registers)

        def where(value: int) -> int:
            return -1 - self.put[value] if value in self.put else registers[value] if value >= 0 else value

        first = len(layout.code)
        for at, line in enumerate(lines):
            made = line[1] if line[0] < COUNT or line[0] in (Special.LOAD, Special.PICK) else -1
            if made >= 0 and made not in registers and made not in self.put:
                if free:
                    registers[made] = free.pop()
                else:
                    registers[made] = count
                    count += 1
            fields = [where(v) if k in PLACES.get(line[0], EVERY) else v for k, v in enumerate(line)]
            layout.code.append((*fields, *[0] * (FIELDS - len(fields))))
            done = [
                v for v in {*_read(line), made} if v in registers and v not in self.constant and last.get(v, at) == at
            ]
            free += [registers[v] for v in done]
        layout.registers = max(layout.registers, count)
        layout.stages.append((first, len(layout.code), self.size))


EVERY = range(1, 5)  # of an opcode: what is made, and its arguments
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


def _read(line: tuple[int, ...]) -> list[int]:
    """The values that an instruction reads."""
    fields = PLACES.get(line[0], EVERY[1:])
    made = line[0] in (Special.LOAD, Special.PICK)
    return [line[k] for k in fields if k < len(line) and line[k] >= 0 and not made]


# -- which rows make a stage ---------------------------------------------------------------------------

INSTEAD = ("reshape", "squeeze", "expand_dims")  # views that show all elements in the same order


def _shows_all(program: Program, row: int, kernel: Kernel) -> bool:
    if math.prod(program.shapes[row]) != math.prod(program.shapes[program.args[row][0]]):
        return False
    if kernel.name != "getitem":
        return kernel.name in INSTEAD
    return all(not isinstance(k, slice) or k.step is None or k.step > 0 for k in kernel.static["key"])


def laid_out(
    program: Program, live: Sequence[int], leaves: Sequence[int], results: Sequence[int], checked: set[int]
) -> Layout | None:
    """A program on arrays of one dtype as stages; None if it is not for numba.

    Time is linear in the rows.
    """
    dtypes = {program.dtypes[row] for row in live if program.dtypes[row].kind == "f"}
    if len(dtypes) != 1 or (dtype := dtypes.pop()).itemsize not in (4, 8):
        return None
    layout = Layout(program, dtype, list(leaves))
    try:
        for row in leaves:
            kind = program.dtypes[row]
            if kind not in (dtype, BOOL, INT):
                return None
            layout.slots[row] = layout.new(KINDS[kind.kind])
        _lay_out(layout, live, results, checked)
    except NotForNumba:
        return None
    return layout


def _lay_out(layout: Layout, live: Sequence[int], results: Sequence[int], checked: set[int]) -> None:
    program = layout.program
    shapes, kernels = program.shapes, program.kernels
    stage_of: dict[int, tuple[int, int, int]] = {}  # turn, size, row of a product
    rows_of: dict[tuple[int, int, int], list[int]] = {}
    after: dict[int, int] = {}  # the first turn in which others can read the row's array
    wanted: set[int] = set()
    read = set(results)  # by others than products of matrices, which take what they are transposes of
    for row in live:
        kernel = kernels[row]
        if kernel is not None and kernel.kind != "matmul":
            read.update(program.args[row])
    for row in live:
        kernel = kernels[row]
        if kernel is None:
            after[row] = 0
            continue
        args = program.args[row]
        if kernel.kind == "view" and _shows_all(program, row, kernel):
            layout.same[row] = args[0]
            continue
        if kernel.kind == "view" and kernel.name == "transpose" and len(shapes[row]) == 2 and row not in read:
            layout.turned[row] = of = layout.root(args[0])
            after[row] = after[of]
            wanted.add(of)
            continue
        if kernel.function is nn.checked_labels.function:
            layout.same[row] = args[0]
            labels = layout.root(args[0])
            if labels not in layout.leaves or program.dtypes[labels] != INT:
                raise NotForNumba
            if labels not in layout.checked_labels:
                layout.checked_labels.add(labels)
            slot = layout.slots[labels]
            layout.code.append((Special.LABELS, -1 - slot, math.prod(shapes[row]), kernel.static["classes"], *[0] * 5))
            layout.stages.append((len(layout.code) - 1, len(layout.code), 1))
            continue
        roots = [layout.root(a) for a in args]
        whole = kernel.kind == "matmul" or kernel.name == "transpose"  # not block by block
        product = row if whole else -1
        alone = whole or kernel.function is indexing.getitem.function
        size = 1 if whole else math.prod(shapes[args[0] if kernel.kind == "sum" else row])
        turn = 0
        for root in roots:
            known = stage_of.get(root)
            together = known is not None and not alone and known[1:] == (size, -1) and after[root] > known[0]
            together = together and kernels[root].kind != "sum"  # type: ignore[union-attr]
            turn = max(turn, known[0] if together and known else after[root])
        key = stage_of[row] = turn, size, product
        rows_of.setdefault(key, []).append(row)
        after[row] = turn + 1
        wanted.update([root for root in roots if alone or stage_of.get(root) != key])
    for row in results:
        root = layout.root(row)
        wanted.add(root)
        if root not in layout.results and kernels[root] is not None:
            layout.results.append(root)
            layout.slots[root] = layout.new(KINDS[program.dtypes[root].kind])
    roots_checked = {layout.root(row) for row in checked}
    for key in sorted(rows_of):
        stage = Stage(program, 0, {}, layout.dtype, layout=layout, size=key[1], wanted=wanted, checked=roots_checked)
        for row in rows_of[key]:
            kernel = kernels[row]
            assert kernel is not None
            stage.row(row, kernel)
        stage.finish()
        for row in rows_of[key]:
            if row in roots_checked and row not in stage.places:  # a sum or a product
                layout.code.append((Special.NAN, -1 - layout.slot(row), *[0] * (FIELDS - 2)))
                layout.stages.append((len(layout.code) - 1, len(layout.code), math.prod(shapes[row])))
