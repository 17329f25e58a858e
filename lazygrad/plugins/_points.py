"""Any derivative of a function at the points it was last asked at: the ground for hosts with a graph of their own.

Such a host asks for derivatives of derivatives by differentiating what a backward pass does. Here that needs nothing
new: the gradient of a graph is a graph on its leaves, and on one more leaf for each cotangent. So a question is the
function, and a sequence of steps: no step asks for its value, one for a product with its Jacobian, two for a product
with the Jacobian of that. As derivatives of any order must be nodes, each point has a graph of its own (`PointGraph`),
which all questions there share, and with it one memo. A graph of a point that is forgotten moves on to a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._derivatives.followed import Followed
from .._derivatives.tangents import Tangents
from .._functions.call import name_of
from .._functions.trace import Trace, make_signature, trace_function
from .._graph.bits import same_bits
from .._graph.invalidate import update
from .._graph.leaf import constant, count_reforms, parameter
from .._graph.node import Node
from .._graph.trees import flatten
from .._graph.turns import as_one_question, call_outside, lock, now
from .._graph.types import Array, Structure
from .._graph.value import forward_rec, zeros
from .._query.differentiator import Differentiator
from .._query.second_order import pair_with_cotangents
from ..backend import Statistics
from ..backend._recent import Recent
from ..backend._static_numbers import StaticNumbers

__all__ = ["GraphMemo", "PointGraph", "Step", "Steps", "add_step", "is_number", "kind_of"]

STRUCTURES = 8  # structures of arguments, times points: so many graphs are kept
Step = tuple[str, tuple[int, ...], tuple[int, ...]]  # ("vjp", "jvp" or "value", of which outputs, by which inputs)
Steps = tuple[Step, ...]


def add_step(steps: Steps, kind: str, outs: Sequence[int], ins: Sequence[int]) -> Steps:
    """Return the steps of one more derivative.

    Its inputs are those of what it is a derivative of, followed by a cotangent for each of `outs` ("vjp") or a tangent
    for each of `ins` ("jvp"); its outputs are one for each of `ins` ("vjp") or `outs` ("jvp"). The step "value" only
    chooses among the outputs.
    """
    return (*steps, (kind, tuple(outs), tuple(ins)))


def kind_of(steps: Steps, function: str = "") -> str:
    """Return the kind of a derivative, such as "jvp of vjp", perhaps with the name of the function."""
    kinds = [kind for kind, _, _ in reversed(steps)]
    return " of ".join([*kinds, function] if function else kinds) or "value"


def is_number(out: object) -> bool:
    """Return whether an output is an array, rather than something that a host passes through."""
    return isinstance(out, (Node, np.ndarray, np.generic, bool, int, float, complex))


def _keep(node: Node) -> Node:
    """Return a gradient as it is: the convention of hosts that share ours."""
    return node


@attrs.define(eq=False)
class PointGraph:
    """The graph of a function at one point, and the derivatives that were built on it.

    Attributes
    ----------
    trace
        The graph of one call of the function.
    wanted
        Which leaves of its arguments are inputs.
    convert
        Between our cotangents and gradients and the host's; its own inverse.
    """

    trace: Trace
    wanted: Sequence[int]
    convert: Callable[[Node], Node] = _keep
    was_asked: bool = attrs.field(default=False, init=False)  # or is only there for its structure
    _derivatives: dict[Steps, tuple[list[Node], list[Node]]] = attrs.field(factory=dict, init=False)
    _seeds: dict[tuple[Steps, str, tuple[int, ...]], tuple[list[Node], Any]] = attrs.field(factory=dict, init=False)
    _version: int = attrs.field(factory=count_reforms, init=False)
    _followed: Followed = attrs.field(init=False)  # the leaves that its structure depends on

    def __attrs_post_init__(self) -> None:
        self._followed = Followed.below([out for out in flatten(self.trace.out).leaves if isinstance(out, Node)])

    def is_current(self) -> bool:
        """Return whether no leaf that the function took from elsewhere has another shape or dtype since."""
        if self._version != count_reforms():
            if not self._followed.are_same():
                return False
            self._version = count_reforms()
        return True

    @property
    def key(self) -> tuple[Hashable, tuple[int, ...]]:
        """Return what arguments must have in common with those of the trace, to be served by this graph."""
        return self.trace.signature, tuple(self.wanted)

    def is_at(self, leaves: Sequence[Any]) -> bool:
        """Return whether the leaves of the arguments have these values, bit for bit."""
        return all(i is None or same_bits(i._value, array) for i, array in zip(self.trace.leaves, leaves, strict=True))

    def build(self, steps: Steps) -> tuple[list[Node], list[Node]]:
        """Return the inputs and outputs of a derivative, which is built once; nothing is computed."""
        if steps not in self._derivatives:
            self._derivatives[steps] = self._derive(steps[:-1], *steps[-1]) if steps else self._read_function()
        return self._derivatives[steps]

    def _read_function(self) -> tuple[list[Node], list[Node]]:
        inputs = [i for k in self.wanted if (i := self.trace.leaves[k]) is not None]
        outputs = [out for out in flatten(self.trace.out).leaves if is_number(out)]
        return inputs, [out if isinstance(out, Node) else constant(out) for out in outputs]

    def _derive(
        self, steps: Steps, kind: str, outs: tuple[int, ...], ins: tuple[int, ...]
    ) -> tuple[list[Node], list[Node]]:
        inputs, outputs = self.build(steps)
        if kind == "value":
            return inputs, [outputs[k] for k in outs]
        if kind == "jvp":
            seeds, tangents = self._seed(steps, kind, ins, [inputs[k] for k in ins])
            pushed = [tangents.of(outputs[k]) for k in outs]
            return inputs + seeds, [
                constant(zeros(outputs[k])) if t is None else t for k, t in zip(outs, pushed, strict=True)
            ]
        seeds, d = self._seed(steps, kind, outs, [outputs[k] for k in outs])
        return inputs + seeds, [self.convert(d.adjoint(inputs[k])) for k in ins]

    def _seed(self, steps: Steps, kind: str, places: tuple[int, ...], like: list[Node]) -> tuple[list[Node], Any]:
        """Return leaves for tangents or cotangents, and the memo of what follows from them, for all questions alike."""
        key = (steps, kind, places)
        if key not in self._seeds:
            seeds = [parameter(zeros(i)) for i in like]
            memo: Tangents | Differentiator = (
                Tangents(dict(zip(like, seeds, strict=True)))
                if kind == "jvp"
                else pair_with_cotangents(like, [self.convert(w) for w in seeds])
            )
            self._seeds[key] = seeds, memo
        return self._seeds[key]


@attrs.define(eq=False)
class GraphMemo:
    """The graphs of a function at the points it was last asked at.

    Parameters
    ----------
    function
        Function written with NumPy.
    points
        How many points are kept for each structure of arguments.
    convert
        As for `PointGraph`.

    Attributes
    ----------
    statistics
        What was asked and computed; its kinds are "value", "vjp", "jvp", "vjp of vjp" and so on.
    """

    function: Callable[..., Any]
    points: int = attrs.field(default=2)
    convert: Callable[[Node], Node] = _keep
    statistics: Statistics = attrs.field(factory=Statistics, init=False)
    _graphs: Recent[PointGraph] = attrs.field(init=False)
    _static_numbers: StaticNumbers = attrs.field(init=False)

    @points.validator
    def _check(self, _: Any, points: int) -> None:
        if points < 1:
            raise ValueError(f"points must be at least 1, not {points!r}: the graph of a call is kept for its gradient")

    def __attrs_post_init__(self) -> None:
        self._graphs = Recent(self.points * STRUCTURES)
        advice = "pass {number} in its place: then it moves as arrays do"
        self._static_numbers = StaticNumbers(name_of(self.function), advice)

    def answer(
        self,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        wanted: Sequence[int],
        steps: Steps = (),
        seeds: Sequence[object] = (),
        check: Callable[[PointGraph], None] | None = None,
    ) -> tuple[list[Array], Structure]:
        """Evaluate a derivative.

        Parameters
        ----------
        args, kwargs
            The arguments of the function, with arrays in them.
        wanted
            Which of their leaves are the inputs.
        steps
            Which derivative.
        seeds
            The cotangents and tangents that its steps take, in that order.
        check
            Called with the graph before it is asked.

        Returns
        -------
        Fresh arrays, and the function's own result, for its structure and what is no array in it.
        """
        return as_one_question((), self._answer, args, kwargs, wanted, steps, seeds, check)

    def _answer(
        self,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        wanted: Sequence[int],
        steps: Steps,
        seeds: Sequence[object],
        check: Callable[[PointGraph], None] | None,
    ) -> tuple[list[Array], Structure]:
        graph = self._go_to(args, kwargs, wanted)
        if check is not None:
            check(graph)
        inputs, outputs = graph.build(steps)
        leaves = inputs[len(wanted) :]
        update({i: np.asarray(w, i.dtype) for i, w in zip(leaves, seeds, strict=True)})
        for i in (*inputs, *outputs):
            now.asked = (i, now.asked)  # so that no other thread moves them meanwhile
        kind = kind_of(steps)
        self.statistics.count_question(kind)
        if any(out._value is None for out in outputs):
            self.statistics.count_evaluation(kind)
        return [np.array(forward_rec(out)) for out in outputs], graph.trace.out

    def example(self, args: tuple[object, ...], kwargs: Mapping[str, object], wanted: Sequence[int]) -> PointGraph:
        """Return some graph for arguments of this structure, from which what an answer will be like is read."""
        with lock:
            known = self._find_alike(args, kwargs, wanted)
            return known[0] if known else self._trace(args, kwargs, wanted)

    def clear(self) -> None:
        """Forget all points."""
        with lock:
            self._graphs.clear()

    def _find_alike(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], wanted: Sequence[int]) -> list[PointGraph]:
        """Return the graphs for arguments of this structure, the one used last first."""
        key = make_signature(self.function, (), args, kwargs), tuple(wanted)
        return [graph for graph in self._graphs if graph.key == key and graph.is_current()]

    def _trace(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], wanted: Sequence[int]) -> PointGraph:
        trace = call_outside(trace_function, self.function, (), args, kwargs)
        graph = PointGraph(trace, wanted, self.convert)
        self.statistics.schedules += 1
        given = zip(trace.names, trace.leaves, flatten((args, dict(kwargs))).leaves, strict=True)
        self._static_numbers.note((name, value) for name, node, value in given if node is None)
        self._graphs.use(graph)
        return graph

    def _go_to(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], wanted: Sequence[int]) -> PointGraph:
        """Return the graph that is at this point; one of a point that is forgotten moves here, if it serves it."""
        leaves = flatten((args, dict(kwargs))).leaves
        alike = self._find_alike(args, kwargs, wanted)
        graph = next((one for one in alike if one.is_at(leaves)), None)
        if graph is not None and graph.was_asked:
            self.statistics.points.hits += 1
        else:
            self.statistics.points.misses += 1
        if graph is None:
            free = [one for one in alike if not one.was_asked] or alike[self.points - 1 :]
            graph = self._move(free[-1], args, kwargs) if free else None
        graph = graph or self._trace(args, kwargs, wanted)
        graph.was_asked = True
        self._graphs.use(graph)
        return graph

    def _move(self, graph: PointGraph, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> PointGraph | None:
        """Return a graph at another point; None, and it is forgotten, if the function takes another way there."""
        graph.trace.load(args, kwargs)
        if graph.trace.holds():
            return graph
        self._graphs.remove(graph)
        return None
