"""What a computation costs, counted from shapes.

Multiplications of numbers: an elementwise op takes one for each element (whatever it does there: `exp` counts one); a
product of arrays takes one for each pair of elements that meet; an op on a matrix as a whole (solve, inverse,
decompositions) counts rows * columns * columns for each matrix; any other op one for each element of its input or
output, whichever are more. What is linear with coefficients that are known beforehand - sums, differences, casts,
rearrangements, choices - takes none. A rule that reads values costs what its op costs; one that reads none takes none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._derivatives.adjoint_node import AdjointNode
from .._graph.node import Node
from ..ops._rule import BLOCKED, OUT, UNDEFINED, ZERO, Rule

__all__ = ["edge_multiplications", "multiplications", "nbytes"]

WHOLE = {"cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matrix_rank", "pinv", "qr"}
WHOLE |= {"slogdet", "solve", "svd", "svdvals"}


def _matmul(c: Node) -> int:
    return c.size * c.inputs[0].shape[-1]


def _contract(c: Node) -> int:
    terms = c.static["subscripts"].split("->")[0].split(",")
    sizes = {
        letter: n for term, j in zip(terms, c.inputs, strict=True) for letter, n in zip(term, j.shape, strict=True)
    }
    return math.prod(sizes.values())


def _filters(y: Node, w: Node) -> int:
    return y.size * w.size // max(w.shape[0], 1)


PRODUCTS: dict[str, Callable[[Node], int]] = {
    "matmul": _matmul,
    "contract": _contract,
    "convolve": lambda c: c.inputs[0].size * c.inputs[1].size,
    "convolution": lambda c: _filters(c, c.inputs[1]),
    "convolution_by_input": lambda c: _filters(c.inputs[0], c.inputs[1]),
    "convolution_by_filter": lambda c: _filters(c.inputs[1], c),
}


def _reads(op: Any, rule: Rule | None) -> bool:
    """Whether a rule reads a value that the derivative depends on; indices and conditions only choose."""
    if rule is BLOCKED or rule is ZERO or rule is UNDEFINED or rule is None:
        return False
    read = [*rule.reads, *([] if rule.rest is None else [rule.rest])]
    return any(r == OUT or op.rule(r) is not BLOCKED for r in read)


def _of_op(c: Node) -> int:
    """What running the op, or one of its rules that read values, takes."""
    name = c.op.name
    if name in PRODUCTS:
        return PRODUCTS[name](c)
    if name in WHOLE:
        x = c.inputs[0]
        return x.size * (x.shape[-1] if x.shape else 1)
    return c.size if c.op.pointwise else max([c.size, *[j.size for j in c.inputs]])


def edge_multiplications(rule: Rule, c: Node) -> int:
    """What one contribution takes: the rule of an edge from `c`."""
    return _of_op(c) if rule.passes is None and _reads(c.op, rule) else 0


def multiplications(i: Node) -> int:
    """What computing a value or an adjoint from its inputs takes."""
    if isinstance(i, AdjointNode):
        return sum([edge_multiplications(rule, c) for rule, c, *_ in i.each_edge()])
    return _of_op(i) if any(_reads(i.op, rule) for rule in i.op.vjp) else 0


def nbytes(i: Node) -> int:
    """The bytes of the value, before there is one."""
    return i.size * i.dtype.itemsize
