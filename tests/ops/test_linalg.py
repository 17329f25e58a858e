"""Linear algebra where the table of op cases does not look: high orders, repeated values, kinks, several results."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close, make_generator

linalg = np.linalg


def second(f: Any, at: Any, direction: Any) -> Any:
    """Return the derivative of the gradient of f along a direction."""
    x = lg.parameter(at)
    return lg.gradient((lg.adjoint(f(x), x) * direction).sum(), x)


def second_by_differences(f: Any, at: Any, direction: Any, step: float = 1e-4) -> Any:
    def gradient(a: Any) -> Any:
        x = lg.parameter(a)
        return lg.gradient(f(x), x)

    return (gradient(at + step * direction) - gradient(at - step * direction)) / (2 * step)


# -- several results -------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [linalg.eigh, linalg.eig, linalg.svd, linalg.qr, linalg.slogdet])
def test_results_have_numpys_type_and_names(function: Any) -> None:
    a = np.diag([1.0, 2.0])
    found, expected = function(lg.parameter(a)), function(a)
    assert type(found) is type(expected)
    for node, array in zip(found, expected, strict=True):
        assert isinstance(node, lg.Node)
        close(node.value, array)


@pytest.mark.parametrize("function", [linalg.eigh, linalg.svd, linalg.qr, linalg.slogdet])
def test_one_factorisation_serves_all_results(function: Any) -> None:
    x = lg.parameter(np.diag([1.0, 2.0]))
    parts = function(x)
    with lg.record() as report:
        for part in parts:
            part.value  # noqa: B018
        for part in parts[1:]:
            lg.gradient(part.sum(), x)
    assert [node.op.name for node in report.values.computed].count(function.__name__) == 1


def test_the_sign_of_a_real_determinant_is_a_structural_zero() -> None:
    x = lg.parameter(np.diag([1.0, -2.0]))
    sign, logarithm = linalg.slogdet(x)
    assert not lg.differentiator(sign).is_connected(x)
    close(lg.gradient(sign * np.exp(logarithm), x), [[-2, 0], [0, 1]])


def test_least_squares_has_residuals_where_numpy_has() -> None:
    high, b = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), np.array([1.0, 0.0, 1.0])

    def count(a: Any) -> Any:
        x, residuals, rank, _ = linalg.lstsq(a, b)
        assert (rank.dtype, residuals.ndim) == (np.int32, 1)
        return x.sum() * residuals.size

    assert not lg.grad(count)(high).any()
    assert lg.grad(count)(high + np.eye(3, 2)).any()


def test_eigenvalues_of_a_real_matrix_are_real_where_nodes_may_be_evaluated() -> None:
    real, turning = np.diag([1.0, 2.0]), np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert linalg.eig(lg.parameter(real)).eigenvalues.dtype == complex
    close(lg.grad(lambda a: np.real(np.sum(linalg.eigvals(a) ** 2)))(real), 2 * real)
    seen = []

    def f(a: Any) -> Any:
        values, vectors = linalg.eig(a)
        seen.append((values.dtype, vectors.dtype))
        return np.real(np.sum(values**2))

    lg.grad(f)(real)
    close(lg.grad(f)(turning), 2 * turning.T)
    of_real = linalg.eigvals(real).dtype  # NumPy's own: real before 2.5, complex from then on
    assert seen == [(of_real, of_real), (complex, complex)]


# -- one triangle ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["L", "U"])
def test_the_gradient_lies_in_the_triangle_that_is_read(side: str) -> None:
    """So finite differences of the plain function agree, whatever stands in the other triangle."""
    full = np.array([[4.0, 1.0], [1.0, 3.0]])
    half = np.tril(full) if side == "L" else np.triu(full)
    x, y = lg.parameter(half), lg.parameter(full)
    for f in (
        lambda a: linalg.cholesky(a, upper=side == "U"),
        lambda a: linalg.eigvalsh(a, side),
        lambda a: linalg.eigh(a, side).eigenvectors ** 2,
    ):
        close(f(x).value, f(full), rtol=1e-13)
        w = np.arange(1.0, f(full).size + 1).reshape(f(full).shape)
        gradient = lg.gradient(f(x), x, cotangent=w)
        assert gradient[(0, 1) if side == "L" else (1, 0)] == 0
        close(gradient, lg.gradient(f(y), y, cotangent=w))
        lg.testing.check_grads(f, (half,), order=2, modes=("fwd", "rev"))
        close(lg.compile(lg.grad(lambda a, f=f, w=w: (f(a) * w).sum()))(half), gradient)


def test_the_gradient_of_cholesky_is_that_of_finite_differences() -> None:
    x = lg.parameter([[4.0, 0.0], [2.0, 3.0]])
    gradient = lg.gradient(linalg.cholesky(x).sum(), x)
    close(gradient[1, 0], 0.5 - 0.5 / np.sqrt(2), rtol=1e-12)  # of sqrt(3 - l^2 / 4) + l / 2 at l = 2
    assert gradient[0, 1] == 0


# -- determinants of any rank ----------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("rank", [4, 3, 2, 0])
def test_derivatives_of_determinants(order: int, rank: int) -> None:
    """A determinant is a polynomial, so differences along several directions are exact; order 3 needs an inverse."""
    rng = make_generator()
    a = np.diag([2.0, 2.0, 2.0, 1.0][:rank] + [0.0] * (4 - rank))
    directions = rng.normal(size=(order, 4, 4))
    x = lg.parameter(a)
    y = linalg.det(x)
    for d in directions:
        y = (lg.adjoint(y, x) * d).sum()
    if order > 2 and rank < 4:
        with pytest.raises(linalg.LinAlgError):
            y.item()
        return
    signs = [np.array(s) for s in itertools.product((1.0, -1.0), repeat=order)]
    expected = sum(s.prod() * linalg.det(a + 0.5 * np.tensordot(s, directions, 1)) for s in signs)
    # The remainder is of order two higher: one step of Richardson's extrapolation makes it exact for degree 4.
    halved = sum(s.prod() * linalg.det(a + 0.25 * np.tensordot(s, directions, 1)) for s in signs) * 2**order
    close(y.item(), (4 * halved - expected) / 3, rtol=1e-9, atol=1e-9)


# -- repeated values -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [linalg.eigvalsh, linalg.svdvals, lambda a: linalg.eigh(a)[0], lambda a: linalg.svd(a)[1]]
)
def test_functions_of_repeated_values_have_a_gradient(f: Any) -> None:
    x = lg.parameter(3 * np.eye(3))
    close(lg.gradient((f(x) ** 2).sum(), x), 6 * np.eye(3))


@pytest.mark.parametrize("values", [lambda a: linalg.eigh(a)[0], lambda a: linalg.svd(a)[1]])
def test_values_that_come_with_vectors_have_second_derivatives_where_they_repeat(values: Any) -> None:
    """Nobody reads the vectors, which are not determined."""
    d = make_generator().normal(size=(3, 3))
    for at in (np.eye(3), np.zeros((3, 3))):

        def f(a: Any) -> Any:
            return (np.cosh(values(0.5 * (a + a.T)))).sum()

        close(second(f, at, d), second_by_differences(f, at, d), rtol=1e-5, atol=1e-5)
        both = lg.compile(lg.hessian(f))(at)
        close(both, lg.jacfwd(lg.grad(f))(at))


def test_polar_factor_and_pseudo_inverse_of_repeated_singular_values_have_second_derivatives() -> None:
    d = make_generator().normal(size=(3, 3))
    for f in (lambda a: linalg.norm(a, "nuc"), lambda a: (linalg.pinv(a) * d).sum()):
        close(second(f, np.eye(3), d), second_by_differences(f, np.eye(3), d), rtol=1e-5, atol=1e-5)


def test_the_largest_singular_value_is_shared_by_those_that_tie() -> None:
    x = lg.parameter(np.diag([2.0, 2.0, 1.0]))
    close(lg.gradient(linalg.norm(x, 2), x), np.diag([0.5, 0.5, 0.0]))


# -- norms at their kinks --------------------------------------------------------------------------


@pytest.mark.parametrize("ord", [None, 0.5, 1, 1.5, 2, 2.5, 3, np.inf, -np.inf, -1])
@pytest.mark.parametrize("at", [[0.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 3.0, 4.0]])
def test_norms_of_vectors_with_zeros(ord: Any, at: list[float]) -> None:
    x = lg.parameter(at)
    gradient = lg.gradient(linalg.norm(x, ord), x)
    assert np.isfinite(gradient).all()
    assert not gradient[np.equal(at, 0)].any()
    # Where there is no second derivative: |x| counts as smooth, and above 2 an element that is 0 is.
    kink = (not np.any(at) and ord in (None, 2, 2.5, 3)) or ord in (0.5, 1.5, -1)
    with pytest.warns(RuntimeWarning, match="no second derivative") if kink else contextlib.nullcontext():
        found = second(lambda a: (linalg.norm(a, ord) + 1) ** 2, np.array(at), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(found[np.equal(at, 0)]).all() if kink else np.isfinite(found).all()


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("at", [np.zeros((2, 3)), np.eye(2, 3), np.diag([3.0, 0.0])])
def test_norms_of_matrices_with_zeros(ord: Any, at: Any) -> None:
    x = lg.parameter(at)
    gradient = lg.gradient(linalg.norm(x, ord), x)
    assert np.isfinite(gradient).all()
    assert at.any() or not gradient.any()


# -- refusals --------------------------------------------------------------------------------------

WRONG_SHAPES = {
    "inv": lambda x, v: linalg.inv(x),
    "det": lambda x, v: linalg.det(v),
    "solve": lambda x, v: linalg.solve(np.eye(2), x[0]),
    "cholesky": lambda x, v: linalg.cholesky(x),
    "eigh": lambda x, v: linalg.eigh(v),
    "eig": lambda x, v: linalg.eig(x),
    "svd": lambda x, v: linalg.svd(v),
    "qr": lambda x, v: linalg.qr(v),
    "pinv": lambda x, v: linalg.pinv(v),
    "lstsq": lambda x, v: linalg.lstsq(x, v),
    "matrix_power": lambda x, v: linalg.matrix_power(x, 2),
    "multi_dot": lambda x, v: linalg.multi_dot([x, v, x]),
    "tensorsolve": lambda x, v: linalg.tensorsolve(x, v),
}


@pytest.mark.parametrize("name", WRONG_SHAPES)
def test_wrong_shapes_are_refused_when_the_node_is_built(name: str) -> None:
    with pytest.raises(lg.ShapeError, match=name):
        WRONG_SHAPES[name](lg.parameter(np.ones((2, 3))), lg.parameter(np.ones(3)))


def test_what_is_not_there_is_refused() -> None:
    x = lg.parameter(np.eye(2))
    for wrong in (
        lambda: linalg.norm(x, "none"),
        lambda: linalg.norm(x, 3),
        lambda: linalg.norm(x[0], "fro"),
        lambda: linalg.norm(x[None], 2),
        lambda: linalg.norm(x, 2, axis=(0, 0)),
        lambda: linalg.qr(x, "raw"),
        lambda: linalg.eigvalsh(x, "M"),
        lambda: linalg.multi_dot([x]),
        lambda: linalg.tensorinv(x, 0),
        lambda: linalg.cond(x[:0]),
    ):
        with pytest.raises(ValueError, match=r"norm|mode|UPLO|two arrays|ind|cond"):
            wrong()
    with pytest.raises(TypeError, match="float16"):
        linalg.inv(lg.constant(np.eye(2, dtype=np.float16)))


def test_singular_values_that_lstsq_ignores_give_no_infinite_derivative() -> None:
    """With rcond = -1 NumPy goes to the machine's precision: a column of zeros has no part in the solution."""
    a, b = lg.parameter([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]), lg.parameter([4.0, 1.0, 1.0])
    x = np.linalg.lstsq(a, b, rcond=-1)[0]
    np.testing.assert_array_equal(x.value, [2.0, 0.0])
    by_a, by_b = lg.gradient(x, [a, b], cotangent=[1.0, 0.0])
    close(by_b, [0.5, 0.0, 0.0])
    close(by_a[:, 0], [-1.0, 0.5 * 0.5, 0.5 * 0.5])


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4)])
@pytest.mark.parametrize("entries", [float, complex])
def test_the_derivative_of_a_pseudo_inverse_that_cuts_singular_values(shape: Any, entries: Any) -> None:
    """What is cut is not 0, and turns with the rest."""
    rng = make_generator()

    def draw(*shape: int) -> Any:
        return rng.normal(size=shape) + (1j * rng.normal(size=shape) if entries is complex else 0)

    m, n = shape
    a = (linalg.qr(draw(m, 3))[0] * [3.0, 2.0, 0.1]) @ linalg.qr(draw(n, 3))[0].conj().T
    b, c, d, direction = draw(m, 2), draw(n, m), draw(n, 2), draw(m, n)
    for f in (
        lambda a: np.sum(np.real(linalg.pinv(a, rcond=0.2) * c)),
        lambda a: np.sum(np.real(linalg.lstsq(a, b, rcond=0.2)[0] * d)),
    ):
        expected = (f(a + 1e-6 * direction) - f(a - 1e-6 * direction)) / 2e-6
        x = lg.parameter(a)
        for gradient in (lg.gradient(f(x), x), lg.compile(lambda x, f=f: lg.gradient(f(x), x))(a)):
            close(np.sum(np.real(gradient * direction)), expected, rtol=1e-7)
        close(lg.jvp(f, (a,), (direction,))[1], expected, rtol=1e-7)
        slope = lg.adjoint(f(x), x)
        with pytest.warns(RuntimeWarning, match="no second derivative is known"):
            assert np.isnan(lg.gradient(np.real(slope).sum(), x)).all()


def test_the_gradient_of_the_pseudo_inverse_of_a_hermitian_matrix_lies_in_the_triangle_that_is_read() -> None:
    half = np.tril(np.arange(1.0, 10.0).reshape(3, 3) + 4 * np.eye(3))
    lg.testing.check_grads(lambda a: linalg.pinv(a, hermitian=True), (half,), order=2, modes=("fwd", "rev"))


@pytest.mark.parametrize("size", [1e-170, 1e170])
@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 3)])
def test_second_derivatives_of_singular_values_of_any_size(shape: tuple[int, int], size: float) -> None:
    """Their sum grows with the matrix, so its Hessian shrinks; no square of a value overflows or underflows."""
    a = np.random.default_rng(4).normal(size=shape)
    for f in (lambda x: np.linalg.svd(x, compute_uv=False).sum(), lambda x: np.linalg.norm(x, "nuc")):
        close(lg.hessian(f)(size * a) * size, lg.hessian(f)(a), rtol=1e-10, atol=1e-12)
