"""Ways through prepared functions: branches on values, static arguments, exceptions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.prepared_functions import X, Y, bits, count_computed


def branching(x: Any) -> Any:
    return np.sum(x**2) if x[0] > 0 else np.sum(x**3)


def test_a_branch_is_taken_anew_and_both_ways_are_kept() -> None:
    p = prepare(branching, X)
    for x in (X, -X, X, -X, X + 1, -X - 1):
        assert bits(p.gradient(x)) == bits(lg.grad(branching)(x))
    assert p.statistics.schedules == 2
    with lg.record() as report:
        p.gradient(X + 1), p.gradient(-X - 1)
    assert count_computed(report) == (0, 0)


def test_ways_are_bounded() -> None:
    def f(x: Any) -> Any:
        return np.sum(x ** sum(bool(x[0] >= k) for k in range(1, 20)))

    p = prepare(f, np.array([1.0, 2.0]))
    for n in range(2, 14):
        np.testing.assert_allclose(p.value(np.array([n + 0.25, 2.0])), (n + 0.25) ** n + 2.0**n)
    assert p.statistics.schedules == 13
    assert len(p._graphs) == 8
    p.value(np.array([13.75, 2.0]))
    assert p.statistics.schedules == 13
    p.value(np.array([1.0, 2.0]))
    assert p.statistics.schedules == 14  # that way was dropped


def test_the_way_that_was_not_taken_for_longest_is_dropped() -> None:
    p = prepare(lambda x, n: np.sum(x**n), X, 1)
    p.value(X, 2)
    with pytest.warns(UserWarning, match="n of <lambda> is a Python number"):
        p.value(X, 3)
    for n in range(4, 9):
        p.value(X, n)
    p.value(X, 1)  # the oldest of eight, but taken again
    p.value(X, 9)
    assert p.statistics.schedules == 9
    p.value(X, 1)
    assert p.statistics.schedules == 9
    p.value(X, 2)
    assert p.statistics.schedules == 10


def test_static_arguments_choose_the_way() -> None:
    p = prepare(lambda x, n: np.sum(x**n), X, 2)
    for n in (2, 3, 2, 3):
        np.testing.assert_allclose(p.gradient(X, n), n * X ** (n - 1))
    assert p.statistics.schedules == 2
    assert p.statistics.points == lg.backend.Points(2, 2)


def test_static_numbers_are_told_apart_by_their_bytes() -> None:
    p = prepare(lambda x, c: x * np.copysign(1.0, c), 1.0, 0.0)
    for c in (0.0, -0.0, 0.0, np.nan, np.nan):
        np.testing.assert_allclose(p.gradient(2.0, float(c)), np.copysign(1.0, c))
    assert p.statistics.schedules == 3
    moving = prepare(lambda x, c: x * c, 1.0, np.float64(0.0))
    assert [moving.gradient(1.0, c) for c in (2.0, 3.0)] == [2.0, 3.0]
    assert moving.statistics.schedules == 1


@pytest.mark.parametrize(
    ("numbers", "instead"),
    [
        ([0.1 * k for k in range(1, 200)], r"np\.float64\(0\.1\)"),
        (range(1, 200), r"np\.float64\(1\)"),
        ([1j * k for k in range(1, 200)], r"np\.complex128\(1j\)"),
    ],
)
def test_the_third_number_in_one_place_is_warned_of_once(numbers: Any, instead: str) -> None:
    def f(w: Any, at: Any, switch: Any) -> Any:
        return np.sum(np.abs(w * at["t"]) ** 2)

    numbers = list(numbers)
    p = prepare(f, X, {"t": numbers[0]}, True)
    for number in (*numbers[:2], *numbers[:2]):
        p.gradient(X, {"t": number}, True)
    message = rf"argument at\['t'\] of .*f is a Python number.*called again.*prepare the function with {instead}"
    with pytest.warns(UserWarning, match=message) as found:
        p.gradient(X, {"t": numbers[2]}, True)
    assert len(found) == 1
    assert found[0].filename == __file__
    for number in numbers:
        p.gradient(X, {"t": number}, True)
    p.gradient(X, {"t": numbers[-1]}, False)
    assert p.statistics.schedules == len(numbers) + 1
    assert p._static_numbers._seen["at['t']"] == numbers[:3]  # and no more, however many come

    kind = np.complex128 if isinstance(numbers[0], complex) else np.float64
    moving = prepare(f, X, {"t": kind(numbers[0])}, True)
    for number in numbers:
        np.testing.assert_allclose(moving.gradient(X, {"t": number}, True), 2 * X * abs(number) ** 2)
    assert moving.statistics.schedules == 1


def test_each_place_is_warned_of_by_itself() -> None:
    p = prepare(lambda x, a, b: np.sum(x) * a * b, X, 0.5, 0.5)
    p.value(X, 1.5, 0.5), p.value(X, 0.5, 1.5)
    with pytest.warns(UserWarning, match="argument a of"):
        p.value(X, 2.5, 0.5)
    with pytest.warns(UserWarning, match="argument b of"):
        p.value(X, 0.5, 2.5)
    p.value(X, 7.5, 7.5)


def test_an_exception_comes_out_as_itself_and_does_no_harm() -> None:
    p = prepare(lambda m: np.sum(np.linalg.inv(m)), np.eye(2))
    good = p.gradient(np.eye(2) * 2)
    with pytest.raises(np.linalg.LinAlgError, match="Singular") as caught:
        p.gradient(np.zeros((2, 2)))
    assert "while computing <inv" in caught.value.__notes__[0]
    assert bits(p.gradient(np.eye(2) * 2)) == bits(good)

    def f(x: Any) -> Any:
        if x[0] > 1:
            raise ZeroDivisionError("mine")
        return np.sum(x**2)

    p = prepare(f, X)
    before = p.gradient(X)
    with pytest.raises(ZeroDivisionError, match="mine"):
        p.gradient(X + 5)
    assert bits(p.gradient()) == bits(before)  # the present point is the last one that was answered
    assert bits(p.gradient(X)) == bits(before)
    np.testing.assert_allclose(p.gradient(Y), 2 * Y)
    with pytest.raises(ZeroDivisionError, match="mine"):
        prepare(f, X + 5)
