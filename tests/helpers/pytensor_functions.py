"""Functions written with NumPy, with arrays and variables of PyTensor to call them with."""

import numpy as np
import pytest

pytensor = pytest.importorskip("pytensor")

import pytensor.tensor as pt  # noqa: E402

from lazygrad.plugins.pytensor import LazyOp  # noqa: E402

FROM_3 = int(pytensor.__version__.split(".")[0]) >= 3


def normal(*shape, dtype=float, seed=0):
    return np.asarray(np.random.default_rng(seed + len(shape) + sum(shape)).normal(size=shape), dtype)


def symbols(*arrays, known=True):
    """Variables for some arrays, with known or unknown shapes."""
    return [
        pt.TensorType(a.dtype.name, shape=a.shape if known else (None,) * a.ndim)(name)
        for a, name in zip(arrays, "xyz", strict=False)
    ]


def ops(program):
    return [str(node.op) for node in program.maker.fgraph.toposort() if isinstance(node.op, LazyOp)]


def dense(x, W, b):
    return np.tanh(x @ W + b)


def total(x):
    return np.sum(np.exp(x) * x[::-1])


def halved(x):
    """Return a way that depends on values."""
    while np.sum(x * x) > 1:
        x = x / 2 + 0.1 * np.sin(x)
    return x


CASES = {
    "layer": (dense, (normal(4, 3), normal(3, 2), normal(2))),
    "number": (lambda x: np.sin(x) ** 2, (normal(),)),
    "sum": (lambda x: np.sum(x**3), (normal(2, 3),)),
    "broadcast": (lambda x, y: np.exp(x) * y, (normal(2, 1), normal(3))),
    "linear": (lambda x: 2 * x, (normal(3),)),
    "unconnected": (lambda x, y: np.cumsum(x) + y.shape[0], (normal(3), normal(2))),
    "branches": (halved, (np.array([3.0, 2.0]),)),
    "inverse": (np.linalg.inv, (normal(2, 2) + 3 * np.eye(2),)),
    "row and column": (lambda x, y: x @ y, (normal(1, 3), normal(3, 1))),
}
