"""Sorted values: equal elements keep their order, and so do their derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg


@pytest.mark.parametrize("kind", [None, "quicksort", "heapsort", "stable"])
@pytest.mark.parametrize("values", [1, 3])
def test_derivatives_of_many_ties_keep_their_order(values: int, kind: str | None) -> None:
    """Short arrays are sorted by insertion, which is stable anyway; long ones are not."""
    rng = np.random.default_rng(values)
    array, cotangent = rng.integers(0, values, size=(2, 500)).astype(float), np.arange(1000.0).reshape(2, 500)
    x = lg.parameter(array)
    order = np.argsort(array, axis=1, kind="stable")
    expected = np.empty((2, 500))
    np.put_along_axis(expected, order, cotangent, axis=1)
    node = np.sort(x, axis=1, kind=kind)
    np.testing.assert_array_equal(node.value, np.sort(array, axis=1))
    np.testing.assert_array_equal(lg.gradient(node, x, cotangent=cotangent), expected)
