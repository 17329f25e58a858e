"""What plans write into the memo is looked at; where it is wrong, or no plan can be made, the walk answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._schedule import lowering, schedule
from tests.helpers.compositions import without_plans

OUT_OF_ORDER: dict[str, Callable[[Any], Any]] = {
    "roll": lambda x: np.roll(x, 1),
    "transpose": lambda x: x.T,
    "flip": np.flip,
    "clip": lambda x: np.clip(x.T, 0.5, 4.0),
    "tril": lambda x: np.tril(x.T),
    "stack": lambda x: np.stack([x[0], x[1]]),
}
REPEATED: dict[str, Callable[[Any], Any]] = {
    "by itself": lambda y: np.broadcast_to(y, (2, *y.shape)) ** 2,
    "by another": lambda y: np.broadcast_to(y, (2, *y.shape)) * np.broadcast_to(y[:1], (2, *y.shape)),
    "columns": lambda y: (
        np.broadcast_to(y[..., None], (*y.shape, 2)) * np.broadcast_to(y[..., :1, None], (*y.shape, 2))
    ),
}


@pytest.mark.parametrize("repeat", REPEATED)
@pytest.mark.parametrize("place", OUT_OF_ORDER)
def test_a_product_of_repeated_arrays_that_may_lie_out_of_order(place: str, repeat: str) -> None:
    def build() -> tuple[lg.Node, lg.Node, lg.Node]:
        x, t = lg.parameter(np.ones((2, 3))), lg.parameter(1.0)
        y = REPEATED[repeat](OUT_OF_ORDER[place](x))
        return x, t, t * np.sum(y * y)

    x, t, L = build()
    for k in range(1, 7):
        lg.update({x: np.arange(6.0).reshape(2, 3) + k, t: float(k)})
        found = lg.gradient(L, [x, t])
        x2, t2, L2 = build()
        lg.update({x2: x.value, t2: t.value})
        wanted = lg.gradient(L2, [x2, t2])
        assert [(g.shape, g.tobytes()) for g in found] == [(g.shape, g.tobytes()) for g in wanted]
    assert lg.differentiator(L).plan_info() == (1, 3, 0)


@pytest.mark.parametrize(
    "build",
    [
        lambda z: np.real(z.T @ z).sum() + np.imag(z @ z.T).sum(),
        lambda z: (np.linalg.solve(z @ z.T, z) @ z.T).real.sum(),
        lambda z: (np.linalg.solve(z.T @ z + np.eye(9), z.T) @ z @ z.T).real.sum(),
        lambda z: (np.linalg.solve(z @ z.T, z[:, 0]) @ z).real.sum(),
        lambda z: (np.linalg.inv(z @ z.T).T @ z).real.sum(),
    ],
)
@pytest.mark.parametrize("imaginary", [0.0, 1.0])
def test_products_of_matrices_in_the_bits_of_the_walk(build: Callable[[Any], Any], imaginary: float) -> None:
    rng = np.random.default_rng(0)
    points = [
        rng.normal(size=(5, 9)) + (1j * imaginary * rng.normal(size=(5, 9)) if imaginary else 0) for _ in range(6)
    ]
    z, w = lg.parameter(points[0]), lg.parameter(points[0])
    L, of_walk = build(z), build(w)
    step = lg.compile(L, z, z, exact=True)
    for point in points:
        z.set(point)
        w.set(point)
        with without_plans():
            wanted = lg.gradient(of_walk, w), of_walk.value
        assert lg.gradient(L, z).tobytes() == wanted[0].tobytes()
        value, gradient = step(point)
        assert (gradient.tobytes(), value.tobytes()) == (wanted[0].tobytes(), wanted[1].tobytes())
    assert lg.differentiator(L).plan_info().runs >= 3


def ask(L: lg.Node, x: lg.Node, count: int) -> list[bytes]:
    """Ask for the gradient at so many points."""
    found = []
    for k in range(count):
        x.set([1.0 + k, 2.0])
        found.append(lg.gradient(L, x).tobytes())
    return found


def build_sines() -> tuple[lg.Node, lg.Node]:
    x = lg.parameter([1.0, 2.0])
    return np.sum(np.sin(x) * x), x


WANTED = [bytes(np.cos([1.0 + k, 2.0]) * [1.0 + k, 2.0] + np.sin([1.0 + k, 2.0])) for k in range(6)]


@pytest.mark.parametrize("place", [-1, 0])
@pytest.mark.parametrize("spoil", [lambda v: v[:1], lambda v: np.stack([v, v]), lambda v: v.astype(np.float32)])
def test_a_value_of_another_shape_or_dtype_is_never_kept(
    spoil: Callable[[Any], Any], place: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = schedule.Schedule._run

    def spoilt(self: schedule.Schedule, values: Any) -> Any:
        found = list(run(self, values))
        arrays = [k for k, v in enumerate(found) if np.shape(v)]
        found[arrays[place]] = spoil(found[arrays[place]])
        return tuple(found)

    monkeypatch.setattr(schedule.Schedule, "_run", spoilt)
    L, x = build_sines()
    with caplog.at_level(logging.WARNING, "lazygrad"):
        found = ask(L, x, 6)
    np.testing.assert_allclose([np.frombuffer(g) for g in found], [np.frombuffer(g) for g in WANTED], rtol=1e-14)
    info = lg.differentiator(L).plan_info()
    assert (info.runs, info.failures) == (0, 3)
    assert sum("shape" in r.message and "dtype" in r.message for r in caplog.records) == 3


def test_where_no_plan_can_be_made_the_walk_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("of the lowering")

    monkeypatch.setattr(lowering._Lowering, "lower", fail)
    L, x = build_sines()
    with caplog.at_level(logging.WARNING, "lazygrad"):
        found = ask(L, x, 6)
    np.testing.assert_allclose([np.frombuffer(g) for g in found], [np.frombuffer(g) for g in WANTED], rtol=1e-14)
    assert lg.differentiator(L).plan_info() == (0, 0, 1)  # it is tried once
    (record,) = caplog.records
    assert "no plan" in record.message
    assert record.exc_info is not None


class Fails(Exception):
    """An error of the user's."""


def make_failing(at: list[int], of: str) -> tuple[list[str], Callable[..., Any]]:
    """Return the calls so far, and an op whose value or rule fails at the calls numbered `at`."""
    calls: list[str] = []

    def count(what: str) -> None:
        calls.append(what)
        if what == of and calls.count(what) in at:
            raise Fails(f"call {calls.count(what)}")

    def value(v: Any) -> Any:
        count("value")
        return v * 2.0

    def rule(g: Any, v: Any) -> Any:
        count("rule")
        return g * 2.0 + 0.0 * v

    return calls, lg.primitive(value, vjp=rule, shape=lambda v: (v.shape, v.dtype), name="fails")


@pytest.mark.parametrize("of", ["value", "rule"])
def test_an_error_of_the_users_is_told_once_and_as_the_walk_tells_it(of: str) -> None:
    told: list[list[Any]] = []
    for planned in (False, True):
        calls, op = make_failing([6], of)
        x = lg.parameter([1.0, 2.0], name="x")
        h = np.sin(x * 3.0)
        L = np.sum(np.cos(op(h) * h) * h)
        seen: list[Any] = []
        for k in range(8):
            x.set([1.0 + k, 2.0])
            try:
                seen.append(lg.gradient(L, x).tobytes())
            except Fails as error:
                notes = [note.split(" from ")[0].partition("#")[0] for note in error.__notes__]
                seen.append((str(error), notes, error.__notes__[0].count("stale"), h._value is None))
                seen.append(lg.gradient(L, x).tobytes())  # the next time it does not fail
            seen.append(len(calls))
            if not planned:
                L._memo.plans.questions.clear()
        told.append(seen)
        assert (lg.differentiator(L).plan_info().runs > 3) == planned
    assert told[0] == told[1]


def test_an_interruption_in_the_users_code_leaves_the_memo_right() -> None:
    interrupt = [False]

    def value(v: Any) -> Any:
        if interrupt[0]:
            raise KeyboardInterrupt
        return np.exp(v)

    op = lg.primitive(value, vjp=lambda g, out: g * out, shape=lambda v: (v.shape, v.dtype))
    x = lg.parameter([0.1, 0.2])
    L = np.sum(np.sin(op(np.cos(x)) * x))
    for k in range(5):
        x.set([0.1 * k, 0.2])
        lg.gradient(L, x)
    x.set([0.3, 0.4])
    interrupt[0] = True
    with pytest.raises(KeyboardInterrupt):
        lg.gradient(L, x)
    interrupt[0] = False
    fresh = lg.parameter([0.3, 0.4])
    wanted = lg.gradient(np.sum(np.sin(np.exp(np.cos(fresh)) * fresh)), fresh)
    np.testing.assert_allclose(lg.gradient(L, x), wanted, rtol=1e-14)


def test_what_a_user_reads_of_the_state_of_warnings_is_the_callers() -> None:
    """A plan lets NumPy raise where a guard may be needed, but not while an op of the user's runs."""
    states = []

    def value(v: Any) -> Any:
        states.append(np.geterr())
        return v * 1.0

    op = lg.primitive(value, vjp=lambda g, out: g * 1.0, shape=lambda v: (v.shape, v.dtype))
    x = lg.parameter([1.0, 2.0])
    L = (op(x * x) * x).sum()
    step = lg.compile(L, x, x)
    with np.errstate(over="ignore", invalid="print"):
        for k in range(6):
            x.set([1.0 + k, 2.0])
            lg.gradient(L, x)
            step([1.0 + k, 2.0])
        assert all(state == np.geterr() for state in states)
    assert len(states) == 12


@pytest.mark.parametrize("shape", [(60,), (7, 9)])
def test_what_a_user_returns_of_foreign_memory_lies_as_the_memo_keeps_it(shape: tuple[int, ...]) -> None:
    """The memo copies what shows memory of something else than an array, and so it lies in C order, without gaps."""

    def scatter(v: Any) -> Any:
        if v.ndim == 1:
            return np.frombuffer(np.repeat(v, 2).tobytes())[::2]
        return np.frombuffer(v.T.tobytes()).reshape(v.shape[::-1]).T

    op = lg.primitive(scatter, vjp=lambda g, out: scatter(g), shape=lambda v: (v.shape, v.dtype))
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, w = lg.parameter(rng.normal(size=shape)), lg.constant(rng.normal(size=shape))
        h = op(np.sin(x))
        L = h.sum() + (h @ w if len(shape) == 1 else h.sum(axis=1) @ w.sum(axis=1))
        found = lg.compile([L, lg.adjoint(L, x)], inputs=[x, w], exact=True)(x.value, w.value)
        assert [a.tobytes() for a in found] == [L.value.tobytes(), lg.gradient(L, x).tobytes()]


def test_a_user_who_wants_full_arrays_gets_them() -> None:
    """Repeated arrays are left out of products, but not of an op whose function nobody knows."""

    def inner(x: Any, y: Any) -> Any:
        assert x.shape == y.shape
        return np.einsum("...,...->...", x, y)

    op = lg.primitive(inner, vjp={"x": lambda g, y: g * y, "y": lambda g, x: g * x}, shape="elementwise")
    x, y = lg.parameter(np.ones(3)), lg.parameter(np.arange(6.0).reshape(2, 3))
    L = (op(np.broadcast_to(x, (2, 3)), y) ** 2).sum()
    step = lg.compile(L, wrt=[x, y], inputs=x)
    for k in range(5):
        x.set(np.ones(3) * (k + 2.0))
        value, gradients = step(x.value)
        assert value == L.value
        for a, b in zip(gradients, lg.gradient(L, [x, y]), strict=True):
            np.testing.assert_array_equal(a, b)


def test_arrays_with_gaps_in_long_programs() -> None:
    """A long program is a loop whose rows lie in buffers, but not where a function shows its argument backwards."""
    rng = np.random.default_rng(0)
    x = lg.parameter(rng.normal(size=40))
    y = x
    for _ in range(3100):
        y = np.sin(y) + x
    roots = [np.sum(np.flip(np.exp(y))), np.flip(y) @ np.flip(x * 0.1), np.sum(np.real(y * (1 + 2j)))]
    step = lg.compile(roots, inputs=x, exact=True, backend="numpy")
    for _ in range(3):
        x.set(rng.normal(size=40))
        assert [a.tobytes() for a in step(x.value)] == [root.value.tobytes() for root in roots]
