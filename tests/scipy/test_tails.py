"""Derivatives far out, beside cancellation and at the ends of the domain: the values of mpmath."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.scipy import special, stats

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


# -- scaled Bessel functions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "once", "twice"),
    [
        (special.i0e, 1e5, -6.307854959639557e-09, 9.461806094270259e-14),
        (special.i0e, -1e10, 1.994711402081965e-16, 2.9920671031977495e-26),
        (special.i1e, 1e5, -6.307760341578615e-09, 9.461569548526527e-14),
        (special.i1e, -1e10, -1.9947114017827584e-16, -2.992067102449733e-26),
        (special.k0e, 1e10, -6.266570686342505e-16, 9.39985602927876e-26),
        (special.k1e, 1e10, -6.266570687282491e-16, 9.399856031628725e-26),
    ],
)
def test_scaled_bessel_functions_far_out(f: Any, x: float, once: float, twice: float) -> None:
    """Their derivative is a difference of two functions that are nearly the same there."""
    np.testing.assert_allclose(differentiate(f, x), once, rtol=1e-14)
    np.testing.assert_allclose(differentiate(f, x, 2), twice, rtol=1e-14)


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
        (special.expm1, -75.0, (2.6786369618080778e-33, 2.6786369618080778e-33)),
        (special.expit, 1e-8, (0.25, -1.25e-9)),
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


# -- incomplete integrals --------------------------------------------------------------------------


def test_incomplete_integrals_of_large_shapes() -> None:
    """The densities of mpmath, with 60 digits."""
    for f, args, expected in (
        (special.gammainc, (1e14, 1e14), 3.9894228040143235e-8),
        (special.gammaincc, (1e14, 1e14 + 1e7), -2.4197070838776266e-8),
        (special.betainc, (1e8, 1e8, 0.5), 11283.791656850386),
        (special.betainc, (1e14, 1e14, 0.5), 11283791.670955112),
        (special.stdtr, (1e12, 2.0), 0.053990966513282536),
        (special.stdtr, (0.1, 1e160), 4.1738031371732094e-178),
    ):
        args = tuple(np.asarray(v) for v in args)
        last = len(args) - 1
        np.testing.assert_allclose(lg.grad(f, argnums=last)(*args), expected, rtol=1e-12)
        compiled = lg.compile(lambda v, f=f, args=args, last=last: lg.grad(f, argnums=last)(*args[:-1], v))
        np.testing.assert_allclose(compiled(args[-1]), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "args", "derivatives"),
    [
        (special.gammainc, (1, 0), (1, -1, 1)),
        (special.gammainc, (2, 0), (0, 1, -2)),
        (special.gammainc, (3, 0), (0, 0, 1)),
        (special.gammainc, (2.5, 0), (0, 0, INF)),
        (special.gammainc, (2.5, INF), (0, 0)),
        (special.gammainc, (0.5, 0), (INF, -INF)),
        (special.betainc, (1, 3, 0), (3, -6, 6)),
        (special.betainc, (2, 3, 0), (0, 12, -48)),
        (special.betainc, (3, 1, 1), (3, 6, 6)),
        (special.betainc, (2, 2, 1), (0, -6, -12)),
        (special.betainc, (0.5, 0.7, 0), (INF, -INF)),
        (special.betainc, (0.5, 0.7, 1), (INF, INF)),
    ],
)
def test_incomplete_integrals_at_the_ends(f: Any, args: tuple[float, ...], derivatives: tuple[float, ...]) -> None:
    args = tuple(np.asarray(v, float) for v in args)
    g, last = f, len(args) - 1
    for expected in derivatives:
        g = lg.grad(g, argnums=last)
        with np.errstate(invalid="ignore", divide="ignore"):
            np.testing.assert_allclose(g(*args), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("a", "x", "once", "twice"),
    [
        (1.0, 1.0, -0.4317297106348987, 0.033618035299959197),
        (0.5, 3.0, -0.047240326447973751, -0.085989868973685684),
        (3.0, 20.0, -9.6806039960773565e-7, -1.878545172551521e-6),
        (3.0, 0.01, -9.6968742676774849e-7, 5.6373251489189618e-6),
        (50.0, 20.0, -1.1690273381623858e-8, 1.0729710192775638e-8),
        (200.0, 260.0, -1.3284959110062084e-5, -3.4869225373656413e-6),
        (0.1, 1e-06, -3.5358743917786445, 46.973129855489526),
        (0.01, 1.0, -0.22385772637353367, -0.44579179265733693),
        (0.001, 1e-20, -43.454406546972914, 1974.5687266573276),
        (1.0, 50.0, -8.6964510431676132e-22, -3.6039074390016107e-21),
        (1000.0, 1000.0, -0.012616713994069625, 1.051567790325393e-9),
    ],
)
def test_the_incomplete_gamma_function_by_its_shape(a: float, x: float, once: float, twice: float) -> None:
    for f, sign in ((special.gammainc, 1), (special.gammaincc, -1)):
        slope = lg.grad(f)
        np.testing.assert_allclose(slope(a, x), sign * once, rtol=1e-12)
        np.testing.assert_allclose(lg.grad(slope)(a, x), sign * twice, rtol=1e-9)
        _, tangent = lg.jvp(lambda v, f=f: f(v, x), (np.asarray(a),), (np.asarray(1.0),))
        np.testing.assert_allclose(tangent, sign * once, rtol=1e-12)
    np.testing.assert_allclose(lg.compile(lambda v: lg.grad(special.gammainc)(v, x))(np.asarray(a)), once, rtol=1e-12)
    single = lg.grad(special.gammainc)(np.float32(a), np.float32(x))
    assert single.dtype == np.float32


def test_the_inverse_of_the_incomplete_gamma_function_by_its_shape() -> None:
    for f in (special.gammaincinv, special.gammainccinv):
        for a, y in ((0.5, 0.3), (3.0, 0.9), (200.0, 0.5)):
            h = 1e-5 * a
            expected = (f(a + h, y) - f(a - h, y)) / (2 * h)
            np.testing.assert_allclose(lg.grad(f)(a, y), expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("f", "args", "derivatives"),
    [  # of mpmath, with 60 digits: by each shape once, by the first one twice, by the first one and x
        (
            special.betainc,
            (2.0, 5.0, 0.3),
            (-0.25241578126828584, 0.099444894569456877, 0.031881095536526754, 0.53164016713208485),
        ),
        (
            special.betainc,
            (1e-3, 2.0, 1e-20),
            (-43.068020297684265, 0.0006163300824191173, 1939.3765965943996, 9.1287955830977317e19),
        ),
        (
            special.betainc,
            (300.0, 400.0, 0.43),
            (-0.017343249838490783, 0.013043597103155734, -3.2913026274891145e-5, 0.090932841433430331),
        ),
        (special.stdtr, (7.0, 1.7), (0.0030617628833748759, -0.00085087560749291416, -7.4919798364797888e-5)),
        (special.stdtr, (0.1, 1e4), (1.74149342323107, -19.193713405446782, -7.9872466753462163e-7)),
        (special.stdtr, (1e4, -3.0), (-3.3282403426193826e-10, 6.6608344608776086e-14, -6.8710347385339347e-10)),
    ],
)
def test_incomplete_integrals_by_their_shapes(f: Any, args: Any, derivatives: Any) -> None:
    places, last = tuple(np.asarray(v) for v in args), len(args) - 1
    for k in range(last):
        slope = lg.grad(f, argnums=k)
        np.testing.assert_allclose(slope(*places), derivatives[k], rtol=1e-11)
        _, tangent = lg.jvp(lambda v, k=k: f(*places[:k], v, *places[k + 1 :]), (places[k],), (np.asarray(1.0),))
        np.testing.assert_allclose(tangent, derivatives[k], rtol=1e-11)
        compiled = lg.compile(lambda v, k=k: lg.grad(f, argnums=k)(*places[:k], v, *places[k + 1 :]))
        np.testing.assert_allclose(compiled(places[k]), derivatives[k], rtol=1e-11)
        assert slope(*[np.float32(v) for v in args]).dtype == np.float32
    slope = lg.grad(f)
    np.testing.assert_allclose(lg.grad(slope)(*places), derivatives[last], rtol=1e-9)
    np.testing.assert_allclose(lg.grad(slope, argnums=last)(*places), derivatives[last + 1], rtol=1e-9)


def test_shapes_at_the_ends_of_the_support_and_of_inverses_and_distributions() -> None:
    for x in (0.0, 1.0):
        assert lg.grad(special.betainc)(2.0, 3.0, x) == 0
    assert lg.grad(special.stdtr)(2.0, 0.0) == 0
    assert lg.grad(special.stdtr)(2.0, INF) == 0
    assert np.isnan(lg.grad(special.betainc)(-1.0, 3.0, 0.5))
    h = 1e-5
    for f, args in (
        (special.betaincinv, (2.0, 3.0, 0.3)),
        (lambda n, k, p: stats.nbinom.sf(k, n, p), (2.5, 4.0, 0.3)),
        (lambda a, b, x: stats.beta.logcdf(x, a, b), (2.5, 4.0, 0.3)),
        (lambda v, x: stats.t.sf(x, v), (2.5, 0.7)),
    ):
        first, *rest = args
        expected = (f(first + h, *rest) - f(first - h, *rest)) / (2 * h)
        np.testing.assert_allclose(lg.grad(f)(first, *rest), expected, rtol=1e-7)


@pytest.mark.parametrize("a", [0.3, 30.0, 1e8, 1e12])
def test_second_derivatives_of_beta_functions_by_large_arguments(a: float) -> None:
    """The difference of two trigamma functions, without cancellation."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        expected = float(mp.polygamma(1, a) - mp.polygamma(1, mp.mpf(a) + mp.mpf(0.3)))
    np.testing.assert_allclose(lg.grad(lg.grad(special.betaln))(a, 0.3), expected, rtol=1e-12)


def test_the_shape_of_an_incomplete_gamma_function_at_its_ends() -> None:
    slope = lg.grad(special.gammainc)
    assert slope(2.0, 0.0) == 0
    assert slope(2.0, INF) == 0
    assert np.isnan(slope(-1.0, 0.5))


# -- distributions ---------------------------------------------------------------------------------


def test_gumbel_far_to_the_left() -> None:
    for z in (-800.0, -50.0, -INF):
        for f in (stats.gumbel_r.cdf, stats.gumbel_r.sf, stats.gumbel_r.pdf):
            for order in (1, 2, 3):
                assert differentiate(f, np.asarray(z), order) == 0
            compiled = lg.compile(lambda v, f=f: differentiate(f, v, 2))
            assert compiled(np.asarray(z)) == 0
    z = np.asarray(-2.0)
    np.testing.assert_allclose(differentiate(stats.gumbel_r.cdf, z, 2), np.exp(2 - np.exp(2)) * (np.exp(2) - 1))


@pytest.mark.parametrize(
    ("f", "args", "derivatives"),
    [
        (stats.bernoulli.pmf, (1, 0), (1, 0)),
        (stats.bernoulli.pmf, (0, 1), (-1, 0)),
        (stats.binom.pmf, (0, 3, 0), (-3, 6)),
        (stats.binom.pmf, (1, 3, 0), (3, -12)),
        (stats.binom.pmf, (2, 3, 1), (-3, -12)),
        (stats.poisson.pmf, (0, 0), (-1, 1)),
        (stats.poisson.pmf, (1, 0), (1, -2)),
        (stats.poisson.pmf, (2, 0), (0, 1)),
        (stats.geom.pmf, (1, 1), (1, 0)),
        (stats.geom.pmf, (2, 1), (-1, -2)),
        (stats.nbinom.pmf, (0, 1, 0), (1, 0)),
        (stats.nbinom.pmf, (1, 3, 1), (-3, -18)),
    ],
)
def test_probabilities_at_the_ends(f: Any, args: tuple[float, ...], derivatives: tuple[float, ...]) -> None:
    """The derivatives of the polynomials, by their last parameter."""
    g, last = f, len(args) - 1
    for expected in derivatives:
        g = lg.grad(g, argnums=last)
        np.testing.assert_allclose(g(*map(float, args)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "args", "derivatives"),
    [
        (stats.gamma.pdf, (0, 1), (-1, 1)),
        (stats.gamma.pdf, (0, 2), (1, -2)),
        (stats.gamma.pdf, (0, 3), (0, 1)),
        (stats.chi2.pdf, (0, 4), (0.25, -0.25)),
        (stats.beta.pdf, (0, 1, 3), (-6, 6)),
        (stats.beta.pdf, (1, 2, 2), (-6, -12)),
        (stats.weibull_min.pdf, (0, 2), (2, 0)),
    ],
)
def test_densities_at_the_ends(f: Any, args: tuple[float, ...], derivatives: tuple[float, ...]) -> None:
    g = f
    for expected in derivatives:
        g = lg.grad(g)
        np.testing.assert_allclose(g(*map(float, args)), expected, rtol=1e-12)


def test_densities_of_many_degrees_of_freedom() -> None:
    """Near the normal distribution; by the degrees -(t^4 - 2 t^2 - 1) / (4 df^2), the first term of a series."""
    for df in (1e8, 1e12):
        np.testing.assert_allclose(stats.t.logpdf(lg.constant(1.5), df).value, -2.0439385332046727, rtol=1e-8)
        np.testing.assert_allclose(lg.grad(stats.t.logpdf, argnums=1)(1.5, df), -(1.5**4 - 5.5) / 4 / df**2, rtol=1e-6)


def test_probabilities_that_underflow_have_no_derivative_of_their_logarithm() -> None:
    """SciPy's logarithm is -inf there; the derivative, 999 here, is nan, and 0 outside of the support."""
    x = lg.parameter([0.3, -1.0, 300.0])
    y = stats.gamma.logcdf(x, 300.0)
    np.testing.assert_array_equal(y.value[:2], [-INF, -INF])
    found = lg.gradient(y, x, cotangent=np.ones(3))
    np.testing.assert_array_equal(np.isnan(found), [True, False, False])
    assert found[1] == 0
    assert np.isnan(lg.gradient(stats.gamma.logsf(x, 300.0).sum(), x)).tolist() == [False, False, False]
    x.set([1800.0, 1.0, 1.0])
    assert np.isnan(lg.gradient(stats.gamma.logsf(x, 300.0)[0], x)[0])
