"""The tanh network of the benchmarks: lazily, by hand, and for peers."""

from __future__ import annotations

import numpy as np

import lazygrad as lg


class Network:
    """`depth` tanh layers of `width`, squared error, one batch; as a graph and as plain arrays."""

    def __init__(self, depth: int, width: int, batch: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.rng = rng
        self.arrays = [rng.normal(size=(width, width)) / np.sqrt(width) for _ in range(depth)]
        self.x = rng.normal(size=(batch, width))
        self.y = rng.normal(size=(batch, width))
        self.build()

    def build(self) -> None:
        """Make the graph anew."""
        self.X = lg.constant(self.x)
        self.weights = [lg.parameter(W) for W in self.arrays]
        h = self.X
        for W in self.weights:
            h = np.tanh(h @ W)
        self.loss = ((h - self.y) ** 2).sum()

    def new_batch(self) -> None:
        """Other data: every value and adjoint becomes stale."""
        self.x = self.rng.normal(size=self.x.shape)
        self.X.set(self.x)

    def queries(self) -> list[np.ndarray]:
        """One question for each weight, the last layer's first."""
        return [lg.gradient(self.loss, W) for W in reversed(self.weights)]

    def forward(self) -> list[np.ndarray]:
        """The layers' outputs, by hand."""
        outputs = [self.x]
        for W in self.arrays:
            outputs.append(np.tanh(outputs[-1] @ W))
        return outputs

    def sweep(self) -> list[np.ndarray]:
        """Forward and backward once, by hand: all gradients, the last layer's first."""
        outputs = self.forward()
        g = 2 * (outputs[-1] - self.y)
        gradients = []
        for k in range(len(self.arrays) - 1, -1, -1):
            g = g * (1 - outputs[k + 1] * outputs[k + 1])
            gradients.append(outputs[k].T @ g)
            if k:
                g = g @ self.arrays[k].T
        return gradients
