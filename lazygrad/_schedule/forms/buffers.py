"""Buffers: the arrays that rows are written into, and which rows may share one.

A row takes over the array of an argument that nobody reads after it, or a free one, or a new one. Results are the
caller's and never taken over. A view of a buffer is made once, when the source is bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from ..._graph.types import DType, Shape
from ..kernels import Kernel
from ..program import Program
from .names import describe, write_ints

__all__ = ["LARGE", "Buffers", "Memory", "Views", "bind_buffers", "count_bytes"]

LARGE = 1 << 16  # bytes, from which on memory for a result is worth keeping


Buffers = list[tuple[str, Shape, DType]]  # names of arrays, with shape and dtype
Views = list[tuple[str, str, Callable[[Any], Any]]]  # name, name of the array it shows, and how


def count_bytes(buffers: Buffers) -> int:
    """Return the bytes of buffers."""
    return sum(math.prod(shape) * dtype.itemsize for _, shape, dtype in buffers)


def bind_buffers(constants: Mapping[str, Any], buffers: Buffers, views: Views) -> dict[str, Any]:
    """Return what each name means: constants, new buffers, and views of these."""
    space = dict(constants)
    for name, shape, dtype in buffers:
        space[name] = np.empty(shape, dtype)
    for name, of, view in views:
        space[name] = view(space[of])
    return space


@attrs.define(eq=False, repr=False)
class Memory:
    """The names and the buffers of the rows of a program."""

    program: Program
    exact: bool
    live: list[int]
    names: dict[int, str]  # row -> how it is written
    lines: list[str] = attrs.field(factory=list)
    numbers: dict[Any, str] = attrs.field(factory=dict)  # numbers as arrays without axes, and their names
    constants: list[str] = attrs.field(factory=list)  # comments that say what these are
    space: dict[str, Any] = attrs.field(factory=dict)
    buffers: Buffers = attrs.field(factory=list)
    views: Views = attrs.field(factory=list)
    outputs: Buffers = attrs.field(factory=list)
    holds: dict[int, tuple[int, ...]] = attrs.field(factory=dict)  # row -> rows whose memory it may show
    last: dict[int, int] = attrs.field(factory=dict)  # row -> the last row that reads its memory
    free: dict[tuple[Shape, Any], list[str]] = attrs.field(factory=dict)
    owner: dict[int, str] = attrs.field(factory=dict)  # row -> the array it is written to
    static: set[str] = attrs.field(factory=set)  # names that mean the same array in every call
    samples: dict[str, Any] = attrs.field(factory=dict)  # arrays like those, on which views are tried
    checked: set[int] = attrs.field(factory=set)  # rows where a nan shows that a guard was needed
    results: set[int] = attrs.field(factory=set)  # rows whose memory belongs to a result
    keep: bool = False  # whether results go into a memo, and so have to lie in memory as its own would
    floats: bool = False  # whether single numbers are Python's
    prefix: str = "b"  # of the names of buffers
    params: frozenset[str] = attrs.Factory(lambda self: frozenset(self.names.values()), takes_self=True)

    def find_lifetimes(self) -> None:
        """Find which memory each row may show, and which row reads it last."""
        program, holds, last = self.program, self.holds, self.last
        for row in self.live:
            kernel, args = program.kernels[row], program.args[row]
            if kernel is None:
                holds[row] = (row,)
            elif kernel.kind == "view":
                holds[row] = holds[args[0]]
            elif kernel.kind == "call":  # it may return a view of an argument
                holds[row] = (row, *{h for a in args for h in holds[a]})
            else:
                holds[row] = (row,)
            for a in args:
                for h in holds[a]:
                    last[h] = row
        end = len(program)
        for row in program.outputs:
            for h in holds.get(row, ()):  # (of a chain, those it holds)
                last[h] = end

    def find_dying(self) -> dict[int, list[int]]:
        """Return, for each row, the rows whose memory nobody reads after it."""
        found: dict[int, list[int]] = {}
        for row, reader in self.last.items():
            found.setdefault(reader, []).append(row)
        return found

    def release_arrays(self, rows: Sequence[int]) -> None:
        """Let the buffers of rows be used again, except those of results."""
        for row in rows:
            name = self.owner.get(row)
            if name is not None and row not in self.results:
                self.free.setdefault((self.program.shapes[row], self.program.dtypes[row]), []).append(name)

    def name_function(self, thing: object, name: str) -> str:
        """Return a name for a function or class in the source, like the one proposed."""
        while name in self.params or self.space.setdefault(name, thing) is not thing:
            name += "_"
        return name

    def name_object(self, v: object) -> str:
        name = f"k{len(self.space)}"
        while name in self.space:
            name += "_"
        self.space[name] = v
        return name

    def add_line(self, text: str, row: int) -> None:
        """Add a line to the source, with a comment that says which node it is for."""
        origin = self.program.origins[row]
        note = "" if origin is None else describe(origin)
        self.lines.append(f"    {text:<48}  # {note}" if note else f"    {text}")

    def write_view(self, row: int, kernel: Kernel, of: str) -> None:
        """Make a view of a buffer once, or write the line that makes it with each call."""
        if of in self.static and self.prebind_view(f"w{row}", of, kernel.function):
            self.names[row] = f"w{row}"
            return
        (source,) = self.program.args[row]
        if self.floats and not self.program.shapes[source]:  # it may be a number of Python's by now
            kind = self.program.dtypes[source].type
            of = f"{self.name_function(kind, kind.__name__)}({of})"
        if "broadcast_to" in kernel.text:
            self.name_function(np.broadcast_to, "broadcast_to")
        text = kernel.text.format(of) if kernel.text else f"{self.name_function(kernel.function, f'view{row}')}({of})"
        self.names[row] = f"v{row}"
        self.add_line(f"v{row} = {text}", row)

    def prebind_view(self, name: str, of: str, view: Callable[[Any], Any]) -> bool:
        """Make a view of a buffer once; return False if it would be a copy, which has to be made with each call."""
        array = self.samples[of]
        found = view(array)
        if found.__class__ is not np.ndarray or (found.size and not np.may_share_memory(found, array)):
            return False
        self.views.append((name, of, view))
        self.static.add(name)
        self.samples[name] = found
        return True

    def place_row(self, row: int, kernel: Kernel, shape: Shape, dtype: DType, wanted: bool) -> str:
        """Return the name of the array that a row is written into."""
        if wanted:
            name = f"o{len(self.outputs)}"
            self.outputs.append((name, shape, dtype))
            small = math.prod(shape) * dtype.itemsize < LARGE
            made = (
                f"{self.name_function(np.empty, 'empty')}({write_ints(shape)}, {self.name_object(dtype)})"
                if small
                else f"new_{name}()"
            )
            self.lines.append(f"    {name} = {made}")
            return name
        if kernel.kind == "ufunc":
            for a in self.program.args[row]:
                owned = self.owner.get(a)
                alike = self.program.shapes[a] == shape and self.program.dtypes[a] == dtype
                if owned is not None and alike and self.last[a] == row and a not in self.results:
                    del self.owner[a]
                    self.owner[row] = owned
                    return owned
                if self.can_reuse_bytes(a, row, shape, dtype):
                    del self.owner[self.holds[a][0]]
                    self.owner[row] = self.names[a]
                    return self.names[a]
        free = self.free.get((shape, dtype))
        if free:
            name = free.pop()
        else:
            name = f"{self.prefix}{len(self.buffers)}"
            self.buffers.append((name, shape, dtype))
            self.static.add(name)
            self.samples[name] = np.empty(shape, dtype)  # whose memory nobody touches
        self.owner[row] = name
        return name

    def can_reuse_bytes(self, a: int, row: int, shape: Shape, dtype: DType) -> bool:
        """Return whether argument `a` shows the bytes of a buffer, as this dtype, that nobody reads after this row."""
        kernel, (root, *others) = self.program.kernels[a], self.holds[a]
        if kernel is None or kernel.name != "view as" or others or self.last[root] != row or root not in self.owner:
            return False
        shown = a
        while (k := self.program.kernels[shown]) is not None and k.kind == "view":
            if k.repeats:  # several elements share these bytes
                return False
            (shown,) = self.program.args[shown]
        return self.program.shapes[a] == shape and self.program.dtypes[a] == dtype and self.names[a] in self.static

    def write_owned_result(self, row: int) -> str:
        """Return the expression of a result that shares no memory, for the caller to own."""
        program, name = self.program, self.names[row]
        kernel = program.kernels[row]
        if program.shapes[row]:
            root = self.holds[row][0]
            made = program.kernels[root]
            own = made is not None and made.kind != "call"  # which may have returned what others hold
            if kernel is not None and kernel.kind == "view" and own and root in self.results:
                return name
            if kernel is None or kernel.kind in ("view", "call"):
                return self.write_copy(row)
        elif kernel is None or kernel.kind == "view":
            return f"{self.name_function(_as_scalar, 'scalar')}({name}, {self.name_object(program.dtypes[row])})"
        return name

    def write_shared_result(self, row: int) -> str:
        """Return the expression of a memo's result, which may share memory with other values but with no buffer."""
        program, name = self.program, self.names[row]
        kernel = program.kernels[row]
        if not program.shapes[row]:
            return self.write_owned_result(row)
        if kernel is not None and kernel.kind in ("view", "call"):
            held = [h for h in self.holds[row] if h != row and program.kernels[h] is not None]
            used = [h for h in held if h not in self.results]
            if used:
                return self.write_copy(row)
        return name

    def write_copy(self, row: int) -> str:
        """Write the line that copies a row, and return the name of the copy."""
        name, copied = self.names[row], f"t{row}_copy"
        if name != copied:
            self.lines.append(f"    {copied} = {self.name_function(np.array, 'array')}({name})")
            self.names[row] = copied
        return copied


def _as_scalar(value: Any, dtype: DType) -> Any:
    return dtype.type(value)
