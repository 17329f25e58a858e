"""The networks of the benchmarks: once for whoever has the functions, and by hand in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# -- classification: relu layers with biases, softmax cross-entropy ------------------------------------


def classifier(ops: Any, x: Any, y: Any, *parameters: Any) -> Any:
    """Return the mean loss of a batch; the parameters are W, b of each layer in turn."""
    *hidden, W, b = parameters
    for V, c in zip(hidden[::2], hidden[1::2], strict=True):
        x = ops.relu(x @ V + c)
    return ops.cross_entropy(x @ W + b, y)


def classifier_arrays(sizes: Sequence[int], batch: int, dtype: Any) -> list[np.ndarray]:
    """Return a batch, its labels, and parameters."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(batch, sizes[0])).astype(dtype), rng.integers(0, sizes[-1], batch)]
    for a, b in itertools.pairwise(sizes):
        arrays += [(rng.normal(size=(a, b)) * np.sqrt(2 / a)).astype(dtype), (rng.normal(size=b) * 0.1).astype(dtype)]
    return arrays


def classify(x: np.ndarray, parameters: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Forward, by hand: the input of each layer, and the scores."""
    inputs = [x]
    last = len(parameters) - 2
    for k in range(0, last, 2):
        h = inputs[-1] @ parameters[k]
        h += parameters[k + 1]
        np.maximum(h, 0, out=h)
        inputs.append(h)
    z = inputs[-1] @ parameters[last]
    z += parameters[last + 1]
    return inputs, z


def surplus(z: np.ndarray, y: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradient of the mean cross-entropy by the scores, and the shifted scores and their sums."""
    z -= z.max(axis=1, keepdims=True)
    d = np.exp(z)
    total = d.sum(axis=1, keepdims=True)
    d /= total
    d[rows, y] -= 1
    d /= len(y)
    return d, z, total


def classifier_step(batch: int) -> Callable[..., list[Any]]:
    """Value and all gradients, by hand."""
    rows = np.arange(batch)

    def step(x: np.ndarray, y: np.ndarray, *parameters: np.ndarray) -> list[Any]:
        inputs, z = classify(x, parameters)
        d, z, total = surplus(z, y, rows)
        loss = (np.log(total[:, 0]) - z[rows, y]).mean()
        found = [None] * len(parameters)
        for k in range(len(inputs) - 1, -1, -1):
            h = inputs[k]
            found[2 * k] = h.T @ d
            found[2 * k + 1] = d.sum(axis=0)
            if k:
                d = d @ parameters[2 * k].T
                d *= h > 0
        return [loss, *found]

    return step


def classifier_layer(batch: int, layer: int) -> Callable[..., list[Any]]:
    """Return the gradient by one layer's weights alone, by hand: no loss, and nothing below that layer."""
    rows = np.arange(batch)

    def step(x: np.ndarray, y: np.ndarray, *parameters: np.ndarray) -> list[Any]:
        inputs, z = classify(x, parameters)
        d, _, _ = surplus(z, y, rows)
        for k in range(len(inputs) - 1, layer, -1):
            d = d @ parameters[2 * k].T
            d *= inputs[k] > 0
        return [inputs[layer].T @ d]

    return step


# -- regression: tanh layers without biases, squared error ---------------------------------------------


def regression(ops: Any, x: Any, y: Any, *weights: Any) -> Any:
    """Return the summed squared error."""
    for W in weights:
        x = ops.tanh(x @ W)
    return ops.sum((x - y) ** 2)


def regression_arrays(depth: int, width: int, batch: int) -> list[np.ndarray]:
    """Return a batch, its targets, and weights."""
    rng = np.random.default_rng(0)
    return [
        *[rng.normal(size=(batch, width)) for _ in range(2)],
        *[rng.normal(size=(width, width)) / np.sqrt(width) for _ in range(depth)],
    ]


def regress(x: np.ndarray, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Forward, by hand: the input, and the output of each layer."""
    outputs = [x]
    for W in weights:
        h = outputs[-1] @ W
        np.tanh(h, out=h)
        outputs.append(h)
    return outputs


def through_tanh(d: np.ndarray, h: np.ndarray) -> None:
    """Make an adjoint of tanh's output one of its input, in place."""
    slope = h * h
    np.subtract(1, slope, out=slope)
    d *= slope


def residual(h: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the gradient of the squared error by the outputs."""
    d = h - y
    d *= 2
    return d


def regression_sweep(x: np.ndarray, y: np.ndarray, *weights: np.ndarray) -> list[np.ndarray]:
    """Forward and backward once, by hand: the gradients of all weights, the last layer's first."""
    outputs = regress(x, weights)
    d = residual(outputs[-1], y)
    found = []
    for k in range(len(weights) - 1, -1, -1):
        through_tanh(d, outputs[k + 1])
        found.append(outputs[k].T @ d)
        if k:
            d = d @ weights[k].T
    return found


def regression_layer(layer: int, x: np.ndarray, weights: Sequence[np.ndarray]) -> Callable[..., list[np.ndarray]]:
    """Return the gradient of one layer's weights, which alone change, by hand: what lies below is computed once."""
    below = regress(x, weights[:layer])[-1]

    def step(x: np.ndarray, y: np.ndarray, *weights: np.ndarray) -> list[np.ndarray]:
        outputs = regress(below, weights[layer:])
        d = residual(outputs[-1], y)
        for k in range(len(outputs) - 1, 1, -1):
            through_tanh(d, outputs[k])
            d = d @ weights[layer + k - 1].T
        through_tanh(d, outputs[1])
        return [below.T @ d]

    return step
