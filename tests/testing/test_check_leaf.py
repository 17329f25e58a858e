"""`check_leaf`: the gradient by one leaf of a graph against central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing._leaves import as_grid, check_leaf

X = np.array([[0.5, -1.0], [2.0, 0.25]])


def build(value: Any = X) -> tuple[lg.Node, lg.Node]:
    x = lg.parameter(value, name="x")
    return (x**3).sum(), x


def test_right_gradients_agree_at_every_element() -> None:
    L, x = build()
    found = check_leaf(L, x, lg.gradient(L, x))
    assert found.agrees
    assert (found.leaf, found.checked) == (x, 4)
    assert found.index is not None
    assert found.analytic == pytest.approx(found.numeric, rel=1e-8)
    assert found.excess < 0.01


def test_the_worst_element_is_told() -> None:
    L, x = build()
    wrong = lg.gradient(L, x) + np.array([[0.0, 0.1], [0.2, 0.0]])
    found = check_leaf(L, x, wrong)
    assert not found.agrees
    assert found.index == (0, 1)  # 0.1 of 3 is more than 0.2 of 12
    assert found.analytic == pytest.approx(3.1)
    assert found.numeric == pytest.approx(3.0)
    assert found.excess == pytest.approx(0.1 / (1e-6 * 4), rel=1e-3)
    assert check_leaf(L, x, wrong, tolerance=0.05).agrees
    assert not check_leaf(L, x, wrong, tolerance=0.02).agrees


def test_nan_is_wrong_and_ends_the_search() -> None:
    L, x = build()
    wrong = lg.gradient(L, x).copy()
    wrong[0, 1] = np.nan
    found = check_leaf(L, x, wrong)
    assert not found.agrees
    assert (found.index, found.checked) == ((0, 1), 2)


def test_single_precision_is_given_its_due() -> None:
    L, x = build(X.astype(np.float32))
    assert check_leaf(L, x, lg.gradient(L, x)).agrees
    assert check_leaf(L, x, lg.gradient(L, x) * 1.0005).agrees
    assert not check_leaf(L, x, lg.gradient(L, x) * 1.01).agrees
    assert not check_leaf(L, x, lg.gradient(L, x), eps=1e-4, tolerance=1e-9).excess < 1e-3  # rounding shows


def test_one_coarse_dtype_makes_the_check_coarse() -> None:
    x = lg.parameter(np.array([1.0, 2.0], np.float32))
    L = (x.astype(np.float64) ** 3).sum() - 9.0  # of the value 0, so that no rounding of it is tolerated
    assert (L.dtype, L.value) == (np.float64, 0.0)
    assert check_leaf(L, x, lg.gradient(L, x) * 1.0005).agrees
    assert not check_leaf(L, x, lg.gradient(L, x) * 1.01).agrees


def test_rounding_of_a_large_value_is_no_error() -> None:
    x = lg.parameter(1.0)
    L = x + 1e12
    assert check_leaf(L, x, np.array(1.0)).agrees


def test_some_elements_of_a_large_leaf_are_tried() -> None:
    x = lg.parameter(np.linspace(1, 2, 60))
    L = (x * x).sum()
    L.value.copy()
    with lg.record() as report:
        found = check_leaf(L, x, 2 * x.value, most=7)
    assert (found.checked, found.agrees) == (7, True)
    assert sum(i is L for i in report.values.computed) == 4 * 7
    assert check_leaf(L, x, 2 * x.value).checked == 50
    assert check_leaf(L, x, 2 * x.value, most=60).checked == 60


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_a_leaf_without_elements_agrees(shape: tuple[int, ...]) -> None:
    L, x = build(np.zeros(shape))
    found = check_leaf(L, x, np.zeros(shape))
    assert (found.agrees, found.checked, found.index) == (True, 0, None)


def test_the_leaf_keeps_its_value() -> None:
    L, x = build()
    value = L.value.tobytes()
    check_leaf(L, x, np.zeros((2, 2)))
    assert (x.value.tobytes(), L.value.tobytes()) == (X.tobytes(), value)


def test_the_table_tells_place_numbers_and_verdict() -> None:
    L, x = build()
    wrong = lg.gradient(L, x) + np.array([[0.0, 0.1], [0.0, 0.0]])
    scalar = lg.parameter(2.0, name="s")
    found = {"x": check_leaf(L, x, wrong), "s": check_leaf(scalar * 3, scalar, np.array(3.0))}
    found["empty"] = check_leaf(*build(np.zeros(0)), np.zeros(0))
    rows = [line.split() for line in as_grid(found, "title").text().splitlines()]
    told = {row[0]: row for row in rows if row and row[0] in found}
    assert told["x"][-4:] == ["1]", "3.1", "3", "WRONG"]
    assert told["s"][-4:] == ["s", "3", "3", "ok"]
    assert told["empty"][-1] == "ok"
    assert told["x"][3:6] == ["4", "of", "4"]
