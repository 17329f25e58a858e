"""The cost of a computation, counted from shapes.

Multiplications of numbers: an elementwise op takes one for each element (`exp`, too, counts one); a product of arrays
takes one for each pair of elements that meet; an op on a matrix as a whole (solve, inverse, decompositions) counts
rows * columns * columns for each matrix; any other op one for each element of its input or output, whichever are more.
Ops that are linear with coefficients known beforehand - sums, differences, casts, rearrangements, choices - take none.
A rule that reads values costs what its op costs; one that reads none takes none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._derivatives.adjoint_node import AdjointNode
from .._graph.node import Node
from ..ops._rule import BLOCKED, OUT, UNDEFINED, ZERO, Rule

__all__ = ["count_edge_multiplications", "count_multiplications", "predict_nbytes"]

WHOLE = {"cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matrix_rank", "pinv", "qr"}
WHOLE |= {"slogdet", "solve", "svd", "svdvals"}


def _count_matmul(c: Node) -> int:
    return c.size * c.inputs[0].shape[-1]


def _count_contract(c: Node) -> int:
    terms = c._static["subscripts"].split("->")[0].split(",")
    sizes = {
        letter: n for term, j in zip(terms, c.inputs, strict=True) for letter, n in zip(term, j.shape, strict=True)
    }
    return math.prod(sizes.values())


def _count_filters(y: Node, w: Node) -> int:
    return y.size * w.size // max(w.shape[0], 1)


PRODUCTS: dict[str, Callable[[Node], int]] = {
    "matmul": _count_matmul,
    "contract": _count_contract,
    "convolve": lambda c: c.inputs[0].size * c.inputs[1].size,
    "convolution": lambda c: _count_filters(c, c.inputs[1]),
    "convolution_by_input": lambda c: _count_filters(c.inputs[0], c.inputs[1]),
    "convolution_by_filter": lambda c: _count_filters(c.inputs[1], c),
}


def _reads_value(op: Any, rule: Rule | None) -> bool:
    """Return whether a rule reads a value that the derivative depends on; indices and conditions only choose."""
    if rule is BLOCKED or rule is ZERO or rule is UNDEFINED or rule is None:
        return False
    read = [*rule.reads, *([] if rule.rest is None else [rule.rest])]
    return any(r == OUT or op.rule(r) is not BLOCKED for r in read)


def _count_op(c: Node) -> int:
    """Count the multiplications of an op, or of one of its rules that read values."""
    name = c.op.name
    if name in PRODUCTS:
        return PRODUCTS[name](c)
    if name in WHOLE:
        x = c.inputs[0]
        return x.size * (x.shape[-1] if x.shape else 1)
    return c.size if c.op.pointwise else max([c.size, *[j.size for j in c.inputs]])


def count_edge_multiplications(rule: Rule, c: Node) -> int:
    """Count the multiplications of one contribution: of the rule of an edge from `c`."""
    return _count_op(c) if rule.passes is None and _reads_value(c.op, rule) else 0


def count_multiplications(i: Node) -> int:
    """Count the multiplications that compute a value or an adjoint from its inputs."""
    if isinstance(i, AdjointNode):
        return sum([count_edge_multiplications(rule, c) for rule, c, *_ in i.each_edge()])
    return _count_op(i) if any(_reads_value(i.op, rule) for rule in i.op.vjp) else 0


def predict_nbytes(i: Node) -> int:
    """Return the bytes that the value will have."""
    return i.size * i.dtype.itemsize
