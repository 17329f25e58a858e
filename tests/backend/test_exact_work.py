"""Work of prepared functions: each node once a point, and only what was asked."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.prepared_functions import ASKING, X, Y, Z, bits, count_computed, rosenbrock, two_blocks


@pytest.mark.parametrize("order", list(itertools.permutations(["value", "gradient", "hvp"])))
def test_each_node_once_per_point_whatever_the_order(order: tuple[str, ...]) -> None:
    p = prepare(rosenbrock, np.zeros(3))
    for kind in order:
        ASKING[kind](p, Z)  # builds all there is to build
    with lg.record() as report:
        for x in (X, Y):
            for kind in order:
                ASKING[kind](p, x.copy())
            for kind in order:  # again, where all is known
                ASKING[kind](p, x.copy())
            for kind in reversed(order):
                ASKING[kind](p, x.copy())
    for tally in (report.values, report.adjoints):
        times = [sum(i is j for j in tally.computed) for i in tally.computed]
        assert set(times) == {2}  # once at each of two points


@pytest.mark.parametrize("kind", ASKING)
def test_the_last_two_points_are_remembered(kind: str) -> None:
    p = prepare(rosenbrock, X)
    first, second = ASKING[kind](p, X), ASKING[kind](p, Y)
    with lg.record() as report:
        for x, answer in ((X, first), (Y, second), (X, first), (X, first)):
            assert bits(ASKING[kind](p, x.copy())) == bits(answer)
    assert count_computed(report) == (0, 0)
    assert (p.statistics.points.hits, p.statistics.points.misses) == (4, 2)
    ASKING[kind](p, Z)
    with lg.record() as report:
        assert bits(ASKING[kind](p, X)) == bits(first)
    assert sum(count_computed(report)) == 0  # X was asked after Y
    with lg.record() as report:
        assert bits(ASKING[kind](p, Y)) == bits(second)
    assert sum(count_computed(report)) > 0


@pytest.mark.parametrize("points", [1, 2, 3, 5])
def test_as_many_points_as_wanted(points: int) -> None:
    p = prepare(rosenbrock, X, points=points)
    at = [X + k for k in range(points)]
    for x in at:
        p.gradient(x)
    with lg.record() as report:
        for x in at:
            p.gradient(x)
    assert count_computed(report) == (0, 0)
    p.gradient(X - 1)
    with lg.record() as report:
        p.gradient(at[0])
    assert sum(count_computed(report)) > 0


def test_what_was_not_asked_at_a_remembered_point_is_all_that_is_computed_there() -> None:
    p = prepare(rosenbrock, X)
    p.gradient(X), p.value(Y)
    with lg.record() as fresh:
        p.gradient(Y)
    p.value(Z)  # X is forgotten
    with lg.record() as report:
        p.gradient(Y)
        p.gradient(Z)
    assert report.values.misses == 0
    assert report.adjoints.misses == fresh.adjoints.misses  # those at Z


def test_hvp_reuses_the_values_and_adjoints_of_the_gradient() -> None:
    p = prepare(rosenbrock, X)
    p.hvp(Y, vectors=X)
    p.value_and_gradient(X)
    with lg.record() as report:
        p.hvp(X, vectors=Z)
    known = {id(i) for i in lg._graph.traverse.ancestors(next(iter(p._graphs))[2].outs[0])}
    assert report.adjoints.misses == 0
    assert not [i for i in report.values.computed if id(i) in known]
    with lg.record() as report:
        p.hvp(X, vectors=Z)
    assert count_computed(report) == (0, 0)


def test_another_vector_computes_tangents_alone() -> None:
    p = prepare(rosenbrock, X)
    p.hvp(X, vectors=Y)
    with lg.record() as report:
        p.hvp(X, vectors=Z)
    below = {id(i) for i in lg._graph.traverse.ancestors(next(iter(p._graphs))[2].outs[0])}
    assert report.adjoints.misses == 0
    assert report.values.misses > 0
    assert not [i for i in report.values.computed if id(i) in below]


def test_only_selected_gradients_are_computed() -> None:
    def f(w: Any) -> Any:
        return np.sum(np.tanh(w["early"] * 2) * w["late"])

    w = {"early": X, "late": Y}
    p = prepare(f, w)
    with lg.record() as late:
        p.gradient(w, select="late")
    with lg.record() as early:
        p.gradient(w, select=["early", "late"])
    late_node, early_node = next(iter(p._graphs))[2].nodes[1], next(iter(p._graphs))[2].nodes[0]
    assert [i for i in late.adjoints.computed if i is late_node]
    assert not [i for i in late.adjoints.computed if i is early_node]
    assert [i for i in early.adjoints.computed if i is early_node]
    assert not [i for i in early.adjoints.computed if i is late_node]


def test_a_changed_block_leaves_the_others_nodes_alone() -> None:
    w = {"a": X, "b": Y}
    p = prepare(two_blocks, w)
    p.value(w), p.gradient(w)
    with lg.record() as report:
        p.value({"a": X, "b": Z})
    assert sorted(i.op.name for i in report.values.computed) == ["add", "exp", "multiply", "sum"]
    with lg.record() as report:
        p.gradient({"a": X, "b": Z}, select="a")
    assert count_computed(report) == (0, 0)


def test_a_block_that_comes_back_brings_its_nodes() -> None:
    p = prepare(two_blocks, {"a": X, "b": Y})
    p.value({"a": X, "b": Y})
    p.value({"a": Z, "b": Y})
    with lg.record() as report:  # neither point, but both blocks were there
        p.value({"a": X, "b": Z})
    assert sorted(i.op.name for i in report.values.computed) == ["add", "exp", "multiply", "sum"]
    assert p.statistics.points.misses == 3


def test_the_function_is_called_once() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(x.shape)
        return np.sum(x**3)

    p = prepare(f, X)
    for x in (X, Y, Z, X):
        p.value(x), p.gradient(x), p.jacobian(x), p.hvp(x, vectors=x)
    assert calls == [(3,)]
    assert p.statistics.schedules == 1


def test_a_jacobian_is_found_once_a_point() -> None:
    p = prepare(lambda x: np.sin(x) * x[0], X)
    first = p.jacobian(X)
    second = p.jacobian(Y)
    with lg.record() as report:
        assert bits([p.jacobian(X), p.jacobian(Y), p.jacobian(X)]) == bits([first, second, first])
    assert count_computed(report) == (0, 0)
    assert p.statistics.evaluations["jacobian"] == 2
    np.testing.assert_allclose(second, lg.jacobian(lambda x: np.sin(x) * x[0])(Y))


def test_statistics() -> None:
    p = prepare(rosenbrock, X)
    assert p.statistics.points == lg.backend.Points(0, 0)  # nobody has asked yet
    for x in (X, X, Y, X):
        p.value_and_gradient(x)
    p.gradient()
    assert p.statistics.points == lg.backend.Points(hits=3, misses=2)
    assert p.statistics.calls == {"value": 4, "gradient": 5}
    assert p.statistics.evaluations == {"value": 2, "gradient": 2}
    assert "rosenbrock" in repr(p)
    assert "hits=3" in repr(p)


@given(
    st.lists(
        st.tuples(st.sampled_from(["value", "gradient", "hvp", "jvp", "vjp"]), st.integers(0, 3), st.integers(0, 3)),
        max_size=12,
    ),
    st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_questions_is_answered_as_by_a_fresh_graph(
    asked: list[tuple[str, int, int]], points: int
) -> None:
    def f(w: Any) -> Any:
        return np.sum(np.sin(w["a"]) * w["b"]) + np.sum(w["a"] ** 2)

    example = {"a": X, "b": Y}
    p = prepare(f, example, points=points)
    ones = {"a": np.ones(3), "b": np.ones(3)}
    asking: dict[str, Any] = {
        "value": lambda q, w: q.value(w),
        "gradient": lambda q, w: q.gradient(w),
        "hvp": lambda q, w: q.hvp(w, vectors=ones),
        "jvp": lambda q, w: q.jvp(w, tangents=ones),
        "vjp": lambda q, w: q.vjp(w, cotangent=2.0),
    }
    recent: list[tuple[int, int]] = []
    misses = 0
    for kind, a, b in asked:
        w = {"a": X + a, "b": Y - b}
        assert bits(asking[kind](p, w)) == bits(asking[kind](prepare(f, w), w))
        misses += (a, b) not in recent
        recent = [(a, b), *[at for at in recent if at != (a, b)]][:points]
    assert p.statistics.points == lg.backend.Points(len(asked) - misses, misses)
