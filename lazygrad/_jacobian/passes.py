"""The passes that a Jacobian is made of: one element of an output, or of an argument, at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._derivatives.tangents import Tangents
from .._functions.call import Call
from .._graph.leaf import parameter
from .._graph.node import Node
from .._graph.value import zeros
from .._query.differentiator import Differentiator
from .._query.second_order import take_unit

__all__ = ["Passes", "UnitTangents"]


class UnitTangents:
    """The tangents of all outputs as one element of a node moves: masked ones, where a nan shows that it matters."""

    def __init__(self, node: Node, seed: Node) -> None:
        self._plain = Tangents({node: seed})
        self._masked = Tangents({node: seed}, masked=True) if node.size > 1 else self._plain

    def of(self, out: Node, call: Call) -> Any:
        """Return the tangent of an output as the call answers: an array, or a node if there are calls around it."""
        if call.lazy or self._masked is self._plain:
            t = self._masked.of(out)
            return zeros(out) if t is None else call.answer(t)
        t = self._plain.of(out)
        found = zeros(out) if t is None else call.answer(t)
        return found if t is None or not np.isnan(found).any() else call.answer(self._masked.of(out))


class Passes:
    """The passes of one call, each made anew: a leaf that moves, and the derivatives in its direction."""

    def reverse(self, out: Node) -> tuple[Node, Differentiator]:
        """Return the pass of one output by all arguments."""
        seed = parameter(zeros(out))
        return seed, take_unit(out, seed)

    def forward(self, node: Node) -> tuple[Node, UnitTangents]:
        """Return the pass of all outputs by one argument."""
        seed = parameter(zeros(node))
        return seed, UnitTangents(node, seed)
