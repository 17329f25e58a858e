"""Which elements of a result somebody reads, as the structure of the graph has it.

Vectors of a repeated eigenvalue are not determined, and nothing has a derivative that reads them. A cotangent of 0 does
not tell whether they are read: in V f(w) V^T it is 0 where f happens to be, and yet the derivative is not. But the
consumers tell: what only indexes and moves elements reads those alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._graph.leaf import constant
from .._graph.node import Node, NodeOrArray
from .._graph.types import Array, Function, Statics
from ._declare import Selects, op
from ._op import OPS, OfEachOp, Op
from ._rule import OUT, Rule, meta_look_up

__all__ = ["FactorOp", "declare_factors", "find_structure"]

# What passes elements on, and how many of these in a row are looked through.
MOVES = frozenset(
    {"conjugate", "expand_dims", "flip", "getitem", "identity", "real", "reshape", "squeeze", "transpose"}
)
DEPTH = 12


@attrs.define(eq=False, repr=False)
class FactorOp(Op):
    """An op of several results in one array; its rule reads last which elements of that are used, as booleans."""

    __doc__ = OfEachOp(lambda op: op.doc, __doc__)

    def contribution(
        self, node: Node, argnum: int, adjoint: Node, memo: object, inputs: list[Node], masked: bool = False
    ) -> tuple[Rule, int]:
        """Return the edge to the input; what its rule reads last is which elements of the result are used."""
        pair = super().contribution(node, argnum, adjoint, memo, inputs, masked)
        consumers = memo if isinstance(memo, dict) else {}
        inputs[-1] = constant(_find_used(node, adjoint, consumers, DEPTH))
        return pair


def declare_factors(
    name: str,
    function: Function,
    *,
    shape: Function,
    vjp: Function,
    jvp: Function,
    statics: Statics | None = None,
    doc: str,
    selects: Selects = False,
) -> Op:
    """Declare an op of one matrix `a` whose result is several arrays in one.

    The vjp rule takes g, out, a, and which elements are used; shapes and statics as keywords alone.
    """
    statics = statics or {}
    names = [p.name for p in inspect.signature(vjp).parameters.values() if p.kind is p.KEYWORD_ONLY]
    found = [(n, meta_look_up(n, ["a"], statics)) for n in names]
    rule = Rule(vjp, (OUT, 0, OUT), None, tuple([(n, f) for n, f in found if f]), f"the rule of {name!r} by 'a'")
    rules: Any = {"vjp": {"a": rule}, "jvp": {"a": jvp}}
    made = op(name, function, shape=shape, **rules, inputs="a", statics=statics, doc=doc, selects=selects)
    OPS[name] = FactorOp(**{f.name: getattr(made, f.name) for f in attrs.fields(Op)})
    return OPS[name]


def find_structure(used: NodeOrArray | None, packed: NodeOrArray) -> Array:
    """Return which elements are used, from what a rule has read: all of them, if nobody has told."""
    while isinstance(used, Node) and used.op is not None and used.op.name == "identity":
        used = used.inputs[0]
    if isinstance(used, Node) and used.static.get("leaf") == "stand-in":
        raise TypeError("a stand-in does not know which elements are used: the rule is for arrays alone")
    found = used._value if isinstance(used, Node) else used
    return np.ones(packed.shape, bool) if found is None or found.dtype != bool else found


def _find_used(node: Node, adjoint: Any, consumers: Mapping[int, Sequence[Node]], depth: int) -> Array:
    """Return which elements of a node those read that lead to the target: its adjoint tells, or a map of consumers."""
    following: Sequence[tuple[Node, Any]]
    if getattr(adjoint, "of", None) is node:
        following = adjoint.edge_adjoints()
    else:
        following = [(c, None) for c in consumers.get(node.serial, ())]
    if not following or not depth:
        return np.ones(node.shape, bool)
    used = np.zeros(node.shape, bool)
    for c, its in following:
        moves = c.op.name in MOVES and c.inputs[0] is node
        used |= _pull_back(node, c, _find_used(c, its, consumers, depth - 1)) if moves else True
    return used


def _pull_back(node: Node, c: Node, used: Array) -> Any:
    """Return which elements a consumer reads that only moves them, from those of its own that are used."""
    rule: Any = c.op.rule(0)
    values = [j._value for j in c.inputs[1:]]
    if any(v is None for v in values):
        return True
    return np.reshape(rule.function(used.astype(float), *values, **rule.meta(c, 0)) != 0, node.shape)
