"""Bit by bit comparison: what `set` takes for no change, and what a guard takes for the same static."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.bits import SMALL, same_bits, same_static

LARGE = SMALL // 8 + 1  # doubles, from which on nothing is copied to compare
NAN = float("nan")


def changed(array: np.ndarray[Any, Any], at: Any, value: Any) -> np.ndarray[Any, Any]:
    """Return a copy with another element."""
    other = array.copy()
    other[at] = value
    return other


@pytest.mark.parametrize("n", [1, 7, LARGE - 1, LARGE, 4 * LARGE])
def test_one_element_anywhere_makes_a_difference(n: int) -> None:
    array = np.arange(1.0, n + 1)
    assert same_bits(array, array.copy())
    for at in {0, n // 2, n - 1}:
        assert not same_bits(array, changed(array, at, -1.0))
        assert not same_bits(array, changed(array, at, NAN))
        nans = changed(array, at, NAN)
        assert same_bits(nans, nans.copy())


@pytest.mark.parametrize("n", [2, LARGE])
def test_zeros_of_another_sign_dtype_or_shape_differ(n: int) -> None:
    zeros = np.zeros(n)
    assert not same_bits(zeros, -zeros)
    assert not same_bits(zeros, changed(zeros, n - 1, -0.0))
    assert not same_bits(zeros, np.zeros(n, int))
    assert not same_bits(zeros, np.zeros(n, np.float32))
    assert not same_bits(zeros, zeros[None])
    assert not same_bits(np.zeros((0, 2)), np.zeros((2, 0)))
    assert same_bits(np.zeros((0, 2)), np.zeros((0, 2)))


def test_strides_make_no_difference() -> None:
    square = np.arange(float(4 * LARGE)).reshape(4, LARGE)
    assert same_bits(square.copy(), np.asfortranarray(square))
    assert same_bits(square[0].copy(), np.repeat(square[0], 2)[::2])


def test_scalars() -> None:
    assert same_bits(np.float64(2), np.float64(2))
    assert not same_bits(np.float64(0), np.float64(-0.0))
    assert not same_bits(np.float64(2), np.float32(2))


@pytest.mark.parametrize("n", [3, LARGE])
def test_a_leaf_sees_a_change_of_its_last_element(n: int) -> None:
    x = lg.parameter(np.ones(n))
    total = x.sum()
    assert total.value == n
    x.set(np.ones(n))
    assert "stale" not in repr(total)
    x.set(changed(np.ones(n), n - 1, 3.0))
    assert total.value == n + 2
    counts = lg.constant(np.zeros(n, int))
    half = counts * 0.5
    assert half.value.sum() == 0
    counts.set(np.zeros(n))
    assert counts.dtype == float


def test_statics() -> None:
    assert same_static(NAN, NAN)
    assert same_static(complex(NAN, 0.0), complex(NAN, 0.0))
    assert not same_static(0.0, -0.0)
    assert not same_static(np.zeros(2), np.zeros(3))
    assert same_static((1, "a"), (1, "a"))
    assert not same_static("a", "b")
