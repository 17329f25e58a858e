"""Backends by name: ours, other libraries', registered ones and entry points."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata, util
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import Backend, _registry, available, get, prepare, register

OURS = ("lazy", "sweep", "children", "forward", "paths", "numeric")


class Twice(Backend):
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
        value, pull = lg.vjp(lambda *x: list(f(*x)), *arrays)

        def only(cotangents: Any, wanted: Sequence[int]) -> list[Any]:
            self.asked.append(tuple(wanted))
            return [pull(list(cotangents))[k] for k in wanted]

        return value, only


class Wrong:
    """No backend."""


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_registry, "_registered", {})
    monkeypatch.setattr(_registry, "_loaded", {})


def entry_points(monkeypatch: pytest.MonkeyPatch, **points: str) -> list[str]:
    """Entry points as installed packages would have them, and the names of those that are loaded."""
    loaded: list[str] = []

    class Point(metadata.EntryPoint):
        def load(self) -> Any:
            loaded.append(self.name)
            return super().load()

    made = [Point(name, value, "lazygrad.backends") for name, value in points.items()]
    found = metadata.entry_points
    monkeypatch.setattr(
        metadata, "entry_points", lambda **kw: made if kw == {"group": "lazygrad.backends"} else found(**kw)
    )
    return loaded


def test_available() -> None:
    others = tuple(name for name in ("jax", "torch", "autograd") if util.find_spec(name))
    assert available()[: len(OURS) + len(others)] == (*OURS, *others)


def test_nothing_is_imported_before_it_is_used() -> None:
    script = (
        "import sys, lazygrad as lg; lg.backend.available(); "
        "print([m for m in sys.modules if m.split('.')[0] in ('jax', 'torch', 'autograd') "
        "or m.startswith('lazygrad.plugins')])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


def test_what_is_registered_is_found() -> None:
    register("twice", Twice)
    assert "twice" in available()
    assert get("twice") is get("twice")
    assert isinstance(get("twice"), Twice)
    one = Twice()
    register("twice", one)  # the last counts
    assert get("twice") is one
    assert get(one) is one
    assert prepare(lambda x: x * x, 1.0, backend="twice").gradient(3.0) == 6
    assert prepare(lambda x: x * x, 1.0, backend=one).gradient(3.0) == 6


def test_what_cannot_be_registered() -> None:
    for name in ("lazy", "sweep", "jax"):
        with pytest.raises(ValueError, match=f"'{name}' is a backend of lazygrad itself"):
            register(name, Twice)
    with pytest.raises(TypeError, match="a backend must be"):
        register("three", 3)  # type: ignore[arg-type]
    register("wrong", Wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"the backend 'wrong' must be a `lazygrad.backend.Backend`, not <.*Wrong"):
        get("wrong")


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="no backend is named 'sweeps'; there are, closest first: sweep"):
        prepare(lambda x: x, 1.0, backend="sweeps")


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    assert "jax" not in available()
    with pytest.raises(ImportError, match=r"the backend 'jax' needs jax: install `lazygrad\[jax\]`"):
        get("jax")


def test_entry_points_are_loaded_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    here = __name__
    loaded = entry_points(
        monkeypatch, outer=f"{here}:Twice", made=f"{here}:MADE", broken="no_such_module:X", wrong=f"{here}:Wrong"
    )
    assert set(available()) >= {"outer", "made", "broken", "wrong"}
    assert loaded == []
    assert prepare(lambda x: x * x, 1.0, backend="outer").gradient(3.0) == 6
    assert get("outer") is get("outer")
    assert get("made") is MADE
    assert loaded == ["outer", "made"]
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        get("broken")
    with pytest.raises(TypeError, match="the backend 'wrong' must be"):
        get("wrong")
    register("outer", MADE)  # what is registered comes before
    assert get("outer") is MADE


def test_an_engine_of_ones_own_is_a_backend() -> None:
    engines = lg._query.engine._ENGINES.copy()
    try:
        lg.engines.register("own", lambda L, wrt, cotangent: lg.engines.sweep(L, wrt, cotangent))
        assert "own" in available()
        assert prepare(lambda x: x**3, 1.0, backend="own").hvp(2.0, vectors=1.0) == 12
    finally:
        lg._query.engine._ENGINES.clear()
        lg._query.engine._ENGINES.update(engines)


def test_only_what_is_selected_is_asked_of_a_backend() -> None:
    backend = Twice()
    p = prepare(lambda w: np.sum(w["a"] * w["b"] * w["c"]), {k: np.ones(2) for k in "abc"}, backend=backend)
    p.gradient(select="b")
    assert backend.asked == [(1,)]
    p.gradient(select=["c", "b", "c"])
    assert backend.asked == [(1,), (2,)]  # what is known of the point is not asked again
    p.gradient(), p.gradient()
    assert backend.asked == [(1,), (2,), (0,)]
    p.vjp(cotangent=1.0, select=["a", "c"])
    assert backend.asked[3:] == [(0, 2)]
    p.gradient({k: np.zeros(2) for k in "abc"}), p.gradient({k: np.ones(2) for k in "abc"})
    assert backend.asked[4:] == [(0, 1, 2)]
    assert p.statistics.points == lg.backend.Points(hits=5, misses=2)


def test_a_function_is_evaluated_once_a_point() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(x)
        return (x * x).sum()

    p = prepare(f, np.ones(2), backend=Twice())
    for _ in range(2):
        for x in (np.ones(2), np.zeros(2)):
            p.gradient(x), p.value(x), p.value_and_gradient(x), p.vjp(x, cotangent=1.0), p.jacobian(x)
    assert len(calls) == 2


def test_what_a_backend_evaluates_is_counted() -> None:
    p = prepare(lambda x: (x * x).sum(), np.ones(2), backend=Twice())
    p.gradient(), p.value(), p.value()  # linearising has evaluated it
    assert p.statistics.evaluations == {"gradient": 1}
    p.value(np.zeros(2)), p.value(np.zeros(2)), p.jvp(np.zeros(2), tangents=np.ones(2)), p.jacobian(np.zeros(2))
    assert p.statistics.evaluations == {"gradient": 1, "value": 1, "jvp": 1, "jacobian": 1}
    assert p.statistics.calls == {"gradient": 1, "value": 4, "jvp": 1, "jacobian": 1}


def test_answers_are_copies_of_a_backends_own_arrays() -> None:
    class Reusing(Twice):
        buffer = np.zeros(2)

        def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
            value, pull = super().vjp(f, arrays)
            return value, lambda w, wanted: [np.add(pull(w, wanted)[0], 0, out=self.buffer)]

        def value(self, at: Any) -> list[Any]:
            return [np.add(super().value(at)[0], 0, out=self.buffer[:1].reshape(()))]

    p = prepare(lambda x: (x * x).sum(), np.ones(2), backend=Reusing())
    found = [p.value(np.array([1.0, 2.0])), p.gradient(np.array([3.0, 4.0])), p.gradient(np.array([5.0, 6.0]))]
    assert [a.tolist() for a in found] == [5.0, [6.0, 8.0], [10.0, 12.0]]
    assert p.value(np.array([1.0, 2.0])) == 5


def test_a_hessian_weighed_by_a_complex_cotangent() -> None:
    z, v, w = np.array([1 + 2j, 3 - 1j]), np.array([1j, 2 - 1j]), np.array([2 - 1j, 1j])
    for backend in ("lazy", "sweep", Twice()):
        p = prepare(lambda z: z * z * z, z, backend=backend)
        np.testing.assert_allclose(p.hvp(z, vectors=v, cotangent=w), 6 * z * v * w)


def test_answers_of_a_backend_are_checked() -> None:
    class Flat(Twice):
        def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
            value, pull = super().vjp(f, arrays)
            return value, lambda w, wanted: [g.reshape(-1) for g in pull(w, wanted)]

    class Fewer(Twice):
        def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
            return super().vjp(f, arrays)[0], lambda w, wanted: []

    with pytest.raises(lg.ShapeError, match=r"Flat gave an answer of shape \(4,\), where \(2, 2\)"):
        prepare(lambda x: (x * x).sum(), np.ones((2, 2)), backend=Flat()).gradient()
    with pytest.raises(lg.ShapeError, match="Fewer gave 0 answers where 1"):
        prepare(lambda x: (x * x).sum(), np.ones((2, 2)), backend=Fewer()).gradient()


def test_a_node_is_for_our_own_backends() -> None:
    W = lg.parameter(np.ones(2), name="W")
    for name in OURS:
        p = prepare(np.sum(W**3), wrt=[W], backend=name)
        np.testing.assert_allclose(p.gradient([np.array([1.0, 2.0])], select=W), [3.0, 12.0])
        np.testing.assert_allclose(p.hvp(vectors=[np.ones(2)])[0], [6.0, 12.0])
    with pytest.raises(TypeError, match="Twice prepares functions; a node is for the backend 'lazy' and engines"):
        prepare(np.sum(W), wrt=W, backend=Twice())


def test_engines_are_asked_once_a_point() -> None:
    p = prepare(lambda x: np.sum(np.sin(x) ** 2), np.ones(3), backend="sweep")
    at = [np.ones(3), np.zeros(3)]
    for x in at:
        p.gradient(x)
    with lg.record() as report:
        for x in at:
            p.gradient(x), p.value(x)
    assert report.rules_run == 0
    assert report.values.misses <= 2  # the values of the outputs, which gradients do not read


MADE = Twice()
