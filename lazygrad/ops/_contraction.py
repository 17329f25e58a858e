"""Einsum of two arrays as a product of matrices."""

from __future__ import annotations

import functools
import math

import attrs
import numpy as np

from .._graph.types import Array

__all__ = ["contract_arrays"]


@attrs.frozen
class _Plan:
    """A contraction as a product of (stacks of) matrices."""

    left: tuple[int, ...] | None  # axes of x: in both and the output, in x and the output, summed; None: as they are
    right: tuple[int, ...] | None  # axes of y: in both and the output, summed, in y and the output
    out: tuple[int, ...] | None  # from (in both, in x, in y) to the output's order
    common: int
    rows: int
    summed: int
    columns: int


@functools.lru_cache(maxsize=4096)
def _plan(subscripts: str) -> _Plan:
    terms, out = subscripts.split("->")
    x, y = terms.split(",")
    common = [c for c in out if c in x and c in y]
    rows, columns = [c for c in out if c not in y], [c for c in out if c not in x]
    summed = [c for c in x if c not in out]

    def order(term: str, letters: list[str]) -> tuple[int, ...] | None:
        axes = tuple([term.index(c) for c in letters])
        return None if axes == tuple(range(len(axes))) else axes

    product = "".join(common + rows + columns)
    return _Plan(
        order(x, common + rows + summed),
        order(y, common + summed + columns),
        order(product, list(out)),
        *map(len, (common, rows, summed, columns)),
    )


def contract_arrays(x: Array, y: Array, subscripts: str) -> Array:
    """Return einsum of two arrays, where each letter is in two of the three terms at least."""
    plan = _plan(subscripts)
    x, y = np.asarray(x), np.asarray(y)
    x = x if plan.left is None else x.transpose(plan.left)
    y = y if plan.right is None else y.transpose(plan.right)
    c, r, s = plan.common, plan.rows, plan.summed
    batch, rows, summed, columns = x.shape[:c], x.shape[c : c + r], x.shape[c + r :], y.shape[c + s :]
    if not s:
        z = x.reshape((*batch, *rows, *[1] * plan.columns)) * y.reshape((*batch, *[1] * r, *columns))
    elif r <= 1 and s == 1 and plan.columns <= 1 and (not c or r == 1 == plan.columns):
        z = np.matmul(x, y)  # the common case: nothing to be flattened
    else:
        k = math.prod(summed)
        z = np.matmul(x.reshape((*batch, math.prod(rows), k)), y.reshape((*batch, k, math.prod(columns))))
        z = z.reshape((*batch, *rows, *columns))
    return z if plan.out is None else z.transpose(plan.out)
