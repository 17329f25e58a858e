"""Joined arrays: where each input starts is measured once, again when a shape changes, and forgotten with the node."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import ops
from lazygrad.ops import linear


@pytest.mark.parametrize("axis", [0, None])
def test_parts_follow_their_inputs_to_other_lengths(axis: Any) -> None:
    x, y = lg.parameter([1.0, 2.0]), lg.parameter([3.0])
    L = (ops.concatenate(x, y, x, axis=axis) ** 2).sum()
    for length in (2, 4, 1, 3):
        x.set(np.arange(1.0, 1.0 + length))
        by_x, by_y = lg.gradient(L, [x, y])
        np.testing.assert_array_equal(by_y, 2 * y.value)
        np.testing.assert_array_equal(by_x, 4 * x.value)


def test_starts_are_measured_once_for_all_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule would else look at all inputs, which makes a gradient of n inputs cost n * n."""
    measured: list[int] = []
    measure = linear._measure_starts
    monkeypatch.setattr(linear, "_measure_starts", lambda node: measured.append(node.serial) or measure(node))
    leaves = [lg.parameter([float(k)]) for k in range(20)]
    joined = ops.concatenate(*leaves, axis=0)
    L = (joined * np.arange(20.0)).sum()
    np.testing.assert_array_equal(np.ravel(lg.gradient(L, leaves)), np.arange(20.0))
    assert measured == [joined.serial]


def test_starts_are_forgotten_with_the_node() -> None:
    gc.collect()
    before = set(linear._starts)
    joined = ops.concatenate(lg.parameter([1.0]), lg.parameter([2.0]), axis=0)
    L = joined.sum()
    lg.gradient(L, joined.inputs[0])
    assert set(linear._starts) - before == {joined.serial}
    del L, joined
    assert set(linear._starts) <= before
