"""Contract C6: with the garbage collector off, what is dropped is freed at once, and rounds stay flat."""

from __future__ import annotations

import copy
import pickle
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.node import Node
from tests.helpers.collector import no_collector
from tests.helpers.invariants import reachable
from tests.helpers.random_graphs import make_watched_op
from tests.machine.naive import Boom


def derivatives(L: Node, wrt: list[Node]) -> Any:
    """Return the gradient, which may well be a structural zero here."""
    return lg.gradient(L, wrt, unconnected="none")


TARGETS: dict[str, Callable[[Node, Node], Node]] = {
    "sum": lambda x, w: (x * w).sum(),
    "tanh": lambda x, w: np.tanh((x * w).sum()),
    "exp": lambda x, w: np.exp((x * w).mean()),
    "sqrt": lambda x, w: np.sqrt((x * x).sum()),
    "divide": lambda x, w: x.sum() / w.sum(),
    "sigmoid": lambda x, w: lg.ops.sigmoid((x * w).sum()),
    "logsumexp": lambda x, w: lg.ops.logsumexp(x * w),
    "max": lambda x, w: (x * w).max(),
    "softmax": lambda x, w: (lg.ops.softmax(x) * w).sum(),
    "cross_entropy": lambda x, w: lg.ops.cross_entropy((x * w)[None], lg.constant([1])).sum(),
    "power": lambda x, w: np.power(abs(x).sum(), abs(w).sum()),
    "one element": lambda x, w: np.tanh((x * w).sum(axis=0, keepdims=True)),
    "leaf": lambda x, w: x[0] + 0 * w[0],
}


def value(L: Node, x: Node, w: Node) -> Any:
    return L.value


def gradient(L: Node, x: Node, w: Node) -> Any:
    return lg.gradient(L, [x, w])


def second(L: Node, x: Node, w: Node) -> Any:
    return derivatives((lg.adjoint(L, x) * w).sum(), [x, w])


def third(L: Node, x: Node, w: Node) -> Any:
    g = lg.adjoint(L, x).sum()
    return derivatives(lg.adjoint(g, x).sum(), [x, w])


def held_adjoint(L: Node, x: Node, w: Node) -> Any:
    g = lg.adjoint(L, x)
    del L
    return g.value, derivatives((g * g).sum(), [w])


def own_target(L: Node, x: Node, w: Node) -> Any:
    return lg.gradient(L, [L, x])


def with_cotangent(L: Node, x: Node, w: Node) -> Any:
    d = lg.Differentiator(L, cotangent=np.full(L.shape, 2.0))
    g = d.adjoint(w)
    return d.gradient([x, w]), derivatives(g.sum(), [x]), lg.gradient(L, [x, w], cotangent=np.ones(L.shape))


def cotangent_that_is_a_node(L: Node, x: Node, w: Node) -> Any:
    c = np.exp(w.sum()) * np.ones(L.shape)
    return lg.gradient(lg.Differentiator(L, cotangent=c).adjoint(x).sum(), [x, w])


def show_everything(L: Node, x: Node, w: Node) -> Any:
    with lg.record() as report:
        lg.gradient(L, [x, w])
        derivatives(lg.adjoint(L, x).sum(), [x])
    d = lg.differentiator(L)
    shown = (repr(L), repr(d), str(d.table()), report.trace(), str(report), repr(report))
    return shown, d.contributions(x), d.is_connected(w), d.cache_info(), x.consumers


def clear(L: Node, x: Node, w: Node) -> Any:
    lg.gradient(L, [x, w])
    lg.differentiator(L).cache_clear()
    return lg.gradient(L, [x, w])


def sets(L: Node, x: Node, w: Node) -> Any:
    lg.gradient(L, [x, w])
    derivatives(lg.adjoint(L, x).sum(), [w])
    x.set(x.value + 1)
    lg.gradient(L, [x, w])
    w.set(np.ones(3, np.float32))
    x.set(np.ones(3, np.float32))
    return lg.gradient(L, [x, w])


def refuse(L: Node, x: Node, w: Node) -> Any:
    lg.gradient(L, x)
    y = x @ w
    for wrong in (lambda: x.set(np.ones(5)), lambda: lg.gradient(x * w, x), lambda: lg.gradient(L, "nobody")):
        try:
            wrong()
        except (ValueError, TypeError, KeyError) as error:
            assert str(error)  # noqa: PT017 (pytest.raises would keep the frames)
        else:
            pytest.fail("that should be refused")
    assert y.value.shape == ()


def fail(L: Node, x: Node, w: Node) -> Any:
    def boom(what: str) -> None:
        raise Boom(what)

    for ask in (lambda M: lg.gradient(M, x), lambda M: M.value):
        try:
            ask(make_watched_op(before=boom)(np.exp(L)).sum())
        except Boom as error:
            assert error.__notes__  # noqa: PT017
        else:
            pytest.fail("the op should raise")


def copies(L: Node, x: Node, w: Node) -> Any:
    lg.gradient(L, x)
    for L2, x2 in (pickle.loads(pickle.dumps((L, x))), copy.deepcopy((L, x))):
        lg.gradient(L2, x2)


LIVES = [
    value,
    gradient,
    second,
    third,
    held_adjoint,
    own_target,
    with_cotangent,
    cotangent_that_is_a_node,
    show_everything,
    clear,
    sets,
    refuse,
    fail,
    copies,
]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
@pytest.mark.parametrize("target", TARGETS)
def test_del_frees_nodes_and_arrays_at_once(target: str, life: Callable[..., Any]) -> None:
    x, w = lg.parameter([0.3, 0.1, -0.7], name="x"), lg.parameter([0.2, 0.5, 0.4], name="w")
    life(TARGETS[target](x, w), x, w)  # what is done only once is done now
    with no_collector():
        L = TARGETS[target](x, w)
        life(L, x, w)
        watched_for: list[weakref.ref[Any]] = []
        for node in reachable([L]):
            if node is not x and node is not w:
                watched_for.append(weakref.ref(node))
                if isinstance(node._value, np.ndarray) and node._value is not x._value and node._value is not w._value:
                    watched_for.append(weakref.ref(node._value))
        assert len(watched_for) >= 2
        del node, L
        assert [ref() for ref in watched_for if ref() is not None] == []
        assert x.consumers == w.consumers == ()


def test_a_differentiator_keeps_its_target_and_no_longer() -> None:
    with no_collector():
        x = lg.parameter(1.0)
        L = np.exp(x)
        for d in (lg.differentiator(L), lg.Differentiator(L, cotangent=2.0)):
            d.gradient(x)
        ref = weakref.ref(L)
        del L
        assert ref() is d.target
        assert d.gradient(x) == 2 * np.e
        del d
        assert ref() is None


def test_an_adjoint_outlives_its_target() -> None:
    with no_collector():
        x = lg.parameter(0.5)
        L = np.exp(np.sin(x))
        ref = weakref.ref(L)
        g = lg.adjoint(L, x)
        del L
        assert ref() is None
        assert g.value == np.exp(np.sin(0.5)) * np.cos(0.5)
        x.set(0.25)
        assert g.value == np.exp(np.sin(0.25)) * np.cos(0.25)
        second = lg.gradient(g, x)
    np.testing.assert_allclose(second, g.value * (np.cos(0.25) - np.tan(0.25)), rtol=1e-14)


def test_a_report_keeps_what_it_names_and_no_longer() -> None:
    with no_collector():
        x = lg.parameter(0.5)
        with lg.record() as report:
            L = np.exp(np.sin(x))
            L.value  # noqa: B018
        ref = weakref.ref(L)
        del L
        assert ref() is report.values.computed[1]
        del report
        assert ref() is None


def test_a_stale_array_is_freed_when_its_leaf_is_set() -> None:
    with no_collector():
        x = lg.parameter(np.zeros(1000))
        y = np.exp(x)
        L = y.sum()
        lg.gradient(L, x)
        arrays = [weakref.ref(n._value) for n in (y, lg.adjoint(L, x))]
        x.set(np.ones(1000))
        assert [ref() for ref in arrays] == [None, None]


def one_round(W: Node, x: Node) -> None:
    h = np.tanh(x @ W)
    L = lg.ops.logsumexp(h).sum() + (W * W).sum()
    lg.gradient(L, W)
    W.set(W.value * 0.999)


def rounds_of_adjoints(W: Node, x: Node) -> None:
    L = np.exp((x @ W).sum())
    lg.gradient((lg.adjoint(L, W) * W).sum(), W)


def rounds_on_one_target(W: Node, x: Node) -> None:
    L = next(c for c in x.consumers if c.name == "L")
    lg.gradient(L, W, cotangent=np.ones(L.shape))
    lg.differentiator(L).cache_clear()


@pytest.mark.parametrize(
    ("one", "rounds"), [(one_round, 10_000), (rounds_of_adjoints, 4_000), (rounds_on_one_target, 10_000)]
)
def test_rounds_of_build_query_drop_stay_flat(one: Callable[[Node, Node], None], rounds: int) -> None:
    W, x = lg.parameter(np.full((8, 8), 0.1)), lg.constant(np.ones((4, 8)))
    L = x @ W
    L.name = "L"
    blocks = []
    with no_collector():
        for _ in range(2):  # by half of the rounds Python's own lists of free objects are full
            for _ in range(rounds // 2):
                one(W, x)
            blocks.append(sys.getallocatedblocks())
    assert blocks[1] - blocks[0] < rounds / 100
    for node in (W, x, L):
        links = node._consumers
        assert not isinstance(links, list) or len(links) <= 64
