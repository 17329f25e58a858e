"""Chains of elementwise rows over large arrays, computed block by block while the numbers are in the cache.

Unblocked, each row of a chain reads and writes main memory. Here all rows of a chain are computed for some ten thousand
elements before the next ones; only what is needed outside of the chain is stored in full. Sums over all elements end a
chain: each block is summed, and then the blocks, so the last bits may differ from one sum (not with ``exact``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from ..._graph.types import Shape
from ..kernels import Kernel
from ..program import Program, run_kernel

__all__ = ["BLOCK", "Chain", "merge_chains"]

BLOCK = 1 << 17  # bytes of one array in a block
LEAST = 4  # rows that compute: a chain of fewer is left as it is


@attrs.define(eq=False, repr=False)
class Chain:
    """A chain: rows of a program that are computed block by block."""

    program: Program
    rows: list[int]
    given: list[int]  # rows outside of the chain that it reads: of its shape, or single numbers
    stored: list[int]  # rows that others read
    sums: list[int]
    size: int  # elements in all
    block: int  # and in a block
    checked: set[int]


def _find_chain_shape(program: Program, row: int, exact: bool) -> Shape | None:
    """Return the shape of the chain that a row could be part of; None if it could be in none."""
    kernel, args = program.kernels[row], program.args[row]
    if kernel is None or not args or row in program.unordered:
        return None
    shapes = program.shapes
    if kernel.kind == "sum":
        whole = kernel.function is np.add and kernel.static["axis"] is None and not kernel.static["keepdims"]
        return shapes[args[0]] if whole and not exact else None
    if kernel.kind not in ("ufunc", "where") and kernel.name != "view as":
        return None
    shape = shapes[row]
    return shape if all(shapes[a] == shape or not shapes[a] for a in args) else None


def merge_chains(program: Program, live: Sequence[int], exact: bool, checked: set[int]) -> Program | None:
    """Return the program with chains in place of their rows; None if it has none.

    A row waits for what it reads; rows of a chain that wait for the same are computed together.
    """
    chain_of: dict[int, tuple[Shape, int]] = {}
    turn = [0] * len(program)  # of a row in a chain: when the chain runs; of others: after which chains
    for row in live:
        shape = _find_chain_shape(program, row, exact)
        if shape is not None and math.prod(shape) * 8 >= 8 * BLOCK:  # at least so many blocks
            turn[row] = max([turn[a] + _must_wait(program, chain_of, a, shape) for a in program.args[row]])
            chain_of[row] = shape, turn[row]
        else:
            turn[row] = max([turn[a] + (a in chain_of) for a in program.args[row]], default=0)
    members: dict[tuple[Shape, int], list[int]] = {}
    for row, key in chain_of.items():
        members.setdefault(key, []).append(row)
    for key, rows in list(members.items()):
        if sum(program.kernels[row].name != "view as" for row in rows) < LEAST:  # type: ignore[union-attr]
            del members[key]
            for row in rows:
                del chain_of[row]
    if not members:
        return None
    return _replace_chains(program, live, chain_of, members, turn, checked)


def _must_wait(program: Program, chain_of: dict[int, tuple[Shape, int]], a: int, shape: Shape) -> bool:
    """Return whether a chain of this shape has to wait for the one that computes row `a`."""
    kernel = program.kernels[a]
    return a in chain_of and (chain_of[a][0] != shape or (kernel is not None and kernel.kind == "sum"))


def _replace_chains(
    program: Program,
    live: Sequence[int],
    chain_of: dict[int, tuple[Shape, int]],
    members: dict[tuple[Shape, int], list[int]],
    turn: Sequence[int],
    checked: set[int],
) -> Program:
    made = Program(program.guarded, program.exact)
    new: dict[int, int] = {}
    outside = set(program.outputs) | {row for row, _ in program.guards}
    for row in live:
        for a in program.args[row]:
            if a in chain_of and chain_of.get(row) != chain_of[a]:
                outside.add(a)

    def put(row: int, kernel: Kernel | None, args: tuple[int, ...]) -> None:
        k = new[row] = made.add_row(kernel, args, program.shapes[row], program.dtypes[row])
        made.origins[k] = program.origins[row]
        if row in program.leaves:
            made.leaves[k] = program.leaves[row]
        if row in program.literals:
            made.literals[k] = program.literals[row]
        if row in checked and row not in chain_of:
            made.checked.add(k)
        if row in program.unordered:
            made.unordered.add(k)

    chains = [(key[1], 1, rows[0], rows) for key, rows in members.items()]
    alone = [(turn[row], 0, row, [row]) for row in live if row not in chain_of]
    for _, _, _, rows in sorted(alone + chains):
        if rows[0] not in chain_of:
            put(rows[0], program.kernels[rows[0]], tuple([new[a] for a in program.args[rows[0]]]))
            continue
        own = set(rows)
        kernels = program.kernels
        given = list(dict.fromkeys([a for row in rows for a in program.args[row] if a not in own]))
        sums = [row for row in rows if kernels[row].kind == "sum"]  # type: ignore[union-attr]
        stored = [row for row in rows if row in outside and row not in sums]
        for row in stored:
            put(row, PART, ())
        arrays = [row for row in (*given, *rows) if program.shapes[row]]
        shape = chain_of[rows[0]][0]
        block = BLOCK // max([program.dtypes[row].itemsize for row in arrays])
        chain = Chain(program, rows, given, stored, sums, math.prod(shape), block, checked)
        args = tuple([new[a] for a in (*given, *stored)])
        whole = made.add_row(Kernel("chain", "chain", chain), args, (), np.dtype(float))
        for k, row in enumerate(sums):
            put(row, Kernel("total", "sum", k), (whole,))
    made.outputs = [new[row] for row in program.outputs]
    made.guards = [(new[row], guard) for row, guard in program.guards]
    return made


PART = Kernel("part", "part", run_kernel)
