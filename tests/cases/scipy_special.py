"""Rows of `lazygrad.scipy.special`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sc
from scipy.integrate import quad

from lazygrad.scipy import special
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import FLOATS, INF, Domain, Row, calls, complexes, nonzero, positive, real, spaced

SHAPES = (((),), ((2, 3),), ((0,),))
PAIRS = (((), ()), ((3,), ()), ((2, 1), (1, 3)), ((0,), (1,)))
TRIPLES = (((), (), ()), ((3,), (2, 1), (1,)), ((0,), (1,), ()))
DTYPES = (bool, np.int32, np.float32)


def within(low: float, high: float) -> Domain:
    return lambda rng, shape: rng.uniform(low, high, size=shape)


def orders(rng: np.random.Generator, shape: Any) -> Any:
    return rng.integers(1, 4, size=shape)


def one(f: Any, domain: Domain = real, *points: Point, **fields: Any) -> Row:
    fields = {"shapes": SHAPES, "dtypes": DTYPES, **fields}
    return Row(f"scipy.special.{f.__name__}", f, (domain,), points=points, **fields)


def several(f: Any, *domains: Domain, points: tuple[Point, ...] = (), **fields: Any) -> Row:
    fields = {"shapes": PAIRS if len(domains) == 2 else TRIPLES, "dtypes": FLOATS, **fields}
    return Row(f"scipy.special.{f.__name__}", f, domains, points=points, broadcasts=True, **fields)


def ours(function: Any, scipys: Any, *domains: Domain, **fields: Any) -> Row:
    """Return a row of a function of ours against SciPy's; float32 stays float32, even where SciPy's does not."""

    def reference(*inputs: Any, **static: Any) -> Any:
        out = np.asarray(scipys(*inputs, **static))
        dtypes = {np.asarray(x).dtype for x in inputs}
        return out.astype(np.float32) if dtypes == {np.dtype(np.float32)} else out

    fields["label"] = f"of SciPy {fields.get('label', '')}"
    return calls(function, *domains, reference=reference, **{"covers": (scipys,), "dtypes": FLOATS, **fields})


def of_complex(f: Any, *domains: Domain, order: int = 2) -> Row:
    shapes = (((2, 3),),) if len(domains) == 1 else (((3,), ()),)
    name = f"scipy.special.{f.__name__}"
    return Row(name, f, domains, shapes, label="of complex", dtypes=FLOATS, order=order, broadcasts=len(domains) > 1)


away = spaced(0.1, step=0.3)
part = within(0.1, 0.9)
probability = within(0.2, 0.8)

ORDERS = ({"n": 1}, {"n": 2})


def derivative(name: str, f: Any, *domains: Domain, **fields: Any) -> Row:
    """Return a row of an op that rules use."""
    fields = {"shapes": (SHAPES, PAIRS, TRIPLES)[max(len(domains), 1) - 1], "dtypes": FLOATS, **fields}
    return Row(
        f"scipy.special.{name}",
        f,
        domains or (real,),
        broadcasts=len(domains) > 1 and "statics" not in fields,
        **fields,
    )


def erfc_integral(x: Any, n: int) -> Any:
    """Return exp(x^2) times the n-th integral of erfc by the recurrence upwards."""
    before, last = 2 / np.sqrt(np.pi, dtype=x.dtype) + 0 * x, sc.erfcx(x)
    for k in range(1, n + 1):
        before, last = last, (before - 2 * x * last) / (2 * k)
    return last


def dawsn_derivative(x: Any, n: int) -> Any:
    slope = 1 - 2 * x * sc.dawsn(x)
    return slope if n == 1 else -2 * sc.dawsn(x) - 2 * x * slope


def inverse_mills(x: Any) -> Any:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi, dtype=x.dtype) / sc.ndtr(x)


def gamma_density(a: Any, x: Any) -> Any:
    return np.exp(sc.xlogy(a - 1, x) - x - sc.gammaln(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    return np.exp(sc.xlogy(a - 1, x) + sc.xlog1py(b - 1, -x) - sc.betaln(a, b))


def student_density(df: Any, t: Any) -> Any:
    return np.exp(-sc.betaln(0 * df + 0.5, df / 2) - 0.5 * np.log(df) - (df + 1) / 2 * np.log1p(t * t / df))


def gammainc_by_shape(a: Any, x: Any, n: int) -> Any:
    """Sum the power series of the incomplete gamma function, differentiated by the shape."""
    total = 0 * a * x
    for k in range(60):
        log = np.log(x) - sc.psi(a + k + 1)
        factor = log if n == 1 else log * log - sc.polygamma(1, a + k + 1).astype(a.dtype)
        total = total + x ** (a + k) * np.exp(-x) / sc.gamma(a + k + 1) * factor
    return total


def integrate_moment(function: Any, *arrays: Any) -> Any:
    """Integrate a function of place and parameters from 0 to the last array, element by element."""

    def one(*values: float) -> float:
        *parameters, end = map(float, values)
        # A power of the variable takes the singularity at 0 away.
        found = quad(
            lambda s: 8 * end * s**7 * function(end * s**8, *parameters),
            0,
            1,
            epsabs=1e-15,
            epsrel=1e-14,
            full_output=1,
        )
        return float(found[0])

    return np.vectorize(one, otypes=[np.result_type(*arrays)])(*arrays)


def betainc_by_shapes(a: Any, b: Any, x: Any, i: int, j: int) -> Any:
    def moment(t: float, a: float, b: float) -> float:
        by_a, by_b = np.log(t) - sc.psi(a) + sc.psi(a + b), np.log1p(-t) - sc.psi(b) + sc.psi(a + b)
        both = sc.polygamma(1, a + b)
        squares = {
            2: by_a**2 + both - sc.polygamma(1, a),
            0: by_b**2 + both - sc.polygamma(1, b),
            1: by_a * by_b + both,
        }
        return beta_density(a, b, t) * (squares[i] if i + j == 2 else by_a if i else by_b)

    return integrate_moment(moment, a, b, x)


def stdtr_by_df(df: Any, t: Any, n: int) -> Any:
    def moment(t: float, df: float) -> float:
        share = t * t / (df + t * t)
        score = 0.5 * (sc.psi((df + 1) / 2) - sc.psi(df / 2) - 1 / df - np.log1p(t * t / df) + share * (df + 1) / df)
        slope = 0.25 * (sc.polygamma(1, (df + 1) / 2) - sc.polygamma(1, df / 2)) + 0.5 / df**2
        slope += 0.5 * (share * share / df - share * (2 - share) / df**2)
        return student_density(np.float64(df), t) * (score if n == 1 else score**2 + slope)

    return integrate_moment(moment, df, t)


def polygamma_step(a: Any, b: Any, n: int) -> Any:
    return (sc.polygamma(n, a + b) - sc.polygamma(n, a)).astype(np.result_type(a, b))


SHAPE_ORDERS = ({"i": 1, "j": 0}, {"i": 0, "j": 1}, {"i": 1, "j": 1})

FEW: Any = {"shapes": (((2,), (), ()),)}

ROWS = (
    # error functions, logistic, exponentials
    one(sc.expit, real, Point([[-1000, 0, 1000]], ([0, 0.25, 0],))),
    one(sc.logit, probability, Point([[0, 0.5, 1]], ([INF, 4, INF],))),
    one(sc.log_expit, real, Point([[-1000, 0, 1000]], ([1, 0.5, 0],))),
    one(sc.erf),
    one(sc.erfc),
    one(sc.erfcx),
    derivative("scaled_erfc_integral", erfc_integral, statics=ORDERS),
    derivative("erfc_ratio", lambda x, n: erfc_integral(x, n) / erfc_integral(x, n - 1), statics=ORDERS),
    derivative("dawsn_derivative", dawsn_derivative, statics=ORDERS),
    derivative("logistic_density", lambda x: sc.expit(x) * sc.expit(-x)),
    derivative("pseudo_huber_slope", lambda delta, r: r / np.sqrt(1 + (r / delta) ** 2), positive, real),
    derivative("inverse_mills", inverse_mills),
    derivative("inverse_mills_gap", lambda x: x + inverse_mills(x)),
    one(sc.erfi),
    one(sc.dawsn),
    one(sc.erfinv, part, Point([[-1, 1]], ([INF, INF],))),
    one(sc.erfcinv, part, Point([[0, 2]], ([-INF, -INF],))),
    one(sc.ndtr),
    one(sc.ndtri, probability),
    one(sc.log_ndtr, real, Point([[1000]], ([0],))),
    one(sc.expm1),
    one(sc.log1p, positive),
    one(sc.exp2),
    one(sc.cbrt, nonzero),
    one(sc.exp10),
    one(sc.exprel, real, Point([[0]], ([0.5],))),
    one(sc.exprel, within(-0.1, 0.1), label="near 0", dtypes=FLOATS),
    one(sc.expi, positive),
    one(sc.exp1, positive),
    one(sc.spence, positive, Point([[1]], ([-1],))),
    one(sc.spence, within(0.98, 1.02), label="near 1", dtypes=FLOATS),
    several(sc.xlogy, nonzero, positive, points=(Point([[0, 0], [0, 2]], ([-INF, np.log(2)], [0, 0])),)),
    several(sc.xlog1py, nonzero, positive, points=(Point([[0, 0], [-1, 0]], ([-INF, 0], [0, 0])),)),
    several(sc.boxcox, positive, nonzero),
    several(sc.boxcox, positive, within(-2e-4, 2e-4), label="near 0"),
    several(sc.boxcox1p, positive, nonzero),
    one(sc.entr, positive, Point([[0, 1]], ([INF, -1],))),
    several(sc.rel_entr, positive, positive),
    derivative("log_ratio", lambda x, y: np.log(x / y), positive, positive),
    several(sc.kl_div, positive, positive),
    several(sc.huber, within(0.4, 0.6), spaced(0.15)),
    several(sc.pseudo_huber, positive, real),
    *[of_complex(f, complexes) for f in (sc.erf, sc.erfc, sc.erfcx, sc.erfi, sc.dawsn, sc.ndtr, sc.expm1, sc.log1p)],
    *[of_complex(f, complexes) for f in (sc.expi, sc.exp1, sc.spence, sc.log_ndtr)],
    of_complex(sc.xlogy, complexes, complexes),
    # gamma and its kin
    several(sc.polygamma, orders, positive),
    one(sc.psi, positive),
    one(sc.gamma, positive),
    one(sc.gammaln, positive),
    one(sc.loggamma, positive),
    one(sc.rgamma, away, Point([[0, -1]], ([1, -1],))),
    one(sc.gammasgn, away, order=0),
    *[of_complex(f, complexes, order=0) for f in (sc.psi, sc.gamma, sc.loggamma)],
    of_complex(sc.rgamma, complexes, order=0),
    ours(special.multigammaln, sc.multigammaln, within(3, 5), shapes=SHAPES, statics=({"d": 1}, {"d": 3})),
    several(sc.beta, positive, positive),
    several(sc.betaln, positive, positive),
    several(sc.zeta, within(1.5, 3), positive),
    derivative("log_less_psi", lambda x, a: np.log(x) - sc.psi(a), positive, positive),
    derivative("psi_step", lambda a, b: sc.psi(a + b) - sc.psi(a), positive, positive),
    derivative("log_deviance", lambda x: x - np.log1p(x), within(-0.5, 2)),
    derivative("gamma_density", gamma_density, positive, positive),
    derivative("beta_density", beta_density, positive, positive, part),
    derivative("beta_score_lower", lambda a, b, x: np.log(x) - sc.psi(a) + sc.psi(a + b), positive, positive, part),
    derivative("beta_score_upper", lambda a, b, x: np.log1p(-x) - sc.psi(b) + sc.psi(a + b), positive, positive, part),
    derivative("student_density", student_density, positive, real),
    derivative("student_log_density", lambda df, t: np.log(student_density(df, t)), positive, real),
    derivative("gammainc_by_shape", gammainc_by_shape, positive, positive, statics=ORDERS),
    derivative("betainc_by_shapes", betainc_by_shapes, positive, positive, part, statics=SHAPE_ORDERS, **FEW),
    derivative("stdtr_by_df", stdtr_by_df, positive, real, statics=ORDERS[:1], shapes=(((2,), ()),)),
    derivative("polygamma_step", polygamma_step, positive, positive, statics=ORDERS),
    several(sc.gammainc, positive, positive),
    several(sc.gammaincc, positive, positive),
    several(sc.gammaincinv, positive, probability),
    several(sc.gammainccinv, positive, probability),
    several(sc.betainc, positive, positive, part),
    several(sc.betaincc, positive, positive, part),
    several(sc.betaincinv, positive, positive, probability),
    several(sc.stdtr, positive, real),
    several(sc.binom, within(4, 6), positive),
    several(sc.poch, positive, positive),
    # Bessel functions
    *[one(f) for f in (sc.j0, sc.j1, sc.i0, sc.i1)],
    *[one(f, nonzero) for f in (sc.i0e, sc.i1e)],
    *[one(f, positive) for f in (sc.y0, sc.y1, sc.k0, sc.k1, sc.k0e, sc.k1e)],
    *[several(f, orders, positive) for f in (sc.jv, sc.jve, sc.iv, sc.ive, sc.yn, sc.yv, sc.kn, sc.kv, sc.kve)],
    *[of_complex(f, positive, complexes) for f in (sc.jv, sc.jve, sc.iv, sc.ive, sc.yv, sc.kv, sc.kve)],
    # sums of exponentials
    ours(special.logsumexp, sc.logsumexp, shapes=SHAPES[:2]),
    *[
        Row(
            f"scipy.special.{op}",
            lambda a, b, k=k, **static: sc.logsumexp(a, b=b, **static, return_sign=True)[k],
            (real, positive),
            (((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 1), (2, 3))),
            ({"axis": None}, {"axis": -1, "keepdims": True}),
            FLOATS,
            order=order,
        )
        for k, (op, order) in enumerate((("logsumexp", 2), ("logsumexp_sign", 0)))
    ],
    Row(
        "scipy.special.logsumexp_shares",
        lambda a, b, axis: np.exp(a + 0 * b) / np.sum(b * np.exp(a), axis=axis, keepdims=True),
        (real, positive),
        (((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 1), (2, 3))),
        ({"axis": None}, {"axis": -1}),
        FLOATS,
    ),
    ours(
        lambda a, b, **static: special.logsumexp(a, b=b, **static),
        lambda a, b, **static: sc.logsumexp(a, b=b, **static),
        real,
        positive,
        label="logsumexp with weights",
        shapes=(((2, 3), (3,)),),
        statics=({"axis": (0, 1)},),
    ),
    ours(special.softmax, sc.softmax, shapes=SHAPES[:2], statics=({}, {"axis": -1})),
    ours(special.log_softmax, sc.log_softmax, shapes=SHAPES[:2], statics=({}, {"axis": -1})),
)
