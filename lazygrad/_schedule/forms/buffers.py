"""Where rows are written: arrays that lie ready, and which rows may share one.

A row takes over the array of an argument that nobody reads after it, or one that is free, or a new one. Results are the
caller's and never taken over. What is a view of an array that lies ready is made once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from ..._derivatives.adjoint_node import AdjointNode
from ..._graph.node import Node, label
from ..._graph.types import DType
from ..kernels import Kernel
from ..program import Program, Shape

__all__ = ["LARGE", "Memory", "describe"]

LARGE = 1 << 16  # bytes, from which on memory for a result is worth keeping


@attrs.define(eq=False, repr=False)
class Memory:
    """Names and arrays of the rows of a program."""

    program: Program
    exact: bool
    live: list[int]
    names: dict[int, str]  # row -> how it is written
    lines: list[str] = attrs.field(factory=list)
    numbers: dict[Any, str] = attrs.field(factory=dict)  # numbers that lie ready, and their names
    constants: list[str] = attrs.field(factory=list)  # what these are
    space: dict[str, Any] = attrs.field(factory=dict)
    buffers: list[tuple[str, Shape, DType]] = attrs.field(factory=list)
    views: list[tuple[str, str, Callable[[Any], Any]]] = attrs.field(factory=list)
    outputs: list[tuple[str, Shape, DType]] = attrs.field(factory=list)
    holds: dict[int, tuple[int, ...]] = attrs.field(factory=dict)  # row -> rows whose memory it may show
    last: dict[int, int] = attrs.field(factory=dict)  # row -> the last row that reads its memory
    free: dict[tuple[Shape, Any], list[str]] = attrs.field(factory=dict)
    owner: dict[int, str] = attrs.field(factory=dict)  # row -> the array it is written to
    static: set[str] = attrs.field(factory=set)  # names that mean the same array in each call
    samples: dict[str, Any] = attrs.field(factory=dict)  # arrays like those, to see what a view of one is
    checked: set[int] = attrs.field(factory=set)  # rows where a nan would show that a guard was needed
    results: set[int] = attrs.field(factory=set)  # rows whose memory is a result's
    floats: bool = False  # whether single numbers are Python's
    prefix: str = "b"  # of the names of arrays that lie ready
    params: frozenset[str] = attrs.Factory(lambda self: frozenset(self.names.values()), takes_self=True)

    def find_lifetimes(self) -> None:
        """Which memory each row may show, and who reads it last."""
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
        """Row -> the rows whose memory nobody reads after it."""
        found: dict[int, list[int]] = {}
        for row, reader in self.last.items():
            found.setdefault(reader, []).append(row)
        return found

    def release_arrays(self, rows: Sequence[int]) -> None:
        """Let the arrays of rows be used again, but for results."""
        for row in rows:
            name = self.owner.get(row)
            if name is not None and row not in self.results:
                self.free.setdefault((self.program.shapes[row], self.program.dtypes[row]), []).append(name)

    def name_function(self, thing: Any, name: str) -> str:
        """A function under a name in the source."""
        while name in self.params or self.space.setdefault(name, thing) is not thing:
            name += "_"
        return name

    def name_object(self, v: Any) -> str:
        name = f"k{len(self.space)}"
        while name in self.space:
            name += "_"
        self.space[name] = v
        return name

    def add_line(self, text: str, row: int) -> None:
        """Add a line, with the node it is for."""
        origin = self.program.origins[row]
        note = "" if origin is None else describe(origin)
        self.lines.append(f"    {text:<48}  # {note}" if note else f"    {text}")

    def write_view(self, row: int, kernel: Kernel, of: str) -> None:
        """A view of what lies ready is made once; of other arrays, with each call."""
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
        """Enter a view of what lies ready; False if it would be a copy, which has to be made with each call."""
        array = self.samples[of]
        found = view(array)
        if found.__class__ is not np.ndarray or (found.size and not np.may_share_memory(found, array)):
            return False
        self.views.append((name, of, view))
        self.static.add(name)
        self.samples[name] = found
        return True

    def place_row(self, row: int, kernel: Kernel, shape: Shape, dtype: DType, wanted: bool) -> str:
        """The array a row is written to."""
        if wanted:
            name = f"o{len(self.outputs)}"
            self.outputs.append((name, shape, dtype))
            small = math.prod(shape) * dtype.itemsize < LARGE
            made = (
                f"{self.name_function(np.empty, 'empty')}({shape}, {self.name_object(dtype)})" if small else f"new_{name}()"
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
        """Whether an argument is the same bytes, as this dtype, of an array that nobody reads after this row."""
        kernel, (root, *others) = self.program.kernels[a], self.holds[a]
        if kernel is None or kernel.name != "view as" or others or self.last[root] != row or root not in self.owner:
            return False
        return self.program.shapes[a] == shape and self.program.dtypes[a] == dtype and self.names[a] in self.static

    def write_owned_result(self, row: int) -> str:
        """A result as nobody else has it."""
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
        """A result that may share memory with others that are kept, but with no array that is used again."""
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
        """A copy of a row."""
        name = self.names[row]
        if f"{name}_copy" not in self.names.values():
            self.lines.append(f"    {name}_copy = {self.name_function(np.array, 'array')}({name})")
            self.names[row] = f"{name}_copy"
        return f"{name}_copy"


def describe(node: Node) -> str:
    """What comments call a node."""
    return " ".join((f"adjoint of {label(node.of)}" if isinstance(node, AdjointNode) else label(node)).split())


def _as_scalar(value: Any, dtype: DType) -> Any:
    return dtype.type(value)
