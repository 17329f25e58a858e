"""PyTensor differentiates functions written with NumPy: its own checks of derivatives, and what runs for it."""

import numpy as np
import pytest

import lazygrad as lg

pytensor = pytest.importorskip("pytensor")

import pytensor.tensor as pt  # noqa: E402
from pytensor.gradient import hessian, verify_grad  # noqa: E402

from lazygrad.plugins.pytensor import function  # noqa: E402
from tests.helpers.pytensor_functions import CASES, FROM_3, dense, normal, ops, symbols, total  # noqa: E402

pytestmark = pytest.mark.usefixtures("uncompiled")

# -- derivatives --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_verify_grad(name):
    f, arrays = CASES[name]
    op = function(f)
    verify_grad(op, list(arrays), rng=np.random.default_rng(0))
    assert op.statistics.evaluations["vjp"] >= len(arrays)


@pytest.mark.parametrize("name", [name for name in CASES if name != "unconnected"])
def test_verify_grad_of_a_gradient(name):
    f, arrays = CASES[name]
    op = function(f)

    def slope(*inputs):
        return pytensor.grad(pt.sum(op(*inputs) ** 2), inputs[0])

    verify_grad(slope, list(arrays), rng=np.random.default_rng(0))
    assert op.statistics.evaluations["vjp of vjp"] >= len(arrays)


def test_third_order():
    x, c = symbols(normal(3), normal(3))
    op = function(total)
    second = pytensor.grad(pt.sum(pytensor.grad(op(x), x) * c), x)
    third = pytensor.function([x, c], pytensor.grad(pt.sum(second * c), x))
    v, w = normal(3), normal(3, seed=1)
    expected = lg.grad(lambda x: lg.hvp(total, x, w) @ w)(v)
    np.testing.assert_allclose(third(v, w), expected, rtol=1e-12)
    assert op.statistics.misses == 1


def test_the_hessian():
    (x,) = symbols(v := normal(3))
    op = function(total)
    program = pytensor.function([x], [op(x), pytensor.grad(op(x), x), hessian(op(x), x)])
    with lg.record() as report:
        found = program(v)
    for array, expected in zip(found, (total(v), lg.grad(total)(v), lg.hessian(total)(v)), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-12)
    assert (op.statistics.misses, op.statistics.schedules) == (1, 1)  # value, gradient and all rows at one point
    assert [node.op.name for node in report.values.computed].count("exp") == 1


@pytest.mark.parametrize("direct", [False, True])
def test_the_product_with_a_jacobian(direct):
    X, W, b = CASES["layer"][1]
    x, t = symbols(X, X)
    op = function(dense)
    y = op(x, W, b)
    if FROM_3:
        made = pytensor.gradient.pushforward(y, x, t, use_op_pushforward=direct)
    else:
        made = pytensor.gradient.Rop(y, x, t, use_op_rop_implementation=direct)
    T = normal(4, 3, seed=1)
    _, expected = lg.jvp(lambda x: dense(x, W, b), X, T)
    np.testing.assert_allclose(pytensor.function([x, t], made)(X, T), expected, rtol=1e-12)
    assert ("jvp" in op.statistics.evaluations) == direct


def test_results_come_in_the_structure_of_the_function():
    def f(p, power, kind):
        return {"sum": np.sum(p["x"] ** power), "both": [p["x"] * p["y"], p["y"]], "kind": kind}

    x, y = symbols(normal(3), normal(3))
    out = function(f)({"y": y, "x": x}, 2, "power")
    assert out["kind"] == "power"
    L = out["both"][0][1] + out["sum"]
    program = pytensor.function([x, y], [out["sum"], *out["both"], *pytensor.grad(L, [x, y])])
    u, v, unit = normal(3), normal(3, seed=1), np.array([0.0, 1.0, 0.0])
    for array, expected in zip(program(u, v), (np.sum(u**2), u * v, v, v * unit + 2 * u, u * unit), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-12)


# -- what runs ----------------------------------------------------------------------------------------


def test_only_what_is_asked_for_runs():
    arrays = CASES["layer"][1]
    inputs = symbols(*arrays)
    op = function(dense)
    by_last = pytensor.function(inputs, pytensor.grad(pt.sum(op(*inputs)), inputs[2]))
    assert ops(by_last) == ["vjp of dense"]
    with lg.record() as report:
        by_last(*arrays)
    assert report.rules_run == 2  # of tanh and of the sum that b is in
    assert [node.name for node in report.adjoints.computed if node.op is None] == ["b"]


def test_value_and_gradients_share_their_nodes():
    arrays = CASES["layer"][1]
    inputs = symbols(*arrays)
    op = function(dense)
    y = op(*inputs)
    everything = pytensor.function(inputs, [y, *pytensor.grad(pt.sum(y), inputs)])
    with lg.record() as report:
        first = everything(*arrays)
    assert [node.op.name for node in report.values.computed].count("tanh") == 1
    assert len(report.adjoints.computed) == len(set(report.adjoints.computed)) == 5  # of three leaves and two nodes
    assert (op.statistics.misses, op.statistics.hits) == (1, 3)
    with lg.record() as report:
        again = everything(*[a.copy() for a in arrays])
    assert report.rules_run == len(report.values.computed) == 0
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_changed_block_computes_what_it_reaches():
    def f(x, y):
        slow, fast = np.tanh(x), np.exp(y)
        slow.name, fast.name = "slow", "fast"
        return np.sum(slow * fast)

    x, y = symbols(normal(3), normal(3))
    op = function(f, points=1)
    L = op(x, y)
    by_y = pytensor.function([x, y], [L, pytensor.grad(L, y)])
    with lg.record() as report:
        for k in range(5):
            by_y(normal(3), normal(3, seed=k))
    names = [node.name for node in report.values.computed]
    assert (names.count("slow"), names.count("fast")) == (1, 5)
    assert [node.name for node in report.adjoints.computed if node.op is None] == ["y"] * 5
    assert not [node for node in report.adjoints.computed if node.name == "slow"]


def test_equal_questions_are_one():
    (x,) = symbols(v := normal(3))
    op = function(total)
    program = pytensor.function([x], [op(x) + op(x), pytensor.grad(op(x), x) + pytensor.grad(2 * op(x), x)])
    assert sorted(ops(program)) == ["total", "vjp of total", "vjp of total"]  # for the cotangents 1 and 2
    np.testing.assert_allclose(program(v)[1], 3 * lg.grad(total)(v))


def test_the_shape_of_a_gradient_needs_no_evaluation():
    (x,) = symbols(normal(3), known=False)
    op = function(np.tanh, np.zeros(1))
    shape = pytensor.function([x], pytensor.grad(pt.sum(op(x)), x).shape)
    assert shape(normal(5)).tolist() == [5]
    assert ops(shape) == []
    assert op.statistics.evaluations == {}


def test_the_shape_of_a_result():
    (x,) = symbols(normal(3))
    assert function(lambda x: x[1:])(x).type.shape == (2,)
    (u,) = symbols(normal(3), known=False)
    y = function(lambda x: x[1:], np.zeros(2))(u)
    assert y.type.shape == (None,)
    assert pytensor.function([u], y.shape)(normal(7)).tolist() == [6]
    size = pytensor.function([u], function(total, np.zeros(2))(u).shape)
    assert (size(normal(7)).tolist(), ops(size)) == ([], [])
