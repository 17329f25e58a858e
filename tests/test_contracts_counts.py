"""Contracts C1 to C4: exact work, cheap discovery, one memo across queries, never stale. Counts, never times."""

from __future__ import annotations

import itertools
import struct
from collections import Counter
from typing import Any

import numpy as np
import pytest
from graphs import same_bits, watched
from invariants import check_invariants

import lazygrad as lg
from lazygrad._op import op


def asked(L: lg.Node, wrt: Any, **options: Any) -> tuple[Any, lg.Report]:
    with lg.record() as report:
        gradient = lg.gradient(L, wrt, **options)
    return gradient, report


def chain(x: lg.Node, depth: int) -> list[lg.Node]:
    """x and `depth` layers on it, each with a parameter of its own."""
    nodes = [x]
    for _ in range(depth):
        nodes.append(np.tanh(nodes[-1] * lg.parameter(0.9)))
    return nodes


# -- C1: exact work -----------------------------------------------------------------------------------------


def test_the_rule_of_the_other_factor_never_runs() -> None:
    run: Counter[str] = Counter()

    times = op(
        "times",
        lambda x, y: x * y,
        shape=lambda x, y: (x.shape, x.dtype),
        vjp={"x": lambda g, y: run.update("x") or g * y, "y": lambda g, x: run.update("y") or g * x},
        inputs="x y",
        register=False,
    )
    a, b = lg.parameter(2.0), lg.parameter(3.0)
    L = times(a, b)
    assert lg.gradient(L, a) == 3.0
    assert run == {"x": 1}
    assert lg.gradient(L, b) == 2.0
    assert run == {"x": 1, "y": 1}
    assert lg.gradient(times(a, a), a) == 4.0
    assert run == {"x": 2, "y": 2}


def test_a_value_that_no_rule_reads_is_never_computed() -> None:
    calls: Counter[str] = Counter()
    expensive = watched("expensive", before=lambda what: calls.update([what]))
    W, a, x = lg.parameter([1.0, 2.0]), lg.constant([3.0, 4.0]), lg.parameter(5.0)
    product = W * a
    L = product.sum() + expensive(x)
    gradient, report = asked(L, W)
    assert gradient.tolist() == [3.0, 4.0]
    assert calls == {}
    assert report.values.computed == ()
    assert report.adjoints.computed == (L.inputs[0], product, W)
    assert report.rules_run == 3
    assert "not computed" in repr(L)
    lg.gradient(L, x)
    assert calls == {"rule": 1}
    assert L.value == 6.0
    assert calls == {"rule": 1, "value": 1}


def test_only_values_that_a_run_rule_reads_are_computed() -> None:
    x, W = lg.parameter(0.3), lg.parameter(0.7)
    h = np.tanh(x)
    z = h * W
    y = np.exp(z)
    beside = np.sin(h)
    L = y * 2 + beside
    _, report = asked(L, W)
    assert report.values.computed == (h, z, y)  # exp reads y, which needs z and h; nothing reads `beside`
    assert report.adjoints.computed == (L.inputs[0], y, z, W)
    _, report = asked(L, x)
    assert report.values.computed == ()
    assert report.adjoints.computed == (beside, h, x)


def test_several_nodes_asked_at_once_cost_what_lies_between_them_and_the_target() -> None:
    x = lg.parameter(0.1)
    nodes = chain(x, 20)
    _, report = asked(nodes[-1], [nodes[5], x, nodes[15]])
    assert report.rules_run == 40
    assert len(report.adjoints.computed) == 40
    _, report = asked(nodes[-1], [nodes[3], nodes[10], nodes[-1]])
    assert report.rules_run == 0


def test_a_blocked_input_is_pruned() -> None:
    scores = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
    k = lg.constant([0, 1])
    picked = lg.ops.pick(scores[k], k)
    L = np.where(picked > 1.5, picked, 0.5).sum()
    gradient, report = asked(L, scores)
    assert gradient.tolist() == [[0, 0], [0, 1]]
    assert report.rules_run == 4
    assert [n.op.name for n in report.adjoints.computed[:3]] == ["where", "pick", "getitem"]


# -- C2: discovery from both ends -------------------------------------------------------------------------


def touched_by_the_last_parameter(depth: int) -> int:
    x = lg.parameter(0.1)
    nodes = chain(x, depth)
    L = nodes[-1]
    assert np.isfinite(L.value)
    last = nodes[-1].inputs[0].inputs[1]
    gradient, report = asked(L, last)
    assert report.rules_run == 2
    assert report.values.computed == ()
    assert gradient == (1 - L.value**2) * nodes[-2].value
    return report.nodes_touched


def test_the_last_parameter_of_a_deep_chain_touches_a_small_constant() -> None:
    touched = touched_by_the_last_parameter(2_000)
    assert touched == touched_by_the_last_parameter(20_000)
    assert touched <= 10


def test_the_first_parameter_touches_the_chain_once_and_then_nothing() -> None:
    x = lg.parameter(0.1)
    nodes = chain(x, 1_000)
    _, report = asked(nodes[-1], x)
    assert report.nodes_touched <= 2 * 2 * 1_000 + 10
    for node in (nodes[500], nodes[1], x):
        _, report = asked(nodes[-1], node)
        assert report.nodes_touched == 0


def test_parameters_from_the_last_to_the_first_touch_each_layer_once() -> None:
    nodes = chain(lg.parameter(0.1), 500)
    weights = [node.inputs[0].inputs[1] for node in nodes[1:]]
    total = 0
    for W in reversed(weights):
        _, report = asked(nodes[-1], W)
        assert report.nodes_touched <= 12
        total += report.nodes_touched
    assert total <= 12 * 500


@pytest.mark.parametrize("others", ["before", "after", "mixed"])
def test_one_parameter_in_500_losses_costs_one_loss(others: str) -> None:
    def parameters(count: int) -> list[lg.Node]:
        return [lg.parameter(0.5) for _ in range(count)]

    before = parameters(500 * 20)
    W = lg.parameter(0.3)
    after = parameters(500 * 20)
    losses = []
    for k in range(500):
        node = W
        for i in range(20):
            other = {"before": before, "after": after, "mixed": (before, after)[i % 2]}[others][20 * k + i]  # type: ignore
            node = np.sin(node * other)
        losses.append(node)
    for L in (losses[0], losses[250], losses[-1]):
        _, report = asked(L, W)
        assert report.rules_run == 40
        assert report.nodes_touched <= 4 * 60  # a loss has 60 nodes
        _, report = asked(L, W)
        assert report.nodes_touched == 0


def test_the_sum_of_many_losses_touches_its_own_size() -> None:
    W = lg.parameter(0.3)
    losses = [np.sin(W * 0.5) for _ in range(300)]
    L = losses[0]
    for other in losses[1:100]:
        L = L + other
    _, report = asked(L, W)
    assert report.rules_run == 99 * 2 + 100 + 100
    assert report.nodes_touched <= 4 * 600


# -- C3: the memo across queries -------------------------------------------------------------------------


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
TRUTH = {name: question(two_layers()) for name, question in QUESTIONS.items()}


@pytest.mark.parametrize("order", list(itertools.permutations(QUESTIONS)))
def test_questions_in_any_order_compute_each_node_once(order: tuple[str, ...]) -> None:
    n = two_layers()
    with lg.record() as report:
        for name in order:
            assert same_bits(QUESTIONS[name](n), TRUTH[name])
    computed = Counter(node.serial for node in report.values.computed)
    assert computed
    assert set(computed.values()) == {1}
    own = Counter(node.serial for node in report.adjoints.computed if node.serial <= n["L"].serial)
    first_order = {n["W1"].serial, n["W2"].serial, n["h"].serial}
    # Of the forward nodes, W1 and those between it and L have an adjoint of L and one of the second target.
    assert first_order <= set(own)
    assert max(own.values()) <= 2
    assert own[n["W2"].serial] == 1
    check_invariants(n.values())


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_repeat_runs_no_rule(name: str) -> None:
    n = two_layers()
    keep = lg.adjoint(n["L"], n["W2"]) * lg.constant(np.arange(10.0).reshape(5, 2))
    M = keep.sum()
    questions = {**QUESTIONS, "hvp": lambda n: lg.gradient(M, n["W1"])}
    first = questions[name](n)
    with lg.record() as report:
        for _ in range(3):
            assert same_bits(questions[name](n), first)
    assert report.rules_run == 0
    assert report.values.computed == report.adjoints.computed == ()
    assert report.nodes_touched == 0
    tally = report.values if name == "value" else report.adjoints
    assert (tally.requests, tally.hits, tally.misses, tally.hit_rate) == (3, 3, 0, 1.0)


def test_the_hessian_vector_product_reuses_the_first_order_adjoints() -> None:
    n = two_layers()
    lg.gradient(n["L"], [n["W1"], n["W2"]])
    with lg.record() as report:
        hvp(n)
    of_L = lg.differentiator(n["L"])
    assert of_L.cache_info().misses == len({id(a) for a in of_L._memo.adjoints.values()})
    assert report.adjoints.hits > 0


def test_cache_info_counts_requests_of_the_caller_and_of_other_adjoints() -> None:
    x = lg.parameter(0.5)
    nodes = chain(x, 3)  # x * w, tanh, ... six adjoints below L, x among them
    d = lg.differentiator(nodes[-1])
    assert d.cache_info() == (0, 0, None, 0)
    d.gradient(x)
    assert d.cache_info() == (0, 6, None, 6)
    d.gradient(x)
    d.gradient(nodes[1])
    assert d.cache_info() == (2, 6, None, 6)
    d.cache_clear()
    assert d.cache_info() == (0, 0, None, 0)
    with lg.record() as report:
        d.gradient(x)
    assert report.rules_run == 6
    assert report.values.computed == ()


def test_cache_info_counts_an_adjoint_read_by_a_computation() -> None:
    x = lg.parameter(2.0)
    L = x**3
    g = lg.adjoint(L, x)
    assert (g * g).value == 144.0  # one request, a miss
    assert lg.gradient(L, x) == 12.0  # another, a hit
    assert lg.differentiator(L).cache_info()[:2] == (1, 1)


def test_two_losses_share_their_forward_values() -> None:
    x = lg.parameter(0.5)
    h = np.exp(np.sin(x))
    first, second = np.tanh(h), h * h
    lg.gradient(first, x)
    _, report = asked(second, x)
    assert report.values.computed == ()
    assert len(report.adjoints.computed) == 3
    first_d, second_d = lg.differentiator(first), lg.differentiator(second)
    assert first_d is lg.differentiator(first)
    assert first_d is not second_d


def test_a_record_inside_a_record_and_after_an_exception() -> None:
    x = lg.parameter(1.0)
    y = np.sin(x) * x
    with lg.record() as outer:
        with lg.record() as inner:
            lg.gradient(y, x)
        with pytest.raises(ZeroDivisionError), lg.record():
            raise ZeroDivisionError
        assert y.value == np.sin(1.0)
    lg.gradient(y, x)
    assert inner.rules_run == outer.rules_run == 3
    assert inner.values.computed == (y.inputs[0],)
    assert outer.values.computed == (y.inputs[0], y)


# -- C4: never stale --------------------------------------------------------------------------------------


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
    _, report = asked(L, a)  # reads v, tanh(c) and cos of a itself: of the adjoints only that of a is stale
    assert report.values.computed == ()
    assert report.adjoints.computed == (a,)
    _, report = asked(L, b)
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
    _, report = asked(L, [x, y])
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


def test_a_number_in_an_expression_takes_the_dtype_that_a_leaf_is_set_to() -> None:
    x = lg.parameter(1.5)
    L = 2 * x + 1.0
    x.set(np.float32(0.1))
    assert L.value.dtype == np.float32
    assert L.value == np.float32(2) * np.float32(0.1) + np.float32(1)


def test_a_failing_set_changes_nothing() -> None:
    x, y = lg.parameter(np.ones((2, 3))), lg.parameter(np.ones((3, 2)))
    inner = x @ y
    L = inner.sum()
    before = lg.gradient(L, [x, y])
    with pytest.raises(lg.ShapeError, match=r"matmul.*\(2, 4\).*\(3, 2\)") as caught:
        x.set(np.ones((2, 4)))
    assert "keeps its value" in caught.value.__notes__[0]
    assert (x.shape, inner.shape) == ((2, 3), (2, 2))
    _, report = asked(L, [x, y])
    assert report.values.computed == ()
    assert same_bits(lg.gradient(L, [x, y]), before)
    check_invariants([L])
