"""Derivatives far out, beside cancellation and at the ends of the domain: the values of mpmath."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.scipy import special

INF = np.inf


def differentiate(f: Any, x: Any, order: int = 1) -> Any:
    """Return the value that a function of numbers, element by element, has as its derivative."""
    for _ in range(order):
        f = lg.elementwise_grad(f)
    return f(np.asarray(x))


# -- sums of exponentials --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "by_a", "by_b"),
    [
        ([1e16, 1e16], [1, 3], [0.25, 0.75], [0.25, 0.25]),
        ([INF, 0], [1, 2], [1, 0], [1, 0]),
        ([INF, INF, 3], [1, 1, 1], [0.5, 0.5, 0], [0.5, 0.5, 0]),
        ([-INF, -INF], [1, 1], [0, 0], [0, 0]),
        ([0, 1000], [1, 0], [1, 0], [1, INF]),  # what weighs nothing takes no part
        ([2, 2], [1, -1], [INF, -INF], [INF, INF]),  # log|0|
    ],
)
def test_weighted_sums_of_exponentials(a: Any, b: Any, by_a: Any, by_b: Any) -> None:
    a, b = lg.parameter(np.array(a, float)), lg.parameter(np.array(b, float))
    y, _ = special.logsumexp(a, b=b, return_sign=True)
    found = lg.gradient(y, [a, b])
    np.testing.assert_array_equal(found[0], by_a)
    np.testing.assert_array_equal(found[1], by_b)


def test_sums_of_exponentials_far_from_zero() -> None:
    for x in (lg.parameter([1e16, 1e16]), lg.parameter(np.full(2, 1e7, np.float32))):
        np.testing.assert_array_equal(lg.gradient(special.logsumexp(x), x), [0.5, 0.5])
        weighted = special.logsumexp(x, b=np.ones(2, x.dtype))
        np.testing.assert_array_equal(lg.gradient(weighted, x), [0.5, 0.5])
        np.testing.assert_allclose(special.log_softmax(x).value, -np.log([2, 2]), rtol=1e-7)
        np.testing.assert_array_equal(lg.gradient(special.log_softmax(x)[0], x), [0.5, -0.5])
