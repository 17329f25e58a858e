"""One vector over named leaves: each forward node once for each point, whatever is asked and in which order."""

import copy
import itertools
import multiprocessing
import pickle
from collections import Counter, namedtuple
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad.plugins.flat import POINTS, Objective

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
P = {"W1": RNG.normal(size=(3, 4)), "b": np.zeros(4), "W2": RNG.normal(size=(4, 2))}


def mlp(p, x=X, y=Y):
    return np.mean((np.tanh(x @ p["W1"] + p["b"]) @ p["W2"] - y) ** 2)


def parameters():
    return {name: lg.parameter(value, name=name) for name, value in P.items()}


def forward_nodes(L):
    return [i for i in ancestors(L) if i.op is not None]


def forward_runs(report, nodes):
    """How often each of the nodes was computed."""
    serials = {i.serial for i in nodes}
    return Counter(i.serial for i in report.values.computed if i.serial in serials)


@pytest.fixture
def net():
    p = parameters()
    L = mlp(p)
    return Objective(L, p), L, p


@pytest.fixture
def function():
    return Objective.of(mlp, P)


@pytest.fixture(params=["net", "function"])
def either(request):
    made = request.getfixturevalue(request.param)
    return made if isinstance(made, Objective) else made[0]


def numeric(f, x, h=1e-6):
    units = np.eye(len(x))
    return np.array([(np.asarray(f(x + h * e)) - np.asarray(f(x - h * e))) / (2 * h) for e in units]).T


# -- what is computed --------------------------------------------------------------------------------

QUESTIONS = {
    "fun": lambda o, x: o.fun(x),
    "jac": lambda o, x: o.jac(x),
    "both": lambda o, x: o.fun_and_jac(x),
    "hessp": lambda o, x: o.hessp(x, np.arange(o.size)),
    "hess": lambda o, x: o.hess(x),
    "residuals": lambda o, x: o.residuals(x),
    "operator": lambda o, x: o.jacobian(x) @ np.arange(o.size) + o.jacobian(x).T @ np.ones(1),
}


@pytest.mark.parametrize("order", [*itertools.permutations(["fun", "jac", "hessp"]), tuple(QUESTIONS)])
def test_each_forward_node_runs_once_a_point_in_any_order(net, order):
    objective, L, _ = net
    nodes = forward_nodes(L)
    points = [objective.x + k for k in (1, 2, 3)]
    with lg.record() as report:
        for x in points:
            for name in order:
                QUESTIONS[name](objective, x.copy())
    runs = forward_runs(report, nodes)
    assert set(runs.values()) == {len(points)}
    assert len(runs) == len(nodes) > 5
    assert objective.statistics.points.misses == len(points)


def test_the_last_two_points_are_remembered_and_no_more(net):
    objective, L, _ = net
    assert POINTS == 2
    a, b, c = (objective.x + k for k in (1, 2, 3))
    nodes = forward_nodes(L)
    for x, again in ((a, 1), (b, 1), (a, 0), (b, 0), (c, 1), (b, 0), (a, 1)):
        with lg.record() as report:
            objective.fun(x)
        assert set(forward_runs(report, nodes).values()) == ({1} if again else set()), x


def test_the_product_with_the_hessian_reads_what_the_gradient_left(net):
    objective, L, _ = net
    x = objective.x + 1
    objective.jac(x)
    objective.hessp(x, np.ones(objective.size))
    nodes = {i.serial for i in forward_nodes(L)}
    with lg.record() as report:
        objective.hessp(x, 2 * np.ones(objective.size))
        objective.hessp(x, 3 * np.ones(objective.size))
    assert not [i for i in report.values.computed if i.serial in nodes]
    assert not report.adjoints.computed


def test_points_are_bytes():
    objective = Objective.of(lambda x: np.sum(np.abs(x) ** 2), np.array([1.0, 2.0]))
    for x in ([0.0, np.nan], [0.0, np.nan], [-0.0, np.nan]):
        assert np.isnan(objective.fun(x))
    assert (objective.statistics.points.hits, objective.statistics.points.misses) == (1, 2)


def test_products_of_the_operator_share_one_memo():
    x = lg.parameter([1.0, 2.0, 3.0])
    r = np.exp(x) * np.sin(x)
    objective = Objective(r, x)
    nodes = forward_nodes(r)
    with lg.record() as report:
        J = objective.jacobian([0.1, 0.2, 0.3])
        for _ in range(5):
            J @ np.ones(3), J.T @ np.ones(3)
    assert set(forward_runs(report, nodes).values()) == {1}


def test_an_operator_is_that_of_its_point_also_later():
    objective = Objective.of(lambda x: x**2, np.ones(2))
    x = np.array([1.0, 2.0])
    J, H = objective.jacobian(x), objective.hess_operator(x, np.array([1.0, 3.0]))
    x[:] = 7
    for other in ([5.0, 5.0], [6.0, 6.0], [7.0, 8.0]):
        objective.residuals(other)
    np.testing.assert_array_equal(J @ np.eye(2), np.diag([2.0, 4.0]))
    np.testing.assert_array_equal(H @ np.eye(2), np.diag([2.0, 6.0]))


# -- blocks ------------------------------------------------------------------------------------------


def test_a_block_computes_only_what_it_reaches_and_its_own_gradient(net):
    objective, L, p = net
    block = objective.block("W2")
    hidden = next(i for i in forward_nodes(L) if i.op.name == "tanh")
    block.fun_and_jac(block.x + 1)
    with lg.record() as report:
        for k in (2, 3):
            _, g = block.fun_and_jac(block.x + k)
    assert g.shape == (8,)
    reached = {i.serial for i in forward_nodes(L)} - {i.serial for i in forward_nodes(hidden)}
    assert {i.serial for i in report.values.computed} <= reached
    adjoints = {i.serial for i in report.adjoints.computed}
    assert p["W2"].serial in adjoints
    assert not {p["W1"].serial, p["b"].serial, hidden.serial} & adjoints


def test_blocks_agree_with_the_whole_and_others_stay_where_they_were_put(either):
    objective = either
    x = objective.x + 0.1
    objective.x = x
    g, H = objective.jac(x), objective.hess(x)
    ours = np.r_[0:12, 16:24]
    block = objective.block("W1", "W2")
    assert (block.size, block.names) == (20, ["['W1']", "['W2']"])
    np.testing.assert_array_equal(block.x, x[ours])
    np.testing.assert_array_equal(block.jac(block.x), g[ours])
    np.testing.assert_allclose(block.hess(block.x), H[np.ix_(ours, ours)], atol=1e-14)
    v = np.arange(20.0)
    np.testing.assert_allclose(block.hessp(block.x, v), H[np.ix_(ours, ours)] @ v, atol=1e-13)
    np.testing.assert_allclose(block.jacobian(block.x) @ v, g[ours] @ v)
    np.testing.assert_allclose(block.jacobian_matrix(block.x)[0], g[ours])
    block.fun(np.zeros(20))  # a question moves nothing
    np.testing.assert_array_equal(objective.x, x)
    block.x = np.zeros(20)
    np.testing.assert_array_equal(objective.x[12:16], x[12:16])
    assert not objective.x[ours].any()
    np.testing.assert_array_equal(block.block("W2").x, np.zeros(8))


def test_block_coordinate_descent_finds_the_minimum():
    objective = Objective.of(lambda p: (p["a"] - 1) ** 2 + (p["b"] + 2 * p["a"]) ** 2, {"a": 5.0, "b": 5.0})
    for name in ["a", "b"] * 100:
        block = objective.block(name)
        block.x = block.x - block.jac(block.x) / block.hess(block.x)[0]
    np.testing.assert_allclose(objective.x, [1, -2], atol=1e-6)
    assert objective.tree().keys() == {"a", "b"}


def test_blocks_by_node_container_and_node_name():
    W, b = lg.parameter(np.ones((2, 2)), name="weights"), lg.parameter(np.ones(2))
    objective = Objective(np.sum(W @ b), {"layer": [W, b]})
    assert objective.block("weights").size == objective.block(W).size == 4
    assert objective.block("layer").names == ["['layer'][0]", "['layer'][1]"]
    assert objective.block("['layer'][1]").size == objective.block(b).size == 2
    assert objective.block(W, W).size == 4
    for wrong in ("W", lg.parameter(1.0), 0):
        with pytest.raises(KeyError, match="no leaf is"):
            objective.block(wrong)
    with pytest.raises(KeyError, match="needs the name"):
        objective.block()


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


# -- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (np.ones(3), lg.ShapeError, r"[xp] has shape \(3,\), but must have shape \(24,\), for \['W1'\] \(3, 4\)"),
        (np.ones((24, 1)), lg.ShapeError, r"shape \(24, 1\)"),
        (1.0, lg.ShapeError, r"shape \(\)"),
        (np.array([object()] * 24), TypeError, "a vector cannot hold dtype object"),
        (["a"] * 24, TypeError, "cannot hold dtype <U1"),
        (np.ones(24) * 1j, TypeError, "[xp] must be real, but has dtype complex128"),
        (P, TypeError, "objective.flat"),
        (np.ma.masked_array(np.ones(24), mask=[True] + [False] * 23), TypeError, "masked"),
        (lg.parameter(np.ones(24)), TypeError, "pass `node.value`"),
        (None, TypeError, "cannot hold dtype object"),
    ],
)
def test_what_is_no_vector_is_refused_and_changes_nothing(net, x, error, match):
    objective, _, _ = net
    at = objective.x + 1
    before = objective.fun(at)
    for ask in (objective.fun, objective.jac, objective.residuals, lambda x: objective.hessp(at, x)):
        with pytest.raises(error, match=match):
            ask(x)
    with pytest.raises(error, match=match):
        objective.x = x
    assert objective.fun(at) == before


def test_nan_and_inf_go_through(net):
    objective, _, _ = net
    x = objective.x
    expected = objective.fun(x)
    bad = x.copy()
    bad[0] = np.nan
    assert np.isnan(objective.fun(bad))
    assert np.isnan(objective.jac(bad)).any()
    assert objective.fun(x) == expected


def test_many_numbers_where_one_is_needed():
    objective = Objective.of(lambda x: x**2, np.ones(3))
    with pytest.raises(TypeError, match="3 elements where one is needed: sum them"):
        objective.fun(np.ones(3))
    for ask in (objective.jac, objective.hess, objective.fun_and_jac):
        with pytest.raises(TypeError, match="needs one number"):
            ask(np.ones(3))
    with pytest.raises(lg.ShapeError, match="a cotangent has 2 elements, but the target 3"):
        objective.hess(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="dimension mismatch"):
        objective.jacobian(np.ones(3)).rmatvec(np.ones(4))
    complex_valued = Objective.of(lambda x: x * 1j, np.ones(3))
    with pytest.raises(TypeError, match=r"must be real numbers, but has dtype complex128: take its `\.real`"):
        complex_valued.residuals(np.ones(3))
    with pytest.raises(TypeError, match=r"must be real numbers, but has dtype object$"):
        Objective.of(lambda x: None, np.ones(3)).fun(np.ones(3))


def test_wrong_makings():
    x = lg.parameter([1.0])
    with pytest.raises(TypeError, match="expected a node"):
        Objective(lambda x: x, x)
    with pytest.raises(TypeError, match=r"Objective\(L, wrt\)"):
        Objective.of(x * 2, [1.0])
    with pytest.raises(TypeError, match="computed"):
        Objective(np.sum(x * 2), x * 2)
    with pytest.raises(TypeError, match="floating point"):
        Objective(lg.constant([1, 2]), x)
    with pytest.raises(TypeError, match="cast it"):
        Objective.of(lambda x: x, np.arange(3))
    with pytest.raises(TypeError, match="must name positional arguments"):
        Objective.of(lambda x: x, 1.0, wrt=1)
    with pytest.raises(ValueError, match="points"):
        Objective.of(lambda x: x, 1.0, points=0)


def test_it_says_what_it_is():
    x = lg.parameter([1.0, 2.0])
    assert repr(Objective(np.sum(x), x)) == "<Objective of 2 numbers in 1 leaves: x>"
    assert repr(Objective(np.sum(x), {"a": x})) == "<Objective of 2 numbers in 1 leaves: ['a']>"
    assert Objective(np.sum(x), []).jac([]).shape == (0,)


def test_threads_may_ask_one_objective():
    objective = Objective.of(lambda x: np.sum(np.exp(x) * np.sin(x)), np.ones(20))

    def slope(k):
        x = np.full(20, k / 10)
        return [np.allclose(objective.jac(x), np.exp(x) * (np.sin(x) + np.cos(x))) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        assert all(all(found) for found in pool.map(slope, range(8)))


def test_wrong_structures(net):
    objective, _, _ = net
    with pytest.raises(TypeError, match="structure of `wrt`"):
        objective.flat([1.0])
    with pytest.raises(lg.ShapeError, match=r"the leaf \['b'\] has shape \(4,\), but was given \(3,\)"):
        objective.flat({**P, "b": np.ones(3)})
    with pytest.raises(TypeError, match=r"\['b'\] has dtype float64, but was given complex128"):
        objective.flat({**P, "b": np.ones(4) * 1j})
    np.testing.assert_array_equal(objective.flat(dict(reversed(P.items()))), objective.flat(P))


def test_an_exception_of_the_users_comes_out_as_itself_with_the_node_named():
    @lg.primitive(vjp=lambda g, x: g, shape="elementwise")
    def picky(x):
        if np.any(x > 2):
            raise ZeroDivisionError("mine")
        return x * 1.0

    x = lg.parameter([1.0])
    objective = Objective(np.sum(picky(x) ** 2), x)
    assert objective.fun([1.0]) == 1
    for ask in (objective.fun, objective.jac):
        with pytest.raises(ZeroDivisionError, match="mine") as caught:
            ask([3.0])
        assert "picky" in "".join(caught.value.__notes__)
    np.testing.assert_array_equal(objective.jac([2.0]), [4])

    def broken(x):
        raise KeyError("also mine")

    with pytest.raises(KeyError, match="also mine"):
        Objective.of(broken, 1.0)
