"""Random programs of targets, each built on derivatives of the one before, with questions all along."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import lazygrad as lg

UNARY: Sequence[Callable[[Any], Any]] = (
    np.exp,
    np.sin,
    np.tanh,
    np.abs,
    lambda a: np.log1p(a * a),
    lambda a: a**3,
    lambda a: np.sqrt(a * a + 1.0),
    lambda a: a[::-1],
    lambda a: np.cumsum(a),
    lambda a: np.concatenate([a[1:], a[:1]]),
    lambda a: lg.ops.softmax(a),
    lambda a: np.maximum(a, 0.3),
    lambda a: np.sort(a),
    lambda a: a / (1.0 + np.linalg.norm(a)),
)
BINARY: Sequence[Callable[[Any, Any], Any]] = (
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - b * b,
    lambda a, b: a / (1.0 + b * b),
    lambda a, b: np.logaddexp(a, b),
    lambda a, b: np.hypot(a, b),
    lambda a, b: a * b + a * a,
    lambda a, b: np.outer(a, b) @ a,
    lambda a, b: np.where(a > b, a * b, b),
)
LOSSES: Sequence[Callable[[Any], Any]] = (lambda p: p * p, np.tanh, lambda p: p * 0.5)


class Program:
    """Targets each built on derivatives of the one before; `asks` puts questions all along."""

    def __init__(self, seed: int, order: int, asks: random.Random | None = None) -> None:
        self.draw, self.asks = random.Random(seed), asks
        rng = np.random.default_rng(seed)
        size = self.draw.choice([1, 3, 6, 9])
        self.leaves = [lg.parameter(rng.normal(size=size)) for _ in range(self.draw.choice([1, 2]))]
        self.nodes = list(self.leaves)
        self.targets: list[lg.Node] = []
        self.grow(self.draw.choice([2, 4, 7]))
        self.aim()
        for _ in range(order - 1):
            self.nodes.append(lg.adjoint(self.targets[-1], self.draw.choice(self.nodes)))
            if self.draw.random() < 0.3:
                self.nodes.append(lg.adjoint(self.draw.choice(self.targets), self.draw.choice(self.nodes)))
            self.grow(self.draw.choice([0, 0, 1, 3]))
            self.aim()

    def grow(self, count: int) -> None:
        for _ in range(count):
            a, b = self.draw.choice(self.nodes), self.draw.choice(self.nodes)
            one = self.draw.random() < 0.5
            self.nodes.append(self.draw.choice(UNARY)(a) if one else self.draw.choice(BINARY)(a, b))
            self.ask()

    def aim(self) -> None:
        parts = [self.nodes[-1], *self.draw.choices(self.nodes, k=self.draw.choice([0, 1]))]
        terms = [self.draw.choice(LOSSES)(p).sum() for p in parts]
        self.targets.append(terms[0] if len(terms) == 1 else terms[0] + terms[1])
        self.ask()

    def ask(self) -> None:
        """Put some questions whose answers nobody needs."""
        asks = self.asks
        if asks is None:
            return
        for _ in range(asks.choice([0, 0, 1, 2])):
            i = asks.choice(self.nodes)
            if not self.targets or asks.random() < 0.2:
                i.value  # noqa: B018
                continue
            L = asks.choice(self.targets)
            kind = asks.choice(["gradient", "gradient", "adjoint", "second", "seeded", "pushed"])
            if kind == "gradient":
                lg.gradient(L, i)
            elif kind == "adjoint":
                lg.adjoint(L, i)
            elif kind == "second":
                lg.gradient(lg.adjoint(L, i).sum(), asks.choice(self.nodes))
            elif kind == "seeded":
                lg.Differentiator(i, cotangent=np.ones(i.shape)).gradient(asks.choice(self.nodes))
            else:
                g = lg.adjoint(L, i)
                lg.jvp(lambda x, g=g: g * 1.0, (self.leaves[0],), (np.ones(self.leaves[0].shape),))

    def answers(self) -> list[Any]:
        return [lg.gradient(self.targets[-1], w) for w in (*self.leaves, *self.nodes[:4])]
