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

from .._graph.node import Node, NodeOrArray
from .._graph.types import both as np
from ..ops._guards import keep_taken
from ..ops._rule import OUT, Rule
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
CHOICES = frozenset(["chosen", "keep_taken"])
# Ops whose rules say that there is no derivative, whatever was taken.
KINKS = frozenset(["multiply_kink", "over_kink", "pull_sign", "push_sign", "where_zero"])
GUARDED = frozenset(["guarded_divide", "guarded_multiply", "strong_multiply"])


def mark_unit(t: NodeOrArray) -> NodeOrArray:
    """Return which elements a unit tangent takes."""
    return t != 0


def join_marks(marks: Sequence[Any]) -> NodeOrArray | None:
    """Return which elements are taken over some edge; None if over one of them all are."""
    if not marks or any(m is None for m in marks):
        return None
    return functools.reduce(operator.or_, {id(m): m for m in marks}.values())


def push(
    rule: Rule, i: Node, argnum: int, t: NodeOrArray, reads: Sequence[NodeOrArray], taken: NodeOrArray | None
) -> Any:
    """Run a jvp rule, on arrays or on nodes; what was not taken gives 0, though a derivative be infinite."""
    if i._op.is_adjoint or (taken is None and 0 not in i._inputs[argnum].shape):
        return apply_rule(rule, i, argnum, t, reads)
    if taken is None:  # of nothing nothing is taken
        taken = _mark_all(t)
    if i._op.pointwise:
        term = apply_rule(rule, i, argnum, t, reads)
        if rule.guarded is None and (i._op.name in KINKS or isinstance(term, Node)):
            return term
        return keep_taken(term, taken)
    found = apply_rule(rule if rule.guarded is None else rule.guarded, i, argnum, t, reads)
    over = _mark_group(i, argnum, taken)
    if over is not None:
        found = keep_taken(found, over)
    return found if isinstance(found, Node) else _settle(rule, i, argnum, t, reads, found)


def _settle(rule: Rule, i: Node, argnum: int, t: Any, reads: Sequence[Any], found: Any) -> Any:
    """Give elements of a product that are nan, for 0 times infinity, what they are if other factors are not infinite.

    That is right if it does not depend on these: then they were multiplied by zeros alone.
    """
    is_product = reads and rule.rest is None and argnum not in rule.reads and OUT not in rule.reads
    if not is_product or np.isfinite(found).all() or all(np.isfinite(v).all() for v in reads):
        return found
    others = [
        apply_rule(
            rule, i, argnum, t, [v if np.isfinite(v).all() else np.where(np.isfinite(v), v, c)[()] for v in reads]
        )
        for c in (1.25, 1.75)
    ]
    return np.where(np.isnan(found) & (others[0] == others[1]), others[0], found)[()]


def _mark_all(x: Any) -> Any:
    """Return that all elements of an array or node are taken, however many it has when it is asked."""
    return (x == x) | (x != x)


def _fit(taken: Any, j: Node) -> Any:
    """Return a mask in the shape of a node."""
    return taken if np.shape(taken) == j._shape else np.broadcast_to(taken, j._shape)


def _mark_group(i: Node, argnum: int, taken: Any) -> Any:
    """Return which elements of a node are computed from any that was taken; None if that is not known."""
    j = i._inputs[argnum]
    statics = getattr(i._op, "statics", ())
    if i._op.name == "matmul" and all(len(k.shape) > 1 for k in i._inputs):
        return np.any(_fit(taken, j), axis=-2 if argnum else -1, keepdims=True)
    if argnum or "axis" not in statics:
        return None
    keepdims = i._static["keepdims"] if "keepdims" in statics else True
    if "keepdims" not in statics and i._shape != j._shape:
        return None
    return np.any(_fit(taken, j), axis=i._static["axis"], keepdims=keepdims)


def mark_taken(
    rule: Rule,
    i: Node,
    argnum: int,
    nodes: Sequence[Node],
    taken: NodeOrArray | None,
    read: Callable[[Sequence[Node]], Sequence[NodeOrArray]],
) -> Any:
    """Return which elements of a node one input's tangent takes, from those of the input; None stands for all.

    `read` gives what rules are run on for nodes, and `nodes` are those that the rule reads.
    """
    if i._op.is_adjoint:  # it passes on what it unfolds into
        return taken
    selects = rule.selects is not False and rule.selects_at(i)
    j = i._inputs[argnum]
    if taken is None and 0 in j._shape:
        taken = _mark_all(read([j])[0])
    if taken is None and not selects:
        return None
    own: Any = None
    if i._op.name in GUARDED:  # in a derivative: what is 0 in the first factor was not taken
        if argnum == 0:
            return taken
        own = read(i._inputs[:1])[0] != 0
    elif i._op.name in CHOICES:
        own = read(i._inputs[1:2])[0]
    elif i._op.name == "where":
        condition = read(i._inputs[:1])[0]
        own = condition != 0 if argnum == 1 else condition == 0
    if own is not None:
        return own if taken is None else taken & own
    if selects or (i._op.name in MOVING and 0 not in j._shape):  # (the mean of nothing is nan)
        ones = np.ones(j._shape, j._dtype) if taken is None else _fit(taken, j).astype(j._dtype)
        return apply_rule(rule, i, argnum, ones if j._shape else ones[()], read(nodes)) != 0
    return taken if i._op.pointwise else _mark_group(i, argnum, taken)
