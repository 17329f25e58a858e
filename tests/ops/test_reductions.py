"""Reductions, statistics and counts: what they refuse, and what is known inside a function transform alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops import linear
from lazygrad.ops.cumulative import ACCUMULATE


def vector() -> lg.Node:
    return lg.parameter([2.0, 0.5, 1.0, 3.0])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: np.sum(x, out=np.zeros(())), TypeError, r"np\.sum cannot write"),
        (lambda x: np.sum(x, where=np.ones((2, 4), bool)), ValueError, r"np\.sum: the mask `where` of shape \(2, 4\)"),
        (lambda x: np.max(x, where=x > 1), ValueError, "needs an `initial` value"),
        (lambda x: np.argmax(x[:0]), lg.ShapeError, "empty sequence"),
        (lambda x: np.var(x, axis=1), lg.ShapeError, "axis 1 is out of bounds"),
        (lambda x: np.var(x, ddof=1, correction=1), ValueError, "two names of one number"),
        (lambda x: np.nanstd(x, ddof=1, correction=1), ValueError, "two names of one number"),
        (lambda x: np.quantile(x * 1j, 0.5), TypeError, "takes real numbers"),
        (lambda x: np.percentile(x, 101), ValueError, "must lie between 0 and 100"),
        (lambda x: np.median(x[0], axis=0), lg.ShapeError, "axis 0 is out of bounds"),
        (lambda x: np.average(x, weights=[1.0, 2.0]), TypeError, "needs `axis`"),
        (lambda x: np.average(x, axis=0, weights=[1.0, 2.0]), ValueError, r"weights of shape \(2,\) do not fit"),
        (lambda x: np.cov(x.reshape(1, 2, 2)), ValueError, "1 or 2 axes"),
        (lambda x: np.cov(x, aweights=[1.0]), ValueError, "do not fit 4 observations"),
        (lambda x: np.trace(x), lg.ShapeError, "at least two axes"),
        (lambda x: np.cumulative_sum(x.reshape(2, 2)), ValueError, "needs `axis`"),
        (lambda x: np.bincount(x > 1), TypeError, r"np\.bincount .* values"),
        (lambda x: np.bincount([0, 1], x), ValueError, r"weights of shape \(4,\)"),
        (lambda x: np.histogram(x, "auto"), TypeError, r"np\.histogram .* values"),
        (lambda x: np.histogram(x, "auto", weights=x), TypeError, "no weights with bins by name"),
        (lambda x: np.histogram(x, weights=x[:2]), ValueError, "2 weights for 4 elements"),
        (lambda x: np.histogramdd([x, x], [3, 4, 5]), ValueError, "3 axes for 2 coordinates"),
    ],
)
def test_refused_when_built(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(vector())


def test_counts_inside_a_transform() -> None:
    """Inside a transform a shape may depend on values, so integers and bins are read."""

    def f(x: Any) -> Any:
        counts, edges = np.histogram(x, "auto")
        np.testing.assert_array_equal(counts.value, np.histogram(vector().value, "auto")[0])
        weights = np.bincount(np.floor(x).astype(int), x)
        return (weights * [1.0, 10.0, 100.0, 1000.0]).sum() + edges[-1]

    np.testing.assert_array_equal(lg.grad(f)(vector().value), [100, 1, 10, 1001])


@pytest.mark.parametrize("ufunc", ACCUMULATE)
def test_running_results_of_a_ufunc(ufunc: np.ufunc) -> None:
    x = lg.parameter([[1.0, 3.0], [2.0, 0.0]])
    np.testing.assert_array_equal(ACCUMULATE[ufunc](x, axis=1).value, ufunc.accumulate(x.value, axis=1))


def test_nothing_but_nan() -> None:
    """The results are NumPy's, without derivative."""
    x = lg.parameter([[np.nan, np.nan], [1.0, 3.0]])
    for f, row in ((np.nanmean, [0.5, 0.5]), (np.nanvar, [-1, 1]), (np.nanstd, [-0.5, 0.5]), (np.nansum, [1, 1])):
        y = f(x, axis=1)
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(lg.gradient(y.sum(), x), [[0, 0], row])
        assert np.isnan(y.value[0]) == (f is not np.nansum)


def test_a_large_repetition_is_a_view_and_a_small_one_an_array() -> None:
    """The gradient of a sum takes no memory of its own; a small array is made sooner than a view."""
    x = np.array([[2.0]])
    large, small = linear.expand(x, (100, 100)), linear.expand(x, (3, 4))
    assert large.strides == (0, 0)
    assert small.strides != (0, 0)
    np.testing.assert_array_equal(large, np.full((100, 100), 2.0))
    np.testing.assert_array_equal(small, np.full((3, 4), 2.0))
    assert linear.expand(x, (1, 1)) is x


@pytest.mark.parametrize("running", [np.cumsum, np.cumprod])
def test_a_running_result_of_a_number_has_axis_0_alone(running: Any) -> None:
    for axis in (None, 0, -1):
        assert running(lg.parameter(2.0), axis=axis).value.tolist() == running(2.0, axis=axis).tolist() == [2.0]
    for axis in (1, -2):
        with pytest.raises(ValueError, match="out of bounds"):
            running(2.0, axis=axis)
        with pytest.raises(lg.ShapeError, match="out of bounds"):
            running(lg.parameter(2.0), axis=axis)


def test_more_degrees_of_freedom_than_elements_make_no_finite_slope() -> None:
    """NumPy divides by 0 then, not by a negative number."""
    x = lg.parameter([1.0, 2.0, 6.0])
    with np.errstate(all="ignore"):
        exact, beyond = [lg.gradient(np.var(x, ddof=ddof), x) for ddof in (3, 5)]
    np.testing.assert_array_equal(beyond, exact)
    assert not np.isfinite(beyond).any()


# -- quantiles by their level ----------------------------------------------------------------------


def test_quantiles_by_the_level() -> None:
    """The slope of the interpolation between two elements, and of their mixture by each of them."""
    x, q = lg.parameter([4.0, 1.0, 2.0, 8.0]), lg.parameter(0.5)
    y = np.quantile(x, q)
    assert y.item() == 3
    np.testing.assert_allclose(lg.gradient(y, [x, q])[1], 3 * (4 - 2))
    np.testing.assert_allclose(lg.gradient(y, x), [0.5, 0, 0.5, 0])
    np.testing.assert_allclose(lg.gradient(lg.adjoint(y, q), x), [3, 0, -3, 0])
    np.testing.assert_allclose(lg.gradient(np.percentile(x, q * 100), q), 6)
    np.testing.assert_allclose(lg.compile(lambda v: lg.grad(lambda u: np.quantile(x.value, u))(v))(0.5), 6)
    q.set(0.9)
    np.testing.assert_allclose(lg.gradient(y, q), 3 * (8 - 4))
    _, tangent = lg.jvp(lambda u: np.quantile(x.value, u), (0.9,), (2.0,))
    np.testing.assert_allclose(tangent, 24)


def test_quantiles_by_several_levels_and_axes() -> None:
    rng = np.random.default_rng(3)
    x, q = rng.normal(size=(3, 4, 5)), np.array([0.13, 0.58])
    for axis in (None, 1, (0, 2)):
        for keepdims in (False, True):
            lg.check_grads(
                lambda a, b, axis=axis, keepdims=keepdims: np.quantile(a, b, axis=axis, keepdims=keepdims),
                (x, q),
                order=2,
            )


def test_a_level_at_an_element_is_a_kink() -> None:
    """There, and at the ends, the derivative counts as 0, as in JAX; as it does where nothing is interpolated."""
    x, q = np.array([4.0, 1.0, 2.0, 8.0, 16.0]), lg.parameter([0.0, 0.25, 0.5, 1.0])
    np.testing.assert_array_equal(lg.gradient(np.quantile(x, q).sum(), q), np.zeros(4))
    for method in ("nearest", "lower", "higher", "midpoint", "inverted_cdf"):
        r = lg.parameter(0.3)
        assert lg.gradient(np.quantile(x, r, method=method), r) == 0
    q.set([0.0, 0.25, 0.5, 1.5])
    with pytest.raises(ValueError, match="range"):
        np.quantile(x, q).value  # noqa: B018
