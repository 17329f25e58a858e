"""One edge's rule: for the input that it is asked for, among several of the same op."""

from __future__ import annotations

import numpy as np

import lazygrad as lg
from lazygrad._derivatives.edges import find_edges_between
from lazygrad._derivatives.tangents import Tangents, TangentValues


def test_each_input_of_an_op_has_its_own_part() -> None:
    parts = [lg.parameter(np.arange(n, dtype=float)) for n in (2, 3, 1)]
    whole = np.concatenate(parts)
    g = np.arange(1.0, 7.0)
    for part, own in zip(parts, np.split(g, [2, 5]), strict=True):
        (edge,) = find_edges_between(part, whole)[part.serial]
        assert edge.apply_vjp(g).tolist() == own.tolist()
        there = np.concatenate([own if j is part else np.zeros(j.shape) for j in parts])
        seeds = {part: lg.constant(own)}
        assert TangentValues(seeds)._found[part.serial].tolist() == own.tolist()
        assert np.asarray(TangentValues(seeds).of(whole)).tolist() == there.tolist()
        tangent = Tangents(seeds).of(whole)
        assert tangent is not None
        assert tangent.value.tolist() == there.tolist()
