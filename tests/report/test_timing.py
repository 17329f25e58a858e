"""The time that a report gives each op, and graphs evaluated inside of ops."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import watched
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
    outer = watched("outer", before=lambda what: inner.value.sum())
    y = outer(lg.parameter(1.0))
    with lg.record(timing=True) as report:
        y.value  # noqa: B018
    assert [i.op.name for i in report.values.computed] == ["exp", "outer"]
    seconds = {one.op: one.seconds for one in report.by_op}
    assert report.seconds == pytest.approx(seconds["exp"] + seconds["outer"])
    assert report.seconds > 0
