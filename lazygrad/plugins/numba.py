"""Schedules that run in machines compiled by numba, once for all programs: ``lazygrad.compile(..., backend="numba")``.

A graph of numbers becomes a list of instructions, one of arrays a list of stages that are computed block by block. The
compiled machines are generic, and kept on disk: the next process does not compile again.

>>> import lazygrad as lg, numpy as np
>>> x, y = lg.parameter(2.0, name="x"), lg.parameter(0.5, name="y")
>>> step = lg.compile(np.sin(x * y) + x, wrt=[x, y], inputs=[x, y], backend="numba")
>>> value, (dx, dy) = step(1.0, 0.0)
>>> value, dx, dy
(array(1.), array(1.), array(1.))
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import attrs
import numpy as np
from numba.extending import get_cython_function_address

from .._graph.types import Array, DType, Shape
from .._schedule.forms.buffers import LARGE
from .._schedule.forms.straight import buffer_pool, write_straight
from .._schedule.guards import Branched, NotANumber, find_nan_checks, make_guard_test
from .._schedule.program import Program
from ._numba import machine as machine
from ._numba.arrays import lay_out
from ._numba.layout import Layout
from ._numba.rows import BOOL, NotForNumba, write_instructions

__all__ = ["Arrays", "Numbers", "machine_for"]

FLOAT = np.dtype(float)


@attrs.define(eq=False)
class Numbers:
    """A program of single numbers, as instructions in runs of one opcode.

    Attributes
    ----------
    leaves
        How many values come with each call; literals follow them, and then what is computed.
    """

    leaves: int
    literals: list[float]
    runs: Any
    code: Any
    outputs: Any
    booleans: list[int]  # which of the outputs are
    checked: Any
    guards: list[tuple[int, DType, Callable[[Any], bool]]]

    @property
    def steps(self) -> int:
        """Return the number of instructions."""
        return int(self.code.shape[1])

    @property
    def source(self) -> str:
        """Return what the machine runs, a line for each run of one opcode."""
        base = self.leaves + len(self.literals)
        lines = []
        for op, start, stop in self.runs.tolist():
            lines.append(f"v[{base + start}:{base + stop}] = {machine.Opcode(op).name.lower()}")
        return "\n".join(lines)

    @property
    def nbytes(self) -> int:
        """Return the bytes of the numbers in between."""
        return 8 * (self.leaves + len(self.literals) + self.steps)

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function, with numbers of its own: one call at a time."""
        leaves, base = self.leaves, self.leaves + len(self.literals)
        v = np.zeros(base + self.steps)
        v[leaves:base] = self.literals
        given = v[:leaves]
        scratch = np.zeros((4, machine.CHUNK))
        run, runs, code, checked = machine.run_numbers, self.runs, self.code, self.checked
        outputs, booleans, guards = self.outputs, self.booleans, self.guards

        def schedule(*values: Any) -> tuple[Any, ...]:
            given[...] = values
            if run(v, runs, code, base, checked, scratch):
                raise NotANumber
            for place, dtype, branched in guards:
                if branched(dtype.type(v[place])):
                    raise Branched
            found = v[outputs]
            if booleans:
                return tuple([np.bool_(n) if k in booleans else n for k, n in enumerate(found)])
            return tuple(found)

        return schedule


def write_numbers(
    program: Program, live: Sequence[int], params: Sequence[tuple[int, str]], exact: bool
) -> Numbers | None:
    """Return a program of single numbers for the machine; None if it is not for numba.

    Time is linear in the rows.
    """
    if any(program.shapes[row] for row in live):
        return None
    if not all(program.dtypes[row] in (FLOAT, BOOL) for row, _ in params):
        return None
    instructions = write_instructions(program, live, {row: k for k, (row, _) in enumerate(params)}, FLOAT)
    if instructions is None or (exact and not instructions.exact):
        return None
    guarded = [row for row, _ in program.guards]
    try:
        read = program.outputs, guarded, sorted(find_nan_checks(program, live))
        places = [list(map(instructions.find_place, rows)) for rows in read]
    except NotForNumba:
        return None
    base = instructions.base  # now that all literals are known
    runs, code, order = machine.ordered(np.array(instructions.ops, np.int64), instructions.code(), base)
    ordered = np.concatenate([np.arange(base), order])
    outputs, guards, checked = [ordered[instructions.resolve_places(which)] for which in places]
    return Numbers(
        len(params),
        instructions.literals,
        runs,
        code,
        outputs,
        [k for k, row in enumerate(program.outputs) if program.dtypes[row] == BOOL],
        checked,
        [
            (int(place), program.dtypes[row], make_guard_test(guard))
            for place, (row, guard) in zip(guards, program.guards, strict=True)
        ],
    )


# -- arrays ------------------------------------------------------------------------------------------

REGISTER_BYTES = 1 << 15  # of all registers together, so that they stay in the processor's first cache


def _find_data(arrays: tuple[Any, ...]) -> int | None:
    """Return the address of the data of the first array, as the machine finds it."""
    first = ctypes.c_ssize_t.from_address(id(arrays) + machine.ITEMS).value
    return ctypes.c_void_p.from_address(first + machine.DATA).value


SAMPLE = (np.empty(1),)
KNOWN = _find_data(SAMPLE) == SAMPLE[0].ctypes.data  # as in CPython it is
PLAIN = 0x101  # among the flags of an array: C-contiguous, and aligned
SMALL_PRODUCT = 1 << 12  # multiplications: a loop is as fast as BLAS
LARGE_PRODUCT = 1 << 21  # what else there is to compute does not matter, and NumPy's BLAS is mostly a newer one
LARGE_ARRAY = 1 << 14  # elements: here NumPy's functions of float32 are faster, as they do without doubles


@functools.cache
def find_blas(dtype: DType) -> int:
    """Return the address of BLAS' function for products of matrices; 0 without SciPy, which has it."""
    if find_spec("scipy") is None:
        return 0
    name = "dgemm" if dtype.itemsize == 8 else "sgemm"
    address: int = get_cython_function_address("scipy.linalg.cython_blas", name)
    return address


@attrs.define(eq=False)
class Arrays:
    """A program on arrays, as stages for the machine."""

    layout: Layout
    outputs: list[tuple[int, Shape]]  # which of leaves, results and literals, and in which shape
    guards: list[tuple[int, Callable[[Any], bool]]]
    literals: tuple[Any, ...]
    careful: Callable[[], Callable[..., tuple[Any, ...]]]

    @property
    def steps(self) -> int:
        """Return the number of instructions."""
        return len(self.layout.code)

    @property
    def source(self) -> str:
        """Return what the machine runs, a line an instruction."""
        lines = []
        for first, stop, size in self.layout.stages:
            lines.append(f"for each block of {size}:" if size > 1 else "once:")
            for op, *fields in self.layout.code[first:stop]:
                name = machine.Opcode(op).name if op < machine.COUNT else machine.Special(op).name
                lines.append(f"    {name.lower()}({', '.join([str(n) if n >= 0 else f'a{-1 - n}' for n in fields])})")
        return "\n".join(lines)

    @property
    def nbytes(self) -> int:
        """Return the bytes of the arrays that lie ready."""
        item = self.layout.dtype.itemsize
        return item * sum(n for _, n in self.layout.between) + item * self.layout.registers * self.block

    @property
    def block(self) -> int:
        """Return how many elements a register holds."""
        fits = REGISTER_BYTES // (self.layout.dtype.itemsize * self.layout.registers)
        largest = max([size for _, _, size in self.layout.stages], default=1)
        return max(64, min(2048, fits, largest)) + 63 & -64

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function, with arrays of its own: one call at a time."""
        layout, outputs, guards, literals = self.layout, self.outputs, self.guards, self.literals
        dtype, block = layout.dtype, self.block
        held: list[Any] = []
        slots = np.zeros(len(layout.kinds), np.int64)

        def keep(slot: int, array: Any) -> None:
            held.append(array)
            slots[slot] = array.ctypes.data

        for slot, value in layout.literals:
            keep(slot, value)
        for slot, size in layout.between:
            keep(slot, np.empty(size, dtype))
        for slot, size in layout.totals:
            keep(slot, np.empty(size))
        pool = np.zeros(layout.registers * block, dtype)
        gemm = find_blas(dtype)
        work = np.zeros(40, np.uint8)
        work[machine.WORK_LETTERS : machine.WORK_FACTORS] = np.frombuffer(b"NT  ", np.uint8)
        work[machine.WORK_FACTORS :].view(dtype)[0] = 1.0
        held.append(work)
        code = np.array(layout.code, np.int64).reshape(-1, machine.FIELDS)  # also if there are none
        stages = np.array(layout.stages, np.int64).reshape(-1, 3)
        run, careful = machine.run_arrays, self.careful
        allocators = [_make_allocator(layout.program.shapes[row], layout.program.dtypes[row]) for row in layout.results]
        leaves = len(layout.leaves)
        given, at = leaves + len(allocators), work.ctypes.data

        def schedule(_: list[Any], *values: Any) -> tuple[Any, ...]:
            plain = [v if v.__class__ is np.ndarray and v.flags.num & PLAIN == PLAIN else _as_plain(v) for v in values]
            arrays = (*plain, *[allocate() for allocate in allocators], *literals)
            wrong = run(slots, given, id(arrays), stages, code, pool, block, gemm, at)
            if wrong == 1:
                raise NotANumber
            if wrong:  # NumPy tells what
                return careful()(*values)
            for k, branched in guards:
                if branched(arrays[k][()]):
                    raise Branched
            if simple:
                return arrays[leaves:]
            own = range(leaves, given)
            return tuple([(arrays[k] if k in own else arrays[k].copy()).reshape(shape) for k, shape in outputs])

        simple = outputs == [(leaves + k, layout.program.shapes[row]) for k, row in enumerate(layout.results)]
        return partial(schedule, held)  # which live as long as their addresses are known


def _as_plain(value: Any) -> Any:
    """Return an array whose elements lie side by side."""
    array = np.asarray(value)
    return array if array.flags.num & PLAIN == PLAIN else array.copy()


def _make_allocator(shape: Shape, dtype: DType) -> Callable[[], Any]:
    """Return what makes arrays for a result."""
    return partial(np.empty, shape, dtype) if math.prod(shape) * dtype.itemsize < LARGE else buffer_pool(shape, dtype)


def write_arrays(
    program: Program, live: Sequence[int], params: Sequence[tuple[int, str]], exact: bool
) -> Arrays | None:
    """Return a program on arrays for the machine; None if it is not for numba.

    Time is linear in the rows.
    """
    if not KNOWN or not all(map(math.prod, [program.shapes[row] for row in live])):
        return None
    guarded = [row for row, _ in program.guards]
    leaves = [row for row, _ in params]
    layout = lay_out(program, live, leaves, [*guarded, *program.outputs], find_nan_checks(program, live))
    if layout is None or (exact and not layout.exact):
        return None
    if layout.products > (LARGE_PRODUCT if find_blas(layout.dtype) else SMALL_PRODUCT):
        return None
    if layout.dtype.itemsize == 4 and layout.slow > LARGE_ARRAY:
        return None

    literals: list[Any] = []  # among the answers

    def find_array(row: int) -> int:
        root = layout.find_root(row)
        if root not in program.literals:
            return layout.slots[root]
        literals.append(program.literals[root])
        return len(leaves) + len(layout.results) + len(literals) - 1

    return Arrays(
        layout,
        [(find_array(row), program.shapes[row]) for row in program.outputs],
        [(find_array(row), make_guard_test(guard)) for row, guard in program.guards],
        tuple(literals),
        lambda: write_straight(program, params, exact, "").bind(),
    )


def machine_for(
    program: Program, live: Sequence[int], params: Sequence[tuple[int, str]], exact: bool
) -> Numbers | Arrays | None:
    """Return the program in a form for numba; None if there is none that pays."""
    return write_numbers(program, live, params, exact) or write_arrays(program, live, params, exact)
