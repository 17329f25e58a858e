"""Batches, for wide programs of many small like rows: one NumPy step for all rows of one depth and kind.

Rows of one shape and dtype live in one array, in the order of their depth and kernel; so a batch gathers its arguments,
computes, and writes where its rows lie side by side (dynamic batching, Neubig et al. 2017). The functions are those of
the rows one by one, and so are the bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from ..._graph.types import Array, DType
from ..guards import NotANumber, find_nan_checks
from ..kernels import Kernel
from ..program import Program

__all__ = ["Batches", "write_batches"]

Kind = tuple[tuple[int, ...], DType]  # what rows share an array
LONG = 16  # terms, from which on a sum is one step
WORTH = 8  # rows to a batch, below which gathering them costs more than it saves
BATCH_COST, ROW_COST = 4e-6, 1.5e-8  # seconds, roughly: what a batch costs, and each number in it


@attrs.define(eq=False, repr=False)
class _Batch:
    """A batch: rows of one depth and kernel."""

    kernel: Kernel
    kind: Kind
    start: int
    stop: int
    args: list[tuple[Kind, Any]]  # where each argument lies


@attrs.define(eq=False, repr=False)
class Batches:
    """The batches of a program, and where leaves and outputs lie."""

    counts: dict[Kind, int]
    literals: list[tuple[Kind, int, Any]]
    leaves: list[tuple[Kind, int]]
    batches: list[_Batch]
    outputs: list[tuple[Kind, int]]
    checked: list[tuple[Kind, Any]]

    @property
    def source(self) -> str:
        """Return a description of each batch, a line each."""
        return "\n".join([_describe_batch(batch) for batch in self.batches])

    @property
    def steps(self) -> int:
        """Return the number of batches."""
        return len(self.batches)

    @property
    def nbytes(self) -> int:
        """Return the bytes of the arrays that hold the rows."""
        return sum(n * math.prod(shape) * dtype.itemsize for (shape, dtype), n in self.counts.items())

    @property
    def cost(self) -> float:
        """Return roughly the seconds that a call takes."""
        numbers = sum((b.stop - b.start) * max(math.prod(b.kind[0]), 1) for b in self.batches)
        return BATCH_COST * len(self.batches) + ROW_COST * numbers

    def bind(self) -> Callable[..., tuple[Array, ...]]:
        """Return the function, with arrays of its own: it serves one call at a time."""
        arrays = {kind: np.empty((n, *kind[0]), kind[1]) for kind, n in self.counts.items()}
        for kind, k, value in self.literals:
            arrays[kind][k] = value
        steps = [_prepare_step(batch, arrays) for batch in self.batches]
        numbers, places = _group_scalars(self.leaves, arrays)
        singles = [(k, arrays[kind], place) for k, (kind, place) in enumerate(self.leaves) if k not in places]
        wanted = [(arrays[kind], place) for kind, place in self.outputs]
        checked = [(arrays[kind], places) for kind, places in self.checked]

        def schedule(*values: Any) -> tuple[Any, ...]:
            for array, which, where in numbers:
                array[where] = [values[k] for k in which]
            for k, array, place in singles:
                array[place] = values[k]
            for takes, function, args, out in steps:
                for take, places, into in takes:
                    take(places, 0, into, "clip")
                function(*args, out=out)
            for array, rows in checked:
                if np.isnan(array[rows]).any():
                    raise NotANumber
            return tuple([array[place].copy() if array.ndim > 1 else array[place] for array, place in wanted])

        return schedule


def _group_scalars(leaves: Sequence[tuple[Kind, int]], arrays: dict[Kind, Any]) -> tuple[list[Any], set[int]]:
    """Group the leaves without axes by the array they go into, as they are written all at once."""
    by_kind: dict[Kind, list[int]] = {}
    for k, (kind, _) in enumerate(leaves):
        if not kind[0]:
            by_kind.setdefault(kind, []).append(k)
    numbers = [
        (arrays[kind], which, _as_slice(np.array([leaves[k][1] for k in which]))) for kind, which in by_kind.items()
    ]
    return numbers, {k for which in by_kind.values() for k in which}


def _as_slice(places: Array) -> Any:
    """Return places as a slice if they lie side by side."""
    n = len(places)
    if places[-1] - places[0] == n - 1 and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[0]) + n)
    return places


def _prepare_step(batch: _Batch, arrays: dict[Kind, Any]) -> Any:
    """Return a batch bound to arrays: what it gathers, its function, its arguments, and where it writes."""
    takes, args = [], []
    n, (shape, _) = batch.stop - batch.start, batch.kind
    for kind, places in batch.args:
        if isinstance(places, slice):
            found = arrays[kind][places]
        else:
            found = np.empty((len(places), *kind[0]), kind[1])
            takes.append((arrays[kind].take, places, found))
        if batch.kernel.kind in ("ufunc", "where", "call") and len(kind[0]) < len(shape):
            found = found.reshape(n, *[1] * (len(shape) - len(kind[0])), *kind[0])
        args.append(found)
    return takes, _batch_function(batch.kernel, batch.kind), args, arrays[batch.kind][batch.start : batch.stop]


def _batch_function(kernel: Kernel, kind: Kind) -> Callable[..., Any]:
    """Return the function that computes many rows at once, along a first axis."""
    function, static = kernel.function, kernel.static
    if kernel.kind in ("ufunc", "matmul", "total"):
        whole: Callable[..., Any] = function
        return whole
    if kernel.kind == "sum":
        axis, keepdims = static["axis"], static["keepdims"]

        def reduce(x: Any, out: Any) -> None:
            ndim = x.ndim - 1
            axes = range(ndim) if axis is None else [axis] if isinstance(axis, int) else axis
            function.reduce(x, axis=tuple([a % ndim + 1 for a in axes]), out=out, keepdims=keepdims)

        return reduce

    def into(*args: Any, out: Any) -> None:
        np.copyto(out, function(*args, **static))

    return into


def _can_batch(program: Program, row: int) -> bool:
    kernel, args = program.kernels[row], program.args[row]
    if kernel is None or kernel.kind in ("ufunc", "where") or kernel.pointwise:
        return True
    if kernel.kind == "sum":
        return bool(program.shapes[args[0]])
    return kernel.kind == "matmul" and all(len(program.shapes[a]) == 2 for a in args)


def _find_long_sums(program: Program, live: Sequence[int], seen: set[int]) -> tuple[dict[int, list[int]], set[int]]:
    """Find sums of many terms, added up one after the other; return last row -> terms, and the partial sums.

    A term that is subtracted is given as -1 - row. `seen` are rows that others than the next sum read.
    """
    uses = [0] * len(program)
    for row in live:
        for a in program.args[row]:
            uses[a] += 1
    sums: dict[int, list[int]] = {}
    for row in live:
        kernel = program.kernels[row]
        if kernel is None or kernel.kind != "ufunc" or kernel.function not in (np.add, np.subtract):
            continue
        first, term = program.args[row]
        if program.dtypes[row].kind != "f" or any(program.shapes[a] != program.shapes[row] for a in (first, term)):
            continue
        continued = first in sums and uses[first] == 1 and first not in seen
        terms = sums.pop(first) if continued else [first]
        terms.append(term if kernel.function is np.add else -1 - term)
        sums[row] = terms
    long = {row: terms for row, terms in sums.items() if len(terms) >= LONG}
    partial_sums: set[int] = set()
    for row, terms in long.items():
        for _ in range(len(terms) - 2):
            row = program.args[row][0]
            partial_sums.add(row)
    return long, partial_sums


def _make_total(signs: Any) -> Callable[..., Any]:
    """Return the function that adds up many terms in their order."""

    def total(terms: Any, out: Any) -> None:
        if signs is not None:
            np.multiply(terms, signs, out=terms)
        out[...] = np.add.accumulate(terms, axis=0)[-1]

    return total


def write_batches(program: Program, live: Sequence[int], params: Sequence[tuple[int, str]]) -> Batches | None:
    """Write a program as batches; return None if some row fits into none.

    Time is linear in the rows.
    """
    if program.guards or not all(_can_batch(program, row) for row in live):
        return None
    kinds, args, kernels = list(zip(program.shapes, program.dtypes, strict=True)), list(program.args), program.kernels
    nans = find_nan_checks(program, live)
    sums, partial_sums = _find_long_sums(program, live, {*program.outputs, *nans})
    for row, terms in sums.items():
        args[row] = tuple([t if t >= 0 else -1 - t for t in terms])
    live = [row for row in live if row not in partial_sums]
    depth = [0] * len(program)
    groups: dict[Any, list[int]] = {}
    for row in live:
        kernel = kernels[row]
        if kernel is not None:
            depth[row] = d = 1 + max([depth[a] for a in args[row]])
            own = (row,) if row in sums else tuple([kinds[a] for a in args[row]])
            groups.setdefault((d, id(kernel), kinds[row], *own), []).append(row)
    if len(live) < WORTH * len(groups):
        return None
    counts: dict[Kind, int] = {}
    place = np.zeros(len(program), np.intp)

    def put(row: int) -> int:
        k = counts[kinds[row]] = counts.get(kinds[row], 0) + 1
        place[row] = k - 1
        return k - 1

    leaves = [(kinds[row], put(row)) for row, _ in params]
    literals = [(kinds[row], put(row), program.literals[row]) for row in live if row in program.literals]
    batches = []
    for (_, _, kind, *of), rows in sorted(groups.items(), key=lambda item: item[0][0]):
        if of == rows and rows[0] in sums:
            row = rows[0]
            terms = sums[row]
            signs = np.array([1.0 if t >= 0 else -1.0 for t in terms], kind[1]).reshape(-1, *[1] * len(kind[0]))
            function = _make_total(None if min(terms) >= 0 else signs)
            start = put(row)
            kernel = Kernel("total", "sum", function)
            batches.append(_Batch(kernel, kind, start, start + 1, [(kind, place[list(args[row])])]))
            continue
        first = [args[row][0] for row in rows]
        order = np.argsort(place[first], kind="stable")  # neighbours of neighbours
        rows = [rows[k] for k in order]
        start = counts.get(kind, 0)
        counts[kind] = start + len(rows)
        place[rows] = np.arange(start, start + len(rows))
        kernel = kernels[rows[0]]
        assert kernel is not None
        given = [(of[k], _as_slice(place[[args[row][k] for row in rows]])) for k in range(len(of))]
        batches.append(_Batch(kernel, kind, start, start + len(rows), given))
    outputs = [(kinds[row], int(place[row])) for row in program.outputs]
    checked: dict[Kind, list[int]] = {}
    for row in nans:
        checked.setdefault(kinds[row], []).append(int(place[row]))
    return Batches(counts, literals, leaves, batches, outputs, [(k, np.array(rows)) for k, rows in checked.items()])


def _describe_batch(batch: _Batch) -> str:
    args = ", ".join([f"{p.start}:{p.stop}" if isinstance(p, slice) else f"{len(p)} places" for _, p in batch.args])
    return f"{batch.start}:{batch.stop} of {batch.kind[1]}{list(batch.kind[0])} = {batch.kernel.name}({args})"
