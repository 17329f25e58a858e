"""Structures of arguments, answers and selections of prepared functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.prepared_functions import X, Y, Z, bits


def test_several_arguments() -> None:
    def f(x: Any, data: Any, scale: Any, *, power: float = 1.0) -> Any:
        return np.sum((x * data) ** power) * scale

    data = np.array([1, 2, 3])
    p = prepare(f, X + 2, data, 2.0, wrt=(2, 0), power=3.0)
    by_scale, by_x = p.gradient(Y + 2, data * 2, 5.0)
    expected = lg.grad(lambda s, x: f(x, data * 2, s, power=3.0), (0, 1))(5.0, Y + 2)
    assert bits([by_scale, by_x]) == bits(list(expected))
    assert bits(p.gradient(select=1)) == bits(by_x)
    assert bits(p.gradient(select="x")) == bits(by_x)
    assert bits(p.jvp(tangents=(1.0, np.zeros(3)))[1]) == bits(by_scale)
    assert p.statistics.schedules == 1


def test_selection() -> None:
    w = {"layers": [{"W": X, "b": 1.0}, {"W": Y, "b": 2.0}], "scale": 3.0}

    def f(w: Any) -> Any:
        return sum(np.sum(layer["W"] ** 2) * layer["b"] for layer in w["layers"]) * w["scale"]

    p = prepare(f, w)
    whole = p.gradient()
    for select, expected in [
        ("scale", whole["scale"]),
        ("layers", whole["layers"]),
        (1, whole["scale"]),
        (-2, whole["layers"]),
        ("['layers'][1]['W']", whole["layers"][1]["W"]),
        ("w['layers'][1]['W']", whole["layers"][1]["W"]),
        (["scale", "['layers'][0]['b']"], [whole["scale"], whole["layers"][0]["b"]]),
        ({"one": "scale", "two": ("scale", 0)}, {"one": whole["scale"], "two": (whole["scale"], whole["layers"])}),
        ([], []),
    ]:
        found = prepare(f, w).gradient(select=select)
        assert bits(found) == bits(expected)
        assert lg._graph.trees.structure_key(found) == lg._graph.trees.structure_key(expected)
    with pytest.raises(KeyError) as caught:
        p.gradient(select="W")
    assert caught.value.args[0] == (
        "2 gradients are named 'W': choose by a place, such as \"['layers'][0]['W']\", or by a list of them"
    )
    with pytest.raises(KeyError) as caught:
        p.gradient(select="V")
    assert caught.value.args[0].startswith("no gradient is named 'V'; f has those by [\"w['layers'][0]['W']\", ")
    with pytest.raises(IndexError, match=r"select=2 is out of range: there are 2 gradients"):
        p.gradient(select=2)
    with pytest.raises(TypeError, match="positions, names or nodes"):
        p.gradient(select=1.5)
    with pytest.raises(TypeError, match="positions, names or nodes"):
        p.gradient(select=True)
    with pytest.raises(TypeError, match="prepared as a function: select by position or name"):
        p.gradient(select=lg.parameter(1.0))


def test_keys_in_another_order_and_what_is_no_number() -> None:
    w = {"a": X, "note": "text", "b": Y, "nothing": None}
    p = prepare(lambda w: np.sum(w["a"] * w["b"] ** 2), w)
    other = {"b": Z, "nothing": None, "a": Y, "note": "text"}
    found = p.gradient(other)
    assert list(found) == ["a", "note", "b", "nothing"]
    np.testing.assert_array_equal(found["b"], 2 * Y * Z)
    assert p.statistics.schedules == 1
    tangents = {"b": np.zeros(3), "a": np.ones(3), "note": None, "nothing": None}
    np.testing.assert_allclose(p.jvp(tangents=tangents)[1], np.sum(Z**2))


def test_outputs_in_a_structure() -> None:
    p = prepare(lambda x: {"y": [np.sin(x), x[0] * 2], "n": np.float64(3.0)}, X)
    assert lg._graph.trees.list_places(p.value(X)) == ["['y'][0]", "['y'][1]", "['n']"]
    pulled = p.vjp(X, cotangent={"n": 1.0, "y": [np.array([1.0, 0.0, 2.0]), 1.0]})
    np.testing.assert_allclose(pulled, np.cos(X) * [1, 0, 2] + [2, 0, 0])
    _, tangent = p.jvp(X, tangents=Y)
    np.testing.assert_allclose(tangent["y"][0], np.cos(X) * Y)
    assert tangent["n"] == 0
    jacobian = p.jacobian(X)
    np.testing.assert_allclose(jacobian["y"][0], np.diag(np.cos(X)))
    np.testing.assert_array_equal(jacobian["n"], np.zeros(3))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (2, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_shapes_and_dtypes(shape: tuple[int, ...], dtype: Any) -> None:
    x = np.full(shape, 2.0, dtype)
    p = prepare(lambda x: np.sum(np.real(x * x * x)), x)
    real = np.zeros((), dtype).real.dtype
    for answer, expected, kind in [
        (p.value(x), np.sum(x**3).real, real),
        (p.gradient(x), 3 * x**2, dtype),
        (p.hvp(x, vectors=x), 6 * x**2, dtype),
        (p.vjp(x, cotangent=1), 3 * x**2, dtype),
        (p.jvp(x, tangents=x)[1], np.sum(3 * x**3).real, real),
    ]:
        assert (answer.shape, answer.dtype) == (np.shape(expected), kind)
        np.testing.assert_allclose(answer, expected, rtol=1e-5)


def test_outputs_that_do_not_depend_on_the_arguments() -> None:
    for f in (lambda x: 3.0, lambda x: np.float64(3.0), lambda x: lg.constant(3.0), lambda x: np.sum(np.floor(x)) + 1):
        p = prepare(f, X)
        value, gradient = p.value_and_gradient(np.array([0.5, 0.5, 2.5]))
        assert value == 3
        for answer in (gradient, p.hvp(vectors=X), p.vjp(cotangent=2.0), p.jacobian()):
            np.testing.assert_array_equal(answer, np.zeros(3))
        assert p.jvp(tangents=X)[1] == 0


def test_the_argument_itself() -> None:
    p = prepare(lambda x: x, 2.0)
    assert p.value_and_gradient(3.0) == (3.0, 1.0)
    assert p.hvp(3.0, vectors=1.0) == 0
    assert p.jvp(3.0, tangents=5.0) == (3.0, 5.0)


def test_a_function_among_what_is_differentiated_by_is_static() -> None:
    p = prepare(lambda w: np.sum(w["f"](w["x"])), {"f": np.sin, "x": X})
    found = p.gradient({"f": np.exp, "x": Y})
    assert found["f"] is np.sin  # the example's, as no derivative belongs there
    np.testing.assert_allclose(found["x"], np.exp(Y))
    np.testing.assert_allclose(p.gradient({"f": np.sin, "x": Y})["x"], np.cos(Y))


def test_a_place_comes_before_the_name_of_a_leaf() -> None:
    a, b = lg.parameter(X, name="a"), lg.parameter(Y, name="[0]")
    p = prepare(np.sum(a * b * b), wrt=[a, b])
    np.testing.assert_allclose(p.gradient(select="[0]"), Y * Y)
    np.testing.assert_allclose(p.gradient(select="[1]"), 2 * X * Y)
    np.testing.assert_allclose(p.gradient(select="a"), Y * Y)
