"""Guards of singular derivatives in compiled questions, and the warnings that come with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops.arithmetic import guarded_multiply
from tests.helpers.compiled_questions import ON_BOTH


@ON_BOTH
def test_a_nan_that_a_guard_keeps_out(exact: bool) -> None:
    x = lg.parameter([1.0, 4.0])
    L = np.where(x > 0, np.sqrt(x), 0.0).sum()
    step = lg.compile(L, x, x, exact=exact)
    np.testing.assert_array_equal(step([1.0, 4.0])[1], [0.5, 0.25])
    assert step.statistics.guarded == 0
    with np.errstate(divide="ignore"):  # 1 / sqrt(0) is what the walk warns of, too
        for k in range(1, 6):
            np.testing.assert_array_equal(step([0.0, 4.0])[1], [0.0, 0.25])
            assert step.statistics.guarded == k
    assert step.statistics.specialisations == 1
    x.set([np.nan, 1.0])
    np.testing.assert_array_equal(lg.compile(L, x, x, exact=exact)(x.value)[1], lg.gradient(L, x))


def warned(ask: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        ask()
    return sorted({str(w.message).partition(" encountered")[0] for w in found})


@ON_BOTH
def test_warnings_are_those_of_the_walk(exact: bool) -> None:
    def unguarded(x: Any) -> Any:  # 0 * inf, were it not for the guard; no warning
        return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0).sum()

    questions = [
        (unguarded, [0.0, 2.0]),
        (lambda x: np.exp(x).sum(), [1000.0, 1.0]),
        (lambda x: np.log(x).sum(), [0.0, 1.0]),
        (lambda x: np.sqrt(x).sum(), [-1.0, 1.0]),
        (lambda x: np.where(x > 0, x * lg.constant([np.inf, 1.0]), 0.0).sum(), [-1.0, 1.0]),
        (lambda x: (x * 1e200 * x).sum(), [1.0, 1.0]),  # whose square would overflow
        (lambda x: (1.0 / x).sum(), [0.0, 1.0]),
    ]
    for f, at in questions:
        x = lg.parameter(at)
        L = f(x)
        step = lg.compile(L, x, x, exact=exact)
        told = warned(lambda step=step, at=at: step(at))
        assert told == warned(lambda L=L, x=x: (L.value, lg.gradient(L, x)))
        with np.errstate(all="ignore"):
            assert warned(lambda step=step, at=at: step(at)) == []


@pytest.mark.parametrize("at", [0.0, -0.0, 1000.0, -1000.0, np.inf, -np.inf, np.nan, -8.0, 1e-320])
def test_numbers_where_python_raises_and_numpy_goes_on(at: float) -> None:
    x = lg.parameter(1.0)
    targets = [1 / x, np.log(x), np.exp(x), x ** (1 / 3), np.sqrt(x), x**-2, np.where(x > 0, 1 / x, 0.0), np.sin(x)]
    for target in targets:
        step = lg.compile(target, x, x, backend="numpy")
        step(2.0)
        with np.errstate(all="ignore"):
            x.set(at)
            np.testing.assert_allclose(step(at), (target.value, lg.gradient(target, x)), rtol=1e-12)
            x.set(1.0)


def test_a_nan_is_looked_for_where_there_are_the_fewest_numbers() -> None:
    """It goes on into a sum, so one number is checked, and not the array."""
    x = lg.parameter(np.linspace(1.0, 2.0, 50))
    g = lg.adjoint(np.where(x > 0, np.sqrt(x), 0.0).sum(), x)
    whole, total = (lg.compile(target, inputs=x).schedule.source for target in (g, g.sum()))
    assert "dot(" in whole
    assert "dot(" not in total
    assert "raise NotANumber" in whole
    assert "raise NotANumber" in total


@ON_BOTH
def test_a_guard_that_is_needed_three_times_in_a_row_stays(exact: bool) -> None:
    x = lg.parameter([1.0, 4.0])
    step = lg.compile(np.where(x > 0, np.sqrt(x), 0.0).sum(), x, x, exact=exact)
    good, bad = [1.0, 4.0], [0.0, 4.0]
    with np.errstate(divide="ignore"):
        for k in range(1, 6):  # never in a row
            step(bad)
            step(good)
            assert step.statistics.guarded == k
        plain = step.schedule
        step(bad)
        step(bad)
        step(good)
        assert (step.statistics.guarded, step.schedule is plain) == (7, True)
        for _ in range(3):
            step(bad)
        assert step.statistics.guarded == 10
        for k in range(2):
            np.testing.assert_array_equal(step(good)[1], [0.5, 0.25])
            assert (step.statistics.guarded, step.schedule is plain) == (11 + k, False)


@ON_BOTH
def test_no_nan_is_looked_for_in_an_empty_array(exact: bool) -> None:
    x, y = lg.parameter(np.ones(3)), lg.parameter(np.ones(3))
    product = guarded_multiply(x, y)
    nothing = np.sum(np.broadcast_to(product, (0, 3)))  # smaller than the product, but no nan shows there
    step = lg.compile([product, nothing], inputs=[x, y], exact=exact)
    found, total = step([0.0, 1.0, 2.0], [np.nan, 1.0, 1.0])
    assert (found.tolist(), total.item()) == ([0.0, 1.0, 2.0], 0.0)
    assert step.statistics.guarded == 1


@ON_BOTH
def test_a_product_of_numbers_within_another_expression_keeps_its_guard(exact: bool) -> None:
    x, y = lg.parameter(1.0), lg.parameter(1.0)
    step = lg.compile(np.maximum(guarded_multiply(x, y), -1.0), inputs=[x, y], exact=exact)
    assert (step(2.0, 3.0).item(), step.statistics.guarded) == (6.0, 0)
    assert (step(0.0, np.nan).item(), step.statistics.guarded) == (0.0, 1)
