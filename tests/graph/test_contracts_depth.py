"""Contract C7: deep chains and 200-fold sharing, in every public walk, at the default recursion limit.

A chain five times as deep as the limit shows recursion; the 100 000 nodes of the contract are walked under `deep`.
"""

from __future__ import annotations

import copy
import io
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.node import Node
from tests.helpers.collector import no_collector
from tests.helpers.random_graphs import same_bits

DEPTHS = pytest.mark.parametrize("depth", [5_000, pytest.param(100_000, marks=pytest.mark.deep)])


@pytest.fixture(autouse=True)
def default_limit() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


def chain(depth: int) -> tuple[Node, Node]:
    x = lg.parameter(0.5, name="x")
    L = x
    for _ in range(depth // 2):
        L = np.sin(L) + L
    L.name = "L"
    return L, x


def compute_by_loop(depth: int) -> tuple[float, float]:
    """Return the value of such a chain and its derivative, by a loop."""
    value, slope = 0.5, 1.0
    for _ in range(depth // 2):
        value, slope = np.sin(value) + value, np.cos(value) * slope + slope
    return float(value), float(slope)


def walk(L: Node, x: Node) -> None:
    """Run the walks that only look, each in linear time, or this would not end."""
    d = lg.differentiator(L)
    assert d.is_connected(x)
    assert "add" in repr(L)
    assert "adjoint" in repr(lg.adjoint(L, x))
    assert len(d.contributions(x)) >= 2
    assert len(str(d.table()).splitlines()) == len(d.table()) + 1
    assert lg.gradient(L, "x") == lg.gradient(L, x)
    assert len(x.consumers) >= 2


@DEPTHS
def test_value_gradient_and_every_walk_of_a_deep_chain(depth: int) -> None:
    walk(*chain(10))  # what is done only once is done now
    with no_collector():
        L, x = chain(depth)
        with lg.record() as report:
            assert L.value == pytest.approx(compute_by_loop(depth)[0], rel=1e-12)
            assert lg.gradient(L, x) == pytest.approx(compute_by_loop(depth)[1], rel=1e-9)
        assert report.rules_run == 3 * depth // 2
        assert report.trace().splitlines()[0] == "dL/dx -> table[x]"
        assert len(report.trace()) < 100 * 3 * depth
        assert f"{3 * depth // 2} rules run" in str(report)
        walk(L, x)
        with lg.record() as report:
            x.set(0.25)
        assert report.rules_run == 0
        assert "stale" in repr(L)
        lg.gradient(L, x)
        x.set([0.5])
        assert L.shape == (1,)
        assert L.value == pytest.approx(compute_by_loop(depth)[0], rel=1e-12)
        del L, report


@DEPTHS
def test_a_second_gradient_of_a_deep_chain(depth: int) -> None:
    with no_collector():
        x = lg.parameter(1.0)
        L = x
        for _ in range(depth // 2):
            L = L * lg.parameter(1.0)
        L = L * x
        g = lg.adjoint(L, x)
        assert g.value == 2.0
        assert lg.gradient(g, x) == 2.0
        assert lg.gradient(lg.adjoint(g, x) * x, x) == 2.0
        del L, g


def test_a_deep_chain_through_the_nonlinear_part_of_an_adjoint() -> None:
    """Second derivative of y -> y + c y^2 iterated: by a loop in forward mode, and by nesting."""
    depth, c = 3_000, 1e-4
    x = lg.parameter(0.5)
    L = x
    for _ in range(depth):
        L = L + c * (L * L)
    y, first, second = 0.5, 1.0, 0.0
    for _ in range(depth):
        y, first, second = (
            y + c * y * y,
            first * (1 + 2 * c * y),
            second * (1 + 2 * c * y) + 2 * c * first * first,
        )
    g = lg.adjoint(L, x)
    assert g.value == pytest.approx(first, rel=1e-10)
    assert lg.gradient(g, x) == pytest.approx(second, rel=1e-10)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x + x, 2.0**200),
        (lambda x: x * x, 2.0**200),
        (lambda x: lg.ops.concatenate(x, x).reshape(2, -1)[0], 1.0),
    ],
    ids=["add", "multiply", "concatenate"],
)
def test_sharing_200_times_over(f: Any, slope: float) -> None:
    with no_collector():
        x = lg.parameter([1.0])
        y = x
        for _ in range(200):
            y = f(y)
        L = y.sum()
        with lg.record() as report:
            gradient = lg.gradient(L, x)
            again = lg.gradient((lg.adjoint(L, x) * x).sum(), x)  # f' is slope * x^(slope - 1), or constant
        assert gradient.shape == again.shape == (1,)
        assert gradient == slope
        assert again == pytest.approx(slope * slope if f(x).op.name == "multiply" else slope)
        assert report.rules_run < 5_000
        del report
        with lg.record() as report:
            assert np.isfinite(lg.gradient(L, x))
        assert len(report.trace()) < 100_000
        walked_L = lg.differentiator(L)
        assert len(walked_L.table()) < 1000
        assert walked_L.is_connected(x)
        x.set([-1.0])
        assert lg.gradient(L, x) != 0
        copied, leaf = copy.deepcopy((L, x))
        assert same_bits(lg.gradient(copied, leaf), lg.gradient(L, x))
        copied, leaf = pickle_and_load((L, x))
        assert same_bits(lg.gradient(copied, leaf), lg.gradient(L, x))
        del L, y, copied, leaf, walked_L, report


def pickle_and_load(these: Any) -> Any:
    return pickle.loads(pickle.dumps(these))


@pytest.mark.parametrize("copied", [pickle_and_load, copy.deepcopy])
@pytest.mark.parametrize(
    ("state", "depth"),
    [
        ("not computed", 5_000),
        pytest.param("not computed", 100_000, marks=pytest.mark.deep),
        ("fresh", 2_000),
        ("stale", 2_000),
    ],
)
def test_copies_of_a_deep_chain(copied: Any, state: str, depth: int) -> None:
    L, x = chain(depth)
    if state != "not computed":
        lg.gradient(L, x)
        L.value  # noqa: B018
    if state == "stale":
        x.set(0.75)
    L2, x2 = copied((L, x))
    assert L2 is not L
    assert L2.name == "L"
    assert lg.differentiator(L2).is_connected(x2)
    assert not lg.differentiator(L2).is_connected(x)
    assert L2.value.tobytes() == L.value.tobytes()
    if state != "not computed":
        assert lg.gradient(L2, x2).tobytes() == lg.gradient(L, x).tobytes()
    x2.set(-0.25)
    assert L2.value < 0 < L.value


@pytest.mark.parametrize("count", [2, 3, 999, 1000, 1001, 1002, 2001])
def test_pickles_of_any_length(count: int) -> None:
    """Picklers take the items of a list a thousand at a time."""
    L = x = lg.parameter(0.5)
    for _ in range(count - 1):
        L = -L
    assert pickle_and_load(L).value == L.value
    pickler = pickle._Pickler(stream := io.BytesIO())  # the one in Python, that others derive from
    pickler.dump((L, x))
    L2, x2 = pickle.loads(stream.getvalue())
    assert lg.gradient(L2, x2) == lg.gradient(L, x)


def test_copies_keep_what_is_shared() -> None:
    W, b = lg.parameter(np.arange(6.0).reshape(2, 3), name="W"), lg.parameter([1.0, 2.0, 3.0], name="b")
    h = np.tanh(W * b)
    L, M = (h * h).sum(), lg.ops.logsumexp(h).sum()
    g = lg.adjoint(L, W)
    for copied in (copy.deepcopy, pickle_and_load):
        params = {"W": W, "b": b}
        L2, M2, g2, again, params2 = copied((L, M, g, L, params))
        assert again is L2
        assert same_bits(lg.gradient(L2, params2), lg.gradient(L, params))
        assert same_bits(lg.gradient(M2, params2), lg.gradient(M, params))
        assert same_bits(g2.value, g.value)
        assert same_bits(lg.gradient((g2 * g2).sum(), params2), lg.gradient((g * g).sum(), params))
        params2["W"].set(np.ones((2, 3)))
        assert not same_bits(lg.gradient(L2, params2), lg.gradient(L, params))
        assert same_bits(g2.value, lg.gradient(L2, params2["W"]))
        assert W.value[0, 1] == 1.0


@pytest.mark.deep
def test_a_million_nodes() -> None:
    with no_collector():
        x = lg.parameter(1.0)
        L = x
        for _ in range(1_000_000):
            L = -L
        assert lg.gradient(L, x) == 1.0
        assert L.value == 1.0
        del L
        assert x.consumers == ()
