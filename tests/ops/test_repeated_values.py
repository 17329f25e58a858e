"""Derivatives where eigenvalues repeat or a matrix is defective: right, or nan with a warning that names the node."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close, make_generator

linalg = np.linalg
Q = linalg.qr(make_generator().normal(size=(3, 3)))[0]
REPEATED = {"identity": np.eye(2), "zero": np.zeros((2, 2)), "turned": (Q * [1.0, 1.0, 2.0]) @ Q.T}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "squares": lambda w: np.sum(w**2),
    "exponentials": lambda w: np.sum(np.exp(w)),
    "log-sum-exp": lambda w: np.log(np.sum(np.exp(w))),
    "product": np.prod,
    "square of the sum": lambda w: np.sum(w) ** 2,
}


def differences(f: Any, at: Any, step: float = 1e-4) -> Any:
    """Return the Hessian by central differences."""

    def moved(i: int, j: int, s: float, t: float) -> Any:
        x = at.copy().ravel()
        x[i] += s * step
        x[j] += t * step
        return f(x.reshape(at.shape))

    signs = [(s, t) for s in (1, -1) for t in (1, -1)]
    n = at.size
    rows = [[sum(s * t * moved(i, j, s, t) for s, t in signs) / 4 / step**2 for j in range(n)] for i in range(n)]
    return np.reshape(rows, at.shape * 2)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("place", REPEATED)
def test_a_function_of_the_eigenvalues_has_its_hessian_where_they_repeat(name: str, place: str) -> None:
    at = REPEATED[place]

    def f(a: Any) -> Any:
        return FUNCTIONS[name](linalg.eigvalsh(0.5 * (a + a.T)))

    expected = differences(f, at)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.hessian(f)(at), expected, rtol=1e-6, atol=1e-5)
        close(lg.jacfwd(lg.grad(f))(at), expected, rtol=1e-6, atol=1e-5)
        close(lg.compile(lg.hessian(f))(at), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("side", ["L", "U"])
def test_the_hessian_of_the_sum_of_squares_lies_in_the_triangle_that_is_read(side: str) -> None:
    found = lg.hessian(lambda a: np.sum(linalg.eigvalsh(a, side) ** 2))(np.eye(2)).reshape(4, 4)
    close(found, np.diag([2.0, 0.0, 4.0, 2.0] if side == "L" else [2.0, 4.0, 0.0, 2.0]))


def test_the_largest_of_equal_eigenvalues_has_no_second_derivative() -> None:
    gradient = lg.grad(lambda a: linalg.eigvalsh(a)[-1])
    with pytest.warns(RuntimeWarning, match="eigvalsh"):
        assert np.isnan(lg.jacfwd(gradient)(np.eye(2))[1, 0]).any()


def test_eigenvectors_of_repeated_eigenvalues_have_no_derivative() -> None:
    """The sum of the matrix exponential is smooth, but two separate results of eigh do not say so."""

    def f(a: Any) -> Any:
        w, V = linalg.eigh(a)
        return np.sum((V * np.exp(w)) @ V.T)

    for at in (np.eye(2), REPEATED["turned"]):
        x = lg.parameter(at, name="metric")
        with pytest.warns(RuntimeWarning, match="eigh of 'metric'") as found:
            gradient = lg.gradient(f(x), x)
        assert len(found) == 1
        assert np.isnan(gradient[np.tril_indices(2)]).any()
        with pytest.warns(RuntimeWarning, match="eigh"):
            assert np.isnan(lg.compile(lg.grad(f))(at)[1, 0])
        with pytest.warns(RuntimeWarning, match="eigh"):
            assert np.isnan(lg.jacfwd(f)(at)[1, 0])


@pytest.mark.parametrize("function", [np.log, lambda w: w - 1, lambda w: 0 * w, lambda w: (w - 1) ** 2])
@pytest.mark.parametrize("factors", [linalg.eigh, linalg.svd, linalg.eig])
def test_vectors_that_are_read_are_not_determined_though_their_cotangent_is_zero(factors: Any, function: Any) -> None:
    """Each function is 0 at 1: what reads the vectors multiplies their derivative by it, which does not make it 0."""

    def f(a: Any) -> Any:
        first, second, *third = factors(a)
        w, V = (second, first) if third else (first, second)
        return np.sum(np.real((V * function(w)) @ (third[0] if third else V.T)))

    x = lg.parameter(np.eye(2), name="metric")
    for ask in (lambda: lg.gradient(f(x), x), lambda: lg.grad(f)(np.eye(2)), lambda: lg.compile(lg.grad(f))(np.eye(2))):
        with pytest.warns(RuntimeWarning, match="not determined"):
            assert np.isnan(ask()[1, 0])
    for engine in ("sweep", "paths", "children"):
        with pytest.warns(RuntimeWarning, match="not determined"):
            assert np.isnan(lg.gradient(f(x), x, engine=engine)[1, 0])


@pytest.mark.parametrize(
    "read", [lambda V: V[:, 2], lambda V: V.T[2], lambda V: V[:, 1:][:, -1], lambda V: V[[0, 1, 2], 2]]
)
def test_which_vectors_are_read_is_seen_through_what_moves_them(read: Any) -> None:
    at = REPEATED["turned"]

    def f(a: Any) -> Any:
        w, V = linalg.eigh(0.5 * (a + a.T))
        _ = V * w  # which leads nowhere
        return np.sum(read(V) ** 2 * np.arange(3.0))

    x = lg.parameter(at)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lg.testing.check_grads(f, (at,), order=1, modes=("rev",))
        for engine in ("lazy", "sweep", "paths", "children"):
            close(lg.gradient(f(x), x, engine=engine), lg.grad(f)(at))


def test_the_low_rank_part_of_a_singular_matrix_has_a_gradient_and_the_whole_has_none() -> None:
    at = np.outer([1.0, 2.0], [3.0, 1.0])

    def part(a: Any, k: int) -> Any:
        U, s, Vh = linalg.svd(a)
        return np.sum(np.sin((U[:, :k] * s[:k]) @ Vh[:k]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lg.testing.check_grads(lambda a: part(a, 1), (at,), order=1, modes=("rev",))
    for transform in (lg.grad, lg.jacfwd):
        with pytest.warns(RuntimeWarning, match="or of one that is 0"):
            assert np.isnan(transform(lambda a: part(a, 2))(at)).any()


def test_a_vector_of_a_simple_eigenvalue_has_its_derivative_beside_repeated_ones() -> None:
    at = REPEATED["turned"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lg.testing.check_grads(lambda a: linalg.eigh(0.5 * (a + a.T))[1][:, 2] ** 2, (at,), order=1, modes=("rev",))


@pytest.mark.parametrize(
    "at", [[[1.0, 1.0], [0.0, 1.0]], [[1.0, 1e-3], [0.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]], [[2.0, 1.0], [-1.0, 0.0]]]
)
@pytest.mark.parametrize("values", [linalg.eigvals, lambda a: linalg.eig(a)[0]])
def test_a_defective_matrix_has_no_derivative_by_its_eigenvalues(at: Any, values: Any) -> None:
    def f(a: Any) -> Any:
        return np.sum(np.real(values(a) ** 2))

    x = lg.parameter(at, name="jacobian")
    with pytest.warns(RuntimeWarning, match="of 'jacobian': a defective matrix") as found:
        assert np.isnan(lg.gradient(f(x), x)).all()
    assert len(found) == 1
    for transform in (lg.jacfwd(f), lg.compile(lg.grad(f))):
        with pytest.warns(RuntimeWarning, match="a defective matrix"):
            assert np.isnan(transform(np.array(at))).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("values", [linalg.eigvals, lambda a: linalg.eig(a)[0]])
def test_a_defective_matrix_has_no_second_derivative_either(values: Any) -> None:
    """It was 0: what is nan has a derivative that is nan."""
    at = np.array([[1.0, 1.0], [0.0, 1.0]])

    def f(a: Any) -> Any:
        return np.sum(np.real(values(a) ** 2))

    for hessian in (lg.hessian(f), lg.jacrev(lg.grad(f)), lg.jacfwd(lg.jacfwd(f)), lg.compile(lg.hessian(f))):
        assert np.isnan(hessian(at)).all()
    assert np.isnan(lg.hvp(f, at, np.ones((2, 2)))).all()
    x = lg.parameter(at)
    assert np.isnan(lg.gradient(np.sum(lg.adjoint(f(x), x)), x)).all()


@pytest.mark.parametrize("at", [np.ones((2, 2)), np.ones((3, 2)), np.outer([1.0, 2.0], [1.0, 3.0, 1.0])])
def test_dependent_columns_have_no_qr(at: Any) -> None:
    """R has a number of the size of rounding errors on its diagonal, and derivatives divide by it."""

    def f(a: Any) -> Any:
        Q, R = linalg.qr(a)
        return np.sum(Q[1] ** 3) + np.sum(R**2)

    x = lg.parameter(at, name="design")
    with pytest.warns(RuntimeWarning, match="qr of 'design': dependent columns") as found:
        assert np.isnan(lg.gradient(f(x), x)).all()
    assert len(found) == 1
    for transform in (lg.jacfwd(f), lg.compile(lg.grad(f)), lg.hessian(f)):
        with pytest.warns(RuntimeWarning, match="dependent columns"):
            assert np.isnan(transform(at)).all()


def test_columns_of_very_different_sizes_have_a_qr() -> None:
    at = np.array([[1.0, 2.0], [0.5, 3.0]])
    small = at * [1.0, 1e-30]

    def f(a: Any) -> Any:
        return np.sum(linalg.qr(a)[0] ** 3)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.grad(f)(small) * [1.0, 1e-30], lg.grad(f)(at), rtol=1e-9, atol=1e-12)


def test_a_matrix_that_is_nearly_defective_keeps_its_gradient() -> None:
    a = np.array([[1.0, 1.0], [1e-4, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.grad(lambda a: np.sum(np.real(linalg.eigvals(a) ** 2)))(a), 2 * a.T)
        close(lg.grad(lambda a: np.sum(np.real(linalg.eigvals(a) ** 2)))(np.eye(2)), 2 * np.eye(2))


SINGULAR = {
    "identity": np.eye(2),
    "rank 1": np.outer([1.0, 2.0], [3.0, 1.0]),
    "zero": np.zeros((2, 2)),
    "wide zero": np.zeros((2, 3)),
    "high of rank 1": np.outer([1.0, 2.0, 1.0], [0.3, 0.1]),
    "high": np.eye(3, 2),
}
EVEN: dict[str, Callable[[Any], Any]] = {
    "squares": lambda s: np.sum(s**2),
    "log of cosh": lambda s: np.log(np.sum(np.cosh(s))),
}


@pytest.mark.parametrize("name", EVEN)
@pytest.mark.parametrize("place", SINGULAR)
def test_an_even_function_of_the_singular_values_has_its_hessian_where_they_repeat_or_are_zero(
    name: str, place: str
) -> None:
    at = SINGULAR[place]

    def f(a: Any) -> Any:
        return EVEN[name](linalg.svdvals(a))

    expected = differences(f, at)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(lg.hessian(f)(at), expected, rtol=1e-6, atol=1e-5)
        close(lg.jacfwd(lg.grad(f))(at), expected, rtol=1e-6, atol=1e-5)
        close(lg.compile(lg.hessian(f))(at), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("place", ["rank 1", "zero", "high of rank 1"])
def test_the_nuclear_norm_has_no_hessian_where_a_singular_value_is_zero(place: str) -> None:
    with pytest.warns(RuntimeWarning, match="svdvals"):
        assert np.isnan(lg.hessian(lambda a: np.sum(linalg.svdvals(a)))(SINGULAR[place])).any()


@pytest.mark.parametrize("function", [np.exp, np.sin])
def test_singular_vectors_of_repeated_singular_values_have_no_derivative(function: Any) -> None:
    def f(a: Any) -> Any:
        U, s, Vh = linalg.svd(a)
        return np.sum((U * function(s)) @ Vh)

    x = lg.parameter(np.eye(2), name="frame")
    with pytest.warns(RuntimeWarning, match="svd of 'frame'"):
        assert np.isnan(lg.gradient(f(x), x)).any()
    with pytest.warns(RuntimeWarning, match="svd"):
        assert np.isnan(lg.jacfwd(f)(np.eye(2))).any()
