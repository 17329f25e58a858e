"""Numbers that were once wrong as a leaf took another shape or dtype, each written out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
import lazygrad.numpy
import lazygrad.scipy.linalg
import lazygrad.scipy.signal
from tests.helpers.invariants import check_invariants

EXAMPLES: dict[
    str, tuple[Callable[[Any], Any], Any, Any, Any]
] = {  # the call, a value, another one, what it gives then
    "eigh": (lambda x: np.linalg.eigh(x)[0], np.eye(3), np.diag(np.arange(1.0, 6)), [1, 2, 3, 4, 5]),
    "fewer eigenvalues": (lambda x: np.linalg.eigh(x)[0], np.eye(5), np.diag([1.0, 2, 3]), [1, 2, 3]),
    "eigvalsh": (np.linalg.eigvalsh, np.eye(3), np.diag([4.0, 5]), [4, 5]),
    "svd": (np.linalg.svdvals, np.eye(3), np.diag([1.0, 2, 3, 4, 5]), [5, 4, 3, 2, 1]),
    "all of svd": (lambda x: np.linalg.svd(x)[1], np.eye(3), np.diag([1.0, 2, 3, 4, 5]), [5, 4, 3, 2, 1]),
    "qr": (lambda x: np.abs(np.linalg.qr(x)[1]), np.eye(3), 2 * np.eye(2), [[2, 0], [0, 2]]),
    "eig": (lambda x: np.real(np.linalg.eig(x)[0]), np.eye(2), np.diag([1.0, 2, 3]), [1, 2, 3]),
    "fft": (lambda x: np.abs(np.fft.fft(x)), np.ones(4), np.ones(6), [6, 0, 0, 0, 0, 0]),
    "rfft": (lambda x: np.abs(np.fft.rfft(x)), np.ones(4), np.ones(6), [6, 0, 0, 0]),
    "irfft": (np.fft.irfft, np.ones(3), np.ones(4), [1, 0, 0, 0, 0, 0]),
    "fftshift": (np.fft.fftshift, np.arange(4.0), np.arange(6.0), [3, 4, 5, 0, 1, 2]),
    "vdot": (lambda x: np.vdot(x, x), np.ones(2), np.array([1 + 2j, 2 - 0.5j]), 9.25),
    "vecdot": (lambda x: np.vecdot(x, x), np.ones(2), np.array([1 + 2j, 2 - 0.5j]), 9.25),
    "conj": (np.conj, np.ones(2), np.array([1j, 2]), [-1j, 2]),
    "real": (np.real, np.ones(2), np.array([1j, 2]), [0, 2]),
    "the real part": (lambda x: x.real, np.ones(2), np.array([1j, 2]), [0, 2]),
    "correlate": (lambda x: np.correlate(x, x), np.ones(2), np.array([1j, 2]), [5]),
    "cov": (np.cov, np.array([1.0, 2]), np.array([1.0, 2, 3]), 1),
    "corrcoef": (np.corrcoef, np.array([[1.0, 2], [2, 1]]), np.array([[1.0, 2, 3], [2, 4, 6]]), [[1, 1], [1, 1]]),
    "delete": (lambda x: np.delete(x, -1), np.arange(4.0), np.arange(2.0), [0]),
    "insert": (lambda x: np.insert(x, -1, 9.0), np.arange(4.0), np.arange(2.0), [0, 9, 1]),
    "split": (lambda x: np.split(x, 2)[1], np.arange(4.0), np.arange(6.0), [3, 4, 5]),
    "array_split": (lambda x: np.array_split(x, 3)[0], np.arange(4.0), np.arange(7.0), [0, 1, 2]),
    "clip": (lambda x: np.take(x, [0, 9], mode="clip"), np.arange(4.0), np.arange(6.0), [0, 5]),
    "wrap": (lambda x: np.take(x, [0, 9], mode="wrap"), np.arange(4.0), np.arange(6.0), [0, 3]),
    "accumulate": (np.maximum.accumulate, np.arange(3.0), np.array([2.0, 1, 3, 0]), [2, 2, 3, 3]),
    "poly": (np.poly, np.array([1.0, 2]), np.array([1.0, 2, 3]), [1, -6, 11, -6]),
    "toeplitz": (lazygrad.scipy.linalg.toeplitz, np.ones(3), np.array([1.0, 2]), [[1, 2], [2, 1]]),
    "block_diag": (lambda x: lazygrad.scipy.linalg.block_diag(x, x), np.eye(2), np.array([[3.0]]), [[3, 0], [0, 3]]),
    "convolve": (
        lambda x: lazygrad.scipy.signal.convolve(x, np.ones(3), "same"),
        *(np.ones(4), np.arange(1.0, 7), [3, 6, 9, 12, 15, 11]),
    ),
    "the longer of two": (lambda x: np.convolve(x, np.ones(3), "same"), np.ones(4), np.ones(2), [1, 2, 2]),
    "kron": (lambda x: np.kron(x, x), np.ones(2), np.array([1.0, 2, 3]), [1, 2, 3, 2, 4, 6, 3, 6, 9]),
    "vander": (np.vander, np.ones(2), np.array([1.0, 2, 3]), [[1, 1, 1], [4, 2, 1], [9, 3, 1]]),
    "meshgrid": (lambda x: np.meshgrid(x, x)[0], np.ones(3), np.array([1.0, 2]), [[1, 2], [1, 2]]),
    "nanvar": (np.nanvar, np.ones(3), np.array([1.0, 3]), 1),
    "array": (lambda x: lazygrad.numpy.array([x, 2 * x]), np.ones(3), np.array([1.0, 2]), [[1, 2], [2, 4]]),
    "r_": (lambda x: lazygrad.numpy.r_[x, 5.0], np.ones(3), np.array([1.0, 2]), [1, 2, 5]),
    "swapped": (
        lambda x: np.swapaxes(x, 0, -1),
        np.ones((2, 3)),
        np.arange(4.0).reshape(1, 2, 2),
        [[[0], [2]], [[1], [3]]],
    ),
    "power": (lambda x: x**2, np.ones(2), np.array([1j, 2]), [-1, 4]),
    "outer": (lambda x: np.multiply.outer(x, x), np.ones(3), np.array([1.0, 2]), [[1, 2], [2, 4]]),
    "set": (lambda x: x.at[-1].set(7), np.ones(3), np.array([1.0, 2]), [1, 7]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_values_follow(name: str) -> None:
    call, before, after, expected = EXAMPLES[name]
    for ways in range(4):
        x = lg.parameter(before)
        y = call(x)
        step = lg.compile(y, exact=True)
        if ways & 1:
            y.value  # noqa: B018
            step()
        if ways & 2:
            lg.update({x: after})
        else:
            x.set(after)
        for found in (y.value, step()):
            np.testing.assert_allclose(found, expected, atol=1e-12)
            assert np.shape(found) == np.shape(expected)
        check_invariants([x, y])


@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_follow(name: str) -> None:
    """The gradient of the sum of squares, asked before or not, and an adjoint that somebody holds."""
    call, before, after, _ = EXAMPLES[name]
    if np.iscomplexobj(after):
        return
    z = lg.parameter(after)
    expected = lg.gradient((call(z) ** 2).sum(), z)
    for asked in (False, True):
        x = lg.parameter(before)
        L = (call(x) ** 2).sum()
        g = lg.adjoint(L, x)
        if asked:
            g.value  # noqa: B018
        x.set(after)
        np.testing.assert_array_equal(g.value, expected)
        np.testing.assert_array_equal(lg.gradient(L, x), expected)
        np.testing.assert_array_equal(lg.compile([g], exact=True)()[0], expected)


def test_a_target_that_was_built_of_constants_for_a_while() -> None:
    """Of nothing `maximum.accumulate` makes a constant, to which no path leads; of something it makes a path again."""
    x = lg.parameter([1.0, 2.0])
    y = np.maximum.accumulate(x)
    for new in ([3.0], [], [4.0], [1.0, 0.0], [], [2.0]):
        x.set(np.array(new))
        z = lg.parameter(new if new else np.zeros(0))
        fresh = np.maximum.accumulate(z)
        ones = np.ones(len(new))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lg.UnconnectedWarning)
            assert lg.gradient(y, x, cotangent=ones).tolist() == lg.gradient(fresh, z, cotangent=ones).tolist()
            if len(new) == 1:
                assert lg.gradient(y, x).tolist() == [1.0]
        check_invariants([x, y])


def test_another_number_of_results_is_an_error_and_all_is_as_before() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    parts = np.unstack(x)
    L = (parts[0] * parts[2]).sum()
    with pytest.raises(lg.ShapeError, match="2 results for the new shapes, not 3") as caught:
        x.set([1.0, 2.0])
    assert "keeps its value" in caught.value.__notes__[0]
    assert lg.gradient(L, x).tolist() == [3.0, 0.0, 1.0]
    check_invariants([x, L])


def test_what_a_call_refuses_it_refuses_later_too() -> None:
    for call, before, after, error in (
        (lambda x: x.astype(float), np.ones(2), np.ones(2) * 1j, TypeError),
        (lambda x: np.split(x, 2)[0], np.ones(4), np.ones(3), ValueError),
        (lambda x: np.delete(x, 3), np.ones(4), np.ones(2), IndexError),
        (lambda x: x[[0, 3]], np.ones(4), np.ones(2), IndexError),
        (np.linalg.inv, np.eye(2), np.ones((2, 3)), lg.ShapeError),
        (np.fft.rfft, np.ones(2), np.ones(2) * 1j, TypeError),
    ):
        x = lg.parameter(before)
        y = call(x)
        value = y.value.copy()
        with pytest.raises(error) as caught:
            x.set(after)
        assert "keeps its value" in "".join(caught.value.__notes__)
        np.testing.assert_array_equal(y.value, value)


def test_the_inverse_transform_of_nothing_is_nothing() -> None:
    """NumPy would give what was in memory."""
    x = lg.constant(np.zeros(0, complex))
    assert np.fft.irfft(x, 4).value.tolist() == np.fft.hfft(x, 4).value.tolist() == [0.0] * 4
