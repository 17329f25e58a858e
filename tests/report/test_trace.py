"""The trace: each adjoint asked for, what it computes and what it reads, as in Tomassoli's section 13."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import lazygrad as lg


def name_nodes(**nodes: lg.Node) -> None:
    for name, node in nodes.items():
        node.name = name


def trace_queries(L: lg.Node, *wrt: lg.Node) -> str:
    with lg.record() as report:
        for node in wrt:
            lg.gradient(L, node)
    return report.trace()


def check_text(found: str, expected: str) -> None:
    assert found == textwrap.dedent(expected).strip("\n")


def test_the_steps_of_section_13() -> None:
    W1, W2, W3 = [lg.parameter(0.5 + k, name=f"W{k}") for k in (1, 2, 3)]
    g, e = W1 * 2.0, W3 * 3.0
    c = W2 * e
    b = np.sin(c)
    L = g + b
    name_nodes(g=g, e=e, c=c, b=b, L=L)
    assert L.value == g.value + b.value  # the forward phase has taken place
    check_text(
        trace_queries(L, W1, W2, W3),
        """
        dL/dW1 -> table[W1]
          dg/dW1
          dL/dg -> table[g]

        dL/dW2 -> table[W2]
          dc/dW2
          dL/dc -> table[c]
            db/dc
            dL/db -> table[b]

        dL/dW3 -> table[W3]
          de/dW3
          dL/de -> table[e]
            dc/de
            dL/dc <- table[c]
        """,
    )


def test_an_adjoint_that_two_consumers_need_is_computed_once_and_read_once() -> None:
    x = lg.parameter(0.5, name="x")
    a, b = np.sin(x), np.cos(x)
    h = a * b
    L = np.exp(h)
    name_nodes(a=a, b=b, h=h, L=L)
    check_text(
        trace_queries(L, x, h),
        """
        dL/dx -> table[x]
          da/dx
          dL/da -> table[a]
            dh/da
            dL/dh -> table[h]
          db/dx
          dL/db -> table[b]
            dh/db
            dL/dh <- table[h]

        dL/dh <- table[h]
        """,
    )


def test_the_adjoint_of_a_consumer_with_two_edges_follows_the_last() -> None:
    x = lg.parameter(0.5, name="x")
    y = x * x
    L = np.exp(y)
    name_nodes(y=y, L=L)
    check_text(
        trace_queries(L, x),
        """
        dL/dx -> table[x]
          dy/dx
          dy/dx
          dL/dy -> table[y]
        """,
    )


def test_the_target_as_one_consumer_of_several_is_a_local_derivative() -> None:
    x = lg.parameter(0.5, name="x")
    s = np.sin(x)
    L = s * x
    name_nodes(s=s, L=L)
    check_text(
        trace_queries(L, x),
        """
        dL/dx -> table[x]
          ds/dx
          dL/ds -> table[s]
          dL/dx
        """,
    )


def test_values_are_no_part_of_it() -> None:
    x = lg.parameter(0.5, name="x")
    L = np.sin(x)
    L.name = "L"
    with lg.record() as report:
        L.value  # noqa: B018
        assert report.trace() == ""
        lg.gradient(L, x)
        L.value  # noqa: B018
    assert report.trace() == "dL/dx -> table[x]"


@pytest.mark.parametrize("depth", [29, 30, 31, 40])
def test_deep_lines_say_how_deep_they_are_and_move_no_further(depth: int) -> None:
    y = x = lg.parameter(0.5, name="x")
    for _ in range(depth + 1):
        y = np.sin(y)
    lines = trace_queries(y, x).splitlines()
    assert len(lines) == 2 * depth + 1
    margin = " " * 2 * min(depth, 30) + (f"({depth}) " if depth > 30 else "")
    for line in lines[-2:]:
        assert line.startswith(margin + "d")
