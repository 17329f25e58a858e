"""Contract C8: an exception or Ctrl-C at any line of lazygrad leaves a right graph; threads may share one."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.node import Node, lock
from tests.helpers.interruptions import HOME, list_protected_lines
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import make_watched_op, same_bits

Graph = dict[str, Node]


class Lines:
    """Follows the lines that lazygrad executes, and raises at one of them."""

    def __init__(self, stop: int = 0, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.stop, self.error = stop, error
        self.seen: list[tuple[str, int]] = []  # file and number of each line executed

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        line = frame.f_code.co_filename, frame.f_lineno
        if event == "line" and line[1] not in list_protected_lines(line[0], undoing=False):
            self.seen.append(line)
            if len(self.seen) == self.stop:
                raise self.error
        return self.trace

    def run(self, action: Callable[[], object]) -> None:
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            action()
        except self.error:
            assert len(self.seen) == self.stop
        finally:
            sys.settrace(before)


def small() -> Graph:
    """Something of everything: shared and dead nodes, x * x, an op that reads its output, a label, two losses."""
    x, W, b = lg.parameter([0.3, -0.2]), lg.parameter([[0.5, 0.1], [0.2, -0.4]]), lg.parameter(0.1)
    h = np.tanh(W @ x + b)
    dead = np.exp(h)
    u = h * h
    L = np.tanh(u.sum() + lg.ops.cross_entropy(h, lg.constant(1)))
    M = (u * x).sum()
    return {"x": x, "W": W, "b": b, "h": h, "dead": dead, "u": u, "L": L, "M": M}


def first_order(g: Graph) -> Any:
    return lg.gradient(g["L"], [g["W"], g["b"]])


def second_order(g: Graph) -> Any:
    return lg.gradient((lg.adjoint(g["L"], g["h"]) * g["x"]).sum(), g["W"])


def ask_after(g: Graph) -> list[Any]:
    """All that is asked after an interruption."""
    d = lg.differentiator(g["L"])
    connected = [np.array(d.is_connected(g[name])) for name in ("x", "dead", "u", "M")]
    values = [g[name].value for name in ("h", "dead", "u", "L", "M")]
    return [first_order(g), lg.gradient(g["M"], g["x"]), lg.gradient(g["L"], [g["u"], g["x"]]), connected, values]


def nothing(g: Graph) -> None:
    pass


def ask_everything(g: Graph) -> None:
    ask_after(g)
    second_order(g)


NEW_X = np.array([0.7, 0.9])
NEW_B = np.array([[0.3, 0.4]])  # a shape that W @ x + b takes, but not the labels
NEW_B_FITS = np.array([0.3, 0.4])

ACTIONS: dict[str, Callable[[Graph], Any]] = {
    "value": lambda g: (g["dead"].value, g["L"].value),
    "gradient": first_order,
    "gradient from below": lambda g: lg.gradient(g["M"], g["x"]),
    "interior": lambda g: lg.gradient(g["L"], g["u"]),
    "second order": second_order,
    "contributions": lambda g: lg.differentiator(g["L"]).contributions(g["h"]),
    "cotangent": lambda g: lg.gradient(g["u"], g["W"], cotangent=[1.0, 2.0]),
    "is_connected": lambda g: lg.differentiator(g["L"]).is_connected(g["x"]),
    "set": lambda g: g["x"].set(NEW_X),
    "reshaping set": lambda g: g["b"].set(NEW_B_FITS),
    "retyping set": lambda g: g["b"].set(np.float32(0.5)),
    "build": lambda g: [g["x"] * g["h"], np.exp(g["W"]).sum(axis=0), g["h"][0]],
    "cache_clear": lambda g: lg.differentiator(g["L"]).cache_clear(),
}

# More than a thousand lines each; what is short passes through the same walks.
LONG = {"second order", "cotangent", "contributions", "gradient from below", "reshaping set"}

TRUTH: dict[Any, list[Any]] = {}


def fresh_answers(g: Graph) -> list[Any]:
    """Return the answers of a new graph on the same leaves."""
    values = [g[name].value for name in ("x", "W", "b")]
    key = tuple([(v.shape, v.dtype, v.tobytes()) for v in values])
    if key not in TRUTH:
        new = small()
        for name, value in zip(("x", "W", "b"), values, strict=True):
            new[name].set(value)
        TRUTH[key] = [*ask_after(new), second_order(new)]
    return TRUTH[key]


def check_interrupted(action: str, before: Callable[[Graph], None], error: type[BaseException]) -> None:
    """Interrupt at every source line that the action comes by, at the first or another of its visits."""
    g = small()
    before(g)
    dry = Lines()
    dry.run(lambda: ACTIONS[action](g))
    visits: dict[tuple[str, int], list[int]] = {}
    for k, line in enumerate(dry.seen):
        visits.setdefault(line, []).append(k + 1)
    rng = np.random.default_rng(0)
    wrong: list[str] = []
    for (file, line), stops in visits.items():
        for stop in {stops[0], stops[int(rng.integers(len(stops)))]}:
            g = small()
            before(g)
            Lines(stop, error).run(lambda g=g: ACTIONS[action](g))
            try:
                collecting = gc.isenabled()
                gc.enable()
                assert collecting, "the garbage collector stays off"
                assert not lock._is_owned()  # type: ignore[attr-defined]
                check_invariants(g.values())
                assert same_bits([*ask_after(g), second_order(g)], fresh_answers(g))
                check_invariants(g.values())
            except Exception as wrongly:
                where = f"{os.path.basename(file)}:{line}"
                wrong.append(f"{where} ({stop}): {type(wrongly).__name__}: {str(wrongly)[:150]}")
    assert len(visits) > 5
    assert wrong == []


@pytest.mark.parametrize("before", [nothing, ask_everything], ids=["fresh", "asked"])
@pytest.mark.parametrize(
    "action", [pytest.param(name, marks=pytest.mark.soak) if name in LONG else name for name in ACTIONS]
)
def test_an_interruption_at_any_line(action: str, before: Callable[[Graph], None]) -> None:
    check_interrupted(action, before, KeyboardInterrupt)


def test_an_exception_at_any_line() -> None:
    check_interrupted("gradient", nothing, RuntimeError)


def test_an_op_that_raises_leaves_what_was_computed() -> None:
    """An op fails once, and the query goes on from there: no tracing is needed to see it."""
    fail = [True]
    calls: Counter[str] = Counter()

    def before(what: str) -> None:
        calls[what] += 1
        if fail[0]:
            raise ZeroDivisionError

    x = lg.parameter(0.5)
    h = np.sin(x)
    L = make_watched_op("fails", np.exp, lambda g: g, before)(np.sin(h)) * h
    for asked, ask in enumerate((lambda: L.value, lambda: lg.gradient(L, x))):
        with pytest.raises(ZeroDivisionError) as caught:
            ask()
        failed = (L.inputs[0], lg.adjoint(L, L.inputs[0].inputs[0]))[asked]
        assert caught.value.__notes__[0].startswith(f"while computing {failed!r}")
        check_invariants([L], recompute=False)
    fail[0] = False
    with lg.record() as report:
        assert L.value == np.exp(np.sin(np.sin(0.5))) * np.sin(0.5)
    assert [n.op.name for n in report.values.computed] == ["fails", "multiply"]
    assert calls == {"value": 2, "rule": 1}
    fail[0] = True
    with pytest.raises(ZeroDivisionError):
        lg.gradient(L, x)
    fail[0] = False
    with lg.record() as report:
        lg.gradient(L, x)
    assert [n.op.name for n in report.adjoints.computed if n.op is not None] == ["sin", "sin"]
    assert report.adjoints.computed[-1] is x


def test_a_report_shows_what_was_computed_before_the_exception() -> None:
    def boom(what: str) -> None:
        raise ZeroDivisionError

    x = lg.parameter(0.5)
    h = np.sin(x)
    L = make_watched_op(before=boom)(h)
    with lg.record() as report, pytest.raises(ZeroDivisionError):
        L.value  # noqa: B018
    assert report.values.computed == (h,)


def in_threads(work: Callable[[int], Any], count: int = 8) -> list[Any]:
    """Run `work` in so many threads at once; their results, or the first exception."""
    results: list[Any] = [None] * count
    start = threading.Barrier(count)

    def run(k: int) -> None:
        start.wait()
        try:
            results[k] = work(k)
        except BaseException as error:
            results[k] = error

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def wide(depth: int = 60) -> tuple[Node, list[Node], Counter[str]]:
    """Return a chain of ops that count their calls."""
    calls: Counter[str] = Counter()
    layers = [
        make_watched_op(f"layer{k}", np.sin, lambda g: g * 0.5, lambda what, k=k: calls.update([f"{what} {k}"]))
        for k in range(depth)
    ]
    x = lg.parameter(np.linspace(0, 1, 7))
    nodes = [x]
    for layer in layers:
        nodes.append(layer(nodes[-1]))
    return nodes[-1].sum(), nodes, calls


def test_threads_compute_each_node_once() -> None:
    for _ in range(5):
        L, nodes, calls = wide()
        results = in_threads(lambda k, L=L, nodes=nodes: (lg.gradient(L, nodes[(7 * k) % 60]), L.value)[1])
        assert all(same_bits(r, results[0]) for r in results)
        assert set(calls.values()) == {1}
        assert len(calls) == 120
        check_invariants([L], recompute=False)


def test_threads_between_sets() -> None:
    L, nodes, calls = wide(20)
    x = nodes[0]
    turn = threading.Barrier(8)

    def work(k: int) -> list[Any]:
        answers = []
        for step in range(10):
            if k == step % 8:
                x.set(np.full(7, float(step)))
            turn.wait()
            answers.append([L.value, lg.gradient(L, x)])
            turn.wait()
        return answers

    results = in_threads(work)
    assert all(same_bits(r, results[0]) for r in results)
    assert max(calls.values()) == 10  # each value once for each set
    for step, (value, _) in enumerate(results[0]):
        at = np.full(7, float(step))
        for _ in range(20):
            at = np.sin(at)
        assert value == at.sum()


def test_threads_build_on_one_parameter_while_others_ask_and_set() -> None:
    x = lg.parameter(0.5)
    y = np.sin(x)

    def work(k: int) -> Any:
        losses = []
        for step in range(50):
            if k == 0:
                x.set(step / 50)
            L = np.exp(y * x)
            losses.append(L)
            lg.gradient(L, x)
        return losses

    losses = [L for of_thread in in_threads(work) for L in of_thread]
    x.set(0.25)
    for L in losses:
        assert L.value == np.exp(np.sin(0.25) * 0.25)
    assert len([c for c in y.consumers if c.op.name == "multiply"]) >= len(losses)


def test_each_thread_records_its_own_questions() -> None:
    x = lg.parameter(0.5)

    def work(k: int) -> tuple[int, int]:
        with lg.record() as report:
            L = x
            for _ in range(k + 1):
                L = np.sin(L)
            lg.gradient(L, x)
        return report.rules_run, report.values.misses

    assert in_threads(work) == [(k + 1, k) for k in range(8)]
