"""Compiled questions follow the leaves that are no inputs, to other values, shapes and dtypes."""

from __future__ import annotations

import numpy as np

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
