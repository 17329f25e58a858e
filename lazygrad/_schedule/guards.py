"""What a schedule looks at while it runs: branches of a traced function, and products without their guard."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .._graph.bits import same_static
from .._graph.guards import Guard
from .program import Program

__all__ = ["Branched", "NotANumber", "find_nan_checks", "make_guard_test"]


class Branched(Exception):
    """A traced function would go another way with these values."""


class NotANumber(ArithmeticError):
    """A product without its guard gave nan: the guarded schedule has to answer."""


def make_guard_test(look: Guard) -> Callable[[Any], bool]:
    """What sees whether a function would have seen something else in a value."""
    _, made, seen = look
    return lambda value: not same_static(made(value), seen)


# -- products without their guard: as long as no nan comes of one ------------------------------------

PASSING = frozenset(
    [
        "add",
        "broadcast_to",
        "cos",
        "divide",
        "exp",
        "guarded_divide",
        "guarded_multiply",
        "log",
        "matmul",
        "multiply",
        "negative",
        "reshape",
        "sin",
        "sqrt",
        "square",
        "strong_multiply",
        "subtract",
        "sum",
        "tanh",
        "transpose",
    ]
)


def find_nan_checks(program: Program, live: Sequence[int]) -> set[int]:
    """Rows whose value is nan somewhere if a guard would have kept out a nan: those with the fewest numbers."""
    kernels, args = program.kernels, program.args
    guarded = [row for row in live if (k := kernels[row]) is not None and k.guarded is not None]
    if not guarded:
        return set()
    sizes = [math.prod(shape) for shape in program.shapes]
    best = list(range(len(kernels)))  # of all rows that a nan goes on to
    for row in reversed(live):
        kernel = kernels[row]
        if kernel is not None and kernel.pure and kernel.name in PASSING:
            found = best[row]
            for a in args[row]:
                if 0 < sizes[found] <= sizes[best[a]]:
                    best[a] = found
    return {best[row] for row in guarded}
