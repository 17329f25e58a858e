"""A small network and the questions that the tests of the contracts ask of it."""

from __future__ import annotations

from typing import Any

import numpy as np

import lazygrad as lg


def ask(L: lg.Node, wrt: Any, **options: Any) -> tuple[Any, lg.Report]:
    """Return the gradient, and the report of what it cost."""
    with lg.record() as report:
        gradient = lg.gradient(L, wrt, **options)
    return gradient, report


def two_layers() -> dict[str, lg.Node]:
    rng = np.random.default_rng(0)
    x = lg.constant(rng.normal(size=(4, 3)))
    W1, W2 = lg.parameter(rng.normal(size=(3, 5))), lg.parameter(rng.normal(size=(5, 2)))
    h = np.tanh(x @ W1)
    L = lg.ops.cross_entropy(h @ W2, lg.constant([0, 1, 1, 0])).mean()
    return {"x": x, "W1": W1, "W2": W2, "h": h, "L": L}


def hvp(n: dict[str, lg.Node]) -> Any:
    direction = lg.constant(np.arange(10.0).reshape(5, 2))
    return lg.gradient((lg.adjoint(n["L"], n["W2"]) * direction).sum(), n["W1"])


QUESTIONS = {
    "value": lambda n: n["L"].value,
    "W1": lambda n: lg.gradient(n["L"], n["W1"]),
    "W2": lambda n: lg.gradient(n["L"], n["W2"]),
    "hvp": hvp,
}
