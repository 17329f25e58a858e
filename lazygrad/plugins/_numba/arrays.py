"""A program on arrays as stages for numba's machine: what has one size and waits for the same is computed together.

Rows of one size that are elementwise are one stage, even if their shapes differ: in flat order each repeated argument
is element ``f // each % count`` of what it repeats, and so is the place where an element is added up. Arrays in between
exist only where another stage reads them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..._schedule.kernels import Kernel
from ..._schedule.program import Program
from ...ops import indexing, nn
from .layout import INT, KINDS, Layout
from .machine import FIELDS, Special
from .rows import BOOL, NotForNumba
from .stage import Stage

__all__ = ["lay_out"]

# -- which rows make a stage ---------------------------------------------------------------------------

INSTEAD = ("reshape", "squeeze", "expand_dims")  # views that show all elements in the same order


def _shows_all(program: Program, row: int, kernel: Kernel) -> bool:
    """Return whether a view shows all elements in the order that they have."""
    if math.prod(program.shapes[row]) != math.prod(program.shapes[program.args[row][0]]):
        return False
    if kernel.name != "getitem":
        return kernel.name in INSTEAD
    return all(not isinstance(k, slice) or k.step is None or k.step > 0 for k in kernel.static["key"])


def lay_out(
    program: Program, live: Sequence[int], leaves: Sequence[int], results: Sequence[int], checked: set[int]
) -> Layout | None:
    """Return a program on arrays of one dtype as stages; None if it is not for numba.

    Time is linear in the rows.
    """
    dtypes = {program.dtypes[row] for row in live if program.dtypes[row].kind == "f"}
    if len(dtypes) != 1 or (dtype := dtypes.pop()).itemsize not in (4, 8):
        return None
    layout = Layout(program, dtype, list(leaves))
    try:
        for row in leaves:
            kind = program.dtypes[row]
            if kind not in (dtype, BOOL, INT):
                return None
            layout.slots[row] = layout.add_slot(KINDS[kind.kind])
        _lay_out_rows(layout, live, results, checked)
    except NotForNumba:
        return None
    return layout


def _lay_out_rows(layout: Layout, live: Sequence[int], results: Sequence[int], checked: set[int]) -> None:
    """Give every row a stage: the first one in which all that it reads is there."""
    program = layout.program
    shapes, kernels = program.shapes, program.kernels
    stage_of: dict[int, tuple[int, int, int]] = {}  # turn, size, row of a product
    rows_of: dict[tuple[int, int, int], list[int]] = {}
    after: dict[int, int] = {}  # the first turn in which others can read the row's array
    wanted: set[int] = set()
    read = set(results)  # by others than products of matrices, which take what they are transposes of
    for row in live:
        kernel = kernels[row]
        if kernel is not None and kernel.kind != "matmul":
            read.update(program.args[row])
    for row in live:
        kernel = kernels[row]
        if kernel is None:
            after[row] = 0
            continue
        args = program.args[row]
        if kernel.kind == "view" and _shows_all(program, row, kernel):
            layout.same[row] = args[0]
            continue
        if kernel.kind == "view" and kernel.name == "transpose" and len(shapes[row]) == 2 and row not in read:
            layout.turned[row] = of = layout.find_root(args[0])
            after[row] = after[of]
            wanted.add(of)
            continue
        if kernel.function is nn.checked_labels.function:
            layout.same[row] = args[0]
            labels = layout.find_root(args[0])
            if labels not in layout.leaves or program.dtypes[labels] != INT:
                raise NotForNumba
            if labels not in layout.checked_labels:
                layout.checked_labels.add(labels)
            slot = layout.slots[labels]
            layout.code.append((Special.LABELS, -1 - slot, math.prod(shapes[row]), kernel.static["classes"], *[0] * 5))
            layout.stages.append((len(layout.code) - 1, len(layout.code), 1))
            continue
        roots = [layout.find_root(a) for a in args]
        whole = kernel.kind == "matmul" or kernel.name == "transpose"  # not block by block
        product = row if whole else -1
        alone = whole or kernel.function is indexing.getitem.function
        size = 1 if whole else math.prod(shapes[args[0] if kernel.kind == "sum" else row])
        turn = 0
        for root in roots:
            known = stage_of.get(root)
            together = known is not None and not alone and known[1:] == (size, -1) and after[root] > known[0]
            together = together and kernels[root].kind != "sum"  # type: ignore[union-attr]
            turn = max(turn, known[0] if together and known else after[root])
        key = stage_of[row] = turn, size, product
        rows_of.setdefault(key, []).append(row)
        after[row] = turn + 1
        wanted.update([root for root in roots if alone or stage_of.get(root) != key])
    for row in results:
        root = layout.find_root(row)
        wanted.add(root)
        if root not in layout.results and kernels[root] is not None:
            layout.results.append(root)
            layout.slots[root] = layout.add_slot(KINDS[program.dtypes[root].kind])
    roots_checked = {layout.find_root(row) for row in checked}
    for key in sorted(rows_of):
        stage = Stage(program, 0, {}, layout.dtype, layout=layout, size=key[1], wanted=wanted, checked=roots_checked)
        for row in rows_of[key]:
            kernel = kernels[row]
            assert kernel is not None
            stage.add_row(row, kernel)
        stage.finish()
        for row in rows_of[key]:
            if row in roots_checked and row not in stage.places:  # a sum or a product
                layout.code.append((Special.NAN, -1 - layout.find_slot(row), *[0] * (FIELDS - 2)))
                layout.stages.append((len(layout.code) - 1, len(layout.code), math.prod(shapes[row])))
