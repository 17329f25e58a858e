"""The record of a place where nan or inf is born: its kind, its text, and which place comes first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad._report import nonfinite
from lazygrad._report.nonfinite import Operand
from lazygrad.inspect import find_nonfinite
from tests.helpers.planted_births import bad_rule, bad_value, catch_record, check_edge, identity_op


def test_a_value_prints_with_its_inputs_and_its_line() -> None:
    x, y = lg.parameter([1.0, 0.0, -2.0], name="x"), lg.constant(3.0, name="y")
    with lg.trace_sources():
        q = np.divide(y, x)
    q.name = "q"
    line = test_a_value_prints_with_its_inputs_and_its_line.__code__.co_firstlineno + 3
    found = find_nonfinite(q.sum())
    assert found is not None
    assert (found.op, found.name, found.source) == ("divide", "q", q.source)
    shown = str(found).splitlines()
    assert shown[0] == "the value of q (op divide) is inf, and its inputs are finite"
    assert repr(found) == f"<NonFinite: {shown[0]}>"
    assert shown[1].endswith(f"test_births.py:{line}")
    assert shown[2:] == [
        "  from y: shape (), float64, finite, 3 to 3",
        "  from x: shape (3,), float64, finite, -2 to 1",
        "  gives q: shape (3,), float64, 1 inf, first at (1,), others -1.5 to 3",
    ]


def test_summaries() -> None:
    one = Operand.of("z", np.array([[3 + 4j, np.nan], [complex(np.inf, 0), 0]]))
    assert (one.min, one.max, one.nans, one.infs, one.where, one.what) == (0.0, 5.0, 1, 1, (0, 1), "nan and inf")
    assert str(one) == "z: shape (2, 2), complex128, 1 nan, 1 inf, first at (0, 1), others 0 to 5"
    assert str(Operand.of("e", np.zeros((0, 2)))) == "e: shape (0, 2), float64, empty"
    assert str(Operand.of("n", np.float32(np.nan))) == "n: shape (), float32, 1 nan"
    assert str(Operand.of("k", np.array([3, 5]))) == "k: shape (2,), int64, finite, 3 to 5"


def test_a_sum_that_overflows_is_born_in_the_sum() -> None:
    x = lg.parameter(1.0, name="x")
    L = x * 1e308 + x * 1.5e308
    found = find_nonfinite(L, x)
    assert found is not None
    assert (found.kind, found.node, len(found.inputs)) == ("sum", x, 2)
    assert [one.max for one in found.inputs] == [1e308, 1.5e308]
    assert str(found).startswith("the sum of the contributions to dL/dx is inf, and each of them is finite")
    assert catch_record(lg.gradient, L * 1.0, x).kind == "sum"


def test_a_contribution_too_large_for_the_dtype_of_its_input() -> None:
    x = lg.parameter(np.float32(1.0))
    y = x.astype(float)
    found = find_nonfinite(y * 1e300, x)
    assert found is not None
    assert (found.kind, found.node) == ("contribution", y)


def test_several_births_are_told_in_the_order_of_the_flow_of_data() -> None:
    x = lg.parameter(0.0, name="x")
    first, second = np.log(x), np.divide(1.0, x)
    L = second * 0.0 + first * 0.0
    with np.errstate(divide="ignore"):
        assert second.value == np.inf  # in the memo before
    assert find_nonfinite(L).node is first  # type: ignore[union-attr]
    assert find_nonfinite(second).node is second  # type: ignore[union-attr]
    found = find_nonfinite(L, x)  # what the gradient reads comes before what it does not
    assert found is not None
    assert (found.kind, found.node) == ("value", second)
    found = find_nonfinite(np.log(x), x)  # the rule of log does not read its value
    assert found is not None
    assert (found.kind, found.op) == ("value", "log")


def test_what_no_derivative_reads_is_looked_into_last() -> None:
    calls: list[str] = []
    expensive = identity_op("expensive", lambda x: calls.append("value") or x, lambda g: g)
    W, x = lg.parameter([1.0, 2.0]), lg.parameter(-1.0)
    L = (bad_rule(W) * 3.0).sum() + expensive(x)
    found = find_nonfinite(L, W)
    assert found is not None
    assert found.op == "bad_rule"
    assert calls == []
    L = (W * 3.0).sum() + bad_value(x)
    assert find_nonfinite(L, W).op == "bad_value"  # type: ignore[union-attr]


def test_leaves() -> None:
    nan, mask, x = (
        lg.parameter([1.0, np.nan], name="nan"),
        lg.constant([-np.inf, 0.0], name="mask"),
        lg.parameter([1.0, 2.0]),
    )
    found = find_nonfinite((np.sin(nan) * x).sum(), x)
    assert found is not None
    assert (found.kind, found.node, found.op) == ("leaf", nan, "leaf")
    assert str(found) == "the leaf nan holds nan\n  gives nan: shape (2,), float64, 1 nan, first at (1,), others 1 to 1"
    assert catch_record(lg.gradient, (nan * x).sum(), x).node is nan
    attention = lg.ops.softmax(x + mask)
    with lg.errstate(nonfinite="raise"):
        lg.gradient((attention * x).sum(), x)
    assert find_nonfinite((attention * x).sum(), x) is None
    assert find_nonfinite((x + mask).sum()).node is mask  # type: ignore[union-attr]
    assert find_nonfinite(nan).node is nan  # type: ignore[union-attr]
    filled = np.where(np.isnan(nan), 0.0, nan)
    with lg.errstate(nonfinite="raise"):
        assert filled.value.tolist() == [1.0, 0.0]
    assert find_nonfinite(filled) is None


def test_names_structures_cotangents_and_refusals() -> None:
    x = lg.parameter([0.0, 1.0], name="x")
    y = np.sqrt(x)
    assert find_nonfinite(y, {"x": "x"}, cotangent=[1.0, 0.0]).input is x  # type: ignore[union-attr]
    assert find_nonfinite(y, (x,), cotangent=[0.0, 1.0]) is not None  # 0 times inf
    assert find_nonfinite(y[1:], (x,), cotangent=[1.0]) is None  # what was not taken lets no singularity through
    with pytest.raises(TypeError, match="one element"):
        find_nonfinite(y, x)
    with pytest.raises(TypeError, match="expected a node"):
        find_nonfinite(3.0)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="no node is named"):
        find_nonfinite(y.sum(), "z")
    unconnected = lg.parameter(1.0)
    assert find_nonfinite(y.sum(), unconnected) is None


def test_after_a_leaf_was_set_only_what_is_stale_is_evaluated() -> None:
    x, w = lg.parameter(1.0), lg.parameter(2.0)
    kept, moved = np.sin(w), np.log(x)
    L = kept + moved
    assert find_nonfinite(L) is None
    x.set(0.0)
    with lg.record() as report:
        assert find_nonfinite(L).node is moved  # type: ignore[union-attr]
    assert report.values.computed == (moved,)


def test_each_node_is_looked_at_once_and_what_is_fresh_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[lg.Node] = []

    def find_birth(i: lg.Node) -> Any:
        looked.append(i)
        return nonfinite.find_birth(i)

    monkeypatch.setattr("lazygrad.inspect._nonfinite.find_birth", find_birth)
    x, y = lg.parameter(0.5), lg.parameter(2.0)
    h = np.exp(x)
    L = np.sin(h) * h + y * y
    with lg.record() as report:
        assert find_nonfinite(L, [x, y]) is None
    assert report.values.misses > 0
    computed = {i.serial for i in ancestors(L) if i.op is not None}
    assert computed <= {i.serial for i in looked}
    assert len(looked) == len({i.serial for i in looked})
    with lg.record() as report:
        assert find_nonfinite(L, [x, y]) is None
    assert (report.values.requests, report.adjoints.requests) == (0, 0)


def test_a_target_that_is_gone_leaves_its_adjoints_searchable() -> None:
    x = lg.parameter(0.0)
    g = lg.adjoint(np.exp(bad_value(x)), x)
    assert find_nonfinite(g).op == "bad_value"  # type: ignore[union-attr]


@pytest.mark.parametrize("depth", [2_000, pytest.param(20_000, marks=pytest.mark.deep)])
def test_a_deep_chain(depth: int) -> None:
    x = node = lg.parameter(1.0)
    for _ in range(depth):
        node = np.negative(node)
    node = bad = bad_rule(node)
    for _ in range(depth):
        node = np.negative(node)
    assert find_nonfinite(node) is None
    check_edge(find_nonfinite(node, x), bad)
