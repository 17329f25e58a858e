"""The n-th derivative by one number: equal nodes are one node, and sharing them changes no bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives.nth import Derivation, key_of
from lazygrad._derivatives.tangents import Tangents
from lazygrad._graph.node import Node
from lazygrad._graph.traverse import ancestors
from tests.helpers.random_graphs import same_bits

ORDERS = (1, 2, 3, 5)


class Unshared(Derivation):
    """The same recursion without sharing."""

    def _share(self, term: Node, before: int) -> Node:
        return term


def repeat(step: Callable[[Any], Any], times: int) -> Callable[[Any], Any]:
    """Return a function that applies another so many times."""

    def chain(x: Any) -> Any:
        for _ in range(times):
            x = step(x)
        return x

    return chain


def product_twice(x: Any) -> Any:
    """Two nodes of one product, whose derivatives are one sum."""
    s, e = np.sin(x), np.exp(x)
    return (s * e) * np.tanh(s * e)


# A function, and how many nodes its derivatives of order 1, 2, 3 and 5 consist of, the function's own among them.
CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "power of itself": (lambda x: x**x, (18, 50, 103, 370)),
    "arctan": (np.arctan, (6, 15, 46, 187)),
    "chain of tanh": (repeat(lambda x: np.tanh(x) * 0.9, 5), (37, 69, 127, 373)),
    "chain of sqrt": (repeat(lambda x: np.sqrt(x) * 0.9, 5), (32, 59, 106, 280)),
    "sums of sine and cube": (repeat(lambda x: np.sin(x) + x**3, 5), (45, 100, 197, 633)),
    "product": (lambda x: np.sin(x) * np.exp(x), (10, 18, 27, 51)),
    "product twice": (product_twice, (20, 41, 75, 205)),
    "quotient": (lambda x: np.sin(x) * np.exp(x) / np.tanh(x), (21, 45, 83, 224)),
}


def nth(kind: type[Derivation], f: Callable[[Any], Any], order: int) -> tuple[Node, Node]:
    """Return a function's value at 0.7 and its derivative of that order, both as nodes."""
    x = lg.parameter(0.7)
    L = f(x)
    found = kind(x).nth(L, order)
    assert found is not None
    return L, found


@pytest.mark.parametrize("name", CASES)
def test_derivatives_consist_of_so_many_nodes(name: str) -> None:
    f, counts = CASES[name]
    assert tuple([len(ancestors(nth(Derivation, f, order)[1])) for order in ORDERS]) == counts


@pytest.mark.parametrize("name", CASES)
def test_no_two_nodes_of_a_derivative_are_equal(name: str) -> None:
    f, _ = CASES[name]
    for order in ORDERS:
        L, found = nth(Derivation, f, order)
        keys = Counter(key_of(i) for i in ancestors(found) if i.serial > L.serial)
        assert max(keys.values()) == 1, f"order {order}"


@pytest.mark.parametrize("name", CASES)
def test_sharing_changes_no_bit(name: str) -> None:
    f, _ = CASES[name]
    for order in ORDERS[:3]:
        shared, alone = (nth(kind, f, order)[1] for kind in (Derivation, Unshared))
        assert len(ancestors(shared)) <= len(ancestors(alone))
        assert same_bits(shared.value, alone.value)


def test_nested_gradients_are_these_derivatives() -> None:
    f: Callable[[Any], Any] = CASES["power of itself"][0]
    derivative = f
    for order in range(1, 6):
        derivative = lg.grad(derivative)
        if order > 1:
            assert same_bits(derivative(0.7), nth(Derivation, f, order)[1].value)


def test_equal_numbers_of_another_sign_or_dtype_are_not_shared() -> None:
    """0.0 and -0.0 are equal as numbers, and would give other bits."""
    x = lg.parameter(0.5)
    zero, minus = (x * number for number in (0.0, -0.0))
    assert key_of(zero.inputs[1]) != key_of(minus.inputs[1])
    one, single = lg.parameter(np.float64(1)) * 2.0, lg.parameter(np.float32(1)) * 2.0
    assert key_of(one.inputs[1]) != key_of(single.inputs[1])
    assert key_of(lg.constant(2.0)) != key_of(lg.constant(2.0)), "leaves of the user are not numbers of an expression"


def test_statics_tell_nodes_apart() -> None:
    x = lg.parameter(np.ones((2, 2)))
    assert key_of(x.sum(axis=0)) != key_of(x.sum(axis=1))
    assert key_of(x.sum(axis=0)) == key_of(x.sum(axis=0))
    assert key_of(x.astype(np.float32)) != key_of(x.astype(np.float16))


@pytest.mark.parametrize("numerator", [1, 3.0])
def test_an_infinite_quotient_has_the_tangent_that_the_rules_give(numerator: float) -> None:
    x = lg.parameter(0.0)
    y = numerator / (x * x)
    with np.errstate(divide="ignore", invalid="ignore"):
        shared, plain = Derivation(x).nth(y, 1), Tangents({x: lg.constant(1.0)}).of(y)
        assert shared is not None
        assert plain is not None
        assert np.isnan([shared.item(), plain.item()]).all()  # 0 times inf, as nothing selects
