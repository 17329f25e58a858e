"""W7: a gradient that reads nothing of an expensive part of the loss."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import Question
from networks import through_tanh
from ours import counts

PEERS = ("torch", "JAX", "autograd", "PyTensor", "tinygrad")


def loss(depth: int, ops: Any, x: Any, W: Any, M: Any) -> Any:
    """Return a cheap term in W, and an expensive one in M: a tower of products."""
    tower = M
    for _ in range(depth):
        tower = ops.tanh(tower @ M)
    return ops.sum(ops.tanh(x @ W)) + ops.sum(tower)


def by_hand(x: np.ndarray, W: np.ndarray, M: np.ndarray) -> list[np.ndarray]:
    """Return the gradient by W, which needs neither the tower nor the loss."""
    h = x @ W
    np.tanh(h, out=h)
    d = np.ones_like(h)
    through_tanh(d, h)
    return [x.T @ d]


def questions(quick: bool) -> Iterator[Question]:
    """Return a fresh batch each time; of both terms, so that nothing of the expensive one could be kept."""
    batch, width, tower, depth = (4, 6, 8, 2) if quick else (64, 256, 640, 10)
    rng = np.random.default_rng(0)
    yield Question(
        "W7",
        f"gradient of a layer of {width}, batch {batch}, float64, beside {depth} products of {tower} x {tower}",
        loss=partial(loss, depth),
        by_hand=by_hand,
        arrays=[
            rng.normal(size=(batch, width)),
            rng.normal(size=(width, width)) / np.sqrt(width),
            rng.normal(size=(tower, tower)) / np.sqrt(tower),
        ],
        queries=[[1]],
        changing=[0, 2],
        targets={"memo": 1.10, "compiled": 1.05},
        peers=PEERS,
        without=["numba"],
        notes=[counts],
    )


if __name__ == "__main__":
    script(__doc__, questions)
