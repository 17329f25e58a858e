"""The places that a key takes: which are taken twice, and what adding into a few of many costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops import indexing
from lazygrad.ops.indexing import find_repeats, parse_key

DISTINCT: tuple[Any, ...] = (
    [0, 2, 1],
    [3, 1],
    [-1, 0],
    np.array([True, False, True, True]),
    (slice(None), [4, 0]),
    ([0, 1], [0, 0]),
    (slice(None, None, -1), [1, 2]),
    [],
)
REPEATED: tuple[Any, ...] = (
    [1, 1],
    [0, -4],
    [3, 0, 3],
    (slice(1, 3), [2, 2]),
    ([0, 1, 0], [1, 1, 1]),
    (slice(None, None, 2), [0, 1, 0]),
    ([2, 2], slice(None, None, -2)),
    [[0, 1], [1, 0]],
)


def repeats_of(key: Any) -> Any:
    x, slots, arrays = parse_key(lg.constant(np.zeros((4, 5))), key)
    return find_repeats(x.shape, slots, arrays)


@pytest.mark.parametrize("key", DISTINCT, ids=repr)
def test_no_place_is_taken_twice(key: Any) -> None:
    assert repeats_of(key) is None


@pytest.mark.parametrize("key", REPEATED, ids=repr)
def test_places_of_a_key_that_takes_one_twice_come_in_its_order(key: Any) -> None:
    np.testing.assert_array_equal(repeats_of(key), np.arange(20).reshape(4, 5)[key].reshape(-1))


def test_slices_and_integers_take_no_place_twice() -> None:
    assert repeats_of((slice(None), 2)) is None


@pytest.mark.parametrize(("bound", "sorts"), [(3, False), (192, False), (193, True)])
def test_distinct_offsets(bound: int, sorts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few of many are sorted, else marked: neither costs more than the places or the array."""
    calls: list[int] = []
    sort = np.sort
    monkeypatch.setattr(np, "sort", lambda x: calls.append(x.size) or sort(x))
    assert indexing._distinct(np.array([2, 0, 1]), bound)
    assert not indexing._distinct(np.array([2, 0, 2]), bound)
    assert bool(calls) is sorts


@pytest.mark.parametrize(("length", "whole"), [(1000, False), (25, False), (24, True), (8, True)])
def test_a_few_repeated_rows_cost_no_array_of_the_whole(
    length: int, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    scatter = indexing._scatter_add
    monkeypatch.setattr(indexing, "_scatter_add", lambda *args, **kw: made.append(kw["shape"]) or scatter(*args, **kw))
    total, rows = np.arange(2.0 * length).reshape(length, 2), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    rows, places = np.concatenate([rows, rows]), np.array([5, 0, 5, 2, 0, 5])
    expected = total.copy()
    np.add.at(expected, places, rows)
    indexing.scatter_into(total, rows, places, x_shape=total.shape, key=(indexing.SLOT, slice(None)))
    np.testing.assert_array_equal(total, expected)
    assert made == ([total.shape] if whole else [])


def test_an_empty_list_is_an_index_and_an_empty_array_of_floats_is_none() -> None:
    x = lg.parameter(np.ones((4, 5)))
    assert x[[]].shape == x.value[[]].shape == (0, 5)
    assert x[:, [[]]].shape == x.value[:, [[]]].shape == (4, 1, 0)
    for array in (x, x.value):
        with pytest.raises(IndexError, match=r"must be (of )?integer"):
            array[np.zeros(0)]
