"""Which elements of a tangent were taken: what forward mode has in the place of masked adjoints.

An adjoint below an edge that selects is 0 where something was not taken. A tangent above one is so, too, but it is 0 as
well where a derivative is; and what comes of that 0 and an infinite derivative is nan, not 0. So with a tangent whose
zeros may say that something was not taken goes a mask: True where its element was taken. A unit tangent is the
first of these.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from .._graph.node import Node
from .._graph.types import both as np
from ..ops._guards import keep_taken
from ..ops._rule import Rule
from .edges import apply_rule

__all__ = ["join_marks", "mark_taken", "mark_unit", "push"]

# Ops that move, repeat or add up elements, without factors that may cancel: what they make of ones shows what is taken.
MOVING = frozenset(
    [
        "astype",
        "broadcast_to",
        "collapse",
        "cummax",
        "cummin",
        "cumsum",
        "diagonal",
        "expand_dims",
        "flip",
        "getitem",
        "identity",
        "max",
        "mean",
        "median",
        "min",
        "nanmax",
        "nanmin",
        "pick",
        "quantile",
        "quantile_at",
        "real",
        "repeat",
        "reshape",
        "resize",
        "roll",
        "sliding_sum",
        "sliding_windows",
        "squeeze",
        "strided_windows",
        "sum",
        "sum_to",
        "tally",
        "tile",
        "trace",
        "transpose",
        "uncollapse",
    ]
)
GUARDED = frozenset(["guarded_divide", "guarded_multiply", "strong_multiply"])


def mark_unit(t: Any) -> Any:
    """Return which elements a unit tangent takes."""
    return t != 0


def join_marks(marks: Sequence[Any]) -> Any:
    """Return which elements are taken over some edge; None if over one of them all are."""
    if not marks or any(m is None for m in marks):
        return None
    return functools.reduce(operator.or_, {id(m): m for m in marks}.values())


def push(rule: Rule, i: Node, argnum: int, t: Any, reads: Sequence[Any], taken: Any) -> Any:
    """Run a jvp rule, on arrays or on nodes; an infinite derivative by what was not taken gives 0."""
    if taken is None or rule.guarded is None:
        return apply_rule(rule, i, argnum, t, reads)
    if i.op.pointwise:
        return keep_taken(apply_rule(rule, i, argnum, t, reads), taken)
    return apply_rule(rule.guarded, i, argnum, t, reads)


def mark_taken(
    rule: Rule, i: Node, argnum: int, nodes: Sequence[Node], taken: Any, read: Callable[[Sequence[Node]], Sequence[Any]]
) -> Any:
    """Return which elements of a node one input's tangent takes, from those of the input; None stands for all.

    `read` gives what rules are run on for nodes, and `nodes` are those that the rule reads.
    """
    if i.op.is_adjoint:  # it passes on what it unfolds into
        return taken
    selects = rule.selects is not False and rule.selects_at(i)
    if taken is None and not selects:
        return None
    if i.op.name in GUARDED:  # in a derivative: what is 0 in the first factor was not taken
        if argnum == 0:
            return taken
        own = read(i.inputs[:1])[0] != 0
        return own if taken is None else taken & own
    j = i.inputs[argnum]
    if selects or i.op.name in MOVING:
        ones = np.ones(j.shape, j.dtype) if taken is None else np.broadcast_to(taken, j.shape).astype(j.dtype)
        return apply_rule(rule, i, argnum, ones if j.shape else ones[()], read(nodes)) != 0
    return taken if i.op.pointwise else None
