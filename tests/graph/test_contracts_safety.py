"""Contracts C5 and C9: nobody can reach into the memo, and dtypes and shapes are those of the leaves.

C6 is in test_contracts_memory, C7 in test_contracts_depth, C8 in test_contracts_interrupts, C10 in test_errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._declare import op
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import same_bits

# -- C5: arrays in and out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lg.parameter, lg.constant])
@pytest.mark.parametrize("how", ["create", "set", "assign"])
def test_arrays_passed_in_are_copied(make: Callable[[Any], lg.Node], how: str) -> None:
    mine = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = make(mine if how == "create" else np.zeros((2, 2)))
    if how == "set":
        x.set(mine)
    if how == "assign":
        x.value = mine
    L = (x * x).sum()
    assert L.value == 30.0
    gradient = lg.gradient(L, x)
    mine[:] = 7.0
    assert mine.flags.writeable
    assert x.value.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    lg.differentiator(L).cache_clear()
    assert same_bits(lg.gradient(L, x), gradient)


def test_arrays_in_expressions_cotangents_and_indices_are_copied() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    factor, index, cotangent = np.array([2.0, 3.0, 4.0]), np.array([0, 2]), np.array([1.0, 10.0])
    y = (x * factor)[index]
    d = lg.Differentiator(y, cotangent=cotangent)
    factor[:], index[:], cotangent[:] = 0.0, 1, 0.0
    assert y.value.tolist() == [2.0, 12.0]
    assert d.gradient(x).tolist() == [2.0, 0.0, 40.0]


def test_a_view_of_a_leafs_value_stays_what_it_was() -> None:
    """`set` may reuse the array of the leaf only if nobody else can see it."""
    x = lg.parameter([1.0, 2.0, 3.0])
    whole, part, turned = x.value, x.value[1:], (x.reshape(3, 1)).value
    derived = np.broadcast_to(x, (2, 3)).value
    gradient = lg.gradient((x * lg.constant([1.0, 0.0, 2.0])).sum(), x)
    x.set([7.0, 8.0, 9.0])
    assert whole.tolist() == [1.0, 2.0, 3.0]
    assert part.tolist() == [2.0, 3.0]
    assert turned.tolist() == [[1.0], [2.0], [3.0]]
    assert derived.tolist() == [[1.0, 2.0, 3.0]] * 2
    assert gradient.tolist() == [1.0, 0.0, 2.0]
    for step in range(5):  # nobody holds the old array: may be reused, must be right
        x.set(np.full(3, float(step)))
        assert x.value.tolist() == [step] * 3


def test_a_buffer_that_shares_memory_with_the_leaf() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    y = x * 1.0
    x.set(x.value[::-1])
    assert x.value.tolist() == y.value.tolist() == [3.0, 2.0, 1.0]
    x.set(x.value[::-1])
    assert x.value.tolist() == y.value.tolist() == [1.0, 2.0, 3.0]


def answers() -> dict[str, Callable[[], Any]]:
    """Questions whose answers come from the memo, or are views of what is in there."""
    x, v, one = lg.parameter(np.arange(1.0, 7.0).reshape(2, 3)), lg.parameter([1.0, 2.0, 3.0]), lg.parameter([2.0])
    squares, total, row, product = (x * x).sum(), x.sum(), lg.ops.logsumexp(x, axis=0), (x @ v).sum()
    nodes = {
        "leaf": x,
        "value": np.exp(x),
        "0-d value": squares,
        "reshape": x.reshape(3, 2),
        "transpose": x.T,
        "slice": x[0],
        "take": x[lg.constant([0, 1])],
        "broadcast": np.broadcast_to(v, (4, 3)),
        "logsumexp": row,
        "pick": lg.ops.pick(x, lg.constant([0, 2])),
        "concatenate": lg.ops.concatenate(v, v),
        "adjoint": lg.adjoint(squares, x),
    }
    d = lg.Differentiator(x * 1.0, cotangent=np.ones((2, 3)))
    asked: dict[str, Callable[[], Any]] = {
        "gradient": lambda: lg.gradient(squares, x),
        "0-d gradient": lambda: lg.gradient(product, product),
        "gradient that is the seed": lambda: lg.gradient(one, one),
        "gradient that is a view": lambda: lg.gradient(total, x),
        "gradient by a vector": lambda: lg.gradient(product, v),
        "gradient by a matrix": lambda: lg.gradient(product, x),
        "gradient of a row": lambda: lg.gradient(row, x, cotangent=[1.0, 2.0, 3.0]),
        "zero gradient": lambda: lg.gradient(total, [x, v])[1],
        "cotangent": lambda: d.gradient(x),
        "seed of a cotangent": lambda: d.gradient(d.target),
        "contribution": lambda: lg.differentiator(squares).contributions(x)[0].value,
        "contribution that is a view": lambda: lg.differentiator(total).contributions(x)[0].value,
    }
    return {name: (lambda node=node: node.value) for name, node in nodes.items()} | asked


@pytest.mark.parametrize("name", answers())
def test_answers_are_read_only_and_opening_them_changes_nothing(name: str) -> None:
    ask = answers()[name]
    answer = ask()
    truth = answer.copy()
    assert isinstance(answer, np.ndarray)
    assert not answer.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        answer[...] = -1.0
    try:
        answer.flags.writeable = True
        answer[...] = -1.0
    except ValueError:
        assert same_bits(answer, truth)
    assert same_bits(ask(), truth)


def test_opening_an_answer_by_force_changes_no_other() -> None:
    x = lg.parameter(np.arange(1.0, 5.0))
    A = lg.constant(np.arange(12.0).reshape(3, 4))
    y = lg.ops.logsumexp(A @ x * 0.1, axis=0)
    L = y * y
    asked = {
        "x": lambda: x.value,
        "y": lambda: y.value,
        "L": lambda: L.value,
        "dx": lambda: lg.gradient(L, x),
        "dy": lambda: lg.gradient(L, y),
        "seed": lambda: lg.gradient(L, L),
    }
    truth = {name: ask().copy() for name, ask in asked.items()}
    for ask in asked.values():
        answer = ask()
        try:
            answer.flags.writeable = True
            answer[...] = -1.0
        except ValueError:
            continue
    for name, ask in asked.items():
        assert same_bits(ask(), truth[name]), name
    check_invariants([L])


def test_an_op_that_gives_away_its_own_array() -> None:
    """A function that returns a view of an array it keeps must not reach into the memo with it."""
    kept = np.zeros((2, 3))

    def function(x: Any) -> Any:
        kept[0] = x
        return kept[0]

    giver = op("giver", function, shape=lambda x: (x.shape, x.dtype), vjp={"x": lambda g: g}, register=False)
    x = lg.parameter([1.0, 2.0, 3.0])
    y = giver(x)
    first = y.value
    kept[:] = 9.0
    assert y.value.tolist() == first.tolist() == [1.0, 2.0, 3.0]


def test_statics_of_the_caller_are_not_shared() -> None:
    axes = [1, 0]
    y = lg.parameter(np.ones((2, 3))).transpose(axes)
    axes[:] = [0, 1]
    assert y.value.shape == (3, 2)


# -- C9: dtypes and shapes --------------------------------------------------------------------------------


def every_op(x: lg.Node, w: lg.Node) -> lg.Node:
    h = np.tanh(x @ w) * 2 + 1.5 - np.exp(-np.sin(x).sum(axis=1, keepdims=True) / 3)
    h = np.where(h > 0.5, h**2, abs(h)) + lg.ops.sigmoid(h) / np.sqrt(h * h + 1)
    h = np.maximum(h, 0.1) + lg.ops.relu(h) + lg.ops.log_softmax(h) + np.concatenate([h[:1], h[1:]])
    z = lg.ops.softmax(h).max(axis=0) + h.mean(axis=0) + lg.ops.logsumexp(h, axis=0)
    z = z + np.power(h * h + 1, 0.5).min(axis=0)
    return lg.ops.cross_entropy(h, lg.constant([0, 1, 0, 1])).mean() + np.log(z * z + 1).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.longdouble])
def test_a_dtype_stays_through_values_adjoints_and_gradients(dtype: type) -> None:
    rng = np.random.default_rng(0)
    x, w = lg.parameter(rng.normal(size=(4, 3)).astype(dtype)), lg.parameter(rng.normal(size=(3, 2)).astype(dtype))
    L = every_op(x, w)
    with lg.record() as report:
        gradients = lg.gradient(L, [x, w])
        second = lg.gradient((lg.adjoint(L, x) * x).sum(), [x, w])
    for node in (*report.values.computed, *report.adjoints.computed):
        assert node.dtype == dtype or node.dtype.kind != "f", node
        assert node.value.dtype == node.dtype
    for leaf, gradient in zip((x, w, x, w), (*gradients, *second), strict=True):
        assert (type(gradient), gradient.dtype, gradient.shape) == (np.ndarray, dtype, leaf.shape)
    assert L.value.dtype == dtype
    check_invariants([L], recompute=dtype is not np.longdouble)  # (its padding bytes are anything)


def test_mixed_dtypes_come_back_in_the_leafs() -> None:
    x, y = lg.parameter(np.ones(3, np.float32)), lg.parameter(np.full((2, 3), 2.0))
    L = (x * y * 3).sum()
    assert L.dtype == np.float64
    dx, dy = lg.gradient(L, (x, y))
    assert (dx.dtype, dx.tolist()) == (np.float32, [12.0] * 3)
    assert (dy.dtype, dy.tolist()) == (np.float64, [[3.0] * 3] * 2)
    z = (x.astype(np.float64) ** 2).sum().astype(np.float32)
    assert lg.gradient(z, x).dtype == np.float32
    assert (x * 2).dtype == (2 * x).dtype == (x + 1.5).dtype == (x / 3).dtype == np.float32
    assert (x * np.float64(2)).dtype == (np.ones(3, np.float32) * np.float64(2)).dtype
    assert (lg.constant([1, 2, 3]) * x).dtype == (np.array([1, 2, 3]) * x.value).dtype


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (0,), (3, 0), (2, 0, 4)])
def test_0_d_and_size_0(shape: tuple[int, ...]) -> None:
    x = lg.parameter(np.full(shape, 0.5))
    L = (np.sin(x) * x + np.exp(x)).sum()
    gradient = lg.gradient(L, x)
    assert type(gradient) is np.ndarray
    assert (gradient.shape, gradient.dtype) == (shape, np.float64)
    np.testing.assert_allclose(gradient, np.full(shape, 0.5 * np.cos(0.5) + np.sin(0.5) + np.exp(0.5)))
    assert type(L.value) is type(x.value) is type(lg.gradient(L, L)) is np.ndarray
    second = lg.gradient(lg.adjoint(L, x).sum(), x)
    assert (type(second), second.shape) == (np.ndarray, shape)
    unused = lg.gradient(L + 0 * lg.parameter(1.0), [x, lg.parameter(np.ones(shape, np.float32))])[1]
    assert (type(unused), unused.shape, unused.dtype) == (np.ndarray, shape, np.float32)
    assert isinstance(L.item(), float)


def test_products_with_size_0() -> None:
    A, B = lg.parameter(np.ones((2, 0))), lg.parameter(np.ones((0, 3)))
    L = (A @ B).sum() + lg.ops.concatenate(B, np.ones((2, 3))).mean()
    assert L.value == 1.0
    assert [g.shape for g in lg.gradient(L, [A, B])] == [(2, 0), (0, 3)]


def test_an_index_array_beside_an_axis_of_size_0() -> None:
    x = lg.parameter(np.zeros((3, 1)))
    y = x[lg.constant([0, 2])]
    assert (y.shape, y.value.shape) == ((2, 1), (2, 1))
    x.set(np.zeros((3, 0)))
    assert (y.shape, y.value.shape) == ((2, 0), (2, 0))
    assert lg.gradient(y.sum(), x).shape == (3, 0)


def test_unbroadcasting_uses_the_shapes_of_the_moment() -> None:
    x, y = lg.parameter(np.ones((2, 3))), lg.parameter(np.full(3, 2.0))
    L = (x * y + y / x).sum()

    def truth() -> list[Any]:
        X, Y = x.value, y.value
        full = np.broadcast_shapes(X.shape, Y.shape)
        dX, dY = np.broadcast_to(Y - Y / X**2, full), np.broadcast_to(X + 1 / X, full)
        return [reduced(dX, X.shape), reduced(dY, Y.shape)]

    def reduced(g: Any, shape: tuple[int, ...]) -> Any:
        while g.ndim > len(shape):
            g = g.sum(axis=0)
        for axis, n in enumerate(shape):
            if n == 1:
                g = g.sum(axis=axis, keepdims=True)
        return g

    rng = np.random.default_rng(0)
    one, row, full = (1, 1), (3,), (2, 3)
    for of_x, of_y in [
        (full, row),
        ((2, 1), row),
        ((), row),
        ((4, 2, 3), (1, 3)),
        (one, full),
        ((), ()),
        ((0, 3), row),
    ]:
        x.set(0.0)
        y.set(rng.normal(size=of_y))
        x.set(rng.uniform(1, 2, size=of_x))
        for gradient, leaf, wanted in zip(lg.gradient(L, [x, y]), (x, y), truth(), strict=True):
            assert gradient.shape == leaf.shape
            np.testing.assert_allclose(gradient, wanted, rtol=1e-13)
        g = lg.adjoint(L, x)
        assert g.shape == x.shape
        assert lg.gradient((g * g).sum(), y).shape == y.shape
        check_invariants([L])
