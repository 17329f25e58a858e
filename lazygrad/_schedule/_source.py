"""A program as Python source: one statement a row, each writing where an array lies ready.

Which arrays those are is settled beforehand by liveness: a row takes over the array of an argument that nobody reads
after it, or one that is free, or a new one. Outputs are the caller's and never taken over. What is a view of such an
array is made once, when the source is bound to its arrays.
"""

from __future__ import annotations

import builtins
import itertools
import keyword
import linecache
import math
import re
import unicodedata
import weakref
from collections.abc import Callable, Sequence
from sys import getrefcount
from types import CodeType
from typing import Any

import attrs
import numpy as np

from .._context import Look, same
from .._node import Node, label
from ._blocks import Chain, blocked
from ._floats import EXPRESSIONS, SPACE
from ._kernels import Kernel
from ._layout import gapless, out_of_order
from ._program import Program, Shape

__all__ = [
    "Branched",
    "NotANumber",
    "Straight",
    "Writer",
    "checks",
    "compiled",
    "differs",
    "kept_in_tracebacks",
    "leaf_names",
    "straight",
    "supplier",
]

SIGNS: dict[Any, str] = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.true_divide: "{} / {}",
    np.negative: "-{}",
    np.absolute: "abs({})",
    np.square: "{0} * {0}",
    np.less: "{} < {}",
    np.less_equal: "{} <= {}",
    np.greater: "{} > {}",
    np.greater_equal: "{} >= {}",
    np.equal: "{} == {}",
    np.not_equal: "{} != {}",
}
BY_KEYWORD = (np.maximum, np.minimum, np.fmax, np.fmin)  # which take no `out` by position
# What a leaf must not be called in the source.
TAKEN = frozenset([*dir(builtins), *dir(math), *keyword.kwlist, "schedule"])
RESERVED = re.compile(r"[bcfijkostvw]\d*|(view|differs|new_o|[st]\d+_)\w*")
PYTHONS = (np.dtype(float), np.dtype(bool))  # the dtypes of numbers that may be Python's
LARGE = 1 << 16  # bytes, from which on memory for a result is worth keeping

_numbers = itertools.count(1).__next__


class Branched(Exception):
    """A traced function would go another way with these values."""


class NotANumber(ArithmeticError):
    """A product without its guard gave nan: the guarded schedule has to answer."""


def differs(look: Look) -> Callable[[Any], bool]:
    """What sees whether a function would have seen something else in a value."""
    _, made, seen = look
    return lambda value: not same(made(value), seen)


def leaf_names(leaves: Sequence[Node]) -> list[str]:
    """A Python name for each leaf, its own as far as that goes."""
    taken: set[str] = set()
    names = []
    for leaf in leaves:
        stem = unicodedata.normalize("NFKC", re.sub(r"\W+", "_", leaf.name or f"leaf{leaf.serial}")).strip("_")
        if not stem.isidentifier() or not leaf.name:
            stem = f"leaf{leaf.serial}"
        elif RESERVED.fullmatch(stem) or stem in TAKEN or hasattr(np, stem):
            stem = f"leaf_{stem}"
        name, k = stem, 1
        while name in taken:
            k += 1
            name = f"{stem}_{k}"
        taken.add(name)
        names.append(name)
    return names


@attrs.define(eq=False, repr=False)
class Straight:
    """Generated source, and what it takes to bind it to arrays of its own."""

    source: str
    steps: int
    code: CodeType
    constants: dict[str, Any]
    buffers: list[tuple[str, Shape, np.dtype[Any]]]
    views: list[tuple[str, str, Callable[[Any], Any]]]  # name, of what, how
    outputs: list[tuple[str, Shape, np.dtype[Any]]]  # whose memory is new for each call

    @property
    def nbytes(self) -> int:
        """The bytes of the arrays that lie ready."""
        return sum(math.prod(shape) * dtype.itemsize for _, shape, dtype in self.buffers)

    def bound(self) -> Callable[..., tuple[Any, ...]]:
        """The function, with arrays of its own: one call at a time."""
        space = dict(self.constants)
        for name, shape, dtype in self.buffers:
            space[name] = np.empty(shape, dtype)
        for name, of, view in self.views:
            space[name] = view(space[of])
        for name, shape, dtype in self.outputs:
            space[f"new_{name}"] = supplier(shape, dtype)
        exec(self.code, space)
        function: Callable[..., tuple[Any, ...]] = space.pop("schedule")  # lest its globals refer to it
        return function


def _alone() -> int:
    """The references to an array of a list that nobody else has, as a loop over the list sees them."""
    kept = [np.empty(0)]
    for array in kept:
        return getrefcount(array)
    raise AssertionError


ALONE = _alone()


def supplier(shape: Shape, dtype: np.dtype[Any]) -> Callable[[], Any]:
    """Where arrays for a result come from: large ones again from those that nobody holds any more."""
    kept: list[Any] = []

    def supply() -> Any:
        for array in kept:
            if getrefcount(array) == ALONE:  # no view refers to it
                array.flags.writeable = True
                return array
        array = np.empty(shape, dtype)
        if len(kept) < 2:
            kept.append(array)
        return array

    return supply


@attrs.define(eq=False, repr=False)
class Writer:
    """Statement by statement: where each row is written, and how."""

    program: Program
    exact: bool
    live: list[int]
    names: dict[int, str]  # row -> how it is written
    lines: list[str] = attrs.field(factory=list)
    space: dict[str, Any] = attrs.field(factory=dict)
    buffers: list[tuple[str, Shape, np.dtype[Any]]] = attrs.field(factory=list)
    views: list[tuple[str, str, Callable[[Any], Any]]] = attrs.field(factory=list)
    outputs: list[tuple[str, Shape, np.dtype[Any]]] = attrs.field(factory=list)
    holds: dict[int, tuple[int, ...]] = attrs.field(factory=dict)  # row -> rows whose memory it may show
    last: dict[int, int] = attrs.field(factory=dict)  # row -> the last row that reads its memory
    free: dict[tuple[Shape, Any], list[str]] = attrs.field(factory=dict)
    owner: dict[int, str] = attrs.field(factory=dict)  # row -> the array it is written to
    static: set[str] = attrs.field(factory=set)  # names that mean the same array in each call
    samples: dict[str, Any] = attrs.field(factory=dict)  # arrays like those, to see what a view of one is
    checked: set[int] = attrs.field(factory=set)  # rows where a nan would show that a guard was needed
    given: set[int] = attrs.field(factory=set)  # rows whose memory is a result's
    floats: bool = False  # whether single numbers are Python's
    prefix: str = "b"  # of the names of arrays that lie ready
    params: frozenset[str] = attrs.Factory(lambda self: frozenset(self.names.values()), takes_self=True)

    def lifetimes(self) -> None:
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

    def write(self) -> None:
        """A statement for each row."""
        program = self.program
        self.lifetimes()
        wanted = set(program.outputs)
        for row in program.outputs:  # and of a view what it shows
            root, *others = self.holds[row]
            if not others and program.kernels[root] is not None and program.shapes[root]:
                wanted.add(root)
        self.given = wanted
        looks: dict[int, list[Look]] = {}
        for row, look in program.looks:
            looks.setdefault(row, []).append(look)
        dying: dict[int, list[int]] = {}
        for row, reader in self.last.items():
            dying.setdefault(reader, []).append(row)
        for row in self.live:
            kernel = program.kernels[row]
            if kernel is None:
                if row in program.literals:
                    self.names[row] = self.constant(program.literals[row])
                for look in looks.get(row, ()):
                    self.look(row, look)
                continue
            self.row(row, kernel, row in wanted)
            if row in self.checked:
                self.check(row)
            for look in looks.get(row, ()):
                self.look(row, look)
            for other in dying.get(row, ()):
                name = self.owner.get(other)
                if name is not None and other not in wanted:
                    self.free.setdefault((program.shapes[other], program.dtypes[other]), []).append(name)

    def look(self, row: int, look: Look) -> None:
        """A statement that sees whether the function would have gone the same way."""
        _, made, seen = look
        branched = self.named(Branched, "Branched")
        name = self.names[row]
        if made is bool:
            self.lines.append(f"    if {'not ' if seen else ''}{name}: raise {branched}")
            return
        other = f"differs{len(self.lines)}"
        self.space[other] = differs(look)
        self.lines.append(f"    if {other}({name}): raise {branched}")

    def check(self, row: int) -> None:
        """A statement that finds a nan."""
        name = self.names[row]
        if self.program.shapes[row]:
            flat = f"{name}.reshape(-1)"
            if name in self.static and self.made_once(f"f{row}", name, lambda x: x.reshape(-1)):
                flat = f"f{row}"
            dot = self.named(np.dot, "dot")
            self.lines.append(f"    s = {dot}({flat}, {flat})")
            name = "s"
        self.lines.append(f"    if {name} != {name}: raise {self.named(NotANumber, 'NotANumber')}")

    def arguments(self, row: int, kernel: Kernel) -> list[str]:
        """How the arguments of a row are written: numbers as such where no dtype depends on them."""
        program, args = self.program, self.program.args[row]
        given = [self.names[a] for a in args]
        if kernel.kind == "call" and self.floats:
            for k, a in enumerate(args):  # which may be a number of Python's by now
                if not program.shapes[a] and program.kernels[a] is not None and program.dtypes[a] in PYTHONS:
                    kind = program.dtypes[a].type
                    given[k] = f"{self.named(kind, kind.__name__)}({given[k]})"
        numpys = getattr(np, kernel.function.__name__, None) is kernel.function if kernel.kind == "ufunc" else False
        if numpys or kernel.kind == "where":
            strong = {program.dtypes[a] for a in args if a not in program.literals or program.shapes[a]}
            for k, a in enumerate(args):
                if a in program.literals and program.dtypes[a] in strong:
                    given[k] = _number(program.literals[a]) or given[k]
        return given

    def constant(self, value: Any) -> str:
        """The name of a literal."""
        name = self.constant_object(value)
        self.samples[name] = value
        self.static.add(name)
        return name

    def named(self, thing: Any, name: str) -> str:
        """A function under a name in the source."""
        while name in self.params or self.space.setdefault(name, thing) is not thing:
            name += "_"
        return name

    def row(self, row: int, kernel: Kernel, wanted: bool) -> None:
        """One statement, unless the row is a view of what lies ready."""
        program = self.program
        shape, dtype = program.shapes[row], program.dtypes[row]
        given = self.arguments(row, kernel)
        if kernel.kind == "part":
            self.names[row] = self.place(row, kernel, shape, dtype, wanted)
        elif kernel.kind == "chain":
            self.names[row] = ""
            self.chain(row, kernel.function, given)
        elif kernel.kind == "total":
            self.names[row] = f"s{program.args[row][0]}_{kernel.function}"
        elif kernel.kind == "view":
            self.view(row, kernel, given[0])
        elif not shape:
            self.names[row] = f"v{row}"
            self.say(f"v{row} = {self.number(row, kernel, given)}", row)
        elif kernel.kind == "call":
            self.names[row] = f"v{row}"
            text = kernel.text.format(*given)
            if not text:
                name = self.named(kernel.function, re.sub(r"\W+", "_", kernel.name))
                keywords = [f", {k}={self.value(v)}" for k, v in kernel.static.items()]
                text = f"{name}({', '.join(given)}{''.join(keywords)})"
            if row in program.odd:
                text = f"{self.named(_as_kept, 'as_kept')}({text})"
            self.say(f"v{row} = {text}", row)
        elif row in program.odd:
            self.names[row] = f"v{row}"
            self.say(f"v{row} = {self.anywhere(kernel, given)}", row)
        else:
            out = self.place(row, kernel, shape, dtype, wanted)
            self.names[row] = out
            self.say(self.into(row, kernel, given, out), row)

    def chain(self, row: int, chain: Chain, given: list[str]) -> None:
        """A loop over blocks: the rows of a chain for one block after the other."""
        inner = _Block(
            chain.program, self.exact, chain.rows, {}, checked=chain.checked, outer=self, chained=row, prefix=f"t{row}_"
        )
        flat = []
        for a, name in zip([*chain.given, *chain.stored], given, strict=True):
            if chain.program.shapes[a]:
                flat.append((f"{name}_", name))
                inner.names[a] = f"{name}_"
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
        self.lines.append(f"    for i, j in {self.constant_object(spans)}:")
        for name in temporaries:  # the last block is shorter
            self.lines.append(f"        {name}_ = {name}[:j - i]")
        self.lines += [f"    {line}" for line in inner.lines]

    def say(self, text: str, row: int) -> None:
        """Add a line, with the node it is for."""
        origin = self.program.origins[row]
        note = ""
        if origin is not None:
            note = f"adjoint of {label(origin.of)}" if hasattr(origin, "of") else label(origin)
            note = " ".join(note.split())
        self.lines.append(f"    {text:<48}  # {note}" if note else f"    {text}")

    def value(self, v: Any) -> str:
        if v is None or isinstance(v, (bool, int, str)):
            return repr(v)
        return self.constant_object(v)

    def constant_object(self, v: Any) -> str:
        name = f"k{len(self.space)}"
        while name in self.space:
            name += "_"
        self.space[name] = v
        return name

    def view(self, row: int, kernel: Kernel, of: str) -> None:
        """A view of what lies ready is made once; of other arrays, with each call."""
        if of in self.static and self.made_once(f"w{row}", of, kernel.function):
            self.names[row] = f"w{row}"
            return
        if "broadcast_to" in kernel.text:
            self.named(np.broadcast_to, "broadcast_to")
        text = kernel.text.format(of) if kernel.text else f"{self.named(kernel.function, f'view{row}')}({of})"
        self.names[row] = f"v{row}"
        self.say(f"v{row} = {text}", row)

    def made_once(self, name: str, of: str, view: Callable[[Any], Any]) -> bool:
        """Enter a view of what lies ready; False if it would be a copy, which has to be made with each call."""
        array = self.samples[of]
        found = view(array)
        if found.__class__ is not np.ndarray or (found.size and not np.may_share_memory(found, array)):
            return False
        self.views.append((name, of, view))
        self.static.add(name)
        self.samples[name] = found
        return True

    def number(self, row: int, kernel: Kernel, given: list[str]) -> str:
        """The expression of a single number."""
        if kernel.alone:
            return kernel.text.format(*given)
        if self.floats and self.program.dtypes[row] == np.float64 and kernel.kind in ("ufunc", "call"):
            text = EXPRESSIONS.get(kernel.function)
            if text is not None and all(self.program.dtypes[a].kind in "fb" for a in self.program.args[row]):
                name, bracket, rest = text.partition("(")
                if name in SPACE:
                    text = self.named(SPACE[name], name) + bracket + rest
                return text.format(*given)
        if kernel.kind == "ufunc":
            sign = SIGNS.get(kernel.function)
            if sign is not None:
                return sign.format(*given)
            return f"{self.named(kernel.function, kernel.function.__name__)}({', '.join(given)})"
        if kernel.kind == "sum":
            return (
                f"{self.named(kernel.function, kernel.function.__name__)}.reduce({given[0]}, {kernel.static['axis']})"
            )
        if kernel.kind == "matmul":
            name = self.named(np.dot, "dot") if self.same_as_dot(row) else self.named(np.matmul, "matmul")
            return f"{name}({', '.join(given)})"
        name = self.named(_as_number(kernel), re.sub(r"\W+", "_", kernel.name))
        return f"{name}({', '.join(given)})"

    def place(self, row: int, kernel: Kernel, shape: Shape, dtype: np.dtype[Any], wanted: bool) -> str:
        """The array a row is written to."""
        if wanted:
            name = f"o{len(self.outputs)}"
            self.outputs.append((name, shape, dtype))
            small = math.prod(shape) * dtype.itemsize < LARGE
            made = (
                f"{self.named(np.empty, 'empty')}({shape}, {self.constant_object(dtype)})" if small else f"new_{name}()"
            )
            self.lines.append(f"    {name} = {made}")
            return name
        if kernel.kind == "ufunc":
            for a in self.program.args[row]:
                owned = self.owner.get(a)
                alike = self.program.shapes[a] == shape and self.program.dtypes[a] == dtype
                if owned is not None and alike and self.last[a] == row and a not in self.given:
                    del self.owner[a]
                    self.owner[row] = owned
                    return owned
                if self.retyped(a, row, shape, dtype):
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

    def retyped(self, a: int, row: int, shape: Shape, dtype: np.dtype[Any]) -> bool:
        """Whether an argument is the same bytes, as this dtype, of an array that nobody reads after this row."""
        kernel, (root, *others) = self.program.kernels[a], self.holds[a]
        if kernel is None or kernel.name != "view as" or others or self.last[root] != row or root not in self.owner:
            return False
        return self.program.shapes[a] == shape and self.program.dtypes[a] == dtype and self.names[a] in self.static

    def into(self, row: int, kernel: Kernel, given: list[str], out: str) -> str:
        """The statement that writes a row into an array."""
        program = self.program
        if kernel.kind == "ufunc":
            name = self.named(kernel.function, kernel.function.__name__)
            keyword = "out=" if kernel.function in BY_KEYWORD or kernel.function.nin + 1 == len(given) else ""
            return f"{name}({', '.join(given)}, {keyword}{out})"
        if kernel.kind == "sum":
            axis, keepdims = kernel.static["axis"], kernel.static["keepdims"]
            source = program.args[row][0]
            if (
                not self.exact
                and kernel.function is np.add
                and axis == 0
                and len(program.shapes[source]) == 2
                and not keepdims
            ):
                ones = self.constant_object(np.ones(program.shapes[source][0], program.dtypes[row]))
                return f"{self.named(np.dot, 'dot')}({ones}, {given[0]}, {out})"
            name = self.named(kernel.function, kernel.function.__name__)
            kept = ", keepdims=True" if keepdims else ""
            return f"{name}.reduce({given[0]}, axis={axis}, out={out}{kept})"
        if kernel.kind == "matmul":
            plain = all(
                len(program.shapes[a]) <= 2 and program.dtypes[a] == program.dtypes[row] for a in program.args[row]
            )
            plain = plain and program.dtypes[row].kind in "fc"
            plain = plain and self.same_as_dot(row)
            name = self.named(np.dot, "dot") if plain else self.named(np.matmul, "matmul")
            return f"{name}({', '.join(given)}, {out})"
        assert kernel.kind == "where"
        copy = self.named(np.copyto, "copyto")
        condition, x, y = given
        return f"{copy}({out}, {y}); {copy}({out}, {x}, where={condition})"

    def same_as_dot(self, row: int) -> bool:
        """Whether `np.dot`, which is quicker on small matrices, gives every bit of this product that has to be so."""
        program, args = self.program, self.program.args[row]
        single = all(math.prod(program.shapes[a]) == 1 for a in args)  # where it may give -0.0
        return not self.exact or (not single and all(gapless(program, a) for a in args))

    def anywhere(self, kernel: Kernel, given: list[str]) -> str:
        """The expression of a row that NumPy finds a place for."""
        if kernel.kind == "sum":
            fold, axis, kept = kernel.function, kernel.static["axis"], kernel.static["keepdims"]
            return f"{self.named(fold, fold.__name__)}.reduce({given[0]}, axis={axis}, keepdims={kept})"
        return f"{self.named(kernel.function, kernel.function.__name__)}({', '.join(given)})"

    def given_away(self, row: int) -> str:
        """A result as nobody else has it."""
        program, name = self.program, self.names[row]
        kernel = program.kernels[row]
        if program.shapes[row]:
            root = self.holds[row][0]
            made = program.kernels[root]
            own = made is not None and made.kind != "call"  # which may have returned what others hold
            if kernel is not None and kernel.kind == "view" and own and root in self.given:
                return name
            if kernel is None or kernel.kind in ("view", "call"):
                return self.copied(row)
        elif kernel is None or kernel.kind == "view":
            return f"{self.named(_scalar, 'scalar')}({name}, {self.constant_object(program.dtypes[row])})"
        return name

    def kept(self, row: int) -> str:
        """A result that may share memory with others that are kept, but with no array that is used again."""
        program, name = self.program, self.names[row]
        kernel = program.kernels[row]
        if not program.shapes[row]:
            return self.given_away(row)
        if kernel is not None and kernel.kind in ("view", "call"):
            held = [h for h in self.holds[row] if h != row and program.kernels[h] is not None]
            used = [h for h in held if h not in self.given]
            if used:
                return self.copied(row)
        return name

    def copied(self, row: int) -> str:
        """A copy of a row."""
        name = self.names[row]
        if f"{name}_copy" not in self.names.values():
            self.lines.append(f"    {name}_copy = {self.named(np.array, 'array')}({name})")
            self.names[row] = f"{name}_copy"
        return f"{name}_copy"


@attrs.define(eq=False, repr=False)
class _Block(Writer):
    """The statements for one block of a chain: what they read and store in full are slices."""

    outer: Writer = attrs.field(kw_only=True)
    chained: int = attrs.field(kw_only=True)  # the row of the chain in the outer program

    def named(self, thing: Any, name: str) -> str:
        return self.outer.named(thing, name)

    def constant_object(self, v: Any) -> str:
        return self.outer.constant_object(v)

    def write(self) -> None:
        chain: Chain = self.outer.program.kernels[self.chained].function  # type: ignore[union-attr]
        program = self.program
        for a in chain.given:
            self.holds[a] = (a,)
            if program.shapes[a]:
                self.names[a] += "[i:j]"
            elif a in program.literals:
                self.names[a] = self.outer.constant(program.literals[a])
        for row in chain.stored:
            self.names[row] += "[i:j]"
        self.lifetimes()
        dying: dict[int, list[int]] = {}
        for row, reader in self.last.items():
            dying.setdefault(reader, []).append(row)
        for row in chain.rows:
            kernel = program.kernels[row]
            assert kernel is not None
            given = self.arguments(row, kernel)
            if kernel.kind == "sum":
                self.lines.append(
                    f"    s{self.chained}_{chain.sums.index(row)} += {self.named(np.add, 'add')}.reduce({given[0]})"
                )
            elif kernel.kind == "view":
                dtype = self.constant_object(program.dtypes[row])
                if row in chain.stored:
                    self.lines.append(
                        f"    {self.named(np.copyto, 'copyto')}({self.names[row]}, {given[0]}.view({dtype}))"
                    )
                else:
                    self.names[row] = f"{given[0]}.view({dtype})"
            else:
                if row not in chain.stored:
                    out = self.place(row, kernel, program.shapes[row], program.dtypes[row], False)
                    self.names[row] = f"{out}_"
                self.say(self.into(row, kernel, given, self.names[row]), row)
            if row in chain.checked:
                name = self.names[row]
                self.lines.append(f"    c = {self.named(np.dot, 'dot')}({name}, {name})")
                self.lines.append(f"    if c != c: raise {self.named(NotANumber, 'NotANumber')}")
            for other in dying.get(row, ()):
                name = self.owner.get(other, "")
                if name:
                    self.free.setdefault((program.shapes[other], program.dtypes[other]), []).append(name)


def _number(value: Any) -> str:
    """A literal as a number of Python's; nothing if it is none."""
    if value.shape or value.dtype.kind != "f" or not np.isfinite(value):
        return ""
    text = repr(float(value))
    return f"({text})" if text[0] == "-" else text


def _as_kept(value: Any) -> Any:
    """An array as the memo keeps it: a copy of what shows memory that is no array's."""
    base = value.base
    while base.__class__ is np.ndarray:
        base = base.base
    return value if base is None else value.copy()


def _as_number(kernel: Kernel) -> Callable[..., Any]:
    """The function of a kernel, whose 0-d arrays become numbers."""
    function, static = kernel.function, kernel.static

    def number(*values: Any) -> Any:
        return np.asarray(function(*values, **static))[()]

    return number


def straight(
    program: Program, params: Sequence[tuple[int, str]], exact: bool, title: str, keep: bool = False
) -> Straight:
    """Write a program; `params` are the rows of the leaves that come with each call, and their names.

    With `keep` results may share memory with each other and with what was given, as all is read-only then.
    """
    live = program.live()
    program.checked = checks(program, live)
    program.odd = out_of_order(program, live) if exact else set()
    chains = blocked(program, live, exact, program.checked)
    if chains is not None:
        leaves = {id(node): row for row, node in chains.leaves.items()}
        params = [(leaves[id(program.leaves[row])], name) for row, name in params]
        program, live = chains, list(range(len(chains)))
    writer = Writer(program, exact, live, dict(params), checked=program.checked)
    writer.floats = not (exact or keep or program.guarded)
    writer.write()
    copied: dict[int, str] = {}
    for row in program.outputs:
        if row not in copied:
            copied[row] = writer.kept(row) if keep else writer.given_away(row)
    returned = [copied[row] for row in program.outputs]
    head = f"def schedule({', '.join(name for _, name in params)}):"
    end = f"    return ({', '.join(returned)}{',' if len(returned) == 1 else ''})"
    source = "\n".join([head, f'    """{title}"""', *writer.lines, end]) + "\n"
    made = Straight(
        source,
        len(writer.lines),
        compiled(source),
        writer.space,
        writer.buffers,
        writer.views,
        writer.outputs,
    )
    kept_in_tracebacks(made)
    return made


def compiled(source: str) -> CodeType:
    """The code of generated source, under a name of its own."""
    return compile(source, f"<lazygrad schedule {_numbers()}>", "exec")


def kept_in_tracebacks(made: Any) -> None:
    """Let tracebacks show the lines of ``made.source`` as long as it is there."""
    filename = made.code.co_filename
    linecache.cache[filename] = len(made.source), None, made.source.splitlines(keepends=True), filename
    weakref.finalize(made, linecache.cache.pop, filename, None)


def _scalar(value: Any, dtype: np.dtype[Any]) -> Any:
    return dtype.type(value)


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


def checks(program: Program, live: Sequence[int]) -> set[int]:
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
