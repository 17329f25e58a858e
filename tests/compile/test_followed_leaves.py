"""Compiled questions follow the leaves that are no inputs, to other values, shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.compiled_questions import ON_BOTH, build_layer
from tests.helpers.op_checks import close
from tests.helpers.random_graphs import same_bits


@ON_BOTH
def test_held_leaves_are_read_at_each_call(exact: bool) -> None:
    W, b, X, L = build_layer()
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


@ON_BOTH
def test_nodes_built_on_adjoints_take_inputs_of_other_shapes(exact: bool) -> None:
    """On a copy of the graph, where these adjoints belong to no memo."""
    W, b = lg.parameter(np.ones((3, 2))), lg.parameter(np.ones(2))
    adjoint = lg.adjoint((W + b).sum(), b)
    for target, wanted in ((adjoint, 5.0), (adjoint * 2, 10.0), (adjoint + b, 6.0), (np.exp(adjoint - 5), 1.0)):
        step = lg.compile(target, inputs=[W, b], exact=exact)
        assert step(np.ones((5, 4)), np.ones(4)).tolist() == [wanted] * 4
        assert step(np.ones((5, 2)), np.ones(2)).tolist() == [wanted] * 2


def check_follows(step: Any, arguments: Sequence[Any], target: lg.Node, wrt: Sequence[lg.Node]) -> None:
    """Check that a compiled question gives values and gradients in the bits, shapes and dtypes of the memo."""
    value, gradients = step(*arguments)
    wanted = [target.value, *lg.gradient(target, list(wrt))]
    assert [(a.shape, a.dtype) for a in (value, *gradients)] == [(a.shape, a.dtype) for a in wanted]
    for a, b in zip((value, *gradients), wanted, strict=True):
        close(a, b, rtol=1e-6 if b.dtype == np.float32 else 1e-12)


STRUCTURES: dict[str, Callable[[Any, Any], Any]] = {  # of a constant c, which is set, and a number x
    "of no value at all": lambda c, x: np.sum(c) + x,
    "of its shape alone": lambda c, x: np.sum(np.broadcast_arrays(x, c)[0]) + np.sum(np.where(c > 0, 2.0 * x, x)),
    "of a mean": lambda c, x: np.mean(c * x),
    "of a part": lambda c, x: np.sum(c[1:] * x) + np.sum(c[:-1]),
    "of a transform": lambda c, x: np.sum(abs(np.fft.fft(c * x)) ** 2),
    "of a guard": lambda c, x: np.sum(np.where(c > 0, np.sqrt(c) * x, 0.0)),
    "of an adjoint": lambda c, x: np.sum(lg.adjoint(np.sum(np.sin(c * x)), c) ** 2),
    "of the adjoint of itself": lambda c, x: np.sum(lg.adjoint(np.sum(c) * x, c)) * x,
}
SHAPES = [np.ones(7), np.ones(3), np.full(2, 2.0), np.float32([1.0, 2.0, 3.0]), np.zeros(5), np.ones(3)]


@ON_BOTH
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_constant_of_another_shape_or_dtype_after_compile(structure: str, exact: bool) -> None:
    """Whether or not the program reads a value of it; also where it has gone there and back between two calls."""
    c, x = lg.constant(np.ones(3)), lg.parameter(0.7)
    L = STRUCTURES[structure](c, x)
    step = lg.compile(L, wrt=[c, x], inputs=[x], exact=exact)
    check_follows(step, [x.value], L, [c, x])
    for there in SHAPES:
        c.set(there)
        check_follows(step, [x.value], L, [c, x])
    for there in SHAPES:
        c.set(there)
        c.set(np.full(3, 0.5))
        check_follows(step, [x.value], L, [c, x])


@ON_BOTH
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_constant_that_a_compiled_function_holds_takes_another_shape(structure: str, exact: bool) -> None:
    c = lg.constant(np.ones(3))
    step = lg.compile(lambda x: STRUCTURES[structure](c, x), wrt=0, exact=exact)
    for there in (np.ones(3), *SHAPES):
        c.set(there)
        x = lg.parameter(0.7)
        L = STRUCTURES[structure](c, x)
        value, gradient = step(0.7)
        close(value, L.value, rtol=1e-6 if there.dtype == np.float32 else 1e-12)
        close(gradient, lg.gradient(L, x), rtol=1e-6 if there.dtype == np.float32 else 1e-12)
        assert value.dtype == L.value.dtype


@ON_BOTH
def test_a_held_adjoint_of_a_target_by_itself(exact: bool) -> None:
    x = lg.parameter(np.ones(3))
    L = np.sum(x * x)
    seed = lg.adjoint(L, L)
    step = lg.compile([seed, lg.adjoint(L, x)], inputs=x, exact=exact)
    for value in (np.ones(3), np.float32([1.0, 2.0]), np.ones((2, 2), np.float32), np.ones(4)):
        x.set(value)
        assert (seed.dtype, seed.value.dtype, seed.value) == (L.dtype, L.value.dtype, 1.0)
        found = step(value)
        assert (found[0].dtype, found[1].dtype, found[1].shape) == (L.dtype, x.dtype, x.shape)


def test_plans_are_made_again_where_a_leaf_takes_another_shape() -> None:
    c, x = lg.constant(np.ones(3)), lg.parameter(0.5)
    held = lg.adjoint(np.sum(np.sin(c * x) * x), c)
    target = np.sum(held * held)
    runs = 0
    for k in range(24):
        if k % 8 == 0:
            c.set(np.arange(3.0 + k))
        x.set(0.5 + k)
        c2, x2 = lg.constant(c.value), lg.parameter(x.value)
        held2 = lg.adjoint(np.sum(np.sin(c2 * x2) * x2), c2)
        wanted = lg.gradient(np.sum(held2 * held2), [c2, x2])
        assert same_bits(lg.gradient(target, [c, x]), wanted)
        if k % 8 == 7:
            runs += lg.differentiator(target).plan_info().runs
    assert runs >= 9


def test_prepared_functions_follow_what_they_hold() -> None:
    c = lg.constant(np.ones(3))

    def f(v: Any) -> Any:
        return np.sum(np.sin(v * c)) + np.sum(c)

    asked = lg.backend.prepare(f, 2.0)
    slope = lg.grad(f)
    for there in (np.ones(3), np.full(5, 2.0), np.full(5, 3.0), np.ones((2, 2)), np.full(3, 0.5)):
        c.set(there)
        for at in (2.0, 3.0, 2.0):
            close(asked.value(at), np.sum(np.sin(at * there)) + there.sum(), rtol=1e-14)
            close(asked.gradient(at), np.sum(np.cos(at * there) * there), rtol=1e-14)
            close(slope(at), np.sum(np.cos(at * there) * there), rtol=1e-14)
