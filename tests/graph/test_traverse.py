"""Walks over whole graphs: everything below a node, everything built on it, inputs first."""

from __future__ import annotations

import numpy as np

import lazygrad as lg
from lazygrad._graph.node import Node
from lazygrad._graph.traverse import ancestors, collect_inputs_first, dependents


def diamond() -> dict[str, Node]:
    """Return a graph whose walk by inputs meets younger nodes before older ones."""
    x, y = lg.parameter(1.0), lg.parameter(2.0)
    late = np.sin(y)
    early = np.cos(x)
    L = (late * early) + x
    return {"x": x, "y": y, "late": late, "early": early, "product": L.inputs[0], "L": L, "other": np.exp(late)}


def test_ancestors_come_oldest_first_and_once() -> None:
    n = diamond()
    expected = [n[name].serial for name in ("x", "y", "late", "early", "product", "L")]
    assert [i.serial for i in ancestors(n["L"])] == expected
    swapped = n["early"] * n["late"] * n["x"]
    serials = [i.serial for i in ancestors(swapped)]
    assert serials == sorted(serials)
    assert [i.serial for i in ancestors(n["x"])] == [n["x"].serial]


def test_inputs_come_before_what_needs_them_by_any_relation() -> None:
    n = diamond()
    order = [i.serial for i in collect_inputs_first(n["L"], lambda i: i.inputs)]
    for i in (n["product"], n["late"], n["L"]):
        assert all(order.index(j.serial) < order.index(i.serial) for j in i.inputs)
    assert len(order) == len(set(order)) == 6
    first = [i.serial for i in collect_inputs_first(n["L"], lambda i: i.inputs[:1])]
    assert first == [n[name].serial for name in ("y", "late", "product", "L")]


def test_dependents_are_all_that_is_built_on_the_roots_fresh_or_not() -> None:
    n = diamond()
    n["late"].value  # noqa: B018
    for roots, names in (
        (["y"], {"y", "late", "product", "L", "other"}),
        (["x"], {"x", "early", "product", "L"}),
        (["early", "other"], {"early", "product", "L", "other"}),
    ):
        found = [i.serial for i in dependents([n[name] for name in roots])]
        assert sorted(found) == sorted(n[name].serial for name in names)
    del n["other"]
    assert len(dependents([n["late"]])) == 3
