"""The lock: never held while users' functions run, and a question is as sound as if it were."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph import turns
from lazygrad.backend import prepare
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import same_bits
from tests.helpers.threads import LIMIT, Gate, run_together

VALUES = np.array([0.3, 0.7, 1.1, 1.9])


@pytest.fixture
def pool() -> Any:
    with ThreadPoolExecutor(3) as threads:
        yield threads


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    yield
    assert not turns.lock._is_owned()  # type: ignore[attr-defined]
    assert (turns.pauses, turns.computing, turns.now.asked) == ({}, {}, ())


def make_op(before: Callable[..., Any] | None = None, pull: Callable[..., Any] | None = None) -> Any:
    """Return an op that doubles; `before` and `pull` are called where it computes and where its rule does."""

    def rule(g: Any) -> Any:
        if pull is not None and not isinstance(g, lg.Node):
            pull(g)
        return g * 2.0

    @lg.primitive(vjp=rule, shape="x")
    def double(x: Any) -> Any:
        if before is not None:
            before(x)
        return x * 2.0

    return double


def inner(t: Any) -> Any:
    return np.sin(t) ** 2


# -- an op that spreads its work over threads --------------------------------------------------------


def test_an_op_may_use_threads_that_differentiate(pool: ThreadPoolExecutor) -> None:
    """Its function and its rule both do, and so does a function that is traced; in the walk, by plans and compiled."""

    def slopes(x: Any, *others: Any) -> Any:
        return np.array(list(pool.map(lambda v: float(lg.grad(inner)(float(v))), x)))

    spread = lg.primitive(
        lambda x: slopes(x) + x,
        vjp=lambda g, x: (
            g * (1 + np.array(list(pool.map(lambda v: float(lg.grad(lg.grad(inner))(float(v))), x))))
            if not isinstance(x, lg.Node)
            else g * (1 + 2 * np.cos(2 * x))
        ),
        shape="x",
        name="spread",
    )
    x = lg.parameter(VALUES)
    L = np.sum(spread(x) * x)

    def slope(at: Any) -> Any:
        return np.sin(2 * at) + at + at * (1 + 2 * np.cos(2 * at))

    for k in range(6):  # the fourth by a plan
        x.set(VALUES + k)
        np.testing.assert_allclose(lg.gradient(L, x), slope(VALUES + k))
    step = lg.compile(L, x, x)
    np.testing.assert_allclose(step(VALUES)[1], slope(VALUES))
    traced = lg.compile(lambda v: np.sum(spread(v) * v) * float(next(pool.map(lg.grad(inner), [0.0])) + 1), wrt=0)
    np.testing.assert_allclose(traced(VALUES)[1], slope(VALUES))
    p = prepare(lambda v: np.sum(spread(v) * v) * (next(pool.map(lg.grad(inner), [0.0])) + 1.0), VALUES)
    np.testing.assert_allclose(p.gradient(VALUES + 1), slope(VALUES + 1))
    np.testing.assert_allclose(lg.grad(lambda v: np.sum(spread(v) * v))(VALUES), slope(VALUES))


def test_the_threads_of_an_op_may_ask_for_nodes_of_the_same_graph(pool: ThreadPoolExecutor) -> None:
    w = lg.parameter(3.0)
    s = np.sin(w)  # not computed when it is asked for
    op = make_op(lambda x: list(pool.map(lambda _: (s.value, lg.gradient(s, w)), range(6))))
    L = op(lg.parameter(VALUES)).sum() + s
    assert L.value == VALUES.sum() * 2 + np.sin(3.0)
    eager = lg.primitive(lambda x: x + next(pool.map(lambda _: s.value, range(3))), vjp=lambda g: g)
    assert eager(w).value == 3.0 + np.sin(3.0)


def test_an_op_may_call_compiled_and_prepared_functions_in_threads(pool: ThreadPoolExecutor) -> None:
    step, p = lg.compile(lambda v: np.sum(np.sin(v)), wrt=0), prepare(lambda v: np.sum(np.cos(v)), VALUES)
    found: list[Any] = []

    def ask(x: Any) -> None:
        found[:] = pool.map(lambda k: (step(x + k)[1], p.gradient(x + k)), range(6))

    assert make_op(ask)(lg.parameter(VALUES)).sum().value == VALUES.sum() * 2
    for k, (compiled, prepared) in enumerate(found):
        np.testing.assert_allclose(compiled, np.cos(VALUES + k))
        np.testing.assert_allclose(prepared, -np.sin(VALUES + k))


def test_a_compiled_object_and_a_graph_are_asked_for_from_both_ends() -> None:
    """One thread traces a function that evaluates a node; another evaluates a node whose op compiles."""
    barrier = threading.Barrier(2)
    z = lg.parameter(1.0)
    node = np.exp(z)

    def traced(v: Any) -> Any:
        if barrier.n_waiting or not barrier.broken:
            _meet(barrier)
        return v * float(node.value)

    step = lg.compile(traced, wrt=0)

    def before(x: Any) -> None:
        _meet(barrier)
        step(2.0)

    L = make_op(before)(lg.parameter(VALUES)).sum()
    compiled, value = run_together(lambda: step(2.0), lambda: L.value)
    assert compiled == (2 * np.e, np.e)
    assert value == VALUES.sum() * 2


def _meet(barrier: threading.Barrier) -> None:
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait(1.0)


# -- what others may do meanwhile ------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["value", "rule", "plan", "one pass", "eager"])
def test_threads_on_separate_graphs_do_not_wait(where: str) -> None:
    gate = Gate()
    if where == "eager":

        def doubled(x: Any) -> Any:
            gate()
            return x * 2.0

        slow: Any = lg.primitive(doubled, vjp=lambda g: g * 2.0)
    else:
        rule = where in ("rule", "one pass")
        slow = make_op(None if rule else gate, gate if rule else None)
    a = lg.parameter(VALUES)
    if where == "plan":
        gate.opened.set()
        L = np.sum(slow(np.sin(a)))
        for k in range(5):
            a.set(VALUES + k)
            lg.gradient(L * 1.0, a), L.value
        a.set(VALUES)
        gate.close()

    def question() -> Any:
        if where == "one pass":
            return lg.grad(lambda v: np.sum(slow(v)))(VALUES)
        if where == "eager":
            return slow(a).value
        loss = L if where == "plan" else np.sum(slow(a))
        return lg.gradient(loss, a) if where == "rule" else loss.value

    def others() -> Any:
        assert gate.reached.wait(LIMIT)
        b = lg.parameter(VALUES)
        M = np.sum(np.sin(b) ** 2)
        found = [M.value, lg.gradient(M, b), lg.grad(inner)(0.5), lg.compile(M, b, b)(VALUES)[0]]
        b.set(VALUES + 1)
        lg.update({b: VALUES + 2})
        found.append(M.value)
        gate.opened.set()
        return found

    _, found = run_together(question, others)
    assert found[-1] == np.sum(np.sin(VALUES + 2) ** 2)


@pytest.mark.parametrize("ask", ["value", "gradient", "list", "value_and_grad", "prepared", "contributions"])
def test_a_change_waits_for_the_question_that_it_reaches(ask: str) -> None:
    """Whatever is set while the op runs, value and gradients are those of the point where the question began."""
    gate = Gate()
    slow = make_op(gate, gate)
    x, y = lg.parameter(VALUES), lg.parameter(VALUES)
    c = lg.constant(VALUES)
    h = np.sin(x)
    L = np.sum(slow(h) * h * y)
    asks: dict[str, Callable[[], Any]] = {
        "value": lambda: L.value,
        "gradient": lambda: lg.gradient(L, x),
        "list": lambda: lg.gradient(L, [y, x, h]),
        "value_and_grad": lambda: lg.value_and_grad(lambda v: np.sum(slow(np.sin(v)) * c))(VALUES),
        "prepared": lambda: prepare(L, wrt=[x, y]).value_and_gradient([VALUES + 3, VALUES]),
        "contributions": lambda: [t.value for t in lg.differentiator(L).contributions(h)],
    }
    gate.opened.set()
    want = asks[ask]()
    lg.update({x: VALUES, y: VALUES})
    for node in (L, slow(h)):
        lg.differentiator(node if node.size == 1 else node.sum()).cache_clear()
    x.set(VALUES + 1)
    x.set(VALUES)
    gate.close()
    order: list[str] = []

    def question() -> Any:
        found = asks[ask]()
        order.append("answered")
        return found

    def change() -> None:
        assert gate.reached.wait(LIMIT)
        threading.Timer(0.1, gate.opened.set).start()
        lg.update({x: VALUES + 9, y: VALUES - 9, c: VALUES * 5})
        order.append("changed")

    found, _ = run_together(question, change)
    assert same_bits(found, want)
    assert order == ["answered", "changed"] or ask == "value_and_grad"
    assert x.value.tolist() == (VALUES + 9).tolist()
    gate.opened.set()
    check_invariants([L], recompute=False)
    assert L.value == np.sum(2 * np.sin(VALUES + 9) ** 2 * (VALUES - 9))


@pytest.mark.parametrize("planned", [False, True])
def test_each_node_is_computed_once_by_all_threads(planned: bool) -> None:
    calls: Counter[str] = Counter()

    def note(what: str) -> Callable[[Any], None]:
        def slowly(_: Any) -> None:
            calls.update([what])
            time.sleep(0.002)

        return slowly

    ops = [make_op(note(f"value {k}"), note(f"rule {k}")) for k in range(6)]
    x = lg.parameter(VALUES)
    nodes = [x]
    for op in ops:
        nodes.append(op(np.sin(nodes[-1])))
    L = nodes[-1].sum()
    for k in range(4 if planned else 0):
        x.set(VALUES + 1 + k)
        lg.gradient(L, x), L.value
    x.set(VALUES)
    calls.clear()
    found = run_together(*[lambda: (lg.gradient(L, x), L.value)] * 8)
    assert all(same_bits(list(one), list(found[0])) for one in found)
    assert set(calls.values()) == {1}
    assert set(calls) >= {f"value {k}" for k in range(6)} | {f"rule {k}" for k in range(5)}  # (the last one is of ones)
    check_invariants([L], recompute=False)


def test_nobody_waits_for_ever_for_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of one thread: who waits for a node keeps the thread that computes it from its work, so it computes it."""
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    pool = ThreadPoolExecutor(1)
    entered, busy = threading.Event(), threading.Event()
    calls: list[int] = []

    def before(x: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            entered.set()
            assert busy.wait(LIMIT)
            pool.submit(int).result(LIMIT)  # behind the task that waits for this very node

    node = make_op(before)(lg.parameter(VALUES))

    def occupy() -> Any:
        assert entered.wait(LIMIT)
        task = pool.submit(lambda: node.value)
        busy.set()
        return task.result(LIMIT)

    found = run_together(lambda: node.value, occupy)
    assert same_bits(found[0], found[1])
    assert len(calls) == 2
    pool.shutdown()


def test_a_failed_op_lets_the_next_thread_try() -> None:
    gate, fail = Gate(), [True]

    def before(x: Any) -> None:
        gate()
        if fail.pop() if fail else False:
            raise ZeroDivisionError

    L = make_op(before)(lg.parameter(VALUES)).sum()

    def first() -> None:
        with pytest.raises(ZeroDivisionError):
            L.value  # noqa: B018

    def second() -> Any:
        assert gate.reached.wait(LIMIT)
        threading.Timer(0.05, gate.opened.set).start()
        return L.value

    assert run_together(first, second)[1] == VALUES.sum() * 2


def test_a_leaf_is_not_set_from_within_what_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lazygrad._graph.invalidate.PATIENCE_OF_CHANGES", 0.1)
    x, free = lg.parameter(VALUES), lg.parameter(1.0)
    with pytest.raises(lg.LazygradError, match=r"cannot be set: .* depends on it"):
        make_op(lambda v: x.set(v + 1))(x).sum().value  # noqa: B018
    with ThreadPoolExecutor(1) as pool, pytest.raises(lg.LazygradError, match="another thread has asked for it"):
        make_op(lambda v: pool.submit(x.set, v + 1).result())(x).sum().value  # noqa: B018
    assert x.value.tolist() == VALUES.tolist()
    assert make_op(lambda v: free.set(v[0]))(x).sum().value == VALUES.sum() * 2
    assert free.value == VALUES[0]


def test_a_prepared_function_keeps_its_point_while_another_thread_wants_another() -> None:
    gate = Gate()
    slow = make_op(gate)
    gate.opened.set()
    for p in (prepare(lambda v: np.sum(slow(np.sin(v)) * v), VALUES), _prepare_node(slow)):
        p.value_and_gradient(VALUES + 5)
        gate.close()

        def other(p: Any = p) -> Any:
            assert gate.reached.wait(LIMIT)
            threading.Timer(0.05, gate.opened.set).start()
            return p.value_and_gradient(VALUES + 2)

        found = run_together(partial(p.value_and_gradient, VALUES + 1), other)
        for k, (value, gradient) in enumerate(found, 1):
            at = VALUES + k
            assert value == np.sum(2 * np.sin(at) * at)
            np.testing.assert_allclose(gradient, 2 * np.cos(at) * at + 2 * np.sin(at))


def _prepare_node(slow: Any) -> Any:
    x = lg.parameter(VALUES)
    return prepare(np.sum(slow(np.sin(x)) * x), wrt=x)
