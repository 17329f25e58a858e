"""The default backend: one lazy graph for each way through a function, and a memo of the last points.

The graph is built once; a new point marks as stale what it changes, and a point that comes back finds its values. So
each node and each adjoint is evaluated once a point, in any order of any questions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._derivatives.tangents import Tangents
from .._derivatives.target_memo import target_memo
from .._functions.call import Argnums, Call
from .._functions.reverse import vjp
from .._functions.trace import Trace, trace_function
from .._graph.leaf import constant, parameter
from .._graph.node import Node, label
from .._graph.trees import Tree, flatten, list_places
from .._graph.turns import call_outside, lock, now
from .._graph.types import Array, ArrayLike, Structure
from .._graph.value import forward_rec, readonly_view, zeros
from .._jacobian.of_functions import choose_mode
from .._jacobian.passes import Passes, UnitTangents
from .._query.differentiator import Differentiator, differentiator
from .._query.second_order import pair_with_cotangents
from ._backend import Backend
from ._point import Flat, Pull
from ._point_memo import PointMemo
from ._prepared import Answers, Prepared, PreparedByExample
from ._recent import Recent
from ._signature import Arguments, Signature, Slot
from ._static_numbers import StaticNumbers
from ._statistics import Statistics

__all__ = ["Graph", "LazyBackend"]

AnswersByPoint = Recent[tuple[list[Any], dict[int, Any]]]  # of each point the values, and by leaf the answers there

TRACES = 8  # how many ways through a function are kept


class CachedPasses(Passes):
    """Passes whose graphs are built once, and evaluated again at every point."""

    def __init__(self) -> None:
        self._of_outs: dict[int, tuple[Node, Differentiator]] = {}
        self._of_nodes: dict[int, tuple[Node, UnitTangents]] = {}

    def reverse(self, out: Node) -> tuple[Node, Differentiator]:
        if out.serial not in self._of_outs:
            self._of_outs[out.serial] = super().reverse(out)
        return self._of_outs[out.serial]

    def forward(self, node: Node) -> tuple[Node, UnitTangents]:
        if node.serial not in self._of_nodes:
            self._of_nodes[node.serial] = super().forward(node)
        return self._of_nodes[node.serial]


class Graph:
    """One way through a function: the graph at the point where its leaves are, and what was derived from it.

    Parameters
    ----------
    function
        Whose name errors tell.
    moving
        The leaves that arguments are loaded into.
    nodes
        The leaves that derivatives are asked by.
    out
        The function's result.
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
        self._point_memo = PointMemo(moving, points)
        self._call = Call(function, list(nodes), flatten(nodes), out, None, False)
        self._jacobians: AnswersByPoint = Recent(points)
        self._passes: Passes = CachedPasses()
        for i in self.outs:
            if isinstance(i, Node):  # it clears this when shapes change, as it does the memos of other cotangents
                target_memo(i).others.add(self)  # type: ignore[arg-type]

    def load(self, values: Sequence[Any]) -> None:
        """Go to a point; nothing is computed."""
        self._point_memo.load(values)
        self.hold()

    def hold(self) -> None:
        """Let other threads that would move the leaves wait until the question, which `Prepared` ends, is over."""
        for i in (*self.moving, *self.outs):
            if isinstance(i, Node):
                now.asked = (i, now.asked)

    def clear(self) -> None:
        """Forget answers and derived graphs: nodes below the outputs are about to change their shapes.

        A graph that was derived for the old shapes would not fit the new ones. This one is not asked again.
        """
        self.reshaped = True
        self._point_memo.forget()
        self._jacobians.clear()
        self._passes = CachedPasses()
        for name in ("_pairing", "_tangents"):
            self.__dict__.pop(name, None)

    # -- built when first asked, and kept for all points --------------------------------------------

    @functools.cached_property
    def _seeds(self) -> list[Node]:
        return [parameter(zeros(out)) for out in self.outs]

    @functools.cached_property
    def _pairing(self) -> Differentiator:
        return pair_with_cotangents(self.outs, self._seeds)

    @functools.cached_property
    def _directions(self) -> list[Node]:
        return [parameter(zeros(node)) for node in self.nodes]

    @functools.cached_property
    def _tangents(self) -> Tangents:
        return Tangents(dict(zip(self.nodes, self._directions, strict=True)))

    # -- answers -----------------------------------------------------------------------------------

    def slots(self) -> list[Slot]:
        """Return shape and dtype of each output."""
        return self._slots

    @functools.cached_property
    def _slots(self) -> list[Slot]:
        names = [f"output{place}" for place in list_places(self.out.like(self.out.leaves))]
        return [
            Slot(name, out.shape, out.dtype) if isinstance(out, Node) else Slot(name)
            for name, out in zip(names, self.outs, strict=True)
        ]

    def values(self) -> list[Array]:
        """Return the outputs."""
        return self._evaluate("value", self.outs)

    def _evaluate(self, kind: str, nodes: Sequence[Any]) -> list[Any]:
        """Return the values of nodes, counting an evaluation if one of them is not in the memo."""
        if any(isinstance(i, Node) and i._value is None for i in nodes):
            self._statistics.count_evaluation(kind)
        return [readonly_view(forward_rec(i)) if isinstance(i, Node) else i for i in nodes]

    def gradients(self, wanted: Sequence[int]) -> list[Array]:
        """Return the gradients from the memo that the output itself keeps."""
        return self._differentiate("gradient", differentiator(self.outs[0]), wanted)

    def pull(self, cotangents: Sequence[object], wanted: Sequence[int]) -> list[Array]:
        """Return the vector-Jacobian products, from the memo of the outputs' products with cotangents."""
        return self._differentiate("vjp", self._pair_with(cotangents), wanted)

    def _pair_with(self, cotangents: Sequence[Any]) -> Differentiator:
        """Set the cotangents, and return the memo of the outputs' products with them."""
        for seed, w in zip(self._seeds, cotangents, strict=True):
            seed.set(w)
        return self._pairing

    def _differentiate(self, kind: str, d: Differentiator, wanted: Sequence[int]) -> list[Any]:
        """Return gradients from a memo, counting an evaluation if it has to compute an adjoint."""
        nodes = [self.nodes[k] for k in wanted]
        before = d.cache_info().misses
        try:
            found = d.gradient(nodes, unconnected="none")
        finally:
            if d.cache_info().misses > before:
                self._statistics.count_evaluation(kind)
        return [zeros(node) if g is None else g for node, g in zip(nodes, found, strict=True)]

    def push(self, tangents: Sequence[object]) -> list[Array]:
        """Return the Jacobian-vector products: tangents, which are nodes as well."""
        return self._push_to("jvp", self.outs, tangents)

    def hessian_times(
        self, vectors: Sequence[ArrayLike], wanted: Sequence[int], cotangents: Sequence[Any] | None = None
    ) -> list[Array]:
        """Return tangents of the very adjoints that the gradient, or the vector-Jacobian product, consists of."""
        d = differentiator(self.outs[0]) if cotangents is None else self._pair_with(cotangents)
        return self._push_to("hvp", [d.adjoint(self.nodes[k]) for k in wanted], vectors)

    def _push_to(self, kind: str, nodes: Sequence[Node], tangents: Sequence[Any]) -> list[Any]:
        """Set the tangents of the leaves, and return those of nodes."""
        for direction, t in zip(self._directions, tangents, strict=True):
            direction.set(t)
        pushed = [self._tangents.of(i) for i in nodes]
        found = iter(self._evaluate(kind, [t for t in pushed if t is not None]))
        return [zeros(i) if t is None else next(found) for i, t in zip(nodes, pushed, strict=True)]

    def jacobian(self, wanted: Sequence[int]) -> list[list[Array]]:
        """Return the Jacobians, which are kept with the point that they belong to."""
        known = self._find_present(self._jacobians)
        if missing := [k for k in wanted if k not in known]:
            self._statistics.count_evaluation("jacobian")
            rows = self._compute_jacobians(missing)
            known.update({k: [row[n] for row in rows] for n, k in enumerate(missing)})
        return [[known[k][n] for k in wanted] for n in range(len(self.outs))]

    def _compute_jacobians(self, wanted: Sequence[int]) -> list[list[Any]]:
        """Return the Jacobians by the mode that needs fewer passes."""
        return choose_mode(self._call, self.outs, [self.nodes[k] for k in wanted], self._passes)

    def _find_present(self, answers: AnswersByPoint) -> dict[int, Any]:
        """Return the answers cached at the present point: while its values are the same objects, nothing has moved."""
        at = [forward_rec(i, was_requested=False) for i in (*self.outs, *self.moving)]
        known = answers.find(lambda one: all(a is b for a, b in zip(one[0], at, strict=True)))
        if known is None:
            known = at, {}
        answers.use(known)
        return known[1]


def _as_node(out: Any) -> Any:
    """Return an output as a node, if it is a number."""
    number = isinstance(out, (bool, int, float, complex, np.ndarray, np.generic))
    return constant(out) if number else out


class PreparedFunction(PreparedByExample[Callable[..., Graph]]):
    """A function on graphs, one for each way through it; `make_graph` makes them of the arguments of `Graph`."""

    def __init__(
        self,
        make_graph: Callable[..., Graph],
        f: Any,
        example: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        wrt: Argnums,
        points: int,
    ) -> None:
        super().__init__(make_graph, f, example, kwargs, wrt, points, lock)
        self._graphs: Recent[tuple[Trace, tuple[Any, ...], Graph]] = Recent(TRACES)
        self._static_numbers = StaticNumbers(
            self.signature.function, "prepare the function with {number} in its place: then it moves as arrays do"
        )
        self._load_graph(self._present)

    def _go_to(self, arguments: Arguments | None) -> Answers:
        arguments = self._present if arguments is None else arguments
        graph = self._load_graph(arguments)
        arrays = iter([i._value for i in graph.moving])
        leaves = [
            leaf if slot.dtype is None else next(arrays)
            for slot, leaf in zip(self.signature.slots, arguments.leaves, strict=True)
        ]
        self._present = Arguments(leaves, arguments.statics)
        return self._remember(self._present, graph)

    def _load_graph(self, arguments: Arguments) -> Graph:
        """Return the graph of the way that the function takes at a point, moved to that point."""
        slots = self.signature.slots
        values = [leaf for leaf, slot in zip(arguments.leaves, slots, strict=True) if slot.dtype is not None]
        for one in self._graphs:
            if one[2].reshaped:
                self._graphs.remove(one)

        def serves(one: tuple[Trace, tuple[Any, ...], Graph]) -> bool:
            trace, statics, graph = one
            if statics != arguments.statics:
                return False
            graph.load(values)
            return trace.holds()

        if (known := self._graphs.find(serves)) is not None:
            self._graphs.use(known)
            return known[2]
        given = self.signature.build_arguments(arguments.leaves)
        trace = call_outside(trace_function, self._function, self._wrt, given, self._kwargs)
        self.statistics.schedules += 1
        named = [(slot.name, leaf) for slot, leaf in zip(slots, arguments.leaves, strict=True) if slot.dtype is None]
        self._static_numbers.note(named)
        moving = [i for i in trace.leaves[: len(arguments.leaves)] if i is not None]
        nodes = [i for i in trace.wrt.leaves if isinstance(i, Node)]
        graph = self._source(self._function, moving, nodes, trace.out, self._points, self.statistics)
        self._graphs.use((trace, arguments.statics, graph))
        return graph


class PreparedNode(Prepared):
    """A node on the graph that it is part of; the leaves are the user's own."""

    def __init__(self, make_graph: Callable[..., Graph], L: Node, wrt: Any, points: int) -> None:
        super().__init__(Signature.of_nodes(L, wrt), points, lock)
        self._make_graph, self._target, self._wrt = make_graph, L, wrt
        self._graph = self._build_graph()

    def __reduce__(self) -> Any:
        return PreparedNode, (self._make_graph, self._target, self._wrt, self._points)

    def _build_graph(self) -> Graph:
        """Build what answers questions, for the leaves' shapes as they are now."""
        self.statistics.schedules += 1
        nodes = list(self.signature.nodes)
        return self._make_graph(_stand_for_node, nodes, nodes, self._target, self._points, self.statistics)

    def _check_arguments(self, args: tuple[Any, ...]) -> Arguments | None:
        if self._graph.reshaped:
            self.signature = Signature.of_nodes(self._target, self._wrt)
            self._graph = self._build_graph()
        return super()._check_arguments(args)

    def _go_to(self, arguments: Arguments | None) -> Answers:
        if arguments is None:
            self._graph.hold()
        else:
            self._graph.load(arguments.leaves)
        return self._remember(Arguments([i._value for i in self._graph.moving], ()), self._graph)


def _stand_for_node() -> None:
    """Stand for a prepared node where a function is expected."""


class LazyBackend(Backend):
    """The backend that `prepare` uses by itself."""

    def __init__(self, make_graph: Callable[..., Graph] = Graph) -> None:
        self.make_graph = make_graph

    def vjp(self, f: Flat, arrays: Sequence[object]) -> tuple[list[Any], Pull]:
        """Return the outputs, and the function that pulls cotangents back, by a graph that lives for one call."""
        outs, pull = vjp(lambda *moved: list(f(*moved)), *arrays)
        return outs, lambda cotangents, wanted: [pull(list(cotangents))[k] for k in wanted]

    def prepare(self, f: Any, *example: Structure, wrt: Any = 0, points: int = 2, **kwargs: object) -> Prepared:
        """Prepare a function or a node: see `lazygrad.backend.prepare`."""
        if not isinstance(f, Node):
            return PreparedFunction(self.make_graph, f, example, kwargs, wrt, points)
        if example or kwargs:
            raise TypeError(f"a node is prepared as it is: prepare({label(f)}, wrt=...) takes no arguments")
        return PreparedNode(self.make_graph, f, wrt, points)
