"""Functions that select nothing: where a derivative is 0 times inf at the first element, it is nan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["START", "UNSELECTING"]

START = np.array([0.0, 1.0, 4.0])


def kinked(x: Any) -> Any:
    """Return |x|, whose derivative at 0 comes out as 0 times inf."""
    return np.sqrt(x * x)


UNSELECTING: dict[str, Callable[[Any], Any]] = {
    "0 * sqrt": lambda x: (0.0 * np.sqrt(x)).sum(),
    "sqrt of pow": lambda x: np.sqrt(x**2).sum(),
    "sqrt of square": lambda x: np.sqrt(np.square(x)).sum(),
    "cbrt of pow": lambda x: np.cbrt(x**3).sum(),
    "power of power": lambda x: np.power(np.power(x, 3.0), 1 / 3).sum(),
    "log of exp": lambda x: np.log(np.exp(x - 800)).sum(),
    "log1p of exp": lambda x: np.log1p(np.exp(x + 800)).sum(),
    "arcsinh of sinh": lambda x: np.arcsinh(np.sinh(x + 800)).sum(),
    "arctanh of tanh": lambda x: np.arctanh(np.tanh(x + 50)).sum(),
    "arcsin of cos": lambda x: np.arcsin(np.cos(x)).sum(),
    "reciprocal twice": lambda x: np.reciprocal(np.reciprocal(x)).sum(),
    "x log x": lambda x: (x * np.log(x)).sum(),
    "x / x": lambda x: (x / x).sum(),
    "sin x / x": lambda x: (np.sin(x) / x).sum(),
    "exp -1/x": lambda x: np.exp(-1 / x).sum(),
    "exp -1/x^2": lambda x: np.exp(-1 / x**2).sum(),
    # what rearranges, repeats or adds up selects nothing
    "matmul": lambda x: np.ones(3) @ kinked(x),
    "mean": lambda x: np.mean(kinked(x)),
    "var": lambda x: np.var(kinked(x)),
    "prod": lambda x: np.prod(kinked(x) + 1),
    "cumsum": lambda x: np.cumsum(kinked(x)).sum(),
    "reshape": lambda x: np.reshape(kinked(x), (3, 1)).sum(),
    "new axis": lambda x: kinked(x)[:, None].sum(),
    "the whole, turned round": lambda x: kinked(x)[::-1].sum(),
    "transpose": lambda x: kinked(x).T.sum(),
    "flip": lambda x: np.flip(kinked(x)).sum(),
    "roll": lambda x: np.roll(kinked(x), 1).sum(),
    "repeat": lambda x: np.repeat(kinked(x), 2).sum(),
    "concatenate": lambda x: np.concatenate([kinked(x), x]).sum(),
    "stack": lambda x: np.stack([kinked(x), x]).sum(),
    "broadcast_to": lambda x: np.broadcast_to(kinked(x), (2, 3)).sum(),
    "astype": lambda x: kinked(x).astype(np.float32).sum(),
    "logaddexp": lambda x: np.logaddexp(kinked(x), 0.0).sum(),
}
