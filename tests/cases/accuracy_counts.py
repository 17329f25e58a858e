"""Discrete distributions, by their parameters, and those of several numbers, with mpmath's derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mpmath as mp
import numpy as np

from lazygrad.scipy import stats as st
from tests.cases.accuracy import MIDDLE, UNIT, Range

__all__ = ["RANGES"]

LOOSE = (1e-8, 1e-7)
PROBABILITIES = UNIT[2:9]


def _methods(
    name: str, call: Callable[..., Any], places: tuple[float, ...], k: int, pmf: Callable[..., Any], top: int | None
) -> Iterator[Range]:
    """Yield all methods of a discrete distribution at k as functions of one parameter; `pmf` is mpmath's."""

    def below(v: Any) -> Any:
        return mp.fsum([pmf(j, v) for j in range(k + 1)])

    def above(v: Any) -> Any:
        return 1 - below(v) if top is None else mp.fsum([pmf(j, v) for j in range(k + 1, top + 1)])

    exact = {
        "pmf": lambda v: pmf(k, v),
        "logpmf": lambda v: mp.log(pmf(k, v)),
        "cdf": below,
        "sf": above,
        "logcdf": lambda v: mp.log(below(v)),
        "logsf": lambda v: mp.log(above(v)),
    }
    for method, e in exact.items():
        f = getattr(getattr(st, name), method)
        yield Range(f"{name}.{method}", lambda v, f=f: call(f, v), e, places, LOOSE, digits=250)


def _discrete() -> Iterator[Range]:
    yield from _methods(
        "binom",
        lambda f, p: f(3, 9, p),
        PROBABILITIES[2:],
        3,
        lambda j, p: mp.binomial(9, j) * p**j * (1 - p) ** (9 - j),
        9,
    )
    yield from _methods(
        "nbinom",
        lambda f, p: f(3, 2.5, p),
        PROBABILITIES[2:],
        3,
        lambda j, p: mp.binomial(j + mp.mpf(1.5), j) * p ** mp.mpf(2.5) * (1 - p) ** j,
        None,
    )
    yield from _methods(
        "poisson", lambda f, m: f(3, m), (1e-3, 0.3, *MIDDLE), 3, lambda j, m: m**j * mp.exp(-m) / mp.fac(j), None
    )
    yield from _methods(
        "geom",
        lambda f, p: f(3, p),
        PROBABILITIES[2:],
        3,
        lambda j, p: p * (1 - p) ** (j - 1) if j else mp.mpf(0),
        None,
    )
    yield from _methods("bernoulli", lambda f, p: f(0, p), PROBABILITIES[2:], 0, lambda j, p: p if j else 1 - p, 1)


def _continuous() -> Iterator[Range]:
    """Yield distributions by a shape, and those that have none of their own."""
    a, b = mp.mpf(2.5), mp.mpf(4)
    density = lambda z: z ** (a - 1) * (1 - z) ** (b - 1) / mp.beta(a, b)  # noqa: E731
    below = lambda z: mp.betainc(a, b, 0, z, regularized=True)  # noqa: E731
    places = (1e-3, 0.04, 0.3, 0.7, 0.96)
    for method, exact in (
        ("pdf", density),
        ("logpdf", lambda z: mp.log(density(z))),
        ("cdf", below),
        ("sf", lambda z: 1 - below(z)),
        ("logcdf", lambda z: mp.log(below(z))),
        ("logsf", lambda z: mp.log(1 - below(z))),
    ):
        f = getattr(st.beta, method)
        yield Range(f"beta.{method}", lambda z, f=f: f(z, 2.5, 4.0), exact, places, LOOSE, digits=80)
    yield Range(
        "beta.cdf by a",
        lambda v: st.beta.cdf(0.3, v, 4.0),
        lambda v: mp.betainc(v, 4, 0, mp.mpf(0.3), regularized=True),
        (0.04, 0.9, 12.0),
        LOOSE,
        digits=80,
    )
    for method, exact in (
        ("logpdf", lambda z: (mp.mpf(3.5) / 2 - 1) * mp.log(z) - z / 2),
        ("cdf", lambda z: mp.gammainc(mp.mpf(1.75), 0, z / 2, regularized=True)),
        ("logsf", lambda z: mp.log(mp.gammainc(mp.mpf(1.75), z / 2, mp.inf, regularized=True))),
    ):
        f = getattr(st.chi2, method)
        yield Range(f"chi2.{method}", lambda z, f=f: f(z, 3.5), exact, (0.04, 0.9, 5.9, 29.0), LOOSE, digits=80)
    yield Range(
        "uniform.cdf by scale", lambda s: st.uniform.cdf(0.3, 0.0, s), lambda s: mp.mpf(0.3) / s, (0.5, 3.1, 1e4)
    )
    yield Range(
        "uniform.logpdf by scale", lambda s: st.uniform.logpdf(0.3, 0.0, s), lambda s: -mp.log(s), (0.5, 3.1, 1e4)
    )


def _several() -> Iterator[Range]:
    """Yield distributions of several numbers along a line."""

    def share(x: Any) -> Any:
        return np.stack([x, 1 - x])

    def logpdf(x: Any) -> Any:
        return st.dirichlet.logpdf(share(x), np.array([2.5, 4.0]))

    yield Range(
        "dirichlet.logpdf",
        logpdf,
        lambda x: mp.mpf(1.5) * mp.log(x) + 3 * mp.log(1 - x),
        (1e-3, 0.3, 0.96),
        LOOSE,
    )
    yield Range(
        "multivariate_normal.logpdf",
        lambda x: st.multivariate_normal.logpdf(
            np.stack([x, 2 * x], axis=-1), np.zeros(2), np.array([[2.0, 0.5], [0.5, 1.0]])
        ),
        lambda x: -(x * x * mp.mpf(7) / mp.mpf(1.75)) / 2,
        (-3.1, 0.3, 12.0),
        LOOSE,
    )


RANGES = (*_discrete(), *_continuous(), *_several())
