"""The page: what is written into it, and what is bundled with it."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from tests.helpers.page_data import count_requests, count_steps, read_data
from tests.helpers.picture_graphs import HOSTILE, build_hostile, build_long_chain, build_tangled
from tests.helpers.query_sessions import run_session
from tests.helpers.small_network import hvp, two_layers

ASSETS = Path(lg.inspect.__file__).parent / "assets"


# -- the file ---------------------------------------------------------------------------------------------


def test_the_page_holds_the_graph_and_the_summaries(tmp_path: Path) -> None:
    W, x = lg.parameter([[1.0, 2.0], [3.0, np.nan]], name="W"), lg.parameter([0.5, 0.25], name="x")
    with lg.trace_sources():
        h = W @ x
    L = np.exp(h).sum()
    h.name, L.name = "h", "L"
    with lg.record() as report:
        lg.gradient(L, x)
    path = lg.inspect.page(L, x, tmp_path / "report.html", report)
    assert path == tmp_path / "report.html"
    data = read_data(path)
    titles = [box[0] for box in data["boxes"]]
    assert titles == ["W", "x", "h", "exp", "L"]
    assert (titles[data["target"]], [titles[k] for k in data["asked"]]) == ("L", ["x"])
    path_edges = {(titles[a], titles[b]) for a, b, on_path, _ in data["edges"] if on_path}
    assert path_edges == {("x", "h"), ("h", "exp"), ("exp", "L")}
    told = [{title: dict(rows) for title, rows in sections} for sections in data["details"]]
    details = dict(zip(titles, told, strict=True))
    assert details["h"]["Node"]["shape"] == "(2,)"
    assert re.fullmatch(r".*test_page\.py:\d+", details["h"]["Node"]["line"])
    assert details["W"]["Value"] == {
        "bytes": "32 B", "is": "[[ 1.,  2.],\n [ 3., nan]]", "min": "1", "mean": "2", "max": "3", "nan": "1",
        "first at": "(1, 1)",
    }  # fmt: skip
    assert details["x"]["Adjoint"]["nan"] == "2"
    assert details["h"]["Rules"] == {"x = W": "reads y", "y = x": "reads x"}
    assert details["exp"]["Rules"] == {"x = h": "reads its own output"}
    assert details["L"]["Value"] == {"memo": "not computed"}
    assert L._value is None
    assert data["queries"] == [[0, "dL/dx"]]
    assert count_steps(data["steps"]) == count_requests(report)


@pytest.mark.parametrize("seed", range(25))
def test_the_steps_add_up_to_the_report(seed: int, tmp_path: Path) -> None:
    report, _, asked = run_session(seed)
    for L, wrt in asked[:2]:
        for most in (5000, 3):
            data = read_data(lg.inspect.page(L, list(wrt), tmp_path / "p.html", report, max_nodes=most))
            assert count_steps(data["steps"]) == count_requests(report)
            assert data["nodes"] >= len(ancestors(L))
            assert [title for _, title in data["queries"]] == [str(query.asked) for query in report.queries]
            assert data["left_out"] == 0


def test_each_query_begins_where_its_steps_do(tmp_path: Path) -> None:
    n = two_layers()
    with lg.record() as report:
        lg.gradient(n["L"], n["W2"])
        lg.gradient(n["L"], n["W1"])
        hvp(n)
    data = read_data(lg.inspect.page(n["L"], None, tmp_path / "p.html", report))
    begins = [step for step, _ in data["queries"]]
    total = np.zeros(6, dtype=int)
    for query, stop in zip(report.queries, [*begins[1:], None], strict=True):
        total += count_requests(query)
        assert count_steps(data["steps"], stop) == total.tolist()


@pytest.mark.parametrize("engine", lg.engines.names())
def test_the_steps_of_every_engine_add_up_query_by_query(engine: str, tmp_path: Path) -> None:
    x = lg.parameter([1.0, 2.0], name="x")
    h = np.exp(x)
    L = np.sum(np.sin(h) * h)
    with lg.record() as report:
        for first in (1.0, 1.0, 3.0, 4.0):
            x.set([first, 2.0])
            lg.gradient(L, x, engine=engine)
    data = read_data(lg.inspect.page(L, x, tmp_path / "p.html", report))
    total = np.zeros(6, dtype=int)
    stops = [*[step for step, _ in data["queries"][1:]], None]
    for query, stop in zip(report.queries, stops, strict=True):
        total += count_requests(query)
        assert count_steps(data["steps"], stop) == total.tolist()


def test_steps_in_a_folded_box_are_joined_within_a_query_and_up_to_a_thousandth(tmp_path: Path) -> None:
    nodes = [lg.parameter(0.5, name="x")]
    for _ in range(2000):
        nodes.append(np.sin(nodes[-1]))
    with lg.record() as report:
        for k in (1500, 1000, 500):
            lg.gradient(nodes[-1], nodes[k])
    data = read_data(lg.inspect.page(nodes[-1], None, tmp_path / "p.html", report, max_nodes=3))
    total = np.zeros(6, dtype=int)
    stops = [*[step for step, _ in data["queries"][1:]], None]
    for query, stop in zip(report.queries, stops, strict=True):
        total += count_requests(query)
        assert count_steps(data["steps"], stop) == total.tolist()
    many = data["steps"][1::3]
    touches = sum(total[[1, 2, 4, 5]])
    assert sum(many) == touches
    assert max(many) == touches // 1000 + 1


def test_nothing_is_evaluated_or_asked(tmp_path: Path) -> None:
    n = two_layers()
    with lg.record() as report:
        lg.inspect.page(n["L"], [n["W1"]], tmp_path / "p.html")
    assert report._events == []
    assert report.nodes_touched == 0
    assert all(i._value is None for i in ancestors(n["L"]) if i.op is not None)
    assert n["L"]._memo is None


def test_no_name_ends_the_data_or_the_title(tmp_path: Path) -> None:
    L, leaves, report = build_hostile()
    path = lg.inspect.page(L, leaves, tmp_path / "p.html", report)
    text = path.read_text("utf-8")
    assert "window.hacked = 1<" not in text
    assert "<img src=x" not in text
    assert text.count("</script>") == 4
    known = {"".join("\ufffd" if c in "\x00\x1b\ud800" else c for c in name) for name in HOSTILE}
    assert {box[0] for box in read_data(path)["boxes"]} >= known
    assert "<title>lazygrad: &quot;L&quot;\\</title>" in text


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    n = two_layers()
    text = lg.inspect.page(n["L"], None, tmp_path / "p.html").read_text("utf-8")
    head = text[: text.index("<style>")]
    assert "default-src 'none'" in head
    own = (ASSETS / "template.html").read_text("utf-8") + (ASSETS / "page.css").read_text("utf-8")
    assert re.findall(r"""(?:\ssrc|href|@import|url\()\s*=?""", own) == []
    assert "fetch(" not in (ASSETS / "page.js").read_text("utf-8")
    assert "innerHTML" not in (ASSETS / "page.js").read_text("utf-8")


@pytest.mark.parametrize(
    ("make", "nodes"),
    [
        (build_long_chain, 6_000),
        pytest.param(build_long_chain, 100_000, marks=pytest.mark.deep),
        pytest.param(build_tangled, 30_000, marks=pytest.mark.deep),
    ],
)
def test_a_large_graph_is_a_small_page(make: Any, nodes: int, tmp_path: Path) -> None:
    assert sys.getrecursionlimit() <= 1000
    L, x = make(nodes)
    with np.errstate(all="ignore"), lg.record() as report:
        lg.gradient(L, x)
    data = read_data(lg.inspect.page(L, x, tmp_path / "p.html", report))
    assert len(data["boxes"]) <= 5000
    assert data["nodes"] == len(ancestors(L))
    assert count_steps(data["steps"]) == count_requests(report)
    assert len(data["steps"]) > 3 * 500


# -- what is bundled --------------------------------------------------------------------------------------


def test_the_bundled_files_are_those_of_the_table() -> None:
    table = (ASSETS / "THIRD_PARTY.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w.-]+)` \|.*\| ([\d.]+) \| \w+ \| `(\w{64})` \|$", table, re.M)
    assert {name for name, _, _ in rows} == {path.name for path in ASSETS.glob("*.js")} - {"page.js"}
    for name, version, digest in rows:
        held = (ASSETS / name).read_bytes()
        assert hashlib.sha256(held).hexdigest() == digest
        assert version.encode() in held
        assert b"</script" not in held.lower()
    for licence in ("cytoscape", "viz", "graphviz", "expat"):
        assert "ermission" in (ASSETS / "licences" / f"{licence}.txt").read_text("utf-8")


def test_all_files_go_into_the_wheel() -> None:
    # Hatchling takes a package with all its files, but for what is excluded or ignored by git.
    root = Path(__file__).parents[2]
    build = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    wheel = build["targets"]["wheel"]
    assert wheel["packages"] == ["lazygrad"]
    assert not {"exclude", "include", "only-include", "ignore-vcs"} & (set(wheel) | set(build))
    ignored = [line.strip("/") for line in (root / ".gitignore").read_text("utf-8").splitlines()]
    paths = [path.relative_to(root) for path in ASSETS.rglob("*.*")]
    assert paths
    for path in paths:
        assert not [part for part in path.parts for pattern in ignored if fnmatch.fnmatch(part, pattern)], path
