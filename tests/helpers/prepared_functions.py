"""Functions, points and questions that tests of prepared functions share."""

from __future__ import annotations

from typing import Any

import numpy as np

import lazygrad as lg
from lazygrad._graph.trees import leaves

__all__ = ["ASKING", "X", "Y", "Z", "bits", "build_sines", "count_computed", "rosenbrock", "two_blocks"]

X, Y, Z = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.25, -0.5]), np.array([3.0, 1.0, 2.0])


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def two_blocks(w: Any) -> Any:
    return np.sum(np.sin(w["a"]) ** 2) + np.sum(np.exp(w["b"]) * 0.5)


def bits(tree: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in leaves(tree)]


def count_computed(report: lg.Report) -> tuple[int, int]:
    return report.values.misses, report.adjoints.misses


ASKING = {
    "value": lambda p, x: p.value(x),
    "gradient": lambda p, x: p.gradient(x),
    "hvp": lambda p, x: p.hvp(x, vectors=np.ones(3)),
    "jvp": lambda p, x: p.jvp(x, tangents=np.ones(3)),
    "vjp": lambda p, x: p.vjp(x, cotangent=2.0),
}


def build_sines() -> tuple[lg.Node, lg.Node, lg.Node, lg.Node]:
    W, b, data = lg.parameter(X, name="W"), lg.parameter(2.0, name="b"), lg.constant(Y, name="data")
    return np.sum(np.sin(W * data) ** 2) * b, W, b, data
