"""Distributions with a location and a scale, from the formulas of their standard form.

A module of `lazygrad.scipy.stats` gives the logarithm of the density, the distribution function and what else
has a better formula than the general one; here they become functions of SciPy's arguments.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._graph.node import Node, NodeOrArray, Operand
from ..._graph.quiet import in_errstate
from ..._graph.settings import describe
from ..._graph.types import Function
from ...ops._declare import elementwise
from ...ops._op import cast_number
from .._calls import declare_on_nodes

__all__ = ["as_array", "continuous", "discrete", "log_probability", "look_up_in"]

Formula = Callable[..., Any]

_TITLES = {
    "pdf": "density",
    "logpdf": "logarithm of the density",
    "pmf": "probability",
    "logpmf": "logarithm of the probability",
    "cdf": "distribution function",
    "logcdf": "logarithm of the distribution function",
    "sf": "survival function",
    "logsf": "logarithm of the survival function",
}


def as_array(x: Operand) -> NodeOrArray:
    """Return a node as it is, and anything else as an array."""
    if isinstance(x, Node):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"densities take numbers, not {describe(x)}")
    return array


def look_up_in(original: object) -> Callable[[str], Function]:
    """Return the ``__getattr__`` that gives SciPy's own for names without a derivative here."""
    return functools.partial(getattr, original)


def _as_parameters(values: Sequence[Any], like: Any) -> tuple[Any, ...]:
    """Return parameters as arrays or nodes; a plain number takes the dtype of what it stands beside."""
    kind = like.dtype.kind
    return tuple(
        [cast_number(v, like.dtype) if kind == "f" and v.__class__ in (int, float) else as_array(v) for v in values]
    )


def _plain(value: Any, number: int) -> bool:
    return value.__class__ in (int, float) and value == number


@in_errstate(divide="ignore", invalid="ignore")
def _log(p: Any) -> Any:
    return np.log(p)


def _log_rule(g: Any, p: Any, times: Function) -> Any:
    some = p > 0
    return times(g, np.where(some, 1 / np.where(some, p, 1), math.nan))


log_probability = elementwise(
    "scipy.stats.log_probability",
    _log,
    inputs="p",
    vjp={"p": _log_rule},
    jvp={"p": _log_rule},
    doc="Return log p, and -inf where p is 0; what underflowed to 0 has a derivative that nobody knows, nan.",
)


class _Standard:
    """The formulas of a standard form, with the ends of its support."""

    def __init__(self, low: float | None, high: Any, safe: Any, formulas: dict[str, Formula]) -> None:
        self.low, self.high, self.safe = low, high, safe
        cdf: Formula = formulas["cdf"]
        sf: Formula = formulas.get("sf", lambda z, *args: 1 - cdf(z, *args))
        self.formulas = {
            "sf": sf,
            "logcdf": lambda z, *args: log_probability(cdf(z, *args)),
            "logsf": lambda z, *args: log_probability(sf(z, *args)),
            **formulas,
        }

    def upper(self, args: tuple[Any, ...]) -> Any:
        return self.high(*args) if callable(self.high) else self.high

    def outside(self, z: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
        """Return where z lies below and above the support."""
        high = self.upper(args)
        return (None if self.low is None else z < self.low), (None if high is None else z > high)

    def apply(self, name: str, z: Any, args: tuple[Any, ...], below: Any, above: Any, *, last: bool = False) -> Any:
        """Apply a formula inside the support, with constants outside, where it is evaluated at a safe place."""
        under, over = self.outside(z, args)
        if last and self.upper(args) is not None:  # a discrete distribution function is 1 from the last point on
            over = z >= self.upper(args)
        masks = [(m, v) for m, v in ((under, below), (over, above)) if m is not None]
        safe = self.safe(*args) if callable(self.safe) else self.safe
        for m, _ in masks:
            z = np.where(m, safe, z)
        out = self.formulas[name](z, *args)
        for m, v in masks:
            out = np.where(m, v, out)
        return out

    def cdf(self, z: Any, args: tuple[Any, ...], last: bool = False) -> Any:
        return self.apply("cdf", z, args, 0.0, 1.0, last=last)

    def sf(self, z: Any, args: tuple[Any, ...], last: bool = False) -> Any:
        return self.apply("sf", z, args, 1.0, 0.0, last=last)

    def logcdf(self, z: Any, args: tuple[Any, ...], last: bool = False) -> Any:
        return self.apply("logcdf", z, args, -math.inf, 0.0, last=last)

    def logsf(self, z: Any, args: tuple[Any, ...], last: bool = False) -> Any:
        return self.apply("logsf", z, args, 0.0, -math.inf, last=last)


_EXAMPLE = """Return the {title} of `scipy.stats.{family}`.

Examples
--------
>>> import lazygrad as lg, numpy as np, scipy.stats
>>> from lazygrad.scipy.stats import {family}
>>> found = {family}.{name}(lg.constant({place}){shapes})
>>> np.isclose(found.value, scipy.stats.{family}.{name}({place}{shapes}))
np.True_
"""


def _add_example(original: Any, name: str, parameters: list[inspect.Parameter], place: Any) -> str:
    """Return the docstring with an example at a place inside the support; a number of trials is whole."""
    shapes = "".join([", 3" if p.name == "n" else ", 0.5" for p in parameters[1:] if p.default is p.empty])
    return _EXAMPLE.format(title=_TITLES[name], family=original.name, name=name, place=place, shapes=shapes)


def _bind_arguments(
    original: Any, name: str, parameters: list[inspect.Parameter], place: Any, body: Formula
) -> Formula:
    """Return the function of SciPy's arguments that binds them and calls the body."""
    signature = inspect.Signature(parameters)

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return body(*bound.args)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = _add_example(original, name, parameters, place)
    call.__module__ = f"lazygrad.scipy.stats.{original.name}"
    call.__signature__ = signature  # type: ignore[attr-defined]
    return declare_on_nodes(getattr(original, name))(call)


def _parameters(first: str, shapes: str, last: tuple[tuple[str, float], ...]) -> list[inspect.Parameter]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    plain = [inspect.Parameter(name, kind) for name in (first, *shapes.split())]
    return plain + [inspect.Parameter(name, kind, default=default) for name, default in last]


def continuous(
    original: object,
    shapes: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    safe: float = 0.5,
    **formulas: Formula,
) -> tuple[Formula, ...]:
    """Return pdf, logpdf, cdf, logcdf, sf, logsf of (x, *shapes, loc=0, scale=1).

    Parameters
    ----------
    original
        SciPy's distribution.
    shapes
        The names of its shape parameters.
    low, high, safe
        The ends of the support of the standard form, and a place inside.
    formulas
        Of the standard form: `logpdf` and `cdf`, and where there is a better one `pdf`, `sf`, `logcdf`, `logsf`.
    """
    standard = _Standard(low, high, safe, formulas)

    def standardized(x: Any, values: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...], Any]:
        *args, loc, scale = values
        z = as_array(x) if _plain(loc, 0) else as_array(x) - as_array(loc)
        z = z if _plain(scale, 1) else z / as_array(scale)
        return z, _as_parameters(args, z), scale

    def logpdf(x: Any, *values: Any) -> Any:
        z, args, scale = standardized(x, values)
        out = standard.apply("logpdf", z, args, -math.inf, -math.inf)
        return out if _plain(scale, 1) else out - np.log(as_array(scale))

    def pdf(x: Any, *values: Any) -> Any:
        z, args, scale = standardized(x, values)
        out = standard.apply("pdf", z, args, 0.0, 0.0)
        return out if _plain(scale, 1) else out / as_array(scale)

    def of_z(method: Formula) -> Formula:
        def call(x: Any, *values: Any) -> Any:
            z, args, _ = standardized(x, values)
            return method(z, args)

        return call

    bodies = {
        "pdf": pdf if "pdf" in formulas else lambda x, *values: np.exp(logpdf(x, *values)),
        "logpdf": logpdf,
        **{name: of_z(getattr(standard, name)) for name in ("cdf", "logcdf", "sf", "logsf")},
    }
    parameters = _parameters("x", shapes, (("loc", 0), ("scale", 1)))
    return tuple([_bind_arguments(original, name, parameters, safe, body) for name, body in bodies.items()])


def discrete(
    original: object, shapes: str = "", *, low: float = 0, high: object = None, safe: object = 1, **formulas: Formula
) -> tuple[Formula, ...]:
    """Return pmf, logpmf, cdf, logcdf, sf, logsf of (k, *shapes, loc=0); there is no derivative by k and loc.

    The arguments are those of `continuous`; `logpmf` and `pmf` take the places of `logpdf` and `pdf`, and `high` and
    `safe` may be functions of the shape parameters.
    """
    standard = _Standard(low, high, safe, formulas)

    def shifted(k: Any, values: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        *args, loc = values
        k = as_array(k)
        k = k if _plain(loc, 0) else k - loc
        return k, _as_parameters(args, k)

    def logpmf(k: Any, *values: Any) -> Any:
        k, args = shifted(k, values)
        whole = np.floor(k)
        return np.where(k == whole, standard.apply("logpmf", whole, args, -math.inf, -math.inf), -math.inf)

    def pmf(k: Any, *values: Any) -> Any:
        k, args = shifted(k, values)
        whole = np.floor(k)
        return np.where(k == whole, standard.apply("pmf", whole, args, 0.0, 0.0), 0.0)

    def of_k(method: Formula) -> Formula:
        def call(k: Any, *values: Any) -> Any:
            k, args = shifted(k, values)
            return method(np.floor(k), args, True)

        return call

    bodies = {
        "pmf": pmf if "pmf" in formulas else lambda k, *values: np.exp(logpmf(k, *values)),
        "logpmf": logpmf,
        **{name: of_k(getattr(standard, name)) for name in ("cdf", "logcdf", "sf", "logsf")},
    }
    parameters = _parameters("k", shapes, (("loc", 0),))
    return tuple([_bind_arguments(original, name, parameters, 1, body) for name, body in bodies.items()])
