"""The table that puts engines side by side."""

from __future__ import annotations

import numpy as np

import lazygrad as lg
from lazygrad import engines
from tests.helpers.engine_helpers import BUILT_IN, layered, network
from tests.helpers.engine_helpers import only_ours as only_ours


def test_compare() -> None:
    L, leaves = network()
    table = engines.compare(L, leaves, BUILT_IN)
    rows = {row.engine: row for row in table}
    assert tuple(rows) == BUILT_IN
    # matmul, add, tanh, matmul, cross_entropy, mean: all values for the sweeps; not the last two for the others.
    assert {name: row.values for name, row in rows.items()} == {
        "lazy": 4,
        "sweep": 6,
        "children": 6,
        "forward": 4,
        "paths": 4,
        "numeric": 0,
    }
    assert (rows["lazy"].nodes, rows["lazy"].rules) == (8, 8)
    assert (rows["sweep"].nodes, rows["sweep"].rules) == (9, 9)  # X, too
    assert (rows["children"].nodes, rows["children"].rules) == (9, 9)
    assert (rows["forward"].nodes, rows["forward"].rules) == (6, 12 * 6 + 4 * 5 + 8 * 3)
    assert (rows["paths"].nodes, rows["paths"].rules) == (8, 6 + 5 + 3)
    assert (rows["numeric"].nodes, rows["numeric"].rules) == (6, 0)
    for row in table:
        assert row.difference < 1e-10
        assert row.peak_bytes > 0
        assert row.seconds > 0
        assert row.refused is None
    assert "not computed" in repr(L)  # the graph stayed as it was
    with lg.record() as report:
        lg.gradient(L, leaves)
    assert report.rules_run == 8

    lines = str(table).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split() == ["engine", "values", "nodes", "rules", "seconds", "peak", "bytes", "difference"]
    assert [line.split()[0] for line in lines[1:]] == list(BUILT_IN)


def test_compare_says_who_refused() -> None:
    x, L, _ = layered(12)
    refused, swept = engines.compare(L, x, ["paths", "sweep"])
    assert "531,441 paths" in refused.refused
    assert (swept.refused, swept.difference) == (None, 0.0)
    assert "refused: 531,441 paths" in str(engines.compare(L, x, ["paths"]))


def test_compare_with_names_cotangent_and_what_is_not_connected() -> None:
    x, other = lg.parameter([1.0, 2.0], name="x"), lg.parameter(1.0)
    y = x * x
    table = engines.compare(y, ["x", other], cotangent=[1.0, 0.0])
    assert [row.engine for row in table] == list(BUILT_IN)
    assert all(row.difference < 1e-10 for row in table)


def test_compare_uses_all_registered_engines_and_sees_a_wrong_one() -> None:
    engines.register("wrong by one", lambda L, wrt, cotangent: [g + 1 for g in engines.lazy(L, wrt, cotangent)])
    x = lg.parameter([1.0, 2.0])
    rows = {row.engine: row for row in engines.compare((0.5 * x).sum(), x)}
    assert tuple(rows) == (*BUILT_IN, "wrong by one")
    assert (rows["lazy"].difference, rows["wrong by one"].difference) == (0.0, 1.0)


def test_compare_shows_nan() -> None:
    engines.register("lost", lambda L, wrt, cotangent: [np.full(i.shape, np.nan) for i in wrt])
    x = lg.parameter([1.0, 2.0])
    (row,) = engines.compare(x.sum(), x, ["lost"])
    assert np.isnan(row.difference)
