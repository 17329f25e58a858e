"""Forward mode: a tangent is just another node, too.

Sullivan's forward mode, by demand over *inputs* and with a memo::

    tangent(i) = sum over inputs j of i that depend on a seed of  jvp_{j->i}(tangent(j)),   tangent(seed) = given

One memo serves all outputs that are asked for, and a node is visited only if an output needs it and it is
younger than the oldest seed: nothing older can depend on one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._graph.collector import pause_collector
from .._graph.demand import demand
from .._graph.node import INEXACT, Node, NodeOrArray
from .._graph.value import forward_rec
from ..ops._limits import set_tangent_builder
from ..ops._op import as_node
from ..ops._rule import BLOCKED, ZERO
from .adjoint_node import AdjointNode, unbroadcast_node, unbroadcast_to
from .edges import find_jvp_rule
from .taken import join_marks, mark_taken, mark_unit, push

__all__ = ["TangentValues", "Tangents"]


class Tangents:
    """The tangents of all nodes for given tangents of some, each a node built at most once.

    Parameters
    ----------
    seeds
        Node -> its tangent, a node of the same shape.
    masked
        Whether zeros of these tangents say that something was not taken, as those of a unit tangent do.
    """

    def __init__(self, seeds: Mapping[Node, Node], masked: bool = False) -> None:
        self._oldest = min((i._serial for i in seeds), default=0)
        self._found: dict[int, Any] = {i._serial: unbroadcast_node(t, i) for i, t in seeds.items()}
        # Which elements were taken, of nodes of which not all were: see `taken`.
        self._taken: dict[int, Any] = {i: mark_unit(t) for i, t in self._found.items()} if masked else {}

    def of(self, i: Node) -> Node | None:
        """Return the tangent of `i`, a lazy node of its shape and dtype; None if it is structurally zero."""
        pause_collector(demand, i, self._list_missing, self._build)
        return self._found.get(i._serial)

    def _list_needs(self, i: Node) -> Sequence[Node]:
        if isinstance(i, AdjointNode):
            root = i._op.unfold(i)[0]
            return () if root is None else (root,)  # without contributions it is a constant zero
        return i._inputs

    def _list_missing(self, i: Node) -> Sequence[Node] | None:
        if i._serial in self._found or i._serial < self._oldest or i._dtype.kind not in INEXACT:
            return None
        return [j for j in self._list_needs(i) if j._serial not in self._found]

    def _build(self, i: Node) -> None:
        if isinstance(i, AdjointNode):  # it is what it unfolds into
            for j in self._list_needs(i):
                self._take_over(i, j)
            return
        total: Any = None
        marks: list[Any] = []
        for k, j in enumerate(i._inputs):
            t = self._found.get(j._serial)
            if t is None or i._op.jvp_rule(k) in (BLOCKED, ZERO) or self._is_nothing(j):
                continue
            taken = self._taken.get(j._serial)
            rule, reads = find_jvp_rule(i, k)
            all_taken = taken is None and rule.selects is False and 0 not in j._shape
            marks.append(None if all_taken else self._mark(mark_taken, rule, i, k, reads, taken, self._read))
            term = self._make_term(i, k, t)
            total = term if total is None else self._add(total, term)
        self._found[i._serial] = total
        self._keep_mark(i, marks)

    def _is_nothing(self, j: Node) -> bool:
        """Return whether nothing depends on an input, as it has no elements; a node may get some later."""
        return False

    def _take_over(self, i: Node, j: Node) -> None:
        self._found[i._serial] = self._found.get(j._serial)
        if (taken := self._taken.get(j._serial)) is not None:
            self._taken[i._serial] = taken

    def _keep_mark(self, i: Node, marks: Sequence[Any]) -> None:
        """Note which elements of a node were taken over some edge, unless over one of them all were."""
        if (taken := self._mark(join_marks, marks)) is not None:
            self._taken[i._serial] = taken

    def _mark(self, make: Callable[..., Any], *args: Any) -> Any:
        """Return which elements are taken, as made now of the arguments."""
        return make(*args)

    def _read(self, nodes: Sequence[Node]) -> Sequence[Any]:
        """Return what rules are run on."""
        return nodes

    def _make_term(self, i: Node, argnum: int, tangent: Any) -> Any:
        """Return what one input's tangent adds to that of `i`."""
        rule, reads = find_jvp_rule(i, argnum)
        taken = self._taken.get(i._inputs[argnum].serial)
        return unbroadcast_node(push(rule, i, argnum, tangent, reads, taken), i)

    def _add(self, first: Any, second: Any) -> Any:
        return first + second


def _build_tangent(node: Node, along: Node, direction: NodeOrArray) -> Node | None:
    """Return the tangent of a node as another one moves in a direction; None if it does not depend on it."""
    return Tangents({along: as_node(direction)}).of(node)


set_tangent_builder(_build_tangent)


class TangentValues(Tangents):
    """Tangents as arrays, each computed at once: for a graph that one call has built, and asks once.

    Parameters
    ----------
    seeds
        Node -> a node that holds its tangent.
    """

    def __init__(self, seeds: Mapping[Node, Node], masked: bool = False) -> None:
        super().__init__(seeds, masked)
        self._found = {serial: forward_rec(t) for serial, t in self._found.items()}
        self._taken = {serial: forward_rec(t) for serial, t in self._taken.items()}

    def _is_nothing(self, j: Node) -> bool:
        return 0 in j._shape

    def _read(self, nodes: Sequence[Node]) -> Sequence[Any]:
        return [forward_rec(j, was_requested=False) if j._value is None else j._value for j in nodes]

    def _make_term(self, i: Node, argnum: int, tangent: Any) -> Any:
        rule, reads = find_jvp_rule(i, argnum)
        taken = self._taken.get(i._inputs[argnum].serial)
        return unbroadcast_to(push(rule, i, argnum, tangent, self._read(reads), taken), i._shape, i._dtype, i._op)
