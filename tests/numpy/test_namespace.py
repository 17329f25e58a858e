"""`lazygrad.numpy`: NumPy's names; makers of arrays that take nodes, and are NumPy's on plain arrays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import lazygrad as lg
import lazygrad.numpy as np
from lazygrad._graph.guards import enter_transform
from lazygrad.numpy import _creation
from lazygrad.ops._declare import MEANINGS
from lazygrad.ops._op import Op
from tests.helpers.op_checks import is_numpys, same

ARRAY = numpy.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.fixture
def x() -> lg.Node:
    return lg.parameter(ARRAY)


# -- the names -------------------------------------------------------------------------------------


def is_same_function(ours: Any, theirs: Any) -> bool:
    """Return whether the two are one, where ours may take lists of nodes as well."""
    if isinstance(theirs, (numpy.ufunc, type(numpy.sum))):
        ours = getattr(ours, "__wrapped__", None)
    return ours is theirs


def test_every_name_of_numpy_is_there() -> None:
    replaced = {*_creation.__all__, "r_", "c_"}
    for name in numpy.__all__:
        ours, theirs = getattr(np, name), getattr(numpy, name)
        if name in ("fft", "linalg", "random"):
            for inner in theirs.__all__:
                assert is_same_function(getattr(ours, inner), getattr(theirs, inner))
        else:
            assert is_same_function(ours, theirs) is (name not in replaced or name == "nan"), name
    assert set(numpy.__all__) <= set(dir(np))
    assert set(np.__all__) == set(numpy.__all__)
    assert np.typing is numpy.typing
    with pytest.raises(AttributeError):
        np.no_such_name  # noqa: B018


def test_the_submodules_can_be_imported() -> None:
    code = "import lazygrad.numpy.linalg as a; from lazygrad.numpy.fft import rfft; from lazygrad.numpy import *; "
    code += "import lazygrad.numpy.random as r; print(a.norm([3.0, 4.0]), array([1, 2]).sum(), r.default_rng(0) and pi)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["5.0", "3", str(numpy.pi)]


def test_the_table_of_what_is_supported_is_the_registry() -> None:
    table = np.supported()
    found = set()
    for name, kind in table.items():
        f: Any = numpy
        for part in name.split("."):
            f = getattr(f, part)
        found.add(f)
        assert kind == ("op" if isinstance(MEANINGS[f], Op) else "function")
    assert {f for f in MEANINGS if is_numpys(f)} <= found
    assert {"abs", "absolute", "linalg.norm", "fft.fft", "sum"} <= set(table)
    assert not {"save", "array", "isnat"} & set(table)


# -- on plain arrays as NumPy ----------------------------------------------------------------------


class Buffer(numpy.ndarray):
    pass


def squares() -> Any:
    return (float(k * k) for k in range(5))


PLAIN: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "arange": (
        lambda np: np.arange(4),
        lambda np: np.arange(1, 9.5, 2),
        lambda np: np.arange(stop=3, dtype=numpy.float32),
        lambda np: np.arange(2, 5, step=2),
    ),
    "array": (
        lambda np: np.array([[1, 2], [3, 4]]),
        lambda np: np.array(2.5),
        lambda np: np.array([1, 2.5], dtype=numpy.float32, ndmin=3),
        lambda np: np.array(ARRAY, copy=True, order="F", subok=True),
        lambda np: np.array(["a", None], object),
        lambda np: np.array([]),
        lambda np: np.array(ARRAY.view(Buffer), subok=True),
        lambda np: np.array((ARRAY, ARRAY)),
    ),
    "asanyarray": (lambda np: np.asanyarray(ARRAY.view(Buffer)), lambda np: np.asanyarray([1, 2], float)),
    "asarray": (
        lambda np: np.asarray(ARRAY),
        lambda np: np.asarray([1, 2], numpy.int8),
        lambda np: np.asarray(ARRAY, order="F"),
        lambda np: np.asarray(ARRAY.view(Buffer)),
        lambda np: np.asarray([1], copy=True),
    ),
    "ascontiguousarray": (lambda np: np.ascontiguousarray(ARRAY.T), lambda np: np.ascontiguousarray(3.0, numpy.int8)),
    "asfortranarray": (lambda np: np.asfortranarray(ARRAY), lambda np: np.asfortranarray([[1, 2]], float)),
    "fromiter": (
        lambda np: np.fromiter(squares(), float),
        lambda np: np.fromiter(squares(), int, count=3),
        lambda np: np.fromiter([], float),
    ),
    "full": (
        lambda np: np.full((2, 3), 7),
        lambda np: np.full(3, [1.0, 2.0, 3.0], dtype=numpy.float32, order="F"),
        lambda np: np.full((), 1j),
    ),
    "full_like": (
        lambda np: np.full_like(ARRAY, 2),
        lambda np: np.full_like([1, 2], 2.7),
        lambda np: np.full_like(ARRAY, 1j, dtype=complex, shape=(2,)),
        lambda np: np.full_like(ARRAY.view(Buffer), 1, float, "F", True),
    ),
    "isscalar": tuple(lambda np, v=v: np.isscalar(v) for v in (1, 1.0, "a", ARRAY, numpy.float64(1), numpy.array(1.0))),
    "vectorize": (
        lambda np: np.vectorize(lambda a, b: a + b)(ARRAY, 2),
        lambda np: np.vectorize(lambda a, b: (a + b, a * b))([1, 2], [[3], [4]]),
        lambda np: np.vectorize(numpy.sum, signature="(n)->()")(ARRAY),
        lambda np: np.vectorize(lambda a, b=0: a - b, otypes=[float], excluded=["b"])(ARRAY, b=1),
    ),
}


def test_everything_that_is_replaced_is_tried() -> None:
    assert set(PLAIN) == set(_creation.__all__)


def alike(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, tuple):
        for a, b in zip(found, expected, strict=True):
            alike(a, b)
    elif isinstance(expected, numpy.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert (found.flags.c_contiguous, found.flags.f_contiguous) == (
            expected.flags.c_contiguous,
            expected.flags.f_contiguous,
        )
        numpy.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize("name", PLAIN)
def test_on_plain_arrays_as_numpy(name: str) -> None:
    for call in PLAIN[name]:
        alike(call(np), call(numpy))


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "vectorize"])
def test_errors_on_plain_arrays_are_numpys(name: str) -> None:
    for args in ((), ("a", "b", "c", "d", "e", "f", "g"), (object(), "no dtype")):
        try:
            expected = getattr(numpy, name)(*args)
        except Exception as error:
            with pytest.raises((type(error), TypeError)):
                getattr(np, name)(*args)
        else:
            assert type(getattr(np, name)(*args)) is type(expected)


def test_asarray_copies_nothing() -> None:
    assert np.asarray(ARRAY) is ARRAY
    assert np.asanyarray(ARRAY) is ARRAY


# -- of nodes --------------------------------------------------------------------------------------


def test_array_joins_nodes(x: lg.Node) -> None:
    s = x.sum()
    same(np.array([x, 2 * x]), numpy.array([ARRAY, 2 * ARRAY]))
    same(np.array([[s, 1], [2.5, s]]), numpy.array([[21, 1], [2.5, 21]]))
    same(np.array([x[0], [7, 8, 9]]), numpy.array([ARRAY[0], [7, 8, 9]]))
    same(np.array([[x[0], ARRAY[1]], ARRAY]), numpy.array([ARRAY, ARRAY]))
    same(np.array([(s,), [s]]), numpy.array([[21.0], [21.0]]))
    same(np.array([s, s], dtype=numpy.float32), numpy.array([21, 21], numpy.float32))
    same(np.array([s, s * 1j]), numpy.array([21, 21j]))
    same(np.array([s], ndmin=3), numpy.array([21.0], ndmin=3))
    same(np.array(s, ndmin=1), numpy.array([21.0]))
    same(np.array([x[:0], x[:0]]), numpy.zeros((2, 0, 3)))
    assert np.array(x) is x
    gradient = lg.gradient((np.array([[s, 1], [x[0, 0], 3 * s]]) * [[1.0, 2.0], [10.0, 100.0]]).sum(), x)
    numpy.testing.assert_array_equal(gradient, numpy.full((2, 3), 301.0) + 10 * numpy.eye(2, 3) * [[1], [0]])


@pytest.mark.parametrize("single", [numpy.float32(2), 2, 2.0, True, numpy.int8(1)], ids=repr)
def test_array_promotes_as_numpy(single: Any) -> None:
    for dtype in (numpy.float32, numpy.float64, numpy.int32):
        number = numpy.ones((), dtype)[()]
        same(np.array([lg.constant(number), single]), numpy.array([number, single]))


def test_shapes_that_do_not_fit(x: lg.Node) -> None:
    for ragged in ([x, x[0]], [[x.sum()], [1, 2]], [x.sum(), [1.0]]):
        with pytest.raises(ValueError, match="of one shape"):
            np.array(ragged)


def test_the_other_makers_take_nodes(x: lg.Node) -> None:
    s = x.sum()
    for make in (np.asarray, np.asanyarray):
        assert make(x) is x
    for make in (np.ascontiguousarray, np.asfortranarray):  # another node, as a 0-d one gets an axis (C4)
        same(make(x), ARRAY)
        same(make(x, dtype=numpy.float32), ARRAY.astype(numpy.float32))
        same(make([s, 1.0]), numpy.array([21.0, 1.0]))
    same(np.ascontiguousarray(s), numpy.array([21.0]))
    same(np.fromiter((x[k].sum() for k in range(2)), float), numpy.array([6.0, 15.0]))
    same(np.fromiter((s for _ in range(9)), float, 2), numpy.array([21.0, 21.0]))
    same(np.full((2, 2), s), numpy.full((2, 2), 21.0))
    same(np.full((2, 3), x[0], dtype=numpy.float32), numpy.full((2, 3), ARRAY[0], numpy.float32))
    same(np.full(2, [s, 1]), numpy.array([21.0, 1.0]))
    same(np.full_like(ARRAY, s), numpy.full((2, 3), 21.0))
    same(np.full_like(x, s, dtype=numpy.float32, shape=2), numpy.full(2, 21, numpy.float32))
    same(np.full_like([1, 2], s), numpy.array([21, 21]))
    assert np.isscalar(s)
    assert not np.isscalar(x)


def test_arange_of_nodes_depends_on_values(x: lg.Node) -> None:
    a = x[0, 0]
    with pytest.raises(TypeError, match=r"np\.arange.*\.item\(\)"):
        np.arange(a, 5)
    with enter_transform():
        y = np.arange(a, 6.0, a * 2)
        same(y, numpy.arange(1.0, 6.0, 2.0))
        same(np.arange(x[1, 0]), numpy.arange(4.0))
        same(np.arange(a, stop=3), numpy.arange(1.0, 3.0))
        same(np.arange(4, step=a + 1), numpy.arange(0, 4, 2.0))
        same(np.arange(lg.constant(3)), numpy.arange(3))
        numpy.testing.assert_array_equal(lg.gradient(y.sum(), x), [[9.0, 0, 0], [0, 0, 0]])


def test_vectorize(x: lg.Node) -> None:
    def branches(a: Any, b: Any) -> Any:
        return a * b if b > 1 else a - b

    bound = numpy.array([[1.0], [2.0]])
    same(np.vectorize(branches)(x, bound), numpy.vectorize(branches)(ARRAY, bound))
    first, second = np.vectorize(lambda a, k=1: (a, k * a), excluded=["k"])(x, k=3)
    same(first, ARRAY)
    same(second, 3 * ARRAY)
    same(np.vectorize(lambda a, p: a + p, excluded={1})(x, 0.5), ARRAY + 0.5)
    same(np.vectorize(lambda a: a * a)(x.sum()), numpy.array(441.0))
    with pytest.raises(TypeError, match=r"np\.vectorize with a signature"):
        np.vectorize(numpy.sum, signature="(n)->()")(x)
    with pytest.raises(ValueError, match="size 0"):
        np.vectorize(branches)(x[:0], 1.0)
    numpy.testing.assert_array_equal(
        lg.gradient(np.vectorize(branches)(x, bound).sum(), x), numpy.broadcast_to(bound, (2, 3))
    )


def test_ranges_between_nodes(x: lg.Node) -> None:
    a, b = x[0, 0], x[1, 2]
    same(np.linspace(a, b, 6), numpy.linspace(1, 6, 6))
    same(np.linspace(a, b, 3, dtype=int), numpy.linspace(1, 6, 3, dtype=int))
    y, step = np.linspace(a, b, 6, retstep=True)
    same(step, numpy.float64(1.0))
    numpy.testing.assert_array_equal(lg.gradient(step, x), [[-0.2, 0, 0], [0, 0, 0.2]])
    numpy.testing.assert_allclose(lg.gradient(y.sum(), x), [[3, 0, 0], [0, 0, 3]])
    for refused in (lambda: np.linspace(a, b, -1), lambda: np.logspace(a, b, -1), lambda: np.geomspace(a, b, -1)):
        with pytest.raises(ValueError, match="non-negative"):
            refused()


def test_vectorize_hands_excluded_arguments_over_whole(x: lg.Node) -> None:
    weigh = np.vectorize(lambda a, p: a * len(p), excluded={1})
    same(weigh(x, [1, 2, 3]), 3 * ARRAY)
