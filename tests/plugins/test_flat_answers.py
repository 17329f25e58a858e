"""What an objective answers: in which structures and dtypes, by which backend, in whose arrays."""

import copy
import multiprocessing
import pickle
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.plugins.flat import Objective
from tests.helpers.flat_objectives import P, mlp, numeric

# -- what comes out ----------------------------------------------------------------------------------


def test_derivatives_agree_with_the_transforms(function):
    x = function.x + 0.1
    tree = function.tree(x)
    value, gradient = lg.value_and_grad(mlp)(tree)
    assert function(x) == function.fun(x) == float(value)
    np.testing.assert_array_equal(function.jac(x), function.flat(gradient))
    H = function.hess(x)
    np.testing.assert_allclose(H, numeric(function.jac, x), atol=1e-8)
    np.testing.assert_allclose(H, H.T, atol=1e-14)
    np.testing.assert_allclose(function.hess_operator(x) @ np.eye(function.size), H, atol=1e-14)


@dataclass
class Layer:
    W: object
    b: object
    name: str = "relu"


Pair = namedtuple("Pair", "a b")

TREES = {
    "array": np.arange(3.0),
    "number": 2.0,
    "0-d": np.array(2.0),
    "empty": {"none": np.empty((0, 2)), "some": np.ones(2)},
    "list": [np.ones(2), np.ones((2, 2))],
    "tuple": (np.ones(2), [1.0, {"x": np.ones(1)}]),
    "namedtuple": Pair(np.ones(2), 3.0),
    "dataclass": Layer(np.ones((2, 1)), np.ones(1)),
    "statics": {"a": np.ones(2), "kind": "relu", "none": None},
}


def total(tree):
    found = lg._graph.trees.leaves(tree)
    return sum(
        np.sum(np.exp(leaf) * (k + 1)) for k, leaf in enumerate(found) if not isinstance(leaf, (str, type(None)))
    )


@pytest.mark.parametrize("name", TREES)
def test_structures(name):
    objective = Objective.of(total, TREES[name])
    x = objective.x
    np.testing.assert_array_equal(objective.flat(objective.tree()), x)
    np.testing.assert_allclose(objective.jac(x), numeric(objective.fun, x), rtol=1e-6)
    np.testing.assert_allclose(objective.hess(x), np.diag(objective.jac(x)))
    assert lg._graph.trees.structure_key(objective.tree()) == lg._graph.trees.structure_key(TREES[name])
    assert objective.jac(x).shape == x.shape == (objective.size,)
    np.testing.assert_allclose(objective.jacobian_matrix(x), objective.jac(x)[None])
    for k, (place, shape) in enumerate(zip(objective.names, objective.shapes, strict=True)):
        block = objective.block(place) if place else objective
        assert block.size == int(np.prod(shape)), k
        assert block.jac(block.x).shape == (block.size,)


def test_arguments_and_keywords_that_stay():
    scale = np.array([1.0, 2.0])

    def f(a, t, b, *, power=2):
        return np.sum(scale * (a * t + b) ** power)

    t = np.array([1.0, 3.0])
    objective = Objective.of(f, np.ones(2), t, np.zeros(2), wrt=(2, 0), power=4)
    assert objective.names == ["[0]", "[1]"]
    np.testing.assert_array_equal(objective.x, [0, 0, 1, 1])
    x = np.array([0.1, 0.2, 0.3, 0.4])
    assert objective.fun(x) == f(x[2:], t, x[:2], power=4)
    np.testing.assert_allclose(objective.jac(x), numeric(objective.fun, x), rtol=1e-6)
    expected = objective.fun(x)
    t[:] = 100  # ours are copies
    assert objective.fun(x + 1) != objective.fun(x) == expected
    with pytest.raises(lg.ShapeError, match=r"\[0\] \(2,\), \[1\] \(2,\)"):
        objective.fun(np.ones(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_float64_in_and_out_whatever_the_leaves_are(dtype):
    a, b = lg.parameter(np.ones(2, dtype)), lg.parameter(np.ones(2))
    objective = Objective(np.sum(a**2) + np.sum(a * b), [a, b])
    x = np.array([1, 2, 3, 4], np.float32)
    for out in (objective.jac(x), objective.hess(x), objective.hessp(x, x), objective.jacobian_matrix(x), objective.x):
        assert out.dtype == np.float64
    np.testing.assert_array_equal(objective.jac(x), [5, 8, 1, 2])
    assert [leaf.dtype for leaf in objective.tree(x)] == [dtype, np.float64]
    assert type(objective.fun(x)) is float
    assert a.dtype == dtype


def test_complex_leaves_are_real_and_imaginary_parts_by_turns():
    def f(p):
        z = p["z"] * np.exp(1j * p["r"])
        return np.stack([np.sum(np.abs(z) ** 2 * p["r"]), np.sum(z.real * z.imag**2)])

    start = {"z": np.array([1 + 2j, 0.5 - 1j]), "r": np.array([0.3, 0.7])}
    many = Objective.of(f, start)
    one = Objective.of(lambda p: np.sum(f(p)), start)
    x = one.x
    np.testing.assert_array_equal(x, [1, 2, 0.5, -1, 0.3, 0.7])
    np.testing.assert_allclose(one.jac(x), numeric(one.fun, x), rtol=1e-7)
    np.testing.assert_allclose(one.hess(x), numeric(one.jac, x), rtol=1e-6, atol=1e-8)
    J = numeric(many.residuals, x)
    np.testing.assert_allclose(many.jacobian_matrix(x), J, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(many.jacobian(x) @ np.eye(6), J, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose((many.jacobian(x).T @ np.eye(2)).T, J, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(one.tree(x)["z"], start["z"])
    np.testing.assert_allclose(one.block("z").jac(x[:4]), one.jac(x)[:4])


def test_several_outputs_follow_one_another():
    def f(x):
        return {"squares": np.outer(x, x), "rest": [np.sin(x), np.sum(x)]}

    objective = Objective.of(f, np.array([1.0, 2.0]))
    x = np.array([0.3, 0.4])
    assert objective.residuals(x).shape == (7,)
    J = numeric(objective.residuals, x)
    np.testing.assert_allclose(objective.jacobian_matrix(x), J, atol=1e-9)
    np.testing.assert_allclose(objective.jacobian(x) @ np.eye(2), J, atol=1e-9)
    w = np.arange(7.0)
    np.testing.assert_allclose(objective.jacobian(x).T @ w, w @ J, atol=1e-8)
    H = numeric(lambda x: objective.jacobian(x).T @ w, x)
    np.testing.assert_allclose(objective.hess(x, w), H, atol=1e-8)
    np.testing.assert_allclose(objective.hessp(x, [1.0, -1.0], w), H @ [1, -1], atol=1e-8)


@pytest.mark.parametrize("backend", ["sweep", "children", "forward"])
def test_other_backends_give_the_same(backend):
    ours, theirs = Objective.of(mlp, P), Objective.of(mlp, P, backend=backend)
    x = ours.x + 0.1
    for ask in (lambda o: o.fun(x), lambda o: o.jac(x), lambda o: o.hessp(x, x), lambda o: o.block("b").jac(x[12:16])):
        np.testing.assert_allclose(ask(theirs), ask(ours), rtol=1e-10)
    np.testing.assert_allclose(theirs.hessp(x, x, [2.0]), 2 * ours.hessp(x, x), rtol=1e-10)


@pytest.mark.parametrize("backend", ["lazy", "sweep", "autograd"])
def test_weighed_hessians_by_any_backend(backend):
    if backend == "autograd":
        pytest.importorskip("autograd")
    objective = Objective.of(
        lambda p: p["a"] ** 2 * p["b"], {"a": np.array([1.0, 2.0]), "b": np.ones(2)}, backend=backend
    )
    w = np.array([3.0, -1.0])
    expected = [[6, 0, 6, 0], [0, -2, 0, -4], [6, 0, 0, 0], [0, -4, 0, 0]]
    np.testing.assert_allclose(objective.hess(objective.x, w), expected, atol=1e-12)
    np.testing.assert_allclose(objective.hess_operator(objective.x, w) @ np.eye(4), expected, atol=1e-12)
    np.testing.assert_allclose(objective.block("a").hess([1.0, 2.0], w), np.array(expected)[:2, :2], atol=1e-12)


def test_a_function_that_branches_is_never_replayed_blind():
    objective = Objective.of(lambda x: np.sum(x**2) if x[0] > 0 else np.sum(x**3), np.array([1.0, 2.0]))
    for x in ([1.0, 2.0], [-1.0, 2.0], [2.0, 2.0], [-2.0, 2.0]):
        expected = 2 * np.array(x) if x[0] > 0 else 3 * np.array(x) ** 2
        np.testing.assert_array_equal(objective.jac(x), expected)
    assert objective.statistics.schedules == 2


# -- whose arrays these are --------------------------------------------------------------------------


def test_what_is_given_is_copied_and_what_is_returned_belongs_to_the_caller(net):
    objective, _, p = net
    x = objective.x + 1
    kept = x.copy()
    g, H, value = objective.jac(x), objective.hess(x), objective.fun(x)
    expected = g.copy()
    x[:] = 0
    g[:] = 0
    H[:] = 0
    objective.x[:] = 0
    objective.tree()["W1"][:] = 0
    assert objective.fun(kept) == value
    np.testing.assert_array_equal(objective.jac(kept), expected)
    assert objective.x.any()
    assert p["W1"].value.any()
    read_only = kept.copy()
    read_only.flags.writeable = False
    for out in (objective.jac(read_only), objective.hess(read_only), objective.hessp(read_only, read_only)):
        assert out.flags.writeable


def test_leaves_hold_the_present_point_when_it_is_set(net):
    objective, L, p = net
    x = objective.x + 1
    objective.x = x
    np.testing.assert_array_equal(p["b"].value, np.ones(4))
    assert L.value == objective.fun(x)
    objective.jac(x + 1)
    objective.x = x
    np.testing.assert_array_equal(p["b"].value, np.ones(4))


def test_a_leaf_that_is_not_ours_may_change(net):
    data = lg.parameter([1.0, 2.0])
    w = lg.parameter([1.0, 1.0])
    objective = Objective(np.sum(data * w**2), w)
    np.testing.assert_array_equal(objective.jac([1.0, 1.0]), [2, 4])
    data.set([10.0, 20.0])
    np.testing.assert_array_equal(objective.jac([1.0, 1.0]), [20, 40])
    objective.jac([2.0, 2.0])
    data.set([1.0, 2.0])
    np.testing.assert_array_equal(objective.jac([1.0, 1.0]), [2, 4])


# -- workers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_and_pickles(either, again):
    objective = either
    objective.x = objective.x + 1
    x = objective.x + 1
    other, block = again(objective), again(objective.block("W2"))
    assert other.fun_and_jac(x)[0] == objective.fun_and_jac(x)[0]
    np.testing.assert_array_equal(other.x, objective.x)
    np.testing.assert_array_equal(block.jac(block.x), objective.block("W2").jac(block.x))
    other.x = np.zeros(other.size)
    assert objective.x.any()


def test_worker_processes():
    objective = Objective.of(mlp, P)
    points = [objective.x + k for k in range(4)]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(objective.jac, points))
    for x, g in zip(points, found, strict=True):
        np.testing.assert_array_equal(g, objective.jac(x))
