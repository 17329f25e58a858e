"""Where no schedule can be made, or what it gives is wrong, the walk answers; errors of users are their own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._schedule import lowering, schedule
from tests.helpers.compiled_questions import ON_BOTH


def break_lowering(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("of the lowering")

    monkeypatch.setattr(lowering._Lowering, "lower", fail)


@ON_BOTH
def test_a_question_about_nodes(exact: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    x, c, n = lg.parameter([1.0, 2.0], name="x"), lg.constant(2.0), lg.parameter(3.0)
    L = np.sum(np.sin(x * c) * n * 0.5)
    break_lowering(monkeypatch)
    with caplog.at_level(logging.WARNING, "lazygrad"):
        step = lg.compile(L, wrt=[x, n], inputs=[x], exact=exact)
    assert "the walk answers" in caplog.text
    assert step.statistics.failures == 1
    for k in range(3):
        c.set(2.0 + k)
        value, (dx, dn) = step([0.1 * k, 0.2])
        v = np.array([0.1 * k, 0.2])
        np.testing.assert_allclose(value, np.sum(np.sin(v * (2.0 + k)) * 1.5), rtol=1e-14)
        np.testing.assert_allclose(dx, np.cos(v * (2.0 + k)) * (2.0 + k) * 1.5, rtol=1e-14)
        np.testing.assert_allclose(dn, np.sum(np.sin(v * (2.0 + k)) * 0.5), rtol=1e-14)
        assert not dx.flags.writeable
    value, (dx, _) = step([1.0, 2.0, 3.0])  # on a copy of the graph
    np.testing.assert_allclose(dx, np.cos(np.array([1.0, 2.0, 3.0]) * 4.0) * 6.0, rtol=1e-14)
    assert x.value.tolist() == [1.0, 2.0]
    assert n.value == 3.0
    assert step.schedule.source == ""
    assert step.schedule.steps == 0


@ON_BOTH
def test_a_function_with_a_branch(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        return np.sum(x * x) if np.sum(x) > 0 else np.sum(3.0 * x)

    break_lowering(monkeypatch)
    step = lg.compile(f, wrt=0, exact=exact)
    for sign in (1.0, -1.0, 1.0, -2.0):
        x = np.array([1.0, 2.0]) * sign
        value, gradient = step(x)
        assert value == f(x)
        assert gradient.tolist() == ((2 * x).tolist() if sign > 0 else [3.0, 3.0])
    assert step.statistics.specialisations == step.statistics.failures == 2


@pytest.mark.parametrize("spoil", [lambda v: v[:1], lambda v: np.stack([v, v]), lambda v: v.astype(np.float32)])
@ON_BOTH
def test_a_result_of_another_shape_or_dtype_is_never_handed_out(
    exact: bool, spoil: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = schedule.Schedule._run

    def spoilt(self: schedule.Schedule, values: Any) -> Any:
        found = list(run(self, values))
        if not self.walks:
            found[1] = spoil(found[1])
        return tuple(found)

    monkeypatch.setattr(schedule.Schedule, "_run", spoilt)
    x = lg.parameter([1.0, 2.0])
    step = lg.compile(np.sum(x**3), wrt=x, inputs=x, exact=exact)
    with caplog.at_level(logging.WARNING, "lazygrad"):
        for k in range(3):
            assert step([1.0, 2.0 + k])[1].tolist() == [3.0, 3.0 * (2.0 + k) ** 2]
    assert step.statistics.failures == 1
    assert caplog.text.count("shape") >= 1


def test_numba_that_fails_leaves_it_to_numpy(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    numba = pytest.importorskip("lazygrad.plugins.numba")

    def fail(*_: object) -> None:
        raise KeyError("of the machine")

    monkeypatch.setattr(numba, "machine_for", fail)
    x = lg.parameter([1.0, 2.0])
    with caplog.at_level(logging.WARNING, "lazygrad"):
        step = lg.compile(np.sum(x**3), wrt=x, inputs=x, backend="numba")
    assert "numba takes no part" in caplog.text
    assert step([1.0, 2.0])[1].tolist() == [3.0, 12.0]
    assert step.statistics.failures == 0


@ON_BOTH
@pytest.mark.parametrize("error", [RuntimeError, ValueError, ZeroDivisionError, FloatingPointError, OverflowError])
@pytest.mark.parametrize("of", ["value", "rule"])
def test_an_error_of_the_users_is_raised_and_its_code_not_run_again(
    of: str, error: type[Exception], exact: bool
) -> None:
    ran: list[str] = []
    fails: list[str] = []

    def note(what: str) -> None:
        ran.append(what)
        if fails and fails[0] == what:
            fails.clear()  # once: a second attempt would hide it
            raise error("of the user")

    def value(v: Any) -> Any:
        note("value")
        return v * 2.0

    def rule(g: Any, v: Any) -> Any:
        note("rule")
        if isinstance(g, lg.Node):
            raise TypeError("for arrays alone")
        return g * 2.0 + 0.0 * v

    op = lg.primitive(value, vjp=rule, shape=lambda v: (v.shape, v.dtype), name="observed")
    x = lg.parameter([1.0, 2.0])
    step = lg.compile(np.sum(op(x * x) * x), x, x, exact=exact)
    step([1.0, 2.0])
    ran.clear()
    fails.append(of)
    with pytest.raises(error, match="of the user"):
        step([3.0, 2.0])
    assert ran == (["value"] if of == "value" else ["value", "rule"])
    assert step([1.0, 2.0])[1].tolist() == [6.0, 24.0]
    assert step.statistics.failures == step.statistics.guarded == 0
