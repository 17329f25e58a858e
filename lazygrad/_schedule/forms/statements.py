"""Statements: one line of source for each row of a program, which writes where `buffers` says."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import numpy as np

from ..._graph.guards import Guard
from ..guards import Branched, NotANumber, make_guard_test
from ..kernels import Kernel
from .blocks import Chain
from .buffers import Memory
from .expressions import EXPRESSIONS, SIGNS, SPACE, takes_floats
from .names import as_identifier, is_keyword_name, write_ints
from .order import is_gapless

__all__ = ["BY_KEYWORD", "Writer"]

BY_KEYWORD = (np.maximum, np.minimum, np.fmax, np.fmin)  # which take no `out` by position
PYTHONS = (np.dtype(float), np.dtype(bool))  # the dtypes of numbers that may be Python's


@attrs.define(eq=False, repr=False)
class Writer(Memory):
    """A writer of statements: where each row is written, and how."""

    def write(self) -> None:
        """Write a statement for each row."""
        program = self.program
        self.find_lifetimes()
        wanted = set(program.outputs)
        for row in program.outputs:  # and of a view what it shows
            root, *others = self.holds[row]
            for h in (root, *others) if self.keep else () if others else (root,):
                if program.kernels[h] is not None and program.shapes[h]:
                    wanted.add(h)
        self.results = wanted
        guards: dict[int, list[Guard]] = {}
        for row, guard in program.guards:
            guards.setdefault(row, []).append(guard)
        dying = self.find_dying()
        for row in self.live:
            kernel = program.kernels[row]
            if kernel is None:
                if row in program.literals:
                    self.names[row] = self.name_literal(program.literals[row])
                for guard in guards.get(row, ()):
                    self.write_guard(row, guard)
                continue
            self.write_row(row, kernel, row in wanted)
            if row in self.checked:
                self.write_nan_check(row)
            for guard in guards.get(row, ()):
                self.write_guard(row, guard)
            self.release_arrays(dying.get(row, ()))

    def write_guard(self, row: int, guard: Guard) -> None:
        """Write the statement that raises if the traced function would have gone another way."""
        _, interpret, seen = guard
        branched = self.name_function(Branched, "Branched")
        name = self.names[row]
        if interpret is bool:
            self.lines.append(f"    if {'not ' if seen else ''}{name}: raise {branched}")
            return
        other = f"differs{len(self.lines)}"
        self.space[other] = make_guard_test(guard)
        self.lines.append(f"    if {other}({name}): raise {branched}")

    def write_nan_check(self, row: int) -> None:
        """Write the statement that raises if a row holds a nan."""
        name = self.names[row]
        if self.program.shapes[row]:
            flat = f"{name}.reshape(-1)"
            if name in self.static and self.prebind_view(f"f{row}", name, lambda x: x.reshape(-1)):
                flat = f"f{row}"
            dot = self.name_function(np.dot, "dot")
            self.lines.append(f"    s = {dot}({flat}, {flat})")
            name = "s"
        self.lines.append(f"    if {name} != {name}: raise {self.name_function(NotANumber, 'NotANumber')}")

    def write_arguments(self, row: int, kernel: Kernel) -> list[str]:
        """Return the arguments of a row as source: literals as plain numbers where no dtype depends on them."""
        program, args = self.program, self.program.args[row]
        given = [self.names[a] for a in args]
        if self.floats and (kernel.kind == "call" or not takes_floats(program, row)):
            for k, a in enumerate(args):  # which may be a number of Python's by now
                if not program.shapes[a] and program.kernels[a] is not None and program.dtypes[a] in PYTHONS:
                    kind = program.dtypes[a].type
                    given[k] = f"{self.name_function(kind, kind.__name__)}({given[k]})"
        numpys = getattr(np, kernel.function.__name__, None) is kernel.function if kernel.kind == "ufunc" else False
        if numpys or kernel.kind == "where":
            strong = {program.dtypes[a] for a in args if a not in program.literals or program.shapes[a]}
            for k, a in enumerate(args):
                if a in program.literals and program.dtypes[a] in strong:
                    ready = kernel.kind == "ufunc" and program.shapes[row] and not program.shapes[a]
                    given[k] = (
                        self.name_number(program.literals[a])
                        if ready
                        else _write_literal(program.literals[a]) or given[k]
                    )
        return given

    def name_number(self, value: np.generic) -> str:
        """Return the name of a number as an array without axes, which a ufunc takes in half the time."""
        key = value.dtype.str, value.tobytes()
        name = self.numbers.get(key)
        if name is None:
            name = self.numbers[key] = f"c{len(self.numbers)}"
            self.space[name] = np.array(value)
            self.constants.append(f"    # {name} is {value!r}")
        return name

    def name_literal(self, value: object) -> str:
        """Return the name of a literal."""
        name = self.name_object(value)
        self.samples[name] = value
        self.static.add(name)
        return name

    def write_row(self, row: int, kernel: Kernel, wanted: bool) -> None:
        """Write the statement of one row, unless it is a view that is made once."""
        program = self.program
        shape, dtype = program.shapes[row], program.dtypes[row]
        given = self.write_arguments(row, kernel)
        if kernel.kind == "part":
            self.names[row] = self.place_row(row, kernel, shape, dtype, wanted)
        elif kernel.kind == "chain":
            self.names[row] = ""
            self.write_chain(row, kernel.function, given)
        elif kernel.kind == "total":
            self.names[row] = f"s{program.args[row][0]}_{kernel.function}"
        elif kernel.kind == "view":
            self.write_view(row, kernel, given[0])
        elif not shape:
            self.names[row] = f"v{row}"
            self.add_line(f"v{row} = {self.write_scalar(row, kernel, given)}", row)
        elif kernel.kind == "call":
            self.names[row] = f"v{row}"
            text = kernel.text.format(*given)
            if not text:
                function, static = kernel.function, kernel.static
                if not all(map(is_keyword_name, static)):
                    function, static = partial(function, **static), {}
                name = self.name_function(function, as_identifier(kernel.name))
                keywords = [f", {k}={self.write_static(v)}" for k, v in static.items()]
                text = f"{name}({', '.join(given)}{''.join(keywords)})"
            if self.exact and not kernel.solid and program.origins[row] is not None:  # as the memo keeps a node's value
                text = f"{self.name_function(_copy_foreign, 'as_kept')}({text})"
            self.add_line(f"v{row} = {text}", row)
        elif row in program.unordered:
            self.names[row] = f"v{row}"
            self.add_line(f"v{row} = {self.write_unplaced(kernel, given)}", row)
        else:
            out = self.place_row(row, kernel, shape, dtype, wanted)
            self.names[row] = out
            self.add_line(self.write_into(row, kernel, given, out), row)

    def write_chain(self, row: int, chain: Chain, given: list[str]) -> None:
        """Write a loop over blocks, which computes the rows of a chain for one block after the other."""
        inner = _Block(
            chain.program, self.exact, chain.rows, {}, checked=chain.checked, outer=self, chained=row, prefix=f"t{row}_"
        )
        flat = []
        for k, (a, name) in enumerate(zip([*chain.given, *chain.stored], given, strict=True)):
            if chain.program.shapes[a]:
                flat.append((f"t{row}_f{k}", name))
                inner.names[a] = f"t{row}_f{k}"
            else:
                inner.names[a] = name
        inner.write()
        spans = [(k, min(k + chain.block, chain.size)) for k in range(0, chain.size, chain.block)]
        temporaries = [name for name, _, _ in inner.buffers]
        self.buffers += [(name, (chain.block,), dtype) for name, _, dtype in inner.buffers]
        for whole, name in flat:
            self.lines.append(f"    {whole} = {name}.reshape(-1)")
        for k in range(len(chain.sums)):
            self.lines.append(f"    s{row}_{k} = 0.0")
        self.lines.append(f"    for i, j in {self.name_object(spans)}:")
        for name in temporaries:  # the last block is shorter
            self.lines.append(f"        {name}_ = {name}[:j - i]")
        self.lines += [f"    {line}" for line in inner.lines]

    def name_ufunc(self, kernel: Kernel) -> str:
        """Return the name of a ufunc in the source."""
        function = kernel.function
        name = function.__name__
        return self.name_function(function, name if getattr(np, name, None) is function else as_identifier(name))

    def write_static(self, v: object) -> str:
        if v is None or v.__class__ in (bool, int):  # a subclass may write itself as anything
            return repr(v)
        return self.name_object(v)

    def write_axis(self, kernel: Kernel) -> str:
        axis = kernel.static["axis"]
        return write_ints(axis) or self.name_object(axis)

    def write_scalar(self, row: int, kernel: Kernel, given: list[str]) -> str:
        """Return the expression of a single number."""
        if kernel.alone:
            return kernel.text.format(*given)
        if self.floats and self.program.dtypes[row] == np.float64 and kernel.kind in ("ufunc", "call"):
            text = EXPRESSIONS.get(kernel.function)
            if text is not None and takes_floats(self.program, row):
                name, bracket, rest = text.partition("(")
                if name in SPACE:
                    text = self.name_function(SPACE[name], name) + bracket + rest
                return text.format(*given)
        if kernel.kind == "ufunc":
            sign = SIGNS.get(kernel.function)
            if sign is not None:
                return sign.format(*given)
            return f"{self.name_ufunc(kernel)}({', '.join(given)})"
        if kernel.kind == "sum":
            return f"{self.name_ufunc(kernel)}.reduce({given[0]}, {self.write_axis(kernel)})"
        if kernel.kind == "matmul":
            name = (
                self.name_function(np.dot, "dot") if self.can_be_dot(row) else self.name_function(np.matmul, "matmul")
            )
            return f"{name}({', '.join(given)})"
        name = self.name_function(_return_number(kernel), as_identifier(kernel.name))
        return f"{name}({', '.join(given)})"

    def write_into(self, row: int, kernel: Kernel, given: list[str], out: str) -> str:
        """Return the statement that writes a row into an array."""
        program = self.program
        if kernel.kind == "ufunc":
            name = self.name_ufunc(kernel)
            keyword = "out=" if kernel.function in BY_KEYWORD or kernel.function.nin + 1 == len(given) else ""
            return f"{name}({', '.join(given)}, {keyword}{out})"
        if kernel.kind == "sum":
            axis, keepdims = kernel.static["axis"], kernel.static["keepdims"]
            source = program.args[row][0]
            shape, dtype = program.shapes[source], program.dtypes[row]
            if not self.exact and kernel.function is np.add and len(shape) == 2 and dtype.kind == "f":
                dot = self.name_function(np.dot, "dot")  # with ones, which takes a third of the time
                if axis == 0 and not keepdims:
                    return f"{dot}({self.name_object(np.ones(shape[0], dtype))}, {given[0]}, {out})"
                if axis in (1, -1):
                    ones = np.ones((shape[1], 1) if keepdims else shape[1], dtype)
                    return f"{dot}({given[0]}, {self.name_object(ones)}, {out})"
            name = self.name_ufunc(kernel)
            keyword = ", keepdims=True" if keepdims else ""
            return f"{name}.reduce({given[0]}, axis={self.write_axis(kernel)}, out={out}{keyword})"
        if kernel.kind == "matmul":
            plain = all(
                len(program.shapes[a]) <= 2 and program.dtypes[a] == program.dtypes[row] for a in program.args[row]
            )
            plain = plain and program.dtypes[row].kind in "fc"
            plain = plain and self.can_be_dot(row)
            name = self.name_function(np.dot, "dot") if plain else self.name_function(np.matmul, "matmul")
            return f"{name}({', '.join(given)}, {out})"
        assert kernel.kind == "where"
        copy = self.name_function(np.copyto, "copyto")
        condition, x, y = given
        return f"{copy}({out}, {y}); {copy}({out}, {x}, where={condition})"

    def can_be_dot(self, row: int) -> bool:
        """Return whether `np.dot`, which is quicker on small matrices, gives the bits that this product needs."""
        program, args = self.program, self.program.args[row]
        single = all(math.prod(program.shapes[a]) == 1 for a in args)  # where it may give -0.0
        return not self.exact or (not single and all(is_gapless(program, a) for a in args))

    def write_unplaced(self, kernel: Kernel, given: list[str]) -> str:
        """Return the expression of a row whose memory NumPy chooses."""
        if kernel.kind == "sum":
            keepdims = bool(kernel.static["keepdims"])
            return f"{self.name_ufunc(kernel)}.reduce({given[0]}, axis={self.write_axis(kernel)}, keepdims={keepdims})"
        return f"{self.name_ufunc(kernel)}({', '.join(given)})"


@attrs.define(eq=False, repr=False)
class _Block(Writer):
    """A writer of the statements for one block of a chain; arrays of the whole chain are read and written as slices."""

    outer: Writer = attrs.field(kw_only=True)
    chained: int = attrs.field(kw_only=True)  # the row of the chain in the outer program

    def name_function(self, thing: Any, name: str) -> str:
        return self.outer.name_function(thing, name)

    def name_object(self, v: Any) -> str:
        return self.outer.name_object(v)

    def name_number(self, value: np.generic) -> str:
        return self.outer.name_number(value)

    def write(self) -> None:
        chain: Chain = self.outer.program.kernels[self.chained].function  # type: ignore[union-attr]
        program = self.program
        for a in chain.given:
            self.holds[a] = (a,)
            if program.shapes[a]:
                self.names[a] += "[i:j]"
            elif a in program.literals:
                self.names[a] = self.outer.name_literal(program.literals[a])
        for row in chain.stored:
            self.names[row] += "[i:j]"
        self.find_lifetimes()
        dying = self.find_dying()
        for row in chain.rows:
            kernel = program.kernels[row]
            assert kernel is not None
            given = self.write_arguments(row, kernel)
            if kernel.kind == "sum":
                add = self.name_function(np.add, "add")
                self.lines.append(f"    s{self.chained}_{chain.sums.index(row)} += {add}.reduce({given[0]})")
            elif kernel.kind == "view":
                dtype = self.name_object(program.dtypes[row])
                if row in chain.stored:
                    self.lines.append(
                        f"    {self.name_function(np.copyto, 'copyto')}({self.names[row]}, {given[0]}.view({dtype}))"
                    )
                else:
                    self.names[row] = f"{given[0]}.view({dtype})"
            else:
                if row not in chain.stored:
                    out = self.place_row(row, kernel, program.shapes[row], program.dtypes[row], False)
                    self.names[row] = f"{out}_"
                self.add_line(self.write_into(row, kernel, given, self.names[row]), row)
            if row in chain.checked:
                name = self.names[row]
                self.lines.append(f"    c = {self.name_function(np.dot, 'dot')}({name}, {name})")
                self.lines.append(f"    if c != c: raise {self.name_function(NotANumber, 'NotANumber')}")
            self.release_arrays(dying.get(row, ()))


def _write_literal(value: Any) -> str:
    """Return a literal as a number in the source, or nothing if it has to stay an array."""
    if value.shape or value.dtype.kind != "f" or value.dtype.itemsize > 8 or not np.isfinite(value):
        return ""
    text = repr(float(value))
    return f"({text})" if text[0] == "-" else text


def _copy_foreign(value: Any) -> Any:
    """Return an array, copied if its memory belongs to something else than an array, as the memo does."""
    base = value.base
    while base.__class__ is np.ndarray:
        base = base.base
    return value if base is None else value.copy()


def _return_number(kernel: Kernel) -> Callable[..., Any]:
    """Return the function of a kernel, with numbers in place of arrays without axes."""
    function, static = kernel.function, kernel.static

    def number(*values: Any) -> Any:
        return np.asarray(function(*values, **static))[()]

    return number
