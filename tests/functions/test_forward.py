"""Forward mode, Jacobians and Hessians: against reverse mode, and the work they do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives.tangents import Tangents
from lazygrad._graph.trees import leaves
from tests.helpers.op_checks import close, make_generator

X = np.array([1.0, -2.0, 0.5])
A = np.arange(12.0).reshape(4, 3) / 7


def f(x: Any) -> Any:
    return np.tanh(A @ x) * np.sum(x**2)


# -- jvp -------------------------------------------------------------------------------------------


def test_jvp_is_the_jacobian_times_the_tangent() -> None:
    t = make_generator().normal(size=3)
    value, tangent = lg.jvp(f, X, t)
    close(value, f(X))
    close(tangent, lg.jacrev(f)(X) @ t)
    assert (type(value), type(tangent)) == (np.ndarray, np.ndarray)


def test_a_tangent_that_is_a_node_gives_a_node() -> None:
    t = lg.parameter(2.0)
    value, tangent = lg.jvp(np.sin, (0.5,), (t,))
    assert isinstance(value, lg.Node)
    assert isinstance(tangent, lg.Node)
    close(tangent.value, 2.0 * np.cos(0.5))
    close(lg.gradient(tangent, t), np.cos(0.5))


def test_jvp_of_structures() -> None:
    def g(p: Any, y: Any) -> Any:
        return {"a": p["w"] * y, "b": [np.sum(p["v"]), 3.0]}

    primals = ({"w": 2.0, "v": X}, 5.0)
    value, tangent = lg.jvp(g, primals, ({"w": 1.0, "v": X}, 10.0))
    assert (value["a"], value["b"][1]) == (10, 3)
    assert tangent["a"] == 25
    close(tangent["b"], [X.sum(), 0.0])
    value, tangent, aux = lg.jvp(lambda x: (x * 2, {"x": x}), X, X, has_aux=True)
    close(tangent, 2 * X)
    close(aux["x"], X)


@pytest.mark.parametrize(
    ("primals", "tangents", "error"),
    [
        (X, np.ones(2), lg.ShapeError),
        ((X,), X, TypeError),
        ((X, X), (X,), TypeError),
        ({"a": X}, {"a": X, "b": X}, TypeError),
        (3, 1, TypeError),
        (X, 1j * X, TypeError),
    ],
)
def test_jvp_refuses(primals: Any, tangents: Any, error: Any) -> None:
    with pytest.raises(error):
        lg.jvp(np.sum, primals, tangents)


def test_jvp_keeps_float32() -> None:
    value, tangent = lg.jvp(lambda x: np.tanh(x) * 2.0, X.astype(np.float32), X)
    assert (value.dtype, tangent.dtype) == (np.float32, np.float32)


def test_one_tangent_pass_serves_many_outputs() -> None:
    """Each shared node's tangent is computed once, whatever the number of outputs; nothing else is visited."""
    x, t = lg.parameter(X), lg.parameter(X)
    shared = np.exp(np.tanh(x))
    outputs = [shared * k for k in (2.0, 3.0, 4.0)]
    unasked = np.sin(shared)
    tangents = Tangents({x: t})
    found = [tangents.of(y) for y in outputs]
    with lg.record() as report:
        for y in found:
            y.value  # type: ignore[union-attr]  # noqa: B018
    names = [node.op.name for node in report.values.computed]
    assert (names.count("tanh"), names.count("exp")) == (1, 1)
    with lg.record() as again:
        assert tangents.of(outputs[0]) is found[0]
        outputs[0].value, found[0].value  # type: ignore[union-attr]
    assert [node.op.name for node in again.values.computed] == ["multiply"]  # the output itself: no tangent reads it
    assert unasked.serial not in tangents._found


def test_tangents_follow_a_changed_leaf() -> None:
    x, t = lg.parameter(X), lg.parameter(X)
    y = Tangents({x: t}).of(np.tanh(x))
    assert y is not None
    close(y.value, (1 - np.tanh(X) ** 2) * X)
    t.set(2 * X)
    with lg.record() as report:
        close(y.value, (1 - np.tanh(X) ** 2) * 2 * X)
    assert report.values.misses == 1
    x.set(0 * X)
    close(y.value, 2 * X)


def test_what_does_not_depend_on_the_seed_has_no_tangent() -> None:
    old = lg.parameter(X)
    x = lg.parameter(X)
    tangents = Tangents({x: lg.constant(X)})
    assert tangents.of(np.exp(old)) is None
    assert tangents.of(np.sign(x)) is None
    assert tangents.of(x > 0) is None


def test_forward_through_a_gradient_that_is_part_of_the_function() -> None:
    def g(x: Any) -> Any:
        return lg.grad(lambda y: np.sum(y**3))(x) * x

    close(lg.jvp(g, X, X)[1], 9 * X**3)


# -- Jacobians -------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [lg.jacobian, lg.jacfwd, lg.jacrev])
def test_jacobians(transform: Any) -> None:
    J = transform(f)(X)
    assert J.shape == (4, 3)
    assert not J.flags.writeable
    expected = (1 - np.tanh(A @ X) ** 2)[:, None] * A * np.sum(X**2) + np.tanh(A @ X)[:, None] * 2 * X
    close(J, expected)
    close(transform(lambda x: np.sum(x**2))(X), 2 * X)
    assert transform(lambda x: x * X)(2.0).shape == (3,)
    assert transform(lambda x: np.reshape(x, (3, 1)) * X)(X).shape == (3, 3, 3)
    assert transform(lambda x: x[:0])(X).shape == (0, 3)
    assert transform(lambda x: np.sum(x) * X)(np.zeros(0)).shape == (3, 0)
    with pytest.warns(lg.UnconnectedWarning):
        close(transform(lambda x: X)(X), np.zeros((3, 3)))
    J = transform(lambda x: x**2)(X.astype(np.float32))
    assert J.dtype == np.float32


class Pair(NamedTuple):
    first: Any
    second: Any


@pytest.mark.parametrize("transform", [lg.jacobian, lg.jacfwd, lg.jacrev])
def test_jacobians_of_structures(transform: Any) -> None:
    """In the structure of the output, each in the structure of the argument."""

    def g(p: Any, y: Any) -> Any:
        return Pair(p["a"] * y, [np.sum(p["b"])])

    J = transform(g, argnums=(0, 1))({"a": 2.0, "b": X}, X)
    assert type(J) is Pair
    close(J.first[0]["a"], X)
    close(J.first[0]["b"], np.zeros((3, 3)))
    close(J.first[1], 2 * np.eye(3))
    close(J.second[0][0]["b"], np.ones(3))
    J, aux = transform(lambda x: (x * 2, x), has_aux=True)(X)
    close(J, 2 * np.eye(3))
    close(aux, X)


@pytest.mark.parametrize("transform", [lg.jacobian, lg.jacfwd, lg.jacrev])
def test_jacobians_can_be_differentiated(transform: Any) -> None:
    trace = lg.grad(lambda x: np.sum(transform(lambda y: y**3)(x)))
    close(trace(X), 6 * X)
    close(lg.grad(lambda s: np.sum(transform(lambda y: s * y**2)(X)))(2.0), np.sum(2 * X))


def test_jacobian_takes_the_mode_with_fewer_passes() -> None:
    tall, wide = np.ones((50, 2)), np.ones((2, 50))
    for M, few in ((tall, 2), (wide, 2)):
        with lg.record() as report:
            close(lg.jacobian(lambda x, M=M: np.tanh(M @ x))(np.zeros(M.shape[1])), M)
        assert report.values.misses + report.rules_run < 12 * few


def test_jacobian_of_nodes_and_of_functions_are_told_apart() -> None:
    x = lg.parameter(X)
    close(lg.jacobian(f(x), x), lg.jacobian(f)(X))
    with pytest.raises(TypeError, match="nodes"):
        lg.jacobian(f, x)
    with pytest.raises(TypeError, match="nodes"):
        lg.jacobian(f(x), 0)


# -- Hessians --------------------------------------------------------------------------------------


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_hessian() -> None:
    H = lg.hessian(rosenbrock)(np.array([-1.2, 1.0]))
    close(H, [[1330.0, 480.0], [480.0, 200.0]])
    nested = lg.hessian(lambda p: p["a"] ** 2 * np.sum(p["b"]))({"a": 3.0, "b": X})
    assert nested["a"]["a"] == 2 * X.sum()
    close(nested["a"]["b"], 6 * np.ones(3))
    close(nested["b"]["a"], 6 * np.ones(3))
    close(nested["b"]["b"], np.zeros((3, 3)))
    (yx,) = [row[0] for row in lg.hessian(lambda x, y: x * y**2, argnums=(0, 1))(3.0, 5.0)[1:]]
    assert yx == 10


def test_hvp() -> None:
    v = make_generator().normal(size=3)
    close(lg.hvp(rosenbrock, X, v), lg.hessian(rosenbrock)(X) @ v)
    by_x, by_y = lg.hvp(lambda x, y: np.sum(x * y**2), (X, X), (v, 0 * v))
    close(by_x, 0 * X)
    close(by_y, 2 * X * v)
    close(
        lg.grad(lambda x: np.sum(lg.hvp(rosenbrock, x, v)))(X),
        lg.grad(lambda x: np.sum(lg.hessian(rosenbrock)(x) @ v))(X),
    )


def test_hessian_vector_product_after_a_gradient_reuses_its_nodes() -> None:
    """Node by node: the second question computes no forward value and no adjoint that the first one had."""
    x = lg.parameter(X)
    L = np.sum(np.exp(np.tanh(x)) * x)
    L.value  # noqa: B018
    gradient = lg.adjoint(L, x)
    gradient.value  # noqa: B018
    known = {node.serial for node in lg.differentiator(L).table() for node in [node.node]}
    with lg.record() as report:
        lg.gradient((gradient * X).sum(), x)
    assert not known & {node.serial for node in report.values.computed}
    assert all(node.op.name not in ("exp", "tanh") or node.serial > L.serial for node in report.values.computed)


# -- complex numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [lg.jacobian, lg.jacfwd, lg.jacrev])
def test_jacobians_from_real_to_complex_and_of_holomorphic_functions(transform: Any) -> None:
    close(transform(lambda x: np.exp(1j * x))(X), np.diag(1j * np.exp(1j * X)))
    z = X + 1j * X[::-1]
    close(transform(lambda z: z**2, holomorphic=True)(z), np.diag(2 * z))
    with pytest.raises(TypeError, match="holomorphic"):
        transform(lambda z: np.abs(z) ** 2)(z)


def test_gradient_by_complex_numbers() -> None:
    """dL/dx - i dL/dy, as JAX and HIPS autograd have it."""
    z = np.array([1 + 2j, -0.5 + 1j])
    close(lg.grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * np.conj(z))
    close(lg.grad(lambda z: np.sum(np.real(z * z)))(z), 2 * z)
    close(lg.grad(lambda z: z**3, holomorphic=True)(z[0]), 3 * z[0] ** 2)
    _, tangent = lg.jvp(lambda x: np.exp(1j * x), X, X)
    close(tangent, 1j * X * np.exp(1j * X))
    g = lg.grad(lambda x: np.sum(np.abs(np.exp((1 + 2j) * x)) ** 2))(X)
    assert g.dtype == float
    close(g, 2 * np.exp(2 * X))


def test_dicts_may_come_in_any_order() -> None:
    _, tangent = lg.jvp(lambda p: 10 * p["a"] + p["b"], ({"a": 1.0, "b": 2.0},), ({"b": 0.0, "a": 1.0},))
    assert tangent == 10
    _, pull = lg.vjp(lambda x: {"a": x, "b": 10 * x}, 1.0)
    assert pull({"b": 0.0, "a": 1.0}) == (1.0,)


def test_the_tangent_of_a_gradient_that_is_zero_everywhere() -> None:
    def pulled(x: Any, g: Any) -> Any:
        return lg.vjp(np.sign, x)[1](g)[0]

    assert lg.jvp(pulled, (1.5, 2.0), (1.0, 1.0)) == (0.0, 0.0)


def test_tangents_computed_at_once_are_those_of_the_memo_bit_for_bit() -> None:
    """While a report is open tangents are nodes, else arrays."""

    def g(x: Any) -> Any:
        y = np.where(x > 0, np.sin(x) * x, np.exp(x)) + f(x)[:3]
        return {"y": y[[0, 0, 2]] / (1 + y**2), "g": lg.grad(rosenbrock)(x) * y, "zero": np.floor(x)}

    for h in (g, lg.grad(lambda x: np.sum(g(x)["y"] * x))):
        quick = lg.jvp(h, X, X + 1)
        with lg.record() as report:
            thorough = lg.jvp(h, X, X + 1)
        assert report.values.misses
        for a, b in zip(quick, thorough, strict=True):
            for one, other in zip(leaves(a), leaves(b), strict=True):
                assert (type(one), one.tobytes()) == (type(other), other.tobytes())
                assert not one.flags.writeable
