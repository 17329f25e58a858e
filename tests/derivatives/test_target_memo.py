"""The memo of one target: what it forgets when a leaf changes shape, what it keeps, and whom it counts."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives.tangents import Tangents
from lazygrad._derivatives.target_memo import target_memo
from lazygrad._graph.value import find_pending
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import same_bits
from tests.helpers.small_network import ask


def cubes(values: Any) -> dict[str, lg.Node]:
    """Return a target, an adjoint of it that somebody holds, and a target made of that adjoint."""
    x, scale = lg.parameter(values, name="x"), lg.parameter(0.5, name="scale")
    L = (np.tanh(x * scale) * x * x).sum()
    g = lg.adjoint(L, x)
    return {"x": x, "scale": scale, "L": L, "g": g, "M": (g * g * x).sum()}


@pytest.mark.parametrize("value", [np.linspace(0.1, 0.9, 4), 0.3, np.array([0.25, 0.5], np.float32), np.zeros((2, 0))])
def test_a_target_of_second_order_forgets_all_when_a_leaf_below_its_adjoint_changes_shape(value: Any) -> None:
    """The memo inside it, of the ops its adjoint unfolded into, holds the old shape."""
    n = cubes([0.2, 0.4, 0.6])
    lg.gradient(n["M"], [n["x"], n["scale"]])
    memo = n["M"]._memo
    assert memo.inner, "the question went through an adjoint"
    n["x"].set(value)
    assert (memo.inner, memo.adjoints) == ({}, {})
    fresh = cubes(value)
    for target in ("M", "L"):
        answers = lg.gradient(n[target], [n["x"], n["scale"]])
        assert same_bits(answers, lg.gradient(fresh[target], [fresh["x"], fresh["scale"]]))
    check_invariants(n.values())


def test_an_adjoint_held_outside_unfolds_again_where_a_contribution_is_summed_to_another_shape() -> None:
    """The op that un-broadcasts holds the shape it sums to."""

    def biased(W: Any, b: Any) -> tuple[lg.Node, lg.Node, lg.Node]:
        W, b = lg.parameter(W), lg.parameter(b)
        g = lg.adjoint((np.tanh(W + b) * W).sum(), b)
        return (g * g).sum(), W, b

    rng = np.random.default_rng(0)

    def push(M: lg.Node, b: lg.Node) -> Any:
        tangent = Tangents({b: lg.constant(np.ones(b.shape))}).of(M)
        assert tangent is not None
        return tangent.value

    M, W, b = biased(rng.normal(size=(2, 3)), rng.normal(size=3))
    lg.gradient(M, [W, b])
    for shape in ((4, 5), (1, 1), (2, 3)):
        values = rng.normal(size=shape), rng.normal(size=shape[1])
        lg.update({W: values[0], b: values[1]})
        fresh, *leaves = biased(*values)
        assert same_bits(push(M, b), push(fresh, leaves[1]))
        assert same_bits(lg.gradient(M, [W, b]), lg.gradient(fresh, leaves))


def test_a_leaf_that_is_only_set_leaves_the_memo_of_second_order_whole() -> None:
    n = cubes([0.2, 0.4, 0.6])
    lg.gradient(n["M"], n["x"])
    memo = n["M"]._memo
    inner, adjoints = dict(memo.inner), dict(memo.adjoints)
    n["x"].set([0.3, 0.5, 0.7])
    _, report = ask(n["M"], n["x"])
    assert (memo.inner, memo.adjoints) == (inner, adjoints)
    assert report.nodes_touched == 0
    assert same_bits(lg.gradient(n["M"], n["x"]), lg.gradient((m := cubes([0.3, 0.5, 0.7]))["M"], m["x"]))


def test_all_inputs_of_an_adjoint_share_one_memo_of_the_ops_it_unfolds_into() -> None:
    """Else what lies between several of them and its root would be derived once for each."""
    x, y = lg.parameter([0.5, 0.2]), lg.parameter([0.3, 0.4])
    g = lg.adjoint((np.sin(x * y) * np.tanh(x)).sum(), x)
    M = (g * g).sum()
    _, report = ask(M, [x, y])
    assert (report.adjoints.misses, report.rules_run) == (28, 35)
    assert len(target_memo(M).inner) == 4  # the adjoints of x, x * y, its sine, and the product, each passed once
    again = target_memo(M).inner[g.serial]
    lg.gradient(M, [x, y])
    assert target_memo(M).inner[g.serial] is again


def test_memos_of_other_seeds_forget_with_the_targets_own() -> None:
    x = lg.parameter([1.0, 2.0])
    y = x * x
    d = lg.Differentiator(y, cotangent=lg.constant([1.0, 10.0]))
    assert d.gradient(x).tolist() == [2.0, 40.0]
    x.set([[3.0, 4.0]])
    assert d.cache_info().currsize == 0
    with pytest.raises(lg.ShapeError, match=r"cotangent has shape \(2,\)"):
        d.gradient(x)


def test_a_seed_follows_the_dtype_of_its_target() -> None:
    x = lg.parameter([1.0, 2.0])
    d = lg.Differentiator(x * x, cotangent=lg.constant([1.0, 10.0]))
    d.gradient(x)
    x.set(np.array([3.0, 4.0], np.float32))
    answer = d.gradient(x)
    assert answer.dtype == np.float32
    assert answer.tolist() == [6.0, 80.0]
    assert d._memo.seed.dtype == np.float32, "nothing is computed in double precision on the way"


def test_clear_forgets_adjoints_counts_and_what_discovery_has_found() -> None:
    x = lg.parameter(2.0)
    L = np.sin(x) * np.exp(x)
    lg.gradient(L, x)
    memo = target_memo(L)
    discovery, plans = memo.discovery, memo.plans
    assert plans is not None
    lg.differentiator(L).cache_clear()
    assert (memo.adjoints, memo.op.counts.requests, memo.op.counts.misses) == ({}, 0, 0)
    assert memo.discovery is not discovery
    assert memo.plans is None
    _, report = ask(L, x)
    assert report.rules_run == 4  # sin and exp of x, and the two factors
    assert report.nodes_touched > 0


def test_a_target_that_is_gone_is_read_from_its_mirror() -> None:
    """`exp` reads its own output: the target's while it lives, its mirror's afterwards."""
    x = lg.parameter(0.5)
    L = np.exp(x)
    g = lg.adjoint(L, x)
    with lg.record() as report:
        assert g.value == np.exp(0.5)
    assert report.values.computed == (L,), "the mirror shows the target's value"
    assert L._value is not None
    x.set(0.25)
    del L
    assert g.value == np.exp(0.25)


def test_a_wide_node_is_searched_once_for_all_its_inputs() -> None:
    """Each adjoint finds its place among 20 inputs, also where one stands there twice."""
    leaves = [lg.parameter([float(k)]) for k in range(20)]
    joined: Any = lg.numpy.concatenate([*leaves, leaves[3]])
    L = (joined * joined).sum()
    gradients = lg.gradient(L, leaves)
    expected = [2.0 * k * (1 + (k == 3)) for k in range(20)]
    assert [float(g[0]) for g in gradients] == expected
    d = lg.differentiator(L)
    assert [len(d.contributions(leaf)) for leaf in leaves] == [1 + (k == 3) for k in range(20)]
    assert list(d._memo.wide.known) == [joined.serial]
    d.cache_clear()
    assert d._memo.wide.known == {}


def test_what_does_not_lead_to_the_target_has_an_adjoint_of_zeros_in_the_shape_of_the_moment() -> None:
    x, y = lg.parameter([1.0, 2.0]), lg.parameter(3.0)
    zero = lg.adjoint((y * y).sum(), x)
    assert zero.value.tolist() == [0.0, 0.0]
    x.set(np.ones((1, 3), np.float32))
    assert zero.dtype == np.float32
    assert zero.value.tolist() == [[0.0, 0.0, 0.0]]


def test_a_value_that_mirrors_show_is_pending_once() -> None:
    x = lg.parameter(0.5)
    L = np.exp(x)  # whose rule reads its own value, from the mirror
    by_one, by_two = lg.adjoint(L, x), lg.Differentiator(L, cotangent=2.0).adjoint(x)
    done: dict[int, lg.Node] = {}
    assert [i.serial for i in find_pending(by_one, done)] == [L.serial, by_one.serial]
    assert [i.serial for i in find_pending(by_two, done)] == [by_two.serial]
    assert find_pending(L, done) == []


def test_a_collector_that_is_off_stays_off() -> None:
    x = lg.parameter(2.0)
    gc.disable()
    try:
        lg.gradient(x * x, x)
        assert not gc.isenabled()
    finally:
        gc.enable()
    lg.gradient(x * x, x)
    assert gc.isenabled()


def test_a_differentiator_that_nobody_holds_is_gone_at_once_but_not_its_memo() -> None:
    x = lg.parameter(2.0)
    L = x * x
    held = lg.differentiator(L)
    assert lg.differentiator(L) is held
    gone = weakref.ref(held)
    lg.gradient(L, x)
    del held
    assert gone() is None
    assert lg.differentiator(L).cache_info().misses == 1


@pytest.mark.parametrize("engine", ["sweep", "lazy"])
def test_a_cotangent_is_for_every_engine(engine: str) -> None:
    x = lg.parameter([1.0, 2.0])
    assert lg.gradient(x * x, x, cotangent=[1.0, 10.0], engine=engine).tolist() == [2.0, 40.0]
    assert lg.Differentiator(x * x, cotangent=[0.0, 1.0]).gradient(x, engine=engine).tolist() == [0.0, 4.0]
    assert lg.gradient((x * x).sum(), x, cotangent=3.0, engine=engine).tolist() == [6.0, 12.0]


@pytest.mark.parametrize("forget", ["update", "cache_clear", "a set that is refused"])
def test_an_adjoint_that_somebody_holds_stays_the_memos(forget: str) -> None:
    def build(values: object, weights: object) -> tuple[lg.Node, lg.Node, lg.Node, lg.Node]:
        x, w = lg.parameter(values), lg.constant(weights)
        h = np.sin(x)
        return x, w, h, (h**3 * w).sum()

    x, w, h, L = build([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    held = lg.adjoint(L, h)
    np.testing.assert_array_equal(held.value, 3 * np.sin([1.0, 2.0, 3.0]) ** 2 * [1.0, 2.0, 4.0])
    if forget == "update":
        lg.update({x: [0.5, 1.0], w: [1.0, 3.0]})
    elif forget == "cache_clear":
        lg.differentiator(L).cache_clear()
    else:
        with pytest.raises(lg.ShapeError):
            x.set([0.5, 1.0])
    assert lg.adjoint(L, h) is held
    found = lg.gradient((lg.adjoint(L, x) ** 2).sum(), held)
    x, _, h, L = build(x.value, w.value)
    expected = lg.gradient((lg.adjoint(L, x) ** 2).sum(), lg.adjoint(L, h))
    np.testing.assert_array_equal(found, expected)
    assert expected.any()
