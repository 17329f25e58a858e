"""Functions written with NumPy, with tensors to call them with."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")


WARNINGS = [  # what torch itself warns of when it loads parts of itself, and when it compiles
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]
TRANSFORMS = ["grad", "jacrev", "jacfwd", "hessian"]


def randn(*shape, dtype=None, seed=0, requires_grad=True):
    generator = torch.Generator().manual_seed(seed + 7 * len(shape) + sum(shape))
    return torch.randn(shape, dtype=dtype or torch.float64, generator=generator).requires_grad_(requires_grad)


def dense(x, W, b):
    return np.tanh(x @ W + b)


def dense_torch(x, W, b):
    return torch.tanh(x @ W + b)


CASES = {
    "layer": (dense, lambda: (randn(4, 3), randn(3, 2), randn(2))),
    "number": (lambda x: np.sin(x) ** 2, lambda: (randn(),)),
    "sum": (lambda x: np.sum(x**3), lambda: (randn(2, 3),)),
    "two results": (lambda x, y: (x * np.exp(y), np.sum(x * x)), lambda: (randn(3), randn(3, seed=1))),
    "linear": (lambda x: 2 * x, lambda: (randn(3),)),
    "empty": (lambda x: x * x, lambda: (randn(0, 3),)),
    "complex": (lambda z: np.exp(z) * np.conj(z) ** 2, lambda: (randn(3, dtype=torch.complex128),)),
    "complex to real": (lambda z: np.abs(z) ** 3, lambda: (randn(3, dtype=torch.complex128),)),
    "real to complex": (lambda x: np.exp(1j * x), lambda: (randn(3),)),
    "both": (lambda x, z: (x * z, np.sum(x)), lambda: (randn(2), randn(2, dtype=torch.complex128))),
}


def forwards(report):
    """Return the ops whose values were computed."""
    return [i.op.name for i in report.values.computed if i.op.name != "conjugate"]


def named(p, x):
    return np.tanh(x @ p["W"] + p["b"])


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
