"""The node of an adjoint: how its contributions are summed, copied and shown."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives import adjoint_node
from lazygrad._derivatives.adjoint_node import AdjointNode, follow, unbroadcast_node, unbroadcast_to, unmirrored
from lazygrad._derivatives.edges import find_jvp_rule, find_vjp_rule
from lazygrad._derivatives.target_memo import target_memo
from lazygrad.ops._declare import op
from tests.helpers.random_graphs import same_bits


class Counted:
    """NumPy, which takes down how often it adds."""

    def __init__(self) -> None:
        self.additions = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def add(self, *arrays: Any, **keywords: Any) -> Any:
        self.additions += 1
        return np.add(*arrays, **keywords)


def test_parts_are_added_in_place_and_the_whole_array_is_passed_at_most_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum over 20 parts of a long array costs the parts, not 20 times the array."""
    x = lg.parameter(np.arange(1000.0))
    L = (x * 0.5).sum()
    for k in range(20):
        L = L + x[k] * float(k)
    counted = Counted()
    monkeypatch.setattr(adjoint_node, "np", counted)
    gradient = lg.gradient(L, x)
    assert counted.additions == 1
    assert same_bits(gradient, 0.5 + np.where(np.arange(1000) < 20, np.arange(1000.0), 0.0))


def test_negative_zeros_are_what_adding_whole_arrays_would_make_of_them() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    minus = lg.constant([-0.0, -0.0, -0.0])
    first = (x * minus).sum()
    assert np.signbit(lg.gradient(first, x)).all()
    for L in (first + x[1] * 2.0, x[1] * 2.0 + first):
        gradient = lg.gradient(L, x)
        assert gradient.tolist() == [0.0, 2.0, 0.0]
        assert not np.signbit(gradient).any()


def test_no_contribution_is_written_into() -> None:
    """The first term may be another node's array: here the adjoint of the sum itself."""
    x, y = lg.parameter([1.0, 2.0]), lg.parameter([3.0, 4.0])
    both = x + y
    L = (both * both).sum() + (x * 10.0).sum() + (x * 100.0).sum()
    by_both, by_x, by_y = lg.gradient(L, [both, x, y])
    assert by_both.tolist() == by_y.tolist() == [8.0, 12.0]
    assert by_x.tolist() == [118.0, 122.0]
    assert lg.gradient(L, both).tolist() == [8.0, 12.0]


def test_an_adjoint_says_what_it_is_of() -> None:
    x = lg.parameter(2.0, name="x")
    L = x * x
    g: Any = lg.adjoint(L, x)
    assert repr(g.op) == "<op adjoint of L>"
    L.name = "loss"
    assert repr(g.op) == "<op adjoint of loss>"
    assert [(c.op.name, a is target_memo(L).seed) for c, a in g.edge_adjoints()] == [("multiply", True)] * 2
    assert [c is L for c, _ in g.edge_adjoints()] == [True, True], "the target, not the mirror that stands for it"
    del L, x
    assert repr(g.op) == "<op adjoint of L>", "the name has gone with the target"


def test_leaves_and_nodes_that_mirror_nothing_stand_for_themselves() -> None:
    x = lg.parameter(2.0)
    y = x * x
    assert unmirrored(x) is x
    assert unmirrored(y) is y
    mirror = target_memo(y).mirror
    assert unmirrored(mirror) is y
    del y
    assert unmirrored(mirror) is mirror, "nothing is left to stand for"


def test_an_adjoint_that_leaves_its_memo_follows_the_shape_of_its_node_alone_only_if_it_does_not_read_it() -> None:
    x, a = lg.parameter([1.0, 2.0]), lg.constant([3.0, 4.0])
    for target, alone in (((x * a).sum(), True), ((x * x).sum(), False)):
        memo = target_memo(target)
        g = memo.adjoint(x)
        assert isinstance(g, AdjointNode)
        assert g.follows is None
        assert follow(g) is g
        assert g.follows == g.only_follows(x) == alone
        assert not g.only_follows(a)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda node: pickle.loads(pickle.dumps(node))])
def test_copies_keep_names_values_of_leaves_and_answers(copied: Any) -> None:
    x = lg.parameter([0.5, 1.5], name="x")
    y = np.exp(x)
    y.name = "y"
    g = lg.adjoint((y * x).sum(), x)
    g.name = "slope"
    for node in (x, y, g):
        again = copied(node)
        assert again is not node
        assert (again.name, again.shape, again.dtype) == (node.name, node.shape, node.dtype)
        assert same_bits(again.value, node.value)
        assert not again.value.flags.writeable
        leaf = again if node is x else next(i for i in (*again.inputs, *again.inputs[-1].inputs) if i.name == "x")
        with pytest.raises(ValueError, match="read-only"):
            leaf._value[0] = 9.0


def test_an_edge_reads_what_its_rule_names() -> None:
    x, y = lg.parameter([1.0, 2.0]), lg.parameter([3.0, 4.0])
    product, root, joined = x * y, np.sqrt(x), lg.numpy.stack([x, y])
    assert [n.serial for n in find_vjp_rule(product, 0)[1]] == [y.serial]
    assert [n.serial for n in find_vjp_rule(root, 0)[1]] == [root.serial]
    assert [n.serial for n in find_jvp_rule(product, 1)[1]] == [x.serial]
    assert find_vjp_rule(joined, 1)[1] == []
    starred = op(
        "starred",
        lambda *xs: sum(xs),
        shape=lambda *xs: (xs[0].shape, xs[0].dtype),
        vjp={"xs": lambda g, *xs: g * xs[0]},
        jvp={"xs": lambda t, *xs: t * xs[0]},
        inputs="*xs",
        register=False,
    )
    for find in (find_vjp_rule, find_jvp_rule):
        assert [n.serial for n in find(starred(x, y), 1)[1]] == [x.serial, y.serial]


def test_an_edge_without_a_jvp_rule_is_named_in_one_way() -> None:
    backward = op(
        "backward",
        np.sin,
        shape=lambda x: (x.shape, x.dtype),
        vjp={"x": lambda g, x: g * np.cos(x)},
        inputs="x",
        register=False,
    )
    x = lg.parameter(0.5, name="x")
    y = backward(x)
    wanted = r"op 'backward' has no jvp rule by its input 'x' \(<.*which the tangent needs at <backward"
    for question in (
        lambda: lg.jvp(backward, 0.5, 1.0),
        lambda: lg.gradient(y, x, engine="forward"),
        lambda: find_jvp_rule(y, 0),
    ):
        with pytest.raises(lg.NotDifferentiableError, match=wanted):
            question()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_complex_term_of_a_real_node_is_its_real_part_in_arrays_and_nodes(dtype: Any) -> None:
    """<g, dx> = Re(sum of g dx), and dx is real; NumPy would warn of what a cast discards."""
    term = np.array([[1 + 2j, 3 - 1j], [10 - 1j, 0.5j]])
    for shape, expected in (((2, 2), term.real), ((2,), [11.0, 3.0]), ((), 14.0), ((1, 2, 2), term.real[None])):
        like = lg.parameter(np.ones(shape, dtype))
        array = unbroadcast_to(term, like.shape, like.dtype, "a rule")
        node = unbroadcast_node(lg.constant(term), like)
        assert (node.shape, node.dtype) == (like.shape, like.dtype)
        assert array.dtype == like.dtype
        np.testing.assert_array_equal(array, expected)
        np.testing.assert_array_equal(node.value, expected)


def test_a_term_of_a_shape_that_does_not_fit_names_its_source() -> None:
    with pytest.raises(lg.LazygradError, match=r"'a rule' returned shape \(2,\) for an input of shape \(3,\)"):
        unbroadcast_to(np.ones(2), (3,), np.dtype(float), "a rule")
