"""Helpers for tests of compiled questions: a small network, an op that tells when it runs, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg

ON_BOTH = pytest.mark.parametrize("exact", [False, True])


def build_layer() -> tuple[lg.Node, lg.Node, lg.Node, lg.Node]:
    """Return W, b, X and a loss that depends on them."""
    rng = np.random.default_rng(0)
    W, b = lg.parameter(rng.normal(size=(3, 2)), name="W"), lg.parameter(rng.normal(size=2), name="b")
    X = lg.constant(rng.normal(size=(4, 3)), name="X")
    return W, b, X, (np.tanh(X @ W + b) ** 2).sum()


def make_observed_op(before: Callable[[Any], None]) -> Any:
    """Return an op that passes a value on, and calls `before` with it first."""

    @lg.primitive(vjp={"x": lambda g: g}, shape=lambda x: (x.shape, x.dtype))
    def watching(x: Any) -> Any:
        before(x)
        return x * 1.0

    return watching


def run_in_threads(work: Callable[[int], None], count: int = 4) -> None:
    """Call ``work(k)`` in thread k of several, and raise what one of them raises."""
    errors: list[BaseException] = []

    def run(k: int) -> None:
        try:
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def sum_of_squares(x: Any) -> Any:
    """Return the sum of squares; it has a name, so it can be pickled."""
    return (x * x).sum()
