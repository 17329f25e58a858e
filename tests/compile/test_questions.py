"""Compiled questions: what they take and return, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.compiled_questions import ON_BOTH, build_layer
from tests.helpers.op_checks import close
from tests.helpers.random_graphs import same_bits


class Pair(NamedTuple):
    first: Any
    second: Any


@ON_BOTH
def test_trees_of_targets_and_wrt_come_back_as_such(exact: bool) -> None:
    W, b, _, L = build_layer()
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
    W, _, X, L = build_layer()
    value, dW = lg.compile(L, W, X)(X.value)
    close(value, L.value, rtol=1e-12)
    close(dW, lg.gradient(L, W), rtol=1e-12)
    value, (dW,) = lg.compile(L, [W], [X])(X.value)
    close(lg.compile(L, inputs=X)(X.value), value, rtol=1e-12)
    assert lg.compile([L], W)()[0][0].shape == ()
    with pytest.raises(ValueError, match=r"compile takes a node.* but \[\] holds none"):
        lg.compile([], W)
    assert lg.compile(L, [])()[1] == []


def test_inputs_by_position_and_by_name() -> None:
    W, b, X, L = build_layer()
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
    W, _, X, L = build_layer()
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
    W, b, _, L = build_layer()
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
