"""Order in memory: which rows NumPy may lay out in another order than C.

The result of an elementwise function lies as its arguments do, and sums and products of matrices are added up in an
order that depends on it. Where results must be those of the memo walk bit for bit, such rows are left to NumPy, and not
written into a buffer in C order.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..kernels import DENSE
from ..program import Program

__all__ = ["find_out_of_order", "is_gapless"]


def find_out_of_order(program: Program, live: Sequence[int]) -> set[int]:
    """Return the rows of two axes or more that may lie in another order than C."""
    return program.disordered.intersection(live)


def is_gapless(program: Program, row: int) -> bool:
    """Return whether a row is sure to lie in memory without gaps, in C order or transposed."""
    kernel = program.kernels[row]
    if kernel is not None and kernel.kind == "view" and kernel.name in ("transpose", *DENSE):
        if kernel.name == "transpose" and len(program.shapes[row]) > 2:
            return False
        return (kernel.name == "transpose" or row not in program.unordered) and is_gapless(
            program, program.args[row][0]
        )
    return row not in program.loose
