"""A parameter that many living losses share: a question about one looks at as much as that one needs (contract C2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives import discover
from lazygrad._graph.node import iterate_consumers


def _count_looks(monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """Return at how many consumers a question about one of `count` losses looks."""
    looks = 0

    def iterate(node: lg.Node) -> Iterator[Any]:
        nonlocal looks
        for ref in iterate_consumers(node):
            looks += 1
            yield ref

    W = lg.parameter(np.ones((3, 3)))
    losses = [(W @ lg.constant(np.ones(3)) * float(k)).sum() for k in range(count)]
    monkeypatch.setattr(discover, "iterate_consumers", iterate)
    np.testing.assert_array_equal(lg.gradient(losses[count // 2], W), np.full((3, 3), count // 2))
    return looks


def test_one_loss_of_many_costs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = _count_looks(monkeypatch, 50), _count_looks(monkeypatch, 5000)
    assert few == many <= 10


def test_consumers_that_change_places_meanwhile_are_not_missed() -> None:
    x = lg.parameter(1.0)
    kept = [x * float(k) for k in range(20)]
    dropped = [x + 1.0 for _ in range(20)]
    kept += [x * float(k) for k in range(20)]
    del dropped  # dead references among the living ones
    seen: list[Any] = []
    for k, ref in enumerate(iterate_consumers(x)):
        seen.append(ref())
        if k == 3:
            kept += [x - float(n) for n in range(100)]  # so many that the dead are swept out
    alive = {id(i) for i in seen if i is not None}
    assert {id(i) for i in kept[:40]} <= alive
