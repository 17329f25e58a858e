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
    return f(x)


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


# -- error functions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "derivatives"),
    [
        (special.erfcx, 1e8, (-5.641895835477562e-17, 1.1283791670955125e-24)),
        (special.erfcx, 30.0, (-0.00062583541050748407, 4.1653092384458876e-5)),
        (special.dawsn, 1e8, (-5e-17, 1e-24)),
        (special.dawsn, -30.0, (-0.00055648406355054791, -3.7161010914522772e-5)),
        (special.log_ndtr, 38.0, (0, 0)),
        (special.log_ndtr, 1e10, (0, 0)),
        (special.log_ndtr, -1e8, (1e8, -1)),
        (special.log_ndtr, -100.0, (100.00999800099926, -0.99990005995005174)),
        (special.expit, 40.0, (4.248354255291589e-18, -4.248354255291589e-18)),
        (special.log_expit, -40.0, (1, -4.248354255291589e-18)),
    ],
)
def test_error_functions_far_out(f: Any, x: float, derivatives: tuple[float, float]) -> None:
    for order, expected in enumerate(derivatives, 1):
        np.testing.assert_allclose(differentiate(f, np.asarray(x), order), expected, rtol=1e-11)
        compiled = lg.compile(lambda v, order=order: differentiate(f, v, order))
        np.testing.assert_allclose(compiled(np.asarray(x)), expected, rtol=1e-11)


def test_entropies_whose_ratio_is_no_number() -> None:
    for x, y in ((1e-300, 1e300), (1e300, 1e-300)):
        expected = np.log(x) - np.log(y)
        np.testing.assert_allclose(lg.grad(special.rel_entr)(x, y), 1 + expected, rtol=1e-14)
        np.testing.assert_allclose(lg.grad(special.kl_div)(x, y), expected, rtol=1e-14)
    x = 1 + 1e-12
    np.testing.assert_allclose(lg.grad(special.kl_div)(x, 1.0), np.log1p(x - 1), rtol=1e-14)
    np.testing.assert_allclose(lg.grad(special.kl_div, argnums=1)(x, 1.0), 1 - x, rtol=1e-14)
