"""Folding: every node in one box, few enough boxes, and what was asked for on its own."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad.inspect._fold import WAYS, fold
from lazygrad.inspect._model import COMPUTED, HIT, STALE, UNTOUCHED, Picture, build_picture, merge_boxes
from tests.helpers.picture_graphs import build_layers, build_long_chain, build_tangled, build_wide, find_box
from tests.helpers.random_graphs import build, random_dag


def check_fold(whole: Picture, small: Picture) -> None:
    """Each node is in one box, edges are those between boxes, and what was asked for stands alone."""
    serials = [i.serial for box in small.boxes for i in box.nodes]
    assert sorted(serials) == sorted(whole.place)
    assert small.place == {i.serial: k for k, box in enumerate(small.boxes) for i in box.nodes}
    at = [small.place[box.node.serial] for box in whole.boxes]
    wanted: dict[tuple[int, int], bool] = {}
    for (a, b), on_path in whole.edges.items():
        if at[a] != at[b]:
            wanted[at[a], at[b]] = wanted.get((at[a], at[b]), False) or on_path
    assert small.edges == wanted
    for box in small.boxes:
        assert (box.kind == "fold") == (len(box.nodes) > 1)
        assert box.kind != "fold" or not box.target
    assert sum(box.nbytes for box in small.boxes) == sum(box.nbytes for box in whole.boxes)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("seed", range(20))
def test_folds_of_random_graphs_are_quotients(how: str, seed: int) -> None:
    nodes = build(random_dag(9500 + seed, arrays=False).recipe)
    for k, node in enumerate(nodes):
        if k % 3:
            node.name = f"block{k % 4}/part{k % 2}/n{k}"
    L = nodes[-1]
    wrt = [i for i in ancestors(L) if i.op is None][:1]
    whole = build_picture(L, wrt)
    for most in (1, 5, 12):
        small = fold(whole, how, most)
        check_fold(whole, small)
        if how in ("auto", "distance"):
            assert len(small.boxes) <= max(most, 2)
        if most >= 4:
            assert all(box.kind != "fold" for box in small.boxes if box.asked)


def test_names_fold_by_the_longest_prefix_that_is_short_enough() -> None:
    L, parameters = build_layers(6)
    wrt = parameters["net/layer2/W"]
    whole = build_picture(L, wrt)
    small = fold(whole, "prefix", 20)
    check_fold(whole, small)
    titles = {box.title: len(box.nodes) for box in small.boxes if box.kind == "fold"}
    assert titles == {f"net/layer{k}": 4 if k == 2 else 6 if k == 5 else 5 for k in range(6)}
    assert find_box(small, wrt).nodes == [wrt]
    assert {box.title for box in fold(whole, "prefix", 4).boxes} == {"data", "net", "net/layer2/W", "L"}


@pytest.mark.parametrize("room", [20, 25, 26])
def test_nodes_asked_for_keep_boxes_of_their_own_where_half_the_room_holds_them(room: int) -> None:
    L, parameters = build_layers(6)
    asked = list(parameters.values())
    small = fold(build_picture(L, asked), "prefix", room)
    assert len(asked) + 1 == 13  # and the target
    alone = {i.name for i in asked if find_box(small, i).nodes == [i]}
    assert alone == (set(parameters) if room == 26 else set())
    assert find_box(small, L).nodes == [L]


def test_a_folded_box_shows_the_most_urgent_state_and_all_bytes() -> None:
    x = lg.parameter(np.ones(3), name="x")
    stale, fresh, untouched, asked = (
        lg.parameter(np.ones(3), name=f"part/{name}") for name in ("stale", "fresh", "untouched", "asked")
    )
    parts = [np.exp(stale), np.sin(fresh), np.cos(untouched) > 2.0, np.tanh(asked)]
    for k, part in enumerate(parts):
        part.name = f"ops/{k}"
    L = np.sum(parts[0] * parts[1] * x + np.where(parts[2], parts[3], x))
    for part in parts[:2]:
        assert part.value.size == 3
    stale.set(np.zeros(3))
    with lg.record() as report:
        assert parts[1].value.size == 3
    states = {(2,): UNTOUCHED, (1,): HIT, (1, 2): HIT, (0, 1, 2): STALE}
    whole = build_picture(L, None, report)
    for members, state in states.items():
        places = sorted(whole.place[parts[k].serial] for k in members)
        box = find_box(merge_boxes(whole, [places], ["several"]), parts[members[0]])
        assert (box.value, box.nbytes) == (state, 24 * (1 in members))
        assert (box.target, box.asked, box.on_path) == (False, False, False)


@pytest.mark.parametrize(("times", "sizes"), [(2, [1, 1, 1, 1, 1]), (3, [1, 1, 3, 1])])
def test_three_in_a_row_are_a_repetition(times: int, sizes: list[int]) -> None:
    x = lg.parameter([0.5, 0.6], name="x")
    h = np.exp(x)
    for _ in range(times):
        h = np.tanh(h)
    small = fold(build_picture(h.sum(), x), "repeat", 100)
    assert [len(box.nodes) for box in small.boxes] == sizes


def test_a_leaf_that_others_read_too_stays_outside_of_a_repetition() -> None:
    x = lg.parameter([0.5, 0.6], name="x")
    h = np.exp(x)
    shared, own = lg.parameter([1.0, 1.0], name="shared"), lg.parameter([1.0, 1.0], name="own")
    for _ in range(4):
        h = h * own
    for _ in range(4):
        h = np.tanh(h + shared)
    L = (h - shared * 3.0).sum()
    small = fold(build_picture(L, x), "repeat", 100)
    assert find_box(small, own).kind == "fold"
    assert find_box(small, shared).nodes == [shared]
    assert find_box(fold(build_picture(L, own), "repeat", 100), own).nodes == [own]


def test_names_as_containers_and_modules_have_them() -> None:
    x = lg.parameter(1.0, name="x")
    L = x
    for k in range(3):
        for key in ("'W'", "'b'"):
            L = L * lg.parameter(1.0, name=f"layers[{k}][{key}]")
        L = L * lg.parameter(1.0, name=f"head.{k}.weight")
    small = fold(build_picture(L, x), "prefix", 9)
    titles = {box.title for box in small.boxes if box.kind == "fold"}
    assert {"layers[0]", "layers[1]", "layers[2]", "head.0", "head.1", "head.2"} >= titles
    assert {"layers[0]", "head.1"} <= titles


def test_repeated_blocks_fold_and_repetitions_of_them() -> None:
    x = lg.parameter([0.5, 0.6], name="x")
    h = x
    for _ in range(10):
        h = np.exp(np.sin(np.sin(np.sin(np.sin(h)))) * lg.parameter([1.0, 1.0]))
    L = h.sum()
    whole = build_picture(L, x)
    small = fold(whole, "repeat", 100)
    check_fold(whole, small)
    folded = {box.title: len(box.nodes) for box in small.boxes if box.kind == "fold"}
    assert any(re.match(r"(8|9|10) × \(", title) for title in folded)
    assert max(folded.values()) >= 7 * 9
    assert fold(whole, "auto", 100).boxes == whole.boxes


def test_blocks_in_different_states_are_folded_apart_while_there_is_room() -> None:
    x = lg.parameter(0.5, name="x")
    h, middle = x, None
    for k in range(40):
        h = np.sin(h)
        middle = h if k == 19 else middle
    assert middle is not None
    middle.value  # noqa: B018
    found = fold(build_picture(h), "auto", 10)
    states = [(len(box.nodes), box.value) for box in found.boxes if box.kind == "fold"]
    assert [value for _, value in states] == [COMPUTED, "untouched"]
    assert sum(n for n, _ in states) >= 36


def test_distance_keeps_what_is_near() -> None:
    L, parameters = build_layers(40)
    wrt = parameters["net/layer20/W"]
    small = fold(build_picture(L, wrt), "distance", 30)
    alone = {box.node.name for box in small.boxes if box.kind != "fold"}
    assert {"L", "net/layer20/W", "net/layer20/b", "net/layer39/b"} <= alone
    assert "net/layer0/W" not in alone
    assert len(small.boxes) <= 30


def test_too_many_asked_for_are_folded_like_others() -> None:
    L, parameters = build_layers(50)
    small = fold(build_picture(L, parameters), "auto", 20)
    assert len(small.boxes) <= 20
    assert any(box.asked and box.kind == "fold" for box in small.boxes)


@pytest.mark.parametrize(
    ("make", "nodes"),
    [
        (build_long_chain, 2_000),
        (build_wide, 5_000),
        (build_tangled, 5_000),
        pytest.param(build_long_chain, 20_000, marks=pytest.mark.deep),
        pytest.param(build_wide, 20_000, marks=pytest.mark.deep),
        pytest.param(build_tangled, 100_000, marks=pytest.mark.deep),
    ],
)
def test_large_graphs(make: Any, nodes: int) -> None:
    L, x = make(nodes)
    with np.errstate(all="ignore"), lg.record() as report:
        lg.gradient(L, x)
    assert sys.getrecursionlimit() <= 1000
    drawing = lg.inspect.draw(L, x, report)
    text = drawing.dot
    assert text.count("label=") <= 302
    assert len(drawing.mermaid.splitlines()) < 2000
    assert sum(len(box.nodes) for box in drawing._picture.boxes) == len(ancestors(L))
