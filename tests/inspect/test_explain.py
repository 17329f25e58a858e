"""The dry run: what it plans is what then runs, node for node, and it leaves no trace."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad.inspect import Explanation, explain
from lazygrad.inspect._cost import count_multiplications
from tests.helpers.invariants import check_invariants, memos, reachable
from tests.helpers.query_sessions import draw_question
from tests.helpers.random_graphs import (
    RandomDag,
    build,
    dependents,
    find_expected_work,
    random_dag,
    same_bits,
    with_ancestors,
)

BATCHES = [(arrays, first) for arrays in (False, True) for first in (0, 100)]


def dags(batch: tuple[bool, int]) -> list[RandomDag]:
    arrays, first = batch
    return [random_dag(7000 + 2 * seed + arrays, arrays) for seed in range(first, first + 100)]


def state(nodes: list[lg.Node]) -> Any:
    """Whatever a dry run must leave as it is."""
    everything = reachable(nodes)
    values = [(i.serial, id(i._value), i._stale, [c.serial for c in i.consumers]) for i in everything]
    held = [
        (m.op.counts.requests, m.op.counts.misses, {k: id(a) for k, a in m.adjoints.items()}, len(m.discovery.leading))
        for i in everything
        for m in memos(i)
    ]
    return values, held


def check_exact(plan: Explanation, report: lg.Report, gradients: Any) -> None:
    """Every count of the plan is that of the report, and so is the order of the nodes."""
    for name in ("values", "adjoints"):
        planned, ran = getattr(plan, name), getattr(report, name)
        assert [i.serial for i in planned.computed] == [i.serial for i in ran.computed]
        assert [i.serial for i in planned.stale] == [i.serial for i in ran.stale]
        assert [i.serial for i in planned.reused] == [i.serial for i in ran.reused]
        assert (planned.requests, planned.hits) == (ran.requests, ran.hits)
        kinds = [step.node.serial for step in plan.steps if step.kind == name[:-1]]
        assert kinds == [i.serial for i in ran.computed]
    assert plan.rules == report.rules_run
    assert report.nodes_touched <= plan.nodes_touched
    assert plan.nbytes == report.bytes_computed
    assert sum(one.nbytes for one in report.by_op) == plan.nbytes
    for step in plan.steps:
        assert step.state in ("new", "stale")


def ask(nodes: list[lg.Node], target: int, wrt: list[int]) -> tuple[Any, lg.Report]:
    with np.errstate(all="ignore"):
        return lg.gradient(nodes[target], [nodes[k] for k in wrt], unconnected="none", report=True)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_plan_is_what_runs_whatever_is_in_the_memo(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        rng = np.random.default_rng(salt)
        nodes = build(dag.recipe)
        for _ in range(4):
            target, wrt = draw_question(dag, rng)
            before = state(nodes)
            plan = explain(nodes[target], [nodes[k] for k in wrt])
            assert state(nodes) == before
            gradients, report = ask(nodes, target, wrt)
            check_exact(plan, report, gradients)
            assert plan.nodes_touched == report.nodes_touched
            moved = int(rng.choice(dag.parameters))
            change = rng.random()
            if change < 0.3:
                nodes[int(rng.integers(len(nodes)))].value  # noqa: B018  (part of the memo becomes fresh)
            elif change < 0.8:
                nodes[moved].set(np.asarray(nodes[moved].value) + 0.01)


@pytest.mark.parametrize("batch", BATCHES[::2])
def test_a_first_plan_is_what_brute_force_finds(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        nodes = build(dag.recipe)
        number = {node.serial: k for k, node in enumerate(nodes)}
        target, wrt = draw_question(dag, np.random.default_rng(salt))
        want = find_expected_work(dag.recipe, nodes, target, wrt)
        plan = explain(nodes[target], [nodes[k] for k in wrt])
        steps = {kind: {number[s.node.serial] for s in plan.steps if s.kind == kind} for kind in ("value", "adjoint")}
        assert steps == {"value": want.values, "adjoint": want.adjoints}
        assert plan.rules == len(want.edges)
        assert plan.built == len(want.adjoints)
        read = set().union(*want.reads.values())
        assert {number[r.node.serial]: r.state for r in plan.reads} == {
            k: "to compute" if dag.recipe[k].inputs else "leaf" for k in read
        }
        for node, count in plan.paths:
            assert count == lg.paths.count(nodes[target], node)


@pytest.mark.parametrize("batch", BATCHES[::2])
def test_a_plan_after_a_set_is_the_stale_part(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        nodes = build(dag.recipe)
        number = {node.serial: k for k, node in enumerate(nodes)}
        rng = np.random.default_rng(salt)
        target, wrt = draw_question(dag, rng)
        ask(nodes, target, wrt)
        assert explain(nodes[target], [nodes[k] for k in wrt]).steps == ()
        leaf = int(rng.choice(dag.parameters))
        nodes[leaf].set(nodes[leaf].value + 0.5)
        plan = explain(nodes[target], [nodes[k] for k in wrt])
        moved = dependents(dag.recipe, leaf)
        read = {number[r.node.serial] for r in plan.reads}
        assert {s.state for s in plan.steps} <= {"stale"}
        assert {number[s.node.serial] for s in plan.steps if s.kind == "value"} == with_ancestors(
            dag.recipe, read
        ) & moved
        assert plan.built == 0


def test_gradients_of_gradients_are_planned_exactly() -> None:
    for seed in range(60):
        dag = random_dag(9000 + seed, arrays=bool(seed % 2))
        rng = np.random.default_rng(seed)
        nodes = build(dag.recipe)
        L = nodes[dag.losses[0]]
        slopes = [lg.adjoint(L, nodes[k]) for k in dag.parameters]
        M = sum((g * rng.normal(size=g.shape)).sum() for g in slopes) + L * 2.0
        for _ in range(3):
            wrt = [nodes[int(k)] for k in rng.choice(dag.parameters, size=2)]
            if rng.random() < 0.5:
                lg.gradient(L, wrt[0], unconnected="none")
            before = state([*nodes, M])
            plan = explain(M, wrt)
            first = state([*nodes, M])
            assert len(first[0]) >= len(before[0])  # adjoints unfold into ops for good, without values
            values = {entry[0]: entry[1:3] for entry in first[0]}
            assert all(values[entry[0]] == entry[1:3] for entry in before[0])
            with np.errstate(all="ignore"):
                gradients, report = lg.gradient(M, wrt, unconnected="none", report=True)
            check_exact(plan, report, gradients)
            leaf = nodes[int(rng.choice(dag.parameters))]
            if rng.random() < 0.5:
                leaf.set(leaf.value * 0.5)
    check_invariants([*nodes, M])


def test_analyze_asks_and_compares() -> None:
    dag = random_dag(31, arrays=True)
    nodes, again = build(dag.recipe), build(dag.recipe)
    target, wrt = dag.losses[-1], dag.parameters
    plan = explain(nodes[target], {k: nodes[k] for k in wrt}, analyze=True)
    assert plan.exact
    assert plan.actual is not None
    check_exact(plan, plan.actual, plan.gradients)
    assert same_bits(plan.gradients, lg.gradient(again[target], {k: again[k] for k in wrt}, unconnected="none"))
    assert not explain(nodes[target], nodes[wrt[0]]).exact
    text = str(plan)
    assert text.endswith(": exact")
    assert f"values {plan.values.misses}/{plan.actual.values.misses}" in text
    assert f"rules {plan.rules}/{plan.actual.rules_run}" in text
    assert "did not run" not in text


def test_a_cotangent_and_a_differentiator_of_ones_own() -> None:
    x = lg.parameter([1.0, 2.0, 3.0], name="x")
    y = np.tanh(x * x)
    plan = explain(y, x, cotangent=np.ones(3), analyze=True)
    assert plan.exact
    assert (plan.rules, plan.built) == (3, 2)
    np.testing.assert_array_equal(plan.gradients, lg.gradient(y, x, cotangent=np.ones(3)))
    d = lg.Differentiator(y, cotangent=[1.0, 0.0, 0.0])
    assert explain(d, "x").built == 2
    d.gradient(x)
    assert explain(d, "x").steps == ()
    assert d.cache_info().currsize == 2


def test_refusals_are_those_of_the_query() -> None:
    x = lg.parameter([1.0, 2.0])
    with pytest.raises(TypeError, match="one element"):
        explain(x * x, x)
    with pytest.raises(lg.NotDifferentiableError):
        explain((x * x).sum(), lg.constant([1, 2]))
    L = (x * 2).sum()
    with pytest.raises(KeyError, match="no node is named"):
        explain(L, "y")
    other = lg.parameter(1.0, name="other")
    plan = explain(L, [other, L], analyze=True)
    assert (plan.steps, plan.paths) == ((), ((other, 0), (L, 1)))
    assert plan.exact
    assert plan.gradients[0] is None


def test_each_node_and_each_value_is_told_once_with_its_state() -> None:
    x, y = lg.parameter(0.5, name="x"), lg.parameter(2.0, name="y")
    known, new = np.exp(x), np.sin(y)
    L = known * known * new * x
    assert known.value > 0
    plan = explain(L, [x, y, x])
    assert plan.paths == ((x, 3), (y, 1))
    states = {read.node: read.state for read in plan.reads}
    assert (states[known], states[new], states[x], states[y]) == ("in the memo", "to compute", "leaf", "leaf")
    assert len(plan.reads) == len(states)
    text = str(plan).splitlines()[2]
    assert "1 in the memo (exp#" in text
    assert "2 leaves (" in text


def test_the_same_computations_in_another_order_are_not_exact() -> None:
    x = lg.parameter(0.5)
    plan = explain(np.exp(np.sin(x)), x, analyze=True)
    assert plan.exact
    assert len(plan.steps) > 1
    other = attrs.evolve(plan, steps=plan.steps[::-1])
    assert not other.exact
    assert str(other).endswith(": not what was planned")


def test_a_plan_after_a_change_of_shape() -> None:
    x = lg.parameter(np.ones(3))
    L = np.sum(np.exp(x) * x)
    lg.gradient(L, x)
    x.set(np.ones(5))
    plan = explain(L, x)
    gradient, report = lg.gradient(L, x, report=True)
    check_exact(plan, report, gradient)
    assert gradient.shape == (5,)
    assert plan.nbytes == sum(8 * 5 for _ in plan.steps)


@pytest.mark.parametrize(
    ("function", "forward", "rules"),
    [
        (lambda x, y: x @ y, 4 * 3 * 5, 60),
        (lambda x, y: np.tensordot(x, y, axes=1), 60, 60),
        (lambda x, y: np.exp(x)[:2], 12, 12),
        (lambda x, y: x + x, 0, 0),
        (lambda x, y: x * 3.0, 12, 12),
        (lambda x, y: np.linalg.inv(x[:3]), 27, 27),
        (lambda x, y: np.where(x > 0, x, 1.0)[[0, 1]], 0, 0),
        (lambda x, y: lg.ops.softmax(x), 12, 12),
        (lambda x, y: x.reshape(2, 6).T, 0, 0),
        (lambda x, y: np.convolve(x.reshape(12), y.reshape(15)), 180, 180),
        (lambda x, y: x > 0, 0, None),
        (lambda x, y: np.prod(x), 12, 12),
        (lambda x, y: np.linalg.norm(x), 12, 12),
    ],
)
def test_multiplications_are_counted_from_shapes(function: Any, forward: int, rules: int | None) -> None:
    x, y = lg.parameter(np.ones((4, 3)) + np.eye(4, 3)), lg.parameter(np.ones((3, 5)))
    out = function(x, y)
    costs = [count_multiplications(i) for i in ancestors(out) if i.op is not None]
    assert sum(costs) == forward
    if rules is not None:
        plan = explain(out, x, cotangent=np.ones(out.shape))
        assert sum(s.multiplications for s in plan.steps if s.kind == "adjoint") == rules


def test_multiplications_of_convolutions_are_those_of_the_filters() -> None:
    x, w = lg.parameter(np.ones((1, 2, 5, 5))), lg.parameter(np.ones((3, 2, 2, 2)))
    y = lg.ops.conv2d(x, w)
    each = y.size * 2 * 2 * 2  # channels and window
    plan = explain(y, [x, w], cotangent=np.ones(y.shape))
    assert [(step.op, step.multiplications) for step in plan.steps] == [("vjp of convolution", each)] * 2
    g = lg.adjoint(y.sum(), x)
    second = explain(g.sum(), w)
    assert {step.multiplications for step in second.steps if "convolution" in step.op} == {each}


def test_text_table_and_data_agree() -> None:
    x = lg.parameter(np.ones(2), name="x")
    h = np.sin(x)
    h.name = "h"
    L = np.sum(h * h)
    plan = explain(L, x)
    text = str(plan).splitlines()
    assert text[0].startswith("dL/dx: 1 value and 3 adjoints to compute, 4 rules to run")
    assert text[1] == "paths: 2 from x"
    table = [line.split() for line in text[4:]]
    assert [row[0] for row in table] == [step.kind for step in plan.steps]
    assert [int(row[-1]) for row in table] == [step.nbytes for step in plan.steps]
    data = plan.to_dict()
    assert [s["node"] for s in data["steps"]] == [row[1] for row in table]
    assert data["rules"] == 4
    assert plan._repr_html_().count("<tr>") == 1 + len(plan.steps)
    lg.gradient(L, x)
    assert "everything is in the memo" in str(explain(L, x))


@pytest.mark.parametrize("depth", [2_000, pytest.param(50_000, marks=pytest.mark.deep)])
def test_paths_beyond_counting_and_a_deep_graph(depth: int) -> None:
    y = x = lg.parameter(0.5, name="x")
    for _ in range(1500):
        y = y + y
    assert "more than 1e300 from x" in str(explain(y, x))
    z = x
    for _ in range(depth):
        z = np.sin(z)
    plan = explain(z, x)
    assert len(plan.steps) == 2 * depth - 1
    assert f"... and {2 * depth - 41} more" in str(plan)
    assert plan._repr_html_().count("<tr>") < 1000


def test_an_open_report_sees_nothing_of_a_plan() -> None:
    x = lg.parameter(2.0)
    L = np.exp(x) * x
    with lg.record() as report:
        explain(L, x)
    assert (report.values.requests, report.adjoints.requests, report.nodes_touched, report.queries) == (0, 0, 0, ())
