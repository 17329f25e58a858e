"""Joining, repeating and cutting beyond the table of cases: cost, other shapes after `set`, and what is refused."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import lazygrad as lg
from lazygrad import ops
from lazygrad.ops import linear
from tests.helpers.op_checks import same

# -- joining costs as much for each input as for the one before -------------------------------------


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that takes down how many inputs are looked at whenever a rule asks where they start."""
    looks: list[int] = []
    original = linear._measure_starts

    def counting(node: lg.Node) -> list[int]:
        looks.append(len(node.inputs))
        return original(node)

    monkeypatch.setattr(linear, "_measure_starts", counting)
    return looks


@pytest.mark.parametrize("count", [2, 64])
def test_all_gradients_of_a_concatenation_look_once_at_its_inputs(measured: list[int], count: int) -> None:
    rng = np.random.default_rng(0)
    leaves = [lg.parameter(rng.normal(size=k % 3 + 1)) for k in range(count)]
    joined = np.concatenate(leaves)
    L = (joined**2).sum()
    with lg.record() as report:
        gradients = lg.gradient(L, leaves)
    assert measured == [count]
    assert report.rules_run == count + 2
    for gradient, leaf in zip(gradients, leaves, strict=True):
        np.testing.assert_array_equal(gradient, 2 * leaf.value)
    lg.gradient(sum((lg.adjoint(L, leaf) ** 2).sum() for leaf in leaves), leaves)
    lg.gradient((joined**3).sum(), leaves)  # another target, with the same edges
    assert measured == [count]


def test_stacking_looks_at_no_other_input(measured: list[int]) -> None:
    """The place of an input in a stack is its number, so the lengths of the others do not matter."""
    leaves = [lg.parameter(float(k)) for k in range(8)]
    with lg.record() as report:
        gradients = lg.gradient((np.stack(leaves) ** 2).sum(), leaves)
    assert gradients == [2.0 * k for k in range(8)]
    assert report.rules_run == 8 + 2
    assert measured == []


def test_a_concatenation_follows_its_inputs_to_other_shapes(measured: list[int]) -> None:
    a, b = lg.parameter([1.0, 2.0]), lg.parameter([3.0])
    joined = np.concatenate([a, b])
    weights = lg.constant([1.0, 10.0, 100.0])
    L = (joined * weights).sum()
    np.testing.assert_array_equal(lg.gradient(L, b), [100.0])
    with pytest.raises(lg.ShapeError, match="broadcast"):  # and everything stays as it was
        a.set([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(lg.gradient(L, a), [1.0, 10.0])
    assert measured == [2]
    lg.update({a: [1.0], b: [2.0, 3.0]})  # the sum of the lengths stays
    np.testing.assert_array_equal(lg.gradient(L, b), [10.0, 100.0])
    lg.update({a: [1.0, 2.0, 3.0], weights: np.arange(5.0)})
    np.testing.assert_array_equal(lg.gradient(L, b), [3.0, 4.0])
    assert measured == [2, 2, 2]


def test_nothing_is_remembered_of_a_concatenation_that_is_gone() -> None:
    gc.collect()
    before = len(linear._starts)
    x = lg.parameter([1.0, 2.0])
    L = np.concatenate([x, x]).sum()
    np.testing.assert_array_equal(lg.gradient(L, x), [2.0, 2.0])
    assert len(linear._starts) > before
    del L
    assert len(linear._starts) == before


# -- other shapes after `set` ------------------------------------------------------------------------

FOLLOWING: dict[str, Callable[[Any], Any]] = {
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "squeeze": lambda x: np.squeeze(np.expand_dims(x, 0)),
    "stack": lambda x: np.stack([x, 2 * x], axis=1),
    "vstack": lambda x: np.vstack([x, x]),
    "column_stack": lambda x: np.column_stack([x, x * x]),
    "append": lambda x: np.append(x, [1.0, 2.0]),
    "ravel": lambda x: np.ravel(np.atleast_3d(x), order="F"),
    "tile": lambda x: np.tile(x, (2, 3)),
    "repeat": lambda x: np.repeat(x, 3),
    "resize": lambda x: np.resize(x, (3, 3)),
    "roll": lambda x: np.roll(x, 1),
    "flip": lambda x: np.flip(x),
    "pad": lambda x: np.pad(x, 1, constant_values=2),
    "pad edge": lambda x: np.pad(x, (2, 1), "edge"),
    "pad reflect": lambda x: np.pad(x, (3, 9), "reflect"),
    "pad odd": lambda x: np.pad(x, 1, "reflect", reflect_type="odd"),
    "pad symmetric odd": lambda x: np.pad(x, (9, 7), "symmetric", reflect_type="odd"),
    "pad maximum": lambda x: np.pad(x, 1, "maximum"),
    "pad mean": lambda x: np.pad(x, 1, "mean", stat_length=2),
    "pad ramp": lambda x: np.pad(x, 2, "linear_ramp"),
    "diag": lambda x: np.diag(x, 1),
    "diagonal": lambda x: np.diagonal(np.expand_dims(x, 1) * x),
    "tril": lambda x: np.tril(np.expand_dims(x, 1) * x),
}


@pytest.mark.parametrize("name", FOLLOWING)
def test_a_leaf_of_another_length(name: str) -> None:
    """After `set` value and gradient are those of a graph built anew."""
    call = FOLLOWING[name]
    long = np.array([1.0, -2.0, 4.0, 0.5, 3.0])
    x, fresh = lg.parameter([1.0, 2.0, 3.0]), lg.parameter(long)
    L = (call(x) ** 2).sum()
    lg.gradient(L, x)
    x.set(long)
    expected = (call(fresh) ** 2).sum()
    assert L.value == expected.value
    np.testing.assert_array_equal(lg.gradient(L, x), lg.gradient(expected, fresh))


# -- singular points of what follows a border --------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "keywords", "expected"),
    [
        ([0.0, 1.0, 4.0], {"mode": "edge"}, [np.inf, 0.5, 0.25]),
        ([0.0, 1.0, 4.0], {"mode": "linear_ramp"}, [np.inf, 0.5, 0.25]),
        ([2.0, 4.0, 4.0], {"mode": "reflect", "reflect_type": "odd"}, [np.inf, -np.inf, 0.25]),
    ],
)
def test_an_infinite_adjoint_of_a_border_stays_where_it_comes_from(array: Any, keywords: Any, expected: Any) -> None:
    x = lg.parameter(array)
    with np.errstate(divide="ignore"):
        gradient = lg.gradient(np.sqrt(np.pad(x, (1, 0), **keywords)).sum(), x)
    np.testing.assert_array_equal(gradient, expected)


def test_powers_at_zero_have_no_singular_derivative() -> None:
    x = lg.parameter([0.0, -2.0])
    np.testing.assert_array_equal(lg.gradient(np.vander(x, 4).sum(), x), [1.0, 1 - 4 + 12])


# -- as NumPy has them -------------------------------------------------------------------------------


def test_results_in_several_parts_come_as_numpys_do() -> None:
    x = lg.parameter(np.arange(12.0).reshape(2, 6))
    for call in (
        lambda x: np.split(x, 3, axis=1),
        lambda x: np.array_split(x, 4, axis=1),
        lambda x: np.hsplit(x, [1, 3]),
        lambda x: np.unstack(x),
        lambda x: np.broadcast_arrays(x, np.ones((3, 1, 1))),
        lambda x: np.meshgrid(x[0], x[1], sparse=True),
        lambda x: np.atleast_2d(x[0], x),
    ):
        found, expected = call(x), call(x.value)
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            same(f, e)


def test_joining_promotes_as_numpy_does() -> None:
    x = lg.parameter(np.ones(2, np.float32))
    for call in (
        lambda x: np.append(x, 3.0),  # a number on its own is float64
        lambda x: np.concatenate([x, [1, 2]]),
        lambda x: np.concatenate([x, np.ones(1, bool)]),
        lambda x: np.stack([x, np.ones(2, np.float16)]),
        lambda x: np.stack([x[0], 2.0]),
        lambda x: np.hstack([x, 1j]),
        lambda x: np.insert(x, 1, 2.5),
        lambda x: np.vander(x, 3),
        lambda x: np.concatenate([x, x], dtype=np.float64),
    ):
        same(call(x), call(x.value))


def test_a_node_is_a_sequence_of_its_rows() -> None:
    x = lg.parameter(np.arange(12.0).reshape(2, 3, 2))
    for join in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack):
        same(join(x), join(x.value))
        np.testing.assert_array_equal(lg.gradient(join(x).sum(), x), np.ones(x.shape))


def test_plain_arrays_remain_plain() -> None:
    x = lg.parameter([1.0, 2.0])
    for made in (np.zeros_like(x), np.ones_like(x, dtype=int), np.empty_like(x, shape=(3,)), np.full_like(x, 2)):
        assert type(made) is np.ndarray
        made[0] = 5  # a buffer to work in
    assert np.copy(x) is x


# -- refused -----------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "a function as mode": (lambda x: np.pad(x, 1, lambda *_: None), TypeError, "no function as mode"),
    "an unknown mode": (lambda x: np.pad(x, 1, "mirror"), ValueError, "not one of constant"),
    "an option of another mode": (lambda x: np.pad(x, 1, "edge", end_values=1), ValueError, "does not take end_values"),
    "a negative width": (lambda x: np.pad(x, -1), ValueError, "negative"),
    "a broken width": (lambda x: np.pad(x, 0.5), TypeError, "integral"),
    "a border of nothing": (lambda x: np.pad(x[:0], ((1, 0), (0, 0)), "edge"), ValueError, "empty"),
    "an odd reflect_type": (lambda x: np.pad(x, 1, "reflect", reflect_type="none"), ValueError, "even"),
    "no extremum": (lambda x: np.pad(x, 1, "maximum", stat_length=0), ValueError, "stat_length"),
    "shapes that do not fit": (lambda x: np.concatenate([x, x[0]]), lg.ShapeError, r"concatenate\(.*\(2, 3\).*\(3,\)"),
    "0-d arrays": (lambda x: np.concatenate([x[0, 0]]), lg.ShapeError, "0-d"),
    "shapes that do not stack": (lambda x: np.stack([x, x[0]]), lg.ShapeError, r"stack\(.*\(2, 3\).*\(3,\)"),
    "an unsafe cast": (lambda x: np.concatenate([x, x], dtype=int), TypeError, "same_kind"),
    "tuples of blocks": (lambda x: np.block([[x, (x, x)]]), TypeError, "tuples"),
    "blocks of several depths": (lambda x: np.block([[x], x]), ValueError, "depth"),
    "no blocks": (lambda x: np.block([[x], []]), ValueError, "empty"),
    "parts that do not divide": (lambda x: np.split(x, 2, axis=1), ValueError, "same length"),
    "no parts": (lambda x: np.array_split(x, 0), ValueError, "larger than 0"),
    "vsplit of a vector": (lambda x: np.vsplit(x[0], 1), ValueError, "at least 2"),
    "squeeze of a long axis": (lambda x: np.squeeze(x, 0), lg.ShapeError, "length 1"),
    "a shape that does not fit": (lambda x: np.reshape(x, (4, 2), order="F"), lg.ShapeError, "reshape"),
    "an order": (lambda x: np.reshape(x, -1, order="K"), ValueError, "order"),
    "axes twice": (lambda x: np.moveaxis(x, (0, 0), (0, 1)), ValueError, "repeated"),
    "a diagonal of a vector": (lambda x: np.diagonal(x[0]), lg.ShapeError, "at least 2"),
    "a diagonal of one axis": (lambda x: np.diagonal(x, 0, 1, 1), lg.ShapeError, "different"),
    "diag of 3 axes": (lambda x: np.diag(np.stack([x, x])), ValueError, "1 or 2"),
    "vander of a matrix": (lambda x: np.vander(x), ValueError, "1 axis"),
    "as many repeats": (lambda x: np.repeat(x, [1, 2], axis=1), lg.ShapeError, "2 repeats"),
    "negative repeats": (lambda x: np.repeat(x, -1), lg.ShapeError, "negative"),
    "broken repeats": (lambda x: np.repeat(x, 1.5), TypeError, "integers"),
    "shifts without axes": (lambda x: np.roll(x, (1, 2)), lg.ShapeError, "axes"),
    "an axis out of range": (lambda x: np.flip(x, 2), lg.ShapeError, "axis 2"),
    "repeats by a node": (lambda x: np.repeat(x, lg.constant(2)), TypeError, r"np\.repeat.*`lazygrad\.grad`.*`\.item"),
    "a shape by a node": (lambda x: np.reshape(x, lg.constant([3, 2])), TypeError, "`.value`"),
    "trim_zeros": (lambda x: np.trim_zeros(x[0]), TypeError, "np.trim_zeros.*`.value`"),
    "a window that does not fit": (lambda x: sliding_window_view(x, 5, 0), lg.ShapeError, "do not fit into axis 0"),
    "as many windows": (lambda x: sliding_window_view(x, 2), ValueError, "2 axes"),
    "complex into a real": (lambda x: np.full_like(x, lg.constant(1j)), TypeError, r"\.real"),
    **{
        f"{f.__name__} in place": (lambda x, f=f, more=more: f(x, *more), TypeError, rf"np\.{f.__name__}")
        for f, more in {
            np.copyto: (1.0,),
            np.put: ([0], [1.0]),
            np.place: (np.ones((2, 3), bool), [1.0]),
            np.putmask: (np.ones((2, 3), bool), [1.0]),
            np.fill_diagonal: (0.0,),
            np.put_along_axis: (np.zeros((2, 1), int), 1.0, 1),
        }.items()
    },
    **{
        f"text by {f.__name__}": (lambda x, f=f: f(x), TypeError, rf"np\.{f.__name__}.*`.value`")
        for f in (np.array_repr, np.array_str, np.array2string)
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, kind, hint = REFUSED[name]
    with pytest.raises(kind, match=hint):
        call(lg.parameter(np.arange(6.0).reshape(2, 3)))


def test_inside_a_transform_shapes_may_depend_on_values() -> None:
    def f(x: Any) -> Any:
        return np.repeat(x, np.argmax(x)).sum() + np.trim_zeros(x)[0]

    np.testing.assert_array_equal(lg.grad(f)(np.array([0.0, 1.0, 5.0])), [2.0, 3.0, 2.0])


def test_joining_ops_are_called_by_name() -> None:
    x = lg.parameter([1.0, 2.0])
    same(ops.concatenate(x, [3.0]), np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="at least one array"):
        ops.joining.stack_arrays([])
