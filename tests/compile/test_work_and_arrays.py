"""Compiled questions compute exactly what is needed, and share and keep no array that they should not."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.collector import no_collector
from tests.helpers.compiled_questions import ON_BOTH, build_layer, make_observed_op, sum_of_squares
from tests.helpers.op_checks import close


def test_only_what_is_needed_is_computed() -> None:
    """C1: for L = sum(W * a) + exp(x), dL/dW reads neither x nor the loss; nor is the rule of `a` run."""
    W, a, x = (lg.parameter([1.0, 2.0], name=n) for n in ("W", "a", "x"))
    L = (W * np.cosh(a)).sum() + np.exp(x).sum()
    alone = lg.compile(lg.adjoint(L, W), inputs=[W, a, x])
    assert "cosh" in alone.schedule.source
    assert "sinh" not in alone.schedule.source
    assert "exp" not in alone.schedule.source
    assert alone.schedule.used_inputs == [1]  # of the inputs it reads `a`
    np.testing.assert_array_equal(alone([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]), [1.0, 1.0])
    both = lg.compile(L, [W], [W, a, x])
    assert both.schedule.source.count("exp(") == 1
    assert "sinh" not in both.schedule.source


def test_one_layer_costs_what_lies_on_its_path() -> None:
    rng = np.random.default_rng(0)
    weights = [lg.parameter(rng.normal(size=(4, 4)), name=f"W{k}") for k in range(6)]
    h = X = lg.constant(rng.normal(size=(3, 4)), name="X")
    for w in weights:
        h = np.tanh(h @ w)
    L = h.sum()
    products = [lg.compile(lg.adjoint(L, w), inputs=X).schedule.source.count("dot(") for w in weights]
    assert products == [6 + 6 - k for k in range(6)]  # forward, and back to the layer


def test_the_graph_stays_as_it_is() -> None:
    W, b, X, L = build_layer()
    with lg.record() as report:
        step = lg.compile(L, [W, b], [W, b, X])
        step(0 * W.value, b.value, X.value)
        step(np.ones((3, 5)), np.ones(5), np.ones((2, 3)))
    assert (report.values.misses, report.adjoints.misses, report.rules_run) == (0, 0, 0)
    assert L._value is None
    assert [i.shape for i in (W, b, X)] == [(3, 2), (2,), (4, 3)]
    assert lg.gradient(L, W).any()


@ON_BOTH
@pytest.mark.parametrize("size", [6, 20_000])
def test_results_are_read_only_and_stay(exact: bool, size: int) -> None:
    x = lg.parameter(np.zeros(size))
    y = np.tanh(x) + 1.0
    targets = [y, y, x, x.reshape(-1, 2), y[::2], x * 1.0, np.where(x > 0, x, x), y.reshape(2, -1).T]
    step = lg.compile(targets, inputs=x, exact=exact)
    given = [np.full(size, 0.1 * k) for k in range(6)]
    found = [step(value) for value in given]
    parts = [step(value)[0][3:5] for value in given]
    for value, results, part in zip(given, found, parts, strict=True):
        x.set(value)
        for a, node in zip(results, targets, strict=True):
            np.testing.assert_array_equal(a, node.value)
            assert not a.flags.writeable
            assert not np.may_share_memory(a, value)
        np.testing.assert_array_equal(part, y.value[3:5])
        value[...] = 99.0
        np.testing.assert_array_equal(results[2], x.value)
    with pytest.raises(ValueError, match="read-only"):
        found[0][0][0] = 1.0


def test_arguments_are_neither_written_to_nor_kept() -> None:
    rng = np.random.default_rng(0)
    x, c = lg.parameter(np.ones((3, 4))), lg.parameter(np.ones((3, 4)))
    L = (np.exp(-x) * x + c.T.reshape(3, 4)).sum()
    step = lg.compile([L, lg.adjoint(L, x), lg.adjoint(L, c)], inputs=[x, c])
    for make in (np.asarray, np.asfortranarray, lambda v: np.repeat(v, 2, axis=1)[:, ::2]):
        values = [make(rng.normal(size=(3, 4))) for _ in "xc"]
        for value in values:
            value.flags.writeable = False
        before = [value.tobytes() for value in values]
        found = step(*values)
        assert [value.tobytes() for value in values] == before
        lg.update(dict(zip([x, c], values, strict=True)))
        close(found[1], lg.gradient(L, x), rtol=1e-12)
        with no_collector():
            kept = [weakref.ref(value) for value in values]
            del values, value
            assert [ref() for ref in kept] == [None, None]


@pytest.mark.parametrize("shape", [(), (3,), (200, 200)])
def test_nothing_is_left_behind(shape: tuple[int, ...]) -> None:
    """C6: with the collector off, all goes with the last reference."""
    with no_collector():
        x = lg.parameter(np.ones(shape), name="x")
        L = (np.exp(np.tanh(x)) * x).sum()
        step = lg.compile([L, lg.adjoint(L, x)], inputs=x)
        step(np.ones(shape))
        step(np.ones((2, *shape)))
        f = lg.compile(sum_of_squares, wrt=0)
        f(np.ones(shape))
        gone = [weakref.ref(thing) for thing in (x, L, step, step.schedule, f, f.schedule, f.schedule._ready[0])]
        del step, L, x, f
        assert [ref() for ref in gone] == [None] * len(gone)


def test_a_parameter_does_not_collect_what_was_compiled() -> None:
    x = lg.parameter([1.0, 2.0])
    for k in range(30):
        lg.compile((x ** (2.5 + k)).sum(), x, x)([1.0, 2.0])
        lg.compile(lambda v: (x * v).sum(), wrt=0)(np.ones(2))
    assert x.consumers == ()


def test_ops_of_ones_own_are_not_kept() -> None:
    mine = make_observed_op(lambda x: None)
    x = lg.parameter([1.0, 2.0])
    step = lg.compile(mine(x).sum(), x, x)
    step([3.0, 4.0])
    ref = weakref.ref(mine)
    del step, mine
    gc.collect()
    assert ref() is None


def test_memory_for_large_results_is_used_again_only_when_nobody_has_it() -> None:
    x = lg.parameter(np.zeros(20_000))
    step = lg.compile(x + 1.0, inputs=x)
    held = [step(np.full(20_000, float(k))) for k in range(4)]
    views = [memoryview(step(np.full(20_000, float(k)))) for k in range(4)]
    parts = [step(np.full(20_000, float(k))).reshape(2, -1)[1, ::7] for k in range(4)]
    for k in range(4):
        assert (held[k] == k + 1.0).all()
        assert views[k][5] == k + 1.0
        assert (parts[k] == k + 1.0).all()
    address = step(np.zeros(20_000)).ctypes.data
    assert any(step(np.zeros(20_000)).ctypes.data == address for _ in range(3))


def test_a_view_of_a_single_number() -> None:
    x, y = lg.parameter([1.0, 2.0, 3.0]), lg.parameter(np.ones(3))
    for L in (np.tanh(x.max(axis=0)), np.tanh(lg.ops.sigmoid(x) @ y)):
        found = lg.compile(L, wrt=[x], inputs=[x], backend="numpy")([1.0, 2.0, 4.0])
        x.set([1.0, 2.0, 4.0])
        np.testing.assert_allclose(found[0], L.value, rtol=1e-14)
        np.testing.assert_allclose(found[1][0], lg.gradient(L, x), rtol=1e-14)


def test_the_error_names_the_input() -> None:
    W, x = lg.parameter(np.ones((2, 2)), name="W"), lg.constant(np.ones(2), name="x")
    step = lg.compile(np.sum(W @ x), wrt=W, inputs=[W, "x"])
    for args, error, name in [
        (("abc", np.ones(2)), TypeError, "W"),
        (([[1.0, 2.0], [1.0]], np.ones(2)), ValueError, "W"),
        ((np.ones((2, 2)), None), TypeError, "x"),
    ]:
        with pytest.raises(error, match=f"the value of input '{name}' of <compiled sum"):
            step(*args)
    with pytest.raises(lg.ShapeError, match=r"does not fit inputs of shapes W \(3, 3\), x \(2,\): matmul"):
        step(np.ones((3, 3)), np.ones(2))
    with pytest.raises(TypeError, match="names positional arguments, an int or several, not 'x'"):
        lg.compile(lambda x: x, wrt="x")


@pytest.mark.parametrize("size", [3, 40_000])
def test_a_result_that_is_dropped_is_gone_although_its_memory_is_used_again(size: int) -> None:
    x = lg.parameter(np.ones(size))
    step = lg.compile(np.sin(x), inputs=x)
    with no_collector():
        for k in range(3):
            found = step(np.full(size, 1.0 + k))
            gone = weakref.ref(found)
            del found
            assert gone() is None
