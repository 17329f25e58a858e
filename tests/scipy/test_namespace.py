"""`lazygrad.scipy`: SciPy's own on arrays, nodes where there is one, and what the table of cases does not show."""

from __future__ import annotations

import pickle
import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy

import lazygrad as lg
from lazygrad.scipy import integrate, linalg, optimize, signal, special, stats
from tests.helpers.op_checks import central_difference, close, inner_product


def ran(code: str, data: bytes = b"") -> bytes:
    return subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True).stdout


# -- the namespace ---------------------------------------------------------------------------------


def test_lazygrad_does_not_import_scipy() -> None:
    assert ran("import sys, lazygrad; print(any(m.split('.')[0] == 'scipy' for m in sys.modules))") == b"False\n"


def test_parts_are_imported_when_they_are_used() -> None:
    code = "import sys, lazygrad.scipy as s; s.special; print('scipy.stats' in sys.modules, s.stats.norm.pdf(0.0) > 0)"
    assert ran(code) == b"False True\n"


def test_other_names_are_scipys() -> None:
    assert special.airy is scipy.special.airy
    assert linalg.lu_factor is scipy.linalg.lu_factor
    assert signal.butter is scipy.signal.butter
    assert integrate.quad is scipy.integrate.quad
    assert stats.kstest is scipy.stats.kstest
    assert stats.norm.ppf(0.5) == 0
    assert optimize.minimize is scipy.optimize.minimize
    assert lg.scipy.ndimage is scipy.ndimage
    for module in (lg.scipy, special, linalg, signal, integrate, optimize, stats, stats.norm):
        with pytest.raises(AttributeError, match="nonesuch"):
            module.nonesuch  # noqa: B018


@pytest.mark.parametrize("module", [linalg, special, signal, integrate, optimize, stats, stats.norm, stats.poisson])
def test_every_public_name_is_one_of_scipys(module: ModuleType) -> None:
    theirs: Any = scipy
    for part in module.__name__.split(".")[2:]:
        theirs = getattr(theirs, part)
    for name in getattr(module, "__all__", ()):
        assert hasattr(theirs, name), name


def test_functions_of_arrays_are_scipys() -> None:
    a, x = np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0.5, 2.0])
    for found, expected in (
        (special.gammaln(x), scipy.special.gammaln(x)),
        (special.expit(x), scipy.special.expit(x)),
        (special.polygamma(1, x), scipy.special.polygamma(1, x)),
        (special.zeta(x + 1), scipy.special.zeta(x + 1)),
        (special.logsumexp(x, b=[1, 2], return_sign=True), scipy.special.logsumexp(x, b=[1, 2], return_sign=True)),
        (linalg.solve_triangular(a, x, check_finite=False), scipy.linalg.solve_triangular(a, x)),
        (linalg.expm(a), scipy.linalg.expm(a)),
        (linalg.cho_factor(a + a.T), scipy.linalg.cho_factor(a + a.T)),
        (integrate.cumulative_trapezoid(x, initial=0), scipy.integrate.cumulative_trapezoid(x, initial=0)),
        (optimize.rosen_der(x), scipy.optimize.rosen_der(x)),
        (signal.convolve(x, x, "same"), scipy.signal.convolve(x, x, "same")),
        (stats.norm.logpdf(x, scale=2.0), scipy.stats.norm.logpdf(x, scale=2.0)),
        (stats.gamma.cdf(x, a=2.0), scipy.stats.gamma.cdf(x, a=2.0)),
    ):
        for f, e in zip(found, expected, strict=True):
            assert type(f) is type(e)
            close(f, e, rtol=1e-14)


def test_ufuncs_of_scipy_know_nodes() -> None:
    x = lg.parameter([0.5, 2.0])
    for f in (scipy.special.erf, scipy.special.psi, scipy.special.expit):
        assert type(f(x)) is lg.Node
    close(scipy.special.jv(2, x).value, scipy.special.jv(2, x.value), rtol=1e-15)
    close((scipy.special.xlogy(np.ones(2), x)).value, np.log(x.value), rtol=1e-15)
    with pytest.raises(TypeError, match="airy"):
        scipy.special.airy(x)


def test_arguments_that_change_no_value_are_accepted() -> None:
    a, b = lg.parameter(np.eye(2)), np.ones(2)
    np.testing.assert_array_equal(linalg.solve(a, b, overwrite_a=True, check_finite=False).value, b)
    with pytest.raises(TypeError, match="nonesuch"):
        linalg.solve(a, b, nonesuch=True)
    with pytest.raises(TypeError, match="nonesuch"):
        stats.norm.pdf(a, nonesuch=True)


# -- copies ----------------------------------------------------------------------------------------


def test_graphs_with_ops_of_scipy_are_unpickled_in_another_process() -> None:
    x = lg.parameter([0.5, 2.0])
    L = (special.gammaln(x) + linalg.expm(x[:, None] * x)[0] + signal.convolve(x, x)[:2]).sum()
    code = "import sys, pickle, lazygrad as lg; L = pickle.loads(sys.stdin.buffer.read()); print(repr(L.item()))"
    assert float(ran(code, pickle.dumps(L))) == L.item()


# -- special ---------------------------------------------------------------------------------------


def test_parameters_without_a_derivative_say_so() -> None:
    a, x = lg.parameter(1.5), lg.parameter(0.5)
    for y in (special.jv(a, x), special.ive(a, x), special.zeta(a, x)):
        assert np.isfinite(lg.gradient(y, x))
        with pytest.raises(lg.NotDifferentiableError):
            lg.gradient(y, a)
    for y in (special.polygamma(a, x), special.yn(a, x)):  # an order is no place to differentiate by
        with pytest.raises(lg.NotDifferentiableError, match="'n'"):
            lg.gradient(y, a)


def test_where_leaks_nothing_from_singular_places() -> None:
    for f, bad, good in (
        (special.logit, 0.0, 0.3),
        (special.erfinv, 1.0, 0.3),
        (special.erfcinv, 0.0, 0.3),
        (special.ndtri, 0.0, 0.3),
        (special.gamma, 0.0, 0.3),
        (special.gammaln, 0.0, 0.3),
        (special.psi, -1.0, 0.3),
        (special.entr, 0.0, 0.3),
        (lambda x: special.xlogy(x, x), 0.0, 0.3),
    ):
        x = lg.parameter([bad, good])
        y = lg.parameter(good)
        with np.errstate(all="ignore"):
            first = lg.adjoint(np.where([False, True], f(x), 0.0).sum(), x)
            slope_at_good = lg.adjoint(f(y), y)
            np.testing.assert_array_equal(first.value, [0, slope_at_good.item()])
            second = lg.gradient(first.sum(), x)
            np.testing.assert_array_equal(second, [0, lg.gradient(slope_at_good, y)])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_weighted_logsumexp(sign: float) -> None:
    a, b = lg.parameter([1000.0, 999.0, -np.inf]), lg.parameter([sign, 0.5, -7.0])
    out, s = special.logsumexp(a, b=b, return_sign=True)
    expected, expected_sign = scipy.special.logsumexp(a.value, b=b.value, return_sign=True)
    assert (out.item(), s.item()) == (expected, expected_sign)
    total = sign + 0.5 * np.exp(-1.0)
    close(lg.gradient(out, a), [sign / total, 0.5 * np.exp(-1) / total, 0])
    close(lg.gradient(out, b), [1 / total, np.exp(-1) / total, 0])
    assert np.isnan(special.logsumexp(a, b=b).item()) == (sign < 0)
    assert lg.gradient(s * a[0], a)[0] == sign  # the sign is constant wherever it has a derivative


# -- linalg ----------------------------------------------------------------------------------------


def test_only_the_triangle_that_is_read_has_a_derivative() -> None:
    a = lg.parameter([[2.0, np.nan], [1.0, 3.0]])
    x = linalg.solve_triangular(a, [2.0, 4.0], lower=True)
    close(x.value, [1, 1])
    assert lg.gradient(x.sum(), a)[0, 1] == 0
    unit = linalg.solve_triangular(a, [2.0, 4.0], lower=True, unit_diagonal=True)
    np.testing.assert_array_equal(np.diag(lg.gradient(unit.sum(), a)), [0, 0])


def test_matrix_functions_of_real_matrices_are_real() -> None:
    a = lg.parameter([[-1.0, 0.0], [0.0, 2.0]])
    for f in (linalg.sqrtm, linalg.logm):
        with pytest.raises(ValueError, match="complex"):
            f(a).value  # noqa: B018
        root = f(a.astype(complex))
        close(root.value, getattr(scipy.linalg, f.__name__)(a.value))
        d = np.array([[0.3, 0.1], [0.2, -0.4]])
        seen = central_difference(
            lambda m, f=f: getattr(scipy.linalg, f.__name__)(m.astype(complex)).sum().real, [a.value], 0, d
        )
        close(inner_product(lg.gradient(np.real(root).sum(), a), d), seen)


def test_solvers_of_positive_definite_systems() -> None:
    m = np.array([[4.0, 1.0], [1.0, 3.0]])
    a, b = lg.parameter(m), lg.parameter([1.0, 2.0])
    for lower in (False, True):
        c = linalg.cho_factor(a, lower)
        assert c[1] is lower
        x = linalg.cho_solve(c, b)
        close(x.value, np.linalg.solve(m, b.value))
        expected = lg.gradient(linalg.solve(a, b, assume_a="pos").sum(), [a, b])
        da, db = lg.gradient(x.sum(), [a, b])
        close(da + da.T, expected[0] + expected[0].T)
        close(db, expected[1])
    close(linalg.solve(a, b, transposed=True).value, np.linalg.solve(m.T, b.value))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: linalg.solve_triangular(x, np.ones(3)),
        lambda x: linalg.solve_triangular(np.ones((2, 3)), x[0]),
        lambda x: linalg.solve_triangular(x, np.ones(2), trans=3),
        lambda x: linalg.solve_banded((1, 1), x, np.ones(2)),
        lambda x: linalg.solve_sylvester(x, x, np.ones((2, 3))),
        lambda x: linalg.expm(x[0]),
        lambda x: linalg.toeplitz(x),
        lambda x: linalg.block_diag(x[None]),
        lambda x: stats.dirichlet.logpdf(x, np.ones(4)),
        lambda x: stats.multivariate_normal.logpdf(x, np.zeros(3), np.eye(2)),
        lambda x: signal.convolve(x, np.ones(2)),
        lambda x: signal.convolve(x, np.ones((1, 3)), "valid"),
        lambda x: signal.convolve(x, x, "wrong"),
        lambda x: signal.convolve(x, x, axes=((0, 1), (0,))),
        lambda x: signal.convolve(x, np.ones((3, 3)), axes=((0,), (0,)), dot_axes=((1,), (1,))),
    ],
)
def test_what_does_not_fit_is_refused_when_the_node_is_built(call: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        call(lg.parameter(np.eye(2)))


# -- stats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("gamma", (2.5,)),
        ("beta", (2.5, 1.5)),
        ("chi2", (4.0,)),
        ("expon", ()),
        ("uniform", ()),
        ("lognorm", (0.5,)),
        ("halfnorm", ()),
        ("pareto", (2.0,)),
        ("weibull_min", (1.5,)),
    ],
)
def test_outside_of_the_support(name: str, args: tuple[float, ...]) -> None:
    """SciPy's values on both sides and at the ends, and derivative 0 outside."""
    points = np.array([-1.0, 0.0, 0.5, 1.0, 1.5])
    for method in ("pdf", "cdf", "sf", "logpdf", "logcdf", "logsf"):
        x = lg.parameter(points)
        with np.errstate(divide="ignore"):
            y = getattr(getattr(stats, name), method)(x, *args)
            close(y.value, getattr(getattr(scipy.stats, name), method)(points, *args), rtol=1e-12, atol=1e-14)
            assert lg.gradient(y.sum(), x)[0] == 0


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("poisson", (2.5,)),
        ("bernoulli", (0.4,)),
        ("binom", (3, 0.4)),
        ("geom", (0.4,)),
        ("nbinom", (3, 0.4)),
    ],
)
def test_counts(name: str, args: tuple[float, ...]) -> None:
    """Numbers between the whole ones and outside; and no derivative by the number itself."""
    points = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 7.5])
    module, theirs = getattr(stats, name), getattr(scipy.stats, name)
    for method in ("pmf", "cdf", "sf", "logpmf", "logcdf", "logsf"):
        k, p = lg.parameter(points), lg.parameter(args[-1])
        y = getattr(module, method)(k, *args[:-1], p)
        close(y.value, getattr(theirs, method)(points, *args), rtol=1e-11, atol=1e-14)
        assert not lg.differentiator(y.sum()).is_connected(k)
        close(getattr(module, method)(k, *args[:-1], p, loc=1).value, getattr(theirs, method)(points, *args, loc=1))
        assert np.isfinite(lg.gradient(np.where(np.isfinite(y.value), y, 0).sum(), p))


def test_singular_covariances() -> None:
    cov = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    x, c = lg.parameter([1.0, 0.0, 2.0]), lg.parameter(cov)
    y = stats.multivariate_normal.logpdf(x, np.zeros(3), c, allow_singular=True)
    close(y.item(), scipy.stats.multivariate_normal.logpdf(x.value, np.zeros(3), cov, allow_singular=True))
    close(lg.gradient(y, x), [-0.5, 0, -2])
    with pytest.raises(np.linalg.LinAlgError):
        stats.multivariate_normal.logpdf(x, np.zeros(3), c).value  # noqa: B018


def test_shares_may_leave_the_last_out() -> None:
    x = lg.parameter([0.2, 0.3])
    y = stats.dirichlet.logpdf(x, [2.0, 3.0, 4.0])
    close(y.item(), scipy.stats.dirichlet.logpdf([0.2, 0.3, 0.5], [2.0, 3.0, 4.0]))
    close(lg.gradient(y, x), [1 / 0.2 - 3 / 0.5, 2 / 0.3 - 3 / 0.5])


# -- odeint ----------------------------------------------------------------------------------------

SHARP = {"rtol": 1e-11, "atol": 1e-12}


def test_odeint_by_everything_at_several_times() -> None:
    def f(y: Any, t: Any, m: Any, kind: str, b: Any) -> Any:
        return (m @ y) * np.exp(-t) + (b if kind == "forced" else 0.0)

    rng = np.random.default_rng(5)
    point = [rng.normal(size=2), np.array([0.0, 0.4, 0.9, 1.1]), rng.normal(size=(2, 2)), rng.normal(size=2)]
    w = rng.normal(size=(4, 2))

    def loss(y0: Any, t: Any, m: Any, b: Any) -> Any:
        return (integrate.odeint(f, y0, t, (m, "forced", b), **SHARP) * w).sum()

    leaves = [lg.parameter(v) for v in point]
    for k, gradient in enumerate(lg.gradient(loss(*leaves), leaves)):
        d = rng.normal(size=point[k].shape)
        close(inner_product(gradient, d), central_difference(loss, point, k, d), atol=1e-7)
    _, tangent = lg.jvp(loss, tuple(point), tuple(point))
    close(tangent, sum(inner_product(g, p) for g, p in zip(lg.gradient(loss(*leaves), leaves), point, strict=True)))


def test_odeint_backwards_in_time_with_branches_and_time_first() -> None:
    def f(t: Any, y: Any, rate: Any) -> Any:
        return -rate * y if y[0] > 1 else [-0.5 * rate]

    rate, t = lg.parameter(2.0), np.array([1.0, 0.5])
    y = integrate.odeint(f, [2.0], t, (rate,), tfirst=True, **SHARP)
    close(y.value[-1, 0], 2 * np.exp(1.0), rtol=1e-8)
    close(lg.gradient(y[-1, 0], rate), 2 * 0.5 * np.exp(1.0), rtol=1e-6)


def test_odeint_at_one_time_and_of_a_slope_without_arguments() -> None:
    y0, t = lg.parameter([1.0, 2.0]), lg.parameter([0.0, 2.0])
    y = integrate.odeint(lambda y, t: [1, 2], y0, t)
    dy, dt = lg.gradient(y[1] @ np.array([1.0, 10.0]), [y0, t])
    close(dy, [1, 10])
    close(dt, [-21, 21])
    dy, dt = lg.gradient(integrate.odeint(lambda y, t: -y, y0, t[:1]).sum(), [y0, t])
    np.testing.assert_array_equal(dy, [1, 1])
    np.testing.assert_array_equal(dt, [0, 0])


def test_odeint_inside_a_transform() -> None:
    def end(rate: Any) -> Any:
        return integrate.odeint(lambda y, t, rate: -rate * y, 1.0, [0.0, 1.0], (rate,), **SHARP)[-1, 0]

    close(lg.grad(end)(0.5), -np.exp(-0.5))
    close(lg.grad(lg.grad(end))(0.5), np.exp(-0.5), rtol=1e-6)


def test_odeint_refuses_what_it_cannot_see() -> None:
    rate, y0 = lg.parameter(2.0), lg.parameter([1.0])
    with pytest.raises(TypeError, match="`args`"):
        integrate.odeint(lambda y, t: -rate * y, y0, [0.0, 1.0]).value  # noqa: B018
    with pytest.raises(TypeError, match="cast it to float"):
        integrate.odeint(lambda y, t, n: -y, y0, [0.0, 1.0], (lg.constant(2),))
