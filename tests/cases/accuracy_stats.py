"""Distributions over their whole range, each as a function of one number, with mpmath's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import mpmath as mp

from lazygrad.scipy import stats as st
from tests.cases.accuracy import MIDDLE, ByDensity, Range, expit, log_expit, log_ndtr, mirror

__all__ = ["RANGES"]


PRECISE = {("norm", "cdf"), ("norm", "sf"), ("gumbel_r", "cdf"), ("gumbel_r", "sf"), ("gumbel_r", "logsf")}


def _normal(z: Any) -> Any:
    return -z * z / 2 - mp.log(2 * mp.pi) / 2


def beta_density(p: float, q: float, z: Any) -> Any:
    size = mp.loggamma(p) + mp.loggamma(q) - mp.loggamma(mp.mpf(p) + q)
    return mp.exp((p - 1) * mp.log(z) + (q - 1) * mp.log(1 - z) - size)


def _distributions() -> Iterator[Range]:
    line = mirror(1e-8, 0.04, 0.3, *MIDDLE, 200.0, 800.0)
    half = (1e-8, 1e-3, 0.04, 0.3, *MIDDLE, 200.0)

    def rows(
        name: str, args: tuple[float, ...], places: tuple[float, ...], **exact: Callable[[Any], Any]
    ) -> Iterator[Range]:
        for method, e in exact.items():
            f = getattr(getattr(st, name), method)
            shapes = ", ".join(map(str, args))
            yield Range(
                f"{name}.{method}({shapes})",
                lambda x, f=f: f(x, *args),
                e,
                places,
                (1e-7, 1e-7),
                450 if (name, method) in PRECISE else 80,  # where 1 - p is nearly 1
            )

    near = tuple(x for x in line if abs(x) < 30)
    yield from rows("norm", (), near, pdf=lambda z: mp.exp(_normal(z)), cdf=mp.ncdf, sf=lambda z: mp.ncdf(-z))
    yield from rows("norm", (), line, logpdf=_normal, logcdf=log_ndtr, logsf=lambda z: log_ndtr(-z))
    yield from rows(
        "gumbel_r",
        (),
        line,
        pdf=lambda z: mp.exp(-z - mp.exp(-z)),
        cdf=lambda z: mp.exp(-mp.exp(-z)),
        sf=lambda z: -mp.expm1(-mp.exp(-z)),
        logcdf=lambda z: -mp.exp(-z),
        logpdf=lambda z: -z - mp.exp(-z),
        logsf=lambda z: mp.log(-mp.expm1(-mp.exp(-z))),
    )
    yield from rows(
        "logistic",
        (),
        line,
        pdf=lambda z: expit(z) * expit(-z),
        cdf=expit,
        sf=lambda z: expit(-z),
        logcdf=log_expit,
        logsf=lambda z: log_expit(-z),
        logpdf=lambda z: log_expit(z) + log_expit(-z),
    )
    yield from rows(
        "cauchy",
        (),
        mirror(1e-8, 0.3, *MIDDLE, 1e4, 1e8),
        pdf=lambda z: 1 / (mp.pi * (1 + z * z)),
        logpdf=lambda z: -mp.log(mp.pi) - mp.log1p(z * z),
        cdf=lambda z: mp.atan2(1, -z) / mp.pi,
        sf=lambda z: mp.atan2(1, z) / mp.pi,
        logcdf=lambda z: mp.log(mp.atan2(1, -z) / mp.pi),
        logsf=lambda z: mp.log(mp.atan2(1, z) / mp.pi),
    )
    yield from rows(
        "laplace",
        (),
        line,
        pdf=lambda z: mp.exp(-abs(z)) / 2,
        logpdf=lambda z: -abs(z) - mp.log(2),
        cdf=lambda z: mp.exp(z) / 2 if z < 0 else 1 - mp.exp(-z) / 2,
        logcdf=lambda z: z - mp.log(2) if z < 0 else mp.log1p(-mp.exp(-z) / 2),
        logsf=lambda z: -z - mp.log(2) if z > 0 else mp.log1p(-mp.exp(z) / 2),
    )
    yield from rows(
        "expon",
        (),
        half,
        pdf=lambda z: mp.exp(-z),
        logpdf=lambda z: -z,
        cdf=lambda z: -mp.expm1(-z),
        sf=lambda z: mp.exp(-z),
        logcdf=lambda z: mp.log(-mp.expm1(-z)),
        logsf=lambda z: -z,
    )
    yield from rows(
        "halfnorm",
        (),
        half[:9],
        pdf=lambda z: 2 * mp.exp(_normal(z)),
        logpdf=lambda z: mp.log(2) + _normal(z),
        cdf=lambda z: mp.erf(z / mp.sqrt(2)),
        sf=lambda z: mp.erfc(z / mp.sqrt(2)),
        logsf=lambda z: mp.log(2) + log_ndtr(-z),
        logcdf=lambda z: mp.log(mp.erf(z / mp.sqrt(2))),
    )
    yield from rows(
        "lognorm",
        (0.8,),
        half,
        logpdf=lambda z: _normal(mp.log(z) / mp.mpf(0.8)) - mp.log(z) - mp.log(mp.mpf(0.8)),
        pdf=lambda z: mp.exp(_normal(mp.log(z) / mp.mpf(0.8))) / z / mp.mpf(0.8),
        cdf=lambda z: mp.ncdf(mp.log(z) / mp.mpf(0.8)),
        logcdf=lambda z: log_ndtr(mp.log(z) / mp.mpf(0.8)),
        logsf=lambda z: log_ndtr(-mp.log(z) / mp.mpf(0.8)),
    )
    c = mp.mpf(1.5)
    yield from rows(
        "weibull_min",
        (1.5,),
        half,
        pdf=lambda z: c * z ** (c - 1) * mp.exp(-(z**c)),
        logpdf=lambda z: mp.log(c) + (c - 1) * mp.log(z) - z**c,
        cdf=lambda z: -mp.expm1(-(z**c)),
        sf=lambda z: mp.exp(-(z**c)),
        logsf=lambda z: -(z**c),
        logcdf=lambda z: mp.log(-mp.expm1(-(z**c))),
    )
    b = mp.mpf(2.5)
    yield from rows(
        "pareto",
        (2.5,),
        (1 + 1e-8, 1.3, *MIDDLE[1:], 1e4, 1e8),
        pdf=lambda z: b * z ** (-b - 1),
        logpdf=lambda z: mp.log(b) - (b + 1) * mp.log(z),
        cdf=lambda z: -mp.expm1(-b * mp.log(z)),
        sf=lambda z: z**-b,
        logsf=lambda z: -b * mp.log(z),
        logcdf=lambda z: mp.log(-mp.expm1(-b * mp.log(z))),
    )
    for a in (0.4, 2.5, 300.0):
        g = lambda z, a=a: mp.exp((a - 1) * mp.log(z) - z - mp.loggamma(a))  # noqa: E731
        places = tuple(a * z for z in (0.3, 0.9, 1.0, 1.2, 2.0, *(() if a > 100 else (1e-3, 6.0))))
        yield from rows(
            "gamma",
            (a,),
            places,
            pdf=g,
            logpdf=lambda z, a=a: (a - 1) * mp.log(z) - z - mp.loggamma(a),
            cdf=lambda z, g=g: ByDensity(g),
            logcdf=lambda z, a=a: mp.log(mp.gammainc(a, 0, z, regularized=True)),
            logsf=lambda z, a=a: mp.log(mp.gammainc(a, z, mp.inf, regularized=True)),
        )
    for df in (0.7, 5.0, 1e6):
        d = mp.mpf(df)
        norm = mp.exp(mp.loggamma((d + 1) / 2) - mp.loggamma(d / 2)) / mp.sqrt(mp.pi * d)
        t = lambda z, d=d, norm=norm: norm * mp.exp(-(d + 1) / 2 * mp.log1p(z * z / d))  # noqa: E731
        yield from rows(
            "t",
            (df,),
            mirror(1e-8, 0.3, *MIDDLE),
            pdf=t,
            logpdf=lambda z, t=t: mp.log(t(z)),
            cdf=lambda z, t=t: ByDensity(t),
        )
    yield Range(
        "t.logpdf by df",
        lambda v: st.t.logpdf(1.7, v),
        lambda v: (
            mp.loggamma((v + 1) / 2)
            - mp.loggamma(v / 2)
            - mp.log(v * mp.pi) / 2
            - (v + 1) / 2 * mp.log1p(mp.mpf(1.7) ** 2 / v)
        ),
        (0.1, 1.0, 7.0, 80.0, 1e4, 1e8),
        (1e-8, 1e-8),
    )
    for p, q in ((0.5, 0.7), (2.5, 1.5), (300.0, 200.0)):
        yield from rows(
            "beta",
            (p, q),
            (1e-8, 0.04, 0.3, 0.59, 0.61, 0.9, 1 - 1e-8),
            pdf=functools.partial(beta_density, p, q),
            logpdf=lambda z, p=p, q=q: mp.log(beta_density(p, q, z)),
            cdf=lambda z, p=p, q=q: ByDensity(functools.partial(beta_density, p, q)),
        )


RANGES = tuple(_distributions())
