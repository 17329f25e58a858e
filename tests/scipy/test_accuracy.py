"""Special functions and distributions over their whole range against mpmath: first and second derivative."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

import lazygrad as lg

pytest.importorskip("mpmath")

from lazygrad.scipy import special, stats
from tests.cases import accuracy, accuracy_counts, accuracy_inverses, accuracy_stats  # both need mpmath

RANGES = (*accuracy.RANGES, *accuracy_inverses.RANGES, *accuracy_stats.RANGES, *accuracy_counts.RANGES)
# Those for which mpmath takes an hour.
LONG = {row.name for row in (*accuracy_inverses.RANGES, *accuracy_counts.RANGES)}
TINY = {np.float64: 1e-290, np.float32: 1e-28}


def compare(row: accuracy.Range, places: tuple[float, ...], dtype: Any = np.float64) -> Iterator[tuple[Any, ...]]:
    """Yield the order, the place, what is found and what is right where these differ by more than allowed."""
    x, f = np.array(places, dtype), row.ours
    for order, tolerance in enumerate(row.tolerance, 1):
        f = lg.elementwise_grad(f)
        with np.errstate(all="ignore"):
            found = f(x)
        assert found.dtype == dtype
        for place, value in zip(x, found, strict=True):
            right = float(accuracy.differentiate(row, float(place), order))
            allowed = tolerance if dtype is np.float64 else row.single[order - 1]
            if abs(right) > float(np.finfo(dtype).max):
                right = math.copysign(math.inf, right)
            fits = abs(value) <= 1e5 * TINY[dtype] if abs(right) < TINY[dtype] else value == right
            if not fits and not (math.isinf(right) or abs(value - right) <= allowed * abs(right)):
                yield order, place, float(value), right


# Their parameters are no numbers of float32, or their probabilities underflow there.
TOO_WIDE = ("1e-300", "1e+300", ", 0.001)", "logcdf(300", "logsf(300")

# What mpmath takes long for is left to the soak runs.
SLOW = ("erf", "dawsn", "log_ndtr", "psi", "polygamma", "gamma", "betaln", "zeta", "binom(n", "yv", "y0", "y1", "kv")
SLOW += ("k0", "k1", "norm.log", "spence", "expi", "lognorm.log", "cauchy.log")


@pytest.mark.parametrize("row", [row for row in RANGES if not row.name.startswith(SLOW)], ids=lambda row: row.name)
def test_one_place_in_the_middle(row: accuracy.Range) -> None:
    middle = min(row.places, key=lambda x: abs(math.log(abs(x) or 1)))
    assert list(compare(row, (middle,))) == []


def mark_each(rows: Iterable[accuracy.Range]) -> list[Any]:
    """Return the rows as parameters of long runs, by how long they take."""
    long = pytest.mark.marathon
    return [pytest.param(row, id=row.name, marks=long if row.name in LONG else pytest.mark.soak) for row in rows]


@pytest.mark.parametrize("row", mark_each(RANGES))
def test_all_places(row: accuracy.Range) -> None:
    assert list(compare(row, row.places)) == []


@pytest.mark.parametrize("row", mark_each(row for row in RANGES if not any(n in row.name for n in TOO_WIDE)))
def test_single_precision(row: accuracy.Range) -> None:
    """The exact function is taken at the rounded place, so that only our own errors count."""
    places = tuple(float(np.float32(x)) for x in row.places if 1e-6 <= abs(x) <= 1e4 and abs(np.float32(x)) != 1)
    assert list(compare(row, places, np.float32)) == []


def compare_in_numba(row: accuracy.Range) -> None:
    """Check that numba's form of both derivatives gives what the graph gives."""
    x, f = np.array(row.places), row.ours
    for _ in range(2):
        f = lg.elementwise_grad(f)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(lg.compile(f, backend="numba")(x), f(x), rtol=1e-11, atol=1e-290)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", mark_each(RANGES))
def test_all_places_in_numba(row: accuracy.Range) -> None:
    pytest.importorskip("numba")
    compare_in_numba(row)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", [row for row in RANGES if row.name.startswith(("norm.", "logistic.pdf", "betainc(2"))])
def test_some_places_in_numba(row: accuracy.Range) -> None:
    pytest.importorskip("numba")
    compare_in_numba(row)


def test_every_public_function_is_in_the_table() -> None:
    """Sinc is NumPy's, gammasgn has no slope; of two names one is enough, and zeta has a rule by q alone."""
    names = " ".join(row.name for row in RANGES)
    same = {"digamma": "psi", "jn": "jv", "gammasgn": "gamma", "exp10": "exp10"}
    missing = [name for name in special.__all__ if not re.search(rf"\b{same.get(name, name)}\b", names)]
    assert missing == []
    families = [name for name, family in vars(stats).items() if hasattr(family, "logpdf") or hasattr(family, "logpmf")]
    assert len(families) > 20
    assert [name for name in families if f"{name}." not in names] == []
