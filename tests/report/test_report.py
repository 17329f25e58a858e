"""Reports and tables: their counters agree with each other, with brute force, and in every view."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives.adjoint_node import AdjointNode
from lazygrad._graph.traverse import ancestors
from lazygrad._report.grid import format_bytes
from lazygrad._report.table import Table
from tests.helpers.random_graphs import build, random_dag, watched
from tests.helpers.small_network import two_layers
from tests.inspect.test_explain import question


def session(seed: int) -> tuple[lg.Report, list[lg.Node], list[Any]]:
    """A block with several queries and sets, and what each gradient asked."""
    dag = random_dag(4000 + seed, arrays=bool(seed % 2))
    rng = np.random.default_rng(seed)
    nodes = build(dag.recipe)
    asked = []
    with np.errstate(all="ignore"), lg.record() as report:
        for _ in range(5):
            target, wrt = question(dag, rng)
            lg.gradient(nodes[target], [nodes[k] for k in wrt], unconnected="none")
            asked.append((nodes[target], tuple([nodes[k] for k in wrt])))
            if rng.random() < 0.6:
                leaf = nodes[int(rng.choice(dag.parameters))]
                leaf.set(np.asarray(leaf.value) + 0.25)
    return report, nodes, asked


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
        report, nodes, asked = session(seed)
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
        report, _, _ = session(seed)
        for tally in (report.values, report.adjoints):
            seen: set[int] = set()
            again = []
            for i in tally.computed:
                if i.serial in seen:
                    again.append(i.serial)
                seen.add(i.serial)
            if tally is report.values:
                assert [i.serial for i in tally.stale] == again


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


def test_queries_are_told_apart_also_after_an_exception() -> None:
    x = lg.parameter(1.0, name="x")
    calls: list[str] = []

    def before(what: str) -> None:
        calls.append(what)
        if len(calls) == 1:
            raise ZeroDivisionError

    y = watched("fails_once", before=before)(np.sin(x))
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


def test_gradient_hands_out_its_own_report() -> None:
    n = two_layers()
    with lg.record() as outer:
        gradients, report = lg.gradient(n["L"], {"a": n["W1"]}, report=True)
    assert gradients["a"].shape == (3, 5)
    assert report.rules_run == outer.rules_run == 5
    assert len(outer.queries) == len(report.queries) == 1


def test_time_by_op_only_when_asked_for() -> None:
    n = two_layers()
    with lg.record() as plain:
        lg.gradient(n["L"], n["W1"])
    assert plain.seconds == 0
    assert "ms" not in plain.details()
    n = two_layers()
    with lg.record(timing=True) as timed:
        lg.gradient(n["L"], n["W1"])
    assert [(one.op, one.runs, one.nbytes) for one in sorted(timed.by_op, key=lambda one: one.op)] == [
        (one.op, one.runs, one.nbytes) for one in sorted(plain.by_op, key=lambda one: one.op)
    ]
    assert {one.op for one in timed.by_op} >= {"matmul", "tanh", "vjp of tanh", "vjp of cross_entropy"}
    assert all(one.seconds > 0 for one in timed.by_op)
    assert timed.seconds == pytest.approx(sum(one.seconds for one in timed.by_op))
    assert timed.queries[0].seconds == timed.seconds
    assert "vjp of tanh" in str(timed)


def test_time_of_a_graph_evaluated_inside_an_op_counts_once() -> None:
    inner = np.exp(lg.parameter(np.ones(100_000)))
    outer = watched("outer", before=lambda what: inner.value.sum())
    y = outer(lg.parameter(1.0))
    with lg.record(timing=True) as report:
        y.value  # noqa: B018
    assert [i.op.name for i in report.values.computed] == ["exp", "outer"]
    seconds = {one.op: one.seconds for one in report.by_op}
    assert report.seconds == pytest.approx(seconds["exp"] + seconds["outer"])
    assert report.seconds > 0


# -- views -----------------------------------------------------------------------------------------------


def test_text_data_and_html_show_the_same_numbers() -> None:
    report, _, _ = session(3)
    data = json.loads(report.to_json())
    assert data == json.loads(json.dumps(report.to_dict()))
    for kind in ("values", "adjoints"):
        tally = getattr(report, kind)
        row = next(line.split() for line in str(report).splitlines() if line.startswith(kind))
        assert row[1:4] == [str(n) for n in (tally.requests, tally.hits, tally.misses)]
        assert (data[kind]["requests"], data[kind]["hits"], data[kind]["misses"]) == tuple(map(int, row[1:4]))
        assert len(data[kind]["computed"]) == tally.misses
        assert f'<td style="text-align:right">{tally.requests}</td>' in report._repr_html_()
    assert f"{report.rules_run} rules run, {report.nodes_touched} nodes touched" in str(report)
    assert data["rules_run"] == report.rules_run
    assert data["bytes"]["held"] == report.bytes_held
    assert [q["asked"]["text"] for q in data["queries"]] == [str(q.asked) for q in report.queries]
    assert len(str(report).splitlines()) == 4 + 2 + len(report.queries)
    for one in report.by_op:
        assert one.op in report.details()
    assert repr(report).startswith("<Report: ")


def test_names_are_escaped_in_html() -> None:
    x = lg.parameter(1.0, name="<b>&x")
    with lg.record() as report:
        lg.gradient(x * 2, x)
    assert "<b>" not in report._repr_html_()
    assert "&lt;b&gt;&amp;x" in report._repr_html_()


def test_the_difference_of_two_reports() -> None:
    n = two_layers()
    reports = [lg.gradient(n["L"], n[name], report=True)[1] for name in ("W2", "W1", "W1")]
    change = reports[0].diff(reports[1])
    counters = {c.counter: (c.before, c.after, c.change) for c in change.changes}
    assert counters["rules run"] == (3, 3, 0)
    assert counters["values: misses"] == (3, 0, -3)
    assert [i.serial for i in change.only_before["values"]] == [i.serial for i in reports[0].values.computed]
    assert n["W1"].serial in {i.serial for i in change.only_after["adjoints"]}
    text = str(change)
    assert "values: misses" in text
    assert "rules run" not in text
    assert json.loads(json.dumps(change.to_dict()))["changes"]["rules run"] == {"before": 3, "after": 3}
    assert str(reports[2].diff(reports[2])) == "no counter differs"
    assert "<table>" in change._repr_html_()


def test_rich_shows_it_in_colours() -> None:
    console = pytest.importorskip("rich.console")
    n = two_layers()
    _, report = lg.gradient(n["L"], n["W1"], report=True)
    out = io.StringIO()
    terminal = console.Console(file=out, force_terminal=True, width=120)
    terminal.print(report)
    terminal.print(lg.differentiator(n["L"]).table())
    assert "\x1b[" in out.getvalue()
    assert "hit rate" in out.getvalue()
    assert "cross_entropy" in out.getvalue()


def test_bytes_are_short() -> None:
    assert [format_bytes(n) for n in (0, 999, 1000, 31_800_000, 5 * 10**15)] == [
        "0 B",
        "999 B",
        "1 kB",
        "31.8 MB",
        "5e+03 TB",
    ]


# -- the table ------------------------------------------------------------------------------------------


def full_table() -> tuple[dict[str, lg.Node], Table]:
    n = two_layers()
    n["h"].name = "layer1/h"
    n["W1"].name, n["W2"].name = "layer1/W", "layer2/W"
    lg.gradient(n["L"], [n["W1"], n["W2"]])
    n["W2"].set(n["W2"].value * 2)
    return n, lg.differentiator(n["L"]).table()


def test_rows_are_sorted_filtered_and_topped() -> None:
    n, table = full_table()
    sizes = [r.nbytes for r in table.sorted()]
    assert sizes == sorted(sizes, reverse=True)
    assert [r.nbytes for r in table.sorted("bytes", reverse=False)] == sizes[::-1]
    assert [r.node.serial for r in table.sorted("serial")] == sorted(r.node.serial for r in table)
    assert [r.op for r in table.sorted("op")] == sorted(r.op for r in table)
    assert [(r.node, r.kind) for r in table.where(name="layer1/*")] == [
        (n["h"], "value"),
        (n["h"], "adjoint"),
        (n["W1"], "adjoint"),
    ]
    stale, fresh = table.where(state="stale"), table.where(state="fresh")
    assert len(stale) + len(fresh) == len(table)
    assert all(r.stale for r in stale)
    assert len(table.where(kind="value", op="mat*")) == 2
    assert len(table.where(kind="value", op="mat*", state="fresh")) == 1
    assert [r.nbytes for r in table.top(3)] == sizes[:3]
    assert table.top(0) == []
    assert table.nbytes == sum(sizes)
    for made in (table.sorted(), stale, table.top(1)):
        assert type(made) is Table
    with pytest.raises(ValueError, match="'size'"):
        table.sorted("size")


def test_the_table_is_what_brute_force_finds() -> None:
    for seed in range(40):
        _, _, asked = session(seed)
        L = asked[-1][0]
        table = lg.differentiator(L).table()
        values = {i.serial for i in ancestors(L) if i.op is not None and (i._value is not None or i._stale)}
        assert {r.node.serial for r in table.where(kind="value")} == values
        assert sum(r.nbytes for r in table) == table.nbytes
        rows = str(table).splitlines()
        assert len(rows) == 1 + len(table)
        assert len({len(line) - len(line.split()[-1]) for line in rows}) >= 1
        assert table._repr_html_().count("<tr>") == 1 + len(table)
        assert not any(isinstance(r.node, AdjointNode) for r in table)


def test_pandas_gets_the_rows() -> None:
    pytest.importorskip("pandas")
    _, table = full_table()
    frame = table.to_pandas()
    assert list(frame.columns) == ["node", "kind", "op", "shape", "dtype", "bytes", "state"]
    assert frame["bytes"].sum() == table.nbytes
    assert (frame["state"] == "stale").sum() == len(table.where(state="stale"))


@pytest.mark.parametrize(
    ("module", "extra", "use"),
    [
        ("pandas", "pandas", lambda: full_table()[1].to_pandas()),
        ("tqdm.auto", "progress", lambda: lg.progress().__enter__()),
    ],
)
def test_a_missing_extra_is_named(monkeypatch: Any, module: str, extra: str, use: Any) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'pip install "lazygrad\[{extra}\]"'):
        use()


# -- size, and silence --------------------------------------------------------------------------------------


def test_a_hundred_thousand_nodes() -> None:
    y = x = lg.parameter(0.5, name="x")
    for _ in range(50_000):
        y = np.sin(y)
    with lg.record(timing=True) as report:
        lg.gradient(y, x)
    assert report.values.misses == 49_999
    assert report.adjoints.misses == 50_000
    assert report.bytes_held == report.bytes_peak == 8 * 99_999
    assert len(report.to_dict()["queries"][0]["values"]["computed"]) == 49_999
    assert len(report._repr_html_()) < 20_000
    assert report.diff(report).only_before["values"] == ()
    table = lg.differentiator(y).table()
    assert len(table.sorted("op")) == 99_999
    assert table._repr_html_().count("<tr>") == 201
    assert "... and 99799 more" in table._repr_html_()


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
