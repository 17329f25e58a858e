"""Discovery: which consumers lead to a target, in which order, found from whichever end is nearer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives.defined import find_defined_leaves, find_first_blocked, list_names
from lazygrad._derivatives.discover import Discovery, flows, flows_or_blocked
from lazygrad._derivatives.edges import find_edges_between, make_arc_finder
from lazygrad._graph.node import Node, consumer_refs
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import same_bits


def branches(x: Node, drop: bool) -> Node:
    """Return a sum of many branches on `x`; with `drop`, others die in between, so that the list is swept."""
    kept, dropped = [], []
    for k in range(24):
        kept.append(np.sin(x) * (0.1 + 0.7**k))
        if drop:
            dropped.append(np.cos(x))
            if k % 5 == 4:
                dropped.clear()
    total = kept[0]
    for one in kept[1:]:
        total = total + one
    return total


def from_below(L: Node, x: Node) -> tuple[Node, ...]:
    """Find the consumers of `x` by the climb alone."""
    search = Discovery(L.serial, L)
    for _ in search._search_from_below(x):
        pass
    return search.leading[x.serial]


def from_target(L: Node, x: Node) -> tuple[Node, ...]:
    """Find the consumers of `x` by the descent alone."""
    search = Discovery(L.serial, L)
    for _ in search._search_from_target(x.serial):
        pass
    return search.leading[x.serial]


def test_consumers_come_in_the_order_of_creation_however_the_list_of_them_was_swept() -> None:
    x = lg.parameter(0.3)
    L = branches(x, drop=True)
    living = [c.serial for ref in consumer_refs(x) if (c := ref()) is not None]
    assert living != sorted(living), "the sweep has moved some"
    for find in (from_below, from_target):
        serials = [c.serial for c in find(L, x)]
        assert serials == sorted(serials)
        assert len(serials) == 24


def test_a_swept_list_changes_no_bit_of_a_gradient() -> None:
    for seed in range(20):
        x, y = (lg.parameter(np.random.default_rng(seed).normal()) for _ in range(2))
        assert same_bits(lg.gradient(branches(x, drop=True), x), lg.gradient(branches(y, drop=False), y))


@pytest.mark.parametrize("find", [from_below, from_target])
def test_both_ends_find_the_same(find: Callable[[Node, Node], tuple[Node, ...]]) -> None:
    x, labels = lg.parameter([0.3, 0.4]), lg.constant([1, 0])
    h = np.tanh(x)
    twice = h * h
    dead = np.exp(h)
    L = (twice + h[labels]).sum()
    younger = L * h.sum()
    assert [c.serial for c in find(L, h)] == [twice.serial, L.inputs[0].inputs[1].serial]
    assert dead.serial not in {c.serial for c in find(L, h)}
    assert younger.serial > L.serial


def test_a_consumer_built_of_a_node_twice_is_found_once() -> None:
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    L = lg.ops.where(lg.constant(True), x, y)
    both = lg.numpy.stack([x, y, x]).sum()
    for find in (from_below, from_target):
        assert find(L, x) == (L,)
        assert [c.op.name for c in find(both, x)] == [both.inputs[0].op.name]
    assert find_edges_between(x, both)[x.serial][1].argnum == 2


def test_a_search_settles_all_that_lies_between_and_is_not_repeated() -> None:
    x = lg.parameter(0.5)
    nodes = [x]
    for _ in range(50):
        nodes.append(np.sin(nodes[-1]))
    d = lg.differentiator(nodes[-1])
    with lg.record() as report:
        assert d.is_connected(nodes[25])
    first = report.nodes_touched
    assert 0 < first <= 2 * 26
    with lg.record() as report:
        assert all(d.is_connected(node) for node in nodes[25:-1])
    assert report.nodes_touched == 0
    with lg.record() as report:
        assert d.is_connected(x)
    assert 0 < report.nodes_touched <= 2 * 26
    check_invariants(nodes)


def test_blocked_edges_and_structural_zeros_are_told_apart() -> None:
    x = lg.parameter([0.2, 1.7])
    steps = np.floor(x) * 2.0  # a structural zero
    condition = lg.ops.where(x, lg.parameter(1.0), lg.parameter(2.0))  # a blocked edge
    for L, blocked in ((steps.sum(), False), (condition.sum(), True)):
        assert not any(flows(c, x) for c in x.consumers)
        found = find_first_blocked(x, L.serial, L)
        assert bool(Discovery(L.serial, L, flows_or_blocked).find(x)) == blocked
        assert (None if found is None else (found[1], found[2].serial)) == ((0, x.serial) if blocked else None)
        assert (x.serial in {i.serial for i in find_defined_leaves(L)}) != blocked


def test_the_seed_of_a_target_is_no_leaf_that_derivatives_are_defined_by() -> None:
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    g = lg.adjoint(x * x * y, x)
    assert {i.serial for i in find_defined_leaves(g * y)} == {x.serial, y.serial}


@pytest.mark.parametrize(
    ("count", "end"), [(0, "none"), (1, "p0"), (8, "p6, p7"), (9, "p7, and 1 more"), (20, "p7, and 12 more")]
)
def test_a_sentence_names_the_first_few_nodes(count: int, end: str) -> None:
    nodes = tuple([lg.parameter(1.0, name=f"p{k}") for k in range(count)])
    assert list_names(nodes).endswith(end)
    assert list_names(nodes).count(",") == max(min(count, 8) - 1, 0) + (count > 8)


def test_arcs_with_everything_hold_integers_and_zeros_too() -> None:
    x = lg.parameter([0.2, 1.7])
    L = (np.floor(x) * x).sum()
    plain, everything = make_arc_finder(L), make_arc_finder(L, everything=True)
    floor = L.inputs[0].inputs[0]
    assert [(c.serial, k) for c, k in plain(x)] == [(L.inputs[0].serial, 1)]
    assert [(c.serial, k) for c, k in everything(x)] == [(floor.serial, 0), (L.inputs[0].serial, 1)]


@pytest.mark.parametrize("find", [from_below, from_target])
def test_no_path_leads_through_integers(find: Callable[[Node, Node], tuple[Node, ...]]) -> None:
    x = lg.parameter([1.5, 2.5])
    whole = x.astype(int)
    other = x * x
    scaled = whole * 2.0
    L = (scaled * other).sum()
    assert [c.serial for c in find(L, x)] == [other.serial]
    assert not lg.differentiator((scaled * scaled).sum()).is_connected(x)
