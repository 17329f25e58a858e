"""Derivatives of derivatives, by nesting: closed forms, central differences, and what is shared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import build as built
from tests.helpers.random_graphs import random_dag, same_bits

CLOSED: dict[str, tuple[Callable[[Any], Any], list[Callable[[float], float]]]] = {
    "cube": (lambda x: x**3, [lambda x: 3 * x**2, lambda x: 6 * x, lambda x: 6.0]),
    "product": (lambda x: x * x * x, [lambda x: 3 * x**2, lambda x: 6 * x, lambda x: 6.0]),
    "exp": (lambda x: np.exp(2 * x), [lambda x, n=n: 2**n * np.exp(2 * x) for n in (1, 2, 3)]),  # type: ignore[misc]
    "sin": (np.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)]),
    "log": (np.log, [lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3]),
    "sqrt": (np.sqrt, [lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5, lambda x: 0.375 * x**-2.5]),
    "reciprocal": (lambda x: 1 / x, [lambda x: -(x**-2), lambda x: 2 * x**-3, lambda x: -6 * x**-4]),
    "tanh": (
        np.tanh,
        [
            lambda x: 1 - np.tanh(x) ** 2,
            lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
            lambda x: (1 - np.tanh(x) ** 2) * (6 * np.tanh(x) ** 2 - 2),
        ],
    ),
    "linear": (lambda x: 3 * x + 1, [lambda x: 3.0, lambda x: 0.0, lambda x: 0.0]),
    "power": (
        lambda x: np.power(x, x),
        [
            lambda x: x**x * (np.log(x) + 1),
            lambda x: x**x * ((np.log(x) + 1) ** 2 + 1 / x),
            lambda x: x**x * ((np.log(x) + 1) ** 3 + 3 * (np.log(x) + 1) / x - 1 / x**2),
        ],
    ),
}


@pytest.mark.parametrize("at", [0.3, 1.7])
@pytest.mark.parametrize("name", CLOSED)
def test_derivatives_to_the_third_order(name: str, at: float) -> None:
    f, truth = CLOSED[name]
    x = lg.parameter(at)
    node = f(x)
    for derivative in truth:
        node = lg.adjoint(node, x)
        assert node.value == pytest.approx(derivative(at), rel=1e-13, abs=1e-13)
    check_invariants([x, node])
    x.set(at / 2)
    assert node.value == pytest.approx(truth[2](at / 2), rel=1e-13, abs=1e-13)
    check_invariants([x, node])


@pytest.mark.parametrize("name", CLOSED)
def test_asking_the_third_first_gives_the_same_bits(name: str) -> None:
    answers = []
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        x = lg.parameter(0.7)
        nodes = [CLOSED[name][0](x)]
        for _ in range(3):
            nodes.append(lg.adjoint(nodes[-1], x))
        found = {k: nodes[k + 1].value for k in order}
        answers.append([found[k] for k in range(3)])
    assert same_bits(answers[0], answers[1])
    assert same_bits(answers[0], answers[2])


def network() -> tuple[lg.Node, dict[str, lg.Node]]:
    rng = np.random.default_rng(3)
    p = {"W1": rng.normal(size=(3, 4)), "b1": rng.normal(size=4), "W2": rng.normal(size=(4, 3))}
    leaves = {name: lg.parameter(v, name=name) for name, v in p.items()}
    x = lg.constant(rng.normal(size=(5, 3)))
    h = np.tanh(x @ leaves["W1"] + leaves["b1"])
    scores = lg.ops.softmax(h @ leaves["W2"]) * 3 + h[:, :3] ** 2
    return lg.ops.cross_entropy(scores, lg.constant([0, 2, 1, 1, 0])).mean() + lg.ops.logsumexp(h), leaves


@pytest.mark.parametrize("first", ["W1", "b1", "W2"])
@pytest.mark.parametrize("then", ["W1", "b1", "W2"])
def test_hessian_vector_products_by_central_differences(first: str, then: str) -> None:
    L, leaves = network()
    rng = np.random.default_rng(5)
    direction = rng.normal(size=leaves[then].shape)
    weights = rng.normal(size=leaves[first].shape)
    product = np.sum(lg.gradient((lg.adjoint(L, leaves[first]) * weights).sum(), leaves[then]) * direction)
    at, step = leaves[then].value, 1e-5
    sides = []
    for sign in (1, -1):
        leaves[then].set(at + sign * step * direction)
        sides.append(np.sum(lg.gradient(L, leaves[first]) * weights))
    assert product == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-7, abs=1e-9)


def test_the_hessian_is_symmetric() -> None:
    L, leaves = network()
    b, W = leaves["b1"], leaves["W2"]
    by_b = np.array([lg.gradient(lg.adjoint(L, b)[k], W) for k in range(4)])
    by_W = np.array([[lg.gradient(lg.adjoint(L, W)[i, j], b) for j in range(3)] for i in range(4)])
    np.testing.assert_allclose(by_b, by_W.transpose(2, 0, 1), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("arrays", [False, True])
def test_random_graphs_by_central_differences(arrays: bool) -> None:
    compared = 0
    for seed in range(60):
        dag = random_dag(7000 + 2 * seed + arrays, arrays)
        nodes = built(dag.recipe)
        L, x = nodes[dag.losses[-1]], nodes[dag.parameters[0]]
        if not lg.differentiator(L).is_connected(x):
            continue
        g = lg.adjoint(L, x)
        rng = np.random.default_rng(seed)
        weights, direction = rng.normal(size=x.shape), rng.normal(size=x.shape)
        answer = lg.gradient((g * weights).sum(), x, unconnected="none")
        product = 0.0 if answer is None else np.sum(answer * direction)
        check_invariants(nodes)
        at, step = x.value, 1e-6
        sides = []
        for sign in (1, -1):
            x.set(at + sign * step * direction)
            sides.append(np.sum(g.value * weights))
        scale = max(1.0, abs(product), np.abs(sides).max())
        assert product == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-5, abs=2e-6 * scale), seed
        compared += product != 0
    assert compared > 20


def test_hvp_after_gradient_reuses_the_first_order_adjoints() -> None:
    L, leaves = network()
    lg.gradient(L, leaves)
    d = lg.differentiator(L)
    misses, size = d.cache_info().misses, d.cache_info().currsize
    assert misses == size
    with lg.record() as report:
        lg.gradient((lg.adjoint(L, leaves["W1"]) * 2.0).sum(), leaves)
    assert (d.cache_info().misses, d.cache_info().currsize) == (misses, size)
    counted = Counter(node.serial for node in report.values.computed)
    assert not counted or max(counted.values()) == 1


def test_the_gradient_of_a_gradient_norm() -> None:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 4))
    x = lg.parameter(rng.normal(size=4))
    L = 0.5 * (x @ A @ x)  # gradient S x and Hessian S, for S = (A + A^T) / 2
    g = lg.adjoint(L, x)
    norm = np.sqrt((g * g).sum())
    S = (A + A.T) / 2
    np.testing.assert_allclose(norm.value, np.linalg.norm(S @ x.value), rtol=1e-13)
    np.testing.assert_allclose(lg.gradient(norm, x), S @ S @ x.value / np.linalg.norm(S @ x.value), rtol=1e-13)
    x.set(rng.normal(size=4))
    np.testing.assert_allclose(lg.gradient(norm, x), S @ S @ x.value / np.linalg.norm(S @ x.value), rtol=1e-13)


def test_the_adjoint_of_any_node() -> None:
    x = lg.parameter([0.1, 0.2, 0.3])
    h = np.sin(x)
    u = h * h
    L = np.exp(u.sum())
    s = L.inputs[0]
    for node, truth in [
        (L, np.array(1.0)),
        (s, np.exp(s.value)),
        (u, np.full(3, np.exp(s.value))),
        (h, np.exp(s.value) * 2 * h.value),
    ]:
        np.testing.assert_allclose(lg.adjoint(L, node).value, truth, rtol=1e-14)
        np.testing.assert_allclose(lg.gradient(L, node), truth, rtol=1e-14)
    g = lg.adjoint(L, h)  # the derivative of an adjoint by an adjoint: dL/dh = dL/du * 2 h
    np.testing.assert_allclose(lg.gradient(g.sum(), lg.adjoint(L, u)), 2 * h.value, rtol=1e-14)
    # ... and by an interior node, dL/du being a function of h too
    E, H = np.exp(s.value), h.value
    np.testing.assert_allclose(lg.gradient(g.sum(), h), 2 * E + 4 * E * H * H.sum(), rtol=1e-13)


def test_a_gradient_step_can_be_differentiated() -> None:
    """The loss after one step of descent, by the step size and by the start."""
    w, rate = lg.parameter(1.5), lg.parameter(0.1)
    loss = lambda w: w**4  # noqa: E731
    after = w - rate * lg.adjoint(loss(w), w)
    L = loss(after)
    moved = 1.5 - 0.1 * 4 * 1.5**3
    assert lg.gradient(L, rate) == pytest.approx(4 * moved**3 * -4 * 1.5**3, rel=1e-13)
    assert lg.gradient(L, w) == pytest.approx(4 * moved**3 * (1 - 0.1 * 12 * 1.5**2), rel=1e-13)


def test_a_cotangent_that_is_a_node_can_be_differentiated() -> None:
    x, v = lg.parameter([1.0, 2.0]), lg.parameter([3.0, 4.0])
    y = x * x
    d = lg.Differentiator(y, cotangent=v)
    g = d.adjoint(x)  # 2 x v
    assert g.value.tolist() == [6.0, 16.0]
    assert lg.gradient(g.sum(), v).tolist() == [2.0, 4.0]
    assert lg.gradient(g.sum(), x).tolist() == [6.0, 8.0]
    v.set([1.0, 0.0])
    assert g.value.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("arrays", [False, True])
def test_contributions_sum_to_the_adjoint_bit_for_bit(arrays: bool) -> None:
    several = 0
    for seed in range(200):
        dag = random_dag(5000 + 2 * seed + arrays, arrays)
        nodes = built(dag.recipe)
        L = nodes[dag.losses[-1]]
        d = lg.differentiator(L)
        for node in nodes:
            if node.dtype.kind != "f" or node is L or not d.is_connected(node):
                continue
            terms = d.contributions(node)
            order = [(c.consumer.serial, c.argnum) for c in terms]
            assert order == sorted(order)
            assert all(c.consumer.inputs[c.argnum] is node for c in terms)
            total = terms[0].value
            for c in terms[1:]:
                total = np.asarray(total + c.value)
            assert same_bits(total, d.gradient(node))
            several += len(terms) > 1
    assert several > 200
