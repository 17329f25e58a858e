"""SciPy's functions on nodes: where the middle of a convolution lies, which array is the longer, and float32."""

import numpy as np
import pytest

import lazygrad as lg

pytest.importorskip("scipy")
import scipy.signal
import scipy.stats

from lazygrad.scipy import signal, stats


@pytest.mark.parametrize("lengths", [(5, 2), (5, 3), (4, 4), (2, 5), (3, 6)])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_the_part_of_a_convolution_that_is_kept(name, mode, lengths):
    x, y = (np.random.default_rng(n).normal(size=n) for n in lengths)
    expected = getattr(scipy.signal, name)(x, y, mode)
    a, b = lg.parameter(x), lg.parameter(y)
    found = getattr(signal, name)(a, b, mode)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.value, expected, rtol=1e-12, atol=1e-14)
    weights = np.arange(1.0, expected.size + 1)
    by_x, by_y = lg.gradient((found * weights).sum(), [a, b])
    linear = getattr(scipy.signal, name)
    np.testing.assert_allclose(by_x, [linear(e, y, mode) @ weights for e in np.eye(len(x))], rtol=1e-10)
    np.testing.assert_allclose(by_y, [linear(x, e, mode) @ weights for e in np.eye(len(y))], rtol=1e-10)


def test_valid_mode_of_several_axes_needs_one_that_is_nowhere_shorter():
    x = lg.parameter(np.ones((2, 5)))
    with pytest.raises(ValueError, match="nowhere shorter"):
        signal.convolve(x, np.ones((3, 2)), "valid")
    assert signal.convolve(x, np.ones((3, 6)), "valid").shape == (2, 2)


@pytest.mark.parametrize(("family", "shape"), [("t", 3.0), ("gamma", 2.0), ("chi2", 3)])
def test_a_plain_number_as_shape_leaves_float32(family, shape):
    x = lg.parameter(np.array([0.5, 1.5], np.float32))
    for name in ("pdf", "logpdf", "cdf"):
        found = getattr(getattr(stats, family), name)(x, shape)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.value, getattr(getattr(scipy.stats, family), name)(x.value, shape), rtol=1e-5)
