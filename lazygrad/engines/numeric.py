"""Central differences: the derivative by its definition (Stratos B.2, C.2; Collins 1.3.1), without any rule.

::

    dL/dw_k  =  (L(w + h e_k) - L(w - h e_k)) / 2h  +  c h^2  +  ...

for shrinking h; Richardson's extrapolation cancels the powers of h^2, and of all estimates the one counts that
differs least from its neighbours (Ridders 1982), so that kinks nearby do no harm. Only copies are moved: the
graph's leaves and its memo stay as they are. Along edges that no derivative flows through, the inputs are held fixed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .._derivatives.adjoint_node import AdjointNode
from .._derivatives.target_memo import MirrorOp
from .._graph.leaf import CONSTANT
from .._graph.node import NO_STATIC, Node
from .._graph.types import Array
from ..ops._op import OPS, freeze
from ._graph import Graph, Step, directions, list_needs, report_visit, seed
from ._request import check_request

__all__ = ["numeric"]

FIRST, SHRINK, LEVELS = 2.0**-6, 4.0, 6  # the step in units of w's size; how it shrinks; how often at most
GOOD = 1e-12  # the relative error that is small enough


@check_request
def numeric(L: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> list[Array | None]:
    """Estimate gradients by central differences: move each element of each node of `wrt` to and fro.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x, y = lg.parameter(2.0), lg.parameter(3.0)
    >>> numeric(x * y, [x, y])
    [array(3.), array(2.)]
    """
    graph = Graph.of(L, wrt)
    still = _build_twins(graph.order)
    g = seed(L, cotangent)
    return [_differences(L, w, graph.steps(w), still, g) if w.serial in graph.edges else None for w in wrt]


def _build_twin(i: Node, inputs: Sequence[Node]) -> Node:
    """Build a node that computes the same from other inputs, and that no consumer list or memo knows."""
    if isinstance(i, AdjointNode):
        if inputs:  # they begin with the root of the ops that it unfolds into
            return Node(OPS["identity"], tuple(inputs[:1]), NO_STATIC, i.shape, i.dtype)
        return Node(None, (), CONSTANT, i.shape, i.dtype, value=freeze(np.zeros(i.shape, i.dtype)))
    op = i.op.base if isinstance(i.op, MirrorOp) else i.op
    return Node(op, tuple(inputs), i.static, i.shape, i.dtype)


def _build_twins(order: Sequence[Node]) -> dict[int, Node]:
    """Build a twin of every node, with its value."""
    twins: dict[int, Node] = {}
    for i in order:
        twin = twins[i.serial] = _build_twin(i, [twins[j.serial] for j in list_needs(i)])
        if i._value is not None:
            twin._value = i._value
        elif twin.op is not None:
            twin._value = twin.op.run(twin)
    return twins


def _differences(L: Node, w: Node, steps: Sequence[Step], still: dict[int, Node], g: Any) -> Any:
    moved = {w.serial: _build_twin(w, ())}
    for c, edges in steps:
        moving = {edge.argnum for edge in edges}
        inputs = [(moved if k in moving else still)[j.serial] for k, j in enumerate(list_needs(c))]
        moved[c.serial] = _build_twin(c, inputs)
        report_visit(c, 0)
    place, *computed = moved.values()
    at = still[w.serial]._value

    def target(k: tuple[int, ...], by: complex) -> Any:
        value = np.array(at)
        value[k] += by
        place._value = freeze(value)
        for i in computed:
            i._value = i.op.run(i)
        return moved[L.serial]._value

    def difference(k: tuple[int, ...], direction: complex, h: float) -> float:
        return float(np.vdot(against, target(k, h * direction) - target(k, -h * direction)).real)

    against = np.conj(g)
    result = np.zeros(w.shape, w.dtype)
    for k, (direction, turn) in itertools.product(np.ndindex(w.shape), directions(w)):
        size = 2.0 ** np.frexp(max(1.0, float(np.abs(np.asarray(at)[k]))))[1]
        result[k] += turn * _slope(partial(difference, k, direction), FIRST * size)
    return result


def _slope(difference: Callable[[float], float], h: float) -> float:
    """Return the limit of difference(h) / 2h, by Ridders' tableau of central differences."""
    row = [difference(h) / (2 * h)]
    best, error = row[0], np.inf
    for _ in range(1, LEVELS):
        h /= SHRINK
        previous, row = row, [difference(h) / (2 * h)]
        power = 1.0
        for coarser in previous:
            power *= SHRINK**2
            row.append(row[-1] + (row[-1] - coarser) / (power - 1))
            found = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser))
            if found < error:
                best, error = row[-1], found
        if error <= GOOD * abs(best):
            break
    return best
