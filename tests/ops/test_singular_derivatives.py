"""Singular local derivatives: nothing of them comes through `where` or to the loser of a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close

SINGULAR = {
    "sqrt": (np.sqrt, 0.0),
    "log": (np.log, 0.0),
    "log of a negative": (np.log, -1.0),
    "exp overflows": (np.exp, 1000.0),
    "1/x": (lambda x: 1 / x, 0.0),
    "x/x": (lambda x: x / x, 0.0),
    "x**-1": (lambda x: x**-1, 0.0),
    "x**0.5": (lambda x: x**0.5, 0.0),
    "x**1.5": (lambda x: x**1.5, 0.0),
    "x**3 overflows": (lambda x: x**3, 1e200),
    "x**y": (lambda x: x ** lg.constant(-0.5), 0.0),
    "y**x": (lambda x: lg.constant(0.0) ** x, -1.0),
    "x**x": (lambda x: x**x, 0.0),
    "1/sqrt(x)": (lambda x: 1 / np.sqrt(x), 0.0),
    "sqrt(sqrt(x))": (lambda x: np.sqrt(np.sqrt(x)), 0.0),
    "log(log(x))": (lambda x: np.log(np.log(x)), 1.0),
    "sqrt(1/x)": (lambda x: np.sqrt(1 / x), 0.0),
    "sqrt(x*x)": (lambda x: np.sqrt(x * x), 0.0),
    "x log(x)": (lambda x: x * np.log(x), 0.0),
    "x * 1/x": (lambda x: x * (1 / x), 0.0),
    "(1/x)**2": (lambda x: (1 / x) ** 2, 0.0),
    "square(1/x)": (lambda x: np.square(1 / x), 0.0),
    "|log(x)|": (lambda x: abs(np.log(x)), 0.0),
}


@pytest.mark.parametrize("name", SINGULAR)
@pytest.mark.parametrize("scalar", [False, True])
def test_where_lets_nothing_through_from_the_branch_not_taken(name: str, scalar: bool) -> None:
    """First, second and third derivative: exactly 0 where `where` does not look, untouched elsewhere."""
    f, bad = SINGULAR[name]
    with np.errstate(all="ignore"):
        x = lg.parameter(bad if scalar else [bad, 2.0])
        y = lg.parameter(2.0)
        derivative = np.where(np.array(False) if scalar else np.array([False, True]), f(x), 0.0)
        clean = f(y)
        for _ in range(3):
            derivative, clean = lg.adjoint(derivative.sum(), x), lg.adjoint(clean, y)
            close(derivative.value, 0.0 if scalar else [0.0, clean.item()], atol=0)


def test_infinite_slopes_do_not_reach_the_loser_of_a_comparison() -> None:
    """sqrt'(0) is infinite, but only for the element that the square root is taken of."""
    x, y = lg.parameter([0.0, 0.0]), lg.parameter([-1.0, 1.0])
    with np.errstate(divide="ignore"):
        for L in (np.sqrt(np.maximum(x, y)), np.sqrt(-np.minimum(-x, -y))):
            dx, dy = lg.gradient(L.sum(), [x, y])
            np.testing.assert_array_equal(dx, [np.inf, 0.0])
            np.testing.assert_array_equal(dy, [0.0, 0.5])
        np.testing.assert_array_equal(
            lg.gradient(np.sqrt(y[:1].max() + 1) + np.sqrt(-(-y).min() - 1), y), [np.inf, np.inf]
        )
        np.testing.assert_array_equal(lg.gradient(np.sqrt(np.max(lg.constant([0.0, -1.0]) + x)), x), [np.inf, 0.0])


@pytest.mark.parametrize(
    ("mode", "options", "slopes"),
    [
        ("reflect", {"reflect_type": "odd"}, [np.inf, -np.inf, 0.0, 0.0]),
        ("reflect", {}, [0.0, np.inf, 0.0, 0.0]),
        ("edge", {}, [np.inf, 0.0, 0.0, 0.0]),
        ("wrap", {}, [0.0, 0.0, 0.0, np.inf]),
        ("linear_ramp", {}, [0.0, 0.0, 0.0, 0.0]),
        ("constant", {}, [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_an_infinite_adjoint_of_a_border_goes_to_the_elements_it_reads(mode: str, options: Any, slopes: Any) -> None:
    x = lg.parameter([1.0, 2.0, 3.0, 4.0])
    node = np.pad(x, (1, 1), mode, **options)
    np.testing.assert_array_equal(lg.gradient(node, x, cotangent=[np.inf, 0, 0, 0, 0, 0]), slopes)
