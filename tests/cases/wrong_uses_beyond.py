"""More right calls to be made wrong: SciPy's functions, the autograd face, plugins, the command line and attributes."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np

import lazygrad as lg
import lazygrad.numpy as lnp
import lazygrad.scipy.integrate
import lazygrad.scipy.linalg
import lazygrad.scipy.optimize
import lazygrad.scipy.signal
import lazygrad.scipy.special
import lazygrad.scipy.stats
from lazygrad.__main__ import main
from lazygrad.compat import autograd
from lazygrad.compat.autograd import extend
from lazygrad.compat.autograd.misc import fixed_points, optimizers
from lazygrad.compat.autograd.misc.flatten import flatten
from lazygrad.plugins import flat
from lazygrad.plugins import scipy as by_scipy
from tests.cases.wrong_uses import Use, World, by, cube, double, of, one

sp = lazygrad.scipy


def norm_of(x: Any) -> Any:
    return np.sum((x - 1.0) ** 2)


def residuals(x: Any) -> Any:
    return x - np.array([1.0, 2.0, 3.0])


def line(x: Any, a: Any, b: Any) -> Any:
    return a * x + b


def _run(*words: Any) -> None:
    """Run the command line, whose own way to refuse is an exit with a message."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        main([*words])


def _assign(name: str, value: Any) -> Any:
    def assign(world: World) -> Any:
        return lambda v: setattr(world.y, name, v)

    return Use(assign, lambda w: (value,), raises=(AttributeError,))


def _quiet(function: Any) -> Any:
    def quiet(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return quiet


USES: dict[str, Use] = {
    # SciPy
    "expit": of(sp.special.expit, lambda w: (w.x,)),
    "gammaln": of(sp.special.gammaln, lambda w: (w.x,)),
    "gammainc": of(sp.special.gammainc, lambda w: (w.x, one)),
    "xlogy": of(sp.special.xlogy, lambda w: (w.x, one)),
    "scipy logsumexp": of(sp.special.logsumexp, lambda w: (w.x, 0, one, False), return_sign=False),
    "scipy softmax": of(sp.special.softmax, lambda w: (w.x, 0)),
    "scipy log_softmax": of(sp.special.log_softmax, lambda w: (w.x, 0)),
    "expm": of(sp.linalg.expm, lambda w: (w.M,)),
    "scipy solve": of(sp.linalg.solve, lambda w: (w.M, w.x)),
    "cholesky": of(sp.linalg.cholesky, lambda w: (w.M,), lower=True),
    "solve_triangular": of(sp.linalg.solve_triangular, lambda w: (w.M, w.x), lower=True),
    "block_diag": of(sp.linalg.block_diag, lambda w: (w.M, w.M)),
    "toeplitz": of(sp.linalg.toeplitz, lambda w: (w.x,)),
    "signal convolve": of(sp.signal.convolve, lambda w: (w.x, one, "full")),
    "odeint": of(_quiet(sp.integrate.odeint), lambda w: (lambda y, t, a: -a * y, w.s, np.array([0.0, 0.5]), (w.s,))),
    "trapezoid": of(sp.integrate.trapezoid, lambda w: (w.x, one)),
    "rosen": of(sp.optimize.rosen, lambda w: (w.x,)),
    "norm.logpdf": of(sp.stats.norm.logpdf, lambda w: (w.x, 0.0, w.s)),
    "gamma.cdf": of(sp.stats.gamma.cdf, lambda w: (w.x, 2.0)),
    "binom.pmf": of(sp.stats.binom.pmf, lambda w: (np.array([0, 1, 2]), 3, 0.5 / w.s)),
    "multivariate_normal.logpdf": of(sp.stats.multivariate_normal.logpdf, lambda w: (w.x, one, w.M)),
    "dirichlet.logpdf": of(sp.stats.dirichlet.logpdf, lambda w: (np.array([0.2, 0.3, 0.5]), w.x)),
    # NumPy's namespace, with lists of nodes
    **{
        f"lnp.{name}": Use(lambda w, name=name: getattr(lnp, name), lambda w: ([w.s, 2.0], 0))  # type: ignore[misc]
        for name in ("mean", "sum", "sort", "cumsum", "diff", "expand_dims")
    },
    "lnp.vectorize": Use(lambda w: lambda f, x: lnp.vectorize(f)(x), lambda w: (double, w.x)),
    # the autograd face
    **{
        f"autograd.{name}": of(getattr(autograd, name), lambda w: (cube, 0))
        for name in (
            "grad",
            "value_and_grad",
            "jacobian",
            "hessian",
            "elementwise_grad",
            "deriv",
            "make_hvp",
            "make_vjp",
        )
    },
    "autograd.grad of a point": Use(lambda w: autograd.grad(cube), lambda w: (one,)),
    "autograd.grad_named": of(autograd.grad_named, lambda w: (cube, "x")),
    "autograd.multigrad_dict": of(autograd.multigrad_dict, lambda w: (cube,)),
    "autograd.checkpoint": of(autograd.checkpoint, lambda w: (cube,)),
    "autograd.primitive": of(autograd.primitive, lambda w: (double,)),
    "autograd.make_jvp of a point": Use(lambda w: autograd.make_jvp(np.sin), lambda w: (one,)),
    "autograd.make_ggnvp": of(autograd.make_ggnvp, lambda w: (np.sin,)),
    "autograd.defvjp": Use(
        lambda w: lambda *a: extend.defvjp(autograd.primitive(lambda x: x), *a), lambda w: (lambda out, x: lambda g: g,)
    ),
    "autograd.vspace": of(extend.vspace, lambda w: (one,)),
    "autograd.flatten": of(flatten, lambda w: ({"a": one, "b": 2.0},)),
    "autograd.sgd": Use(
        lambda w: lambda g, x, **k: optimizers.sgd(g, x, num_iters=2, **k),
        lambda w: (lambda x, k: x, one),
        lambda w: {"callback": None},
    ),
    "autograd.adam": Use(lambda w: lambda g, x: optimizers.adam(g, x, num_iters=2), lambda w: (lambda x, k: x, one)),
    "autograd.num_iters": Use(lambda w: lambda n: optimizers.sgd(lambda x, k: x, one, None, min(n, 2)), lambda w: (2,)),
    "autograd.fixed_point": Use(
        lambda w: lambda f, d, tol: fixed_points.fixed_point(f, 2.0, 1.0, d, tol),
        lambda w: (lambda a: lambda x: 0.5 * (x + a / x), lambda x, y: abs(x - y), 1e-6),
    ),
    # plugins
    "Objective": of(flat.Objective, lambda w: (w.L, w.x), points=2, backend="lazy"),
    "Objective.fun": by(lambda w: flat.Objective(w.L, w.x).fun, lambda w: (one,)),
    "Objective.jac": by(lambda w: flat.Objective(w.L, w.x).jac, lambda w: (one,)),
    "scipy minimize": of(by_scipy.minimize, lambda w: (norm_of, one), method="BFGS", points=2),
    "scipy minimize a node": of(by_scipy.minimize, lambda w: (w.L * w.L,), wrt="x", options={"maxiter": 1}),
    "scipy least_squares": of(by_scipy.least_squares, lambda w: (residuals, one)),
    "scipy root": of(by_scipy.root, lambda w: (residuals, one)),
    "scipy curve_fit": Use(
        lambda w: _quiet(by_scipy.curve_fit), lambda w: (line, one, 2 * one + 1, [1.0, 0.5]), raises=(OverflowError,)
    ),
    "scipy root_scalar": of(by_scipy.root_scalar, lambda w: (lambda x: x**2 - 2.0,), x0=1.0),
    # the command line
    "the command line": of(_run, lambda w: ("check", "no such file.py")),
    "a command's option": Use(lambda w: lambda v: _run("run", "no such file.py", "--wrt", v), lambda w: ("x",)),
    # ops
    "an op": of(lg.ops.tanh, lambda w: (w.x,)),
    "relu": of(lg.ops.relu, lambda w: (w.x,)),
    "op where": of(lg.ops.where, lambda w: (w.x > 1, w.x, w.s)),
}
