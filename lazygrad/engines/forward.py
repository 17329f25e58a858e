"""Tangents from an input to the output: Sullivan's forward mode, Tomassoli's foldl (section 14).

::

    T^w = e_k;   T^i = sum over inputs j of i that depend on w of J^{j->i} T^j;   (dL/dw)_k = <dL/dL, T^L>

One pass for each element of each w, over the nodes between w and L; a tangent is freed after its last use. It is
the order to take "if x is just a scalar and L a vector" (Tomassoli). For a scalar L it takes as many passes as w has
elements (Sullivan: 2m^2 d + md multiplications against 2m^2 + md).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._derivatives.adjoint_node import unbroadcast_to
from .._derivatives.taken import join_marks, mark_taken, mark_unit, push
from .._graph.node import Node
from .._graph.types import Array
from ._graph import Graph, Step, accumulate, as_push, directions, read, report_visit, seed
from ._request import check_request

__all__ = ["forward"]


@check_request
def forward(L: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> list[Array | None]:
    """Push the unit tangents of each node of `wrt` up to `L`, one after the other.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x, y = lg.parameter(2.0), lg.parameter(3.0)
    >>> forward(x * y, [x, y])
    [array(3.), array(2.)]
    """
    graph = Graph.of(L, wrt)
    g = seed(L, cotangent)
    return [_pass_each(L, w, graph.steps(w), g) if w.serial in graph.edges else None for w in wrt]


def _pass_each(L: Node, w: Node, steps: list[Step], g: Any) -> Any:
    """Return <g, dL/dw_k> for each element k of `w`."""
    result = np.zeros(w.shape, w.dtype)
    against = np.conj(g)
    pushes = []  # everything that is the same in each pass: the node, its terms, the tangents it is the last to use
    last_use = {edge.input.serial: c.serial for c, edges in steps for edge in edges}
    for c, edges in steps:
        rules = [pushed for edge in edges if (pushed := as_push(edge)) is not None]
        terms = [(e, read(e.reads)) for e in rules]
        pushes.append((c, terms, {e.input.serial for e in edges if last_use[e.input.serial] == c.serial}))
        report_visit(c, w.size * len(directions(w)) * len(rules))
    for k, (size, turn) in itertools.product(np.ndindex(w.shape), directions(w)):
        unit = np.zeros(w.shape, w.dtype)
        unit[k] = size
        # Tangents, and which elements they take: not all others are 0 because a derivative is.
        pushed_to: dict[int, tuple[Any, Any]] = {w.serial: (unit[()], mark_unit(unit[()]) if w.size > 1 else None)}
        for c, terms, used_up in pushes:
            total, marks = None, []
            for e, values in terms:
                t, taken = pushed_to[e.input.serial]
                term = push(e.rule, c, e.argnum, t, values, taken)
                total = accumulate(total, unbroadcast_to(term, c.shape, c.dtype, c.op))
                marks.append(mark_taken(e.rule, c, e.argnum, e.reads, taken, read))
            if total is None:
                total, marks = np.zeros(c.shape, c.dtype)[()], [np.False_]
            pushed_to[c.serial] = total, join_marks(marks)
            for serial in used_up:
                del pushed_to[serial]
        result[k] += turn * np.vdot(against, pushed_to[L.serial][0]).real
    return result
