"""SciPy's own functions called on nodes: ufuncs build nodes by themselves, all others name what to call instead."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.fft
import scipy.interpolate
import scipy.ndimage

import lazygrad as lg
from lazygrad.ops._declare import MEANINGS
from lazygrad.scipy import special, stats
from tests.helpers.op_checks import close

UFUNCS = sorted(name for name in dir(scipy.special) if isinstance(getattr(scipy.special, name), np.ufunc))
X, M = np.array([0.3, 0.6]), np.array([[2.0, 0.5], [0.5, 1.0]])


def ran(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


# -- ufuncs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["expit", "gammaln", "jv", "xlogy", "log_ndtr"])
def test_the_first_ufunc_that_is_met_loads_the_rules(name: str) -> None:
    code = "import sys, lazygrad as lg, scipy.special as sc; x = lg.parameter([0.5, 2.0]); "
    code += f"f = sc.{name}; before = 'lazygrad.scipy' in sys.modules; y = f(*[x] * f.nin); "
    code += "print(before, type(y).__name__, (y.value == f(*[x.value] * f.nin)).all())"
    assert ran(code) == "False Node True"


def test_a_gradient_through_a_ufunc_alone() -> None:
    code = "import lazygrad as lg, scipy.special as sc; "
    code += "print(lg.grad(sc.expit)(0.0), lg.grad(lambda x: sc.xlogy(x, x))(1.0))"
    assert ran(code) == "0.25 1.0"


def test_numpys_ufuncs_without_a_meaning_do_not_load_scipys_rules() -> None:
    code = "import sys, scipy.special, numpy as np, lazygrad as lg\n"
    code += "try: np.isnat(lg.parameter(1.0))\nexcept TypeError: print('lazygrad.scipy' in sys.modules)"
    assert ran(code) == "False"


def test_distributions_alone_load_the_rules() -> None:
    """Each distribution on nodes, where nobody has imported `lazygrad.scipy.special`."""
    code = """
import importlib, inspect, pkgutil
import numpy as np, lazygrad as lg
from lazygrad.scipy import stats

x, half = lg.parameter(1.0), lg.parameter(0.5)
special = {
    "dirichlet": (np.array([0.5, 0.5]), lg.parameter([1.0, 2.0])),
    "multivariate_normal": (lg.parameter([1.0]),),
}
count = 0
for found in pkgutil.iter_modules(stats.__path__):
    module = importlib.import_module(f"lazygrad.scipy.stats.{found.name}")
    for name in () if found.name[0] == "_" else {*module.__all__} - {"entropy"}:
        f = getattr(module, name)
        _, *others = inspect.signature(f).parameters.values()
        shapes = [2.0 if p.name == "n" else half for p in others if p.default is p.empty]
        assert type(f(*special.get(found.name, (x, *shapes)))) is lg.Node, (found.name, name)
        count += 1
print(count > 100)
"""
    assert ran(code) == "True"


@pytest.mark.parametrize("name", UFUNCS)
def test_every_ufunc_is_right_or_says_that_it_is_not_defined(name: str) -> None:
    f = getattr(scipy.special, name)
    arrays = [np.array([1, 2]) if name in ("kn", "yn") and k == 0 else X for k in range(f.nin)]
    nodes = [lg.parameter(a) if a.dtype == float else lg.constant(a) for a in arrays]
    if f in MEANINGS:
        node = f(*nodes)
        with np.errstate(all="ignore"):
            expected = f(*arrays)
            assert type(node) is lg.Node
            assert (node.shape, node.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_array_equal(node.value, expected)
    else:
        assert name not in special.__all__
        with pytest.raises(
            TypeError, match=rf"scipy\.special\.{f.__name__} is not defined on nodes: .*`lazygrad\.primitive`$"
        ):
            f(*nodes)


# -- functions that are no ufuncs ------------------------------------------------------------------


def twins() -> Iterator[str]:
    """Yield the names below ``scipy.`` of all functions that `lazygrad.scipy` has, too."""
    for part in ("integrate", "linalg", "optimize", "signal", "special"):
        for name in importlib.import_module(f"lazygrad.scipy.{part}").__all__:
            yield f"{part}.{name}"
    for found in pkgutil.iter_modules(stats.__path__):
        module = importlib.import_module(f"lazygrad.scipy.stats.{found.name}")
        yield from (f"stats.{found.name}.{name}" for name in getattr(module, "__all__", ()) if found.name[0] != "_")


def look_up(name: str) -> Any:
    found: Any = scipy
    for part in name.split("."):
        found = getattr(found, part)
    return found


NOT_UFUNCS = [name for name in twins() if not isinstance(look_up(name), np.ufunc)]
# What a call takes, each argument in turn a node; one vector for all others.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "integrate.odeint": (lambda y, t, a: a * y, X, X, (X,)),
    **dict.fromkeys(("linalg.cho_factor", "linalg.cholesky", "linalg.det", "linalg.expm", "linalg.inv"), (M,)),
    **dict.fromkeys(("linalg.logm", "linalg.norm", "linalg.pinv", "linalg.sqrtm"), (M,)),
    **dict.fromkeys(("linalg.solve", "linalg.solve_triangular"), (M, X)),
    "linalg.cho_solve": ((M, True), X),
    "linalg.expm_frechet": (M, M),
    "linalg.solve_banded": ((0, 1), M, X),
    "linalg.solve_sylvester": (M, M, M),
    **dict.fromkeys(("signal.convolve", "signal.correlate"), (X, X)),
    "special.polygamma": (1, X),
    "special.multigammaln": (X + 2, 2),
    "special.zeta": (X + 2, 1.0),
}
SHAPES = {
    **{
        f"stats.{name}": (X, X)
        for name in ("bernoulli", "chi2", "expon", "gamma", "geom", "lognorm", "pareto", "poisson")
    },
    **{f"stats.{name}": (X, X) for name in ("t", "weibull_min", "dirichlet")},
    **{f"stats.{name}": (X, X, X) for name in ("beta", "binom", "nbinom")},
}


def with_a_node(args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments with a node in place of each array in turn."""
    for k, a in enumerate(args):
        if isinstance(a, np.ndarray):
            yield (*args[:k], lg.parameter(a), *args[k + 1 :])
        elif isinstance(a, tuple) and isinstance(a[0], np.ndarray):
            yield (*args[:k], (lg.parameter(a[0]), *a[1:]), *args[k + 1 :])


@pytest.mark.parametrize("name", NOT_UFUNCS)
def test_every_function_that_has_a_twin_works_or_names_it(name: str) -> None:
    f = look_up(name)
    args = ARGUMENTS.get(name) or SHAPES.get(name.rpartition(".")[0]) or (X,)
    calls = list(with_a_node(args))
    assert calls
    for given in calls:
        try:
            found = f(*given)
        except TypeError as error:
            assert f"`lazygrad.scipy.{name}`" in str(error), str(error)  # noqa: PT017
            assert ".value" not in str(error)  # noqa: PT017
            assert ".item" not in str(error)  # noqa: PT017
        else:
            assert isinstance(found, lg.Node)
            close(found.value, f(*args))


def test_frozen_distributions_name_the_function_too() -> None:
    x = lg.parameter(X)
    calls: tuple[tuple[Callable[[], Any], str], ...] = (
        (lambda: scipy.stats.norm(0.0, 2.0).logpdf(x), "norm.logpdf"),
        (lambda: scipy.stats.norm(x).cdf(1.0), "norm.cdf"),
        (lambda: scipy.stats.multivariate_normal([0.0, 0.0]).pdf(x), "multivariate_normal.pdf"),
    )
    for call, name in calls:
        with pytest.raises(TypeError, match=rf"scipy\.stats\.{name} .*call `lazygrad\.scipy\.stats\.{name}`$"):
            call()


def test_a_number_of_a_node_reaches_another_protocol() -> None:
    """`logsumexp` asks `np.result_type` of what has no axes before it makes an array of it."""
    with pytest.raises(TypeError, match=r"scipy\.special\.logsumexp .*`lazygrad\.scipy\.special\.logsumexp`$"):
        scipy.special.logsumexp(lg.parameter(1.0))


ELSEWHERE: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "svd": (lambda x, m: scipy.linalg.svd(m), r"scipy\.linalg\.svd .*call `np\.linalg\.svd`$"),
    "eigh": (lambda x, m: scipy.linalg.eigh(m), r"scipy\.linalg\.eigh .*call `np\.linalg\.eigh`$"),
    "fft": (lambda x, m: scipy.fft.fft(x), r"scipy\.fft\.fft .*call `np\.fft\.fft`$"),
    "ndimage": (
        lambda x, m: scipy.ndimage.gaussian_filter(m, 1.0),
        r"scipy\.ndimage\.gaussian_filter .*`lazygrad\.prim",
    ),
    "spline": (
        lambda x, m: scipy.interpolate.CubicSpline(X, x),
        r"scipy\.interpolate\.CubicSpline .*`lazygrad\.primitive`$",
    ),
    "ppf": (lambda x, m: scipy.stats.norm.ppf(x), r"scipy\.stats\.norm\.ppf .*`lazygrad\.primitive`$"),
    "kde": (lambda x, m: scipy.stats.gaussian_kde(x), r"scipy\.stats\.gaussian_kde .*`lazygrad\.primitive`$"),
    "simpson": (lambda x, m: scipy.integrate.simpson(x), r"scipy\.integrate\.simpson .*`lazygrad\.primitive`$"),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_functions_without_a_twin_name_numpys_or_the_way_to_declare_one(name: str) -> None:
    call, hint = ELSEWHERE[name]
    with pytest.raises(TypeError, match=hint):
        call(lg.parameter(X), lg.parameter(M))


def test_inside_a_differentiated_function_the_hint_is_the_same() -> None:
    with pytest.raises(TypeError, match=r"`lazygrad\.scipy\.optimize\.rosen`$"):
        lg.grad(scipy.optimize.rosen)(X)
    with pytest.raises(TypeError, match=r"`lazygrad\.scipy\.integrate\.cumulative_trapezoid`$"):
        lg.grad(lambda x: scipy.integrate.cumulative_trapezoid(x).sum())(X)


def test_the_callback_of_a_function_of_scipys_is_the_users_line() -> None:
    """What the user's function does wrong is not blamed on the minimiser that called it."""
    x = lg.parameter(1.0)
    with pytest.raises(TypeError) as caught:
        scipy.optimize.minimize(lambda p: np.asarray(p[0] * x), [1.0])
    assert "scipy.optimize" not in str(caught.value)


def test_lists_of_nodes_are_joined_by_ours() -> None:
    x, y = lg.parameter(1.0), lg.parameter(2.0)
    found: Any = special.logsumexp([x, y])
    close(found.value, scipy.special.logsumexp([1.0, 2.0]))
    close(stats.norm.logpdf([x, y]).value, scipy.stats.norm.logpdf([1.0, 2.0]))
    close(lg.scipy.linalg.det([[x, y], [y, x]]).value, -3.0)


def test_special_functions_take_lists_of_nodes() -> None:
    x, y = lg.parameter(0.3), lg.parameter([0.1, 0.2])
    for call, plain in (
        (lambda f: f([x, 0.5]), [0.3, 0.5]),
        (lambda f: f((x, x)), [0.3, 0.3]),
        (lambda f: f([[x, y[0]], [0.7, x]]), [[0.3, 0.1], [0.7, 0.3]]),
        (lambda f: f([y, y]), [[0.1, 0.2], [0.1, 0.2]]),
    ):
        for f in (special.expit, special.erf, special.gammaln, special.log_ndtr):
            assert isinstance(call(f), lg.Node)
            np.testing.assert_allclose(call(f).value, f(np.array(plain)), rtol=1e-14)
    found = special.betainc([x, 2.0], b=2.0, x=[0.4, x])
    np.testing.assert_allclose(found.value, special.betainc([0.3, 2.0], 2.0, [0.4, 0.3]), rtol=1e-14)
    np.testing.assert_allclose(lg.gradient(special.xlogy([x, x], 2.0).sum(), x), 2 * np.log(2.0))
    np.testing.assert_array_equal(special.expit([0.0, 0.0]), [0.5, 0.5])
    assert isinstance(special.logsumexp([x, x]), lg.Node)
