"""The table of a memo: sorted, filtered, and with every entry that brute force finds."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives.adjoint_node import AdjointNode
from lazygrad._graph.traverse import ancestors
from lazygrad._report.table import Table
from tests.helpers.query_sessions import run_session
from tests.helpers.small_network import two_layers


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


def test_shapes_are_sorted_by_size_and_then_by_shape() -> None:
    small, large = lg.parameter(np.ones(3)), lg.parameter(np.ones((1, 7)))
    L = np.sum(np.exp(small)) + np.sum(np.exp(large.reshape(7)[:2])) + np.sum(np.exp(large))
    assert L.value > 0
    shapes = [r.shape for r in lg.differentiator(L).table().sorted("shape")]
    assert shapes[-5:] == [(2,), (2,), (3,), (1, 7), (7,)]  # by size, then by shape


def test_the_table_is_what_brute_force_finds() -> None:
    for seed in range(40):
        _, _, asked = run_session(seed)
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
