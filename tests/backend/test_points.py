"""Points of prepared functions: bytes tell them apart, and the caller's arrays cannot change them."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.collector import no_collector
from tests.helpers.eager_backend import Right
from tests.helpers.prepared_functions import ASKING, X, Y, Z, bits, count_computed, rosenbrock


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


@pytest.mark.parametrize("backend", ["lazy", "sweep", Right()])
def test_no_arguments_mean_the_present_point(backend: Any) -> None:
    p = prepare(rosenbrock, X, backend=backend)
    np.testing.assert_allclose(p.gradient(), lg.grad(rosenbrock)(X))
    p.value(Y)
    np.testing.assert_allclose(p.gradient(), lg.grad(rosenbrock)(Y))
    p.value(X)  # which is remembered
    np.testing.assert_allclose(p.gradient(), lg.grad(rosenbrock)(X))
    assert p.statistics.points == lg.backend.Points(hits=3, misses=2)


@pytest.mark.parametrize("kind", [*ASKING, "jacobian"])
def test_the_middle_one_of_three_points_is_remembered_and_stays_so(kind: str) -> None:
    ask: Any = ASKING.get(kind, lambda p, x: p.jacobian(x))
    p = prepare(rosenbrock, X, points=3)
    first, middle, last, other = X, Y, Z, X - 3
    answers = {id(x): bits(ask(p, x)) for x in (first, middle, last)}
    with lg.record() as report:
        for x in (middle, first, last, middle, middle, last, first):
            assert bits(ask(p, x.copy())) == answers[id(x)]
    assert count_computed(report) == (0, 0)
    assert p.statistics.points == lg.backend.Points(hits=7, misses=3)
    ask(p, other)  # the middle one has been away longest, and is forgotten
    with lg.record() as report:
        ask(p, last), ask(p, first), ask(p, other)
    assert count_computed(report) == (0, 0)
    assert p.statistics.points == lg.backend.Points(hits=10, misses=4)
    with lg.record() as report:
        assert bits(ask(p, middle)) == answers[id(middle)]
    assert sum(count_computed(report)) > 0


@pytest.mark.parametrize("backend", ["lazy", "sweep"])
@pytest.mark.parametrize("kind", ["jacobian", "gradient"])
def test_answers_at_forgotten_points_are_freed(backend: str, kind: str) -> None:
    p = prepare(lambda x: np.sum(np.sin(x) * x[0]), X, backend=backend, points=2)
    with no_collector():
        freed = []
        for k in range(5):
            answer = getattr(p, kind)(X + k)
            freed.append(weakref.ref(answer if answer.base is None else answer.base))
            del answer
            assert [ref() is None for ref in freed] == [True] * max(0, k - 1) + [False] * min(k + 1, 2)
    assert p.statistics.evaluations[kind] == 5


@pytest.mark.parametrize("backend", ["lazy", "sweep"])
def test_a_forgotten_jacobian_is_computed_again_and_a_remembered_one_is_not(backend: str) -> None:
    p = prepare(lambda x: np.sin(x) * x[0], X, backend=backend, points=3)
    found = {k: bits(p.jacobian(X + k)) for k in (0, 1, 2)}
    for k in (1, 0, 2, 1):
        assert bits(p.jacobian(X + k)) == found[k]
    assert p.statistics.evaluations["jacobian"] == 3
    p.jacobian(X + 3)  # X was asked before the two others
    assert [bits(p.jacobian(X + k)) == found[k] for k in (2, 1)] == [True, True]
    assert p.statistics.evaluations["jacobian"] == 4
    assert bits(p.jacobian(X)) == found[0]
    assert p.statistics.evaluations["jacobian"] == 5


def test_gradients_and_jacobians_of_one_point_are_kept_apart() -> None:
    p = Right().prepare(lambda x: np.sum(x**2, keepdims=True), np.array([1.0, 2.0]))
    x = np.array([3.0, 4.0])
    assert p.gradient(x).tolist() == [6.0, 8.0]
    assert p.jacobian(x).tolist() == [[6.0, 8.0]]
    assert p.gradient(x).tolist() == [6.0, 8.0]
    assert p.statistics.evaluations == {"gradient": 1, "jacobian": 1}


class OfRealNumbers(Right):
    """A backend that has Hessians of real numbers alone, as JAX and PyTorch do."""

    def hvp(self, at: Any, vectors: Any, wanted: Any) -> Any:
        assert [out.dtype.kind for out in at.outs] == ["f"]
        return super().hvp(at, vectors, wanted)


def test_a_hessian_weighed_by_a_complex_cotangent_is_that_of_the_real_part() -> None:
    x, v, w = np.array([0.3, -0.7]), np.array([1.0, 2.0]), np.array([2.0 - 1.0j, 0.5j])
    p = OfRealNumbers().prepare(lambda x: np.exp(1j * x), x)
    found = p.hvp(x, vectors=v, cotangent=w)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, (-np.exp(1j * x) * w).real * v, rtol=1e-12)


@pytest.mark.parametrize("backend", ["lazy", "sweep", Right()])
def test_an_array_that_its_owner_writes_to_is_another_point(backend: Any) -> None:
    p = prepare(rosenbrock, Z, backend=backend)
    x = X.copy()
    p.gradient(x)
    x[...] = Y
    np.testing.assert_allclose(p.gradient(), lg.grad(rosenbrock)(X))  # the present point is what was asked
    np.testing.assert_allclose(p.gradient(x), lg.grad(rosenbrock)(Y))
    assert p.statistics.points == lg.backend.Points(hits=1, misses=2)


def test_complex_outputs_have_their_imaginary_parts_row_by_row() -> None:
    x, t = np.array([0.3, -0.7]), np.array([1.0, 2.0])
    p = Right().prepare(lambda x: np.exp(1j * x), x)
    slopes = 1j * np.exp(1j * x)
    np.testing.assert_allclose(p.jacobian(x), np.diag(slopes), rtol=1e-12)
    np.testing.assert_allclose(p.jvp(x, tangents=t)[1], slopes * t, rtol=1e-12)


@pytest.mark.parametrize("backend", ["lazy", "sweep", Right()])
def test_a_jacobian_of_narrow_outputs_by_a_wide_array_is_wide(backend: Any) -> None:
    x = np.array([0.3, -0.7])
    (row, _) = found = prepare(lambda x: np.exp(x).astype(np.float32), x, backend=backend).jacobian()
    assert found.dtype == np.float64
    assert row[0] == np.exp(0.3)  # the cast comes after the slope
