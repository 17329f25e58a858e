"""`lazygrad.compat.autograd`: that library's names, orders of arguments and results, as its users write scripts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as onp
import pytest

import lazygrad as lg
import lazygrad.compat.autograd as ag
import lazygrad.compat.autograd.numpy as np
import lazygrad.compat.autograd.numpy.random as npr
from lazygrad.compat.autograd import core
from lazygrad.compat.autograd.misc.optimizers import adam
from lazygrad.compat.autograd.test_util import check_grads
from lazygrad.compat.autograd.wrap_util import unary_to_nary
from tests.helpers.op_checks import close


@pytest.fixture
def rs() -> onp.random.RandomState:
    return onp.random.RandomState(0)


# -- the operators ---------------------------------------------------------------------------------


def test_results_are_plain_and_the_callers_own() -> None:
    x = np.array([1.0, 2.0])
    g = ag.grad(lambda x: np.sum(x**2))(x)
    g += 1  # autograd's gradients may be written to
    close(g, [3.0, 5.0])
    slope = ag.grad(np.tanh)(0.5)
    assert type(slope) is onp.float64
    value, g = ag.value_and_grad(lambda p: p["a"] * np.sum(p["b"]))({"a": 2.0, "b": [1.0, 3.0]})
    assert type(value) is onp.float64
    assert (g["a"], g["b"]) == (4.0, [2.0, 2.0])
    ag.jacobian(lambda x: x * 2)(x)[0, 0] = 7.0
    vjp, value = ag.make_vjp(lambda x: x * 2)(x)
    value[0] = vjp(x)[0] = 9.0


def test_argnum_one_or_several() -> None:
    def f(x: Any, y: Any, z: Any = 1.0) -> Any:
        return x * y**2 * z

    assert ag.grad(f, 1)(3.0, 4.0) == 24.0
    assert ag.grad(f, -1)(3.0, 4.0) == 24.0
    assert ag.grad(f, [1, 0])(3.0, 4.0, z=2.0) == (48.0, 32.0)
    assert ag.value_and_grad(f, (0,))(3.0, 4.0) == (48.0, (16.0,))
    assert ag.grad_named(f, "y")(3.0, 4.0) == 24.0
    assert ag.multigrad_dict(f)(3.0, y=4.0) == {"x": 16.0, "y": 24.0, "z": 48.0}
    vjp, value = ag.make_vjp(f, (0, 1))(3.0, 4.0)
    assert (value, vjp(1)) == (48.0, (16.0, 24.0))
    with pytest.raises(TypeError, match="argnum must be"):
        ag.make_vjp(f, "x")


def test_arrays_of_integers_are_floats() -> None:
    close(ag.grad(lambda x: np.sum(x**2))(np.array([1, 2])), [2.0, 4.0])
    with pytest.raises(TypeError, match="float"):
        ag.grad(lambda x: x**2)(2)


def test_wrong_outputs() -> None:
    with pytest.raises(TypeError, match="one number"):
        ag.grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(TypeError, match="real number"):
        ag.grad(lambda x: x * 1j)(1.0)
    with pytest.raises(TypeError, match="real outputs"):
        ag.elementwise_grad(lambda x: x * 1j)(np.ones(2))


@pytest.mark.parametrize("f", [lambda x: 3.0, lambda x: np.ones(())])
def test_a_constant_warns_and_has_gradient_zero(f: Callable[[Any], Any]) -> None:
    with pytest.warns(UserWarning, match=r"Output seems independent of input\."):
        assert ag.grad(f)(2.0) == 0.0
    with pytest.warns(UserWarning, match="independent"):
        assert ag.make_jvp(f)(2.0)(1.0)[1] == 0.0


def test_an_outer_argument_alone_is_independent() -> None:
    def outer(x: Any) -> Any:
        with pytest.warns(UserWarning, match="independent"):
            return x + ag.grad(lambda y: x)(1.0)

    assert ag.grad(outer)(2.0) == 1.0


def test_nested_grads_of_tanh() -> None:
    x = np.linspace(-3, 3, 7)
    first, second, third = onp.tanh(x), 1 - onp.tanh(x) ** 2, None
    d1 = ag.elementwise_grad(np.tanh)
    d2 = ag.elementwise_grad(d1)
    d3 = ag.elementwise_grad(d2)
    third = -2 * second * (1 - 3 * first**2)
    close(d1(x), second)
    close(d2(x), -2 * first * second)
    close(d3(x), third)
    by_number = ag.grad(ag.grad(ag.grad(np.tanh)))
    close([by_number(v) for v in x], third)


@pytest.mark.parametrize("library", [lg, ag])
def test_what_wraps_a_gradient_is_not_taken_for_it(library: Any) -> None:
    def quartic(x: Any) -> Any:
        return x**4

    first = library.grad(quartic)

    @functools.wraps(first)
    def twice(x: Any) -> Any:
        return 2 * first(x)

    assert library.grad(twice)(1.0) == 24.0
    assert library.grad(library.elementwise_grad(first))(1.0) == 24.0
    assert library.grad(library.jacobian(first))(1.0) == 24.0
    assert library.grad(library.grad(first))(1.0) == 24.0


def test_nesting_does_not_confuse_perturbations() -> None:
    assert ag.grad(lambda x: x * ag.grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert ag.grad(lambda x: x * ag.deriv(lambda y: x * y)(1.0))(3.0) == 6.0


def test_jacobians_and_hessians(rs: onp.random.RandomState) -> None:
    A, x, v, u = rs.randn(3, 4), rs.randn(4), rs.randn(4), rs.randn(3)

    def f(x: Any) -> Any:
        return np.tanh(np.dot(A, x))

    def energy(x: Any) -> Any:
        return np.sum(f(x) ** 2)

    J, H = ag.jacobian(f)(x), ag.hessian(energy)(x)
    assert (J.shape, H.shape) == ((3, 4), (4, 4))
    close(J, (1 - onp.tanh(A @ x) ** 2)[:, None] * A)
    assert ag.hessian(f)(x).shape == (3, 4, 4)
    close(ag.hessian(f)(x), ag.jacobian(ag.jacobian(f))(x))
    close(ag.hessian_vector_product(energy)(x, v), H @ v)
    close(ag.hessian_tensor_product(lambda s, x: s * energy(x), 1)(2.0, x, v), 2 * H @ v)
    close(ag.vector_jacobian_product(f)(x, u), u @ J)
    close(
        ag.tensor_jacobian_product(lambda x: np.outer(f(x), x))(x, u),
        onp.einsum("i,ijk", u, J[:, None] * x[:, None] + onp.tanh(A @ x)[:, None, None] * onp.eye(4)),
    )
    hvp, slope = ag.make_hvp(energy)(x)
    close(hvp(v), H @ v)
    close(slope, ag.grad(energy)(x))
    value, tangent = ag.make_jvp(f)(x)(v)
    close(value, f(x))
    close(tangent, J @ v)
    close(ag.make_jvp_reversemode(f)(x)(v), J @ v)
    close(ag.make_ggnvp(f)(x)(v), J.T @ (J @ v))
    quartic = ag.make_ggnvp(f, lambda y: np.sum(y**4))(x)(v)
    close(quartic, J.T @ (12 * f(x) ** 2 * (J @ v)))


def test_operators_within_a_function_that_is_differentiated(rs: onp.random.RandomState) -> None:
    x, v = rs.randn(3), rs.randn(3)

    def energy(x: Any) -> Any:
        return np.sum(np.sin(x) * x[0])

    for product in (
        lambda x, v: ag.hessian_vector_product(energy)(x, v),
        lambda x, v: ag.make_hvp(energy)(x)[0](v),
        lambda x, v: np.dot(ag.hessian(energy)(x), v),
        lambda x, v: ag.make_jvp(ag.grad(energy))(x)(v)[1],
        lambda x, v: ag.make_vjp(ag.grad(energy))(x)[0](v),
        lambda x, v: ag.make_ggnvp(np.sin)(x)(v),
        lambda x, v: ag.value_and_grad(energy)(x)[1] * v,
        lambda x, v: ag.grad_and_aux(lambda x: (energy(x), x**2))(x)[1] * v,
    ):
        check_grads(product, (0, 1), order=1)(x, v)


def test_cotangents_of_containers_in_any_order_and_dtype() -> None:
    def f(x: Any) -> Any:
        return {"a": x, "b": [10 * x, (x**2,)]}

    vjp, value = ag.make_vjp(f)(3.0)
    assert value == {"a": 3.0, "b": [30.0, (9.0,)]}
    assert vjp({"b": [0, (0,)], "a": 1}) == 1.0
    assert ag.make_jvp(lambda p: 10 * p["a"] + p["b"])({"a": 1.0, "b": 2.0})({"b": 0, "a": 1})[1] == 10.0
    with pytest.raises(TypeError, match="structure"):
        vjp({"a": 1.0})


def test_holomorphic_gradients() -> None:
    z = 1.0 + 2.0j
    close(ag.holomorphic_grad(np.exp)(z), onp.exp(z))
    with pytest.warns(UserWarning, match="not complex"):
        ag.holomorphic_grad(lambda x: x**2)(1.0)
    close(ag.grad(lambda z: np.abs(z) ** 2)(z), 2 * onp.conj(z))


def test_dtypes_are_kept() -> None:
    for dtype in (onp.float16, onp.float32, onp.float64):
        assert ag.grad(lambda x: np.sum(x**2))(onp.ones(3, dtype)).dtype == dtype


def test_checkpoint_changes_nothing() -> None:
    assert ag.grad(ag.checkpoint(lambda x, y: x * y), 1)(2.0, 3.0) == 2.0


def test_operators_have_names() -> None:
    def loss(x: Any) -> Any:
        return x

    assert ag.grad(loss, 1).__name__ == "grad_of_loss_wrt_argnum_1"
    assert ag.make_vjp(loss).__name__ == "make_vjp_of_loss_wrt_argnum_0"
    ag.grad(functools.partial(loss))(1.0)  # a partial has no name


def test_users_own_operator() -> None:
    @unary_to_nary
    def squared_slope(fun: Any, x: Any) -> Any:
        return core.make_vjp(fun, x)[0](1.0) ** 2

    assert squared_slope(lambda a, b: a * b**2, 1)(2.0, 3.0) == 144.0


# -- scripts ---------------------------------------------------------------------------------------


def test_logistic_regression() -> None:
    inputs = np.array([[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]])
    targets = np.array([True, True, False, True])

    def loss(weights: Any) -> Any:
        p = 0.5 * (np.tanh(np.dot(inputs, weights) / 2) + 1)
        return -np.sum(np.log(p * targets + (1 - p) * (1 - targets)))

    weights = np.zeros(3)
    slope = ag.grad(loss)
    check_grads(loss, modes=["rev"])(weights)
    before = loss(weights)
    for _ in range(50):
        weights -= slope(weights) * 0.1
    assert loss(weights) < before / 2


def test_recurrent_network_with_branches(rs: onp.random.RandomState) -> None:
    def run(params: Any, inputs: Any) -> Any:
        state, total = params["start"], 0.0
        for x in inputs:
            state = np.tanh(np.dot(np.concatenate([state, x]), params["W"]) + params["b"])
            if np.sum(state) > 0:
                state = state * 0.5
            total += np.sum(state**2)
        return total

    params = {"start": rs.randn(3), "W": rs.randn(5, 3), "b": rs.randn(3)}
    check_grads(run)(params, rs.randn(4, 2))


def test_mixture_by_logsumexp_and_adam(rs: onp.random.RandomState) -> None:
    special = pytest.importorskip("lazygrad.compat.autograd.scipy.misc")
    norm = pytest.importorskip("lazygrad.compat.autograd.scipy.stats.norm")
    data = np.concatenate([rs.randn(40) - 3, rs.randn(40) + 3])

    def loss(params: Any, step: int = 0) -> Any:
        weights = params["logits"] - special.logsumexp(params["logits"])
        scales = np.exp(params["log scales"])
        parts = [w + norm.logpdf(data, m, s) for w, m, s in zip(weights, params["means"], scales, strict=True)]
        return -np.sum(special.logsumexp(np.vstack(parts), axis=0))

    start = {"logits": np.zeros(2), "means": np.array([-0.5, 0.5]), "log scales": np.zeros(2)}
    check_grads(loss, order=1)(start)
    seen: list[int] = []
    end = adam(ag.grad(loss), start, lambda params, i, g: seen.append(i), num_iters=100, step_size=0.1)
    assert seen == list(range(100))
    close(end["means"], [-3, 3], rtol=0.2)


def test_ode_with_nested_parameters() -> None:
    integrate = pytest.importorskip("lazygrad.compat.autograd.scipy.integrate")

    def slope(y: Any, t: Any, params: Any) -> Any:
        (a, b), c = params
        return np.array([a * y[0] - b * y[0] * y[1], c["d"] * y[0] * y[1] - y[1]])

    def end(y0: Any, params: Any) -> Any:
        return np.sum(integrate.odeint(slope, y0, np.linspace(0.0, 1.0, 3), (params,), rtol=1e-9, atol=1e-9) ** 2)

    check_grads(end, (0, 1), modes=["rev"], order=1)(np.array([1.0, 0.5]), ((1.1, 0.4), {"d": 0.3}))


def test_minimise_with_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")

    def rosenbrock(x: Any) -> Any:
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2

    found = optimize.minimize(ag.value_and_grad(rosenbrock), np.array([-1.2, 1.0]), jac=True, method="BFGS")
    close(found.x, [1, 1], rtol=1e-4)
    found = optimize.minimize(
        rosenbrock,
        np.array([-1.2, 1.0]),
        jac=ag.grad(rosenbrock),
        hessp=ag.hessian_vector_product(rosenbrock),
        method="Newton-CG",
    )
    close(found.x, [1, 1], rtol=1e-4)


def test_convolution_along_some_axes(rs: onp.random.RandomState) -> None:
    signal = pytest.importorskip("lazygrad.compat.autograd.scipy.signal")
    images, filters = rs.randn(2, 3, 5, 5), rs.randn(3, 4, 2, 2)

    def layer(x: Any, w: Any) -> Any:
        return signal.convolve(x, w, axes=([2, 3], [2, 3]), dot_axes=([1], [0]), mode="valid")

    assert layer(images, filters).shape == (2, 4, 4, 4)
    check_grads(layer, (0, 1), modes=["rev"], order=1)(images, filters)
    check_grads(lambda x, y: signal.convolve(x, y, mode="full"), (0, 1))(rs.randn(4), rs.randn(2))


def test_linear_algebra_of_scipy(rs: onp.random.RandomState) -> None:
    linalg = pytest.importorskip("lazygrad.compat.autograd.scipy.linalg")
    A = rs.randn(3, 3)
    check_grads(lambda A: linalg.sqrtm(A @ A.T + np.eye(3)))(A)
    check_grads(lambda A: np.real(linalg.sqrtm(A + A.T)), order=1)(A)  # a complex root
    check_grads(linalg.solve_triangular, (0, 1), modes=["rev"], order=1)(A + 4 * onp.eye(3), rs.randn(3))


# -- NumPy as autograd's users write it ------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum([x, x**2, 3.0]),
        lambda x: np.mean([x, x**2]),
        lambda x: np.max([x, x**2]),
        lambda x: np.var((x, x**2, 1.0)),
        lambda x: np.linalg.norm([x, x**2]),
        lambda x: np.dot([x, 1.0], [x, x]),
        lambda x: np.dot(np.eye(2), [x, x**2])[1],
        lambda x: np.sum(np.concatenate([[x], [x**2]])),
        lambda x: np.array([[x, 1.0], [0.0, x**2]])[1, 1],
        lambda x: np.sum(np.r_[x, 0.0:3.0, [x**2, 1.0]] ** 2),
        lambda x: np.sum(np.c_[np.array([x, 1.0]), np.array([2.0, x**2])] ** 2),
        lambda x: np.sum(np.hstack([x, np.array([x**2])])),
        lambda x: np.real(np.fft.fft([x, x**2])[1]),
        lambda x: np.sum(np.make_diagonal(np.array([x, x**2])) * 3),
        lambda x: np.where(x > 1, x**2, [x, 2.0])[0],
    ],
)
def test_lists_of_numbers(f: Callable[[Any], Any]) -> None:
    check_grads(f)(1.7)


def test_refused_lists_are_refused_still() -> None:
    with pytest.raises(TypeError, match="nowhere"):
        ag.grad(lambda x: np.sum([x, x], nowhere=1))(1.0)
    with pytest.raises(NotImplementedError):
        np.make_diagonal(np.ones(2), offset=1)


def test_numpy_on_plain_values() -> None:
    assert np.where(True, 1, 2) == 1
    assert type(np.where(False, 1, 2.0)) is float
    assert np.where([True, False], [1, 2], [3, 4]) == [1, 4]
    close(np.where(np.array([True, False]), 1.0, y=2.0), [1.0, 2.0])
    assert np.where(np.array([True, False]))[0].tolist() == [0]
    assert np.r_[1:3, 5].tolist() == [1, 2, 5]
    assert np.sum is not onp.sum
    assert np.sum([1, 2]) == 3
    assert np.sin.__wrapped__ is onp.sin
    assert np.sin == onp.sin
    assert np.int64([1.5, 2.5]).dtype == np.int64
    assert npr.RandomState(1).randn() == onp.random.RandomState(1).randn()


def test_integers_of_traced_values() -> None:
    table = np.arange(4.0)

    def f(x: Any) -> Any:
        return x[0] * table[np.int64(x[1])]

    close(ag.grad(f)(np.array([2.0, 3.0])), [3.0, 0.0])


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigh_reads_one_triangle(rs: onp.random.RandomState, uplo: str) -> None:
    A = rs.randn(3, 3)
    check_grads(lambda A: np.linalg.eigh(A, uplo)[0])(A)
    check_grads(lambda A: np.linalg.eigvalsh(A, uplo))(A)
    other = onp.triu(A, 1) if uplo == "L" else onp.tril(A, -1)
    slope = ag.grad(lambda A: np.linalg.eigh(A, uplo)[0][0])(A)
    assert not slope[other != 0].any()
    complexly = A + 1j * rs.randn(3, 3)
    check_grads(lambda A: np.linalg.eigvalsh(A, uplo), order=1)(complexly)
