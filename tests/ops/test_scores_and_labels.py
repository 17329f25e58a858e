"""Softmax and its losses: scores far from zero and -inf, and labels as integers and as distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import ops
from tests.helpers.op_checks import close, make_generator


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_large_scores_do_not_overflow(dtype: Any) -> None:
    x = lg.parameter(np.array([1e4, -1e4, 0.0], dtype))
    assert ops.logsumexp(x).item() == 1e4
    np.testing.assert_array_equal(ops.softmax(x).value, [1, 0, 0])
    np.testing.assert_array_equal(ops.log_softmax(x).value, [0, -2e4, -1e4])
    np.testing.assert_array_equal(ops.sigmoid(x).value, [1, 0, 0.5])
    np.testing.assert_array_equal(lg.gradient(ops.logsumexp(x), x), [1, 0, 0])
    np.testing.assert_array_equal(lg.gradient(ops.log_softmax(x), x, cotangent=[0, 1, 0]), [-1, 1, 0])
    for label, loss in enumerate([0, 2e4, 1e4]):
        for labels in (label, np.eye(3, dtype=dtype)[label]):
            L = ops.cross_entropy(x, labels)
            assert L.dtype == dtype
            assert L.item() == loss
            np.testing.assert_array_equal(lg.gradient(L, x), np.eye(3)[0] - np.eye(3)[label])


def test_minus_infinity_means_impossible() -> None:
    """A score of -inf has probability 0, and no derivative of any order becomes nan."""
    x = lg.parameter([0.0, -np.inf, 0.0])
    assert ops.logsumexp(x).item() == np.log(2)
    np.testing.assert_array_equal(ops.softmax(x).value, [0.5, 0, 0.5])
    np.testing.assert_array_equal(ops.log_softmax(x).value, [-np.log(2), -np.inf, -np.log(2)])
    targets = {
        "logsumexp": (ops.logsumexp(x), [0.5, 0, 0.5]),
        "softmax": (ops.softmax(x)[0], [0.25, 0, -0.25]),
        "log_softmax": (ops.log_softmax(x)[0], [0.5, 0, -0.5]),
        "cross_entropy": (ops.cross_entropy(x, 0), [-0.5, 0, 0.5]),
        "one hot": (ops.cross_entropy(x, [1.0, 0.0, 0.0]), [-0.5, 0, 0.5]),
    }
    for L, expected in targets.values():
        np.testing.assert_array_equal(lg.gradient(L, x), expected)
        assert np.isfinite(lg.gradient((lg.adjoint(L, x) * [1.0, 2.0, 3.0]).sum(), x)).all()
    assert ops.cross_entropy(x, 1).item() == np.inf


@pytest.mark.parametrize(("size", "dtype"), [(1e16, np.float64), (1e300, np.float64), (1e7, np.float32)])
def test_sums_of_exponentials_far_from_zero(size: float, dtype: Any) -> None:
    """The logarithm of the number of terms is lost beside a large peak; the shares and the losses are not."""
    x = lg.parameter(np.array([size, size], dtype))
    log2 = np.log(dtype(2))
    for y in (ops.logsumexp(x), np.logaddexp.reduce(x), np.logaddexp(x[0], x[1])):
        np.testing.assert_array_equal(lg.gradient(y, x), [0.5, 0.5])
        g = lg.adjoint(y, x)
        close(lg.gradient(g[0], x), [0.25, -0.25])
        np.testing.assert_array_equal(lg.compile(y, wrt=[x])()[1][0], [0.5, 0.5])
    _, tangent = lg.jvp(ops.logsumexp, (x.value,), (np.array([1, 3], dtype),))
    assert tangent == 2
    close(ops.log_softmax(x).value, [-log2, -log2])
    close(lg.gradient(ops.log_softmax(x)[0], x), [0.5, -0.5])
    for labels in (0, np.array([1, 0], dtype)):
        close(ops.cross_entropy(x, labels).value, log2)
        close(lg.gradient(ops.cross_entropy(x, labels), x), [-0.5, 0.5])


def test_logsumexp_of_infinities() -> None:
    """The largest term has the whole share, also where it is infinite; of several infinite ones each has the same."""
    for scores, shares in (([np.inf, 0], [1, 0]), ([np.inf, 3, np.inf, -np.inf], [0.5, 0, 0.5, 0])):
        x = lg.parameter(np.array(scores, float))
        assert ops.logsumexp(x).item() == np.inf
        np.testing.assert_array_equal(lg.gradient(ops.logsumexp(x), x), shares)
        np.testing.assert_array_equal(lg.hessian(ops.logsumexp)(x.value), np.diag(shares) - np.outer(shares, shares))
    x = lg.parameter([[np.inf, 0], [-np.inf, -np.inf], [1, 1]])
    np.testing.assert_array_equal(lg.gradient(ops.logsumexp(x, axis=1).sum(), x), [[1, 0], [0, 0], [0.5, 0.5]])


def test_logsumexp_of_nothing() -> None:
    for x in (lg.parameter([-np.inf, -np.inf]), lg.parameter(np.zeros(0))):
        with np.errstate(divide="ignore"):
            assert ops.logsumexp(x).item() == -np.inf
            np.testing.assert_array_equal(lg.gradient(ops.logsumexp(x), x), np.zeros(x.shape))


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [float, int, bool])
def test_integer_and_one_hot_labels_agree(shape: tuple[int, ...], dtype: Any) -> None:
    rng = make_generator()
    x = lg.parameter(rng.normal(size=shape))
    labels = rng.integers(0, 4, shape[:-1])
    w = rng.normal(size=shape[:-1])
    hard, soft = ops.cross_entropy(x, labels), ops.cross_entropy(x, np.eye(4, dtype=dtype)[labels])
    close(soft.value, hard.value, rtol=1e-13)
    close(lg.gradient(soft, x, cotangent=w), lg.gradient(hard, x, cotangent=w), rtol=1e-12)


@pytest.mark.parametrize("loss", [ops.pick, ops.cross_entropy, ops.svm_loss])
def test_wrong_labels(loss: Any) -> None:
    x = lg.parameter(np.zeros((2, 4)))
    for labels in ([0, 4], [-1, 0]):
        L = loss(x, np.array(labels))
        with pytest.raises(IndexError, match=r"labels must lie in 0\.\.3"):
            L.value  # noqa: B018
    with pytest.raises(lg.ShapeError, match=r"labels of"):
        loss(x, np.array([0, 1, 2]))
    with pytest.raises((TypeError, lg.ShapeError), match="labels"):
        loss(x, np.array([0.0, 1.0]))


def test_integer_labels_are_blocked() -> None:
    labels = lg.constant([0, 1], name="labels")
    L = ops.cross_entropy(lg.parameter(np.zeros((2, 3))), labels).sum()
    with pytest.raises(lg.NotDifferentiableError, match="labels"):
        lg.gradient(L, labels)
