"""Order in memory: which rows NumPy may lay out in another order than C.

The result of an elementwise function lies as its arguments do, and sums and products of matrices are added up in an
order that depends on it. Where results must be those of the memo walk bit for bit, such rows are left to NumPy, and not
written into a buffer in C order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..program import Program

__all__ = ["find_out_of_order", "is_gapless"]

IN_ORDER = ("broadcast_to", "reshape", "expand_dims", "squeeze", "view as")  # views whose axes stay in order


def find_out_of_order(program: Program, live: Sequence[int]) -> set[int]:
    """Return the rows of two axes or more that may lie in another order than C."""
    found: set[int] = set()
    for row in live:
        if len(program.shapes[row]) < 2:
            continue
        kernel, args = program.kernels[row], program.args[row]
        if kernel is None:
            node = program.leaves.get(row)
            if node is not None and node.op is not None and not _is_c_ordered(node._value):
                found.add(row)
        elif kernel.kind == "call":
            found.add(row)
        elif kernel.kind == "view":
            if kernel.name not in IN_ORDER or not found.isdisjoint(args):
                found.add(row)
        elif (kernel.kind != "matmul" or len(program.shapes[row]) > 2) and not found.isdisjoint(args):
            found.add(row)
    return found


def is_gapless(program: Program, row: int) -> bool:
    """Return whether a row is sure to lie in memory without gaps, in C order or transposed."""
    kernel = program.kernels[row]
    if kernel is not None and kernel.kind == "view" and kernel.name in ("transpose", *IN_ORDER[1:]):
        if kernel.name == "transpose" and len(program.shapes[row]) > 2:
            return False
        return (kernel.name == "transpose" or row not in program.unordered) and is_gapless(
            program, program.args[row][0]
        )
    return row not in program.unordered and (kernel is None or kernel.kind not in ("view", "call"))


def _is_c_ordered(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.flags.c_contiguous
