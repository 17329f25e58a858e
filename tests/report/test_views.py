"""Text, data, tables and differences show the numbers that a report has counted."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._report.grid import format_bytes
from tests.helpers.query_sessions import run_session
from tests.helpers.small_network import two_layers


def test_text_data_and_html_show_the_same_numbers() -> None:
    report, _, _ = run_session(3)
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


def test_the_text_of_one_query_is_the_summary_alone() -> None:
    n = two_layers()
    _, report = lg.gradient(n["L"], n["W1"], report=True)
    assert str(report).splitlines() == [
        "          requests      hits    misses  hit rate",
        "values          10         7         3       70%",
        "adjoints         5         0         5        0%",
        "5 rules run, 6 nodes touched by discovery",
    ]
    assert report.to_dict()["seconds"] is None


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


def test_a_difference_names_each_node_once_and_times_only_where_both_are_timed() -> None:
    x = lg.parameter(0.5, name="x")
    y = np.sin(x)
    y.name = "y"
    reports = []
    for timing in (False, True, True):
        x.set(x.value + 0.25)
        with lg.record(timing=timing) as report:
            y.value  # noqa: B018
            x.set(x.value + 0.25)
            y.value  # noqa: B018
        reports.append(report)
    assert reports[0].values.computed == (y, y)
    with lg.record() as nothing:
        pass
    assert reports[0].diff(nothing).only_before["values"] == (y,)
    assert nothing.diff(reports[0]).only_after["values"] == (y,)
    assert str(nothing.diff(reports[0])).endswith("values computed only after: y")
    plain, first, second = reports
    for one, other, timed in ((plain, first, False), (first, plain, False), (first, second, True)):
        assert ("seconds" in {c.counter for c in one.diff(other).changes}) == timed
    assert first.to_dict()["seconds"] == first.seconds > 0


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
