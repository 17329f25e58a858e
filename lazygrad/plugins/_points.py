"""Any derivative of a function at the points it was asked at last: what hosts with a graph of their own stand on.

Such a host asks for derivatives of derivatives by differentiating what a backward pass does. Here that is the same
thing again: the gradient of a graph is a graph on the same leaves, and on one more for each cotangent. So what is
asked for is the function, and a sequence of steps: no step is its value, one a product with its Jacobian, two a
product with the Jacobian of that. All of them at one point share one graph, and so one memo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._derivatives.tangents import Tangents
from .._functions.reverse import pairing
from .._functions.trace import Traced, signature, traced
from .._graph.bits import same_bits
from .._graph.invalidate import update
from .._graph.leaf import constant, parameter
from .._graph.node import Node, lock
from .._graph.trees import flatten
from .._graph.types import Array
from .._graph.value import forward_rec, zeros
from .._query.differentiator import Differentiator

__all__ = ["Point", "Points", "Statistics", "Step", "Steps", "then"]

STRUCTURES = 8  # of so many structures of arguments the last points are kept
Step = tuple[str, tuple[int, ...], tuple[int, ...]]  # ("vjp", "jvp" or "value", of which outputs, by which inputs)
Steps = tuple[Step, ...]


def then(steps: Steps, kind: str, outs: Sequence[int], ins: Sequence[int]) -> Steps:
    """The steps of one more derivative.

    Its inputs are those of what it is a derivative of, followed by a cotangent for each of `outs` ("vjp") or a tangent
    for each of `ins` ("jvp"); its outputs are one for each of `ins` ("vjp") or `outs` ("jvp"). The step "value" only
    chooses among the outputs.
    """
    return (*steps, (kind, tuple(outs), tuple(ins)))


@attrs.define
class Statistics:
    """What a function kept for a host was asked, and what it had to do.

    Attributes
    ----------
    schedules
        How often the function itself was called: for a new structure of its arguments, or another way through it.
    hits, misses
        Questions at a point that was kept, and at another.
    evaluations
        By kind: "value", "vjp", "jvp", "vjp of vjp" and so on.
    """

    schedules: int = 0
    hits: int = 0
    misses: int = 0
    evaluations: dict[str, int] = attrs.field(factory=dict)


def _no_change(node: Node) -> Node:
    return node


@attrs.define(eq=False)
class Point:
    """A graph, and what was derived from it.

    Attributes
    ----------
    trace
        The graph of one call of the function.
    wanted
        Which leaves of its arguments are inputs.
    outward
        Between our cotangents and gradients and the host's; its own inverse.
    """

    trace: Traced
    wanted: Sequence[int]
    outward: Callable[[Node], Node] = _no_change
    asked: bool = attrs.field(default=False, init=False)  # or only there for its structure
    _derived: dict[Steps, tuple[list[Node], list[Node]]] = attrs.field(factory=dict, init=False)
    _seeded: dict[tuple[Steps, str, tuple[int, ...]], tuple[list[Node], Any]] = attrs.field(factory=dict, init=False)

    def holds_values(self, given: Sequence[Any]) -> bool:
        """Whether the leaves of the arguments have these values, bit for bit."""
        return all(i is None or same_bits(i._value, array) for i, array in zip(self.trace.leaves, given, strict=True))

    def graph(self, steps: Steps) -> tuple[list[Node], list[Node]]:
        """The inputs and outputs of a derivative; nothing is computed."""
        if steps not in self._derived:
            self._derived[steps] = self._derive(steps[:-1], *steps[-1]) if steps else self._function()
        return self._derived[steps]

    def _function(self) -> tuple[list[Node], list[Node]]:
        inputs = [i for k in self.wanted if (i := self.trace.leaves[k]) is not None]
        outputs = [out for out in flatten(self.trace.out).leaves if is_number(out)]
        return inputs, [out if isinstance(out, Node) else constant(out) for out in outputs]

    def _derive(
        self, steps: Steps, kind: str, outs: tuple[int, ...], ins: tuple[int, ...]
    ) -> tuple[list[Node], list[Node]]:
        inputs, outputs = self.graph(steps)
        if kind == "value":
            return inputs, [outputs[k] for k in outs]
        if kind == "jvp":
            seeds, tangents = self._seeds(steps, kind, ins, [inputs[k] for k in ins])
            pushed = [tangents.of(outputs[k]) for k in outs]
            return inputs + seeds, [
                constant(zeros(outputs[k])) if t is None else t for k, t in zip(outs, pushed, strict=True)
            ]
        seeds, d = self._seeds(steps, kind, outs, [outputs[k] for k in outs])
        return inputs + seeds, [self.outward(d.adjoint(inputs[k])) for k in ins]

    def _seeds(self, steps: Steps, kind: str, places: tuple[int, ...], like: list[Node]) -> tuple[list[Node], Any]:
        """Leaves for tangents or cotangents, and the memo of what follows from them: whatever is asked, one serves."""
        key = (steps, kind, places)
        if key not in self._seeded:
            seeds = [parameter(zeros(i)) for i in like]
            memo: Tangents | Differentiator = (
                Tangents(dict(zip(like, seeds, strict=True)))
                if kind == "jvp"
                else pairing(like, [self.outward(w) for w in seeds])
            )
            self._seeded[key] = seeds, memo
        return self._seeded[key]


def is_number(out: Any) -> bool:
    """Whether an output is an array, rather than something that a host passes through."""
    return isinstance(out, (Node, np.ndarray, np.generic, bool, int, float, complex))


@attrs.define(eq=False)
class Points:
    """A function, and its graphs at the points it was asked at last.

    Parameters
    ----------
    function
        Function written with NumPy.
    points
        How many points are kept for each structure of arguments.
    outward
        As for `Point`.
    """

    function: Callable[..., Any]
    points: int = attrs.field(default=2)
    outward: Callable[[Node], Node] = _no_change
    statistics: Statistics = attrs.field(factory=Statistics, init=False)
    _kept: list[Point] = attrs.field(factory=list, init=False)  # the one asked last is the last

    @points.validator
    def _check(self, _: Any, points: int) -> None:
        if points < 1:
            raise ValueError(f"points must be at least 1, not {points!r}: the graph of a call is kept for its gradient")

    def answer(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        wanted: Sequence[int],
        steps: Steps = (),
        seeds: Sequence[Any] = (),
        check: Callable[[Point], None] | None = None,
    ) -> tuple[list[Array], Any]:
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
        with lock:
            point = self._at(args, kwargs, wanted)
            if check is not None:
                check(point)
            inputs, outputs = point.graph(steps)
            leaves = inputs[len(wanted) :]
            update({i: np.asarray(w, i.dtype) for i, w in zip(leaves, seeds, strict=True)})
            kind = " of ".join([step[0] for step in reversed(steps)]) or "value"
            self.statistics.evaluations[kind] = self.statistics.evaluations.get(kind, 0) + 1
            return [np.array(forward_rec(out)) for out in outputs], point.trace.out

    def example(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], wanted: Sequence[int]) -> Point:
        """Some graph of the structure of these arguments: what an answer will be like is read off it."""
        with lock:
            alike = self._alike(args, kwargs, wanted)
            return alike[-1] if alike else self._new(args, kwargs, wanted)

    def _alike(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], wanted: Sequence[int]) -> list[Point]:
        key = signature(self.function, (), args, kwargs)
        return [p for p in self._kept if p.trace.signature == key and list(p.wanted) == list(wanted)]

    def _new(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], wanted: Sequence[int]) -> Point:
        point = Point(traced(self.function, (), args, kwargs), wanted, self.outward)
        self.statistics.schedules += 1
        self._keep(point)
        return point

    def _keep(self, point: Point) -> None:
        others = [other for other in self._kept if other is not point]
        self._kept = [*others[1 - self.points * STRUCTURES :], point]

    def _at(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], wanted: Sequence[int]) -> Point:
        """The graph that holds these values; one that held others takes them, if it serves them at all."""
        given = flatten((args, dict(kwargs))).leaves
        alike = self._alike(args, kwargs, wanted)
        found = next((point for point in alike if point.holds_values(given)), None)
        if found is not None and found.asked:
            self.statistics.hits += 1
        else:
            self.statistics.misses += 1
            if found is None:
                free = [point for point in alike if not point.asked] or alike[: max(len(alike) + 1 - self.points, 0)]
                found = self._moved(free[0], args, kwargs) if free else None
            found = found or self._new(args, kwargs, wanted)
        found.asked = True
        self._keep(found)
        return found

    def _moved(self, point: Point, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Point | None:
        """A graph at another point, if it serves it."""
        point.trace.load(args, kwargs)
        if point.trace.holds():
            return point
        self._kept.remove(point)
        return None
