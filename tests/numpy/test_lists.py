"""Lists of nodes in the functions of `lazygrad.numpy`, which NumPy's own refuse; `r_` and `c_`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import lazygrad as lg
import lazygrad.numpy as np
from tests.helpers.op_checks import close, same

# (x and y are numbers, v is a vector: arrays or nodes, and `np` is NumPy or ours)
CALLS: dict[str, Callable[..., Any]] = {
    "mean": lambda np, x, y, v: np.mean([x, y]),
    "mean by keyword": lambda np, x, y, v: np.mean(a=(x, y)),
    "sum of rows": lambda np, x, y, v: np.sum([[x, y], [1.0, x]], axis=0),
    "std": lambda np, x, y, v: np.std([x, y, 1.0]),
    "median": lambda np, x, y, v: np.median([x, 1.0, y]),
    "average": lambda np, x, y, v: np.average([x, y], weights=[y, x]),
    "average of a node": lambda np, x, y, v: np.average(v, weights=[y, x]),
    "cumsum": lambda np, x, y, v: np.cumsum([x, y, x]),
    "sort": lambda np, x, y, v: np.sort([y, x]),
    "clip": lambda np, x, y, v: np.clip([x, y], 0.0, 2.5),
    "where": lambda np, x, y, v: np.where([True, False], [x, y], 0.0),
    "where of a node": lambda np, x, y, v: np.where(v > 1, [x, y], 0.0),
    "dot": lambda np, x, y, v: np.dot([x, 1.0], [y, y]),
    "interp": lambda np, x, y, v: np.interp([x, y], [0.0, 5.0], [0.0, 1.0]),
    "stack": lambda np, x, y, v: np.stack([x, y]),
    "concatenate": lambda np, x, y, v: np.concatenate([[x], [y], v]),
    "maximum": lambda np, x, y, v: np.maximum([x, y], 2.5),
    "maximum of a node": lambda np, x, y, v: np.maximum(v, [y, x]),
    "exp": lambda np, x, y, v: np.exp([[x, y], [1.0, 2.0]]),
    "hypot": lambda np, x, y, v: np.hypot([x, y], [y, 1.0]),
    "add.reduce": lambda np, x, y, v: np.add.reduce([x, y]),
    "multiply.outer": lambda np, x, y, v: np.multiply.outer([x, 2.0], v),
    "linalg.norm": lambda np, x, y, v: np.linalg.norm([x, y]),
    "linalg.solve": lambda np, x, y, v: np.linalg.solve([[x, 1.0], [0.0, y]], [1.0, y]),
    "fft.fft": lambda np, x, y, v: np.real(np.fft.fft([x, y])),
    "r_": lambda np, x, y, v: np.r_[x, y, 1.0, v],
    "r_ with slices": lambda np, x, y, v: np.r_[0:3, x, 0.0:1.0:3j],
    "r_ with lists": lambda np, x, y, v: np.r_[[x, 1.0], v],
    "r_ with an axis": lambda np, x, y, v: np.r_["-1", [v, v], [v, v]],
    "r_ with axes": lambda np, x, y, v: np.r_["0,2", v, v, [[x, y]]],
    "r_ with places": lambda np, x, y, v: np.r_["1,2,0", v, v],
    "r_ with more axes": lambda np, x, y, v: np.r_["0,3,1", v, v],
    "r_ with places from behind": lambda np, x, y, v: np.r_["0,3,-2", v, [[x, y]]],
    "c_": lambda np, x, y, v: np.c_[v, v * v],
    "c_ with lists": lambda np, x, y, v: np.c_[[x, y], [1.0, 2.0], v],
    "c_ with numbers": lambda np, x, y, v: np.c_[x, 1.0, y],
}
POINT = (2.0, 3.0, numpy.array([1.5, 4.0]))


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients(name: str) -> None:
    call = CALLS[name]
    x, y, v = leaves = [lg.parameter(a) for a in POINT]
    node = call(np, x, y, v)
    assert isinstance(node, lg.Node)
    expected = call(numpy, *POINT)
    assert (node.shape, node.dtype) == (numpy.shape(expected), expected.dtype)
    close(node.value, expected, rtol=1e-15)
    w = numpy.cos(numpy.arange(float(node.size))).reshape(node.shape)
    for k, gradient in enumerate(lg.gradient(node, leaves, cotangent=w, unconnected="zero")):
        for place in numpy.ndindex(numpy.shape(POINT[k])):
            ends = []
            for step in (1e-6, -1e-6):
                moved: list[Any] = [numpy.array(a) for a in POINT]
                moved[k][place] += step
                ends.append((w * call(numpy, *moved)).sum())
            close(gradient[place], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", CALLS)
def test_on_numbers_it_is_numpys(name: str) -> None:
    found, expected = CALLS[name](np, *POINT), CALLS[name](numpy, *POINT)
    assert type(found) is type(expected)
    numpy.testing.assert_array_equal(found, expected)


def test_numpys_own_refuses_and_names_ours() -> None:
    x = lg.parameter(1.0)
    for call, name in (
        (lambda: numpy.mean([x, x]), "mean"),
        (lambda: numpy.linalg.norm([x, x]), "linalg.norm"),  # type: ignore[arg-type]
        (lambda: numpy.median([x, x]), "median"),
    ):
        with pytest.raises(TypeError, match=rf"np\.{name} .*`lazygrad\.numpy\.{name}` takes lists of nodes; "):
            call()


def test_what_catches_errors_is_told_by_values() -> None:
    """NumPy's `array_equal` catches our refusal, and would call equal lists of nodes unequal."""
    x, y = lg.parameter(1.0), lg.parameter(2.0)
    assert np.array_equal([x, y], [1.0, 2.0]).item() is True
    assert np.array_equiv([x, y], [1.0, 3.0]).item() is False
    assert isinstance(np.array_equal([1.0], [1.0]), bool)


def test_errors_of_lists_are_those_of_the_function() -> None:
    x = lg.parameter(1.0)
    with pytest.raises(TypeError, match="nowhere"):
        np.sum([x, x], nowhere=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="cut it off"):
        np.mean([x, [x, x]])
    with pytest.raises(lg.ShapeError):
        np.add([x, x], [x, x, x])


def test_r_of_nodes_takes_directives_first_and_makes_no_matrix() -> None:
    x = lg.parameter([1.0])
    with pytest.raises(ValueError, match="first"):
        np.r_[x, "0"]
    for directive in ("r", "0,1,2,3"):
        with pytest.raises(ValueError, match="is no directive"):
            np.r_[directive, x]
    assert np.r_[lg.parameter(numpy.ones(1, numpy.float32)), 2].dtype == numpy.float32
    assert len(np.r_) == len(np.c_) == 0


def test_r_follows_another_shape() -> None:
    x = lg.parameter([1.0, 2.0])
    node = np.r_[x, 0.0, np.c_[x, x][:, 0]]
    same(node, [1.0, 2.0, 0.0, 1.0, 2.0])
    x.set([3.0, 4.0, 5.0])
    same(node, [3.0, 4.0, 5.0, 0.0, 3.0, 4.0, 5.0])


def test_the_function_is_numpys_in_all_else() -> None:
    tanh: Any = np.tanh
    assert tanh == numpy.tanh
    assert {numpy.tanh: 1}[tanh] == 1
    assert tanh != numpy.tan
    assert isinstance(np.add, numpy.ufunc)
    assert (np.add.nin, np.add.nout, np.add.__name__, repr(np.add)) == (2, 1, "add", "<ufunc 'add'>")
    for f in (np.tanh, np.sum, np.linalg.norm, np.fft.rfft):
        assert pickle.loads(pickle.dumps(f)) is f
        assert copy.deepcopy(f) is f
    with pytest.raises(AttributeError):
        np.sum.nonesuch  # noqa: B018
