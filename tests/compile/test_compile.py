"""`lazygrad.compile`: what it takes and returns, what it follows, and what it leaves alone."""

from __future__ import annotations

import copy
import gc
import inspect
import linecache
import pickle
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.collector import no_collector
from tests.helpers.op_checks import close
from tests.helpers.random_graphs import same_bits

ON_BOTH = pytest.mark.parametrize("exact", [False, True])


def shape_kept(x: lg.Node) -> Any:
    return x.shape, x.dtype


def layer() -> tuple[lg.Node, lg.Node, lg.Node, lg.Node]:
    """W, b, X, and a loss of theirs."""
    rng = np.random.default_rng(0)
    W, b = lg.parameter(rng.normal(size=(3, 2)), name="W"), lg.parameter(rng.normal(size=2), name="b")
    X = lg.constant(rng.normal(size=(4, 3)), name="X")
    return W, b, X, (np.tanh(X @ W + b) ** 2).sum()


# -- what it takes and returns -------------------------------------------------------------------------


class Pair(NamedTuple):
    first: Any
    second: Any


@ON_BOTH
def test_trees_of_targets_and_wrt_come_back_as_such(exact: bool) -> None:
    W, b, _, L = layer()
    other = (W * b).sum()
    targets = {"L": L, "rest": [other, (L * other,)]}
    step = lg.compile(targets, {"W": W, "both": Pair(b, [W])}, [W, b], exact=exact)
    values, gradients = step(W.value, b.value)
    close(values["rest"][1][0], L.value * other.value)
    for target, found in ((L, gradients["L"]), (other, gradients["rest"][0]), (L * other, gradients["rest"][1][0])):
        assert isinstance(found["both"], Pair)
        wanted = lg.gradient(target, [W, b])
        for a, e in zip((found["W"], found["both"].first, found["both"].second[0]), (*wanted, wanted[0]), strict=True):
            close(a, e, rtol=1e-12)


def test_one_target_one_wrt() -> None:
    W, _, X, L = layer()
    value, dW = lg.compile(L, W, X)(X.value)
    close(value, L.value, rtol=1e-12)
    close(dW, lg.gradient(L, W), rtol=1e-12)
    value, (dW,) = lg.compile(L, [W], [X])(X.value)
    close(lg.compile(L, inputs=X)(X.value), value, rtol=1e-12)
    assert lg.compile([L], W)()[0][0].shape == ()
    assert lg.compile([], W)() == ([], [])
    assert lg.compile(L, [])()[1] == []


def test_inputs_by_position_and_by_name() -> None:
    W, b, X, L = layer()
    wanted = lg.gradient(L, W)
    w, x = 2 * W.value, 3 * X.value
    step = lg.compile(L, "W", [W, X])
    expected = step(w, x)
    for found in (step(w, X=x), step(W=w, X=x), step(X=x, W=w)):
        assert same_bits(found, expected)
    close(step(X=X.value)[1], wanted)  # left out, an input keeps the value of its leaf
    W.set(w)
    assert same_bits(step(X=x), expected)
    by_key = lg.compile(L, W, {"weights": W, "data": X})
    assert same_bits(by_key(data=x), expected)
    assert same_bits(by_key(w, data=x), expected)
    nested = lg.compile(L, W, {"weights": [W], "rest": (X, {"b": b})})
    assert same_bits(nested(w, x, b.value), expected)
    assert same_bits(nested(W=w, X=x), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda step: step([1.0, 2.0], 1.0, 2.0), "takes 2 inputs, but got 3"),
        (lambda step: step(y=1.0), "has no input named 'y'.* x"),
        (lambda step: step([1.0, 2.0], x=[1.0, 2.0]), "value for its input 'x' twice"),
        (lambda step: step(np.array([1, 2])), "must be floating point"),
        (lambda step: step(["a", "b"]), "must be floating point"),
        (lambda step: step(None), "must be floating point"),
        (lambda step: step(np.ma.array([1.0, 2.0])), "masked"),
        (lambda step: step(lg.parameter([1.0, 2.0])), "pass `node.value`"),
        (lambda step: step(np.array([1.0, 2.0], object)), "must be floating point"),
    ],
)
def test_refused_arguments(call: Callable[[Any], Any], message: str) -> None:
    x, c = lg.parameter([1.0, 2.0], name="x"), lg.parameter(3.0)
    step = lg.compile((x * c).sum(), x, [x, c])
    with pytest.raises(TypeError, match=message):
        call(step)
    np.testing.assert_array_equal(step([1.0, 2.0], 2.0)[0], 6.0)


def test_a_shape_that_does_not_fit() -> None:
    W, _, X, L = layer()
    step = lg.compile(L, W, [W, X])
    with pytest.raises(lg.ShapeError, match="matmul"):
        step(np.ones((5, 2)), X.value)
    close(step(W.value, X.value)[1], lg.gradient(L, W))
    assert (W.shape, X.shape) == ((3, 2), (4, 3))


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda x: lg.compile(x * 2, x, [x]), TypeError, "one element"),
        (lambda x: lg.compile(x.sum(), x, [x * 2]), TypeError, "an input must be a leaf"),
        (lambda x: lg.compile(x.sum(), x, [x, x]), TypeError, "named twice"),
        (lambda x: lg.compile(x.sum(), "nobody", [x]), KeyError, "nobody"),
        (lambda x: lg.compile(x.sum(), np.ones(2), [x]), TypeError, "wrt must be a node"),
        (lambda x: lg.compile(3.0, x, [x]), TypeError, "expected a node"),
        (lambda x: lg.compile(x.sum(), x, [3.0]), TypeError, "expected a node"),
        (lambda x: lg.compile(np.argmax(x), x, [x]), TypeError, "floating point"),
        (lambda x: lg.compile(x.sum(), lg.constant([1]), [x]), lg.NotDifferentiableError, "no derivative"),
        (lambda x: lg.compile(x.sum(), backend="fortran"), ValueError, "backend"),
        (lambda x: lg.compile(x.sum(), specializations=0), ValueError, "specializations"),
        (lambda x: lg.compile(x.sum(), specializations=True), ValueError, "specializations"),
        (lambda x: lg.compile(np.sin, 0, [x]), TypeError, "without `inputs`"),
        (lambda x: lg.compile(lambda y: y, 0)(x), TypeError, "does not take the node"),
        (lambda x: lg.compile(lambda y: y, 0)(np.ones(3)), TypeError, "one number"),
        (lambda x: lg.compile(lambda y: y, 1)(1.0), TypeError, "argnums"),
        (lambda x: lg.compile(lambda y: y, 0)(1), TypeError, "floating point"),
    ],
)
def test_refused_questions(made: Callable[[lg.Node], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made(lg.parameter([1.0, 2.0]))


def test_two_inputs_of_one_name_are_given_by_position() -> None:
    a, b = lg.parameter(1.0, name="x"), lg.parameter(2.0, name="x")
    step = lg.compile(a - b, inputs=[a, b])
    with pytest.raises(TypeError, match="2 inputs named 'x': give them by position"):
        step(x=3.0)
    np.testing.assert_array_equal(step(5.0, 3.0), 2.0)


@ON_BOTH
def test_lists_numbers_and_other_spellings_of_arrays(exact: bool) -> None:
    x, c = lg.parameter([1.0, 2.0]), lg.parameter(2.0)
    step = lg.compile((x * c).sum(), [x, c], [x, c], exact=exact)
    wanted = step(np.array([3.0, 4.0]), np.float64(5.0))
    for xs in ([3.0, 4.0], (3, 4), np.array([3.0, 4.0], ">f8"), np.array([[3.0], [4.0]])[:, 0], np.float32([3, 4])):
        for cs in (5.0, 5, np.array(5.0)):
            found = step(xs, cs)
            assert found[0] == wanted[0]
            close(found[1][1], wanted[1][1])
    assert step.statistics.specialisations == 2  # one for single precision


@ON_BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0), (1, 1)])
def test_dtypes_and_shapes(dtype: Any, shape: tuple[int, ...], exact: bool) -> None:
    rng = np.random.default_rng(0)
    first, second = (
        rng.normal(size=shape).astype(dtype) * dtype(1 - 0.5j if dtype is np.complex128 else 1) for _ in "ab"
    )
    x = lg.parameter(first)
    L = (x * x * 0.5).sum().real + abs(x).sum() * 2
    step = lg.compile([L, x * 2], inputs=x, exact=exact)
    gradient = lg.compile(L, x, x, exact=exact)
    for value in (first, second):
        x.set(value)
        for found, wanted in ((step(value), [L.value, (x * 2).value]), (gradient(value), (L.value, lg.gradient(L, x)))):
            for a, b in zip(found, wanted, strict=True):
                assert a.__class__ is np.ndarray
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                close(a, b, rtol=1e-6 if dtype is np.float32 else 1e-12)


def test_integer_labels_and_masks() -> None:
    rng = np.random.default_rng(0)
    s, y, mask = (
        lg.parameter(rng.normal(size=(4, 3))),
        lg.constant([0, 1, 2, 0]),
        lg.constant([True, False, True, True]),
    )
    L = (lg.ops.cross_entropy(s, y) * mask).sum()
    step = lg.compile(L, s, {"s": s, "y": y, "mask": mask})
    labels, kept = np.array([2, 2, 1, 0]), np.array([False, True, True, True])
    found = step(s.value, labels, kept)
    with pytest.raises(IndexError, match=r"labels must lie in 0\.\.2"):
        step(s.value, [0, 1, 2, 3], kept)
    lg.update({y: labels, mask: kept})
    close(found[0], L.value, rtol=1e-12)
    close(found[1], lg.gradient(L, s), rtol=1e-12)
    values = lg.compile([s > 0, np.argmax(s, axis=1), (s > 0).sum()], inputs=s)(s.value)
    assert [v.dtype for v in values] == [bool, np.intp, np.intp]


def test_adjoints_and_hessian_vector_products_as_targets() -> None:
    W, b, _, L = layer()
    v = lg.constant(np.ones((3, 2)), name="v")
    dW, db = lg.adjoint(L, W), lg.adjoint(L, b)
    product = lg.adjoint((dW * v).sum(), W)
    step = lg.compile([dW, db, product], inputs=[W, v], exact=True)
    for scale in (1.0, 0.3):
        found = step(scale * W.value, scale * v.value)
        lg.update({W: scale * W.value, v: scale * v.value})
        assert same_bits(found, [dW.value, db.value, product.value])


def test_what_does_not_lead_to_the_target_has_zeros() -> None:
    x, apart = lg.parameter([1.0, 2.0]), lg.parameter(np.float32([[1.0, 2.0]]))
    step = lg.compile((x * x).sum(), [x, apart], [x, apart])
    for value in ([[5.0, 6.0]], np.ones((3, 2), np.float32)):
        _, (dx, zero) = step([3.0, 4.0], np.float32(value))
        np.testing.assert_array_equal(dx, [6.0, 8.0])
        assert same_bits(zero, np.zeros(np.shape(value), np.float32))


def test_a_leaf_as_target_and_the_target_as_wrt() -> None:
    x = lg.parameter(3.0)
    L = x * x
    np.testing.assert_array_equal(lg.compile(x, x, x)(5.0), (5.0, 1.0))
    np.testing.assert_array_equal(lg.compile(L, [L, x], x)(5.0)[1], [1.0, 10.0])


# -- exactly the work there is -------------------------------------------------------------------------


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
    W, b, X, L = layer()
    with lg.record() as report:
        step = lg.compile(L, [W, b], [W, b, X])
        step(0 * W.value, b.value, X.value)
        step(np.ones((3, 5)), np.ones(5), np.ones((2, 3)))
    assert (report.values.misses, report.adjoints.misses, report.rules_run) == (0, 0, 0)
    assert L._value is None
    assert [i.shape for i in (W, b, X)] == [(3, 2), (2,), (4, 3)]
    assert lg.gradient(L, W).any()


# -- whose arrays are whose ----------------------------------------------------------------------------


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


# -- what is followed ----------------------------------------------------------------------------------


@ON_BOTH
def test_held_leaves_are_read_at_each_call(exact: bool) -> None:
    W, b, X, L = layer()
    step = lg.compile(L, [W, b], X, exact=exact)
    for _ in range(3):
        W.set(W.value * 0.5)
        b.set(b.value + 1.0)
        value, gradients = step(X.value)
        close(value, L.value, rtol=1e-12)
        for a, e in zip(gradients, lg.gradient(L, [W, b]), strict=True):
            close(a, e, rtol=1e-12)
    other = np.ones((2, 3))
    close(step(other)[0], (np.tanh(other @ W.value + b.value) ** 2).sum(), rtol=1e-12)
    b.set([0.0, 0.0])
    close(step(other)[0], (np.tanh(other @ W.value) ** 2).sum(), rtol=1e-12)


@ON_BOTH
def test_a_held_leaf_of_another_shape_or_dtype(exact: bool) -> None:
    x, c = lg.parameter(np.float32([1.0, 2.0])), lg.constant(np.float32([1.0, 1.0]))
    y = x * c
    step = lg.compile(y.sum(), x, x, exact=exact)
    values = lg.compile(y, inputs=x, exact=exact)
    given = np.float32([3.0, 4.0])
    for other in ([0.1, 0.2], [[1.0, 2.0], [3.0, 4.0]], np.float32([2.0, 2.0]), [0.5]):
        c.set(np.asarray(other) if isinstance(other, list) else other)
        x.set(given)
        assert same_bits(values(given), y.value)
        L = y.sum()
        found = step(given)
        assert (found[0].dtype, found[1].dtype) == (L.dtype, np.float32)
        close(found[0], L.value)
        close(found[1], lg.gradient(L, x))
    X, t, w = lg.constant(np.ones((4, 2))), lg.constant(np.ones(4)), lg.parameter([1.0, 2.0])
    loss = ((X @ w - t) ** 2).sum()
    step = lg.compile(loss, w, [X, w], exact=exact)
    for n in (4, 3, 4, 5):
        lg.update({X: np.ones((n, 2)), t: np.zeros(n)})
        np.testing.assert_array_equal(step(np.ones((n, 2)), [1.0, 2.0])[0], 9.0 * n)


@ON_BOTH
def test_a_number_in_an_expression_that_is_set(exact: bool) -> None:
    x = lg.parameter([1.0, 2.0])
    y = (x * 5).sum()
    number = y.inputs[0].inputs[1]
    step = lg.compile(y, x, x, exact=exact)
    np.testing.assert_array_equal(step([1.0, 1.0])[1], [5.0, 5.0])
    step([1.0, 1.0, 1.0])  # on a copy of the graph, with a number of its own
    number.set(7.0)
    np.testing.assert_array_equal(step([1.0, 1.0])[1], [7.0, 7.0])
    np.testing.assert_array_equal(step([1.0, 1.0, 1.0])[1], [7.0] * 3)
    number.set(8.0)
    np.testing.assert_array_equal(step([1.0, 1.0, 1.0])[1], [8.0] * 3)


def test_a_number_in_an_expression_as_an_input() -> None:
    x = lg.parameter([1.0, 2.0])
    y = x * 5
    step = lg.compile(y, inputs=y.inputs[1])
    np.testing.assert_array_equal(step(3.0), [3.0, 6.0])
    np.testing.assert_array_equal(step(4.0), [4.0, 8.0])


def test_a_guard_is_made_for_what_the_graph_is_now() -> None:
    """The guarded schedule is made when it is first needed, and the graph may have other shapes by then."""
    x = lg.parameter([1.0, 2.0])
    L = np.where(x > 0, np.sqrt(x), 0.0).sum()
    step = lg.compile(L, x, x)
    step([1.0, 4.0])
    x.set([1.0, 2.0, 3.0])
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(step([0.0, 4.0])[1], [0.0, 0.25])
        np.testing.assert_array_equal(step([0.0, 4.0, 1.0])[1], [0.0, 0.25, 0.5])


# -- guards of singular derivatives --------------------------------------------------------------------


@ON_BOTH
def test_a_nan_that_a_guard_keeps_out(exact: bool) -> None:
    x = lg.parameter([1.0, 4.0])
    L = np.where(x > 0, np.sqrt(x), 0.0).sum()
    step = lg.compile(L, x, x, exact=exact)
    np.testing.assert_array_equal(step([1.0, 4.0])[1], [0.5, 0.25])
    assert step.statistics.guarded == 0
    with np.errstate(divide="ignore"):  # 1 / sqrt(0) is what the walk warns of, too
        for k in range(1, 6):
            np.testing.assert_array_equal(step([0.0, 4.0])[1], [0.0, 0.25])
            assert step.statistics.guarded == k
    assert step.statistics.specialisations == 1
    x.set([np.nan, 1.0])
    np.testing.assert_array_equal(lg.compile(L, x, x, exact=exact)(x.value)[1], lg.gradient(L, x))


def warned(ask: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        ask()
    return sorted({str(w.message).partition(" encountered")[0] for w in found})


@ON_BOTH
def test_warnings_are_those_of_the_walk(exact: bool) -> None:
    def unguarded(x: Any) -> Any:  # 0 * inf, were it not for the guard; no warning
        return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0).sum()

    questions = [
        (unguarded, [0.0, 2.0]),
        (lambda x: np.exp(x).sum(), [1000.0, 1.0]),
        (lambda x: np.log(x).sum(), [0.0, 1.0]),
        (lambda x: np.sqrt(x).sum(), [-1.0, 1.0]),
        (lambda x: np.where(x > 0, x * lg.constant([np.inf, 1.0]), 0.0).sum(), [-1.0, 1.0]),
        (lambda x: (x * 1e200 * x).sum(), [1.0, 1.0]),  # whose square would overflow
        (lambda x: (1.0 / x).sum(), [0.0, 1.0]),
    ]
    for f, at in questions:
        x = lg.parameter(at)
        L = f(x)
        step = lg.compile(L, x, x, exact=exact)
        told = warned(lambda step=step, at=at: step(at))
        assert told == warned(lambda L=L, x=x: (L.value, lg.gradient(L, x)))
        with np.errstate(all="ignore"):
            assert warned(lambda step=step, at=at: step(at)) == []


@pytest.mark.parametrize("at", [0.0, -0.0, 1000.0, -1000.0, np.inf, -np.inf, np.nan, -8.0, 1e-320])
def test_numbers_where_python_raises_and_numpy_goes_on(at: float) -> None:
    x = lg.parameter(1.0)
    targets = [1 / x, np.log(x), np.exp(x), x ** (1 / 3), np.sqrt(x), x**-2, np.where(x > 0, 1 / x, 0.0), np.sin(x)]
    for target in targets:
        step = lg.compile(target, x, x, backend="numpy")
        step(2.0)
        with np.errstate(all="ignore"):
            x.set(at)
            np.testing.assert_allclose(step(at), (target.value, lg.gradient(target, x)), rtol=1e-12)
            x.set(1.0)


# -- specialisation ------------------------------------------------------------------------------------


def test_a_schedule_for_each_shape_and_dtype_and_no_more_than_are_kept() -> None:
    x = lg.parameter([1.0, 2.0])
    step = lg.compile((x * x).sum(), x, x, specializations=3)
    for n in (2, 3, 4, 3, 2):
        np.testing.assert_array_equal(step(np.full(n, 2.0))[1], np.full(n, 4.0))
    statistics = step.statistics
    assert (statistics.calls, statistics.specialisations, statistics.evicted) == (5, 3, 0)
    step(np.ones(5))
    assert (statistics.specialisations, statistics.evicted) == (4, 1)
    step(np.ones(3))
    assert (statistics.specialisations, statistics.evicted) == (4, 1)
    assert step(np.ones(2, np.float32))[1].dtype == np.float32
    assert step(np.ones((2, 2)))[1].shape == (2, 2)
    assert (statistics.specialisations, statistics.evicted) == (6, 3)
    assert shape_kept(x) == ((2,), np.float64)


def test_branches_of_a_function() -> None:
    def f(x: Any) -> Any:
        if (x > 0).all():
            return (2 * x).sum()
        return (3 * x).sum() if x[0] > -10 else (x * x).sum()

    step = lg.compile(f, wrt=0, specializations=2)
    for _ in range(3):
        np.testing.assert_array_equal(step(np.array([1.0, 2.0]))[1], [2.0, 2.0])
        np.testing.assert_array_equal(step(np.array([-1.0, 2.0]))[1], [3.0, 3.0])
    assert (step.statistics.calls, step.statistics.specialisations, step.statistics.evicted) == (6, 2, 0)
    np.testing.assert_array_equal(step(np.array([-11.0, 1.0]))[1], [-22.0, 2.0])
    assert (step.statistics.specialisations, step.statistics.evicted) == (3, 1)
    for value, slope in (([1.0, 2.0], [2.0, 2.0]), ([-1.0, 2.0], [3.0, 3.0]), ([-11.0, 1.0], [-22.0, 2.0])):
        np.testing.assert_array_equal(step(np.array(value))[1], slope)


def test_looks_at_values() -> None:
    """bool, item and a loop whose length depends on a value."""

    def halved(x: Any) -> Any:
        while x > 1:
            x = x / 2
        return x

    step = lg.compile(halved, wrt=0, specializations=4)
    for value in (1.5, 3.0, 6.0, 12.0, 6.5, 1.7, 0.5):
        steps = max(0, int(np.ceil(np.log2(value))))
        np.testing.assert_array_equal(step(value), (value / 2**steps, 0.5**steps))

    scaled = lg.compile(lambda x: (x * x.max().item()).sum(), wrt=0)
    for value in ([1.0, 2.0], [3.0, 2.0], [1.0, 2.0]):
        np.testing.assert_array_equal(scaled(np.array(value))[1], [max(value)] * 2)

    direct = lg.compile(lambda x: x * (2 if x.item() > 0 else 3), wrt=0)
    for value in (1.0, -1.0, 1.0, -2.0, 0.0, np.nan, np.nan):
        np.testing.assert_array_equal(direct(value)[1], 2 if value > 0 else 3)
    signed = lg.compile(lambda x: x * np.copysign(1.0, (x * 1.0).item()), wrt=0)
    for value in (0.0, -0.0, 0.0):
        np.testing.assert_array_equal(signed(value)[1], np.copysign(1.0, value))
    counted = lg.compile(lambda x: sum(x[k] for k in range((x > 0).sum().item())), wrt=0)
    for value in ([1.0, 2.0, -3.0], [1.0, -2.0, -3.0], [1.0, 2.0, 3.0]):
        wanted = np.arange(3) < sum(v > 0 for v in value)
        np.testing.assert_array_equal(counted(np.array(value))[1], wanted)


def test_a_look_at_a_sum_whose_last_bits_decide() -> None:
    rng = np.random.default_rng(0)
    step = lg.compile(lambda x: (x * x.sum(axis=0)[0].item()).sum(), wrt=0)
    for _ in range(4):
        x = rng.normal(size=(300, 7))
        close(step(x)[0], x.sum() * x.sum(axis=0)[0], rtol=1e-12)


def test_a_branch_on_a_leaf_outside() -> None:
    w = lg.parameter(2.0)
    step = lg.compile(lambda x: x * 2 if w > 0 else x * 3, wrt=0)
    other = lg.compile(lambda x: x * (2 if w.item() > 0 else 3), wrt=0)
    for value, slope in ((1.0, 2.0), (-1.0, 3.0), (5.0, 2.0)):
        w.set(value)
        assert step(1.0)[1] == slope
        assert other(1.0)[1] == slope


# -- functions -----------------------------------------------------------------------------------------


@ON_BOTH
def test_functions_of_trees_and_keywords(exact: bool) -> None:
    def loss(params: Any, x: Any, scale: float = 1.0, kind: str = "square") -> Any:
        y = np.tanh(x @ params["W"] + params["b"][0])
        return ((y**2 if kind == "square" else abs(y)) * scale).sum()

    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(3, 2)), "b": [rng.normal(size=2), "note"]}
    x = rng.normal(size=(4, 3))
    step = lg.compile(loss, wrt=0, exact=exact)
    for kwargs in ({}, {"scale": 2.0}, {"kind": "absolute"}, {"scale": np.array(3.0)}, {"scale": np.array(4.0)}):
        for shift in (0.0, 0.1):
            moved = {"W": params["W"] + shift, "b": [params["b"][0] - shift, "note"]}
            value, gradient = step(moved, x, **kwargs)
            wanted, wanted_gradient = lg.value_and_grad(loss)(moved, x, **kwargs)
            close(value, wanted, rtol=1e-12)
            close(gradient["W"], wanted_gradient["W"], rtol=1e-12)
            close(gradient["b"][0], wanted_gradient["b"][0], rtol=1e-12)
            assert gradient["b"][1] == "note"
    assert step.statistics.specialisations == 4
    value, (gradient, dx) = lg.compile(loss, wrt=(0, 1))(params, x)
    close(dx, lg.grad(loss, argnums=1)(params, x), rtol=1e-12)


def test_arguments_that_look_alike_to_a_hasty_check() -> None:
    f = lg.compile(lambda x: (x["a"] ** 2).sum(), wrt=0)
    np.testing.assert_array_equal(f({"a": np.ones(2)})[0], 2.0)
    np.testing.assert_array_equal(f({"a": np.full(2, 3.0)})[0], 18.0)
    f = lg.compile(lambda x: x**2, wrt=0)
    assert f(2.0)[1].dtype == np.float64
    assert f(np.float32(3.0))[1].dtype == np.float32
    assert f(np.array(3.0))[1] == 6.0
    f = lg.compile(lambda x, n: x**n, wrt=0)
    assert [float(f(2.0, n)[0]) for n in (2, 3, 2.0, True)] == [4.0, 8.0, 4.0, 2.0]
    f = lg.compile(lambda x: x * 2.0)
    np.testing.assert_array_equal(f(2.0), 4.0)
    np.testing.assert_array_equal(f(np.ones(2)), [2.0, 2.0])
    f = lg.compile(lambda name: np.ones(3) if name == "ones" else np.zeros(2))
    np.testing.assert_array_equal(f("ones"), np.ones(3))
    np.testing.assert_array_equal(f("zeros"), np.zeros(2))


def test_functions_without_wrt_return_what_the_function_returns() -> None:
    f = lg.compile(lambda x, k: {"twice": 2 * x, "rest": [x.sum(), "text", None, k]})
    for value in (np.array([1.0, 2.0]), np.array([3.0, 4.0])):
        found = f(value, 7)
        np.testing.assert_array_equal(found["twice"], 2 * value)
        assert found["rest"] == [value.sum(), "text", None, 7]


def test_leaves_that_a_function_closes_over() -> None:
    w = lg.parameter([2.0, 3.0], name="w")
    inner = np.exp(w)
    f = lg.compile(lambda x: (w * x * inner).sum(), wrt=0)
    for value in ([2.0, 3.0], [5.0, 7.0], [1.0, 2.0, 3.0], [1.0, 1.0]):
        w.set(value)
        found = f(np.ones(len(value)))[1]
        np.testing.assert_allclose(found, np.array(value) * np.exp(value), rtol=1e-15)


def test_a_function_that_raises() -> None:
    def f(x: Any) -> Any:
        if x.shape == (3,):
            raise RuntimeError("not three")
        return (x * x).sum()

    step = lg.compile(f, wrt=0)
    step(np.ones(2))
    with pytest.raises(RuntimeError, match="not three"):
        step(np.ones(3))
    np.testing.assert_array_equal(step(np.ones(2))[1], [2.0, 2.0])
    assert step.statistics.specialisations == 1


# -- errors in the middle, threads, calls within calls -------------------------------------------------


def watched(before: Callable[[Any], None]) -> Any:
    @lg.primitive(vjp={"x": lambda g: g}, shape=lambda x: (x.shape, x.dtype))
    def watching(x: Any) -> Any:
        before(x)
        return x * 1.0

    return watching


@ON_BOTH
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, ValueError, FloatingPointError])
def test_an_exception_in_the_middle(error: type[BaseException], exact: bool) -> None:
    def before(x: Any) -> None:
        if (x == 0).all():
            raise error("in the middle")

    x = lg.parameter(np.ones(3))
    L = np.tanh(watched(before)(x * 2.0) * x).sum()
    step = lg.compile(L, x, x, exact=exact)
    first = step(np.ones(3))
    for _ in range(2):
        with pytest.raises(error, match="in the middle"):
            step(np.zeros(3))
        assert same_bits(step(np.ones(3)), first)


@ON_BOTH
def test_a_call_within_a_call(exact: bool) -> None:
    results: list[Any] = []

    def before(value: Any) -> None:
        k = len(results)
        if k < 2:
            results.append(None)
            results[k] = step(np.full(3, 2.0 + k))

    x = lg.parameter(np.ones(3))
    y = np.tanh(x) * 2.0
    L = (watched(before)(y) * y).sum()
    step = lg.compile(L, x, x, exact=exact)
    found = step(np.full(3, 0.5))
    for value, result in ((0.5, found), (2.0, results[0]), (3.0, results[1])):
        assert same_bits(result, step(np.full(3, value)))


def in_threads(work: Callable[[int], None], count: int = 4) -> None:
    errors: list[BaseException] = []

    def run(k: int) -> None:
        try:
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads() -> None:
    x = lg.parameter(np.ones(50))
    nodes = lg.compile((np.tanh(x) * x).sum(), x, x, specializations=2)
    function = lg.compile(lambda v: (np.tanh(v) * v).sum() * (1 if v[0] > 0 else 2), wrt=0, specializations=2)

    def work(k: int) -> None:
        for turn in range(60):
            v = np.full(50 + k % 3, 0.01 * (turn + 1) * (-1) ** turn)
            slope = (1 - np.tanh(v) ** 2) * v + np.tanh(v)
            close(nodes(v)[1], slope, rtol=1e-12)
            close(function(v)[1], slope * (1 if v[0] > 0 else 2), rtol=1e-12)

    in_threads(work)
    assert nodes.statistics.calls == function.statistics.calls == 240


# -- copies, pickles, sources, names -------------------------------------------------------------------


def square(x: Any) -> Any:
    return (x * x).sum()


def test_pickles_and_copies_ask_the_same() -> None:
    W, b, X, L = layer()
    step = lg.compile({"L": L}, [W, b], {"data": X}, exact=True, specializations=5)
    wanted = step(data=2 * X.value)
    for other in (pickle.loads(pickle.dumps(step)), copy.deepcopy(step), copy.copy(step)):
        assert same_bits(other(data=2 * X.value), wanted)
        assert other.statistics.calls == 1
    W.set(0 * W.value)
    assert same_bits(copy.deepcopy(step)(), step())
    f = lg.compile(square, wrt=0)
    assert same_bits(pickle.loads(pickle.dumps(f))(np.ones(2)), f(np.ones(2)))
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(lg.compile(lambda x: x, wrt=0))


def test_the_source_stands_in_tracebacks_and_goes_with_the_schedule() -> None:
    def before(x: Any) -> None:
        if x[0] > 5:
            raise RuntimeError("too large")

    x = lg.parameter([1.0, 2.0], name="x")
    h = np.tanh(watched(before)(x))
    h.name = "hidden"
    step = lg.compile(h.sum(), x, x)
    assert "# hidden" in step.schedule.source
    lines = [line for line in step.schedule.source.splitlines() if not line.startswith("    #")]
    assert step.schedule.steps == len(lines) - 3
    linecache.checkcache()
    with pytest.raises(RuntimeError) as caught:
        step([7.0, 2.0])
    told = "".join(traceback.format_exception(caught.value))
    assert "<lazygrad schedule" in told
    assert "= watching(x)" in told
    assert inspect.getsource(step.schedule._ready[0]).rstrip() == step.schedule.source.rstrip()
    name = step.schedule._ready[0].__code__.co_filename
    assert name in linecache.cache
    del caught, step
    gc.collect()
    assert name not in linecache.cache


NAMES = [
    "s",
    "b0",
    "v1",
    "k0",
    "o0",
    "f3",
    "w1",
    "i",
    "map",
    "float",
    "abs",
    "dot",
    "empty",
    "copyto",
    "scalar",
    "class",
]
NAMES += ["relu", "None", "schedule", "NotANumber", "new_o0", "x²", "a\nb", "1st", "θ", "", "_", "view3", "__import__"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_leaf_or_node(name: str) -> None:
    x, z = lg.parameter([1.0, 2.0], name=name), lg.parameter(2.0, name=name)
    h = np.exp(x)
    h.name = "first\nraise ValueError"
    L = (lg.ops.relu(x) * z * np.tanh(z) + abs(x) / h).sum()
    L.name = f"{name}\nraise ValueError"
    q = np.sin(z) * abs(z) * z
    q.name = L.name
    step, number = lg.compile([L, x], inputs=[x, z]), lg.compile(q, z, z, backend="numpy")
    gradients = lg.compile(L, [x, z], [x, z], exact=True)
    assert "ValueError" not in [line.strip() for line in step.schedule.source.splitlines()]
    lg.update({x: [3.0, 4.0], z: 1.5})
    close(step([3.0, 4.0], 1.5)[0], L.value)
    assert same_bits(gradients([3.0, 4.0], 1.5), (L.value, lg.gradient(L, [x, z])))
    close(number(1.5)[0], q.value)


def test_names_that_python_takes_for_one() -> None:
    a, b = lg.parameter(1.0, name="µ"), lg.parameter(2.0, name="μ")
    np.testing.assert_array_equal(lg.compile(a * b, inputs=[a, b])(3.0, 4.0), 12.0)


def test_what_it_says_of_itself() -> None:
    x = lg.parameter([1.0, 2.0], name="x")
    L = (x * x).sum()
    L.name = "loss"
    step = lg.compile(L, x, x)
    step([1.0, 2.0])
    assert repr(step) == "<compiled loss, 1 calls, 1 schedules>"
    assert "steps" in repr(step.schedule)
    with pytest.raises(ValueError, match="has not been called yet"):
        lg.compile(square, wrt=0).schedule  # noqa: B018


# -- memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (200, 200)])
def test_nothing_is_left_behind(shape: tuple[int, ...]) -> None:
    """C6: with the collector off, all goes with the last reference."""
    with no_collector():
        x = lg.parameter(np.ones(shape), name="x")
        L = (np.exp(np.tanh(x)) * x).sum()
        step = lg.compile([L, lg.adjoint(L, x)], inputs=x)
        step(np.ones(shape))
        step(np.ones((2, *shape)))
        f = lg.compile(square, wrt=0)
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
    mine = watched(lambda x: None)
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
