"""What a leaf holds: private copies in the native byte order, and values that fit its kind and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.leaf import count_reforms


@pytest.mark.parametrize("make", [lg.parameter, lg.constant])
def test_arrays_of_another_byte_order_become_native(make: Any) -> None:
    array = np.array([1.0, 2.0], ">f8")
    leaf = make(array)
    assert leaf.dtype == np.float64
    assert leaf.dtype.isnative
    assert leaf.value.tolist() == [1.0, 2.0]
    leaf.set(np.array([3.0, 4.0], ">f8"))
    assert leaf.value.dtype.isnative
    assert leaf.value.tolist() == [3.0, 4.0]


def test_values_without_a_dtype_take_the_leafs_where_nothing_is_lost() -> None:
    single = lg.parameter(np.array([1.0, 2.0], np.float32))
    single.set([3, 4.5])
    assert single.dtype == np.float32
    single.set(2)
    assert (single.shape, single.dtype) == ((), np.dtype(np.float32))
    counts = lg.constant([1, 2])
    counts.set([1.5, 2.5])
    assert counts.value.tolist() == [1.5, 2.5], "half of it would be lost in an integer"
    single.set(np.array([1.0, 2.0]))
    assert single.dtype == np.float64, "an array has a dtype of its own"


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (np.ma.masked_array([1.0, 2.0], [True, False]), "filled"),
        (np.array(["a"]), "cast it"),
        (np.array([1, 2]), "cast it"),
        (np.array([True]), "cast it"),
        (np.array([1.0, None], object), "cast it"),
    ],
    ids=["masked", "text", "integers", "booleans", "objects"],
)
def test_what_no_parameter_can_hold(value: Any, hint: str) -> None:
    x = lg.parameter([1.0, 2.0])
    for put in (lg.parameter, x.set):
        with pytest.raises(TypeError, match=hint):
            put(value)
    assert x.value.tolist() == [1.0, 2.0]


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("make", [lg.parameter, lg.constant])
def test_a_matrix_is_refused_as_its_products_mean_something_else(make: Any) -> None:
    with pytest.raises(TypeError, match=r"np\.matrix, whose"):
        make(np.matrix([[1.0, 2.0]]))


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([None]), np.array(["2020"], "M8[Y]")])
def test_a_constant_holds_numbers(value: Any) -> None:
    with pytest.raises(TypeError, match="only bool, int, float and complex"):
        lg.constant(value)


def test_a_leaf_copies_views_and_keeps_no_subclass() -> None:
    class Own(np.ndarray):
        pass

    base = np.arange(6.0).reshape(2, 3)
    leaf = lg.parameter(base.T.view(Own))
    base[:] = 0
    assert type(leaf.value) is np.ndarray
    assert leaf.value.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]


def test_only_more_than_a_value_counts_as_a_change_of_the_leaf() -> None:
    x = lg.parameter([1.0, 2.0])
    y = x * 2.0
    before = count_reforms()
    x.set([3.0, 4.0])
    assert count_reforms() == before
    x.set([3.0])
    assert count_reforms() == before + 1
    x.set(np.array([3.0], np.float32))
    assert count_reforms() == before + 2
    y.inputs[1].set(5.0)
    assert count_reforms() == before + 3
    y.inputs[1].set(6.0)
    assert count_reforms() == before + 3, "it is an ordinary leaf now"


@pytest.mark.parametrize("name", [3, b"x", ("x",)])
def test_a_name_is_a_string(name: Any) -> None:
    with pytest.raises(TypeError, match="must be a string"):
        lg.parameter(1.0, name=name)


@pytest.mark.parametrize(
    "name", ["op", "inputs", "static", "shape", "dtype", "serial", "ndim", "size", "consumers", "is_leaf"]
)
def test_what_a_node_is_cannot_be_assigned(name: str) -> None:
    """It is a TypeError that says what to do instead, and an AttributeError as of any read-only attribute."""
    x = lg.parameter([1.0, 2.0], name="x")
    y = x * x
    L = y.sum()
    adjoint, gradient = lg.adjoint(L, x), lg.gradient(L, x).tolist()
    before = repr(getattr(y, name))
    for node in (x, y, adjoint):
        for kind in (TypeError, AttributeError):
            with pytest.raises(kind, match=rf"`\.{name}` of <.*> cannot be assigned, as nodes do not change: [`\w]"):
                setattr(node, name, 3)
    assert (repr(getattr(y, name)), lg.gradient(L, x).tolist()) == (before, gradient)
    y.name = "squares"  # a name may be
