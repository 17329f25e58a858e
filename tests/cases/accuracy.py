"""Special functions and distributions over their whole range, each as a function of one number, with mpmath's."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import mpmath as mp

from lazygrad.scipy import special as sp

__all__ = ["RANGES", "ByDensity", "Known", "Range", "differentiate", "expit", "log_expit", "log_ndtr", "mirror"]


@attrs.frozen(eq=False)
class Range:
    """One function of one number, at places all over its range."""

    name: str
    ours: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    places: tuple[float, ...]
    tolerance: tuple[float, float] = (1e-10, 1e-10)  # relative, of the first and the second derivative
    digits: int = 50  # with which mpmath differentiates
    single: tuple[float, float] = (2e-3, 2e-3)  # what float32 may err, relatively


def mirror(*places: float) -> tuple[float, ...]:
    """Return the places, and those opposite."""
    return (*[-p for p in reversed(places) if p], *places)


SMALL = (1e-200, 1e-20, 1e-8, 1e-3, 0.04, 0.3)
MIDDLE = (0.9, 1.7, 3.1, 5.9, 12.0, 29.0)
LARGE = (75.0, 400.0, 1e4, 1e8, 1e16, 1e100)
POSITIVE = (*SMALL, *MIDDLE, *LARGE)
REAL = mirror(*SMALL, *MIDDLE)
LINE = mirror(*POSITIVE)
UNIT = (1e-200, 1e-20, 1e-8, 1e-3, 0.04, 0.3, 0.5, 0.7, 0.96, 0.999, 1 - 1e-8, 1 - 1e-15)


def _erfcx(x: Any) -> Any:
    if x > 25:
        terms = [(-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(200)]
        return mp.fsum(terms) / (x * mp.sqrt(mp.pi))
    with mp.workdps(mp.mp.dps + int(x * x)):
        return mp.exp(x * x) * mp.erfc(x)


def _dawsn(x: Any) -> Any:
    if abs(x) > 25:
        terms = [mp.fac2(2 * k - 1) / (mp.mpf(2) ** (k + 1) * x ** (2 * k + 1)) for k in range(200)]
        return mp.fsum(terms)
    with mp.workdps(mp.mp.dps + int(x * x)):
        return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def log_ndtr(x: Any) -> Any:
    if x > 0:
        return mp.log1p(-mp.erfc(x / mp.sqrt(2)) / 2)
    return mp.log(_erfcx(-x / mp.sqrt(2)) / 2) - x * x / 2


def log_expit(x: Any) -> Any:
    return -mp.log1p(mp.exp(-x)) if x > 0 else x - mp.log1p(mp.exp(x))


def expit(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x)) if x > 0 else mp.exp(x) / (1 + mp.exp(x))


def _gamma_tail(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def _beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def _special() -> Iterator[Range]:
    yield Range("expit", sp.expit, expit, mirror(*SMALL, *MIDDLE, 75.0, 400.0))
    yield Range("log_expit", sp.log_expit, log_expit, mirror(*SMALL, *MIDDLE, 75.0, 400.0))
    yield Range("logit", sp.logit, lambda x: mp.log(x / (1 - x)), UNIT[1:6] + UNIT[7:])
    yield Range("erf", sp.erf, mp.erf, mirror(*SMALL, *MIDDLE[:5], 26.0), digits=400)
    yield Range("erfc", sp.erfc, mp.erfc, mirror(*SMALL, *MIDDLE[:5], 26.0), digits=400)
    yield Range("erfcx", sp.erfcx, _erfcx, (*[-x for x in MIDDLE[:5]], *[-x for x in SMALL], *POSITIVE), digits=80)
    yield Range("erfi", sp.erfi, mp.erfi, mirror(*SMALL, *MIDDLE[:5], 26.0), digits=400)
    yield Range("dawsn", sp.dawsn, _dawsn, LINE, digits=80)
    yield Range("erfinv", sp.erfinv, mp.erfinv, mirror(*UNIT[:11]))
    yield Range("ndtr", sp.ndtr, mp.ncdf, mirror(*SMALL, *MIDDLE[:5], 37.0), digits=400)
    yield Range("log_ndtr", sp.log_ndtr, log_ndtr, LINE, digits=80)
    yield Range("expm1", sp.expm1, mp.expm1, mirror(*SMALL, *MIDDLE, 75.0, 400.0))
    yield Range("log1p", sp.log1p, mp.log1p, (*[-x for x in UNIT], *POSITIVE))
    yield Range("exp2", sp.exp2, lambda x: mp.mpf(2) ** x, mirror(*SMALL, *MIDDLE, 400.0))
    yield Range("exp10", sp.exp10, lambda x: mp.mpf(10) ** x, mirror(*SMALL, *MIDDLE))
    yield Range("cbrt", sp.cbrt, lambda x: mp.sign(x) * mp.root(abs(x), 3), mirror(*POSITIVE[1:]))
    yield Range("exprel", sp.exprel, lambda x: mp.expm1(x) / x, mirror(*SMALL, 0.049, 0.051, *MIDDLE, 75.0, 400.0))
    yield Range("expi", sp.expi, mp.ei, mirror(*SMALL[1:], *MIDDLE, 75.0, 400.0))
    yield Range("exp1", sp.exp1, mp.e1, (*SMALL[1:], *MIDDLE, 75.0, 400.0))
    yield Range(
        "spence", sp.spence, lambda z: mp.polylog(2, 1 - z).real, (*SMALL[1:], 0.98, 0.995, 1.003, 1.02, *MIDDLE, 75.0)
    )
    yield Range("xlogy by y", lambda y: sp.xlogy(2.0, y), lambda y: 2 * mp.log(y), POSITIVE[1:])
    yield Range(
        "xlog1py by y", lambda y: sp.xlog1py(2.0, y), lambda y: 2 * mp.log1p(y), (*[-x for x in UNIT], *POSITIVE)
    )
    for x in (1e-8, 0.7, 3.0, 1e6):
        yield Range(
            f"boxcox({x}) by lmbda",
            lambda v, x=x: sp.boxcox(x, v),
            lambda v, x=x: mp.expm1(v * mp.log(x)) / v,
            mirror(*SMALL, 0.9, 1.7, 3.1),
            (1e-9, 1e-9),
        )
    yield Range(
        "boxcox by x", lambda x: sp.boxcox(x, 0.3), lambda x: (x ** mp.mpf(0.3) - 1) / mp.mpf(0.3), POSITIVE[1:]
    )
    yield Range("entr", sp.entr, lambda x: -x * mp.log(x), POSITIVE[1:])
    for y in (1e-300, 1e-3, 1.0, 1e300):
        yield Range(
            f"rel_entr(x, {y})",
            lambda x, y=y: sp.rel_entr(x, y),
            lambda x, y=y: x * mp.log(x / mp.mpf(y)),
            POSITIVE[1:],
        )
        yield Range(
            f"kl_div(x, {y})",
            lambda x, y=y: sp.kl_div(x, y),
            lambda x, y=y: x * mp.log(x / mp.mpf(y)) - x + y,
            (*POSITIVE[1:], 1 + 1e-9),
            digits=400,
        )
    yield Range(
        "pseudo_huber by r",
        lambda r: sp.pseudo_huber(2.0, r),
        lambda r: 4 * (mp.sqrt(1 + (r / 2) ** 2) - 1),
        mirror(*POSITIVE[:-1]),
    )
    yield Range(
        "pseudo_huber by delta",
        lambda d: sp.pseudo_huber(d, 3.0),
        lambda d: d * d * (mp.sqrt(1 + (3 / d) ** 2) - 1),
        (1e-3, *POSITIVE[4:15]),
        (1e-9, 1e-9),
    )


def _gammas() -> Iterator[Range]:
    away = (-0.3, -0.999, -1.5, -7.2, -30.4)
    yield Range(
        "psi",
        sp.psi,
        mp.digamma,
        (*away, *SMALL[1:], *MIDDLE, *LARGE[:5]),
        (1e-10, 1e-9),
    )
    yield Range(
        "polygamma(2)", lambda x: sp.polygamma(2, x), lambda x: mp.polygamma(2, x), (*SMALL[2:], *MIDDLE, *LARGE[:3])
    )
    yield Range("gamma", sp.gamma, mp.gamma, (*away, *SMALL[1:], *MIDDLE, 75.0, 170.0), (1e-10, 1e-9))
    yield Range("gammaln", sp.gammaln, mp.loggamma, (*SMALL[1:], *MIDDLE, *LARGE[:5]), (1e-10, 1e-9))
    yield Range(
        "rgamma", sp.rgamma, mp.rgamma, (0.0, -1.0, -5.0, *away, *SMALL[1:], *MIDDLE, 75.0, 170.0), (1e-9, 1e-9)
    )
    for b in (0.3, 4.0, 1e6):
        yield Range(
            f"betaln(a, {b})",
            lambda a, b=b: sp.betaln(a, b),
            lambda a, b=b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b),
            (*SMALL[2:], *MIDDLE, *LARGE[:4]),
            (1e-9, 1e-7),
            digits=80,
        )
    yield Range(
        "beta(a, 4)",
        lambda a: sp.beta(a, 4.0),
        lambda a: mp.beta(a, 4),
        (*SMALL[2:], *MIDDLE, *LARGE[:3]),
        (1e-9, 1e-9),
    )
    yield Range(
        "zeta(2.5, q)", lambda q: sp.zeta(2.5, q), lambda q: mp.zeta(mp.mpf(2.5), q), (*SMALL[3:], *MIDDLE, *LARGE[:2])
    )
    yield Range(
        "binom(n, 3.5)",
        lambda n: sp.binom(n, 3.5),
        lambda n: mp.binomial(n, mp.mpf(3.5)),
        (4.1, 9.0, 30.3, 1e3, 1e6),
        (1e-9, 1e-8),
    )
    yield Range(
        "binom(9.5, k)",
        lambda k: sp.binom(9.5, k),
        lambda k: mp.binomial(mp.mpf(9.5), k),
        (0.1, 1.0, 4.2, 9.0),
        (1e-9, 1e-9),
    )
    yield Range(
        "poch(a, 2.5)",
        lambda a: sp.poch(a, 2.5),
        lambda a: mp.rf(a, mp.mpf(2.5)),
        (1e-3, 0.3, *MIDDLE, 75.0, 1e4),
        (1e-9, 1e-8),
    )
    for a in (1e-3, 0.4, 3.0, 50.0, 1e4, 1e8):
        places = tuple(a * r for r in (1e-3, 0.5, 0.99, 1, 1.001, 1.5, 4)) if a > 1 else SMALL[1:] + MIDDLE
        yield Range(
            f"gammainc({a}, x)",
            lambda x, a=a: sp.gammainc(a, x),
            lambda x, a=a: mp.gammainc(a, 0, x, regularized=True) if a < 1e4 else _saddle(a, x),
            places,
        )
    for x in (1e-8, 0.4, 3.0, 50.0):
        yield Range(
            f"gammaincc(a, {x})",
            lambda a, x=x: sp.gammaincc(a, x),
            lambda a, x=x: _gamma_tail(a, mp.mpf(x)),
            (1e-3, 0.04, 0.3, 0.9, 1.7, 3.1, 12.0, 47.0, 49.9, 53.0, 100.0),
            (1e-10, 1e-8),
            digits=300,
        )
    for a, b in ((0.3, 0.2), (2.0, 5.0), (50.0, 0.5), (300.0, 400.0)):
        yield Range(
            f"betainc({a}, {b}, x)",
            lambda x, a=a, b=b: sp.betainc(a, b, x),
            lambda x, a=a, b=b: _beta_density_integral(a, b, x),
            (1e-20, 1e-8, 0.04, 0.3, 0.43, 0.5, 0.96, 1 - 1e-8),
            (1e-10, 1e-9),
        )
    for df in (0.1, 1.0, 7.0, 1e5, 1e12):
        yield Range(
            f"stdtr({df}, t)",
            lambda t, df=df: sp.stdtr(df, t),
            lambda t, df=df: _student(df, t),
            mirror(1e-8, 0.3, 1.7, 3.1, 12.0, 1e4),
            (1e-10, 1e-9),
        )


class Known:
    """Derivatives that are known by formulas of their own."""

    def __init__(self, *derivatives: Any) -> None:
        self.derivatives = derivatives


class ByDensity:
    """A function that is known by its derivative: mpmath differentiates that once less."""

    def __init__(self, density: Callable[[Any], Any]) -> None:
        self.density = density


def _saddle(a: float, x: Any) -> Any:
    return ByDensity(lambda x: mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a)))


def _beta_density_integral(a: float, b: float, x: Any) -> Any:
    a, b = mp.mpf(a), mp.mpf(b)
    return ByDensity(lambda x: x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b))


def _student(df: float, t: Any) -> Any:
    n = mp.mpf(df)
    norm = mp.exp(mp.loggamma((n + 1) / 2) - mp.loggamma(n / 2)) / mp.sqrt(n * mp.pi)
    return ByDensity(lambda t: norm * mp.exp(-(n + 1) / 2 * mp.log1p(t * t / n)))


def differentiate(row: Range, x: float, order: int) -> Any:
    """Return mpmath's derivative of the exact function."""
    size = abs(x) or 1.0
    with mp.workdps(row.digits + int(1.2 * abs(math.log10(size)) + 0.45 * min(size, 900))):
        x = mp.mpf(x)
        found = row.exact(x)
        if isinstance(found, Known):
            return found.derivatives[order - 1]
        if isinstance(found, ByDensity):
            return mp.re(found.density(x) if order == 1 else mp.diff(found.density, x, order - 1, relative=True))
        return mp.re(mp.diff(row.exact, x, order, relative=bool(x)))


_BESSEL = {
    "j": (mp.besselj, 1, -1),
    "y": (mp.bessely, 1, -1),
    "i": (mp.besseli, 1, 1),
    "k": (mp.besselk, -1, 1),
}


def _both_derivatives(kind: str, v: float, z: Any) -> Any:
    """Return the derivatives of a Bessel function by the recurrences of its order."""
    f, sign, other = _BESSEL[kind]
    v = mp.mpf(v)
    first = sign * (f(v - 1, z) + other * f(v + 1, z)) / 2
    second = (f(v - 2, z) + 2 * other * f(v, z) + f(v + 2, z)) / 4
    return Known(first, second)


def _bessel() -> Iterator[Range]:
    places = (1e-8, 1e-3, 0.3, *MIDDLE, 75.0, 400.0)
    tolerance = (1e-8, 1e-8)
    for v in (0, 1, 2.5):
        for kind in _BESSEL:
            f = getattr(sp, f"{kind}v")
            exact = functools.partial(_both_derivatives, kind, v)
            yield Range(f"{kind}v({v}, z)", functools.partial(f, float(v)), exact, places, tolerance)
            if v < 2:
                yield Range(f"{kind}{v}", getattr(sp, f"{kind}{v}"), exact, places, tolerance)


RANGES = (*_special(), *_gammas(), *_bessel())
