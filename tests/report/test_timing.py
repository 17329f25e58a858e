"""The time that a report gives each op, and graphs evaluated inside of ops."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._report import recording
from tests.helpers.random_graphs import make_watched_op
from tests.helpers.small_network import two_layers


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
    outer = make_watched_op("outer", before=lambda what: inner.value.sum())
    y = outer(lg.parameter(1.0))
    with lg.record(timing=True) as report:
        y.value  # noqa: B018
    assert [i.op.name for i in report.values.computed] == ["exp", "outer"]
    seconds = {one.op: one.seconds for one in report.by_op}
    assert report.seconds == pytest.approx(seconds["exp"] + seconds["outer"])
    assert report.seconds > 0


class Clock:
    """Stands for the clock of reports: it moves on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(recording, "perf_counter", made)
    return made


def spends(clock: Clock, seconds: float, name: str, inside: lg.Node | None = None, fails: bool = False) -> Any:
    """Return an op that takes some seconds, and evaluates a node in the middle of them."""

    def before(what: str) -> None:
        clock.now += seconds / 4
        if inside is not None:
            with contextlib.suppress(ZeroDivisionError):
                inside.value  # noqa: B018
        clock.now += 3 * seconds / 4
        if fails:
            raise ZeroDivisionError

    return make_watched_op(name, before=before)


def test_the_time_of_inner_computations_is_not_counted_in_the_outer_one(clock: Clock) -> None:
    x = lg.parameter(1.0)
    innermost = spends(clock, 1.0, "innermost")(x)
    beside = spends(clock, 2.0, "beside")(x)
    inner = spends(clock, 4.0, "inner", inside=innermost + beside)(x)
    outer = spends(clock, 8.0, "outer", inside=inner)(spends(clock, 16.0, "input")(x))
    with lg.record(timing=True) as report:
        outer.value  # noqa: B018
    assert {one.op: one.seconds for one in report.by_op} == {
        "input": 16.0, "outer": 8.0, "inner": 4.0, "beside": 2.0, "innermost": 1.0, "add": 0.0,
    }  # fmt: skip
    assert [one.op for one in report.by_op] == ["input", "outer", "inner", "beside", "innermost", "add"]
    assert report.seconds == clock.now == 31.0


def test_the_time_of_an_inner_computation_that_raised_stays_with_the_outer_one(clock: Clock) -> None:
    x = lg.parameter(1.0)
    broken = spends(clock, 2.0, "broken", fails=True)(x)
    outer = spends(clock, 8.0, "outer", inside=broken)(x)
    with lg.record(timing=True) as report:
        (outer + spends(clock, 1.0, "next")(x)).value  # noqa: B018
        with pytest.raises(ZeroDivisionError):
            broken.value  # noqa: B018
        spends(clock, 4.0, "last")(x).value  # noqa: B018
    assert {one.op: one.seconds for one in report.by_op} == {"outer": 10.0, "next": 1.0, "last": 4.0, "add": 0.0}
    assert [i.op.name for i in report.values.computed] == ["outer", "next", "add", "last"]


def test_a_report_opened_inside_an_op_times_what_begins_in_it(clock: Clock) -> None:
    x = lg.parameter(1.0)
    inner = spends(clock, 2.0, "inner")(x)
    reports: list[lg.Report] = []

    def before(what: str) -> None:
        with lg.record(timing=True) as report:
            inner.value  # noqa: B018
        reports.append(report)

    with lg.record(timing=True) as whole:
        make_watched_op("outer", before=before)(x).value  # noqa: B018
    assert [(one.op, one.seconds) for one in reports[0].by_op] == [("inner", 2.0)]
    assert {one.op: one.seconds for one in whole.by_op} == {"inner": 2.0, "outer": 0.0}
