"""A small network for queries, and a loss that is a sum over shards, with its gradient added up by hand."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

import lazygrad as lg

PATIENCE = 120  # seconds for what a slow machine may take long for


def network(rng: np.random.Generator | None = None, dtype: Any = float) -> tuple[lg.Node, dict[str, lg.Node]]:
    rng = rng or np.random.default_rng(0)
    shapes = {"W1": (3, 4), "b1": (4,), "W2": (4, 2)}
    p = {name: lg.parameter(rng.normal(size=shape).astype(dtype), name=name) for name, shape in shapes.items()}
    x, y = rng.normal(size=(8, 3)).astype(dtype), rng.integers(0, 2, size=8)
    return lg.ops.cross_entropy(np.tanh(x @ p["W1"] + p["b1"]) @ p["W2"], y).mean(), p


def failing(x: Any) -> Any:
    if np.isnan(x).any():
        raise ZeroDivisionError("nobody likes nan")
    return np.tanh(x)


squash = lg.primitive(failing, vjp=lambda g, out: g * (1 - out * out), shape="elementwise", name="squash")


def loss(p: Any, shard: Any) -> Any:
    x, y = shard
    return lg.ops.cross_entropy(np.tanh(x @ p["W1"] + p["b1"]) @ p["W2"], y).sum()


def parameters(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in {"W1": (6, 5), "b1": (5,), "W2": (5, 3)}.items()}


def data(count: int = 5) -> list[Any]:
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(7 + k, 6)), rng.integers(0, 3, size=7 + k)) for k in range(count)]


def by_hand(p: Any, shards: Any) -> dict[str, Any]:
    """Return the gradients of all shards, each on a graph of its own, added up from the first to the last."""
    gradients = [lg.grad(loss)(p, shard) for shard in shards]
    return {name: reduce(np.add, [g[name] for g in gradients]) for name in p}


def loss_at(p: Any, shard: Any) -> Any:
    return loss({name: lg.constant(x) for name, x in p.items()}, shard).value[()]
