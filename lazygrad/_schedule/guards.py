"""Checks that run with a schedule: of the branches of a traced function, and of products without their guard."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .._graph.bits import same_static
from .._graph.guards import Guard
from .program import Program

__all__ = ["Branched", "NotANumber", "find_nan_checks", "make_guard_test"]


class Branched(Exception):
    """A traced function would go another way with these values."""


class NotANumber(ArithmeticError):
    """A product without its guard gave nan: the guarded schedule has to answer."""


def make_guard_test(guard: Guard) -> Callable[[object], bool]:
    """Return a test of whether a value would have led the traced function another way."""
    _, interpret, seen = guard
    return lambda value: not same_static(interpret(value), seen)


# -- products without their guard: as long as no nan comes of one ------------------------------------

PASSING = frozenset(
    [
        "add",
        "broadcast_to",
        "cos",
        "divide",
        "exp",
        "guarded_divide",
        "guarded_matmul",
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
    """Return the smallest rows that hold a nan whenever a guard that was left out would have kept out a nan."""
    kernels, args = program.kernels, program.args
    guarded = [
        row for row in live if ((k := kernels[row]) is not None and k.guarded is not None) or row in program.suspects
    ]
    if not guarded:
        return set()
    sizes = [math.prod(shape) for shape in program.shapes]
    best = list(range(len(kernels)))  # row -> the smallest one that a nan in it spreads to
    for row in reversed(live):
        kernel = kernels[row]
        if kernel is not None and kernel.pure and kernel.name in PASSING:
            found = best[row]
            for a in args[row]:
                if 0 < sizes[found] <= sizes[best[a]]:
                    best[a] = found
    return {best[row] for row in guarded}
