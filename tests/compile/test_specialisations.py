"""Specialisations: a schedule for each shape, dtype and branch, and which ones are given up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._compile.specialised import Specialization
from tests.helpers.op_checks import close


def test_a_schedule_for_each_shape_and_dtype_and_no_more_than_are_kept() -> None:
    x = lg.parameter([1.0, 2.0])
    step = lg.compile((x * x).sum(), x, x, specializations=3)
    for n in (2, 3, 4, 3, 2):
        np.testing.assert_array_equal(step(np.full(n, 2.0))[1], np.full(n, 4.0))
    statistics = step.statistics
    assert (statistics.calls, statistics.specialisations, statistics.evicted) == (5, 3, 0)
    step(np.ones(5))
    assert (statistics.specialisations, statistics.evicted) == (4, 1)
    step(np.ones(3))
    assert (statistics.specialisations, statistics.evicted) == (4, 1)
    assert step(np.ones(2, np.float32))[1].dtype == np.float32
    assert step(np.ones((2, 2)))[1].shape == (2, 2)
    assert (statistics.specialisations, statistics.evicted) == (6, 3)
    assert (x.shape, x.dtype) == ((2,), np.float64)


def test_branches_of_a_function() -> None:
    def f(x: Any) -> Any:
        if (x > 0).all():
            return (2 * x).sum()
        return (3 * x).sum() if x[0] > -10 else (x * x).sum()

    step = lg.compile(f, wrt=0, specializations=2)
    for _ in range(3):
        np.testing.assert_array_equal(step(np.array([1.0, 2.0]))[1], [2.0, 2.0])
        np.testing.assert_array_equal(step(np.array([-1.0, 2.0]))[1], [3.0, 3.0])
    assert (step.statistics.calls, step.statistics.specialisations, step.statistics.evicted) == (6, 2, 0)
    np.testing.assert_array_equal(step(np.array([-11.0, 1.0]))[1], [-22.0, 2.0])
    assert (step.statistics.specialisations, step.statistics.evicted) == (3, 1)
    for value, slope in (([1.0, 2.0], [2.0, 2.0]), ([-1.0, 2.0], [3.0, 3.0]), ([-11.0, 1.0], [-22.0, 2.0])):
        np.testing.assert_array_equal(step(np.array(value))[1], slope)


def test_looks_at_values() -> None:
    """bool, item and a loop whose length depends on a value."""

    def halved(x: Any) -> Any:
        while x > 1:
            x = x / 2
        return x

    step = lg.compile(halved, wrt=0, specializations=4)
    for value in (1.5, 3.0, 6.0, 12.0, 6.5, 1.7, 0.5):
        steps = max(0, int(np.ceil(np.log2(value))))
        np.testing.assert_array_equal(step(value), (value / 2**steps, 0.5**steps))

    scaled = lg.compile(lambda x: (x * x.max().item()).sum(), wrt=0)
    for value in ([1.0, 2.0], [3.0, 2.0], [1.0, 2.0]):
        np.testing.assert_array_equal(scaled(np.array(value))[1], [max(value)] * 2)

    direct = lg.compile(lambda x: x * (2 if x.item() > 0 else 3), wrt=0)
    for value in (1.0, -1.0, 1.0, -2.0, 0.0, np.nan, np.nan):
        np.testing.assert_array_equal(direct(value)[1], 2 if value > 0 else 3)
    signed = lg.compile(lambda x: x * np.copysign(1.0, (x * 1.0).item()), wrt=0)
    for value in (0.0, -0.0, 0.0):
        np.testing.assert_array_equal(signed(value)[1], np.copysign(1.0, value))
    counted = lg.compile(lambda x: sum(x[k] for k in range((x > 0).sum().item())), wrt=0)
    for value in ([1.0, 2.0, -3.0], [1.0, -2.0, -3.0], [1.0, 2.0, 3.0]):
        wanted = np.arange(3) < sum(v > 0 for v in value)
        np.testing.assert_array_equal(counted(np.array(value))[1], wanted)


def test_a_look_at_a_sum_whose_last_bits_decide() -> None:
    rng = np.random.default_rng(0)
    step = lg.compile(lambda x: (x * x.sum(axis=0)[0].item()).sum(), wrt=0)
    for _ in range(4):
        x = rng.normal(size=(300, 7))
        close(step(x)[0], x.sum() * x.sum(axis=0)[0], rtol=1e-12)


def test_a_branch_on_a_leaf_outside() -> None:
    w = lg.parameter(2.0)
    step = lg.compile(lambda x: x * 2 if w > 0 else x * 3, wrt=0)
    other = lg.compile(lambda x: x * (2 if w.item() > 0 else 3), wrt=0)
    for value, slope in ((1.0, 2.0), (-1.0, 3.0), (5.0, 2.0)):
        w.set(value)
        assert step(1.0)[1] == slope
        assert other(1.0)[1] == slope


def record_traces(step: Any, calls: list[Any]) -> list[bool]:
    """Call a compiled function, and return which calls made a new schedule."""
    found = []
    for x in calls:
        before = step.statistics.specialisations
        step(x)
        found.append(step.statistics.specialisations > before)
    return found


def test_the_oldest_branch_is_given_up() -> None:
    def f(x: Any) -> Any:
        for k in range(4):
            if x < k:
                return x * (k + 2.0)
        return x * x

    step = lg.compile(f, wrt=0, specializations=3)
    first, second, third, fourth = -1.0, 0.5, 1.5, 2.5
    assert record_traces(step, [first, second, third, first]) == [True, True, True, False]
    assert record_traces(step, [fourth]) == [True]  # in place of the first, although that ran last
    assert record_traces(step, [second, third, fourth]) == [False, False, False]
    assert record_traces(step, [first]) == [True]  # in place of the second
    assert record_traces(step, [third, fourth, first, second]) == [False, False, False, True]
    assert step.statistics.evicted == 3


def test_of_several_shapes_the_oldest_gives_up_its_oldest_branch() -> None:
    step = lg.compile(lambda x: (x * (2.0 if (x > 0).all() else 3.0)).sum(), wrt=0, specializations=4)
    a, b = np.ones(2), np.ones(3)
    assert record_traces(step, [a, b, -b, -a]) == [True] * 4
    assert record_traces(step, [np.ones(4)]) == [True]  # in place of `a`
    assert record_traces(step, [-a, b, -b]) == [False] * 3
    assert record_traces(step, [a]) == [True]  # in place of `-a`, as that shape came first
    assert record_traces(step, [b, -b, a, -a]) == [False, False, False, True]


def test_the_branch_that_ran_last_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    run = Specialization.run
    monkeypatch.setattr(Specialization, "run", lambda self, *args: ran.append(self) or run(self, *args))
    step = lg.compile(lambda x: x * (2 if x > 0 else 3), wrt=0)
    assert record_traces(step, [1.0, -1.0]) == [True, True]
    for value in (-1.0, -2.0, 1.0, 3.0, 1.0):
        ran.clear()
        last = step._last
        assert step(value)[1] == (2.0 if value > 0 else 3.0)
        assert ran[0] is last
        assert ran[-1] is step._last
        assert (len(ran) == 1) == (last is step._last)
