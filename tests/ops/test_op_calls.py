"""Calls of ops: numbers beside nodes, statics and values that somebody else could change."""

from __future__ import annotations

import operator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import ops
from lazygrad.ops._declare import op
from lazygrad.ops._op import count_requests
from tests.helpers.op_checks import same


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("number", [2, -3, 0.5, 0.25 + 1j])
@pytest.mark.parametrize("function", [operator.add, operator.mul, operator.truediv, np.multiply, np.where])
def test_a_plain_number_beside_a_node_is_promoted_as_numpy_does(function: Any, number: Any, dtype: Any) -> None:
    x = np.array([1, 3]).astype(dtype)
    if function is np.where:
        same(np.where([True, False], lg.constant(x), number), np.where([True, False], x, number))
        return
    same(function(lg.constant(x), number), function(x, number))
    same(function(number, lg.constant(x)), function(number, x))


def test_a_plain_number_follows_the_dtype_of_the_other_operand() -> None:
    """The constant made of a number remembers that it is one, and no array does."""
    x = lg.parameter(np.ones(2, np.float32))
    number, array = x * 0.1, x * np.float64(0.1)
    same(number, np.ones(2, np.float32) * 0.1)
    x.set(np.ones(2))
    same(number, np.ones(2) * 0.1)
    same(array, np.ones(2) * np.float64(0.1))


def test_a_list_given_as_a_static_may_be_changed_later() -> None:
    """The op has read it when the node was built; that goes for an array as well."""
    order, shape = [1, 0], np.array([3, 2])
    x = lg.parameter([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    turned, reshaped = ops.transpose(x, axes=order), ops.reshape(x, shape=shape)
    order[:], shape[:] = [0, 1], [6, 1]
    assert (turned.static["axes"], reshaped.static["shape"]) == ((1, 0), (3, 2))
    same(turned, x.value.T)
    same(reshaped, x.value.reshape(3, 2))
    cotangent = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(lg.gradient(turned, x, cotangent=cotangent), cotangent.T)


def test_a_value_that_is_a_view_of_an_array_somebody_holds_is_copied() -> None:
    """Otherwise its owner could change the memo, or would find the array read-only."""
    holder = [np.arange(4.0)]  # the only reference
    shape = lambda x: ((2,), np.dtype(float))  # noqa: E731
    view = op("view", lambda x: holder[0][:2], shape=shape, vjp={}, register=False)
    node = view(lg.parameter(1.0))
    np.testing.assert_array_equal(node.value, [0.0, 1.0])
    holder[0][0] = 7.0
    np.testing.assert_array_equal(node.value, [0.0, 1.0])
    assert not np.shares_memory(node.value, holder[0])


def test_a_value_that_is_a_view_of_an_array_nobody_holds_is_kept() -> None:
    """Transposes, slices and their kin cost no copy, and are read-only with the array behind them."""
    fresh = op("fresh", lambda x: np.arange(4.0)[:2], shape=lambda x: ((2,), np.dtype(float)), vjp={}, register=False)
    value: Any = fresh(lg.parameter(1.0)).value
    assert value.base is not None
    while value is not None:
        assert not value.flags.writeable
        value = value.base


@pytest.mark.parametrize("names", ["a", "ab", "aab", "aba", "abab", "abcacb"])
def test_each_adjoint_among_the_inputs_counts_one_request(names: str) -> None:
    """A computation needs an adjoint once, however often it stands among its inputs; plain nodes count nothing."""
    counted: list[str] = []
    adjoints = {n: SimpleNamespace(op=SimpleNamespace(count_request=lambda n=n: counted.append(n))) for n in "abc"}
    plain = lg.parameter(1.0)
    count_requests([plain, *[adjoints[n] for n in names], plain])
    assert sorted(counted) == sorted(set(names))


@pytest.mark.parametrize("axis", [0, -1, None, ()])
def test_numpy_lets_a_number_be_squeezed(axis: Any) -> None:
    x = lg.parameter(2.0)
    same(np.squeeze(x, axis), np.squeeze(x.value, axis))
    assert lg.gradient(np.squeeze(x, axis), x) == 1.0
