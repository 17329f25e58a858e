"""Nodes asked for by name: resolved below the target alone, and never by guessing."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.names import list_closest
from lazygrad._query.checks import resolve_names


def test_names_stand_for_nodes_in_any_structure() -> None:
    W, b = lg.parameter([1.0, 2.0], name="W"), lg.parameter(0.5, name="b")
    h = np.tanh(W * b)
    h.name = "h"
    L = h.sum()
    assert resolve_names("W", L) is W
    assert [i.serial for i in resolve_names(["h", W, "b"], L)] == [h.serial, W.serial, b.serial]
    gradients = lg.gradient(L, {"first": "W", "rest": ("b", h)})
    assert gradients["first"].tolist() == lg.gradient(L, W).tolist()
    assert gradients["rest"][1].tolist() == [1.0, 1.0]
    assert resolve_names(wrt := [W, b], L) is wrt, "nothing is walked where there is no name"


def test_a_name_that_several_nodes_bear_is_refused() -> None:
    one, other = lg.parameter(1.0, name="w"), lg.parameter(2.0, name="w")
    L = one * other
    with pytest.raises(KeyError, match=r"2 nodes are named 'w'.*ask by the node itself"):
        lg.gradient(L, ["w"])
    assert lg.gradient(L, other) == 1.0
    assert lg.gradient(one * 3.0, "w") == 3.0, "below this target there is one"


def test_an_unknown_name_is_refused_with_the_known_closest_first() -> None:
    L = lg.parameter(1.0, name="weight") * lg.parameter(2.0, name="bias")
    with pytest.raises(KeyError, match="no node is named 'wght'; known names, closest first: weight, bias"):
        lg.gradient(L, "wght")
    with pytest.raises(KeyError, match="closest first: none"):
        lg.gradient(lg.parameter(1.0) * 2.0, "x")


def test_closest_names_first_and_all_of_them() -> None:
    assert list_closest("sweeps", ["numeric", "forward", "sweep"]) == "sweep, numeric, forward"
    assert list_closest(3, ["a", "33"]) == "33, a"
    assert list_closest("x", []) == ""
