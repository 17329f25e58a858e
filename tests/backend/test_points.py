"""Points of prepared functions: bytes tell them apart, and the caller's arrays cannot change them."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.prepared_functions import (
    X,
    Y,
    Z,
    bits,
    count_computed,
    rosenbrock,
)


def test_a_point_is_its_bytes() -> None:
    p = prepare(lambda x: np.sum(1 / x), np.ones(2))
    with np.errstate(divide="ignore"):
        assert p.value(np.array([0.0, 1.0])) == np.inf
        assert p.value(np.array([-0.0, 1.0])) == -np.inf
        assert p.value(np.array([0.0, 1.0])) == np.inf
    assert p.statistics.points == lg.backend.Points(1, 2)
    missing = np.array([np.nan, 1.0])
    p.value(missing)
    with lg.record() as report:
        assert np.isnan(p.value(missing.copy()))
    assert count_computed(report) == (0, 0)


def test_what_was_given_may_be_changed_afterwards() -> None:
    x = X.copy()
    p = prepare(rosenbrock, x)
    x[:] = 7.0
    assert bits(p.value()) == bits(prepare(rosenbrock, X).value(X))
    x[:] = Y
    before = p.gradient(x)
    x[:] = Z
    assert bits(p.gradient()) == bits(before)  # the present point is still Y
    assert bits(p.gradient(x)) == bits(lg.grad(rosenbrock)(Z))
    assert bits(p.gradient(Y)) == bits(before)


def test_answers_cannot_be_written_to_and_last() -> None:
    p = prepare(rosenbrock, X)
    kept = p.gradient(X)
    copy = kept.copy()
    for x in (Y, Z, X + 1, X):
        p.gradient(x)
    assert bits(kept) == bits(copy)
    for answer in (kept, p.value(X), p.hvp(X, vectors=Y), p.jacobian(X), *p.jvp(X, tangents=Y)):
        with pytest.raises(ValueError, match="read-only"):
            answer[...] = 0


def test_no_arguments_mean_the_present_point() -> None:
    p = prepare(rosenbrock, X)
    assert bits(p.gradient()) == bits(lg.grad(rosenbrock)(X))
    p.value(Y)
    assert bits(p.gradient()) == bits(lg.grad(rosenbrock)(Y))
