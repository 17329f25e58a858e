"""Nodes as containers: identity, length, iteration and indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kit import same

import lazygrad as lg

ARRAY = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.fixture
def x() -> lg.Node:
    return lg.parameter(ARRAY)


# -- identity, length, iteration -------------------------------------------------------------------


def test_equality_is_elementwise_and_hash_is_identity(x: lg.Node) -> None:
    y = lg.parameter(ARRAY)
    same(x == y, ARRAY == ARRAY)
    same(x != y, ARRAY != ARRAY)
    assert hash(x) != hash(y)
    assert {x: "x", y: "y"}[x] == "x"
    assert len({x, y, x}) == 2
    assert x in {x}
    assert y not in {x: 1}


def test_len_iteration_and_unpacking(x: lg.Node) -> None:
    assert len(x) == 2
    rows = list(x)
    assert len(rows) == 2
    for row, expected in zip(rows, ARRAY, strict=True):
        same(row, expected)
    a, b = x
    np.testing.assert_array_equal(lg.gradient((a * b).sum(), x), ARRAY[::-1])
    with pytest.raises(ValueError, match="unpack"):
        a, b, _ = x
    assert list(lg.parameter(np.zeros((0, 3)))) == []


# -- indexing --------------------------------------------------------------------------------------

KEYS: list[Any] = [
    0,
    -1,
    np.int64(1),
    (1, 2),
    (-2, -3),
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    (slice(None), slice(0, 3, 2)),
    (slice(None), 7 > 6 and 1),
    slice(5, 9),
    None,
    (None, 0, None),
    ...,
    (..., 1),
    (0, ...),
    (),
    [0, 1, 1, 0],
    [],
    np.array([[1, 0], [1, 1]]),
    np.array([], int),
    (slice(None), [2, 0, 2]),
    ([0, 1, 1], [2, 0, 0]),
    (np.array([[0], [1]]), [0, 2]),
    ([1, 1], None, ...),
    (-1, [0, -1]),
    np.array([True, False]),
    [False, True],
    np.array([[True, False, True], [False, True, False]]),
    (slice(None), np.array([False, True, True])),
    np.zeros((2, 3), bool),
    ((0, 1), (1, 2)),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_indexing_is_numpys(x: lg.Node, key: Any) -> None:
    """Value and gradient, where repeated places count as often as they are taken."""
    expected = ARRAY[key]
    same(x[key], expected)
    w = np.arange(1.0, 1.0 + expected.size).reshape(expected.shape)
    counted = np.zeros_like(ARRAY)
    np.add.at(counted, key, w)
    np.testing.assert_array_equal(lg.gradient(x[key], x, cotangent=w), counted)


@pytest.mark.parametrize("index", [1, [0, 1, 1], [[0], [-1]]], ids=repr)
def test_integer_nodes_as_indices(x: lg.Node, index: Any) -> None:
    """An index node is a blocked input: it can be set, but has no derivative."""
    node = lg.constant(index, name="index")
    y = x[node]
    same(y, ARRAY[np.asarray(index)])
    same(x[:, node], ARRAY[:, np.asarray(index)])
    node.set(np.zeros_like(node.value))
    same(y, ARRAY[np.zeros_like(index)])
    with pytest.raises(lg.NotDifferentiableError, match="index"):
        lg.gradient(y.sum(), node)


@pytest.mark.parametrize("key", [2, -3, (0, 3), (0, 0, 0), (slice(None), -4), (..., 0, 0, 0)], ids=repr)
def test_integers_out_of_range_fail_on_the_users_line(x: lg.Node, key: Any) -> None:
    with pytest.raises(IndexError, match=r"getitem\(leaf#\d+ \(2, 3\)"):
        x[key]


def test_other_wrong_keys(x: lg.Node) -> None:
    with pytest.raises(IndexError, match="boolean index did not match"):
        x[np.array([True, False, True])]
    with pytest.raises(IndexError, match="integers or booleans"):
        x[np.array([0.0])]
    for single in (True, np.bool_(False), np.array(True)):
        with pytest.raises(IndexError, match="single boolean"):
            x[single]
    late = x[[0, 5]]
    with pytest.raises(IndexError, match="out of bounds"):
        late.value  # noqa: B018
    with pytest.raises(IndexError, match="broadcast"):
        x[[0, 1], [0, 1, 2]]


def test_a_mask_array_is_read_when_the_node_is_built(x: lg.Node) -> None:
    mask = ARRAY > 2
    y = x[mask]
    mask[...] = False
    same(y, [3.0, 4.0, 5.0, 6.0])
