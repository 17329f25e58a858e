"""Watchers hear of a question what happens, in order, and of nothing else."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.node import Node, label
from lazygrad._graph.watch import Watcher, attach_watcher, detach_watchers, watchers
from tests.helpers.random_graphs import make_watched_op


class Hearing(Watcher):
    """Writes down all it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def question_begins(self) -> None:
        self.heard.append("question")

    def describe_question(self, differentiator: Any, wrt: tuple[Node, ...], lazily: bool) -> None:
        self.heard.append(("gradient of", label(differentiator.target), tuple(map(label, wrt)), lazily))

    def question_ends(self) -> None:
        self.heard.append("answered")

    def need_begins(self, node: Node, was_requested: bool) -> None:
        self.heard.append(("asked for" if was_requested else "needed", name(node)))

    def need_ends(self) -> None:
        self.heard.append("met")

    def computation_begins(self, node: Node) -> None:
        self.heard.append(("run", name(node)))

    def computation_ends(self, node: Node) -> None:
        self.heard.append(("done", name(node)))

    def note_stale(self, node: Node) -> None:
        self.heard.append(("stale", name(node)))


def name(node: Node) -> str:
    """Return a node's name, with a d before that of the node it is the adjoint of."""
    return f"d{name(node.of)}" if node.op is not None and node.op.is_adjoint else label(node)  # type: ignore[attr-defined]


def named() -> tuple[Node, Node, Node]:
    x = lg.parameter([0.5, 1.5], name="x")
    y = np.exp(x)
    L = (y * y).sum()
    y.name, L.name = "y", "L"
    return x, y, L


def hear(action: Any) -> list[Any]:
    watcher = Hearing()
    with attach_watcher(watcher):
        action()
    return watcher.heard


def test_a_gradient_from_its_begin_to_its_end() -> None:
    x, _, L = named()
    assert hear(lambda: lg.gradient(L, {"a": x})) == [
        "question",
        ("gradient of", "L", ("x",), True),
        ("asked for", "dx"),
        *[(what, node) for node in (f"d{label(L.inputs[0])}", "y", "dy", "dx") for what in ("run", "done")],
        "met",
        "answered",
    ]
    assert hear(lambda: lg.gradient(L, x)) == [
        "question",
        ("gradient of", "L", ("x",), True),
        ("asked for", "dx"),
        "met",
        "answered",
    ]


def test_a_value_is_a_need_without_a_question() -> None:
    x, y, _ = named()
    assert hear(lambda: y.value) == [("asked for", "y"), ("run", "y"), ("done", "y"), "met"]
    assert hear(lambda: y.item) == []
    assert hear(lambda: x.set([0.5, 2.5])) == [("stale", "y"), ("stale", "x")]
    assert hear(lambda: x.set([0.5, 2.5])) == []


def test_a_target_read_through_its_mirror_is_needed_and_not_asked_for() -> None:
    x = lg.parameter(0.5, name="x")
    L = np.exp(x)
    L.name = "L"
    heard = hear(lambda: lg.gradient(L, x))
    assert ("needed", "L") in heard
    assert ("asked for", "L") not in heard


def test_a_question_that_fails_ends_too() -> None:
    def fail(what: str) -> None:
        raise ZeroDivisionError(what)

    boom = make_watched_op("boom", before=fail)
    x = lg.parameter(2.0, name="x")
    L = boom(x) * x
    watcher = Hearing()
    with attach_watcher(watcher), pytest.raises(ZeroDivisionError):
        lg.gradient(L, x)
    assert watcher.heard[0] == "question"
    assert watcher.heard[-2:] == ["met", "answered"]
    assert ("run", label(L.inputs[0])) in watcher.heard
    assert ("done", label(L.inputs[0])) not in watcher.heard
    with attach_watcher(watcher), pytest.raises(TypeError):
        lg.gradient(L, 3)  # type: ignore[call-overload]
    assert watcher.heard[-2:] == ["question", "answered"]


def test_another_engine_says_that_it_is_none_of_the_memo() -> None:
    x, _, L = named()
    heard = hear(lambda: lg.gradient(L, x, engine="sweep"))
    assert heard[:2] == ["question", ("gradient of", "L", ("x",), False)]


def test_a_question_that_has_a_plan_is_walked_while_somebody_listens() -> None:
    x, _, L = named()
    d = lg.differentiator(L)
    for k in range(20):
        x.set([0.5, k + 0.25])
        d.gradient(x)
    assert any(question.plans for question in d._memo.plans.questions.values()), "it has one by now"
    x.set([0.5, 1.5])
    heard = hear(lambda: d.gradient(x))
    assert [what for what in heard if what[0] == "run"] == [("run", "y"), ("run", "dy"), ("run", "dx")]


def test_watchers_of_a_block_hear_in_order_and_only_while_it_runs() -> None:
    x, y, _ = named()
    outer, inner = Hearing(), Hearing()
    with attach_watcher(outer):
        with attach_watcher(inner):
            assert tuple(watchers()) == (outer, inner)
            with detach_watchers():
                assert tuple(watchers()) == ()
                y.value  # noqa: B018
        x.set([1.0, 2.0])
    y.value  # noqa: B018
    assert inner.heard == []
    assert outer.heard == [("stale", "y"), ("stale", "x")]


def test_a_thread_has_watchers_of_its_own() -> None:
    _, y, _ = named()
    watcher = Hearing()
    with attach_watcher(watcher):
        thread = threading.Thread(target=lambda: y.value)
        thread.start()
        thread.join()
    assert watcher.heard == []
    assert y._value is not None
