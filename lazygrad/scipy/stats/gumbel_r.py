"""The right-skewed Gumbel distribution: (x, loc=0, scale=1).

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import gumbel_r
>>> x = lg.parameter(0.0)
>>> lg.gradient(gumbel_r.logcdf(x), x)
array(1.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from ..._graph.node import Node
from ..._graph.quiet import in_errstate
from ..._graph.types import Function
from ...ops._declare import op
from ...ops._op import Op, Signature
from ._families import continuous, log_probability, look_up_in

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]


@in_errstate(over="ignore", invalid="ignore")
def _term(z: Any, n: int) -> Any:
    size = -n * z - np.exp(-z)
    return np.exp(np.where(z == -np.inf, -np.inf, size))


def _infer(z: Node, **static: Any) -> Signature:
    if z.dtype.kind == "c":
        raise TypeError(f"a distribution of real numbers has no probabilities of {z.dtype}: take the `.real` first")
    return z.shape, z.dtype if z.dtype.kind == "f" else np.dtype(float)


def _term_rule(g: Any, z: Any, out: Any, n: int, times: Function) -> Any:
    return times(g, gumbel_term(z, n=n + 1) - n * out)


# Each is a derivative of the one before but for a multiple of that; as products they would be 0 * inf far to the left.
gumbel_term: Op = op(
    "scipy.stats.gumbel_term",
    _term,
    shape=_infer,
    vjp={"z": _term_rule},
    jvp={"z": _term_rule},
    inputs="z",
    statics={"n": 0},
    pointwise=True,
    doc="Return exp(-n z - exp(-z)).",
)


@in_errstate(over="ignore")
def _survival(z: Any) -> Any:
    return -np.expm1(-np.exp(-z))


def _survival_rule(g: Any, z: Any, times: Function) -> Any:
    return times(g, -gumbel_term(z, n=1))


gumbel_survival = op(
    "scipy.stats.gumbel_survival",
    _survival,
    shape=_infer,
    vjp={"z": _survival_rule},
    jvp={"z": _survival_rule},
    inputs="z",
    pointwise=True,
    doc="Return 1 - exp(-exp(-z)).",
)


def _logsf(z: Any) -> Any:
    """Return log(1 - exp(-w)) for w = exp(-z), far to the right by its series in w."""
    far = z > 8
    place = np.where(far, z, 8)
    w = np.exp(-place)
    series = w * w / 24 - w / 2 - place
    return np.where(far, series, log_probability(gumbel_survival(np.where(far, 0, z))))


pdf, logpdf, cdf, logcdf, sf, logsf = continuous(
    scipy.stats.gumbel_r,
    pdf=lambda z: gumbel_term(z, n=1),
    logpdf=lambda z: -z - np.exp(-z),
    cdf=lambda z: gumbel_term(z, n=0),
    logcdf=lambda z: -np.exp(-z),
    sf=lambda z: gumbel_survival(z),
    logsf=_logsf,
)

__getattr__ = look_up_in(scipy.stats.gumbel_r)
