"""Nodes as containers: identity, length, iteration and indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops.indexing import SLOT, scatter_add
from tests.helpers.op_checks import close, make_generator, same

ARRAY = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.fixture
def x() -> lg.Node:
    return lg.parameter(ARRAY)


# -- identity, length, iteration -------------------------------------------------------------------


def test_equality_is_elementwise_and_hash_is_identity(x: lg.Node) -> None:
    y = lg.parameter(ARRAY)
    same(x == y, ARRAY == ARRAY)
    same(x != y, ARRAY != ARRAY)
    assert hash(x) != hash(y)
    assert {x: "x", y: "y"}[x] == "x"
    assert len({x, y, x}) == 2
    assert x in {x}
    assert y not in {x: 1}


def test_len_iteration_and_unpacking(x: lg.Node) -> None:
    assert len(x) == 2
    rows = list(x)
    assert len(rows) == 2
    for row, expected in zip(rows, ARRAY, strict=True):
        same(row, expected)
    a, b = x
    np.testing.assert_array_equal(lg.gradient((a * b).sum(), x), ARRAY[::-1])
    with pytest.raises(ValueError, match="unpack"):
        a, b, _ = x
    assert list(lg.parameter(np.zeros((0, 3)))) == []


# -- indexing --------------------------------------------------------------------------------------

KEYS: list[Any] = [
    0,
    -1,
    np.int64(1),
    (1, 2),
    (-2, -3),
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    (slice(None), slice(0, 3, 2)),
    (slice(None), 7 > 6 and 1),
    slice(5, 9),
    None,
    (None, 0, None),
    ...,
    (..., 1),
    (0, ...),
    (),
    [0, 1, 1, 0],
    [],
    np.array([[1, 0], [1, 1]]),
    np.array([], int),
    (slice(None), [2, 0, 2]),
    ([0, 1, 1], [2, 0, 0]),
    (np.array([[0], [1]]), [0, 2]),
    ([1, 1], None, ...),
    (-1, [0, -1]),
    np.array([True, False]),
    [False, True],
    np.array([[True, False, True], [False, True, False]]),
    (slice(None), np.array([False, True, True])),
    np.zeros((2, 3), bool),
    ((0, 1), (1, 2)),
    True,
    False,
    np.bool_(True),
    np.array(True),
    (0, True),
    (slice(None), False),
    (True, [0, 1]),
    (0, slice(None), True),
    (..., True, None),
    (np.array([True, False]), False),
    (True, False),
]
# Which axes come first where arrays stand apart: divided by a slice, None, an ellipsis, even one of no axes.
CUBE = np.arange(24.0).reshape(2, 3, 4)
CUBE_KEYS: list[Any] = [
    ([0, 1], slice(None), [2, 2]),
    (slice(None), [0, 0], [1, 3]),
    (slice(None), [0, 0], ..., [1, 1]),
    (slice(None), 0, ..., [1, 1]),
    (slice(None), [1, 1], None, [3, 3]),
    ([[1], [1]], ..., [0, 3, 3]),
    (0, slice(None, None, -2), [1, 1]),
    (..., [1, 2, 1], 0),
    (None, 1, None, [2, 0, 2]),
    (slice(None), True, [0, 0]),
    (slice(None), np.array([True, False, True]), [-1, -1]),
    (slice(1, None), np.eye(3, 4, dtype=bool)),
    (np.array([[True, False, True], [False, True, True]]), [0, 1, 0, 1]),
    [[1, 1], [0, 0]],
]


def places(array: Any, key: Any) -> Any:
    """Return the flat positions of the elements that a key takes."""
    return np.arange(array.size).reshape(array.shape)[key]


@pytest.mark.parametrize(
    ("array", "key"), [(ARRAY, key) for key in KEYS] + [(CUBE, key) for key in CUBE_KEYS], ids=lambda x: repr(x)[:60]
)
def test_indexing_is_numpys(array: Any, key: Any) -> None:
    """Value and gradient, where repeated places count as often as they are taken."""
    x, expected = lg.parameter(array), array[key]
    same(x[key], expected)
    w = np.arange(1.0, 1.0 + expected.size).reshape(expected.shape)
    counted = np.zeros(array.size)
    np.add.at(counted, places(array, key), w)
    np.testing.assert_array_equal(lg.gradient(x[key], x, cotangent=w), counted.reshape(array.shape))


@pytest.mark.parametrize("index", [1, [0, 1, 1], [[0], [-1]]], ids=repr)
def test_integer_nodes_as_indices(x: lg.Node, index: Any) -> None:
    """An index node is a blocked input: it can be set, but has no derivative."""
    node = lg.constant(index, name="index")
    y = x[node]
    same(y, ARRAY[np.asarray(index)])
    same(x[:, node], ARRAY[:, np.asarray(index)])
    node.set(np.zeros_like(node.value))
    same(y, ARRAY[np.zeros_like(index)])
    with pytest.raises(lg.NotDifferentiableError, match="index"):
        lg.gradient(y.sum(), node)


@pytest.mark.parametrize("key", [2, -3, (0, 3), (0, 0, 0), (slice(None), -4), (..., 0, 0, 0)], ids=repr)
def test_integers_out_of_range_fail_on_the_users_line(x: lg.Node, key: Any) -> None:
    with pytest.raises(IndexError, match=r"getitem\(leaf#\d+ \(2, 3\)"):
        x[key]


def test_other_wrong_keys(x: lg.Node) -> None:
    with pytest.raises(IndexError, match="boolean index did not match"):
        x[np.array([True, False, True])]
    with pytest.raises(IndexError, match="integers or booleans"):
        x[np.array([0.0])]
    for wrong in ("a", 1.0, object()):
        with pytest.raises(IndexError, match="are valid indices"):
            x[wrong]
    with pytest.raises(TypeError, match="use as an index"):
        x[: lg.constant(1)]
    with pytest.raises(IndexError, match="single ellipsis"):
        x[..., ...]
    with pytest.raises(IndexError, match="out of bounds"):
        x[[0, 5]]
    late = x[lg.constant([0, 5])]
    with pytest.raises(IndexError, match="out of bounds"):
        late.value  # noqa: B018
    with pytest.raises(IndexError, match="broadcast"):
        x[[0, 1], [0, 1, 2]]


def test_a_mask_array_is_read_when_the_node_is_built(x: lg.Node) -> None:
    mask = ARRAY > 2
    y = x[mask]
    mask[...] = False
    same(y, [3.0, 4.0, 5.0, 6.0])


# -- masks that are nodes, and what else depends on values -------------------------------------------


def test_a_mask_node_is_evaluated_inside_a_transform_alone() -> None:
    def f(x: Any) -> Any:
        mask = x > 2
        return (x[mask] ** 2).sum() + x[0, mask[0]].sum() + x[mask[0, 2]].sum()

    np.testing.assert_array_equal(lg.grad(f)(ARRAY), [[1.0, 1.0, 8.0], [9.0, 11.0, 13.0]])
    with pytest.raises(TypeError, match=r"mask depends on the values of .*\.value"):
        f(lg.parameter(ARRAY))


ASKING: dict[str, Any] = {
    "nonzero": lambda x: x[np.nonzero(x > 2)].sum(),
    "where": lambda x: x[np.where(x > 2)].sum(),
    "compress": lambda x: np.compress(x[0] > 2, x, axis=1).sum() - x[0, 2] - x[1, 2] + x[x > 2].sum(),
    "extract": lambda x: np.extract(x > 2, x).sum(),
    "unique": lambda x: np.unique(x)[2:].sum(),
    "intersect1d": lambda x: np.intersect1d(x, [3, 4, 5, 6, 7]).sum(),
    "setdiff1d": lambda x: np.setdiff1d(x, [1, 2]).sum(),
}


@pytest.mark.parametrize("name", ASKING)
def test_results_whose_shape_depends_on_values(name: str) -> None:
    np.testing.assert_array_equal(lg.grad(ASKING[name])(ARRAY), ARRAY > 2)
    with pytest.raises(TypeError, match="depends on the values"):
        ASKING[name](lg.parameter(ARRAY))


def test_where_takes_both_or_neither(x: lg.Node) -> None:
    with pytest.raises(ValueError, match="both"):
        np.where(x > 2, x)  # type: ignore[call-overload]


# -- adding into places ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex64, np.int32, bool, np.longdouble])
@pytest.mark.parametrize("width", [(), (1,), (3,), (4, 3), (11,)])
@pytest.mark.parametrize("distinct", [True, False])
def test_scatter_add_is_numpys_add_at_bit_for_bit(dtype: Any, width: tuple[int, ...], distinct: bool) -> None:
    rng = make_generator()
    for where in [rng.permutation(40)[:30] if distinct else rng.integers(-40, 40, 300), np.zeros((2, 2), np.uint8)]:
        g = rng.normal(size=(*where.shape, *width)) * 3
        g = (g * rng.integers(0, 2, g.shape)).astype(dtype)  # with 0.0 and -0.0 in it
        expected = np.zeros((40, *width), dtype)
        np.add.at(expected, where, g)
        found = scatter_add(g, where, shape=expected.shape, key=(SLOT,))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found.real * 1.0), np.signbit(expected.real * 1.0))


def parts(x: Any, rng: np.random.Generator) -> list[Any]:
    """Return parts of a (40, 12) node, mixed with all of it: slices, picks, and distinct and repeated rows."""
    several = rng.integers(0, 40, 5)
    keys = [
        (slice(3, 20), slice(None, None, -1)),
        (7, 3),
        several,
        [1, 1, 2],
        ([3, 3, -1], [4, 4, 0]),
        rng.permutation(40)[:6],
        rng.integers(0, 40, 60),
        (slice(None), [2, 2]),
        (None, slice(0, 9), ..., None),
        np.array(5),
    ]
    made = [lambda key=key: x[key] * rng.normal() for key in keys]
    rng.shuffle(made)  # contributions are summed in the order in which consumers were made
    del made[int(rng.integers(2, 10)) :]
    for whole in (lambda: x.T * -0.0, lambda: x * -0.0, lambda: x / -np.inf)[: int(rng.integers(1, 4))]:
        made.insert(int(rng.integers(0, 2) * rng.integers(0, len(made))), whole)
    return [make() for make in made]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("seed", range(16))
def test_contributions_added_in_place_sum_as_arrays_do(seed: int, dtype: Any) -> None:
    """C4: bit for bit, signs of zero included, for every order of slices and whole arrays, and every layout."""
    rng = np.random.default_rng(seed)
    x = lg.parameter(rng.normal(size=(40, 12)).astype(dtype))
    L = sum([(term * rng.integers(-1, 2, term.shape).astype(dtype)).sum() for term in parts(x, rng)], 0.0)
    d = lg.Differentiator(L, cotangent=np.ones((), L.dtype))
    found = d.gradient(x)
    total: Any = None
    for term in d.contributions(x):
        assert term.value.shape == x.shape
        total = term.value if total is None else total + term.value
    assert found.dtype == dtype
    assert found.tobytes() == total.tobytes()
    for engine in ("sweep", "children"):  # which sum in another order
        close(d.gradient(x, engine=engine), found, rtol=1e-4, atol=1e-5)


def count_scatters(monkeypatch: pytest.MonkeyPatch, question: Any) -> tuple[int, Any]:
    """Count the arrays of a part among zeros that a question makes, and return the count and the answer."""
    made = []
    scatter = scatter_add.function
    monkeypatch.setattr(scatter_add, "function", lambda *args, **kw: made.append(1) or scatter(*args, **kw))
    answer = question()
    monkeypatch.undo()
    return len(made), answer


PICKS: dict[str, Any] = {
    "slices": lambda x, k: x[2 * k : 2 * k + 2],
    "integers": lambda x, k: x[k],
    "rows of positions": lambda x, k: x[[k, k + 1]],
    "repeated positions": lambda x, k: x[[k, k]],
    "index nodes": lambda x, k: x[lg.constant(k)],
}


@pytest.mark.parametrize("pick", PICKS)
def test_many_parts_of_one_vector_cost_one_array(pick: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """O(n + k): the first contribution is an array among zeros, all others are added into it."""
    for k in (10, 100):
        x = lg.parameter(np.arange(1.0, 1001.0))
        L = sum([(PICKS[pick](x, j) ** 2).sum() for j in range(k)], 0.0)
        made, gradient = count_scatters(monkeypatch, lambda L=L, x=x: lg.gradient(L, x))
        assert made == 1
        times = np.zeros(1000)
        for j in range(k):
            np.add.at(times, PICKS[pick](np.arange(1000), j) if pick != "index nodes" else j, 1)
        np.testing.assert_array_equal(gradient, 2 * times * x.value)


def test_hessian_vector_products_through_many_parts_cost_a_few_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = []
    for k in (10, 100):
        x = lg.parameter(np.arange(1.0, 1001.0))
        L = sum([(x[j] ** 3).sum() for j in range(k)], 0.0)
        slope = (lg.adjoint(L, x) * np.arange(1000.0)).sum()
        made, product = count_scatters(monkeypatch, lambda slope=slope, x=x: lg.gradient(slope, x))
        numbers.append(made)
        np.testing.assert_array_equal(product[:k], (6 * x.value * np.arange(1000.0))[:k])
        assert not product[k:].any()
    assert numbers[0] == numbers[1] <= 2


def test_indices_out_of_range_fail_in_the_gradient_too(x: lg.Node) -> None:
    """Indices in a node may change before they are read: without the forward value the transpose finds out itself."""
    for key in ([0, 5], [-3, 0], ([0, 1], [0, 3])):
        with pytest.raises(
            IndexError, match=r"of shape \(2, 3\): index -?\d is out of bounds for axis \d with size \d"
        ):
            x[key]
        late = x[tuple(map(lg.constant, key)) if isinstance(key, tuple) else lg.constant(key)]
        with pytest.raises(IndexError, match="out of bounds"):
            lg.gradient(late.sum(), x)
        with pytest.raises(IndexError, match="out of bounds"):
            lg.gradient(late.sum() + x[0].sum(), x)


# -- choosing and sorting --------------------------------------------------------------------------


def test_choosing_refuses_what_numpy_refuses(x: lg.Node) -> None:
    for wrong in (
        lambda: np.take(x, 9).value,
        lambda: np.take(x, [0.5, 1.0]),
        lambda: np.take(x, 0, axis=2),
        lambda: np.take(x, 0, mode="nowhere"),
        lambda: np.take_along_axis(x, np.zeros(2, int), axis=0),
        lambda: np.take_along_axis(x, np.zeros((2, 3)), axis=0),
        lambda: np.choose([-1, 0], [x[0, :2], x[1, :2]]).value,
        lambda: np.choose([2, 0], [x[0, :2], x[1, :2]]).value,
        lambda: np.choose([0.0, 1.0], [x[0, :2], x[1, :2]]),
        lambda: np.select([x], [x]),
        lambda: np.select([x > 1], [x, x]),
        lambda: np.piecewise(x, [x > 1], [x, x, x]),
        lambda: np.compress([[True]], x),
        lambda: np.compress([True, True, True], x, axis=0).value,
        lambda: np.sort(x, axis=2),
        lambda: np.partition(x, 3),
        lambda: np.lexsort([x, x[0]]),
        lambda: np.searchsorted(x, 1.0),
        lambda: np.put_along_axis(x, np.zeros((1, 3), int), 0.0, axis=0),
    ):
        with pytest.raises((TypeError, ValueError, IndexError)):
            wrong()


def test_sorted_ties_keep_their_order_and_their_derivatives() -> None:
    x = lg.parameter([2.0, 1.0, 2.0, 1.0])
    w = np.array([1.0, 10.0, 100.0, 1000.0])
    np.testing.assert_array_equal(lg.gradient(np.sort(x), x, cotangent=w), [100.0, 1.0, 1000.0, 10.0])
    np.testing.assert_array_equal(lg.gradient(np.sort(x)[-1], x), [0.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(lg.gradient(np.max(x), x), [0.5, 0.0, 0.5, 0.0])


def test_a_partition_has_its_element_in_place() -> None:
    array = make_generator().normal(size=(3, 50))
    found = np.partition(lg.parameter(array), 7, axis=1).value
    assert (found[:, 7] == np.sort(array, axis=1)[:, 7]).all()
    assert (found[:, :7] <= found[:, 7:8]).all()
    assert (found[:, 8:] >= found[:, 7:8]).all()


def test_the_order_is_computed_once_for_value_and_gradient() -> None:
    x = lg.parameter([3.0, 1.0, 2.0])
    y = np.sort(x)
    with lg.record() as report:
        assert y.value.tolist() == [1.0, 2.0, 3.0]
        assert lg.gradient(y, x, cotangent=[1.0, 2.0, 3.0]).tolist() == [3.0, 1.0, 2.0]
    assert [n.op.name for n in report.values.computed] == ["argsort", "getitem"]
