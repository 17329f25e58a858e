"""All gradients of a young graph in one pass: the memo's answers, bit for bit, without a memo."""

from __future__ import annotations

from typing import Any

import numpy as np

import lazygrad as lg
from lazygrad._derivatives.one_pass import gradients_in_one_pass
from lazygrad._graph.node import Node
from tests.helpers.random_graphs import same_bits

ONE: Any = np.float64(1)


def network() -> tuple[Node, dict[str, Node]]:
    """Return a target and nodes below it, some of which read what others are asked for."""
    rng = np.random.default_rng(0)
    x, W, unused = (lg.parameter(rng.normal(size=n)) for n in (3, (3, 3), 2))
    h = np.tanh(W @ x)
    u = np.exp(h * x)
    dead = np.sin(u)
    L = (u * h).sum() + (h[1:] ** 2).sum()
    return L, {"x": x, "W": W, "h": h, "u": u, "dead": dead, "unused": unused}


def one_pass(L: Node, nodes: dict[str, Node], *names: str) -> dict[str, Any] | None:
    found = gradients_in_one_pass(L, [nodes[name] for name in names], ONE)
    return None if found is None else {name: found.get(nodes[name].serial) for name in names}


def test_gradients_are_those_of_the_memo_for_any_nodes_together() -> None:
    for names in (("x",), ("W", "x"), ("h", "x"), ("u", "h", "W"), ("h",), ("u",)):
        found = one_pass(*network(), *names)
        assert found is not None
        L, nodes = network()
        for name in names:
            assert same_bits(found[name], lg.gradient(L, nodes[name])), (names, name)
            assert not found[name].flags.writeable


def test_what_does_not_lead_to_the_target_is_left_out() -> None:
    found = one_pass(*network(), "dead", "unused", "x")
    assert found is not None
    assert found["dead"] is found["unused"] is None
    assert found["x"] is not None


def test_only_values_that_rules_read_are_computed() -> None:
    L, nodes = network()
    one_pass(L, nodes, "u")
    fresh = {name for name, node in nodes.items() if node.op is not None and node._value is not None}
    assert fresh == {"h"}, "of all values the product with u reads h alone"
    assert L._value is None
    assert L._memo is None


def test_the_target_itself_and_its_seed() -> None:
    L, _ = network()
    found: Any = gradients_in_one_pass(L, [L], ONE * 3)
    assert found == {L.serial: 3.0}


def test_a_graph_with_an_adjoint_in_it_is_left_to_the_memo() -> None:
    x = lg.parameter(2.0)
    g = lg.adjoint(x**3, x)
    assert gradients_in_one_pass(g * 2.0, [x], ONE) is None
