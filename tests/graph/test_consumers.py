"""The consumers that a node knows: each once, weakly, and swept as they die at a cost of O(1) each."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph import node as node_module
from lazygrad._graph.node import Node, consumer_refs, delist, enlist, iterate_consumers


def serials(node: Node) -> list[int]:
    """Return the serials of the living consumers, in the order that users see."""
    return [c.serial for c in node.consumers]


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that takes down how many references each sweep looks at."""
    lengths: list[int] = []
    original = node_module._sweep

    def count(node: Node, consumers: list[Any]) -> None:
        lengths.append(len(consumers))
        original(node, consumers)

    monkeypatch.setattr(node_module, "_sweep", count)
    return lengths


def test_many_living_consumers_are_swept_a_few_times_in_all(sweeps: list[int]) -> None:
    x = lg.parameter(1.0)
    kept = [np.sin(x) for _ in range(1000)]
    assert len(x.consumers) == 1000
    assert sweeps == [8 * 2**k for k in range(7)]
    assert x.consumers[0] is kept[0]


def test_dead_consumers_are_forgotten_as_new_ones_come(sweeps: list[int]) -> None:
    x = lg.parameter(1.0)
    kept = [np.sin(x) for _ in range(5)]
    for _ in range(1000):
        np.exp(x)
        assert len(consumer_refs(x)) <= 10
    assert serials(x) == [c.serial for c in kept]
    assert len(sweeps) < 400


@pytest.mark.parametrize("alive", range(9))
def test_a_walk_over_consumers_that_are_swept_meanwhile_meets_each(alive: int) -> None:
    """A walk over consumers may build others, and so a sweep moves the last of them to places that it has passed."""
    for stop in range(8):
        for built in range(12):
            x = lg.parameter(1.0)
            dead = [np.exp(x) for _ in range(8 - alive)]
            kept = [np.sin(x) for _ in range(alive)]
            del dead
            met, new = set(), []
            for k, ref in enumerate(iterate_consumers(x)):
                if (c := ref()) is not None:
                    met.add(c.serial)
                if k == stop:
                    new = [np.cos(x) for _ in range(built)]
            assert {c.serial for c in kept} <= met
            del new


def test_a_walk_over_consumers_of_which_one_is_taken_off_meets_the_others() -> None:
    x = lg.parameter(1.0)
    kept = [np.sin(x) for _ in range(6)]
    met = set()
    for k, ref in enumerate(iterate_consumers(x)):
        c = ref()
        assert c is not None
        met.add(c.serial)
        if k == 2:
            delist(kept[0])
    assert met == {c.serial for c in kept}


def test_a_consumer_of_the_same_node_twice_in_a_row_is_entered_once() -> None:
    x, y = lg.parameter(1.0), lg.parameter(2.0)
    square, mixed = x * x, lg.numpy.stack([x, y, x])
    entered = [c.serial for ref in consumer_refs(x) if (c := ref()) is not None]
    assert entered.count(square.serial) == 1
    assert serials(y) == [mixed.serial]


def test_one_consumer_is_held_without_a_list() -> None:
    x = lg.parameter(1.0)
    first = np.sin(x)
    assert x._consumers is not None
    assert not isinstance(x._consumers, list)
    delist(first)
    assert not x.consumers
    enlist(first)
    second = np.cos(x)
    assert serials(x) == [first.serial, second.serial]
    delist(first)
    assert serials(x) == [second.serial]
    delist(first)  # it is not there any more, and nothing else goes
    assert serials(x) == [second.serial]


def test_consumers_are_held_weakly() -> None:
    x = lg.parameter(1.0)
    gc.disable()
    try:
        y = np.sin(x)
        assert len(x.consumers) == 1
        del y
        assert not x.consumers
    finally:
        gc.enable()


def test_serials_are_the_order_of_creation() -> None:
    x = lg.parameter(1.0)
    nodes = [x, np.sin(x), x * 2, lg.constant(3.0)]
    assert [node.serial for node in nodes] == sorted(node.serial for node in nodes)
    assert serials(x) == [nodes[1].serial, nodes[2].serial]
