"""Inverses, scaled functions and the other arguments of special functions over their range, with mpmath's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import mpmath as mp
import numpy as np

from lazygrad.scipy import special as sp
from tests.cases.accuracy import MIDDLE, POSITIVE, SMALL, UNIT, Known, Range, mirror

__all__ = ["RANGES"]


def _invert(slope: Callable[[Any], Any], find: Callable[[Any], Any], y: Any) -> Any:
    """Return the derivatives of an inverse at y from the slope of the function, at the place that `find` knows."""
    x = find(y)
    first = slope(x)
    return Known(1 / first, -mp.diff(slope, x, relative=bool(x)) / first**3)


def _solve(f: Callable[[Any], Any], start: float) -> Any:
    return mp.findroot(f, mp.mpf(start), tol=mp.mpf(10) ** (-mp.mp.dps // 2), maxsteps=200)


def _inverses() -> Iterator[Range]:
    def normal(x: Any) -> Any:
        return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)

    def error(x: Any) -> Any:
        return -2 * mp.exp(-x * x) / mp.sqrt(mp.pi)

    def below(y: Any) -> Any:
        """Return where the normal distribution function is y."""
        if y > 0.5:
            return -below(1 - y)
        return _solve(lambda x: mp.log(mp.ncdf(x)) - mp.log(y), float(sp.ndtri(float(y))))

    yield Range("ndtri", sp.ndtri, lambda y: _invert(normal, below, y), UNIT[1:-1], (1e-9, 1e-8))
    yield Range(
        "erfcinv",
        sp.erfcinv,
        lambda y: _invert(error, lambda y: -below(y / 2) / mp.sqrt(2), y),
        (1e-20, 1e-8, 0.3, 0.999, 1.3, 1.9),
        (1e-9, 1e-8),
    )
    for a in (0.4, 3.0, 50.0):
        density = lambda x, a=a: mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))  # noqa: E731
        for name, f, sign, lower in (
            ("gammaincinv", sp.gammaincinv, 1, True),
            ("gammainccinv", sp.gammainccinv, -1, False),
        ):
            yield Range(
                f"{name}({a}, y)",
                functools.partial(f, a),
                lambda y, a=a, f=f, sign=sign, lower=lower, density=density: _invert(
                    lambda x: sign * density(x),
                    lambda y: _solve(
                        lambda x: mp.gammainc(a, *((0, x) if lower else (x, mp.inf)), regularized=True) - y,
                        float(f(a, float(y))),
                    ),
                    y,
                ),
                (1e-3, 0.1, 0.5, 0.9, 0.999),
                (1e-8, 1e-7),
            )
    beta = lambda x: x * (1 - x) ** 4 / mp.beta(2, 5)  # noqa: E731
    yield Range(
        "betaincinv(2, 5, y)",
        lambda y: sp.betaincinv(2.0, 5.0, y),
        lambda y: _invert(
            beta,
            lambda y: _solve(
                lambda x: mp.betainc(2, 5, 0, x, regularized=True) - y, float(sp.betaincinv(2.0, 5.0, float(y)))
            ),
            y,
        ),
        (1e-3, 0.1, 0.5, 0.9, 0.999),
        (1e-8, 1e-7),
    )


def _arguments() -> Iterator[Range]:
    places = (1e-3, 0.3, *MIDDLE[:5])
    loose = (1e-9, 1e-8)
    half = mp.mpf(0.3)
    yield Range("sinc", sp.sinc, mp.sincpi, mirror(0.04, 0.3, *MIDDLE), (1e-9, 1e-8), digits=80)
    yield Range("xlogy by x", lambda x: sp.xlogy(x, x), lambda x: x * mp.log(x), POSITIVE[1:])
    yield Range("rel_entr(3, y)", lambda y: sp.rel_entr(3.0, y), lambda y: 3 * mp.log(3 / y), POSITIVE[1:])
    yield Range("kl_div(3, y)", lambda y: sp.kl_div(3.0, y), lambda y: 3 * mp.log(3 / y) - 3 + y, (*places, 1e4))
    yield Range("boxcox1p by x", lambda x: sp.boxcox1p(x, 0.3), lambda x: ((1 + x) ** half - 1) / half, POSITIVE)
    yield Range(
        "boxcox1p(2, lmbda)",
        lambda v: sp.boxcox1p(2.0, v),
        lambda v: mp.expm1(v * mp.log(3)) / v,
        mirror(*SMALL[1:], 0.9, 3.1),
        loose,
    )
    yield Range("huber(1, r)", lambda r: sp.huber(1.0, r), lambda r: r * r / 2 if abs(r) < 1 else abs(r) - 0.5, places)
    yield Range("loggamma", sp.loggamma, mp.loggamma, (*SMALL[1:], *MIDDLE), loose)
    yield Range(
        "multigammaln(a, 3)",
        lambda a: sp.multigammaln(a, 3),
        lambda a: mp.fsum([mp.loggamma(a - mp.mpf(j) / 2) for j in range(3)]),
        (1.1, 3.1, 12.0, 1e4),
        loose,
    )
    yield Range("beta(0.3, b)", lambda b: sp.beta(0.3, b), lambda b: mp.beta(half, b), (*places, 400.0), loose)
    yield Range(
        "poch(2.5, m)",
        lambda m: sp.poch(2.5, m),
        lambda m: mp.exp(mp.loggamma(mp.mpf(2.5) + m) - mp.loggamma(mp.mpf(2.5))),
        (0.3, 1.7, 12.0, 75.0),
        loose,
    )
    for name, f, exact in (
        (
            "betainc(a, 5, 0.3)",
            lambda a: sp.betainc(a, 5.0, 0.3),
            lambda a: mp.betainc(a, 5, 0, half, regularized=True),
        ),
        (
            "betaincc(2, b, 0.3)",
            lambda b: sp.betaincc(2.0, b, 0.3),
            lambda b: 1 - mp.betainc(2, b, 0, half, regularized=True),
        ),
    ):
        yield Range(name, f, exact, (1e-3, 0.3, 1.7, 5.9, 29.0), (1e-10, 1e-8), digits=80)
    for t in (0.3, -3.1):
        yield Range(
            f"stdtr(df, {t})",
            lambda v, t=t: sp.stdtr(v, t),
            lambda v, t=t: _student_tail(v, mp.mpf(t)),
            (1e-2, 0.3, 1.7, 29.0, 400.0),
            (1e-9, 1e-8),
            digits=80,
        )
    for x in (0.4, 50.0):
        yield Range(
            f"gammainc(a, {x})",
            lambda a, x=x: sp.gammainc(a, x),
            lambda a, x=x: mp.gammainc(a, 0, mp.mpf(x), regularized=True),
            (0.04, 0.9, 3.1, 47.0, 53.0),
            (1e-10, 1e-8),
            digits=80,
        )


def _student_tail(v: Any, t: Any) -> Any:
    tail = mp.betainc(v / 2, mp.mpf(1) / 2, 0, v / (v + t * t), regularized=True) / 2
    return tail if t < 0 else 1 - tail


def _scaled() -> Iterator[Range]:
    places = (1e-3, 0.3, *MIDDLE, 75.0, 400.0)
    for v in (0, 1, 2.5):
        order = mp.mpf(v)
        scaled = {
            "i": lambda z, v=order: mp.besseli(v, z) * mp.exp(-z),
            "k": lambda z, v=order: mp.besselk(v, z) * mp.exp(z),
            "j": lambda z, v=order: mp.besselj(v, z),
        }
        for kind, exact in scaled.items():
            yield Range(
                f"{kind}ve({v}, z)",
                functools.partial(getattr(sp, f"{kind}ve"), float(v)),
                exact,
                places,
                (1e-8, 1e-7),
                80,
            )
            if v < 2 and kind != "j":
                yield Range(f"{kind}{v}e", getattr(sp, f"{kind}{v}e"), exact, places, (1e-8, 1e-7), 80)
    for kind, exact in (("y", mp.bessely), ("k", mp.besselk)):
        f = getattr(sp, f"{kind}n")
        yield Range(
            f"{kind}n(2, z)", lambda z, f=f: f(2, z), lambda z, exact=exact: exact(2, z), places[:6], (1e-8, 1e-7), 80
        )


def _sums() -> Iterator[Range]:
    def of(function: Callable[..., Any], place: int | None) -> Callable[[Any], Any]:
        def call(x: Any) -> Any:
            found = function(np.stack([x, 0 * x, 0.5 * x]), axis=0)
            return found if place is None else found[place]

        return call

    places = mirror(1e-8, 0.3, *MIDDLE[:4])  # farther out 1 - softmax is below the rounding errors of 1
    total = lambda x: mp.exp(x) + 1 + mp.exp(x / 2)  # noqa: E731
    yield Range("logsumexp", of(sp.logsumexp, None), lambda x: mp.log(total(x)), places, (1e-9, 1e-9), digits=80)
    yield Range("softmax", of(sp.softmax, 0), lambda x: mp.exp(x) / total(x), places, (1e-9, 1e-7), digits=80)
    yield Range("log_softmax", of(sp.log_softmax, 1), lambda x: -mp.log(total(x)), places, (1e-9, 1e-9), digits=80)


RANGES = (*_inverses(), *_arguments(), *_scaled(), *_sums())
