"""Straight-line Python source: one statement a row, each writing into a buffer."""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Sequence
from sys import getrefcount
from types import CodeType
from typing import Any

import attrs
import numpy as np

from ..._graph.types import Array, DType, Shape
from ..guards import find_nan_checks
from ..program import Program
from .blocks import merge_chains
from .buffers import Buffers, Views, bind_buffers, count_bytes
from .order import find_out_of_order
from .statements import Writer

__all__ = [
    "Straight",
    "buffer_pool",
    "compile_source",
    "load_function",
    "show_in_tracebacks",
    "write_function",
    "write_straight",
]

_next_number = itertools.count(1).__next__


@attrs.define(eq=False, repr=False)
class Straight:
    """Generated source, and all that is needed to bind it to arrays."""

    source: str
    steps: int
    code: CodeType
    constants: dict[str, Any]
    buffers: Buffers
    views: Views
    outputs: Buffers  # in new memory with each call

    @property
    def nbytes(self) -> int:
        """Return the bytes of the buffers."""
        return count_bytes(self.buffers)

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function, with arrays of its own: it serves one call at a time."""
        space = bind_buffers(self.constants, self.buffers, self.views)
        for name, shape, dtype in self.outputs:
            space[f"new_{name}"] = buffer_pool(shape, dtype)
        return load_function(self.code, space)


def _count_references() -> int:
    """Return the reference count that a loop over a list sees of an array that nobody else has."""
    arrays = [np.empty(0)]
    for array in arrays:
        return getrefcount(array)
    raise AssertionError


UNSHARED = _count_references()


def buffer_pool(shape: Shape, dtype: DType) -> Callable[[], object]:
    """Return a function that hands out arrays for a result, again those that nobody holds any more."""
    arrays: list[Any] = []

    def supply() -> Any:
        for array in arrays:
            if getrefcount(array) == UNSHARED:  # no view refers to it
                array.flags.writeable = True
                return array
        array = np.empty(shape, dtype)
        if len(arrays) < 2:
            arrays.append(array)
        return array

    return supply


def write_straight(
    program: Program, params: Sequence[tuple[int, str]], exact: bool, title: str, keep: bool = False
) -> Straight:
    """Write a program; `params` are the rows of the leaves that come with each call, and their names.

    With `keep` results may share memory with each other and with what was given, as all is read-only then.
    """
    live = program.find_live()
    program.checked = find_nan_checks(program, live)
    program.unordered = find_out_of_order(program, live) if exact else set()
    chains = merge_chains(program, live, exact, program.checked)
    if chains is not None:
        leaves = {id(node): row for row, node in chains.leaves.items()}
        params = [(leaves[id(program.leaves[row])], name) for row, name in params]
        program, live = chains, list(range(len(chains)))
    writer = Writer(program, exact, live, dict(params), checked=program.checked, keep=keep)
    writer.floats = not (exact or keep or program.guarded)
    writer.write()
    copied: dict[int, str] = {}
    for row in program.outputs:
        if row not in copied:
            copied[row] = writer.write_shared_result(row) if keep else writer.write_owned_result(row)
    returned = [copied[row] for row in program.outputs]
    source = write_function([name for _, name in params], title, [*writer.constants, *writer.lines], returned)
    made = Straight(
        source,
        len(writer.lines),
        compile_source(source),
        writer.space,
        writer.buffers,
        writer.views,
        writer.outputs,
    )
    show_in_tracebacks(made)
    return made


def write_function(params: Sequence[str], title: str, lines: Sequence[str], returned: Sequence[str]) -> str:
    """Return the source of the function."""
    head = f"def schedule({', '.join(params)}):"
    end = f"    return ({', '.join(returned)}{',' if len(returned) == 1 else ''})"
    return "\n".join([head, f'    """{title}"""', *lines, end]) + "\n"


def load_function(code: CodeType, space: dict[str, Any]) -> Callable[..., tuple[Array, ...]]:
    """Return the function of compiled source, with `space` as its globals."""
    exec(code, space)
    function: Callable[..., tuple[Any, ...]] = space.pop("schedule")  # so that its globals do not refer to it
    return function


def compile_source(source: str) -> CodeType:
    """Return the code of generated source, under a file name of its own."""
    return compile(source, f"<lazygrad schedule {_next_number()}>", "exec")


def show_in_tracebacks(made: Any) -> None:
    """Let tracebacks show the lines of ``made.source`` as long as `made` lives."""
    filename = made.code.co_filename
    linecache.cache[filename] = len(made.source), None, made.source.splitlines(keepends=True), filename
    weakref.finalize(made, linecache.cache.pop, filename, None)
