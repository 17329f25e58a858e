"""Contract C4: after any sets the answers are those of a fresh graph, and only what is stale is computed again."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import same_bits
from tests.helpers.small_network import QUESTIONS, ask, two_layers


def test_what_is_recomputed_is_what_was_stale_and_asked_for() -> None:
    a, b, c = (lg.parameter(v, name=n) for n, v in (("a", 0.2), ("b", 0.4), ("c", 0.8)))
    u, v = np.sin(a), np.exp(b)
    w = u * v
    L = w * np.tanh(c)
    lg.gradient(L, [a, b, c])
    L.value  # noqa: B018
    a.set(0.3)
    assert "stale" in repr(u)
    assert "stale" in repr(w)
    assert "stale" not in repr(v)
    _, report = ask(L, a)  # reads v, tanh(c) and cos of a itself: of the adjoints only that of a is stale
    assert report.values.computed == ()
    assert report.adjoints.computed == (a,)
    _, report = ask(L, b)
    assert report.values.computed == (u,)
    assert report.adjoints.computed == (v, b)
    with lg.record() as report:
        assert L.value == np.sin(0.3) * np.exp(0.4) * np.tanh(0.8)
    assert report.values.computed == (w, L)


def test_several_sets_before_a_query_cost_once() -> None:
    x, y = lg.parameter(0.5), lg.parameter(0.25)
    L = np.sin(x * y) + np.exp(y)
    lg.gradient(L, [x, y])
    with lg.record() as report:
        for k in range(50):
            x.set(0.1 * k)
            y.set(0.2 * k)
    assert report.rules_run == 0
    assert report.values.requests == report.adjoints.requests == 0
    _, report = ask(L, [x, y])
    assert report.rules_run == 4  # the derivative of + reads nothing, so two adjoints are not stale
    assert len(report.values.computed) == 2
    assert lg.gradient(L, x) == np.cos(4.9 * 9.8) * 9.8


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (1.5, 1.5, True),
        (1.5, 1.5000000000000002, False),
        (0.0, -0.0, False),
        (float("nan"), float("nan"), True),
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 0.0], [1.0, -0.0], False),
        ([1.0, float("nan")], [1.0, float("nan")], True),
        (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3))), True),
        (np.ones((20, 30)), np.ones((40, 60))[::2, ::2], True),
        (np.arange(600.0).reshape(20, 30), np.arange(600.0).reshape(20, 30)[:, ::-1], False),
        (np.zeros((0, 3)), np.zeros((0, 3)), True),
        (1.5, np.float32(1.5), False),
        ([1.5], 1.5, False),
        ([2.0], [[2.0]], False),
    ],
)
def test_an_equal_value_is_no_change(old: Any, new: Any, same: bool) -> None:
    x = lg.parameter(old)
    y = np.sin(x)
    y.value  # noqa: B018
    x.set(new)
    assert ("stale" not in repr(y)) == same
    assert same_bits(y.value, np.asarray(np.sin(np.asarray(new))))


def test_nans_of_other_payload_are_other_values() -> None:
    x = lg.parameter(float("nan"))
    y = x * 1.0
    y.value  # noqa: B018
    x.set(struct.unpack("d", struct.pack("Q", 0x7FF8000000000123))[0])
    assert "stale" in repr(y)


def test_a_query_between_sets_sees_each_value() -> None:
    rng = np.random.default_rng(0)
    n = two_layers()
    for _ in range(20):
        name = ("W1", "W2", "x")[rng.integers(3)]
        n[name].set(rng.normal(size=n[name].shape))
        fresh = two_layers()
        for leaf in ("W1", "W2", "x"):
            fresh[leaf].set(n[leaf].value)
        for question in rng.permutation(list(QUESTIONS))[:2]:
            assert same_bits(QUESTIONS[question](n), QUESTIONS[question](fresh))
        check_invariants(n.values())


def test_setting_back_computes_again_but_agrees() -> None:
    n = two_layers()
    before = lg.gradient(n["L"], [n["W1"], n["W2"]])
    old = n["W1"].value.copy()
    n["W1"].set(old + 1)
    n["W1"].set(old)
    assert same_bits(lg.gradient(n["L"], [n["W1"], n["W2"]]), before)


def test_the_sum_of_contributions_does_not_depend_on_what_was_asked_before() -> None:
    """The order of summation must be that of a fresh graph, also where adjoints were built earlier than values."""
    differ = []
    for seed in range(50):
        point = np.random.default_rng(seed).normal() * 3

        def second(early: bool, point: float = point) -> Any:
            x = lg.parameter(point)
            L = x * np.sin(x) * np.cos(x) * x
            if early:
                lg.gradient(L, x)
            beside = np.exp(x) * 0.1
            return lg.gradient(lg.adjoint(L, x) * 1.3 + beside, x)

        if not same_bits(second(early=True), second(early=False)):
            differ.append(seed)
    assert differ == []


def test_new_shapes_and_dtypes_give_what_a_fresh_graph_gives() -> None:
    rng = np.random.default_rng(1)

    def graph(W: Any, b: Any) -> tuple[lg.Node, lg.Node, lg.Node]:
        W, b = lg.parameter(W), lg.parameter(b)
        h = np.tanh(W + b)
        return (h * W).sum() + lg.ops.logsumexp(h, axis=0).mean(), W, b

    L, W, b = graph(rng.normal(size=(2, 3)), rng.normal(size=3))
    for shape, other, dtype in [((4, 3), (3,), "f8"), ((4, 3), (1, 3), "f8"), ((4, 3), (), "f8"), ((4, 1), (5,), "f4")]:
        new = rng.normal(size=shape).astype(dtype), rng.normal(size=other).astype(dtype)
        for leaf, value in zip((W, b), new, strict=True):
            leaf.set(value)
        fresh, *leaves = graph(*new)
        assert same_bits(lg.gradient(L, [W, b]), lg.gradient(fresh, leaves))
        assert same_bits(L.value, fresh.value)
        check_invariants([L, W, b])


def test_an_adjoint_that_somebody_holds_follows_its_node() -> None:
    W, a = lg.parameter([1.0, 1.0, 1.0]), lg.constant([1.0, 2.0, 3.0])
    L = (W * a).sum()
    g = lg.adjoint(L, W)
    doubled = g * 2
    assert doubled.value.tolist() == [2.0, 4.0, 6.0]
    W.set([1.0])
    assert (g.shape, doubled.shape) == ((1,), (1,))
    assert g.value.tolist() == [6.0]
    assert doubled.value.tolist() == [12.0]


@pytest.mark.parametrize("real_first", [True, False])
def test_a_held_adjoint_follows_ops_that_are_others_for_complex_numbers(real_first: bool) -> None:
    values = np.array([1.0, 3.0]), np.array([1.0 + 2.0j, 3.0 - 1.0j])
    first, second = values if real_first else values[::-1]
    x = lg.parameter(first)
    loss = np.sum(np.real(x * np.conj(x)))
    held = lg.adjoint(loss, x)
    compiled = lg.compile([loss, held], exact=True)
    compiled()
    x.set(second)
    expected = 2 * np.conj(second)
    assert held.value.tolist() == expected.tolist() == compiled()[1].tolist() == lg.gradient(loss, x).tolist()


@pytest.mark.parametrize("function", [np.vdot, np.outer, lambda x, y: np.real(np.vdot(x, y))])
@pytest.mark.parametrize("value", [np.array([[1.0, 2.0]]), np.array([1.0 + 2.0j, 3.0]), np.array([[1.0 + 2.0j, 3.0]])])
def test_a_held_adjoint_follows_inputs_that_are_others_for_new_shapes_and_dtypes(function: Any, value: Any) -> None:
    x = lg.parameter(np.array([3.0]))
    loss = np.sum(np.real(function(x, x)))
    held = lg.adjoint(loss, x)
    held.value  # noqa: B018
    x.set(value)
    fresh = lg.parameter(value)
    expected = lg.gradient(np.sum(np.real(function(fresh, fresh))), fresh)
    assert held.value.tolist() == expected.tolist()


def test_an_adjoint_that_depends_on_the_shape_of_its_node_alone_stays_fresh() -> None:
    """It is told of the leaf's shape as a consumer is, but no value of the leaf is read by it."""
    W, a = lg.parameter([1.0, 1.0, 1.0]), lg.parameter([1.0, 2.0, 3.0])
    L = (W * a).sum()
    g = lg.adjoint(L, W)
    doubled = g * 2
    doubled.value  # noqa: B018
    W.set([4.0, 5.0, 6.0])
    assert "stale" not in repr(g)
    assert "stale" not in repr(doubled)
    a.set([3.0, 2.0, 1.0])
    assert "stale" in repr(g)
    assert doubled.value.tolist() == [6.0, 4.0, 2.0]


@pytest.mark.parametrize("value", [[[1.5]], np.float32([1.5]), 1.5])
def test_a_target_of_one_element_may_change_its_shape(value: Any) -> None:
    x = lg.parameter([1.0])
    L = x * x
    assert lg.gradient(L, x).tolist() == [2.0]
    x.set(value)
    for node, wanted in ((x, 3.0), (L, 1.0)):
        gradient = lg.gradient(L, node)
        assert (gradient.shape, gradient.dtype) == (np.shape(value), np.asarray(value).dtype)
        assert gradient == wanted


def test_a_target_that_a_function_builds_anew_finds_its_new_inputs() -> None:
    """Its memo must not begin with the inputs that it had before."""
    for function in (np.cov, np.nanstd, lambda x: np.abs(np.fft.fft(x)).sum(), lambda x: np.vdot(x, x)):
        x = lg.parameter([1.0, 2.0, 4.0, 3.0])
        w = np.sin(x)
        y = function(w)
        lg.gradient(y, x)
        for new in ([0.5, 2.0], [1.0, 5.0, 2.5]):
            x.set(new)
            z = lg.parameter(new)
            v = np.sin(z)
            fresh = function(v)
            assert same_bits(lg.gradient(y, [x, w]), lg.gradient(fresh, [z, v]))


def test_a_leaf_that_is_a_target_itself_may_change_its_shape() -> None:
    x = lg.parameter(1.5)
    g = lg.adjoint(x, x)
    assert lg.gradient(x, x) == 1
    x.set([2.0])
    assert lg.gradient(x, x).tolist() == lg.adjoint(x, x).value.tolist() == g.value.tolist() == [1.0]


def test_a_number_in_an_expression_takes_the_dtype_that_a_leaf_is_set_to() -> None:
    x = lg.parameter(1.5)
    L = 2 * x + 1.0
    x.set(np.float32(0.1))
    assert L.value.dtype == np.float32
    assert L.value == np.float32(2) * np.float32(0.1) + np.float32(1)


def test_a_number_of_an_expression_that_is_set_is_a_leaf_from_then_on() -> None:
    """It keeps its own value and dtype where the other operand changes its dtype."""
    x = lg.parameter(1.5)
    L = x * 2.0
    two = L.inputs[1]
    two.set(3.0)
    assert L.value == 4.5
    x.set(np.float32(0.5))
    assert two.value == 3.0
    assert L.dtype == two.dtype == np.float64
    assert L.value == 1.5


def test_a_failing_set_changes_nothing() -> None:
    x, y = lg.parameter(np.ones((2, 3))), lg.parameter(np.ones((3, 2)))
    inner = x @ y
    L = inner.sum()
    before = lg.gradient(L, [x, y])
    with pytest.raises(lg.ShapeError, match=r"matmul.*\(2, 4\).*\(3, 2\)") as caught:
        x.set(np.ones((2, 4)))
    assert "keeps its value" in caught.value.__notes__[0]
    assert (x.shape, inner.shape) == ((2, 3), (2, 2))
    _, report = ask(L, [x, y])
    assert report.values.computed == ()
    assert same_bits(lg.gradient(L, [x, y]), before)
    check_invariants([L])
