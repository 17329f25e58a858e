"""The engines of the seeds as backends: the same graphs, walked by another algorithm."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._graph.leaf import constant
from .._graph.types import Array, ArrayLike
from .._graph.value import readonly_view, zeros
from .._query.differentiator import Differentiator, differentiator
from .._query.engine import named_engine
from ._lazy import AnswersByPoint, Graph, LazyBackend
from ._point import jacobian_by_rows, push_by_rows
from ._recent import Recent

__all__ = ["EngineBackend"]


class EngineGraph(Graph):
    """A graph whose derivatives an engine finds: vector-Jacobian products, and what follows from them."""

    def __init__(self, engine: str, *rest: Any) -> None:
        super().__init__(*rest)
        self._engine = engine
        self._slopes: dict[bool, Differentiator] = {}
        self._gradients: AnswersByPoint = Recent(self._jacobians.most)

    def clear(self) -> None:
        """Forget answers and derived graphs, as `Graph.clear` does."""
        super().clear()
        self._gradients.clear()
        self._slopes.clear()

    def _differentiate_slope(self, d: Differentiator) -> Differentiator:
        """Return the memo of the gradient's product with the directions."""
        total: Any = constant(np.zeros((), d.target.dtype).real)
        for node, direction in zip(self.nodes, self._directions, strict=True):
            if d.is_connected(node):
                term = (d.adjoint(node) * direction).sum()
                total = total + (term.real if node.dtype.kind == "c" else term)
        return differentiator(total)

    def _differentiate(self, kind: str, d: Differentiator, wanted: Sequence[int]) -> list[Any]:
        self._statistics.count_evaluation(kind)
        nodes = [self.nodes[k] for k in wanted]
        found = d.gradient(nodes, unconnected="none", engine=self._engine)
        return [zeros(node) if g is None else g for node, g in zip(nodes, found, strict=True)]

    def gradients(self, wanted: Sequence[int]) -> list[Array]:
        """Return the gradients, kept with their point: an engine has no memo of its own."""
        known = self._find_present(self._gradients)
        if missing := [k for k in wanted if k not in known]:
            known.update(zip(missing, super().gradients(missing), strict=True))
        return [known[k] for k in wanted]

    def push(self, tangents: Sequence[object]) -> list[Array]:
        """Return the tangents of the outputs, row by row."""
        return [readonly_view(t) for t in push_by_rows(self.pull, self.values(), tangents)]

    def hessian_times(
        self, vectors: Sequence[ArrayLike], wanted: Sequence[int], cotangents: Sequence[Any] | None = None
    ) -> list[Array]:
        """Return the engine's gradient of the gradient's product with the vectors, which is a graph, too."""
        d = differentiator(self.outs[0]) if cotangents is None else self._pair_with(cotangents)
        if (cotangents is None) not in self._slopes:
            self._slopes[cotangents is None] = self._differentiate_slope(d)
        for direction, v in zip(self._directions, vectors, strict=True):
            direction.set(v)
        return self._differentiate("hvp", self._slopes[cotangents is None], wanted)

    def _compute_jacobians(self, wanted: Sequence[int]) -> list[list[Any]]:
        rows = jacobian_by_rows(self.pull, self.values(), [self.nodes[k] for k in wanted], wanted)
        return [[readonly_view(matrix) for matrix in row] for row in rows]


class EngineBackend(LazyBackend):
    """One of the algorithms in `lazygrad.engines`.

    Parameters
    ----------
    name
        Of the engine.
    """

    def __init__(self, name: str) -> None:
        named_engine(name)
        super().__init__(functools.partial(EngineGraph, name))
