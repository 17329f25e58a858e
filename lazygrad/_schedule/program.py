"""Programs: a question as a straight line of rows, each an op on rows above it, leaves first.

Values and adjoints are one graph (an adjoint is just another node), so one order serves both. An adjoint is written out
into ops: each rule is read once on stand-ins for each combination of shapes, and then only copied. An op that two
nodes have in common is one row; a value known beforehand is a literal; a product with one, or a broadcast of an array
that would be broadcast anyway, is left out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Container, Hashable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._graph.guards import Guard
from .._graph.node import NO_STATIC, Node
from .._graph.quiet import call_with_errstate
from .._graph.shapes import broadcast
from .._graph.types import Array, DType, Shape
from ..ops import arithmetic, linear, reduce
from ..ops._op import Op, freeze
from ..ops.linalg import guarded_matmul, matmul
from .kernels import DENSE, Kernel, choose_call, choose_kernel, expand_to, is_ours, repeat_to

__all__ = ["Program", "run_kernel"]


SMALL = 4096  # elements of a literal that is worked out beforehand
LARGEST_OUTER = 1024.0  # a factor by which numbers that have lost bits next to 0 may be multiplied
PRODUCTS = (arithmetic.multiply, arithmetic.guarded_multiply, arithmetic.strong_multiply)
QUOTIENTS = (arithmetic.divide, arithmetic.guarded_divide)


@attrs.define(eq=False, repr=False)
class Program:
    """Rows by number: what each is computed by, from which rows, in which shape and dtype.

    A leaf has no kernel; its value is a literal, or comes with each call.
    """

    guarded: bool  # whether products keep their guards
    exact: bool  # whether nothing may differ from the memo's walk in the last bits
    kernels: list[Kernel | None] = attrs.field(factory=list)
    args: list[tuple[int, ...]] = attrs.field(factory=list)
    shapes: list[Shape] = attrs.field(factory=list)
    dtypes: list[DType] = attrs.field(factory=list)
    origins: list[Node | None] = attrs.field(factory=list)  # the node that a row is the value or adjoint of
    leaves: dict[int, Node] = attrs.field(factory=dict)  # row -> the leaf whose value it is
    numbers: list[Node] = attrs.field(factory=list)  # leaves that became literals
    literals: dict[int, Any] = attrs.field(factory=dict)
    outputs: list[int] = attrs.field(factory=list)
    given: Container[int] = ()  # serials of leaves that are never literals
    loose: set[int] = attrs.field(factory=set)  # rows that may lie with gaps, repeated, or in another order than C's
    disordered: set[int] = attrs.field(factory=set)  # of these, the ones of two axes or more in another order than C's
    unordered: set[int] = attrs.field(factory=set)  # rows whose memory NumPy has to choose, as the walk lets it
    guards: list[tuple[int, Guard]] = attrs.field(factory=list)  # rows that a function read while it was traced
    watches: dict[int, int] = attrs.field(factory=dict)  # row -> a smaller one that is nan where the row lacks a guard
    suspects: set[int] = attrs.field(factory=set)  # rows in which a nan may stand for what was not taken
    checked: set[int] = attrs.field(factory=set)  # rows where a nan would show that a guard was needed
    _known: dict[Hashable, int] = attrs.field(factory=dict)
    _known_kernels: dict[Hashable, Kernel] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.kernels)

    def add_row(self, kernel: Kernel | None, args: tuple[int, ...], shape: Shape, dtype: DType) -> int:
        """Append a row, and return its number."""
        self.kernels.append(kernel)
        self.args.append(args)
        self.shapes.append(shape)
        self.dtypes.append(dtype)
        self.origins.append(None)
        row = len(self.kernels) - 1
        if shape and kernel is not None:
            self._note_order(row, kernel, args)
        return row

    def _note_order(self, row: int, kernel: Kernel, args: tuple[int, ...]) -> None:
        """Note how the array of a new row may lie: the result of an elementwise op lies as its arguments do."""
        disordered = not self.disordered.isdisjoint(args)
        if kernel.kind == "view":
            loose = kernel.name not in DENSE or not self.loose.isdisjoint(args)
            disordered = disordered or (kernel.name not in DENSE and not kernel.repeats)
        elif kernel.kind == "call":
            loose = disordered = not kernel.solid
        else:
            loose = disordered = disordered and (kernel.kind != "matmul" or len(self.shapes[row]) > 2)
        self._note_loose(row, loose, disordered)

    def _note_loose(self, row: int, loose: bool, disordered: bool) -> None:
        if loose:
            self.loose.add(row)
        if disordered and len(self.shapes[row]) > 1:
            self.disordered.add(row)

    def add_leaf(self, node: Node) -> int:
        """Return the row of a leaf, which is a literal if it is a number in an expression or the seed."""
        fixed = node._op is None and node._serial not in self.given
        if fixed and ("number" in node._static or node._static["leaf"] == "seed"):
            self.numbers.append(node)
            return self.add_literal(node._value)
        row = self.add_row(None, (), node.shape, node.dtype)
        self.leaves[row] = node
        self.origins[row] = node
        if node._op is not None and node.shape:
            loose = node._value is None or not node._value.flags.c_contiguous
            self._note_loose(row, loose, loose)
        return row

    def add_literal(self, value: Any) -> int:
        """Return the row of a value that is known beforehand."""
        if value.size > 1 and value.dtype.kind == "f" and value.tobytes() == value.flat[0].tobytes() * value.size:
            one = self.add_literal(value.flat[0])  # as in the seed of an array
            kernel = (expand_to if self.exact else repeat_to)(value.shape)
            return self.add_kernel(kernel, (one,), value.shape, value.dtype)
        key = (value.shape, value.dtype, value.tobytes()) if value.size <= SMALL else (id(value),)
        row = self._known.get(key)
        if row is None:
            row = self._known[key] = self.add_row(None, (), value.shape, value.dtype)
            self.literals[row] = value
            loose = bool(value.shape) and not value.flags.c_contiguous
            self._note_loose(row, loose, loose)
        return row

    def apply(self, op: Op, static: Mapping[str, Any], args: tuple[int, ...], shape: Shape, dtype: DType) -> int:
        """Return the row of an op, after what can be left out of it."""
        if shape and op.pointwise and is_ours(op):
            args = self._skip_broadcasts(args, shape)
        if op is arithmetic.keep_taken and not self.guarded and self.shapes[args[0]] == shape:
            self.suspects.add(args[0])
            return args[0]
        if op is guarded_matmul and not self.guarded and static["side"] != "both":
            return self._add_matmul(args, shape, dtype, args[1 if static["side"] == "x" else 0])
        row = self._find_equal_row(op, static, args, shape, dtype)
        if row is not None:
            return row
        if op is linear.add and (kernel := self.kernels[args[1]]) is not None and kernel.function is np.negative:
            (source,) = self.args[args[1]]
            if dtype.kind == "f" and self.dtypes[source] is dtype:  # x + (-y) is x - y
                return self.apply(linear.subtract, static, (args[0], source), shape, dtype)
        if not self.exact and op in PRODUCTS and (args[0] in self.literals or args[1] in self.literals):
            args = self._merge_scalings(args, shape, dtype)
        if (
            op is arithmetic.chosen
            and shape
            and shape == self.shapes[args[0]] == self.shapes[args[1]]
            and dtype in arithmetic.BITS
        ):
            return self._add_choice(*args)
        if op is linear.sum_to:
            return self._add_sum_to(args[0], shape, dtype)
        if op is reduce.mean and dtype in (np.float32, np.float64):
            count = reduce.count_of(self.shapes[args[0]], static["axis"])
            if count and self.dtypes[args[0]] == dtype:  # as NumPy does it
                total = self.apply(linear.sum, static, args, shape, dtype)
                return self.apply(
                    arithmetic.divide, NO_STATIC, (total, self.add_literal(dtype.type(count))), shape, dtype
                )
        # NumPy's complex scalars have operators of their own, and so have exponents without axes.
        if self.exact and ((not shape and dtype.kind == "c") or (op is arithmetic.power and not self.shapes[args[1]])):
            return self.add_kernel(choose_call(op, static, self._known_kernels), args, shape, dtype)
        kernel = choose_kernel(op, static, self.guarded, not shape, self._known_kernels)
        if kernel.number is not None:
            number = kernel.number
            args = (*args, self.add_literal(number if isinstance(number, np.generic) else dtype.type(number)))
        return self.add_kernel(kernel, args, shape, dtype)

    def add_kernel(self, kernel: Kernel, args: tuple[int, ...], shape: Shape, dtype: DType) -> int:
        """Return the row of a kernel on rows: one that is there already, or a new one."""
        if kernel.kind == "view" and not kernel.repeats and kernel.name != "view as":
            of = self.kernels[args[0]]
            if of is not None and of.repeats and not self.shapes[source := self.args[args[0]][0]]:
                return self.apply(linear.broadcast_to, {"shape": shape}, (source,), shape, dtype)
            if of is not None and of.expands and kernel.name in DENSE and not self.shapes[self.args[args[0]][0]]:
                (source,) = self.args[args[0]]
                return self.add_kernel(expand_to(shape), (source,), shape, dtype) if shape else source
        key = (kernel, args)
        row = self._known.get(key) if kernel.pure else None
        if row is not None:
            return row
        literals = self.literals
        repeats = kernel.repeats or kernel.expands
        known = literals and kernel.pure and not repeats and all(a in literals for a in args)
        if known and math.prod(shape) <= SMALL:
            value = _precompute(kernel, [literals[a] for a in args])
            if value is not None and value.shape == shape and value.dtype == dtype:
                row = self._known[key] = self.add_literal(value)
                return row
        row = self.add_row(kernel, args, shape, dtype)
        self._known[key] = row
        return row

    def _merge_scalings(self, args: tuple[int, ...], shape: Shape, dtype: DType) -> tuple[int, ...]:
        """Merge two scalings by numbers if that rounds alike, as one is a power of two; return the new arguments."""
        for a, x in (args, args[::-1]):
            kernel, c = self.kernels[x], self.literals.get(a)
            if (
                c is None
                or c.shape
                or kernel is None
                or kernel.function is not np.multiply
                or self.dtypes[x] is not dtype
            ):
                continue
            for b, y in (self.args[x], self.args[x][::-1]):
                d = self.literals.get(b)
                if d is None or d.shape or dtype.kind != "f" or not self.shapes[y] == self.shapes[x] == shape:
                    continue
                # The product in between must not be out of range where the whole is not (but for last bits of the
                # smallest numbers).
                between = not abs(d) > 1 > abs(c) and not abs(d) < 1 < LARGEST_OUTER < abs(c)
                if between and (abs(math.frexp(c)[0]) == 0.5 or abs(math.frexp(d)[0]) == 0.5):
                    limits = np.finfo(dtype)
                    product = call_with_errstate({"all": "ignore"}, lambda c=c, d=d: dtype.type(c * d))
                    if limits.tiny <= abs(product) <= limits.max:  # else it is out of range where two steps are not
                        return self.add_literal(product), y
        return args

    def _add_choice(self, x: int, condition: int) -> int:
        """Return the row of a choice between an array and zeros, made bit by bit as `arithmetic.chosen` does."""
        shape, dtype = self.shapes[x], self.dtypes[x]
        bits = np.dtype(arithmetic.BITS[dtype])
        keep = self.add_kernel(reinterpret_as(np.dtype(np.int8)), (condition,), shape, np.dtype(np.int8))
        keep = self.add_kernel(NEGATIVE, (keep,), shape, np.dtype(np.int8))
        x = self.add_kernel(reinterpret_as(bits), (x,), shape, bits)
        return self.add_kernel(reinterpret_as(dtype), (self.add_kernel(AND, (x, keep), shape, bits),), shape, dtype)

    def _add_matmul(self, args: tuple[int, ...], shape: Shape, dtype: DType, other: int) -> int:
        """Return the row of a matrix product without its guard, which only another factor that is not finite needs."""
        size = math.prod(self.shapes[other])
        if not 0 < size < math.prod(shape) or self.dtypes[other].kind != "f":
            kernel = choose_kernel(guarded_matmul, {"side": "x"}, False, not shape, self._known_kernels)
            return self.add_kernel(kernel, args, shape, dtype)
        everything = {"axis": None, "keepdims": False}
        total = self.apply(linear.sum, everything, (other,), (), self.dtypes[other])
        none = self.apply(linear.subtract, NO_STATIC, (total, total), (), self.dtypes[other])  # 0, or else nan
        row = self.apply(matmul, NO_STATIC, args, shape, dtype)
        if row > none:
            self.watches[row] = none
        self.suspects.add(none)
        return row

    def _add_sum_to(self, x: int, shape: Shape, dtype: DType) -> int:
        """Return the row of a sum back to a broadcast shape, in the steps of `linear.unbroadcast`."""
        full = self.shapes[x]
        extra = len(full) - len(shape)
        if extra and full[extra:] == shape:
            axis: Any = 0 if extra == 1 else tuple(range(extra))
            return self.apply(linear.sum, {"axis": axis, "keepdims": False}, (x,), shape, dtype)
        axes = tuple([k for k, n in enumerate(full) if k < extra or (n != 1 and shape[k - extra] == 1)])
        reduced = tuple([1 if k in axes else n for k, n in enumerate(full)])
        total = self.apply(linear.sum, {"axis": axes, "keepdims": True}, (x,), reduced, dtype)
        return self.apply(linear.reshape, {"shape": shape}, (total,), shape, dtype)

    def expand(self, a: int, shape: Shape, dtype: DType) -> int:
        """Return the row of an array that a rule repeats: where it is small, rules on arrays make a copy."""
        if self.shapes[a] == shape:
            return a
        copied = self.exact and math.prod(shape) <= linear.SMALL
        return self.add_kernel((expand_to if copied else repeat_to)(shape), (a,), shape, dtype)

    def _skip_broadcasts(self, args: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
        """Return the arrays that the arguments repeat, as far as the others make the result as large anyway.

        One after the other, as two repeated arrays may each owe their size to the other one.
        """
        found = list(args)
        for k, a in enumerate(args):
            kernel = self.kernels[a]
            while kernel is not None and (kernel.repeats or kernel.expands):
                (source,) = self.args[found[k]]
                rest: Shape = self.shapes[source]
                others = [b for j, b in enumerate(found) if j != k]
                for b in others:
                    rest = broadcast(rest, self.shapes[b])
                if rest != shape or (kernel.expands and not self.disordered.isdisjoint([source, *others])):
                    break  # (an array in C order among others decides the order of the result)
                found[k], kernel = source, self.kernels[source]
        return tuple(found)

    def _find_equal_row(
        self, op: Op, static: Mapping[str, Any], args: tuple[int, ...], shape: Shape, dtype: DType
    ) -> int | None:
        """Return a row that has the value of this op already, bit for bit; None if there is none."""
        if not args:
            return None
        x = args[0]
        alike = self.shapes[x] == shape and self.dtypes[x] is dtype
        solid = not self.exact or x not in self.loose  # else the op's own result lies otherwise in memory
        copies = op is linear.astype or (op is arithmetic.pow and static["n"] == 1)
        if alike and (op in SHOWING or (solid and copies)):
            return x
        if op in PRODUCTS or op in QUOTIENTS:
            one = self.literals.get(args[1])
            if alike and solid and one is not None and not one.shape and one == 1:
                return x
            one = self.literals.get(x)
            y = args[1]
            if op in PRODUCTS and one is not None and not one.shape and one == 1:
                alike = self.shapes[y] == shape and self.dtypes[y] is dtype
                return y if alike and not (self.exact and y in self.loose) else None
        return None

    def find_live(self) -> list[int]:
        """Return the rows that the outputs need, in order."""
        needed = bytearray(len(self))
        for row in [*self.outputs, *[row for row, _ in self.guards]]:
            needed[row] = 1
        for row in range(len(self) - 1, -1, -1):
            if needed[row]:
                for a in self.args[row]:
                    needed[a] = 1
                if row in self.watches:
                    needed[self.watches[row]] = 1
        return [row for row in range(len(self)) if needed[row]]


NEGATIVE = Kernel("ufunc", "negative", np.negative)
AND = Kernel("ufunc", "bitwise_and", np.bitwise_and)


@functools.cache
def reinterpret_as(dtype: DType) -> Kernel:
    """Return the kernel that reads the same bytes as another dtype."""
    return Kernel("view", "view as", lambda x: x.view(dtype))


SHOWING = (linear.identity, linear.reshape, linear.broadcast_to, linear.sum_to, linear.real)


def _precompute(kernel: Kernel, values: Sequence[Any]) -> Any:
    try:
        return freeze(call_with_errstate({"all": "ignore"}, run_kernel, kernel, values))
    except Exception:  # then it is raised when it is asked for
        return None


def run_kernel(kernel: Kernel, values: Sequence[object]) -> Array:
    """Return what a kernel makes of values, in memory of its own."""
    if kernel.kind == "sum":
        return kernel.function.reduce(values[0], **kernel.static)
    if kernel.kind == "view":
        return kernel.function(values[0])
    return kernel.function(*values, **kernel.static)
