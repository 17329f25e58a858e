"""Why a node was computed: a true chain of consumers, up to the question."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives.adjoint_node import AdjointNode, unmirrored
from lazygrad.inspect import Why, why
from tests.helpers.query_sessions import draw_question
from tests.helpers.random_graphs import build, random_dag
from tests.helpers.small_network import two_layers


def inputs(i: lg.Node) -> list[int]:
    """Return the serials of a node's inputs; a target in place of its stand-in."""
    return [unmirrored(j).serial for j in i.inputs]


def check_chain(found: Why, node: lg.Node) -> None:
    """Each link is an input of the next; the last was asked for."""
    first = found.nodes[0]
    assert first is node or (isinstance(first, AdjointNode) and first.of is node)
    for link, following in zip(found.chain, found.chain[1:], strict=False):
        assert link.node.serial in inputs(following.node)
    last = found.nodes[-1]
    assert found.chain[-1].reason == "asked for"
    assert found.asked is not None
    of = last.of if isinstance(last, AdjointNode) and found.asked.kind == "gradient" else last
    assert of.serial in {i.serial for i in found.asked.nodes}
    assert str(found).splitlines()[0] == f"{found.name}: {found.state}, for {found.asked}"


def test_every_node_computed_or_read_has_a_chain_to_its_question() -> None:
    for seed in range(150):
        dag = random_dag(3000 + seed, arrays=bool(seed % 2))
        nodes = build(dag.recipe)
        rng = np.random.default_rng(seed)
        for _ in range(2):
            target, wrt = draw_question(dag, rng)
            with np.errstate(all="ignore"), lg.record() as report:
                nodes[int(rng.choice(wrt))].value  # noqa: B018
                lg.gradient(nodes[target], [nodes[k] for k in wrt], unconnected="none")
            computed = {i.serial for i in report.values.computed}
            for node in nodes:
                found = why(node, report)
                if node.serial in computed:
                    assert found.state in ("computed", "recomputed")
                    assert found.nodes[0] is node
                    assert (found.state == "recomputed") == (node.serial in {i.serial for i in report.values.stale})
                    check_chain(found, node)
                elif found.state != "not needed":
                    check_chain(found, node)
                else:
                    needed = (*report.values.reused, *report.adjoints.computed, *report.adjoints.reused)
                    assert node.serial not in {i.serial for i in needed}
            for node in report.adjoints.computed:
                check_chain(why(lg.adjoint(nodes[target], node), report), node)
            leaf = nodes[dag.parameters[0]]
            leaf.set(np.asarray(leaf.value) + 0.1)


def test_the_chain_is_the_one_that_the_recursion_took() -> None:
    # y needs a first, then b, which needs a as well: a was pulled by y.
    x = lg.parameter(1.0)
    a = np.sin(x)
    b = np.cos(a)
    y = a * b
    with lg.record() as report:
        y.value  # noqa: B018
    assert why(a, report).nodes == (a, y)
    assert why(b, report).nodes == (b, y)
    assert [link.reason for link in why(a, report).chain] == [f"an input of multiply#{y.serial}", "asked for"]


def test_the_text_names_rules_and_states() -> None:
    n = two_layers()
    n["h"].name, n["W1"].name, n["W2"].name, n["L"].name = "h", "W1", "W2", "L"
    with lg.record() as report:
        lg.gradient(n["L"], n["W2"])
        lg.gradient(n["L"], n["W1"])
    s = n["L"].inputs[0].inputs[0].serial
    assert str(why(n["h"], report)).splitlines()[:2] == [
        "h.value: computed, for dL/dW2",
        f"  h.value: an input of matmul#{s}",
    ]
    (first,) = [i for i in report.adjoints.computed if i.serial == s]
    assert str(why(first, report).name) == f"matmul#{s}.value"
    found = why(lg.adjoint(n["L"], first), report)
    assert str(found).splitlines() == [
        f"dL/dmatmul#{s}: computed, for dL/dW2",
        f"  dL/dmatmul#{s}: multiplied by the rule of matmul#{s}",
        "  dL/dW2: asked for",
    ]
    second = report.queries[1]
    assert why(n["h"], second).state == "read from the memo"
    assert why(n["h"], second).asked.nodes == (n["W1"],)
    assert "read by the rule of h" in str(why(n["h"], second))
    assert why(n["L"], report).state == "not needed"
    assert "<table>" in why(n["h"], report)._repr_html_()


def test_from_the_memo_alone() -> None:
    x = lg.parameter(0.5, name="x")
    h = np.sin(x)
    y = np.exp(h)
    h.name, y.name = "h", "y"
    L = y * 2
    L.name = "L"
    assert why(h).state == "not computed"
    lg.gradient(L, x)
    assert str(why(h)).splitlines() == [
        "h.value: fresh",
        "  h.value: an input of y",
        "  y.value: read by the rule of y",
        "  dL/dh: multiplied by the rule of h",
        "  dL/dx: asked for, as nothing in the memo has read it",
    ]
    assert why(x).chain[0].reason == "a leaf: nothing computes it"
    assert L.value > 0
    assert why(L).nodes == (L,)
    x.set(0.25)
    assert why(h).state == "stale"
    assert why(h).chain == ()
    with pytest.raises(TypeError, match="expected a node"):
        why(3)


def test_of_two_fresh_consumers_the_oldest_is_followed() -> None:
    x = lg.parameter(0.5)
    h = np.sin(x)
    older, younger = np.exp(h), np.cos(h)
    for first, second in ((younger, older), (older, younger)):
        assert (first.value, second.value) != (None, None)
        assert why(h).nodes == (h, older)
        x.set(x.value + 0.5)
        assert (younger.value, why(h).nodes) == (np.cos(np.sin(x.value)), (h, younger))  # the older one is stale
        assert why(older).chain == ()
        x.set(x.value + 0.5)


def test_an_adjoint_that_only_follows_the_shape_of_a_node_has_not_read_it() -> None:
    x = lg.parameter([1.0, 2.0], name="x")
    h = x + 1.0
    L = (h * lg.constant([3.0, 4.0])).sum()
    g = lg.adjoint(L, h)
    assert (h.value.tolist(), g.value.tolist()) == ([2.0, 3.0], [3.0, 4.0])
    assert g.serial in [c.serial for c in h.consumers]
    assert why(h).nodes == (h,)


def test_from_the_memo_a_target_is_read_by_its_own_rule() -> None:
    x = lg.parameter(0.5, name="x")
    L = np.exp(x)
    L.name = "L"
    lg.gradient(L, x)
    assert str(why(L)).splitlines() == [
        "L.value: fresh",
        "  L.value: read by the rule of L",
        "  dL/dx: asked for, as nothing in the memo has read it",
    ]


def test_in_a_report_the_first_request_that_computed_a_node_is_told() -> None:
    x = lg.parameter(0.5)
    h = np.sin(x)
    older, younger = np.exp(h), np.cos(h)
    with lg.record() as report:
        younger.value  # noqa: B018
        older.value  # noqa: B018
    assert why(h, report).nodes == (h, younger)
    assert why(h, report.queries[1]).nodes == (h, older)
    assert (why(h, report).state, why(h, report.queries[1]).state) == ("computed", "read from the memo")
    x.set(0.25)
    with lg.record() as report:
        older.value  # noqa: B018
    assert (why(h, report).state, why(younger, report).state) == ("recomputed", "not needed")


def test_a_target_read_through_its_stand_in() -> None:
    x = lg.parameter(0.5, name="x")
    L = np.exp(np.sin(x))
    L.name = "L"
    _, report = lg.gradient(L, x, report=True)
    found = why(L, report)
    assert (found.name, found.state) == ("L.value", "computed")
    assert found.nodes[0] is L
    assert "read by the rule of L" in str(found)
    inner = L.inputs[0]
    assert why(inner, report).nodes[0] is inner
    assert why(inner, report).nodes[1] is L


def test_engines_without_a_memo() -> None:
    x = lg.parameter(0.5, name="x")
    h = np.sin(x)
    L = np.exp(h)
    L.name = "L"
    _, report = lg.gradient(L, x, engine="sweep", report=True)
    assert str(why(h, report).asked) == "dL/dx"
    assert why(h, report).chain[-1].reason == "needed by an engine without a memo"


@pytest.mark.parametrize("depth", [2_000, pytest.param(50_000, marks=pytest.mark.deep)])
def test_a_long_chain_is_cut_in_the_middle(depth: int) -> None:
    y = x = lg.parameter(0.5)
    for _ in range(depth):
        y = np.sin(y)
    y.value  # noqa: B018
    first = y
    while first.inputs[0] is not x:
        first = first.inputs[0]
    found = why(first)
    assert len(found.chain) == depth
    assert len(str(found).splitlines()) == 26
    assert str(found).splitlines()[13] == f"  ... {depth - 24} more ..."
    x.set(0.6)
    with lg.record() as report:
        lg.gradient(y, x)
    assert why(first, report).nodes[0] is first
    assert len(why(first, report).chain) > depth
