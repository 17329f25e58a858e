"""Rows of `lazygrad.scipy.stats`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.stats as st

from lazygrad.scipy import stats
from tests.cases.scipy_linalg import positive_definite, symmetric
from tests.cases.scipy_special import ours, within
from tests.helpers.op_rows import Domain, Row, below, real

METHODS = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf")
COUNTS = ("pmf", "logpmf", "cdf", "logcdf", "sf", "logsf")


def shift_domain(domain: Domain) -> Domain:
    """Return a domain of places 0.25 + 1.5 z for z in a domain of the standard form."""
    return lambda rng, shape: 0.25 + 1.5 * domain(rng, shape)


def near(number: float) -> Domain:
    return within(number - 0.05, number + 0.05)


def with_shapes(f: Any, shapes: tuple[float, ...]) -> Any:
    """Return the function with its shape parameters given."""
    return lambda x, *rest: f(x, *shapes, *rest)


def family(name: str, domain: Domain, *shapes: float) -> Iterator[Row]:
    """Return rows of all methods near loc 0.25 and scale 1.5; the domain is that of the standard form."""
    for method in METHODS:
        f, scipys = getattr(getattr(stats, name), method), getattr(getattr(st, name), method)
        fields = {"label": f"{name}.{method}", "covers": (scipys,)}
        if method in ("logpdf", "cdf"):
            domains = [shift_domain(domain), *[near(s) for s in shapes], near(0.25), near(1.5)]
            places = ((3,), *[()] * (len(domains) - 3), (2, 1), (3,))
            yield ours(f, scipys, *domains, shapes=(places,), **{**fields, "dtypes": ()})
        else:
            yield ours(with_shapes(f, shapes), with_shapes(scipys, shapes), domain, shapes=(((3,),),), **fields)


def counts(name: str, domain: Domain, *shapes: float, given: int = 0) -> Iterator[Row]:
    """Return rows of all methods of a discrete distribution, by all but the first shape parameters."""
    for method in COUNTS:
        f, scipys = getattr(getattr(stats, name), method), getattr(getattr(st, name), method)
        places = ((3,), *[(2, 1)] * (len(shapes) - given))
        yield ours(
            lambda k, *rest, f=f: f(k, *shapes[:given], *rest),
            lambda k, *rest, scipys=scipys: scipys(k, *shapes[:given], *rest),
            domain,
            *map(near, shapes[given:]),
            shapes=(places,),
            label=f"{name}.{method}",
            covers=(scipys,),
            dtypes=(),
        )


def dirichlet(method: str) -> Iterator[Row]:
    f, scipys = getattr(stats.dirichlet, method), getattr(st.dirichlet, method)
    yield ours(
        lambda x, alpha: f(x / np.sum(x, axis=0), alpha),
        lambda x, alpha: scipys(x / np.sum(x, axis=0), alpha),
        within(0.5, 1.0),
        within(1.5, 3),
        shapes=(((3,), (3,)), ((3, 4), (3,))),
        label=f"dirichlet.{method}",
        covers=(scipys,),
        dtypes=(),
    )


def multivariate_normal(method: str) -> Iterator[Row]:
    f, scipys = getattr(stats.multivariate_normal, method), getattr(st.multivariate_normal, method)
    fields = {"label": f"multivariate_normal.{method}", "covers": (scipys,)}
    for singular in (False, True):
        yield ours(
            lambda x, mean, cov, singular=singular: f(x, mean, (cov + cov.T) / 2, singular),
            lambda x, mean, cov, singular=singular: scipys(x, mean, (cov + cov.T) / 2, singular),
            real,
            real,
            positive_definite,
            shapes=(((3,), (3,), (3, 3)), ((2, 4, 2), (2,), (2, 2)), ((3,), (1,), (1, 1)))[: 1 if singular else None],
            **{**fields, "label": f"{fields['label']} {'singular' if singular else ''}"},
        )
    for cov in ((), (3,)):
        yield ours(f, scipys, real, real, within(0.5, 1), shapes=(((4, 3), (3,), cov),), **fields)


ROWS = (
    *family("norm", real),
    *family("t", real, 3.0),
    *family("gamma", within(0.3, 2), 2.5),
    *family("beta", within(0.3, 0.7), 2.5, 1.5),
    *family("chi2", within(0.5, 4), 3.5),
    *family("expon", within(0.3, 2)),
    *family("uniform", within(0.2, 0.8)),
    *family("laplace", lambda rng, shape: rng.uniform(0.2, 2, shape) * rng.choice([-1, 1], shape)),
    *family("cauchy", real),
    *family("logistic", real),
    *family("lognorm", within(0.3, 2), 0.8),
    *family("halfnorm", within(0.3, 2)),
    *family("gumbel_r", real),
    *family("pareto", within(1.2, 3), 2.5),
    *family("weibull_min", within(0.3, 2), 1.5),
    *counts("poisson", below(4), 2.5),
    *counts("bernoulli", below(1), 0.4),
    ours(stats.bernoulli.logpmf, st.bernoulli.logpmf, below(2), near(0.4), shapes=(((6,), ()),), dtypes=()),
    *counts("binom", below(3), 3, 0.4, given=1),
    *counts("geom", below(5, 1), 0.4),
    *counts("nbinom", below(4), 3, 0.4, given=1),
    *dirichlet("pdf"),
    *dirichlet("logpdf"),
    *multivariate_normal("pdf"),
    *multivariate_normal("logpdf"),
    ours(
        symmetric(lambda cov: stats.multivariate_normal.entropy(cov=cov)),
        symmetric(lambda cov: st.multivariate_normal.entropy(cov=cov)),
        positive_definite,
        shapes=(((3, 3),),),
        label="multivariate_normal.entropy",
        covers=(st.multivariate_normal.entropy,),
    ),
    Row(
        "scipy.stats.gumbel_term",
        lambda z, n: np.exp(-n * z - np.exp(-z)),
        (real,),
        (((2, 3),), ((),)),
        ({"n": 0}, {"n": 2}),
        dtypes=(np.float32,),
    ),
    Row("scipy.stats.log_probability", np.log, (within(0.1, 1),), (((3,),),), dtypes=(np.float32,)),
    Row("scipy.stats.gumbel_survival", lambda z: -np.expm1(-np.exp(-z)), (real,), (((3,),),), dtypes=(np.float32,)),
    Row(
        "scipy.stats.log_pseudo_det",
        symmetric(lambda a: np.linalg.slogdet(a)[1]),
        (positive_definite,),
        (((3, 3),), ((0, 0),)),
        dtypes=(np.float32,),
    ),
)
