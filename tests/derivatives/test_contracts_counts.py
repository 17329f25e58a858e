"""Contracts C1 to C3: exact work, cheap discovery, one memo across queries. Counts, never times."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._declare import op
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import make_watched_op, same_bits
from tests.helpers.small_network import QUESTIONS, ask, hvp, two_layers


def chain(x: lg.Node, depth: int, parameters_first: bool = False) -> list[lg.Node]:
    """Build `x` and `depth` layers on it, each with a parameter of its own, made with the layer or before them all."""
    made = [lg.parameter(0.9) for _ in range(depth)] if parameters_first else []
    nodes = [x]
    for k in range(depth):
        nodes.append(np.tanh(nodes[-1] * (made[k] if made else lg.parameter(0.9))))
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
    expensive = make_watched_op("expensive", before=lambda what: calls.update([what]))
    W, a, x = lg.parameter([1.0, 2.0]), lg.constant([3.0, 4.0]), lg.parameter(5.0)
    product = W * a
    L = product.sum() + expensive(x)
    gradient, report = ask(L, W)
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
    _, report = ask(L, W)
    assert report.values.computed == (h, z, y)  # exp reads y, which needs z and h; nothing reads `beside`
    assert report.adjoints.computed == (L.inputs[0], y, z, W)
    _, report = ask(L, x)
    assert report.values.computed == ()
    assert report.adjoints.computed == (beside, h, x)


def test_several_nodes_asked_at_once_cost_what_lies_between_them_and_the_target() -> None:
    x = lg.parameter(0.1)
    nodes = chain(x, 20)
    _, report = ask(nodes[-1], [nodes[5], x, nodes[15]])
    assert report.rules_run == 40
    assert len(report.adjoints.computed) == 40
    _, report = ask(nodes[-1], [nodes[3], nodes[10], nodes[-1]])
    assert report.rules_run == 0


def test_a_blocked_input_is_pruned() -> None:
    scores = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
    k = lg.constant([0, 1])
    picked = lg.ops.pick(scores[k], k)
    L = np.where(picked > 1.5, picked, 0.5).sum()
    gradient, report = ask(L, scores)
    assert gradient.tolist() == [[0, 0], [0, 1]]
    assert report.rules_run == 4
    assert [n.op.name for n in report.adjoints.computed[:3]] == ["where", "pick", "getitem"]


# -- C2: discovery from both ends -------------------------------------------------------------------------


def touched_by_the_last_parameter(depth: int, parameters_first: bool) -> int:
    nodes = chain(lg.parameter(0.1), depth, parameters_first)
    L = nodes[-1]
    assert np.isfinite(L.value)
    last = nodes[-1].inputs[0].inputs[1]
    gradient, report = ask(L, last)
    assert report.rules_run == 2
    assert report.values.computed == ()
    assert gradient == (1 - L.value**2) * nodes[-2].value
    return report.nodes_touched


@pytest.mark.parametrize("parameters_first", [False, True])
def test_the_last_parameter_of_a_deep_chain_touches_a_small_constant(parameters_first: bool) -> None:
    touched = touched_by_the_last_parameter(2_000, parameters_first)
    assert touched == touched_by_the_last_parameter(20_000, parameters_first)
    assert touched <= 10


def test_the_first_parameter_touches_the_chain_once_and_then_nothing() -> None:
    x = lg.parameter(0.1)
    nodes = chain(x, 1_000)
    _, report = ask(nodes[-1], x)
    assert report.nodes_touched <= 2 * 2 * 1_000 + 10
    for node in (nodes[500], nodes[1], x):
        _, report = ask(nodes[-1], node)
        assert report.nodes_touched == 0


@pytest.mark.parametrize("parameters_first", [False, True])
def test_parameters_from_the_last_to_the_first_touch_each_layer_once(parameters_first: bool) -> None:
    nodes = chain(lg.parameter(0.1), 500, parameters_first)
    weights = [node.inputs[0].inputs[1] for node in nodes[1:]]
    total = 0
    for W in reversed(weights):
        _, report = ask(nodes[-1], W)
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
        _, report = ask(L, W)
        assert report.rules_run == 40
        assert report.nodes_touched <= 4 * 60  # a loss has 60 nodes
        _, report = ask(L, W)
        assert report.nodes_touched == 0


def test_the_sum_of_many_losses_touches_its_own_size() -> None:
    W = lg.parameter(0.3)
    losses = [np.sin(W * 0.5) for _ in range(300)]
    L = losses[0]
    for other in losses[1:100]:
        L = L + other
    _, report = ask(L, W)
    assert report.rules_run == 99 * 2 + 100 + 100
    assert report.nodes_touched <= 4 * 600


# -- C3: the memo across queries -------------------------------------------------------------------------


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


def test_cache_info_counts_no_request_for_what_an_engine_computes_on_its_way() -> None:
    """Each adjoint below the target is needed by what was built on it, and by the ops that others unfold into."""
    x = lg.parameter(2.0)
    L = np.exp(x) * x
    g = lg.adjoint(L, x)
    M = g * 3.0 + np.sin(g)
    lg.gradient(M, x, engine="sweep")
    info = lg.differentiator(L).cache_info()
    assert (info.hits, info.misses) == (4, 2)


def test_two_losses_share_their_forward_values() -> None:
    x = lg.parameter(0.5)
    h = np.exp(np.sin(x))
    first, second = np.tanh(h), h * h
    lg.gradient(first, x)
    _, report = ask(second, x)
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
