"""PyTensor as a host: shapes and dtypes, its rewrites, linkers and copies, and errors."""

import copy
import pickle

import numpy as np
import pytest

import lazygrad as lg

pytensor = pytest.importorskip("pytensor")

import pytensor.tensor as pt  # noqa: E402
from pytensor.gradient import NullTypeGradError  # noqa: E402
from pytensor.sparse import csr_matrix  # noqa: E402

from lazygrad.plugins.pytensor import function  # noqa: E402
from tests.helpers.pytensor_functions import CASES, dense, normal, symbols, total  # noqa: E402

pytestmark = pytest.mark.usefixtures("uncompiled")

# -- shapes and dtypes --------------------------------------------------------------------------------


def test_other_shapes_may_come():
    (x,) = symbols(normal(3), known=False)
    op = function(total, normal(3))
    slope = pytensor.function([x], pytensor.grad(op(x), x))
    for n in (2, 5, 0, 2):
        np.testing.assert_allclose(slope(normal(n)), lg.grad(total)(normal(n)))
    y = function(np.exp, normal(3))(x)
    assert y.type.shape == (None,)
    value = pytensor.function([x], y)
    for n in (2, 5, 0):
        np.testing.assert_allclose(value(normal(n)), np.exp(normal(n)))


def test_arguments_of_another_structure_are_another_question():
    (x,) = symbols(normal(2))
    op = function(lambda tree: tree["a"] * 3 if isinstance(tree, dict) else tree[0] * 2)
    both = pytensor.function([x], [op([x]), op({"a": x})])
    for found, factor in zip(both(normal(2)), (2, 3), strict=True):
        np.testing.assert_allclose(found, factor * normal(2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2)])
def test_dtypes_and_shapes_stay(shape, dtype):
    (x,) = symbols(v := normal(*shape, dtype=dtype))
    op = function(lambda x: np.tanh(x) * x)
    y = op(x)
    assert (y.type.dtype, y.type.shape) == (dtype, shape)
    slope = pytensor.grad(pt.sum(y), x)
    second = pytensor.grad(pt.sum(slope**2), x)
    for made in pytensor.function([x], [y, slope, second])(v):
        assert isinstance(made, np.ndarray)
        assert (made.dtype, made.shape) == (dtype, shape)
        assert made.flags.writeable


def test_mixed_dtypes():
    arrays = normal(3, dtype="float32"), normal(3)
    x, y = symbols(*arrays)
    product = function(lambda x, y: x * y)(x, y)
    assert product.type.dtype == "float64"
    by_x, by_y = pytensor.function([x, y], pytensor.grad(pt.sum(product), [x, y]))(*arrays)
    assert (by_x.dtype, by_y.dtype) == ("float32", "float64")


def test_integers_are_data():
    labels = np.array([0, 1, 1])
    arrays = normal(3, 2), labels
    x, k = symbols(*arrays)
    loss = function(lambda x, k: lg.ops.cross_entropy(x, k).mean(), *arrays)
    L = loss(x, k)
    slope = pytensor.function([x, k], pytensor.grad(L, x))
    expected = lg.grad(lambda x: lg.ops.cross_entropy(x, labels).mean())(arrays[0])
    np.testing.assert_allclose(slope(*arrays), expected)
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        pytensor.grad(L, k)


def test_integer_results_have_no_gradient():
    (x,) = symbols(v := normal(3))
    best, y = function(lambda x: (np.argmax(x), x * x))(x)
    assert best.type.dtype == "int64"
    np.testing.assert_allclose(pytensor.function([x], pytensor.grad(y[best], x))(v), 2 * v * (v == v.max()))
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        pytensor.grad(pt.cast(best, "float64"), x)


def test_complex_gradients_are_refused():
    z = pt.zvector("z", shape=(2,))
    y = function(lambda z: np.abs(z))(z)
    np.testing.assert_allclose(y.eval({z: [3 + 4j, 1j]}), [5.0, 1.0])
    with pytest.raises(NullTypeGradError, match="real and imaginary parts"):
        pytensor.grad(pt.sum(y), z)
    x = pt.vector("x", shape=(2,))
    turned = function(lambda x: np.exp(1j * x))(x)
    (slope,) = turned.owner.op.pullback([x], [turned], [pt.zvector("w")])
    assert "real and imaginary parts" in slope.type.why_null


def test_batches_are_a_loop():
    (x,) = symbols(normal(3))
    op = function(total)
    made = [op(x), pytensor.grad(op(x), x)]
    (rows,) = symbols(V := normal(4, 3))
    batch = pytensor.function([rows], pytensor.graph.replace.vectorize_graph(made, {x: rows}))
    values, slopes = batch(V)
    np.testing.assert_allclose(values, [total(v) for v in V])
    np.testing.assert_allclose(slopes, [lg.grad(total)(v) for v in V])


# -- what a host may do -------------------------------------------------------------------------------


def test_work_in_place_leaves_the_memo_alone():
    (x,) = symbols(v := normal(3))
    op = function(np.tanh)
    inplace = pytensor.function([x], [pt.exp(op(x)) * 2, pytensor.grad(pt.sum(op(x)), x) + 1])
    assert any(node.op.destroy_map for node in inplace.maker.fgraph.toposort())
    for _ in range(2):
        y, slope = inplace(v)
        np.testing.assert_allclose(y, 2 * np.exp(np.tanh(v)))
        np.testing.assert_allclose(slope, 2 - np.tanh(v) ** 2)
        y[:] = slope[:] = np.nan


def test_arguments_may_change_afterwards():
    x = pytensor.shared(normal(3), borrow=True)
    ask = pytensor.function([], function(total, np.zeros(3))(x))
    held = x.get_value(borrow=True)
    first = ask()
    held[:] = 1.0
    np.testing.assert_allclose((first, ask()), (total(normal(3)), total(np.ones(3))))


def test_nan_is_a_number_like_others():
    (x,) = symbols(np.zeros(2))
    op = function(lambda x: np.sum(np.where(x > 0, x, 0.0) * x))
    ask = pytensor.function([x], [op(x), pytensor.grad(op(x), x)])
    for _ in range(2):
        value, slope = ask(np.array([np.nan, 2.0]))
        assert np.isnan(value)
        assert slope[1] == 4
    assert op.statistics.misses == 1
    assert ask(np.array([1.0, 2.0]))[0] == 5


@pytest.mark.parametrize("linker", ["py", "vm", "cvm", "numba"])
def test_linkers(linker):
    if linker == "numba":
        pytest.importorskip("numba")
    (x,) = symbols(v := normal(3))
    op = function(total)
    with pytensor.config.change_flags(linker=linker, cxx=""):
        program = pytensor.function([x], [op(x), pytensor.grad(op(x), x)])
        value, slope = program(v)
    assert value == total(v)
    np.testing.assert_allclose(slope, lg.grad(total)(v), rtol=1e-12)
    assert (op.statistics.misses, op.statistics.hits) == (1, 1)


def test_copies_and_pickles_start_anew():
    arrays = CASES["layer"][1]
    inputs = symbols(*arrays)
    op = function(dense, *arrays)
    y = op(*inputs)
    first = pytensor.function(inputs, [y, *pytensor.grad(pt.sum(y), inputs)])
    found = first(*arrays)
    for other in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        with lg.record() as report:
            for a, b in zip(found, other(*arrays), strict=True):
                np.testing.assert_array_equal(a, b)
        assert [node.op.name for node in report.values.computed].count("tanh") == 1
    assert op.statistics.misses == 1


# -- errors -------------------------------------------------------------------------------------------


def notes(error):
    """Those of an exception, and of the one that it was made from: PyTensor 2 makes a new one of the old one's text."""
    found = []
    while error is not None:
        found += getattr(error, "__notes__", [])
        error = error.__context__
    return "\n".join(found)


def test_an_exception_of_the_function_comes_out_as_itself():
    @lg.primitive(vjp=lambda g: g)
    def picky(x):
        if x.max() > 1:
            raise ArithmeticError("too large")
        return x

    def f(x):
        y = picky(x)
        y.name = "hidden layer"
        return np.sum(y)

    (x,) = symbols(np.zeros(2))
    op = function(f)
    ask = pytensor.function([x], pytensor.grad(op(x), x) + op(x))
    with pytest.raises(ArithmeticError, match="too large") as caught:
        ask(np.array([0.0, 2.0]))
    assert "hidden layer" in notes(caught.value)
    np.testing.assert_array_equal(ask(np.array([0.0, 1.0])), [2.0, 2.0])


def test_an_exception_while_the_graph_is_built():
    def f(x):
        if x[0] <= 0:
            raise ValueError("not positive")
        return np.log(x)

    (x,) = symbols(np.zeros(2))
    with pytest.raises(ValueError, match="not positive") as caught:
        function(f)(x)
    assert "give an example" in caught.value.__notes__[-1]
    np.testing.assert_allclose(function(f, np.ones(2))(x).eval({x: [1.0, np.e]}), [0.0, 1.0])


def test_wrong_calls_are_told():
    op = function(dense)
    x, W, b = symbols(*CASES["layer"][1])
    unknown = symbols(*CASES["layer"][1], known=False)
    with pytest.raises(lg.ShapeError, match=r"dense .* that of x, .*give an example"):
        op(*unknown)
    with pytest.raises(TypeError, match="no variable"):
        op(*CASES["layer"][1])
    with pytest.raises(TypeError, match="object") as caught:
        op(x, W, np.array([None, 1.0]))
    assert "b must be a dense tensor" in caught.value.__notes__[-1]
    with pytest.raises(TypeError, match=r"W must be a dense tensor .* of SparseTensorType"):
        op(x, csr_matrix("S", dtype="float64"), b)
    with pytest.raises(TypeError, match="returns no array"):
        function(lambda x: None)(x)
    with pytest.raises(lg.ShapeError, match=r"W of dense is .* but has shape \(2,\) in the example"):
        function(dense, np.zeros((4, 3)), np.zeros(2), np.zeros(2))(*unknown)
    with pytest.raises(lg.ShapeError, match=r"x of dense is .* but has shape \(5, 3\) in the example"):
        function(dense, np.zeros((5, 3)), np.zeros((3, 2)), np.zeros(2))(x, *unknown[1:])
    with pytest.raises(TypeError, match="structure of its example"):
        function(dense, np.zeros((4, 3)))(x, W, b)
    with pytest.raises(TypeError, match=r"pass its `.value`"):
        op(x, W, lg.parameter(np.zeros(2)))
    with pytest.raises(lg.ShapeError, match=r"\(4, 3\).*\(2, 2\)"):
        op(x, *symbols(normal(2, 2)), b)
    with pytest.raises(ValueError, match="points must be at least 1"):
        function(dense, points=0)


def test_shapes_that_do_not_fit_when_it_runs():
    x, y = symbols(normal(3), normal(3), known=False)
    op = function(lambda x, y: np.sum(x * y), np.zeros(3), np.zeros(3))
    ask = pytensor.function([x, y], op(x, y))
    with pytest.raises(lg.ShapeError, match=r"\(3,\).*\(2,\)"):
        ask(normal(3), normal(2))
    assert ask(np.ones(2), np.ones(2)) == 2


def test_results_must_not_depend_on_values():
    (x,) = symbols(np.zeros(2))
    growing = function(lambda x: x if x[0] <= 0 else np.concatenate([x, x]))
    ask = pytensor.function([x], growing(x))
    np.testing.assert_array_equal(ask(np.zeros(2)), np.zeros(2))
    with pytest.raises(lg.ShapeError, match=r"shape \(4,\) here, but .*must not depend on values"):
        ask(np.ones(2))
