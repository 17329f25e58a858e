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
from lazygrad.compat.autograd import builtins, core, tracer
from lazygrad.compat.autograd.extend import (
    Box,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
    vspace,
)
from lazygrad.compat.autograd.misc import flatten
from lazygrad.compat.autograd.misc.fixed_points import fixed_point
from lazygrad.compat.autograd.misc.flatten import flatten_func
from lazygrad.compat.autograd.misc.optimizers import adam, rmsprop, sgd
from lazygrad.compat.autograd.numpy.numpy_boxes import ArrayBox
from lazygrad.compat.autograd.numpy.numpy_vjps import unbroadcast_f
from lazygrad.compat.autograd.test_util import check_equivalent, check_grads, combo_check
from lazygrad.compat.autograd.wrap_util import unary_to_nary

Array = onp.ndarray[Any, Any]


def close(a: Any, b: Any, rtol: float = 1e-7) -> None:
    onp.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9)


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
    assert np.sin is onp.sin
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


# -- users' primitives -----------------------------------------------------------------------------


def make_logsumexp(rules: str) -> Callable[..., Any]:
    @primitive
    def logsumexp(x: Any) -> Any:
        assert type(x) is onp.ndarray
        top = onp.max(x)
        return top + onp.log(onp.sum(onp.exp(x - top)))

    if "v" in rules:
        defvjp(logsumexp, lambda ans, x: lambda g: np.full(x.shape, g) * np.exp(x - np.full(x.shape, ans)))
    if "j" in rules:
        defjvp(logsumexp, lambda t, ans, x: np.sum(t * np.exp(x - ans)))
    return logsumexp


@pytest.mark.parametrize("rules", ["v", "j", "vj"])
def test_a_primitive_by_either_rule(rules: str) -> None:
    logsumexp = make_logsumexp(rules)
    x = np.array([0.5, 1.5, -1.0])
    assert logsumexp(x) == pytest.approx(onp.log(onp.sum(onp.exp(x))))
    check_grads(logsumexp, order=3)(x)
    check_grads(lambda x: logsumexp(x * 2) ** 2)(x)


def test_a_primitive_of_several_arguments_and_keywords() -> None:
    calls: list[tuple[int, ...]] = []

    @primitive
    def scaled(x: Any, label: str, y: Any, power: int = 1) -> Any:
        assert label == "x"
        return x * y**power

    defvjp(
        scaled,
        unbroadcasting := lambda ans, x, label, y, power=1: unbroadcast_f(x, lambda g: g * y**power),
        None,
        lambda ans, x, label, y, power=1: unbroadcast_f(y, lambda g: g * x * power * y ** (power - 1)),
    )
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, 5.0])
    check_grads(scaled, (0, 2))(x, "x", y, power=3)
    check_grads(scaled, 2)(x, "x", y)
    defvjp(scaled, unbroadcasting, argnums=[0])
    check_grads(scaled, 0, modes=["rev"])(x, "x", y)
    with pytest.raises(NotImplementedError, match="VJP of scaled wrt argnum 2 not defined"):
        ag.grad(lambda y: np.sum(scaled(x, "x", y)))(y)

    def by_argnums(argnums: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        calls.append(argnums)
        x, _, y = args
        return lambda g: [g * (y if k == 0 else x) for k in argnums]

    defvjp_argnums(scaled, by_argnums)
    check_grads(scaled, (0, 2), order=1)(x, "x", y)
    assert set(calls) == {(0,), (2,)}
    defvjp_argnum(scaled, lambda k, ans, args, kwargs: lambda g: g * args[2 - k])
    check_grads(scaled, (0, 2))(x, "x", y)


@pytest.mark.parametrize(
    "declare",
    [
        def_linear,
        lambda f: defjvp(f, "same", "same"),
        lambda f: defjvp(f, lambda t, ans, x, y: np.dot(t, y), "same"),
        lambda f: defjvp_argnum(f, lambda k, t, ans, args, kwargs: np.dot(*(t if j == k else args[j] for j in (0, 1)))),
        lambda f: defjvp_argnums(
            f, lambda ks, ts, ans, args, kwargs: np.dot(*(ts[0] if j in ks else args[j] for j in (0, 1)))
        ),
    ],
)
def test_jacobian_vector_products(declare: Callable[[Any], None]) -> None:
    @primitive
    def dot(x: Any, y: Any) -> Any:
        return onp.dot(x, y)

    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, 5.0])
    declare(dot)
    check_grads(dot, (0, 1), modes=["fwd"])(x, y)


def test_a_linear_primitive_has_no_other_vjp_than_declared() -> None:
    dot = primitive(onp.dot)
    def_linear(dot)
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, 5.0])
    with pytest.raises(NotImplementedError, match="VJP of dot wrt argnum 1"):
        ag.make_vjp(dot, 1)(x, y)[0](y)
    defvjp(dot, lambda ans, x, y: lambda g: np.outer(g, y), lambda ans, x, y: lambda g: np.dot(x.T, g))
    check_grads(dot, (0, 1))(x, y)
    defjvp(dot, None, "same")
    assert not ag.make_jvp(dot)(x, y)(x)[1].any()


def test_primitives_without_rules_or_with_wrong_ones() -> None:
    double = primitive(lambda x: 2.0 * x)
    assert double(3) == 6.0
    with pytest.raises(NotImplementedError, match="VJP of"):
        ag.grad(double)(1.0)
    with pytest.raises(NotImplementedError, match="JVP of"):
        ag.deriv(double)(1.0)
    with pytest.raises(TypeError, match="no primitive of yours"):
        defvjp(np.sin, lambda ans, x: lambda g: g)
    with pytest.raises(TypeError, match="must be functions or None"):
        defvjp(double, 3.0)
    with pytest.raises(TypeError, match="returned str"):
        ag.grad(primitive(lambda x: "text"))(1.0)


def test_primitives_of_containers() -> None:
    @primitive
    def both(params: Any, data: Any) -> Any:
        a, b = params["a"], params["b"][0]
        return {"product": a * b * data, "sum": (onp.sum(a) + b, 1)}

    def pull(ans: Any, params: Any, data: Any) -> Any:
        a, b = params["a"], params["b"][0]
        return lambda g: {
            "b": [np.sum(g["product"] * a * data) + g["sum"][0]],
            "a": g["product"] * b * data + g["sum"][0],
        }

    defvjp(both, pull, None)

    def loss(params: Any, data: Any) -> Any:
        found = both(params, data)
        assert np.result_type(found["sum"][1]).kind == "i"
        return np.sum(np.sin(found["product"])) * found["sum"][0]

    check_grads(loss, modes=["rev"], order=2)({"a": np.array([1.0, 2.0]), "b": [3.0]}, np.array([0.5, -1.0]))

    @primitive
    def total(parts: Any) -> Any:
        return parts[0] * 2 + parts[1]

    defjvp(total, lambda t, ans, parts: t[0] * 2 + t[1])
    check_grads(total)([np.array([1.0, 2.0]), np.array([3.0, 4.0])])


def test_a_rule_may_branch_on_values() -> None:
    @primitive
    def magnitude(x: Any) -> Any:
        return abs(x)

    defvjp(magnitude, lambda ans, x: lambda g: g if x > 0 else -g)
    assert ag.grad(magnitude)(-2.0) == -1.0
    check_grads(magnitude)(-2.0)


def test_a_primitive_follows_its_inputs_outside_transforms() -> None:
    logsumexp = make_logsumexp("v")
    x = lg.parameter([0.0, 1.0])
    y = logsumexp(x)
    first = lg.gradient(y, x)
    x.set([1.0, 0.0])
    close(lg.gradient(y, x), first[::-1])


def test_a_primitive_gets_arrays_that_it_may_write_to() -> None:
    @primitive
    def sorted_in_place(x: Any) -> Any:
        x.sort()
        return x

    defvjp(sorted_in_place, lambda ans, x: lambda g: g[np.argsort(np.argsort(x))])
    close(ag.grad(lambda x: np.dot(sorted_in_place(x), np.array([1.0, 10.0])))(np.array([2.0, 1.0])), [10.0, 1.0])


def test_fixed_point() -> None:
    def newton(a: Any) -> Any:
        return lambda x: (x + a / x) / 2

    def root(a: Any) -> Any:
        return fixed_point(newton, a, 1.0, lambda x, y: np.abs(x - y), 1e-12)

    close(ag.grad(root)(2.0), 0.5 / onp.sqrt(2))
    close(ag.grad(ag.grad(root))(2.0), -0.25 * 2**-1.5, rtol=1e-5)


# -- containers, types, flat vectors ---------------------------------------------------------------


def test_types_of_traced_values() -> None:
    def f(p: Any) -> Any:
        assert builtins.isinstance(p, dict)
        assert builtins.isinstance(p["a"], onp.ndarray)
        assert builtins.isinstance(p["b"], float)
        assert not builtins.isinstance(p["b"], (int, onp.ndarray))
        assert builtins.type(p["a"]) is onp.ndarray
        assert ag.type(p["b"]) is onp.float64
        assert isinstance(p["a"], ArrayBox)
        assert isinstance(p["a"], Box)
        assert tracer.isbox(p["b"])
        made = ag.dict({"x": ag.list([p["b"], ag.tuple((p["a"],))])})
        return np.sum(made["x"][1][0]) * made["x"][0]

    assert not tracer.isbox(1.0)
    close(ag.grad(f)({"a": np.ones(2), "b": 3.0})["a"], [3.0, 3.0])


def test_values_of_traced_values() -> None:
    seen: list[Any] = []

    @notrace_primitive
    def note(x: Any) -> None:
        seen.append(x)

    def f(x: Any) -> Any:
        note(x * 2)
        return x * tracer.getval(x)

    assert ag.grad(f)(3.0) == 3.0
    assert seen == [6.0]
    assert type(seen[0]) is onp.float64


def test_flatten_both_ways(rs: onp.random.RandomState) -> None:
    value = {"b": [rs.randn(2, 3), 2.5, ()], "a": (rs.randn(4), {"x": onp.float32(1.5)}), "c": onp.arange(2)}
    vector, unflatten = flatten(value)
    assert vector.shape == (14,)
    close(vector[:5], [*value["a"][0], 1.5])  # by sorted keys
    back = unflatten(vector)
    assert list(back) == ["b", "a", "c"]
    assert back["b"][1:] == [2.5, ()]
    assert back["a"][1]["x"].dtype == onp.float32
    close(back["b"][0], value["b"][0])
    assert flatten(())[0].size == 0
    complexly, back_again = flatten([1 + 2j, 3.0])
    assert back_again(complexly) == [1 + 2j, 3.0]


def test_flatten_is_differentiable() -> None:
    example = {"W": np.ones((2, 2)), "b": [0.5, 1.5]}
    vector, unflatten = flatten(example)
    check_grads(lambda v: flatten(unflatten(v**2))[0])(vector)
    assert ag.grad(lambda x, y: np.sum(flatten([x, y])[0] * np.array([1.0, 2.0])), 1)(1.0, 1.0) == 2.0
    flat, back, start = flatten_func(lambda p, s: {"W": p["W"] * s, "b": p["b"]}, example)
    close(flat(start, 2.0), [2, 2, 2, 2, 0.5, 1.5])
    assert back(start)["b"] == [0.5, 1.5]


@pytest.mark.parametrize("optimize", [sgd, rmsprop, adam])
def test_optimisers(optimize: Callable[..., Any]) -> None:
    target = {"a": np.array([1.0, -2.0]), "b": (0.5,)}

    def loss(p: Any, i: int) -> Any:
        return np.sum((p["a"] - target["a"]) ** 2) + (p["b"][0] - 0.5) ** 2

    start = {"a": np.zeros(2), "b": (0.0,)}
    seen: list[Any] = []
    found = optimize(ag.grad(loss), start, lambda p, i, g: seen.append((i, p, g)), num_iters=300, step_size=0.05)
    close(found["a"], target["a"], rtol=0.05)
    assert [i for i, _, _ in seen] == list(range(300))
    assert seen[0][1] == {"a": pytest.approx([0, 0]), "b": (0.0,)}
    close(seen[0][2]["a"], [-2.0, 4.0])
    close(optimize(ag.grad(loss), start, num_iters=300, step_size=0.05)["a"], found["a"])


# -- vector spaces and checks ----------------------------------------------------------------------


def test_vector_spaces() -> None:
    space = vspace({"a": np.ones((2, 3)), "b": [1.0, 2j]})
    assert space.size == 9
    assert space == vspace({"b": [0.0, 0j], "a": np.zeros((2, 3))})
    assert space != vspace({"a": np.ones((2, 3)), "b": [1.0, 2.0]})
    basis = list(space.standard_basis())
    assert len(basis) == 9
    x = space.randn()
    for unit in basis:
        assert space.inner_prod(unit, unit) == 1
        assert space.inner_prod(unit, x) == space.inner_prod(x, unit)
    rebuilt = space.zeros()
    for unit in basis:
        rebuilt = space.add(rebuilt, space.scalar_mul(unit, space.inner_prod(unit, x)))
    check_equivalent(rebuilt, x)
    assert space.covector(x)["b"][1] == onp.conj(x["b"][1])
    plain = vspace(np.zeros((2, 1), complex))
    assert (plain.shape, plain.ndim, plain.dtype, plain.iscomplex, plain.size) == ((2, 1), 2, complex, True, 4)
    close(plain.ones(), [[1 + 1j], [1 + 1j]])
    assert "shape=(2, 1)" in repr(plain)
    with pytest.raises(TypeError, match="no vector space"):
        vspace([1.0, "text"])


def test_check_grads_finds_what_is_wrong() -> None:
    @primitive
    def wrong(x: Any) -> Any:
        return 2.0 * x

    defvjp(wrong, lambda ans, x: lambda g: g * 2.001)
    with pytest.raises(AssertionError, match=r"\(VJP\) check of wrong failed"):
        check_grads(wrong, modes=["rev"])(1.0)
    with pytest.raises(AssertionError, match="mismatch"):
        check_grads(wrong, modes=["fwd"])(1.0)
    defvjp(wrong, lambda ans, x: lambda g: other(g) * 2)
    other = primitive(lambda x: x)
    defvjp(other, lambda ans, x: lambda g: g * 1.001)
    check_grads(wrong, modes=["rev"], order=1)(1.0)
    with pytest.raises(AssertionError, match=r"check of vjp_wrong failed"):
        check_grads(wrong, modes=["rev"], order=2)(1.0)
    with pytest.raises(ValueError, match="modes"):
        check_grads(np.sin, modes=["backward"])(1.0)
    with pytest.raises(AssertionError, match="Space mismatch"):
        check_equivalent(np.ones(2), np.ones(3))


def test_combinations() -> None:
    seen: list[tuple[int, Any]] = []

    def f(x: Any, axis: Any = None) -> Any:
        seen.append((x.ndim, axis))
        return np.sum(np.sin(x), axis=axis)

    combo_check(f, (0,), modes=["rev"], order=1)([np.ones(2), np.ones((2, 2))], axis=[None, 0])
    assert set(seen) == {(1, None), (1, 0), (2, None), (2, 0)}
