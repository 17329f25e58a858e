"""The default backend: one lazy graph for each way through a function, and a memo of the last points.

The graph is built once; a new point marks as stale what it changes, and a point that comes back finds its values. So
each node and each adjoint is evaluated once a point, whatever is asked and in whatever order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._derivatives.tangents import Tangents
from .._derivatives.target_memo import target_memo
from .._functions.call import Argnums, Call
from .._functions.reverse import pairing, vjp
from .._functions.trace import Traced, traced
from .._graph.leaf import constant, parameter
from .._graph.node import Node, label, lock
from .._graph.trees import Tree, flatten, places
from .._graph.value import forward_rec, readonly_view, zeros
from .._jacobian.of_functions import Passes, cheaper
from .._query.differentiator import Differentiator, differentiator
from ._backend import Backend
from ._point import Flat, Pull
from ._point_memo import PointMemo
from ._prepared import At, Prepared
from ._signature import Arguments, Signature, Slot
from ._statistics import Statistics

__all__ = ["Graph", "LazyBackend"]

Answers = list[tuple[list[Any], dict[int, Any]]]  # of some points: their values, and by leaf what was found there

TRACES = 8  # ways through a function that are kept


class CachedPasses(Passes):
    """Passes that are built once, and made again at every point."""

    def __init__(self) -> None:
        self._of_outs: dict[int, tuple[Node, Differentiator]] = {}
        self._of_nodes: dict[int, tuple[Node, Tangents]] = {}

    def reverse(self, out: Node) -> tuple[Node, Differentiator]:
        if out.serial not in self._of_outs:
            self._of_outs[out.serial] = super().reverse(out)
        return self._of_outs[out.serial]

    def forward(self, node: Node) -> tuple[Node, Tangents]:
        if node.serial not in self._of_nodes:
            self._of_nodes[node.serial] = super().forward(node)
        return self._of_nodes[node.serial]


class Graph:
    """One way through a function: the graph at the point where its leaves are, and what was derived from it.

    Parameters
    ----------
    function
        What errors call it.
    moving
        The leaves that arguments are loaded into.
    nodes
        Those that derivatives are asked by.
    out
        What the function returns.
    points
        How many points are remembered.
    """

    def __init__(
        self, function: Any, moving: list[Node], nodes: list[Node], out: Any, points: int, statistics: Statistics
    ) -> None:
        self.moving = moving
        self.nodes = nodes
        self.out: Tree = flatten(out)
        self.outs = [_as_node(leaf) for leaf in self.out.leaves]
        self.reshaped = False  # whether some leaf has another shape now, so that it must be built again
        self._statistics = statistics
        self._kept = PointMemo(moving, points)
        self._call = Call(function, list(nodes), flatten(nodes), out, None, False)
        self._jacobians: Answers = []
        self._points = points
        self._passes: Passes = CachedPasses()
        for i in self.outs:
            if isinstance(i, Node):  # told, as the memos of other cotangents are, that shapes change
                target_memo(i).others.add(self)  # type: ignore[arg-type]

    def load(self, values: Sequence[Any]) -> None:
        """Go to a point; nothing is computed."""
        self._kept.load(values)

    def clear(self) -> None:
        """Forget what depends on shapes: called when those of nodes below the outputs are about to change."""
        self.reshaped = True
        self._kept.forget()
        self._jacobians.clear()
        self._passes = CachedPasses()
        for name in ("_slots", "_seeds", "_pairing", "_directions", "_tangents"):
            self.__dict__.pop(name, None)

    # -- built when first asked, and kept for all points --------------------------------------------

    @functools.cached_property
    def _seeds(self) -> list[Node]:
        return [parameter(zeros(out)) for out in self.outs]

    @functools.cached_property
    def _pairing(self) -> Differentiator:
        return pairing(self.outs, self._seeds)

    @functools.cached_property
    def _directions(self) -> list[Node]:
        return [parameter(zeros(node)) for node in self.nodes]

    @functools.cached_property
    def _tangents(self) -> Tangents:
        return Tangents(dict(zip(self.nodes, self._directions, strict=True)))

    # -- answers -----------------------------------------------------------------------------------

    def slots(self) -> list[Slot]:
        """Shape and dtype of each output."""
        return self._slots

    @functools.cached_property
    def _slots(self) -> list[Slot]:
        names = [f"output{place}" for place in places(self.out.like(self.out.leaves))]
        return [
            Slot(name, out.shape, out.dtype) if isinstance(out, Node) else Slot(name)
            for name, out in zip(names, self.outs, strict=True)
        ]

    def values(self) -> list[Any]:
        """The outputs."""
        return self._answers("value", self.outs)

    def _answers(self, kind: str, nodes: Sequence[Any]) -> list[Any]:
        if any(isinstance(i, Node) and i._value is None for i in nodes):
            self._statistics.evaluated(kind)
        return [readonly_view(forward_rec(i)) if isinstance(i, Node) else i for i in nodes]

    def gradients(self, wanted: Sequence[int]) -> list[Any]:
        """From the memo that the output itself keeps."""
        return self._pulled("gradient", differentiator(self.outs[0]), wanted)

    def pull(self, cotangents: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        """From the memo of the outputs' products with cotangents."""
        return self._pulled("vjp", self._paired(cotangents), wanted)

    def _paired(self, cotangents: Sequence[Any]) -> Differentiator:
        for seed, w in zip(self._seeds, cotangents, strict=True):
            seed.set(w)
        return self._pairing

    def _pulled(self, kind: str, d: Differentiator, wanted: Sequence[int]) -> list[Any]:
        nodes = [self.nodes[k] for k in wanted]
        before = d.cache_info().misses
        try:
            found = d.gradient(nodes, unconnected="none")
        finally:
            if d.cache_info().misses > before:
                self._statistics.evaluated(kind)
        return [zeros(node) if g is None else g for node, g in zip(nodes, found, strict=True)]

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """By tangents, which are nodes as well."""
        return self._pushed("jvp", self.outs, tangents)

    def hessian_times(
        self, vectors: Sequence[Any], wanted: Sequence[int], cotangents: Sequence[Any] | None = None
    ) -> list[Any]:
        """By tangents of the very adjoints that the gradient, or the vector-Jacobian product, consists of."""
        d = differentiator(self.outs[0]) if cotangents is None else self._paired(cotangents)
        return self._pushed("hvp", [d.adjoint(self.nodes[k]) for k in wanted], vectors)

    def _pushed(self, kind: str, nodes: Sequence[Node], tangents: Sequence[Any]) -> list[Any]:
        for direction, t in zip(self._directions, tangents, strict=True):
            direction.set(t)
        pushed = [self._tangents.of(i) for i in nodes]
        found = iter(self._answers(kind, [t for t in pushed if t is not None]))
        return [zeros(i) if t is None else next(found) for i, t in zip(nodes, pushed, strict=True)]

    def jacobian(self, wanted: Sequence[int]) -> list[list[Any]]:
        """One that was found is kept with the point that it belongs to."""
        known = self._here(self._jacobians)
        if missing := [k for k in wanted if k not in known]:
            self._statistics.evaluated("jacobian")
            rows = self._rows(missing)
            known.update({k: [row[n] for row in rows] for n, k in enumerate(missing)})
        return [[known[k][n] for k in wanted] for n in range(len(self.outs))]

    def _rows(self, wanted: Sequence[int]) -> list[list[Any]]:
        """Jacobians in the mode of fewer passes."""
        return cheaper(self._call, self.outs, [self.nodes[k] for k in wanted], self._passes)

    def _here(self, answers: Answers) -> dict[int, Any]:
        """Those of the present point, which is known by its values: while they are the same objects, nothing moved."""
        at = [forward_rec(i, asked=False) for i in (*self.outs, *self.moving)]
        known = next((found for key, found in answers if all(a is b for a, b in zip(key, at, strict=True))), None)
        if known is None:
            known = {}
            answers.insert(0, (at, known))
            del answers[self._points :]
        return known


def _as_node(out: Any) -> Any:
    """An output as a node, if it is a number."""
    number = isinstance(out, (bool, int, float, complex, np.ndarray, np.generic))
    return constant(out) if number else out


class PreparedFunction(Prepared):
    """A function on graphs: one for each way through it. `made` makes them, of what `Graph` takes."""

    def __init__(
        self,
        made: Callable[..., Graph],
        f: Callable[..., Any],
        example: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        wrt: Argnums,
        points: int,
    ) -> None:
        super().__init__(Signature.of(f, example, kwargs, wrt), points, lock)
        self._made, self._function, self._kwargs, self._wrt = made, f, kwargs, wrt
        self._graphs: list[tuple[Traced, tuple[Any, ...], Graph]] = []  # the one used last comes first
        self._present = self.signature.given(example).copied()
        self._graph(self._present)

    def __reduce__(self) -> Any:
        arguments = self.signature.arguments(self._present.leaves)
        return PreparedFunction, (self._made, self._function, arguments, self._kwargs, self._wrt, self._points)

    def _at(self, given: Arguments | None) -> At:
        given = self._present if given is None else given
        graph = self._graph(given)
        arrays = iter([i._value for i in graph.moving])
        leaves = [
            leaf if slot.dtype is None else next(arrays)
            for slot, leaf in zip(self.signature.slots, given.leaves, strict=True)
        ]
        self._present = Arguments(leaves, given.statics)
        return self._remember(self._present, graph)

    def _graph(self, given: Arguments) -> Graph:
        """The graph of the way that the function takes there, at that point."""
        values = [leaf for leaf, slot in zip(given.leaves, self.signature.slots, strict=True) if slot.dtype is not None]
        self._graphs = [one for one in self._graphs if not one[2].reshaped]
        for k, (trace, statics, graph) in enumerate(self._graphs):
            if statics == given.statics:
                graph.load(values)
                if trace.holds():
                    self._graphs.insert(0, self._graphs.pop(k))
                    return graph
        trace = traced(self._function, self._wrt, self.signature.arguments(given.leaves), self._kwargs)
        self.statistics.schedules += 1
        moving = [i for i in trace.leaves[: len(given.leaves)] if i is not None]
        nodes = [i for i in trace.wrt.leaves if isinstance(i, Node)]
        graph = self._made(self._function, moving, nodes, trace.out, self._points, self.statistics)
        self._graphs = [(trace, given.statics, graph), *self._graphs[: TRACES - 1]]
        return graph


class PreparedNode(Prepared):
    """A node on the graph that it is part of; the leaves are the user's own."""

    def __init__(self, made: Callable[..., Graph], L: Node, wrt: Any, points: int) -> None:
        super().__init__(Signature.of_nodes(L, wrt), points, lock)
        self._made, self._target, self._wrt = made, L, wrt
        self._graph = self._new_graph()

    def __reduce__(self) -> Any:
        return PreparedNode, (self._made, self._target, self._wrt, self._points)

    def _new_graph(self) -> Graph:
        self.statistics.schedules += 1
        nodes = list(self.signature.nodes)
        return self._made(_node, nodes, nodes, self._target, self._points, self.statistics)

    def _given(self, args: tuple[Any, ...]) -> Arguments | None:
        if self._graph.reshaped:
            self.signature = Signature.of_nodes(self._target, self._wrt)
            self._graph = self._new_graph()
        return super()._given(args)

    def _at(self, given: Arguments | None) -> At:
        if given is not None:
            self._graph.load(given.leaves)
        return self._remember(Arguments([i._value for i in self._graph.moving], ()), self._graph)


def _node() -> None:
    """What a prepared node is called where a function is told of."""


class LazyBackend(Backend):
    """The backend that `prepare` uses by itself."""

    def __init__(self, made: Callable[..., Graph] = Graph) -> None:
        self.made = made

    def vjp(self, f: Flat, arrays: Sequence[Any]) -> tuple[list[Any], Pull]:
        """By a graph that lives for one call."""
        outs, pull = vjp(lambda *moved: list(f(*moved)), *arrays)
        return outs, lambda cotangents, wanted: [pull(list(cotangents))[k] for k in wanted]

    def prepare(self, f: Any, *example: Any, wrt: Any = 0, points: int = 2, **kwargs: Any) -> Prepared:
        """See `lazygrad.backend.prepare`."""
        if not isinstance(f, Node):
            return PreparedFunction(self.made, f, example, kwargs, wrt, points)
        if example or kwargs:
            raise TypeError(f"a node is prepared as it is: prepare({label(f)}, wrt=...) takes no arguments")
        return PreparedNode(self.made, f, wrt, points)
