"""Pictures: states and paths against brute force, and text that Graphviz and Mermaid can read."""

from __future__ import annotations

import re
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.node import label
from lazygrad._graph.traverse import ancestors
from lazygrad.inspect._dot import measure_widths, shorten
from lazygrad.inspect._model import build_picture, merge_boxes
from lazygrad.inspect._replay import COMPUTED, HIT, STALE, Replay
from tests.helpers.picture_graphs import build_hostile, build_layers, build_tangled, find_box
from tests.helpers.query_sessions import run_session
from tests.helpers.random_graphs import build, make_watched_op, random_dag
from tests.helpers.small_network import hvp, two_layers
from tests.inspect.test_explain import state

# -- the model --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_the_replay_counts_what_the_report_counts(seed: int) -> None:
    report, _, _ = run_session(seed)
    for part in (report, *report.queries):
        touches = Replay.of(part).touches
        for tally, adjoint in ((part.values, False), (part.adjoints, True)):
            of_kind = [touch for touch in touches if (touch.of is not None) == adjoint]
            assert sum(touch.what == HIT for touch in of_kind) == tally.hits
            done = [touch.of if adjoint else touch.entry for touch in of_kind if touch.what == COMPUTED]
            assert [i.serial for i in done] == [i.serial for i in tally.computed]
    replay = Replay.of(report)
    assert [title for _, title in replay.queries] == [str(query.asked) for query in report.queries]
    assert sum(touch.what == STALE for touch in replay.touches) == len(report._forgotten)
    before = [n for n, _ in replay.queries]
    assert before == sorted(before)
    for n, query, after in zip(before, report.queries, [*before[1:], None], strict=True):
        done = [touch.what for touch in replay.touches[n:after]]
        assert done.count(COMPUTED) == query.values.misses + query.adjoints.misses


def test_the_steps_of_a_small_question_are_in_order() -> None:
    x, y = lg.parameter(2.0, name="x"), lg.parameter(3.0, name="y")
    s = np.sin(x)
    L = s * y
    L.name, s.name = "L", "s"
    with lg.record() as report:
        lg.gradient(L, y)
        lg.gradient(L, [y, x])
        x.set(4.0)
    replay = Replay.of(report)
    told = [(touch.what, (touch.entry if touch.of is None else touch.of).name) for touch in replay.touches]
    assert told[:3] == [(HIT, "x"), (COMPUTED, "s"), (COMPUTED, "y")]
    assert told[3:8] == [(HIT, "y"), (HIT, "y"), (COMPUTED, "s"), (HIT, "x"), (COMPUTED, "x")]
    assert Counter(told[8:]) == {(STALE, "s"): 1, (STALE, "y"): 1, (STALE, "x"): 2}  # x and dL/dx
    assert replay.queries == [(0, "dL/dy"), (3, "dL/dy, dL/dx")]


def test_the_replay_of_a_question_that_raises_has_what_was_computed() -> None:
    def fails(what: str) -> None:
        raise ZeroDivisionError

    x = lg.parameter(0.5)
    L = make_watched_op(before=fails)(np.sin(x) * np.cos(x))
    with lg.record() as report, pytest.raises(ZeroDivisionError):
        L.value  # noqa: B018
    touches = Replay.of(report).touches
    done = [touch.entry for touch in touches if touch.what == COMPUTED]
    assert done == list(report.values.computed)
    assert L not in {touch.entry for touch in touches}  # it is neither computed nor a hit
    assert {i.op.name for i in done} == {"sin", "cos", "multiply"}


@pytest.mark.parametrize("engine", [name for name in lg.engines.names() if name != "lazy"])
def test_engines_without_a_memo_are_replayed_too(engine: str) -> None:
    n = two_layers()
    with lg.record() as report:
        lg.gradient(n["L"], n["W1"], engine=engine)
    found = build_picture(n["L"], n["W1"], report)
    done = [touch for touch in found.replay.touches if touch.of is not None]
    assert len(done) == report.adjoints.misses > 0
    assert find_box(found, done[0].of).adjoint == COMPUTED


@pytest.mark.parametrize("seed", range(80))
def test_states_and_paths_are_those_of_brute_force(seed: int) -> None:
    dag = random_dag(9000 + seed, arrays=bool(seed % 2))
    rng = np.random.default_rng(seed)
    nodes = build(dag.recipe)
    L = nodes[int(rng.choice(dag.losses))]
    first, second = (nodes[int(k)] for k in rng.choice(dag.parameters, size=2))
    with np.errstate(all="ignore"):
        with lg.record() as earlier:
            lg.gradient(L, first, unconnected="none")
        first.set(np.asarray(first.value) + 0.5)
        with lg.record() as report:
            lg.gradient(L, second, unconnected="none")
    found = build_picture(L, second, report)
    assert {i.serial for i in ancestors(L)} | {second.serial} == set(found.place)
    wanted = {(j.serial, c.serial) for c in ancestors(L) for j in c.inputs}
    drawn = {(found.boxes[a].node.serial, found.boxes[b].node.serial) for a, b in found.edges}
    assert drawn == wanted
    for states, tally, old in (
        ({box.node.serial: box.value for box in found.boxes}, report.values, earlier.values),
        ({box.node.serial: box.adjoint for box in found.boxes}, report.adjoints, earlier.adjoints),
    ):
        computed = {i.serial for i in tally.computed}
        assert {serial for serial in computed if states[serial] != COMPUTED} == set()
        assert {i.serial for i in tally.reused if i.serial in states and states[i.serial] != HIT} == set()
        touched = computed | {i.serial for i in old.computed}
        assert all(states[serial] in (COMPUTED, HIT, STALE) for serial in touched if serial in states)
    adjoints = {box.node.serial for box in found.boxes if box.adjoint != "untouched"}
    assert adjoints <= {i.serial for i in (*report.adjoints.computed, *earlier.adjoints.computed)}
    # On a fresh graph exactly the adjoints on the path are built: the contract C1.
    fresh = build(dag.recipe)
    twin = {i.serial: k for k, i in enumerate(nodes)}
    with np.errstate(all="ignore"), lg.record() as again:
        lg.gradient(fresh[twin[L.serial]], fresh[twin[second.serial]], unconnected="none")
    expected = {k for k, i in enumerate(fresh) if i in set(again.adjoints.computed)}
    expected |= {twin[L.serial]} if expected else set()
    assert {twin[box.node.serial] for box in found.boxes if box.on_path} == expected


def test_a_path_that_ends_at_a_blocked_edge_is_no_path_to_the_target() -> None:
    x = lg.parameter([0.5, -0.5], name="x")
    s = np.sin(x)  # leads to the condition alone
    condition = s > 0.0
    choice = np.where(condition, x, 1.0)
    L = choice.sum()
    found = build_picture(L, x)
    on_path = {
        (found.boxes[a].node.serial, found.boxes[b].node.serial) for (a, b), is_on in found.edges.items() if is_on
    }
    assert on_path == {(x.serial, choice.serial), (choice.serial, L.serial)}
    assert {box.node.serial for box in found.boxes if box.on_path} == {x.serial, choice.serial, L.serial}


def test_a_box_has_the_bytes_of_its_value_and_its_adjoint() -> None:
    W = lg.parameter(np.ones(5), name="W")
    h = np.exp(W)
    L = h.sum()
    assert find_box(build_picture(L), h).nbytes == 0
    assert h.value.size == 5
    assert find_box(build_picture(L), h).nbytes == 40
    lg.gradient(L, W)
    found = build_picture(L, W)
    assert [find_box(found, i).nbytes for i in (W, h, L)] == [80, 80, 0]


def test_looking_changes_nothing() -> None:
    n = two_layers()
    lg.gradient(n["L"], n["W2"])
    n["W1"].set(np.asarray(n["W1"].value) * 2)
    before = state(list(n.values()))
    with lg.record() as report:
        drawing = lg.inspect.draw(n["L"], [n["W1"], n["x"]])
        assert "stale" in drawing.dot
        assert drawing.mermaid
    assert state(list(n.values())) == before
    assert report.nodes_touched == report.rules_run == len(report._events) == 0


def test_a_node_that_was_never_differentiated_gets_no_memo() -> None:
    L = lg.parameter(1.0) * 2
    lg.inspect.draw(L, L.inputs[0])
    assert L._memo is None


def test_higher_order_and_unconnected_nodes() -> None:
    n = two_layers()
    with lg.record() as report:
        hvp(n)
    target = next(q.asked.target for q in report.queries if q.asked.target is not None)
    beside = lg.parameter(1.0) * 2.0
    found = build_picture(target, [n["W1"], beside], report)
    adjoint = next(i for i in ancestors(target) if i.op is not None and i.op.is_adjoint)
    assert find_box(found, adjoint).kind == "adjoint"
    assert find_box(found, adjoint).title == f"dL/d{label(adjoint.of)}"
    assert find_box(found, n["h"]).value == COMPUTED
    assert find_box(found, n["W1"]).adjoint == COMPUTED
    assert find_box(found, beside).asked
    assert not find_box(found, beside).on_path
    assert sum(len(box.nodes) for box in found.boxes) == len(found.place)


def test_times_are_those_of_the_report() -> None:
    n = two_layers()
    with lg.record(timing=True) as report:
        lg.gradient(n["L"], n["W1"])
    found = build_picture(n["L"], n["W1"], report)
    assert sum(box.seconds for box in found.boxes) == pytest.approx(report.seconds)
    assert " ms" in lg.inspect.draw(n["L"], n["W1"], report, widths="time").dot


# -- text that others read --------------------------------------------------------------------------------


def test_graphviz_reads_what_is_written() -> None:
    pygraphviz = pytest.importorskip("pygraphviz", reason="the extra `draw` is not installed")
    L, leaves, report = build_hostile()
    drawing = lg.inspect.draw(L, leaves[3], report)
    graph = pygraphviz.AGraph(string=drawing.dot)
    assert len(graph.nodes()) == len(ancestors(L)) + 1  # and the legend
    assert {(a, b) for a, b in graph.edges()} == {(f"n{a}", f"n{b}") for a, b in drawing._picture.edges}
    graph.close()
    svg = drawing.svg()
    assert "hacked = 1</script>" not in svg
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    for name in ("a&quot;b", "ünï ☃ 漢字", "&#45; x", "&amp;amp;", "&amp;lt;b&amp;gt;", "back\\slash", "\\N", "new"):
        assert name in shown, name
    assert drawing.png().startswith(b"\x89PNG")


def test_mermaid_is_made_of_known_lines() -> None:
    L, leaves, report = build_hostile()
    text = lg.inspect.draw(L, leaves[3], report).mermaid
    label = r'"(?:[\w _\-.,/()×…+*=:\']|#\d+;|<br/>)*"'
    known = [
        r"flowchart TB",
        rf"  n\d+(?:\({label}\)|\(\[{label}\]\)|\[{label}\]|\[\[{label}\]\])",
        r"  n\d+ --> n\d+",
        r"  linkStyle \d+(?:,\d+)* stroke:#\w+,stroke-width:3px",
        r"  classDef \w+ [\w:#,-]+",
        r"  class n\d+(?:,n\d+)* \w+",
    ]
    for line in text.splitlines():
        assert re.fullmatch("|".join(known), line), line
    assert "#60;#47;script" not in text  # a slash means nothing
    assert "#60;/script#62;" in text
    assert "$" not in text


def test_mermaid_of_a_large_graph_is_one_that_mermaid_draws() -> None:
    L, x = build_tangled(3000)
    drawing = lg.inspect.draw(L, x, max_nodes=5000)
    assert drawing.dot.count("label=") == len(ancestors(L)) + 1
    assert drawing.mermaid.count("-->") <= 500
    assert lg.inspect.draw(L, x, fold=None).mermaid.count("-->") > 3000


def test_the_picture_in_text() -> None:
    W, x = lg.parameter([1.0, 2.0], name="W"), lg.parameter(3.0, name="x")
    s = np.sin(x)
    L = (W * s).sum()
    with lg.trace_sources(), lg.record() as report:
        total = L * 2.0
        lg.gradient(L, W)
    drawing = lg.inspect.draw(L, W, report)
    text = str(drawing)
    assert text == drawing.dot
    assert re.search(
        r'label="W\\n2", tooltip="W: parameter, shape \(2,\), float64\\nvalue untouched, adjoint comp', text
    )
    assert 'label="sin\\nscalar"' in text
    assert text.count("weight=4") == 2  # W -> multiply -> sum
    assert text.count("peripheries=2") == 2
    assert f"{__file__.rsplit('/', 1)[-1]}:" in lg.inspect.draw(total).dot
    lines = {line.split(" [")[0].strip(): line for line in text.splitlines()}
    assert "penwidth=2.00" in lines["n3 -> n4"]  # on the path, but the product was not computed: no bytes


@pytest.mark.parametrize("widths", ["bytes", "time", None])
def test_widths(widths: str | None) -> None:
    small, large = lg.parameter(1.0, name="small"), lg.parameter(np.ones(1000), name="large")
    L = (small * large).sum()
    drawing = lg.inspect.draw(L, widths=widths)
    wide = {m[1]: float(m[2]) for m in re.finditer(r"  (n\d+) -> n\d+ \[penwidth=([\d.]+)", drawing.dot)}
    of = {box.title: wide[f"n{k}"] for k, box in enumerate(drawing._picture.boxes) if f"n{k}" in wide}
    assert (of["large"] > of["small"] > 1) if widths == "bytes" else (of["large"] == of["small"] == 1)
    assert max(wide.values()) == (4 if widths == "bytes" else 1)


def test_the_edge_from_a_folded_box_carries_its_last_value() -> None:
    x = lg.parameter(np.ones(1000), name="part/x")
    total = x.sum()
    total.name = "part/total"
    L = np.tanh(total) * lg.parameter(1.0, name="y")
    assert L.value > 0
    whole = build_picture(L)
    folded = merge_boxes(whole, [[whole.place[x.serial], whole.place[total.serial]]], ["part"])
    assert measure_widths(folded, "bytes") == [4.0] * len(folded.boxes)  # a number each


def test_a_stale_adjoint_is_dashed_and_long_names_are_cut() -> None:
    x, y = lg.parameter(0.5, name="x"), lg.parameter(2.0, name="y" * 41)
    L = x * y
    lg.gradient(L, x)
    assert "dashed" not in lg.inspect.draw(L).dot
    y.set(3.0)
    lines = {line.split(" [")[0].strip(): line for line in lg.inspect.draw(L).dot.splitlines()}
    assert "dashed" in lines["n0"]  # its adjoint read y
    assert "dashed" not in lines["n1"]
    assert f'label="{"y" * 39}…\\n' in lines["n1"]
    assert shorten("y" * 40) == "y" * 40


# -- the drawing ------------------------------------------------------------------------------------------


def test_saving(tmp_path: Any) -> None:
    L, parameters = build_layers(2)
    drawing = lg.inspect.draw(L, parameters)
    assert drawing.save(tmp_path / "g.dot").read_text(encoding="utf-8") == drawing.dot
    assert drawing.save(tmp_path / "g.gv").read_text(encoding="utf-8") == drawing.dot
    assert drawing.save(str(tmp_path / "g.mmd")).read_text(encoding="utf-8") == drawing.mermaid
    with pytest.raises(ValueError, match="told by the suffix"):
        drawing.save(tmp_path / "g")
    pytest.importorskip("pygraphviz", reason="the extra `draw` is not installed")
    assert "<svg" in drawing.save(tmp_path / "g.svg").read_text(encoding="utf-8")
    assert drawing.save(tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
    assert drawing._repr_mimebundle_()["image/svg+xml"].endswith("</svg>\n")


def test_without_pygraphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    L, parameters = build_layers(2)
    drawing = lg.inspect.draw(L, parameters)
    for ask in (drawing.svg, drawing.png, lambda: drawing.save(tmp_path / "g.svg")):
        with pytest.raises(ImportError, match=r'pip install "lazygrad\[draw\]"'):
            ask()
    assert drawing._repr_mimebundle_() == {"text/vnd.mermaid": drawing.mermaid, "text/plain": drawing.dot}


def test_refusals() -> None:
    x = lg.parameter(1.0, name="x")
    L = x * 2
    with pytest.raises(ValueError, match="fold must be None or one of 'auto', 'prefix', 'repeat', 'distance'"):
        lg.inspect.draw(L, fold="colour")
    with pytest.raises(ValueError, match="widths must be one of 'bytes', 'time', None"):
        lg.inspect.draw(L, widths="colour")
    with pytest.raises(ValueError, match="max_nodes must be at least 1"):
        lg.inspect.draw(L, max_nodes=0)
    with pytest.raises(TypeError, match="floating point"):
        lg.inspect.draw(lg.constant(1) + 1)
    with pytest.raises(TypeError, match="expected a node"):
        lg.inspect.draw(3.0)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="closest first: x"):
        lg.inspect.draw(L, "y")


def test_a_leaf_alone_and_empty_arrays() -> None:
    x = lg.parameter(np.zeros((0, 3)), name="x")
    assert "x\\n0×3" in lg.inspect.draw(x).dot
    assert lg.inspect.draw(x).mermaid.startswith('flowchart TB\n  n0(["x<br/>0×3"])\n')
    assert repr(lg.inspect.draw(x.sum(), x)) == "<Drawing of 2 nodes in 2 boxes>"
