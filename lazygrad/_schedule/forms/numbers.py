"""Numbers, for programs of single numbers: Python floats in generated source, one statement a row.

A NumPy scalar costs several times what a Python float does. Where Python raises and NumPy goes on (a division by zero,
an overflow), the schedule made for guards answers instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add, mul, sub, truediv
from types import CodeType
from typing import Any

import attrs
import numpy as np

from ..._graph.types import Array
from ..guards import NotANumber, find_nan_checks
from ..kernels import Kernel
from ..program import Program
from .expressions import SPACE, takes_floats, write_expression
from .names import as_identifier
from .straight import compile_source, load_function, show_in_tracebacks, write_function

__all__ = ["Numbers", "Tape", "has_only_numbers", "write_numbers", "write_tape"]

LONG = 200  # characters of an expression within another


def has_only_numbers(program: Program, live: list[int]) -> bool:
    """Return whether every row is one real number of double precision, or the outcome of a comparison."""
    kinds = {program.dtypes[row] for row in live} <= {np.dtype(float), np.dtype(bool)}
    return kinds and all(not program.shapes[row] for row in live)


@attrs.define(eq=False, repr=False)
class Numbers:
    """Generated source on Python floats."""

    source: str
    steps: int
    code: CodeType
    space: dict[str, Any]
    nbytes: int = 0

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function; it needs no arrays."""
        return load_function(self.code, dict(self.space))


def write_numbers(program: Program, live: Sequence[int], params: Sequence[tuple[int, str]], title: str) -> Numbers:
    """Write a program of single numbers."""
    names = dict(params)
    space: dict[str, Any] = {"f_nan": NotANumber, **SPACE}
    taken = [name for _, name in params]
    lines = [f"    {', '.join(taken)}, = map(float, ({', '.join(taken)},))"] if taken else []
    checked = find_nan_checks(program, live)
    expressions: dict[tuple[int, bool], str] = {}
    uses = [0] * len(program)
    for row in live:
        for a in program.args[row]:
            uses[a] += 1
    for row in program.outputs:
        uses[row] += 2
    for row in live:
        kernel = program.kernels[row]
        if kernel is None:
            if row in program.literals:
                names[row] = _write_literal(program.literals[row])
            continue
        floats = takes_floats(program, row)
        text = expressions.get((id(kernel), floats))
        if text is None:
            found = write_expression(kernel, floats)
            if not isinstance(found, str):
                name = f"f{len(space)}_{as_identifier(kernel.name)}"
                space[name] = found
                found = f"{name}({', '.join(['{}'] * len(program.args[row]))})"
            text = expressions[id(kernel), floats] = found
        given = [names[a] for a in program.args[row]]
        if "{0}" in text and text.count("{0}") > 1:  # an argument that stands there twice must not be computed twice
            for k, name in enumerate(given):
                if name[0] == "(" and name[1:-1].count(" ") > 0:
                    given[k] = f"t{len(lines)}"  # no name twice: its reader may stand in a later line
                    lines.append(f"    {given[k]} = {name}")
        written = text.format(*given)
        if uses[row] == 1 and len(written) < LONG and row not in checked:  # its only reader takes it as it is
            names[row] = f"({written})"
            continue
        names[row] = name = f"v{row}"
        lines.append(f"    {name} = {written}")
        if row in checked:
            lines.append(f"    if {name} != {name}: raise f_nan")
    source = write_function(taken, title, lines, [names[row] for row in program.outputs])
    made = Numbers(source, len(lines), compile_source(source), space)
    show_in_tracebacks(made)
    return made


def _write_literal(value: Any) -> str:
    if value.dtype.kind == "b":
        return str(bool(value))
    return f"({float(value)!r})" if np.isfinite(value) else {"inf": "inf", "-inf": "(-inf)"}.get(str(value), "nan")


# -- where compiling the source would take too long ---------------------------------------------------


@attrs.define(eq=False, repr=False)
class Tape:
    """A tape: rows on Python floats, one after another in a loop.

    A call takes 2 to 5 times as long as generated source does, but compiling that takes 2.6 kB of memory for each
    row: 5 GB for two million rows, where a tape takes 1.5 GB, and a third of the time to make.
    """

    rows: list[tuple[Any, int, int | None]]  # function, places of its arguments
    leaves: int
    start: list[Any]  # literals, after the leaves
    outputs: list[int]
    checked: list[int]
    nbytes: int = 0

    @property
    def steps(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @property
    def source(self) -> str:
        """Return a description of each row, a line each."""
        base = self.leaves + len(self.start)
        return "\n".join([f"v{base + k} = {f.__name__}(v{i}, v{j})" for k, (f, i, j) in enumerate(self.rows)])

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function; it needs no arrays."""

        def schedule(*values: Any) -> tuple[Any, ...]:
            v = [*map(float, values), *self.start]
            append = v.append
            for f, i, j in self.rows:
                append(f(v[i]) if j is None else f(v[i], v[j]))
            for k in self.checked:
                if v[k] != v[k]:
                    raise NotANumber
            return tuple([v[k] for k in self.outputs])

        return schedule


DIRECT = {f"{{}} {sign} {{}}": f for sign, f in (("+", add), ("-", sub), ("*", mul), ("/", truediv))}


def _make_function(kernel: Kernel, floats: bool) -> Callable[..., Any]:
    """Return the function that computes a row from one or two numbers."""
    text = write_expression(kernel, floats)
    if not isinstance(text, str):
        return text
    if text in DIRECT:
        return DIRECT[text]
    if text.endswith("({})"):
        found: Callable[..., Any] = {"abs": abs, **SPACE}[text[:-4]]
        return found
    names = "abc"[: 1 + max(text.count("{}") - 1, *[k for k in range(3) if f"{{{k}}}" in text], 0)]
    function: Callable[..., Any] = eval(f"lambda {', '.join(names)}: {text.format(*names)}", dict(SPACE))
    return function


def write_tape(program: Program, live: Sequence[int], params: Sequence[tuple[int, str]]) -> Tape | None:
    """Write a program as a tape; return None if a row takes more than two numbers."""
    place = {row: k for k, (row, _) in enumerate(params)}
    start: list[Any] = []
    for row in live:
        if row in program.literals:
            place[row] = len(params) + len(start)
            start.append(program.literals[row].item())
    functions: dict[tuple[int, bool], Callable[..., Any]] = {}
    rows: list[tuple[Any, int, int | None]] = []
    base = len(params) + len(start)
    for row in live:
        kernel, args = program.kernels[row], program.args[row]
        if kernel is None:
            continue
        if not 1 <= len(args) <= 2:
            return None
        floats = takes_floats(program, row)
        function = functions.get((id(kernel), floats))
        if function is None:
            function = functions[id(kernel), floats] = _make_function(kernel, floats)
        place[row] = base + len(rows)
        rows.append((function, place[args[0]], place[args[1]] if len(args) == 2 else None))
    outputs = [place[row] for row in program.outputs]
    return Tape(rows, len(params), start, outputs, [place[row] for row in find_nan_checks(program, live)])
