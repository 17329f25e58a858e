"""Nodes prepared as functions of their leaves, and nodes that prepared functions close over."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.collector import no_collector
from tests.helpers.prepared_functions import ASKING, X, Y, Z, bits, build_sines, rosenbrock


def test_a_node_of_its_leaves() -> None:
    L, W, b, _ = build_sines()
    p = prepare(L, wrt={"weights": W, "bias": "b"})
    at = {"weights": Z, "bias": 3.0}
    found = p.gradient(at)
    assert W.value.tolist() == Z.tolist()  # the leaves are the user's own
    assert bits(found) == bits(lg.gradient(L, {"weights": W, "bias": b}))
    assert bits(p.gradient(at, select=b)) == bits(found["bias"])
    assert bits(p.gradient(at, select=[W, "bias"])) == bits([found["weights"], found["bias"]])
    assert bits(p.gradient(at, select="W")) == bits(found["weights"])
    assert p.hvp(vectors={"weights": np.zeros(3), "bias": 1.0})["bias"] == 0
    with pytest.raises(KeyError, match="is not among the nodes"):
        p.gradient(select=L)


def test_a_node_of_one_leaf_or_of_a_tuple() -> None:
    L, W, b, _ = build_sines()
    assert prepare(L, wrt=W).gradient(Z).shape == (3,)
    both = prepare(L, wrt=(W, b))
    assert bits(list(both.gradient(X, 1.0))) == bits(list(both.gradient((X, 1.0))))
    single = prepare(L, wrt=(W,))
    assert bits(single.gradient(Z)[0]) == bits(prepare(L, wrt=W).gradient(Z))
    assert bits(single.gradient((X,))[0]) == bits(prepare(L, wrt=W).gradient(X))


def test_a_leaf_that_is_not_ours_may_change_in_between() -> None:
    L, W, b, data = build_sines()
    p = prepare(L, wrt=W)
    p.value_and_gradient(X), p.value_and_gradient(Z)
    for value in (Z, Y, Z):
        data.set(value)
        for x in (X, Z, X):
            expected = lg.value_and_grad(lambda w, d=value: np.sum(np.sin(w * d) ** 2) * 2.0)(x)
            np.testing.assert_allclose(p.value(x), expected[0])
            np.testing.assert_allclose(p.gradient(x), expected[1])
            np.testing.assert_allclose(p.jacobian(x), expected[1])
    b.set(0.0)
    assert p.gradient(X).tolist() == [0.0, 0.0, 0.0]
    W.set(Z)
    b.set(1.0)
    np.testing.assert_allclose(p.value(), np.sum(np.sin(Z * Z) ** 2))


def test_other_shapes_below_a_node_are_followed() -> None:
    data, w = lg.constant(np.ones((4, 3))), lg.parameter(X)
    L = np.sum(np.tanh(data @ w) ** 2)
    p = prepare(L, wrt=w)
    for rows in (4, 2, 5):
        if rows != 4:
            data.set(np.ones((rows, 3)) * rows)
        for x in (X, Y, X):
            f = lambda w, d=data.value: np.sum(np.tanh(d @ w) ** 2)  # noqa: E731
            np.testing.assert_allclose(p.gradient(x), lg.grad(f)(x))
            np.testing.assert_allclose(p.hvp(x, vectors=Z), lg.hvp(f, x, Z))
            np.testing.assert_allclose(p.vjp(x, cotangent=2.0), 2 * lg.grad(f)(x))
            np.testing.assert_allclose(p.jvp(x, tangents=Z)[1], lg.grad(f)(x) @ Z)
            np.testing.assert_allclose(p.jacobian(x), lg.grad(f)(x))
    assert p.statistics.schedules == 3
    lg.update({data: np.ones((2, 2)), w: np.ones(2)})  # a leaf of ours, too
    assert p.gradient().shape == (2,)
    with pytest.raises(lg.ShapeError, match=r"shape \(3,\).*shape \(2,\)"):
        p.gradient(X)


@pytest.mark.parametrize("backend", ["lazy", "sweep"])
@pytest.mark.parametrize("rows", [2, 6])
def test_graphs_that_questions_derived_do_not_stand_in_the_way_of_other_shapes(backend: str, rows: int) -> None:
    def ask_all(p: Any, w: Any, v: Any) -> list[Any]:
        c = np.ones(p.value(w).shape)
        kinds = (p.vjp(w, cotangent=c), p.jvp(w, tangents=v)[1], p.hvp(w, vectors=v, cotangent=c), p.jacobian(w))
        return [p.value(w), *kinds]

    data, w = lg.constant(np.ones((rows, 3))), lg.parameter(X)  # fewer outputs than inputs, or more
    p = prepare(np.tanh(data @ w), wrt=w, backend=backend)
    q = prepare(np.sum(np.tanh(data @ w) ** 2), wrt=w, backend=backend)
    ask_all(p, X, Y), ask_all(q, X, Y), q.gradient(X), q.hvp(X, vectors=Y)
    lg.update({data: np.full((rows + 1, 2), 0.5), w: X[:2]})
    f = lambda w: np.tanh(np.full((rows + 1, 2), 0.5) @ w)  # noqa: E731
    for prepared, function in ((p, f), (q, lambda w: np.sum(f(w) ** 2))):
        fresh = prepare(function, X[:2])
        for found, expected in zip(ask_all(prepared, Y[:2], Z[:2]), ask_all(fresh, Y[:2], Z[:2]), strict=True):
            np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(q.hvp(Y[:2], vectors=Z[:2]), lg.hvp(lambda w: np.sum(f(w) ** 2), Y[:2], Z[:2]))


@pytest.mark.parametrize("backend", ["lazy", "sweep"])
def test_several_outputs_may_change_their_shapes(backend: str) -> None:
    data = lg.constant(np.ones((4, 3)))
    p = prepare(lambda w: {"y": np.tanh(data @ w), "s": np.sum(data @ w)}, X, backend=backend)
    for rows in (4, 2, 2, 5):
        value = np.full((rows, 3), 0.5)
        data.set(value)
        c = {"y": np.arange(rows) + 1.0, "s": 2.0}
        pulled = p.vjp(Y, cotangent=c)
        np.testing.assert_allclose(pulled, (c["y"] / np.cosh(value @ Y) ** 2 + 2) @ value)
        np.testing.assert_allclose(p.jvp(Y, tangents=Z)[1]["y"], value @ Z / np.cosh(value @ Y) ** 2)


@pytest.mark.parametrize("backend", ["lazy", "sweep"])
def test_answers_for_other_shapes_are_freed_when_these_change(backend: str) -> None:
    data, w = lg.constant(np.ones((4, 3))), lg.parameter(X)
    p = prepare(np.sum(np.tanh(data @ w) ** 2), wrt=w, backend=backend, points=3)
    with no_collector():
        answers = [ask(x) for x in (X, Y) for ask in (p.jacobian, p.gradient)]
        held = [weakref.ref(answer if answer.base is None else answer.base) for answer in answers]
        del answers
        assert all(ref() is not None for ref in held)
        data.set(np.ones((2, 3)))
        assert [ref() for ref in held] == [None] * 4


def test_a_node_that_a_function_closes_over_may_change() -> None:
    data = lg.constant(np.ones((4, 3)))
    p = prepare(lambda w: np.sum(np.tanh(data @ w) ** 2), X)
    for value in (np.ones((4, 3)), np.full((4, 3), 0.5), np.ones((4, 3)), np.ones((2, 3)), np.full((2, 3), 0.5)):
        data.set(value)
        for x in (X, Y, X):
            f = lambda w, d=value: np.sum(np.tanh(d @ w) ** 2)  # noqa: E731
            np.testing.assert_allclose(p.value(x), f(x))
            np.testing.assert_allclose(p.gradient(x), lg.grad(f)(x))
            np.testing.assert_allclose(p.hvp(x, vectors=Z), lg.hvp(f, x, Z))
            np.testing.assert_allclose(p.jvp(x, tangents=Z)[1], lg.grad(f)(x) @ Z)
            np.testing.assert_allclose(p.jacobian(x), lg.grad(f)(x))
    assert p.statistics.schedules == 2


def test_points_keep_no_graph_alive() -> None:
    W = lg.parameter(X)
    L = np.sum(W * W)
    p = prepare(L, wrt=W)
    other = np.sum(np.exp(W))
    p.value(X), other.value, p.value(Y), other.value, p.value(Z)
    dead = weakref.ref(other)
    gc.disable()
    try:
        del other
        assert dead() is None
    finally:
        gc.enable()
    kept = weakref.ref(p)
    del p
    assert kept() is None
    assert lg.gradient(L, W).tolist() == (2 * Z).tolist()


def test_what_of_a_node_is_refused() -> None:
    L, W, _, data = build_sines()
    with pytest.raises(TypeError, match=r"as a function of leaves, but .* is computed"):
        prepare(L * 2, wrt=L)
    with pytest.raises(TypeError, match="takes no arguments"):
        prepare(L, X, wrt=W)
    with pytest.raises(TypeError, match="twice"):
        prepare(L, wrt=[W, W])
    with pytest.raises(KeyError, match="no node is named 'V'"):
        prepare(L, wrt="V")
    with pytest.raises(TypeError, match="must be a node, a name"):
        prepare(L)
    with pytest.raises(TypeError, match=r"no derivative with respect to .*int64"):
        prepare(L, wrt=lg.constant([1, 2]))
    assert prepare(L, wrt=data).gradient().shape == (3,)


def test_thousands_of_points_leave_nothing_behind() -> None:
    with no_collector():
        p = prepare(rosenbrock, X)
        _, W, b, _ = leaves = build_sines()
        q = prepare(leaves[0], wrt=[W, b])
        held = None
        for k in range(300):
            for kind in ASKING:
                ASKING[kind](p, X + k)
            q.value_and_gradient([X + k, 1.0]), q.jacobian()
            size = (
                len(next(iter(p._graphs))[2]._point_memo._recent),
                sum(len(i.consumers) for i in lg._graph.traverse.ancestors(leaves[0])),
            )
            assert held in (None, size)
            held = size if k > 2 else None
        del p, q, leaves, W, b
