"""Prepared functions in pickles, worker processes and threads."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.prepared_functions import X, Y, Z, bits, build_sines, rosenbrock


def test_pickles() -> None:
    p = prepare(rosenbrock, X)
    p.gradient(Y)
    copy = pickle.loads(pickle.dumps(p))
    assert bits(copy.gradient()) == bits(p.gradient())  # at the present point
    assert bits(copy.gradient(Z)) == bits(p.gradient(Z))
    L, W, b, _ = build_sines()
    q = prepare(L, wrt={"W": W, "b": b}, points=3)
    at = {"W": Z, "b": 5.0}
    q.gradient(at)
    twin = pickle.loads(pickle.dumps(q))
    assert bits(twin.gradient()) == bits(q.gradient())
    twin.gradient({"W": X, "b": 1.0})
    assert W.value.tolist() == Z.tolist()  # the copy has leaves of its own
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(prepare(lambda x: x, 1.0))


def test_worker_processes() -> None:
    p = prepare(rosenbrock, X)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(p.gradient, [X, Y])
    assert bits(found) == bits([p.gradient(X), p.gradient(Y)])


def test_threads_share_one_prepared_function() -> None:
    p = prepare(rosenbrock, X)
    at = [X + k % 5 for k in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(p.value_and_gradient, at))
    for x, (value, gradient) in zip(at, found, strict=True):
        assert bits([value, gradient]) == bits(list(lg.value_and_grad(rosenbrock)(x)))
    assert p.statistics.calls["gradient"] == 60
