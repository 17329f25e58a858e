"""Reports: their counters agree with each other, with brute force, and with the graph."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.query_sessions import run_session
from tests.helpers.random_graphs import make_watched_op
from tests.helpers.small_network import two_layers


def entries(nodes: list[lg.Node]) -> dict[int, lg.Node]:
    """Everything that can be in a memo around these nodes, without the stand-ins of targets."""
    found = {i.serial: i for i in nodes if i.op is not None}
    for i in nodes:
        if i._memo is not None:
            found |= {a.serial: a for a in i._memo.adjoints.values()}
    return found


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_counters_agree_with_each_other_and_with_the_graph(first: int) -> None:
    for seed in range(first, first + 50):
        report, nodes, asked = run_session(seed)
        held = {serial: i for serial, i in entries(nodes).items() if i._value is not None}
        assert report.bytes_held == sum(i._value.nbytes for i in held.values())
        assert report.bytes_held <= report.bytes_peak <= report.bytes_computed
        queries = [q for q in report.queries if q.asked.kind == "gradient"]
        assert [(q.asked.target, q.asked.nodes) for q in queries] == asked
        for name in ("rules_run", "nodes_touched", "bytes_computed"):
            assert getattr(report, name) == sum(getattr(q, name) for q in report.queries)
        for kind in ("values", "adjoints"):
            whole, parts = getattr(report, kind), [getattr(q, kind) for q in report.queries]
            for name in ("computed", "stale"):
                assert [i.serial for i in getattr(whole, name)] == [i.serial for p in parts for i in getattr(p, name)]
            if kind == "adjoints":  # requests of leaves outside queries are values'
                assert (whole.requests, whole.hits) == (sum(p.requests for p in parts), sum(p.hits for p in parts))
            assert {i.serial for i in whole.reused}.isdisjoint(i.serial for i in whole.computed) or kind == "adjoints"
        assert sum(one.runs for one in report.by_op) == report.values.misses + report.adjoints.misses
        assert sum(one.nbytes for one in report.by_op) == report.bytes_computed


def test_stale_are_those_that_had_been_computed_before() -> None:
    for seed in range(60):
        report, _, _ = run_session(seed)
        seen: set[int] = set()
        again = []
        for i in report.values.computed:
            if i.serial in seen:
                again.append(i.serial)
            seen.add(i.serial)
        assert [i.serial for i in report.values.stale] == again
        assert {i.serial for i in report.adjoints.stale} <= {i.serial for i in report.adjoints.computed}


def test_reused_are_those_found_from_before_the_block() -> None:
    n = two_layers()
    with lg.record() as first:
        lg.gradient(n["L"], n["W2"])
    with lg.record() as second:
        lg.gradient(n["L"], n["W1"])
    assert first.values.reused == first.adjoints.reused == ()
    assert second.values.reused == (n["h"],)
    (scores,) = second.adjoints.reused
    assert scores.op.name == "matmul"
    assert len(second.values.computed) == 0


def test_the_target_itself_is_reused_through_its_stand_in() -> None:
    x = lg.parameter(0.5)
    L = np.exp(x)
    assert L.value > 0
    _, report = lg.gradient(L, x, report=True)
    assert report.values.reused == (L,)


def test_peak_is_more_than_what_is_held_after_a_set() -> None:
    x = lg.parameter(np.ones(1000))
    y = np.exp(x)
    with lg.record() as report:
        y.value  # noqa: B018
        x.set(np.zeros(1000))
    assert (report.bytes_computed, report.bytes_held, report.bytes_peak) == (8000, 0, 8000)
    x.set(np.ones(1000))
    with lg.record() as report:
        y.value  # noqa: B018
        x.set(np.full(1000, 2.0))
        y.value  # noqa: B018
    assert (report.bytes_computed, report.bytes_held, report.bytes_peak) == (16000, 8000, 8000)
    assert report.values.stale == (y, y)
    small = np.exp(lg.parameter(1.0))
    with lg.record() as report:
        x.set(np.ones(1000))
        y.value  # noqa: B018
        x.set(np.zeros(1000))
        small.value  # noqa: B018
    assert (report.bytes_computed, report.bytes_held, report.bytes_peak) == (8008, 8, 8000)


def test_the_question_names_some_nodes_and_counts_the_others() -> None:
    leaves = [lg.parameter(1.0, name=f"p{k}") for k in range(6)]
    L = leaves[0]
    for leaf in leaves[1:]:
        L = L * leaf
    with lg.record() as report:
        lg.gradient(L, leaves[:4])
        lg.gradient(L, leaves)
    four = "dL/dp0, dL/dp1, dL/dp2, dL/dp3"
    assert [str(q.asked) for q in report.queries] == [four, f"{four} and 2 more"]


def test_ops_are_listed_by_how_often_they_ran_and_then_by_name() -> None:
    x = lg.parameter(0.5)
    L = np.sin(x) + np.exp(x)
    with lg.record() as report:
        (np.exp(x) * L).value  # noqa: B018
        lg.gradient(L, x)
    assert [(one.op, one.runs) for one in report.by_op] == [
        ("exp", 2), ("vjp of add", 2), ("add", 1), ("multiply", 1), ("sin", 1), ("vjp of exp, sin", 1),
    ]  # fmt: skip


def test_queries_are_told_apart_also_after_an_exception() -> None:
    x = lg.parameter(1.0, name="x")
    calls: list[str] = []

    def before(what: str) -> None:
        calls.append(what)
        if len(calls) == 1:
            raise ZeroDivisionError

    y = make_watched_op("fails_once", before=before)(np.sin(x))
    L = y * 2
    L.name = "L"
    with lg.record() as report:
        with pytest.raises(ZeroDivisionError):
            y.value  # noqa: B018
        with pytest.raises(TypeError):
            lg.gradient(L, 3)
        lg.gradient(L, x)
        L.value  # noqa: B018
        x.value  # noqa: B018
        lg.adjoint(L, y).value  # noqa: B018
    assert [str(q.asked) for q in report.queries] == [
        f"fails_once#{y.serial}.value",
        "dL/dx",
        "L.value",
        f"dL/dfails_once#{y.serial}",
    ]
    assert [q.values.misses for q in report.queries] == [1, 0, 2, 0]
    assert [q.adjoints.hits for q in report.queries] == [0, 0, 0, 1]


def test_transforms_engines_and_jacobians_are_seen() -> None:
    with lg.record() as report:
        lg.grad(lambda x: np.sum(np.tanh(x) ** 2))(np.ones(3))
    assert (len(report.queries), report.rules_run, report.values.misses) == (1, 3, 1)
    n = two_layers()
    for engine in lg.engines.names():
        if engine in ("paths", "numeric"):
            continue
        with lg.record() as report:
            lg.gradient(n["L"], n["W1"], engine=engine)
        assert len(report.queries) == 1
        assert report.queries[0].asked.nodes == (n["W1"],)
        assert report.adjoints.hits >= 0
        assert report.values.hits >= 0
    with lg.record() as report:
        lg.paths.top(n["L"] * 1.0, n["h"], 2)
    assert report.values.hits >= 0


def chain_with_a_shared_node() -> tuple[lg.Node, lg.Node]:
    x = lg.parameter([1.0, 2.0], name="x")
    h = np.exp(x)
    L = np.sum(np.sin(h) * h)
    L.name = "L"
    return L, x


def count(tally: Any) -> tuple[int, int, int]:
    return tally.requests, tally.hits, tally.misses


@pytest.mark.parametrize("engine", ["sweep", "children"])
def test_an_engine_requests_its_target_and_what_its_rules_read(engine: str) -> None:
    L, x = chain_with_a_shared_node()
    with lg.record() as report:
        lg.gradient(L, x, engine=engine)
    # x, h, s, h, m by computations; L by the engine; h, s, h, h by the rules of the edges
    assert (count(report.values), count(report.adjoints)) == ((10, 6, 4), (4, 0, 4))
    assert [str(q.asked) for q in report.queries] == ["dL/dx"]


def test_needs_that_no_question_announces_are_requests_only_where_they_compute() -> None:
    L, x = chain_with_a_shared_node()
    compiled = lg.compile(L, wrt=[x])
    with lg.record() as report:
        compiled()
    assert (count(report.values), count(report.adjoints)) == ((10, 6, 4), (5, 1, 4))
    assert [str(q.asked) for q in report.queries] == ["L.value", "dL/dx"]
    with lg.record() as report:
        compiled()
    assert (count(report.values), count(report.adjoints), report.queries) == ((0, 0, 0), (0, 0, 0), ())
    L, x = chain_with_a_shared_node()
    with lg.record() as report:
        lg.paths.top(L, x, 2)  # reads values and adjoints once more, when the gradient has computed them
    assert (count(report.values), count(report.adjoints)) == ((6, 4, 2), (5, 1, 4))
    assert [str(q.asked) for q in report.queries] == ["dL/dx"]


def test_a_node_that_is_two_inputs_of_an_op_is_requested_once() -> None:
    x = lg.parameter(3.0)
    h = np.exp(x)
    y = h * h
    with lg.record() as report:
        y.value  # noqa: B018
    assert count(report.values) == (3, 1, 2)  # x by h, h by y, y by the caller
    with lg.record() as report:
        lg.gradient(y, h)  # the rules of both edges read h, which the adjoint needs once
    assert (count(report.values), report.rules_run) == ((1, 1, 0), 2)


def test_what_follows_a_query_is_no_part_of_it() -> None:
    L, x = chain_with_a_shared_node()
    with lg.record() as report:
        L.value  # noqa: B018
        x.value  # noqa: B018
    assert [(str(q.asked), q.values.requests) for q in report.queries] == [("L.value", 6)]
    assert report.values.requests == 7
    with lg.record() as report:
        lg.gradient(L, x, engine="sweep")
        lg.gradient(L, L.inputs[0], engine="sweep")
        first, second = report.queries
        # each sweep runs all five rules
        assert [(q.rules_run, q.adjoints.misses) for q in (first, second)] == [(5, 4), (5, 4)]
        assert report.rules_run == 10
        assert first.nodes_touched + second.nodes_touched == report.nodes_touched


def test_a_query_that_is_being_answered_is_in_the_report_so_far() -> None:
    seen: list[tuple[str, int]] = []

    def before(what: str) -> None:
        seen.extend([(str(q.asked), q.values.misses) for q in report.queries])

    y = np.sin(make_watched_op("looks", before=before)(np.exp(lg.parameter(1.0))))
    y.name = "y"
    with lg.record() as report:
        y.value  # noqa: B018
    assert seen == [("y.value", 1)]
    assert [q.values.misses for q in report.queries] == [3]


def test_gradient_hands_out_its_own_report() -> None:
    n = two_layers()
    with lg.record() as outer:
        gradients, report = lg.gradient(n["L"], {"a": n["W1"]}, report=True)
    assert gradients["a"].shape == (3, 5)
    assert report.rules_run == outer.rules_run == 5
    assert len(outer.queries) == len(report.queries) == 1


# -- size, and silence --------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [2_000, pytest.param(50_000, marks=pytest.mark.deep)])
def test_the_report_of_a_deep_graph(depth: int) -> None:
    y = x = lg.parameter(0.5, name="x")
    for _ in range(depth):
        y = np.sin(y)
    with lg.record(timing=True) as report:
        lg.gradient(y, x)
    assert report.values.misses == depth - 1
    assert report.adjoints.misses == depth
    assert report.bytes_held == report.bytes_peak == 8 * (2 * depth - 1)
    assert len(report.to_dict()["queries"][0]["values"]["computed"]) == depth - 1
    assert len(report._repr_html_()) < 20_000
    assert report.diff(report).only_before["values"] == ()
    table = lg.differentiator(y).table()
    assert len(table.sorted("op")) == 2 * depth - 1
    assert table._repr_html_().count("<tr>") == 201
    assert f"... and {2 * depth - 201} more" in table._repr_html_()


def test_notable_events_are_logged_and_nothing_is_printed(caplog: Any, capfd: Any) -> None:
    assert any(isinstance(h, logging.NullHandler) for h in logging.getLogger("lazygrad").handlers)
    x = lg.parameter(np.ones(2), name="x")
    L = (x * x).sum()
    L.name = "L"
    lg.gradient(L, x)
    with caplog.at_level(logging.DEBUG, logger="lazygrad"):
        x.set(np.ones(3))
        with pytest.warns(lg.UnconnectedWarning):
            lg.gradient(L, lg.parameter(1.0, name="unused"))
        lg.grad(lambda t: (lg.adjoint(np.sum(t**3), t) * t).sum())(np.ones(3))
    told = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert any(level == "INFO" and "memo of <sum 'L'" in text for level, text in told)
    assert any(level == "WARNING" and "no path leads from unused" in text for level, text in told)
    assert any(level == "DEBUG" and "takes the recursion" in text for level, text in told)
    assert capfd.readouterr() == ("", "")
