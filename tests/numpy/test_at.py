"""Functional updates: x.at[key].set and its kin against a loop over the places, one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import CHECKS, Case, Point, check_point, make_generator, same

CHANGES: dict[str, Any] = {
    "set": lambda old, new: new,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "min": np.minimum,
    "max": np.maximum,
}
REPEATED = [0, 1, 0, 0]
KEYS: dict[str, Any] = {
    "row": 1,
    "slice": (slice(None), slice(0, 3, 2)),
    "all": ...,
    "new axis": (None, 0),
    "distinct": [1, 0],
    "repeated": REPEATED,
    "pairs": ([0, 1, 0, 0], [2, 0, 2, 1]),
    "mask": np.array([[True, False, True], [False, True, False]]),
    "nothing": [],
}


def changed(name: str, x: Any, key: Any, y: Any) -> Any:
    """Return the update, place by place."""
    out = np.array(x, order="C")
    places = np.arange(out.size).reshape(out.shape)[key]
    flat = out.reshape(-1)
    for place, new in zip(places.reshape(-1), np.broadcast_to(y, places.shape).reshape(-1), strict=True):
        flat[place] = CHANGES[name](flat[place], new)
    return out


def apart(rng: np.random.Generator, shape: Any, first: float) -> Any:
    return 0.1 * rng.permutation(np.prod(shape, dtype=int)).reshape(shape) + first


def case(name: str, key: Any, shape: Any) -> Case:
    rng = make_generator()
    inputs = [apart(rng, (2, 3), 0.52), apart(rng, shape, 0.57)]
    return Case(
        lambda x, y: getattr(x.at[key], name)(y) if isinstance(x, lg.Node) else changed(name, x, key, y),
        lambda x, y: changed(name, x, key, y),
        inputs,
    )


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", CHANGES)
def test_updates(name: str, key: str, check: str) -> None:
    part = np.empty((2, 3))[KEYS[key]]
    CHECKS[check](case(name, KEYS[key], part.shape))


@pytest.mark.parametrize("check", ["value", "vjp"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (4, 1)])
@pytest.mark.parametrize("name", ["set", "add", "multiply"])
def test_what_is_put_broadcasts(name: str, shape: tuple[int, ...], check: str) -> None:
    CHECKS[check](case(name, REPEATED, shape))


@pytest.mark.parametrize("name", CHANGES)
def test_a_mask_that_is_a_node_is_not_evaluated(name: str) -> None:
    """One value, or one row of them, for all places of the mask: the graph follows later changes."""
    array = np.array([[1.0, 5.0], [4.0, 2.0]])
    x, y, row = lg.parameter(array), lg.parameter(2.0), lg.parameter([2.0, 3.0])
    with lg.record() as report:
        z = getattr(x.at[x > 3], name)(y)
        by_row = getattr(x.at[x[:, 0] > 3], name)(row)
    assert report.values.computed == ()
    same(z, changed(name, array, array > 3, 2.0))
    same(by_row, changed(name, array, array[:, 0] > 3, row.value))
    x.set(array.T)
    same(z, changed(name, array.T, array.T > 3, 2.0))


def test_a_mask_that_is_a_node_with_several_values_is_evaluated_inside_a_transform_alone() -> None:
    def f(x: Any) -> Any:
        return (x.at[x > 1.5].multiply([10.0, 100.0]) * x).sum()

    np.testing.assert_array_equal(lg.grad(f)(np.array([1.0, 2.0, 3.0])), [2.0, 40.0, 600.0])
    with pytest.raises(TypeError, match=r"\.value"):
        f(lg.parameter([1.0, 2.0, 3.0]))


def test_get_and_the_short_name_of_multiply() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    same(x.at[1:].get(), [2.0, 3.0])
    same(x.at[1:].mul(2), [1.0, 4.0, 6.0])
    check_point(lambda x, y: x.at[[0, 0]].set(y), Point(([5, 6], [1, 2]), ([0, 1], [0, 1])))


def test_nodes_as_indices() -> None:
    x, i = lg.parameter([1.0, 2.0, 3.0]), lg.constant(1, name="i")
    several = lg.constant([0, 0, 1])
    set_, added, doubled = x.at[i].set(9.0), x.at[several].add(1.0), x.at[i].multiply(2.0)
    same(set_, [1.0, 9.0, 3.0])
    same(added, [3.0, 3.0, 3.0])
    same(doubled, [1.0, 4.0, 3.0])
    i.set(2)
    several.set([2, 2, 2])
    same(set_, [1.0, 2.0, 9.0])
    same(added, [1.0, 2.0, 6.0])
    same(doubled, [1.0, 2.0, 6.0])
    with pytest.raises(TypeError, match=r"multiply depends on the values"):
        x.at[several].multiply(2.0)
    twice = lg.grad(lambda y: x.at[lg.constant([0, 0])].multiply(y).sum())(np.array([3.0, 5.0]))
    np.testing.assert_array_equal(twice.value, [5.0, 3.0])
    with pytest.raises(lg.NotDifferentiableError, match="i"):
        lg.gradient(set_.sum(), i)


@pytest.mark.parametrize("name", ["set", "add", "multiply"])
@pytest.mark.parametrize("key", [[1, 1], (slice(None), slice(None), [2, 2]), (..., [2, 0, 2])])
def test_positions_in_an_array_without_elements(name: str, key: Any) -> None:
    x = lg.parameter(np.zeros((2, 0, 3)))
    changed = getattr(x.at[key], name)(2.0)
    assert changed.value.shape == x.shape
    assert lg.gradient(changed.sum() + x[key].sum(), x).shape == x.shape


def test_the_dtype_of_the_node_is_kept_or_the_update_refused() -> None:
    x = lg.parameter(np.zeros(3, np.float32))
    assert x.at[0].set(1).dtype == np.float32
    assert x.at[0].add(np.ones(())).value.dtype == np.float32
    assert x.at[[0, 0]].multiply(np.ones(2)).value.dtype == np.float32
    counts = lg.constant([1, 2, 3])
    same(counts.at[0].set(7), [7, 2, 3])
    for wrong in (lambda: counts.at[0].set(0.5), lambda: counts.at[0].divide(2), lambda: x.at[0].add(1j)):
        with pytest.raises(TypeError, match="does not fit into"):
            wrong()


def test_wrong_updates() -> None:
    x = lg.parameter(np.zeros((2, 3)))
    with pytest.raises(IndexError, match="out of bounds"):
        x.at[2].set(0.0)
    with pytest.raises(lg.ShapeError, match=r"put\(.*\(4,\)"):
        x.at[0].set(np.zeros(4))
    with pytest.raises(IndexError, match="boolean"):
        x.at[True].set(0.0)
    with pytest.raises(IndexError, match=r"leaf#.* of shape \(2, 3\): index 5 is out of bounds for axis 0"):
        x.at[[0, 5]].add(1.0)  # on the line that builds it
    late = x.at[lg.constant([0, 5])].add(1.0)  # whose values may change before it is computed
    with pytest.raises(IndexError, match="out of bounds"):
        late.value  # noqa: B018
    with pytest.raises(TypeError, match="assignment"):
        x[0] = 1.0  # type: ignore[index]


def test_updates_leave_the_node_as_it_was() -> None:
    x = lg.parameter([1.0, 2.0])
    y = x.at[0].set(5.0).at[1].add(x[0])
    same(y, [5.0, 3.0])
    assert x.value.tolist() == [1.0, 2.0]
    assert lg.gradient(y.sum(), x).tolist() == [1.0, 1.0]


def test_a_mask_takes_no_values_of_another_shape():
    x = lg.parameter(np.ones((2, 1)))
    mask = lg.constant([True, False])
    assert x.at[mask].set(np.array([5.0])).value.tolist() == [[5.0], [1.0]]
    with pytest.raises(TypeError, match="by a mask depends on the values"):
        x.at[mask].set(np.arange(3.0))  # would make it wider


def test_places_named_again_change_in_the_order_of_their_names():
    rng = np.random.default_rng(0)
    start, places, factors = rng.normal(size=3), np.array([0, 0, 1, 0, 2, 1] * 5), rng.normal(size=30)
    expected, backwards = start.copy(), start.copy()
    np.multiply.at(expected, places, factors)
    np.multiply.at(backwards, places[::-1], factors[::-1])
    assert (expected != backwards).any()  # rounding tells the orders apart
    np.testing.assert_array_equal(lg.parameter(start).at[places].multiply(factors).value, expected)
