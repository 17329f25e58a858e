"""An interruption at any bytecode, or by a signal at any time, in every public walk: nothing is left behind."""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from lazygrad.ops import _calls
from lazygrad.paths import counting, sum_product
from tests.helpers.interruptions import Bytecodes, check_nothing_left, interrupt_by_signal
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import same_bits

# A signal may come within a callback of a weak reference, of which Python then only says that it ignores the error.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Graph = dict[str, Any]
LEAVES = ("x", "W", "b", "t")


@lg.primitive(vjp=lambda g: g * 2.0, shape="x")
def double(x: Any) -> Any:
    """Return twice the value, as a user's op."""
    return x * 2.0


def build() -> Graph:
    """Return a small network with a user's op, an op that reads its output, two losses and a plain number."""
    x, W = lg.parameter([0.3, -0.2], name="x"), lg.parameter([[0.5, 0.1], [0.2, -0.4]], name="W")
    b, t = lg.parameter([0.1, 0.2], name="b"), lg.constant(1.5, name="t")
    h = np.tanh(W @ x + b * 3)
    L = np.sum(double(h) * h) * t + lg.ops.logsumexp(h, axis=0)
    return {"x": x, "W": W, "b": b, "t": t, "h": h, "L": L, "M": np.sum(h * x) / 2}


def change(g: Graph, k: float) -> None:
    lg.update({g["x"]: np.array([k, 0.5]), g["W"]: np.eye(2) * k, g["b"]: np.full(2, k), g["t"]: k})


def ask(g: Graph) -> list[Any]:
    """Return all that is asked for after an interruption."""
    second = lg.gradient(np.sum(lg.adjoint(g["L"], g["h"]) * g["h"]), g["W"])
    return [g["L"].value, *lg.gradient(g["L"], [g["W"], g["b"], g["x"], g["h"]]), g["M"].value, second]


def loss(v: Any) -> Any:
    return np.sum(np.tanh(double(v)) ** 2) + lg.ops.logsumexp(v, axis=0)


def ask_again(g: Graph) -> None:
    for k in range(5):
        change(g, 1.0 + k)
        lg.gradient(g["L"], [g["W"], g["b"]]), g["L"].value


def ask_compiled(g: Graph) -> None:
    step = lg.compile(g["L"], [g["W"], g["b"]], [g["x"], g["W"]])
    step(np.ones(2), np.eye(2)), step(x=np.zeros(2)), step(np.ones((2, 1))[:, 0], np.eye(2) * 2)


def ask_prepared(g: Graph) -> None:
    p = prepare(loss, AT)
    p.value_and_gradient(AT), p.hvp(AT, vectors=AT), p.value(AT + 1), p.gradient(AT)
    p.jacobian(AT + 2)


def watch(g: Graph) -> None:
    with lg.record() as report:
        lg.gradient(g["L"], g["W"])
    str(report), report.trace()
    with warnings.catch_warnings(), lg.errstate(nonfinite="warn"):
        lg.gradient(g["M"], [g["x"], g["W"]])
        g["L"].value  # noqa: B018


def update_that_fails(g: Graph) -> None:
    with pytest.raises(ValueError, match="keeps its value"):
        lg.update({g["x"]: np.ones(2), g["W"]: np.ones((2, 3))})


AT = np.array([0.3, 0.7, -0.4])
ACTIONS: dict[str, Callable[[Graph], Any]] = {
    "value": lambda g: g["L"].value,
    "gradient": lambda g: lg.gradient(g["L"], [g["W"], g["b"], g["x"]]),
    "second order": ask,
    "asked again": ask_again,  # which makes plans
    "update": lambda g: (ask(g), change(g, 3.0), change(g, 4.0)),
    "update of shapes": lambda g: lg.update({g["x"]: np.ones((2, 3)), g["b"]: np.ones((2, 1))}),
    "update that fails": update_that_fails,
    "set": lambda g: (g["L"].value, g["x"].set([5.0, 6.0]), g["x"].set([5.0, 7.0])),
    "set a number": lambda g: g["M"].inputs[1].set(4.0),
    "grad": lambda g: lg.grad(loss)(AT),
    "value_and_grad": lambda g: lg.value_and_grad(lambda v: np.sum(v * g["h"][:1]))(AT),
    "hessian": lambda g: lg.hessian(loss)(AT),
    "jacobian": lambda g: lg.jacobian(np.tanh)(AT),
    "jvp and vjp": lambda g: (lg.jvp(loss, AT, AT), lg.vjp(loss, AT)[1](1.0), lg.hvp(loss, AT, AT)),
    "compile": ask_compiled,
    "compile a function": lambda g: [lg.compile(loss, wrt=0)(AT + k) for k in range(2)],
    "prepare": ask_prepared,
    "pickle": lambda g: pickle.loads(pickle.dumps(g["L"])),
    "deepcopy": lambda g: copy.deepcopy(g["L"]).value,
    "copy": lambda g: (ask(g), lg.copy(g["L"])),
    "watch": watch,
    "engines": lambda g: [lg.gradient(g["L"], g["W"], engine=name) for name in ("sweep", "forward", "children")],
    "inspect": lambda g: (lg.inspect.explain(g["L"], g["W"]), lg.inspect.find_nonfinite(g["L"], g["W"])),
    "paths": lambda g: (sum_product(g["L"], g["x"], counting), lg.paths.top(g["M"], g["h"], 2)),
    "contributions": lambda g: lg.differentiator(g["L"]).contributions(g["h"]),
    "with a cotangent": lambda g: lg.gradient(g["h"], [g["W"]], cotangent=[1.0, 2.0]),
}
WHOLE = {"update", "asked again", "update of shapes", "update that fails"}

TRUTH: dict[Any, list[Any]] = {}


def tell_apart(g: Graph) -> Any:
    """Return what the leaves hold, as a key."""
    number = g["M"].inputs[1]
    return tuple([(v.shape, v.dtype.str, v.tobytes()) for v in [g[name].value for name in LEAVES] + [number.value]])


def answer_anew(g: Graph) -> list[Any]:
    """Return the answers of a new graph whose leaves hold the same."""
    key = tell_apart(g)
    if key not in TRUTH:
        new = build()
        lg.update({new[name]: g[name].value for name in LEAVES})
        if new["M"].inputs[1].value != g["M"].inputs[1].value:
            new["M"].inputs[1].set(g["M"].inputs[1].value)
        TRUTH[key] = ask_or_fail(new)
    return TRUTH[key]


def ask_or_fail(g: Graph) -> list[Any]:
    try:
        return ask(g)
    except TypeError:  # the target has become an array
        return [g["h"].value]


def list_states(action: str) -> set[Any]:
    """Return what the leaves hold before an action, after each of its changes, and at its end."""
    g = build()
    found = {tell_apart(g)}
    if action == "update of shapes":
        ACTIONS[action](g)
        return found | {tell_apart(g)}
    for k in (1.0, 2.0, 3.0, 4.0, 5.0):
        change(g, k)
        found.add(tell_apart(g))
    return found


def check(action: str, interrupt: Callable[[Callable[[], object]], str], states: set[Any]) -> str | None:
    """Interrupt an action; return what is wrong afterwards, if anything is."""
    g = build()
    before = check_nothing_left()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            where = interrupt(lambda: ACTIONS[action](g))
        except Exception as error:
            where = f"raised {error!r}"
    try:
        check_nothing_left(before)
        check_invariants([g["L"], g["M"]])
        if action in WHOLE:
            assert tell_apart(g) in states, f"an update is half done: {[g[name].value for name in LEAVES]}"
        with np.errstate(all="ignore"):
            assert same_bits(ask_or_fail(g), answer_anew(g)), "the next answers are wrong"
        check_invariants([g["L"], g["M"]])
    except Exception as wrong:
        return f"{action}, {where}: {type(wrong).__name__}: {str(wrong)[:300]}"
    return None


def interrupt_at_bytecodes(action: str, points: int, seed: int) -> list[str]:
    """Interrupt at so many random bytecodes of an action; return what was wrong."""
    dry = Bytecodes()
    g = build()
    with np.errstate(all="ignore"):
        dry.run(lambda: ACTIONS[action](g))
    assert dry.seen > 50
    states = list_states(action)
    wrong = []
    for stop in np.random.default_rng(seed).integers(1, dry.seen + 1, points):
        point = Bytecodes(int(stop))

        def interrupt(act: Callable[[], object], point: Bytecodes = point) -> str:
            point.run(act)
            return point.where

        if (found := check(action, interrupt, states)) is not None:
            wrong.append(found)
    return wrong


def interrupt_by_signals(action: str, points: int, seed: int) -> list[str]:
    """Interrupt by a signal at so many random times; return what was wrong."""
    g = build()
    begin = time.perf_counter()
    with np.errstate(all="ignore"):
        ACTIONS[action](g)
    span = time.perf_counter() - begin
    states = list_states(action)
    wrong = []
    for part in np.random.default_rng(seed).random(points):
        seconds = max(span * 1.2 * part, 1e-6)
        if (found := check(action, lambda act, s=seconds: str(interrupt_by_signal(act, s)), states)) is not None:
            wrong.append(found)
    return wrong


@pytest.mark.parametrize("action", ACTIONS)
def test_at_random_bytecodes(action: str) -> None:
    assert interrupt_at_bytecodes(action, 12, 0) == []


@pytest.mark.parametrize("action", ACTIONS)
def test_by_signals(action: str) -> None:
    assert interrupt_by_signals(action, 12, 0) == []


@pytest.mark.marathon
@pytest.mark.parametrize("action", ACTIONS)
def test_at_many_bytecodes(action: str) -> None:
    assert interrupt_at_bytecodes(action, 200, 1) == []


@pytest.mark.marathon
@pytest.mark.parametrize("action", ACTIONS)
def test_by_many_signals(action: str) -> None:
    assert interrupt_by_signals(action, 200, 1) == []


def test_an_interruption_as_any_function_is_called_leaves_calls_recorded() -> None:
    for k in range(1, 2000):
        g = build()
        adjoint = lg.adjoint(g["L"], g["h"])
        calls = itertools.count(1)

        def interrupt(frame: Any, event: str, _: Any, calls: Any = calls, k: int = k) -> None:
            if event == "call" and frame.f_code.co_filename == _calls.__file__ and next(calls) == k:
                raise KeyboardInterrupt

        sys.settrace(interrupt)
        try:
            lg.gradient(np.sum(adjoint * g["x"]), g["x"])
        except KeyboardInterrupt:
            continue
        finally:
            sys.settrace(None)
            left, _calls._thread.inside = _calls._thread.inside, False
            assert not left
        break
    assert k > 5
