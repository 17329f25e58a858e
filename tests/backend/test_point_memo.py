"""The memo of a graph's last points by itself: what is put back, and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend._point_memo import PointMemo
from tests.helpers.prepared_functions import X, Y, Z


def test_a_value_comes_back_as_the_very_object_that_was_computed() -> None:
    w = lg.parameter(X)
    L = np.sum(np.sin(w) ** 2)
    memo = PointMemo([w], 2)
    assert L.value.shape == ()
    first = L._value
    memo.load([Y])
    assert L._value is None
    memo.load([X.copy()])
    assert L._value is first


def test_a_value_whose_other_input_has_changed_does_not_come_back() -> None:
    w, data = lg.parameter(X), lg.constant(Y)
    L = np.sum(w * data)
    memo = PointMemo([w], 3)
    assert L.value.shape == ()
    memo.load([Z])
    data.set(Z)
    memo.load([X])
    assert L._value is None
    assert L.value == X @ Z


@pytest.mark.parametrize("other", [np.ones((2, 3)), np.ones((4, 3), np.float32)])
def test_a_value_of_another_shape_or_dtype_does_not_come_back(other: Any) -> None:
    w, data = lg.parameter(X.astype(np.float32)), lg.constant(np.ones((4, 3)))
    y = data * w
    adjoint = lg.adjoint(np.sum(y), y)  # ones of the shape of `y`, whose value it does not read
    through = lg.adjoint(np.sum(y), w)
    memo = PointMemo([w], 2)
    assert through.value.shape == (3,)
    assert adjoint.value.shape == (4, 3)
    memo.load([Y.astype(np.float32)])
    data.set(other)
    memo.load([X.astype(np.float32)])
    assert (adjoint.value.shape, adjoint.value.dtype) == (y.shape, y.dtype) == (other.shape, other.dtype)
    assert bytes(through.value) == bytes(lg.gradient(np.sum(lg.constant(other) * w), w))


def test_a_memo_of_one_point_keeps_none() -> None:
    w = lg.parameter(X)
    L = np.sum(np.sin(w) ** 2)
    memo = PointMemo([w], 1)
    assert L.value.shape == ()
    memo.load([Y])
    memo.load([X])
    assert L._value is None
