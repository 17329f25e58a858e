"""The loop, for long programs: the steps of the generated source, bound beforehand, one after the other.

Compiling source takes longer than a step of it, so it pays only for what is short or runs very often.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np

from ..._graph.types import Array
from ..guards import NotANumber, find_nan_checks
from ..kernels import Kernel
from ..program import Program
from .buffers import Buffers, Views, bind_buffers, count_bytes
from .statements import BY_KEYWORD, Writer

__all__ = ["Loop", "write_loop"]

Statement = tuple[Any, tuple[str, ...], str, bool]  # function, arguments, where to, whether by keyword


@attrs.define(eq=False, repr=False)
class Loop:
    """A loop: statements by name, and the arrays that the names mean."""

    statements: list[Statement]
    buffers: Buffers
    views: Views
    space: dict[str, Any]
    params: list[str]
    outputs: list[str]
    source: str = ""

    @property
    def steps(self) -> int:
        """Return the number of statements."""
        return len(self.statements)

    @property
    def nbytes(self) -> int:
        """Return the bytes of the buffers."""
        return count_bytes(self.buffers)

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function, with arrays of its own: it serves one call at a time."""
        space = bind_buffers(self.space, self.buffers, self.views)
        steps: list[tuple[Any, tuple[Any, ...]]] = []
        for function, args, out, by_keyword in self.statements:
            given = tuple([space[a] for a in args])
            if by_keyword:
                steps.append((partial(function, out=space[out]), given))
            else:
                steps.append((function, (*given, space[out])))
        params = [space[name] for name in self.params]
        outputs = [space[name] for name in self.outputs]

        def schedule(*values: Any) -> tuple[Any, ...]:
            for array, value in zip(params, values, strict=True):
                array[...] = value
            for function, args in steps:
                function(*args)
            return tuple([array.copy() if array.shape else array[()] for array in outputs])

        return schedule


def _copy_into(function: Callable[..., Any]) -> Callable[..., None]:
    def into(*args: Any) -> None:
        *given, out = args
        np.copyto(out, function(*given))

    return into


def _raise_on_nan(flat: Any, _: Any) -> None:
    flat = flat.reshape(-1)
    found = np.dot(flat, flat)
    if found != found:
        raise NotANumber


@attrs.define(eq=False, repr=False)
class _LoopWriter(Writer):
    """A writer of statements for a loop instead of lines; every row has a buffer."""

    statements: list[Statement] = attrs.field(factory=list)

    def name_literal(self, value: Any) -> str:
        name = self.name_object(np.asarray(value))
        self.static.add(name)
        self.samples[name] = self.space[name]
        return name

    def write_row(self, row: int, kernel: Kernel, wanted: bool) -> None:
        program = self.program
        shape, dtype = program.shapes[row], program.dtypes[row]
        given = tuple([self.names[a] for a in program.args[row]])
        if kernel.kind == "view" and self.prebind_view(f"w{row}", given[0], kernel.function):
            self.names[row] = f"w{row}"
            return
        out = self.names[row] = self.place_row(row, kernel, shape, dtype, False)
        function = kernel.function
        by_keyword = False
        if kernel.kind == "ufunc":
            by_keyword = function in BY_KEYWORD
        elif kernel.kind == "matmul" and (shape or function is np.matmul):
            function = np.matmul
        elif kernel.kind == "sum":
            function, by_keyword = partial(function.reduce, **kernel.static), True
        elif kernel.kind == "view":  # which is a copy
            function = _copy_into(function)
            del self.owner[row]  # what it shows may be read until later
        else:
            function = _copy_into(partial(function, **kernel.static))
        self.statements.append((function, given, out, by_keyword))

    def write_nan_check(self, row: int) -> None:
        name = self.names[row]
        self.statements.append((_raise_on_nan, (name,), name, False))


def write_loop(program: Program, live: Sequence[int], params: Sequence[tuple[int, str]]) -> Loop:
    """Write a program as statements for a loop; its outputs are never written over."""
    writer = _LoopWriter(program, True, list(live), dict(params), checked=find_nan_checks(program, live))
    for row, name in params:
        writer.buffers.append((name, program.shapes[row], program.dtypes[row]))
        writer.static.add(name)
        writer.samples[name] = np.empty(program.shapes[row], program.dtypes[row])
    writer.write()
    outputs = [writer.names[row] for row in program.outputs]
    names = [name for _, name in params]
    return Loop(writer.statements, writer.buffers, writer.views, writer.space, names, outputs)
