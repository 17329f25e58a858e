"""Plans: a question that is asked again computes the same nodes, bit for bit, without deciding node by node."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._schedule import plans
from tests.machine.test_machine import live


def network(seed: int = 0) -> tuple[list[lg.Node], lg.Node, lg.Node]:
    rng = np.random.default_rng(seed)
    weights = [lg.parameter(rng.normal(size=(5, 5)), name=f"W{k}") for k in range(3)]
    X = lg.constant(rng.normal(size=(4, 5)), name="X")
    h = X
    for W in weights:
        h = np.tanh(h @ W)
    return weights, X, lg.ops.cross_entropy(h, [0, 4, 2, 2]).mean()


def rounds(n: int, weights: list[lg.Node], X: lg.Node, loss: lg.Node, planned: bool) -> list[Any]:
    """Return the answers to questions, and the counts of the memo, in `n` rounds of new data."""
    rng = np.random.default_rng(1)
    found: list[Any] = []
    for k in range(n):
        X.set(rng.normal(size=X.shape))
        if k % 3 == 0:
            weights[1].set(weights[1].value * 0.9)
        found.append([g.tobytes() for g in lg.gradient(loss, weights)])
        if k % 2:
            found.append(loss.value.tobytes())
        found.append(lg.differentiator(loss).cache_info())
        if not planned:
            loss._memo.plans.questions.clear()
    return found


def test_plans_answer_and_count_as_the_walk_does() -> None:
    assert rounds(20, *network(), planned=True) == rounds(20, *network(), planned=False)


def plans_of(loss: lg.Node) -> list[Any]:
    return [plan for question in loss._memo.plans.questions.values() for plan in question.plans]


def test_the_third_time_makes_a_plan_and_the_next_ones_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, X, loss = network()
    ran = []
    run = plans._Plan.run
    monkeypatch.setattr(plans._Plan, "run", lambda self: ran.append(self) or run(self))
    for k in range(6):
        X.set(X.value + 1)
        lg.gradient(loss, weights)
        assert len(ran) == max(0, k - 2)  # the first time nothing is stale: it is not there
    assert len(plans_of(loss)) == 1
    lg.gradient(loss, weights)  # nothing is stale
    assert len(ran) == 3


def test_another_set_of_stale_nodes_has_a_plan_of_its_own() -> None:
    weights, X, loss = network()
    for _ in range(4):
        X.set(X.value + 1)
        lg.gradient(loss, weights)
    for _ in range(4):
        weights[2].set(weights[2].value + 1)
        lg.gradient(loss, weights)
    sizes = [len(plan.stale) for plan in plans_of(loss)]
    assert len(sizes) == 2
    assert sizes[1] < sizes[0]


def test_a_report_sees_every_node_although_there_is_a_plan() -> None:
    weights, X, loss = network()
    for _ in range(4):
        X.set(X.value + 1)
        lg.gradient(loss, weights)
    X.set(X.value + 1)
    with lg.record() as report:
        lg.gradient(loss, weights)
    assert len(report.values.computed) == 6
    assert len(report.adjoints.computed) == 9
    assert report.rules_run == 9


def test_a_plan_that_raises_leaves_it_to_the_walk() -> None:
    x = lg.parameter([1.0, 2.0])
    fails = [False]

    def halve(v: np.ndarray) -> np.ndarray:
        if fails[0]:
            raise RuntimeError("no")
        return v / 2

    half = lg.primitive(halve, vjp=lambda g, out: g / 2 + 0 * out, name="halve", shape=lambda x: (x.shape, x.dtype))
    loss = np.sum(half(x * x) ** 2)
    for k in range(5):
        x.set([1.0 + k, 2.0])
        lg.gradient(loss, x)
    assert plans_of(loss)
    fails[0] = True
    x.set([9.0, 2.0])
    with pytest.raises(RuntimeError, match="no") as caught:
        lg.gradient(loss, x)
    assert any("while computing <halve" in note for note in caught.value.__notes__)
    fails[0] = False
    assert lg.gradient(loss, x).tolist() == [9.0**3, 8.0]


def test_a_guard_is_needed_although_the_plan_has_none() -> None:
    x = lg.parameter([1.0, 2.0])
    loss = np.sum(np.where(x > 0, np.sqrt(x) * x, 0.0))
    for k in range(5):
        x.set([1.0 + k, 2.0])
        lg.gradient(loss, x)
    assert plans_of(loss)
    x.set([0.0, 4.0])
    assert lg.gradient(loss, x).tolist() == [0.0, 3.0]


def test_values_that_somebody_holds_stay() -> None:
    weights, X, loss = network()
    held = []
    for _ in range(8):
        X.set(X.value + 1)
        gradients = lg.gradient(loss, weights)
        values = [i.value for i in (loss, *loss.inputs, *loss.inputs[0].inputs)]
        held.append((gradients + values, [a.tobytes() for a in gradients + values]))
    for arrays, before in held:
        assert [a.tobytes() for a in arrays] == before


def test_large_arrays_are_used_again_only_when_dropped() -> None:
    W = lg.parameter(np.ones((200, 200)))
    loss = np.sum((W @ W) ** 2)
    kept = []
    for k in range(8):
        W.set(np.full((200, 200), 1.0 + k))
        kept.append(lg.gradient(loss, W))
    for k, g in enumerate(kept):
        assert np.all(g == 4 * 200**2 * (1.0 + k) ** 3)


def test_a_change_of_shape_forgets_the_plans() -> None:
    x = lg.parameter([1.0, 2.0])
    loss = np.sum(x * x)
    for k in range(5):
        x.set([1.0 + k, 2.0])
        lg.gradient(loss, x)
    x.set([1.0, 2.0, 3.0])
    assert lg.gradient(loss, x).tolist() == [2.0, 4.0, 6.0]


def test_a_number_that_is_set_is_followed() -> None:
    x = lg.parameter([1.0, 2.0])
    y = x * 3.0
    loss = np.sum(y * y)
    for k in range(5):
        x.set([1.0 + k, 2.0])
        lg.gradient(loss, x)
    y.inputs[1].set(2.0)
    x.set([1.0, 2.0])
    assert lg.gradient(loss, x).tolist() == [8.0, 16.0]


def test_plans_keep_nothing_alive() -> None:
    weights, X, loss = network()
    for _ in range(5):
        X.set(X.value + 1)
        lg.gradient(loss, weights)
        _ = loss.value
    assert len(plans_of(loss)) == 2
    gone = [weakref.ref(loss), weakref.ref(plans_of(loss)[0].steps[0].schedule)]
    gc.collect()
    gc.disable()
    try:
        del loss
        assert [ref() for ref in gone] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("first", range(0, 20, 10))
@pytest.mark.parametrize(("adjoints", "refits"), [(True, True), (False, True)])
def test_random_lives_with_a_plan_for_every_question(
    first: int, adjoints: bool, refits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "PLAN_AFTER", 1)
    for seed in range(first, first + 10):
        live(seed, adjoints, refits)


def test_many_questions_each_have_a_plan() -> None:
    rng = np.random.default_rng(0)
    weights = [lg.parameter(rng.normal(size=(3, 3)) / 3) for _ in range(20)]
    h = lg.constant(rng.normal(size=(2, 3)))
    for W in weights:
        h = np.tanh(h @ W)
    loss = np.sum(h * h)
    for _ in range(6):
        for W in weights:
            W.set(W.value - 0.01 * lg.gradient(loss, W))
    assert len(plans_of(loss)) == 20


def test_a_target_that_its_own_gradient_reads() -> None:
    x = lg.parameter(0.5)
    loss = np.exp(np.sin(np.exp(x)))
    for k in range(12):
        x.set(0.1 * k)
        _ = loss.value
        found = lg.gradient(loss, x)
        assert found == lg.gradient(np.exp(np.sin(np.exp(y := lg.parameter(0.1 * k)))), y)
    assert [len(question.plans) for question in loss._memo.plans.questions.values()] == [1, 1]


def test_counts_of_an_input_that_stands_there_twice() -> None:
    """The adjoint of h in ``h * h`` reads that of the product for both edges, which is one request."""
    counted = []
    for planned in (True, False):
        x = lg.parameter([0.5, 1.0])
        h = np.tanh(x)
        loss = np.sum(h * h)
        d = lg.differentiator(loss)
        steps = []
        for k in range(6):
            x.set([0.1 * k, 1.0])
            before = d.cache_info()
            lg.gradient(loss, x)
            after = d.cache_info()
            steps.append((after.hits - before.hits, after.misses - before.misses))
            if not planned:
                loss._memo.plans.questions.clear()
        assert bool(planned) == bool(plans_of(loss))
        counted.append(steps)
    assert counted[0] == counted[1]
    assert counted[0][5] == (1, 2)  # the adjoint of the product is fresh; those of h and x are computed


def test_a_larger_set_of_stale_nodes_has_a_plan_of_its_own_too() -> None:
    """The plan of a smaller set does not serve for a larger one, although all its nodes are stale."""
    weights, X, loss = network()
    for _ in range(4):
        weights[2].set(weights[2].value + 1)
        lg.gradient(loss, weights)
    for _ in range(4):
        X.set(X.value + 1)
        lg.gradient(loss, weights)
    small, large = plans_of(loss)
    assert len(small.stale) < len(large.stale)
    for leaf, plan in ((X, large), (weights[2], small), (X, large)):
        ran = []
        run = plans._Plan.run
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plans._Plan, "run", lambda self, ran=ran, run=run: ran.append(self) or run(self))
            leaf.set(leaf.value + 1)
            lg.gradient(loss, weights)
        assert ran == [plan]


def build_failing() -> tuple[lg.Node, lg.Node]:
    """Return a leaf x and a loss whose plan needs its guard where x is 0."""
    x = lg.parameter([1.0, 2.0])
    loss = np.sum(np.where(x > 0, np.sqrt(x) * x, 0.0))
    for k in range(4):
        x.set([1.0 + k, 2.0])
        lg.gradient(loss, x)
    return x, loss


def test_a_plan_that_has_failed_three_times_does_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    x, loss = build_failing()
    ran = []
    run = plans._Plan.run
    monkeypatch.setattr(plans._Plan, "run", lambda self: ran.append(self) or run(self))
    failures = []
    for k in range(14):
        x.set([0.0, (k + 2.0) ** 2])
        assert lg.gradient(loss, x).tolist() == [0.0, 1.5 * (k + 2)]
        failures.append([plan.failures for plan in plans_of(loss)])
    assert failures[:5] == [[1], [2], [3], [3, 1], [3, 2]]  # the fourth time there is a new one
    assert failures[11:] == [[3, 3, 3, 3]] * 3  # and there are no more than four
    assert len(ran) == 12
    x.set([1.0, 4.0])
    assert lg.gradient(loss, x).tolist() == [1.5, 3.0]
    assert len(ran) == 12


def test_a_plan_that_fails_now_and_then_still_runs() -> None:
    x, loss = build_failing()
    (plan,) = plans_of(loss)
    for k in range(2):
        x.set([0.0, 4.0 + k])
        lg.gradient(loss, x)
    x.set([4.0, 1.0])
    assert lg.gradient(loss, x).tolist() == [3.0, 1.5]
    assert plans_of(loss) == [plan]
    assert plan.failures == 2


def test_the_question_asked_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MAX_QUESTIONS", 2)
    weights, X, loss = network()
    lg.gradient(loss, weights)
    for order in ((0, 1), (0, 1), (0, 1), (0, 2)):
        for k in order:
            X.set(X.value + 1)
            lg.gradient(loss, weights[k])
    kept = list(loss._memo.plans.questions)
    assert kept == [(lg.adjoint(loss, weights[k]).serial,) for k in (0, 2)]
    assert [len(question.plans) for question in loss._memo.plans.questions.values()] == [1, 0]


def test_no_plan_is_made_for_more_nodes_than_a_walk_takes_as_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = plans._make_plan
    monkeypatch.setattr(plans, "_make_plan", lambda roots: made.append(roots) or make(roots))
    for limit, count in ((15, 1), (14, 0)):  # values of three matrix products, their tanh and two more, adjoints
        weights, X, loss = network()
        monkeypatch.setattr(plans, "MAX_NODES", limit)
        made.clear()
        for _ in range(6):
            X.set(X.value + 1)
            lg.gradient(loss, weights)
        assert len(plans_of(loss)) == count
        assert len(made) == 1  # it is tried once


def test_a_gradient_that_is_a_view_of_a_step_in_between_stays() -> None:
    """The adjoint of `b` is summed over two axes, and reshaped: the sum is no node's, so its memory is used again."""
    x, b = lg.parameter(np.ones((4, 2, 3))), lg.parameter(np.ones((2, 1)))
    loss = np.sum((x * x + b) ** 2)
    held = []
    for k in range(8):
        x.set(np.full((4, 2, 3), 1.0 + k))
        found = lg.gradient(loss, [b, x])
        held.append((found[0], found[0].tolist()))
    assert len(plans_of(loss)) == 1
    for k, (array, before) in enumerate(held):
        assert array.tolist() == before == [[24 * ((1.0 + k) ** 2 + 1)]] * 2
