"""The work that function transforms do: no more than is asked for, in threads, and without leaks."""

from __future__ import annotations

import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.collector import no_collector
from tests.helpers.op_checks import make_generator

X = np.array([1.0, -2.0, 3.0])


def test_only_what_is_asked_for_is_computed() -> None:
    """C1 through a transform: the rule of `b` never runs, nor is what no rule reads computed."""
    with lg.record() as report:
        lg.grad(lambda a, b: np.sum(a * b) + np.sum(np.exp(b)))(X, X)
    assert report.rules_run == 3  # the sum of two, the sum, the product by `a`
    assert [n.op.name for n in report.values.computed] == []


def test_threads_do_not_see_each_others_transforms() -> None:
    inside, leave = threading.Event(), threading.Event()

    def f(x: Any) -> Any:
        inside.set()
        leave.wait(10)
        return x * x

    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(lg.grad(f)(3.0)))
    thread.start()
    inside.wait(10)
    with pytest.raises(TypeError, match="truth value"):
        bool(lg.parameter(1.0) > 0)
    assert lg.grad(lambda x: x**3)(1.0) == 3
    leave.set()
    thread.join()
    assert found == [6]


def test_the_graph_of_a_call_is_gone_after_it() -> None:
    """C6 through a transform: no collector needed."""
    x = make_generator().normal(size=3)
    with no_collector():
        lg.grad(lambda x: np.sum(np.tanh(x) ** 2))(x)
        lg.grad(lambda x: np.sum(lg.grad(lambda y: np.sum(np.tanh(y) * x))(x)))(x)
        lg.grad(lg.grad(lambda x: np.tanh(x) ** 2))(1.0)
        lg.jvp(np.tanh, x, x)
        lg.hessian(lambda x: np.sum(np.tanh(x) ** 2))(x)


def tangle(x: Any, seed: int) -> Any:
    """Return the result of a random program of shared, broadcast, indexed and repeated values."""
    rng = np.random.default_rng(seed)
    values = [x, np.sin(x) * x, x[::-1] - 0.5]
    for _ in range(12):
        a, b = (values[k] for k in rng.integers(0, len(values), 2))
        kind = rng.integers(0, 7)
        if kind < 3:
            values.append([a + b, a * b, np.maximum(a, b)][kind])
        elif kind == 3:
            values.append(np.tanh(a) / (1.5 + b * b))
        elif kind == 4:
            values.append(a[[0, 2, 2]] + np.sum(b))
        elif kind == 5:
            values.append(np.floor(a) * b + np.outer(a, b)[1])
        else:
            values.append(np.where(a > 0, b, a[:1]))
    return np.sum(values[-1] * values[-2] + values[-3])


@pytest.mark.parametrize("seed", range(40))
def test_one_pass_gives_what_the_recursion_gives_bit_for_bit(seed: int) -> None:
    """While a report is open the memo's recursion answers, else one pass over the call's graph."""
    f = lg.value_and_grad(lambda x, y: tangle(x, seed) * np.sum(y) + x[0], argnums=(0, 1))
    quick = f(X, X + 1)
    with lg.record() as report:
        thorough = f(X, X + 1)
    assert report.rules_run
    assert quick[0].tobytes() == thorough[0].tobytes()
    assert [g.tobytes() for g in quick[1]] == [g.tobytes() for g in thorough[1]]


def test_adjoints_are_let_go_as_soon_as_they_are_read() -> None:
    """The peak of a long chain of large arrays holds its values, and but a few adjoints beside them."""
    x, steps = np.ones(20_000), 50

    def chain(x: Any) -> Any:
        for _ in range(steps):
            x = np.sin(x)
        return np.sum(x)

    tracemalloc.start()
    try:
        lg.grad(chain)(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (steps + 10) * x.nbytes
