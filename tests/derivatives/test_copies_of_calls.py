"""Copies of nodes that functions gave call those functions again when a shape or dtype changes (contract C4)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.scipy import linalg, stats

Build = Callable[[Any], Any]
WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda pair: pickle.loads(pickle.dumps(pair)),
    "with values": lg.copy,
    "saved with values": lambda pair: lg.loads(lg.dumps(pair)),
    "one node": lambda pair: (pair[0], copy.copy(pair[1])),
}
CALLS: dict[str, tuple[Build, Any, Any]] = {
    "fft": (lambda x: np.abs(np.fft.fft(x)), np.ones(4), np.arange(6.0)),
    "eigh": (lambda x: np.linalg.eigh(x)[0], np.eye(3), np.diag([1.0, 2.0, 3.0, 4.0])),
    "toeplitz": (linalg.toeplitz, np.ones(3), np.arange(6.0)),
    "pdf": (lambda x: stats.norm.pdf(x, 1.0, 2.0), np.ones(3), np.arange(6.0)),
    "convolve": (lambda x: np.convolve(x, np.ones(3), "same"), np.ones(3), np.arange(6.0)),
    "cross_entropy": (lambda x: lg.ops.cross_entropy(x, [0, 1]), np.ones((2, 3)), np.ones((2, 4))),
    "logpdf": (
        lambda x: stats.multivariate_normal.logpdf(x, np.zeros(2), np.eye(2)),
        np.ones((2, 2)),
        np.ones((4, 2)),
    ),
    "by shape alone": (lambda x: np.broadcast_arrays(x, np.ones((2, 1)))[1], np.ones(3), np.arange(4.0)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CALLS)
def test_a_copy_follows_its_own_leaf(name: str, way: str) -> None:
    build, before, after = CALLS[name]
    x = lg.parameter(before)
    y = build(x)
    old = y.value
    x2, y2 = WAYS[way]((x, y))
    x2.set(after)
    np.testing.assert_array_equal(y2.value, build(lg.parameter(after)).value)
    if way != "one node":
        np.testing.assert_array_equal(y.value, old)  # the original has a leaf of its own
    x.set(after)
    np.testing.assert_array_equal(y.value, y2.value)


def test_two_results_of_one_call_are_copied_together() -> None:
    x = lg.parameter(np.diag([1.0, 2.0]))
    w, V = np.linalg.eigh(x)
    x2, w2, V2 = copy.deepcopy((x, w, V))
    x2.set(np.diag([1.0, 2.0, 3.0]))
    with lg.record() as report:
        np.testing.assert_array_equal(((V2 * w2) @ V2.T).value, x2.value)
    assert [i.op.name for i in report.values.computed].count("eigh") == 1


def test_a_function_that_cannot_be_pickled_is_missed_only_when_it_is_called_again() -> None:
    x = lg.parameter(np.arange(3.0))
    y = np.piecewise(x, [x < 1, x >= 1], [lambda v: 2 * v, lambda v: v])
    x2, y2 = pickle.loads(pickle.dumps((x, y)))
    np.testing.assert_array_equal(y2.value, y.value)
    x2.set([3.0, 4.0, 5.0])
    np.testing.assert_array_equal(y2.value, [3.0, 4.0, 5.0])
    with pytest.raises(lg.LazygradError, match="could not be saved"):
        x2.set([0.0, 1.0])
    np.testing.assert_array_equal(y2.value, [3.0, 4.0, 5.0])
    copied, y3 = copy.deepcopy((x, y))  # which keeps the functions
    copied.set([0.5, 1.0])
    np.testing.assert_array_equal(y3.value, [1.0, 1.0])
