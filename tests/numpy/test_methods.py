"""What NumPy's arrays and ufuncs have as methods, on nodes; and how calls are read by NumPy's signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.guards import enter_transform
from lazygrad.numpy._calls import _read_signatures
from lazygrad.numpy._protocols import METHODS, REFUSED_METHODS
from lazygrad.ops._declare import MEANINGS
from lazygrad.ops._op import Op
from tests.helpers.op_checks import is_numpys, same

ARRAY = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.fixture
def x() -> lg.Node:
    return lg.parameter(ARRAY)


# -- methods and attributes ------------------------------------------------------------------------


def test_methods_are_named_and_called_as_numpys(x: lg.Node) -> None:
    calls: list[Callable[[Any], Any]] = [
        lambda a: a.reshape(3, 2),
        lambda a: a.reshape((-1,)),
        lambda a: a.T,
        lambda a: a.transpose(),
        lambda a: a.transpose(1, 0),
        lambda a: a.transpose((1, 0)),
        lambda a: a.swapaxes(0, 1),
        lambda a: a.astype(np.float32),
        lambda a: a.astype("int64"),
        lambda a: a.dot(ARRAY.T),
        *[lambda a, n=n: getattr(a, n)(axis=1, keepdims=True) for n in ("sum", "mean", "max", "min")],
    ]
    for call in calls:
        same(call(x), call(ARRAY))
    assert x.sum().item() == 21.0


INTEGERS = np.array([2, 0, 1])
MORE_METHODS: dict[str, tuple[Any, tuple[Callable[[Any], Any], ...]]] = {
    "all": (ARRAY - 1, (lambda a: a.all(), lambda a: a.all(axis=0))),
    "any": (ARRAY - 1, (lambda a: a.any(), lambda a: a.any(1))),
    "argmax": (ARRAY, (lambda a: a.argmax(), lambda a: a.argmax(axis=1))),
    "argmin": (ARRAY, (lambda a: a.argmin(), lambda a: a.argmin(0))),
    "argpartition": (ARRAY[0], (lambda a: a.argpartition(1),)),
    "argsort": (ARRAY[:, ::-1], (lambda a: a.argsort(), lambda a: a.argsort(axis=0))),
    "choose": (INTEGERS % 2, (lambda a: a.choose([ARRAY[0], ARRAY[1]]),)),
    "clip": (ARRAY, (lambda a: a.clip(2, 5), lambda a: a.clip(2), lambda a: a.clip(max=3.0), lambda a: a.clip(min=3))),
    "compress": (ARRAY, (lambda a: a.compress([True, False, True], axis=1), lambda a: a.compress([0, 1]))),
    "conj": (ARRAY * 1j, (lambda a: a.conj(),)),
    "conjugate": (ARRAY, (lambda a: a.conjugate(),)),
    "copy": (ARRAY, (lambda a: a.copy(), lambda a: a.copy("C"))),
    "cumprod": (ARRAY, (lambda a: a.cumprod(), lambda a: a.cumprod(axis=0))),
    "cumsum": (ARRAY, (lambda a: a.cumsum(), lambda a: a.cumsum(1))),
    "diagonal": (ARRAY, (lambda a: a.diagonal(), lambda a: a.diagonal(offset=1))),
    "flatten": (ARRAY, (lambda a: a.flatten(), lambda a: a.flatten("F"))),
    "prod": (ARRAY, (lambda a: a.prod(), lambda a: a.prod(0, keepdims=True))),
    "ravel": (ARRAY, (lambda a: a.ravel(), lambda a: a.ravel(order="F"))),
    "repeat": (ARRAY, (lambda a: a.repeat(2), lambda a: a.repeat([1, 2], axis=0))),
    "round": (ARRAY / 3, (lambda a: a.round(), lambda a: a.round(1), lambda a: a.round(decimals=2))),
    "searchsorted": (ARRAY[0], (lambda a: a.searchsorted(2.5), lambda a: a.searchsorted([1.0, 2.0], side="right"))),
    "squeeze": (ARRAY[None], (lambda a: a.squeeze(), lambda a: a.squeeze(axis=0))),
    "std": (ARRAY, (lambda a: a.std(), lambda a: a.std(axis=0, ddof=1), lambda a: a.std(1, keepdims=True))),
    "take": (ARRAY, (lambda a: a.take(INTEGERS), lambda a: a.take([1, 0], axis=0))),
    "trace": (ARRAY, (lambda a: a.trace(), lambda a: a.trace(1))),
    "var": (ARRAY, (lambda a: a.var(), lambda a: a.var(0, ddof=1))),
}


@pytest.mark.parametrize("name", MORE_METHODS)
def test_more_methods(name: str) -> None:
    array, calls = MORE_METHODS[name]
    for call in calls:
        node, expected = call(lg.constant(array)), call(array)
        assert (node.shape, node.dtype) == (np.shape(expected), expected.dtype)
        np.testing.assert_allclose(node.value, expected, rtol=1e-15)


def test_every_method_of_an_array_is_there_or_refused() -> None:
    tried = {"astype", "dot", "max", "mean", "min", "nonzero", "reshape", "sum", "swapaxes", "transpose"}
    assert set(METHODS) == set(MORE_METHODS) | tried
    theirs = {name for name in dir(np.ndarray) if not name.startswith("_")}
    assert theirs - {"to_device", "device", "newbyteorder", "ptp"} <= set(dir(lg.Node))


@pytest.mark.parametrize("name", REFUSED_METHODS)
def test_methods_that_are_refused(x: lg.Node, name: str) -> None:
    with pytest.raises(
        TypeError,
        match=rf"\.{name}` is not defined on <parameter.*(nodes do not change|would cut the node off from its graph)",
    ):
        getattr(x, name)(0)


def test_nonzero_depends_on_values(x: lg.Node) -> None:
    with pytest.raises(TypeError, match=r"np\.nonzero"):
        x.nonzero()
    with enter_transform():
        for found, expected in zip(x.nonzero(), ARRAY.nonzero(), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_attributes(x: lg.Node) -> None:
    z = lg.parameter(ARRAY * (1 + 2j))
    for node in (x, z):
        array = node.value
        same(node.T, array.T)
        same(node.mT, array.mT)
        same(node.real, array.real)
        np.testing.assert_array_equal(getattr(node.imag, "value", node.imag), array.imag)
        same(node.flat, array.ravel())
        assert (node.itemsize, node.nbytes) == (array.itemsize, array.nbytes)
    assert x.real is not x  # should x become complex, its real part stays real
    assert not hasattr(x, "strides")


# -- methods of ufuncs -----------------------------------------------------------------------------

POSITIVE = np.array([[1.5, 2.0, 0.5], [3.0, 0.25, 1.0]])
REDUCED = (
    np.add,
    np.multiply,
    np.maximum,
    np.minimum,
    np.logical_and,
    np.logical_or,
    np.logaddexp,
    np.fmax,
    *(np.hypot, np.logaddexp2),
)


def near(node: Any, expected: Any) -> None:
    assert type(node) is lg.Node
    assert (node.shape, node.dtype) == (np.shape(expected), expected.dtype)
    np.testing.assert_allclose(node.value, expected, rtol=1e-6 if node.dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("ufunc", [*REDUCED, np.subtract, np.divide], ids=str)
def test_ufunc_reduce(ufunc: np.ufunc) -> None:
    for array in (POSITIVE, POSITIVE.astype(np.float32), POSITIVE[:, :1]):
        x = lg.parameter(array)
        for kwargs in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}, {"axis": 0, "dtype": None, "out": None}):
            near(ufunc.reduce(x, **kwargs), ufunc.reduce(array, **kwargs))
        if ufunc in REDUCED:
            for several in ((0, 1), None, ()):
                near(ufunc.reduce(x, axis=several), ufunc.reduce(array, axis=several))
        else:
            with pytest.raises(ValueError, match="not reorderable"):
                ufunc.reduce(x, axis=None)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.hypot], ids=str)
def test_ufunc_reduce_of_nothing(ufunc: np.ufunc) -> None:
    near(ufunc.reduce(lg.parameter(np.zeros((0, 2)))), ufunc.reduce(np.zeros((0, 2))))
    with pytest.raises(ValueError, match=r"no identity|zero-size"):
        np.maximum.reduce(lg.parameter(np.zeros((0, 2))))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.subtract, np.logaddexp], ids=str)
def test_ufunc_accumulate(ufunc: np.ufunc) -> None:
    x = lg.parameter(POSITIVE)
    for axis in (0, 1, -1):
        near(ufunc.accumulate(x, axis=axis), ufunc.accumulate(POSITIVE, axis=axis))
        near(ufunc.accumulate(x[:0], axis=axis), ufunc.accumulate(POSITIVE[:0], axis=axis))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.arctan2, np.maximum, np.less], ids=str)
def test_ufunc_outer(ufunc: np.ufunc) -> None:
    x, column = lg.parameter(POSITIVE), POSITIVE[:, :1]
    near(ufunc.outer(x, column), ufunc.outer(POSITIVE, column))
    near(ufunc.outer(column, x), ufunc.outer(column, POSITIVE))
    near(ufunc.outer(x, 2), ufunc.outer(POSITIVE, 2))


def test_gradients_through_ufunc_methods() -> None:
    x = lg.parameter([0.5, 2.0, 3.0])
    np.testing.assert_allclose(lg.gradient(np.subtract.reduce(x), x), [1, -1, -1])
    np.testing.assert_allclose(lg.gradient(np.hypot.reduce(x), x), x.value / np.linalg.norm(x.value))
    np.testing.assert_allclose(lg.gradient(np.maximum.accumulate(x[::-1]).sum(), x), [0, 0, 3])
    np.testing.assert_allclose(lg.gradient(np.multiply.outer(x, x).sum(), x), np.full(3, 11.0))


# -- calls are read by NumPy's signatures ----------------------------------------------------------


def test_arguments_by_position_and_by_keyword_mean_what_they_mean_to_numpy(x: lg.Node) -> None:
    calls: list[Callable[[Any], Any]] = [
        lambda a: np.sum(a, 1, None, None, True),
        lambda a: np.sum(a=a, axis=0),
        lambda a: np.sum(a, out=None, dtype=None),
        lambda a: np.max(a, 0, None, True),
        lambda a: np.mean(a=a, axis=1, where=np._NoValue),  # type: ignore[attr-defined, call-overload]
        lambda a: np.take(indices=[0, 2], a=a, axis=1),
        lambda a: np.transpose(axes=(1, 0), a=a),
        lambda a: np.linalg.norm(ord=None, x=a, axis=1),
        lambda a: np.concatenate([a, a], 0, None, casting="same_kind"),
        lambda a: np.einsum("ij->j", a, optimize=False),
        lambda a: np.dot(a, ARRAY.T, None),
        lambda a: np.add(a, 1.0, None, casting="same_kind", order="K"),
    ]
    for call in calls:
        near(call(x), call(ARRAY))


def test_every_meaning_takes_its_arguments_by_numpys_names() -> None:
    """Or has others in the same places, which calls are translated to."""
    wrong = {}
    for function, meaning in MEANINGS.items():
        if isinstance(function, np.ufunc) or isinstance(meaning, Op) or not is_numpys(function):
            continue
        reading = _read_signatures(function, meaning)
        unknown = reading.known - {*reading.names, *reading.defaults, *reading.renamed.values(), "newshape"}
        if unknown and reading.names:
            wrong[function.__name__] = unknown
    assert wrong == {}
